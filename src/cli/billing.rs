//! `chaobiao billing`: what was handed to billing, what waits, and what is open; how receivers are, and whether they have
//! what we have.

mod receivers;
mod reconcile;
mod review;
mod show;
mod swaps;

use std::io::Write;

use clap::{Args, Subcommand};

use super::CliError;
use super::database::{Found, Place, store_error};
use crate::billing::{OpenDay, Origin, Rules, last_week, open_days, origins};
use crate::clock::Clock;
use crate::domain::{Day, Moment};
use crate::store::billing::{BillingLine, Which};
use crate::store::{Migrations, Store};

/// What was handed to billing, what waits, what is open; offer it again, compare both sides
#[derive(Debug, Args)]
pub(super) struct BillingCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List registers and daily consumptions with their versions and where they are, and days that are open with the
    /// reason
    List(List),
    /// Say of each receiver what waits, what it took and refused, and how it went last
    Status(receivers::Status),
    /// Offer a receiver again what it refused
    Retry(receivers::Retry),
    /// Compare counts and sums of a day with what receivers have, by reading route, both ways (对账)
    Reconcile(reconcile::Reconcile),
    /// Suspect values that wait for a person, and what is to become of them (复核)
    Review(review::ReviewCommand),
    /// List exchanges of meters, each a dated pair (换表)
    Swaps(swaps::Swaps),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --day and --point: the newest day that has a consumption. A day lists the registers of its \
beginning, 00:00, and what was used in it.\nStates: waiting 等待, leased 在途 (offered, no answer yet), delivered 已送达, \
superseded 已被取代 (a later version took its place), parked 待处理 (refused).\n--json names for each read in `lineage` the exchange that \
brought it (fetch), its run (run, run_day), and the console's page of its frames (frames).\n\n\
Exit code: 0 listed, 1 not, 2 wrong usage or configuration.\n\n\
Examples: chaobiao billing list -c chaobiao.toml --day 2026-11-21\n          \
chaobiao billing list -c chaobiao.toml --open        chaobiao billing list --point P000000001 --json"
)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Only this day
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// Only this metering point
    #[arg(long, value_name = "NUMBER")]
    point: Option<String>,
    /// Only days that have no consumption, with the reason; of the last week where no day is given
    #[arg(long)]
    open: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// What is listed.
struct Listed {
    lines: Vec<BillingLine>,
    /// The reads that each comes from; nothing where nobody asks.
    origins: Vec<Vec<Origin>>,
    open: Vec<OpenDay>,
}

impl BillingCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::List(list) => list.run(out).await,
            What::Status(status) => status.run(out).await,
            What::Retry(retry) => retry.run(out).await,
            What::Reconcile(reconcile) => reconcile.run(out).await,
            What::Review(review) => review.run(out).await,
            What::Swaps(swaps) => swaps.run(out).await,
        }
    }
}

impl List {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let found = self.place.there()?;
        let rules = found.config.as_ref().map(Rules::of);
        if self.open && rules.is_none() {
            return Err(CliError::Usage(
                "--open goes by the rules of a configuration: name it with -c  --open 需要配置文件，请用 -c 指定".into(),
            ));
        }
        let store = Found::open(&found, Migrations::Check).await?;
        let listed = self.listed(&store, rules.as_ref(), Clock::system().now()).await;
        store.close().await;
        let Listed { lines, origins, open } = listed?;
        if self.json {
            show::json(out, &lines, &origins, &open)?;
        } else {
            show::table(out, &lines, &open)?;
        }
        out.flush()?;
        super::talk(&show::summary(&lines, &open));
        Ok(())
    }

    async fn listed(&self, store: &Store, rules: Option<&Rules>, now: Moment) -> Result<Listed, CliError> {
        let failed = |error| store_error(&error);
        let point = self.point.as_deref();
        if let Some(point) = point {
            let all = (Moment::from_micros(i64::MIN), Moment::from_micros(i64::MAX));
            let known = store.points_between(all.0, all.1).await.map_err(failed)?;
            if !known.iter().any(|(_, number)| number == point) {
                return Err(CliError::Unknown(format!(
                    "no meter ever measured a point {point}  没有计量点 {point} 的电能表"
                )));
            }
        }
        let week = last_week(now);
        let yesterday = week.1;
        let (which, days) = match (self.day, point) {
            (Some(day), point) => (Which::OfDay(day, point), (day, day)),
            (None, Some(point)) => (Which::OfPoint(point), week),
            (None, None) => {
                let newest = store.newest_billing_day().await.map_err(failed)?.unwrap_or(yesterday);
                (Which::OfDay(newest, None), if self.open { week } else { (newest, newest) })
            }
        };
        let lines = if self.open { Vec::new() } else { store.billing_lines(which).await.map_err(failed)? };
        let mut from = Vec::new();
        if self.json {
            let values: Vec<_> =
                lines.iter().map(|line| (line.key.item, line.content.lineage.as_str())).collect();
            from = origins(store, &values).await.map_err(failed)?;
        }
        let open = match rules {
            Some(rules) => open_days(store, rules, days, point, now).await.map_err(failed)?,
            None => Vec::new(),
        };
        Ok(Listed { lines, origins: from, open })
    }
}
