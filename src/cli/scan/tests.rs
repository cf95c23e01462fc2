//! Whole buses of simulated meters, in paused time.

use dlt645::edition::Edition;
use simulator::bus::Bus;
use simulator::bus::rate::{Parity as LineParity, Rate as LineRate};
use simulator::bus::settings::Settings;
use simulator::fault::{Injector, Plan};
use simulator::instant::At;
use simulator::seed::Seed;
use simulator::serve::Server;
use simulator::world::World;
use simulator::world::file::WorldFile;

use super::*;
use crate::clock::ManualClock;
use crate::domain::{Moment, Parity};
use crate::link::Link;

/// Everything a search found on a bus of these meters, an address and an edition each.
async fn search(meters: &[(&str, &str)], faults: &[&str], limit: Duration) -> (Stop, Findings) {
    // Each in a place of its own in the file, since a file has no address twice on a bus; the test has.
    let entry = |(number, (address, edition)): (usize, &(&str, &str))| {
        format!(
            "[[bus]]\nname = \"{number}\"\ntcp = \"127.0.0.1:0\"\nbaud = 9600\n\
             [[meter]]\naddress = \"{address}\"\nbus = \"{number}\"\nedition = \"{edition}\"\n\
             mean_day_wh = {}\n",
            5000 + 500 * number
        )
    };
    let entries: Vec<String> = meters.iter().enumerate().map(entry).collect();
    let text = format!("seed = 11\n{}", entries.concat());
    let world = World::build(&WorldFile::parse(&text).unwrap()).unwrap();
    let start: Moment =
        "2026-11-21".parse::<crate::domain::Day>().unwrap().start().plus(Duration::from_secs(36_000));
    let at = At::from_civil(start.civil().unwrap());
    let settings = Settings {
        rate: LineRate::new(9600, LineParity::Even).unwrap(),
        packing: Duration::ZERO,
        ..Settings::default()
    };
    let mut plan = Plan::new(Seed::new(3));
    faults.iter().for_each(|fault| plan.add(fault).unwrap());
    let shared: Vec<_> = world.fit(at).into_iter().flat_map(|(_, meters)| meters).collect();
    let server = Server::new();
    let bus = server.run(Bus::new(settings, shared).with_faults(Injector::new(plan)));
    let rate = Rate { baud: 9600, parity: Parity::Even };
    let clock = ManualClock::running(start);
    let usual = Timing::serial(9600);
    let timing = Timing { quiet_after_answer: usual.td_max, retries: 0, ..usual };
    let mut asker = Asker::over(Link::Memory(bus.memory()), timing, clock.clock());
    let mut findings = Findings::default();
    let deadline = monotonic() + limit;
    for edition in [Edition::E2007, Edition::E1997] {
        let mut search =
            Search { asker: &mut asker, edition, rate, deadline, retries: 1, told: None, answered: 0 };
        if search.run(&mut findings).await.unwrap() == Stop::Limit {
            return (Stop::Limit, findings);
        }
    }
    server.stop().await;
    (Stop::Complete, findings)
}

fn addresses(findings: &Findings) -> Vec<(&str, &str)> {
    let mut found: Vec<_> =
        findings.found.iter().map(|found| (found.address.as_str(), found.edition)).collect();
    found.sort_unstable();
    found
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(start_paused = true)]
async fn f12_thirty_meters_of_both_editions_are_all_found_and_nobody_else() {
    let mut meters: Vec<(String, &str)> = (1..=16)
        .map(|number| (format!("2024111100{number:02}"), if number % 4 == 0 { "1997" } else { "2007" }))
        .collect();
    // Long shared tails, of which one answer can hide another bit by bit.
    meters.extend((0..6).map(|number| (format!("{number}00000004711"), "2007")));
    meters.extend(
        (0..4).map(|number| (format!("0{number}0000004711"), if number == 0 { "both" } else { "1997" })),
    );
    meters.retain(|(address, edition)| address != "000000004711" || *edition == "both");
    meters.extend(
        ["000000000000", "000000000004", "000000000044", "999999999998"].map(|it| (it.to_owned(), "2007")),
    );
    meters.push(("160016681668".to_owned(), "2007"));
    meters.sort();
    assert_eq!(meters.len(), 30);
    let borrowed: Vec<(&str, &str)> =
        meters.iter().map(|(address, edition)| (address.as_str(), *edition)).collect();
    let (stop, findings) = search(&borrowed, &[], DAY).await;
    assert_eq!((stop, addresses(&findings)), (Stop::Complete, borrowed));
    assert!(findings.unclear.is_empty(), "{:?}", findings.unclear);
    let facts = |found: &Found| found.clock.is_some() && found.forward_active.is_some();
    assert!(findings.found.iter().all(facts), "{:?}", findings.found);
}

#[tokio::test(start_paused = true)]
async fn one_meter_is_found_at_once_and_an_empty_bus_is_empty() {
    let begin = monotonic();
    let (stop, findings) = search(&[("202411110001", "2007")], &[], DAY).await;
    assert_eq!((stop, addresses(&findings)), (Stop::Complete, vec![("202411110001", "2007")]));
    assert!(monotonic() - begin < Duration::from_secs(15), "{:?}", monotonic() - begin);
    let (stop, findings) = search(&[], &[], DAY).await;
    assert_eq!((stop, addresses(&findings)), (Stop::Complete, vec![]));
}

#[tokio::test(start_paused = true)]
async fn f01_noise_on_the_line_invents_no_meter() {
    let meters = [("202411110001", "2007"), ("202411110007", "2007"), ("202411110050", "1997")];
    let (stop, findings) = search(&meters, &["flip=5%", "noise-before=10%", "duplicate=5%"], DAY).await;
    assert_eq!(stop, Stop::Complete);
    for found in addresses(&findings) {
        assert!(meters.contains(&found), "{found:?}");
    }
    assert_eq!(findings.found.len(), 3, "{:?}", findings.unclear);
}

#[tokio::test(start_paused = true)]
async fn f12_two_meters_with_one_address_are_told_and_not_listed() {
    let meters = [("202411110001", "2007"), ("202411110001", "2007")];
    let (_, findings) = search(&meters, &[], DAY).await;
    assert!(addresses(&findings).is_empty(), "{:?}", findings.found);
    assert!(findings.unclear.iter().any(|place| place.contains("202411110001")), "{:?}", findings.unclear);
}

#[tokio::test(start_paused = true)]
async fn f11_a_line_that_never_ends_talking_is_left_at_the_limit() {
    let meters = [("202411110001", "2007"), ("202411110002", "2007")];
    let limit = Duration::from_secs(60);
    let begin = monotonic();
    let (stop, _) = search(&meters, &["chatter=100%"], limit).await;
    assert_eq!(stop, Stop::Limit);
    assert!(monotonic() - begin < limit * 2, "{:?}", monotonic() - begin);
}
