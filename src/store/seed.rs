//! What the code knows and the views need: items, and the names of stored codes.
//!
//! Written at every start, so that a new version brings its new items; what is there already must be the same, since
//! values were stored under it.

use std::collections::HashMap;

use super::alarm::{MessageState, Tells};
use super::billing::OutboxState;
use super::error::StoreError;
use super::secret::SecretKind;
use super::sql::{Kind, Rows, Table};
use super::supply::AttemptOutcome;
use super::transaction::Transaction;
use crate::domain::access::Role;
use crate::domain::proposal::ProposalState;
use crate::domain::rotation::{RotationState, RotationStep};
use crate::domain::supply::{
    CalendarKind, HaltKind, NoticeKind, Objection, OrderKind, OrderState, ProtectionKind, Reason,
};
use crate::domain::terminal_archive::SettingState;
use crate::domain::{
    AlarmKind, BillingKind, Coded, CustomerClass, Item, MeterProtocol, MissingCause, Parity, PointRole,
    Quality, ReadGroup, ReadState, RunKind, RunState, Severity, Source,
};

/// Adds what is missing, and refuses what differs.
pub(super) async fn seed(writing: &mut Transaction) -> Result<(), StoreError> {
    items(writing).await?;
    let held: Vec<(String, i64, String)> = writing.rows("SELECT list, code, name FROM coded", &[]).await?;
    let held: HashMap<(String, i64), String> =
        held.into_iter().map(|(list, code, name)| ((list, code), name)).collect();
    let mut rows = Rows::new(&CODED);
    let lists: Vec<(&str, Vec<(i64, &str)>)> = vec![
        ("quality", members::<Quality>()),
        ("source", members::<Source>()),
        ("cause", members::<MissingCause>()),
        ("class", members::<CustomerClass>()),
        ("role", members::<PointRole>()),
        ("protocol", members::<MeterProtocol>()),
        ("parity", members::<Parity>()),
        ("run_kind", members::<RunKind>()),
        ("run_state", members::<RunState>()),
        ("billing_kind", members::<BillingKind>()),
        ("outbox_state", members::<OutboxState>()),
        ("account_role", members::<Role>()),
        ("order_kind", members::<OrderKind>()),
        ("order_reason", members::<Reason>()),
        ("order_state", members::<OrderState>()),
        ("objection", members::<Objection>()),
        ("attempt_outcome", members::<AttemptOutcome>()),
        ("notice_kind", members::<NoticeKind>()),
        ("protection_kind", members::<ProtectionKind>()),
        ("calendar_kind", members::<CalendarKind>()),
        ("halt_kind", members::<HaltKind>()),
        ("proposal_state", members::<ProposalState>()),
        ("setting_state", members::<SettingState>()),
        ("alarm_kind", members::<AlarmKind>()),
        ("alarm_severity", members::<Severity>()),
        ("alarm_tells", members::<Tells>()),
        ("alarm_message_state", members::<MessageState>()),
        ("secret_kind", members::<SecretKind>()),
        ("rotation_state", members::<RotationState>()),
        ("rotation_step", members::<RotationStep>()),
        ("read_group", members::<ReadGroup>()),
        ("read_state", members::<ReadState>()),
    ];
    for (list, members) in &lists {
        for (code, name) in members {
            match held.get(&((*list).to_owned(), *code)) {
                None => rows.push([(*list).into(), (*code).into(), (*name).into()]),
                Some(held) if held == name => {}
                Some(held) => {
                    return Err(StoreError::Unknown {
                        list: "coded",
                        found: format!("{list} {code} {held}"),
                    });
                }
            }
        }
    }
    writing.insert(&CODED, &rows).await?;
    Ok(())
}

async fn items(writing: &mut Transaction) -> Result<(), StoreError> {
    let held: Vec<(i64, String, i64)> = writing.rows("SELECT id, code, decimals FROM item", &[]).await?;
    let held: HashMap<i64, (String, i64)> =
        held.into_iter().map(|(id, code, decimals)| (id, (code, decimals))).collect();
    let mut rows = Rows::new(&ITEM);
    for item in Item::all() {
        let (id, code, decimals) = (i64::from(item.key().number()), item.code().to_string(), item.decimals());
        match held.get(&id) {
            None => rows.push([
                id.into(),
                code.into(),
                i64::from(item.tariff()).into(),
                item.unit().into(),
                i64::from(decimals).into(),
                10_i64.pow(decimals.into()).into(),
                item.name_en().into(),
                item.name_zh().into(),
            ]),
            Some((held, places)) if *held == code && *places == i64::from(decimals) => {}
            Some((held, _)) => {
                return Err(StoreError::Unknown {
                    list: "item",
                    found: format!("{held} under the key {id}"),
                });
            }
        }
    }
    writing.insert(&ITEM, &rows).await?;
    Ok(())
}

fn members<T: Coded>() -> Vec<(i64, &'static str)> {
    T::TABLE.iter().map(|(_, code, name)| (*code, *name)).collect()
}

const CODED: Table = Table {
    name: "coded",
    columns: &[("list", Kind::Text), ("code", Kind::Int), ("name", Kind::Text)],
    on_conflict: "DO NOTHING",
};

const ITEM: Table = Table {
    name: "item",
    columns: &[
        ("id", Kind::Int),
        ("code", Kind::Text),
        ("tariff", Kind::Int),
        ("unit", Kind::Text),
        ("decimals", Kind::Int),
        ("one", Kind::Int),
        ("name_en", Kind::Text),
        ("name_zh", Kind::Text),
    ],
    on_conflict: "DO NOTHING",
};
