//! The sweep: n = 1, 2, 3 and so on, until a service meets no n-th point (R8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chaobiao::clock::Clock;
use tokio::time::Instant;

use crate::names;
use crate::postgres::Cluster;
use crate::site::{Left, METERS, Site, today};

/// A delay is longer than whoever is asked is waited for, and shorter than a lease.
const ACTIONS: [&str; 3] = ["kill", "fail", "delay:2500"];

/// What was done, by action, and what came of it.
#[derive(Default)]
struct Tally {
    struck: BTreeMap<(String, String), usize>,
    repeated: usize,
}

/// Two sites that are served at once: most of a service is waiting.
struct Sites {
    sites: Vec<Site>,
    expected: Left,
    /// The points of a service that nobody disturbs, in their order.
    points: Vec<String>,
}

impl Sites {
    async fn open(cluster: Option<&'static Cluster>) -> Self {
        let mut sites = Vec::new();
        for _ in 0..2 {
            sites.push(Site::open(cluster).await);
        }
        let first = sites[0].live("quiet", None, None).await;
        assert_eq!(first.struck, None);
        assert_eq!(first.left.readings.len(), METERS * (10 * 2 + 1), "{:#?}", first.left.readings);
        assert_eq!(first.left.pushed.len(), first.left.filed.len(), "{:#?}", first.left);
        let other = sites[1].live("quiet", None, None).await;
        assert_eq!(other.left, first.left, "two that nobody disturbs end alike");
        let mut points = first.met;
        points.extend(other.met.into_iter().filter(|point| !points.contains(point)).collect::<Vec<_>>());
        Self { sites, expected: first.left, points }
    }

    /// Carries out the orders that `order` gives for 0, 1, 2 and so on, up to the first that meets no point or, where any of
    /// them may meet none, to the last of them.
    async fn sweep(&self, name: &str, may_miss: bool, order: impl Fn(usize) -> Option<String>) -> Tally {
        let next = AtomicUsize::new(0);
        let work = async |site: &Site, tally: &mut Tally| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(order) = order(number) else { return };
                let lived = site.live(&format!("{name}_{number}"), Some(&order), Some(&self.expected)).await;
                assert_eq!(lived.left, self.expected, "{order} struck {:?}", lived.struck);
                let Some(struck) = lived.struck else {
                    if may_miss {
                        continue;
                    }
                    // Others may still be about lower numbers.
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    return;
                };
                let action = order.split(' ').next().unwrap_or_default().to_owned();
                *tally.struck.entry((struck, action)).or_default() += 1;
                tally.repeated += lived.repeated;
            }
        };
        let (mut one, mut other) = (Tally::default(), Tally::default());
        tokio::join!(work(&self.sites[0], &mut one), work(&self.sites[1], &mut other));
        for (struck, count) in other.struck {
            *one.struck.entry(struck).or_default() += count;
        }
        one.repeated += other.repeated;
        one
    }
}

