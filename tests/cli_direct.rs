//! `scan`, `time`, `freeze`, `load-profile` and `events` against simulated meters, as a user runs them: two processes, a
//! TCP port or a pseudo-terminal, real time.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

#[path = "cli_direct/fake.rs"]
mod fake;
#[path = "support/simulator.rs"]
mod simulator;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::{Day, Moment};
use serde_json::Value;
use simulator::Simulator;

const METER: &str = "202411110001";

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    talk: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            talk: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one object it printed.
    fn one(&self) -> Value {
        let all = self.json();
        assert_eq!(all.len(), 1, "{}{}", self.out, self.talk);
        all.into_iter().next().unwrap()
    }
}

fn chaobiao(arguments: &[&str]) -> Said {
    Said::of(&Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(arguments).output().unwrap())
}

/// A command against a line.
fn at(place: &str, command: &str, more: &[&str]) -> Said {
    let path = if place.starts_with('/') { "--serial" } else { "--tcp" };
    chaobiao(&[&[command, path, place, "--baud", "9600"][..], more].concat())
}

fn unpaced(more: &[&str]) -> Simulator {
    let line = ["--tcp", "127.0.0.1:0", "--meters", "1", "--baud", "9600", "--hold", "--unpaced"];
    Simulator::start(&[&line[..], more].concat())
}

/// A folder for one test, with a world of these meters in it.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn world(&self, meters: &str) -> Simulator {
        let bus = "seed = 5\n[[bus]]\nname = \"a\"\ntcp = \"127.0.0.1:0\"\nbaud = 9600\n";
        let file = self.file("world.toml", &format!("{bus}{meters}"));
        Simulator::start(&["--world", &file, "--unpaced"])
    }

    fn audit(&self) -> String {
        self.path("state/audit.jsonl").to_str().unwrap().to_owned()
    }

    fn audited(&self) -> Vec<Value> {
        audited(&self.path("state/audit.jsonl"))
    }
}

