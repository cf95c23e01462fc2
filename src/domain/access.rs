//! Who may do what: roles, rights, and the person behind an account.
//!
//! [`Role::may`] is the one table of rights; the routes of the interface, the commands and the supply orders all ask it.
//! A role is held by an account, an account belongs to a person, and it is persons that are compared where two are
//! needed (T17). How somebody shows who they are is left to `http`, keeping accounts to `store`.

use std::time::Duration;

use super::archive::TransformerArea;
use super::coded::Coded;
use super::id::Id;
use super::moment::Moment;

/// A human being, or a service of another company, whatever accounts they have.
#[derive(Debug)]
pub struct Person;

/// One way for a person to sign in, with one role.
#[derive(Debug)]
pub struct Account;

/// What an account is for (角色).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// 查看员: looks.
    Viewer,
    /// 值班员: reads meters, asks for cuts, restores supply.
    Operator,
    /// 审批人: the second person.
    Approver,
    /// 管理员: accounts, limits, configuration; no customers.
    Admin,
    /// 审计员: reads the audit log.
    Auditor,
    /// 营销系统: the billing service.
    Billing,
}

impl Coded for Role {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Viewer, 1, "viewer"),
        (Self::Operator, 2, "operator"),
        (Self::Approver, 3, "approver"),
        (Self::Admin, 4, "admin"),
        (Self::Auditor, 5, "auditor"),
        (Self::Billing, 6, "billing"),
    ];
}

/// For how long a password is good that somebody was given: long enough for a weekend, and no open door for who finds the note
/// a month later (T10).
pub const ONE_TIME_FOR: Duration = Duration::from_secs(3 * 86_400);

/// Something that not everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See runs, lines, meters and how they stand, without whose they are.
    SeeStatus,
    /// See reads, and who is supplied through which meter.
    SeeCustomers,
    /// See what was handed to billing.
    SeePushes,
    /// Offer a receiver of billing again what it refused.
    RetryPushes,
    /// Ask a meter now (召测).
    ReadOnDemand,
    /// Ask that supply be cut, or a supply hold be ended.
    RequestCut,
    /// Approve that, as another person.
    ApproveCut,
    /// Give supply back, or hold it (复电, 保电).
    Restore,
    /// Close a relay with nobody standing by, or sound the alarm (直接合闸, 报警).
    CloseDirectly,
    /// Stop all cuts at once.
    PressStop,
    /// Let cuts go on, with a second approver.
    LiftStop,
    /// Say what the rules need to know: arrears, notices given, identities checked.
    EnterEvidence,
    /// Say that somebody has paid.
    EnterPayments,
    /// Protect a point.
    AddProtection,
    /// Take a protection away, with a second approver.
    RemoveProtection,
    /// Set a clock, have a meter freeze.
    SetClock,
    /// Propose an exchange of a meter, a multiplier, protected data.
    ProposeMeterChange,
    /// Confirm that, as another person.
    ConfirmMeterChange,
    /// Bring the archive in by a file, which changes nothing that needs two persons.
    ImportArchive,
    /// Propose what becomes of a suspect read, or a manual one.
    ProposeReview,
    /// Confirm that, as another person.
    ConfirmReview,
    /// Acknowledge alarms.
    AcknowledgeAlarm,
    /// See and make accounts.
    ManageAccounts,
    /// Propose other limits and settings.
    ProposeLimits,
    /// Confirm them.
    ConfirmLimits,
    /// Replace passwords and keys of meters; nobody sees them.
    ReplaceSecrets,
    /// Ask that the passwords of meters be replaced in the meters by new ones.
    RotateSecrets,
    /// Approve that, as another person.
    ApproveRotation,
    /// Take a terminal in, or let it go.
    AdoptTerminal,
    /// Read, verify and export the audit log.
    ReadAudit,
    /// Say that it was looked into that the database has lost what it had kept.
    AcknowledgeLoss,
}

