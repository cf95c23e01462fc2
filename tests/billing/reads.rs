//! What a person read where the meter could not be reached: proposed by command, confirmed by another person, and billed
//! as what it is.

use std::process::{Command, Output};

use chaobiao::billing::{Rules, settle_due};
use chaobiao::clock::Clock;
use chaobiao::config::profile::Profiles;
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{Id, Moment};
use chaobiao::store::Verdict;
use serde_json::{Value, json};

use crate::commands::{PASSWORD, account};
use crate::receiver::{Receiver, takes};
use crate::rig::{Rig, day, http};

fn import(rig: &Rig, file: &str, who: &str, more: &[&str]) -> (i32, String, String) {
    let config = rig.file();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(rig.folder.path()).args(["readings", "import", file, "-c", &config]);
    command.args(["--as", who, "--password-file", "password"]).args(more);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn approver() -> Acting {
    Acting {
        person: Id::new(77),
        account: Id::new(77),
        name: "wang".to_owned(),
        role: Role::Approver,
        role_since: Moment::from_micros(0),
        regions: Regions::All,
        source: "test".to_owned(),
        request: None,
    }
}

/// The newest record under a key that begins so.
fn newest(receiver: &Receiver, key: &str) -> Value {
    let mut all =
        receiver.heard().into_iter().flat_map(|heard| heard.json()["records"].as_array().unwrap().clone());
    all.rfind(|record| record["key"].as_str().unwrap().starts_with(key)).unwrap_or_default()
}

async fn settle(rig: &Rig) {
    settle_due(&rig.store, &Rules::of(&rig.config()), rig.now()).await.unwrap();
    rig.push_all().await;
}

#[tokio::test]
async fn i04_a_midnight_that_a_person_read_is_billed_as_read_by_a_person_until_the_freeze_comes() {
    let receiver = Receiver::plain(takes()).await;
    let rig = Rig::new(1, 1, &http(&receiver)).await;
    rig.manual.set(Clock::system().now());
    rig.push_all().await;
    std::fs::write(rig.folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    for (name, role) in [("li", Role::Operator), ("wei", Role::Viewer)] {
        account(&rig, name, role, &Regions::All).await;
    }
    let write = |name: &str, line: &str| {
        let head = "计量点编号,抄表日期,抄表时间,示值类型,示数,抄表人,抄表方式\n";
        std::fs::write(rig.folder.path().join(name), format!("{head}{line}")).unwrap();
    };
    write("bad.csv", "P1,2026-11-21,0:00,,x,张三,\nP7,2026-11-21,0:00,,1,张三,\n");
    write("unknown.csv", "P7,2026-11-21,0:00,,1,张三,\n");
    write("reads.csv", "P1,2026-11-21,0:00,正向有功总,101.25,张三,现场\n");
    let why = ["--reason", "line down"];
    let (code, _, told) = import(&rig, "bad.csv", "li", &why);
    assert!(code == 1 && told.contains("bad.csv:2: reading"), "{told}");
    let (code, _, told) = import(&rig, "unknown.csv", "li", &why);
    assert!(code == 1 && told.contains("unknown.csv:2") && told.contains("P7"), "{told}");
    let (code, _, told) = import(&rig, "reads.csv", "wei", &why);
    assert!(code == 1 && told.contains("propose_review"), "{told}");
    assert_eq!(import(&rig, "reads.csv", "li", &[]).0, 2, "why is to be said");
    let (code, out, told) = import(&rig, "reads.csv", "li", &["--dry-run"]);
    assert!(
        code == 0 && out.contains("101.2500  between") && told.contains("nothing was proposed"),
        "{out}{told}"
    );
    assert!(rig.store.proposals(false, i64::MAX, 10).await.unwrap().is_empty());

    let (code, out, told) = import(&rig, "reads.csv", "li", &[&why[..], &["--json"]].concat());
    assert_eq!(code, 0, "{told}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["compared"], &lines[0]["before"]),
        (&json!("between"), &json!("100.0000 @ 2026-11-20 00:00:00"))
    );
    settle(&rig).await;
    assert_eq!(
        newest(&receiver, "register/P1/1-0:1.8.0/2026-11-21"),
        Value::Null,
        "it waits for another person"
    );
    let proposal = Id::new(lines[1]["proposal"].as_str().unwrap().parse().unwrap());
    rig.store
        .decide_proposal(proposal, Verdict::Confirm, &approver(), &Profiles::default(), rig.now())
        .await
        .unwrap();
    settle(&rig).await;
    let register = newest(&receiver, "register/P1/1-0:1.8.0/2026-11-21");
    assert_eq!((&register["value"], &register["version"]), (&json!("101.2500"), &json!(1)), "{register}");
    assert_eq!(register["lineage"]["reading"]["source"], "manual");
    let used = newest(&receiver, "consumption/P1/1-0:1.8.0/2026-11-20");
    assert_eq!(used["lineage"]["parts"][0]["closing"]["source"], "manual", "{used}");
    assert_eq!(used["lineage"]["parts"][0]["opening"]["source"], Value::Null);

    // The meter is reached again.
    let at = day("2026-11-21").start();
    rig.frozen(1, at, 1_012_400).await;
    settle(&rig).await;
    let register = newest(&receiver, "register/P1/1-0:1.8.0/2026-11-21");
    assert_eq!((&register["value"], &register["version"]), (&json!("101.2400"), &json!(2)), "{register}");
    assert_eq!(register["lineage"]["reading"]["source"], Value::Null);
}
