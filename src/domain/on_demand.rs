//! On-demand reads (召测): what may be asked for by name, and how a job and each of its meters stand.
//!
//! A value in an answer belongs to the question of its job: it says between which moments the meter gave it, and it is
//! never a value that was there before. Which identifiers a group means for a meter is left to `collect`.

use serde::{Deserialize, Serialize};

use super::access::Account;
use super::archive::Meter;
use super::cause::MissingCause;
use super::coded::Coded;
use super::id::Id;
use super::moment::Moment;
use dlt645::address::MeterAddress;

/// What is read together, as people name it (召测项目).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReadGroup {
    /// Energies, forward and reverse, total and tariffs.
    Registers,
    /// Voltages, currents, powers.
    Instantaneous,
    /// Maximum demands with their times.
    Demand,
    /// What the meter's clock shows, and how far it is off.
    Clock,
    /// Status words, the relay among them.
    Status,
    /// The last daily freezes.
    Freezes,
    /// The load curve of today.
    Curve,
    /// Counts of events with the newest record of each.
    Events,
}

impl Coded for ReadGroup {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Registers, 1, "registers"),
        (Self::Instantaneous, 2, "instantaneous"),
        (Self::Demand, 3, "demand"),
        (Self::Clock, 4, "clock"),
        (Self::Status, 5, "status"),
        (Self::Freezes, 6, "freezes"),
        (Self::Curve, 7, "curve"),
        (Self::Events, 8, "events"),
    ];
}

impl ReadGroup {
    /// All of them, in the order in which they are offered and read.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(group, ..)| *group)
    }

    /// What it is called, in English.
    #[must_use]
    pub const fn name_en(self) -> &'static str {
        match self {
            Self::Registers => "registers, total and tariffs",
            Self::Instantaneous => "voltages, currents, powers",
            Self::Demand => "maximum demand",
            Self::Clock => "clock",
            Self::Status => "status and relay",
            Self::Freezes => "last daily freezes",
            Self::Curve => "load curve of today",
            Self::Events => "events",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Registers => "当前示值（总及各费率）",
            Self::Instantaneous => "电压、电流、功率",
            Self::Demand => "最大需量",
            Self::Clock => "时钟",
            Self::Status => "状态字与继电器",
            Self::Freezes => "最近日冻结",
            Self::Curve => "今日负荷曲线",
            Self::Events => "事件",
        }
    }
}

/// How a job, or a meter in it, stands. What has ended stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadState {
    /// It has not ended.
    Waiting,
    /// Everything asked for came.
    Done,
    /// Something came, and what is missing has a cause.
    Partly,
    /// Nothing came.
    Failed,
    /// Its time was over before anything came.
    Expired,
    /// Somebody took it back.
    Cancelled,
}

impl Coded for ReadState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Waiting, 1, "waiting"),
        (Self::Done, 2, "done"),
        (Self::Partly, 3, "partly"),
        (Self::Failed, 4, "failed"),
        (Self::Expired, 5, "expired"),
        (Self::Cancelled, 6, "cancelled"),
    ];
}

impl ReadState {
    /// How a meter ended of which so many answers came and so many are missing.
    #[must_use]
    pub const fn of_answers(came: usize, missing: usize) -> Self {
        match (came, missing) {
            (0, _) => Self::Failed,
            (_, 0) => Self::Done,
            _ => Self::Partly,
        }
    }

    /// How a job stands whose meters stand so.
    #[must_use]
    pub fn of_meters(meters: &[Self]) -> Self {
        let all = |state: Self| meters.iter().all(|meter| *meter == state);
        let any = |states: &[Self]| meters.iter().any(|meter| states.contains(meter));
        if any(&[Self::Waiting]) {
            Self::Waiting
        } else if any(&[Self::Cancelled]) {
            Self::Cancelled
        } else if all(Self::Done) {
            Self::Done
        } else if any(&[Self::Done, Self::Partly]) {
            Self::Partly
        } else if any(&[Self::Expired]) {
            Self::Expired
        } else {
            Self::Failed
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Waiting)
    }

    /// Its name in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Waiting => "进行中",
            Self::Done => "完成",
            Self::Partly => "部分完成",
            Self::Failed => "失败",
            Self::Expired => "已过期",
            Self::Cancelled => "已取消",
        }
    }
}

