//! `chaobiao collect`: one night now.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::CliError;
use super::serve::{app_error, seed};
use super::summary::Summary;
use crate::app::Site;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Day;
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
    #[arg(short, long, value_name = "FILE", default_value = USUAL)]
    config: PathBuf,
    /// How often what is missing is read again, with the pauses of the configuration, which says how often where this does not
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=20))]
    passes: Option<u8>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Collect {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let mut config = loaded.config;
        telemetry::log::start(config.log);
        config.collection.passes = self.passes.unwrap_or(config.collection.passes);
        // Somebody waits for its end.
        config.collection.until_deadline = false;
        let clock = Clock::system();
        let day = self.day.unwrap_or_else(|| Day::of(clock.now()));
        let site = Site::start(config, clock.clone(), seed(&clock)).await;
        let site = site.map_err(|error| app_error(&error))?;
        let meters = site.store.site_meters().await.map_err(|error| super::database::store_error(&error))?;
        if meters.is_empty() {
            site.close().await;
            return Err(CliError::Failed(
                "there is no meter to read: bring an archive in with `chaobiao meters import`  \
                 没有可抄的电能表，请先用 chaobiao meters import 导入档案"
                    .into(),
            ));
        }
        let began = tokio::time::Instant::now();
        let report = match super::watch::night(&site, day).await {
            Ok(report) => report,
            Err(error) => {
                site.close().await;
                return Err(error);
            }
        };
        site.tell_of_the_night(&report).await.map_err(|error| super::database::store_error(&error))?;
        let handed = site.hand_off().await;
        let summary = Summary::of(&site.store, &report, began.elapsed()).await;
        let wire_share = site.wire_share();
        site.close().await;
        let store_error = |error| super::database::store_error(&error);
        let summary =
            Summary { handed: handed.map_err(store_error)?, wire_share, ..summary.map_err(store_error)? };
        let place = if self.config == Path::new(USUAL) { None } else { Some(self.config.as_path()) };
        summary.print(out, self.json, place)?;
        let again = "; `chaobiao collect` goes on with it  采集已中途停止，再次运行 collect 将继续";
        super::watch::ended(&report, summary.missing.len(), again)
    }
}

/// The configuration where none is named.
const USUAL: &str = "chaobiao.toml";
