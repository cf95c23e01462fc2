//! Keeps what the process counts, and writes it out as Prometheus reads it.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// What the process has counted since it began.
#[derive(Clone, Debug)]
pub struct Recorder(PrometheusHandle);

/// The process counts already, or cannot.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be kept")]
pub struct RecorderError(#[from] BuildError);

impl Recorder {
    /// Begins to count. What was counted before is not known; a process begins once.
    ///
    /// # Errors
    /// [`RecorderError`] when somebody else counts in this process.
    pub fn start() -> Result<Self, RecorderError> {
        let builder = PrometheusBuilder::new()
            // Without buckets there would be quantiles, which cannot be added up over instances.
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
        let handle = builder.install_recorder()?;
        super::describe();
        Ok(Self(handle))
    }

    /// All of it, in the text form of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Puts what was measured into its buckets now and then, so that it does not pile up between two questions.
    pub async fn keep_up(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(KEEP_UP_EVERY) => self.0.run_upkeep(),
            }
        }
    }
}

/// Upper edges of buckets, in seconds: from an answer of a fast meter to a wait behind a night.
const SECONDS: [f64; 14] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];
const KEEP_UP_EVERY: Duration = Duration::from_secs(5);
