//! One step of one point of an order: arm it, send it, or look what came of it. What comes next is kept, not remembered.

use std::time::Duration;

use dlt645::password::OperatorCode;
use dlt645::relay::Command;
use tokio::time::{Instant, timeout_at};

use super::asked::{Asked, judged};
use super::field::{CannotOrder, Field, FieldOrder, NotSent, Part, Ready, Sent};
use super::guard::is_stopped;
use super::leaving::Leaves;
use super::proof::proof_name;
use super::service::Supply;
use super::verdict::{Verdict, handed_over, is_handed_over, not_verified, unread, verdict};
use crate::channel::Lane;
use crate::clock::Awake;
use crate::domain::relay::{Look, Proof, Proven};
use crate::domain::supply::{Attempt, Objection, OrderKind, OrderState, Window};
use crate::domain::{Id, Moment};
use crate::store::StoreError;
use crate::store::supply::{
    AttemptOutcome, BeforeRecord, Due, HandedOver, HowSent, Intended, Intent, NOT_AUTHORISED, Seen,
};

impl Supply {
    /// Does what is due.
    pub(super) async fn carry(&self, due: Due) -> Result<(), StoreError> {
        let due = self.as_long_ago(due);
        match due.state {
            OrderState::Approved => self.arm(due).await,
            OrderState::Armed => self.send(due).await,
            _ => self.look(due).await,
        }
    }

