//! The weeks before tonight: nights that the same neighbourhood has lived through, in simulated time.
//!
//! The meters are those of the live neighbourhood, drawn from the same seed and asked by the same collector over lines in
//! memory; what they hold at an instant is the same before and after the change to real time, so that the registers go
//! on where history ends. Nothing is made up: every value was read from a meter, judged, kept and handed to billing.

use std::time::Duration;

use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings as BusSettings;
use simulator::concentrator::Concentrator;
use simulator::concentrator::settings::Settings as TerminalSettings;
use simulator::instant::At;
use simulator::serve::Server;
use simulator::world::World;
use simulator::world::file::WorldFile;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::people::{Login, People};
use crate::alarm::{self, NightEnd};
use crate::app;
use crate::channel::{Channel, ChannelSettings, Lines};
use crate::cli::CliError;
use crate::cli::database::store_error;
use crate::clock::{Clock, ManualClock};
use crate::collect::{Collector, Settings};
use crate::config::Config;
use crate::domain::{ArchiveEntry, Day};
use crate::link::{CaptureSettings, Captures, Dialler};
use crate::store::archive::Saving;
use crate::store::{Address, Migrations, Store};
use crate::terminal::Terminals;

/// What has been before tonight.
pub(super) struct History {
    pub(super) world: WorldFile,
    pub(super) entries: Vec<ArchiveEntry>,
    pub(super) config: Config,
    /// Everything is drawn from this.
    pub(super) seed: u64,
    /// The day whose night comes after it.
    pub(super) today: Day,
    /// How many nights it has.
    pub(super) days: u32,
}

impl History {
    /// Lives through it on this thread, which must not be one that runs tasks. `told` is told of each night. Ends early,
    /// with what is kept until then, when `stop` comes. Gives the logins of the staff, who have been there from its
    /// first day.
    pub(super) fn live(self, stop: &CancellationToken, told: impl Fn()) -> Result<Vec<Login>, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.nights(stop, told))
    }

    async fn nights(self, stop: &CancellationToken, told: impl Fn()) -> Result<Vec<Login>, CliError> {
        let first = self.today.plus(-i64::from(self.days));
        let start = first.start().minus(BEFORE_MIDNIGHT);
        let address = Address::from(&self.config.database.place);
        let store = Store::open(&address, Migrations::Run).await.map_err(|error| store_error(&error))?;
        let store = store.in_simulated_time();
        store.save_archive(&self.entries, start, Saving::Save).await.map_err(|error| {
            CliError::Failed(format!("the archive of the neighbourhood: {}", crate::cli::with_causes(&error)))
        })?;
        tokio::time::pause();
        let manual = ManualClock::running(start);
        let clock = manual.clock();
        let server = Server::new();
        let (tasks, stop_lines) = (TaskTracker::new(), CancellationToken::new());
        let lines = self.lines(&server, &clock, &tasks, &stop_lines)?;
        let settings = Settings::of(&self.config);
        let collector =
            Collector::new(store.clone(), clock.clone(), lines, settings, &tasks, stop_lines.clone());
        let people = People { store: &store, clock: &clock, first, today: self.today };
        let lived = async {
            let logins = people.begin().await?;
            for day in (0..self.days).map(|number| first.plus(number.into())) {
                if stop.is_cancelled() {
                    break;
                }
                self.night(&store, &clock, &collector, day, stop).await?;
                people.enter(day).await?;
                told();
            }
            Ok::<_, CliError>(logins)
        };
        let lived = lived.await;
        stop_lines.cancel();
        drop(collector);
        tasks.close();
        tasks.wait().await;
        server.stop().await;
        tokio::time::resume();
        store.close().await;
        lived
    }

    /// One night as `serve` runs it: collected, handed to billing, and told of when too much is missing.
    async fn night(
        &self,
        store: &Store,
        clock: &Clock,
        collector: &Collector,
        day: Day,
        stop: &CancellationToken,
    ) -> Result<(), CliError> {
        clock.sleep_until(collector.night(day).start).await;
        let report = collector.run_night(day, stop).await;
        let report = report.map_err(|error| CliError::Failed(crate::cli::with_causes(&error)))?;
        app::hand_off(store, clock, &self.config).await.map_err(|error| store_error(&error))?;
        let progress = &report.progress;
        let end =
            NightEnd { day, planned: progress.planned, read: progress.read, missing: &progress.missing };
        let percent = self.config.alarms.missing_percent;
        alarm::night_ended(store, &end, percent, clock.now()).await.map_err(|error| store_error(&error))
    }

    /// The lines of the neighbourhood, in memory, with its meters on them.
    fn lines(
        &self,
        server: &Server,
        clock: &Clock,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Lines, CliError> {
        let failed = |error: &dyn std::error::Error| CliError::Failed(error.to_string());
        let start = clock.now().civil().map(At::from_civil);
        let start = start.ok_or_else(|| CliError::Failed("the history lies outside 2000 to 2099".into()))?;
        let mut built = World::build(&self.world).map_err(|error| failed(&error))?;
        let terminals = Terminals::without_port(&self.config.terminals, clock.clone(), tasks, stop);
        for setup in built.setups(start, TerminalSettings::swift()) {
            terminals.adopt(setup.address, Default::default());
            let mut dials = server.concentrator(Concentrator::new(setup)).memory();
            let (terminals, stop) = (terminals.clone(), stop.clone());
            tasks.spawn(async move {
                while let Some(Some(stream)) = stop.run_until_cancelled(dials.recv()).await {
                    terminals.attach(stream, (std::net::Ipv4Addr::LOCALHOST, 0).into());
                }
            });
        }
        let captures = Captures::start(CaptureSettings::of(&self.config.capture), clock.clone());
        let captures = captures.map_err(|error| failed(&error))?;
        let mut lines = Vec::new();
        for ((entry, meters), number) in built.fit(start).into_iter().zip(self.seed..) {
            let Some(line) = self.config.lines.iter().find(|line| line.name == entry.name) else { continue };
            let rate = Rate::new(entry.baud, Parity::Even).map_err(|error| failed(&error))?;
            let settings = BusSettings { rate, ..BusSettings::default() };
            let bus = server.run(Bus::new(settings, meters));
            let dialler = Dialler::memory(move || Some(bus.memory()), true);
            let settings = ChannelSettings::of(line, &self.config.collection, number);
            lines.push(Channel::spawn(settings, dialler, Box::new(()), tasks, stop.clone()));
        }
        Ok(Lines::of(lines).with_terminals(terminals, &self.config, &captures, self.seed, tasks, stop))
    }
}

