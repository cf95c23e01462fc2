//! `chaobiao orders`: supply orders on the machine itself, with the rules of the console.
//!
//! Whoever asks for a cut is one of two persons, so they say who they are by account and password. What takes a second
//! factor, approving and lifting STOP among it, is for the console only; pressing STOP takes nothing but the machine.

mod ask;
mod import;
mod show;
mod site;

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::database::{Place, store_error};
use super::who::{Who, at_the_machine};
use super::{CliError, talk, write_json};
use crate::domain::access::Regions;
use crate::domain::supply::{HaltKind, OrderKind, OrderState, SupplyOrder};
use crate::domain::{Coded, Id};
use crate::store::AuditFilter;
use crate::store::supply::OrderFilter;
use site::{Site, refused};

/// Supply orders: see them, ask for cuts, give supply back, stop all cuts, bring in what the rules go by
#[derive(Debug, Args)]
pub(super) struct OrdersCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List orders, the newest first
    List(List),
    /// Show an order with its points, approvals and attempts
    Show(Named),
    /// Ask for points to be cut, within a window; another person approves it in the console
    Cut(ask::Cut),
    /// Give supply back: the customer may close by the key (合闸允许)
    #[command(visible_alias = "allow-close")]
    Restore(ask::Points),
    /// Give supply back by closing the relay, with nobody standing by (直接合闸)
    DirectClose(ask::DirectClose),
    /// Sound the alarm of meters, or end it (报警, 报警解除)
    Alarm(ask::Alarm),
    /// Hold supply: the meters keep it whatever they are told
    Hold(ask::Points),
    /// Ask for a supply hold to end, within a window; another person approves it in the console (保电解除)
    EndHold(ask::EndHold),
    /// Take back all of an order that was not sent
    Cancel(Change),
    /// Stop all cuts at once; two approvers lift it in the console
    Stop(Stop),
    /// Bring in a list that the rules go by
    Import(import::Import),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Only orders in this state, such as submitted or unknown
    #[arg(long, value_parser = state)]
    state: Option<OrderState>,
    /// How many
    #[arg(long, default_value_t = 50)]
    most: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Named {
    /// The number of the order
    order: i64,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Change {
    /// The number of the order
    order: i64,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Stop {
    /// Why, in words
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What became of an order, as JSON.
#[derive(Serialize)]
struct Changed {
    id: String,
    state: &'static str,
    state_zh: &'static str,
}

/// What keeps all cuts back, as JSON.
#[derive(Serialize)]
struct Stopped {
    is_stopped: bool,
    kind: &'static str,
    since: String,
    by: String,
    reason: String,
}

impl OrdersCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::List(list) => list.run(out).await,
            What::Show(named) => named.run(out).await,
            What::Cut(cut) => cut.run(out).await,
            What::Restore(points) => points.run(out, OrderKind::ClosePermit).await,
            What::DirectClose(close) => close.run(out).await,
            What::Alarm(alarm) => alarm.run(out).await,
            What::Hold(points) => points.run(out, OrderKind::HoldOn).await,
            What::EndHold(end) => end.run(out).await,
            What::Cancel(change) => change.run(out).await,
            What::Stop(stop) => stop.run(out).await,
            What::Import(import) => import.run(out).await,
        }
    }
}

impl List {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let filter = OrderFilter { state: self.state, point: None };
        let orders = site.store.supply_orders(&filter, &Regions::All, i64::MAX, self.most).await;
        let orders = orders.map_err(|error| store_error(&error))?;
        let halts = site.store.halts().await.map_err(|error| store_error(&error))?;
        site.close().await;
        show::list(out, &orders, self.json)?;
        for halt in halts {
            talk(&format!(
                "cuts are kept back ({}) since {}  停电已被禁止",
                halt.kind.name(),
                halt.since.in_china()
            ));
        }
        Ok(())
    }
}

impl Named {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let view = site.store.supply_order(Id::new(self.order), &Regions::All).await;
        let of_order = AuditFilter { order: Some(self.order), actor: None, action: None };
        let steps = site.store.audit_before(&of_order, i64::MAX, MOST_STEPS).await;
        let view = view.map_err(|error| store_error(&error))?;
        let over = match &view {
            Some(view) => site.store.excess_of(view, site.ceilings, site.clock.now()).await,
            None => Ok(Vec::new()),
        };
        site.close().await;
        let steps = steps.map_err(|error| store_error(&error))?;
        let over = over.map_err(|error| store_error(&error))?;
        match view {
            Some(view) => show::one(out, (&view, &over), &steps, self.json),
            None => Err(CliError::Unknown(format!("there is no order {}  没有此工单", self.order))),
        }
    }
}

impl Change {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let acting = self.who.acting(&site.store).await?;
        let id: Id<SupplyOrder> = Id::new(self.order);
        let state = site.store.cancel_order(&acting, id, site.clock.now()).await;
        site.close().await;
        let state = match state {
            Ok(state) => state,
            Err(error) => return Err(refused(out, self.json, &error)?),
        };
        if self.json {
            return write_json(
                out,
                &Changed { id: id.to_string(), state: state.name(), state_zh: state.zh() },
            );
        }
        writeln!(out, "order {id} is {}  工单{}", state.name(), state.zh())?;
        Ok(())
    }
}

impl Stop {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let (now, person) = (site.clock.now(), at_the_machine());
        let stopped = site.store.press_stop_at_machine(&person, &self.reason, now).await;
        site.close().await;
        stopped.map_err(|error| store_error(&error))?;
        if self.json {
            let (kind, since, reason) = (HaltKind::Stop.name(), now.to_string(), self.reason);
            return write_json(out, &Stopped { is_stopped: true, kind, since, by: person, reason });
        }
        writeln!(
            out,
            "all cuts are stopped; two approvers lift it in the console  已停止一切停电，须两位审批人在控制台解除"
        )?;
        Ok(())
    }
}

fn state(text: &str) -> Result<OrderState, String> {
    OrderState::from_name(text).ok_or_else(names::<OrderState>)
}

fn names<T: Coded>() -> String {
    let names: Vec<_> = T::TABLE.iter().map(|(.., name)| *name).collect();
    format!("one of {0}  应为其中之一：{0}", names.join(", "))
}

/// How many steps of an order are shown.
const MOST_STEPS: u32 = 500;
