//! `chaobiao orders`: supply orders on the machine itself, with the rules of the console.
//!
//! Whoever asks for a cut is one of two persons, so they say who they are by account and password. What takes a second
//! factor, approving and lifting STOP among it, is for the console only; pressing STOP takes nothing but the machine.

mod import;
mod show;

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::database::{Place, store_error};
use super::who::Who;
use super::{CliError, talk};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::{Acting, Regions};
use crate::domain::supply::{
    Ceilings, HaltKind, Objection, OrderKind, OrderState, Reason, SupplyOrder, Window,
};
use crate::domain::{Coded, Id, MeteringPoint};
use crate::store::supply::{Limits, NewOrder, OrderFilter, SupplyError};
use crate::store::{Migrations, Store};

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
    Cut(Cut),
    /// Give supply back: the customer may close by the key
    Restore(Points),
    /// Hold supply: the meters keep it whatever they are told
    Hold(Points),
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
}

#[derive(Debug, Args)]
struct Cut {
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// arrears 欠费, request 用户申请, danger 危及人身安全, theft 窃电查实
    #[arg(long, value_parser = reason, default_value = "arrears")]
    reason: Reason,
    /// Why, in words
    #[arg(long, default_value = "")]
    text: String,
    /// In how long it may begin, such as 1h
    #[arg(long, value_parser = crate::config::duration, default_value = "0s")]
    begin_in: Duration,
    /// How long it may take from then on
    #[arg(long, value_parser = crate::config::duration, default_value = "4h")]
    within: Duration,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Points {
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// Why, such as settled 欠费结清, cause_gone 停电原因消除, mistake 误停更正, protection 保电任务
    #[arg(long, value_parser = reason)]
    reason: Reason,
    /// Why, in words
    #[arg(long, default_value = "")]
    text: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Stop {
    /// Why, in words
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    place: Place,
}

impl OrdersCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::List(list) => list.run(out).await,
            What::Show(named) => named.run(out).await,
            What::Cut(cut) => cut.run(out).await,
            What::Restore(points) => points.run(out, OrderKind::ClosePermit).await,
            What::Hold(points) => points.run(out, OrderKind::HoldOn).await,
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
        site.close().await;
        match view.map_err(|error| store_error(&error))? {
            Some(view) => show::one(out, &view, self.json),
            None => Err(CliError::Failed(format!("there is no order {}  没有此工单", self.order))),
        }
    }
}

impl Cut {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let acting = site.acting(&self.who).await?;
        let from = site.clock.now().plus(self.begin_in);
        let new = NewOrder {
            kind: OrderKind::Cut,
            reason: self.reason,
            text: self.text,
            window: Window { from, until: from.plus(self.within) },
            points: site.points(&self.points).await?,
        };
        site.ask(out, &acting, &new).await
    }
}

impl Points {
    async fn run(self, out: &mut impl Write, kind: OrderKind) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let acting = site.acting(&self.who).await?;
        let now = site.clock.now();
        let new = NewOrder {
            kind,
            reason: self.reason,
            text: self.text,
            window: Window { from: now, until: now },
            points: site.known_points(&self.points).await?,
        };
        site.ask(out, &acting, &new).await
    }
}

impl Change {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let acting = site.acting(&self.who).await?;
        let id: Id<SupplyOrder> = Id::new(self.order);
        let state = site.store.cancel_order(&acting, id, site.clock.now()).await;
        site.close().await;
        let state = state.map_err(|error| refused(&error))?;
        writeln!(out, "order {id} is {}  工单{}", state.name(), state.zh())?;
        Ok(())
    }
}

impl Stop {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let site = Site::open(&self.place).await?;
        let stopped = site.store.halt_cuts(HaltKind::Stop, &self.reason, site.clock.now()).await;
        site.close().await;
        stopped.map_err(|error| store_error(&error))?;
        writeln!(
            out,
            "all cuts are stopped; two approvers lift it in the console  已停止一切停电，须两位审批人在控制台解除"
        )?;
        Ok(())
    }
}

/// A database that is there, and what its configuration says.
struct Site {
    store: Store,
    clock: Clock,
    ceilings: Ceilings,
}

impl Site {
    async fn open(place: &Place) -> Result<Self, CliError> {
        let found = place.there()?;
        let ceilings = |config: &Config| config.supply.ceilings;
        let ceilings = found.config.as_ref().map_or(Ceilings::BUILT_IN, ceilings);
        Ok(Self { store: found.open(Migrations::Check).await?, clock: Clock::system(), ceilings })
    }

    /// Finds out that somebody is who they say they are.
    async fn acting(&self, who: &Who) -> Result<Acting, CliError> {
        who.acting(&self.store).await
    }

    async fn points(&self, numbers: &[String]) -> Result<Vec<Id<MeteringPoint>>, CliError> {
        let found = self.store.points_numbered(numbers).await.map_err(|error| store_error(&error))?;
        let known = numbers.iter().zip(found).map(|(number, point)| {
            point.ok_or_else(|| CliError::Usage(format!("there is no point {number}  没有计量点 {number}")))
        });
        known.collect()
    }

    /// Those that are there and have a meter, each once; the others are told, and keep nobody else waiting.
    async fn known_points(&self, numbers: &[String]) -> Result<Vec<Id<MeteringPoint>>, CliError> {
        let names: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let found = self.store.numbered_points(&names, &Regions::All).await;
        let found = found.map_err(|error| store_error(&error))?;
        let mut points = Vec::new();
        for number in numbers {
            match found.get(number) {
                Some(known) if known.meter.is_some() => points.push(known.point),
                _ => talk(&format!(
                    "left out: {number}: {}  {}",
                    Objection::NotThere.en(),
                    Objection::NotThere.zh()
                )),
            }
        }
        points.sort_unstable();
        points.dedup();
        if points.is_empty() {
            return Err(CliError::Usage("there is none of these points  没有这些计量点".to_owned()));
        }
        Ok(points)
    }

    async fn ask(self, out: &mut impl Write, acting: &Acting, new: &NewOrder) -> Result<(), CliError> {
        let limits = Limits { ceilings: self.ceilings, incapable: &[] };
        let asked = self.store.ask_order(acting, new, &limits, self.clock.now()).await;
        self.close().await;
        let asked = asked.map_err(|error| refused(&error))?;
        writeln!(out, "{}", asked.id)?;
        talk(&format!("order {} is {}  工单{}", asked.id, asked.state.name(), asked.state.zh()));
        for point in &asked.refused {
            for objection in &point.objections {
                talk(&format!("left out: {}: {}  {}", point.number, objection.en(), objection.zh()));
            }
        }
        if asked.is_quarantined {
            talk("above a ceiling: two approvers are needed  超过上限，须两位审批人批准");
        }
        Ok(())
    }

    async fn close(self) {
        self.store.close().await;
    }
}

/// What stands against it, as the end of a command.
fn refused(error: &SupplyError) -> CliError {
    match error {
        SupplyError::Objected(objected) => CliError::Failed(objected.to_string()),
        SupplyError::Store(error) => store_error(error),
    }
}

fn state(text: &str) -> Result<OrderState, String> {
    OrderState::from_name(text).ok_or_else(names::<OrderState>)
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::from_name(text).ok_or_else(names::<Reason>)
}

fn names<T: Coded>() -> String {
    let names: Vec<_> = T::TABLE.iter().map(|(.., name)| *name).collect();
    format!("one of {}", names.join(", "))
}