/// A job (召测任务): meters that are asked for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadJob {
    /// Its number.
    pub id: Id<Self>,
    /// The account that asked.
    pub account: Id<Account>,
    /// Its name.
    pub asked_by: String,
    /// What is read, in the order of [`ReadGroup::all`].
    pub groups: Vec<ReadGroup>,
    /// How it stands.
    pub state: ReadState,
    /// How many meters it has.
    pub meters: u32,
    /// How many of them have not ended.
    pub waiting: u32,
    /// When it was asked for.
    pub created_at: Moment,
    /// Nothing is asked from then on.
    pub expires_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
}

/// A meter of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterRead {
    /// The meter.
    pub meter: Id<Meter>,
    /// Its address.
    pub address: MeterAddress,
    /// How it stands.
    pub state: ReadState,
    /// Why something is missing: the first cause.
    pub cause: Option<MissingCause>,
    /// What more is to be said of it.
    pub detail: Option<String>,
    /// Since when it stands so.
    pub changed_at: Moment,
}

/// What came of one question of a job, or of a few that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAnswer {
    /// The group it is of.
    pub group: ReadGroup,
    /// The data identifier, for whoever looks at frames.
    pub data_id: String,
    /// Between which moments of our clock the meter gave it; `None` when it gave nothing.
    pub given: Option<(Moment, Moment)>,
    /// The same was asked before without an answer, and this may be the answer to that: the first of the two moments is when
    /// that was.
    pub is_doubtful: bool,
    /// The question and the answer as they went over the line, one frame behind the other.
    pub frames: Vec<u8>,
    /// What the answer says.
    pub values: Vec<ReadValue>,
    /// Why there is none, and what more is to be said of it.
    pub missing: Option<(MissingCause, String)>,
}

/// One value of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadValue {
    /// English name.
    pub name: String,
    /// Chinese name.
    pub name_zh: String,
    /// Exact decimal or text; `None` where the meter marked it as none.
    pub value: Option<String>,
    /// Its unit.
    pub unit: Option<String>,
    /// The neutral item, an OBIS code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The time the meter gives with it, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meter_time: Option<String>,
    /// The bits of a word, named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bits: Vec<ReadBits>,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent: Option<String>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_zh: Option<String>,
    /// Why it is not to be relied on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt_zh: Option<String>,
    /// What was known of the same item before, for comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<ValueBefore>,
}

/// A few bits of a word that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBits {
    /// The lowest of them.
    pub bit: u8,
    /// English name.
    pub name: String,
    /// Chinese name.
    pub name_zh: String,
    /// The number they hold.
    pub value: u64,
    /// What that means.
    pub meaning: String,
    /// The same in Chinese.
    pub meaning_zh: String,
}

/// The last accepted value of an item before it was asked for, as a rule that of last night.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueBefore {
    /// The value.
    pub value: String,
    /// The instant it holds for, RFC 3339.
    pub as_of: String,
    /// How much more it is now; negative for less.
    pub change: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn groups_and_states_have_their_own_codes_and_names() {
        coded::check::<ReadGroup>(8);
        coded::check::<ReadState>(6);
        let names: std::collections::HashSet<_> =
            ReadGroup::all().flat_map(|group| [group.name_en(), group.name_zh()]).collect();
        assert_eq!(names.len(), 16);
    }

    #[test]
    fn i19_a_job_has_ended_when_all_its_meters_have() {
        use ReadState::{Cancelled, Done, Expired, Failed, Partly, Waiting};
        for (meters, state) in [
            (vec![Done, Waiting], Waiting),
            (vec![Done, Done], Done),
            (vec![Done, Failed], Partly),
            (vec![Partly, Expired], Partly),
            (vec![Failed, Expired], Expired),
            (vec![Failed, Failed], Failed),
            (vec![Done, Cancelled, Failed], Cancelled),
        ] {
            assert_eq!(ReadState::of_meters(&meters), state, "{meters:?}");
            assert_eq!(state.has_ended(), !meters.contains(&Waiting));
        }
        assert_eq!(ReadState::of_answers(2, 0), Done);
        assert_eq!(ReadState::of_answers(2, 1), Partly);
        assert_eq!(ReadState::of_answers(0, 1), Failed);
    }
}
