//! `chaobiao collect`: one night now.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::serve::{app_error, seed};
use super::stop::stopped;
use super::summary::Summary;
use crate::app::Site;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Day, RunState};
use crate::telemetry;

/// Collect the night of a day now, and hand it to billing
#[derive(Debug, Args)]
#[command(
    after_help = "What was read before is not read again. A night that is cut off goes on when it is asked for again. While \
`chaobiao serve` runs for the site it has the lines, and this command is refused."
)]
pub(super) struct Collect {
    /// The day whose beginning is read, such as 2026-11-22; today where none is given
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Collect {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        telemetry::log::start(loaded.config.log);
        let clock = Clock::system();
        let day = self.day.unwrap_or_else(|| Day::of(clock.now()));
        let site = Site::start(loaded.config, clock.clone(), seed(&clock)).await;
        let site = site.map_err(|error| app_error(&error))?;
        let began = tokio::time::Instant::now();
        let stop = CancellationToken::new();
        let done = {
            let night = site.run_night(day, &stop);
            tokio::pin!(night);
            tokio::select! {
                report = &mut night => report,
                signal = stopped() => {
                    signal?;
                    stop.cancel();
                    night.await
                }
            }
        };
        let report = match done {
            Ok(report) => report,
            Err(error) => {
                site.close().await;
                return Err(CliError::Failed(super::with_causes(&error)));
            }
        };
        let handed = site.hand_off().await;
        let summary = Summary::of(&site.store, &report, began.elapsed()).await;
        site.close().await;
        let store_error = |error| super::database::store_error(&error);
        let summary = Summary { handed: handed.map_err(store_error)?, ..summary.map_err(store_error)? };
        summary.print(out, self.json)?;
        match report.run.state {
            RunState::Done => Ok(()),
            _ if report.was_stopped => Err(CliError::Failed("the night was stopped before its end".into())),
            _ => Err(CliError::Failed(format!("{} meters are missing", summary.missing.len()))),
        }
    }
}
