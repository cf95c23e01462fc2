//! Alarms (告警): what somebody must know who is not looking at a page.
//!
//! A kind says how grave it is, how it is told in both languages, and whether it lasts until what it tells of has ended.
//! An alarm of the same kind and subject as one that is open is the same alarm, and is counted. What an alarm says leaves
//! the site: it names no customer and holds no secret. Keeping alarms is left to `store`, sending them to `alarm`.

use super::archive::TransformerArea;
use super::coded::Coded;
use super::id::Id;
use super::moment::Moment;

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// 提示: good to know.
    Notice,
    /// 警告: somebody should look today.
    Warning,
    /// 严重: somebody must act now; told again until somebody says that they do.
    Critical,
}

impl Coded for Severity {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Notice, 1, "notice"), (Self::Warning, 2, "warning"), (Self::Critical, 3, "critical")];
}

impl Severity {
    /// Its name in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::Notice => "提示",
            Self::Warning => "警告",
            Self::Critical => "严重",
        }
    }
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// Nobody knows what a supply order has done.
    OrderUnknown,
    /// A meter accepted a cut, and no read shows it.
    CutNotProven,
    /// Supply should have been given back an hour ago.
    RestoreLate1h,
    /// Four hours ago.
    RestoreLate4h,
    /// Twelve hours ago.
    RestoreLate12h,
    /// The promise of a day is broken.
    RestorePromiseMissed,
    /// A meter refuses to give supply back.
    RestoreRefused,
    /// Supply could not be given back from here: somebody must go there.
    RestoreHandedOver,
    /// All cuts are stopped.
    StopPressed,
    /// Cuts may go on.
    StopLifted,
    /// An order is held back, because it is above a ceiling.
    CeilingReached,
    /// A batch of cuts stopped itself.
    BatchStopped,
    /// Far more cuts than usual. (T31)
    CutPattern,
    /// What was asked to be cut on the day before. (T31)
    CutsReport,
    /// Clocks of many meters of a line jumped together. (T6)
    ClocksJumped,
    /// A night could not be run.
    NightFailed,
    /// More is missing of a night than may be.
    NightPartial,
    /// A line is down.
    LineDown,
    /// A line does not stop talking. (F11)
    LineChatter,
    /// A terminal does not answer.
    TerminalSilent,
    /// Two claim to be one terminal, or one comes without its certificate. (T5)
    TerminalClaimed,
    /// A terminal says far more than any has to, and was hung up. (T5)
    TerminalFlood,
    /// An account is locked after wrong passwords. (T9)
    LoginLocked,
    /// The audit log cannot be written. (T26)
    AuditFailed,
    /// The audit log was tampered with. (T26)
    AuditBroken,
    /// The configuration file protects less than what is built in. (T32)
    RulesLoosened,
    /// The clock of this machine was set. (F33)
    ClockStep,
    /// Somebody else asks on a line. (T3)
    ForeignMaster,
    /// A relay moved without an order. (T3)
    RelayMoved,
    /// The written report of an emergency cut is not there after a day. (F44)
    ReportMissing,
    /// A meter notes that somebody worked at it or wrote to it. (T3)
    MeterTouched,
    /// A meter refused a password: it is not tried again. (F10)
    PasswordRefused,
    /// A receiver of billing refused values: they wait for a person.
    BillingParked,
    /// A receiver of billing takes nothing, or not all, for hours. (F39)
    BillingBehind,
    /// Whoever answers in place of a receiver of billing is not known as it. (T22)
    BillingStranger,
    /// A disk fills up. (F30)
    DiskFilling,
    /// A disk is all but full. (F30)
    DiskFull,
    /// Alarms do not get through.
    ChannelDown,
    /// The database has lost what it had kept. (F31)
    DatabaseBehind,
    /// Kept rows are not as they were written. (F42)
    StoreDamaged,
    /// The account of an approver or an administrator was made, confirmed, enabled, disabled or given a one-time password. (T17)
    ApproverChanged,
    /// Another account that acts was made, enabled, given another role or a one-time password. (T32)
    AccountChanged,
    /// Nobody knows which of two passwords a meter has. (T25)
    PasswordUnclear,
    /// A list of revoked certificates of terminals cannot be used, or is outdated. (T7)
    TerminalRevocations,
    /// Events of a terminal are lost before they were read.
    TerminalEventsLost,
}

/// What is to be known of a kind.
struct Row {
    kind: AlarmKind,
    severity: Severity,
    /// It is open until what it tells of has ended; else until somebody acknowledges it.
    lasts: bool,
    zh: &'static str,
    en: &'static str,
}

