//! `chaobiao decode` and `chaobiao di` as a user meets them: the real binary, its output and its exit codes.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn chaobiao(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn json(arguments: &[&str], input: &str) -> Vec<serde_json::Value> {
    let output = chaobiao(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const ANSWER: &str = "68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16";

#[test]
fn a_frame_is_one_json_object_with_the_agreed_keys() {
    let found = json(&["decode", "--json", "-"], &format!("0x0D,0x0A\nFE FE FE FE {ANSWER}"));
    assert_eq!(
        found[0],
        serde_json::json!({"protocol": null, "offset": 0, "length": 2, "garbage": "0d0a"}),
        "garbage in front"
    );
    let frame = &found[1];
    for (key, value) in serde_json::json!({
        "protocol": "dlt645-2007", "offset": 6, "length": 20, "preamble": 4, "direction": "response",
        "address": "123456789012", "control": "91", "function": "read data", "ok": true, "more": false,
        "sequence": null, "di": "00010000", "error": null,
    })
    .as_object()
    .unwrap()
    {
        assert_eq!(&frame[key], value, "{key}");
    }
    assert_eq!(frame["values"][0]["name"], "forward active energy, total");
    assert!(frame["values"][0]["name_zh"].as_str().unwrap().contains("正向有功总电能"));
    assert_eq!(
        (&frame["values"][0]["value"], &frame["values"][0]["unit"]),
        (&"1234.56".into(), &"kWh".into())
    );
}

#[test]
fn a_refusal_is_sound_and_a_bad_frame_is_not() {
    let refused = json(&["decode", "--json", "68 12 90 78 56 34 12 68 D1 01 35 8D 16"], "");
    assert_eq!((&refused[0]["ok"], &refused[0]["error"]), (&true.into(), &"no requested data".into()));
    let spoilt = json(&["decode", "--json", &ANSWER.replace(" 54 16", " 55 16")], "");
    assert_eq!((&spoilt[0]["ok"], &spoilt[0]["error"]), (&false.into(), &"checksum".into()));
    assert_eq!(spoilt[0]["values"], serde_json::json!([]));
}

#[test]
fn the_edition_option_settles_what_the_bytes_cannot_tell() {
    let broadcast = "68 99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53 16";
    assert_eq!(json(&["decode", "--json", broadcast], "")[0]["protocol"], "dlt645-2007");
    assert_eq!(json(&["decode", "--json", "--edition", "1997", broadcast], "")[0]["protocol"], "dlt645-1997");
}

#[test]
fn text_is_plain_when_piped_and_names_everything() {
    let output = chaobiao(&["decode", ANSWER], "");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
    for part in ["123456789012", "读数据", "00010000", "正向有功总电能", "1234.56 kWh", "56 34 12 00"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn wrong_usage_is_two_and_says_where() {
    for (input, place) in [("68 1G", "column 5"), ("68 123", "column 6"), ("", "no bytes")] {
        let output = chaobiao(&["decode", "-"], input);
        assert_eq!(output.status.code(), Some(2), "{input:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(place), "{:?}", output.stderr);
        assert!(output.stdout.is_empty());
    }
    assert_eq!(chaobiao(&["decode", "--no-such-option"], "").status.code(), Some(2));
}

#[test]
fn identifiers_are_found_by_code_and_by_words_of_both_languages() {
    let exact = json(&["di", "--json", "00010201"], "");
    assert_eq!((exact.len(), &exact[0]["unit"]), (1, &"kWh".into()));
    assert!(exact[0]["name"].as_str().unwrap().contains("tariff 2"));
    assert!(json(&["di", "--json", "daily freeze time"], "").iter().any(|row| row["di"] == "050600nn"));
    assert!(json(&["di", "--json", "日冻结", "正向有功"], "").iter().any(|row| row["di"] == "050601nn"));
    assert!(json(&["di", "--json", "9010"], "")[0]["name_zh"].as_str().unwrap().contains("正向有功总电能"));
    let nothing = chaobiao(&["di", "no such thing"], "");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(1), 0));
}
