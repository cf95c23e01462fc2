//! Looks again and again whether the lists of revoked certificates have changed, and hangs up whoever is revoked since.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Door, Lists, Verifier};
use crate::config::{FaultKind, Words};
use crate::domain::Moment;
use crate::terminal::WhatChanged;
use crate::terminal::peer::Fingerprint;
use crate::terminal::state::Shared;

/// How the lists of revoked certificates stand.
#[derive(Clone, Debug)]
pub(in crate::terminal) struct Standing {
    lists: Lists,
    /// What is wrong with what the file holds now; the lists from before are in use.
    fault: Option<Words>,
}

impl Standing {
    /// What is wrong with them.
    pub(in crate::terminal) fn trouble(&self, now: Moment) -> Option<Words> {
        self.fault.clone().or_else(|| self.lists.outdated(now).map(|fault| fault.words()))
    }
}

/// The lists as they are looked after.
struct Watched {
    path: PathBuf,
    /// What the file held when it was looked at; nothing when it could not be read.
    held: Option<Vec<u8>>,
    verifier: Arc<Verifier>,
    came: mpsc::Receiver<Fingerprint>,
    shared: Arc<Shared>,
}

/// Looks after the lists until the server is stopped. Without lists there is nothing to look after.
pub(in crate::terminal) fn keep(shared: &Arc<Shared>, door: Door) {
    let Door { verifier, lists: Some((path, bytes, lists)), came, .. } = door else { return };
    stand(shared, Standing { lists, fault: None });
    let _ = shared.verifier.set(Arc::clone(&verifier));
    let watched = Watched { path, held: Some(bytes), verifier, came, shared: Arc::clone(shared) };
    let stop = shared.stop.clone();
    shared.tasks.spawn(async move {
        stop.run_until_cancelled(watched.watch()).await;
    });
}

impl Watched {
    async fn watch(mut self) {
        let mut next = Instant::now() + LOOK_AGAIN;
        loop {
            tokio::select! {
                Some(mark) = self.came.recv() => self.tell(mark),
                () = sleep_until(next) => {
                    self.look().await;
                    next = Instant::now() + LOOK_AGAIN;
                }
            }
        }
    }

    /// The terminal of a certificate that is revoked was refused.
    fn tell(&self, mark: Fingerprint) {
        let own = |certificate: Option<Fingerprint>| certificate == Some(mark);
        for station in self.shared.stations() {
            if station.with(|state| own(state.certificate)) {
                let terminal = station.address;
                tracing::warn!(terminal.address = %terminal, "terminal {terminal} comes with a revoked certificate and is refused");
                station.with(|state| state.tally.refused += 1);
            }
        }
    }

    async fn look(&mut self) {
        let path = self.path.clone();
        // A directory may be on another machine, which does not answer.
        let Ok(read) = tokio::task::spawn_blocking(move || std::fs::read(path)).await else { return };
        let bytes = match read {
            Ok(bytes) if self.held.as_ref() == Some(&bytes) => return,
            Ok(bytes) => bytes,
            Err(error) => {
                self.held = None;
                return self.keep_former(&FaultKind::File(error.kind()));
            }
        };
        let Verifier { roots, provider, .. } = &*self.verifier;
        let lists = Lists::of(&bytes, roots, &provider.signature_verification_algorithms);
        self.held = Some(bytes);
        match lists.and_then(|lists| {
            self.verifier.replace(&lists).map(|()| lists).map_err(|_| super::lists::unread(1))
        }) {
            Ok(lists) => {
                tracing::info!("the lists of revoked certificates were read anew: {}", self.path.display());
                stand(&self.shared, Standing { lists, fault: None });
                self.hang_up();
            }
            Err(fault) => self.keep_former(&fault),
        }
    }

    /// Neither is everybody let in for a file that cannot be used, nor nobody.
    fn keep_former(&self, fault: &FaultKind) {
        let words = fault.words();
        let mut standing = self.shared.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(standing) = standing.as_mut() else { return };
        if standing.fault.as_ref() != Some(&words) {
            tracing::error!(
                "the lists of revoked certificates in {} cannot be used, those from before are: {}",
                self.path.display(),
                words.en
            );
            standing.fault = Some(words);
        }
    }

    /// Ends the sessions of those whose certificate is revoked.
    fn hang_up(&self) {
        for station in self.shared.stations() {
            let chain = station.with(|state| state.chain.clone());
            if chain.is_some_and(|chain| self.verifier.is_revoked(&chain)) && station.hang_up() {
                let terminal = station.address;
                tracing::warn!(terminal.address = %terminal, "the certificate of terminal {terminal} is revoked: it is hung up");
                station.with(|state| state.tally.refused += 1);
                self.shared.tell(terminal, WhatChanged::Lost);
            }
        }
    }
}

fn stand(shared: &Shared, standing: Standing) {
    *shared.lists.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
}

const LOOK_AGAIN: Duration = Duration::from_secs(10);
