//! The one frame of an order: built by the meter's clock, sent once, and what came of it.

use std::fmt;
use std::time::Duration;

use dlt645::exchange::{Outcome, Reply};
use dlt645::meter_time::Civil;
use dlt645::password::{Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::Request;
use dlt645::response::{ExecutionWord, Refusal};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::before::MeterClock;
use super::capability::{self, CannotOrder, Means};
use super::turn::Held;
use super::{Field, secured};
use crate::channel::{End, Job, JobReport, Lane, Question};
use crate::clock::Awake;
use crate::domain::relay::Told;
use crate::domain::{AuditEntry, Day, Moment};
use crate::store::SecretError;
use crate::supply::security::{ModuleError, Session};

/// An order to one meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOrder {
    /// What to do.
    pub command: Command,
    /// In which lane: what may take supply away passes on [`Lane::Control`] only.
    pub lane: Lane,
    /// The meter's clock, as it was just read.
    pub clock: MeterClock,
    /// How long the meter may obey it, by its own clock.
    pub ahead: Duration,
    /// From then on it is not sent any more.
    pub expires: Instant,
    /// Who orders; the meter logs it.
    pub operator: OperatorCode,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The meter accepted it, which does not mean that it has done it.
    Accepted {
        /// What it set about, where it says so.
        word: Option<ExecutionWord>,
        /// The frame.
        carried: Carried,
    },
    /// The meter refused it.
    Refused {
        /// Why.
        refusal: Refusal,
        /// It did not take password or key, or does not allow this now: nothing is tried again today. (F10)
        is_not_authorised: bool,
        /// The frame.
        carried: Carried,
    },
    /// Nothing of it left.
    NotSent(NotSent),
    /// Something of it left, and nothing acceptable came back: the meter may have obeyed or not. (R6)
    Unknown {
        /// What is not clear.
        why: Unclear,
        /// The frame.
        carried: Carried,
    },
}

/// The frame of an order that left, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Until when the meter may obey it, by its own clock.
    pub deadline: Civil,
    /// The same by ours, and when it was over.
    pub told: Told,
}

/// Why nothing of an order left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotSent {
    /// The meter cannot be ordered.
    #[error(transparent)]
    Cannot(#[from] CannotOrder),
    /// Its clock is too far off for a cut (F34).
    #[error("the meter's clock is off by {seconds} s, too far for a cut")]
    ClockOff {
        /// How far, negative when it is slow.
        seconds: i64,
    },
    /// Its clock shows no time, and a cut needs one (F34).
    #[error("the meter's clock shows no time")]
    NoClock,
    /// Its clock was read too long ago for a cut.
    #[error("the meter's clock was read too long ago")]
    ClockStale,
    /// No deadline can be written that far ahead.
    #[error("there is no such deadline")]
    NoDeadline,
    /// The security module gave nothing.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The meter's chip did not take our proof: it is not tried again today (T4).
    #[error("the meter's chip did not take the proof of the security module")]
    NotProven,
    /// The meter's chip did not answer.
    #[error("the meter's chip did not answer")]
    NoSession,
    /// The order may not leave from its lane.
    #[error("such an order may not leave from its lane")]
    NotAllowed,
    /// Its turn did not come before it expired.
    #[error("its turn did not come in time")]
    OutOfTime,
    /// It was taken back.
    #[error("it was taken back")]
    TakenBack,
    /// The line is down, or does not stop talking.
    #[error("the line is down")]
    LineDown,
    /// The line was closed.
    #[error("the line was closed")]
    Stopped,
}

impl NotSent {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Cannot(why) => why.kind(),
            Self::ClockOff { .. } => "clock_off",
            Self::NoClock => "no_clock",
            Self::ClockStale => "clock_stale",
            Self::NoDeadline => "no_deadline",
            Self::Module(error) => error.kind(),
            Self::NotProven => "not_proven",
            Self::NoSession => "no_session",
            Self::NotAllowed => "not_allowed",
            Self::OutOfTime => "out_of_time",
            Self::TakenBack => "taken_back",
            Self::LineDown => "line_down",
            Self::Stopped => "stopped",
        }
    }
}