const fn row(kind: AlarmKind, severity: Severity, lasts: bool, zh: &'static str, en: &'static str) -> Row {
    Row { kind, severity, lasts, zh, en }
}

impl Coded for AlarmKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::OrderUnknown, 1, "order_unknown"),
        (Self::CutNotProven, 2, "cut_not_proven"),
        (Self::RestoreLate1h, 3, "restore_late_1h"),
        (Self::RestoreLate4h, 4, "restore_late_4h"),
        (Self::RestoreLate12h, 5, "restore_late_12h"),
        (Self::RestorePromiseMissed, 6, "restore_promise_missed"),
        (Self::RestoreRefused, 7, "restore_refused"),
        (Self::RestoreHandedOver, 8, "restore_handed_over"),
        (Self::StopPressed, 9, "stop_pressed"),
        (Self::StopLifted, 10, "stop_lifted"),
        (Self::CeilingReached, 11, "ceiling_reached"),
        (Self::BatchStopped, 12, "batch_stopped"),
        (Self::CutPattern, 13, "cut_pattern"),
        (Self::NightFailed, 14, "night_failed"),
        (Self::NightPartial, 15, "night_partial"),
        (Self::LineDown, 16, "line_down"),
        (Self::LineChatter, 17, "line_chatter"),
        (Self::TerminalSilent, 18, "terminal_silent"),
        (Self::LoginLocked, 19, "login_locked"),
        (Self::AuditFailed, 20, "audit_failed"),
        (Self::AuditBroken, 21, "audit_broken"),
        (Self::ClockStep, 22, "clock_step"),
        (Self::ForeignMaster, 23, "foreign_master"),
        (Self::RelayMoved, 24, "relay_moved"),
        (Self::PasswordRefused, 25, "password_refused"),
        (Self::BillingParked, 26, "billing_parked"),
        (Self::DiskFilling, 27, "disk_filling"),
        (Self::DiskFull, 28, "disk_full"),
        (Self::ChannelDown, 29, "channel_down"),
        (Self::MeterTouched, 30, "meter_touched"),
        (Self::ReportMissing, 31, "report_missing"),
        (Self::DatabaseBehind, 32, "database_behind"),
        (Self::StoreDamaged, 33, "store_damaged"),
        (Self::ApproverChanged, 34, "approver_changed"),
        (Self::PasswordUnclear, 35, "password_unclear"),
        (Self::AccountChanged, 36, "account_changed"),
        (Self::TerminalClaimed, 37, "terminal_claimed"),
        (Self::TerminalFlood, 38, "terminal_flood"),
        (Self::BillingBehind, 39, "billing_behind"),
        (Self::BillingStranger, 40, "billing_stranger"),
        (Self::TerminalRevocations, 41, "terminal_revocations"),
        (Self::TerminalEventsLost, 42, "terminal_events_lost"),
        (Self::CutsReport, 43, "cuts_report"),
        (Self::ClocksJumped, 44, "clocks_jumped"),
        (Self::RulesLoosened, 45, "rules_loosened"),
    ];
}