    /// Arms it: what takes supply away at a moment drawn from what is left of its window, the rest at once.
    async fn arm(&self, due: Due) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        if due.kind.is_restore() {
            // Whoever handed it in may be another process.
            self.0.leaving.take_back(due.point);
        }
        let at = if due.kind.is_cut_class() {
            self.drawn(due, self.0.store.size_of_order(due.order).await?, now)
        } else {
            now
        };
        let found = self.0.store.arm_point((due.order, due.point), at, &self.limits(), now).await?;
        if found.is_empty() {
            tracing::info!(order.id = %due.order, "point {} of order {} is armed", due.point, due.order);
        }
        self.0.tell();
        Ok(())
    }

    fn drawn(&self, due: Due, size: i64, now: Moment) -> Moment {
        let draw = drawn(self.0.settings.seed, due.order.number(), due.point.number());
        now.plus(spread_over(due.window, size, now).checked_div(DRAWS).unwrap_or_default() * (draw % DRAWS))
    }

    /// Asks the meter, keeps the intent and sends, once.
    async fn send(&self, due: Due) -> Result<(), StoreError> {
        if is_handed_over(&due, self.0.clock.now()) {
            return self.hand_over(due, None).await;
        }
        let Some(field) = self.field(due).await? else {
            let found =
                if due.kind == OrderKind::Cut { Objection::NotCuttable } else { Objection::NotOrderable };
            return self.refuse(due, &[found]).await;
        };
        if due.kind.is_cut_class() {
            let now = self.0.clock.now();
            if self.0.store.waits_for_its_batch(due.order, due.point, now).await? {
                return Ok(());
            }
        } else if let Some(why) = field.capability().await.means.err().filter(|why| why.is_certain()) {
            // No waiting changes it: people hear of it now, not in half an hour.
            return self.hand_over(due, Some(why)).await;
        }
        match self.asked(due, &field).await? {
            Some(asked) => self.send_asked(due, &field, asked).await,
            None => self.refuse(due, &[Objection::MeterSilent]).await,
        }
    }

    /// Keeps the intent of what the meter was asked for, and sends.
    async fn send_asked(&self, due: Due, field: &Field, asked: Asked) -> Result<(), StoreError> {
        // From before the intent on, so that no restore that comes behind it passes it by.
        let leaves = due.kind.is_cut_class().then(|| self.0.leaving.note((due.order, due.point)));
        let valid = self.0.settings.valid_for;
        let order = FieldOrder {
            command: command(due.kind),
            lane: lane_of(due.kind),
            clock: asked.clock,
            ahead: valid,
            expires: Instant::now() + PROVES_WITHIN,
            operator: OperatorCode::from_wire([0; 4]),
        };
        // What takes its time is done before the intent: behind it a frame has two seconds.
        let ready = match leaves.as_ref().filter(|_| asked.found.is_empty()) {
            Some(leaves) => Some(field.ready(&order, &leaves.back).await),
            None => None,
        };
        if is_taken_back(&leaves, &ready) {
            // It is judged anew, or over: whoever gives supply back does not wait for an intent that nothing is sent for (F48).
            drop(asked.kept);
            let_go(field, &order, ready).await;
            self.0.tell();
            return Ok(());
        }
        let now = self.0.clock.now();
        let (awake, began) = (self.0.clock.awake(), Instant::now());
        if due.kind.is_cut_class()
            && let Err(error) = self.halt_if_called_for(now).await
        {
            drop(asked.kept);
            let_go(field, &order, ready).await;
            self.0.tell();
            return Err(error);
        }
        let intent = Intent {
            order: due.order,
            point: due.point,
            expires: asked.obeyed_until(now, valid),
            before: &asked.record,
            found: &asked.found,
        };
        let intended = self.0.store.intend(&intent, &self.limits(), now).await;
        let attempt = match intended {
            Ok(Intended::Kept(attempt)) => attempt,
            intended => {
                // Whatever is waited for now, neither the line nor the meter waits with it.
                drop(asked.kept);
                let_go(field, &order, ready).await;
                if matches!(intended, Err(StoreError::Unavailable { .. })) {
                    self.never_sent(due).await;
                }
                self.0.tell();
                return intended.map(drop);
            }
        };
        self.0.tell();
        // The database may have been waited for, and what the intent was judged by has passed meanwhile (F33, F52).
        let held = due.kind.is_cut_class().then(|| self.held_since(began, &awake)).flatten();
        if let Some(why) = held {
            drop(asked.kept);
            let_go(field, &order, ready).await;
            self.keep_outcome(due, attempt, (AttemptOutcome::NotSent, why)).await;
            return Ok(());
        }
        let left = match due.kind.is_cut_class() {
            true => leaves_within(due.window, self.0.clock.now()),
            false => fresh_for(valid),
        };
        let timed = FieldOrder { expires: Instant::now() + left, ..order };
        let sent = match (ready, &leaves) {
            (Some(Ok(ready)), _) => field.send_ready(&timed, ready).await,
            (Some(Err(why)), _) => Sent::NotSent(why),
            (None, Some(leaves)) => field.send_unless(&timed, &leaves.back).await,
            (None, None) => field.send(&timed).await,
        };
        drop(asked.kept);
        self.keep_outcome(due, attempt, outcome(&sent)).await;
        Ok(())
    }

    /// Keeps cuts back for a clock that has jumped and for the file.
    async fn halt_if_called_for(&self, now: Moment) -> Result<(), StoreError> {
        self.halt_for_a_jump(now).await?;
        self.halt_for_the_file(now).await
    }

    /// What keeps a cut back since its intent was begun, by what no database is asked for.
    fn held_since(&self, began: Instant, awake: &Awake) -> Option<&'static str> {
        if is_stopped(self.0.settings.stop_file.as_deref()) {
            Some("stopped")
        } else if self.watch().jump(self.0.clock.now(), Instant::now()).is_some() {
            Some("clock_set")
        } else if began.elapsed() + awake.slept() > INTENT_WITHIN {
            Some("intent_late")
        } else {
            None
        }
    }

    /// What is due, with what happened before the clock leapt as long ago as it was (F33).
    fn as_long_ago(&self, due: Due) -> Due {
        let mut watch = self.watch();
        watch.jump(self.0.clock.now(), Instant::now());
        let tried_at = due.tried_at.map(|at| watch.moved(at));
        Due { submitted_at: watch.moved(due.submitted_at), tried_at, ..due }
    }

    /// What the meter tells before it is sent this; nothing where it is not sent this now.
    async fn asked(&self, due: Due, field: &Field) -> Result<Option<Asked>, StoreError> {
        let lane = lane_of(due.kind);
        if due.kind.is_repeated() {
            return self.asked_in_part(due, field, lane).await;
        }
        let asked = field.before_kept(lane).await.ok();
        Ok(asked.map(|(before, kept)| Asked::of(due.kind, &before, kept)))
    }

    /// The same before supply is given back or held: whatever of it came is used. From time to time that is sent, too, to a
    /// meter whose clock cannot be read: it may hear all the same, and what came of it is read.
    async fn asked_in_part(&self, due: Due, field: &Field, lane: Lane) -> Result<Option<Asked>, StoreError> {
        let HowSent { unread_at, was_refused } = self.0.store.how_sent(due.order, due.point).await?;
        let now = self.0.clock.now();
        let may_be_unread = unread_at.is_none_or(|at| is_apart(at, now, UNREAD_AGAIN));
        // Behind a slow carrier one question takes a minute: whoever has paid does not wait for all of them (F48). Of a meter
        // that has refused, the clock is waited for.
        let within = if may_be_unread && !was_refused { TELLS_WITHIN } else { TELLS_AT_LAST };
        let by = Instant::now() + within;
        let mut part = Part::default();
        for _ in 0..MOST_UNREAD {
            match timeout_at(by, field.before_restore(lane, &mut part)).await {
                Ok(Err(unread)) if unread.is_of_meter() && part.clock.is_none() && may_be_unread => {}
                Ok(Err(unread)) if !unread.is_of_meter() && part.clock.is_none() => return Ok(None),
                _ => break,
            }
        }
        if part.clock.is_none() {
            if !may_be_unread {
                return Ok(None);
            }
            tracing::warn!(order.id = %due.order, "order {} is sent to a meter that tells no time", due.order);
        }
        Ok(Some(Asked::in_part(&part, self.0.clock.now())))
    }

    /// Looks whether an intent was kept although the database did not say so, and notes that its frame was never sent: nobody
    /// else would (F32).
    async fn never_sent(&self, due: Due) {
        let open = loop {
            match self.0.store.open_attempt(due.order, due.point).await {
                Ok(open) => break open,
                Err(StoreError::Unavailable { .. }) => tokio::time::sleep(AGAIN).await,
                Err(_) => return,
            }
        };
        if let Some(open) = open {
            tracing::warn!(order.id = %due.order, "an intent of order {} was kept unsaid", due.order);
            self.keep_outcome(due, open, (AttemptOutcome::NotSent, "not_confirmed")).await;
        }
    }

    /// Keeps what became of a frame, however long the database is away: nobody else knows it.
    async fn keep_outcome(
        &self,
        due: Due,
        attempt: Id<Attempt>,
        (outcome, detail): (AttemptOutcome, &'static str),
    ) {
        loop {
            let now = self.0.clock.now();
            let kept = async {
                let known = self.0.store.last_attempt(due.order, due.point).await?;
                let known = known.map(|(known, _)| known).filter(|known| known.id == attempt);
                match known {
                    Some(known) => {
                        let next = now.plus(next_after(due.kind, outcome, known.number));
                        self.0.store.note_outcome(&known, (outcome, detail), next, now).await
                    }
                    None => {
                        tracing::error!(order.id = %due.order, "the intent of order {} is not there any more: it was {outcome:?}", due.order);
                        Ok(())
                    }
                }
            };
            match kept.await {
                Ok(()) => break,
                Err(StoreError::Unavailable { .. }) => {
                    tracing::error!(order.id = %due.order, "the outcome of order {} waits for the database", due.order);
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(order.id = %due.order, kind = error.kind(), "the outcome of order {} is not kept", due.order);
                    break;
                }
            }
        }
        self.0.tell();
    }

    /// Looks what came of it, and draws the conclusion.
    async fn look(&self, due: Due) -> Result<(), StoreError> {
        let Some((attempt, mut looks)) = self.0.store.last_attempt(due.order, due.point).await? else {
            return Ok(());
        };
        let Some(field) = self.field(due).await? else {
            let verdict = unread(&due, &attempt, self.0.clock.now());
            return self.conclude(due, None, "not_reachable", verdict).await;
        };
        let looked = field.look(lane_of(due.kind)).await;
        let now = self.0.clock.now();
        match looked {
            Err(_) => {
                let verdict = unread(&due, &attempt, now);
                self.conclude(due, None, "unread", verdict).await
            }
            Ok(look) => {
                looks.push(look);
                looks.sort_by_key(|look| look.at);
                let proof = judged(due, &field, (&attempt, &looks), now);
                let mut verdict = verdict(&due, &attempt, proof, now);
                if due.kind.is_restore()
                    && proof == Proof::Proven(Proven::Closed)
                    && let Some(until) = self.0.store.cut_may_fire_until(due.point, now).await?
                {
                    verdict = not_verified(verdict, until, now);
                }
                self.conclude(due, Some((attempt.id, look)), proof_name(proof), verdict).await
            }
        }
    }

    async fn conclude(
        &self,
        due: Due,
        look: Option<(Id<Attempt>, Look)>,
        proof: &str,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let seen = Seen {
            order: due.order,
            point: due.point,
            look,
            event: verdict.event,
            proof,
            due: verdict.due,
            tell: verdict.tell,
            over: verdict.over,
        };
        let state = self.0.store.note_seen(&seen, self.0.clock.now()).await?;
        if state != due.state {
            let name = crate::domain::Coded::name(state);
            tracing::info!(order.id = %due.order, proof, "point {} of order {} is {name}", due.point, due.order);
            self.0.tell();
        }
        Ok(())
    }

    /// Gives up sending, and tells people to go there. What may have been obeyed is looked at on and on.
    async fn hand_over(&self, due: Due, why: Option<CannotOrder>) -> Result<(), StoreError> {
        let words = why.map(|why| {
            let zh = format!("无法由主站下发：{}", why.words_zh());
            (zh, format!("it cannot be sent from here: {}", why.words_en()))
        });
        let over = HandedOver {
            order: due.order,
            point: due.point,
            why: why.map(CannotOrder::kind),
            words: words.as_ref().map(|(zh, en)| (zh.as_str(), en.as_str())),
            tell: handed_over(&due),
        };
        self.0.store.hand_over(&over, self.0.clock.now()).await?;
        self.0.tell();
        Ok(())
    }

    /// Notes what stands against sending by what the meter says, or does not.
    async fn refuse(&self, due: Due, found: &[Objection]) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        let before = &BeforeRecord::default();
        let intent = Intent { order: due.order, point: due.point, expires: now, before, found };
        self.0.store.intend(&intent, &self.limits(), now).await?;
        self.0.tell();
        Ok(())
    }

    /// The meter that the order is for. Another one at the point is told by the intent.
    async fn field(&self, due: Due) -> Result<Option<Field>, StoreError> {
        let site = self.0.store.site_meter(due.address).await?;
        Ok(site.and_then(|site| self.0.fields.of(site).ok()))
    }
}

