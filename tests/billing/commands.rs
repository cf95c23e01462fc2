//! `chaobiao billing status`, `retry` and `reconcile` as a clerk meets them.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use chaobiao::domain::AuditEntry;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::http::auth::Passwords;
use chaobiao::store::access::{AccountChange, NewAccount};
use serde_json::{Value, json};

use crate::receiver::{Books, Manner, Receiver, Reply, ok, takes};
use crate::rig::{Rig, http};

pub(crate) const PASSWORD: &str = "horse battery staple";

async fn chaobiao(rig: &Rig, arguments: &[&str]) -> (i32, String, String) {
    let file = rig.file();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.arg("billing").args(arguments).args(["-c", &file]);
    // The receiver answers meanwhile.
    let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let Output { status, stdout, stderr } = done.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Takes everything, and says of a day what it has, by routes that it knows itself.
fn compares(missing: &'static str) -> Manner {
    Box::new(move |books, heard| {
        if heard.path() != "/readings/reconcile" {
            return takes()(books, heard);
        }
        let asked = heard.json();
        assert_eq!(asked["schema"], "chaobiao.reconcile.1");
        assert!(!asked["tallies"].as_array().unwrap().is_empty(), "ours are told");
        let tallies = tallies(books, asked["day"].as_str().unwrap(), asked["route"].as_str(), missing);
        Reply::Answer(200, "", json!({ "day": asked["day"], "tallies": tallies }).to_string())
    })
}

/// Counts and sums of what took effect, but for keys with `missing` in them.
fn tallies(books: &Books, day: &str, route: Option<&str>, missing: &str) -> Vec<Value> {
    let mut sums: BTreeMap<(String, String), (u64, i64)> = BTreeMap::new();
    for (key, bytes) in books.effects.iter().filter(|(key, _)| missing.is_empty() || !key.contains(missing)) {
        let record: Value = serde_json::from_str(&format!("{{\"key\":{bytes}")).unwrap();
        let number: u32 = record["point"].as_str().unwrap()[1..].parse().unwrap();
        let own = format!("R{}", number % 2);
        if record["day"] == day && route.is_none_or(|route| route == own) {
            let sum = sums.entry((own, key.split('/').next().unwrap().to_owned())).or_default();
            sum.0 += 1;
            sum.1 += record["value"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        }
    }
    let piece = |((route, kind), (count, sum)): (_, (u64, i64))| {
        let digits = if kind == "register" { 10_000 } else { 1_000_000 };
        let sum = format!("{}.{:0width$}", sum / digits, sum % digits, width = digits.to_string().len() - 1);
        json!({ "route": route, "kind": kind, "item": "1-0:1.8.0", "count": count, "sum": sum })
    };
    sums.into_iter().map(piece).collect()
}

#[tokio::test]
async fn f27_both_sides_of_a_day_are_compared_and_what_differs_ends_with_an_error() {
    let receiver = Receiver::plain(compares("")).await;
    let csv = "[[billing.receivers]]\nname = \"files\"\nkind = \"csv\"\ndirectory = \"out\"\n";
    let rig = Rig::new(3, 2, &format!("{csv}{}", http(&receiver))).await;
    std::fs::create_dir(rig.folder.path().join("out")).unwrap();
    let reconcile = ["reconcile", "--day", "2026-11-20"];

    // Nothing was handed over yet.
    let (code, out, told) = chaobiao(&rig, &reconcile).await;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("ledger, files, marketing: both sides do not agree  对账不一致"), "{told}");
    assert!(out.contains("ledger: does not agree 不一致") && out.contains("only ours 仅我方有"), "{out}");

    let pushed = chaobiao::app::hand_off(&rig.store, &rig.manual.clock(), &rig.config()).await.unwrap();
    assert_eq!((pushed.delivered, receiver.effects()), (9, 9));
    let (code, out, told) = chaobiao(&rig, &reconcile).await;
    assert_eq!(code, 0, "{out}{told}");
    for name in ["ledger", "files", "marketing"] {
        assert!(out.contains(&format!("2026-11-20  {name}: agrees 一致")), "{out}");
    }
    let odd = "R1      consumption 电量  1-0:1.8.0 正向有功电能(总)  2         2.500000 kWh  2         2.500000 kWh  agrees 一致";
    assert!(out.contains(odd), "{out}");

    // They lack a value; of one route both agree.
    receiver.behave(compares("consumption/P3/"));
    let (code, out, _) =
        chaobiao(&rig, &[&reconcile[..], &["--receiver", "marketing", "--json"]].concat()).await;
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong: Vec<&Value> = lines.iter().filter(|line| line["agrees"] == false).collect();
    assert_eq!((code, wrong.len(), lines.len()), (1, 1, 4), "{out}");
    assert_eq!((&wrong[0]["ours"]["count"], &wrong[0]["theirs"]["count"]), (&2.into(), &1.into()));
    assert_eq!(
        (&wrong[0]["ours"]["value"], &wrong[0]["theirs"]["value"]),
        (&"2.500000".into(), &"1.250000".into())
    );
    let (code, out, _) =
        chaobiao(&rig, &[&reconcile[..], &["--receiver", "marketing", "--route", "R0"]].concat()).await;
    assert!(code == 0 && !out.contains("R1"), "{out}");

    // Theirs without ours: a file that we did not write, of a point that we have, and a line of ours that was changed.
    let file = std::fs::read_dir(rig.folder.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replace(
        "consumption,P1,1-0:1.8.0,0,2026-11-20,1,1.250000",
        "consumption,P1,1-0:1.8.0,0,2026-11-20,1,9.250000",
    );
    let more = "consumption/P9/1-0:1.8.0/2026-11-20/1,consumption,P9,1-0:1.8.0,0,2026-11-20,1,7.000000,kWh,good,\r\n";
    std::fs::write(&file, format!("{changed}{more}")).unwrap();
    let (code, out, _) = chaobiao(&rig, &[&reconcile[..], &["--receiver", "files"]].concat()).await;
    assert_eq!(code, 1);
    let p1 = "P1      consumption 电量  1-0:1.8.0 正向有功电能(总)  1.250000 kWh (version 版本 1)  9.250000 kWh (version 版本 1)  differs 不一致";
    let p9 = "P9      consumption 电量  1-0:1.8.0 正向有功电能(总)  -                              7.000000 kWh (version 版本 1)  only theirs 仅对方有";
    assert!(out.contains(p1) && out.contains(p9), "{out}");

    receiver.behave(crate::receiver::answers(200, "", "{\"day\":\"2026-11-19\",\"tallies\":[]}"));
    let (code, _, told) = chaobiao(&rig, &[&reconcile[..], &["--receiver", "marketing"]].concat()).await;
    assert!(code == 1 && told.contains("marketing: cannot be compared"), "{told}");
    drop(receiver);
    let (code, _, told) = chaobiao(&rig, &[&reconcile[..], &["--receiver", "marketing"]].concat()).await;
    assert!(code == 1 && told.contains("connection refused"), "{told}");
    let (code, _, told) = chaobiao(&rig, &[&reconcile[..], &["--receiver", "nobody"]].concat()).await;
    assert!(code == 1 && told.contains("nobody"), "{told}");
}

/// An account whose password stands in a file, and that file.
pub(crate) async fn account(rig: &Rig, name: &str, role: Role, regions: &Regions) {
    let hash = Passwords::default().hash(PASSWORD).await.unwrap();
    let new = NewAccount { person: name, name, role, regions, password: &hash, proposed_by: None };
    let entry = |action| AuditEntry::of_system(rig.now(), action, format!("account {name}"));
    let id = rig.store.add_account(&new, &entry("account.add")).await.unwrap();
    let change = AccountChange::SetPassword(&hash);
    rig.store.change_account(id, None, &change, &entry("account.password")).await.unwrap();
}

#[tokio::test]
async fn what_was_refused_is_seen_and_offered_again_by_who_may() {
    let refuses = |receipts: fn(&String) -> Value| -> Manner {
        Box::new(move |_, heard| ok(heard.keys().iter().map(receipts).collect()))
    };
    let receiver =
        Receiver::plain(refuses(|key| json!({ "key": key, "taken": false, "reason": "no such point" })))
            .await;
    let rig = Rig::new(2, 1, &http(&receiver)).await;
    rig.push_all().await;
    let password = rig.folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    for (name, role) in [("li", Role::Operator), ("wei", Role::Viewer)] {
        account(&rig, name, role, &Regions::All).await;
    }
    let area = rig.store.numbered_points(&["P1"], &Regions::All).await.unwrap()["P1"].area.unwrap();
    account(&rig, "far", Role::Operator, &Regions::Areas(vec![area])).await;

    let (code, out, told) = chaobiao(&rig, &["status"]).await;
    assert_eq!(code, 0, "{told}");
    let line = out.lines().find(|line| line.starts_with("marketing")).unwrap();
    assert!(line.contains("http") && line.ends_with("no such point"), "{out}");
    assert!(told.contains("2 refused values wait for a person"), "{told}");
    let (_, out, _) = chaobiao(&rig, &["status", "--json"]).await;
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let marketing = lines.iter().find(|line| line["receiver"] == "marketing").unwrap();
    assert_eq!((&marketing["refused"], &marketing["waiting"]), (&2.into(), &0.into()));

    let retry = async |who: &str, more: &[&str]| {
        let file = password.to_str().unwrap();
        chaobiao(&rig, &[&["retry", "marketing", "--as", who, "--password-file", file], more].concat()).await
    };
    let (code, _, told) = retry("wei", &[]).await;
    assert!(code == 1 && told.contains("retry_pushes"), "{told}");
    assert_eq!(retry("nobody", &[]).await.0, 1);
    // Of their own region only.
    assert!(retry("far", &[]).await.1.starts_with("1 refused"));
    assert_eq!((rig.status("marketing").await.waiting, rig.status("marketing").await.parked), (1, 1));
    assert!(retry("far", &[]).await.1.starts_with("0 refused"));
    let key = "register/P2/1-0:1.8.0/2026-11-20T00:00:00+08:00/1";
    assert!(retry("li", &["--key", "register/P9"]).await.1.starts_with("0 refused"));
    assert!(retry("li", &["--key", key]).await.1.starts_with("1 refused"));
    let (code, _, told) =
        chaobiao(&rig, &["retry", "nobody", "--as", "li", "--password-file", password.to_str().unwrap()])
            .await;
    assert!(code == 1 && told.contains("no receiver nobody"), "{told}");

    let before = receiver.heard().len();
    receiver.behave(takes());
    // The command goes by the clock of the machine.
    rig.manual.set(chaobiao::clock::Clock::system().now());
    assert_eq!(rig.push().await.delivered, 2);
    let heard = receiver.heard();
    let bytes = |place: usize| heard[place].body.clone();
    assert_eq!(bytes(before), bytes(0), "the same bytes as before");
}

/// Passwords that are tried on the command line lock the account as those in a browser do.
#[tokio::test]
async fn t09_attempts_on_the_command_line_are_counted_and_lock() {
    let rig = Rig::new(1, 1, "").await;
    account(&rig, "li", Role::Operator, &Regions::All).await;
    let file = |text: &str| {
        let path = rig.folder.path().join("tried");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let retry = async |password: &str| {
        let file = file(password);
        chaobiao(&rig, &["retry", "ledger", "--as", "li", "--password-file", &file]).await
    };
    assert_eq!(retry(PASSWORD).await.0, 0);
    for _ in 0..5 {
        let (code, _, told) = retry("guessed").await;
        assert!(code == 1 && told.contains("is not right"), "{told}");
    }
    let (code, _, told) = retry(PASSWORD).await;
    assert!(code == 1 && told.contains("too many attempts"), "{told}");
    let records = rig.store.audit_after(0, 1000).await.unwrap();
    let count = |action: &str| records.iter().filter(|record| record.action == action).count();
    assert_eq!((count("login.refused"), count("login.locked")), (5, 1));
}
