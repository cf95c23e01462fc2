//! What the process counts about itself: the names of its metrics, each with what it says.
//!
//! Labels come from closed sets; no address, name of a line or message is ever one. What belongs to one line is told by
//! the status of that line. Facts about the service, such as a backlog, are not counted here: they are asked of the
//! database when somebody wants to know ([`facts`]).

pub mod facts;
pub mod log;
mod recorder;

pub use recorder::{Recorder, RecorderError};

use metrics::{counter, describe_counter, describe_gauge, describe_histogram};

/// Exchanges that ended, by `function` (of the protocol) and `outcome`.
pub const EXCHANGES: &str = "amr_exchange_total";
/// How long exchanges took, from the first byte sent to the last byte taken, by `outcome`.
pub const EXCHANGE_SECONDS: &str = "amr_exchange_duration_seconds";
/// How long jobs waited in their lane before their first byte left, by `lane`.
pub const WAIT_SECONDS: &str = "amr_channel_wait_seconds";
/// Jobs that wait, by `lane`, all lines together.
pub const QUEUE_DEPTH: &str = "amr_channel_queue_depth";
/// Jobs that were not taken because their lane was full, by `lane`.
pub const BUSY: &str = "amr_channel_busy_total";
/// Jobs that ended, by `lane` and `end`.
pub const JOBS: &str = "amr_channel_job_total";
/// Jobs put back for another try, by `lane` and `reason`.
pub const REQUEUED: &str = "amr_channel_requeued_total";
/// Sound frames that were heard and not taken, by `reason`.
pub const REFUSED_FRAMES: &str = "amr_channel_refused_frame_total";
/// Bytes and false starts that were no frame, by `reason`.
pub const DROPPED: &str = "amr_decoder_dropped_total";
/// Frames that the last gate kept from leaving, by `reason`: each is a mistake in the program, and an alarm.
pub const BLOCKED: &str = "amr_gate_blocked_total";
/// Requests of another master heard on a line. (T3)
pub const FOREIGN_REQUESTS: &str = "amr_channel_foreign_request_total";
/// Lines that did not stop talking. (F11)
pub const CHATTER: &str = "amr_channel_chatter_total";
/// Tasks of lines that broke off and were begun anew. (R9)
pub const PANICS: &str = "amr_channel_panic_total";
/// Paths opened, by `result`.
pub const DIALS: &str = "amr_link_dial_total";
/// Paths that failed or were given up, by `reason`.
pub const LOST: &str = "amr_link_lost_total";
/// Lines that are up.
pub const LINES_UP: &str = "amr_link_up";
/// Connections of devices that dial in, by `outcome`.
pub const DIALLED_IN: &str = "amr_link_dial_in_total";
/// Heart-beat and registration packets taken out of the stream.
pub const HEART_BEATS: &str = "amr_link_heart_beat_total";
/// Records of captures that were lost, because the disk was too slow or refused them.
pub const CAPTURE_LOST: &str = "amr_capture_lost_total";

/// Sessions of terminals.
pub const TERMINAL_SESSIONS: &str = "amr_terminal_session";
/// Connections of terminals, by `outcome` of their login.
pub const TERMINAL_LOGINS: &str = "amr_terminal_login_total";
/// Sessions of terminals that ended, by `reason`.
pub const TERMINAL_ENDS: &str = "amr_terminal_end_total";
/// Questions and orders to terminals that ended, by `outcome`.
pub const TERMINAL_DIALOGUES: &str = "amr_terminal_dialogue_total";
/// Frames of terminals that nobody waited for, by `reason`.
pub const TERMINAL_UNTAKEN: &str = "amr_terminal_untaken_frame_total";
/// Reports of terminals, by `outcome`.
pub const TERMINAL_REPORTS: &str = "amr_terminal_report_total";

/// Register reads that were kept, by `source` and `quality`.
pub const READINGS: &str = "amr_reading_total";
/// Values of curves that were kept.
pub const SLOTS: &str = "amr_interval_total";
/// Outcomes of meters in runs, by `outcome`: read, or the cause of what is missing. A meter that is read in a later pass
/// counts in both.
pub const READS: &str = "amr_read_total";
/// Commits of what was collected, by `result`.
pub const COMMITS: &str = "amr_collect_commit_total";
/// From when a visit handed on what it brought until that was durable.
pub const KEEP_SECONDS: &str = "amr_collect_keep_seconds";
/// Meters of on-demand reads that ended, by `outcome`.
pub const ON_DEMAND: &str = "amr_on_demand_total";

