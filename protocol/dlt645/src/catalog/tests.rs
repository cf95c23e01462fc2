//! Every row can be read, and encoding is the inverse of decoding for every row with a layout.

use proptest::prelude::*;

use super::layout::{Layout, Times};
use super::*;
use crate::meter_time::{Civil, MeterTime, TimeFormat};
use crate::quantity::Quantity;

#[test]
fn the_tables_are_sound() {
    assert_eq!(check(), Ok(()));
    assert_eq!(
        (1..=6).filter_map(load_record_layout).map(|layout| layout.fixed).collect::<Vec<_>>(),
        [17, 24, 8, 16, 16, 6]
    );
}

/// Two layouts of one name would run into each other, and every frame of those functions would be misread.
#[test]
fn the_parts_of_a_function_are_as_long_as_its_data() {
    let mut checked = 0;
    for edition in [Edition::E1997, Edition::E2007] {
        for (code, length) in (0..=255).flat_map(|code| (0..=64).map(move |length| (code, length))) {
            let Some(body) = body(edition, crate::control::Control(code), length) else { continue };
            let width = |part: &body::BodyPart| match part {
                body::BodyPart::Id => Some(edition.data_id_width()),
                body::BodyPart::Sequence => Some(1),
                body::BodyPart::Fields(layout) => Some(layout.fixed),
                body::BodyPart::Content | body::BodyPart::Write | body::BodyPart::Rest => None,
            };
            if let Some(sum) = body.parts.iter().map(width).sum::<Option<usize>>() {
                assert_eq!(sum, length, "{edition} {code:02X}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

// covers [645-2007 8 identifiers]
#[test]
fn every_identifier_of_every_row_finds_its_row_and_no_other() {
    for row in rows() {
        for id in row.ids() {
            let entry = find(id).unwrap_or_else(|| panic!("{} of {} is not found", id, row.pattern));
            assert_eq!(entry.row.pattern, row.pattern, "{id}");
        }
    }
    assert!(find("FFFFFFFF".parse().unwrap()).is_none());
    assert!(find("00010D00".parse().unwrap()).is_some(), "tariff 13");
    assert!(find("0001400D".parse().unwrap()).is_none(), "no tariff 64, no 13th settlement day");
    assert!(find("901F".parse().unwrap()).is_some());
    assert!(find("9018".parse().unwrap()).is_some());
}

// covers [645-2007 8 identifiers] [645-1997 4 identifiers]
#[test]
fn no_identifier_beside_those_of_the_rows_is_found() {
    let known: std::collections::HashSet<DataId> = rows().iter().flat_map(Row::ids).collect();
    let mut unknown = 0;
    for id in &known {
        let code = id.code();
        // Every byte one up and one down, and both neighbours.
        let steps = [1, 0x100, 0x1_0000, 0x100_0000_u32];
        for near in steps.into_iter().flat_map(|step| [code.wrapping_add(step), code.wrapping_sub(step)]) {
            let near = match (id.edition(), u16::try_from(near)) {
                (Edition::E2007, _) => DataId::new_2007(near),
                (Edition::E1997, Ok(near)) => DataId::new_1997(near),
                (Edition::E1997, Err(_)) => continue,
            };
            assert_eq!(find(near).map(|entry| entry.id), known.contains(&near).then_some(near), "{near}");
            unknown += usize::from(!known.contains(&near));
        }
    }
    assert!(unknown > 10_000, "{unknown}");
    for code in 0..=u16::MAX {
        let id = DataId::new_1997(code);
        assert_eq!(find(id).is_some(), known.contains(&id), "{id}");
    }
}

/// Owned bytes behind a generated value.
#[derive(Clone, Debug)]
enum Made {
    Value(Value<'static>),
    Digits(Vec<u8>),
    Text(Vec<u8>),
    Octets(Vec<u8>),
}

impl Made {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Value(value) => *value,
            Self::Digits(bytes) => Value::Digits(bytes),
            Self::Text(bytes) => Value::Text(bytes),
            Self::Octets(bytes) => Value::Octets(bytes),
        }
    }
}

fn not_filled(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != bytes[0]) || !matches!(bytes[0], 0xFF | 0xEE)
}

/// Any value that can stand in a field of this format.
fn value_of(format: Format) -> BoxedStrategy<Made> {
    let filled = Just(Made::Value(Value::Absent(Absence::Filled)));
    match format {
        Format::Number { bytes, decimals, signed } => {
            let most = if signed {
                8 * 10_i64.pow(u32::from(bytes) * 2 - 1)
            } else {
                10_i64.pow(u32::from(bytes) * 2)
            };
            let least = if signed { 1 - most } else { 0 };
            let number =
                (least..most).prop_map(move |n| Made::Value(Value::Number(Quantity::new(n, decimals))));
            prop_oneof![8 => number, 1 => filled].boxed()
        }
        Format::Binary { bytes, decimals } => (0..(1_i64 << (8 * bytes)) - 1)
            .prop_map(move |n| Made::Value(Value::Number(Quantity::new(n, decimals))))
            .boxed(),
        Format::Time(format) => {
            let day = |part| usize::from(format.parts().contains(&part));
            let never = day(crate::meter_time::Part::Day) > 0;
            (0..36_525_u32 * 86_400)
                .prop_map(move |seconds| {
                    let civil = Civil::from_seconds_since_2000(seconds).unwrap();
                    let time = MeterTime::from_civil(format, civil);
                    let value = match seconds % 9 {
                        0 => Value::Absent(Absence::Filled),
                        1 if never => Value::Absent(Absence::Never),
                        2 => Value::Absent(Absence::Unused),
                        _ => Value::Time(time),
                    };
                    Made::Value(value)
                })
                .boxed()
        }
        Format::Digits { bytes } => {
            octets(bytes).prop_filter("a fill", |b| not_filled(b)).prop_map(Made::Digits).boxed()
        }
        Format::Text { bytes } => {
            octets(bytes).prop_filter("a fill", |b| not_filled(b)).prop_map(Made::Text).boxed()
        }
        Format::Octets { bytes } => octets(bytes).prop_map(Made::Octets).boxed(),
        Format::Separator => Just(Made::Octets(vec![0xAA])).boxed(),
        Format::Operator => octets(4).prop_map(Made::Octets).boxed(),
        Format::Bits { bytes, .. } => any::<u64>()
            .prop_map(move |word| {
                Made::Value(Value::Bits { word: word >> (64 - 8 * u32::from(bytes)), bytes })
            })
            .boxed(),
        Format::DataId { bytes: 2 } => {
            any::<u16>().prop_map(|code| Made::Value(Value::DataId(DataId::new_1997(code)))).boxed()
        }
        Format::DataId { .. } => {
            any::<u32>().prop_map(|code| Made::Value(Value::DataId(DataId::new_2007(code)))).boxed()
        }
    }
}

fn octets(bytes: u8) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), usize::from(bytes))
}

