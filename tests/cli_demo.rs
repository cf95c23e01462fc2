//! The demonstration, as a newcomer starts it.
#![expect(clippy::unwrap_used, reason = "a step that fails must end its test")]

use std::process::Command;

fn demo(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_chaobiao")).arg("demo").args(arguments).output().unwrap()
}

#[test]
#[ignore = "takes half a minute of real line time: tests/check.sh ci"]
fn a_demonstration_is_complete_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("demo").display().to_string();
    let done = demo(&["--once", "--json", "--dir", &directory]);
    let talk = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{talk}");
    assert!(talk.contains("64 meters, 8 of them behind a concentrator, 32 lines of 9600 baud, one of them on a pseudo-terminal"), "{talk}");
    let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let number = |name: &str| summary.get(name).and_then(serde_json::Value::as_u64).unwrap();
    assert_eq!((number("planned"), number("read")), (64, 64), "{summary}");
    // Two registers with four tariffs at two midnights, of the eight behind the concentrator at one: it is not believed for what
    // it stored before it was verified. Two curves of the day before.
    let behind = 8 * 10;
    assert_eq!(number("registers_stored"), 64 * 20 - behind, "{summary}");
    assert_eq!(number("curve_points_stored"), 64 * 2 * 96, "{summary}");
    assert_eq!(
        (number("billing_registers"), number("billing_consumptions")),
        (64 * 20 - behind, 64 * 10 - behind),
        "{summary}"
    );
    assert_eq!(number("billing_pushed"), 64 * 30 - 2 * behind, "{summary}");
    assert!(number("duration_ms") < 60_000, "{summary}");
    let again = demo(&["--once", "--dir", &directory]);
    assert_eq!(again.status.code(), Some(2), "a demonstration begins with an empty directory");
}

#[test]
fn a_demonstration_that_cannot_be_is_refused() {
    let refused = demo(&["--once", "--meters", "0"]);
    assert_eq!(refused.status.code(), Some(2));
}
