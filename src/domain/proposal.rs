//! What one person proposes and another confirms: an exchange of a meter, other transformers, what becomes of a suspect
//! read, what people have read, the list of meters that a terminal has, what people found of an order that no meter tells.
//!
//! A proposal is never edited: another one is made instead, so that what is confirmed is what was proposed (T17). Whether
//! what it says still fits the archive is found out when it is confirmed, in the same transaction.

use std::time::Duration;

use dlt645::address::MeterAddress;
use serde::{Deserialize, Serialize};

use super::access::{Acting, Action, Person};
use super::archive::MeterProtocol;
use super::coded::Coded;
use super::id::Id;
use super::item::Item;
use super::manual_read::{ManualRead, ManualReads, ReadFault, ReadKind};
use super::modbus::unit_of;
use super::moment::Moment;
use super::multiplier::{Ratio, Transformers};
use super::terminal_archive::{RecordFault, TerminalArchive};

mod settlement;

pub use settlement::{Found, OrderSettlement};

/// A change that needs two persons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// One meter takes the place of another (换表).
    ExchangeMeter(MeterExchange),
    /// Other transformers (倍率变更).
    ChangeTransformers(NewTransformers),
    /// What becomes of a suspect read (复核).
    DecideReview(ReviewDecision),
    /// What people have read (人工抄表).
    EnterReads(ManualReads),
    /// Records of a terminal's own list of meters (终端档案下发).
    SetTerminalArchive(TerminalArchive),
    /// What people on site found of an order (现场核实).
    SettleOrder(OrderSettlement),
}

/// One meter takes the place of another, on the same line or behind the same terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterExchange {
    /// Number of the point (计量点编号).
    pub point: String,
    /// Address of the meter that is taken out.
    pub removed: String,
    /// Address of the meter that is put in.
    pub installed: String,
    /// Its asset number (资产编号).
    pub asset_number: Option<String>,
    /// What it speaks: `645-2007`, `645-1997`, `modbus`.
    pub protocol: String,
    /// Its profile; `None` for the default of its protocol, which a Modbus meter has not.
    pub profile: Option<String>,
    /// When, microseconds UTC.
    pub at: i64,
    /// What the meter taken out showed (拆除示数); a day without it stays open.
    pub closing: Vec<Shown>,
    /// What the meter put in showed (新表起度).
    pub opening: Vec<Shown>,
}

/// What a register showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The code of its item, such as `1-0:1.8.0`.
    pub item: String,
    /// A whole number of the item's last decimal place.
    pub value: i64,
}

/// Other transformers of a point from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTransformers {
    /// Number of the point.
    pub point: String,
    /// Ratio of the current transformers, such as `200/5`.
    pub ct: String,
    /// Ratio of the voltage transformers.
    pub vt: String,
    /// From when on, microseconds UTC.
    pub from: i64,
}

/// What becomes of a suspect read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// Number of the review.
    pub review: i64,
    /// Whether the value counts.
    pub accept: bool,
}