/// How long what gives supply back may wait for its turn: what leaves shortly before its deadline is refused, and asked about
/// anew it is not.
fn fresh_for(valid: Duration) -> Duration {
    valid * 3 / 5
}

/// When something is done next about a point whose frame ended so: the oftener nothing could be sent, the later.
fn next_after(kind: OrderKind, outcome: AttemptOutcome, number: i64) -> Duration {
    let again = matches!(outcome, AttemptOutcome::NotSent | AttemptOutcome::Refused);
    let times = u32::try_from(number.saturating_sub(1).clamp(0, 4)).unwrap_or(0);
    let (pause, most) =
        if kind.is_cut_class() { (NOT_SENT_PAUSE, MOST_PAUSE) } else { (FIRST_LOOK, NOT_SENT_PAUSE) };
    if again { (pause * 2_u32.pow(times)).min(most) } else { FIRST_LOOK }
}

/// True when two moments lie so far from each other, whichever is the earlier: the clock may have been set.
fn is_apart(one: Moment, other: Moment, least: Duration) -> bool {
    one.since(other).max(other.since(one)) >= least
}

/// Over how much of what is left of its window an order of so many points is spread: at its end no cut is begun any more. In a
/// short window a few cuts are begun at once, and many over its first half, so that not all have left before it can be seen
/// that they go wrong (F51).
fn spread_over(window: Window, size: i64, now: Moment) -> Duration {
    let left = window.until.since(now);
    let usual = left.saturating_sub(LAST_START);
    if size > A_FEW { usual.max(left / 2) } else { usual }
}

