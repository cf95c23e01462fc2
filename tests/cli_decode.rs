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
fn a_frame_of_modbus_has_the_keys_of_the_others() {
    let refused = &json(&["decode", "--json", "11 83 02 C1 34"], "")[0];
    for (key, value) in serde_json::json!({
        "protocol": "modbus-rtu", "offset": 0, "length": 5, "direction": "response", "address": "017", "control": "83",
        "function": "read holding registers", "function_zh": "读保持寄存器", "ok": true, "error": "illegal data address",
    })
    .as_object()
    .unwrap()
    {
        assert_eq!(&refused[key], value, "{key}");
    }
    assert!(refused.get("error_at").is_none(), "a refusal is sound");
    let spoilt = &json(&["decode", "--json", "11 03 10 00 00 02 C2 5C"], "")[0];
    assert_eq!(
        (&spoilt["ok"], &spoilt["error"], &spoilt["error_at"]),
        (&false.into(), &"checksum".into(), &6.into())
    );
    // Raw bytes are no text.
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
        .args(["decode", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[0x11, 0x83, 0x02, 0xC1, 0x34]).unwrap();
    let raw = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(raw.contains("illegal data address"), "{raw}");
    // Neither is a frame that is damaged or cut short.
    let whole = [0x68, 0x01, 0, 0, 0, 0, 0, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0xB4, 0x16];
    let mut damaged = whole;
    damaged[14] ^= 1;
    for bytes in [&damaged[..], &whole[..12]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chaobiao"))
            .args(["decode", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let raw = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(raw.contains("\"ok\":false"), "{raw}");
    }
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
fn bytes_that_are_none_are_one_and_say_where_and_wrong_usage_is_two() {
    for (input, place) in [("68 1G", "column 5"), ("68 123", "column 6"), ("", "no bytes"), ("", "没有字节")]
    {
        let output = chaobiao(&["decode", "-"], input);
        assert_eq!(output.status.code(), Some(1), "{input:?}");
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
    let of = |item: &str| {
        let rows = json(&["di", "--json", item], "");
        rows.iter().map(|row| row["di"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let total = of("1.8.0");
    assert!(["000100ss", "0001FFss", "9010"].iter().all(|di| total.iter().any(|row| row == di)), "{total:?}");
    assert!(!total.iter().any(|row| row.starts_with("0002")), "{total:?}");
    assert_eq!(of("1-0:32.7.0").first().map(String::as_str), Some("02010100"));
    let nothing = chaobiao(&["di", "no such thing"], "");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(1), 0));
}

/// A terminal's login; its checksum is the last but one.
const LOGIN: &str = "68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16";
/// A relay order with the password 020637 of level 02 and the operator code 00000001, forwarded.
const ORDER: &str = "68 12 01 12 01 68 4B 00 02 34 12 04 10 E7 00 00 01 00 1F 6B BC 0A 1C 00 68 61 10 01 30 12 15 68 1C 10 \
35 6A 39 35 34 33 33 33 4E 33 33 33 33 63 45 CC 2D 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 07 15 07 00 22 \
05 B5 16";

/// Each file of `tests/cli_decode/` holds the arguments of `decode` in its first line and below it what is shown.
#[test]
fn frames_are_shown_as_the_golden_files_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli_decode");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (given, expected) = text.split_once('\n').unwrap();
        let output = chaobiao(&["decode", given.strip_prefix("$ chaobiao decode ").unwrap()], "");
        assert!(output.status.success(), "{path:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{path:?}");
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "dlt698",
            "forwarded-answer",
            "forwarded-order",
            "forwarded-read",
            "freeze-answer",
            "heartbeat",
            "login",
            "mixed-stream",
            "modbus-either-way",
            "modbus-exception",
            "modbus-question-and-answer",
            "modbus-tcp",
            "modbus-wrong-check",
            "wrong-checksum",
        ]
    );
}

#[test]
fn a_terminal_frame_is_one_json_object_with_the_agreed_keys() {
    let answer = "68 AE 00 AE 00 68 A8 00 02 34 12 04 10 E0 00 00 01 00 1F 14 00 68 61 10 01 30 12 15 68 91 08 33 33 34 33 \
                  AB 39 33 33 49 16 4F 00 00 06 50 23 21 05 AE 16";
    let found = json(&["decode", "--json", "-"], &format!("0D FE {answer}"));
    assert_eq!(found.len(), 2, "the meter's frame is inside");
    let frame = &found[1];
    for (key, value) in serde_json::json!({
        "protocol": "qgdw1376.1", "offset": 2, "length": 51, "preamble": 1, "direction": "response",
        "address": "0200-1234", "control": "A8", "afn": "10", "seq": "E0", "ok": true, "more": false,
        "sequence": 0, "error": null,
    })
    .as_object()
    .unwrap()
    {
        assert_eq!(&frame[key], value, "{key}");
    }
    let unit = &frame["units"][0];
    assert_eq!(
        (&unit["pn"], &unit["fn"], &unit["name"]),
        (&"p0".into(), &"F1".into(), &"transparent relay".into())
    );
    assert_eq!(unit["values"][0]["value"], "31");
    let inner = &frame["inner"][0];
    assert_eq!(
        (&inner["protocol"], &inner["offset"], &inner["di"]),
        (&"dlt645-2007".into(), &23.into(), &"00010000".into())
    );
    assert_eq!(inner["values"][0]["value"], "6.78");
    let mut bytes = String::new();
    for line in frame["lines"].as_array().unwrap() {
        assert_eq!(line["offset"], bytes.len() / 2, "{line}");
        bytes.push_str(line["bytes"].as_str().unwrap());
    }
    assert_eq!(bytes, answer.replace(' ', "").to_lowercase(), "every byte is in one line");
}

/// A frame up of 1100-3039 as people paste it.
fn built(code: usize, afn: u8, body: &[u8]) -> String {
    let user = [&[0x88, 0x00, 0x11, 0x39, 0x30, 0x02, afn, 0x60][..], body].concat();
    let [low, high] = u16::try_from(user.len() << 2 | code).unwrap().to_le_bytes();
    let sum = user.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let frame = [&[0x68, low, high, low, high, 0x68][..], &user, &[sum, 0x16]].concat();
    frame.iter().map(|byte| format!("{byte:02X} ")).collect()
}

#[test]
fn every_object_has_the_keys_that_are_there_for_all() {
    let terminal = json(&["decode", "--json", LOGIN], "");
    let cut = json(&["decode", "--json", LOGIN.split_at(30).0], "");
    let other = "68 17 00 43 05 22 22 22 22 22 22 10 C1 D6 05 01 07 00 10 02 00 00 04 01 16";
    for frame in [&terminal[0], &cut[0], &json(&["decode", "--json", other], "")[0]] {
        assert!(frame["di"].is_null() && frame.as_object().unwrap().contains_key("di"), "{frame}");
        assert_eq!(frame["values"], serde_json::json!([]), "{frame}");
    }
    let modbus = &json(&["decode", "--json", "11 83 02 C1 34"], "")[0];
    assert_eq!(
        (&modbus["values"], modbus.get("di")),
        (&serde_json::json!([]), Some(&serde_json::Value::Null))
    );
    assert_eq!((&terminal[0]["length_code"], &cut[0]["length_code"]), (&2.into(), &2.into()));
    // The edition of 2005 is this protocol, too.
    let old = &json(&["decode", "--json", &built(1, 0x00, &[0, 0, 1, 0])], "")[0];
    assert_eq!((&old["protocol"], &old["length_code"]), (&"qgdw1376.1".into(), &1.into()));
    assert!(old["notes"][0]["zh"].as_str().unwrap().contains("130-2005"), "{old}");
    let text = chaobiao(&["decode", &built(1, 0x00, &[0, 0, 1, 0])], "").stdout;
    assert!(String::from_utf8(text).unwrap().contains("  qgdw1376.1 response"));
}

#[test]
fn units_of_terminals_have_tariffs_records_bits_and_names_of_their_own() {
    let unit =
        |afn: u8, body: &[u8]| json(&["decode", "--json", &built(2, afn, body)], "")[0]["units"][0].clone();
    let energies = unit(0x0C, &[0x01, 0x01, 0x01, 0x05, 0x01, 1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(energies["values"][1]["name"], "forward active energy of the period, total");
    assert_eq!((&energies["values"][1]["tariff"], &energies["values"][2]["tariff"]), (&0.into(), &1.into()));
    assert!(energies["values"][0].get("tariff").is_none());
    let power = [0x0E, 0x0A, 0, 1, 0x21, 8, 0x24, 0, 2, 0x21, 8, 0x24];
    let events = unit(0x0E, &[&[0, 0, 1, 0, 7, 0, 5, 7][..], &power, &power].concat());
    let records = events["records"].as_array().unwrap();
    assert_eq!((records.len(), events["values"].as_array().unwrap().len()), (2, 4));
    assert_eq!(records[1]["values"][0]["value"], "14");
    let time = unit(0x0E, &[0, 0, 1, 0, 7, 0, 5, 6, 0x15, 6, 0, 1, 0x21, 8, 0x24, 1]);
    assert_eq!(time["records"][0]["at"], "2024-08-21 01:00");
    let flags = unit(0x0C, &[0, 0, 0x80, 0, 0x01, 0x20, 0, 0, 0, 0, 0, 0]);
    let bits = flags["values"][0]["bits"].as_array().unwrap();
    let set: Vec<_> = bits.iter().filter(|bit| bit["value"] == 1).map(|bit| &bit["bit"]).collect();
    assert_eq!(set, [&serde_json::json!(0), &serde_json::json!(13)]);
    for (identifier, pn, function) in [
        ([0, 0, 0, 0], "p0", "F[00 00]"),
        ([1, 0, 1, 0], "p[01 00]", "F1"),
        ([1, 0, 0, 0xF0], "p[01 00]", "F[00 F0]"),
        ([3, 1, 3, 0x1F], "p1,p2", "F249,F250"),
    ] {
        let unit = unit(0x0C, &[&identifier[..], &[1, 2]].concat());
        assert_eq!((&unit["pn"], &unit["fn"]), (&pn.into(), &function.into()));
    }
}

#[test]
fn a_damaged_frame_of_the_other_protocol_says_what_is_wrong() {
    let get = "68 17 00 43 05 22 22 22 22 22 22 10 C1 D6 05 01 07 00 10 02 00 00 04 01 16";
    let found = |text: &str| json(&["decode", "--json", text], "")[0].clone();
    for (text, error, at) in [
        (get.replace("04 01 16", "04 02 16"), "checksum", 22),
        (get.replace("04 01 16", "04 01 17"), "end byte", 24),
        (get.split_at(60).0.to_owned(), "truncated", 20),
    ] {
        let frame = found(&text);
        assert_eq!((&frame["protocol"], &frame["ok"]), (&"dlt698.45".into(), &false.into()));
        assert_eq!((&frame["error"], &frame["error_at"]), (&error.into(), &at.into()), "{text}");
        assert_eq!((&frame["address"], &frame["function"]), (&"222222222222".into(), &"GET request".into()));
    }
}

#[test]
fn a_broken_terminal_frame_says_where_and_what_was_expected() {
    let frame = &json(&["decode", "--json", &LOGIN.replace(" 85 16", " 86 16")], "")[0];
    assert_eq!(
        (&frame["ok"], &frame["error"], &frame["error_at"]),
        (&false.into(), &"checksum".into(), &18.into())
    );
    assert_eq!(frame["notes"][0]["en"], "checksum is 86, should be 85");
    let cut = &json(&["decode", "--json", LOGIN.strip_suffix(" 00 85 16").unwrap()], "")[0];
    assert_eq!((&cut["error"], &cut["error_at"]), (&"truncated".into(), &17.into()));
    assert_eq!(cut["notes"][0]["en"], "cut short by 3 bytes");
}

/// Sound, with a wrong checksum outside, inside, cut off: neither password nor operator code nor a sum over them is shown.
#[test]
fn t24_a_forwarded_password_is_never_shown() {
    let spoilt = ORDER.replace(" B5 16", " B6 16");
    let spoilt_inside = ORDER.replace(" 2D 16 00", " 2E 16 00").replace(" B5 16", " B6 16");
    let cut = ORDER.split_at(47 * 3).0;
    for order in [ORDER, &spoilt, &spoilt_inside, cut] {
        for form in [&["decode", order][..], &["decode", "--json", order]] {
            let text = String::from_utf8(chaobiao(form, "").stdout).unwrap();
            let plain = text.to_uppercase().replace(' ', "");
            for secret in ["6A3935", "370602", "020637", "34333333", "00000001", "01000000", "SHOULDBE"] {
                assert!(!plain.contains(secret), "{secret} is shown in\n{text}");
            }
            assert!(text.contains("**"), "{text}");
        }
    }
}
