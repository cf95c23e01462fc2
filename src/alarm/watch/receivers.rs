//! Receivers of billing that refuse values, or take none.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Watcher;
use crate::domain::{Alarm, AlarmKind, Moment};
use crate::store::StoreError;
use crate::store::billing::ReceiverStatus;

/// What is known of receivers that do not take what they are offered.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Since when one has taken nothing of what it was offered.
    failing: HashMap<String, Instant>,
    /// How many versions each was offered first too long ago and still has not; what was there the time before counts.
    stuck: HashMap<String, (u64, bool)>,
    /// When those were counted.
    counted_at: Option<Instant>,
}

impl Behind {
    /// Since when a receiver has taken nothing of what it was offered, if so. It may be longer: what was before this
    /// process is not known.
    fn failing_since(&mut self, status: &ReceiverStatus) -> Option<Instant> {
        let failed_at = status.last_error.as_ref().map(|(at, _)| *at);
        let is_failing = status.waiting > 0
            && status.is_configured
            && failed_at.is_some_and(|at| Some(at) > status.last_success);
        if !is_failing {
            self.failing.remove(&status.name);
            return None;
        }
        Some(*self.failing.entry(status.name.clone()).or_insert_with(Instant::now))
    }
}

impl Watcher<'_> {
    /// Receivers that refused values, which wait for a person.
    pub(super) async fn look_at_refused(&mut self, now: Moment) -> Result<(), StoreError> {
        let parked = self.store.parked_billing().await?;
        for (receiver, count) in &parked {
            let (zh, en) = (format!("{count}条待人工处理"), format!("{count} values wait for a person"));
            let alarm = Alarm::new(AlarmKind::BillingParked, subject(receiver), now);
            self.begin(alarm.saying(&zh, &en)).await?;
        }
        let parked = parked.iter().map(|(receiver, _)| subject(receiver)).collect();
        self.end_but(AlarmKind::BillingParked, &parked, now).await
    }

    /// Receivers that take nothing for an hour, or leave some version untaken for many: a wrong secret, a certificate that
    /// was changed, a program that answers with an error. Nothing is lost by it, but nobody bills what is not there.
    pub(super) async fn look_at_receivers(&mut self, now: Moment) -> Result<(), StoreError> {
        self.count_stuck(now).await?;
        let mut behind = HashSet::new();
        for status in self.store.receiver_statuses().await? {
            let subject = subject(&status.name);
            let failing = self.behind.failing_since(&status);
            let (stuck, was_stuck) = self.behind.stuck.get(&status.name).copied().unwrap_or_default();
            let is_failing = failing.is_some_and(|since| since.elapsed() >= FAILING_FOR);
            if is_failing || (was_stuck && status.is_configured) {
                let (zh, en) = words(&status, stuck);
                self.begin(Alarm::new(AlarmKind::BillingBehind, &subject, now).saying(&zh, &en)).await?;
            }
            // Whether one that has begun to fail will go on is not known yet: what is open of it stays so.
            if status.is_configured && (failing.is_some() || stuck > 0) {
                behind.insert(subject);
            }
        }
        self.end_but(AlarmKind::BillingBehind, &behind, now).await
    }

    /// What was offered first long ago and is not taken yet; seldom, since all that waits is looked at.
    async fn count_stuck(&mut self, now: Moment) -> Result<(), StoreError> {
        if self.behind.counted_at.is_some_and(|at| at.elapsed() < COUNT_AGAIN) {
            return Ok(());
        }
        let counts = self.store.billing_offered_before(now.minus(STUCK_FOR)).await?;
        // What a person has offered again was offered first long ago, too: it has until the next time.
        let count = |(receiver, count): (String, u64)| {
            let was_there = self.behind.stuck.contains_key(&receiver);
            (receiver, (count, was_there))
        };
        self.behind.stuck = counts.into_iter().map(count).collect();
        self.behind.counted_at = Some(Instant::now());
        Ok(())
    }

    /// Ends the alarms of a kind that are open, but for those of these subjects.
    async fn end_but(
        &mut self,
        kind: AlarmKind,
        subjects: &HashSet<String>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let open = self.open.iter().flatten().filter(|(open, _)| *open == kind);
        let over: Vec<String> =
            open.map(|(_, subject)| subject.clone()).filter(|subject| !subjects.contains(subject)).collect();
        for subject in over {
            self.end(kind, &subject, now).await?;
        }
        Ok(())
    }
}

fn subject(receiver: &str) -> String {
    format!("receiver {receiver}")
}

fn words(status: &ReceiverStatus, stuck: u64) -> (String, String) {
    let said = status.last_error.as_ref().map_or("", |(_, said)| said.as_str());
    let (mut zh, mut en) = (format!("{}条待移交", status.waiting), format!("{} values wait", status.waiting));
    if stuck > 0 {
        let hours = STUCK_FOR.as_secs() / 3600;
        zh.push_str(&format!("，其中{stuck}条首次移交已超过{hours}小时"));
        en.push_str(&format!(", {stuck} of them were first offered more than {hours} hours ago"));
    }
    (format!("{zh}；{said}"), format!("{en}; {said}"))
}

/// How long a receiver may take nothing without an alarm: its server may be started anew, or be kept up by its people.
const FAILING_FOR: Duration = Duration::from_secs(3600);
/// How long one version may be left untaken while others are taken.
const STUCK_FOR: Duration = Duration::from_secs(6 * 3600);
const COUNT_AGAIN: Duration = Duration::from_secs(300);
