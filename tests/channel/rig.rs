//! A line, its bus and its meters, in one process and in paused time.

use std::time::Duration;

use chaobiao::channel::{
    Channel, ChannelHandle, ChannelSettings, End, Job, JobReport, Lane, Pending, Question,
};
use chaobiao::link::{Dialler, Tap};
use dlt645::address::MeterAddress;
use dlt645::exchange::{LengthRule, Outcome, Timing};
use dlt645::request::Request;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings;
use simulator::bus::witness::Witness;
use simulator::fault::{Injector, Plan};
use simulator::serve::{LiveBus, Server};
use simulator::station::{PlainMeter, Station};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The items that a plain meter has: its energy, and the same with four tariffs.
pub(crate) const TOTAL: &str = "00010000";
pub(crate) const BLOCK: &str = "0001FF00";

pub(crate) fn address(number: u64) -> MeterAddress {
    MeterAddress::from_number(number).unwrap()
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A read of a plain meter, with the length of its answer known.
pub(crate) fn read(number: u64, item: &str) -> Question {
    let length = if item == BLOCK { 20 } else { 4 };
    let request = Request::read(address(number), item.parse().unwrap());
    Question::new(request).expecting(LengthRule::exact([length]))
}

pub(crate) fn meters(numbers: impl IntoIterator<Item = u64>, baud: u32) -> Vec<PlainMeter> {
    let rate = rate(baud);
    numbers.into_iter().map(|number| PlainMeter { rate, ..PlainMeter::new(address(number)) }).collect()
}

pub(crate) fn rate(baud: u32) -> Rate {
    Rate::new(baud, Parity::Even).unwrap()
}

/// A bus at this speed that hands every byte on as it comes.
pub(crate) fn prompt(baud: u32) -> Settings {
    Settings { rate: rate(baud), packing: Duration::ZERO, ..Settings::default() }
}

pub(crate) struct Rig<S> {
    pub(crate) bus: LiveBus<S>,
    pub(crate) line: ChannelHandle,
    pub(crate) timing: Timing,
    pub(crate) server: Server,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What a rig is made of, with the usual things left out.
pub(crate) struct Plans {
    pub(crate) settings: Settings,
    pub(crate) channel: ChannelSettings,
    pub(crate) faults: Option<Plan>,
    pub(crate) reopens: bool,
    pub(crate) tap: Box<dyn Tap + Send>,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            settings: prompt(2400),
            channel: ChannelSettings::new("line"),
            faults: None,
            reopens: false,
            tap: Box::new(()),
        }
    }
}

impl<S: Station + Send + 'static> Rig<S> {
    pub(crate) fn new(stations: Vec<S>, plans: Plans) -> Self {
        let mut bus = Bus::new(plans.settings, stations).with_witness(Witness::keeping(200_000));
        if let Some(plan) = plans.faults {
            bus = bus.with_faults(Injector::new(plan));
        }
        let server = Server::new();
        let bus = server.run(bus);
        let (ends, tasks, stop) = (bus.clone(), TaskTracker::new(), CancellationToken::new());
        let dialler = Dialler::memory(move || Some(ends.memory()), plans.reopens);
        let line = Channel::spawn(plans.channel, dialler, plans.tap, &tasks, stop.clone());
        let timing = Timing::serial(plans.settings.rate.baud());
        Self { bus, line, timing, server, tasks, stop }
    }

    pub(crate) fn job(&self, question: Question, lane: Lane) -> Job {
        Job::new(question, lane, self.timing)
    }

    pub(crate) fn offer(&self, job: Job) -> Pending {
        self.line.offer(job).unwrap()
    }

    /// Reads one item of one meter.
    pub(crate) async fn read(&self, number: u64, item: &str, lane: Lane) -> JobReport {
        self.offer(self.job(read(number, item), lane)).await
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.server.stop().await;
    }
}

/// The registers of an answer, in 0.01 kWh.
pub(crate) fn values(report: &JobReport) -> Option<Vec<u64>> {
    let End::Done(Outcome::Answered(answer)) = &report.end else { return None };
    answer.payload().chunks(4).map(dlt645::bcd::decode).collect()
}
