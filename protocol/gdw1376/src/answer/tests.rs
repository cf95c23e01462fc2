use super::*;
use crate::frame::Frame;
use crate::message::Message;
use crate::reading;
use crate::unit::{self, Units};

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn cut(bytes: &[u8]) -> Units<'_> {
    let cut = unit::cut(&Message::of(&Frame::parse(bytes).unwrap()).unwrap());
    assert_eq!(cut.rest, None);
    cut
}

/// A frame of the terminal around data units.
fn answer(afn: u8, units: &[u8]) -> Vec<u8> {
    let message = Message {
        code: crate::frame::LengthCode::GDW_376,
        control: crate::control::Control::DATA,
        address: crate::address::AddressField::from_wire([0x00, 0x11, 0x39, 0x30, 0x02]),
        afn: Afn(afn),
        seq: crate::seq::Seq::single(3),
        units,
        auxiliary: crate::auxiliary::Auxiliary::default(),
    };
    message.to_bytes().unwrap()
}

// covers [1376 1.2] [1376 3.12]
#[test]
fn a_forwarded_frame_that_is_counted_in_one_byte_is_read_and_nothing_that_only_looks_so() {
    let meter = hex("FE FE 68 61 10 01 30 12 15 68 9C 00 35 16");
    let told = |units: &[u8]| {
        let bytes = answer(0x10, units);
        let frame = Frame::parse(&bytes).unwrap();
        forwarded_in(&Message::of(&frame).unwrap()).map(|told| (told.port, told.frame.to_vec()))
    };
    let counted = |length: &[u8], frame: &[u8]| [&[0, 0, 1, 0, 31][..], length, frame].concat();
    assert_eq!(told(&counted(&[14, 0], &meter)), Some((31, meter.clone())), "in two, as the text has it");
    assert_eq!(told(&counted(&[14], &meter)), Some((31, meter.clone())));
    assert_eq!(told(&counted(&[13], &meter)), None, "a byte too many");
    assert_eq!(told(&counted(&[15], &meter)), None, "a byte too few");
    assert_eq!(told(&counted(&[3], &[0x91, 0x68, 0x16])), None, "no frame begins there");
    assert_eq!(told(&counted(&[0, 0], &[])), Some((31, Vec::new())), "the meter kept silent");
}

// covers [1376 3.8] [1376 9]
#[test]
fn the_captured_clock() {
    let bytes = hex("68 4A 00 4A 00 68 CB 91 91 04 00 00 0C 64 00 00 02 00 00 39 07 17 43 15 12 16");
    let cut = cut(&bytes);
    assert_eq!(clock(&cut.units[0]).unwrap().to_string(), "2015-03-17 07:39:00");
    assert_eq!(events(&cut.units[0]), None);
    assert_eq!(archive(&cut.units[0]), None);
}

