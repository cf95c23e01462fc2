//! Lines that a running `serve` has: what asks a meter directly goes through it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaobiao::domain::RunState;
use chaobiao::store::{Address, Migrations, Store};

use crate::crossing::Crossing;
use crate::simulator::Simulator;
use crate::{Bench, METER, Said, at, chaobiao, fake, yesterday};

/// A site that is served, ended with the test.
struct Served<'a> {
    bench: &'a Bench,
    config: String,
    child: Child,
}

impl<'a> Served<'a> {
    /// Serves these meters on the line at this place, and waits until the line is lent.
    fn start(bench: &'a Bench, place: &str, meters: &[String]) -> Self {
        let mut archive = "户号,户名,计量点编号,通信地址,规约,线路\n".to_owned();
        for (number, meter) in meters.iter().enumerate() {
            archive.push_str(&format!("{number},王,P{number},{meter},645-2007,east\n"));
        }
        let archive = bench.file("archive.csv", &archive);
        let kind = if place.starts_with('/') { "serial" } else { "tcp" };
        let config = format!(
            "[database]\npath = \"site.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\nrepair_days = 1\npasses = 0\n\
             [[line]]\nname = \"east\"\n{kind} = \"{place}\"\nbaud = 9600\n"
        );
        let config = bench.file("chaobiao.toml", &config);
        let said = chaobiao(&["meters", "import", &archive, "-c", &config]);
        assert_eq!(said.code, Some(0), "{}", said.talk);
        let log = std::fs::File::create(bench.path("serve.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
            .args(["serve", "-c", &config])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut served = Self { bench, config, child };
        let name = SocketAddr::from_abstract_name(format!("chaobiao/line/{kind}/{place}")).unwrap();
        wait_for("the line to be lent", || {
            assert!(served.child.try_wait().unwrap().is_none(), "{}", served.log());
            UnixStream::connect_addr(&name).is_ok()
        });
        served
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.bench.path("serve.log")).unwrap_or_default()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it as an operator would.
    fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    async fn store(&self) -> Store {
        Store::open(&Address::Sqlite(self.bench.path("site.db")), Migrations::Check).await.unwrap()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another process works: there is no event to wait for.
fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let mut looks = 0;
    while !is_there() {
        looks += 1;
        assert!(looks < 600, "{what}: waited for in vain");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn addresses(count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("20241111{number:04}")).collect()
}

fn world(meters: &[String]) -> String {
    meters.iter().map(|meter| format!("[[meter]]\naddress = \"{meter}\"\nbus = \"a\"\n")).collect()
}

#[tokio::test]
async fn t03_t27_what_is_asked_directly_goes_through_the_service_that_has_the_line_and_into_its_audit_log() {
    let (bench, meters) = (Bench::new(), addresses(12));
    let simulator = bench.world(&world(&meters));
    let line = Crossing::start(simulator.listen(0));
    let mut served = Served::start(&bench, &line.place(), &meters);
    wait_for("the night to begin", || line.seen().requests.len() > 4);
    let before = line.seen();

    // While the night goes on.
    let place = line.place();
    for meter in &meters[..4] {
        let said = at(&place, "read", &["--meter", meter, "00010000", "04000401", "--json"]);
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.talk);
        let answers = said.json();
        assert!(answers.iter().all(|answer| answer["address"] == meter.as_str()), "{}", said.out);
    }
    let one = ["--meter", METER, "--json"];
    let day = yesterday();
    let noon = format!("{day} 12:00");
    for (command, more) in [
        ("time", &[][..]),
        ("freeze", &["--day", day.as_str(), "--all"]),
        ("load-profile", &["--from", noon.as_str(), "--to", noon.as_str()]),
        ("events", &["--kind", "trip"]),
    ] {
        let said = at(&place, command, &[&one[..], more].concat());
        assert_eq!(said.code, Some(0), "{command}: {}{}", said.out, said.talk);
        if command == "time" {
            let clock = said.one();
            let off: f64 = clock["fast_seconds"].as_str().unwrap().parse().unwrap();
            assert!(off.abs() < 3.0, "waiting for a turn is no error of the clock: {clock}");
        }
    }
    let by_name = format!("localhost:{}", line.port());
    let said =
        chaobiao(&["read", "--tcp", &by_name, "--baud", "2400", "--meter", METER, "00010000", "--trace"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!(said.talk.matches("asked through `chaobiao serve`").count(), 1, "{}", said.talk);
    assert_eq!(said.talk.matches("the service has this line at 9600 8E1").count(), 1, "{}", said.talk);
    assert!(said.talk.contains("→ ") && said.talk.contains("← "), "{}", said.talk);
    let after = line.seen();
    assert_eq!(after.masters, before.masters, "nobody but the service has connected");

    // Silence is silence, and told at once.
    let absent = ["--meter", "209912310001", "00010000", "--timeout", "300ms", "--retries", "1", "--json"];
    let said = at(&place, "read", &absent);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.one()["error"].as_str().unwrap().starts_with("no answer in 2 attempts"), "{}", said.out);

    let said = chaobiao(&["doctor", "-c", &served.config]);
    assert!(said.out.contains("a service has it as line east"), "{}{}", said.out, said.talk);

    let store = served.store().await;
    for _ in 0..1200 {
        let runs = store.newest_runs(1).await.unwrap();
        if runs.iter().any(|run| run.state != RunState::Running) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let runs = store.newest_runs(1).await.unwrap();
    assert_eq!(runs[0].state, RunState::Done, "{}", served.log());
    assert_eq!(line.seen().overlaps, 0);

    let entries = store.audit_after(0, 1000).await.unwrap();
    let asked: Vec<_> = entries.iter().filter(|record| record.action == "line.ask").collect();
    assert_eq!(asked.len(), 10, "one for each command: {asked:?}");
    assert!(asked.iter().all(|record| record.object == "line east" && record.result == "done"));
    let detail = r#"{"frames":2,"refused":0,"meters":["202411110001"],"items":["00010000","04000401"]}"#;
    assert_eq!(asked[0].detail, detail);
    store.close().await;
    served.stop();
}

#[test]
fn t03_a_meter_on_a_line_that_is_served_is_not_changed_beside_the_service() {
    let bench = Bench::new();
    let meter = fake::Meter::start(METER, 3600, true);
    let _served = Served::start(&bench, &meter.place(), &[METER.to_owned()]);
    let password = bench.file("password", "123456\n");
    let audit = bench.audit();
    let set = ["--set", "--i-am-the-only-master", "--audit-file", &audit, "--password-file", &password];
    let said = at(&meter.place(), "time", &[&["--meter", METER, "--timeout", "500ms"], &set[..]].concat());
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.talk.contains("nothing was sent: `chaobiao serve` has this line"), "{}", said.talk);
    let freeze = ["--meter", METER, "--now", "--i-am-the-only-master", "--audit-file", &audit];
    let said = at(&meter.place(), "freeze", &freeze);
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.talk.contains("停复电请用控制台"), "{}", said.talk);
    // Nobody is told to say that there is no other master where there is one.
    let said = at(&meter.place(), "freeze", &["--meter", METER, "--now"]);
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.talk.contains("page of the meter") && !said.talk.contains("only-master"), "{}", said.talk);
    assert_eq!((meter.orders(), bench.audited().len()), (0, 0));
}

#[test]
fn t03_a_command_whose_service_is_killed_ends_and_does_not_open_the_line() {
    let (bench, meters) = (Bench::new(), addresses(1));
    let simulator = bench.world(&world(&meters));
    let line = Crossing::start(simulator.listen(0));
    let mut served = Served::start(&bench, &line.place(), &meters);
    let absent = "209912310001";
    let asking = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(["read", "--tcp", &line.place(), "--meter", absent, "--timeout", "20s", "--retries", "0"])
        .args(["00010000", "00020000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let field = [0x01, 0x00, 0x31, 0x12, 0x99, 0x20];
    wait_for("the question", || line.seen().requests.iter().any(|frame| frame.get(1..7) == Some(&field[..])));
    served.kill();
    let masters = line.seen().masters;
    let said = Said::of(&asking.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.talk.contains("the service that had the line has ended"), "{}", said.talk);
    assert!(said.talk.contains("占用该线路的服务已结束"), "{}", said.talk);
    assert_eq!(line.seen().masters, masters, "it has not opened the line");
    // Gone with the process: the next one has the line to itself.
    let said = at(&line.place(), "read", &["--meter", METER, "00010000"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!(line.seen().masters, masters + 1);
}

#[test]
fn t03_scan_goes_through_the_service_and_finds_who_is_there() {
    let (bench, meters) = (Bench::new(), addresses(1));
    let simulator = bench.world(&world(&meters));
    let line = Crossing::start(simulator.listen(0));
    let _served = Served::start(&bench, &line.place(), &meters);
    let said = at(&line.place(), "scan", &["--timeout", "200ms", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let found = said.one();
    assert_eq!((&found["address"], &found["baud"]), (&METER.into(), &9600.into()));
    assert!(said.talk.contains("the service has this line at 9600 8E1"), "{}", said.talk);
    assert_eq!(line.seen().overlaps, 0);
}

#[test]
fn t03_a_serial_port_is_asked_through_the_service_by_whatever_name_it_has() {
    let bench = Bench::new();
    let link = bench.path("line");
    let name = link.to_str().unwrap();
    let _simulator = Simulator::start(&["--pty", name, "--meters", "1", "--baud", "9600", "--hold"]);
    let _served = Served::start(&bench, name, &[METER.to_owned()]);
    let device = std::fs::canonicalize(&link).unwrap();
    for place in [name, device.to_str().unwrap()] {
        let said = at(place, "read", &["--meter", METER, "00010000", "--trace"]);
        assert_eq!(said.code, Some(0), "{place}: {}", said.talk);
        assert!(said.talk.contains("has this as line east"), "{place}: {}", said.talk);
    }
}
