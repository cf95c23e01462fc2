//! Setting the clock of one meter, on a person's word (对时, F14): read, written at once, read again, and every frame in the
//! audit log before it leaves and with what came of it (I23). Only by a clock of ours that is borne out (F33).

use std::time::Duration;

use dlt645::meter_time::Civil;

use super::field::{AT_ONCE, CannotSetClock, ClockPart, Field, MeterClock, NotReachable, Unread};
use super::service::Supply;
use crate::channel::Lane;
use crate::domain::access::Acting;
use crate::domain::meter_clock::{Correction, correction};
use crate::domain::rotation::WriteAnswer;
use crate::domain::supply::HaltKind;
use crate::domain::{AuditEntry, ClockOffset, Day, Moment};
use crate::store::archive::SiteMeter;
use crate::store::{Batch, StoreError};

/// What came of setting the clock of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterClockSet {
    /// It is right: how it was before, where it showed a time, and how it is.
    Done(Option<ClockOffset>, ClockOffset),
    /// It was near enough; nothing was sent.
    NotNeeded(ClockOffset),
    /// Too near to midnight: nothing was sent, and nothing may be before then.
    NotBefore(Moment),
    /// It cannot be set from here; nothing was sent.
    Cannot(CannotSetClock),
    /// There is no way to the meter.
    NotReachable(NotReachable),
    /// Its clock could not be read; nothing was sent.
    NotRead(Unread),
    /// The line gave no turn in time; nothing was sent.
    NotSent,
    /// The meter refused the password.
    PasswordRefused,
    /// The meter refused for another reason.
    Refused,
    /// Something was sent, all of it or the date only, and its clock is not right or cannot be read: look again.
    Unknown,
}