/// How long a cut may wait for its turn once its intent is kept: no longer than STOP may take, and not beyond its window.
fn leaves_within(window: Window, now: Moment) -> Duration {
    CUT_WAITS.min(window.until.since(now))
}

/// True when a cut was taken back before its intent.
fn is_taken_back(leaves: &Option<Leaves<'_>>, ready: &Option<Result<Ready, NotSent>>) -> bool {
    let is_judged_anew = leaves.as_ref().is_some_and(|leaves| leaves.back.is_cancelled());
    let gives_way = match ready {
        Some(Ok(ready)) => ready.is_taken_back(),
        Some(Err(why)) => *why == NotSent::TakenBack,
        None => false,
    };
    is_judged_anew || gives_way
}

/// Ends what was made ready and is not sent.
async fn let_go(field: &Field, order: &FieldOrder, ready: Option<Result<Ready, NotSent>>) {
    if let Some(Ok(ready)) = ready {
        field.let_go(order, ready).await;
    }
}

fn outcome(sent: &Sent) -> (AttemptOutcome, &'static str) {
    match sent {
        Sent::Accepted { .. } => (AttemptOutcome::Accepted, ""),
        Sent::Refused { is_not_authorised: true, .. } => (AttemptOutcome::Refused, NOT_AUTHORISED),
        Sent::Refused { .. } => (AttemptOutcome::Refused, "refused"),
        Sent::NotSent(why) => (AttemptOutcome::NotSent, why.kind()),
        Sent::Unknown { why, .. } => (AttemptOutcome::Unknown, why.kind()),
    }
}

