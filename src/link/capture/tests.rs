//! What stands in the files, and what does not.

use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::domain::Day;

const READ: &str = "FE FE FE FE 68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16";
const ANSWER: &str = "FE 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16";
/// A trip with the password 987654 of level 02.
const TRIP: &str = "68 12 90 78 56 34 12 68 1C 10 35 87 A9 CB 33 33 33 33 4D 33 33 78 4A 54 44 59 14 16";

fn hex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

struct Scene {
    directory: tempfile::TempDir,
    clock: ManualClock,
    captures: Captures,
}

fn scene(file_size: u64, files: u32) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::still("2026-11-21".parse::<Day>().unwrap().start());
    let settings = CaptureSettings { directory: directory.path().join("capture"), file_size, files };
    let captures = Captures::start(settings, clock.clock()).unwrap();
    Scene { directory, clock, captures }
}

impl Scene {
    /// Everything in the files, by their names.
    fn end(self, line: Capture) -> Vec<(String, Vec<serde_json::Value>)> {
        drop(line);
        self.captures.flush();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.directory.path().join("capture")).unwrap() {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            found.push((entry.file_name().to_string_lossy().into_owned(), records));
        }
        found.sort_by(|one: &(String, _), other| one.0.cmp(&other.0));
        found
    }
}

fn pass(capture: &mut Capture, direction: Direction, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    capture.bytes(Instant::now(), direction, &hex(text));
}

#[test]
fn frames_stand_in_the_file_with_their_times_once_the_line_is_switched_on() {
    let scene = scene(1 << 20, 3);
    let mut line = scene.captures.line("东区 1/2");
    pass(&mut line, Direction::Sent, READ);
    assert!(scene.captures.switch("东区 1/2", true) && !scene.captures.switch("no such line", true));
    assert_eq!(scene.captures.switched_on(), ["东区 1/2"]);
    pass(&mut line, Direction::Sent, READ);
    scene.clock.advance(Duration::from_millis(80));
    let (begin, rest) = ANSWER.split_at(30);
    pass(&mut line, Direction::Received, begin.trim());
    scene.clock.advance(Duration::from_millis(40));
    pass(&mut line, Direction::Received, &format!("{} 00 00", rest.trim()));
    scene.captures.switch("东区 1/2", false);
    pass(&mut line, Direction::Sent, READ);

    let files = scene.end(line);
    assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["东区 1%2F2.jsonl"]);
    let records = &files[0].1;
    assert_eq!(records.len(), 3, "{records:?}");
    let sent = &records[0];
    assert_eq!((sent["direction"].as_str(), sent["kind"].as_str()), (Some("sent"), Some("frame")));
    assert_eq!((sent["di"].as_str(), sent["preamble"].as_u64()), (Some("00010000"), Some(4)));
    assert_eq!(sent["at"].as_str(), Some("2026-11-20T16:00:00Z"));
    let answer = &records[1];
    assert_eq!(answer["began_at"].as_str(), Some("2026-11-20T16:00:00.080000Z"));
    assert_eq!(answer["at"].as_str(), Some("2026-11-20T16:00:00.120000Z"));
    assert_eq!(answer["hex"].as_str().map(|hex| format!("FE {hex}")).as_deref(), Some(ANSWER));
    assert_eq!((records[2]["kind"].as_str(), records[2]["hex"].as_str()), (Some("noise"), Some("00 00")));
}

#[test]
fn t24_no_password_reaches_the_file_whole_garbled_or_cut() {
    let scene = scene(1 << 20, 3);
    let mut line = scene.captures.line("a");
    scene.captures.switch("a", true);
    pass(&mut line, Direction::Sent, TRIP);
    // The echo comes whole, then broken in three ways; then the answer.
    pass(&mut line, Direction::Received, TRIP);
    pass(&mut line, Direction::Received, &TRIP.replace("14 16", "15 16"));
    pass(&mut line, Direction::Received, "33 35 87 A9 CB 33");
    pass(&mut line, Direction::Received, "87 A9");
    pass(&mut line, Direction::Received, "68 12 90 78 56 34 12 68 9C 00 22 16");
    pass(&mut line, Direction::Sent, READ);
    let files = scene.end(line);
    let text = format!("{files:?}");
    for secret in ["87 A9", "A9 CB", "54 76", "76 98"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("1C 10 ** ** ** ** ** ** ** ** "), "{text}");
    assert!(text.contains("9C 00 22 16"), "{text}");
}

#[test]
fn files_are_put_aside_by_size_and_the_oldest_goes() {
    let scene = scene(2_000, 3);
    let mut line = scene.captures.line("a");
    scene.captures.switch("a", true);
    for _ in 0..200 {
        pass(&mut line, Direction::Sent, READ);
    }
    assert_eq!(scene.captures.lost(), 0);
    let files = scene.end(line);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a.1.jsonl", "a.2.jsonl", "a.jsonl"]);
    assert!(files.iter().all(|(_, records)| !records.is_empty() && records.len() < 20));
}

#[test]
fn a_disk_that_refuses_costs_records_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "no directory").unwrap();
    let clock = ManualClock::still("2026-11-21".parse::<Day>().unwrap().start());
    let settings = CaptureSettings { directory: file.join("capture"), file_size: 1000, files: 1 };
    let captures = Captures::start(settings, clock.clock()).unwrap();
    let mut line = captures.line("a");
    captures.switch("a", true);
    for _ in 0..10 {
        pass(&mut line, Direction::Sent, READ);
    }
    captures.flush();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "no directory");
}
