//! Somebody at a desk who asks meters.

use std::time::Duration;

use chaobiao::collect::on_demand::{OnDemand, ReadRequest};
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{Day, Id, MeterRead, ReadAnswer, ReadGroup, ReadJob};
use chaobiao::store::Address;
use dlt645::address::MeterAddress;
use tokio::sync::broadcast::error::RecvError;

use crate::rig::{HeadEnd, Town, day};

pub(crate) fn today() -> Day {
    day("2026-11-22")
}

pub(crate) fn file(folder: &tempfile::TempDir) -> Address {
    Address::Sqlite(folder.path().join("town.db"))
}

/// Somebody with this role who sees everything.
pub(crate) fn acting(role: Role) -> Acting {
    Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role,
        role_since: today().previous().start(),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

pub(crate) struct Desk {
    pub(crate) service: OnDemand,
    pub(crate) by: Acting,
}

/// What a meter of a job said.
pub(crate) type Told = (MeterRead, Vec<ReadAnswer>);

impl Desk {
    pub(crate) fn new(town: &Town, head_end: &HeadEnd) -> Self {
        let (collector, stop) = (head_end.collector.clone(), head_end.stop.clone());
        let service = OnDemand::new(collector, town.config.on_demand, &head_end.tasks, stop);
        Self { service, by: acting(Role::Operator) }
    }

    /// Asks, and gives the job as it stands then.
    pub(crate) async fn ask(&self, meters: &[MeterAddress], groups: &[ReadGroup]) -> ReadJob {
        self.ask_for(meters, groups, None).await
    }

    pub(crate) async fn ask_for(
        &self,
        meters: &[MeterAddress],
        groups: &[ReadGroup],
        expires_after: Option<Duration>,
    ) -> ReadJob {
        let (meters, groups) = (meters.to_vec(), groups.to_vec());
        let request = ReadRequest { meters, groups, expires_after, key: None };
        self.service.submit(&self.by, &request).await.unwrap().job
    }

    /// Waits for the end of a job.
    pub(crate) async fn ended(&self, job: Id<ReadJob>) -> ReadJob {
        let mut changes = self.service.changes();
        loop {
            let now = self.service.job(&self.by, job).await.unwrap();
            if now.state.has_ended() {
                return now;
            }
            match changes.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("the service is gone"),
            }
        }
    }

    /// Every meter of a job with its answers.
    pub(crate) async fn told(&self, job: Id<ReadJob>) -> Vec<Told> {
        let mut told = Vec::new();
        for status in self.service.meters(&self.by, job, (0, 10_000)).await.unwrap() {
            let answers = self.service.answers(&self.by, job, status.read.meter).await.unwrap();
            told.push((status.read, answers));
        }
        told
    }

    /// Asks and waits for the end.
    pub(crate) async fn read(&self, meters: &[MeterAddress], groups: &[ReadGroup]) -> (ReadJob, Vec<Told>) {
        let job = self.ask(meters, groups).await.id;
        (self.ended(job).await, self.told(job).await)
    }
}

pub(crate) fn addresses(town: &Town) -> Vec<MeterAddress> {
    town.meters.iter().map(|(entry, _)| entry.address).collect()
}