impl From<crate::channel::Refusal> for NotSent {
    fn from(refusal: crate::channel::Refusal) -> Self {
        match refusal {
            crate::channel::Refusal::Busy => Self::OutOfTime,
            crate::channel::Refusal::Stopped => Self::Stopped,
            crate::channel::Refusal::NotAllowed => Self::NotAllowed,
        }
    }
}

/// What is not clear about an order that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unclear {
    /// Nothing acceptable was answered.
    NoAnswer,
    /// The line broke under it.
    LineBroke,
    /// The task of the line broke off.
    TaskBroke,
}

impl Unclear {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::LineBroke => "line_broke",
            Self::TaskBroke => "task_broke",
        }
    }
}

impl Sent {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::NotSent(_) => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The frame, when one left or may have.
    #[must_use]
    pub const fn carried(&self) -> Option<&Carried> {
        match self {
            Self::Accepted { carried, .. }
            | Self::Refused { carried, .. }
            | Self::Unknown { carried, .. } => Some(carried),
            Self::NotSent(_) => None,
        }
    }
}

/// An order that is ready to be sent.
#[derive(Clone)]
pub(super) struct Timely {
    pub(super) deadline: Deadline,
    /// When the meter stops to obey, by our clock.
    until: Moment,
    /// When it is not sent any more.
    pub(super) expires: Instant,
    /// Time in which the machine is suspended from then on counts towards that.
    pub(super) awake: Awake,
}

/// What an order leaves by: the turn of its meter and, where a chip takes orders, a session with it.
pub struct Ready {
    means: Means,
    session: Option<Session>,
    /// Cancelled when it is taken back.
    back: CancellationToken,
    _turn: Held,
}

impl Ready {
    /// True when it was taken back while it waited.
    pub(in crate::supply) fn is_taken_back(&self) -> bool {
        self.back.is_cancelled()
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready({:?})", self.means)
    }
}

pub(super) async fn send(field: &Field, order: &FieldOrder, back: &CancellationToken) -> Sent {
    match ready(field, order, back).await {
        Ok(ready) => leave(field, order, ready).await,
        Err(why) => Sent::NotSent(why),
    }
}

pub(super) async fn ready(
    field: &Field,
    order: &FieldOrder,
    back: &CancellationToken,
) -> Result<Ready, NotSent> {
    let (turns, meter) = (&field.inner.turns, field.site.meter_id);
    // Once what gives supply back wants the turn, what has not left does not leave.
    let back = back.child_token();
    let awake = field.inner.parts.clock.awake();
    let turn = if order.lane == Lane::Restore {
        let must = capability::statically(field) == Ok(Means::SecurityModule);
        turns.take_to_restore(meter, expires(field, order), must).await
    } else {
        let turn = timeout_at(expires(field, order), turns.take(meter, Some(&back)));
        back.run_until_cancelled(turn).await.ok_or(NotSent::TakenBack)?.ok()
    };
    let turn = turn.ok_or(NotSent::OutOfTime)?;
    in_time(order, &awake)?;
    if back.is_cancelled() {
        return Err(NotSent::TakenBack);
    }
    // Of an enciphered order the gate of the lane cannot tell.
    if order.command.is_cut_class() && order.lane != Lane::Control {
        return Err(NotSent::NotAllowed);
    }
    let capability = capability::of(field).await;
    let means = if order.command.is_cut_class() { capability.cut? } else { capability.means? };
    let session = match means {
        Means::Password => None,
        Means::SecurityModule => Some(secured::open(field, (order, &back)).await?),
    };
    Ok(Ready { means, session, back, _turn: turn })
}

pub(super) async fn leave(field: &Field, order: &FieldOrder, ready: Ready) -> Sent {
    sent(field, order, &ready).await.unwrap_or_else(Sent::NotSent)
}

