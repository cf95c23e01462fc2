//! How on-demand reads are shown: to programs that asked for them, and in the events that tell of them.

use dlt645::explain::{self, Piece};
use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::ListMeta;
use crate::channel;
use crate::collect::on_demand::{Asking, LiveRead, MeterStatus};
use crate::domain::{Coded, Moment, ReadAnswer, ReadGroup, ReadJob, detail_zh};
use crate::explain::{RegisterFrame, register_frames};

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadShown {
    /// Its number; too large for a number of JavaScript.
    id: String,
    /// The name of the account that asked.
    asked_by: String,
    /// What is read.
    groups: Vec<&'static str>,
    /// How it stands: waiting, done, partly, failed, expired, cancelled.
    state: &'static str,
    /// The same in Chinese.
    state_zh: &'static str,
    /// How many meters it has.
    meters: u32,
    /// How many of them have not ended.
    waiting: u32,
    /// When it was asked for, RFC 3339.
    created_at: String,
    /// Nothing is asked from then on, RFC 3339.
    expires_at: String,
    /// When it ended, RFC 3339.
    ended_at: Option<String>,
}

/// A meter of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadMeterShown {
    /// Its address.
    address: String,
    /// How it stands: waiting, done, partly, failed, expired, cancelled.
    state: &'static str,
    /// The same in Chinese.
    state_zh: &'static str,
    /// Why something is missing.
    cause: Option<&'static str>,
    /// The same in Chinese.
    cause_zh: Option<&'static str>,
    /// What more is to be said of it.
    detail: Option<String>,
    /// The same in Chinese.
    detail_zh: Option<String>,
    /// Since when it stands so, RFC 3339.
    changed_at: String,
    /// How many meters of its line have their turn before it; `null` when it is being asked or has ended.
    position: Option<usize>,
    /// What it is being asked.
    asking: Option<AskingShown>,
}

/// What a meter is being asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AskingShown {
    /// The group.
    group: Option<&'static str>,
    /// How many of its questions are done.
    done: usize,
    /// How many it has.
    of: usize,
    /// The identifier that is asked for.
    data_id: Option<String>,
    /// Where the question stands in its line: waiting, parked, asking, ended.
    line: Option<&'static str>,
    /// How many questions are before it in its line.
    before: Option<usize>,
}

/// What came of one question.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnswerShown {
    /// The group it is of.
    group: &'static str,
    /// The data identifier; of a Modbus meter the function, the first register and how many, such as `03 4096+12`.
    data_id: String,
    /// The meter gave it between this moment and the next, RFC 3339; `null` when it gave nothing.
    given_from: Option<String>,
    /// The meter had given it by then.
    given_until: Option<String>,
    /// How long ago that is, in seconds.
    age_s: Option<u64>,
    /// It may be the answer to the same question put at `given_from`, before this job asked.
    is_doubtful: bool,
    /// Why there is none.
    cause: Option<&'static str>,
    /// The same in Chinese.
    cause_zh: Option<&'static str>,
    /// What more is to be said of that.
    detail: Option<String>,
    /// The same in Chinese.
    detail_zh: Option<String>,
    /// What it says, value by value, each beside the last value of the same item known before.
    #[schema(value_type = Vec<Object>)]
    values: Vec<serde_json::Value>,
    /// The frames of question and answer, explained field by field.
    #[schema(value_type = Vec<Object>)]
    frames: Vec<serde_json::Value>,
    /// The same as they went over the line.
    hex: String,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadBody {
    /// The job.
    pub(super) read: ReadShown,
}

/// A job with its meters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadAndMeters {
    /// The job.
    pub(super) read: ReadShown,
    /// Its meters, or a page of them.
    pub(super) meters: Vec<ReadMeterShown>,
    /// Where to go on.
    pub(super) meta: ListMeta,
}

/// Jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reads {
    /// The newest first.
    pub(super) reads: Vec<ReadShown>,
    /// Where to go on.
    pub(super) meta: ListMeta,
}

/// The answers of a meter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answers {
    /// In the order in which they came.
    pub(super) answers: Vec<AnswerShown>,
}

