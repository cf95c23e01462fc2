//! `chaobiao billing reconcile`: what we say of a day against what receivers have, both ways (对账).

use std::io::Write;

use clap::Args;
use dlt645::quantity::Quantity;
use serde::Serialize;

use super::show;
use crate::billing::reconcile::{Reconciled, Tally, TallyDifference, ValueDifference};
use crate::billing::{BillingSink, Receiver, Receivers, shown_sum};
use crate::cli::database::{Found, Place};
use crate::cli::{CliError, talk, with_causes, write_json};
use crate::clock::Clock;
use crate::domain::{BillingKind, Coded, Day, Item};
use crate::store::billing::SaidLine;
use crate::store::{Migrations, Store};

#[derive(Debug, Args)]
#[command(
    after_help = "Ours is the newest version of each register and consumption of the day. The built-in ledger and CSV \
receivers say each value they have, so values that differ are listed one by one; a receiver by HTTP is sent our counts and \
sums at its /reconcile and answers its own. A day lists the registers of its beginning, 00:00, and what was used in it.\n\n\
Exit code: 0 both sides agree, 1 they differ or a side cannot be asked, 2 wrong usage or configuration.\n\n\
Examples: chaobiao billing reconcile --day 2026-11-21 -c chaobiao.toml\n          \
chaobiao billing reconcile --day 2026-11-21 --receiver marketing --route R1 --json"
)]
pub(super) struct Reconcile {
    /// The day
    #[arg(long, value_name = "DAY")]
    day: Day,
    /// Only this reading route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only this receiver instead of all that are configured
    #[arg(long, value_name = "NAME")]
    receiver: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// A tally or a value that one side or both have.
#[derive(Serialize)]
struct Piece<'a> {
    what: &'static str,
    receiver: &'a str,
    day: String,
    route: &'a str,
    point: Option<&'a str>,
    kind: &'static str,
    item: String,
    unit: &'static str,
    ours: Option<Side>,
    theirs: Option<Side>,
    agrees: bool,
}

/// What one side has.
#[derive(Serialize)]
struct Side {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// An exact decimal: a sum or a value.
    value: String,
}

