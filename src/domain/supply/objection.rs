//! What can stand against an order, in words for people.

use crate::domain::Coded;

/// One thing that stands against an order or one of its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table says in words what each one is")]
pub enum Objection {
    NoRight,
    OtherRegion,
    NoPoints,
    TooManyPoints,
    RepeatedPoint,
    ReasonDoesNotFit,
    BadWindow,
    EmergencyOnePoint,
    TextMissing,
    SafetyNoteMissing,
    NotApproved,
    SecondApproverMissing,
    OwnOrder,
    ApprovedBefore,
    RoleTooNew,
    ApproverGone,
    OrderChanged,
    WindowPassed,
    WindowNotBegun,
    Stopped,
    ClockDoubted,
    DatabaseRestored,
    StoppedItself,
    NoProtectionList,
    NoCutDay,
    OverOrderCeiling,
    OverHourCeiling,
    OverDayCeiling,
    OverAreaCeiling,
    OverTotalCeiling,
    NotThere,
    MapChanged,
    Protected,
    NoticeMissing,
    NoticeTooYoung,
    NoticeTooOld,
    SecondNoticeMissing,
    SecondNoticeTooYoung,
    SecondNoticeTooOld,
    NoArrears,
    ArrearsTooYoung,
    NoReminder,
    Paid,
    IdentityMissing,
    IdentityTooOld,
    CrossedWiring,
    ReadTooOld,
    OtherOrderOpen,
    RestoredSince,
    NoAttemptLeft,
    NotCuttable,
    NotOrderable,
    AddressDiffers,
    AssetDiffers,
    MeterClockOff,
    OpenAlready,
    HeldByMeter,
    WrongState,
    MeterSilent,
    VersionsDiffer,
    DatabaseBehind,
    TakenBack,
    ExcessNotShown,
}

