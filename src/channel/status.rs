//! How a line stands, for people and for whoever plans its work.

use std::time::Duration;

use dlt645::decoder::Dropped;
use dlt645::exchange::{Counters, Unfit};
use metrics::{counter, histogram};
use tokio::time::Instant;

use super::Lane;
use super::came::Came;
use super::ear::Heard;
use crate::telemetry;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinePhase {
    /// Its path is being opened; jobs wait.
    Connecting,
    /// Its path is open.
    Up,
    /// Its path could not be opened for some time: jobs end as [`End::LineDown`](super::End::LineDown).
    Down {
        /// Why, from the closed set of [`LinkError::kind`](crate::link::LinkError::kind).
        reason: &'static str,
    },
    /// It does not stop talking: jobs end as [`End::LineChatter`](super::End::LineChatter), orders excepted. (F11)
    Chattering,
    /// It was closed.
    Stopped,
}

impl LinePhase {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Down { .. } => "down",
            Self::Chattering => "chattering",
            Self::Stopped => "stopped",
        }
    }
}

/// How a line stands now, and what it has seen since it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineStatus {
    /// What it is about.
    pub phase: LinePhase,
    /// Since when.
    pub since: Instant,
    /// How many jobs wait in each lane, in the order of [`Lane::ALL`], parked ones counted.
    pub depths: [usize; Lane::ALL.len()],
    /// The lane of the job that is being asked.
    pub asking: Option<Lane>,
    /// What it has seen.
    pub tally: Tally,
}

/// What a line has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exchanges that ended.
    pub exchanges: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, refused by the meter.
    pub refused: u64,
    /// Of these, with no answer or a part of one.
    pub silent: u64,
    /// Frames of our own that came back: an adapter with echo.
    pub echoes: u64,
    /// Answers that came too late, or to another question.
    pub late: u64,
    /// Requests of another master. (T3)
    pub foreign_requests: u64,
    /// Starts of frames that came to nothing: wrong checksums, cut ones.
    pub broken_frames: u64,
    /// Bytes of no frame.
    pub noise_bytes: u64,
    /// How often the path was lost.
    pub lost: u64,
    /// How often the path was opened anew because an old answer could still be under way. (F6)
    pub reopened: u64,
    /// How often the line did not stop talking.
    pub chatters: u64,
    /// How often the task of the line broke off. (R9)
    pub panics: u64,
    /// How far the line was in use.
    pub used: LineUse,
}

/// How far a line was in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineUse {
    /// What was answered took so long: request, delay of the meter, answer, and the quiet that it needs behind.
    pub answered: Duration,
    /// From the first byte of the first request to the end of the last exchange.
    between: Option<(std::time::Instant, std::time::Instant)>,
}

impl LineUse {
    /// Adds an exchange; with the quiet behind it, where it was answered.
    pub fn add(&mut self, (began, ended): (std::time::Instant, std::time::Instant), quiet: Option<Duration>) {
        if let Some(quiet) = quiet {
            self.answered += ended.saturating_duration_since(began) + quiet;
        }
        let ended = ended + quiet.unwrap_or_default();
        let (first, last) = self.between.unwrap_or((began, ended));
        self.between = Some((first.min(began), last.max(ended)));
    }

    /// From the first request to the end of the last exchange and its quiet.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.between.map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
    }
}

impl Tally {
    /// Counts an exchange, with the quiet that an answer needs behind it.
    pub(super) fn count(
        &mut self,
        (function, quiet): (&'static str, Duration),
        outcome: &Came,
        counters: &Counters,
    ) {
        self.exchanges += 1;
        let is_answer = matches!(outcome.kind(), "answered" | "refused");
        let report = outcome.report();
        self.used.add((report.began_at, report.ended_at), is_answer.then_some(quiet));
        match outcome.kind() {
            "answered" => self.answered += 1,
            "refused" => self.refused += 1,
            "silent" | "incomplete" | "unknown" => self.silent += 1,
            _ => {}
        }
        counter!(telemetry::EXCHANGES, "function" => function, "outcome" => outcome.kind()).increment(1);
        histogram!(telemetry::EXCHANGE_SECONDS, "outcome" => outcome.kind())
            .record(outcome.report().duration().as_secs_f64());
        self.hear(counters);
    }

    /// Counts what was heard and not taken.
    pub(super) fn hear(&mut self, counters: &Counters) {
        for (reason, count) in counters.iter().filter(|(_, count)| *count > 0) {
            let count = u64::from(count);
            match reason {
                Unfit::Echo => self.echoes += count,
                Unfit::ForeignRequest => {
                    self.foreign_requests += count;
                    counter!(telemetry::FOREIGN_REQUESTS).increment(count);
                }
                Unfit::Late
                | Unfit::Early
                | Unfit::OtherItem
                | Unfit::OtherFunction
                | Unfit::ForeignAnswer => {
                    self.late += count;
                }
                _ => {}
            }
            counter!(telemetry::REFUSED_FRAMES, "reason" => reason.kind()).increment(count);
        }
        self.drop(counters.dropped);
    }

    /// Counts what was heard when nobody was asked.
    pub(super) fn hear_between(&mut self, heard: &Heard) {
        self.late += u64::try_from(heard.answers.len()).unwrap_or(u64::MAX);
        self.foreign_requests += heard.requests;
        counter!(telemetry::FOREIGN_REQUESTS).increment(heard.requests);
        self.drop(heard.dropped);
    }

    fn drop(&mut self, dropped: Dropped) {
        for (reason, count) in [
            ("noise_bytes", dropped.noise_bytes),
            ("bad_checksums", dropped.bad_checksums),
            ("bad_ends", dropped.bad_ends),
            ("cut_short", dropped.cut_short),
        ] {
            if count > 0 {
                counter!(telemetry::DROPPED, "reason" => reason).increment(count);
            }
        }
        self.broken_frames += dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
        self.noise_bytes += dropped.noise_bytes;
    }
}