pub(super) async fn let_go(field: &Field, order: &FieldOrder, ready: Ready) {
    if ready.session.is_some() {
        secured::end(field, (order, &ready.back)).await;
    }
}

async fn sent(field: &Field, order: &FieldOrder, ready: &Ready) -> Result<Sent, NotSent> {
    let Ready { means, session, back, .. } = ready;
    let awake = field.inner.parts.clock.awake();
    match session {
        None => {
            let password = password(field).await?;
            in_time(order, &awake)?;
            let timely = timely(field, order)?;
            let plain = Order {
                meter: field.site.meter.address,
                command: order.command,
                deadline: timely.deadline,
                password,
                operator: order.operator,
            };
            give(field, (order, back), Request::relay(plain), timely, *means).await
        }
        Some(session) => secured::send(field, (order, back), session).await,
    }
}

/// While the machine was suspended the time of an order went on.
fn in_time(order: &FieldOrder, awake: &Awake) -> Result<(), NotSent> {
    if Instant::now() + awake.slept() >= order.expires { Err(NotSent::OutOfTime) } else { Ok(()) }
}

async fn password(field: &Field) -> Result<Password, NotSent> {
    let parts = &field.inner.parts;
    let vault = parts.vault.as_ref().ok_or(CannotOrder::NoKeyFile)?;
    let secret = parts.store.secret(vault, &field.site, &field.profile, Level::CONTROL).await;
    match secret {
        Ok(Some((password, _))) => Ok(password),
        Ok(None) => Err(CannotOrder::NoPassword.into()),
        Err(SecretError::Store(_)) => Err(CannotOrder::NotKnown.into()),
        Err(error) => {
            let meter = field.site.meter.address;
            tracing::error!(meter.address = %meter, kind = error.kind(), "the password of {meter}: {error}");
            Err(CannotOrder::NoKeyFile.into())
        }
    }
}

/// Sets the deadline by the meter's clock. A cut needs a clock that was just read and is right; what gives supply back
/// goes by whatever clock there is (F34).
pub(super) fn timely(field: &Field, order: &FieldOrder) -> Result<Timely, NotSent> {
    let clock = &field.inner.parts.clock;
    let (awake, now) = (clock.awake(), clock.now());
    let (fast_us, uncertainty) = match order.clock {
        MeterClock::Off(offset) => (offset.fast_us, offset.uncertainty),
        MeterClock::Absurd { .. } => (0, Duration::ZERO),
    };
    if order.command.is_cut_class() {
        let offset = order.clock.offset().ok_or(NotSent::NoClock)?;
        if !offset.is_within(MOST_OFF) {
            return Err(NotSent::ClockOff { seconds: fast_us / 1_000_000 });
        }
        if now.since(offset.at) > CLOCK_GOOD_FOR || offset.at > now {
            return Err(NotSent::ClockStale);
        }
    }
    let shown =
        Moment::from_micros(now.micros().saturating_add(fast_us)).civil().ok_or(NotSent::NoDeadline)?;
    let deadline = Deadline::after(shown, order.ahead).map_err(|_| NotSent::NoDeadline)?;
    // The meter obeys through the last second, and its clock was measured with some error.
    let until = now.plus(order.ahead + uncertainty + LAST_SECOND);
    let expires = expires(field, order).min(Instant::now() + order.ahead);
    Ok(Timely { deadline, until, expires, awake })
}

/// When an order is not sent any more: whatever changes a meter leaves while the site is surely ours (F36).
fn expires(field: &Field, order: &FieldOrder) -> Instant {
    let ours_until = field.inner.parts.store.may_act_until();
    ours_until.map_or(order.expires, |until| until.min(order.expires))
}