const fn command(kind: OrderKind) -> Command {
    match kind {
        OrderKind::Cut => Command::Trip,
        OrderKind::ClosePermit => Command::ClosePermit,
        OrderKind::DirectClose => Command::CloseDirectly,
        OrderKind::AlarmOn => Command::Alarm,
        OrderKind::AlarmOff => Command::AlarmEnd,
        OrderKind::HoldOn => Command::SupplyHold,
        OrderKind::HoldOff => Command::SupplyHoldEnd,
    }
}

/// What gives supply back goes before everything else on a line. Holds do not: thousands of them would stand before it.
const fn lane_of(kind: OrderKind) -> Lane {
    if kind.is_restore() { Lane::Restore } else { Lane::Control }
}

/// A number that seed, order and point decide, spread evenly.
fn drawn(seed: u64, order: i64, point: i64) -> u32 {
    let mixed = [seed, order.unsigned_abs(), point.unsigned_abs()].into_iter().fold(0, |sum: u64, part| {
        let sum = (sum ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let sum = (sum ^ (sum >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let sum = (sum ^ (sum >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        sum ^ (sum >> 31)
    });
    u32::try_from(mixed >> 32).unwrap_or(0)
}

/// Into how many moments what is left of a window is divided.
const DRAWS: u32 = 10_000;
/// So many cuts of an order may be begun at once.
const A_FEW: i64 = 5;
/// So long before the end of its window no cut is begun any more.
const LAST_START: Duration = Duration::from_secs(600);
/// How long making ready for a cut may take: proving ourselves to a chip behind a slow carrier takes a minute.
const PROVES_WITHIN: Duration = Duration::from_secs(180);
/// How long a cut may wait for its turn: STOP holds within two seconds (F52).
const CUT_WAITS: Duration = Duration::from_millis(1900);
/// How often in a row a meter is asked what it tells before supply is ordered back without it.
const MOST_UNREAD: u32 = 2;
/// So long a meter may take to tell of itself before supply is given back to it unread.
const TELLS_WITHIN: Duration = Duration::from_secs(75);
/// So long where supply is not given back without the meter's clock: others of its line wait.
const TELLS_AT_LAST: Duration = Duration::from_secs(300);
/// When to look first.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// When a cut is tried again of which nothing was sent, and how late at most what gives supply back is.
const NOT_SENT_PAUSE: Duration = Duration::from_secs(30);
/// How late at most a cut is tried again of which nothing was sent.
const MOST_PAUSE: Duration = Duration::from_secs(120);
/// How far from the last time supply is ordered back once more without the meter's clock.
const UNREAD_AGAIN: Duration = Duration::from_secs(180);
/// How long keeping the intent of a cut may take for its frame to leave: what it was judged by is not older.
const INTENT_WITHIN: Duration = Duration::from_secs(1);
/// When what the database refused is tried again.
const AGAIN: Duration = Duration::from_secs(1);
#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment::from_micros(1_795_278_330_000_000);

    #[test]
    fn f52_no_cut_waits_for_its_turn_beyond_its_window() {
        let window = Window { from: AT, until: AT.plus(Duration::from_secs(10)) };
        let within = |millis| leaves_within(window, AT.plus(Duration::from_millis(millis)));
        assert_eq!(
            [0, 8100, 9000, 10_000, 11_000].map(within).map(|wait| wait.as_millis()),
            [1900, 1900, 1000, 0, 0]
        );
    }

    #[test]
    fn f51_cuts_of_a_short_window_are_spread_as_well() {
        let over = |seconds, size| {
            let window = Window { from: AT, until: AT.plus(Duration::from_secs(seconds)) };
            spread_over(window, size, AT).as_secs()
        };
        assert_eq!([0, 120, 600, 900, 1200, 7200].map(|left| over(left, 50)), [0, 60, 300, 450, 600, 6600]);
        assert_eq!([0, 120, 600, 900, 1200, 7200].map(|left| over(left, 5)), [0, 0, 0, 300, 600, 6600]);
    }

    #[test]
    fn f48_the_oftener_nothing_could_be_sent_the_later_it_is_tried_again() {
        let next =
            |kind, outcome| [1, 2, 3, 4, 5, 99].map(|number| next_after(kind, outcome, number).as_secs());
        assert_eq!(next(OrderKind::ClosePermit, AttemptOutcome::NotSent), [2, 4, 8, 16, 30, 30]);
        assert_eq!(next(OrderKind::ClosePermit, AttemptOutcome::Refused), [2, 4, 8, 16, 30, 30]);
        assert_eq!(next(OrderKind::Cut, AttemptOutcome::NotSent), [30, 60, 120, 120, 120, 120]);
        assert_eq!(next(OrderKind::ClosePermit, AttemptOutcome::Unknown), [2; 6]);
    }

    #[test]
    fn t31_cuts_are_spread_over_their_window() {
        let mut tenths = [0; 10];
        for point in 0..10_000 {
            tenths[usize::try_from(drawn(7, 1_795_278_330_000, point) % DRAWS).unwrap() / 1000] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
        assert_ne!(drawn(7, 1, 2), drawn(8, 1, 2));
    }

    #[test]
    fn i08_what_takes_supply_away_goes_by_the_lane_of_orders_and_the_rest_in_front() {
        for (kind, ..) in <OrderKind as crate::domain::Coded>::TABLE {
            assert_eq!(command(*kind).is_cut_class(), kind.is_cut_class(), "{kind:?}");
            if kind.is_cut_class() {
                assert_eq!(lane_of(*kind), Lane::Control);
            }
            assert_eq!(lane_of(*kind) == Lane::Restore, kind.is_restore(), "{kind:?}: holds stand behind");
        }
    }
}