impl AlarmKind {
    const ROWS: &'static [Row] = {
        use Severity::{Critical, Notice, Warning};
        &[
            row(
                Self::OrderUnknown,
                Critical,
                true,
                "停复电结果不明",
                "the outcome of a supply order is unknown",
            ),
            row(Self::CutNotProven, Warning, true, "停电未得到证实", "a cut is accepted but not proven"),
            row(Self::RestoreLate1h, Warning, true, "复电超过1小时未完成", "supply is not back after 1 hour"),
            row(
                Self::RestoreLate4h,
                Critical,
                true,
                "复电超过4小时未完成",
                "supply is not back after 4 hours",
            ),
            row(
                Self::RestoreLate12h,
                Critical,
                true,
                "复电超过12小时未完成",
                "supply is not back after 12 hours",
            ),
            row(
                Self::RestorePromiseMissed,
                Critical,
                true,
                "复电超过24小时，承诺时限已过",
                "supply is not back after 24 hours: the promise is broken",
            ),
            row(
                Self::RestoreRefused,
                Critical,
                true,
                "电表拒绝复电命令",
                "a meter refuses to give supply back",
            ),
            row(
                Self::RestoreHandedOver,
                Critical,
                true,
                "远程复电未成功，需现场处理",
                "supply could not be given back from here: send somebody",
            ),
            row(
                Self::StopPressed,
                Critical,
                true,
                "紧急停止已按下，停电命令全部禁止",
                "STOP: all cuts are stopped",
            ),
            row(Self::StopLifted, Warning, false, "紧急停止已解除", "STOP was lifted: cuts may go on"),
            row(
                Self::CeilingReached,
                Warning,
                true,
                "停电数量超限，工单已隔离",
                "an order above a ceiling is held back",
            ),
            row(
                Self::BatchStopped,
                Critical,
                false,
                "批量停电结果异常，已自动中止",
                "a batch of cuts stopped itself",
            ),
            row(Self::CutPattern, Warning, false, "停电数量明显高于平时", "far more cuts than usual"),
            row(Self::CutsReport, Notice, false, "昨日停电申请汇总", "what was asked to be cut yesterday"),
            row(Self::NightFailed, Critical, false, "夜间采集未能执行", "the night could not be run"),
            row(
                Self::NightPartial,
                Warning,
                false,
                "夜间采集漏抄超限",
                "more meters of the night are missing than may be",
            ),
            row(Self::LineDown, Warning, true, "线路中断", "a line is down"),
            row(Self::LineChatter, Warning, true, "线路持续有干扰数据", "a line does not stop talking"),
            row(Self::TerminalSilent, Warning, true, "终端离线", "a terminal does not answer"),
            row(
                Self::TerminalClaimed,
                Warning,
                false,
                "有两处同时以同一终端地址登录，或登录证书不符",
                "two claim to be one terminal, or one came without its certificate",
            ),
            row(
                Self::TerminalRevocations,
                Warning,
                true,
                "终端证书吊销列表不可用或已过期",
                "the list of revoked certificates of terminals cannot be used or is outdated",
            ),
            row(
                Self::TerminalEventsLost,
                Notice,
                false,
                "终端事件未及读取即丢失",
                "events of a terminal were lost before they were read",
            ),
            row(
                Self::TerminalFlood,
                Warning,
                false,
                "终端发送报文过多",
                "a terminal sends far more than any has to",
            ),
            row(
                Self::LoginLocked,
                Warning,
                false,
                "账号因密码错误被锁定",
                "an account is locked after wrong passwords",
            ),
            row(Self::AuditFailed, Critical, true, "审计日志无法写入", "the audit log cannot be written"),
            row(Self::AuditBroken, Critical, true, "审计日志校验失败", "the audit log does not verify"),
            row(
                Self::RulesLoosened,
                Warning,
                true,
                "配置文件放宽了保护规则",
                "the configuration file protects less than what is built in",
            ),
            row(
                Self::ClockStep,
                Critical,
                false,
                "本机时钟被调整或不准",
                "the clock of this machine was set, or is wrong",
            ),
            row(
                Self::ClocksJumped,
                Warning,
                false,
                "同一线路多块电能表时钟同时跳变",
                "the clocks of many meters of a line jumped together",
            ),
            row(
                Self::ForeignMaster,
                Warning,
                false,
                "线路上有其他主站",
                "somebody else asks meters on a line",
            ),
            row(Self::RelayMoved, Critical, false, "无工单的继电器动作", "a relay moved without an order"),
            row(
                Self::ReportMissing,
                Warning,
                true,
                "紧急停电书面报告逾期未交",
                "the written report of an emergency cut is overdue",
            ),
            row(
                Self::MeterTouched,
                Warning,
                false,
                "电能表有编程、清零、校时或开盖等新事件",
                "somebody worked at a meter or wrote to it",
            ),
            row(Self::PasswordRefused, Warning, false, "电表密码被拒绝", "a meter refused its password"),
            row(Self::BillingParked, Warning, true, "营销系统拒收数据", "billing refused values"),
            row(
                Self::BillingBehind,
                Warning,
                true,
                "营销系统长时间未收数据",
                "a receiver of billing has not taken values for long",
            ),
            row(
                Self::BillingStranger,
                Warning,
                true,
                "营销接收方身份不符，数据未移交",
                "whoever answers for a receiver of billing is not known as it: nothing is handed over",
            ),
            row(Self::DiskFilling, Warning, true, "磁盘空间不足", "a disk fills up"),
            row(Self::DiskFull, Critical, true, "磁盘即将写满", "a disk is all but full"),
            row(Self::ChannelDown, Warning, true, "告警通道不通", "alarms do not get through on a channel"),
            row(
                Self::DatabaseBehind,
                Critical,
                true,
                "数据库缺失已提交的记录",
                "the database has lost what it had kept",
            ),
            row(
                Self::StoreDamaged,
                Critical,
                false,
                "库存数据损坏，已停用",
                "kept rows are damaged and not used",
            ),
            row(
                Self::ApproverChanged,
                Warning,
                false,
                "审批人或管理员账号有变动",
                "the account of an approver or administrator was changed",
            ),
            row(
                Self::AccountChanged,
                Warning,
                false,
                "账号被新建、启用、改角色或重置",
                "an account was made, enabled, given another role or reset",
            ),
            row(
                Self::PasswordUnclear,
                Critical,
                true,
                "电能表密码不明，新旧密码均已保留",
                "nobody knows which of two passwords a meter has; both are kept",
            ),
        ]
    };

    fn row(self) -> Option<&'static Row> {
        Self::ROWS.iter().find(|row| row.kind == self)
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.row().map_or(Severity::Critical, |row| row.severity)
    }

    /// True when it is open until what it tells of has ended; false for what is over when it is told, and is open until
    /// somebody acknowledges it.
    #[must_use]
    pub fn lasts(self) -> bool {
        self.row().is_some_and(|row| row.lasts)
    }

    /// What has happened, in Chinese.
    #[must_use]
    pub fn says_zh(self) -> &'static str {
        self.row().map_or("", |row| row.zh)
    }

    /// What has happened, in English.
    #[must_use]
    pub fn says(self) -> &'static str {
        self.row().map_or("", |row| row.en)
    }
}

