//! What follows from what was seen after an attempt: a function of the order, its state and the proof.

use std::time::Duration;

use crate::domain::relay::{Expectation, Failure, Proof, Proven, Wait};
use crate::domain::supply::{OrderEvent, OrderKind, OrderState, promises_missed};
use crate::domain::{AlarmKind, Moment};
use crate::store::supply::{AttemptOutcome, AttemptRecord, Due};

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// For the state.
    pub(super) event: Option<OrderEvent>,
    /// When to look again, or to do what comes next.
    pub(super) due: Moment,
    /// What people are to be told, and how often they have been then.
    pub(super) tell: Option<(AlarmKind, i64)>,
    /// Alarms that have ended.
    pub(super) over: &'static [AlarmKind],
}

/// What an order is to bring about.
pub(super) const fn expectation(kind: OrderKind) -> Expectation {
    match kind {
        OrderKind::Cut => Expectation::Open,
        OrderKind::ClosePermit => Expectation::Permitted,
        OrderKind::DirectClose => Expectation::Closed,
        OrderKind::AlarmOn => Expectation::AlarmOn,
        OrderKind::AlarmOff => Expectation::AlarmOff,
        OrderKind::HoldOn => Expectation::Held,
        OrderKind::HoldOff => Expectation::NotHeld,
    }
}

/// What follows from a proof.
pub(super) fn verdict(due: &Due, attempt: &AttemptRecord, proof: Proof, now: Moment) -> Verdict {
    let case = Case { due, attempt, now };
    let event = case.event(proof);
    let is_over = matches!(proof, Proof::Proven(_)) && proof != Proof::Proven(Proven::Permitted);
    let ends = is_over || matches!(event, Some(OrderEvent::SeeClosed | OrderEvent::GiveUp));
    let over: &[_] = match proof {
        Proof::Proven(Proven::Closed) => &OVER,
        // What is left to do is the customer's: the permit has come to its own end.
        Proof::Proven(Proven::Permitted) if event == Some(OrderEvent::SeeDone) => &OVER,
        Proof::Proven(Proven::Permitted) => &[],
        Proof::Proven(_) => &OWN,
        _ => &[],
    };
    Verdict {
        event,
        due: case.no_later_than_told(case.look_again(proof, event)),
        tell: if ends { case.of_end(proof, event) } else { case.tell(proof) },
        over,
    }
}

/// What follows for supply that was read to be back while an older cut may fire into it until a moment: it is looked at
/// again, and nothing is verified before (I9).
pub(super) fn not_verified(verdict: Verdict, cut_until: Moment, now: Moment) -> Verdict {
    let due = now.plus(SHORTEST_PAUSE).min(cut_until.plus(Duration::from_secs(1))).max(now);
    Verdict { event: None, due, over: &[], ..verdict }
}

/// What follows when the meter could not be looked at.
pub(super) fn unread(due: &Due, attempt: &AttemptRecord, now: Moment) -> Verdict {
    let case = Case { due, attempt, now };
    let event = (due.kind.is_repeated() && due.state == OrderState::Unknown && case.may_repeat())
        .then_some(OrderEvent::TryAgain);
    let wait = if due.kind.is_restore() && case.may_repeat() { SOON } else { case.pause() };
    Verdict { event, due: case.no_later_than_told(now.plus(wait)), tell: case.late(), over: &[] }
}

/// True when what nobody else is asked for could not be sent for so long that a crew has to go there: nothing of it is
/// sent any more, so that nobody is surprised at work.
pub(super) fn is_handed_over(due: &Due, now: Moment) -> bool {
    !due.kind.is_cut_class() && is_over(due, now)
}

