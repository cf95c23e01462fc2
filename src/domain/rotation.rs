//! Rotation of meter passwords (密码轮换): what becomes of the password of one meter while another takes its place (T25).
//!
//! Of one meter there are two candidates from the first intent on, the old one and the new one, and never a third: a frame
//! whose fate is not known changes nothing about which two they are. The old one goes when the meter has taken the new one as
//! authority, the new one when the meter refused to be written before anything was in doubt.
//!
//! Three wrong passwords lock a meter, and it may have heard what we know no answer to. Of two candidates one is wrong: as
//! long as each is sent twice at most without an answer that counts, no meter is locked. What is still in doubt then is left
//! to people, with both candidates kept.

use super::access::{Acting, Action};
use super::coded::Coded;
use super::moment::Moment;
use super::proposal::MayNot;

/// Passwords of meters that are to be replaced by new ones.
#[derive(Debug)]
pub struct Rotation;

/// What became of a rotation that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationState {
    /// It waits for the second person.
    Asked,
    /// It is carried out.
    Approved,
    /// The second person refused it.
    Refused,
    /// Who asked has taken it back, or somebody has broken it off: nothing more is begun.
    Ended,
    /// Nothing is left to be done.
    Done,
}

impl Coded for RotationState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Asked, 1, "asked"),
        (Self::Approved, 2, "approved"),
        (Self::Refused, 3, "refused"),
        (Self::Ended, 4, "ended"),
        (Self::Done, 5, "done"),
    ];
}

/// Where a meter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationStep {
    /// The old one holds, as far as is known; the new one has not been sent, or did not arrive.
    Waiting,
    /// The intent is on disk: the new one is being written.
    Sending,
    /// The meter said that it has taken the new one; that is not proven yet.
    Written,
    /// The new one may have arrived or not.
    Unclear,
    /// The meter has taken the new one as authority: the old one is dropped.
    Verified,
    /// The meter refused to be written: the old one stays, the new one is dropped.
    Kept,
    /// Nobody knows which one holds: both are kept, and somebody has to look.
    Stuck,
    /// It cannot be rotated.
    Skipped,
}

impl Coded for RotationStep {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Waiting, 1, "waiting"),
        (Self::Sending, 2, "sending"),
        (Self::Written, 3, "written"),
        (Self::Unclear, 4, "unclear"),
        (Self::Verified, 5, "verified"),
        (Self::Kept, 6, "kept"),
        (Self::Stuck, 7, "stuck"),
        (Self::Skipped, 8, "skipped"),
    ];
}

/// What came of a frame that writes in a meter: a new password, its proof, a time, the order of a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteAnswer {
    /// The meter took it.
    Taken,
    /// The meter refused the authority: wrong password, or not authorised.
    NotAuthorised,
    /// The meter refused for another reason.
    Refused,
    /// Something left, and nothing that counts came back.
    Silent,
    /// Nothing left.
    NotSent,
}

/// What was tried with a meter before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How often the new one was sent, this time among them.
    pub writes: i64,
    /// How often it was to be proven, this time among them.
    pub proofs: i64,
    /// An earlier frame may have changed the password without anybody knowing.
    pub is_doubtful: bool,
}

impl RotationStep {
    /// Where the meter stands after an answer; `None` where no answer is waited for.
    #[must_use]
    pub const fn after(self, answer: WriteAnswer, tries: Tries) -> Option<Self> {
        use WriteAnswer::{NotAuthorised, NotSent, Refused, Silent, Taken};
        Some(match (self, answer) {
            (Self::Sending, NotSent) => Self::Waiting,
            (Self::Sending, Taken) => Self::Written,
            (Self::Sending, Silent) if tries.proofs < MOST_PROOFS => Self::Unclear,
            // Then the new one holds, if either does; that is the last to be tried.
            (Self::Sending, NotAuthorised) if tries.is_doubtful => Self::Unclear,
            (Self::Sending, Refused) if tries.is_doubtful => Self::Stuck,
            (Self::Sending, NotAuthorised | Refused) => Self::Kept,
            (Self::Written | Self::Unclear, Taken) => Self::Verified,
            (Self::Written | Self::Unclear, NotSent) => self,
            (Self::Written | Self::Unclear, Refused | Silent) if tries.proofs < MOST_PROOFS => self,
            // The other one is next, as the authority of a write.
            (Self::Sending | Self::Written | Self::Unclear, _) if tries.writes < MOST_WRITES => Self::Waiting,
            (Self::Sending | Self::Written | Self::Unclear, _) => Self::Stuck,
            (Self::Waiting | Self::Verified | Self::Kept | Self::Stuck | Self::Skipped, _) => return None,
        })
    }