/// An objection, its code, its name, and its words in English and in Chinese.
type Row = (Objection, i64, &'static str, &'static str, &'static str);

impl Objection {
    #[rustfmt::skip]
    const WORDS: &'static [Row] = &[
        (Self::NoRight, 1, "no_right", "this role may not do it", "该角色无此权限"),
        (Self::OtherRegion, 2, "other_region", "the point is outside your region", "计量点不在您的管辖区域内"),
        (Self::NoPoints, 3, "no_points", "an order needs at least one point", "工单至少要有一个计量点"),
        (Self::TooManyPoints, 4, "too_many_points", "more points than an order of this kind may have", "计量点数超过该类工单的上限"),
        (Self::RepeatedPoint, 5, "repeated_point", "a point is named twice", "计量点重复"),
        (Self::ReasonDoesNotFit, 6, "reason_does_not_fit", "this is no reason for this kind of order", "原因与工单类型不符"),
        (Self::BadWindow, 7, "bad_window", "the window must end after it begins, lie ahead and be a week long at most", "执行时段须先起后止、尚未过去且不超过七天"),
        (Self::EmergencyOnePoint, 8, "emergency_one_point", "an emergency order is for one point", "紧急停电每单只能一个计量点"),
        (Self::TextMissing, 9, "text_missing", "the reason must be told in words", "须用文字说明原因"),
        (Self::SafetyNoteMissing, 10, "safety_note_missing", "closing directly needs a safety note in words: who has made sure that nobody is endangered", "直接合闸须填写安全说明：由谁确认现场安全"),
        (Self::NotApproved, 11, "not_approved", "it is not approved", "未经审批"),
        (Self::SecondApproverMissing, 12, "second_approver_missing", "a second approver is needed", "还需第二位审批人"),
        (Self::OwnOrder, 13, "own_order", "whoever asked for it, or changed it, does not approve it, under whatever account", "申请人本人（无论用哪个账号）不得审批"),
        (Self::ApprovedBefore, 14, "approved_before", "this person has approved it already", "此人已审批过"),
        (Self::RoleTooNew, 15, "role_too_new", "the role was given less than 24 hours ago", "审批角色授予不足 24 小时"),
        (Self::ApproverGone, 16, "approver_gone", "the approver's account is disabled or has another role now", "审批人账号已停用或角色已变更"),
        (Self::OrderChanged, 17, "order_changed", "the order is not the one that was approved", "工单内容与审批时不一致"),
        (Self::WindowPassed, 18, "window_passed", "its window has passed", "已过执行时段"),
        (Self::WindowNotBegun, 19, "window_not_begun", "its window has not begun", "未到执行时段"),
        (Self::Stopped, 20, "stopped", "STOP is pressed: no cuts until two approvers lift it", "已按下“停止一切停电”，须两位审批人解除"),
        (Self::ClockDoubted, 21, "clock_doubted", "the clock of this machine has jumped: no cuts until an approver confirms it", "主站时钟发生跳变，须审批人确认后方可停电"),
        (Self::DatabaseRestored, 22, "database_restored", "the database came from a backup: cuts need to be approved anew", "数据库由备份恢复，停电须重新审批"),
        (Self::StoppedItself, 23, "stopped_itself", "the batch has stopped itself: too many results are not as expected", "结果异常过多，本批已自动停止"),
        (Self::NoProtectionList, 24, "no_protection_list", "no list of protected points is loaded: nobody is cut", "未装入保护名单，一律不得停电"),
        (Self::NoCutDay, 25, "no_cut_day", "the calendar allows no cuts on this day", "日历规定当日不得停电"),
        (Self::OverOrderCeiling, 26, "over_order_ceiling", "above the ceiling for one order", "超过单张工单上限"),
        (Self::OverHourCeiling, 27, "over_hour_ceiling", "above the ceiling for an hour", "超过每小时停电上限"),
        (Self::OverDayCeiling, 28, "over_day_ceiling", "above the ceiling for a day", "超过每日停电上限"),
        (Self::OverAreaCeiling, 29, "over_area_ceiling", "above the ceiling for a transformer area", "超过单个台区停电上限"),
        (Self::OverTotalCeiling, 30, "over_total_ceiling", "above the ceiling for the share of all points", "超过全部计量点停电比例上限"),
        (Self::NotThere, 31, "not_there", "there is no such point with a meter", "没有此计量点或其未装表"),
        (Self::MapChanged, 32, "map_changed", "the point has another meter or customer than when it was ordered", "计量点的电能表或用户自下单后已变更"),
        (Self::Protected, 33, "protected", "the point is protected", "该计量点受保护，不得停电"),
        (Self::NoticeMissing, 34, "notice_missing", "no notice of the cut was given", "未送达停电通知"),
        (Self::NoticeTooYoung, 35, "notice_too_young", "the notice of the cut is too recent", "停电通知距停电不足规定天数"),
        (Self::NoticeTooOld, 36, "notice_too_old", "the notice of the cut is too old", "停电通知已超过有效天数"),
        (Self::SecondNoticeMissing, 37, "second_notice_missing", "the second notice was not given", "停电前未再次通知"),
        (Self::SecondNoticeTooYoung, 38, "second_notice_too_young", "the second notice is too recent", "再次通知距停电不足规定时间"),
        (Self::SecondNoticeTooOld, 39, "second_notice_too_old", "the second notice is too old", "再次通知已超过有效时间"),
        (Self::NoArrears, 40, "no_arrears", "the customer is not in arrears", "用户没有欠费"),
        (Self::ArrearsTooYoung, 41, "arrears_too_young", "the customer is not in arrears for long enough", "欠费时间不足"),
        (Self::NoReminder, 42, "no_reminder", "the customer was not reminded to pay", "未催缴"),
        (Self::Paid, 43, "paid", "the customer has paid since", "用户此后已缴费"),
        (Self::IdentityMissing, 44, "identity_missing", "it was never checked that this meter is the one of this household", "未核对过户表关系"),
        (Self::IdentityTooOld, 45, "identity_too_old", "the check that this meter is the one of this household is too old, or of another meter", "户表核对已过期或核对的不是此表"),
        (Self::CrossedWiring, 46, "crossed_wiring", "the wiring was found to be crossed with another household", "存在串户标记"),
        (Self::ReadTooOld, 47, "read_too_old", "the meter was not read lately", "近期没有抄到此表"),
        (Self::OtherOrderOpen, 48, "other_order_open", "another order for this point is open", "该计量点另有未完成的工单"),
        (Self::RestoredSince, 49, "restored_since", "supply was given back after this was ordered", "下单后已有复电工单"),
        (Self::NoAttemptLeft, 50, "no_attempt_left", "it was tried as often as one approval allows", "本次审批允许的执行次数已用完"),
        (Self::NotCuttable, 51, "not_cuttable", "this meter cannot be cut from here", "此表不能由主站停电"),
        (Self::NotOrderable, 52, "not_orderable", "this meter cannot be given orders from here", "此表不能由主站控制"),
        (Self::AddressDiffers, 53, "address_differs", "another meter has answered", "应答的不是此表地址"),
        (Self::AssetDiffers, 54, "asset_differs", "the meter has another asset number than the archive says", "表内资产编号与档案不符"),
        (Self::MeterClockOff, 55, "meter_clock_off", "the clock of the meter is off by more than five minutes", "电能表时钟偏差超过五分钟"),
        (Self::OpenAlready, 56, "open_already", "supply is cut already", "已处于断开状态"),
        (Self::HeldByMeter, 57, "held_by_meter", "the meter is under a supply hold and does not cut", "电能表处于保电状态"),
        (Self::WrongState, 58, "wrong_state", "the order is not at this step", "工单不在此步骤"),
        (Self::MeterSilent, 59, "meter_silent", "the meter did not answer what it is asked before an order", "下发前查询电能表无应答"),
        (Self::VersionsDiffer, 60, "versions_differ", "another version of the program has changed the database: no cuts until this one is replaced", "数据库已被其他版本升级，更换本程序前不得停电"),
        (Self::DatabaseBehind, 61, "database_behind", "the database has lost what it had kept: no cuts until an administrator has looked into it", "数据库缺失已提交的记录，须管理员核对确认后方可停电"),
        (Self::TakenBack, 62, "taken_back", "the order was taken back", "工单已取消"),
        (Self::ExcessNotShown, 63, "excess_not_shown", "it is above a ceiling by more than was shown: look at it as it stands now, and approve it anew", "超上限情况未曾显示或已比审阅时更大，请按现状重新审阅后再审批"),
    ];
}

