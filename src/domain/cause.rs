//! Why a meter was not read: a closed list, so that a missing value always has one of these (I19).

use super::coded::Coded;

/// Why a value that was planned is missing (漏抄原因).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MissingCause {
    /// The line is not there: adapter pulled out, server or DTU unreachable.
    LineDown,
    /// The line talks without being asked.
    LineChatter,
    /// The concentrator is not connected.
    TerminalOffline,
    /// The meter did not answer.
    Silent,
    /// Answers came, but none was sound.
    Damaged,
    /// Another meter answered, or several did.
    WrongAddress,
    /// The meter refused for a reason of its own.
    Refused,
    /// The meter does not have these data.
    NoSuchData,
    /// The meter refused the password.
    NotAuthorised,
    /// The answer has not the form that the profile says.
    WrongForm,
    /// The meter marked the value as none.
    NoValue,
    /// The freeze in the meter is of another instant.
    NoFreeze,
    /// The meter's clock is too far off for its freeze to be taken.
    Clock,
    /// The value failed a check and waits for a person.
    Implausible,
    /// The deadline came before its turn.
    OutOfTime,
    /// A person stopped the run or took the meter out of it.
    Stopped,
    /// The archive does not say how to reach the meter.
    NoPath,
    /// It was never seen that what the terminal stores for the measuring point is this meter's. (F24)
    PointNotVerified,
    /// The concentrator is connected and leaves what it is asked unanswered.
    TerminalSilent,
}

impl Coded for MissingCause {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::LineDown, 1, "line down"),
        (Self::LineChatter, 2, "line chatter"),
        (Self::TerminalOffline, 3, "terminal offline"),
        (Self::Silent, 4, "silent"),
        (Self::Damaged, 5, "damaged answers"),
        (Self::WrongAddress, 6, "wrong address"),
        (Self::Refused, 7, "refused"),
        (Self::NoSuchData, 8, "no such data"),
        (Self::NotAuthorised, 9, "not authorised"),
        (Self::WrongForm, 10, "wrong form"),
        (Self::NoValue, 11, "no value"),
        (Self::NoFreeze, 12, "no freeze"),
        (Self::Clock, 13, "clock"),
        (Self::Implausible, 14, "implausible"),
        (Self::OutOfTime, 15, "out of time"),
        (Self::Stopped, 16, "stopped"),
        (Self::NoPath, 17, "no path"),
        (Self::PointNotVerified, 18, "point not verified"),
        (Self::TerminalSilent, 19, "terminal silent"),
    ];
}

impl MissingCause {
    /// Its name in Chinese.
    #[must_use]
    pub const fn name_zh(self) -> &'static str {
        match self {
            Self::LineDown => "线路不通",
            Self::LineChatter => "线路乱码",
            Self::TerminalOffline => "终端离线",
            Self::Silent => "电表无应答",
            Self::Damaged => "应答错误",
            Self::WrongAddress => "地址不符",
            Self::Refused => "电表拒绝",
            Self::NoSuchData => "无此数据",
            Self::NotAuthorised => "未授权",
            Self::WrongForm => "格式不符",
            Self::NoValue => "无有效值",
            Self::NoFreeze => "无冻结数据",
            Self::Clock => "时钟超差",
            Self::Implausible => "数据不合理",
            Self::OutOfTime => "超时未抄",
            Self::Stopped => "人工停止",
            Self::NoPath => "无通信路径",
            Self::PointNotVerified => "测量点未核对",
            Self::TerminalSilent => "终端无应答",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn i19_every_cause_has_a_code_and_a_name_of_its_own() {
        coded::check::<MissingCause>(19);
        let names: std::collections::HashSet<_> =
            MissingCause::TABLE.iter().map(|(cause, ..)| cause.name_zh()).collect();
        assert_eq!(names.len(), MissingCause::TABLE.len());
    }
}
