//! Every state of the relay bits, with every kind of current, at every stage after an order.

use std::collections::BTreeMap;

use super::*;

const RULES: Rules = Rules {
    switch: Switch::Inside,
    open_below: 20,
    large_current: 30_000,
    large_current_wait: Duration::from_secs(86_400),
    apart: Duration::from_secs(60),
    settles_within: Duration::from_secs(30),
    trip_delay: Duration::from_secs(300),
};

fn at(seconds: i64) -> Moment {
    Moment::from_micros(1_795_278_330_000_000 + seconds * 1_000_000)
}

fn told(is_accepted: bool) -> Told {
    Told { at: at(0), until: at(300), is_accepted }
}

fn word(open: bool, ordered: bool) -> u16 {
    u16::from(open) << 4 | u16::from(ordered) << 6
}

fn look(seconds: i64, bits: u16, current: i64) -> Look {
    let currents = Currents([Some(current), None, None]);
    Look { at: at(seconds), status: StatusWord3::from_bits(bits), currents }
}

fn open_after(looks: &[Look], before: i64) -> Proof {
    judge(Some(&look(-10, 0, before)), looks, Expectation::Open, told(true), &RULES)
}

#[test]
fn the_word_has_its_bits_where_the_standard_says() {
    let word = StatusWord3::from_wire([0xD0, 0x30]);
    assert_eq!(word.bits(), 0x30D0);
    assert!(word.is_open() && word.is_ordered_open() && word.is_about_to_trip());
    assert!(word.is_held() && word.is_authenticated() && !word.allows_programming());
    for (bits, source) in [
        (0, PowerSource::Mains),
        (2, PowerSource::Auxiliary),
        (4, PowerSource::Battery),
        (6, PowerSource::Reserved),
    ] {
        assert_eq!(StatusWord3::from_bits(bits).power_source(), source);
    }
    type Bit = fn(StatusWord3) -> bool;
    let bits: [(u8, Bit); 6] = [
        (3, StatusWord3::allows_programming),
        (4, StatusWord3::is_open),
        (6, StatusWord3::is_ordered_open),
        (7, StatusWord3::is_about_to_trip),
        (12, StatusWord3::is_held),
        (13, StatusWord3::is_authenticated),
    ];
    for (place, bit) in bits {
        for other in 0..16 {
            assert_eq!(bit(StatusWord3::from_bits(1 << other)), other == place, "b{place} by b{other}");
        }
    }
}

#[test]
fn f46_open_takes_two_looks_a_minute_apart() {
    let open = word(true, true);
    let second = Proof::Waiting(Wait::SecondLook(at(62)));
    assert_eq!(open_after(&[], 4000), Proof::Waiting(Wait::FirstLook));
    assert_eq!(open_after(&[look(2, open, 0)], 4000), second);
    assert_eq!(open_after(&[look(2, open, 0), look(61, open, 19)], 4000), second);
    let proven = Proof::Proven(Proven::Open(CurrentEvidence::Fell));
    assert_eq!(open_after(&[look(2, open, 0), look(62, open, 19)], 4000), proven);
    assert_eq!(open_after(&[look(2, open, -19), look(30, open, 0), look(62, open, 0)], 4000), proven);
    // A look between that shows something else breaks the row.
    let broken = [look(2, open, 0), look(30, open, 500), look(70, open, 0)];
    assert_eq!(open_after(&broken, 4000), Proof::Waiting(Wait::SecondLook(at(130))));
}

#[test]
fn f46_a_home_that_drew_nothing_gives_no_evidence_and_is_said_to() {
    let open = word(true, true);
    let looks = [look(2, open, 0), look(70, open, 0)];
    let nothing = Proof::Proven(Proven::Open(CurrentEvidence::NothingFlowedBefore));
    assert_eq!(open_after(&looks, 19), nothing);
    assert!(nothing.words().0.contains("prove nothing"));
    let unknown = judge(None, &looks, Expectation::Open, told(true), &RULES);
    assert_eq!(unknown, Proof::Proven(Proven::Open(CurrentEvidence::NotKnownBefore)));
}

