//! Which of several values for one instant counts (I4): versions are added, none is ever changed.
//!
//! A ledger entry belongs to a meter, an item and an instant. The current version is the newest accepted one; a suspect
//! one is kept beside it and never current. A value from a meter does not replace an accepted one that differs: that is
//! for a person to decide.

use super::quality::{Quality, Source, Suspicion};

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
    let mut sound = held.iter().filter(|version| !is_damaged(version));
    let Some(current) = current(held) else {
        return match sound.find(|version| version.value == offered.value) {
            Some(same) if !offered.quality.is_accepted() => Booking::Same(same.version),
            _ => Booking::New(next, offered.quality),
        };
    };
    let weaker = weight(offered.source) < weight(current.source);
    let stronger = weight(offered.source) > weight(current.source);
    if offered.is_decided {
        let is_current = current.value == offered.value && !stronger;
        return if is_current { Booking::Same(current.version) } else { Booking::New(next, offered.quality) };
    }
    if current.value == offered.value || (weaker && offered.source == Source::Estimate) {
        return Booking::Same(current.version);
    }
    let quality = match offered.quality {
        Quality::Good if stronger => Quality::Good,
        Quality::Suspect(why) => Quality::Suspect(why),
        Quality::Good | Quality::Estimated => Quality::Suspect(Suspicion::Conflict),
    };
    match sound.find(|version| version.value == offered.value && !version.quality.is_accepted()) {
        Some(same) if !quality.is_accepted() => Booking::Same(same.version),
        _ => Booking::New(next, quality),
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
                held.push(Held { version, value: offered.value, quality, source: offered.source });
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
