//! Looks after what is known of terminals: which may log in, where their meters are, when they were heard.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::collect::Collector;
use crate::domain::{MeterPath, Moment, Parity};
use crate::link::Rate;
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;
use crate::terminal::{MeterPort, TerminalSettings, Terminals};

/// Lets every terminal log in that was taken in or that the archive names, and says where its meters are.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub(super) async fn introduce(store: &Store, terminals: &Terminals) -> Result<(), StoreError> {
    // Asked before the database, so that one that is taken in meanwhile is not let go.
    let here: HashSet<TerminalAddress> = terminals.all().iter().map(|status| status.address).collect();
    let known: HashSet<TerminalAddress> = store.known_terminals().await?.into_iter().collect();
    let certificates: HashMap<_, _> = store.terminal_certificates().await?.into_iter().collect();
    for address in known.difference(&here) {
        terminals.adopt(*address, TerminalSettings::default());
        terminals.bind_certificate(*address, certificates.get(address).map(String::as_str));
    }
    for address in here.difference(&known).filter(|address| !terminals.is_dialled(**address)) {
        tracing::info!(terminal.address = %address, "terminal {address} is not named any more and is let go");
        terminals.forget(*address);
    }
    let mut ports: BTreeMap<TerminalAddress, Vec<_>> = BTreeMap::new();
    for site in store.site_meters().await? {
        let MeterPath::Terminal { terminal, port, baud, parity, .. } = &site.meter.path else { continue };
        let Ok(address) = terminal.parse() else { continue };
        let rate = baud.map(|baud| Rate { baud, parity: parity.unwrap_or(Parity::Even) });
        ports.entry(address).or_default().push((site.meter.address, MeterPort { port: *port, rate }));
    }
    for (address, meters) in ports {
        terminals.set_ports(address, meters);
    }
    match store.terminal_passwords().await {
        Ok(codes) => codes.into_iter().for_each(|(address, code)| terminals.set_password(address, code)),
        Err(error) => {
            tracing::warn!(kind = error.kind(), "codes of terminals wait: {}", with_causes(&error));
        }
    }
    Ok(())
}

/// Looks after them until `stop`.
pub(super) async fn look_after(
    store: &Store,
    clock: &Clock,
    terminals: &Terminals,
    stop: &CancellationToken,
) {
    let (mut noted, mut certified) = (HashMap::new(), HashMap::new());
    for round in 1_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let done = async {
            // The archive may have been changed by a command.
            if round.is_multiple_of(INTRODUCE_EVERY) {
                introduce(store, terminals).await?;
            }
            if round.is_multiple_of(TIDY_EVERY) {
                tidy(store, clock.now()).await;
            }
            note_certificates(store, terminals, &mut certified).await?;
            note(store, terminals, &mut noted).await
        };
        if let Err(error) = done.await {
            tracing::warn!(kind = error.kind(), "what is known of terminals waits: {}", with_causes(&error));
        }
    }
}

/// Carries out until `stop` what two persons want set in terminals.
pub(super) async fn set_records(collector: &Collector, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SET_AGAIN) => {}
        }
        if let Err(error) = collector.set_records(stop).await {
            tracing::warn!(
                kind = error.kind(),
                "what is to be set in terminals waits: {}",
                with_causes(&error)
            );
        }
    }
}

/// Lets old notes of terminals go; what does not come about today does tomorrow.
async fn tidy(store: &Store, now: Moment) {
    match store.forget_old_of_terminals(now, (CLOCKS_KEPT, EVENTS_KEPT)).await {
        Ok(gone) => tracing::info!(gone, "old notes of terminals are let go"),
        Err(error) => {
            tracing::warn!(kind = error.kind(), "old notes of terminals stay: {}", with_causes(&error));
        }
    }
}

/// Keeps with which certificate terminals came first.
async fn note_certificates(
    store: &Store,
    terminals: &Terminals,
    certified: &mut HashMap<TerminalAddress, String>,
) -> Result<(), StoreError> {
    for status in terminals.all() {
        let Some(own) = status.certificate else { continue };
        if certified.get(&status.address) != Some(&own) {
            store.note_certificate(status.address, &own).await?;
            certified.insert(status.address, own);
        }
    }
    Ok(())
}

/// Keeps when terminals were heard that were heard since.
async fn note(
    store: &Store,
    terminals: &Terminals,
    noted: &mut HashMap<TerminalAddress, Moment>,
) -> Result<(), StoreError> {
    let mut heard = Vec::new();
    for status in terminals.all() {
        let Some(at) = status.last_heard_at else { continue };
        if noted.get(&status.address) != Some(&at) {
            heard.push((status.address, at, status.connected_at));
        }
    }
    store.terminals_heard(&heard).await?;
    noted.extend(heard.into_iter().map(|(address, at, _)| (address, at)));
    Ok(())
}

/// Somebody who has confirmed it looks at it.
const SET_AGAIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// In rounds.
const INTRODUCE_EVERY: u64 = 5;
/// In rounds: once a day.
const TIDY_EVERY: u64 = 1440;
/// Nothing is dated by a clock of a session that was so long ago.
const CLOCKS_KEPT: Duration = Duration::from_secs(400 * 86_400);
const EVENTS_KEPT: Duration = Duration::from_secs(3 * 366 * 86_400);
