//! The task of one line: asks one question after the other, listens in between.

use std::sync::Arc;
use std::time::Duration;

use dlt645::exchange::Timing;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::came::Came;
use super::converse::Speaker;
use super::ear::Ear;
use super::entry::Entry;
use super::meters::Meters;
use super::modbus::Units;
use super::path::Path;
use super::shared::{Shared, Wanted};
use super::status::LinePhase;
use super::{ChannelSettings, End, Inquiry, Lane};
use crate::link::{Dialler, LinkError, Purpose, Tap};
use crate::telemetry;

pub(super) struct Driver {
    pub(super) settings: ChannelSettings,
    pub(super) shared: Arc<Shared>,
    pub(super) tap: Box<dyn Tap + Send>,
    pub(super) path: Path,
    pub(super) ear: Ear,
    /// Which meters that speak Modbus may owe an answer.
    pub(super) units: Units,
    /// The number of the last frame over Modbus TCP.
    pub(super) number: u16,
    /// The job that is being asked. It stands here so that it survives when the task breaks off.
    pub(super) asking: Option<Entry>,
}

impl Driver {
    pub(super) fn new(
        settings: ChannelSettings,
        shared: Arc<Shared>,
        dialler: Dialler,
        tap: Box<dyn Tap + Send>,
    ) -> Self {
        let path = Path::new(dialler, &settings);
        // Where another process left off is not known: numbers begin anywhere.
        let [low, high, ..] = settings.seed.to_le_bytes();
        let number = u16::from_le_bytes([low, high]);
        Self { settings, shared, tap, path, ear: Ear::new(), units: Units::default(), number, asking: None }
    }

