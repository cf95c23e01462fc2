use super::*;
use crate::address::AddressField;
use crate::auxiliary::Auxiliary;
use crate::control::Control;
use crate::frame::LengthCode;
use crate::seq::Seq;

/// A message of the terminal, or of the master.
fn message(is_up: bool, afn: u8, units: &[u8]) -> Message<'_> {
    Message {
        code: LengthCode::GDW_376,
        control: if is_up { Control::DATA } else { Control::QUERY },
        address: AddressField::from_wire([0x00, 0x11, 0x39, 0x30, 0x02]),
        afn: Afn(afn),
        seq: Seq::single(0),
        units,
        auxiliary: Auxiliary::default(),
    }
}

/// `point function first..last value` of each unit, and the kind of the stop.
fn cut_up(is_up: bool, afn: u8, units: &[u8]) -> (Vec<String>, Option<&'static str>) {
    let message = message(is_up, afn, units);
    let cut = cut(&message);
    let shown = cut.units.iter().map(|unit| {
        let point = unit.point.map_or_else(|| "p?".to_owned(), |point| point.to_string());
        let function = unit.function.map_or_else(|| "F?".to_owned(), |function| function.to_string());
        let last = unit.values.last().map_or_else(String::new, |last| format!(" {}", last.value));
        format!("{point}{function} {}{last}", unit.values.len())
    });
    (shown.collect(), cut.rest.map(|rest| rest.why.kind()))
}

// covers [1376 1.6]
#[test]
fn an_answer_with_bitmaps_gives_a_unit_for_each_point_and_item() {
    // p1 and p2, F163 and F164, no tariffs: day, time of reading, M = 0, one value.
    let one = |last: [u8; 5]| [&[0x20, 0x08, 0x24, 0x15, 0x00, 0x21, 0x08, 0x24, 0x00][..], &last].concat();
    let two = |last: [u8; 4]| [&[0x20, 0x08, 0x24, 0x15, 0x00, 0x21, 0x08, 0x24, 0x00][..], &last].concat();
    let units = [
        vec![0x03, 0x01, 0x0C, 0x14],
        one([1, 0, 0, 0, 0]),
        two([2, 0, 0, 0]),
        one([3, 0, 0, 0, 0]),
        two([4, 0, 0, 0]),
    ]
    .concat();
    let (cut, stop) = cut_up(true, 0x0D, &units);
    assert_eq!(cut, ["p1F163 4 0.0001", "p1F164 4 0.02", "p2F163 4 0.0003", "p2F164 4 0.04"]);
    assert_eq!(stop, None);
    let (cut, stop) = cut_up(true, 0x0D, &units[..units.len() - 1]);
    assert_eq!((cut.len(), stop), (3, Some("data")), "what came before the cut stays");
}

#[test]
fn a_question_has_one_selector_for_all_it_names() {
    let units = [0xFF, 0x01, 0x05, 0x14, 0x20, 0x08, 0x24, 0x00, 0x00, 0x02, 0x00];
    let (cut, stop) = cut_up(false, 0x0D, &units);
    assert_eq!(cut, ["p?F? 1 2024-08-20"]);
    assert_eq!(stop, Some("data"), "a question for F2 needs its date");
    let (cut, stop) = cut_up(false, 0x0C, &[0xFF, 0x00, 0x01, 0x10]);
    assert_eq!((cut.as_slice(), stop), (&["p?F129 0".to_owned()][..], None), "all points may be asked for");
    let (_, stop) = cut_up(true, 0x0C, &[0xFF, 0x00, 0x01, 0x10, 0, 0]);
    assert_eq!(stop, Some("no_point"), "an answer has to say whose data they are");
}

