//! Modbus TCP: numbers of frames, late ones, connections opened anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{
    Channel, ChannelHandle, ChannelSettings, End, Job, JobReport, Lane, RegisterOutcome, RegisterQuestion,
};
use chaobiao::config::Framing;
use chaobiao::domain::modbus::Table;
use chaobiao::link::{Dialler, Place};
use dlt645::exchange::Timing;
use simulator::station::ModbusMeter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{address, energies, meter};

/// What a device does with its next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It gives it.
    Answer,
    /// It gives it so many milliseconds late, and nothing else in the meantime.
    Late(u64),
    /// It gives one with another number first, another unit, another function, another length.
    Others,
    /// It says as a gateway that it has heard nothing.
    Gateway,
    /// It keeps silent.
    Silent,
}

/// Devices behind one address, and what became of them.
#[derive(Clone)]
struct Device {
    meters: Arc<Vec<ModbusMeter>>,
    /// What is done with the next answers to questions for registers; then each is given.
    acts: Arc<Mutex<Vec<Act>>>,
    connections: Arc<AtomicUsize>,
    /// The numbers of all frames that came.
    numbers: Arc<Mutex<Vec<u16>>>,
}

impl Device {
    fn new(acts: &[Act]) -> Self {
        Self {
            meters: Arc::new(vec![meter(1), meter(2)]),
            acts: Arc::new(Mutex::new(acts.iter().rev().copied().collect())),
            connections: Arc::default(),
            numbers: Arc::default(),
        }
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut question = [0; 12];
        while stream.read_exact(&mut question).await.is_ok() {
            self.numbers.lock().unwrap().push(u16::from_be_bytes([question[0], question[1]]));
            let (unit, function) = (question[6], question[7]);
            let Some(meter) = self.meters.iter().find(|meter| meter.unit == unit) else { continue };
            let frame = |number: &[u8], unit: u8, said: &[u8]| {
                let length = u16::try_from(said.len() + 1).unwrap().to_be_bytes();
                [number, &[0, 0], &length, &[unit], said].concat()
            };
            let said = meter.answer(&question[7..]).unwrap();
            let answer = frame(&question[..2], unit, &said);
            let act = if function > 2 { self.acts.lock().unwrap().pop() } else { None };
            let sent = match act.unwrap_or(Act::Answer) {
                Act::Answer => answer,
                Act::Late(millis) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    answer
                }
                Act::Others => [
                    frame(&[question[0] ^ 0x40, question[1]], unit, &said),
                    frame(&question[..2], unit + 1, &said),
                    frame(&question[..2], unit, &[function ^ 7, 2, 9, 9]),
                    frame(&question[..2], unit, &[function, 2, 9, 9]),
                    answer,
                ]
                .concat(),
                Act::Gateway => frame(&question[..2], unit, &[function | 0x80, 0x0B]),
                Act::Silent => continue,
            };
            if stream.write_all(&sent).await.is_err() {
                return;
            }
        }
    }
}

struct Line {
    line: ChannelHandle,
    device: Device,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn timing() -> Timing {
    Timing { wake_up_bytes: 0, first_byte: Duration::from_millis(700), ..Timing::serial(9600) }
}

fn settings() -> ChannelSettings {
    ChannelSettings { framing: Framing::ModbusTcp, ..ChannelSettings::new("L1") }
}

impl Line {
    /// Over memory.
    fn new(acts: &[Act]) -> Self {
        let (tasks, stop, device) = (TaskTracker::new(), CancellationToken::new(), Device::new(acts));
        let (of, serving) = (device.clone(), tasks.clone());
        let open = move || {
            let (near, far) = duplex(1024);
            serving.spawn(of.clone().serve(far));
            Some(near)
        };
        let line =
            Channel::spawn(settings(), Dialler::memory(open, true), Box::new(()), &tasks, stop.clone());
        Self { line, device, tasks, stop }
    }

    fn job(unit: u8, start: u16) -> Job {
        let question = RegisterQuestion::new(address(unit), Table::Holding, start, 2).unwrap();
        Job::new(question, Lane::OnDemand, timing())
    }