/// What is wrong with a proposed change in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChangeFault {
    /// It lies in the future.
    #[error("the change lies in the future  时间在将来")]
    InTheFuture,
    /// An address is none.
    #[error("a meter address has up to twelve digits  通信地址应为12位以内数字")]
    Address,
    /// A meter cannot take its own place.
    #[error("the meter put in is the one taken out  新表与旧表相同")]
    SameMeter,
    /// The protocol has no such name.
    #[error(
        "there is no such protocol: 645-2007, 645-1997 or modbus is expected  规约应为 645-2007、645-1997 或 modbus"
    )]
    Protocol,
    /// The address of a Modbus meter has no unit number.
    #[error(
        "the last three digits of a Modbus meter's address are its unit number, 001 to 247  \
         Modbus 表地址的末三位应为单元号 001 至 247"
    )]
    Unit,
    /// A Modbus meter without a register map.
    #[error(
        "a Modbus meter needs the name of its register map as profile  Modbus 表须填写其寄存器表的表型名称"
    )]
    Profile,
    /// A register has no such name.
    #[error("there is no such register  没有这个示值项目")]
    Item,
    /// A register is named twice.
    #[error("a register is named twice  示值项目重复")]
    ItemTwice,
    /// A register cannot show less than nothing.
    #[error("a register cannot be negative  示值不能为负")]
    Negative,
    /// The ratios give no exact multiplier.
    #[error(
        "a ratio is written as 200/5 or 40, and both together give an exact multiplier  变比写作 200/5 或 40"
    )]
    Ratio,
    /// There are no reads.
    #[error("there are no reads  没有抄表数据")]
    NoReads,
    /// There are more reads than one proposal takes.
    #[error("one proposal takes at most 2000 reads; divide the file  一次最多 2000 条，请分批提交")]
    TooManyReads,
    /// A register was read twice at the same instant.
    #[error("a register was read twice at the same instant  同一示值同一时间重复")]
    ReadTwice,
    /// How something was read has no such name.
    #[error("a read is manual or on-site  抄表方式应为 manual 或 on-site")]
    ReadKind,
    /// The terminal has no such address.
    #[error(
        "a terminal address is region and terminal, such as 1100-3039  终端地址为“行政区划码-终端地址”，如 1100-3039"
    )]
    Terminal,
    /// There is no record to be set.
    #[error("there is no record to be set  没有要下发的档案记录")]
    NoRecords,
    /// There are more records than one proposal takes.
    #[error("one proposal sets at most 512 records; divide it  一次最多下发 512 条档案记录，请分批提交")]
    TooManyRecords,
    /// Two records share a number, a point or a meter.
    #[error(
        "two records have the same number, point or meter address  档案记录的序号、测量点号或通信地址重复"
    )]
    RecordTwice,
    /// A field of a record is out of its range.
    #[error(
        "a field of a record is out of its range: number and point 1 to 2040, addresses of twelve digits, port 1 to 31, \
         speed 0, 600, 1200, 2400, 4800, 7200, 9600 or 19200, classes 0 to 15  \
         档案记录的字段超出范围：序号与测量点号 1 至 2040，地址 12 位数字，端口 1 至 31，波特率 0、600、1200、2400、4800、7200、9600 或 19200，大小类号 0 至 15"
    )]
    RecordRange,
    /// A record is to be what it is.
    #[error("a record is to be what it is already  档案记录没有变化")]
    RecordSame,
    /// What was found has no such name.
    #[error("what was found is closed, open or gone  现场情况应为 closed、open 或 gone")]
    Found,
    /// Nobody was there, or nothing shows it.
    #[error("say who was there and what shows it  须填写现场核实人和依据")]
    NoEvidence,
}

impl ChangeFault {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::InTheFuture => "in_the_future",
            Self::Address => "address",
            Self::SameMeter => "same_meter",
            Self::Protocol => "protocol",
            Self::Unit => "unit",
            Self::Profile => "profile",
            Self::Item => "item",
            Self::ItemTwice => "item_twice",
            Self::Negative => "negative",
            Self::Ratio => "ratio",
            Self::NoReads => "no_reads",
            Self::TooManyReads => "too_many_reads",
            Self::ReadTwice => "read_twice",
            Self::ReadKind => "read_kind",
            Self::Terminal => "terminal_address",
            Self::NoRecords => "no_records",
            Self::TooManyRecords => "too_many_records",
            Self::RecordTwice => "record_twice",
            Self::RecordRange => "record_range",
            Self::RecordSame => "record_same",
            Self::Found => "found",
            Self::NoEvidence => "no_evidence",
        }
    }
}

