//! What a meter remembers: freezes, load records, events.

use chaobiao::domain::Day;
use serde_json::Value;

use crate::simulator::Simulator;
use crate::{Bench, METER, at, meter, now, unpaced, yesterday};

#[test]
fn f14_a_daily_freeze_is_found_by_its_time_and_agrees_with_the_load_record() {
    let simulator = unpaced(&[]);
    let place = simulator.listen(0);
    let day = yesterday();
    let said = at(place, "freeze", &["--meter", METER, "--day", &day, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.talk);
    let freeze = said.one();
    assert_eq!((&freeze["ok"], &freeze["kind"]), (&true.into(), &"daily".into()));
    assert_eq!(freeze["at"], format!("{day}T00:00:00+08:00"));
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
        assert_eq!(said.one()["at"], format!("{}T00:00:00+08:00", today.plus(-days)));
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
    assert_eq!(holes, times.map(|time| format!("{day}T{time}:00+08:00")));
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
