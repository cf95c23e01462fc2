//! Why there is no answer, in words of both languages.

use dlt645::address::Target;
use dlt645::exchange::{Outcome, Report};
use serde::Serialize;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Trouble {
    #[serde(rename = "error")]
    pub(super) en: String,
    #[serde(rename = "error_zh")]
    pub(super) zh: String,
}

impl Trouble {
    pub(super) fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// The same where only meters of 2007 have what was asked for.
    pub(super) fn of_2007(outcome: &Outcome) -> Self {
        let Self { en, zh } = Self::of(outcome).unwrap_or_else(|| Self::new("no answer", "无应答"));
        match outcome {
            Outcome::Silent(_) => Self::new(
                format!("{en}; a meter of 1997 does not answer this: time tells the edition"),
                format!("{zh}；1997版电表不支持，可用 time 判断规约"),
            ),
            _ => Self { en, zh },
        }
    }

    /// Why an exchange gave no answer; `None` when it did.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        Some(match outcome {
            Outcome::Answered(_) => return None,
            Outcome::Refused { refusal, .. } => {
                let names: Vec<_> = refusal.names().map(|(_, zh)| zh).collect();
                Self::new(format!("refused: {refusal}"), format!("拒绝: {}", names.join("; ")))
            }
            Outcome::Incomplete { .. } => {
                Self::new("the answer broke off: nothing of it is used", "应答不完整，未采用")
            }
            Outcome::NotSent(_) => Self::new("nothing was sent: the line failed", "未发送：线路故障"),
            Outcome::Silent(report) | Outcome::Unknown(report) | Outcome::Sent(report) => {
                Self::new(silence(report), silence_zh(report))
            }
        })
    }

    /// The same of a question that several meters may have answered: what was heard of them at once is no answer.
    pub(super) fn of_anybody(outcome: &Outcome, target: Target) -> Option<Self> {
        let Self { en, zh } = Self::of(outcome)?;
        let garbled = match outcome {
            Outcome::Silent(report) => {
                let dropped = report.counters.dropped;
                dropped.bad_checksums + dropped.bad_ends + dropped.cut_short + dropped.noise_bytes > 0
            }
            _ => false,
        };
        Some(match target {
            Target::Pattern(_) if garbled => Self::new(
                format!(
                    "{en}; several meters may have answered at once (collision): ask one by its full address, scan tells who is there"
                ),
                format!("{zh}；可能有多只电能表同时应答（冲突），请用完整表号询问，可用 scan 搜表"),
            ),
            _ => Self { en, zh },
        })
    }
}

/// The same in Chinese.
fn silence_zh(report: &Report) -> String {
    let dropped = report.counters.dropped;
    let bad = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    let noise = dropped.noise_bytes;
    let other: u32 = report.counters.iter().map(|(_, count)| count).sum();
    let mut text = format!("无应答，共询问 {} 次", report.attempts);
    if other > 0 {
        text.push_str(&format!("；收到 {other} 帧不符的报文，未采用"));
    }
    if bad > 0 || noise > 0 {
        text.push_str(&format!("；收到 {bad} 个坏帧、{noise} 个杂字节"));
    }
    text
}

/// Silence in words: what was heard instead, if anything.
fn silence(report: &Report) -> String {
    let heard: Vec<String> = report
        .counters
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {}", reason.kind().replace('_', " ")))
        .collect();
    let dropped = report.counters.dropped;
    let bad = dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
    let noise = dropped.noise_bytes;
    let mut text = format!("no answer in {} attempts", report.attempts);
    if !heard.is_empty() {
        text.push_str(&format!("; heard and not taken: {}", heard.join(", ")));
    }
    if bad > 0 || noise > 0 {
        text.push_str(&format!("; {bad} broken frames and {noise} bytes of noise were heard"));
    }
    text
}
