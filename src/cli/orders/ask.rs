//! What is ordered of points: cuts, what gives supply back, alarms, supply holds and their end.
//!
//! The rules are those of the console, and so is who may ask. What needs approval waits for another person there.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::names;
use super::site::{Known, Site};
use crate::cli::CliError;
use crate::cli::database::Place;
use crate::cli::who::Who;
use crate::domain::Coded;
use crate::domain::supply::{OrderKind, Reason, Window};
use crate::store::supply::NewOrder;

/// Who orders it, where, and how it is told.
#[derive(Debug, Args)]
pub(super) struct By {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// When it may be carried out.
#[derive(Debug, Args)]
struct Within {
    /// In how long it may begin, such as 1h
    #[arg(long, value_parser = crate::config::duration, default_value = "0s")]
    begin_in: Duration,
    /// How long it may take from then on
    #[arg(long, value_parser = crate::config::duration, default_value = "4h")]
    within: Duration,
}

#[derive(Debug, Args)]
pub(super) struct Cut {
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// arrears 欠费, request 用户申请, danger 危及人身安全, theft 窃电查实
    #[arg(long, value_parser = reason, default_value = "arrears")]
    reason: Reason,
    /// Why, in words
    #[arg(long, default_value = "")]
    text: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub(super) struct Points {
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
    by: By,
}

#[derive(Debug, Args)]
pub(super) struct DirectClose {
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// Why: settled 欠费结清, cause_gone 停电原因消除, mistake 误停更正, request 用户申请, other 其他
    #[arg(long, value_parser = reason)]
    reason: Reason,
    /// Why it is safe to close with nobody standing by (安全说明)
    #[arg(long, value_name = "TEXT")]
    safety_note: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub(super) struct Alarm {
    /// Whether it is to sound
    what: OnOff,
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// Why: arrears 欠费, settled 欠费结清, request 用户申请, other 其他
    #[arg(long, value_parser = reason)]
    reason: Reason,
    /// Why, in words
    #[arg(long, default_value = "")]
    text: String,
    #[command(flatten)]
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnOff {
    /// 报警
    On,
    /// 报警解除
    Off,
}

#[derive(Debug, Args)]
pub(super) struct EndHold {
    /// Numbers of the points (计量点编号)
    #[arg(required = true, value_name = "POINT")]
    points: Vec<String>,
    /// Why, in words
    #[arg(long, default_value = "")]
    text: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    by: By,
}

/// What is ordered of points.
struct Wanted {
    kind: OrderKind,
    reason: Reason,
    text: String,
    /// At once where there is none.
    within: Option<Within>,
}

impl Cut {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let Self { points, reason, text, within, by } = self;
        let within = Some(within);
        ask(out, &by, &points, Wanted { kind: OrderKind::Cut, reason, text, within }).await
    }
}

impl Points {
    pub(super) async fn run(self, out: &mut impl Write, kind: OrderKind) -> Result<(), CliError> {
        let Self { points, reason, text, by } = self;
        ask(out, &by, &points, Wanted { kind, reason, text, within: None }).await
    }
}

impl DirectClose {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let Self { points, reason, safety_note, by } = self;
        let (kind, text) = (OrderKind::DirectClose, safety_note);
        ask(out, &by, &points, Wanted { kind, reason, text, within: None }).await
    }
}

impl Alarm {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let Self { what, points, reason, text, by } = self;
        let kind = if what == OnOff::On { OrderKind::AlarmOn } else { OrderKind::AlarmOff };
        ask(out, &by, &points, Wanted { kind, reason, text, within: None }).await
    }
}

impl EndHold {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let Self { points, text, within, by } = self;
        let (kind, reason, within) = (OrderKind::HoldOff, Reason::ProtectionOver, Some(within));
        ask(out, &by, &points, Wanted { kind, reason, text, within }).await
    }
}

async fn ask(out: &mut impl Write, by: &By, numbers: &[String], wanted: Wanted) -> Result<(), CliError> {
    let site = Site::open(&by.place).await?;
    let acting = by.who.acting(&site.store).await?;
    let Wanted { kind, reason, text, within } = wanted;
    // One wrong number keeps nobody else waiting for supply (I12); who is to be cut is named without a fault.
    let keeps_supply = kind.is_restore() || kind == OrderKind::HoldOn;
    let (points, unknown): Known = match keeps_supply {
        true => site.known_points(numbers).await?,
        false => site.points(numbers).await?,
    };
    let now = site.clock.now();
    let (begin_in, length) =
        within.map_or((Duration::ZERO, Duration::ZERO), |within| (within.begin_in, within.within));
    let from = now.plus(begin_in);
    let window = Window { from, until: from.plus(length) };
    let new = NewOrder { kind, reason, text, window, points };
    site.ask(out, (by, &acting), &new, &unknown).await
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::from_name(text).ok_or_else(names::<Reason>)
}
