//! What people are shown for good, bad and strange bytes.

use super::*;
use crate::edition::Edition;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| *byte != b' ').collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn frames(hex: &str) -> Vec<FramePiece> {
    pieces(&bytes(hex), None)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Frame(frame) => Some(*frame),
            Piece::Garbage(_) => None,
        })
        .collect()
}

fn only(hex: &str) -> FramePiece {
    let mut frames = frames(hex);
    assert_eq!(frames.len(), 1, "{frames:?}");
    frames.remove(0)
}

/// A frame of meter 123456789012 with these plain data.
fn made(control: u8, plain: &str) -> String {
    let address = "123456789012".parse::<crate::address::MeterAddress>().unwrap().field();
    let data = bytes(plain);
    let frame = crate::frame::Frame { address, control: crate::control::Control(control), data: &data };
    hex(&frame.to_bytes().unwrap())
}

fn values(frame: &FramePiece) -> Vec<(&str, Option<&str>)> {
    frame.values.iter().map(|value| (value.name.as_str(), value.value.as_deref())).collect()
}

fn notes(frame: &FramePiece) -> String {
    frame.notes.iter().map(|note| note.en.as_str()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_demand_carries_its_time_and_a_block_its_tariffs() {
    let demand = only(&made(0x91, "00 00 01 01 34 12 00 15 10 21 11 26"));
    assert_eq!(values(&demand), [("forward active maximum demand, total", Some("0.1234"))]);
    assert_eq!(demand.values[0].at.as_deref(), Some("2026-11-21 10:15"));
    assert_eq!(demand.values[0].item.as_deref(), Some("1-0:1.6.0"));
    let block = only("68010044235200689118 33323433BC3633333333333333333333BC3633333333333313 16");
    let tariffs: Vec<_> =
        block.values.iter().map(|value| (value.tariff, value.value.as_deref().unwrap())).collect();
    assert_eq!(
        tariffs,
        [(Some(0), "3.89"), (Some(1), "0.00"), (Some(2), "0.00"), (Some(3), "3.89"), (Some(4), "0.00")]
    );
}

#[test]
fn a_refusal_names_its_bits_and_is_a_sound_frame() {
    let refused = only("68 60 07 92 04 00 91 68 D1 01 37 67 16");
    assert!(refused.ok);
    assert_eq!(refused.error_code.as_deref(), Some("04"));
    assert!(refused.error.unwrap().contains("password"), "04H is a bit, not the number four");
    let relay = only("68 12 90 78 56 34 12 68 C3 02 3B 33 B9 16");
    assert!(relay.error.unwrap().contains("identity"));
}

#[test]
fn the_fixed_parts_of_orders_are_named() {
    let said = |control, plain| {
        let frame = only(&made(control, plain));
        frame
            .values
            .iter()
            .map(|value| format!("{} {}", value.name, value.value.as_deref().unwrap_or("-")))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(0x15, "12 90 78 56 34 12"), ["new address 123456789012"]);
    assert_eq!(said(0x0A, "12 90 78 56 34 12"), ["new address 123456789012"]);
    assert_eq!(said(0x98, "02 66 55 44"), ["new access level 02", "new password 445566"]);
    assert_eq!(said(0x8F, "02 66 55 44"), ["new access level 02", "new password 445566"]);
    assert_eq!(said(0x10, "02 56 34 12"), ["access level 02", "password 123456"]);
    let clear = said(0x1B, "02 56 34 12 78 56 34 12 FF 00 01 03");
    assert_eq!(
        clear,
        ["access level 02", "password 123456", "operator code 12345678", "events to clear 030100FF"]
    );
}

#[test]
fn a_refusal_of_any_form_stays_one() {
    let refused = |control, plain| {
        let frame = only(&made(control, plain));
        assert!(frame.ok);
        (frame.error.unwrap(), frame.error_code)
    };
    assert_eq!(refused(0xD1, "80"), ("reserved bit 7".to_owned(), Some("80".to_owned())));
    assert_eq!(refused(0xC3, "81 80").0, "other error; reserved bit 7; reserved bit 15");
    assert_eq!(refused(0xC3, "08 00").1, Some("0008".to_owned()));
    assert_eq!(refused(0xDC, "20 00").0, "trip failed: supply hold");
    assert_eq!(refused(0xD1, "00").0, "refused without a reason");
    assert_eq!(refused(0xD1, "00 00 01 00 02").0, "no requested data", "the identifier in front of it");
    for odd in ["", "02 00", "00 00 01 00 02 00"] {
        assert_eq!(refused(0xD1, odd), ("refused, the reason cannot be read".to_owned(), None));
    }
}

#[test]
fn sealed_orders_keep_their_cipher_text_whole() {
    let said = |control, plain: &str| {
        let frame = only(&made(control, plain));
        frame
            .values
            .iter()
            .map(|value| {
                format!("{} {}", value.name, value.value.as_deref().or(value.raw.as_deref()).unwrap_or("-"))
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let authority = "98 00 00 00 78 56 34 12";
    let sealed = "access level 98, password 000000, operator code 12345678, cipher text and MAC";
    let (short, long) =
        ("11 22 33 44 55 66 77 88", "00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 01 02 03 04");
    for control in [0x19, 0x1A, 0x1B, 0x1C] {
        for cipher in [short, long] {
            let expected = format!("{sealed} {}", cipher.replace(' ', "").to_lowercase());
            assert_eq!(said(control, &format!("{authority} {cipher}")), expected);
        }
    }
    assert_eq!(said(0x14, &format!("02 01 00 04 {authority} {short}")), format!("{sealed} 1122334455667788"));
    let signed = said(0x14, "02 01 00 04 99 00 00 00 78 56 34 12 30 15 10 11 22 33 44");
    assert!(signed.ends_with("operator code 12345678, time of day 10:15:30, MAC 11223344"), "{signed}");
}

#[test]
fn authentication_is_laid_out_both_ways() {
    let parts = "78 56 34 12 1111111111111111 2222222222222222 12 90 78 56 34 12 00 00";
    let request = only(&made(0x03, &format!("FF 00 00 07 {parts}")));
    let names: Vec<&str> = request.values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["operator code", "cipher text 1", "random number 1", "dispersion factor"]);
    assert_eq!(request.values[3].value.as_deref(), Some("0000123456789012"));
    assert!(request.notes.is_empty(), "{:?}", request.notes);
    let end = only(&made(0x03, "FF 02 00 07 78 56 34 12"));
    assert_eq!((end.values.len(), end.notes.len()), (1, 0), "{end:?}");
}

#[test]
fn some_meters_are_written_without_a_password() {
    let bare = only(&made(0x04, "11 C0 30 15 10"));
    assert_eq!(values(&bare), [("time of day", Some("10:15:30"))]);
    assert!(notes(&bare).contains("without a password"));
    let date = only(&made(0x04, "10 C0 03 21 11 26"));
    assert_eq!(values(&date), [("date and weekday", Some("2026-11-21 weekday 03"))]);
    assert_eq!(only(&made(0x04, "11 C0 02 56 34 12 30 15 10")).values.len(), 3);
}

#[test]
fn a_freeze_order_says_when() {
    for (plain, when) in [
        ("99 99 99 99", "freeze at once"),
        ("30 99 99 99", "freeze every hour at minute 30"),
        ("00 00 99 99", "freeze every day at 00:00"),
        ("00 12 01 99", "freeze every month on day 01 at 12:00"),
        ("15 10 21 11", "freeze on 11-21 at 10:15"),
    ] {
        assert_eq!(notes(&only(&made(0x16, plain))), when);
    }
}

#[test]
fn a_request_names_what_it_asks_for() {
    let read = only(&made(0x11, "00 01 01 02"));
    assert_eq!(read.di_name.as_deref(), Some("phase A voltage"));
    assert!(read.di_name_zh.unwrap().contains("A相电压"));
    assert_eq!(only(&made(0x11, "78 56 34 F2")).di_name, None);
}

#[test]
fn an_event_is_a_record_with_its_time() {
    let loss = only(&made(0x91, "01 00 05 03 30 15 10 21 11 26 34 12 00 00 00 00 00 00 00"));
    let [record] = loss.records.as_slice() else { panic!("{loss:?}") };
    assert_eq!((record.at.as_deref(), record.ok), (Some("2026-11-21 10:15:30"), true));
    let said: Vec<_> =
        record.values.iter().map(|value| (value.name.as_str(), value.value.as_deref())).collect();
    assert_eq!(said, [("start", Some("2026-11-21 10:15:30")), ("current", Some("1.234")), ("end", None)]);
    let set = only(&made(0x91, "01 04 30 03 78 56 34 12 30 15 10 21 11 26 35 15 10 21 11 26"));
    let said: Vec<_> = set.records[0].values.iter().map(|value| value.value.as_deref().unwrap()).collect();
    assert_eq!(said, ["12345678", "2026-11-21 10:15:30", "2026-11-21 10:15:35"]);
    assert!(only(&made(0x91, "00 00 11 03 05 00 00")).records.is_empty(), "a count is a value");
}

#[test]
fn blocks_that_are_odd_are_read_as_far_as_they_go() {
    let words = only(&made(0x91, "FF 05 00 04 00 00 00 00 50 00 00 00 00 00 00 00 00 00 01 02"));
    assert_eq!((words.values.len(), words.values[7].value.as_deref()), (8, Some("0201")));
    let freeze = only(&made(0x91, &format!("01 FF 06 05 00 00 21 11 26 {}", "56 34 12 00 ".repeat(10))));
    assert!(notes(&freeze).contains("read it part by part"), "{}", notes(&freeze));
    let none = only(&made(0x91, "01 00 00 06"));
    assert!(notes(&none).contains("no record") && none.values[0].absent == Some("no data"));
    let voltages = "01 22 02 22 99 21 34 12 00 00 12 00 80 11 00 01 50 AA AA AA AA AA";
    let block = only(&made(0x91, &format!("01 00 00 06 A0 A0 1C 15 10 21 11 26 {voltages} 00 E5")));
    assert_eq!(block.records.len(), 1, "five separators: {block:?}");
    let cut = only(&made(0xB1, "01 00 01 06 A0 A0 1C 15 10 21 11 26 01 22"));
    assert!(notes(&cut).contains("goes on in the next frame"), "{}", notes(&cut));
}

#[test]
fn makers_of_the_old_edition_are_understood() {
    let voltage = only(&made(0x81, "11 B6 01 22"));
    assert_eq!(values(&voltage), [("phase A voltage", Some("220.1"))]);
    assert!(notes(&voltage).contains("tenths"));
    assert_eq!(values(&only(&made(0x81, "11 B6 23 02"))), [("phase A voltage", Some("223"))]);
    let block = only(&made(0x81, "1F B6 01 22 00 00 99 21 AA"));
    let said: Vec<_> = block.values.iter().map(|value| value.value.as_deref().unwrap()).collect();
    assert_eq!(said, ["220.1", "0.0", "219.9"]);
    let factor = only(&made(0x81, "50 B6 87 89"));
    assert_eq!(factor.values[0].value.as_deref(), Some("8.987"));
    assert!(notes(&factor).ends_with("this is -0.987"), "{}", notes(&factor));
    assert!(notes(&only(&made(0x81, "50 B6 00 15"))).contains("outside of -1 to 1"));
    let power = only(&made(0x81, "30 B6 50 79 80"));
    assert_eq!(power.values[0].value.as_deref(), Some("80.7950"));
    assert!(notes(&power).contains("-0.7950 kW"), "{}", notes(&power));
    let both = only(&made(0x81, "FF 90 56 34 12 00 AA 00 00 01 00 AA"));
    assert_eq!(
        values(&both),
        [("forward active energy, total", Some("1234.56")), ("reverse active energy, total", Some("100.00"))]
    );
    assert!(only(&made(0x81, "FF 90 56 34 12 00 01")).values[0].raw.is_some());
}

#[test]
fn what_no_meter_can_measure_is_remarked() {
    for (plain, outside) in [
        ("00 00 06 02 00 15", "1.500 is outside of -1 to 1"),
        ("00 01 07 02 99 99", "999.9 is outside of 0 to 360"),
        ("00 FF 06 02 00 10 00 10 00 12 00 90", "phase B power factor: 1.200"),
    ] {
        let frame = only(&made(0x91, plain));
        assert!(notes(&frame).contains(outside), "{plain}: {}", notes(&frame));
    }
    assert_eq!(notes(&only(&made(0x91, "00 00 06 02 00 90"))), "", "-1.000");
}

// covers [645-1997 4 blocks]
#[test]
fn a_block_of_kinds_without_marks_is_of_no_kind() {
    let energy = "56 34 12 00 ";
    for plain in [
        format!("FF 90 {}", energy.repeat(10)),
        format!("FF 91 {}", energy.repeat(12)),
        format!("FF 90 {energy}AA"),
    ] {
        let block = only(&made(0x81, &plain));
        assert_eq!(values(&block), [("block of several kinds", None)], "{plain}");
        assert!(notes(&block).contains("read them one by one"), "{}", notes(&block));
    }
}

// covers [645-1997 4 blocks]
#[test]
fn a_block_of_parameters_is_its_members() {
    let said = |plain: &str| -> Vec<String> {
        let frame = only(&made(0x81, plain));
        frame.values.iter().map(|value| value.value.clone().or_else(|| value.raw.clone()).unwrap()).collect()
    };
    let clock = ["2026-11-21 weekday 06", "10:15:30"];
    assert_eq!(said("1F C0 06 21 11 26 30 15 10"), clock);
    assert_eq!(said("1F C0 06 21 11 26 30 15 10 AA"), clock);
    assert_eq!(said("1F C0 06 21 11 26 AA 30 15 10 AA"), clock);
    assert_eq!(said("1F C0 06 21 11 26 30 15"), ["062111263015"], "cut short");
    assert_eq!(
        said("2F C3 01 01 01 02 01 07").len(),
        only(&made(0x81, "21 C3 01 01 01")).values.len() * 2,
        "two seasons of 14"
    );
    assert_eq!(said("3F C0 00 12 00 00 64 00").len(), 1, "not all of them");
}

#[test]
fn a_follow_on_frame_by_itself_is_not_split() {
    // The last tariff of a long block is no total.
    let piece = only("681290785634126892093332343389673333347716");
    assert_eq!((piece.sequence, piece.values[0].value.as_deref()), (Some(1), None), "{piece:?}");
    assert!(notes(&piece).contains("part of a longer answer"));
    for control in [0x82, 0xA2] {
        let old = only(&made(control, "1F 90 22 22 00 00 33 33 00 00"));
        assert_eq!((old.values.len(), old.values[0].raw.as_deref()), (1, Some("2222000033330000")));
    }
}

// covers [645-1997 3 subsequent]
#[test]
fn follow_on_frames_of_the_old_edition_are_joined_without_numbers() {
    let (first, second, third) =
        ("1F 90 00 01 00 00 11 00 00 00", "1F 90 22 00 00 00", "1F 90 33 00 00 00 34 00 00 00");
    let joined = |said: &[(u8, &str)]| -> Vec<String> {
        let stream: String = said.iter().map(|(control, plain)| made(*control, plain)).collect();
        let last = frames(&stream).pop().unwrap();
        last.values.iter().map(|value| value.value.clone().unwrap_or_else(|| "raw".to_owned())).collect()
    };
    let whole = ["1.00", "0.11", "0.22", "0.33", "0.34"];
    assert_eq!(
        joined(&[(0xA1, first), (0x02, "1F 90"), (0xA2, second), (0x02, "1F 90"), (0x82, third)]),
        whole
    );
    assert_eq!(
        joined(&[(0xA1, first), (0xA2, second), (0x03, ""), (0xA3, second), (0x82, third)]),
        whole,
        "said twice"
    );
    assert_eq!(
        joined(&[(0xA1, first), (0x03, ""), (0xA3, second), (0x82, third)]),
        whole,
        "not heard the first time"
    );
    assert_eq!(joined(&[(0xA1, first), (0xA2, second), (0x82, third), (0x03, ""), (0x83, third)]), whole);
    assert_eq!(joined(&[(0xA1, first), (0x82, "2F 90 33 00 00 00")]), ["raw"], "of another identifier");
    assert_eq!(joined(&[(0xA2, second), (0x82, third)]), ["raw"]);
}

// covers [645-2007 8 identifiers]
#[test]
fn registers_of_phases_and_the_long_event_status_are_in_the_dictionary() {
    let phase = only(&made(0x91, &format!("FF 00 15 00 {}", "56 34 12 00 ".repeat(13))));
    assert_eq!((phase.values.len(), phase.values[12].value.as_deref()), (13, Some("1234.56")));
    assert!(phase.values[12].name.ends_with("settlement day 12 back"), "{}", phase.values[12].name);
    let demand = only(&made(0x91, &format!("FF 00 15 01 {}", "34 12 00 15 10 21 11 26 ".repeat(13))));
    assert_eq!(demand.values.len(), 13, "{demand:?}");
    let words = "01 00 ".repeat(6);
    for (plain, count) in
        [(words.clone(), 6), (format!("AA {words} AA"), 6), (format!("AA {words} 02 AA 05 AA"), 9)]
    {
        let status = only(&made(0x91, &format!("01 15 00 04 {plain}")));
        assert_eq!((status.values.len(), notes(&status).as_str()), (count, ""), "{plain}");
    }
}

#[test]
fn a_re_read_value_is_no_authentication() {
    let again = only("6812907856341268830643c3893a45335016");
    assert_eq!((again.protocol, again.di.as_deref()), ("dlt645-1997", Some("9010")));
    assert_eq!(values(&again), [("forward active energy, total", Some("1207.56"))]);
}

// covers [645-2007 12 blocks] [645-2007 11 blocks]
#[test]
fn f09_a_time_that_is_none_is_shown_as_none() {
    let energies = "56 34 12 00 00 00 00 00 11 11 00 00 22 22 00 00";
    for (time, why) in [("FF FF FF FF FF", "filled with FF"), ("00 00 00 00 00", "never happened")] {
        let block = format!("A0 A0 1B {time} AA AA AA {energies} AA AA AA");
        let record = only(&made(0x91, &format!("01 00 04 06 {block} 00 E5")));
        let [record] = record.records.as_slice() else { panic!("{record:?}") };
        assert_eq!((record.at.as_deref(), record.at_absent), (None, Some(why)));
        let freeze = only(&made(0x91, &format!("01 FF 06 05 {time} AA {energies} AA AA")));
        assert_eq!(freeze.values.len(), 1 + 4, "{freeze:?}");
        assert_eq!(
            (freeze.values[0].absent, freeze.values[0].at_absent),
            (Some(why), None),
            "the time itself"
        );
        assert_eq!((freeze.values[1].at.as_deref(), freeze.values[1].at_absent), (None, Some(why)));
    }
    let freeze = only(&made(0x91, &format!("01 FF 06 05 00 00 21 11 26 AA {energies} AA AA")));
    let at: Vec<_> = freeze.values.iter().map(|value| value.at.as_deref()).collect();
    assert_eq!(
        at,
        [
            None,
            Some("2026-11-21 00:00"),
            Some("2026-11-21 00:00"),
            Some("2026-11-21 00:00"),
            Some("2026-11-21 00:00")
        ]
    );
}

// covers [645-2007 12 blocks]
#[test]
fn f18_a_faulty_block_ends_where_its_count_says() {
    let good = "A0 A0 1B 30 10 21 11 26 AA AA AA 56 34 12 00 00 00 00 00 11 11 00 00 22 22 00 00 AA AA AA";
    let faulty = "E0 E0 0B 15 10 21 11 26 FF FF FF FF FF FF";
    let answer = only(&made(0x91, &format!("01 00 04 06 {faulty} 00 E5 {good} 00 E5")));
    let seen: Vec<_> = answer.records.iter().map(|record| (record.ok, record.values.len())).collect();
    assert_eq!(seen, [(false, 0), (true, 4)], "{answer:?}");
}

#[test]
fn authentication_without_an_operator_code_is_told() {
    let parts = "1111111111111111 2222222222222222 12 90 78 56 34 12 00 00";
    let bare = only(&made(0x03, &format!("FF 00 00 07 {parts}")));
    let names: Vec<&str> = bare.values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names, ["cipher text 1", "random number 1", "dispersion factor"]);
    assert!(notes(&bare).contains("no operator code"));
    let query = only(&made(0x03, "FF 02 81 07"));
    assert_eq!((query.protocol, query.di.as_deref()), ("dlt645-2007", Some("078102FF")), "{query:?}");
    assert!(notes(&query).contains("no operator code") && query.values.is_empty());
}

#[test]
fn orders_of_odd_forms_show_what_they_hold() {
    for (time, says) in [("00", "no deadline"), ("99", "no deadline")] {
        let order = only(&made(0x1C, &format!("02 00 00 00 78 56 34 12 1A 00 {}", time.repeat(6))));
        assert_eq!(order.values.last().unwrap().absent, Some(says));
    }
    let bare = only(&made(0x14, "02 01 00 04 30 15 10"));
    assert_eq!(values(&bare), [("time of day", Some("10:15:30"))]);
    assert!(notes(&bare).contains("no meter of 2007 takes it"));
    let password = only(&made(0x18, "02 56 34 12 02 66 55 44"));
    assert_eq!(password.values.len(), 4, "{password:?}");
}

#[test]
fn each_kind_of_broken_frame_has_its_word() {
    let word = |hex| only(hex).error.unwrap();
    assert_eq!(word("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 55 16"), "checksum");
    assert_eq!(word("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 17"), "end byte");
    assert_eq!(word("68 12 90 78 56 34 12 68 91 07 33 33 34 33 89 67 45 33 54 16"), "length");
    assert_eq!(word("68 12 90 78 56 34 12 68 91 FF 33 33 34 33 89 67 45 33 54 16"), "length");
    assert_eq!(word("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89"), "truncated");
    let good = "68 12 90 78 56 34 12 68 94 00 1A 16";
    for cut in 2..12 {
        let cut_then_good = format!("{}{good}", &good[..cut * 3]);
        let found = frames(&cut_then_good);
        assert!(found.last().unwrap().ok, "{cut}");
        assert_eq!(found.iter().filter(|frame| frame.ok).count(), 1);
        assert!(
            found.iter().filter(|frame| !frame.ok).all(|frame| frame.error.as_deref() == Some("truncated"))
        );
    }
}

#[test]
fn causes_are_named() {
    assert!(
        notes(&only("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 55 16")).contains("should be 54")
    );
    let cut = only("68 12 90 78 56 34 12 68 91 08 33 33 34 33 89");
    assert!(notes(&cut).contains("cut short by 5 bytes"));
    assert_eq!(cut.error_zh.as_deref(), Some("帧不完整"));
    let by_one = only("68 12 90 78 56 34 12 68 94 00 1A");
    assert!(notes(&by_one).ends_with("by 1 byte"));
    let no_length = frames("68 12 90 78 56 34 12 68 12 90 78 56 34 12 68 94 00 1A 16");
    assert_eq!(notes(&no_length[0]), "cut short by at least 5 bytes", "the length is the next frame's");
    let no_offset = only("68 12 90 78 56 34 12 68 11 04 00 00 01 00 9C 16");
    assert!(notes(&no_offset).contains("33H seems not to have been added"), "{}", notes(&no_offset));
    let turned =
        frames("68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16 68 12 34 56 78 90 12 68 94 00 1A 16");
    assert_eq!(turned.len(), 2);
    let other = frames("68 12 90 78 56 34 00 68 11 04 33 33 34 33 56 16 68 00 34 56 78 90 12 68 94 00 08 16");
    assert!(notes(&other[1]).contains("turned round"), "{other:?}");
    let no_parity = pieces(&bytes("00 E8 12 90 78 56 B4 12 E8 11 84 33 33 B4 33 68 96"), None);
    let Piece::Garbage(garbage) = &no_parity[0] else { panic!("{no_parity:?}") };
    assert!(garbage.notes[0].en.contains("parity"));
}

#[test]
fn what_deviates_is_marked_and_never_shown_as_the_standards_value() {
    let five_bytes = only("68 01 00 00 00 00 00 68 91 09 33 33 34 33 6A 59 33 33 34 95 16");
    assert_eq!(values(&five_bytes), [("forward active energy, total", None)]);
    assert!(notes(&five_bytes).contains("5 data bytes where 4 are expected"));
    assert!(notes(&five_bytes).contains("0100002637"));
    let filled = only("68 12 90 78 56 34 12 68 91 08 33 33 34 33 32 32 32 32 B4 16");
    assert_eq!((filled.values[0].value.clone(), filled.values[0].absent), (None, Some("filled with FF")));
    let unknown = only(&made(0x91, "00 00 F0 00 65 19 00 00"));
    assert_eq!(unknown.values[0].raw.as_deref(), Some("65190000"));
    assert!(unknown.values[0].name.contains("unknown"));
}

#[test]
fn follow_on_frames_are_joined() {
    let mut record = "30 15 10 21 11 26 78 56 34 12".to_owned();
    record.push_str(&"00".repeat(192));
    let record = hex(&bytes(&record));
    let (front, tail) = record.split_at(196 * 2);
    let stream = [
        made(0xB1, &format!("01023003{front}")),
        made(0x12, "0102300301"),
        made(0x92, &format!("01023003{tail}01")),
    ];
    let first = bytes(&stream.concat());
    let found = pieces(&first, None);
    let Piece::Frame(last) = found.last().unwrap() else { panic!() };
    assert_eq!(last.sequence, Some(1));
    assert!(notes(last).contains("2 frames joined"), "{last:?}");
    let [record] = last.records.as_slice() else { panic!("{last:?}") };
    assert_eq!(record.at.as_deref(), Some("2026-11-21 10:15:30"));
    assert_eq!(record.values.len(), 1 + 24, "the operator and the demands");
    assert_eq!(record.values[0].at, None, "the record says when");
    assert_eq!((record.values[1].at.as_deref(), record.values[1].at_absent), (None, Some("never happened")));
}

#[test]
fn the_edition_is_told_by_the_bytes_or_by_the_caller() {
    let broadcast = bytes("68 99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53 16");
    let protocol = |edition| match &pieces(&broadcast, edition)[0] {
        Piece::Frame(frame) => frame.protocol,
        Piece::Garbage(_) => "none",
    };
    assert_eq!(protocol(None), "dlt645-2007");
    assert_eq!(protocol(Some(Edition::E1997)), "dlt645-1997");
    assert_eq!(only("68 54 07 13 00 80 13 68 81 06 43 C3 34 33 33 33 2B 16").protocol, "dlt645-1997");
}

// covers [645-2007 7] [645-1997 5]
#[test]
fn words_are_shown_bit_by_bit() {
    let set = |frame: &FramePiece| -> Vec<String> {
        let bits = frame.values[0].bits.iter().filter(|bits| bits.value != 0);
        bits.map(|bits| format!("{} {}", bits.name, bits.meaning)).collect()
    };
    let open = only(&made(0x91, "03 05 00 04 50 00"));
    assert_eq!(open.values[0].value.as_deref(), Some("0050"));
    assert_eq!(set(&open), ["relay state open", "relay command open"]);
    let old = only(&made(0x81, "20 C0 14"));
    assert_eq!(old.values[0].value.as_deref(), Some("14"));
    assert_eq!(set(&old).len(), 2, "battery and direction: {:?}", set(&old));
}

// covers [645-1997 4 blocks] [645-1997 8]
#[test]
fn a_block_of_the_old_edition_may_end_with_aa_or_not() {
    let tariffs = "56 34 12 00 00 00 01 00 00 00 05 00 00 00 06 00 56 34 00 00";
    for end in ["", " AA"] {
        let block = only(&made(0x81, &format!("1F 90 {tariffs}{end}")));
        assert_eq!(block.values.len(), 5);
        assert_eq!(block.values[4].value.as_deref(), Some("34.56"), "{end:?}");
    }
    let spoilt = only(&made(0x81, &format!("1F 90 {tariffs} AB")));
    assert!(notes(&spoilt).contains("data bytes where"), "{}", notes(&spoilt));
}

proptest! {
    #[test]
    fn any_bytes_are_explained_and_every_byte_is_in_one_piece(
        input in proptest::collection::vec(prop_oneof![Just(0x68_u8), Just(0x16), Just(0xFE), Just(0x33), any::<u8>()], 0..400),
    ) {
        let found = pieces(&input, None);
        let mut end = 0;
        for piece in &found {
            let (offset, length, preamble) = match piece {
                Piece::Frame(frame) => (frame.offset, frame.length, frame.preamble),
                Piece::Garbage(garbage) => (garbage.offset, garbage.length, 0),
            };
            prop_assert_eq!(offset - preamble, end);
            prop_assert!(length > 0);
            end = offset + length;
        }
        prop_assert_eq!(end, input.len());
    }
}
