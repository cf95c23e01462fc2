//! What a meter answers, against the catalogue of the protocol crate and against its own truth.

use super::*;
use crate::load::shape::Shape;
use crate::sample;
use crate::truth::event::EventKind;
use crate::truth::register::{Energy, Register};
use dlt645::catalog::{self, Content};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::frame::{MAX_DATA, WireFrame};
use dlt645::meter_time::Civil;

const ADDRESS: &str = "202411110001";

fn now() -> At {
    sample::at(2026, 11, 21, 10, 17)
}

fn a_meter(shape: Shape) -> Meter {
    let address = ADDRESS.parse().unwrap();
    let mut truth = sample::meter(shape, 7);
    let day = 86_400;
    for (kind, before, lasts) in [
        (EventKind::PowerCut, 9 * day, Some(3600)),
        (EventKind::VoltageLoss(crate::truth::register::Phase::A), 8 * day, Some(600)),
        (EventKind::CurrentLoss(crate::truth::register::Phase::A), 7 * day, Some(60)),
        (EventKind::CurrentReversed(crate::truth::register::Phase::A), 6 * day, Some(7200)),
        (EventKind::CoverOpen, 5 * day, Some(90)),
        (EventKind::MagneticField, 4 * day, Some(30)),
        (EventKind::DemandClear, 3 * day, Some(0)),
        (EventKind::ClockSet, 2 * day, Some(0)),
    ] {
        let from = now().plus(-before);
        let to = lasts.map(|seconds| from.plus(seconds));
        truth.insert(crate::truth::event::Event { kind, from, to, operator: 0x1234_5678 });
    }
    Meter::new(address, Editions::BOTH, Manners::default(), truth)
}

/// The answer's control code and plain data.
fn ask(meter: &mut Meter, at: At, to: &str, control: u8, data: &[u8]) -> Option<(u8, Vec<u8>)> {
    let address = match to.parse::<dlt645::address::Target>() {
        Ok(target) => target.field(),
        Err(_) => AddressField::BROADCAST,
    };
    let reply = meter.answer(at, &Frame { address, control: Control(control), data })?;
    let wire = WireFrame::parse(&reply.frame).unwrap();
    assert_eq!(wire.address(), meter.address());
    let mut plain = [0; MAX_DATA];
    Some((wire.control().0, wire.unmask(&mut plain).to_vec()))
}

fn id(text: &str) -> [u8; 4] {
    text.parse::<DataId>().unwrap().code().to_le_bytes()
}

#[test]
fn what_it_says_reads_back_under_the_catalogue_for_every_identifier_it_serves() {
    let mut served = std::collections::BTreeMap::new();
    for meter in [a_meter(Shape::Household), a_meter(Shape::Factory)] {
        for row in catalog::rows() {
            for data_id in row.ids().step_by(7).take(9) {
                let bytes = data_id.code().to_le_bytes();
                let load_record = [0x03, 0x00, 0x10, 0x20, 0x11, 0x26];
                let request: &[u8] = if data_id.di3() == 6 { &load_record } else { &[] };
                let held = match data_id.edition() {
                    Edition::E2007 => meter.held(now(), bytes, request),
                    Edition::E1997 => meter.held_1997(now(), [bytes[0], bytes[1]]),
                };
                let Some(data) = held else { continue };
                let entry = catalog::find(data_id).unwrap();
                match entry.read(&data).unwrap_or_else(|deviation| panic!("{data_id}: {deviation}")) {
                    Content::Values(values) => {
                        let values: Vec<_> = values.map(|reading| reading.value).collect();
                        let not_decimal = catalog::Value::Absent(catalog::Absence::NotDecimal);
                        assert!(!values.contains(&not_decimal), "{data_id}: {data:02X?}");
                        let again = entry
                            .encode(&values)
                            .unwrap_or_else(|e| panic!("{data_id}: {e} {values:?} {data:02X?}"));
                        let end = data.len() - usize::from(data.len() == again.len() + 1);
                        assert_eq!(again, data[..end], "{data_id}: the two encoders differ");
                    }
                    Content::Freeze(block) => assert_eq!(block.sections().count(), 12, "{data_id}"),
                    Content::LoadRecords(blocks) => {
                        let blocks: Vec<_> = blocks.collect::<Result<_, _>>().unwrap();
                        assert!(!blocks.is_empty());
                        assert!(blocks.iter().all(|block| block.sum_fits && block.count_fits), "{data_id}");
                    }
                    Content::Opaque(_) | Content::Nothing => panic!("{data_id} has no layout"),
                }
                *served.entry((data_id.edition(), row.pattern[..2].to_owned())).or_insert(0) += 1;
            }
        }
    }
    for class in ["00", "01", "02", "03", "04", "05", "06", "10", "13", "18", "1B", "1D", "1E"] {
        let either = served.get(&(Edition::E2007, class.to_owned()));
        // Nobody was cut off and nobody phase-failed: no records, but counts.
        assert!(either.is_some(), "class {class} is not served: {served:?}");
    }
    assert!(served.values().sum::<i32>() > 1000, "{served:?}");
}

