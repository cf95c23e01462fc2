//! Reads on demand while every line is in its night, in real time and with PostgreSQL (PERFORMANCE goal 13).

use std::time::{Duration, Instant};

use chaobiao::collect::on_demand::{OnDemand, ReadRequest};
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{Day, Id, ReadGroup, ReadJob};
use dlt645::address::MeterAddress;
use dlt645::exchange::Timing;
use tokio::sync::broadcast::error::RecvError;

use crate::head_end::HeadEnd;
use crate::postgres::Cluster;
use crate::town::Town;

/// What reads took, in order, and what the lines did meanwhile.
pub(crate) struct Took {
    /// From the click to the answer of the meter, and to the end of the job being told and kept.
    pub(crate) answered: Vec<Duration>,
    pub(crate) told: Vec<Duration>,
    /// Of all lines, a second.
    pub(crate) exchanges: u64,
    /// Steps of the night that were left when the last answer came.
    pub(crate) steps_left: u64,
}

/// So many people ask at once.
const AT_ONCE: usize = 10;

/// Asks meters of different lines, some at once, from a while after the beginning of the night on.
pub(crate) async fn measure(town: &Town, cluster: &Cluster, reads: usize) -> Took {
    let (head_end, _url) = HeadEnd::start(town, cluster).await;
    let (collector, stop) = (head_end.collector.clone(), head_end.open.stop.clone());
    let service = OnDemand::new(collector, town.config.on_demand, &head_end.open.tasks, stop);
    let night = {
        let (collector, stop) = (head_end.collector.clone(), head_end.open.stop.clone());
        let day = Day::of(head_end.clock.now());
        tokio::spawn(async move { collector.run_night(day, &stop).await.unwrap() })
    };
    let mut progress = head_end.collector.progress();
    progress.wait_for(|now| now.steps.0 > 0).await.unwrap();
    tokio::time::sleep(UNDER_WAY).await;
    let (began, before) = (Instant::now(), head_end.open.exchanges());
    let (mut answered, mut told) = (Vec::new(), Vec::new());
    for round in 0..reads / AT_ONCE {
        let meter = |number: usize| {
            let (_, meters) = &town.lines[(round * AT_ONCE + number) * 37 % town.lines.len()];
            MeterAddress::from_number(meters[round % meters.len()]).unwrap()
        };
        let asked = (0..AT_ONCE).map(|number| read(&service, &head_end, meter(number)));
        for (one, other) in futures_util::future::join_all(asked).await {
            answered.push(one);
            told.push(other);
        }
    }
    let exchanges = crate::a_second(head_end.open.exchanges() - before, began.elapsed());
    let (done, steps) = progress.borrow().steps;
    head_end.open.stop.cancel();
    night.await.unwrap();
    drop(service);
    head_end.close().await;
    answered.sort_unstable();
    told.sort_unstable();
    Took { answered, told, exchanges, steps_left: steps.saturating_sub(done) }
}

/// One read of voltages: how long until the meter had answered, and until that was told.
async fn read(service: &OnDemand, head_end: &HeadEnd, meter: MeterAddress) -> (Duration, Duration) {
    let by = operator();
    let mut changes = service.changes();
    let (clicked, began) = (head_end.clock.now(), Instant::now());
    let request = ReadRequest {
        meters: vec![meter],
        groups: vec![ReadGroup::Instantaneous],
        expires_after: None,
        key: None,
    };
    let job = service.submit(&by, &request).await.unwrap().job.id;
    while !service.job(&by, job).await.unwrap().state.has_ended() {
        match changes.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => panic!("the service is gone"),
        }
    }
    let told = began.elapsed();
    let answered = first_answer(service, &by, job).await;
    (answered.since(clicked), told)
}

async fn first_answer(service: &OnDemand, by: &Acting, job: Id<ReadJob>) -> chaobiao::domain::Moment {
    let meters = service.meters(by, job, (0, 1)).await.unwrap();
    let answers = service.answers(by, job, meters[0].read.meter).await.unwrap();
    answers[0].given.as_ref().unwrap().1
}

fn operator() -> Acting {
    Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role: Role::Operator,
        role_since: Town::now(),
        regions: Regions::All,
        source: "127.0.0.1".to_owned(),
        request: None,
    }
}

/// What a read may take: the longest exchange of the night (a block of load records), its own, and 50 ms.
pub(crate) fn allowed(baud: u32) -> Duration {
    let timing = Timing::serial(baud);
    let exchange = |request: usize, answer: usize| {
        timing.wire_time(request + 4 + answer + 4) + MOST_DELAY + timing.quiet_after_answer
    };
    exchange(26, 212) + exchange(16, 22) + Duration::from_millis(50)
}

/// A meter of the town takes no longer to begin its answer.
const MOST_DELAY: Duration = Duration::from_millis(80);
/// All lines have begun by then.
const UNDER_WAY: Duration = Duration::from_secs(10);
