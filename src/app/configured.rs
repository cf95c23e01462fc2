//! Notes which configuration is in force, once a site is started with it (T27).

use super::Site;
use crate::config::InForce;
use crate::telemetry::with_causes;

impl Site {
    /// Enters in the audit log what the configuration says otherwise than it did when it was last in force. Where that cannot be
    /// kept the site is served all the same: it is entered at the next start.
    pub async fn note_configuration(&self, in_force: &[InForce]) {
        let looser = self.config.looser();
        for looser in &looser {
            tracing::warn!(
                "{} = {} protects less than {}, which is built in",
                looser.key,
                looser.value,
                looser.built_in
            );
        }
        match self.store.note_configuration(in_force, &looser, self.clock.now()).await {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => tracing::info!(count = changes.len(), "the configuration is another than before"),
            Err(error) => tracing::error!("the configuration cannot be noted: {}", with_causes(&error)),
        }
    }
}
