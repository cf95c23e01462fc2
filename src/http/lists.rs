//! Lists that the rules of cuts go by, as a station has them in a spreadsheet: the same CSV text that the commands import.
//!
//! A list is taken whole or not at all, and every fault is told with its line. A list of protected points that was not
//! taken keeps all cuts back until one is (F54).

use std::collections::HashMap;

use crate::archive::evidence::{self, unknown_in_lines};
use crate::archive::{Fault, Faults};
use crate::config::Words;
use crate::domain::Moment;
use crate::domain::access::{Action, Regions};
use crate::http::{Caller, Problem, ProblemReason, Services, Topic};
use crate::store::NumberedPoint;
use crate::store::supply::{
    ArrearsEntry, CalendarEntry, IdentityEntry, NoticeEntry, PaymentEntry, ProtectionEntry,
};

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// 欠费清单: who owes what; whoever is not on it owes nothing.
    Arrears,
    /// 缴费流水.
    Payments,
    /// 通知送达记录.
    Notices,
    /// 户表核对记录.
    Identities,
    /// 保护名单.
    Protections,
    /// 停电日历: days without cuts.
    Calendar,
}

impl List {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Arrears, Self::Payments, Self::Notices, Self::Identities, Self::Protections, Self::Calendar];

    /// As a form and the commands name it.
    #[must_use]
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Arrears => "arrears",
            Self::Payments => "payments",
            Self::Notices => "notices",
            Self::Identities => "identities",
            Self::Protections => "protections",
            Self::Calendar => "calendar",
        }
    }

    /// The list with this name.
    #[must_use]
    pub(super) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.key() == key)
    }

    /// What one must be allowed to, in order to hand it in.
    #[must_use]
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Arrears | Self::Notices | Self::Identities => Action::EnterEvidence,
            Self::Payments => Action::EnterPayments,
            Self::Protections | Self::Calendar => Action::AddProtection,
        }
    }

    /// True for a list that is one of all points or customers, and takes an account that sees all of them.
    #[must_use]
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Arrears | Self::Protections)
    }
}

/// Takes a list over; says how many entries it had.
///
/// # Errors
/// [`Problem`] with every fault of the list, or when this account may not.
pub(super) async fn take_over(
    services: &Services,
    caller: &Caller,
    list: List,
    text: &str,
) -> Result<usize, Problem> {
    if !caller.may(list.action()) || (list.is_whole() && caller.acting.regions != Regions::All) {
        return Err(Problem::not_allowed());
    }
    let taking = Taking { services, caller };
    let taken = match list {
        List::Arrears => taking.arrears(text.as_bytes()).await,
        List::Payments => taking.payments(text.as_bytes()).await,
        List::Notices => taking.notices(text.as_bytes()).await,
        List::Identities => taking.identities(text.as_bytes()).await,
        List::Protections => taking.protections(text.as_bytes()).await,
        List::Calendar => taking.calendar(text.as_bytes()).await,
    };
    if taken.is_err() && list == List::Protections {
        services.store.protections_failed(&caller.acting, services.clock.now()).await?;
    }
    taken
}

struct Taking<'a> {
    services: &'a Services,
    caller: &'a Caller,
}