#[test]
fn f46_what_flows_through_an_open_relay_is_unknown() {
    let open = word(true, true);
    assert_eq!(open_after(&[look(10, open, 20)], 4000), Proof::Waiting(Wait::Settling));
    for current in [20, -20, 4000] {
        let looks = [look(40, open, current), look(200, open, current)];
        assert_eq!(open_after(&looks, 4000), Proof::Unknown(Doubt::CurrentFlows), "{current}");
    }
    // A phase that had a current and shows none any more is not a dead one.
    let three = |seconds, phases| Look { currents: Currents(phases), ..look(seconds, open, 0) };
    let before = Look { currents: Currents([Some(900), Some(800), Some(700)]), ..look(-10, 0, 0) };
    for (phases, expected) in [
        ([Some(0), Some(0), Some(0)], "proven"),
        ([Some(0), Some(0), None], "unknown"),
        ([Some(0), Some(21), Some(0)], "unknown"),
        ([None, None, None], "unknown"),
    ] {
        let looks = [three(40, phases), three(140, phases)];
        let proof = judge(Some(&before), &looks, Expectation::Open, told(true), &RULES);
        assert_eq!(proof.kind(), expected, "{phases:?}");
    }
}

#[test]
fn f46_a_relay_that_is_told_and_closed_waits_for_its_delay_or_its_current_and_is_then_in_doubt() {
    let ordered = word(false, true);
    for (seconds, current, expected) in [
        (5, 4000, Proof::Waiting(Wait::TripDelay)),
        (330, 4000, Proof::Waiting(Wait::TripDelay)),
        (331, 4000, Proof::Unknown(Doubt::Disagreement)),
        (331, 29_999, Proof::Unknown(Doubt::Disagreement)),
        (331, 30_000, Proof::Waiting(Wait::LargeCurrent)),
        (86_400, -45_000, Proof::Waiting(Wait::LargeCurrent)),
        (86_401, 45_000, Proof::Unknown(Doubt::Disagreement)),
    ] {
        assert_eq!(open_after(&[look(seconds, ordered, current)], 4000), expected, "{seconds} s");
    }
    // One that warns before it takes the order into force, for longer than was known.
    for (seconds, expected) in [
        (100, Proof::Waiting(Wait::TripDelay)),
        (36_000, Proof::Waiting(Wait::TripDelay)),
        (36_001, Proof::Unknown(Doubt::Disagreement)),
    ] {
        assert_eq!(open_after(&[look(seconds, 1 << 7, 4000)], 4000), expected, "{seconds} s");
        assert_eq!(open_after(&[look(seconds, 1 << 7 | 1 << 6, 4000)], 4000), expected, "{seconds} s");
    }
}

#[test]
fn f46_an_order_that_is_not_in_force_failed_only_when_it_cannot_be_obeyed_any_more() {
    let closed = |seconds| [look(seconds, 0, 4000)];
    let proof =
        |seconds, is_accepted| judge(None, &closed(seconds), Expectation::Open, told(is_accepted), &RULES);
    assert_eq!(proof(10, true), Proof::Waiting(Wait::Settling));
    assert_eq!(proof(31, true), Proof::Failed(Failure::StillClosed));
    assert_eq!(proof(31, false), Proof::Waiting(Wait::Expiry), "the meter may have it");
    assert_eq!(proof(300, false), Proof::Waiting(Wait::Expiry));
    assert_eq!(proof(301, false), Proof::Failed(Failure::StillClosed));
}

#[test]
fn f46_a_permit_is_a_proof_of_its_own() {
    let judged = |bits| judge(None, &[look(5, bits, 0)], Expectation::Permitted, told(true), &RULES);
    assert_eq!(judged(word(true, false)), Proof::Proven(Proven::Permitted));
    assert!(judged(word(true, false)).words().0.contains("press the key"));
    assert_eq!(judged(word(false, false)), Proof::Proven(Proven::Closed), "he has pressed it");
    let closed = judge(None, &[look(40, word(true, false), 0)], Expectation::Closed, told(true), &RULES);
    assert_eq!(closed, Proof::Unknown(Doubt::Disagreement), "a permit is not a closed relay");
}

