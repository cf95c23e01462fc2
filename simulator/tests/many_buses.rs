//! Many buses at once: what one machine carries. The figures stand in `simulator/src/measured.md`.
//!
//! `cargo test --release -p simulator --test many_buses -- --ignored --nocapture --test-threads 1`

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use std::io::Read;
use std::process::{Child, Command, Stdio};

use dlt645::address::{AddressField, MeterAddress};
use dlt645::control::{Control, Function};
use dlt645::frame::Frame;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;
use simulator::bus::Bus;
use simulator::bus::rate::Rate;
use simulator::bus::settings::{Pace, Settings};
use simulator::serve::{LiveBus, Server};
use simulator::station::PlainMeter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const DELAY: Duration = Duration::from_millis(50);

fn address(number: u64) -> MeterAddress {
    MeterAddress::from_number(number).unwrap()
}

fn bus(settings: Settings, meters: u64) -> Bus<PlainMeter> {
    let meter = |number| PlainMeter { rate: settings.rate, delay: DELAY, ..PlainMeter::new(address(number)) };
    Bus::new(settings, (1..=meters).map(meter))
}

/// Four wake-up bytes and a read of 0001FF00: 20 bytes, 40 come back.
fn read(to: AddressField) -> Vec<u8> {
    let frame =
        Frame { address: to, control: Control::request(Function::READ), data: &[0x00, 0xFF, 0x01, 0x00] };
    [vec![0xFE; 4], frame.to_bytes().unwrap()].concat()
}

fn t0(rate: Rate) -> Duration {
    rate.span(20) + DELAY + rate.span(40)
}

async fn ask(port: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) {
    port.write_all(request).await.unwrap();
    let mut answer = [0; 40];
    timeout(Duration::from_secs(20), port.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!((answer[12], answer[39]), (0x91, 0x16));
}

/// Processor time of this process so far, in ms.
fn processor_ms() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds()
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

/// One number as a percentage of another.
fn percent(part: u128, whole: u128) -> String {
    let tenths = part * 1_000 / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Raises the limit of open files to what is allowed and says how many there may be.
fn open_files(wanted: u64) -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted.max(hard)).is_err() {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    }
    getrlimit(Resource::RLIMIT_NOFILE).unwrap().0
}

/// Measurements run one after another.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Polls `count` paced buses over TCP at the same time, one master each, and prints how near they come to T0.
async fn poll_buses(count: u32, exchanges: u32) {
    let (needed, allowed) = (u64::from(count) * 3 + 100, open_files(u64::from(count) * 3 + 100));
    if allowed < needed {
        println!("{count} buses: left out, {allowed} open files are allowed and {needed} needed");
        return;
    }
    let rate = Rate::default();
    let server = Server::new();
    let mut masters = JoinSet::new();
    let mut ports = Vec::new();
    for _ in 0..count {
        let live = server.run(bus(Settings::default(), 32));
        ports.push(live.listen(ANY_PORT, 1).await.unwrap());
    }
    let (began, processor) = (Instant::now(), processor_ms());
    for (number, port) in (0_u64..).zip(ports) {
        masters.spawn(async move {
            let mut port = TcpStream::connect(port).await.unwrap();
            port.set_nodelay(true).unwrap();
            // Not all in step.
            tokio::time::sleep(Duration::from_millis(number * 325 / u64::from(count))).await;
            let (began, mut off) = (Instant::now(), Vec::new());
            for exchange in 0..exchanges {
                let asked = Instant::now();
                ask(&mut port, &read(address(u64::from(exchange % 32) + 1).field())).await;
                off.push(asked.elapsed().abs_diff(t0(rate)));
            }
            (began.elapsed(), off)
        });
    }
    let (mut on_line, mut off) = (Duration::ZERO, Vec::new());
    while let Some(done) = masters.join_next().await {
        let (elapsed, one) = done.unwrap();
        on_line += elapsed;
        off.extend(one);
    }
    off.sort_unstable();
    let elapsed = began.elapsed();
    println!(
        "{count} buses at {rate}, {exchanges} exchanges each: utilisation {}, off T0 by {:?} (median), {:?} (99 %), \
         processor {} of one core",
        percent((t0(rate) * count * exchanges).as_nanos(), on_line.as_nanos()),
        off[off.len() / 2],
        off[off.len() * 99 / 100],
        percent(u128::try_from(processor_ms() - processor).unwrap(), elapsed.as_millis()),
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "half a minute in real time, on an idle machine"]
async fn many_buses() {
    let _alone = ALONE.lock().await;
    for count in [1, 100, 1_000, 5_000] {
        poll_buses(count, 24).await;
    }
}

/// The other ends are in a process of their own, which has a limit of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs 20,200 open files in two processes"]
async fn many_idle_connections() {
    const BUSES: u64 = 100;
    let _alone = ALONE.lock().await;
    let allowed = open_files(20_200);
    let clients = allowed.saturating_sub(BUSES + 100).min(20_000);
    let server = Server::new();
    let (mut ports, mut buses) = (Vec::new(), Vec::new());
    for _ in 0..BUSES {
        buses.push(server.run(bus(Settings::default(), 1)));
        ports.push(buses.last().unwrap().listen(ANY_PORT, 1_000).await.unwrap().port());
    }
    let (before, began) = (resident(), Instant::now());
    let mut other = tokio::task::block_in_place(|| hold_elsewhere(&ports, clients));
    while buses.iter().map(LiveBus::masters).sum::<usize>() < usize::try_from(clients).unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (connected, bytes) = (began.elapsed(), resident().saturating_sub(before) / clients);
    let mut last = TcpStream::connect((Ipv4Addr::LOCALHOST, ports[0])).await.unwrap();
    let asked = Instant::now();
    ask(&mut last, &read(address(1).field())).await;
    println!(
        "{clients} idle connections on {BUSES} buses ({allowed} open files allowed): {bytes} bytes each, connected in \
         {connected:?}; one more master beside them is answered in {:?}",
        asked.elapsed(),
    );
    drop(other.stdin.take());
    other.wait().unwrap();
    server.stop().await;
}

/// Starts this program again as the holder of so many connections.
fn hold_elsewhere(ports: &[u16], clients: u64) -> Child {
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "holds_connections"])
        .envs([("HOLD_PORTS", ports.join(",")), ("HOLD_CLIENTS", clients.to_string())])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test: the other process of [`many_idle_connections`]. Ends with its input.
