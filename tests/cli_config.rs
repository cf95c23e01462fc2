//! `chaobiao config` as a user meets it.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::process::{Command, Output};

fn chaobiao(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaobiao")).arg("config").args(arguments).output().unwrap()
}

#[test]
fn the_example_is_printed_and_passes_the_check() {
    let file = std::env::temp_dir().join(format!("chaobiao-example-{}.toml", std::process::id()));
    let example = chaobiao(&["example"]);
    std::fs::write(&file, &example.stdout).unwrap();
    let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
    assert_eq!((example.status.code(), check.status.code()), (Some(0), Some(0)));
    let listed = String::from_utf8(check.stdout).unwrap();
    assert!(listed.contains("[collection]\nstart = \"00:05\"  # default\n"), "{listed}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_bad_file_is_exit_code_2_and_its_faults_are_said() {
    let file = std::env::temp_dir().join(format!("chaobiao-bad-{}.toml", std::process::id()));
    std::fs::write(&file, "[database]\npath = \"a.db\"\n[log]\nlevel = \"all\"\n").unwrap();
    let name = file.to_str().unwrap();
    let check = chaobiao(&["check", "-c", name]);
    assert_eq!((check.status.code(), check.stdout.len()), (Some(2), 0));
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(
        said.contains(&format!("{name}:4: log.level = \"all\"\n    expected one of \"error\"")),
        "{said}"
    );
    let check = chaobiao(&["check", "--json", "-c", name]);
    let fault: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!((fault["line"].as_u64(), fault["kind"].as_str()), (Some(4), Some("expected")));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(chaobiao(&["check", "-c", name]).status.code(), Some(2), "no such file");
}
