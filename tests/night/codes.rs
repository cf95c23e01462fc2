//! Terminals that want to see a code (PW) wherever a request carries one, and clocks that are refused.

use std::time::Duration;

use chaobiao::collect::ClockSet;
use chaobiao::domain::RunState;
use chaobiao::domain::access::Role;
use gdw1376::auxiliary::Password;
use simulator::concentrator::Setup;

use crate::behind::{NO_HISTORY, swift, town, world};
use crate::meters::acting;
use crate::rig::day;

const CODE: [u8; 16] = *b"\x5A\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\xA5";

/// Of two the clock of the first is fast.
fn coded(setup: Setup) -> Setup {
    let is_first = setup.address.to_string().ends_with('1');
    let mut setup = swift(setup).with_clock(if is_first { 90 } else { 0 }, 0);
    setup.habits.password = CODE;
    setup
}

#[tokio::test]
async fn t24_forwarded_frames_and_clocks_carry_the_code_of_their_terminal() {
    let (_folder, town) = town(world(4, 2, 91), NO_HISTORY, coded).await;
    let head_end = town.head_end();
    let address = town.terminals[0].address;
    let noon = day("2026-11-22").start().plus(Duration::from_secs(12 * 3600));
    town.clock.sleep_until(noon).await;
    let acting = acting(1, Role::Operator);
    let set = head_end.collector.set_terminal_clock(&acting, address).await.unwrap();
    assert_eq!(set, ClockSet::Refused, "without its code");
    town.terminals.iter().for_each(|each| head_end.terminals.set_password(each.address, Password(CODE)));
    let set = head_end.collector.set_terminal_clock(&acting, address).await.unwrap();
    let ClockSet::Done(before, after) = set else { panic!("{set:?}") };
    assert!(before.fast_us > 80_000_000 && after.fast_us.abs() < 5_000_000, "{before:?} {after:?}");
    let report = town.night(&head_end, day("2026-11-23")).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, 4), "{:?}", report.progress);
    head_end.close().await;
    town.close().await;
}

fn keeps_its_clock(setup: Setup) -> Setup {
    let mut setup = swift(setup).with_clock(90, 0);
    setup.habits.refuses_clock = true;
    setup
}

#[tokio::test]
async fn t27_a_clock_that_a_terminal_refuses_is_never_told_as_set() {
    let (_folder, town) = town(world(2, 1, 92), NO_HISTORY, keeps_its_clock).await;
    let head_end = town.head_end();
    let noon = day("2026-11-22").start().plus(Duration::from_secs(12 * 3600));
    town.clock.sleep_until(noon).await;
    let acting = acting(1, Role::Operator);
    let set = head_end.collector.set_terminal_clock(&acting, town.terminals[0].address).await.unwrap();
    assert_eq!(set, ClockSet::Refused);
    let told = "SELECT count(*) FROM audit WHERE action = 'terminal.set_clock' AND result = 'refused'";
    assert_eq!(town.ask(told).await, 1);
    head_end.close().await;
    town.close().await;
}

fn fast(setup: Setup) -> Setup {
    swift(setup).with_clock(90, 0)
}

#[tokio::test]
async fn f33_a_terminal_is_set_by_no_clock_that_nothing_else_shows() {
    for (meters_are_fast, kind) in [(false, "done"), (true, "own_clock_doubted")] {
        let mut world = world(3, 1, 93);
        if meters_are_fast {
            world.meter.iter_mut().for_each(|meter| meter.clock_offset_seconds = 600);
        }
        let (_folder, town) = town(world, NO_HISTORY, fast).await;
        let head_end = town.head_end();
        let noon = day("2026-11-22").start().plus(Duration::from_secs(12 * 3600));
        town.clock.sleep_until(noon).await;
        let acting = acting(1, Role::Operator);
        let address = town.terminals[0].address;
        let set = head_end.collector.set_terminal_clock(&acting, address).await.unwrap();
        assert_eq!(set.kind(), kind, "{set:?}");
        head_end.close().await;
        town.close().await;
    }
}