/// Whether it was tried for long enough. What gives supply back counts from when it was asked for, and is tried for some
/// minutes however late it is begun: nobody gives up what was never tried (I12). All else counts from when it was first tried;
/// thousands of holds take their turns (F50).
fn is_over(due: &Due, now: Moment) -> bool {
    let Some(tried_at) = due.tried_at else { return false };
    let tried_for = now.since(tried_at);
    match due.kind.is_restore() {
        true => now.since(due.submitted_at) >= HANDED_OVER && tried_for >= TRIED_FOR,
        false => tried_for >= HANDED_OVER,
    }
}

/// What people are told then.
pub(super) const fn handed_over(due: &Due) -> (AlarmKind, i64) {
    let kind = if due.kind.is_restore() { AlarmKind::RestoreHandedOver } else { AlarmKind::OrderUnknown };
    (kind, due.told + 1)
}

struct Case<'a> {
    due: &'a Due,
    attempt: &'a AttemptRecord,
    now: Moment,
}

impl Case<'_> {
    fn event(&self, proof: Proof) -> Option<OrderEvent> {
        let is_unknown = self.due.state == OrderState::Unknown;
        match proof {
            Proof::Proven(Proven::Open(_)) => Some(OrderEvent::SeeOpen),
            Proof::Proven(Proven::Closed) => Some(OrderEvent::SeeClosed),
            Proof::Proven(Proven::Held | Proven::NotHeld) => Some(OrderEvent::SeeDone),
            Proof::Proven(Proven::Permitted) if self.is_day_over() => Some(OrderEvent::SeeDone),
            Proof::Proven(Proven::Permitted) => is_unknown.then_some(OrderEvent::SeeTaken),
            // Whoever waits in the dark is told again at once; it does no harm twice.
            Proof::Waiting(Wait::Expiry) if !self.due.kind.is_cut_class() => {
                (is_unknown && self.due.kind.is_shown() && self.may_repeat()).then_some(OrderEvent::TryAgain)
            }
            Proof::Waiting(_) => None,
            Proof::Failed(failure) => self.failed(failure),
            // What was accepted is all that will be known of it; what was not, a person ends.
            Proof::Unknown(_) if !self.due.kind.is_shown() => (!is_unknown).then_some(OrderEvent::Finish),
            Proof::Unknown(_) => (!is_unknown).then_some(OrderEvent::LoseTrack),
        }
    }

    /// It was read not to have been done.
    fn failed(&self, failure: Failure) -> Option<OrderEvent> {
        let is_unknown = self.due.state == OrderState::Unknown;
        let again = is_unknown && self.may_repeat();
        match self.due.kind {
            OrderKind::Cut if again => Some(OrderEvent::TryAgain),
            OrderKind::Cut if failure == Failure::StillClosed => Some(OrderEvent::SeeClosed),
            OrderKind::ClosePermit | OrderKind::DirectClose | OrderKind::HoldOn => match is_unknown {
                // Taken and not done is no better than not known: it is told again.
                false => Some(OrderEvent::LoseTrack),
                true if again => Some(OrderEvent::TryAgain),
                true => self.is_day_over().then_some(OrderEvent::GiveUp),
            },
            _ => Some(OrderEvent::GiveUp),
        }
    }

    /// Whether it may be sent once more. What takes supply away only when nothing of the last frame can be obeyed any more
    /// and there is time left; how often, the intent decides. What gives it back until a crew takes over.
    fn may_repeat(&self) -> bool {
        if self.due.kind.is_cut_class() {
            let is_dead = self.now > self.attempt.expires_at;
            let was_silent = self.attempt.outcome == Some(AttemptOutcome::Unknown);
            return is_dead && was_silent && self.due.window.holds(self.now);
        }
        // Whoever was told goes there, and is not surprised at work.
        self.due.told == 0 && !is_over(self.due, self.now)
    }

    fn look_again(&self, proof: Proof, event: Option<OrderEvent>) -> Moment {
        match (proof, event) {
            (_, Some(OrderEvent::TryAgain)) => self.now,
            (Proof::Waiting(Wait::SecondLook(at)), _) => at.max(self.now),
            (Proof::Waiting(Wait::Expiry), _) if self.due.kind.is_cut_class() => {
                self.attempt.expires_at.plus(Duration::from_secs(1)).max(self.now)
            }
            (Proof::Waiting(_), _) | (_, Some(OrderEvent::LoseTrack)) => self.now.plus(SOON),
            _ => self.now.plus(self.pause()),
        }
    }

    /// How long to wait before the next look: longer, the longer it lasts.
    fn pause(&self) -> Duration {
        if !self.due.kind.is_shown() && self.due.told > 0 {
            // No look will tell; people know.
            return PROMISED;
        }
        let lasts = self.now.since(self.attempt.intent_at);
        (lasts / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// What people are told while it goes on.
    fn tell(&self, proof: Proof) -> Option<(AlarmKind, i64)> {
        if proof == Proof::Proven(Proven::Permitted) {
            // What is left to do is the customer's.
            return None;
        }
        self.late()
    }

    /// What people are told because it lasts.
    fn late(&self) -> Option<(AlarmKind, i64)> {
        if self.due.kind.is_restore() {
            let told = steps(self.due, self.now);
            return (told > self.due.told).then(|| (kind_of(told), told));
        }
        let is_late = self.told_by().is_some_and(|by| self.now >= by);
        is_late.then_some((AlarmKind::OrderUnknown, 1))
    }

    /// When people are to be told first that it lasts; `None` once they were.
    fn told_by(&self) -> Option<Moment> {
        let Due { kind, submitted_at, tried_at, told, .. } = *self.due;
        if told > 0 {
            return None;
        }
        if kind.is_restore() {
            return tried_at.map(|at| submitted_at.plus(HANDED_OVER).max(at.plus(TRIED_FOR)));
        }
        let since = tried_at.filter(|_| !kind.is_cut_class()).unwrap_or(self.attempt.intent_at);
        // The look itself may take its time, and what is sent no more need not be tried to the end.
        let within = if kind.is_repeated() { HANDED_OVER } else { HANDED_OVER.saturating_sub(LOOK_TAKES) };
        Some(since.plus(within))
    }

    /// When it is looked at next, at the latest when people are to be told (I15).
    fn no_later_than_told(&self, due: Moment) -> Moment {
        self.told_by().filter(|by| *by > self.now).map_or(due, |by| due.min(by))
    }

    /// What people are told at the end.
    fn of_end(&self, proof: Proof, event: Option<OrderEvent>) -> Option<(AlarmKind, i64)> {
        let told = self.due.told + 1;
        match (self.due.kind, proof, event) {
            (OrderKind::Cut, Proof::Failed(_), _) => Some((AlarmKind::CutNotProven, told)),
            (kind, _, Some(OrderEvent::GiveUp)) if kind.is_restore() => {
                Some((AlarmKind::RestorePromiseMissed, told))
            }
            (_, _, Some(OrderEvent::GiveUp)) => Some((AlarmKind::OrderUnknown, told)),
            _ => None,
        }
    }

    fn is_day_over(&self) -> bool {
        self.now.since(self.due.submitted_at) >= PROMISED
    }
}

/// How many times people should have been told by now that supply is not back.
fn steps(due: &Due, now: Moment) -> i64 {
    if !is_over(due, now) {
        return 0;
    }
    1 + i64::try_from(promises_missed(due.submitted_at, now)).unwrap_or(0)
}

const fn kind_of(told: i64) -> AlarmKind {
    match told {
        ..=1 => AlarmKind::RestoreHandedOver,
        2 => AlarmKind::RestoreLate1h,
        3 => AlarmKind::RestoreLate4h,
        4 => AlarmKind::RestoreLate12h,
        _ => AlarmKind::RestorePromiseMissed,
    }
}

/// Alarms that are about an order alone.
const OWN: [AlarmKind; 2] = [AlarmKind::OrderUnknown, AlarmKind::CutNotProven];

/// All alarms that end when supply is back.
const OVER: [AlarmKind; 8] = [
    AlarmKind::OrderUnknown,
    AlarmKind::CutNotProven,
    AlarmKind::RestoreHandedOver,
    AlarmKind::RestoreLate1h,
    AlarmKind::RestoreLate4h,
    AlarmKind::RestoreLate12h,
    AlarmKind::RestorePromiseMissed,
    AlarmKind::RestoreRefused,
];

/// After how long nobody waits any more for a meter: a crew goes there, people are told (I15).
const HANDED_OVER: Duration = Duration::from_secs(1800);
/// How long a look may take behind a slow carrier.
const LOOK_TAKES: Duration = Duration::from_secs(120);
/// How long what gives supply back is tried at least.
const TRIED_FOR: Duration = Duration::from_secs(300);
/// Within how long supply is to be back.
const PROMISED: Duration = Duration::from_secs(86_400);
/// When something is expected at once.
const SOON: Duration = Duration::from_secs(5);
/// The pauses between looks.
const SHORTEST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Id;
    use crate::domain::relay::{CurrentEvidence, Doubt};
    use crate::domain::supply::Window;
    use crate::store::supply::BeforeRecord;

    fn start() -> Moment {
        Moment::from_micros(1_795_278_330_000_000)
    }

    fn after(seconds: u64) -> Moment {
        start().plus(Duration::from_secs(seconds))
    }

    fn due(kind: OrderKind, state: OrderState) -> Due {
        Due {
            order: Id::new(1),
            point: Id::new(2),
            meter: Id::new(3),
            address: "202411110001".parse().unwrap(),
            kind,
            state,
            window: Window { from: start(), until: after(4 * 3600) },
            submitted_at: start(),
            changed_at: start(),
            told: 0,
            tried_at: Some(start()),
        }
    }

    fn attempt(outcome: AttemptOutcome) -> AttemptRecord {
        AttemptRecord {
            id: Id::new(4),
            order: Id::new(1),
            point: Id::new(2),
            meter: Id::new(3),
            number: 1,
            intent_at: start(),
            expires_at: after(360),
            outcome: Some(outcome),
            told_at: Some(start()),
            detail: String::new(),
            before: BeforeRecord::default(),
        }
    }

    fn event(kind: OrderKind, state: OrderState, proof: Proof, seconds: u64) -> Option<OrderEvent> {
        let outcome =
            if state == OrderState::Accepted { AttemptOutcome::Accepted } else { AttemptOutcome::Unknown };
        verdict(&due(kind, state), &attempt(outcome), proof, after(seconds)).event
    }

    const CLOSED: Proof = Proof::Failed(Failure::StillClosed);
    const OPEN: Proof = Proof::Failed(Failure::StillOpen);

    #[test]
    fn f47_a_cut_is_sent_again_only_after_silence_read_closed_behind_its_expiry_and_in_its_window() {
        use OrderState::{Accepted, Unknown};
        let cut = |state, seconds| event(OrderKind::Cut, state, CLOSED, seconds);
        assert_eq!(cut(Unknown, 361), Some(OrderEvent::TryAgain));
        assert_eq!(cut(Unknown, 360), Some(OrderEvent::SeeClosed), "the first frame may be obeyed yet");
        assert_eq!(cut(Unknown, 4 * 3600), Some(OrderEvent::SeeClosed), "its window has passed");
        assert_eq!(cut(Accepted, 361), Some(OrderEvent::SeeClosed), "accepted is not sent again");
        for proof in [Proof::Unknown(Doubt::Disagreement), Proof::Waiting(Wait::Expiry)] {
            assert_ne!(event(OrderKind::Cut, Unknown, proof, 361), Some(OrderEvent::TryAgain));
        }
    }

    #[test]
    fn f48_supply_is_tried_again_for_half_an_hour_and_looked_at_after_that() {
        let back = |state, seconds| event(OrderKind::ClosePermit, state, OPEN, seconds);
        assert_eq!(back(OrderState::Unknown, 1799), Some(OrderEvent::TryAgain));
        assert_eq!(back(OrderState::Unknown, 1800), None);
        assert_eq!(back(OrderState::Accepted, 10), Some(OrderEvent::LoseTrack));
        assert_eq!(back(OrderState::Unknown, 86_400), Some(OrderEvent::GiveUp));
        let silent = |seconds| {
            let due = due(OrderKind::DirectClose, OrderState::Unknown);
            unread(&due, &attempt(AttemptOutcome::Unknown), after(seconds))
        };
        assert_eq!(silent(60).event, Some(OrderEvent::TryAgain));
        assert_eq!((silent(1800).event, silent(1800).tell), (None, Some((AlarmKind::RestoreHandedOver, 1))));
        assert_eq!(silent(86_400).tell, Some((AlarmKind::RestorePromiseMissed, 5)));
    }

    #[test]
    fn i15_what_stays_unknown_is_told_after_half_an_hour_and_looked_at_for_ever() {
        let proof = Proof::Unknown(Doubt::Disagreement);
        let verdict = |seconds| {
            let due = due(OrderKind::Cut, OrderState::Unknown);
            verdict(&due, &attempt(AttemptOutcome::Unknown), proof, after(seconds))
        };
        assert_eq!((verdict(1679).event, verdict(1679).tell), (None, None));
        assert_eq!((verdict(1680).event, verdict(1680).tell), (None, Some((AlarmKind::OrderUnknown, 1))));
        assert!(verdict(86_400).due <= after(86_400 + 300));
    }

    #[test]
    fn i15_no_look_is_set_beyond_the_moment_at_which_people_are_to_be_told() {
        use OrderKind::{AlarmOn, ClosePermit, Cut, HoldOff, HoldOn};
        for (kind, by) in [(Cut, 1680), (HoldOff, 1680), (AlarmOn, 1680), (HoldOn, 1800), (ClosePermit, 1800)]
        {
            for before in [1, 60, 250] {
                let due = due(kind, OrderState::Unknown);
                let silent = attempt(AttemptOutcome::Unknown);
                let seen = verdict(&due, &silent, Proof::Unknown(Doubt::Disagreement), after(by - before));
                let unread = unread(&due, &silent, after(by - before));
                assert!(seen.due <= after(by) && unread.due <= after(by), "{kind:?} {before}");
                assert_eq!((seen.tell, unread.tell), (None, None), "{kind:?} {before}");
            }
            let told = Due { told: 1, ..due(kind, OrderState::Unknown) };
            let silent = attempt(AttemptOutcome::Unknown);
            assert!(unread(&told, &silent, after(by - 1)).due > after(by), "{kind:?}: it was told");
        }
    }

    #[test]
    fn i13_only_a_proof_verifies() {
        let proofs = [
            (Proof::Proven(Proven::Open(CurrentEvidence::Fell)), Some(OrderEvent::SeeOpen)),
            (Proof::Proven(Proven::Closed), Some(OrderEvent::SeeClosed)),
            (Proof::Waiting(Wait::FirstLook), None),
            (Proof::Waiting(Wait::TripDelay), None),
            (Proof::Unknown(Doubt::CurrentFlows), Some(OrderEvent::LoseTrack)),
        ];
        for (proof, expected) in proofs {
            assert_eq!(event(OrderKind::Cut, OrderState::Accepted, proof, 10), expected, "{proof:?}");
        }
        let permitted = Proof::Proven(Proven::Permitted);
        let permit = |state, seconds| event(OrderKind::ClosePermit, state, permitted, seconds);
        assert_eq!(permit(OrderState::Accepted, 10), None, "the customer must press the key");
        assert_eq!(permit(OrderState::Unknown, 10), Some(OrderEvent::SeeTaken));
        assert_eq!(permit(OrderState::Accepted, 86_400), Some(OrderEvent::SeeDone));
        let alarm = |state| event(OrderKind::AlarmOn, state, Proof::Unknown(Doubt::NotShown), 10);
        assert_eq!(alarm(OrderState::Accepted), Some(OrderEvent::Finish));
        assert_eq!(alarm(OrderState::Unknown), None, "nothing shows it: it stays unknown");
    }

    #[test]
    fn f50_a_hold_that_was_never_tried_is_not_given_up() {
        let waits = Due { tried_at: None, ..due(OrderKind::HoldOn, OrderState::Armed) };
        assert!(!is_handed_over(&waits, after(86_400)));
        let tried = Due { tried_at: Some(after(3600)), ..waits };
        assert_eq!([5399, 5400].map(|seconds| is_handed_over(&tried, after(seconds))), [false, true]);
    }

    #[test]
    fn i12_supply_that_nobody_tried_to_give_back_is_not_given_up_and_is_tried_for_some_minutes() {
        let back = due(OrderKind::ClosePermit, OrderState::Armed);
        let given_up =
            |back: &Due| [1799, 1800, 7499, 7500].map(|seconds| is_handed_over(back, after(seconds)));
        assert_eq!(given_up(&back), [false, true, true, true], "tried from the first second on");
        assert_eq!(given_up(&Due { tried_at: None, ..back }), [false; 4], "the service was away");
        let late = Due { tried_at: Some(after(7200)), ..back };
        assert_eq!(given_up(&late), [false, false, false, true]);
        let open = |seconds| {
            let due = Due { state: OrderState::Unknown, ..late };
            verdict(&due, &attempt(AttemptOutcome::Unknown), OPEN, after(seconds))
        };
        assert_eq!((open(7260).event, open(7260).tell), (Some(OrderEvent::TryAgain), None));
        assert_eq!((open(7500).event, open(7500).tell.is_some()), (None, true));
    }

    #[test]
    fn i13_what_people_were_told_of_is_not_sent_again() {
        let told = Due { told: 1, ..due(OrderKind::ClosePermit, OrderState::Unknown) };
        let silent = unread(&told, &attempt(AttemptOutcome::Unknown), after(60));
        assert_eq!((silent.event, silent.tell), (None, None));
        let open = verdict(&told, &attempt(AttemptOutcome::Unknown), OPEN, after(60));
        assert_eq!((open.event, open.tell), (None, None));
    }

    #[test]
    fn f48_only_supply_that_is_back_ends_what_was_told_of_it() {
        let over = |kind, proof| {
            verdict(&due(kind, OrderState::Unknown), &attempt(AttemptOutcome::Unknown), proof, after(60)).over
        };
        assert_eq!(over(OrderKind::HoldOn, Proof::Proven(Proven::Held)), OWN);
        assert_eq!(over(OrderKind::Cut, Proof::Proven(Proven::Open(CurrentEvidence::Fell))), OWN);
        assert_eq!(over(OrderKind::ClosePermit, Proof::Proven(Proven::Permitted)), []);
        assert_eq!(over(OrderKind::ClosePermit, Proof::Proven(Proven::Closed)), OVER);
    }

    #[test]
    fn i09_supply_is_not_verified_while_an_older_cut_may_fire() {
        let back = due(OrderKind::ClosePermit, OrderState::Accepted);
        let closed =
            verdict(&back, &attempt(AttemptOutcome::Accepted), Proof::Proven(Proven::Closed), after(10));
        assert_eq!(closed.event, Some(OrderEvent::SeeClosed));
        let held = |until| not_verified(closed, after(until), after(10));
        assert_eq!((held(300).event, held(300).over, held(300).due), (None, &[][..], after(25)));
        assert_eq!(held(12).due, after(13));
    }
}
