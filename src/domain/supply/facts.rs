//! What is known when an order is judged.

use super::ceiling::CeilingUse;
use super::content::{ContentHash, OrderContent, OrderedPoint};
use super::objection::Objection;
use super::terms::Terms;
use crate::domain::access::{Action, Person};
use crate::domain::{Coded, Id, Meter, Moment};

/// By how much the clock of whoever gives evidence may be ahead of ours.
pub const CLOCKS_DIFFER: std::time::Duration = std::time::Duration::from_secs(120);

/// True for a time of evidence that has not come yet: what has not happened is none (F44). Clocks of others may differ a
/// little.
#[must_use]
pub fn lies_ahead(at: Moment, now: Moment) -> bool {
    at > now.plus(CLOCKS_DIFFER)
}

/// A notice (通知).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which.
    pub kind: NoticeKind,
    /// When it reached the customer.
    pub given_at: Moment,
}

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// 催费通知: pay.
    Reminder,
    /// 停电通知: supply will be cut.
    Cut,
    /// 停电前再次通知: it will be cut within the hour or the day.
    Second,
}

impl Coded for NoticeKind {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Reminder, 1, "reminder"), (Self::Cut, 2, "cut"), (Self::Second, 3, "second")];
}

/// Why a point is protected (保护类别).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtectionKind {
    /// 重要用户: its class, or the archive, says so.
    Important,
    /// 医院、疏散等公共安全场所.
    PublicSafety,
    /// 医疗依赖: somebody's life depends on supply.
    Medical,
    /// 保电.
    Hold,
    /// 争议未决: a dispute is open.
    Dispute,
    /// 司法或行政要求: a court or an authority says so.
    Authority,
    /// 其他.
    Other,
}

impl Coded for ProtectionKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Important, 1, "important"),
        (Self::PublicSafety, 2, "public_safety"),
        (Self::Medical, 3, "medical"),
        (Self::Hold, 4, "hold"),
        (Self::Dispute, 5, "dispute"),
        (Self::Authority, 6, "authority"),
        (Self::Other, 7, "other"),
    ];
}

/// Why nobody is cut on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalendarKind {
    /// 节假日
    Holiday,
    /// 考试
    Exam,
    /// 高温
    Heat,
    /// 严寒
    Cold,
    /// 其他
    Other,
}

impl Coded for CalendarKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Holiday, 1, "holiday"),
        (Self::Exam, 2, "exam"),
        (Self::Heat, 3, "heat"),
        (Self::Cold, 4, "cold"),
        (Self::Other, 5, "other"),
    ];
}

/// What keeps all cuts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HaltKind {
    /// 停止一切停电: somebody pressed STOP.
    Stop,
    /// 时钟跳变: the clock of the machine has jumped (F33).
    Clock,
    /// STOP by the file: it holds as long as the file is there, and as STOP after that.
    StopFile,
    /// 数据库缺失记录: the database has lost what it had kept (F31).
    DatabaseBehind,
}

impl Coded for HaltKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Stop, 1, "stop"),
        (Self::Clock, 2, "clock"),
        (Self::StopFile, 3, "stop_file"),
        (Self::DatabaseBehind, 4, "database_behind"),
    ];
}

impl HaltKind {
    /// What it says against a cut.
    #[must_use]
    pub const fn objection(self) -> Objection {
        match self {
            Self::Stop | Self::StopFile => Objection::Stopped,
            Self::Clock => Objection::ClockDoubted,
            Self::DatabaseBehind => Objection::DatabaseBehind,
        }
    }

    /// True when it is STOP, which every page shows and lets be pressed.
    #[must_use]
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopFile)
    }

    /// What whoever lifts it must be allowed to do.
    #[must_use]
    pub const fn lifted_by(self) -> Action {
        match self {
            Self::Stop | Self::StopFile | Self::Clock => Action::LiftStop,
            Self::DatabaseBehind => Action::AcknowledgeLoss,
        }
    }

    /// How many persons it takes to lift it.
    #[must_use]
    pub const fn persons_to_lift(self) -> usize {
        match self {
            Self::Stop | Self::StopFile => 2,
            Self::Clock | Self::DatabaseBehind => 1,
        }
    }
}

/// How the list of protected points stands. What is not known to be loaded protects everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionList {
    /// It was loaded, and is not empty.
    Loaded,
    /// It was never loaded, is empty, or was not loaded when it was last tried.
    Missing,
}

/// A check that a meter is the one of a household (户表核对).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which meter was there.
    pub meter: Id<Meter>,
    /// When it was checked.
    pub verified_at: Moment,
    /// It was found to supply another household (串户).
    pub is_crossed: bool,
}

/// An approval, and how whoever gave it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub person: Id<Person>,
    /// When.
    pub at: Moment,
    /// Since when they had the role then.
    pub role_since: Moment,
    /// What they saw.
    pub hash: ContentHash,
    /// The ceilings that it was above then.
    pub over: Vec<CeilingUse>,
    /// Their account is in use and still may approve.
    pub still_may: bool,
}

/// What is known of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFacts {
    /// What is ordered.
    pub content: OrderContent,
    /// Everybody who wrote or handed in the order.
    pub requesters: Vec<Id<Person>>,
    /// Approvals that were given and not withdrawn.
    pub approvals: Vec<Approval>,
    /// It is above a ceiling: a second approver is needed.
    pub is_quarantined: bool,
    /// It has stopped itself.
    pub has_stopped_itself: bool,
    /// Somebody has taken it back while something of it was under way.
    pub is_taken_back: bool,
    /// What keeps all cuts back.
    pub halts: Vec<HaltKind>,
    /// How the list of protected points stands.
    pub list: ProtectionList,
    /// Days within the window, or the present one, on which nobody is cut.
    pub no_cut_days: Vec<CalendarKind>,
    /// Ceilings that it would exceed.
    pub over: Vec<CeilingUse>,
    /// Another version has changed the database since this one opened it (F40).
    pub is_of_other_version: bool,
}

impl OrderFacts {
    /// How many approvers it takes.
    #[must_use]
    pub const fn approvers_needed(&self) -> usize {
        match self.content.kind.is_cut_class() {
            false => 0,
            true if self.is_quarantined || self.content.reason.is_emergency() => 2,
            true => 1,
        }
    }
}

/// What is known of a point of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointFacts {
    /// The point, as it was ordered.
    pub ordered: OrderedPoint,
    /// As it is now; `None` when it has no meter.
    pub there: Option<OrderedPoint>,
    /// What its cut has to keep to.
    pub terms: Terms,
    /// Why it is protected.
    pub protections: Vec<ProtectionKind>,
    /// What its customer was told.
    pub notices: Vec<Notice>,
    /// Since when its customer is in arrears.
    pub arrears_since: Option<Moment>,
    /// Its customer has paid since it was ordered.
    pub has_paid: bool,
    /// When it was last checked which meter is there.
    pub identity: Option<Identity>,
    /// When the meter was last read.
    pub last_read: Option<Moment>,
    /// Another order for it is open.
    pub has_other_order: bool,
    /// Supply was ordered to be given back after this order was handed in.
    pub is_restored: bool,
    /// The meter cannot do what is ordered.
    pub is_incapable: bool,
    /// How often it was tried under the present approval.
    pub attempts: u32,
}
