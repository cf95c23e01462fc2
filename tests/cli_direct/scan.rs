//! Who is on a line.

use std::process::{Command, Stdio};

use crate::simulator::Simulator;
use crate::{Bench, METER, Said, at, chaobiao, meter, unpaced, yesterday};

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
    assert!(found["clock"].as_str().unwrap().ends_with("+08:00"), "{found}");
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
    let mut printed = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let found: serde_json::Value = serde_json::from_str(&printed.next().unwrap().unwrap()).unwrap();
    assert_eq!(found["address"], METER, "to programs, too");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(1));
    assert!(rest.iter().any(|line| line.contains("there may be more")), "{rest:?}");
    let again = printed.map(Result::unwrap).filter(|line| line.contains(METER)).count();
    assert_eq!(again, 0, "each is told once");

    let said = at(simulator.listen(0), "scan", &["--timeout", "200ms", "--limit", "4s", "--json"]);
    assert_eq!(said.code, Some(1));
    assert!(said.talk.contains("--limit gives more time"), "{}", said.talk);
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
    let said = wild(two.listen(0), "read", &["00010000", "--timeout", "200ms", "--retries", "0"]);
    let told = said.one();
    assert!(told["error"].as_str().unwrap().contains("(collision)"), "{told}");
    assert!(told["error_zh"].as_str().unwrap().contains("冲突"), "{told}");
}

#[test]
fn f12_what_answers_on_a_line_is_held_against_the_archive_and_written_on_a_sheet() {
    let bench = Bench::new();
    let simulator = unpaced(&[]);
    let path = |name: &str| bench.path(name).to_str().unwrap().to_owned();
    let (database, archive) = (path("store.db"), path("meters.csv"));
    let import = |asset: &str| {
        let text = format!(
            "户号,户名,计量点编号,通信地址,资产编号,规约,线路\n\
             1001,王,P1,{METER},{asset},645-2007,east\n1002,李,P2,202499990001,A2,645-2007,east\n"
        );
        std::fs::write(&archive, text).unwrap();
        let said = chaobiao(&["meters", "import", &archive, "--database", &database, "--confirm"]);
        assert_eq!(said.code, Some(0), "{}", said.talk);
    };
    import("A1");
    let against = |more: &[&str]| {
        let line = ["--timeout", "200ms", "--against", "east", "--database", &database];
        at(simulator.listen(0), "scan", &[&line[..], more].concat())
    };
    let said = against(&["--json", "--sheet", &path("east.html")]);
    assert_eq!(said.code, Some(1), "{}", said.talk);
    let lines = said.json();
    let own = lines[0]["asset_number"].as_str().unwrap().to_owned();
    assert!(own.starts_with("SIM-"), "{own}");
    let held = |line: &serde_json::Value| {
        let kinds: Vec<_> = line["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect();
        (line["address"].as_str().unwrap().to_owned(), line["answers"].as_bool().unwrap(), kinds)
    };
    assert_eq!(held(&lines[1]), (METER.to_owned(), true, vec!["other_asset_number".to_owned()]));
    assert_eq!(held(&lines[2]), ("202499990001".to_owned(), false, vec!["no_answer".to_owned()]));
    let page = std::fs::read_to_string(path("east.html")).unwrap();
    assert!(
        page.contains("线路调试单") && page.contains(&own) && page.contains("可能不是同一只表"),
        "{page}"
    );

    import(&own);
    let said = against(&["--sheet", &path("east.csv")]);
    assert!(said.out.contains("无应答") && !said.out.contains("资产编号"), "{}", said.out);
    assert!(said.talk.contains("1 meters are to be looked into"), "{}", said.talk);
    let table = std::fs::read_to_string(path("east.csv")).unwrap();
    assert!(table.lines().nth(1).unwrap().starts_with(&format!("{METER},相符 agrees")), "{table}");
    let again = against(&["--sheet", &path("east.csv")]);
    assert!(again.talk.contains("east.csv"), "a sheet that was signed is not written over: {}", again.talk);
    let elsewhere = at(simulator.listen(0), "scan", &["--against", "west", "--database", &database]);
    assert_eq!(elsewhere.code, Some(1), "{}", elsewhere.talk);
}
