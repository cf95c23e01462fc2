//! `chaobiao user` and `chaobiao audit`: accounts and the audit log on the machine itself. (T26, T27)

use std::path::Path;
use std::process::{Command, Output};

use chaobiao::store::{Address, Migrations, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

fn chaobiao(folder: &Path, args: &[&str]) -> Output {
    let database = folder.join("store.db");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.args(args).arg("--database").arg(database).env("USER", "keeper").env_remove("SUDO_USER");
    command.output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

async fn tamper(folder: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(folder.join("store.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let script = format!("DROP TRIGGER IF EXISTS audit_stays; DROP TRIGGER IF EXISTS audit_is_kept; {sql}");
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn t27_accounts_of_the_command_line_are_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for what in [&["user", "list"][..], &["user", "disable", "li.na"], &["user", "reset", "li.na"]] {
        let (code, text) = said(&chaobiao(at, what));
        assert!(code == Some(1) && text.contains("no such database"), "{what:?}: {text}");
        assert!(!at.join("store.db").exists(), "{what:?} has made one");
    }
    let add = ["user", "add", "li.na", "--person", "李娜", "--role", "operator"];
    let added = chaobiao(at, &add);
    assert_eq!(added.status.code(), Some(0), "{added:?}");
    let line = String::from_utf8(added.stdout).unwrap();
    assert!(line.starts_with("li.na  ") && line.trim_end().len() == "li.na  ".len() + 23, "{line}");
    let (code, text) = said(&chaobiao(at, &add));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("账号名已被使用"), "{text}");
    let (code, text) = said(&chaobiao(at, &["user", "add", "x", "--role", "root"]));
    assert_eq!(code, Some(2), "{text}");
    for (what, code) in [("disable", 0), ("enable", 0), ("unlock", 0), ("reset", 0)] {
        let (found, text) = said(&chaobiao(at, &["user", what, "li.na"]));
        assert_eq!(found, Some(code), "{what}: {text}");
    }
    let (_, listed) = said(&chaobiao(at, &["user", "list", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!(listed["name"], "li.na");
    assert_eq!(listed["state"], "unfinished");
    assert!(listed.get("one_time_password").is_none());
    let exported = chaobiao(at, &["audit", "export", "--json"]);
    let entries: Vec<serde_json::Value> = String::from_utf8(exported.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "account.add",
            "account.disable",
            "account.enable",
            "account.unlock",
            "account.reset",
            "audit.export"
        ]
    );
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    for entry in &entries {
        assert_eq!(entry["actor"], user.as_str(), "whatever the environment says");
        assert_eq!(entry["source"], "command line");
        assert!(!entry.to_string().contains(line.trim_end().split("  ").nth(1).unwrap()), "no password");
    }
}

#[tokio::test]
async fn t26_the_verifier_names_the_first_bad_entry_and_a_cut_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["one", "two", "three", "four"] {
        assert_eq!(chaobiao(at, &["user", "add", name, "--role", "viewer"]).status.code(), Some(0));
    }
    let store = Store::open(&Address::Sqlite(at.join("store.db")), Migrations::Check).await.unwrap();
    let head = store.audit_head().await.unwrap();
    store.close().await;
    let anchor = at.join("anchor.txt");
    std::fs::write(&anchor, format!("2026-11-28T08:00:00Z {} {}\n", head.number, head.hash)).unwrap();
    let anchor = anchor.to_str().unwrap();
    let (code, text) = said(&chaobiao(at, &["audit", "verify", "--anchor", anchor]));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("4 entries are sound") && text.contains(&head.hash.to_string()), "{text}");

    tamper(at, "DELETE FROM audit WHERE number = 4").await;
    let (code, text) = said(&chaobiao(at, &["audit", "verify"]));
    assert_eq!(code, Some(0), "the chain alone cannot tell: {text}");
    assert!(text.contains("无法判断末端"), "{text}");
    let (code, text) = said(&chaobiao(at, &["audit", "verify", "--anchor", anchor]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("ends at entry 3"), "{text}");

    tamper(at, "UPDATE audit SET actor = 'somebody' WHERE number = 2").await;
    let found = chaobiao(at, &["audit", "verify", "--json"]);
    assert_eq!(found.status.code(), Some(1));
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["is_sound"], false);
    assert_eq!(found["number"], 2);
    let (code, text) = said(&chaobiao(at, &["audit", "verify", "--anchor", "none.txt"]));
    assert_eq!(code, Some(1), "{text}");
}
