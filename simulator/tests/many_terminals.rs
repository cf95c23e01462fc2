//! Many terminals at once: a night of a whole district in paused time, and thousands that wait.
//!
//! The large ones: `cargo test -p simulator --test many_terminals -- --ignored --nocapture --test-threads 1`

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failing step must end its test")]

use core::time::Duration;

use gdw1376::confirmation::Confirmation;
use gdw1376::decoder::Decoder;
use gdw1376::message::Message;
use simulator::concentrator::settings::Settings;
use simulator::concentrator::{Concentrator, Setup};
use simulator::instant::At;
use simulator::serve::{LiveConcentrator, Server};
use simulator::world::World;
use simulator::world::file::{BusEntry, moment};
use simulator::world::generate::Plan;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

fn evening() -> At {
    moment("2026-11-21 23:50:00").unwrap()
}

/// Terminals with so many meters each, drawn with all that makers do differently.
fn setups(terminals: usize, meters: usize, settings: Settings) -> Vec<Setup> {
    let line =
        |number| BusEntry { name: format!("line {number}"), tcp: None, pty: None, baud: 2400, echo: false };
    let plan = Plan {
        meters: terminals * meters,
        seed: 11,
        first_address: "202411110001".parse().unwrap(),
        lines: (0..terminals).map(line).collect(),
        is_varied: true,
    };
    let file = plan.draw().unwrap().behind_terminals("1100-0001".parse().unwrap(), true).unwrap();
    World::build(&file).unwrap().setups(evening(), settings)
}

/// Confirms whatever a terminal begins.
async fn confirm_all(mut stream: DuplexStream) {
    let mut decoder = Decoder::new();
    let mut buffer = [0; 256];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let mut rest = &buffer[..read];
        let mut replies = Vec::new();
        while let Some(found) = decoder.next_frame(&mut rest) {
            let message = Message::of(&found.frame).unwrap();
            if message.control.is_initiator() && message.seq.wants_confirmation() {
                replies.push(Confirmation::All.reply_to(&message).unwrap());
            }
        }
        for reply in replies {
            if stream.write_all(&reply).await.is_err() {
                return;
            }
        }
    }
}

/// Lets terminals run with a master that confirms everything, and says how many meters they have read by a time.
async fn night(setups: Vec<Setup>, hours: u64) -> (usize, usize, u64) {
    let server = Server::new();
    let mut masters = JoinSet::new();
    let lives: Vec<LiveConcentrator> = setups
        .into_iter()
        .map(|setup| {
            let live = server.concentrator(Concentrator::new(setup));
            let mut calls = live.memory();
            masters.spawn(async move {
                while let Some(stream) = calls.recv().await {
                    confirm_all(stream).await;
                }
            });
            live
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(hours * 3600)).await;
    let read: Vec<_> =
        lives.iter().map(|live| live.with(|terminal| (terminal.progress(), terminal.exchanges()))).collect();
    assert!(lives.iter().all(|live| live.with(|terminal| terminal.is_online())));
    server.stop().await;
    read.into_iter()
        .fold((0, 0, 0), |sum, ((read, meters), exchanges)| (sum.0 + read, sum.1 + meters, sum.2 + exchanges))
}

#[tokio::test(start_paused = true)]
async fn a_district_collects_its_night_and_the_same_one_each_time() {
    let first = night(setups(6, 30, Settings::default()), 6).await;
    let (read, meters, exchanges) = first;
    assert_eq!(meters, 180);
    assert!(read > 165 && read < 180, "{read} of {meters} in {exchanges} exchanges");
    assert_eq!(night(setups(6, 30, Settings::default()), 6).await, first);
}

#[tokio::test(start_paused = true)]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "tokio's clock stands still here")]
async fn a_hundred_terminals_with_two_hundred_meters_each() {
    let began = std::time::Instant::now();
    let setups = setups(100, 200, Settings::default());
    println!("drawn in {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let (read, meters, exchanges) = night(setups, 8).await;
    println!("{read} of {meters} meters read in {exchanges} exchanges, eight hours in {:?}", began.elapsed());
    assert!(read * 100 > meters * 95);
}

#[tokio::test(start_paused = true)]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "tokio's clock stands still here")]
async fn five_thousand_terminals_wait() {
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
    };
    let before = resident();
    let began = (std::time::Instant::now(), Instant::now());
    let (_, meters, _) = night(setups(5_000, 0, Settings::default()), 1).await;
    println!(
        "{} KiB a terminal, an hour of heartbeats in {:?}",
        (resident() - before) / 5_000,
        began.0.elapsed()
    );
    assert_eq!((meters, began.1.elapsed().as_secs()), (0, 3_600));
}