    /// Works until the line is closed.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if self.path.open.is_none() {
                self.connect(stop).await;
            } else if !self.shared.is_ours() {
                self.hold(stop).await;
            } else if self.shared.phase.borrow().0 == LinePhase::Chattering {
                self.endure(stop).await;
            } else {
                self.work(stop).await;
            }
        }
    }

    /// The site may be another's: nothing is asked, and what waits ends when its own time is over (F36).
    async fn hold(&mut self, stop: &CancellationToken) {
        self.shared.end_overdue();
        self.listen_until(stop, Some(Instant::now() + ASKS_WHOSE)).await;
    }

    /// Asks the next question, or listens until there is one.
    async fn work(&mut self, stop: &CancellationToken) {
        match self.shared.next() {
            Some(entry) => {
                self.asking = Some(entry);
                self.ask().await;
            }
            None => self.idle(stop).await,
        }
    }

    async fn idle(&mut self, stop: &CancellationToken) {
        self.listen_until(stop, self.shared.next_at()).await;
    }

    /// Listens until then, or until work has come.
    async fn listen_until(&mut self, stop: &CancellationToken, next_at: Option<Instant>) {
        let Some(open) = &mut self.path.open else { return };
        let heard = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = self.shared.work.notified() => return,
            heard = self.ear.listen(&mut open.link, &mut *self.tap) => heard,
            () = at(next_at) => return,
        };
        self.note_heard();
        match heard {
            Err(error) => self.lose(&error),
            Ok(()) if self.ear.is_chattering(CHATTER) => self.set_chattering(),
            Ok(()) => {}
        }
    }

    /// One try of the job in hand.
    async fn ask(&mut self) {
        let Some(entry) = &self.asking else { return };
        let (asked, lane, timing) = (entry.asked(), entry.lane(), entry.job.timing);
        let until = entry.job.due();
        let rate = entry.job.rate.or(self.settings.rate);
        if self.path.endangers(asked) {
            self.reopen();
            return self.put_back();
        }
        let is_ready = self.make_ready(Purpose { urgency: lane.urgency(), until, rate }, timing, lane).await;
        self.note_heard();
        match is_ready {
            Ok(()) => {}
            Err(NotReady::Chatter) => {
                self.set_chattering();
                return self.put_back();
            }
            Err(NotReady::NoTurn) => return self.put_back(),
            Err(NotReady::Lost(error)) => {
                self.lose(&error);
                return self.put_back();
            }
            Err(NotReady::NotTuned(error)) => {
                self.lose(&error);
                return self.put_back_not_tuned();
            }
        }
        let now = Instant::now();
        // The line may have been waited for, and the site lost meanwhile.
        if !self.shared.is_ours() {
            return self.put_back();
        }
        let is_cancelled = self.shared.wanted() == Wanted::Cancelled;
        let overdue = self.asking.as_ref().and_then(|entry| entry.overdue(now));
        if let Some(end) = overdue.or_else(|| is_cancelled.then_some(End::Cancelled)) {
            self.shared.asked();
            return self.asking.take().into_iter().for_each(|entry| entry.end(end.clone()));
        }
        self.converse(now).await;
    }

    /// Sets the port, waits for the turn to send, and hears what has come, so that it is not taken for what comes next.
    async fn make_ready(&mut self, purpose: Purpose, timing: Timing, lane: Lane) -> Result<(), NotReady> {
        let rate = purpose.rate;
        let Some(open) = &mut self.path.open else { return Err(NotReady::Lost(LinkError::Closed)) };
        if open.rate != rate {
            if let Some(rate) = rate {
                open.link.tune(rate).map_err(NotReady::NotTuned)?;
            }
            open.rate = rate;
        }
        let limit = timing.chatter_limit;
        let is_quiet =
            self.ear.settle(&mut open.link, &mut *self.tap, limit).await.map_err(NotReady::Lost)?;
        // An order goes out all the same: it may get through.
        if !is_quiet && lane > Lane::Control {
            return Err(NotReady::Chatter);
        }
        let turn = open.link.prepare(purpose);
        tokio::pin!(turn);
        loop {
            tokio::select! {
                biased;
                ready = &mut turn => return match ready {
                    Ok(()) => Ok(()),
                    Err(LinkError::NoTurn) => Err(NotReady::NoTurn),
                    Err(error) => Err(NotReady::Lost(error)),
                },
                // Something more urgent does not wait behind it, and what was taken back is not waited for.
                () = self.shared.work.notified() => {
                    if self.shared.wanted() != Wanted::Now {
                        return Err(NotReady::NoTurn);
                    }
                }
            }
        }
    }

    async fn converse(&mut self, now: Instant) {
        let Some(entry) = &mut self.asking else { return };
        let Some(open) = &mut self.path.open else { return };
        let (asked, lane) = (entry.asked(), entry.lane());
        entry.begin(now);
        let mut timing = self.shared.with_meters(|meters| {
            meters.asked(asked, now);
            meters.timing(asked, entry.job.timing)
        });
        timing.retries = 0;
        if let Some(delay) = open.link.delay(asked.wire()) {
            timing = timing.with_path_delay(delay);
            timing.exchange_limit = timing.exchange_limit.saturating_add(delay.saturating_mul(4));
        }
        let question = match entry.job.question.clone() {
            Inquiry::Frame(question) => question,
            Inquiry::Registers(question) => return self.read_registers(&question, timing).await,
        };
        let is_owed = |meters: &mut Meters| meters.owed_since(asked, &question.request, now).is_some();
        if self.shared.with_meters(is_owed) {
            // The first answer may be an old one, with another behind it.
            timing.quiet_after_answer = timing.quiet_after_answer.max(timing.td_max);
        }
        let gate = if self.settings.broadcast_time { lane.gate().with_broadcast_time() } else { lane.gate() };
        let (shared, may_yield) = (&self.shared, entry.yielded < MOST_YIELDS);
        let is_wanted = move || match shared.wanted() {
            _ if !shared.is_ours() => false,
            Wanted::Now => true,
            Wanted::Later => !may_yield,
            Wanted::Cancelled => false,
        };
        let speaker = Speaker { link: &mut open.link, gate, tap: &mut *self.tap, timer: &mut open.timer };
        let told = speaker.converse(&question, timing, &is_wanted).await;
        self.settle(told.map(Came::Frame));
    }

    /// The job in hand was not asked: it is the next one again.
    fn put_back(&mut self) {
        match self.asking.take() {
            Some(entry) => self.give_back(entry, false),
            None => self.shared.asked(),
        }
    }

    /// A job waits again, unless it was taken back.
    pub(super) fn give_back(&self, entry: Entry, behind: bool) {
        self.shared.give_back(entry, behind).into_iter().for_each(|entry| entry.end(End::Cancelled));
    }

    /// The port does not take the speed of the job in hand: that job is not tried for ever.
    fn put_back_not_tuned(&mut self) {
        if let Some(entry) = &mut self.asking {
            entry.broken = entry.broken.saturating_add(1);
            if entry.broken > MOST_BREAKS {
                self.asking.take().into_iter().for_each(|entry| entry.end_or_last(End::LineDown));
            }
        }
        self.put_back();
    }

    // --- chatter ---

    /// The line talks when it should be quiet: an alarm. (F11)
    pub(super) fn set_chattering(&self) {
        if self.shared.set_phase(LinePhase::Chattering) {
            metrics::counter!(telemetry::CHATTER).increment(1);
            self.shared.with_tally(|tally| tally.chatters += 1);
            let name = &self.settings.name;
            tracing::error!(channel.name = %name, "line {name} does not stop talking");
        }
    }

    /// Listens until the line is quiet. Orders go out all the same: one may get through. The rest waits for a while and
    /// then ends.
    async fn endure(&mut self, stop: &CancellationToken) {
        if let Some(order) = self.shared.next_order() {
            self.asking = Some(order);
            return self.ask().await;
        }
        let since = self.shared.phase.borrow().1;
        let left = (since + self.settings.chatter_patience).saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.shared.end_all(&End::LineChatter, false);
        }
        let Some(open) = &mut self.path.open else { return };
        let limit = if left.is_zero() { QUIET * 2 } else { left.max(QUIET) };
        let quiet = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            quiet = self.ear.wait_for_quiet(&mut open.link, &mut *self.tap, QUIET, limit) => quiet,
            () = self.shared.work.notified() => Ok(false),
        };
        self.note_heard();
        match quiet {
            Ok(true) => {
                self.shared.set_phase(LinePhase::Up);
            }
            Ok(false) => {}
            Err(error) => self.lose(&error),
        }
    }

    // --- what was heard in between ---

    pub(super) fn note_heard(&mut self) {
        let Some(heard) = self.ear.take() else { return };
        let now = Instant::now();
        if !heard.is_all_frames() {
            // Any meter that speaks Modbus may have said it.
            self.units.doubt_all(now);
        }
        self.shared.with_meters(|meters| {
            heard.answers.iter().for_each(|address| meters.late(*address, None, now));
        });
        self.shared.with_tally(|tally| tally.hear_between(&heard));
    }

    // --- after the task broke off ---

    /// Puts everything in order that may have been left in between.
    pub(super) fn recover(&mut self) {
        self.drop_path();
        if let Some(mut entry) = self.asking.take() {
            entry.broken = entry.broken.saturating_add(1);
            if entry.changes_meter() || entry.broken > 1 {
                let may_have_left = entry.changes_meter() && entry.began_at.is_some();
                entry.end(End::Broken { may_have_left });
            } else {
                self.give_back(entry, true);
            }
        }
        self.shared.asked();
    }

    /// The line is closed for good.
    pub(super) fn close(&mut self) {
        self.drop_path();
        self.shared.set_phase(LinePhase::Stopped);
        self.shared.end_all(&End::Stopped, true);
    }
}

/// Why a question cannot be put now.
enum NotReady {
    /// The line does not stop talking.
    Chatter,
    /// The turn to send did not come: the job is over, or makes room.
    NoTurn,
    /// The path has failed.
    Lost(LinkError),
    /// The port cannot be set as the meter needs it.
    NotTuned(LinkError),
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// How often a line that may be another's is asked about again.
const ASKS_WHOSE: Duration = Duration::from_millis(250);
/// So long a line may go on talking when nobody was asked. (F11)
const CHATTER: Duration = Duration::from_secs(2);
/// So long a pause ends a chatter.
const QUIET: Duration = Duration::from_millis(500);
/// A job makes room so often; then it is asked to its end.
pub(super) const MOST_YIELDS: u8 = 3;
/// After so many failures of the path under it a job ends.
pub(super) const MOST_BREAKS: u8 = 2;