#[test]
fn registers_freezes_and_records_agree_with_the_truth() {
    let mut meter = a_meter(Shape::Shop);
    let total = Register::total(Energy::ForwardActive);
    let read = |meter: &mut Meter, id_text: &str| {
        let (control, data) = ask(meter, now(), ADDRESS, 0x11, &id(id_text)).unwrap();
        assert_eq!(control & 0xDF, 0x91, "{id_text}");
        data[4..].to_vec()
    };
    let energy = |bytes: &[u8]| i64::try_from(dlt645::bcd::decode(bytes).unwrap()).unwrap();
    let block = read(&mut meter, "0001FF00");
    let values: Vec<i64> = block.chunks(4).map(energy).collect();
    assert_eq!(values[0], meter.truth().shown(total, now()));
    assert_eq!(values[0], values[1..].iter().sum::<i64>(), "the total is the sum of the tariffs");
    for back in [1_u32, 2, 30, 62] {
        let time = read(&mut meter, &format!("050600{back:02X}"));
        let midnight = At::midnight(now().day() - back + 1);
        assert_eq!(time, encode::Data::new().minute(Some(midnight)).into_bytes(), "{back} back");
        let frozen = read(&mut meter, &format!("050601{back:02X}"));
        assert_eq!(energy(&frozen[..4]), meter.truth().shown(total, midnight));
    }
    let (control, error) = ask(&mut meter, now(), ADDRESS, 0x11, &id("0506013F")).unwrap();
    assert_eq!((control, error.as_slice()), (0xD1, &[0x02][..]), "no 63rd day");
    let newest = meter.held(now(), id("06040002"), &[0x01]).unwrap();
    let quarter = sample::at(2026, 11, 21, 10, 15);
    assert_eq!(newest[3..8], encode::Data::new().minute(Some(quarter)).into_bytes());
    assert_eq!(energy(&newest[11..15]), meter.truth().shown(total, quarter));
}

#[test]
fn addressing_follows_the_standard() {
    let mut meter = a_meter(Shape::Household);
    let mut heard =
        |to: &str, control: u8, data: &[u8]| ask(&mut meter, now(), to, control, data).map(|(c, _)| c);
    assert_eq!(heard(ADDRESS, 0x11, &id("00010000")), Some(0x91));
    assert_eq!(heard("AAAAAAAAAAAA", 0x11, &id("00010000")), Some(0x91));
    assert_eq!(heard("AAAAAAAA0001", 0x11, &id("00010000")), Some(0x91));
    assert_eq!(heard("AAAAAAAA0002", 0x11, &id("00010000")), None);
    assert_eq!(heard("202411110002", 0x11, &id("00010000")), None);
    assert_eq!(heard("broadcast", 0x11, &id("00010000")), None, "2007 meters do not answer a broadcast");
    assert_eq!(heard("AAAAAAAAAAAA", 0x13, &[]), Some(0x93));
    let write = [&id("04001401")[..], &[4, 0, 0, 0, 1, 2, 3, 4, 5, 0]].concat();
    assert_eq!(heard("AAAAAAAAAAAA", 0x14, &write), None, "no write to a wildcard");
    assert_eq!(heard(ADDRESS, 0x91, &id("00010000")), None, "an answer is no request");
    assert_eq!(heard(ADDRESS, 0x01, &[0x10, 0x90]), Some(0x81), "this one speaks both editions");
}

