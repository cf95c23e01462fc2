//! A meter's clock, and orders: told, given once, audited.

use std::process::{Command, Stdio};

use chaobiao::domain::Day;
use serde_json::Value;

use crate::fake;
use crate::{Bench, METER, at, audited, is_near_midnight, meter, now, unpaced};

#[test]
fn f14_time_tells_the_offset_and_what_to_do() {
    let bench = Bench::new();
    let simulator = bench.world(&meter("clock_offset_seconds = -7200\n"));
    let said = at(simulator.listen(0), "time", &["--meter", METER, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let told = said.one();
    assert_eq!(
        (&told["ok"], &told["edition"], &told["address"]),
        (&true.into(), &"2007".into(), &METER.into())
    );
    let fast: f64 = told["fast_seconds"].as_str().unwrap().parse().unwrap();
    assert!((-7203.0..=-7197.0).contains(&fast), "{told}");
    let advice = told["advice"].as_str().unwrap();
    assert!(advice == "by_write" || advice == "not_before", "{told}");
    let text = at(simulator.listen(0), "time", &["--meter", METER]).out;
    for word in ["meter clock", "电表时钟", "s slow", "慢", "advice", "建议"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn time_is_read_from_a_meter_of_1997_without_being_told() {
    let bench = Bench::new();
    let simulator = bench.world(&meter("edition = \"1997\"\nclock_offset_seconds = 60\n"));
    let quick = ["--meter", METER, "--timeout", "150ms", "--retries", "0", "--json"];
    let told = at(simulator.listen(0), "time", &quick).one();
    assert_eq!((&told["edition"], &told["ok"]), (&"1997".into(), &true.into()), "{told}");
    assert!(told["fast_seconds"].as_str().unwrap().starts_with(['5', '6']), "{told}");
}

#[test]
fn silence_is_told_and_an_order_needs_its_flag_one_meter_and_an_audit_file() {
    let bench = Bench::new();
    let simulator = unpaced(&["--fault", "silence=100%"]);
    let place = simulator.listen(0);
    let quick = ["--timeout", "100ms", "--retries", "0", "--json"];
    let told = at(place, "time", &[&["--meter", METER][..], &quick].concat());
    assert_eq!((told.code, &told.one()["ok"]), (Some(1), &false.into()));
    assert!(told.one()["error"].as_str().unwrap().contains("no answer in 1 attempts"), "{}", told.out);
    for order in [&["time", "--set"][..], &["freeze", "--now"]] {
        let given = |meter: &str, more: &[&str]| {
            at(place, order[0], &[&[order[1], "--meter", meter][..], more, &quick].concat())
        };
        let said = given(METER, &[]);
        assert_eq!(said.code, Some(2));
        assert!(said.talk.contains("--i-am-the-only-master"), "{}", said.talk);
        let audit = bench.audit();
        for everybody in ["AAAAAAAAAAAA", "AAAAAAAA0001"] {
            let said = given(everybody, &["--i-am-the-only-master", "--audit-file", &audit]);
            assert_eq!(said.code, Some(2), "{}", said.talk);
            assert!(said.talk.contains("an order goes to one"), "{}", said.talk);
        }
        let broadcast = given("999999999999", &["--i-am-the-only-master", "--audit-file", &audit]);
        assert_eq!(broadcast.code, Some(2), "{}", broadcast.talk);
        let said = given(METER, &["--i-am-the-only-master", "--audit-file", "/proc/no-such/audit.jsonl"]);
        assert_eq!(said.code, Some(1));
        assert!(said.talk.contains("nothing is sent without an audit file"), "{}", said.talk);
        let said = given(METER, &["--i-am-the-only-master", "--audit-file", &audit]);
        assert_eq!(said.code, Some(1), "it does not even answer a question");
        assert!(said.talk.contains("nothing was sent"), "{}", said.talk);
    }
    assert!(bench.audited().is_empty(), "nothing was ordered");
}

/// A clock that is wrong is set with the right password and not with a wrong one, which is sent once.
#[test]
fn f10_f14_a_clock_is_set_with_the_right_password_and_proved() {
    if is_near_midnight() {
        return;
    }
    let bench = Bench::new();
    let extra = "clock_offset_seconds = -4000\n[[meter.password]]\nlevel = 4\ndigits = \"314159\"\n";
    let simulator = bench.world(&meter(extra));
    let (right, wrong) = (bench.file("right", "314159\n"), bench.file("wrong", "271828\n"));
    let audit = bench.audit();
    let set = |password: &str, more: &[&str]| {
        let order = ["--meter", METER, "--set", "--i-am-the-only-master", "--json", "--operator", "0000CAFE"];
        let files = ["--password-file", password, "--audit-file", &audit];
        at(simulator.listen(0), "time", &[&order[..], &files, more].concat())
    };
    let refused = set(&wrong, &[]);
    assert_eq!((refused.code, &refused.one()["outcome"]), (Some(1), &"NOT_DONE".into()));
    assert!(refused.talk.contains("not tried again"), "{}", refused.talk);
    let stopped = set(&right, &[]);
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.talk.contains("--after-a-refused-password"), "{}", stopped.talk);
    let words: Vec<Value> = bench.audited().iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(words, ["intent", "answer", "outcome"], "the second try sent nothing");

    // Had the wrong one been repeated, the level would be locked by now.
    let done = set(&right, &["--after-a-refused-password"]);
    assert_eq!((done.code, &done.one()["outcome"]), (Some(0), &"DONE".into()), "{}", done.talk);
    assert_eq!(done.one()["advice"], "not_needed");
    assert!(done.one()["was"]["fast_seconds"].as_str().unwrap().starts_with("-4"), "{}", done.out);
    let again = set(&right, &["--after-a-refused-password"]);
    assert_eq!(again.code, Some(0));
    assert!(again.talk.contains("near enough"), "{}", again.talk);

    let audited = bench.audited();
    assert_eq!(audited.len(), 6, "{audited:?}");
    let last = &audited[5];
    assert_eq!(
        (&last["outcome"], &last["meter"], &last["operator"]),
        (&"DONE".into(), &METER.into(), &"0000CAFE".into())
    );
    assert_eq!((&audited[3]["id"], &audited[4]["id"]), (&last["id"], &last["id"]));
    let log = at(simulator.listen(0), "events", &["--meter", METER, "--kind", "clock set", "--json"]).one();
    assert_eq!(log["count"], 1, "{log}");
}

#[test]
fn t24_passwords_are_in_no_audit_file_trace_or_talk() {
    if is_near_midnight() {
        return;
    }
    let bench = Bench::new();
    let extra = "clock_offset_seconds = -4000\n[[meter.password]]\nlevel = 4\ndigits = \"975318\"\n";
    let simulator = bench.world(&meter(extra));
    let password = bench.file("password", "975318\n");
    let order =
        ["--meter", METER, "--set", "--i-am-the-only-master", "--trace", "--password-file", &password];
    let said = at(simulator.listen(0), "time", &[&order[..], &["--audit-file", &bench.audit()]].concat());
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let kept = std::fs::read_to_string(bench.audit()).unwrap();
    for text in [&said.out, &said.talk, &kept] {
        // As written, as it stands on the wire, and with 33H added.
        for secret in ["975318", "18 53 97", "97 53 18", "4B 86 CA", "CA 86 4B", "185397"] {
            assert!(!text.contains(secret), "{secret} is in\n{text}");
        }
    }
    assert!(kept.contains("level 04, ******") && kept.contains("** ** ** **"), "{kept}");
    assert!(said.talk.contains("** ** ** **"), "{}", said.talk);
}

#[test]
fn f14_no_clock_is_set_when_the_meter_is_near_its_midnight() {
    let bench = Bench::new();
    // The meter shows 23:58 or so.
    let of_day = now().since(Day::of(now()).start()).as_secs();
    let offset = 86_400 - 120 - i64::try_from(of_day).unwrap();
    let simulator = bench.world(&meter(&format!("clock_offset_seconds = {offset}\n")));
    let password = bench.file("password", "000000\n");
    let order = ["--meter", METER, "--set", "--i-am-the-only-master", "--password-file", &password, "--json"];
    let said = at(simulator.listen(0), "time", &[&order[..], &["--audit-file", &bench.audit()]].concat());
    if said.one()["advice"] == "not_needed" {
        return;
    }
    assert_eq!(said.code, Some(1), "{}", said.talk);
    assert!(said.talk.contains("too near midnight") && said.talk.contains("临近零点"), "{}", said.talk);
    assert_eq!((bench.audited().len(), &said.one()["advice"]), (0, &"not_before".into()));
}

#[test]
fn i09_silence_after_an_order_is_unknown_and_it_is_not_repeated() {
    if is_near_midnight() {
        return;
    }
    let bench = Bench::new();
    let password = bench.file("password", "314159\n");
    for obeys in [false, true] {
        let fake = fake::Meter::start(METER, 100, obeys);
        let audit = bench.path(if obeys { "obeyed.jsonl" } else { "ignored.jsonl" });
        let order =
            ["--meter", METER, "--set", "--i-am-the-only-master", "--password-file", &password, "--json"];
        let more = ["--timeout", "150ms", "--retries", "3", "--audit-file", audit.to_str().unwrap()];
        let said = at(&fake.place(), "time", &[&order[..], &more].concat());
        assert_eq!(fake.orders(), 1, "an order is sent once, whatever --retries says");
        let entries = audited(&audit);
        let words: Vec<(&Value, &Value)> =
            entries.iter().map(|entry| (&entry["event"], &entry["outcome"])).collect();
        assert_eq!(words[..2], [(&"intent".into(), &Value::Null), (&"answer".into(), &"UNKNOWN".into())]);
        let outcome = if obeys { "DONE" } else { "UNKNOWN" };
        assert_eq!(words[2], (&"outcome".into(), &outcome.into()), "{entries:?}");
        assert_eq!(
            (said.code, &said.one()["outcome"]),
            (Some(i32::from(!obeys)), &outcome.into()),
            "{}",
            said.talk
        );
        if !obeys {
            assert!(said.talk.contains("look again before another order"), "{}", said.talk);
        }
    }
}

/// An order that is on its way is not forgotten because somebody loses patience.
#[test]
fn i09_an_order_that_is_given_up_by_hand_is_unknown() {
    if is_near_midnight() {
        return;
    }
    let bench = Bench::new();
    let password = bench.file("password", "314159\n");
    let fake = fake::Meter::start(METER, 100, false);
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(["time", "--tcp", &fake.place(), "--baud", "9600", "--meter", METER, "--timeout", "30s"])
        .args([
            "--set",
            "--i-am-the-only-master",
            "--password-file",
            &password,
            "--audit-file",
            &bench.audit(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let talk = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(talk).map(Result::unwrap);
    fake.wait_for_order();
    let pid = child.id().to_string();
    let interrupt = || assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    interrupt();
    assert!(lines.any(|line| line.contains("press Ctrl-C again")));
    interrupt();
    assert!(lines.any(|line| line.contains("UNKNOWN")));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(bench.audited().last().unwrap()["outcome"], "UNKNOWN");
    assert_eq!(fake.orders(), 1);
}
