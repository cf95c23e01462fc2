//! Setting the clock of one meter, on a person's word (对时, F14): read, written at once, read again, and every frame in the
//! audit log before it leaves and with what came of it (I23).

use std::time::Duration;

use dlt645::meter_time::Civil;

use super::field::{CannotSetClock, ClockPart, Field, MeterClock, NotReachable, Unread};
use super::service::Supply;
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
    /// The line gave no turn in time; nothing was sent, or the date only.
    NotSent,
    /// The meter refused the password.
    PasswordRefused,
    /// The meter refused for another reason.
    Refused,
    /// Something was sent, and its clock is not right or cannot be read: look again.
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
        let meter = site.meter_id;
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
        let Ok(_turn) = tokio::time::timeout(PATIENCE, field.turn()).await else {
            return Ok(MeterClockSet::NotSent);
        };
        let before = match field.clock().await {
            Ok(MeterClock::Off(offset)) => offset,
            // A clock that shows no time is wrong enough.
            Ok(MeterClock::Absurd { at }) => {
                ClockOffset { at, fast_us: NO_TIME_US, uncertainty: Duration::ZERO }
            }
            Err(unread) => return Ok(MeterClockSet::NotRead(unread)),
        };
        match correction(before, clock.now(), ALLOWED) {
            Correction::NotNeeded => return Ok(MeterClockSet::NotNeeded(before)),
            Correction::NotBefore(at) => return Ok(MeterClockSet::NotBefore(at)),
            Correction::ByBroadcast | Correction::ByWrite => {}
        }
        let answer = match self.write(acting, &field, before).await? {
            Ok(answer) => answer,
            Err(why) => return Ok(MeterClockSet::Cannot(why)),
        };
        let before = Some(before).filter(|offset| offset.fast_us != NO_TIME_US);
        let after = match answer {
            WriteAnswer::NotSent => return Ok(MeterClockSet::NotSent),
            WriteAnswer::NotAuthorised => return Ok(MeterClockSet::PasswordRefused),
            WriteAnswer::Refused => return Ok(MeterClockSet::Refused),
            WriteAnswer::Taken | WriteAnswer::Silent => field.clock().await,
        };
        // What it says it did is one thing, what its clock shows the other.
        let Ok(MeterClock::Off(after)) = after else { return Ok(MeterClockSet::Unknown) };
        let mut batch = Batch::default();
        batch.notes.clocks = before.into_iter().chain([after]).map(|offset| (meter, offset)).collect();
        store.save(&batch, clock.now()).await?;
        let is_right = after.is_within(RIGHT + after.uncertainty);
        Ok(if is_right { MeterClockSet::Done(before, after) } else { MeterClockSet::Unknown })
    }

    /// Writes the date where it is wrong, and the time. What the last frame came to; the first that is not taken is the last.
    async fn write(
        &self,
        acting: &Acting,
        field: &Field,
        before: ClockOffset,
    ) -> Result<Result<WriteAnswer, CannotSetClock>, StoreError> {
        let clock = &self.0.clock;
        let mut answer = WriteAnswer::NotSent;
        for part in parts(before, clock.now()) {
            for _ in 0..TURNS {
                let password = match field.password_for_parameters().await {
                    Ok(password) => password,
                    Err(why) => return Ok(Err(why)),
                };
                let told = Frame { acting, field, part: *part };
                self.enter(&told, "intended", field.when_heard()).await?;
                // What is written is by the clock as it is now: the entry may have taken a while.
                let civil = field.when_heard();
                answer = match civil {
                    Some(civil) => field.write_time(*part, civil, password).await,
                    None => WriteAnswer::NotSent,
                };
                self.enter(&told, answered(answer), civil).await?;
                if answer != WriteAnswer::NotSent {
                    break;
                }
            }
            if answer == WriteAnswer::NotAuthorised {
                field.refused_parameters().await;
            }
            if answer != WriteAnswer::Taken {
                break;
            }
        }
        Ok(Ok(answer))
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
