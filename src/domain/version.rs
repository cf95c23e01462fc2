//! Which of several values for one instant counts (I4): versions are added, none is ever changed.
//!
//! A ledger entry belongs to a meter, an item and an instant. The current version is the newest accepted one; a suspect
//! one is kept beside it and never current. A value from a meter does not replace an accepted one that differs: that is
//! for a person to decide. What persons decided in a review stays decided: neither the value they put aside, read again, nor
//! any other one counts in its place before they have decided anew.

use super::coded::Coded;
use super::quality::{Quality, Source, Suspicion};

/// What persons decide on a suspect version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The value counts.
    Accept,
    /// It does not.
    Reject,
}

impl Coded for Decision {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Accept, 1, "accept"), (Self::Reject, 2, "reject")];
}

/// A version that is in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// 1, 2, 3 ...
    pub version: i64,
    /// Its value.
    pub value: i64,
    /// Its quality.
    pub quality: Quality,
    /// How it was come by.
    pub source: Source,
    /// What was decided on it in review. A value that was accepted counts by a later version of its own.
    pub decision: Option<Decision>,
}

/// A value that wants to be in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its value.
    pub value: i64,
    /// Its quality, as judged.
    pub quality: Quality,
    /// How it was come by.
    pub source: Source,
    /// Whether a person decided that it counts.
    pub is_decided: bool,
}

/// What becomes of an offered value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// It is there already, as this version.
    Same(i64),
    /// It is added as this version, with this quality.
    New(i64, Quality),
}

/// The current version, if any is accepted. Behind a damaged one, which may have been accepted, none is (F42).
#[must_use]
pub fn current(held: &[Held]) -> Option<&Held> {
    let may_count = held.iter().filter(|version| is_damaged(version) || version.quality.is_accepted());
    may_count.max_by_key(|version| version.version).filter(|version| !is_damaged(version))
}

/// It is not as it was written: only its number counts.
fn is_damaged(version: &Held) -> bool {
    version.quality == Quality::Suspect(Suspicion::Damaged)
}

/// What becomes of an offered value among those held for the same instant.
#[must_use]
pub fn book(held: &[Held], offered: Offered) -> Booking {
    let next = held.iter().map(|version| version.version).max().unwrap_or(0) + 1;
    let current = current(held);
    if offered.is_decided {
        let is_current = |current: &&Held| {
            current.value == offered.value && weight(offered.source) <= weight(current.source)
        };
        return match current.filter(is_current) {
            Some(current) => Booking::Same(current.version),
            None => Booking::New(next, offered.quality),
        };
    }
    if let Some(current) = current.filter(|current| current.value == offered.value) {
        return Booking::Same(current.version);
    }
    if was_accepted(held, current) {
        return beside_decided(held, offered, next);
    }
    if let Some(aside) = aside(held, offered.value) {
        return put_aside(aside, held, offered, next);
    }
    match current {
        Some(current) => beside(held, offered, current, next),
        None => match sound(held).find(|version| version.value == offered.value) {
            Some(same) if !offered.quality.is_accepted() => Booking::Same(same.version),
            _ => Booking::New(next, offered.quality),
        },
    }
}

/// What becomes of another value than the accepted one, on which nobody has decided.
fn beside(held: &[Held], offered: Offered, current: &Held, next: i64) -> Booking {
    let weaker = weight(offered.source) < weight(current.source);
    if weaker && offered.source == Source::Estimate {
        return Booking::Same(current.version);
    }
    let quality = match offered.quality {
        Quality::Good if weight(offered.source) > weight(current.source) => Quality::Good,
        quality => doubted(quality),
    };
    match sound(held).find(|version| version.value == offered.value && is_open(version)) {
        Some(same) if !quality.is_accepted() => Booking::Same(same.version),
        _ => Booking::New(next, quality),
    }
}

/// What becomes of a value where persons have decided which one counts, and it is not that one. Where the version that they
/// made count is damaged and they accepted only this value, it counts again.
fn beside_decided(held: &[Held], offered: Offered, next: i64) -> Booking {
    let is_lost = current(held).is_none();
    let mut accepted = sound(held).filter(|version| version.decision == Some(Decision::Accept));
    if is_lost && accepted.all(|version| version.value == offered.value) {
        return Booking::New(next, offered.quality);
    }
    // They had it before them, or need no stand-in; but what a person read is asked about again, and so is everything where
    // nothing counts.
    let mut alike = sound(held).filter(|version| version.value == offered.value);
    let known = if is_lost || offered.source == Source::Manual {
        alike.find(|version| is_open(version))
    } else {
        alike.next()
    };
    let stand_in = current(held).filter(|_| offered.source == Source::Estimate);
    match known.or(stand_in) {
        Some(known) => Booking::Same(known.version),
        None => Booking::New(next, doubted(offered.quality)),
    }
}

