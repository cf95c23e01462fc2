//! What the service manager of the system is told (systemd, `Type=notify`): that the site is served, that it stops, and, as
//! long as every part turns, that it is alive. Without such a manager nothing is told.

use sd_notify::NotifyState;

use crate::app::Site;

/// Tells that the site is served.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells that it stops.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog, where there is one, until it is dropped. It is not fed while a part does not turn.
pub(super) async fn feed(site: &Site) {
    let Some(within) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut was_well = true;
    loop {
        let troubles = site.troubles();
        if troubles.is_empty() {
            tell(&[NotifyState::Watchdog]);
        } else if was_well {
            tracing::error!("the watchdog is not fed: {} does not turn", troubles.join(", "));
        }
        was_well = troubles.is_empty();
        tokio::time::sleep(within / 4).await;
    }
}

fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::debug!("the service manager is not told: {error}");
    }
}
