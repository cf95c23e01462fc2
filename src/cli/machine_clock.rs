//! `chaobiao clock`: what meters say of the clock of this machine, and a person's word for it where none of them can.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::database::{Place, store_error};
use super::who::Who;
use super::{CliError, write_json};
use crate::clock::Clock;
use crate::domain::ClockOffset;
use crate::domain::access::Action;
use crate::store::{Migrations, Store};
use dlt645::address::MeterAddress;

/// The meters that cannot bear out the clock of this machine; confirm it once you have compared it with a time service
#[derive(Debug, Args)]
pub(super) struct MachineClock {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the meters whose clock was read while nothing bore out that of this machine, and how far both were apart
    Show(Show),
    /// Confirm that the clock of this machine is right, and that those meters are as far off as is listed
    Confirm(Confirm),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "On the machine that collects. Compare its clock with a time service first (such as `chronyc tracking`), and the list of \
`chaobiao clock show` with the meters: where a meter was right, it is this machine that was wrong, and nothing must be confirmed. From \
the next session on, a meter that is still as far off as it was in the day and a half before bears this clock out.\n\n\
Exit code: 0 confirmed, 1 nothing is in doubt or it did not work, 2 wrong usage.\n\n\
Example: chaobiao clock confirm --as li.na --password-file pw -c chaobiao.toml"
)]
struct Confirm {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

/// A meter as JSON.
#[derive(Serialize)]
struct Piece {
    meter: String,
    at: String,
    fast_seconds: i64,
}

impl MachineClock {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let place = match &self.what {
            What::Show(Show { place, .. }) | What::Confirm(Confirm { place, .. }) => place,
        };
        let store = place.there()?.open(Migrations::Check).await?;
        let done = match &self.what {
            What::Show(show) => show.run(&store, out).await,
            What::Confirm(confirm) => confirm.run(&store, out).await,
        };
        store.close().await;
        done
    }
}

impl Show {
    async fn run(&self, store: &Store, out: &mut impl Write) -> Result<(), CliError> {
        let doubted = doubted(store).await?;
        for (address, clock) in &doubted {
            if self.json {
                let (meter, fast_seconds) = (address.to_string(), clock.fast_us / 1_000_000);
                write_json(out, &Piece { meter, at: clock.at.in_china().to_string(), fast_seconds })?;
            } else {
                writeln!(out, "{}", line(*address, *clock))?;
            }
        }
        if !self.json {
            let count = doubted.len();
            writeln!(out, "{count} 只电表的时钟不能证明本机时钟正确。")?;
            writeln!(out, "{count} meters do not bear out the clock of this machine.")?;
        }
        Ok(())
    }
}

impl Confirm {
    async fn run(&self, store: &Store, out: &mut impl Write) -> Result<(), CliError> {
        let acting = self.who.allowed(store, Action::SetClock).await?;
        let doubted = doubted(store).await?;
        if doubted.is_empty() {
            return Err(CliError::Failed(
                "no meter was asked in the last day and a half whose clock leaves that of this machine in doubt: there is nothing to \
                 confirm  最近一天半内没有使本机时钟存疑的电表，无需确认"
                    .into(),
            ));
        }
        let lines: Vec<String> = doubted.iter().map(|(address, clock)| line(*address, *clock)).collect();
        let detail = serde_json::json!({ "meters": lines }).to_string();
        store
            .confirm_clock(&acting, &detail, Clock::system().now())
            .await
            .map_err(|error| store_error(&error))?;
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        let count = lines.len();
        writeln!(out, "已确认本机时钟正确；以上 {count} 只电表的时钟偏差以此为准。")?;
        writeln!(
            out,
            "The clock of this machine is confirmed; these {count} meters are as far off as is listed."
        )?;
        Ok(())
    }
}

async fn doubted(store: &Store) -> Result<Vec<(MeterAddress, ClockOffset)>, CliError> {
    store.doubted_clocks(Clock::system().now()).await.map_err(|error| store_error(&error))
}

fn line(address: MeterAddress, clock: ClockOffset) -> String {
    format!("{address}  {:+} s  {}", clock.fast_us / 1_000_000, clock.at.in_china())
}
