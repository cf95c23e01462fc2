//! A line, its bus and its meters, in one process and in paused time.

use std::time::Duration;

use chaobiao::channel::{
    Channel, ChannelHandle, ChannelSettings, End, Job, JobReport, Lane, Pending, Question,
};
use chaobiao::link::{Dialler, Tap};
use dlt645::address::{AddressField, MeterAddress};
use dlt645::control::Control;
use dlt645::exchange::{LengthRule, Outcome, Timing};
use dlt645::frame::Frame;
use dlt645::request::Request;
use simulator::bus::Bus;
use simulator::bus::moment::Moment;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::Settings;
use simulator::bus::witness::{Crossing, Talker, Witness};
use simulator::fault::{Counts, Injector, Plan};
use simulator::serve::{LiveBus, Server};
use simulator::station::{PlainMeter, Reply, Station};
use tokio::io::DuplexStream;
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
    /// The bus and its server, unless the path is the test's own.
    bus: Option<(LiveBus<S>, Server)>,
    pub(crate) line: ChannelHandle,
    pub(crate) timing: Timing,
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
        Self { bus: Some((bus, server)), line, timing, tasks, stop }
    }

    /// Another master on the same bus.
    pub(crate) fn another(&self) -> DuplexStream {
        self.bus.as_ref().unwrap().0.memory()
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Bus<S>) -> T) -> T {
        self.bus.as_ref().unwrap().0.with(look)
    }

    pub(crate) fn job(&self, question: Question, lane: Lane) -> Job {
        Job::new(question, lane, self.timing)
    }

    pub(crate) fn offer(&self, job: Job) -> Pending {
        self.line.offer(job).unwrap()
    }

    /// Returns once a job is being asked.
    pub(crate) async fn until_asking(&self) {
        while self.line.status().asking.is_none() {
            tokio::time::sleep(ms(1)).await;
        }
    }

    /// Stops when a kind that was planned never struck (R2), and says how often each did.
    pub(crate) fn every_fault_struck(&self) -> Counts {
        self.with(|bus| {
            let faults = bus.faults().unwrap();
            assert_eq!(faults.missing().collect::<Vec<_>>(), [], "these never happened");
            *faults.counts()
        })
    }

    /// What crossed the bus since this was asked last.
    pub(crate) fn crossings(&self) -> Vec<Crossing> {
        self.with(|bus| bus.witness_mut().take())
    }

    /// Reads one item of one meter.
    pub(crate) async fn read(&self, number: u64, item: &str, lane: Lane) -> JobReport {
        self.offer(self.job(read(number, item), lane)).await
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some((_, server)) = self.bus {
            server.stop().await;
        }
    }
}

/// A station made of a closure: the frame that was heard, and the meter that was asked, as a number.
pub(crate) struct Scripted {
    rate: Rate,
    hear: Box<Hear>,
}

type Hear = dyn FnMut(u64, &Frame<'_>) -> Option<Reply> + Send;

impl Scripted {
    pub(crate) fn new(
        baud: u32,
        hear: impl FnMut(u64, &Frame<'_>) -> Option<Reply> + Send + 'static,
    ) -> Self {
        Self { rate: rate(baud), hear: Box::new(hear) }
    }
}

impl Station for Scripted {
    fn hear(&mut self, _: Moment, request: &Frame<'_>) -> Option<Reply> {
        (self.hear)(number(request.address), request)
    }

    fn rate(&self, _: Moment) -> Rate {
        self.rate
    }
}

/// The answer of a meter to a read: its number as the value.
pub(crate) fn valued(number: u64, request: &Frame<'_>, delay: Duration) -> Option<Reply> {
    let value = [u8::try_from(number).unwrap(), 0, 0, 0];
    let data = [request.data, &value[..]].concat();
    let control = Control::answer(request.control.function());
    Reply::frame(&Frame { address: request.address, control, data: &data }, 0, delay).ok()
}

/// A refusal with this error word.
pub(crate) fn refused(word: u8, request: &Frame<'_>) -> Option<Reply> {
    let control = Control::refusal(request.control.function());
    Reply::frame(&Frame { address: request.address, control, data: &[word] }, 0, ms(30)).ok()
}

/// Meters here have numbers below 100.
pub(crate) fn number(field: AddressField) -> u64 {
    let [low, ..] = field.wire();
    u64::from(low >> 4) * 10 + u64::from(low & 15)
}

/// Which meters were asked, in order.
pub(crate) fn asked(crossings: &[Crossing]) -> Vec<u64> {
    let requests = crossings.iter().filter(|crossing| matches!(crossing.talker, Talker::Master(_)));
    let frames = requests.flat_map(Crossing::frames);
    frames.map(|frame| number(AddressField::from_wire(frame[1..7].try_into().unwrap()))).collect()
}

impl Rig<PlainMeter> {
    /// A line of 2400 baud over paths of the test's own.
    pub(crate) fn over(
        channel: ChannelSettings,
        open: impl FnMut() -> Option<DuplexStream> + Send + 'static,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let dialler = Dialler::memory(open, false);
        let line = Channel::spawn(channel, dialler, Box::new(()), &tasks, stop.clone());
        Self { bus: None, line, timing: Timing::serial(2400), tasks, stop }
    }
}

/// The registers of an answer, in 0.01 kWh.
pub(crate) fn values(report: &JobReport) -> Option<Vec<u64>> {
    let End::Done(Outcome::Answered(answer)) = &report.end else { return None };
    answer.payload().chunks(4).map(dlt645::bcd::decode).collect()
}

/// The judge of I16: no request leaves while the one before is open. It is closed by its answer, or by the time that the
/// longest answer to it could have taken: 500 ms, and the wire. Says how many requests there were.
pub(crate) fn one_request_at_a_time(crossings: &[Crossing], longest_answer: usize) -> usize {
    let is_request = |crossing: &&Crossing| matches!(crossing.talker, Talker::Master(_));
    let requests: Vec<&Crossing> = crossings.iter().filter(is_request).collect();
    for pair in requests.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        let answered = crossings.iter().any(|crossing| {
            matches!(crossing.talker, Talker::Station(_))
                && crossing.began >= first.ended
                && crossing.ended <= second.began
        });
        let latest = first.ended.plus(ms(500)).plus(first.rate.span(longest_answer));
        assert!(answered || second.began >= latest, "open: {first:?}\nnext: {second:?}");
    }
    requests.len()
}
