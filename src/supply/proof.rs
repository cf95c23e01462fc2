//! Proofs as they are kept: by short names, of which the words are found again.

use super::field::CannotOrder;
use crate::domain::Moment;
use crate::domain::relay::{CurrentEvidence, Doubt, Failure, Proof, Proven, Wait};

/// The short name of a proof. It tells less apart than the proof itself only in when a second look is due.
pub(super) fn proof_name(proof: Proof) -> &'static str {
    let kept = match proof {
        Proof::Waiting(Wait::SecondLook(_)) => SECOND_LOOK,
        proof => proof,
    };
    NAMES.iter().find(|(listed, _)| *listed == kept).map_or("", |(_, name)| *name)
}

/// What a proof that is kept by this name says, in English and in Chinese; `None` for a name that is none.
#[must_use]
pub fn proof_words(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "not_sent" => Some(("nothing was sent yet", "尚未下发")),
        "unread" => Some(("it was sent and could not be read since", "已下发，此后未能读取电能表")),
        "closed_on_site" => Some((
            "people on site found it closed; the meter has not said so",
            "现场核实已合闸，电能表未回读",
        )),
        "open_on_site" => {
            Some(("people on site found it open; the meter has not said so", "现场核实已断开，电能表未回读"))
        }
        "gone_on_site" => Some((
            "people on site found the meter gone; what it did is not known",
            "现场核实电能表已拆除，执行结果无从得知",
        )),
        name => NAMES
            .iter()
            .find(|(_, listed)| *listed == name)
            .map(|(proof, _)| proof.words())
            .or_else(|| cannot_words(name)),
    }
}

/// Why nothing could be sent at all.
fn cannot_words(name: &str) -> Option<(&'static str, &'static str)> {
    let why = CannotOrder::ALL.into_iter().find(|why| why.kind() == name)?;
    Some((why.words_en(), why.words_zh()))
}

/// A second look that is due at some time.
const SECOND_LOOK: Proof = Proof::Waiting(Wait::SecondLook(Moment::from_micros(0)));

const NAMES: &[(Proof, &str)] = &[
    (Proof::Proven(Proven::Open(CurrentEvidence::Fell)), "open"),
    (Proof::Proven(Proven::Open(CurrentEvidence::NothingFlowedBefore)), "open_nothing_flowed_before"),
    (Proof::Proven(Proven::Open(CurrentEvidence::NotKnownBefore)), "open_not_known_before"),
    (Proof::Proven(Proven::Closed), "closed"),
    (Proof::Proven(Proven::Permitted), "permitted"),
    (Proof::Proven(Proven::Held), "held"),
    (Proof::Proven(Proven::NotHeld), "not_held"),
    (Proof::Waiting(Wait::FirstLook), "first_look"),
    (SECOND_LOOK, "second_look"),
    (Proof::Waiting(Wait::Settling), "settling"),
    (Proof::Waiting(Wait::TripDelay), "trip_delay"),
    (Proof::Waiting(Wait::LargeCurrent), "large_current"),
    (Proof::Waiting(Wait::Expiry), "expiry"),
    (Proof::Failed(Failure::StillClosed), "still_closed"),
    (Proof::Failed(Failure::StillOpen), "still_open"),
    (Proof::Failed(Failure::AboutToTrip), "about_to_trip"),
    (Proof::Failed(Failure::NotHeld), "hold_not_taken"),
    (Proof::Failed(Failure::StillHeld), "still_held"),
    (Proof::Unknown(Doubt::Disagreement), "disagreement"),
    (Proof::Unknown(Doubt::CurrentFlows), "current_flows"),
    (Proof::Unknown(Doubt::NoCurrents), "no_currents"),
    (Proof::Unknown(Doubt::NotMeasured), "not_measured"),
    (Proof::Unknown(Doubt::NotShown), "not_shown"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f46_what_is_kept_of_a_proof_says_the_same_as_the_proof() {
        let names: std::collections::HashSet<_> = NAMES.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), NAMES.len());
        for (proof, name) in NAMES {
            assert_eq!((proof_name(*proof), proof_words(name)), (*name, Some(proof.words())));
        }
        let later = Proof::Waiting(Wait::SecondLook(Moment::from_micros(7)));
        assert_eq!(proof_words(proof_name(later)), Some(later.words()));
        assert_eq!((proof_words(""), proof_words("not_sent").is_some()), (None, true));
        for why in CannotOrder::ALL {
            assert_eq!(proof_words(why.kind()), Some((why.words_en(), why.words_zh())));
            assert!(!names.contains(&why.kind()), "{why:?}");
        }
    }
}