/// Something to be alarmed about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// Of what: `order 17`, `line east`, `night 2026-11-22`, `account li`.
    pub subject: String,
    /// The area it belongs to, for those who may see a part of the network only; `None` for what all may know.
    pub area: Option<Id<TransformerArea>>,
    /// The supply order it belongs to.
    pub order: Option<i64>,
    /// What more is to be said, in Chinese; may be empty.
    pub detail_zh: String,
    /// The same in English.
    pub detail: String,
    /// When it came to light.
    pub at: Moment,
}

impl Alarm {
    /// An alarm of which nothing more is to be said.
    #[must_use]
    pub fn new(kind: AlarmKind, subject: impl Into<String>, at: Moment) -> Self {
        let subject = shortened(&subject.into());
        Self { kind, subject, area: None, order: None, detail_zh: String::new(), detail: String::new(), at }
    }

    /// The same with more to say, in Chinese and in English.
    #[must_use]
    pub fn saying(self, zh: &str, en: &str) -> Self {
        Self { detail_zh: shortened(zh), detail: shortened(en), ..self }
    }

    /// The same for a supply order.
    #[must_use]
    pub fn for_order(self, order: i64) -> Self {
        Self { order: Some(order), ..self }
    }

    /// The same, for those only who may see this area, when there is one.
    #[must_use]
    pub fn in_area(self, area: Option<Id<TransformerArea>>) -> Self {
        Self { area, ..self }
    }

    /// What tells it from other alarms that are open.
    #[must_use]
    pub fn key(&self) -> String {
        alarm_key(self.kind, &self.subject)
    }
}

/// What tells an open alarm from others: its kind and its subject.
#[must_use]
pub fn alarm_key(kind: AlarmKind, subject: &str) -> String {
    format!("{}/{}", kind.name(), shortened(subject))
}

/// A line of text: what devices and people wrote may be anything (T13).
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn every_kind_has_a_code_and_its_words() {
        coded::check::<Severity>(3);
        coded::check::<AlarmKind>(45);
        assert_eq!(AlarmKind::ROWS.len(), AlarmKind::TABLE.len());
        for (kind, ..) in AlarmKind::TABLE {
            assert!(
                !kind.says_zh().is_ascii() && kind.says().is_ascii() && !kind.says().is_empty(),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn the_same_kind_and_subject_are_the_same_alarm() {
        let at = Moment::from_micros(0);
        let alarm = Alarm::new(AlarmKind::LineDown, "line east\r\n", at).saying("断\0线", "x");
        assert_eq!(alarm.key(), "line_down/line east");
        assert_eq!(alarm.key(), alarm_key(AlarmKind::LineDown, "line east\n"));
        assert_eq!(alarm.detail_zh, "断线");
        assert_ne!(alarm.key(), Alarm::new(AlarmKind::LineChatter, "line east", at).key());
        assert_eq!(Alarm::new(AlarmKind::LineDown, "x".repeat(1000), at).subject.len(), LONGEST);
    }
}
