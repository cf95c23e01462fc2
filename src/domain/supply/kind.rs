//! What is ordered, and why.

use crate::domain::Coded;
use crate::domain::access::Action;

/// What is ordered of a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// 停电: the relay opens.
    Cut,
    /// 合闸允许: the customer may close it, by the key of the meter. The usual way to give supply back (F49).
    ClosePermit,
    /// 直接合闸: the relay closes with nobody standing by.
    DirectClose,
    /// 报警: the alarm sounds.
    AlarmOn,
    /// 报警解除: it stops.
    AlarmOff,
    /// 保电: the meter keeps supply whatever it is told.
    HoldOn,
    /// 保电解除: the meter may cut again, at once where it has reason to.
    HoldOff,
}

impl Coded for OrderKind {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Cut, 1, "cut"),
        (Self::ClosePermit, 2, "close_permit"),
        (Self::DirectClose, 3, "direct_close"),
        (Self::AlarmOn, 4, "alarm_on"),
        (Self::AlarmOff, 5, "alarm_off"),
        (Self::HoldOn, 6, "hold_on"),
        (Self::HoldOff, 7, "hold_off"),
    ];
}

impl OrderKind {
    /// True for what takes supply away or lets a meter do so: two persons, ceilings, STOP.
    #[must_use]
    pub const fn is_cut_class(self) -> bool {
        matches!(self, Self::Cut | Self::HoldOff)
    }

    /// True for what gives supply back: it waits for nobody (F48).
    #[must_use]
    pub const fn is_restore(self) -> bool {
        matches!(self, Self::ClosePermit | Self::DirectClose)
    }

    /// True for what is sent again until it is in force or a crew takes over: giving supply back, and holding it.
    #[must_use]
    pub const fn is_repeated(self) -> bool {
        matches!(self, Self::ClosePermit | Self::DirectClose | Self::HoldOn)
    }

    /// The right that asking for it takes.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Cut | Self::HoldOff => Action::RequestCut,
            Self::ClosePermit | Self::HoldOn => Action::Restore,
            Self::DirectClose | Self::AlarmOn | Self::AlarmOff => Action::CloseDirectly,
        }
    }

    /// How many points such an order may have.
    #[must_use]
    pub const fn most_points(self) -> usize {
        match self {
            Self::ClosePermit | Self::DirectClose | Self::HoldOn => 10_000,
            _ => 50,
        }
    }

    /// True when a meter has a bit that shows whether it was done.
    #[must_use]
    pub const fn is_shown(self) -> bool {
        !matches!(self, Self::AlarmOn | Self::AlarmOff)
    }

    /// Its name in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Cut => "停电",
            Self::ClosePermit => "合闸允许",
            Self::DirectClose => "直接合闸",
            Self::AlarmOn => "报警",
            Self::AlarmOff => "报警解除",
            Self::HoldOn => "保电",
            Self::HoldOff => "保电解除",
        }
    }
}

/// Why it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// 欠费: the customer has not paid.
    Arrears,
    /// 用户申请: the customer asks for it.
    Request,
    /// 危及人身安全: danger to life.
    Danger,
    /// 窃电查实: theft that is confirmed.
    Theft,
    /// 欠费结清: the customer has paid.
    Settled,
    /// 停电原因消除: another cause of a cut has ended.
    CauseGone,
    /// 误停更正: it was cut by mistake.
    Mistake,
    /// 保电任务: supply must not fail.
    Protection,
    /// 保电任务结束: it may again.
    ProtectionOver,
    /// 其他: as its text says.
    Other,
}

impl Coded for Reason {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Arrears, 1, "arrears"),
        (Self::Request, 2, "request"),
        (Self::Danger, 3, "danger"),
        (Self::Theft, 4, "theft"),
        (Self::Settled, 5, "settled"),
        (Self::CauseGone, 6, "cause_gone"),
        (Self::Mistake, 7, "mistake"),
        (Self::Protection, 8, "protection"),
        (Self::ProtectionOver, 9, "protection_over"),
        (Self::Other, 10, "other"),
    ];
}

impl Reason {
    /// True where a cut cannot wait for notices: two approvers, one point, words of its own, a report within a day.
    #[must_use]
    pub const fn is_emergency(self) -> bool {
        matches!(self, Self::Danger | Self::Theft)
    }

    /// True when it is a reason for this kind of order.
    #[must_use]
    pub const fn fits(self, kind: OrderKind) -> bool {
        match kind {
            OrderKind::Cut => matches!(self, Self::Arrears | Self::Request | Self::Danger | Self::Theft),
            OrderKind::HoldOff => matches!(self, Self::ProtectionOver),
            OrderKind::HoldOn => matches!(self, Self::Protection | Self::Request | Self::Other),
            OrderKind::ClosePermit | OrderKind::DirectClose => {
                matches!(self, Self::Settled | Self::CauseGone | Self::Mistake | Self::Request | Self::Other)
            }
            OrderKind::AlarmOn | OrderKind::AlarmOff => {
                matches!(self, Self::Arrears | Self::Settled | Self::Request | Self::Other)
            }
        }
    }

    /// Its name in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Arrears => "欠费",
            Self::Request => "用户申请",
            Self::Danger => "危及人身安全",
            Self::Theft => "窃电查实",
            Self::Settled => "欠费结清",
            Self::CauseGone => "停电原因消除",
            Self::Mistake => "误停更正",
            Self::Protection => "保电任务",
            Self::ProtectionOver => "保电任务结束",
            Self::Other => "其他",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::domain::coded;

    #[test]
    fn f49_closing_directly_is_another_kind_than_allowing_it_with_its_own_right() {
        coded::check::<OrderKind>(7);
        coded::check::<Reason>(10);
        assert_ne!(OrderKind::DirectClose.action(), OrderKind::ClosePermit.action());
        assert_ne!(OrderKind::DirectClose.name(), OrderKind::ClosePermit.name());
    }

    #[test]
    fn f50_ending_a_hold_is_of_the_class_of_cuts_and_setting_one_is_not() {
        let cut_class: Vec<_> = OrderKind::TABLE.iter().filter(|(kind, ..)| kind.is_cut_class()).collect();
        assert_eq!(cut_class.len(), 2);
        assert!(OrderKind::HoldOff.is_cut_class() && !OrderKind::HoldOn.is_cut_class());
        assert_eq!(OrderKind::HoldOn.most_points(), 10_000);
        assert!(OrderKind::TABLE.iter().all(|(kind, ..)| !kind.is_restore() || kind.most_points() == 10_000));
        for (kind, ..) in OrderKind::TABLE {
            assert!(!(kind.is_cut_class() && kind.is_restore()));
            if kind.is_cut_class() {
                assert!(!Role::Approver.may(kind.action()), "who approves {kind:?} does not ask for it");
            }
            assert!(Reason::TABLE.iter().any(|(reason, ..)| reason.fits(*kind)), "{kind:?} has a reason");
        }
    }
}