#[test]
fn i09_supply_that_is_about_to_be_cut_again_is_not_back() {
    let trips = word(false, false) | 1 << 7;
    for expectation in [Expectation::Closed, Expectation::Permitted] {
        let judged = |seconds| judge(None, &[look(seconds, trips, 4000)], expectation, told(true), &RULES);
        assert_eq!(judged(5), Proof::Waiting(Wait::Settling));
        assert_eq!(judged(31), Proof::Failed(Failure::AboutToTrip), "it is sent again");
        let outside = Rules { switch: Switch::Outside, ..RULES };
        let flows = judge(None, &[look(31, trips, 4000)], expectation, told(true), &outside);
        assert_eq!(flows, Proof::Failed(Failure::AboutToTrip));
        let open = judge(None, &[look(31, word(true, true) | 1 << 7, 0)], expectation, told(true), &RULES);
        assert_eq!(open, Proof::Failed(Failure::StillOpen));
    }
}

#[test]
fn f46_of_an_outside_switch_only_currents_tell() {
    let rules = Rules { switch: Switch::Outside, ..RULES };
    let judged = |before: Option<i64>, expectation, looks: &[Look]| {
        let before = before.map(|current| look(-10, 0, current));
        judge(before.as_ref(), looks, expectation, told(true), &rules)
    };
    let (open, dead) = (word(true, true), [look(5, word(false, true), 0), look(80, word(false, true), 0)]);
    assert_eq!(
        judged(Some(4000), Expectation::Open, &dead),
        Proof::Proven(Proven::Open(CurrentEvidence::Fell))
    );
    for before in [None, Some(0)] {
        let looks = [look(5, open, 0), look(80, open, 0)];
        assert_eq!(judged(before, Expectation::Open, &looks), Proof::Unknown(Doubt::NotMeasured));
    }
    let flows = [look(40, word(true, false), 700)];
    assert_eq!(judged(None, Expectation::Closed, &flows), Proof::Proven(Proven::Closed));
    let nothing = [look(40, word(false, false), 0)];
    assert_eq!(judged(None, Expectation::Closed, &nothing), Proof::Unknown(Doubt::NotMeasured));
    assert_eq!(judged(None, Expectation::Permitted, &nothing), Proof::Proven(Proven::Permitted));
}

#[test]
fn i13_nothing_is_proven_by_a_look_from_before_the_order() {
    for expectation in Expectation::ALL {
        for bits in 0..=u16::MAX {
            let old = [look(-70, bits, 0), look(-1, bits, 0)];
            let proof = judge(None, &old, expectation, told(true), &RULES);
            assert_eq!(proof, Proof::Waiting(Wait::FirstLook), "{expectation:?} {bits:04X}");
        }
    }
}

/// Every case of bits, currents, times and orders, judged by what may be said at the most.
#[test]
fn f46_no_case_is_more_certain_than_its_evidence() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for switch in [Switch::Inside, Switch::Outside] {
        let rules = Rules { switch, ..RULES };
        for_each_case(|before, looks, expectation, told| {
            let proof = judge(before, looks, expectation, told, &rules);
            may_be_said(proof, looks, expectation, told, switch);
            let name = match proof {
                Proof::Waiting(Wait::SecondLook(_)) => "Waiting for a second look".to_owned(),
                other => format!("{other:?}"),
            };
            *seen.entry(name).or_default() += 1;
        });
    }
    let kinds = |kind: &str| seen.keys().filter(|name| name.starts_with(kind)).count();
    assert_eq!((kinds("Proven"), kinds("Failed"), kinds("Unknown")), (7, 5, 5), "{seen:#?}");
    assert!(kinds("Waiting") >= 6, "{seen:#?}");
}