impl Change {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ExchangeMeter(_) => "exchange_meter",
            Self::ChangeTransformers(_) => "change_transformers",
            Self::DecideReview(_) => "decide_review",
            Self::EnterReads(_) => "enter_reads",
            Self::SetTerminalArchive(_) => "set_terminal_archive",
            Self::SettleOrder(_) => "settle_order",
        }
    }

    /// What a person must be allowed to, in order to propose it.
    #[must_use]
    pub const fn proposing(&self) -> Action {
        match self {
            Self::ExchangeMeter(_)
            | Self::ChangeTransformers(_)
            | Self::SetTerminalArchive(_)
            | Self::SettleOrder(_) => Action::ProposeMeterChange,
            Self::DecideReview(_) | Self::EnterReads(_) => Action::ProposeReview,
        }
    }

    /// What another person must be allowed to, in order to confirm it.
    #[must_use]
    pub const fn confirming(&self) -> Action {
        match self {
            Self::ExchangeMeter(_)
            | Self::ChangeTransformers(_)
            | Self::SetTerminalArchive(_)
            | Self::SettleOrder(_) => Action::ConfirmMeterChange,
            Self::DecideReview(_) | Self::EnterReads(_) => Action::ConfirmReview,
        }
    }

    /// Everything that is wrong with it, whatever the archive holds.
    #[must_use]
    pub fn faults(&self, now: Moment) -> Vec<ChangeFault> {
        let mut found = Vec::new();
        match self {
            Self::ExchangeMeter(exchange) => exchange.faults(now, &mut found),
            Self::ChangeTransformers(change) => {
                if Moment::from_micros(change.from) > now {
                    found.push(ChangeFault::InTheFuture);
                }
                if change.transformers().is_none() {
                    found.push(ChangeFault::Ratio);
                }
            }
            Self::DecideReview(_) => {}
            Self::EnterReads(reads) => found.extend(reads.faults(now).into_iter().map(ChangeFault::from)),
            Self::SetTerminalArchive(archive) => {
                found.extend(archive.address().is_none().then_some(ChangeFault::Terminal));
                found.extend(archive.faults().into_iter().map(ChangeFault::from));
            }
            Self::SettleOrder(settlement) => {
                found.extend((settlement.at() > now).then_some(ChangeFault::InTheFuture));
                found.extend(settlement.found().is_none().then_some(ChangeFault::Found));
                found.extend((!settlement.has_evidence()).then_some(ChangeFault::NoEvidence));
            }
        }
        found
    }

    /// The instants that readings are kept under when it is made.
    #[must_use]
    pub fn instants(&self) -> Vec<Moment> {
        match self {
            Self::ExchangeMeter(exchange) => vec![Moment::from_micros(exchange.at)],
            Self::ChangeTransformers(_)
            | Self::DecideReview(_)
            | Self::SetTerminalArchive(_)
            | Self::SettleOrder(_) => Vec::new(),
            Self::EnterReads(entered) => {
                entered.reads.iter().map(|read| Moment::from_micros(read.at)).collect()
            }
        }
    }
}

impl From<ReadFault> for ChangeFault {
    fn from(fault: ReadFault) -> Self {
        match fault {
            ReadFault::Empty => Self::NoReads,
            ReadFault::TooMany => Self::TooManyReads,
            ReadFault::InTheFuture => Self::InTheFuture,
            ReadFault::Address => Self::Address,
            ReadFault::Item => Self::Item,
            ReadFault::Negative => Self::Negative,
            ReadFault::Twice => Self::ReadTwice,
            ReadFault::Kind => Self::ReadKind,
        }
    }
}

impl From<RecordFault> for ChangeFault {
    fn from(fault: RecordFault) -> Self {
        match fault {
            RecordFault::Nothing => Self::NoRecords,
            RecordFault::TooMany => Self::TooManyRecords,
            RecordFault::Twice => Self::RecordTwice,
            RecordFault::Range => Self::RecordRange,
            RecordFault::Same => Self::RecordSame,
        }
    }
}

impl MeterExchange {
    /// The meter taken out and the one put in.
    #[must_use]
    pub fn addresses(&self) -> Option<(MeterAddress, MeterAddress)> {
        Some((self.removed.parse().ok()?, self.installed.parse().ok()?))
    }

    /// What the meter taken out showed, as reads of it, in their order: to be judged like those of people.
    #[must_use]
    pub fn closing_reads(&self) -> Vec<ManualRead> {
        let removed = self.removed.parse::<MeterAddress>();
        let meter = removed.map_or_else(|_| self.removed.clone(), |removed| removed.to_string());
        let read = |shown: &Shown| ManualRead {
            point: self.point.clone(),
            meter: meter.clone(),
            item: shown.item.clone(),
            value: shown.value,
            at: self.at,
            read_by: String::new(),
            kind: ReadKind::OnSite.name().to_owned(),
            remark: String::new(),
        };
        self.closing.iter().map(read).collect()
    }

    fn faults(&self, now: Moment, found: &mut Vec<ChangeFault>) {
        if Moment::from_micros(self.at) > now {
            found.push(ChangeFault::InTheFuture);
        }
        match self.addresses() {
            None => found.push(ChangeFault::Address),
            Some((removed, installed)) if removed == installed => found.push(ChangeFault::SameMeter),
            Some(_) => {}
        }
        match MeterProtocol::from_name(&self.protocol) {
            None => found.push(ChangeFault::Protocol),
            Some(MeterProtocol::Modbus) => {
                if self.addresses().is_some_and(|(_, installed)| unit_of(installed).is_none()) {
                    found.push(ChangeFault::Unit);
                }
                if self.profile.is_none() {
                    found.push(ChangeFault::Profile);
                }
            }
            Some(MeterProtocol::Dlt2007 | MeterProtocol::Dlt1997) => {}
        }
        for side in [&self.closing, &self.opening] {
            for (place, shown) in side.iter().enumerate() {
                if Item::parse(&shown.item).is_none() {
                    found.push(ChangeFault::Item);
                }
                if side.iter().take(place).any(|before| before.item == shown.item) {
                    found.push(ChangeFault::ItemTwice);
                }
                if shown.value < 0 {
                    found.push(ChangeFault::Negative);
                }
            }
        }
    }
}

