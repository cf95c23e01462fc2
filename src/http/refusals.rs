//! What was refused at the door, in the audit log (T27): an account that tries what it may not, or asks for what is of another
//! region by its number, is seen, and fills nothing.
//!
//! Of the refusals of one account and kind in a minute the first few are entered, then every one whose number is twice the last:
//! the entry says how many there were.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Services;
use super::caller::Caller;
use super::problem::Problem;
use super::routes::{Route, Rule};
use crate::domain::access::{Account, Regions};
use crate::domain::{AuditEntry, Coded, Id, Moment};

/// Counts refusals by account, kind and minute.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<Counted>>);

/// The last minute of each account and kind, and how many there were in it.
type Counted = HashMap<(Id<Account>, &'static str), (i64, u32)>;

impl Refusals {
    /// Counts one; its number where it is to be entered.
    fn count(&self, of: (Id<Account>, &'static str), now: Moment) -> Option<u32> {
        let minute = now.micros().div_euclid(MINUTE_MICROS);
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MOST_KNOWN {
            counted.retain(|_, (last, _)| *last == minute);
        }
        let (last, count) = counted.entry(of).or_insert((minute, 0));
        if *last != minute {
            (*last, *count) = (minute, 0);
        }
        *count = count.saturating_add(1);
        let is_entered = *count <= FIRST || (*count % FIRST == 0 && (*count / FIRST).is_power_of_two());
        is_entered.then_some(*count)
    }
}

/// Enters that an account was refused, before anything was done. That the log cannot be written keeps no refusal back.
pub(super) async fn enter(services: &Services, caller: &Caller, route: &Route, problem: &Problem) {
    if ENTERED.contains(&problem.code) {
        note(services, caller, (route, None), (DOOR, problem.code)).await;
    }
}

/// Enters that an account asked for something by its number or name that is not there for it, where what there is depends on who
/// asks: it is bound to some areas or receivers (T16). What is nowhere at all is told and entered alike.
pub(super) async fn enter_hidden(services: &Services, caller: &Caller, route: &Route, path: &str) {
    let is_bound = caller.acting.regions != Regions::All || caller.account.sees_receivers().is_some();
    if is_bound && route.rule != Rule::Everybody && route.path.contains('{') {
        let path: String = path.chars().take(LONGEST_PATH).collect();
        note(services, caller, (route, Some(&path)), (NOT_THERE, NOT_THERE)).await;
    }
}

async fn note(
    services: &Services,
    caller: &Caller,
    (route, path): (&Route, Option<&str>),
    (kind, code): (&'static str, &'static str),
) {
    let (acting, now) = (&caller.acting, services.clock.now());
    let Some(count) = services.refusals.count((acting.account, kind), now) else { return };
    let object = format!("{} {}", route.method, route.path);
    let mut detail = serde_json::json!({ "role": acting.role.name(), "in_this_minute": count });
    if let (Some(path), Some(fields)) = (path, detail.as_object_mut()) {
        fields.insert("asked".to_owned(), path.into());
    }
    let entry = AuditEntry::by(acting, now, "request.refused", object)
        .ending(format!("refused: {code}"))
        .saying(detail.to_string());
    if let Err(error) = services.store.audit(&entry).await {
        tracing::warn!(kind = error.kind(), "a refusal could not be entered in the audit log: {error}");
    }
}

const MINUTE_MICROS: i64 = 60_000_000;
/// Of an account in a minute, so many are entered one by one.
const FIRST: u32 = 8;
/// Above so many accounts, those of other minutes are forgotten.
const MOST_KNOWN: usize = 10_000;
/// What tells of somebody who tries what they may not, or of somebody else who has their browser do it.
const ENTERED: &[&str] = &["not_allowed", "forged"];
/// These are counted together.
const DOOR: &str = "door";
/// What is of another region is told as what there is not.
const NOT_THERE: &str = "not_there";
/// So much of a path is entered.
const LONGEST_PATH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_refusals_few_are_entered_and_a_minute_begins_anew() {
        let refusals = Refusals::default();
        let now = Moment::from_micros(0);
        let one = (Id::new(1), NOT_THERE);
        let entered: Vec<u32> = (0..1000).filter_map(|_| refusals.count(one, now)).collect();
        assert_eq!(entered, [1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!(refusals.count((Id::new(2), NOT_THERE), now), Some(1), "another account");
        assert_eq!(refusals.count((Id::new(1), DOOR), now), Some(1), "another kind is not hidden behind it");
        assert_eq!(refusals.count(one, Moment::from_micros(MINUTE_MICROS)), Some(1));
    }
}
