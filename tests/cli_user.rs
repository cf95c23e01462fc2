//! `chaobiao user` as an administrator of the machine meets it.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One command: its exit code, what it printed and what it said. The environment claims somebody else.
fn user(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).env("USER", "mallory").env("LOGNAME", "mallory").env("SUDO_USER", "mallory");
    let done = command.arg("user").args(arguments).args(["--database", "store.db"]).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn t27_what_becomes_of_an_account_is_one_line_for_programs_and_names_who_did_it() {
    let folder = tempfile::tempdir().unwrap();
    let one = |arguments: &[&str]| -> Value {
        let (code, printed, said) = user(folder.path(), arguments);
        assert_eq!((code, printed.lines().count()), (Some(0), 1), "{arguments:?}: {said}");
        serde_json::from_str(&printed).unwrap()
    };
    let added = one(&["add", "li.na", "--role", "operator", "--person", "李娜", "--json"]);
    assert!(added["one_time_password"].is_string(), "{added}");
    for (what, state, has_password) in [
        ("disable", "disabled", false),
        ("enable", "unfinished", false),
        ("reset", "unfinished", true),
        ("unlock", "unfinished", false),
    ] {
        let account = one(&[what, "li.na", "--json"]);
        assert_eq!((&account["name"], &account["state"]), (&"li.na".into(), &state.into()), "{what}");
        assert_eq!(account["one_time_password"].is_string(), has_password, "{what}: {account}");
        assert_eq!(account["one_time_password_until"].is_string(), has_password, "{what}: {account}");
    }
    assert_ne!(one(&["reset", "li.na", "--json"])["one_time_password"], added["one_time_password"]);
    let (code, printed, said) = user(folder.path(), &["disable", "nosuch", "--json"]);
    assert_eq!((code, printed.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("没有账号 nosuch"), "{said}");

    let mut export = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    export.current_dir(folder.path()).args(["audit", "export", "--json", "--database", "store.db"]);
    let own = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let entries = String::from_utf8(export.env("USER", "mallory").output().unwrap().stdout).unwrap();
    let actors: Vec<String> = entries
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["actor"].as_str().unwrap().to_owned())
        .collect();
    assert!(actors.len() >= 6 && actors.iter().all(|actor| *actor == own), "{actors:?}");
}
