//! Telling one meter to freeze its registers now, on a person's word (冻结命令): what it has before is read, the order is in the
//! audit log before it leaves and with what came of it (I23), and the freeze that the meter has behind it proves it.

use std::time::Duration;

use super::clocks::answered;
use super::field::{CannotFreeze, Field, NotReachable, Unread};
use super::service::Supply;
use crate::domain::AuditEntry;
use crate::domain::access::Acting;
use crate::domain::rotation::WriteAnswer;
use crate::store::StoreError;
use crate::store::archive::SiteMeter;

/// What came of telling a meter to freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterFreeze {
    /// It has frozen: when, by its own clock.
    Done(String),
    /// It cannot be told from here; nothing was sent.
    Cannot(CannotFreeze),
    /// There is no way to the meter.
    NotReachable(NotReachable),
    /// It does not answer; nothing was sent.
    NotRead(Unread),
    /// The line gave no turn in time; nothing was sent.
    NotSent,
    /// The meter refused.
    Refused,
    /// It was sent, and no new freeze is there, or none can be read: look again.
    Unknown,
}

impl MeterFreeze {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Cannot(why) => why.kind(),
            Self::NotReachable(why) => why.kind(),
            Self::NotRead(_) => "not_read",
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl Supply {
    /// Tells a meter to freeze now; entered in the audit log either way. It goes on to its end when this is dropped.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not take what is to be kept; then nothing leaves.
    pub async fn order_freeze(&self, acting: &Acting, site: SiteMeter) -> Result<MeterFreeze, StoreError> {
        let (supply, acting) = (self.clone(), acting.clone());
        let ordered = self.0.tasks.spawn(async move { supply.freeze_and_enter(&acting, site).await });
        // A task that broke off may have sent something.
        ordered.await.unwrap_or(Ok(MeterFreeze::Unknown))
    }

    async fn freeze_and_enter(&self, acting: &Acting, site: SiteMeter) -> Result<MeterFreeze, StoreError> {
        let address = site.meter.address;
        let came = self.try_to_freeze(acting, site).await?;
        let entry = AuditEntry::by(acting, self.0.clock.now(), FREEZE, format!("meter {address}"));
        let entry = match &came {
            MeterFreeze::Done(at) => entry.saying(serde_json::json!({ "frozen_at": at }).to_string()),
            other => entry.ending(other.kind()),
        };
        self.0.store.audit(&entry).await?;
        Ok(came)
    }

    async fn try_to_freeze(&self, acting: &Acting, site: SiteMeter) -> Result<MeterFreeze, StoreError> {
        let field = match self.0.fields.of(site) {
            Ok(field) => field,
            Err(why) => return Ok(MeterFreeze::NotReachable(why)),
        };
        if let Err(why) = field.can_freeze() {
            return Ok(MeterFreeze::Cannot(why));
        }
        let Ok(_turn) = tokio::time::timeout(PATIENCE, field.turn()).await else {
            return Ok(MeterFreeze::NotSent);
        };
        let before = match field.newest_freeze().await {
            Ok(before) => before,
            Err(unread) => return Ok(MeterFreeze::NotRead(unread)),
        };
        let mut answer = WriteAnswer::NotSent;
        for _ in 0..TURNS {
            self.enter_order(acting, &field, "intended").await?;
            answer = field.order_freeze().await;
            self.enter_order(acting, &field, answered(answer)).await?;
            if answer != WriteAnswer::NotSent {
                break;
            }
        }
        match answer {
            WriteAnswer::NotSent => return Ok(MeterFreeze::NotSent),
            WriteAnswer::Refused | WriteAnswer::NotAuthorised => return Ok(MeterFreeze::Refused),
            WriteAnswer::Taken | WriteAnswer::Silent => {}
        }
        // What it says it did is one thing, what it has the other.
        let Ok(Some(after)) = field.newest_freeze().await else { return Ok(MeterFreeze::Unknown) };
        let is_new = before != Some(after);
        // Of two in one minute the second has the time of the first.
        let is_done = is_new || (answer == WriteAnswer::Taken && field.was_just_taken(after).await);
        Ok(if is_done { MeterFreeze::Done(after.to_string()) } else { MeterFreeze::Unknown })
    }

    async fn enter_order(&self, acting: &Acting, field: &Field, result: &str) -> Result<(), StoreError> {
        let address = field.site().meter.address;
        let entry = AuditEntry::by(acting, self.0.clock.now(), FRAME, format!("meter {address}"));
        let detail = serde_json::json!({ "function": "16", "to": "now" });
        self.0.store.audit(&entry.saying(detail.to_string()).ending(result)).await.map(drop)
    }
}

/// The action of telling a meter to freeze, and of the frame.
const FREEZE: &str = "meter.freeze";
const FRAME: &str = "meter.frame";
/// How often a frame is given to the line whose turn did not come at once.
const TURNS: u32 = 5;
/// How long somebody waits for the turn of a meter.
const PATIENCE: Duration = Duration::from_secs(60);
