//! What somebody asks for, checked before it becomes a job.

use std::collections::BTreeMap;
use std::time::Duration;

use dlt645::address::MeterAddress;
use ring::digest::{SHA256, digest};

use crate::domain::access::{Acting, Action};
use crate::domain::{Coded, ReadGroup, ReadJob};
use crate::store::StoreError;

/// What somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// The meters.
    pub meters: Vec<MeterAddress>,
    /// What is read of each.
    pub groups: Vec<ReadGroup>,
    /// For how long it is worth asking; `None` for the usual time.
    pub expires_after: Option<Duration>,
    /// The name the asker gives the job: the same again is the same job.
    pub key: Option<String>,
}

/// A job that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The job.
    pub job: ReadJob,
    /// False when it was there already, under the same key.
    pub is_new: bool,
}

/// Why there is no such job.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The role of the asker does not allow it.
    #[error("this account may not read meters on demand")]
    NotAllowed,
    /// No meter was named.
    #[error("no meter is named")]
    NoMeter,
    /// No group was named.
    #[error("nothing to read is named")]
    NoGroup,
    /// Too many meters for one job.
    #[error("a job may have {most} meters at most")]
    TooManyMeters {
        /// How many it may have.
        most: u32,
    },
    /// A time that is too short or too long.
    #[error("a job may last from one second up to 24 hours")]
    Expiry,
    /// A key of no use.
    #[error("a key has 1 to 128 characters that can be seen")]
    Key,
    /// No such meter is installed where the asker may see it.
    #[error("there is no meter {0}")]
    NoSuchMeter(MeterAddress),
    /// The key stands for something else.
    #[error("under this key something else was asked for")]
    OtherUnderKey,
    /// Too many meters wait already.
    #[error("too many meters wait to be read")]
    Busy,
    /// There is no such job, or none that the asker may see.
    #[error("there is no such read job")]
    NotThere,
    /// The database.
    #[error("on-demand reads cannot be kept")]
    Store(#[from] StoreError),
}

impl ReadError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::NoMeter => "no_meter",
            Self::NoGroup => "no_group",
            Self::TooManyMeters { .. } => "too_many_meters",
            Self::Expiry => "expiry",
            Self::Key => "key",
            Self::NoSuchMeter(_) => "no_such_meter",
            Self::OtherUnderKey => "other_under_key",
            Self::Busy => "busy",
            Self::NotThere => "not_there",
            Self::Store(error) => error.kind(),
        }
    }
}

/// A request, each meter and each group once and in order.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) meters: Vec<MeterAddress>,
    pub(super) groups: Vec<ReadGroup>,
    pub(super) fingerprint: String,
}

impl ReadRequest {
    pub(super) fn check(&self, by: &Acting, most: u32) -> Result<Checked, ReadError> {
        if !by.may(Action::ReadOnDemand) {
            return Err(ReadError::NotAllowed);
        }
        let once: BTreeMap<u64, MeterAddress> =
            self.meters.iter().map(|meter| (meter.number(), *meter)).collect();
        let meters: Vec<MeterAddress> = once.into_values().collect();
        let groups: Vec<ReadGroup> = ReadGroup::all().filter(|group| self.groups.contains(group)).collect();
        if meters.is_empty() {
            return Err(ReadError::NoMeter);
        }
        if groups.is_empty() {
            return Err(ReadError::NoGroup);
        }
        if u32::try_from(meters.len()).map_or(true, |count| count > most) {
            return Err(ReadError::TooManyMeters { most });
        }
        if self.expires_after.is_some_and(|after| after < SHORTEST || after > LONGEST) {
            return Err(ReadError::Expiry);
        }
        let is_fit =
            |key: &String| (1..=128).contains(&key.chars().count()) && !key.chars().any(char::is_control);
        if !self.key.as_ref().is_none_or(is_fit) {
            return Err(ReadError::Key);
        }
        let fingerprint = self.fingerprint(&meters, &groups);
        Ok(Checked { meters, groups, fingerprint })
    }

    /// Tells what is asked from anything else.
    fn fingerprint(&self, meters: &[MeterAddress], groups: &[ReadGroup]) -> String {
        let mut text = format!("{:?}", self.expires_after.map(|after| after.as_millis()));
        groups.iter().for_each(|group| text.push_str(&format!(" {}", group.code())));
        meters.iter().for_each(|meter| text.push_str(&format!(" {meter}")));
        let hash = digest(&SHA256, text.as_bytes());
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);
