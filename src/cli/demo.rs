//! `chaobiao demo`: the main job, whole, on a simulated neighbourhood.

mod history;
mod passwords;
mod people;
mod share;
mod town;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::database::store_error;
use super::serve::{app_error, tell_console};
use super::stop::Stops;
use super::summary::Summary;
use crate::app::{Console, Site};
use crate::clock::Clock;
use crate::collect::{NightReport, Progress};
use crate::domain::{Coded, Day};
use crate::store::Store;
use crate::store::archive::Saving;
use history::History;
use people::Login;
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
    /// How many nights were before tonight, lived through in simulated time [default: 21, with --once 0]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=60))]
    history: Option<u32>,
    /// Where the database and the configuration go; a new directory for temporary files where none is given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where the console listens; at port 8645 where none is named
    #[arg(long, value_name = "ADDR[:PORT]", default_value = "127.0.0.1:8645", value_parser = console_at, alias = "console")]
    listen: SocketAddr,
    /// Where the lines listen: an address of this machine; ports are chosen by the system
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    lines_on: IpAddr,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let clock = Clock::system();
        if !self.once
            && let Err(error) = std::net::TcpListener::bind(self.listen)
        {
            return Err(CliError::Failed(format!(
                "the console cannot listen at {}: {error}; name another place with --listen  \
                 控制台无法监听该地址，请用 --listen 指定其他地址或端口",
                self.listen
            )));
        }
        let directory = self.directory(&clock)?;
        let town = Town::start(&self, &directory, &clock).await?;
        super::talk(&self.begun(&town, &directory));
        let mut stops = Stops::listen()?;
        let logins = self.history(&town, &clock, &mut stops).await?;
        let site = Site::start(town.config.clone(), clock.clone(), self.seed).await;
        let site = site.map_err(|error| app_error(&error))?.showing(town.effective.clone());
        // A port that is taken is told before the night, not after it.
        let console =
            if self.once { None } else { site.open_console().await.map_err(|error| app_error(&error))? };
        let now = clock.now();
        site.store.save_archive(&town.entries, now, Saving::Save).await.map_err(|error| {
            CliError::Failed(format!("the archive of the neighbourhood: {}", super::with_causes(&error)))
        })?;
        town.dial(&site);
        passwords::keep(&site.store, &town.config, self.seed, now).await?;
        let began = tokio::time::Instant::now();
        let report = self.night(&site, Day::of(now), &mut stops).await?;
        let share = share::share(&town.wires);
        let handed = site.hand_off().await.map_err(|error| store_error(&error))?;
        let summary =
            Summary::of(&site.store, &report, began.elapsed()).await.map_err(|error| store_error(&error))?;
        let summary = Summary { handed, wire_share: share, ..summary };
        summary.print(out, self.json, Some(&directory.join(town::CONFIG)))?;
        out.flush()?;
        if !self.once && !report.was_stopped {
            self.stay((&site, console), &town, &directory, &logins, &mut stops).await?;
        }
        site.close().await;
        town.close().await;
        super::watch::ended(&report, summary.missing.len(), "  采集已中途停止")
    }

    /// Lives through the weeks before tonight.
    async fn history(&self, town: &Town, clock: &Clock, stops: &mut Stops) -> Result<Vec<Login>, CliError> {
        let days = self.history.unwrap_or(if self.once { 0 } else { WEEKS * 7 });
        if days == 0 {
            return Ok(Vec::new());
        }
        let history = History {
            world: town.world.clone(),
            entries: town.entries.clone(),
            config: town.config.clone(),
            seed: self.seed,
            today: Day::of(clock.now()),
            days,
        };
        let bar = ProgressBar::new(days.into());
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len} nights before 历史  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        let (stop, shown) = (CancellationToken::new(), bar.clone());
        let stopping = stop.clone();
        let living = tokio::task::spawn_blocking(move || history.live(&stopping, || shown.inc(1)));
        tokio::pin!(living);
        let lived = tokio::select! {
            lived = &mut living => lived,
            () = stops.asked() => {
                stop.cancel();
                living.await
            }
        };
        bar.finish();
        let lived = lived.map_err(|error| CliError::Failed(format!("the history broke off: {error}")))??;
        if stop.is_cancelled() {
            return Err(CliError::Failed("stopped before tonight  已在历史生成中停止".into()));
        }
        Ok(lived)
    }

    /// What there is, in a line.
    fn begun(&self, town: &Town, directory: &Path) -> String {
        let (meters, lines, baud) = (self.meters, town.config.lines.len(), town::BAUD);
        let (meters_plural, lines_plural) =
            (if meters == 1 { "" } else { "s" }, if lines == 1 { "" } else { "s" });
        let (pty, pty_zh) = match lines {
            1 => ("", ""),
            _ => (", one of them on a pseudo-terminal", "，其中1条为伪终端"),
        };
        let behind = town.entries.iter().filter(|entry| entry.meter.path.is_behind_terminal()).count();
        let (terminal, terminal_zh) = match behind {
            0 => (String::new(), String::new()),
            _ => {
                (format!(", {behind} of them behind a concentrator"), format!("，其中{behind}块接在集中器下"))
            }
        };
        format!(
            "{meters} meter{meters_plural}{terminal}, {lines} line{lines_plural} of {baud} baud{pty}  \
             {meters}块电能表{terminal_zh}，{lines}条线路{pty_zh}\n\
             everything is in  数据目录: {}",
            directory.display()
        )
    }

    /// An empty directory: a demonstration writes over nobody's files.
    fn directory(&self, clock: &Clock) -> Result<PathBuf, CliError> {
        let name = format!("chaobiao-demo-{}", clock.now().micros());
        let directory = self.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
        let failed = |error: std::io::Error| CliError::Failed(format!("{}: {error}", directory.display()));
        std::fs::create_dir_all(&directory).map_err(failed)?;
        if std::fs::read_dir(&directory).map_err(failed)?.next().is_some() {
            let taken = directory.display();
            return Err(CliError::Usage(format!(
                "{taken} is not empty: a demo begins with an empty directory  目录非空，请换用空目录"
            )));
        }
        Ok(directory)
    }

    /// Runs the night with a bar that shows how far it is.
    async fn night(&self, site: &Site, day: Day, stops: &mut Stops) -> Result<NightReport, CliError> {
        let bar = Arc::new(bar());
        let mut progress = site.collector.progress();
        let shown = Arc::clone(&bar);
        let show = async {
            while progress.changed().await.is_ok() {
                draw(&shown, &progress.borrow_and_update());
            }
            std::future::pending().await
        };
        let report = super::watch::with_ctrl_c(site, day, show, stops).await;
        draw(&bar, &site.collector.progress().borrow());
        bar.finish();
        report
    }

    /// Leaves the meters there to be looked at, and the console on.
    async fn stay(
        &self,
        (site, console): (&Site, Option<Console>),
        town: &Town,
        directory: &Path,
        logins: &[Login],
        stops: &mut Stops,
    ) -> Result<(), CliError> {
        let (place, meter) = town.somebody();
        super::talk(&format!(
            "the meters stay; stop with Ctrl-C  仿真电表保持运行，按 Ctrl-C 结束\n  \
             ask one  召测:  chaobiao read --tcp {place} --baud {} --meter {meter} --trace 00010000\n  \
             what is kept  入库: sqlite3 {} 'SELECT * FROM daily_consumption LIMIT 20'\n  \
             handed over  移交: chaobiao billing list -c {}",
            town::BAUD,
            directory.join(town::DATABASE).display(),
            directory.join(town::CONFIG).display(),
        ));
        if !logins.is_empty() {
            let now = Clock::system().now();
            people::notify_again(&site.store, now).await?;
            people::open(&site.store, logins, now).await?;
        }
        if let Some(console) = &console {
            // What is simulated may be signed in to by whoever sees this.
            tell_console(console, &directory.join(town::CONFIG), true);
        }
        tell_people(&site.store, logins).await?;
        let stop = CancellationToken::new();
        let serving = site.serve(console, &stop);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return Ok(()),
            () = stops.asked() => {}
        }
        stop.cancel();
        serving.await;
        Ok(())
    }
}