impl Coded for Objection {
    const TABLE: &'static [(Self, i64, &'static str)] = &Self::codes();
}

impl Objection {
    /// How many there are.
    const COUNT: usize = Self::WORDS.len();

    #[expect(clippy::indexing_slicing, reason = "both have as many rows, and the compiler runs it")]
    const fn codes() -> [(Self, i64, &'static str); Self::COUNT] {
        let mut codes = [(Self::NoRight, 0, ""); Self::COUNT];
        let mut row = 0;
        while row < Self::COUNT {
            codes[row] = (Self::WORDS[row].0, Self::WORDS[row].1, Self::WORDS[row].2);
            row += 1;
        }
        codes
    }

    /// True for what no waiting takes away: the point is taken out of the order.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::NotThere
                | Self::MapChanged
                | Self::Protected
                | Self::NoArrears
                | Self::Paid
                | Self::CrossedWiring
                | Self::RestoredSince
                | Self::NoAttemptLeft
                | Self::NotCuttable
                | Self::AddressDiffers
                | Self::AssetDiffers
                | Self::OpenAlready
                | Self::TakenBack
        )
    }

    /// True for a ceiling: the whole order waits for two to let it pass (F51).
    #[must_use]
    pub const fn is_ceiling(self) -> bool {
        matches!(
            self,
            Self::OverOrderCeiling
                | Self::OverHourCeiling
                | Self::OverDayCeiling
                | Self::OverAreaCeiling
                | Self::OverTotalCeiling
        )
    }

    /// True for what only another approval takes away.
    #[must_use]
    pub const fn needs_approval(self) -> bool {
        matches!(
            self,
            Self::NotApproved
                | Self::SecondApproverMissing
                | Self::OwnOrder
                | Self::RoleTooNew
                | Self::ApproverGone
                | Self::OrderChanged
        )
    }

    /// In English.
    #[must_use]
    pub fn en(self) -> &'static str {
        Self::WORDS.iter().find(|row| row.0 == self).map_or("", |row| row.3)
    }

    /// In Chinese.
    #[must_use]
    pub fn zh(self) -> &'static str {
        Self::WORDS.iter().find(|row| row.0 == self).map_or("", |row| row.4)
    }
}

/// The names of objections, one behind the other, as they are kept.
#[must_use]
pub fn words_of(objections: &[Objection]) -> String {
    objections.iter().map(|objection| objection.name()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn every_objection_has_its_own_words_in_both_languages() {
        coded::check::<Objection>(63);
        let en: std::collections::HashSet<_> = Objection::WORDS.iter().map(|row| row.3).collect();
        let zh: std::collections::HashSet<_> = Objection::WORDS.iter().map(|row| row.4).collect();
        assert_eq!((en.len(), zh.len()), (63, 63));
        for (objection, ..) in Objection::TABLE {
            assert!(!objection.en().is_empty() && !objection.zh().is_ascii());
        }
        assert_eq!(words_of(&[Objection::Paid, Objection::Stopped]), "paid stopped");
    }
}
