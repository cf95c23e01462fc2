//! The same questions through the product's lines, and whole nights of it.

use std::time::Instant;

use chaobiao::channel::{Channel, ChannelHandle, ChannelSettings, End, Job, Lane, Lines, Question};
use chaobiao::clock::Clock;
use chaobiao::collect::{Collector, Settings};
use chaobiao::domain::Day;
use chaobiao::link::{Dialler, Place};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, Store};
use dlt645::address::MeterAddress;
use dlt645::catalog::{self, Content, Value};
use dlt645::exchange::{LengthRule, Outcome, Timing};
use dlt645::request::Request;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::postgres::Cluster;
use crate::town::Town;
use crate::{QUESTIONS, a_second};

/// The question: energy with four tariffs.
pub(crate) fn request(meter: u64) -> Request {
    Request::read(MeterAddress::from_number(meter).unwrap(), "0001FF00".parse().unwrap())
}

pub(crate) struct Open {
    lines: Vec<ChannelHandle>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Open {
    fn of(town: &Town) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let lines = (0..).zip(&town.config.lines).zip(&town.lines).map(|((number, line), (place, _))| {
            let settings = ChannelSettings::of(line, &town.config.collection, number);
            let dialler = Dialler::to(Place::Tcp(place.clone()), std::time::Duration::from_secs(5));
            Channel::spawn(settings, dialler, Box::new(()), &tasks, stop.clone())
        });
        Self { lines: lines.collect(), tasks, stop }
    }

    pub(crate) fn exchanges(&self) -> usize {
        let all: u64 = self.lines.iter().map(|line| line.status().tally.exchanges).sum();
        usize::try_from(all).unwrap()
    }

    async fn close(self) {
        self.stop.cancel();
        drop(self.lines);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Exchanges a second over all lines, each answer checked and its five values decoded.
pub(crate) async fn questions(town: &Town, times: usize) -> u64 {
    let open = Open::of(town);
    let timing = Timing { quiet_after_answer: std::time::Duration::ZERO, ..Timing::serial(9600) };
    let job = move |meter| {
        Job::new(Question::new(request(meter)).expecting(LengthRule::exact([20])), Lane::Nightly, timing)
    };
    // Each line has its connection before the clock runs, as in the bare exchange.
    for (line, (_, meters)) in open.lines.iter().zip(&town.lines) {
        line.offer(job(meters[0])).unwrap().await;
    }
    let began = Instant::now();
    let mut lines = JoinSet::new();
    for (line, (_, meters)) in open.lines.iter().cloned().zip(town.lines.clone()) {
        lines.spawn(async move {
            for _ in 0..times {
                let asked = meters.iter().cycle().take(QUESTIONS);
                let all: Vec<_> = asked.map(|meter| line.offer(job(*meter)).unwrap()).collect();
                for pending in all {
                    let End::Done(Outcome::Answered(answer)) = pending.await.end else { panic!("no answer") };
                    assert_eq!(values(answer.payload()), 5);
                }
            }
        });
    }
    lines.join_all().await;
    let rate = a_second(town.lines.len() * QUESTIONS * times, began.elapsed());
    open.close().await;
    rate
}

/// How many values there are in an answer, each of them made a number.
fn values(payload: &[u8]) -> usize {
    let entry = catalog::find("0001FF00".parse().unwrap()).unwrap();
    let Content::Values(values) = entry.read(payload).unwrap() else { panic!("no values") };
    values.filter(|reading| matches!(reading.value, Value::Number(_))).count()
}

/// What a night reached.
pub(crate) struct Night {
    /// A second.
    pub(crate) exchanges: u64,
    /// A second, slots of curves and registers.
    pub(crate) readings: u64,
    /// In a hundred seconds, those that brought something.
    pub(crate) commits: u64,
    /// Milliseconds from the last answer of a visit to its commit: half within, 99 of 100 within, all within; and from the
    /// answer that waited longest for the rest of its visit.
    pub(crate) durable: [i64; 4],
}

/// A site with a database of its own.
pub(crate) struct HeadEnd {
    pub(crate) open: Open,
    pub(crate) collector: Collector,
    pub(crate) clock: Clock,
    store: Store,
}

impl HeadEnd {
    /// Also gives the address of its database.
    pub(crate) async fn start(town: &Town, cluster: &Cluster) -> (Self, String) {
        let url = cluster.new_database().await;
        let store = Store::open(&Address::Postgres(url.clone()), Migrations::Run).await.unwrap();
        store.save_archive(&town.archive, Town::now(), Saving::Save).await.unwrap();
        let open = Open::of(town);
        let lines = Lines::of(open.lines.iter().cloned());
        let (clock, settings) = (Clock::system(), Settings::of(&town.config));
        let collector =
            Collector::new(store.clone(), clock.clone(), lines, settings, &open.tasks, open.stop.clone());
        (Self { open, collector, clock, store }, url)
    }

    pub(crate) async fn close(self) {
        drop(self.collector);
        self.open.close().await;
        self.store.close().await;
    }
}

/// A night of all meters into a new database.
pub(crate) async fn night(town: &Town, cluster: &Cluster) -> Night {
    let (head_end, url) = HeadEnd::start(town, cluster).await;
    let began = Instant::now();
    let day = Day::of(head_end.clock.now());
    let report = head_end.collector.run_night(day, &head_end.open.stop).await.unwrap();
    let time = began.elapsed();
    assert!(!report.was_stopped);
    let exchanges = a_second(head_end.open.exchanges(), time);
    head_end.close().await;
    let mut direct = PgConnection::connect(&url).await.unwrap();
    let (readings, commits): (i64, i64) = sqlx::query_as(COUNTS).fetch_one(&mut direct).await.unwrap();
    let durable: (i64, i64, i64, i64) = sqlx::query_as(DURABLE).fetch_one(&mut direct).await.unwrap();
    direct.close().await.unwrap();
    let rate = |count: i64| a_second(usize::try_from(count).unwrap(), time);
    Night { exchanges, readings: rate(readings), commits: rate(commits * 100), durable: durable.into() }
}

/// How many visits were durable within so many seconds of being handed on, by the metric of the product.
pub(crate) fn kept_within(metrics: &str) -> Vec<(String, u64)> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("amr_collect_keep_seconds_bucket{le=\""));
    lines
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(edge, count)| (edge.to_owned(), count.parse().unwrap()))
        .collect()
}

const COUNTS: &str = "SELECT (SELECT count(*) FROM register_ledger) + \
    (SELECT coalesce(sum(cardinality(v) - cardinality(array_positions(v, NULL))), 0) FROM interval_day), \
    (SELECT count(DISTINCT xmin::text) FROM meter_fetch)";

/// A visit is judged as a whole and kept so: its last answer tells how long that took. `each` answer waits for the rest of its
/// visit, too.
const DURABLE: &str = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY late), percentile_disc(0.99) WITHIN GROUP (ORDER BY late), \
    max(late), max(each) FROM (SELECT min(late) AS late, max(late) AS each FROM (SELECT meter_id, xmin::text AS kept, \
    (extract(epoch FROM pg_xact_commit_timestamp(xmin) - instant(collected_at)) * 1000)::bigint AS late FROM meter_fetch) AS answers \
    GROUP BY meter_id, kept) AS visits";