/// Requests of browsers and programs that were answered, by `class` (ok, refused, failed).
pub const HTTP_REQUESTS: &str = "amr_http_request_total";
/// Handlers that broke off. (R9)
pub const HTTP_PANICS: &str = "amr_http_panic_total";
/// Connections that were closed because their client did not move, or gave way to others, by `reason`. (F21)
pub const HTTP_CLOSED: &str = "amr_http_closed_total";

/// An error with its causes, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let words = deeper.to_string();
        // Some libraries say the cause in the text of the error as well.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = deeper.source();
    }
    text
}

/// Tells the recorder what each metric says. What is counted without labels begins with nothing, so that the first that
/// is counted is seen as more than before.
fn describe() {
    for (name, says) in COUNTERS {
        describe_counter!(*name, *says);
    }
    for name in WITHOUT_LABELS {
        counter!(*name).increment(0);
    }
    for (name, says) in GAUGES {
        describe_gauge!(*name, *says);
    }
    for (name, says) in HISTOGRAMS {
        describe_histogram!(*name, metrics::Unit::Seconds, *says);
    }
}

/// The name of every metric there is, those of a histogram with their endings.
#[must_use]
pub fn names() -> Vec<String> {
    let plain = COUNTERS.iter().chain(GAUGES).map(|(name, _)| (*name).to_owned());
    let facts = facts::FACTS.iter().map(|fact| fact.name.to_owned());
    let parts = |name: &str| ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"));
    plain.chain(facts).chain(HISTOGRAMS.iter().flat_map(|(name, _)| parts(name))).collect()
}

const GAUGES: &[(&str, &str)] = &[
    (QUEUE_DEPTH, "jobs that wait, by lane"),
    (LINES_UP, "lines that are up"),
    (TERMINAL_SESSIONS, "sessions of terminals"),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    (EXCHANGE_SECONDS, "how long exchanges took, by outcome"),
    (WAIT_SECONDS, "how long jobs waited before their first byte, by lane"),
    (KEEP_SECONDS, "how long what a visit brought took to be durable"),
];

const WITHOUT_LABELS: &[&str] =
    &[PANICS, HTTP_PANICS, FOREIGN_REQUESTS, CHATTER, HEART_BEATS, CAPTURE_LOST, SLOTS];

const COUNTERS: &[(&str, &str)] = &[
    (HTTP_REQUESTS, "requests of browsers and programs that were answered, by class"),
    (HTTP_PANICS, "handlers that broke off"),
    (HTTP_CLOSED, "connections closed because their client did not move, or gave way to others, by reason"),
    (EXCHANGES, "exchanges that ended, by function and outcome"),
    (BUSY, "jobs not taken because their lane was full"),
    (JOBS, "jobs that ended, by lane and end"),
    (REQUEUED, "jobs put back for another try"),
    (REFUSED_FRAMES, "sound frames heard and not taken, by reason"),
    (DROPPED, "bytes and false starts that were no frame"),
    (BLOCKED, "frames kept from leaving by the last gate"),
    (FOREIGN_REQUESTS, "requests of another master heard on a line"),
    (CHATTER, "lines that did not stop talking"),
    (PANICS, "tasks of lines that broke off and were begun anew"),
    (DIALS, "paths opened, by result"),
    (LOST, "paths that failed or were given up"),
    (DIALLED_IN, "connections of devices that dial in, by outcome"),
    (HEART_BEATS, "heart-beat and registration packets taken out"),
    (TERMINAL_LOGINS, "connections of terminals, by outcome of their login"),
    (TERMINAL_ENDS, "sessions of terminals that ended, by reason"),
    (TERMINAL_DIALOGUES, "questions and orders to terminals that ended, by outcome"),
    (TERMINAL_UNTAKEN, "frames of terminals that nobody waited for, by reason"),
    (TERMINAL_REPORTS, "reports of terminals, by outcome"),
    (CAPTURE_LOST, "records of captures that were lost"),
    (READINGS, "register reads that were kept, by source and quality"),
    (SLOTS, "values of curves that were kept"),
    (READS, "outcomes of meters in runs"),
    (COMMITS, "commits of what was collected, by result"),
    (ON_DEMAND, "meters of on-demand reads that ended, by outcome"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_form_and_are_their_own() {
        let mut names: Vec<&str> = COUNTERS.iter().map(|(name, _)| *name).collect();
        assert!(names.iter().all(|name| name.starts_with("amr_") && name.ends_with("_total")));
        names.extend(GAUGES.iter().chain(HISTOGRAMS).map(|(name, _)| *name));
        names.extend(facts::FACTS.iter().map(|fact| fact.name));
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        let all = super::names();
        assert!(all.contains(&"amr_exchange_duration_seconds_bucket".to_owned()));
    }
}
