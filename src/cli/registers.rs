//! A line on which Modbus meters are asked directly: the head-end's own line task, for one command.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::CliError;
use super::asker::service;
use super::trace::Trace;
use crate::channel::{
    Channel, ChannelHandle, ChannelSettings, End, Job, Lane, RegisterOutcome, RegisterQuestion,
};
use crate::config::Framing;
use crate::link::{Dialler, Place, Rate};
use dlt645::exchange::Timing;

/// How one meter is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Speed and parity, where they are ours to set and not those of the line.
    pub(super) rate: Option<Rate>,
    pub(super) timing: Timing,
    /// How often it is asked again after silence.
    pub(super) retries: u8,
}

/// A line that is asked for registers, and nothing else.
pub(super) struct RegisterLine {
    line: ChannelHandle,
    place: Place,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl RegisterLine {
    /// Opens the line, unless a service has it: the registers of its meters are asked for in the console.
    pub(super) async fn open(place: Place, framing: Framing, is_traced: bool) -> Result<Self, CliError> {
        // Connections over Modbus TCP do not disturb each other.
        if framing == Framing::Bus {
            service::refuse_served(&place).await?;
        }
        let rate = match &place {
            Place::Serial { rate, .. } => Some(*rate),
            _ => None,
        };
        let settings = ChannelSettings {
            framing,
            rate,
            patience: PATIENCE,
            // Where another process left off with the numbers of its frames is not known.
            seed: std::process::id().into(),
            ..ChannelSettings::new("direct")
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let dialler = Dialler::to(place.clone(), DIAL_WITHIN);
        let tap = Box::new(Trace::new(is_traced));
        let line = Channel::spawn(settings, dialler, tap, &tasks, stop.clone());
        Ok(Self { line, place, tasks, stop })
    }

    /// Asks, and again after silence. What comes is an answer, a refusal or silence; an error says that the line failed.
    pub(super) async fn ask(
        &self,
        question: RegisterQuestion,
        how: How,
    ) -> Result<(RegisterOutcome, u32), CliError> {
        let How { rate, timing, retries } = how;
        let job = Job { rate, ..Job::new(question, Lane::OnDemand, timing).retried(retries) };
        let report = match self.line.ask(job).await {
            Ok(report) => report,
            Err(refusal) => return Err(CliError::Failed(format!("{question}: {refusal}"))),
        };
        match report.end {
            End::Registers(RegisterOutcome::NotSent(_)) | End::LineDown => Err(self.why_down().await),
            End::Registers(outcome) => Ok((outcome, report.tries)),
            End::NotAllowed(blocked) => Err(CliError::Failed(blocked.to_string())),
            End::LineChatter => Err(CliError::Failed(
                "the line does not stop talking: nothing was asked  线路上一直有数据".into(),
            )),
            End::Doubtful => Err(CliError::Failed(format!(
                "{question}: two different answers came each time: two meters may have one unit number  \
                 每次都有两个不同的应答，可能单元号重复"
            ))),
            end => Err(CliError::Failed(format!("{question}: {}", end.kind()))),
        }
    }

    /// Why the path cannot be used.
    async fn why_down(&self) -> CliError {
        let dialled = Dialler::to(self.place.clone(), DIAL_WITHIN).dial().await;
        CliError::Failed(match dialled {
            Err(error) => super::asker::in_both(&error),
            Ok(_) => format!("{}: the line broke off  线路中断", self.place),
        })
    }

    /// Closes the line.
    pub(super) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// How long opening the path may take.
const DIAL_WITHIN: Duration = Duration::from_secs(5);
/// How long the line is tried where it cannot be opened.
const PATIENCE: Duration = Duration::from_secs(1);