/// What becomes of a value that persons have put aside: only a person brings it before them again.
fn put_aside(aside: &Held, held: &[Held], offered: Offered, next: i64) -> Booking {
    if offered.source != Source::Manual {
        return Booking::Same(aside.version);
    }
    match sound(held).find(|version| version.value == offered.value && is_open(version)) {
        Some(open) => Booking::Same(open.version),
        None => Booking::New(next, doubted(offered.quality.and(aside.quality))),
    }
}

/// The versions that are as they were written.
fn sound(held: &[Held]) -> impl Iterator<Item = &Held> {
    held.iter().filter(|version| !is_damaged(version))
}

/// It waits for a decision.
const fn is_open(version: &Held) -> bool {
    !version.quality.is_accepted() && version.decision.is_none()
}

/// Whether what counts was accepted by persons; where nothing does, whether they had accepted any.
fn was_accepted(held: &[Held], current: Option<&Held>) -> bool {
    let mut accepted = sound(held).filter(|version| version.decision == Some(Decision::Accept));
    accepted.any(|version| current.is_none_or(|current| current.value == version.value))
}

/// The version of a value that persons have put aside, and have not accepted besides.
fn aside(held: &[Held], value: i64) -> Option<&Held> {
    let decided = |decision| {
        sound(held).find(move |version| version.value == value && version.decision == Some(decision))
    };
    decided(Decision::Reject).filter(|_| decided(Decision::Accept).is_none())
}

/// What is thought of a value that stands against what counts.
const fn doubted(quality: Quality) -> Quality {
    match quality {
        Quality::Suspect(why) => Quality::Suspect(why),
        Quality::Good | Quality::Estimated => Quality::Suspect(Suspicion::Conflict),
    }
}