impl Reconcile {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let found = self.place.there()?;
        let Some(config) = &found.config else {
            return Err(CliError::Usage(
                "receivers are named in a configuration: give it with -c  接收方在配置文件中，请用 -c 指定"
                    .into(),
            ));
        };
        let store = Found::open(&found, Migrations::Check).await?;
        let Receivers(mut receivers) = Receivers::of(config, &store, &Clock::system());
        if let Some(name) = &self.receiver {
            receivers.retain(|receiver| receiver.sink.receiver() == name);
        }
        let ended = self.compare(&store, &receivers, out).await;
        store.close().await;
        ended
    }

    async fn compare(
        &self,
        store: &Store,
        receivers: &[Receiver],
        out: &mut impl Write,
    ) -> Result<(), CliError> {
        if receivers.is_empty() {
            let name = self.receiver.as_deref().unwrap_or_default();
            return Err(CliError::Unknown(format!(
                "no receiver {name} is configured  没有配置接收方 {name}"
            )));
        }
        let mut wrong = Vec::new();
        for receiver in receivers {
            let name = receiver.sink.receiver();
            match receiver.reconcile(store, self.day, self.route.as_deref()).await {
                Ok(compared) => {
                    self.show(out, name, &compared)?;
                    if !compared.agrees() {
                        wrong.push(name);
                    }
                }
                Err(error) => {
                    talk(&format!("{name}: cannot be compared  无法对账: {}", with_causes(&error)));
                    wrong.push(name);
                }
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let names = wrong.join(", ");
        Err(CliError::Failed(format!("{names}: both sides do not agree  对账不一致")))
    }

    fn show(&self, out: &mut impl Write, name: &str, compared: &Reconciled) -> Result<(), CliError> {
        let lines = lines(compared);
        if self.json {
            for piece in lines.iter().filter_map(|line| self.tally(name, line)) {
                write_json(out, &piece)?;
            }
            for piece in compared.values.iter().filter_map(|line| self.value(name, line)) {
                write_json(out, &piece)?;
            }
            return Ok(());
        }
        let result = if compared.agrees() { "agrees 一致" } else { "does not agree 不一致" };
        writeln!(out, "{}  {name}: {result}", self.day)?;
        if lines.is_empty() {
            writeln!(out, "neither side has anything of this day  双方均无该日数据")?;
        } else {
            let head = [
                ["route", "what", "item", "ours", "sum", "theirs", "sum", "result"],
                ["抄表段", "内容", "项目", "我方条数", "合计", "对方条数", "合计", "结果"],
            ];
            show::write_rows(out, &head, lines.iter().map(tally_cells))?;
        }
        if !compared.values.is_empty() {
            let head = [
                ["route", "point", "what", "item", "ours", "theirs", "result"],
                ["抄表段", "计量点", "内容", "项目", "我方", "对方", "结果"],
            ];
            writeln!(out)?;
            show::write_rows(out, &head, compared.values.iter().take(MOST_SHOWN).map(value_cells))?;
            if let Some(more @ 1..) = compared.values.len().checked_sub(MOST_SHOWN) {
                writeln!(out, "and {more} more; --json lists them all  另有 {more} 条，用 --json 列出全部")?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    fn tally<'a>(&self, receiver: &'a str, line: &'a TallyDifference) -> Option<Piece<'a>> {
        let of = line.ours.as_ref().or(line.theirs.as_ref())?;
        let side = |tally: &Tally| Side { count: Some(tally.count), version: None, value: shown_sum(tally) };
        Some(Piece {
            what: "tally",
            receiver,
            day: self.day.to_string(),
            route: &of.route,
            point: None,
            kind: of.kind.name(),
            item: of.item.code().to_string(),
            unit: of.item.unit(),
            ours: line.ours.as_ref().map(side),
            theirs: line.theirs.as_ref().map(side),
            agrees: line.ours == line.theirs,
        })
    }

    fn value<'a>(&self, receiver: &'a str, line: &'a ValueDifference) -> Option<Piece<'a>> {
        let of = line.ours.as_ref().or(line.theirs.as_ref())?;
        let side = |line: &SaidLine| Side { count: None, version: Some(line.version), value: exact(line) };
        Some(Piece {
            what: "value",
            receiver,
            day: self.day.to_string(),
            route: &of.route,
            point: Some(&of.point),
            kind: of.kind.name(),
            item: of.item.code().to_string(),
            unit: of.item.unit(),
            ours: line.ours.as_ref().map(side),
            theirs: line.theirs.as_ref().map(side),
            agrees: false,
        })
    }
}

/// What both sides have, tally by tally, in the order of ours; then what only they have.
fn lines(compared: &Reconciled) -> Vec<TallyDifference> {
    let of = |tally: &Tally| (tally.route.clone(), tally.kind.code(), tally.item);
    let other = |ours: &Tally| compared.theirs.iter().find(|theirs| of(theirs) == of(ours)).cloned();
    let mut lines: Vec<TallyDifference> = compared
        .ours
        .iter()
        .map(|ours| TallyDifference { ours: Some(ours.clone()), theirs: other(ours) })
        .collect();
    lines.extend(compared.tallies.iter().filter(|line| line.ours.is_none()).cloned());
    lines
}

fn tally_cells(line: &TallyDifference) -> [String; 8] {
    let TallyDifference { ours, theirs } = line;
    let Some(of) = ours.as_ref().or(theirs.as_ref()) else { return Default::default() };
    let side = |side: &Option<Tally>| {
        side.as_ref().map_or_else(
            || ["0".to_owned(), "-".to_owned()],
            |tally| [tally.count.to_string(), format!("{} {}", shown_sum(tally), tally.item.unit())],
        )
    };
    let ([count, sum], [their_count, their_sum]) = (side(ours), side(theirs));
    [
        route(&of.route),
        kind(of.kind).to_owned(),
        item(of.item),
        count,
        sum,
        their_count,
        their_sum,
        result(ours.as_ref(), theirs.as_ref()).to_owned(),
    ]
}

fn value_cells(line: &ValueDifference) -> [String; 7] {
    let ValueDifference { ours, theirs } = line;
    let Some(of) = ours.as_ref().or(theirs.as_ref()) else { return Default::default() };
    let side = |side: &Option<SaidLine>| {
        side.as_ref().map_or_else(
            || "-".to_owned(),
            |line| format!("{} {} (version 版本 {})", exact(line), line.item.unit(), line.version),
        )
    };
    [
        route(&of.route),
        of.point.clone(),
        kind(of.kind).to_owned(),
        item(of.item),
        side(ours),
        side(theirs),
        result(ours.as_ref(), theirs.as_ref()).to_owned(),
    ]
}

fn result<T: PartialEq>(ours: Option<&T>, theirs: Option<&T>) -> &'static str {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours == theirs => "agrees 一致",
        (Some(_), None) => "only ours 仅我方有",
        (None, _) => "only theirs 仅对方有",
        (Some(_), Some(_)) => "differs 不一致",
    }
}

fn route(name: &str) -> String {
    if name.is_empty() { "-".to_owned() } else { name.to_owned() }
}

fn item(item: Item) -> String {
    format!("{} {}", item.code(), item.name_zh())
}

const fn kind(kind: BillingKind) -> &'static str {
    match kind {
        BillingKind::Register => "register 示值",
        BillingKind::Consumption => "consumption 电量",
    }
}

fn exact(line: &SaidLine) -> String {
    Quantity::new(line.value, line.kind.decimals(line.item)).to_string()
}

/// How many values that differ a person is shown.
const MOST_SHOWN: usize = 200;