impl MeterClockSet {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Done(..) => "done",
            Self::NotNeeded(_) => "not_needed",
            Self::NotBefore(_) => "near_midnight",
            Self::Cannot(why) => why.kind(),
            Self::NotReachable(why) => why.kind(),
            Self::NotRead(_) => "not_read",
            Self::NotSent => "not_sent",
            Self::PasswordRefused => "password_refused",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl Supply {
    /// Sets the clock of a meter to the present, if that is called for now; entered in the audit log either way. It goes on to
    /// its end when this is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not take what is to be kept; then no further frame leaves.
    pub async fn set_meter_clock(
        &self,
        acting: &Acting,
        site: SiteMeter,
    ) -> Result<MeterClockSet, StoreError> {
        let (supply, acting) = (self.clone(), acting.clone());
        let set = self.0.tasks.spawn(async move { supply.set_and_enter(&acting, site).await });
        // A task that broke off may have sent something.
        set.await.unwrap_or(Ok(MeterClockSet::Unknown))
    }

    async fn set_and_enter(&self, acting: &Acting, site: SiteMeter) -> Result<MeterClockSet, StoreError> {
        let address = site.meter.address;
        let set = self.try_to_set(acting, site).await?;
        let entry = AuditEntry::by(acting, self.0.clock.now(), SET, format!("meter {address}"));
        let entry = match &set {
            MeterClockSet::Done(before, after) => entry.saying(
                serde_json::json!({
                    "fast_us_before": before.map(|offset| offset.fast_us),
                    "fast_us_behind": after.fast_us,
                })
                .to_string(),
            ),
            other => entry.ending(other.kind()),
        };
        self.0.store.audit(&entry).await?;
        Ok(set)
    }

    async fn try_to_set(&self, acting: &Acting, site: SiteMeter) -> Result<MeterClockSet, StoreError> {
        let (store, clock) = (&self.0.store, &self.0.clock);
        let field = match self.0.fields.of(site) {
            Ok(field) => field,
            Err(why) => return Ok(MeterClockSet::NotReachable(why)),
        };
        if let Err(why) = field.can_set_clock() {
            return Ok(MeterClockSet::Cannot(why));
        }
        if store.halts().await?.iter().any(|halt| halt.kind == HaltKind::Clock) {
            return Ok(MeterClockSet::Cannot(CannotSetClock::OwnClockDoubted));
        }
        // As long as it is only read, nobody who orders something from this meter waits.
        let before = match called_for(field.clock(Lane::OnDemand).await, clock.now()) {
            Ok(before) => before,
            Err(set) => return Ok(set),
        };
        if !self.is_borne_out(&field, shown(before)).await? {
            // A person who has compared our clock may say that it is the meter that was off.
            let mut batch = Batch::default();
            batch.notes.doubted_clocks.extend(shown(before).map(|offset| (field.site().meter_id, offset)));
            store.save(&batch, clock.now()).await?;
            return Ok(MeterClockSet::Cannot(CannotSetClock::OwnClockDoubted));
        }
        let Ok(_turn) = tokio::time::timeout(PATIENCE, field.turn()).await else {
            return Ok(MeterClockSet::NotSent);
        };
        // Somebody else may have set it meanwhile. A line that is kept for a cut of this meter lets nothing else pass.
        let before = match called_for(field.clock(Lane::Control).await, clock.now()) {
            Ok(before) => before,
            Err(set) => return Ok(set),
        };
        match self.write(acting, &field, before).await? {
            Written::Nothing(set) => Ok(set),
            Written::Perhaps => self.proven(&field, before).await,
        }
    }

    /// Reads what became of a clock that may have been written, and keeps how it was and is.
    async fn proven(&self, field: &Field, before: ClockOffset) -> Result<MeterClockSet, StoreError> {
        // What it says it did is one thing, what its clock shows the other.
        let after = match field.clock(Lane::Control).await {
            Ok(MeterClock::Off(after)) => Some(after),
            Ok(MeterClock::Absurd { .. }) | Err(_) => None,
        };
        let (before, meter) = (shown(before), field.site().meter_id);
        let mut batch = Batch::default();
        batch.notes.clocks = before.into_iter().chain(after).map(|offset| (meter, offset)).collect();
        self.0.store.save(&batch, self.0.clock.now()).await?;
        Ok(match after {
            Some(after) if after.is_within(RIGHT + after.uncertainty) => MeterClockSet::Done(before, after),
            _ => MeterClockSet::Unknown,
        })
    }

    /// Writes the date where it is wrong, and the time; the first frame that is not taken is the last.
    async fn write(
        &self,
        acting: &Acting,
        field: &Field,
        before: ClockOffset,
    ) -> Result<Written, StoreError> {
        let mut is_written = false;
        for part in parts(before, self.0.clock.now()) {
            let why = match self.write_part(acting, field, (*part, before)).await? {
                Ok(WriteAnswer::Taken) => {
                    is_written = true;
                    continue;
                }
                Ok(WriteAnswer::Silent) => return Ok(Written::Perhaps),
                Ok(WriteAnswer::NotSent) => MeterClockSet::NotSent,
                Ok(WriteAnswer::NotAuthorised) => MeterClockSet::PasswordRefused,
                Ok(WriteAnswer::Refused) => MeterClockSet::Refused,
                Err(why) => why,
            };
            // Where the date was written the clock is another, whatever became of the time.
            return Ok(if is_written { Written::Perhaps } else { Written::Nothing(why) });
        }
        Ok(Written::Perhaps)
    }

    /// Writes one of them, once; that its turn does not come is tried again at once.
    async fn write_part(
        &self,
        acting: &Acting,
        field: &Field,
        (part, before): (ClockPart, ClockOffset),
    ) -> Result<Result<WriteAnswer, MeterClockSet>, StoreError> {
        let clock = &self.0.clock;
        for _ in 0..TURNS {
            let password = match field.password_for_parameters().await {
                Ok(password) => password,
                Err(why) => return Ok(Err(MeterClockSet::Cannot(why))),
            };
            let told = Frame { acting, field, part };
            self.enter(&told, "intended", field.when_heard()).await?;
            // The entry may have taken a while: midnight may be near by now, and what is written is by the clock as it is now.
            let now = clock.now();
            let leaves = [now, now.plus(AT_ONCE)].map(|at| correction(before, at, ALLOWED));
            let near = leaves.into_iter().find_map(|correction| match correction {
                Correction::NotBefore(at) => Some(at),
                _ => None,
            });
            if let Some(at) = near {
                self.enter(&told, answered(WriteAnswer::NotSent), None).await?;
                return Ok(Err(MeterClockSet::NotBefore(at)));
            }
            let civil = field.when_heard();
            let answer = match civil {
                Some(civil) => field.write_time(part, civil, password).await,
                None => WriteAnswer::NotSent,
            };
            // Before anything that may fail: the same password is not to leave once more today (I18).
            if answer == WriteAnswer::NotAuthorised {
                field.refused_parameters().await;
            }
            self.enter(&told, answered(answer), civil).await?;
            if answer != WriteAnswer::NotSent {
                return Ok(Ok(answer));
            }
        }
        Ok(Ok(WriteAnswer::NotSent))
    }

    async fn enter(&self, frame: &Frame<'_>, result: &str, civil: Option<Civil>) -> Result<(), StoreError> {
        let Frame { acting, field, part } = frame;
        let address = field.site().meter.address;
        let entry = AuditEntry::by(acting, self.0.clock.now(), FRAME, format!("meter {address}"));
        let detail = serde_json::json!({
            "function": "14",
            "id": part.id().to_string(),
            "level": 4,
            "to": civil.map(|civil| civil.to_string()),
        });
        self.0.store.audit(&entry.saying(detail.to_string()).ending(result)).await.map(drop)
    }
}

/// What the frames of a clock came to.
enum Written {
    /// The clock may be another: what it shows tells.
    Perhaps,
    /// It goes on as it did.
    Nothing(MeterClockSet),
}

/// How far a clock is off that is to be set now; or why it is not.
fn called_for(read: Result<MeterClock, Unread>, now: Moment) -> Result<ClockOffset, MeterClockSet> {
    let before = match read.map_err(MeterClockSet::NotRead)? {
        MeterClock::Off(offset) => offset,
        // A clock that shows no time is wrong enough.
        MeterClock::Absurd { at } => ClockOffset { at, fast_us: NO_TIME_US, uncertainty: Duration::ZERO },
    };
    match correction(before, now, ALLOWED) {
        Correction::NotNeeded => Err(MeterClockSet::NotNeeded(before)),
        Correction::NotBefore(at) => Err(MeterClockSet::NotBefore(at)),
        Correction::ByBroadcast | Correction::ByWrite => Ok(before),
    }
}

/// How far it was off, where it showed a time.
fn shown(before: ClockOffset) -> Option<ClockOffset> {
    Some(before).filter(|offset| offset.fast_us != NO_TIME_US)
}

/// A frame that is entered in the audit log.
struct Frame<'a> {
    acting: &'a Acting,
    field: &'a Field,
    part: ClockPart,
}