/// A freeze says what was at the instant; a live read or a person's came close to it; an estimate only stands in.
const fn weight(source: Source) -> u8 {
    match source {
        Source::Estimate => 0,
        Source::Live | Source::Manual => 1,
        Source::Freeze | Source::LoadRecord => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SUSPECT: Quality = Quality::Suspect(Suspicion::LargeStep);

    fn from_meter(value: i64, quality: Quality, source: Source) -> Offered {
        Offered { value, quality, source, is_decided: false }
    }

    fn freeze(value: i64) -> Offered {
        from_meter(value, Quality::Good, Source::Freeze)
    }

    fn held(offers: &[Offered]) -> Vec<Held> {
        let mut held = Vec::new();
        for offered in offers {
            if let Booking::New(version, quality) = book(&held, *offered) {
                let Offered { value, source, .. } = *offered;
                held.push(Held { version, value, quality, source, decision: None });
            }
        }
        held
    }

    #[test]
    fn f07_the_same_value_again_is_the_same_version() {
        assert_eq!(book(&held(&[freeze(5)]), freeze(5)), Booking::Same(1));
        let suspect = from_meter(5, SUSPECT, Source::Freeze);
        assert_eq!(book(&held(&[suspect]), suspect), Booking::Same(1));
        assert_eq!(book(&held(&[freeze(5), freeze(6)]), freeze(6)), Booking::Same(2));
    }

    #[test]
    fn i04_another_value_of_the_meter_waits_for_a_person() {
        let both = held(&[freeze(5), freeze(6)]);
        assert_eq!(both[1].quality, Quality::Suspect(Suspicion::Conflict));
        assert_eq!(current(&both).unwrap().version, 1);
        let decided = Offered { is_decided: true, ..freeze(6) };
        assert_eq!(book(&both, decided), Booking::New(3, Quality::Good));
    }

    #[test]
    fn a_freeze_replaces_an_estimate_and_a_live_read_and_not_the_other_way() {
        let estimate = from_meter(4, Quality::Estimated, Source::Estimate);
        let live = from_meter(5, Quality::Good, Source::Live);
        let chain = held(&[estimate, live, freeze(6), estimate, live]);
        assert_eq!(current(&chain).unwrap().value, 6);
        let seen: Vec<_> = chain.iter().map(|version| (version.value, version.quality)).collect();
        let conflict = Quality::Suspect(Suspicion::Conflict);
        assert_eq!(seen, [(4, Quality::Estimated), (5, Quality::Good), (6, Quality::Good), (5, conflict)]);
    }

    #[test]
    fn f42_behind_a_damaged_version_none_counts_until_a_newer_one_is_booked() {
        let mut chain = held(&[freeze(5), Offered { is_decided: true, ..freeze(6) }]);
        assert_eq!(current(&chain).unwrap().version, 2);
        chain[1] = Held { quality: Quality::Suspect(Suspicion::Damaged), value: 7, ..chain[1] };
        assert_eq!(current(&chain), None, "the first was replaced, and by what is not known any more");
        for value in [5, 6, 7] {
            assert_eq!(book(&chain, freeze(value)), Booking::New(3, Quality::Good));
        }
        chain.push(Held { version: 3, ..chain[0] });
        assert_eq!(current(&chain).unwrap().version, 3);
        assert_eq!(book(&chain, freeze(5)), Booking::Same(3));
    }

    /// The chain behind a decision on one of its versions, which counts by a version of its own when it is accepted.
    fn decided(mut chain: Vec<Held>, version: i64, decision: Decision) -> Vec<Held> {
        let decided_on = chain.iter_mut().find(|held| held.version == version).unwrap();
        decided_on.decision = Some(decision);
        let Held { value, source, .. } = *decided_on;
        if decision == Decision::Accept {
            let offered = Offered { is_decided: true, ..from_meter(value, Quality::Good, source) };
            add(&mut chain, offered);
        }
        chain
    }

    fn add(chain: &mut Vec<Held>, offered: Offered) -> Booking {
        let booking = book(chain, offered);
        if let Booking::New(version, quality) = booking {
            let Offered { value, source, .. } = offered;
            chain.push(Held { version, value, quality, source, decision: None });
        }
        booking
    }

    fn manual(value: i64) -> Offered {
        from_meter(value, Quality::Good, Source::Manual)
    }

    const CONFLICT: Quality = Quality::Suspect(Suspicion::Conflict);

    #[test]
    fn i04_what_persons_accepted_is_not_undone_by_reading_the_freeze_again() {
        let mut chain = decided(held(&[freeze(5), manual(4)]), 2, Decision::Accept);
        assert_eq!(current(&chain).map(|current| (current.version, current.value)), Some((3, 4)));
        assert_eq!(book(&chain, freeze(5)), Booking::Same(1), "they had it before them");
        assert_eq!(
            add(&mut chain, freeze(6)),
            Booking::New(4, CONFLICT),
            "of another one they have to decide"
        );
        assert_eq!(book(&chain, freeze(6)), Booking::Same(4));
        assert_eq!(book(&chain, from_meter(7, Quality::Estimated, Source::Estimate)), Booking::Same(3));
        assert_eq!(current(&chain).unwrap().value, 4);
        // A person who reads what the meter had said before asks anew.
        assert_eq!(add(&mut chain, manual(5)), Booking::New(5, CONFLICT));
        assert_eq!(book(&chain, manual(5)), Booking::Same(5));
        let chain = decided(chain, 5, Decision::Accept);
        assert_eq!(current(&chain).map(|current| (current.version, current.value)), Some((6, 5)));
        assert_eq!(book(&chain, freeze(4)), Booking::Same(2));
    }

    #[test]
    fn i04_what_persons_put_aside_does_not_count_when_it_is_read_again() {
        let suspect = from_meter(5, SUSPECT, Source::Freeze);
        let mut chain = decided(held(&[suspect]), 1, Decision::Reject);
        assert_eq!(book(&chain, freeze(5)), Booking::Same(1));
        assert_eq!(book(&chain, suspect), Booking::Same(1));
        // Only a person brings it before them again, with what had been thought of it.
        assert_eq!(add(&mut chain, manual(5)), Booking::New(2, SUSPECT));
        assert_eq!((book(&chain, manual(5)), book(&chain, freeze(5))), (Booking::Same(2), Booking::Same(1)));
        let accepted = decided(chain.clone(), 2, Decision::Accept);
        assert_eq!(current(&accepted).map(|current| (current.version, current.value)), Some((3, 5)));
        assert_eq!(book(&accepted, freeze(5)), Booking::Same(3));
        // Another value counts, and gives way to a freeze that comes later, but not to the one that was put aside.
        let mut chain = decided(held(&[suspect]), 1, Decision::Reject);
        assert_eq!(add(&mut chain, manual(4)), Booking::New(2, Quality::Good));
        assert_eq!(book(&chain, freeze(5)), Booking::Same(1));
        assert_eq!(book(&chain, freeze(6)), Booking::New(3, Quality::Good));
    }

    #[test]
    fn f42_what_persons_accepted_is_known_behind_the_damaged_version_of_it() {
        let mut chain = decided(held(&[freeze(5), manual(4)]), 2, Decision::Accept);
        chain[2] = Held { quality: Quality::Suspect(Suspicion::Damaged), value: 9, ..chain[2] };
        assert_eq!(current(&chain), None);
        assert_eq!(book(&chain, manual(4)), Booking::New(4, Quality::Good));
        assert_eq!(add(&mut chain, freeze(5)), Booking::New(4, CONFLICT));
        assert_eq!(book(&chain, freeze(5)), Booking::Same(4));
    }

    #[test]
    fn codes_and_names_of_decisions_are_their_own() {
        crate::domain::coded::check::<Decision>(2);
    }

    #[test]
    fn a_suspect_value_is_never_current_until_a_person_says_so() {
        let suspect = from_meter(5, SUSPECT, Source::Freeze);
        let chain = held(&[suspect, Offered { quality: Quality::Good, is_decided: true, ..suspect }]);
        assert_eq!(current(&chain[..1]), None);
        assert_eq!(current(&chain).unwrap().version, 2);
    }

    fn any_offer() -> impl Strategy<Value = Offered> {
        let sources = vec![Source::Freeze, Source::Live, Source::Manual, Source::Estimate];
        (0_i64..4, prop::sample::select(sources), any::<bool>(), any::<bool>()).prop_map(
            |(value, source, is_suspect, is_decided)| {
                let quality = match source {
                    Source::Estimate => Quality::Estimated,
                    _ if is_suspect && !is_decided => SUSPECT,
                    _ => Quality::Good,
                };
                Offered { value, quality, source, is_decided }
            },
        )
    }

    proptest! {
        #[test]
        fn i04_nothing_undecided_takes_the_place_of_what_persons_accepted(
            offers in prop::collection::vec(any_offer(), 1..8),
            decisions in prop::collection::vec((0_usize..8, any::<bool>()), 1..4),
            later in prop::collection::vec(any_offer(), 1..8),
        ) {
            let mut chain = held(&offers);
            let mut accepted = None;
            for (place, accept) in decisions {
                let open: Vec<i64> = chain.iter().filter(|held| is_open(held)).map(|held| held.version).collect();
                let Some(version) = open.get(place % open.len().max(1)) else { break };
                let decision = if accept { Decision::Accept } else { Decision::Reject };
                let value = chain.iter().find(|held| held.version == *version).unwrap().value;
                chain = decided(chain, *version, decision);
                accepted = if accept { Some(value) } else { accepted };
            }
            let before = chain.clone();
            for offered in later {
                let offered = Offered { is_decided: false, ..offered };
                add(&mut chain, offered);
                prop_assert!(matches!(book(&chain, offered), Booking::Same(_)), "{:?} in {:?}", offered, chain);
                if let Some(accepted) = accepted {
                    prop_assert_eq!(current(&chain).unwrap().value, accepted, "{:?} behind {:?}", offered, before);
                }
                let counts = current(&chain).map(|current| current.value);
                let was = current(&before).map(|current| current.value);
                let put_aside = counts.is_some_and(|value| aside(&before, value).is_some());
                prop_assert!(counts == was || !put_aside, "{:?} behind {:?}", offered, before);
            }
        }

        #[test]
        fn i04_versions_are_counted_without_gap_and_the_same_again_adds_none(
            offers in prop::collection::vec(any_offer(), 0..12),
        ) {
            let chain = held(&offers);
            for (place, version) in chain.iter().enumerate() {
                prop_assert_eq!(usize::try_from(version.version).unwrap(), place + 1);
            }
            if let Some(last) = offers.last() {
                prop_assert!(matches!(book(&chain, *last), Booking::Same(_)), "{:?} in {:?}", last, chain);
            }
        }
    }
}