/// Gives the line the frame and waits for what comes of it.
pub(super) async fn give(
    field: &Field,
    (order, back): (&FieldOrder, &CancellationToken),
    request: Request,
    timely: Timely,
    means: Means,
) -> Result<Sent, NotSent> {
    let mut job = Job::new(Question::new(request), order.lane, field.timing)
        .expiring(timely.expires)
        .while_awake(timely.awake);
    job.rate = field.rate;
    let report = match field.line.ask_unless(job, back).await {
        Err(_) if back.is_cancelled() => return Err(NotSent::TakenBack),
        report => report?,
    };
    let told = Told { at: field.inner.parts.clock.now(), until: timely.until, is_accepted: false };
    let sent = outcome(report, Carried { deadline: timely.deadline.moment(), told })?;
    if let Sent::Refused { is_not_authorised: true, .. } = &sent {
        remember(field, means).await;
    }
    Ok(sent)
}

fn outcome(report: JobReport, carried: Carried) -> Result<Sent, NotSent> {
    let accepted = || Carried { told: Told { is_accepted: true, ..carried.told }, ..carried };
    let unknown = |why| Ok(Sent::Unknown { why, carried });
    let has_left = report.tries > 0;
    match report.end {
        End::Done(Outcome::Answered(answer)) => match answer.reply {
            Reply::Accepted { word } => Ok(Sent::Accepted { word, carried: accepted() }),
            Reply::Data { .. } | Reply::Address(_) => unknown(Unclear::NoAnswer),
        },
        End::Done(Outcome::Refused { refusal, .. }) => {
            let is_not_authorised = refusal.is_not_authorised();
            Ok(Sent::Refused { refusal, is_not_authorised, carried })
        }
        End::Done(Outcome::NotSent(_)) => Err(NotSent::LineDown),
        End::Done(_) | End::Registers(_) => unknown(Unclear::NoAnswer),
        End::NotAllowed(_) => Err(NotSent::NotAllowed),
        End::Broken { may_have_left: false } => Err(NotSent::Stopped),
        End::Broken { may_have_left: true } => unknown(Unclear::TaskBroke),
        _ if has_left => unknown(Unclear::LineBroke),
        End::LineDown | End::LineChatter => Err(NotSent::LineDown),
        End::Cancelled => Err(NotSent::TakenBack),
        End::Stopped => Err(NotSent::Stopped),
        End::OutOfTime | End::Expired | End::MeterSilent | End::Doubtful => Err(NotSent::OutOfTime),
    }
}

/// Remembers that the meter did not take what the order was signed with; here, if the store cannot.
pub(super) async fn remember(field: &Field, means: Means) {
    let (inner, meter) = (&field.inner, field.site.meter.address);
    let now = inner.parts.clock.now();
    let kind = capability::kind_of(means);
    if means == Means::Password {
        // While it may have one of two, the next order tries the other.
        let entry = AuditEntry::of_system(now, "secret.turn", format!("meter {meter}"));
        match inner.parts.store.turn_candidate(field.site.meter_id, Level::CONTROL, &entry).await {
            Ok(true) => {
                tracing::warn!(meter.address = %meter, "meter {meter} refused the likelier of two passwords; the next order to it tries the other");
                return;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(meter.address = %meter, kind = error.kind(), "the passwords of {meter}: {error}");
            }
        }
    }
    inner.refuse(field.site.meter_id, kind, Day::of(now));
    tracing::error!(
        meter.address = %meter,
        "meter {meter} refused its password or key; nothing is tried again today"
    );
    let entry = AuditEntry::of_system(now, "secret.refused", format!("meter {meter}"));
    if let Err(error) = inner.parts.store.note_refused_secret(field.site.meter_id, kind, &entry).await {
        tracing::error!(meter.address = %meter, kind = error.kind(), "a refusal of {meter} is not kept: {error}");
    }
}

/// How far the clock of a meter may be off that is cut (F34).
const MOST_OFF: Duration = Duration::from_secs(300);
/// So long ago it may have been read.
const CLOCK_GOOD_FOR: Duration = Duration::from_secs(600);
/// A meter shows whole seconds.
const LAST_SECOND: Duration = Duration::from_secs(1);