#[test]
fn long_answers_come_in_pieces_and_a_piece_can_be_asked_for_again() {
    let mut meter = a_meter(Shape::Factory);
    let whole = meter.held(now(), id("0506FF01"), &[]).unwrap();
    let (control, first) = ask(&mut meter, now(), ADDRESS, 0x11, &id("0506FF01")).unwrap();
    assert_eq!((control, first.len()), (0xB1, 200));
    let next = [&id("0506FF01")[..], &[1]].concat();
    let (control, second) = ask(&mut meter, now(), ADDRESS, 0x12, &next).unwrap();
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x12, &next).unwrap().1, second);
    assert_eq!((control, second.last()), (0x92, Some(&1)));
    assert_eq!([&first[4..], &second[4..second.len() - 1]].concat(), whole);
    let beyond = [&id("0506FF01")[..], &[2]].concat();
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x12, &beyond), Some((0xD2, vec![0x02])));
    let other = [&id("0506FF02")[..], &[1]].concat();
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x12, &other), Some((0xD2, vec![0x02])));
}

/// PA P0 P1 P2 of level 2 and an operator.
const AUTHORITY: [u8; 8] = [2, 0, 0, 0, 0x78, 0x56, 0x34, 0x12];

fn order(meter: &mut Meter, at: At, n1: u8, n2: u8, until: At) -> (u8, Vec<u8>) {
    let deadline = encode::Data::new().second(Some(until)).into_bytes();
    let data = [&AUTHORITY[..], &[n1, n2], &deadline].concat();
    ask(meter, at, ADDRESS, 0x1C, &data).unwrap()
}

fn status_3(meter: &mut Meter, at: At) -> u16 {
    let (_, data) = ask(meter, at, ADDRESS, 0x11, &id("04000503")).unwrap();
    u16::from_le_bytes([data[4], data[5]])
}

const ACCEPTED: u8 = 0x9C;
const REFUSED: u8 = 0xDC;

#[test]
fn a_trip_opens_and_a_permit_waits_for_the_customer() {
    let mut meter = a_meter(Shape::Household);
    let later = now().plus(300);
    assert_eq!(order(&mut meter, now(), 0x1A, 0, later).0, ACCEPTED);
    assert_eq!(status_3(&mut meter, now()) & 0x50, 0x50, "open, ordered open");
    let standing = meter.truth().shown(Register::total(Energy::ForwardActive), now());
    let hour = now().plus(3600);
    assert_eq!(meter.truth().shown(Register::total(Energy::ForwardActive), hour), standing, "no load");
    assert_eq!(meter.truth().instantaneous(hour).current, [0; 3]);
    assert_eq!(order(&mut meter, hour, 0x1B, 0, hour.plus(300)).0, ACCEPTED);
    assert_eq!(status_3(&mut meter, hour.plus(60)) & 0x50, 0x10, "permitted: ordered closed, still open");
    assert_eq!(status_3(&mut meter, hour.plus(121)) & 0x50, 0x00, "the key was pressed after two minutes");
    let switchings = meter.relay().switchings();
    assert_eq!(
        switchings.iter().map(|s| (s.opened, s.cause)).collect::<Vec<_>>(),
        [(true, relay::Cause::Order), (false, relay::Cause::Customer)]
    );
    let (_, trip) = ask(&mut meter, hour.plus(200), ADDRESS, 0x11, &id("1D00FF01")).unwrap();
    assert_eq!(trip.len(), 4 + 34);
    assert_eq!(trip[10..14], [0x78, 0x56, 0x34, 0x12], "the operator of the trip");
}