impl NewTransformers {
    /// The transformers, when their ratios can be read and give an exact multiplier.
    #[must_use]
    pub fn transformers(&self) -> Option<Transformers> {
        let ratio = |text: &str| text.parse::<Ratio>().ok();
        let transformers = Transformers { ct: ratio(&self.ct)?, vt: ratio(&self.vt)? };
        transformers.multiplier().is_ok().then_some(transformers)
    }
}

/// A proposed change and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: Id<Self>,
    /// What is to be changed.
    pub change: Change,
    /// Why.
    pub reason: String,
    /// How it stands.
    pub state: ProposalState,
    /// Who proposed it.
    pub proposed_by: Id<Person>,
    /// The name of their account.
    pub proposed_as: String,
    /// When.
    pub proposed_at: Moment,
    /// Until when it may be confirmed.
    pub expires_at: Moment,
    /// The name of the account that confirmed or refused it.
    pub decided_as: Option<String>,
    /// When.
    pub decided_at: Option<Moment>,
}

/// How a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProposalState {
    /// It waits for the second person.
    Open,
    /// It was confirmed, and the change was made with it.
    Confirmed,
    /// The second person refused it.
    Refused,
    /// Whoever proposed it took it back.
    Withdrawn,
}

impl Coded for ProposalState {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Open, 1, "open"),
        (Self::Confirmed, 2, "confirmed"),
        (Self::Refused, 3, "refused"),
        (Self::Withdrawn, 4, "withdrawn"),
    ];
}

/// Why somebody may not decide on a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MayNot {
    /// The role may not.
    #[error("this role may not do that  该角色无此权限")]
    Role,
    /// The same person proposed it, whatever account they used.
    #[error("who proposed it cannot confirm it  提出人不能自己确认")]
    SamePerson,
    /// Only who proposed it can take it back.
    #[error("only who proposed it can take it back  只有提出人可以撤回")]
    NotTheirs,
    /// The role was given too lately.
    #[error("the role was given less than a day ago  角色授予不足24小时")]
    NewRole,
    /// It was decided before.
    #[error("it was decided before  已处理")]
    Decided,
    /// It waited too long.
    #[error("it has expired  已过期")]
    Expired,
}

impl Proposal {
    /// Whether somebody may confirm or refuse it now.
    ///
    /// # Errors
    /// [`MayNot`] says why not.
    pub fn may_be_decided_by(&self, acting: &Acting, now: Moment) -> Result<(), MayNot> {
        if !acting.may(self.change.confirming()) {
            return Err(MayNot::Role);
        }
        if acting.person == self.proposed_by {
            return Err(MayNot::SamePerson);
        }
        if now.micros_since(acting.role_since) < micros(NEW_ROLE) {
            return Err(MayNot::NewRole);
        }
        self.is_open(now)
    }

    /// Whether somebody may take it back now.
    ///
    /// # Errors
    /// [`MayNot`] says why not.
    pub fn may_be_withdrawn_by(&self, acting: &Acting, now: Moment) -> Result<(), MayNot> {
        if acting.person != self.proposed_by {
            return Err(MayNot::NotTheirs);
        }
        self.is_open(now)
    }

    fn is_open(&self, now: Moment) -> Result<(), MayNot> {
        match self.state {
            ProposalState::Open if now < self.expires_at => Ok(()),
            ProposalState::Open => Err(MayNot::Expired),
            _ => Err(MayNot::Decided),
        }
    }
}

impl MayNot {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::SamePerson => "same_person",
            Self::NotTheirs => "not_theirs",
            Self::NewRole => "new_role",
            Self::Decided => "decided",
            Self::Expired => "expired",
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// How long a proposal waits for the second person.
pub const PROPOSAL_WAITS: Duration = Duration::from_secs(7 * 86_400);
/// A role that was given less than so long ago confirms nothing (T17).
const NEW_ROLE: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