impl Action {
    /// Every action with its name and who may.
    const TABLE: &'static [(Self, &'static str, &'static [Role])] = {
        use Role::{Admin, Approver, Auditor, Billing, Operator, Viewer};
        &[
            (Self::SeeStatus, "see_status", &[Viewer, Operator, Approver, Admin, Auditor]),
            (Self::SeeCustomers, "see_customers", &[Viewer, Operator, Approver, Auditor]),
            (Self::SeePushes, "see_pushes", &[Viewer, Operator, Approver, Auditor, Billing]),
            (Self::RetryPushes, "retry_pushes", &[Operator, Approver]),
            (Self::ReadOnDemand, "read_on_demand", &[Operator, Approver]),
            (Self::RequestCut, "request_cut", &[Operator]),
            (Self::ApproveCut, "approve_cut", &[Approver]),
            (Self::Restore, "restore", &[Operator, Approver]),
            (Self::CloseDirectly, "close_directly", &[Operator, Approver]),
            (Self::PressStop, "press_stop", &[Operator, Approver, Admin, Auditor]),
            (Self::LiftStop, "lift_stop", &[Approver]),
            (Self::EnterEvidence, "enter_evidence", &[Operator]),
            (Self::EnterPayments, "enter_payments", &[Operator, Billing]),
            (Self::AddProtection, "add_protection", &[Operator, Approver]),
            (Self::RemoveProtection, "remove_protection", &[Approver]),
            (Self::SetClock, "set_clock", &[Operator, Approver]),
            (Self::ProposeMeterChange, "propose_meter_change", &[Operator]),
            (Self::ConfirmMeterChange, "confirm_meter_change", &[Approver]),
            (Self::ImportArchive, "import_archive", &[Operator]),
            (Self::ProposeReview, "propose_review", &[Operator]),
            (Self::ConfirmReview, "confirm_review", &[Approver]),
            (Self::AcknowledgeAlarm, "acknowledge_alarm", &[Operator, Approver]),
            (Self::ManageAccounts, "manage_accounts", &[Admin]),
            (Self::ProposeLimits, "propose_limits", &[Admin]),
            (Self::ConfirmLimits, "confirm_limits", &[Approver]),
            (Self::ReplaceSecrets, "replace_secrets", &[Admin]),
            (Self::RotateSecrets, "rotate_secrets", &[Admin]),
            (Self::ApproveRotation, "approve_rotation", &[Approver]),
            (Self::AdoptTerminal, "adopt_terminal", &[Operator, Admin]),
            (Self::ReadAudit, "read_audit", &[Auditor]),
            (Self::AcknowledgeLoss, "acknowledge_loss", &[Admin]),
        ]
    };

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(action, ..)| *action)
    }

    /// A short name from a closed set.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(action, ..)| *action == self).map_or("", |(_, name, _)| *name)
    }
}

impl Role {
    /// True when whoever has this role shows a second factor besides the password (T10).
    #[must_use]
    pub const fn needs_second_factor(self) -> bool {
        matches!(self, Self::Approver | Self::Admin)
    }

    /// True for the roles of which a person may hold one only, whatever accounts they have (T17).
    #[must_use]
    pub const fn excludes_others(self) -> bool {
        matches!(self, Self::Operator | Self::Approver | Self::Admin | Self::Auditor)
    }

    /// True when this role may do it. Whether a second person is needed is left to whoever does it.
    #[must_use]
    pub fn may(self, action: Action) -> bool {
        Action::TABLE.iter().any(|(listed, _, roles)| *listed == action && roles.contains(&self))
    }
}

/// Which part of the network somebody may see and act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// All of it, points without a transformer area among it.
    All,
    /// These transformer areas.
    Areas(Vec<Id<TransformerArea>>),
}

impl Regions {
    /// True when a point of this area is among them.
    #[must_use]
    pub fn hold(&self, area: Option<Id<TransformerArea>>) -> bool {
        match self {
            Self::All => true,
            Self::Areas(areas) => area.is_some_and(|area| areas.contains(&area)),
        }
    }
}

/// Somebody who does something, as far as rules need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// Who it is.
    pub person: Id<Person>,
    /// The account they use, which two of may belong to one person.
    pub account: Id<Account>,
    /// The name of the account.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Since when it has this role: too new a role approves nothing (T17).
    pub role_since: Moment,
    /// Where.
    pub regions: Regions,
    /// From where: an address of the network, or `command line`.
    pub source: String,
    /// The request of a program that this is done for, where it bears a key.
    pub request: Option<RequestKey>,
}

/// The key of a request that is done once, however often it comes (T18). It is kept with the audit entry of what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose it is: others may use the same for something else.
    pub account: Id<Account>,
    /// The key.
    pub key: String,
    /// The hash of what is asked for: with the same key it has to be the same.
    pub hash: String,
}

impl Acting {
    /// True when this role may do it.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        self.role.may(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;
    use std::collections::HashSet;

    #[test]
    fn roles_and_actions_have_their_own_names() {
        coded::check::<Role>(6);
        let names: HashSet<_> = Action::all().map(Action::name).collect();
        assert_eq!(names.len(), Action::all().count());
        assert!(!names.contains(""));
    }

    #[test]
    fn i10_nobody_may_both_ask_and_approve() {
        for (ask, approve) in [
            (Action::RequestCut, Action::ApproveCut),
            (Action::ProposeMeterChange, Action::ConfirmMeterChange),
            (Action::ProposeReview, Action::ConfirmReview),
            (Action::ProposeLimits, Action::ConfirmLimits),
            (Action::RotateSecrets, Action::ApproveRotation),
        ] {
            for (role, ..) in Role::TABLE {
                assert!(!(role.may(ask) && role.may(approve)), "{role:?} may {ask:?} and {approve:?}");
            }
        }
    }

    #[test]
    fn t32_an_administrator_cannot_cut_or_see_customers() {
        let not = [Action::SeeCustomers, Action::RequestCut, Action::ApproveCut, Action::ReadAudit];
        assert!(not.into_iter().all(|action| !Role::Admin.may(action)));
        assert!(not.into_iter().chain([Action::ManageAccounts]).all(|action| !Role::Billing.may(action)));
    }

    #[test]
    fn regions_hold_their_own_areas() {
        let areas = Regions::Areas(vec![Id::new(3)]);
        assert!(areas.hold(Some(Id::new(3))) && !areas.hold(Some(Id::new(4))) && !areas.hold(None));
        assert!(Regions::All.hold(None));
    }
}