// covers [1376 7]
#[test]
fn the_captured_answer_of_a_meter_behind_counters_and_tag() {
    let bytes =
        hex("68 AE 00 AE 00 68 A8 00 02 34 12 04 10 E0 00 00 01 00 1F 14 00 68 61 10 01 30 12 15 68 91 08 33
         33 34 33 AB 39 33 33 49 16 4F 00 00 06 50 23 21 05 AE 16");
    let cut = cut(&bytes);
    let forwarded = forwarded(&cut.units[0]).unwrap();
    assert_eq!(forwarded.port, 31);
    assert_eq!(forwarded.frame, hex("68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16"));
    let silent = answer(0x10, &hex("00 00 01 00 1F 00 00"));
    assert_eq!(super::forwarded(&self::cut(&silent).units[0]), Some(Forwarded { port: 31, frame: &[] }));
}

// covers [1376 3.10]
#[test]
fn the_captured_report_of_a_regional_event() {
    let bytes =
        hex("68 86 00 86 00 68 CA 90 80 02 00 00 0E 71 00 00 01 00 BE 00 BD BE 2E 0F 52 00 05 08 19 01 00 00
         00 03 00 00 63 02 01 B4 16");
    let cut = cut(&bytes);
    let events = events(&cut.units[0]).unwrap();
    assert!(events.important);
    assert_eq!((events.counters.important, events.from, events.to), (0xBE, 0xBD, 0xBE));
    let [record] = events.records.as_slice() else { panic!("{events:?}") };
    assert_eq!((record.place, record.code, record.kind, record.body.len()), (0xBD, 0x2E, None, 15));
    assert_eq!(record.at(), None);
}

#[test]
fn events_with_known_bodies_over_the_end_of_the_ring() {
    let units = "00 00 02 00 05 02 FF 01 \
                 0E 0A 30 12 20 08 24 45 13 20 08 24 \
                 0C 07 00 01 21 08 24 02 80";
    let bytes = answer(0x0E, &hex(units));
    let cut = cut(&bytes);
    let events = events(&cut.units[0]).unwrap();
    assert!(!events.important);
    let shown: Vec<String> = events
        .records
        .iter()
        .map(|record| {
            let name = record.kind.map_or("?", |kind| kind.name_en);
            let point = record.point().map(|(point, phase)| (point.number(), phase));
            format!("{} {name} {:?} {point:?}", record.place, record.at().unwrap())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "255 terminal power off or on 2024-08-20 12:30 None",
            "0 meter clock off 2024-08-21 01:00 Some((2, Begins))"
        ]
    );
}

// covers [1376 3.7]
#[test]
fn frame_limits_and_progress() {
    let ports =
        "00 00 02 00 00 02 00 02 00 04 00 20 00 08 01 02 03 04 05 06 01 1F 00 60 09 00 00 00 04 00 01 00 02";
    let bytes = answer(0x09, &hex(ports));
    assert_eq!(frame_limits(&cut(&bytes).units[0]), Some(FrameLimits { takes: 8192, sends: 2048 }));
    let ports = "00 00 04 01 02 02 10 00 01 0F 00 01 00 10 00 21 68 24 30 15 00 21 68 24 \
                 1F 58 02 03 F0 01 00 00 10 00 21 68 24 EE EE EE EE EE EE";
    let bytes = answer(0x0C, &hex(ports));
    let progress = progress(&cut(&bytes).units[0]).unwrap();
    assert_eq!(progress.len(), 2);
    assert_eq!(
        (progress[0].port, progress[0].meters, progress[0].read, progress[0].key_read),
        (2, 16, 15, 1)
    );
    assert_eq!(progress[0].ended_at.unwrap().to_string(), "2024-08-21 00:15:30");
    assert_eq!((progress[1].meters, progress[1].read, progress[1].ended_at), (600, 496, None));
}

// covers [1376 3.4]
#[test]
fn archive_records_of_an_answer() {
    let record = "02 00 02 00 7F 1E 61 10 01 30 12 15 00 00 00 00 00 00 04 09 00 00 00 00 00 00 50";
    let impossible = "03 00 FF 0F 7F 1E 02 00 00 00 00 00 00 00 00 00 00 00 04 09 00 00 00 00 00 00 50";
    let bytes = answer(0x0A, &hex(&format!("00 00 02 01 02 00 {record} {impossible}")));
    let (records, impossible) = archive(&cut(&bytes).units[0]).unwrap();
    assert_eq!((records.len(), impossible), (1, 1));
    assert_eq!(records[0].address_digits().as_deref(), Some("151230011061"));
    assert_eq!((records[0].point.number(), records[0].port, records[0].tariffs), (2, 31, 4));
    assert_eq!((records[0].integer_digits, records[0].decimal_digits), (6, 2));
}

#[test]
fn an_answer_of_a_night_as_built_in_the_text() {
    let first =
        hex("68 52 01 52 01 68 88 00 11 39 30 02 0D 42 01 01 01 14 20 08 24 15 00 21 08 24 04 00 56 34 12 00
         60 45 23 01 00 80 36 70 03 00 40 82 93 04 00 20 91 46 02 00 02 01 01 14 20 08 24 15 00 21 08 24
         04 00 87 99 00 00 70 98 09 00 00 10 96 29 00 00 80 94 39 00 00 40 97 19 00 00 03 16");
    let last =
        hex("68 BA 00 BA 00 68 88 00 11 39 30 02 0D 23 04 01 01 14 20 08 24 EE EE EE EE EE 04 EE EE EE EE EE
         EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE EE 82 16");
    let totals: Vec<String> = [&first, &last]
        .iter()
        .flat_map(|bytes| cut(bytes).units.iter().flat_map(reading::readings).collect::<Vec<_>>())
        .filter(|reading| reading.item.e == 0)
        .map(|reading| {
            let value =
                reading.value.map_or_else(|absence| absence.reason().to_owned(), |value| value.to_string());
            format!("{} {value} {}", reading.point, reading.as_of.unwrap())
        })
        .collect();
    assert_eq!(
        totals,
        [
            "p1 1234.5600 2024-08-21 00:00:00",
            "p2 99.8700 2024-08-21 00:00:00",
            "p3 filled with EE: no value 2024-08-21 00:00:00"
        ]
    );
}
