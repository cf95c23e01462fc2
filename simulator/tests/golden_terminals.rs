//! Every recorded request of a master gets a sound answer from a simulated terminal of that address.

#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use core::time::Duration;

use std::path::{Path, PathBuf};

use gdw1376::address::TerminalAddress;
use gdw1376::confirmation::Confirmation;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::unit;
use serde::Deserialize;
use simulator::bus::moment::Moment;
use simulator::concentrator::{Act, Concentrator, Setup};
use simulator::seed::Seed;
use simulator::world::file::moment;

#[derive(Deserialize)]
struct Case {
    direction: Option<String>,
    wire: String,
}

fn cases() -> Vec<(PathBuf, Case)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/gdw1376");
    let folders =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files =
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.clone(), toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()))
        .collect()
}

/// Everything the terminal says until a moment; its logins and reports are confirmed.
fn run(terminal: &mut Concentrator, until: Moment) -> Vec<Vec<u8>> {
    let mut said = Vec::new();
    while let Some(next) = terminal.next_at().filter(|next| *next <= until) {
        terminal.advance(next);
        while let Some(act) = terminal.poll_act() {
            match act {
                Act::Dial(link) => terminal.connected(next, link),
                Act::Send { link, bytes } => {
                    let frame = Frame::parse(&bytes).unwrap();
                    let message = Message::of(&frame).unwrap();
                    if message.control.is_initiator() {
                        let reply = Confirmation::All.reply_to(&message).unwrap();
                        terminal.hear(next, link, &reply);
                    } else {
                        said.push(bytes);
                    }
                }
                Act::Close(_) | Act::Leave(_) => {}
            }
        }
    }
    said
}

/// A terminal that is on line, and its connection.
fn on_line(address: TerminalAddress) -> (Concentrator, simulator::concentrator::LinkId, Moment) {
    let setup = Setup::new(address, moment("2026-11-21 10:15:00").unwrap(), Seed::new(1));
    let mut terminal = Concentrator::new(setup);
    let mut link = None;
    let mut now = Moment::START;
    while link.is_none() {
        now = terminal.next_at().unwrap();
        terminal.advance(now);
        if let Some(Act::Dial(dialled)) = terminal.poll_act() {
            terminal.connected(now, dialled);
            link = Some(dialled);
        }
    }
    run(&mut terminal, now.plus(Duration::from_secs(5)));
    (terminal, link.unwrap(), now.plus(Duration::from_secs(5)))
}

#[test]
fn every_recorded_request_is_answered_soundly() {
    let mut answered = 0;
    for (path, case) in cases() {
        let wire: Vec<u8> =
            case.wire.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        let begin = wire.iter().position(|byte| *byte == 0x68).unwrap();
        let Ok(frame) = Frame::parse(&wire[begin..]) else { panic!("{}", path.display()) };
        let Ok(message) = Message::of(&frame) else { continue };
        // A confirmation is none, whatever its control byte says.
        let begins = message.control.is_initiator() && message.afn.0 != 0;
        let is_request = case.direction.as_deref() == Some("request") && begins;
        let is_single = !message.address.is_group() && !message.address.is_broadcast();
        if !is_request || !is_single || !frame.code.is_standard() || message.auxiliary.tag.is_some() {
            continue;
        }
        let (mut terminal, link, now) = on_line(message.address.terminal);
        terminal.hear(now, link, &wire);
        let said = run(&mut terminal, now.plus(Duration::from_secs(200)));
        assert!(!said.is_empty(), "{}: no answer", path.display());
        for bytes in said {
            let frame = Frame::parse(&bytes).unwrap();
            let answer = Message::of(&frame).unwrap();
            assert!(answer.afn == message.afn || answer.afn.0 == 0, "{}", path.display());
            assert_eq!((answer.address, answer.seq.number()), (message.address, message.seq.number()));
            assert!(unit::cut(&answer).rest.is_none(), "{}", path.display());
            answered += 1;
        }
    }
    assert!(answered >= 15, "{answered}");
}
