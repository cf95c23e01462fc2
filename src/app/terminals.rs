//! Looks after what is known of terminals: which may log in, where their meters are, when they were heard.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio_util::sync::CancellationToken;

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
    let known: Vec<TerminalAddress> = terminals.all().iter().map(|status| status.address).collect();
    for address in store.known_terminals().await? {
        if !known.contains(&address) {
            terminals.adopt(address, TerminalSettings::default());
        }
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
    Ok(())
}

/// Looks after them until `stop`.
pub(super) async fn look_after(store: &Store, terminals: &Terminals, stop: &CancellationToken) {
    let mut noted = HashMap::new();
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
