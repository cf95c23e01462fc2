//! What the single rights of an account are called on pages.

use super::words::{Language, Phrase};
use crate::domain::access::Action;

/// What a right is called.
#[must_use]
pub(super) const fn name(action: Action) -> Phrase {
    match action {
        Action::SeeStatus => Phrase::new("查看运行状态", "see how things stand"),
        Action::SeeCustomers => Phrase::new("查看用户及其数据", "see customers and their values"),
        Action::SeePushes => Phrase::new("查看计费数据", "see billing values"),
        Action::RetryPushes => Phrase::new("重推计费数据", "hand billing values over again"),
        Action::ReadOnDemand => Phrase::new("召测、补抄", "read meters on demand"),
        Action::RequestCut => Phrase::new("申请停电", "ask for cuts"),
        Action::ApproveCut => Phrase::new("审批停电", "approve cuts"),
        Action::Restore => Phrase::new("复电、保电", "restore and hold supply"),
        Action::CloseDirectly => Phrase::new("直接合闸", "close relays directly"),
        Action::PressStop => Phrase::new("急停", "press STOP"),
        Action::LiftStop => Phrase::new("解除急停", "lift STOP"),
        Action::EnterEvidence => Phrase::new("登记停电依据", "enter evidence for cuts"),
        Action::EnterPayments => Phrase::new("登记缴费", "enter payments"),
        Action::AddProtection => Phrase::new("录入保护", "add protections"),
        Action::RemoveProtection => Phrase::new("解除保护", "end protections"),
        Action::SetClock => Phrase::new("终端、电能表对时", "set clocks of terminals and meters"),
        Action::ProposeMeterChange => Phrase::new("提出换表等变更", "propose changes of meters"),
        Action::ConfirmMeterChange => Phrase::new("确认换表等变更", "confirm changes of meters"),
        Action::ImportArchive => Phrase::new("导入档案", "import the archive"),
        Action::ProposeReview => Phrase::new("提出复核意见", "propose what becomes of suspect values"),
        Action::ConfirmReview => Phrase::new("确认复核意见", "confirm what becomes of suspect values"),
        Action::AcknowledgeAlarm => Phrase::new("确认告警", "acknowledge alarms"),
        Action::ManageAccounts => Phrase::new("管理账号", "manage accounts"),
        Action::ProposeLimits => Phrase::new("提出停电条件", "propose terms of cuts"),
        Action::ConfirmLimits => Phrase::new("确认停电条件、角色", "confirm terms of cuts, and roles"),
        Action::ReplaceSecrets => Phrase::new("录入电表密码", "enter passwords of meters"),
        Action::RotateSecrets => Phrase::new("申请密码轮换", "ask for new passwords of meters"),
        Action::ApproveRotation => Phrase::new("审批密码轮换", "approve new passwords of meters"),
        Action::AdoptTerminal => Phrase::new("接入终端", "take terminals in"),
        Action::ReadAudit => Phrase::new("查看审计日志", "read the audit log"),
        Action::AcknowledgeLoss => Phrase::new("处理数据库缺失", "see to what the database has lost"),
    }
}

/// What several are called, one behind the other.
#[must_use]
pub(super) fn names(actions: &[Action], language: Language) -> String {
    let names: Vec<&str> = actions.iter().map(|action| name(*action).of(language)).collect();
    names.join(language.of("、", ", "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_right_has_a_name_of_its_own_in_both_languages() {
        for language in [Language::Chinese, Language::English] {
            let names: HashSet<&str> = Action::all().map(|action| name(action).of(language)).collect();
            assert_eq!(names.len(), Action::all().count());
            assert_eq!(names.iter().all(|name| name.is_ascii()), language == Language::English);
        }
    }
}
