use super::*;
use crate::address::AddressField;
use crate::afn::Afn;
use crate::auxiliary::Auxiliary;
use crate::control::Control;
use crate::frame::LengthCode;
use crate::message::Message;
use crate::seq::Seq;
use crate::unit;

/// `point item value unit @ as_of` of every reading in an answer; nothing may be left over.
fn of(afn: Afn, units: &[u8]) -> Vec<String> {
    let message = Message {
        code: LengthCode::GDW_376,
        control: Control::DATA,
        address: AddressField::from_wire([0; 5]),
        afn,
        seq: Seq::single(0),
        units,
        auxiliary: Auxiliary::default(),
    };
    let cut = unit::cut(&message);
    assert_eq!(cut.rest, None);
    let show = |reading: Reading| {
        let value =
            reading.value.map_or_else(|absence| absence.reason().to_owned(), |value| value.to_string());
        let as_of = reading.as_of.map_or_else(|| "?".to_owned(), |as_of| as_of.to_string());
        let occurred = reading.occurred_at.map_or_else(String::new, |at| format!(" at {at}"));
        format!("{} {} {value} {} @ {as_of}{occurred}", reading.point, reading.item, reading.unit)
    };
    cut.units.iter().flat_map(readings).map(show).collect()
}

const DAY: [u8; 3] = [0x31, 0x12, 0x24];
const READ_AT: [u8; 5] = [0x12, 0x00, 0x01, 0x01, 0x25];

// covers [1376 6]
#[test]
fn a_day_freeze_holds_at_the_midnight_that_ends_the_day() {
    let values = [[0x00, 0x56, 0x34, 0x12, 0x00], [0xEE; 5], [0x01, 0, 0, 0, 0]].concat();
    let units = [&[0x02, 0x01, 0x01, 0x14][..], &DAY, &READ_AT, &[0x02], &values].concat();
    assert_eq!(
        of(Afn::CLASS_2, &units),
        [
            "p2 1-0:1.8.0 1234.5600 kWh @ 2025-01-01 00:00:00",
            "p2 1-0:1.8.1 filled with EE: no value kWh @ 2025-01-01 00:00:00",
            "p2 1-0:1.8.2 0.0001 kWh @ 2025-01-01 00:00:00",
        ]
    );
}

#[test]
fn a_month_freeze_holds_when_the_month_ends_and_a_reading_day_does_not_tell() {
    let value = [0x00, 0x78, 0x56, 0x34, 0x12];
    let month = [&[0x01, 0x01, 0x01, 0x16, 0x12, 0x24][..], &READ_AT, &[0x00], &value].concat();
    assert_eq!(of(Afn::CLASS_2, &month), ["p1 1-0:1.8.0 123456.7800 kWh @ 2025-01-01 00:00:00"]);
    let reading_day = [&[0x01, 0x01, 0x01, 0x15][..], &DAY, &READ_AT, &[0x00], &value].concat();
    assert_eq!(of(Afn::CLASS_2, &reading_day), ["p1 1-0:1.8.0 123456.7800 kWh @ ?"]);
    let settlement = [&[0x01, 0x01, 0x01, 0x11][..], &READ_AT, &[0x00], &value].concat();
    assert_eq!(of(Afn::CLASS_1, &settlement), ["p1 1-0:1.8.0 123456.7800 kWh @ ?"]);
    let now = [&[0x01, 0x01, 0x04, 0x10][..], &READ_AT, &[0x00], &value].concat();
    assert_eq!(of(Afn::CLASS_1, &now), ["p1 1-0:2.8.0 123456.7800 kWh @ 2025-01-01 00:12:00"]);
}

#[test]
fn a_curve_goes_on_over_midnight_in_steps_of_its_density() {
    let curve = |density: u8| {
        let head = [0x01, 0x01, 0x10, 0x0C, 0x30, 0x23, 0x31, 0x12, 0x24, density, 0x03];
        let values = [0x56, 0x34, 0x12, 0x00, 0xEE, 0xEE, 0xEE, 0xEE, 0x57, 0x34, 0x12, 0x00];
        of(Afn::CLASS_2, &[&head[..], &values].concat())
    };
    assert_eq!(
        curve(1),
        [
            "p1 1-0:1.8.0 1234.56 kWh @ 2024-12-31 23:30:00",
            "p1 1-0:1.8.0 filled with EE: no value kWh @ 2024-12-31 23:45:00",
            "p1 1-0:1.8.0 1234.57 kWh @ 2025-01-01 00:00:00",
        ]
    );
    assert!(curve(2)[2].ends_with("@ 2025-01-01 00:30:00"));
    assert!(curve(3)[2].ends_with("@ 2025-01-01 01:30:00"));
    assert!(curve(254)[2].ends_with("@ 2024-12-31 23:40:00"));
    assert!(curve(255)[2].ends_with("@ 2024-12-31 23:32:00"));
    assert!(curve(0).iter().all(|reading| reading.ends_with("@ ?")), "not frozen: no instants");
}

#[test]
fn maxima_find_their_times_beside_them_and_behind_their_row() {
    let beside = [
        &[0x01, 0x01, 0x01, 0x17][..],
        &DAY,
        &READ_AT,
        &[0x01, 0x00, 0x50, 0x01, 0x30, 0x18, 0x05, 0x12, 0x00, 0x20, 0x00, 0x15, 0x07, 0x06, 0x12],
    ]
    .concat();
    assert_eq!(
        of(Afn::CLASS_2, &beside),
        [
            "p1 1-0:1.6.0 1.5000 kW @ 2025-01-01 00:00:00 at 12-05 18:30",
            "p1 1-0:1.6.1 0.2000 kW @ 2025-01-01 00:00:00 at 12-06 07:15",
        ]
    );
    let behind = [
        &[0x01, 0x01, 0x04, 0x00][..],
        &DAY,
        &READ_AT,
        &[0x01, 0x00, 0x50, 0x01, 0x00, 0x20, 0x00, 0x30, 0x18, 0x05, 0x12, 0x15, 0x07, 0x06, 0x12],
        &[0x00, 0x10, 0x00, 0x00, 0x05, 0x00, 0x01, 0x01, 0x01, 0x12, 0xEE, 0xEE, 0xEE, 0xEE],
    ]
    .concat();
    assert_eq!(
        of(Afn::CLASS_2, &behind),
        [
            "p1 1-0:1.6.0 1.5000 kW @ 2025-01-01 00:00:00 at 12-05 18:30",
            "p1 1-0:1.6.1 0.2000 kW @ 2025-01-01 00:00:00 at 12-06 07:15",
            "p1 1-0:3.6.0 0.1000 kvar @ 2025-01-01 00:00:00 at 12-01 01:01",
            "p1 1-0:3.6.1 0.0500 kvar @ 2025-01-01 00:00:00",
        ]
    );
}

#[test]
fn a_power_factor_is_a_ratio_and_a_corrupt_date_gives_no_instant() {
    let head = [0x01, 0x01, 0x01, 0x0D, 0x00, 0x00, 0x01, 0x01, 0x25, 0x01, 0x01];
    assert_eq!(
        of(Afn::CLASS_2, &[&head[..], &[0x50, 0x89]].concat()),
        ["p1 1-0:13.7.0 -0.950  @ 2025-01-01 00:00:00"]
    );
    let corrupt =
        [&[0x01, 0x01, 0x01, 0x14, 0x31, 0x02, 0x24][..], &READ_AT, &[0x00], &[1, 0, 0, 0, 0]].concat();
    assert_eq!(of(Afn::CLASS_2, &corrupt), ["p1 1-0:1.8.0 0.0001 kWh @ ?"]);
}
