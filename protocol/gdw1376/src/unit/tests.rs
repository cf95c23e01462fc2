use super::*;
use crate::address::AddressField;
use crate::auxiliary::Auxiliary;
use crate::control::Control;
use crate::format::{Absence, Value};
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

/// F161 or F163 of a point for 2024-08-20: when it was read, M, the values.
fn freeze(point: u8, group: u8, function: u8, rest: &[u8]) -> Vec<u8> {
    [&[point, group, function, 0x14, 0x20, 0x08, 0x24][..], rest].concat()
}

fn good() -> Vec<u8> {
    let mut rest = vec![0x15, 0x00, 0x21, 0x08, 0x24, 0x04];
    rest.extend((1..=5).flat_map(|number| [number, 0, 0, 0, 0]));
    rest
}

// covers [1376 1.9]
#[test]
fn a_count_that_is_filled_with_ee_takes_nothing_from_the_points_behind_it() {
    let filled = [0xEE; 31];
    // Many points of two items behind it, so that 239 values would be found if 238 were believed.
    let mut units = freeze(0x01, 1, 0x01, &filled);
    let mut wanted = vec!["p1F161 8 -".to_owned()];
    for point in 1..=16_u8 {
        for (bit, function) in [(0x01, 161), (0x04, 163)] {
            if (point, function) != (1, 161) {
                units.extend(freeze(1 << ((point - 1) % 8), (point - 1) / 8 + 1, bit, &good()));
                wanted.push(format!("p{point}F{function} 8 0.0005"));
            }
        }
    }
    assert!(units.len() > 1200);
    assert_eq!(cut_up(true, 0x0D, &units), (wanted, None));
    // Among others, at the end, and in a bitmap; one without tariffs.
    let units = [freeze(1, 1, 1, &good()), freeze(2, 1, 1, &filled), freeze(4, 1, 1, &good())].concat();
    let three = ["p1F161 8 0.0005".to_owned(), "p2F161 8 -".to_owned(), "p3F161 8 0.0005".to_owned()];
    assert_eq!(cut_up(true, 0x0D, &units), (three.to_vec(), None));
    assert_eq!(cut_up(true, 0x0D, &units[..units.len() - 38]), (three[..2].to_vec(), None));
    let units = [freeze(2, 1, 1, &[0xEE; 11]), freeze(4, 1, 1, &good())].concat();
    assert_eq!(cut_up(true, 0x0D, &units), (vec!["p2F161 4 -".to_owned(), three[2].clone()], None));
    let bitmap = [freeze(3, 1, 1, &filled), vec![0x20, 0x08, 0x24], good()].concat();
    assert_eq!(cut_up(true, 0x0D, &bitmap).0, ["p1F161 8 -", "p2F161 8 0.0005"]);
    // The count itself is told as what it is.
    let message = message(true, 0x0D, &units);
    let count = cut(&message).units[0].values[2];
    assert_eq!((count.field.key, count.value), ("tariffs", Value::Absent(Absence::Missing)));
}

#[test]
fn a_count_that_fits_to_nothing_around_it_ends_reading() {
    // Values that are none of EE, and bytes behind that are no known item.
    let mut rest = vec![0x15, 0x00, 0x21, 0x08, 0x24, 0xEE];
    rest.extend([1, 0, 0, 0, 0].repeat(300));
    let (units, stop) = cut_up(true, 0x0D, &freeze(1, 1, 1, &rest));
    assert_eq!((units.len(), stop), (0, Some("data")));
    let unknown = [freeze(1, 1, 1, &[0xEE; 31]), vec![0x01, 0x01, 0x80, 0x1E, 1, 2, 3, 4]].concat();
    assert_eq!(cut_up(true, 0x0D, &unknown), (Vec::new(), Some("data")));
    // More tariffs than there are.
    for (tariffs, is_read) in [(48, true), (49, false)] {
        let rest = [&[0x15, 0x00, 0x21, 0x08, 0x24, tariffs][..], &[0; 5 * 50]].concat();
        let rest = &rest[..6 + 5 * (usize::from(tariffs) + 1)];
        assert_eq!(cut_up(true, 0x0D, &freeze(1, 1, 1, rest)).0.len() == 1, is_read, "{tariffs}");
    }
}

#[test]
fn a_curve_that_is_filled_with_ee_ends_where_the_next_item_begins() {
    let curve = |bit: u8, data: &[u8]| [&[0x02, 0x01, bit, 0x0A][..], data].concat();
    let good = [0x00, 0x00, 0x20, 0x08, 0x24, 0x01, 0x02, 0x11, 0, 0, 0x22, 0, 0];
    let units = [curve(1, &[0xEE; 7 + 3 * 24]), curve(2, &good)].concat();
    let (cut, stop) = cut_up(true, 0x0D, &units);
    assert_eq!((cut.as_slice(), stop), (&["p2F81 27 -".to_owned(), "p2F82 5 0.0022".to_owned()][..], None));
    // An hour that is filled.
    let hour = |bit: u8, data: &[u8]| [&[0x02, 0x01, bit, 0x0B][..], data].concat();
    let units = [hour(1, &[0xEE; 2 + 3 * 4]), hour(2, &[0x12, 0x03, 0x22, 0, 0])].concat();
    assert_eq!(cut_up(true, 0x0C, &units), (vec!["p2F89 6 -".to_owned(), "p2F90 3 0.0022".to_owned()], None));
}