/// What is written: the time only, where the day is right before and will be behind.
fn parts(before: ClockOffset, now: Moment) -> &'static [ClockPart] {
    let shown = Moment::from_micros(now.micros().saturating_add(before.fast_us));
    if Day::of(shown) == Day::of(now) {
        &[ClockPart::TimeOfDay]
    } else {
        &[ClockPart::Date, ClockPart::TimeOfDay]
    }
}

pub(super) const fn answered(answer: WriteAnswer) -> &'static str {
    match answer {
        WriteAnswer::Taken => "accepted",
        WriteAnswer::NotAuthorised => "password refused",
        WriteAnswer::Refused => "refused",
        WriteAnswer::Silent => "unknown",
        WriteAnswer::NotSent => "not sent",
    }
}

/// The action of setting a clock, and of each of its frames.
const SET: &str = "meter.set_clock";
const FRAME: &str = "meter.frame";
/// A clock that is off by less is right.
const ALLOWED: Duration = Duration::from_secs(5);
/// A clock that was set is right within so much.
const RIGHT: Duration = Duration::from_secs(2);
/// How often a frame is given to the line whose turn did not come at once.
const TURNS: u32 = 5;
/// How long somebody waits for the turn of a meter.
const PATIENCE: Duration = Duration::from_secs(60);
/// Stands for a clock that shows no time: ten years.
const NO_TIME_US: i64 = 10 * 366 * 86_400_000_000;