/// Values for a whole layout, a group repeated by length standing `times` times.
fn values_of(layout: &'static Layout, times: usize) -> Vec<BoxedStrategy<Made>> {
    layout
        .groups
        .iter()
        .flat_map(|group| {
            let times = if let Times::Exactly(times) = group.times { times } else { times };
            std::iter::repeat_n(&group.fields, times).flatten().map(|field| value_of(field.format))
        })
        .collect()
}

// covers [645-2007 8 formats] [645-2007 9 items] [645-2007 11 items]
#[test]
fn encode_is_the_inverse_of_decode_for_every_row_with_a_layout() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut checked = 0;
    for row in rows() {
        let (Shape::Fields(layout) | Shape::Request(layout)) = &row.shape else { continue };
        let entry = find(row.ids().next().unwrap()).unwrap();
        for times in [1, 3, 5] {
            let made = values_of(layout, times).new_tree(&mut runner).unwrap().current();
            let values: Vec<Value<'_>> = made.iter().map(Made::value).collect();
            let data = entry.encode(&values).unwrap_or_else(|e| panic!("{}: {e} {values:?}", row.pattern));
            let Ok(Content::Values(read)) = entry.read_request(&data) else { panic!("{}", row.pattern) };
            let again: Vec<Value<'_>> = read.map(|reading| reading.value).collect();
            assert_eq!(again, values, "{} from {data:02X?}", row.pattern);
            checked += 1;
        }
    }
    assert!(checked > 3 * 200, "{checked} layouts were checked");
}

