//! `chaobiao simulate --concentrator` as a user runs it: terminals that dial a tiny master over TCP, in real time.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

#[path = "support/simulator.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod simulator;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::confirmation::Confirmation;
use gdw1376::control::Control;
use gdw1376::decoder::Decoder;
use gdw1376::frame::Frame;
use gdw1376::identifier::{FnNumber, Point};
use gdw1376::message::Message;
use gdw1376::request::{Envelope, Request};
use gdw1376::{answer, reading, unit};
use serde_json::Value;
use simulator::Simulator;

/// One connection of a terminal.
struct Session {
    stream: TcpStream,
    decoder: Decoder,
    address: TerminalAddress,
    number: u8,
}

impl Session {
    /// Takes a connection and confirms its login.
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut session = Self { stream, decoder: Decoder::new(), address: TerminalAddress::ANY, number: 0 };
        let login = session.next();
        let frame = Frame::parse(&login).unwrap();
        let message = Message::of(&frame).unwrap();
        assert_eq!((message.control, message.afn.0), (Control::LINK_CHECK, 2));
        session.address = message.address.terminal;
        session.stream.write_all(&Confirmation::All.reply_to(&message).unwrap()).unwrap();
        session
    }

    fn next(&mut self) -> Vec<u8> {
        let mut byte = [0; 1];
        loop {
            self.stream.read_exact(&mut byte).unwrap();
            if let Some(found) = self.decoder.next_frame(&mut &byte[..]) {
                return found.wire.to_vec();
            }
        }
    }

    fn ask(&mut self, request: &Request) -> Vec<u8> {
        self.number = (self.number + 1) % 16;
        let envelope = Envelope::new(AddressField::single(self.address, 1), self.number);
        self.stream.write_all(&request.to_bytes(&envelope).unwrap()).unwrap();
        self.next()
    }
}

fn place(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().to_string()
}

/// What the simulator says is true of a register of a point.
fn told<'a>(simulator: &'a Simulator, terminal: usize, point: usize, di: &str) -> &'a str {
    let values = simulator.first["terminals"][terminal]["points"][point]["values"].as_array().unwrap();
    values.iter().find(|value| value["di"] == di).unwrap()["value"].as_str().unwrap()
}

fn read_now(points: &[u16]) -> Request {
    Request::ReadPresent {
        points: points.iter().copied().filter_map(Point::new).collect(),
        functions: FnNumber::new(129).into_iter().collect(),
    }
}

#[test]
fn terminals_log_in_and_say_what_the_simulator_says_is_true() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dials = place(&listener);
    let simulator = Simulator::start(&[
        "--concentrator",
        &dials,
        "--terminals",
        "2",
        "--meters",
        "4",
        "--at",
        "2026-11-21 10:15:00",
        "--hold",
    ]);
    let terminals = simulator.first["terminals"].as_array().unwrap();
    let addresses: Vec<&str> =
        terminals.iter().map(|terminal| terminal["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, ["1100-0001", "1100-0002"]);
    assert_eq!(terminals[1]["points"][0]["address"], "202411110005");
    assert_eq!(
        (&terminals[0]["points"][3]["point"], &terminals[0]["points"][3]["port"]),
        (&4.into(), &31.into())
    );
    let mut sessions = [Session::accept(&listener), Session::accept(&listener)];
    sessions.sort_by_key(|session| session.address);
    for (place, session) in sessions.iter_mut().enumerate() {
        assert_eq!(session.address.to_string(), addresses[place]);
        let clock = session.ask(&Request::ReadClock);
        let frame = Frame::parse(&clock).unwrap();
        let message = Message::of(&frame).unwrap();
        let cut = unit::cut(&message);
        let clock = answer::clock(&cut.units[0]).unwrap().civil().unwrap();
        assert!(clock.to_string().starts_with("2026-11-21 10:15:"), "{clock}");
        let registers = session.ask(&read_now(&[1, 2, 3, 4]));
        let frame = Frame::parse(&registers).unwrap();
        let message = Message::of(&frame).unwrap();
        let readings: Vec<_> =
            unit::cut(&message).units.iter().flat_map(|unit| reading::readings(unit)).collect();
        assert_eq!(readings.len(), 20);
        for point in 1..=4_u16 {
            let total = readings
                .iter()
                .find(|reading| reading.point.number() == point && reading.item.to_string() == "1-0:1.8.0");
            let value = total.unwrap().value.unwrap().to_string();
            let truth = told(&simulator, place, usize::from(point) - 1, "00010000");
            assert_eq!(value, format!("{truth}00"), "p{point}");
        }
    }
    let last = simulator.stop();
    assert_eq!((&last["terminals"][1]["logins"], &last["terminals"][1]["requests"]), (&1.into(), &2.into()));
    assert_eq!(last["relay_orders"], Value::Array(Vec::new()));
}

#[test]
fn a_terminal_that_drops_its_line_comes_back_and_the_fault_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dials = place(&listener);
    let simulator = Simulator::start(&[
        "--concentrator",
        &dials,
        "--meters",
        "1",
        "--fault",
        "reconnect=100%",
        "--unpaced",
    ]);
    let mut session = Session::accept(&listener);
    let envelope = Envelope::new(AddressField::single(session.address, 1), 1);
    session.stream.write_all(&Request::ReadClock.to_bytes(&envelope).unwrap()).unwrap();
    let mut rest = Vec::new();
    session.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "closed without an answer");
    let again = Session::accept(&listener);
    assert_eq!(again.address.to_string(), "1100-0001");
    assert_eq!(simulator.stop()["faults"]["reconnect"], 1);
}

#[test]
fn a_world_with_terminals_has_an_archive_and_is_run_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let (world, archive) = (directory.path().join("world.toml"), directory.path().join("archive.csv"));
    let chaobiao =
        |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap();
    let archive_name = archive.to_str().unwrap();
    let drawn = chaobiao(&[
        "simulate",
        "world",
        "--meters",
        "3",
        "--terminals",
        "2",
        "--first-terminal",
        "3702-00FF",
        "--archive",
        archive_name,
    ]);
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    std::fs::write(&world, &drawn.stdout).unwrap();
    let text = std::fs::read_to_string(&archive).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(
        lines[0].contains("终端地址") && lines[0].contains("测量点号") && lines[0].contains("终端端口"),
        "{}",
        lines[0]
    );
    assert!(lines[4].contains("3702-0100") && lines[4].contains("202411110004"), "{}", lines[4]);
    let world = world.to_str().unwrap();
    let refused = chaobiao(&["simulate", "--world", world]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--concentrator HOST:PORT"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let simulator = Simulator::start(&["--world", world, "--concentrator", &place(&listener)]);
    let mut seen = [Session::accept(&listener).address, Session::accept(&listener).address];
    seen.sort_unstable();
    assert_eq!(seen.map(|address| address.to_string()), ["3702-00FF", "3702-0100"]);
    simulator.stop();
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_runs() {
    let refused = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_chaobiao")).arg("simulate").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--concentrator", "nowhere"]).contains("HOST:PORT"));
    assert!(refused(&["--fault", "half-open=1%"]).contains("--concentrator"));
    assert!(refused(&["--terminals", "2"]).contains("--concentrator"));
    assert!(refused(&["--concentrator", "127.0.0.1:1", "--fault", "half-open=2"]).contains("at most 1"));
    assert!(
        refused(&["--concentrator", "127.0.0.1:1", "--terminals", "9", "--first-terminal", "1100-FFFD"])
            .contains("--first-terminal")
    );
}
