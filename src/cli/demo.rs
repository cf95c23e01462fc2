//! `chaobiao demo`: the main job, whole, on a simulated neighbourhood.

mod share;
mod town;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::database::store_error;
use super::serve::app_error;
use super::stop::stopped;
use super::summary::Summary;
use crate::app::Site;
use crate::clock::Clock;
use crate::collect::{NightReport, Progress};
use crate::domain::{Day, RunState};
use crate::store::archive::Saving;
use town::Town;

/// A simulated neighbourhood and its night: collected, judged, stored and handed to billing while you watch
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the summary
    #[arg(long)]
    once: bool,
    /// How many meters
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2000))]
    meters: u32,
    /// Everything is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the database and the configuration go; a new directory for temporary files where none is given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the lines listen: an address of this machine; ports are chosen by the system
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    listen: std::net::IpAddr,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let clock = Clock::system();
        let directory = self.directory(&clock)?;
        let town = Town::start(&self, &directory, &clock).await?;
        super::talk(&format!(
            "{} meters on {} lines of {} baud, one of them on a pseudo-terminal; everything is in {}",
            self.meters,
            town.config.lines.len(),
            town::BAUD,
            directory.display()
        ));
        let site = Site::start(town.config.clone(), clock.clone(), self.seed).await;
        let site = site.map_err(|error| app_error(&error))?;
        let now = clock.now();
        site.store.save_archive(&town.entries, now, Saving::Save).await.map_err(|error| {
            CliError::Failed(format!("the archive of the neighbourhood: {}", super::with_causes(&error)))
        })?;
        let began = tokio::time::Instant::now();
        let report = self.night(&site, Day::of(now)).await?;
        let share = share::share(&town.wires);
        let handed = site.hand_off().await.map_err(|error| store_error(&error))?;
        let summary =
            Summary::of(&site.store, &report, began.elapsed()).await.map_err(|error| store_error(&error))?;
        let summary = Summary { handed, wire_share: share, ..summary };
        summary.print(out, self.json)?;
        out.flush()?;
        if !self.once && !report.was_stopped {
            self.stay(&town, &directory).await?;
        }
        site.close().await;
        town.close().await;
        match report.run.state {
            RunState::Done => Ok(()),
            _ if report.was_stopped => Err(CliError::Failed("the night was stopped before its end".into())),
            _ => Err(CliError::Failed(format!("{} meters are missing", summary.missing.len()))),
        }
    }

    fn directory(&self, clock: &Clock) -> Result<PathBuf, CliError> {
        let name = format!("chaobiao-demo-{}", clock.now().micros());
        let directory = self.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&directory)
            .map_err(|error| CliError::Failed(format!("{}: {error}", directory.display())))?;
        let taken = directory.join(town::DATABASE);
        if taken.exists() {
            let taken = taken.display();
            return Err(CliError::Usage(format!(
                "{taken} is there already: a demo begins with an empty directory  目录中已有数据库，请换用空目录"
            )));
        }
        Ok(directory)
    }

    /// Runs the night with a bar that shows how far it is.
    async fn night(&self, site: &Site, day: Day) -> Result<NightReport, CliError> {
        let stop = CancellationToken::new();
        let bar = Arc::new(bar());
        let mut progress = site.collector.progress();
        let shown = Arc::clone(&bar);
        let show = async {
            while progress.changed().await.is_ok() {
                draw(&shown, &progress.borrow_and_update());
            }
            std::future::pending().await
        };
        let night = site.run_night(day, &stop);
        tokio::pin!(night);
        let report = tokio::select! {
            report = &mut night => report,
            never = show => never,
            signal = stopped() => {
                signal?;
                stop.cancel();
                night.await
            }
        };
        draw(&bar, &site.collector.progress().borrow());
        bar.finish();
        report.map_err(|error| CliError::Failed(super::with_causes(&error)))
    }

    /// Leaves the meters there to be looked at.
    async fn stay(&self, town: &Town, directory: &std::path::Path) -> Result<(), CliError> {
        let (place, meter) = town.somebody();
        super::talk(&format!(
            "the meters stay; stop with Ctrl-C  仿真电表保持运行，按 Ctrl-C 结束\n  \
             ask one:     chaobiao read --tcp {place} --baud {} --meter {meter} --trace 00010000\n  \
             what is kept: sqlite3 {} 'SELECT * FROM daily_consumption LIMIT 20'\n  \
             handed over: chaobiao billing list -c {}",
            town::BAUD,
            directory.join(town::DATABASE).display(),
            directory.join(town::CONFIG).display(),
        ));
        stopped().await
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} steps  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.steps.1.max(1));
    bar.set_position(progress.steps.0);
    let missing: u32 = progress.missing.values().sum();
    bar.set_message(format!("{} of {} meters read, {missing} missing", progress.read, progress.planned));
}
