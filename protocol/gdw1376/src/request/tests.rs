use proptest::prelude::*;

use super::*;
use crate::address::TerminalAddress;
use crate::catalog;
use crate::frame::Frame;
use crate::unit;

fn envelope(number: u8) -> Envelope {
    Envelope::new(AddressField::single(TerminalAddress::new(1100, 12345).unwrap(), 1), number)
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn points(numbers: impl IntoIterator<Item = u16>) -> Vec<Point> {
    numbers.into_iter().map(|number| Point::new(number).unwrap()).collect()
}

fn functions(numbers: &[u16]) -> Vec<FnNumber> {
    numbers.iter().map(|number| FnNumber::new(*number).unwrap()).collect()
}

fn day() -> Civil {
    Civil::date(2024, 8, 20).unwrap()
}

fn record(number: u16, meter: u8) -> ArchiveRecord {
    ArchiveRecord {
        number,
        point: Point::new(number).unwrap(),
        speed: Speed::B2400,
        port: 31,
        protocol: 30,
        address: [meter, 0, 0, 0, 0, 0],
        password: [0; 6],
        tariffs: 4,
        integer_digits: 6,
        decimal_digits: 2,
        collector: [0; 6],
        class: UserClass { class: 5, sub_class: 0 },
    }
}

// covers [1376 9] [1376 3.5]
#[test]
fn the_built_frames_of_the_text() {
    let sent = |request: Request, number| request.to_bytes(&envelope(number)).unwrap();
    assert_eq!(
        sent(Request::WriteArchive(vec![record(2, 1), record(3, 2)]), 1),
        hex("68 52 01 52 01 68 4A 00 11 39 30 02 04 71 00 00 02 01 02 00 02 00 02 00 7F 1E 01 00 00 00 00 00
             00 00 00 00 00 00 04 09 00 00 00 00 00 00 50 03 00 03 00 7F 1E 02 00 00 00 00 00 00 00 00 00 00
             00 04 09 00 00 00 00 00 00 50 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 41 16")
    );
    assert_eq!(
        sent(Request::ReadArchive(vec![2, 3]), 7),
        hex("68 4A 00 4A 00 68 4B 00 11 39 30 02 0A 67 00 00 02 01 02 00 02 00 03 00 42 16")
    );
    let freeze = Freeze { points: points(1..=8), functions: functions(&[161]), period: Period::Day(day()) };
    assert_eq!(
        sent(Request::ReadFreeze(freeze), 2),
        hex("68 3E 00 3E 00 68 4B 00 11 39 30 02 0D 62 FF 01 01 14 20 08 24 97 16")
    );
    let curve = Curve {
        point: Point::new(2).unwrap(),
        function: FnNumber::new(101).unwrap(),
        start: day(),
        density: Density::QuarterHour,
        points: 96,
    };
    assert_eq!(
        sent(Request::ReadCurve(curve), 4),
        hex("68 4E 00 4E 00 68 4B 00 11 39 30 02 0D 64 02 01 10 0C 00 00 20 08 24 01 60 04 16")
    );
    assert_eq!(
        sent(Request::SetClock(Civil::new(2024, 8, 21, 12, 0, 0).unwrap()), 5),
        hex("68 8A 00 8A 00 68 4A 00 11 39 30 02 05 75 00 00 40 03 00 00 12 21 68 24 00 00 00 00 00 00 00 00
             00 00 00 00 00 00 00 00 42 16")
    );
    let forward = Forward {
        port: 31,
        line: LineSettings::METER_2400,
        answer_within: Wait::Seconds(60),
        byte_timeout: 10,
        frame: hex("68 01 00 00 00 00 00 68 11 04 36 38 33 37 BE 16"),
    };
    assert_eq!(
        sent(Request::Forward(forward), 7),
        hex("68 CA 00 CA 00 68 4B 00 11 39 30 02 10 67 00 00 01 00 1F 6B BC 0A 10 00 68 01 00 00 00 00 00 68
             11 04 36 38 33 37 BE 16 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 31 16")
    );
}

#[test]
fn count_bit_tag_and_password_stand_where_they_belong() {
    let tag = TimeTag::from_wire([0x13, 0x51, 0x23, 0x21, 0x05, 0x02]);
    let envelope =
        Envelope { count_bit: Some(true), tag: Some(tag), password: Password([0xA5; 16]), ..envelope(0x13) };
    for request in [Request::SetClock(day()), Request::ReadClock, Request::ReadArchive(vec![1])] {
        let bytes = request.to_bytes(&envelope).unwrap();
        let message = Message::of(&Frame::parse(&bytes).unwrap()).unwrap();
        assert_eq!(message.auxiliary.tag, Some(tag));
        assert_eq!(message.control.frame_count_bit(), Some(true));
        assert_eq!(message.seq.number(), 3);
        assert_eq!(message.auxiliary.password.is_some(), request.changes());
        assert_eq!(message.seq.wants_confirmation(), request.changes());
        assert_eq!(message.auxiliary.password.unwrap_or(&[0xA5; 16]), [0xA5; 16]);
    }
}

// covers [1376 1.2] [1376 1.7]
#[test]
fn a_terminal_of_the_edition_of_2005_is_asked_under_its_own_code() {
    let password = Password([0xA5; 16]);
    let envelope = Envelope { code: LengthCode::GDW_130, password, ..envelope(2) };
    for request in [Request::SetClock(day()), Request::ReadClock] {
        let bytes = request.to_bytes(&envelope).unwrap();
        let message = Message::of(&Frame::parse(&bytes).unwrap()).unwrap();
        assert_eq!(message.code, LengthCode::GDW_130);
        assert_eq!(message.units, request.units().unwrap(), "nothing of the code stands among the data");
        assert_eq!(message.auxiliary.password, request.changes().then_some(&[0xA5; 2][..]));
    }
}

#[test]
fn many_points_and_items_become_few_identifiers_each_with_its_date() {
    let freeze = Freeze {
        points: points([1, 2, 8, 9, 300]),
        functions: functions(&[161, 163, 185]),
        period: Period::Day(day()),
    };
    let bytes = Request::ReadFreeze(freeze).to_bytes(&envelope(0)).unwrap();
    let message = Message::of(&Frame::parse(&bytes).unwrap()).unwrap();
    assert_eq!(message.units.len(), 3 * 2 * 7);
    let cut = unit::cut(&message);
    assert_eq!(cut.rest, None);
    let asked: Vec<String> = cut.units.iter().map(|unit| unit.identifier.to_string()).collect();
    assert_eq!(
        asked,
        ["p1,p2,p8 F161,F163", "p1,p2,p8 F185", "p9 F161,F163", "p9 F185", "p300 F161,F163", "p300 F185"]
    );
    assert!(cut.units.iter().all(|unit| unit.values[0].value.to_string() == "2024-08-20"));
}

#[test]
fn batches_ask_for_each_point_once() {
    let freeze = Freeze {
        points: points([9, 1, 2, 2, 3, 300]),
        functions: functions(&[161]),
        period: Period::Day(day()),
    };
    let asked: Vec<Vec<u16>> =
        freeze.batches(2).map(|batch| batch.points.iter().map(|point| point.number()).collect()).collect();
    assert_eq!(asked, [vec![1, 2], vec![3, 9], vec![300]]);
    assert_eq!(freeze.batches(0).count(), 5);
}

// covers [1376 6]
#[test]
fn what_did_not_come_came_for_another_day_or_is_empty_is_lacking() {
    let unit = |point: u8, day: u8, value: &str| {
        hex(&format!("{point:02X} 01 01 14 {day:02X} 08 24 15 00 21 08 24 00 {value}"))
    };
    let bytes = [
        unit(0x01, 0x20, "00 56 34 12 00"),
        unit(0x02, 0x19, "00 56 34 12 00"),
        unit(0x04, 0x20, "EE EE EE EE EE"),
        unit(0x10, 0x20, "00 00 00 00 00"),
    ]
    .concat();
    let message = Message {
        code: LengthCode::GDW_376,
        control: Control::DATA,
        address: AddressField::from_wire([0; 5]),
        afn: Afn::CLASS_2,
        seq: Seq::single(0),
        units: &bytes,
        auxiliary: Auxiliary::default(),
    };
    let cut = unit::cut(&message);
    assert_eq!((cut.units.len(), cut.rest), (4, None));
    let freeze =
        |numbers: &[u16], period| Freeze { points: points(1..=5), functions: functions(numbers), period };
    let lacking = freeze(&[161], Period::Day(day())).lacking(&cut.units);
    let lacking: Vec<u16> = lacking.iter().map(|(point, _)| point.number()).collect();
    assert_eq!(lacking, [2, 3, 4], "zero is a value");
    assert_eq!(freeze(&[161, 163], Period::Day(day())).lacking(&cut.units).len(), 3 + 5);
    assert_eq!(freeze(&[161], Period::Month(day())).lacking(&cut.units).len(), 5);
}

#[test]
fn what_cannot_be_asked_for_is_not_sent() {
    let kind = |request: Request| request.to_bytes(&envelope(0)).unwrap_err().kind();
    let freeze = |numbers: &[u16], period| {
        Request::ReadFreeze(Freeze { points: points([1]), functions: functions(numbers), period })
    };
    assert_eq!(kind(freeze(&[161, 177], Period::Day(day()))), "no_such_item", "F177 is of a month");
    assert_eq!(kind(freeze(&[161], Period::Month(day()))), "no_such_item");
    assert_eq!(kind(freeze(&[96], Period::Day(day()))), "no_such_item");
    assert_eq!(kind(freeze(&[], Period::Day(day()))), "nothing");
    let curve = Curve {
        point: Point::new(1).unwrap(),
        function: FnNumber::new(161).unwrap(),
        start: day(),
        density: Density::Hour,
        points: 24,
    };
    assert_eq!(kind(Request::ReadCurve(curve)), "no_such_item");
    let no_instant = Curve { function: FnNumber::new(89).unwrap(), points: 0, ..curve };
    assert_eq!(kind(Request::ReadCurve(no_instant)), "nothing");
    assert_eq!(kind(Request::ReadArchive(Vec::new())), "nothing");
    let present = |points, numbers: &[u16]| Request::ReadPresent { points, functions: functions(numbers) };
    assert_eq!(kind(present(points([1]), &[])), "nothing");
    assert_eq!(kind(present(Vec::new(), &[129])), "nothing");
    assert_eq!(kind(present(points([1]), &[129, 104])), "no_such_item");
    let parameters =
        |points, numbers: &[u16]| Request::ReadParameters { points, functions: functions(numbers) };
    assert_eq!(kind(parameters(points([0]), &[10])), "no_such_item", "the archive has a selector");
    assert_eq!(kind(parameters(points([0]), &[104])), "no_such_item", "no answer could be read");
    assert_eq!(parameters(points([0]), &[1, 3]).units().unwrap(), [0, 0, 5, 0]);
    let units = present(points([1, 2]), &[129, 131]).units().unwrap();
    assert_eq!(units, [0x03, 0x01, 0x05, 0x10]);
    for change in [
        |record: &mut ArchiveRecord| record.number = 0,
        |record: &mut ArchiveRecord| record.number = 2041,
        |record: &mut ArchiveRecord| record.port = 32,
        |record: &mut ArchiveRecord| record.port = 0,
        |record: &mut ArchiveRecord| record.integer_digits = 3,
        |record: &mut ArchiveRecord| record.decimal_digits = 0,
        |record: &mut ArchiveRecord| record.class.class = 16,
    ] {
        let mut record = record(1, 1);
        change(&mut record);
        assert_eq!(kind(Request::WriteArchive(vec![record])), "does_not_fit", "{record:?}");
    }
    assert_eq!(kind(Request::WriteArchive(vec![record(1, 1); 606])), "too_long");
    let forward = Forward {
        port: 31,
        line: LineSettings::METER_2400,
        answer_within: Wait::Seconds(128),
        byte_timeout: 10,
        frame: vec![0x68],
    };
    assert_eq!(kind(Request::Forward(forward.clone())), "does_not_fit");
    assert_eq!(kind(Request::Forward(Forward { frame: Vec::new(), ..forward })), "nothing");
}

#[test]
fn records_lines_and_waits_read_what_they_wrote() {
    let record = ArchiveRecord {
        speed: Speed::B19200,
        port: 2,
        address: [0x61, 0x10, 0x01, 0x30, 0x12, 0x15],
        password: [1, 2, 3, 4, 5, 6],
        collector: [9, 8, 7, 6, 5, 4],
        tariffs: 63,
        integer_digits: 7,
        decimal_digits: 4,
        class: UserClass { class: 15, sub_class: 3 },
        ..record(2040, 0)
    };
    assert_eq!(ArchiveRecord::from_wire(record.wire().unwrap()), Some(record));
    assert_eq!(record.address_digits().as_deref(), Some("151230011061"));
    for byte in 0..=255_u8 {
        let line = LineSettings::from_wire(byte).wire().unwrap();
        // Without parity the bit for its kind says nothing.
        assert_eq!(line, if byte & 0x08 == 0 { byte & !0x04 } else { byte });
        assert_eq!(Wait::from_wire(byte).wire(), Some(byte));
    }
    assert_eq!(LineSettings::METER_2400.wire(), Some(0x6B));
    assert_eq!(LineSettings::from_wire(0xCB), LineSettings { speed: 6, ..LineSettings::METER_2400 });
    let forward = Forward {
        port: 31,
        line: LineSettings::METER_2400,
        answer_within: Wait::TenMilliseconds(50),
        byte_timeout: 10,
        frame: vec![1, 2, 3],
    };
    let units = Request::Forward(forward.clone()).units().unwrap();
    assert_eq!(Forward::read(&units[4..]), Some(forward));
    assert_eq!(Forward::read(&units[4..units.len() - 1]), None);
}

#[test]
fn densities_are_those_of_the_catalogue() {
    for (density, minutes) in [
        (Density::Minute, 1),
        (Density::FiveMinutes, 5),
        (Density::QuarterHour, 15),
        (Density::HalfHour, 30),
        (Density::Hour, 60),
    ] {
        assert_eq!(catalog::minutes_of_density(density.code()), Some(minutes));
    }
}

fn some_points() -> impl Strategy<Value = Vec<Point>> {
    proptest::collection::btree_set(1..=2040_u16, 1..20).prop_map(points)
}

/// Some of these items.
fn some_functions(numbers: &'static [u16]) -> impl Strategy<Value = Vec<FnNumber>> {
    proptest::sample::subsequence(numbers, 1..=numbers.len()).prop_map(|numbers| functions(&numbers))
}

fn a_day() -> impl Strategy<Value = Civil> {
    (0..36_525_u32).prop_map(|day| Civil::from_seconds_since_2000(day * 86_400).unwrap())
}

fn an_archive_record() -> impl Strategy<Value = ArchiveRecord> {
    (1..=2040_u16, 0..=2040_u16, 1..=31_u8, any::<[u8; 18]>(), 0..=63_u8, 4..=7_u8, 1..=4_u8, 0..16_u8)
        .prop_map(|(number, point, port, bytes, tariffs, integer_digits, decimal_digits, class)| {
            ArchiveRecord {
                number,
                point: Point::new(point).unwrap(),
                speed: Speed::B9600,
                port,
                protocol: bytes[0],
                address: *bytes.first_chunk().unwrap(),
                password: *bytes.last_chunk().unwrap(),
                tariffs,
                integer_digits,
                decimal_digits,
                collector: *bytes[6..].first_chunk().unwrap(),
                class: UserClass { class, sub_class: 15 - class },
            }
        })
}

fn a_request() -> impl Strategy<Value = Request> {
    let freeze = (some_points(), some_functions(&[1, 5, 161, 163, 168, 185]), a_day());
    let months = (some_points(), some_functions(&[17, 177, 178, 193]), a_day());
    let curve = (1..=2040_u16, 0..5_usize, 1..=255_u8, a_day());
    prop_oneof![
        proptest::sample::select(vec![
            Request::ReadClock,
            Request::ReadVersion,
            Request::ReadPorts,
            Request::ReadProgress,
            Request::ReadEventCounters,
        ]),
        a_day().prop_map(Request::SetClock),
        proptest::collection::vec(1..=2040_u16, 1..30).prop_map(Request::ReadArchive),
        proptest::collection::vec(an_archive_record(), 1..20).prop_map(Request::WriteArchive),
        (some_points(), some_functions(&[25, 33, 129, 131, 161]))
            .prop_map(|(points, functions)| Request::ReadPresent { points, functions }),
        (some_points(), some_functions(&[25, 26, 30]))
            .prop_map(|(points, functions)| Request::ReadParameters { points, functions }),
        freeze.prop_map(|(points, functions, day)| {
            Request::ReadFreeze(Freeze { points, functions, period: Period::Day(day) })
        }),
        months.prop_map(|(points, functions, day)| {
            let first = Civil::date(day.year(), day.month(), 1).unwrap();
            Request::ReadFreeze(Freeze { points, functions, period: Period::Month(first) })
        }),
        curve.prop_map(|(point, density, points, start)| {
            Request::ReadCurve(Curve {
                point: Point::new(point).unwrap(),
                function: FnNumber::new(101).unwrap(),
                start,
                density: Density::ALL[density],
                points,
            })
        }),
        any::<(bool, u8, u8)>().prop_map(|(important, from, to)| Request::ReadEvents { important, from, to }),
        (1..=31_u8, any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 1..300)).prop_map(
            |(port, line, wait, frame)| {
                let line = LineSettings::from_wire(line & !0x04);
                Request::Forward(Forward {
                    port,
                    line,
                    answer_within: Wait::from_wire(wait),
                    byte_timeout: 10,
                    frame,
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_sent_is_understood(request in a_request(), number in 0..16_u8, tag in any::<Option<[u8; 6]>>()) {
        let envelope = Envelope { tag: tag.map(TimeTag::from_wire), ..envelope(number) };
        let bytes = request.to_bytes(&envelope).unwrap();
        let message = Message::of(&Frame::parse(&bytes).unwrap()).unwrap();
        prop_assert_eq!(message.seq.number(), number);
        prop_assert_eq!(Request::of(&message), Some(request.clone()));
        prop_assert_eq!(unit::cut(&message).rest, None);
    }
}

#[test]
fn what_is_no_typed_request_is_none() {
    let of = |control: Control, afn: Afn, units: &str| {
        let units = hex(units);
        let auxiliary =
            Auxiliary { password: afn.carries_password().then_some(&[0; 16][..]), ..Auxiliary::default() };
        let address = AddressField::from_wire([0; 5]);
        let seq = Seq::single(0);
        Request::of(&Message {
            code: LengthCode::GDW_376,
            control,
            address,
            afn,
            seq,
            units: &units,
            auxiliary,
        })
    };
    assert_eq!(of(Control::QUERY, Afn::CLASS_1, "00 00 02 00"), Some(Request::ReadClock));
    assert_eq!(of(Control::DATA, Afn::CLASS_1, "00 00 02 00"), None, "of the terminal");
    assert_eq!(of(Control::QUERY, Afn::CLASS_1, ""), None);
    assert_eq!(of(Control::QUERY, Afn::CLASS_1, "01 01 01 10 02 01 04 10"), None, "no product");
    assert_eq!(
        of(Control::QUERY, Afn::CLASS_2, "01 01 01 14 20 08 24 02 01 01 14 21 08 24"),
        None,
        "two dates"
    );
    assert_eq!(of(Control::QUERY, Afn::CLASS_2, "01 01 01 14 20 13 24"), None, "no date");
    assert_eq!(of(Control::QUERY, Afn::CLASS_2, "01 01 10 0C 00 00 20 08 24 04 60"), None, "no density");
    assert_eq!(of(Control::COMMAND, Afn::CONTROL, "00 00 10 03"), None, "another order");
    assert_eq!(of(Control::COMMAND, Afn::CONTROL, "00 00 40 03 00 00 12 32 68 24"), None, "no date");
}