#[test]
#[ignore = "started by many_idle_connections"]
fn holds_connections() {
    let (Ok(ports), Ok(clients)) = (std::env::var("HOLD_PORTS"), std::env::var("HOLD_CLIENTS")) else {
        return;
    };
    open_files(20_200);
    let ports = ports.split(',').map(|port| port.parse::<u16>().unwrap()).cycle();
    let connect = |port| std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let held: Vec<_> = ports.take(clients.parse().unwrap()).map(connect).collect();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "loads the machine for some seconds"]
async fn unpaced_buses() {
    const EACH: u32 = 2_000;
    let _alone = ALONE.lock().await;
    for count in [1, 16, 256] {
        let server = Server::new();
        let mut masters = JoinSet::new();
        let began = Instant::now();
        for _ in 0..count {
            let settings = Settings { pace: Pace::Unpaced, ..Settings::default() };
            let port = server.run(bus(settings, 32)).listen(ANY_PORT, 1).await.unwrap();
            masters.spawn(async move {
                let mut port = TcpStream::connect(port).await.unwrap();
                port.set_nodelay(true).unwrap();
                for _ in 0..EACH {
                    ask(&mut port, &read(address(7).field())).await;
                }
            });
        }
        while masters.join_next().await.transpose().unwrap().is_some() {}
        let micros = began.elapsed().as_micros();
        println!(
            "{count} unpaced buses: {} exchanges a second",
            u128::from(count * EACH) * 1_000_000 / micros
        );
        server.stop().await;
    }
}

/// A night of 10,000 meters, simulated: 313 buses of 32 meters, three reads each.
#[tokio::test(start_paused = true)]
#[ignore = "some seconds"]
async fn a_night_in_paused_time() {
    let _alone = ALONE.lock().await;
    let began = processor_ms();
    let simulated = Instant::now();
    let server = Server::new();
    let mut masters = JoinSet::new();
    for _ in 0..313 {
        let mut port = server.run(bus(Settings::default(), 32)).memory();
        masters.spawn(async move {
            for number in 0..96 {
                ask(&mut port, &read(address(number % 32 + 1).field())).await;
            }
        });
    }
    while masters.join_next().await.transpose().unwrap().is_some() {}
    println!(
        "10,016 meters, 3 reads each, on 313 buses at 2400 baud: {:?} simulated in {} ms",
        simulated.elapsed(),
        processor_ms() - began,
    );
    assert!(simulated.elapsed() < t0(Rate::default()) * 96 + Duration::from_millis(1));
    server.stop().await;
}