#[test]
fn delays_holds_timers_and_faults_of_the_relay() {
    let later = now().plus(300);
    let mut delayed = a_meter(Shape::Household);
    let delay = [&id("04001401")[..], &[4, 0, 0, 0, 1, 2, 3, 4, 0x05, 0x00]].concat();
    assert_eq!(ask(&mut delayed, now(), ADDRESS, 0x14, &delay).unwrap().0, 0x94);
    order(&mut delayed, now(), 0x1A, 0, later);
    assert_eq!(status_3(&mut delayed, now().plus(299)) & 0xD0, 0xC0, "told, not yet done, the alarm runs");
    assert_eq!(status_3(&mut delayed, now().plus(300)) & 0xD0, 0x50);

    let mut held = a_meter(Shape::Household);
    assert_eq!(order(&mut held, now(), 0x3A, 0, later).0, ACCEPTED);
    assert_eq!(order(&mut held, now(), 0x1A, 0, later), (REFUSED, vec![0x01]), "supply is held");
    assert_eq!(status_3(&mut held, now()) & 0x1010, 0x1000);
    assert_eq!(order(&mut held, now(), 0x3B, 0, later).0, ACCEPTED);
    assert_eq!(order(&mut held, now(), 0x1A, 0, later).0, ACCEPTED);

    let mut timed = a_meter(Shape::Household);
    assert_eq!(order(&mut timed, now(), 0x1D, 6, later).0, ACCEPTED);
    assert_eq!(status_3(&mut timed, now().plus(1799)) & 0x10, 0x10);
    assert_eq!(status_3(&mut timed, now().plus(1800)) & 0x10, 0, "half an hour is over");
    assert_eq!(order(&mut timed, now().plus(2000), 0x1D, 0, now().plus(2100)).0, REFUSED, "no delay given");

    let mut stuck = a_meter(Shape::Household);
    stuck.relay_mut().set_kind(RelayKind { is_stuck: true, ..RelayKind::default() });
    assert_eq!(order(&mut stuck, now(), 0x1A, 0, later).0, ACCEPTED, "told");
    assert_eq!(status_3(&mut stuck, now().plus(60)) & 0x50, 0x40, "and not done");

    let mut large = a_meter(Shape::Household);
    large.relay_mut().set_kind(RelayKind { hold_above: 1, ..RelayKind::default() });
    order(&mut large, now(), 0x1A, 0, later);
    assert_eq!(status_3(&mut large, now().plus(3600)) & 0x50, 0x40, "waits for the current to fall");
    assert_eq!(status_3(&mut large, now().plus(86_401)) & 0x50, 0x50, "a day at the most");

    let mut without = a_meter(Shape::Household);
    without.relay_mut().set_kind(RelayKind { is_fitted: false, ..RelayKind::default() });
    let deadline = encode::Data::new().second(Some(later)).into_bytes();
    let trip = [&AUTHORITY[..], &[0x1A, 0], &deadline].concat();
    assert_eq!(ask(&mut without, now(), ADDRESS, 0x1C, &trip), None, "an old meter is silent");
}

#[test]
fn deadlines_go_by_the_meters_own_clock() {
    let mut meter = a_meter(Shape::Household);
    meter.truth_mut().clock_mut().jump(now().plus(-60), 600);
    assert_eq!(
        order(&mut meter, now(), 0x1A, 0, now().plus(300)),
        (REFUSED, vec![0x01]),
        "past by its clock"
    );
    assert_eq!(order(&mut meter, now(), 0x1A, 0, now().plus(900)).0, ACCEPTED);
}