fn audited(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn meter(extra: &str) -> String {
    format!("[[meter]]\naddress = \"{METER}\"\nbus = \"a\"\n{extra}")
}

fn now() -> Moment {
    Clock::system().now()
}

/// Clocks are set at no time near midnight, and these tests may run then. (F14)
fn is_near_midnight() -> bool {
    let of_day = now().since(Day::of(now()).start());
    let margin = Duration::from_secs(15 * 60);
    of_day < margin || of_day + margin > Duration::from_secs(86_400)
}

fn yesterday() -> String {
    Day::of(now()).previous().to_string()
}

#[test]
fn scan_finds_the_only_meter_and_says_what_it_holds() {
    let simulator = unpaced(&[]);
    let said = at(simulator.listen(0), "scan", &["--timeout", "200ms", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let found = said.one();
    assert_eq!(found["address"], METER);
    assert_eq!(
        (&found["edition"], &found["baud"], &found["parity"]),
        (&"2007".into(), &9600.into(), &"8E1".into())
    );
    assert_eq!(found["forward_active"], simulator.meter(0)["values"][0]["value"]);
    assert_eq!(found["unit"], "kWh");
    assert!(found["clock"].as_str().unwrap().starts_with("20"), "{found}");
    assert!(said.talk.contains("at most 30 min in all") && said.talk.contains("1 found"), "{}", said.talk);
    let table = at(simulator.listen(0), "scan", &["--timeout", "200ms"]).out;
    assert!(table.contains("address") && table.contains("通信地址") && table.contains("9600 8E1"), "{table}");
}

#[test]
fn scan_tries_the_rates_of_a_serial_port() {
    let bench = Bench::new();
    let link = bench.path("line");
    let name = link.to_str().unwrap();
    let _simulator = Simulator::start(&["--pty", name, "--meters", "1", "--baud", "9600", "--hold"]);
    let line = ["scan", "--serial", name, "--timeout", "200ms", "--retries", "0", "--json"];
    let said = chaobiao(&[&line[..], &["--bauds", "2400,9600", "--parities", "even"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.talk);
    assert_eq!((&said.one()["address"], &said.one()["baud"]), (&METER.into(), &9600.into()));
    let wrong = chaobiao(&[&line[..], &["--baud", "2400", "--parity", "even"]].concat());
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(1), ""));
    assert!(wrong.talk.contains("nobody answers") && wrong.talk.contains("无应答"), "{}", wrong.talk);
}

#[test]
fn scan_over_tcp_leaves_the_rate_to_the_serial_server() {
    let said = chaobiao(&["scan", "--tcp", "127.0.0.1:1", "--baud", "2400,9600"]);
    assert_eq!(said.code, Some(2));
    assert!(said.talk.contains("serial server"), "{}", said.talk);
}

#[test]
fn scan_ended_by_hand_or_by_its_limit_lists_what_was_found() {
    let line = ["--tcp", "127.0.0.1:0", "--meters", "3", "--baud", "9600", "--hold", "--unpaced"];
    let simulator = Simulator::start(&line);
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(["scan", "--json", "--tcp", simulator.listen(0), "--baud", "9600", "--timeout", "200ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let talk = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(talk).map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with(METER)), "it tells each as it finds it");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1));
    assert!(rest.iter().any(|line| line.contains("there may be more")), "{rest:?}");
    assert!(said.json().iter().any(|found| found["address"] == METER), "{}", said.out);

    let said = at(simulator.listen(0), "scan", &["--timeout", "200ms", "--limit", "4s", "--json"]);
    assert_eq!(said.code, Some(1));
    assert!(said.talk.contains("--limit gives more time"), "{}", said.talk);
}

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

#[test]
fn whoever_is_there_is_named_and_several_are_told_apart_by_scan() {
    let bench = Bench::new();
    // One that says "more follows" and means "I have events".
    let one = bench.world(&meter("[meter.habits]\nflags_events = true\n"));
    let day = yesterday();
    let wild = |place: &str, command: &str, more: &[&str]| {
        at(place, command, &[&["--meter", "AAAAAAAAAAAA", "--json"][..], more].concat())
    };
    let noon = format!("{day} 12:00");
    let span = ["--from", noon.as_str(), "--to", noon.as_str()];
    for (command, more) in [
        ("freeze", &["--day", day.as_str(), "--all"][..]),
        ("load-profile", &span),
        ("events", &["--kind", "trip"]),
        ("time", &[]),
    ] {
        let said = wild(one.listen(0), command, more);
        assert_eq!(said.code, Some(0), "{command}: {}{}", said.out, said.talk);
        let name = if command == "time" { "address" } else { "meter" };
        assert_eq!(said.json()[0][name], METER, "{command}");
    }
    let two = Simulator::start(&["--tcp", "127.0.0.1:0", "--meters", "2", "--baud", "9600", "--unpaced"]);
    let said = wild(two.listen(0), "events", &["--timeout", "200ms", "--retries", "0"]);
    assert_eq!(said.code, Some(1));
    assert!(said.talk.contains("scan tells who is there"), "{}", said.talk);
}

#[test]
fn f14_a_daily_freeze_is_found_by_its_time_and_agrees_with_the_load_record() {
    let simulator = unpaced(&[]);
    let place = simulator.listen(0);
    let day = yesterday();
    let said = at(place, "freeze", &["--meter", METER, "--day", &day, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let freeze = said.one();
    assert_eq!((&freeze["ok"], &freeze["kind"]), (&true.into(), &"daily".into()));
    assert_eq!(freeze["at"], format!("{day} 00:00"));
    let total = &freeze["values"][0];
    assert_eq!(
        (&total["name"], &total["tariff"]),
        (&"forward active energy, total".into(), &0.into()),
        "{total}"
    );
    let span = ["--meter", METER, "--from", &day, "--to", &format!("{day} 00:00"), "--class", "4", "--json"];
    let records = at(place, "load-profile", &span).json();
    assert_eq!(records[0]["values"][0]["value"], total["value"], "the same register at the same moment");

    let week = at(place, "freeze", &["--meter", METER, "--back", "1-7", "--json"]).json();
    let times: Vec<&str> = week.iter().map(|freeze| freeze["at"].as_str().unwrap()).collect();
    assert_eq!(times.len(), 7);
    assert!(times.is_sorted_by(|one, next| one > next), "{times:?}");
    let none = at(place, "freeze", &["--meter", METER, "--day", "2001-02-03", "--json"]);
    assert_eq!((none.code, &none.one()["at"], &none.one()["ok"]), (Some(1), &Value::Null, &false.into()));
    let ahead = Day::of(now()).plus(2).to_string();
    assert_eq!(at(place, "freeze", &["--meter", METER, "--day", &ahead]).code, Some(2));
    assert_eq!(at(place, "freeze", &["--meter", METER, "--edition", "1997"]).code, Some(2));
    let text = at(place, "freeze", &["--meter", METER]).out;
    assert!(text.contains("total 总") && text.contains("正向有功电能"), "{text}");
}

/// Days without supply have no freeze, so counting back leads to the wrong day.
#[test]
fn f14_counting_back_over_a_power_cut_would_be_wrong_and_is_not_done() {
    let bench = Bench::new();
    let today = Day::of(now());
    let cut = format!(
        "[[meter.event]]\nkind = \"power-cut\"\nfrom = \"{} 12:00:00\"\nto = \"{} 12:00:00\"\n",
        today.plus(-6),
        today.plus(-3)
    );
    let simulator = bench.world(&meter(&cut));
    let freeze = |days: i64| {
        let day = today.plus(-days).to_string();
        at(simulator.listen(0), "freeze", &["--meter", METER, "--day", &day, "--json"])
    };
    for days in [0, 1, 2, 6, 7, 20] {
        let said = freeze(days);
        assert_eq!(said.code, Some(0), "{days}: {}{}", said.out, said.talk);
        assert_eq!(said.one()["at"], format!("{} 00:00", today.plus(-days)));
    }
    for days in [3, 4, 5] {
        let said = freeze(days);
        assert_eq!(said.code, Some(1), "{days}: {}", said.out);
        assert!(
            said.talk.contains("冻结") && said.one()["values"] == Value::Array(Vec::new()),
            "{}",
            said.out
        );
    }
}

#[test]
fn an_instant_freeze_is_ordered_audited_and_proved() {
    let bench = Bench::new();
    let link = bench.path("line");
    let name = link.to_str().unwrap();
    let _simulator = Simulator::start(&["--pty", name, "--meters", "1", "--baud", "9600", "--hold"]);
    let before = at(name, "freeze", &["--meter", METER, "--kind", "instant", "--json"]);
    assert_eq!((before.code, &before.one()["at"]), (Some(1), &Value::Null), "none yet");
    let order =
        ["--meter", METER, "--now", "--i-am-the-only-master", "--audit-file", &bench.audit(), "--json"];
    let said = at(name, "freeze", &order);
    assert_eq!((said.code, &said.one()["outcome"]), (Some(0), &"DONE".into()), "{}", said.talk);
    let events: Vec<Value> = bench.audited().iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(events, ["intent", "answer", "outcome"]);
    let after = at(name, "freeze", &["--meter", METER, "--kind", "instant", "--json"]);
    assert_eq!((after.code, &after.one()["at"]), (Some(0), &said.one()["at"]), "{}", after.talk);
}

#[test]
fn f18_a_load_profile_is_whole_and_its_holes_are_holes() {
    let bench = Bench::new();
    let day = yesterday();
    let cut = format!(
        "[[meter.event]]\nkind = \"power-cut\"\nfrom = \"{day} 03:10:00\"\nto = \"{day} 04:20:00\"\n"
    );
    let simulator = bench.world(&meter(&cut));
    let read = |more: &[&str]| {
        let span = ["--meter", METER, "--from", &day, "--to", &day];
        at(simulator.listen(0), "load-profile", &[&span[..], more].concat())
    };
    let said = read(&["--class", "4", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let all = said.json();
    let (summary, slots) = all.split_last().unwrap();
    assert_eq!(slots.len(), 96);
    let holes: Vec<&str> = slots
        .iter()
        .filter(|slot| slot["state"] == "hole")
        .map(|slot| slot["at"].as_str().unwrap())
        .collect();
    let times = ["03:15", "03:30", "03:45", "04:00", "04:15"];
    assert_eq!(holes, times.map(|time| format!("{day} {time}")));
    assert_eq!(
        (&summary["records"], &summary["holes"], &summary["complete"]),
        (&91.into(), &5.into(), &true.into())
    );
    assert_eq!(slots[0]["values"][0]["unit"], "kWh");
    assert_eq!(slots[0]["values"][0]["item"], "1-0:1.8.0");

    let csv = read(&["--class", "4", "--csv"]).out;
    assert!(csv.starts_with("\u{feff}meter,time,item,"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + 91 * 4 + 5);
    assert!(csv.contains(&format!("{METER},{day} 03:15,,,,,,hole")), "{csv}");
    let table = read(&[]).out;
    assert!(table.contains("91 records, 5 missing") && table.contains("缺失"), "{table}");
    assert!(table.contains(&format!("{day} 03:15 to {day} 04:15  5")), "{table}");
}

#[test]
fn f08_a_noisy_line_gives_the_same_profile_or_says_where_it_broke_off() {
    let clean = unpaced(&[]);
    let noisy = unpaced(&["--fault", "flip=30%", "--fault", "cut=30%", "--fault", "duplicate=40%"]);
    let day = yesterday();
    let read = |simulator: &Simulator, more: &[&str]| {
        let span =
            ["--meter", METER, "--from", &day, "--to", &format!("{day} 01:45"), "--json", "--class", "1"];
        at(simulator.listen(0), "load-profile", &[&span[..], more].concat())
    };
    let truth = read(&clean, &[]).json();
    let heard = read(&noisy, &["--timeout", "150ms", "--retries", "9", "--blocks", "1"]);
    assert_eq!(heard.code, Some(0), "{}", heard.talk);
    let slots =
        |all: &[Value]| all.iter().filter(|slot| slot.get("at").is_some()).cloned().collect::<Vec<_>>();
    assert_eq!(slots(&heard.json()), slots(&truth));
    let faults = noisy.stop()["faults"].clone();
    for kind in ["flip", "cut", "duplicate"] {
        assert!(faults[kind].as_u64() > Some(0), "{kind} did not happen: {faults}");
    }
    let silent = unpaced(&["--fault", "silence=100%"]);
    let said = read(&silent, &["--timeout", "100ms", "--retries", "0", "--interval", "15"]);
    assert_eq!((said.code, &said.one()["complete"]), (Some(1), &false.into()));
    assert!(said.talk.contains(&format!("not read from {day} 00:00")), "{}", said.talk);
}

#[test]
fn load_profiles_of_the_future_and_backwards_are_refused() {
    let ahead = Day::of(now()).plus(1).to_string();
    let simulator = unpaced(&[]);
    let read = |from: &str, to: &str| {
        at(simulator.listen(0), "load-profile", &["--meter", METER, "--from", from, "--to", to])
    };
    assert_eq!(read(&ahead, &ahead).code, Some(2));
    assert_eq!(read("2026-02-02", "2026-02-01").code, Some(2));
    let said = read("2026-02-30", "2026-03-01");
    assert_eq!(said.code, Some(2));
    assert!(said.talk.contains("expected 2026-11-21"), "{}", said.talk);
}

#[test]
fn events_are_counted_and_the_last_ones_listed_in_both_languages() {
    let simulator = unpaced(&[]);
    let place = simulator.listen(0);
    let said = at(place, "events", &["--meter", METER]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    for word in ["power-down  掉电: once  1次", "cover open  开表盖", "trip  跳闸", " to 20"] {
        assert!(said.out.contains(word), "{word} is not in\n{}", said.out);
    }
    let told = at(place, "events", &["--meter", METER, "--kind", "跳闸", "--json"]).one();
    assert_eq!((&told["count"], &told["kind"], &told["ok"]), (&1.into(), &"trip".into(), &true.into()));
    assert_eq!(told["records"][0]["back"], 1);
    assert!(told["records"][0]["values"].as_array().unwrap().len() > 5, "{told}");
    let counts = at(place, "events", &["--meter", METER, "--json", "--last", "0"]).json();
    assert!(counts.len() > 50 && counts.iter().all(|kind| kind["records"] == Value::Array(Vec::new())));
    let wrong = at(place, "events", &["--meter", METER, "--kind", "no such thing"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.talk.contains("voltage loss, phase A  A相失压"), "{}", wrong.talk);
    let elsewhere = ["--meter", "202411119999", "--timeout", "100ms", "--retries", "0"];
    for command in ["events", "freeze"] {
        let silent = at(place, command, &elsewhere);
        assert_eq!(silent.code, Some(1), "{command}");
        assert!(silent.talk.contains("a meter of 1997 does not answer this"), "{}", silent.talk);
    }
    assert_eq!(at(place, "events", &elsewhere).out, "", "asked once and not fifty times");
}