/// Whether a layout of the row has AA between its values.
fn has_separators(row: &Row) -> bool {
    let own = if let Shape::Fields(layout) = &row.shape { Some(layout) } else { None };
    let groups = own.into_iter().chain(&row.alternatives).flat_map(|layout| &layout.groups);
    groups.flat_map(|group| &group.fields).any(|field| field.format == Format::Separator)
}

proptest! {
    #[test]
    fn any_data_can_be_read_under_any_row(place in 0..1222_usize, data in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xAA), 0..0x99_u8], 0..300)) {
        let row = &rows()[place % rows().len()];
        let entry = find(row.ids().last().unwrap()).unwrap();
        match entry.read(&data) {
            Ok(Content::Values(values)) => {
                let used: usize = values.clone().map(|reading| reading.raw.len()).sum();
                let (left_out, marks) = (data.len() - used, data.iter().filter(|byte| **byte == 0xAA).count());
                prop_assert!(left_out <= marks, "what is no value is AA");
                prop_assert!(left_out <= 1 || has_separators(row), "there is one AA, behind a block");
                for reading in values {
                    let _ = (reading.name_en(), reading.name_zh(), reading.value.to_string(), reading.item());
                }
            }
            Ok(Content::LoadRecords(blocks)) => prop_assert!(blocks.count() <= data.len()),
            Ok(Content::Freeze(block)) => prop_assert!(block.values().count() <= 12),
            Ok(Content::Opaque(_) | Content::Nothing) | Err(_) => {}
        }
    }
}