/// History begins so long before its first midnight.
const BEFORE_MIDNIGHT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use simulator::world::file::BusEntry;
    use simulator::world::generate::Plan;
    use simulator::world::told;

    use super::*;
    use crate::cli::demo::people;
    use crate::cli::simulate::archive;
    use crate::domain::{Item, RegisterKey, RunKind, RunState};

    #[test]
    fn i02_history_is_what_the_meters_held_and_is_billed() {
        let folder = tempfile::tempdir().unwrap();
        let bus = BusEntry {
            name: "line 1".into(),
            tcp: Some("127.0.0.1:7001".into()),
            pty: None,
            baud: 9600,
            echo: false,
        };
        let first_address = "202411110001".parse().unwrap();
        let plan = Plan { meters: 3, seed: 5, first_address, lines: vec![bus], is_varied: false };
        let mut world = plan.draw().unwrap();
        world.meter.iter_mut().for_each(|meter| meter.clock_drift_ppm = 0);
        let text = archive::config_text(&world).unwrap();
        let config = Config::parse(&folder.path().join("c.toml"), &text).unwrap().config;
        let today: Day = "2026-11-22".parse().unwrap();
        let history = History {
            world: world.clone(),
            entries: archive::entries(&world).unwrap(),
            config: config.clone(),
            seed: 5,
            today,
            days: 2,
        };
        let nights = Cell::new(0);
        let logins = history.live(&CancellationToken::new(), || nights.set(nights.get() + 1)).unwrap();
        assert_eq!(nights.get(), 2);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(&Address::from(&config.database.place), Migrations::Check).await.unwrap();
            let (midnight, item) = (today.previous().start(), Item::parse("1.8.0").unwrap());
            let sites = store.site_meters().await.unwrap();
            for (entry, meter) in &World::build(&world).unwrap().lines[0].meters {
                let at = At::from_civil(midnight.civil().unwrap());
                let held = told::registers(meter, at).into_iter().next().unwrap();
                let site = sites.iter().find(|site| site.meter.address == entry.address).unwrap();
                let key = RegisterKey { meter: site.meter_id, item, as_of: midnight };
                let kept = store.accepted(&[key]).await.unwrap()[&key].value;
                assert_eq!(Some(kept), item.scaled(held.value), "{}", entry.address);
            }
            assert!(store.unfinished_runs().await.unwrap().is_empty());
            let run = store.run_of("site", today.previous(), RunKind::Nightly).await.unwrap().unwrap();
            assert_eq!(run.state, RunState::Done);
            assert!(store.newest_billing_day().await.unwrap().is_some());
            let accounts = store.accounts().await.unwrap();
            assert_eq!(accounts.len(), logins.len());
            let day = Duration::from_secs(86_400);
            assert!(accounts.iter().all(|account| today.start().since(account.role_since) > day));
            let (overdue, protected) = people::points(&store).await.unwrap().unwrap();
            assert_ne!(overdue, protected);
            assert_eq!(store.protections(Some(today.start())).await.unwrap().len(), 1);
            people::notify_again(&store, today.start()).await.unwrap();
            store.close().await;
        });
    }
}