impl Taking<'_> {
    async fn arrears(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_arrears(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        self.have_come(&rows, |row| vec![row.since, row.as_of])?;
        let customers = self.customers(rows.iter().map(|(_, row)| row.customer.as_str())).await?;
        let entries = entries(rows, |row| {
            let customer = customers.get(&row.customer).copied().ok_or(row.customer)?;
            Ok(ArrearsEntry { customer, since: row.since, amount_fen: row.amount_fen, as_of: row.as_of })
        })?;
        let Services { store, clock, .. } = self.services;
        store.enter_arrears(&self.caller.acting, &entries, clock.now()).await?;
        Ok(entries.len())
    }

    async fn payments(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_payments(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        self.have_come(&rows, |row| vec![row.paid_at])?;
        let customers = self.customers(rows.iter().map(|(_, row)| row.customer.as_str())).await?;
        let entries = entries(rows, |row| {
            let customer = customers.get(&row.customer).copied().ok_or(row.customer)?;
            Ok(PaymentEntry {
                customer,
                reference: row.reference,
                amount_fen: row.amount_fen,
                paid_at: row.paid_at,
            })
        })?;
        paid(self.services, self.caller, &entries).await?;
        Ok(entries.len())
    }

    async fn notices(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_notices(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        self.have_come(&rows, |row| vec![row.given_at])?;
        let points = self.points(rows.iter().map(|(_, row)| row.point.as_str())).await?;
        let entries = entries(rows, |row| {
            let point = points.get(&row.point).ok_or(row.point)?.point;
            Ok(NoticeEntry {
                point,
                kind: row.kind,
                given_at: row.given_at,
                how: row.how,
                given_by: row.given_by,
            })
        })?;
        let Services { store, clock, .. } = self.services;
        store.enter_notices(&self.caller.acting, &entries, clock.now()).await?;
        Ok(entries.len())
    }

    async fn identities(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_identities(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        self.have_come(&rows, |row| vec![row.verified_at])?;
        let points = self.points(rows.iter().map(|(_, row)| row.point.as_str())).await?;
        let Services { store, clock, .. } = self.services;
        let addresses: Vec<String> = rows.iter().map(|(_, row)| row.meter.to_string()).collect();
        let mut meters = store.meters_addressed(&addresses).await?.into_iter();
        let entries = entries(rows, |row| {
            let meter = meters.next().flatten().ok_or_else(|| row.meter.to_string())?;
            let point = points.get(&row.point).ok_or(row.point)?.point;
            Ok(IdentityEntry {
                point,
                meter,
                verified_at: row.verified_at,
                is_crossed: row.is_crossed,
                verified_by: row.verified_by,
            })
        })?;
        store.enter_identities(&self.caller.acting, &entries, clock.now()).await?;
        self.services.judge_cuts_again();
        Ok(entries.len())
    }

    async fn protections(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_protections(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        let points = self.points(rows.iter().map(|(_, row)| row.point.as_str())).await?;
        let entries = entries(rows, |row| {
            let point = points.get(&row.point).ok_or(row.point)?.point;
            Ok(ProtectionEntry { point, kind: row.kind, reason: row.reason, until: row.until })
        })?;
        let Services { store, clock, .. } = self.services;
        store.load_protections(&self.caller.acting, &entries, clock.now()).await?;
        self.services.judge_cuts_again();
        Ok(entries.len())
    }

    async fn calendar(&self, bytes: &[u8]) -> Result<usize, Problem> {
        let rows = evidence::read_calendar(bytes, None).map_err(|faults| faulty(&faults))?.rows;
        let Services { store, clock, .. } = self.services;
        let names = store.names_of_areas().await?;
        let regions = &self.caller.acting.regions;
        let entries = entries(rows, |row| {
            let called =
                |name: &String| names.iter().find(|(_, known)| *known == name).map(|(area, _)| *area);
            let area = match &row.area {
                Some(name) => Some(called(name).ok_or_else(|| name.clone())?),
                None => None,
            };
            if !regions.hold(area) {
                return Err(row.area.unwrap_or_else(|| row.day.to_string()));
            }
            Ok(CalendarEntry { day: row.day, area, kind: row.kind })
        })?;
        store.enter_calendar(&self.caller.acting, &entries, clock.now()).await?;
        self.services.judge_cuts_again();
        Ok(entries.len())
    }

    /// Refuses a list that tells of times that have not come, with every line.
    fn have_come<T>(&self, rows: &[(u64, T)], times: impl Fn(&T) -> Vec<Moment>) -> Result<(), Problem> {
        let now = self.services.clock.now();
        evidence::all_have_come(rows, now, times).map_err(|faults| faulty(&faults))
    }

    async fn points<'n>(
        &self,
        numbers: impl Iterator<Item = &'n str>,
    ) -> Result<HashMap<String, NumberedPoint>, Problem> {
        let numbers: Vec<&str> = numbers.collect();
        Ok(self.services.store.numbered_points(&numbers, &self.caller.acting.regions).await?)
    }

    async fn customers<'n>(
        &self,
        numbers: impl Iterator<Item = &'n str>,
    ) -> Result<HashMap<String, crate::domain::Id<crate::domain::Customer>>, Problem> {
        let numbers: Vec<&str> = numbers.collect();
        Ok(self.services.store.numbered_customers(&numbers, &self.caller.acting.regions).await?)
    }
}

/// Enters payments, and tells whoever watches when cuts were taken back by them; says how many points were.
pub(super) async fn paid(
    services: &Services,
    caller: &Caller,
    payments: &[PaymentEntry],
) -> Result<usize, Problem> {
    // A payment protects its customer also where this process carries no orders out.
    let taken_back = match &services.supply {
        Some(supply) => supply.enter_payments(&caller.acting, payments).await?,
        None => {
            services.store.enter_payments(&caller.acting, payments, services.clock.now()).await?.taken_back
        }
    };
    if taken_back > 0 {
        services.changes.tell(Topic::Order);
    }
    Ok(taken_back)
}

/// What each line says, or the lines that name what is not there.
fn entries<R, E>(
    rows: Vec<(u64, R)>,
    mut entry: impl FnMut(R) -> Result<E, String>,
) -> Result<Vec<E>, Problem> {
    let (mut found, mut unknown) = (Vec::with_capacity(rows.len()), Vec::new());
    for (line, row) in rows {
        match entry(row) {
            Ok(entry) => found.push(entry),
            Err(name) => unknown.push((line, name)),
        }
    }
    if unknown.is_empty() { Ok(found) } else { Err(faulty(&unknown_in_lines(unknown))) }
}

/// A list that was not taken, with the first of its faults.
pub(super) fn faulty(faults: &Faults) -> Problem {
    let reasons = faults.iter().take(MOST_TOLD).map(reason).collect();
    let count = faults.count();
    let en = format!("the list has {count} faults, and nothing of it was taken");
    Problem::unacceptable("list_faulty", &en, &format!("清单有 {count} 处错误，未做任何更改"))
        .because(reasons)
}

fn reason(fault: &Fault) -> ProblemReason {
    let place = [
        fault.line.map(|line| line.to_string()),
        fault.column.clone(),
        fault.found.as_ref().map(|found| format!("= {found}")),
    ];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let Words { en, zh } = fault.kind.words();
    ProblemReason {
        code: fault.kind().replace(' ', "_"),
        of: Some(place).filter(|place| !place.is_empty()),
        detail: en,
        detail_zh: zh,
    }
}

/// How many faults are told at once.
const MOST_TOLD: usize = 20;

/// The most bytes of a form with a list in it.
pub(super) const LARGE: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_its_name_and_its_right() {
        for list in List::ALL {
            assert_eq!(List::of_key(list.key()), Some(list));
        }
        assert_eq!(List::of_key("meters"), None);
        assert!(List::Protections.is_whole() && !List::Payments.is_whole());
    }

    #[test]
    fn a_fault_is_told_with_its_line_and_what_stands_there() {
        let faults = evidence::read_payments(
            "户号,缴费流水号,缴费金额,缴费时间\n1,N1,-1,2026-11-21\n".as_bytes(),
            None,
        );
        let problem = faulty(&faults.unwrap_err());
        assert_eq!(problem.reasons.len(), 1);
        assert!(
            problem.reasons[0].of.as_ref().unwrap().starts_with("2 amount (缴费金额) = -1"),
            "{problem:?}"
        );
        assert!(!problem.reasons[0].detail_zh.is_ascii() && problem.words.zh.contains('1'));
    }
}
