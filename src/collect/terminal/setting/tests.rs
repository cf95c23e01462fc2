use std::collections::BTreeMap;

use gdw1376::afn::Afn;
use gdw1376::confirmation::UnitResult;
use gdw1376::identifier::{Identifier, Point};
use gdw1376::request::{Speed, UserClass};

use super::*;
use crate::domain::terminal_archive::MeterRecord;

fn held(number: u16, address: u8) -> ArchiveRecord {
    ArchiveRecord {
        number,
        point: Point::new(number).unwrap(),
        speed: Speed::B2400,
        port: 31,
        protocol: 30,
        address: [address, 0, 0, 0, 0, 0],
        password: [0; 6],
        tariffs: 4,
        integer_digits: 6,
        decimal_digits: 2,
        collector: [0; 6],
        class: UserClass { class: 5, sub_class: 0 },
    }
}

/// With a password of its own.
fn locked(number: u16, address: u8) -> ArchiveRecord {
    ArchiveRecord { password: [address; 6], ..held(number, address) }
}

fn to(number: u16, before: Option<u8>, after: Option<u8>) -> RecordChange {
    let record = |address: u8| record::of_wire(&held(number, address));
    RecordChange { number, before: before.map(record), after: after.map(record) }
}

#[test]
fn meters_that_change_places_are_taken_away_before_they_are_set() {
    let list: BTreeMap<u16, ArchiveRecord> = (1..=4)
        .zip([0x01, 0x02, 0x03, 0x04])
        .map(|(number, address)| (number, locked(number, address)))
        .collect();
    let changes = [
        to(1, Some(0x01), Some(0x02)),
        to(2, Some(0x02), Some(0x01)),
        to(3, Some(0x03), Some(0x09)),
        to(4, Some(0x04), None),
        to(5, None, Some(0x08)),
    ];
    let frames = frames(&changes, &list).unwrap();
    let told: Vec<Vec<(u16, u16, u8)>> = frames
        .iter()
        .map(|frame| frame.iter().map(|one| (one.number, one.point.number(), one.address[0])).collect())
        .collect();
    assert_eq!(
        told,
        [
            vec![(1, 0, 0x01), (2, 0, 0x02), (4, 0, 0x04)],
            vec![(1, 1, 0x02), (2, 2, 0x01), (3, 3, 0x09), (5, 5, 0x08)],
        ]
    );
    let passwords: Vec<[u8; 6]> = frames[1].iter().map(|one| one.password).collect();
    assert_eq!(passwords, [[2; 6], [1; 6], [0; 6], [0; 6]], "it goes with its meter, and a new one has none");
}

#[test]
fn frames_fit_the_smallest_terminal_and_what_is_no_address_is_not_sent() {
    let changes: Vec<_> =
        (1..=20).map(|number| to(number, None, Some(0x10 + u8::try_from(number).unwrap()))).collect();
    let sizes: Vec<usize> = frames(&changes, &BTreeMap::new()).unwrap().iter().map(Vec::len).collect();
    assert_eq!(sizes, [7, 7, 6]);
    let wrong = MeterRecord { address: "12".to_owned(), ..record::of_wire(&held(1, 1)) };
    let wrong = RecordChange { number: 1, before: None, after: Some(wrong) };
    assert_eq!(frames(&[wrong], &BTreeMap::new()), None);
}

#[test]
fn what_a_terminal_says_to_records_is_told_by_its_number() {
    let each = |codes: &[u8]| {
        let identifier = Identifier::from_wire([0, 0, 2, 1]);
        let units = codes.iter().map(|code| (identifier, UnitResult(*code))).collect();
        Outcome::Confirmed(Confirmation::Each { afn: Afn::SET_PARAMETERS, units })
    };
    for (outcome, answer) in [
        (Outcome::Confirmed(Confirmation::All), RecordAnswer::Taken),
        (Outcome::Confirmed(Confirmation::None), RecordAnswer::Refused(1)),
        (Outcome::Confirmed(Confirmation::Security(7)), RecordAnswer::Refused(7)),
        (each(&[0]), RecordAnswer::Taken),
        (each(&[0, 2]), RecordAnswer::Refused(2)),
        (each(&[]), RecordAnswer::Silent),
        (Outcome::Unknown, RecordAnswer::Silent),
    ] {
        assert_eq!(answer_of(&outcome), answer, "{outcome:?}");
    }
    let mut answers = BTreeMap::new();
    note(&mut answers, 1, RecordAnswer::Taken);
    note(&mut answers, 1, RecordAnswer::Refused(2));
    note(&mut answers, 2, RecordAnswer::Refused(2));
    note(&mut answers, 2, RecordAnswer::Taken);
    assert_eq!(answers, [(1, RecordAnswer::Refused(2)), (2, RecordAnswer::Refused(2))].into());
}

#[test]
fn half_a_list_says_nothing_of_what_a_terminal_holds() {
    let told = |is_whole| Told { records: Vec::new(), at: Moment::from_micros(0), is_whole };
    assert_eq!(all_held(told(true)).unwrap().0, []);
    assert_eq!(all_held(told(false)).unwrap_err().cause, MissingCause::WrongForm);
}
