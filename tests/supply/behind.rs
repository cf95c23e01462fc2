//! Supply behind a terminal whose meter answers nothing: it is ordered back unread, within the promise (F48).

use std::time::Duration;

use chaobiao::channel::Lines;
use chaobiao::config::Config;
use chaobiao::domain::MeterPath;
use chaobiao::link::{CaptureSettings, Captures};
use chaobiao::store::archive::Saving;
use chaobiao::terminal::{TerminalSettings, Terminals};
use gdw1376::address::TerminalAddress;
use simulator::concentrator::plc::Plc;
use simulator::concentrator::settings::Settings;
use simulator::concentrator::{Concentrator, Setup};
use simulator::seed::Seed;
use simulator::serve::{LiveConcentrator, Server};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::orders::restored;
use crate::rig::{HeadEnd, Street, archived};

/// The first home of a street, moved behind a terminal.
async fn behind(street: &Street, server: &Server, settings: Settings) -> (HeadEnd, LiveConcentrator) {
    let terminal: TerminalAddress = "1100-3039".parse().unwrap();
    let meter = street.houses[0].meter.lock().unwrap().meter.clone();
    let mut entry = archived(1, meter.address().as_meter().unwrap(), "line");
    entry.meter.path = MeterPath::Terminal {
        terminal: terminal.to_string(),
        measuring_point: 1,
        port: Some(31),
        baud: None,
        parity: None,
    };
    street.store.save_archive(&[entry], street.clock.now(), Saving::Confirmed).await.unwrap();
    let setup = Setup::new(terminal, street.at(), Seed::new(5)).with_meters([meter]);
    let live = server.concentrator(Concentrator::new(Setup { settings, ..setup }));
    let text = "[database]\npath = \"unused.db\"\n[terminals]\nlisten = \"127.0.0.1:9001\"\n";
    let config = Config::parse(&street.folder.path().join("amr.toml"), text).unwrap().config;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let terminals = Terminals::without_port(&config.terminals, street.clock.clone(), &tasks, &stop);
    terminals.adopt(terminal, TerminalSettings::default());
    let captures = Captures::start(CaptureSettings::of(&config.capture), street.clock.clone()).unwrap();
    let lines = Lines::of([]).with_terminals(terminals.clone(), &config, &captures, 1, &tasks, &stop);
    let (mut dials, stopping) = (live.memory(), stop.clone());
    tasks.spawn(async move {
        while let Some(Some(stream)) = stopping.run_until_cancelled(dials.recv()).await {
            terminals.attach(stream, ([10, 0, 0, 1], 4000).into());
        }
    });
    let (store, folder) = ((&street.store, &street.clock), (&config, street.folder.path()));
    let head_end = HeadEnd::on_lines(store, folder, street.key(), lines, (tasks, stop)).await;
    (head_end, live)
}

#[tokio::test]
async fn f48_supply_is_ordered_back_within_two_minutes_behind_a_terminal_whose_meter_is_silent() {
    // The meter hears, and nothing of what it answers comes back: the terminal waits for it as long as it was told to.
    let plc = Plc { loses_answers: 1024, wait: Duration::from_secs(60), ..Plc::swift() };
    let street = Street::new(1).await;
    let server = Server::new();
    let (head_end, live) = behind(&street, &server, Settings { plc, ..Settings::swift() }).await;
    let orders = || live.with(|c| c.reached().iter().filter(|one| one.control() == Some(0x1C)).count());
    head_end
        .during(async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let began = tokio::time::Instant::now();
            restored(&street, &head_end, 0).await;
            while orders() == 0 {
                assert!(began.elapsed() < Duration::from_secs(120), "no order has reached the meter");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            println!("ordered back after {:?}", began.elapsed());
            assert!(live.with(|c| c.reached().len()) > 1, "it was asked before");
        })
        .await;
    head_end.close().await;
    server.stop().await;
    street.close().await;
}