// covers [1376 10]
#[test]
fn of_two_layouts_the_whole_message_tells() {
    let old = |when: [u8; 5]| {
        [&when[..], &[0x11, 0x00, 0x10, 0x20, 0x08, 0x24, 0x00, 0x09, 0x20, 0x08, 0x24]].concat()
    };
    let new = |when: [u8; 5]| {
        [&when[..], &[0x11, 0, 0, 0x10, 0x20, 0x48, 0x24, 0, 0, 0x09, 0x20, 0x48, 0x24]].concat()
    };
    let when = [0x15, 0x00, 0x21, 0x08, 0x24];
    let unit = |point: u8, data: Vec<u8>| [vec![point, 0x01, 0x01, 0x14], data].concat();
    let both = |last: &str| vec![format!("p1F161 4 {last}"), format!("p2F161 4 {last}")];
    for (data, last) in [
        (old(when), "2024-08-20 09:00"),
        (new(when), "2024-08-20 09:00:00"),
        ([&when[..], &[0x11], &[0xEE; 10]].concat(), "-"),
        ([&when[..], &[0x11], &[0xEE; 12]].concat(), "-"),
    ] {
        let two = [unit(1, data.clone()), unit(2, data.clone())].concat();
        assert_eq!(cut_up(true, 0x0C, &two), (both(last), None), "{} bytes", data.len());
        let bitmap = [unit(3, data.clone()), data].concat();
        assert_eq!(cut_up(true, 0x0C, &bitmap), (both(last), None), "{} bytes in a bitmap", bitmap.len());
    }
    // Energies of a day that are all zero, of two points and of two items.
    let zero = [0x20, 0x08, 0x24, 0x00, 0x00, 0x00, 0x00, 0x00];
    for identifier in [[0x03, 0x01, 0x10, 0x00], [0x01, 0x01, 0x50, 0x00]] {
        let units = [&identifier[..], &zero, &zero].concat();
        let (cut, stop) = cut_up(true, 0x0D, &units);
        assert_eq!((cut.len(), stop), (2, None), "{cut:?}");
        assert!(cut.iter().all(|unit| unit.ends_with(" 3 0.0000")), "{cut:?}");
    }
}

#[test]
fn of_two_layouts_that_both_use_up_the_message_none_is_taken() {
    // Either the short layout and the clock, or the long one, whose last time ends where the clock's identifier does, and the
    // inputs: both end with the message, and all times can be.
    let units = [
        &[0x01, 0x01, 0x10, 0x14, 0x15, 0x00, 0x21, 0x08, 0x24][..],
        &[0xEE; 9],
        &[0x15, 0x00, 0x21, 0x08, 0x24],
        &[0x01, 0x01, 0x02, 0x00, 0x01, 0x01, 0x01, 0x01, 0x21, 0x24],
    ]
    .concat();
    assert_eq!(cut_up(true, 0x0C, &units), (Vec::new(), Some("ambiguous")));
    // A clock that cannot be, and it is the other.
    let mut units = units;
    units[31] = 0x33;
    assert_eq!(cut_up(true, 0x0C, &units).0, ["p1F165 5 2000-02-01 01:24:08", "p1F9 2 24"]);
}

/// As many ways as there can be: it ends soon all the same.
#[test]
fn many_layouts_in_one_message_are_told_in_time() {
    let unit = [&[0x01, 0x01, 0x01, 0x14][..], &[0xEE; 18]].concat();
    let units = unit.repeat(700);
    let (cut, stop) = cut_up(true, 0x0C, &units);
    assert_eq!((cut.len(), stop), (700, None));
    let filled = [&[0xFF, 0x01, 0xFF, 0x14][..], &[0xEE; 16_000]].concat();
    for afn in [0x0C, 0x0D] {
        assert!(cut_up(true, afn, &filled).1.is_some());
    }
}

/// How many values were looked at beside those that the units have.
fn spent(units: &[u8]) -> usize {
    let message = message(true, 0x0D, units);
    let mut cutter = Cutter::of(Source::of(&message));
    let _ = cutter.run();
    cutter.reaches.work.spent()
}

/// Eight points, eight items, and sixty bytes of EE for all that they have: each may end in many places.
fn filled(times: usize) -> Vec<u8> {
    [&[0xFF, 0x01, 0xFF, 0x14][..], &[0xEE; 60]].concat().repeat(times)
}

#[test]
fn a_frame_that_can_be_read_in_ever_so_many_ways_costs_a_bounded_amount_of_work() {
    // A reading at hand may be finished: one has no more values than a frame has bytes.
    let most = source::Work::MOST + 20_000;
    for units in [filled(250), filled(125), [&[0xFF, 0x01, 0xFF, 0x14][..], &[0xEE; 16_000]].concat()] {
        assert!(spent(&units) <= most, "{} of {} bytes", spent(&units), units.len());
    }
    // What a terminal in order sends stays far below: all of a group of points filled, one unit behind the other.
    let unit = |point: u8| {
        let mut unit = vec![point, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24];
        unit.extend([0xEE; 5 + 1 + 25]);
        unit
    };
    let answer: Vec<u8> = (0..8).map(|bit| 1 << bit).flat_map(unit).collect();
    let told = cut_up(true, 0x0D, &answer);
    assert_eq!((told.0.len(), told.1), (8, None));
    assert!(spent(&answer) < answer.len() * 4, "{} for {} bytes", spent(&answer), answer.len());
}