    async fn ask(&self, unit: u8, start: u16) -> JobReport {
        self.line.offer(Self::job(unit, start)).unwrap().await
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn value(report: &JobReport) -> Option<u32> {
    let End::Registers(RegisterOutcome::Answered(registers)) = &report.end else { return None };
    Some(registers.words.iter().fold(0, |value, word| value << 16 | u32::from(*word)))
}

#[tokio::test(start_paused = true)]
async fn every_frame_has_a_number_of_its_own() {
    let line = Line::new(&[]);
    for (unit, place) in [(1, 0), (2, 0), (1, 5), (2, 3), (1, 0)] {
        let report = line.ask(unit, 4096 + 2 * place).await;
        assert_eq!(value(&report), Some(energies(unit)[usize::from(place)]), "{report:?}");
    }
    let numbers = line.device.numbers.lock().unwrap().clone();
    // A sign of life of each unit, and five questions.
    assert_eq!(numbers.len(), 7);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
    assert_eq!(line.device.connections.load(Ordering::Relaxed), 1);
    line.close().await;
}

#[tokio::test(start_paused = true)]
async fn f05_over_tcp_a_late_answer_is_left_behind_with_its_connection() {
    for late in [750, 900, 1500, 5000] {
        let line = Line::new(&[Act::Late(late)]);
        let first = line.ask(1, 4096).await;
        assert_eq!(first.end.kind(), "silent", "{late} ms: {first:?}");
        for place in [2, 0, 4] {
            let next = line.ask(1, 4096 + 2 * place).await;
            assert_eq!(value(&next), Some(energies(1)[usize::from(place)]), "{late} ms: {next:?}");
        }
        assert_eq!(line.device.connections.load(Ordering::Relaxed), 2);
        line.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f03_f05_over_tcp_frames_of_other_numbers_units_functions_and_lengths_are_passed_over() {
    let line = Line::new(&[Act::Others, Act::Answer, Act::Others]);
    for place in [1, 2, 3] {
        let report = line.ask(2, 4096 + 2 * place).await;
        assert_eq!(value(&report), Some(energies(2)[usize::from(place)]), "{report:?}");
        assert_eq!(report.is_undisturbed(), place == 2);
    }
    assert_eq!(line.device.connections.load(Ordering::Relaxed), 1);
    line.close().await;
}

#[tokio::test(start_paused = true)]
async fn f11_over_tcp_a_gateway_that_hears_nothing_is_silence() {
    let line = Line::new(&[Act::Gateway, Act::Silent]);
    for _ in 0..2 {
        let report = line.ask(1, 4096).await;
        assert_eq!(report.end.kind(), "silent", "{report:?}");
    }
    let report = line.ask(1, 4096).await;
    assert_eq!(value(&report), Some(energies(1)[0]), "{report:?}");
    line.close().await;
}

/// Two meters behind a port of this machine, until they are stopped.
pub(crate) async fn listening(tasks: &TaskTracker) -> (String, CancellationToken) {
    let (place, stop, _) = listening_device(tasks).await;
    (place, stop)
}

async fn listening_device(tasks: &TaskTracker) -> (String, CancellationToken, Device) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (stop, device) = (CancellationToken::new(), Device::new(&[]));
    let (of, serving, ended) = (device.clone(), tasks.clone(), stop.clone());
    tasks.spawn(async move {
        while let Some(Ok((stream, _))) = ended.run_until_cancelled(listener.accept()).await {
            serving.spawn(of.clone().serve(stream));
        }
    });
    (place, stop, device)
}

/// The same over a real socket.
#[tokio::test]
async fn registers_are_read_over_a_socket() {
    let tasks = TaskTracker::new();
    let (place, stop, device) = listening_device(&tasks).await;
    let place = Place::Tcp(place);
    let dialler = Dialler::to(place, Duration::from_secs(5));
    let line = Channel::spawn(settings(), dialler, Box::new(()), &tasks, stop.clone());
    let line = Line { line, device, tasks, stop };
    for unit in [1, 2] {
        let report = line.ask(unit, 4098).await;
        assert_eq!(value(&report), Some(energies(unit)[1]), "{report:?}");
    }
    line.close().await;
}