/// How many times over, as `CHAOBIAO_SWEEPS` says.
fn sweeps() -> usize {
    std::env::var("CHAOBIAO_SWEEPS").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// Waits for the next day where this one is all but over: the nights of the sites end a minute before it does.
async fn clear_of_midnight() {
    let left = today().next().start().since(Clock::system().now());
    if left < A_SWEEP {
        tokio::time::sleep(left).await;
    }
}

/// Longer than a sweep of the named points takes on a busy machine.
const A_SWEEP: Duration = Duration::from_secs(600);

/// Each point with each action: the first time it is met, then, in further sweeps, the second, the third and so on, and the
/// first again after the last.
async fn each_name(cluster: Option<&'static Cluster>) {
    clear_of_midnight().await;
    let (mut sites, mut day) = (Sites::open(cluster).await, today());
    for sweep in 0..sweeps() {
        clear_of_midnight().await;
        let began = Instant::now();
        if day != today() {
            (sites, day) = (Sites::open(cluster).await, today());
        }
        let mut met = BTreeMap::new();
        for name in &sites.points {
            *met.entry(name.clone()).or_insert(0) += 1;
        }
        let names: BTreeSet<String> = met.keys().cloned().collect();
        names::are_those_of_a_night(&names, cluster.is_some());
        let orders: Vec<String> = met
            .iter()
            .flat_map(|(name, times)| ACTIONS.map(|action| format!("{action} {} {name}", sweep % times + 1)))
            .collect();
        let tally =
            sites.sweep(&format!("name{sweep}"), sweep > 0, |number| orders.get(number).cloned()).await;
        if today() != day {
            println!("midnight came in between: nothing was compared");
            continue;
        }
        let struck = tally.struck.values().sum::<usize>();
        println!(
            "f26 f27: sweep {sweep}, {} points of {} names in a service; {struck} of {} orders struck, {} keys came \
             again, {} s",
            sites.points.len(),
            names.len(),
            orders.len(),
            tally.repeated,
            began.elapsed().as_secs()
        );
        // What is done as often as there is time for may be done less often in a life that was disturbed.
        let least = if sweep == 0 { orders.len() } else { orders.len() * 4 / 5 };
        assert!(struck >= least, "not struck: {:?}", tally.struck);
        assert!(tally.repeated > 0, "no push was ever repeated");
    }
}

/// Every point there is, with each action, as many times over as `CHAOBIAO_SWEEPS` says; from `CHAOBIAO_SWEEP_FROM` on and with
/// the actions of `CHAOBIAO_SWEEP_ACTIONS`, where one that broke off is gone on with.
async fn every_point(cluster: Option<&'static Cluster>) {
    let from: usize =
        std::env::var("CHAOBIAO_SWEEP_FROM").ok().and_then(|from| from.parse().ok()).unwrap_or(1);
    let actions = std::env::var("CHAOBIAO_SWEEP_ACTIONS").unwrap_or_else(|_| ACTIONS.join(" "));
    let mut sites = (Sites::open(cluster).await, today());
    for sweep in 0..sweeps() {
        for action in ACTIONS.into_iter().filter(|action| actions.contains(action)) {
            let began = Instant::now();
            if sites.1 != today() {
                sites = (Sites::open(cluster).await, today());
            }
            let name = format!("sweep{sweep}_{}", action.split(':').next().unwrap_or_default());
            let tally =
                sites.0.sweep(&name, false, |number| Some(format!("{action} {}", number + from))).await;
            let struck = tally.struck.values().sum::<usize>();
            println!(
                "f26 f27: sweep {sweep}, {action} at {struck} points of {} names, {} keys came again, {} s",
                tally.struck.len(),
                tally.repeated,
                began.elapsed().as_secs()
            );
            let least =
                if action == "kill" { sites.0.points.len() / 2 } else { sites.0.points.len() * 4 / 5 };
            assert!(struck + from > least, "{struck} points of {} were met", sites.0.points.len());
        }
    }
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh ci"]
async fn f26_f27_i21_at_each_named_point_a_kill_a_failure_and_a_delay_change_nothing() {
    each_name(None).await;
}

#[tokio::test]
#[ignore = "takes a quarter of an hour, since each kill is waited out by the lease: tests/check.sh nightly"]
async fn f26_f27_f32_at_each_named_point_nothing_changes_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    each_name(Some(cluster)).await;
}

#[tokio::test]
#[ignore = "takes an hour: tests/check.sh nightly"]
async fn f26_f27_i21_the_sweep_of_every_point() {
    every_point(None).await;
}

#[tokio::test]
#[ignore = "takes an hour: tests/check.sh nightly"]
async fn f26_f27_i21_the_sweep_of_every_point_on_postgres() {
    let Some(cluster) = Cluster::shared() else { return };
    every_point(Some(cluster)).await;
}