#[test]
fn wrong_passwords_are_refused_and_lock() {
    let mut meter = a_meter(Shape::Household);
    assert!(meter.passwords_mut().set(2, [0x56, 0x34, 0x12]));
    for _ in 0..3 {
        assert_eq!(order(&mut meter, now(), 0x1A, 0, now().plus(300)), (REFUSED, vec![0x04]));
    }
    let right = [&[2, 0x56, 0x34, 0x12, 0, 0, 0, 0][..], &[0x1A, 0], &[0x99; 6]].concat();
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x1C, &right), Some((REFUSED, vec![0x04])), "locked");
    let tomorrow = now().plus(86_401);
    assert_eq!(ask(&mut meter, tomorrow, ADDRESS, 0x1C, &right).unwrap().0, ACCEPTED);
}

#[test]
fn the_clock_is_set_by_order_and_within_limits_by_broadcast() {
    let mut meter = a_meter(Shape::Household);
    let shown = |meter: &mut Meter, at: At| {
        let (_, date) = ask(meter, at, ADDRESS, 0x11, &id("04000101")).unwrap();
        let (_, time) = ask(meter, at, ADDRESS, 0x11, &id("04000102")).unwrap();
        order::civil([time[4], time[5], time[6], date[5], date[6], date[7]]).unwrap()
    };
    let broadcast = |time: At| encode::Data::new().second(Some(time)).into_bytes();
    assert_eq!(ask(&mut meter, now(), "broadcast", 0x08, &broadcast(now().plus(301))), None);
    assert_eq!(shown(&mut meter, now()), now(), "more than five minutes: not taken");
    ask(&mut meter, now(), "broadcast", 0x08, &broadcast(now().plus(200)));
    assert_eq!(shown(&mut meter, now()), now().plus(200));
    ask(&mut meter, now().plus(60), "broadcast", 0x08, &broadcast(now().plus(60)));
    assert_eq!(shown(&mut meter, now().plus(60)), now().plus(260), "once a day");
    let set = encode::Data::new().time(Some(now().plus(90)), &parameter::DATE_AND_TIME).into_bytes();
    let write = [&id("0400010C")[..], &[4, 0, 0, 0, 0x78, 0x56, 0x34, 0x12], &set].concat();
    assert_eq!(ask(&mut meter, now().plus(90), ADDRESS, 0x14, &write), Some((0x94, vec![])));
    assert_eq!(shown(&mut meter, now().plus(90)), now().plus(90));
    let (_, record) = ask(&mut meter, now().plus(95), ADDRESS, 0x11, &id("03300401")).unwrap();
    assert_eq!(record[4..8], [0x78, 0x56, 0x34, 0x12], "who");
    assert_eq!(record[8..14], encode::Data::new().second(Some(now().plus(290))).into_bytes(), "before");
    assert_eq!(record[14..20], encode::Data::new().second(Some(now().plus(90))).into_bytes(), "after");
}

#[test]
fn freezes_are_taken_by_order() {
    let mut meter = a_meter(Shape::Household);
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x16, &[0x99; 4]), Some((0x96, vec![])));
    assert_eq!(
        ask(&mut meter, now().plus(60), "broadcast", 0x16, &[0x99; 4]),
        None,
        "no answer to a broadcast"
    );
    let frozen =
        |meter: &Meter, at: At, text: &str| meter.held(at, id(text), &[]).map(|data| data[..4].to_vec());
    let total = |meter: &Meter, at: At| {
        let value = meter.truth().shown(Register::total(Energy::ForwardActive), at);
        encode::Data::new().number(value, 4).into_bytes()
    };
    assert_eq!(frozen(&meter, now().plus(3600), "05010101"), Some(total(&meter, now().plus(60))));
    assert_eq!(frozen(&meter, now().plus(3600), "05010102"), Some(total(&meter, now())));
    assert_eq!(frozen(&meter, now().plus(3600), "05010103"), None);
    assert_eq!(
        ask(&mut meter, now(), ADDRESS, 0x16, &[0x30, 0x12, 0x99, 0x99]).unwrap().0,
        0x96,
        "daily at 12:30"
    );
    let due = sample::at(2026, 11, 22, 12, 30);
    assert_eq!(frozen(&meter, due.plus(5), "05000101"), Some(total(&meter, due)));
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x16, &[0x75, 0x12, 0x99, 0x99]), Some((0xD6, vec![0x01])));
}