type See<'a> = &'a mut dyn FnMut(Option<&Look>, &[Look], Expectation, Told);

fn for_each_case(mut see: impl FnMut(Option<&Look>, &[Look], Expectation, Told)) {
    let currents = [None, Some(0), Some(19), Some(20), Some(-4000), Some(31_000)];
    let see: See<'_> = &mut see;
    for before in currents.into_iter().map(Some).chain([None]) {
        let before =
            before.map(|current| Look { currents: Currents([current, None, None]), ..look(-5, 0, 0) });
        for bits in (0..16).map(|four| {
            let bit = |place: u16, to: u16| (four >> place & 1) << to;
            bit(0, 4) | bit(1, 6) | bit(2, 7) | bit(3, 12)
        }) {
            for now in currents {
                for seconds in [-1, 0, 30, 31, 62, 301, 331, 86_401] {
                    let last = Look { currents: Currents([now, None, None]), ..look(seconds, bits, 0) };
                    let alone = [last];
                    let both = [Look { at: at(seconds - 60), ..last }, last];
                    for looks in [&alone[..], &both[..]] {
                        for expectation in Expectation::ALL {
                            for is_accepted in [false, true] {
                                see(before.as_ref(), looks, expectation, told(is_accepted));
                            }
                        }
                    }
                }
            }
        }
    }
}

fn may_be_said(proof: Proof, looks: &[Look], expectation: Expectation, told: Told, switch: Switch) {
    let after: Vec<&Look> = looks.iter().filter(|look| look.at >= told.at).collect();
    let Some(last) = after.last() else {
        assert_eq!(proof, Proof::Waiting(Wait::FirstLook));
        return;
    };
    let said = format!("{proof:?} of {expectation:?} by {looks:?}");
    let (is_open, is_ordered) = (last.status.is_open(), last.status.is_ordered_open());
    match proof {
        Proof::Proven(Proven::Open(evidence)) => {
            assert_eq!(expectation, Expectation::Open, "{said}");
            assert!(is_ordered && (is_open || switch == Switch::Outside), "{said}");
            assert!(last.currents.largest().is_some_and(|most| most < 20), "{said}");
            assert!(last.at.since(after[0].at) >= RULES.apart, "{said}");
            assert!(switch == Switch::Inside || evidence == CurrentEvidence::Fell, "{said}");
        }
        Proof::Proven(Proven::Closed) => {
            assert!(matches!(expectation, Expectation::Closed | Expectation::Permitted), "{said}");
            assert!(!is_ordered && !last.status.is_about_to_trip(), "{said}");
            let flows = last.currents.largest().is_some_and(|most| most >= 20);
            assert!(if switch == Switch::Inside { !is_open } else { flows }, "{said}");
        }
        Proof::Proven(Proven::Permitted) => {
            assert!(expectation == Expectation::Permitted && !is_ordered, "{said}");
        }
        Proof::Proven(Proven::Held) => {
            assert!(expectation == Expectation::Held && last.status.is_held(), "{said}");
        }
        Proof::Proven(Proven::NotHeld) => {
            assert!(expectation == Expectation::NotHeld && !last.status.is_held(), "{said}");
        }
        Proof::Failed(failure) => {
            assert!(told.is_accepted || last.at > told.until, "{said}");
            assert!(last.at.since(told.at) > RULES.settles_within, "{said}");
            let is_so = match failure {
                Failure::StillClosed => expectation == Expectation::Open && !is_ordered,
                Failure::StillOpen => is_ordered,
                Failure::AboutToTrip => !is_ordered && last.status.is_about_to_trip(),
                Failure::NotHeld => expectation == Expectation::Held && !last.status.is_held(),
                Failure::StillHeld => expectation == Expectation::NotHeld && last.status.is_held(),
            };
            assert!(is_so, "{said}");
        }
        Proof::Waiting(_) | Proof::Unknown(_) => {}
    }
}