// covers [645-2007 12 blocks]
#[test]
fn a_load_record_block_reads_as_the_standard_draws_it() {
    let block: Vec<u8> = "A0 A0 62 15 10 21 11 26 01 22 02 22 99 21 34 12 00 00 12 00 80 11 00 01 50 AA 50 79 00 00 27 00 40 26 00 10 26 00 00 08 00 70 02 00 65 02 00 65 02 00 AA 95 09 95 09 95 09 95 09 AA 56 34 12 00 12 00 00 00 67 45 00 00 03 00 00 00 AA 67 45 00 00 00 00 00 00 00 00 00 00 03 00 00 00 AA 00 79 00 90 07 00 AA BE E5"
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let entry = find("00010000".parse().unwrap()).unwrap();
    let two = [&block[..], &block].concat();
    let blocks: Vec<_> = load_record::LoadRecords::new(0, &two).collect::<Result<_, _>>().unwrap();
    assert_eq!(blocks.len(), 2);
    let first = &blocks[0];
    assert_eq!(first.at.to_string(), "2026-11-21 10:15");
    assert!(first.count_fits && first.sum_fits && !first.is_faulty);
    let shown =
        |kind| first.values(kind, entry).unwrap().map(|r| r.value.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(shown(1), "220.1 220.2 219.9 1.234 1.200 1.180 50.01");
    assert_eq!(shown(4), "1234.56 0.12 45.67 0.03");
    let mut out = Vec::new();
    assert!(load_record::encode(first.at, &first.kinds, &mut out));
    assert_eq!(out, block);
}

#[test]
fn a_single_kind_is_read_in_the_full_and_in_the_short_form() {
    let at = MeterTime::from_wire(TimeFormat::YYMMDDhhmm, &[0x15, 0x10, 0x21, 0x11, 0x26]).unwrap();
    let energies = [0x56, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut full = Vec::new();
    assert!(load_record::encode(at, &[None, None, None, Some(&energies), None, None], &mut full));
    let short = |tail: &[u8]| [&[0xA0, 0xA0, 0x16][..], at.wire(), &energies, tail].concat();
    for data in [full, short(&[0xAA, 0x00, 0xE5]), short(&[0x00, 0xE5])] {
        let blocks: Vec<_> = load_record::LoadRecords::new(4, &data).collect();
        assert_eq!(blocks.len(), 1, "{data:02X?}");
        assert_eq!(blocks[0].unwrap().kinds[3], Some(&energies[..]));
        let broken = &data[..data.len() - 1];
        assert!(load_record::LoadRecords::new(4, broken).any(|block| block.is_err()));
    }
}

// covers [645-2007 14]
#[test]
fn where_sources_differ_the_length_decides() {
    let read = |id: &str, data: &[u8]| match find(id.parse().unwrap()).unwrap().read(data) {
        Ok(Content::Values(values)) => values.map(|reading| reading.value.to_string()).collect::<Vec<_>>(),
        other => panic!("{id}: {other:?}"),
    };
    assert_eq!(read("03100101", &[0x11; 27])[1], "1111.11");
    assert_eq!(read("03100101", &[0x11; 25])[1], "11.11");
    assert_eq!((read("030E0101", &[0x01; 76]).len(), read("030E0101", &[0x01; 115]).len()), (18, 33));
    let time = [0x00, 0x10, 0x21, 0x11, 0x26];
    let (forward, reverse) = ([0x56, 0x34, 0x12, 0x00], [0x01, 0x00, 0x00, 0x00]);
    let shown = ["2026-11-21 10:00", "1234.56", "0.01"];
    assert_eq!(read("0504FF01", &[&time[..], &forward, &reverse].concat()), shown);
    assert_eq!(read("0504FF01", &[&time[..], &[0xAA], &forward, &[0xAA], &reverse, &[0xAA]].concat()), shown);
    let hourly = find("0504FF01".parse().unwrap()).unwrap();
    assert!(hourly.read(&[0x01; 16]).is_err(), "as long, but without the separators");
    assert!(hourly.admits_length(13) && hourly.admits_length(16) && !hourly.admits_length(14));
}

// covers [645-2007 11 blocks]
#[test]
fn a_whole_freeze_is_read_with_and_without_separators() {
    let entry = find("0506FF01".parse().unwrap()).unwrap();
    let mut items: Vec<Vec<u8>> = vec![vec![0x00, 0x00, 0x21, 0x11, 0x26]];
    items.extend((1..=8).map(|n| [n, 0, 0, 0].repeat(5)));
    items.extend((0..2).map(|_| [0x34, 0x12, 0, 0x15, 0x10, 0x20, 0x11, 0x26].repeat(5)));
    items.push(vec![0; 24]);
    let joined = items.concat();
    let separated: Vec<u8> = items.iter().flat_map(|item| [&item[..], &[0xAA]].concat()).collect();
    for data in [&joined, &separated] {
        let Ok(Content::Freeze(block)) = entry.read(data) else { panic!() };
        let ids: Vec<String> = block.sections().map(|(entry, _)| entry.id.to_string()).collect();
        assert_eq!((ids.len(), ids[1].as_str()), (12, "05060101"));
        assert_eq!(
            block.values().flatten().filter(|r| r.tariff() == Some(0) && r.item().is_some()).count(),
            10
        );
    }
    items.drain(2..11);
    let some_left_out = [&items[0][..], &[0xAA], &items[1], &[0xAA; 10], &items[2], &[0xAA]].concat();
    let Ok(Content::Freeze(block)) = entry.read(&some_left_out) else { panic!("{some_left_out:02X?}") };
    assert_eq!(block.sections().count(), 3);
    assert!(entry.read(&joined[1..]).is_err());
}