#[test]
fn the_old_edition_answers_blocks_rereads_and_refuses() {
    let mut meter = a_meter(Shape::Shop);
    let (control, block) = ask(&mut meter, now(), ADDRESS, 0x01, &[0x1F, 0x90]).unwrap();
    assert_eq!((control, block.len(), block.last()), (0x81, 2 + 20 + 1, Some(&0xAA)));
    let (control, again) = ask(&mut meter, now(), ADDRESS, 0x03, &[]).unwrap();
    assert_eq!((control, again), (0x83, block));
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x01, &[0xFF, 0xFF]), Some((0xC1, vec![0x02])));
    assert_eq!(ask(&mut meter, now(), "broadcast", 0x01, &[0x10, 0x90]), None);
    meter.manners.answers_broadcast_reads = true;
    assert!(ask(&mut meter, now(), "broadcast", 0x01, &[0x10, 0x90]).is_some());
    let set = [0x11, 0xC0, 4, 0, 0, 0, 0x30, 0x15, 0x10];
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x04, &set), Some((0x84, vec![])));
    let civil = Civil::new(2026, 11, 21, 10, 15, 30).unwrap();
    assert_eq!(meter.truth().clock().shown(now()), At::from_civil(civil));
}

#[test]
fn an_address_is_written_and_the_answer_comes_from_the_new_one() {
    let mut meter = a_meter(Shape::Household);
    let (control, _) =
        ask(&mut meter, now(), "AAAAAAAAAAAA", 0x15, &[0x12, 0x90, 0x78, 0x56, 0x34, 0x12]).unwrap();
    assert_eq!((control, meter.address().to_string().as_str()), (0x95, "123456789012"));
    assert_eq!(ask(&mut meter, now(), ADDRESS, 0x11, &id("00010000")), None);
}

#[test]
fn nothing_is_said_without_supply() {
    let mut meter = a_meter(Shape::Household);
    meter.truth_mut().begin(EventKind::PowerCut, now(), 0);
    assert_eq!(ask(&mut meter, now().plus(1), ADDRESS, 0x13, &[]), None);
    meter.truth_mut().end(EventKind::PowerCut, now().plus(60));
    assert!(ask(&mut meter, now().plus(61), ADDRESS, 0x13, &[]).is_some());
}

#[test]
fn a_meter_at_rest_takes_less_than_four_kibibytes() {
    let mut meter = a_meter(Shape::Factory);
    for _ in 0..3 {
        order(&mut meter, now(), 0x1A, 0, now().plus(300));
        order(&mut meter, now(), 0x1C, 0, now().plus(300));
    }
    assert!(meter.bytes() < 4096, "{} bytes", meter.bytes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_request_is_answered_by_a_sound_frame_or_not_at_all(
        control: u8,
        data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
        class in 0_u8..0x22,
        wild: bool,
    ) {
        let mut meter = a_meter(Shape::Household);
        let to = if wild { "AAAAAAAAAAAA" } else { ADDRESS };
        let mut data = data;
        if let Some(byte) = data.get_mut(3) {
            *byte = class;
        }
        if let Some((answer, _)) = ask(&mut meter, now(), to, control & 0x7F, &data) {
            proptest::prop_assert_eq!(answer & 0x9F, 0x80 | control & 0x1F);
        }
    }
}