/// An address of the console, with or without a port.
fn console_at(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse().or_else(|_| {
        let address: Result<IpAddr, _> = text.trim_start_matches('[').trim_end_matches(']').parse();
        address.map(|address| SocketAddr::new(address, CONSOLE_PORT))
    });
    with_port.map_err(|_| {
        "expected an address with or without a port, such as 127.0.0.1 or 0.0.0.0:8645  \
         应为地址或 地址:端口，如 127.0.0.1 或 0.0.0.0:8645"
            .to_owned()
    })
}

/// Who can sign in, once, and whom they may and may not cut.
async fn tell_people(store: &Store, logins: &[Login]) -> Result<(), CliError> {
    for Login { role, login } in logins {
        super::talk(&format!("  {:<9} {:<8} {}", role.name(), login.name, login.password));
    }
    if let Some((overdue, protected)) = people::points(store).await?.filter(|_| !logins.is_empty()) {
        super::talk(&format!(
            "each password is good for three days, until its owner sets another  以上为一次性密码，三日内有效，登录后请自行修改\n  \
             overdue: point {overdue}; protected: point {protected}  欠费户计量点 {overdue}，受保护计量点 {protected}"
        ));
    }
    Ok(())
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} steps  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.steps.1.max(1));
    bar.set_position(progress.steps.0);
    let missing: u32 = progress.missing.values().sum();
    bar.set_message(format!(
        "{}/{} meters read 已抄, {missing} missing 漏抄",
        progress.read, progress.planned
    ));
}

/// Where the console is when nobody names a port.
const CONSOLE_PORT: u16 = 8645;

/// How long the history is when nobody says otherwise.
const WEEKS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_has_a_port_where_none_is_named() {
        for (text, at) in [
            ("0.0.0.0", "0.0.0.0:8645"),
            ("127.0.0.1:28700", "127.0.0.1:28700"),
            ("::1", "[::1]:8645"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(console_at(text).map(|at| at.to_string()).as_deref(), Ok(at));
        }
        let refused = console_at("somewhere").unwrap_err();
        assert!(refused.contains("127.0.0.1") && refused.contains("地址:端口"), "{refused}");
    }
}