    /// True when nothing more is done about the meter.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Verified | Self::Kept | Self::Stuck | Self::Skipped)
    }

    /// True when the meter is to show by the new password that it has it.
    #[must_use]
    pub const fn is_to_be_proven(self) -> bool {
        matches!(self, Self::Written | Self::Unclear)
    }
}

/// Why the password of a meter cannot be rotated from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CannotRotate {
    /// It speaks another language than DL/T 645-2007.
    Protocol,
    /// It takes enciphered orders only: its keys are the utility's.
    Enciphered,
    /// There is no way to it.
    NotReachable,
    /// No password is kept that it could be told.
    NoPassword,
    /// Another rotation is under way with it.
    InAnother,
}

impl Coded for CannotRotate {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Protocol, 1, "protocol"),
        (Self::Enciphered, 2, "enciphered"),
        (Self::NotReachable, 3, "not_reachable"),
        (Self::NoPassword, 4, "no_password"),
        (Self::InAnother, 5, "in_another"),
    ];
}

impl CannotRotate {
    /// It in words, Chinese and English.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Protocol => ("非 DL/T 645-2007 表", "it does not speak DL/T 645-2007"),
            Self::Enciphered => {
                ("该表使用 ESAM，不接受明文密码", "it has a security chip and takes no plain password")
            }
            Self::NotReachable => ("没有通往该表的线路", "there is no way to it"),
            Self::NoPassword => ("未保存该表密码", "no password is kept for it"),
            Self::InAnother => ("已在另一轮换任务中", "another rotation is under way with it"),
        }
    }
}

/// Whether somebody may decide on a rotation that was asked for by this person.
///
/// # Errors
/// [`MayNot`] says why not.
pub fn may_decide(
    (asked_by, state): (i64, RotationState),
    acting: &Acting,
    now: Moment,
) -> Result<(), MayNot> {
    if !acting.may(Action::ApproveRotation) {
        return Err(MayNot::Role);
    }
    if acting.person.number() == asked_by {
        return Err(MayNot::SamePerson);
    }
    if now.micros_since(acting.role_since) < NEW_ROLE_MICROS {
        return Err(MayNot::NewRole);
    }
    if state == RotationState::Asked { Ok(()) } else { Err(MayNot::Decided) }
}

/// How often a new password is sent to a meter at most.
pub const MOST_WRITES: i64 = 3;
/// How often the new one is sent as its own authority without an answer that counts.
pub const MOST_PROOFS: i64 = 2;
/// How many meters one rotation takes.
pub const MOST_ROTATED: usize = 10_000;
/// A role that was given within a day decides nothing (T17).
const NEW_ROLE_MICROS: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    const ANSWERS: [WriteAnswer; 5] = [
        WriteAnswer::Taken,
        WriteAnswer::NotAuthorised,
        WriteAnswer::Refused,
        WriteAnswer::Silent,
        WriteAnswer::NotSent,
    ];

    #[test]
    fn lists_have_their_own_codes_and_names() {
        coded::check::<RotationState>(5);
        coded::check::<RotationStep>(8);
        coded::check::<CannotRotate>(5);
    }

    #[test]
    fn t25_the_old_password_goes_after_a_proof_only_and_the_new_one_without_a_doubt_only() {
        let mut seen = 0;
        for (step, ..) in RotationStep::TABLE {
            for answer in ANSWERS {
                for (writes, proofs) in [(1, 0), (1, 1), (MOST_WRITES, 1), (1, MOST_PROOFS)] {
                    for is_doubtful in [false, true] {
                        let tries = Tries { writes, proofs, is_doubtful };
                        let Some(next) = step.after(answer, tries) else {
                            assert!(step.is_final() || *step == RotationStep::Waiting, "{step:?}");
                            continue;
                        };
                        seen += 1;
                        let told = format!("{step:?} {answer:?} {tries:?} {next:?}");
                        if next == RotationStep::Verified {
                            assert!(step.is_to_be_proven() && answer == WriteAnswer::Taken, "{told}");
                        }
                        if next == RotationStep::Kept {
                            assert!(*step == RotationStep::Sending && !is_doubtful, "{told}");
                        }
                        assert!(next != RotationStep::Skipped && next != RotationStep::Sending, "{told}");
                    }
                }
            }
        }
        assert_eq!(seen, 3 * 5 * 4 * 2);
    }
}