/// What may be read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Groups {
    /// All groups.
    pub(super) groups: Vec<ReadGroupShown>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadGroupShown {
    /// Its name in requests.
    name: &'static str,
    /// What it is called, in English.
    name_en: &'static str,
    /// The same in Chinese.
    name_zh: &'static str,
}

impl ReadShown {
    /// Whether the job has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }
}

pub(super) fn job(job: &ReadJob) -> ReadShown {
    ReadShown {
        id: job.id.to_string(),
        asked_by: job.asked_by.clone(),
        groups: job.groups.iter().map(|group| group.name()).collect(),
        state: job.state.name(),
        state_zh: job.state.name_zh(),
        meters: job.meters,
        waiting: job.waiting,
        created_at: job.created_at.to_string(),
        expires_at: job.expires_at.to_string(),
        ended_at: job.ended_at.map(|at| at.to_string()),
    }
}

pub(super) fn meter(status: MeterStatus) -> ReadMeterShown {
    let MeterStatus { read, live } = status;
    let (position, asking) = match live {
        Some(LiveRead::Waiting { before }) => (Some(before), None),
        Some(LiveRead::Asking(now)) => (None, Some(asking(now))),
        None => (None, None),
    };
    ReadMeterShown {
        address: read.address.to_string(),
        state: read.state.name(),
        state_zh: read.state.name_zh(),
        cause: read.cause.map(Coded::name),
        cause_zh: read.cause.map(|cause| cause.name_zh()),
        detail_zh: read.detail.as_deref().map(detail_zh),
        detail: read.detail,
        changed_at: read.changed_at.to_string(),
        position,
        asking,
    }
}

pub(super) fn answer(answer: ReadAnswer, now: Moment) -> AnswerShown {
    let (from, until) = answer.given.unzip();
    let (cause, detail) = answer.missing.unzip();
    let frames = frames(&answer.frames);
    AnswerShown {
        group: answer.group.name(),
        data_id: answer.data_id,
        given_from: from.map(|from| from.to_string()),
        given_until: until.map(|until| until.to_string()),
        age_s: until.map(|until| now.since(until).as_secs()),
        is_doubtful: answer.is_doubtful,
        cause: cause.map(Coded::name),
        cause_zh: cause.map(|cause| cause.name_zh()),
        detail_zh: detail.as_deref().map(detail_zh),
        detail,
        values: answer.values.iter().filter_map(|value| serde_json::to_value(value).ok()).collect(),
        frames,
        hex: answer.frames.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Frames explained field by field; those of Modbus by unit and function.
fn frames(bytes: &[u8]) -> Vec<serde_json::Value> {
    let modbus = |frame: &RegisterFrame| {
        serde_json::json!({
            "protocol": "modbus",
            "offset": frame.span.start,
            "length": frame.span.len(),
            "direction": if frame.is_question { "request" } else { "response" },
            "unit": frame.unit,
            "function": format!("{:02X}", frame.function),
            "ok": true,
            "error": frame.refusal.map(|code| format!("exception {code:02X}")),
        })
    };
    match register_frames(bytes) {
        Some(frames) => frames.iter().map(modbus).collect(),
        None => {
            let explained = explain::pieces(bytes, None);
            explained.iter().filter_map(|piece: &Piece| serde_json::to_value(piece).ok()).collect()
        }
    }
}

pub(super) fn groups() -> Groups {
    let shown = |group: ReadGroup| ReadGroupShown {
        name: group.name(),
        name_en: group.name_en(),
        name_zh: group.name_zh(),
    };
    Groups { groups: ReadGroup::all().map(shown).collect() }
}

fn asking(Asking { step, question }: Asking) -> AskingShown {
    let (group, done, of) = step.map_or((None, 0, 0), |(group, done, of)| (Some(group.name()), done, of));
    let (data_id, progress) = question.unzip();
    let (line, before) = match progress {
        Some(channel::Progress::Waiting { before }) => (Some("waiting"), Some(before)),
        Some(channel::Progress::Parked) => (Some("parked"), None),
        Some(channel::Progress::Asking) => (Some("asking"), None),
        Some(channel::Progress::Ended) => (Some("ended"), None),
        None => (None, None),
    };
    AskingShown { group, done, of, data_id: data_id.map(|id| id.to_string()), line, before }
}
