//! A store, a clock that is paused, and couriers that may be killed and begun again.

use std::path::Path;
use std::time::Duration;

use chaobiao::alarm;
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::config::{Alarms, Config};
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{Alarm, AlarmKind, Id, Moment};
use chaobiao::store::{Address, Migrations, Store};
use tokio_util::sync::CancellationToken;

use crate::receiver::Receiver;

pub(crate) struct Site {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) alarms: Alarms,
    pub(crate) folder: tempfile::TempDir,
    manual: ManualClock,
}

impl Site {
    /// A site with these channels in its configuration; time is paused from then on.
    pub(crate) async fn new(channels: &str, secrets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in secrets {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let alarms = configured(folder.path(), channels).alarms;
        let address = Address::Sqlite(folder.path().join("site.db"));
        let store = Store::open(&address, Migrations::Run).await.unwrap().in_simulated_time();
        tokio::time::pause();
        let manual = ManualClock::running("2026-11-22".parse::<chaobiao::domain::Day>().unwrap().start());
        let clock = manual.clock();
        alarm::set_channels(&store, &alarms, clock.now()).await.unwrap();
        Self { store, clock, alarms, folder, manual }
    }

    /// One with a robot that is the receiver.
    pub(crate) async fn with_robot(robot: &str, receiver: &Receiver) -> Self {
        let channel =
            format!("[[alarm_webhook]]\nname = \"duty\"\nrobot = \"{robot}\"\nurl_file = \"url\"\n");
        Self::new(&channel, &[("url", &receiver.url())]).await
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn step_the_clock(&self, by: Duration) {
        self.manual.advance(by);
    }

    pub(crate) async fn raise(&self, kind: AlarmKind, subject: &str) -> Id<Alarm> {
        let alarm = Alarm::new(kind, subject, self.now()).saying("详情", "detail");
        self.store.raise_alarm(&alarm).await.unwrap().id
    }

    /// Lets the couriers work for so long, and then has them dropped where they stand.
    pub(crate) async fn work(&self, seconds: u64) {
        let stop = CancellationToken::new();
        let working = alarm::run(&self.store, &self.clock, &self.alarms, &stop);
        let _ = tokio::time::timeout(Duration::from_secs(seconds), working).await;
    }

    /// How many messages wait on the first channel, and why.
    pub(crate) async fn waiting(&self) -> (u64, Option<String>) {
        let channels = self.store.alarm_channels().await.unwrap();
        (channels[0].waiting, channels[0].last_error.clone())
    }
}

/// The configuration of a site whose files are here.
pub(crate) fn configured(folder: &Path, more: &str) -> Config {
    let text = format!("[database]\npath = \"site.db\"\n{more}");
    Config::parse(&folder.join("site.toml"), &text).unwrap().config
}

pub(crate) fn li() -> Acting {
    Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role: Role::Operator,
        role_since: Moment::from_micros(0),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}
