//! The console of a site: its port, opened before anything is served, and the one-time login of a new one.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{AppError, Site};
use crate::http::auth::{OneTimeLogin, first_login};
use crate::http::{self, Changes, Services, Topic};

/// The port of the console, open.
#[derive(Debug)]
pub struct Console {
    /// Where it listens.
    pub at: SocketAddr,
    /// A login to be shown once, where there was no account at all.
    pub login: Option<OneTimeLogin>,
    listener: TcpListener,
}

impl Site {
    /// Opens the port of the console, and makes the first account where there is none; `None` when the configuration has
    /// no console.
    ///
    /// # Errors
    /// [`AppError`] when the port is taken, or the first account cannot be made.
    pub async fn open_console(&self) -> Result<Option<Console>, AppError> {
        let settings = &self.config.http;
        if !settings.enabled {
            return Ok(None);
        }
        let listener = http::listen(settings.listen).await?;
        let at = listener.local_addr().unwrap_or(settings.listen);
        let login = first_login(&self.store, &self.clock).await?;
        Ok(Some(Console { at, login, listener }))
    }

    /// What the console works with.
    #[must_use]
    pub fn services(&self) -> Services {
        Services::new(
            self.store.clone(),
            self.clock.clone(),
            self.lines.clone(),
            self.collector.progress(),
            self.config.http.clone(),
        )
        .of_site(&self.config)
        .showing(Arc::clone(&self.shown))
        .reading(self.on_demand.clone())
        .rereading(self.read_again.clone())
        .ordering(self.supply.clone())
        .with_terminals(self.terminals.clone(), self.collector.clone())
    }

    /// Wakes whoever watches when an on-demand read or an order has changed.
    pub(super) async fn tell_of_changes(&self, told: Changes, stop: &CancellationToken) {
        let (mut reads, mut orders) = (self.on_demand.changes(), self.supply.changes());
        let mut terminals = self.terminals.changes();
        loop {
            tokio::select! {
                changed = terminals.recv() => match changed {
                    Ok(_) | Err(RecvError::Lagged(_)) => told.tell(Topic::Terminal),
                    Err(RecvError::Closed) => return,
                },
                () = stop.cancelled() => return,
                changed = reads.recv() => match changed {
                    Ok(_) | Err(RecvError::Lagged(_)) => told.tell(Topic::Read),
                    Err(RecvError::Closed) => return,
                },
                changed = orders.changed() => match changed {
                    Ok(()) => told.tell(Topic::Order),
                    Err(_) => return,
                },
            }
        }
    }
}

impl Console {
    pub(super) fn into_listener(self) -> TcpListener {
        self.listener
    }
}