#[test]
fn what_cannot_be_cut_off_stays_with_its_reason() {
    let bytes =
        [0x00, 0x00, 0x02, 0x00, 0x00, 0x39, 0x07, 0x17, 0x43, 0x15, 0x01, 0x01, 0x80, 0x0C, 0x12, 0x34];
    let message = message(true, 0x0C, &bytes);
    let Units { units, rest } = cut(&message);
    let rest = rest.unwrap();
    assert_eq!((units.len(), rest.offset, rest.bytes), (1, 10, &bytes[10..]));
    assert_eq!(rest.why.to_string(), "AFN 0C F104 is not in the catalogue");
    for (is_up, afn, units, kind) in [
        (true, 0x0C, &[0x00, 0x00, 0x02][..], "short_identifier"),
        (true, 0x0C, &[0x01, 0x00, 0x02, 0x00, 0, 0, 0, 0, 0, 0], "no_point"),
        (true, 0x0C, &[0x01, 0x01, 0x00, 0x00, 0, 0], "no_item"),
        (true, 0x0B, &[0x01, 0x01, 0x01, 0x00], "no_layout"),
        (true, 0x0C, &[0x00, 0x00, 0x02, 0x00, 0, 0], "data"),
        (true, 0x0D, &[0x01, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24, 0, 0, 0, 0, 0, 0xEE], "data"),
        (false, 0x0D, &[0x01, 0x01, 0x01, 0x16, 0x20], "data"),
    ] {
        assert_eq!(cut_up(is_up, afn, units).1, Some(kind), "{units:02X?}");
    }
}

// covers [1376 10]
#[test]
fn of_two_layouts_the_length_tells() {
    let relay = [0x01, 0x01, 0x01, 0x14, 0x15, 0x00, 0x21, 0x08, 0x24, 0x11];
    let old = [&relay[..], &[0x00, 0x10, 0x20, 0x08, 0x24, 0x00, 0x09, 0x20, 0x08, 0x24]].concat();
    let new = [&relay[..], &[0, 0, 0x10, 0x20, 0x48, 0x24, 0, 0, 0x09, 0x20, 0x48, 0x24]].concat();
    assert_eq!(cut_up(true, 0x0C, &old).0, ["p1F161 4 2024-08-20 09:00"]);
    assert_eq!(cut_up(true, 0x0C, &new).0, ["p1F161 4 2024-08-20 09:00:00"]);
    // With another unit behind, the one that ends where a known identifier begins.
    let clock = [0x00, 0x00, 0x02, 0x00, 0x00, 0x39, 0x07, 0x17, 0x43, 0x15];
    for front in [old, new] {
        let (cut, stop) = cut_up(true, 0x0C, &[&front[..], &clock].concat());
        assert_eq!((cut.len(), stop), (2, None), "{cut:?}");
    }
    // A heartbeat with and without the clock.
    assert_eq!(cut_up(true, 0x02, &[0, 0, 4, 0]).0, ["p0F3 0"]);
    assert_eq!(
        cut_up(true, 0x02, &[0, 0, 4, 0, 0x30, 0x05, 0x12, 0x20, 0x48, 0x24]).0,
        ["p0F3 1 2024-08-20 12:05:30"]
    );
}

#[test]
fn energies_of_a_day_with_and_without_the_time_of_reading() {
    let head = [0x01, 0x01, 0x10, 0x00, 0x20, 0x08, 0x24];
    let values = [0x00, 0x56, 0x34, 0x12, 0x00];
    let plain = [&head[..], &values].concat();
    assert_eq!(cut_up(true, 0x0D, &plain).0, ["p1F5 3 12.3456"]);
    let with_time = [&head[..], &[0x02, 0x00, 0x21, 0x08, 0x24], &values].concat();
    assert_eq!(cut_up(true, 0x0D, &with_time).0, ["p1F5 4 12.3456"]);
}

#[test]
fn confirmations_unit_by_unit_and_records_of_events() {
    let each = [0, 0, 4, 0, 0x04, 0, 0, 2, 1, 0, 0, 0, 4, 0, 2];
    let message = message(false, 0x00, &each);
    let cut_units = cut(&message);
    let places: Vec<_> = cut_units.units[0].values.iter().map(|value| value.place.innermost()).collect();
    assert_eq!(places, [None, Some(0), Some(0), Some(1), Some(1)]);
    let events = [0, 0, 1, 0, 0x05, 0x07, 0xFE, 0x00, 0x15, 0x01, 0xAA, 0x1F, 0x00];
    let (cut, stop) = cut_up(true, 0x0E, &events);
    assert_eq!((cut.as_slice(), stop), (&["p0F1 10 ".to_owned()][..], None), "from 254 on to 0: two records");
}
