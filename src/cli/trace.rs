//! What `--trace` shows: every byte both ways with its time, and every frame with its meaning.

use std::time::Instant;

use anstyle::{AnsiColor, Style};
use dlt645::decoder::Decoder;
use dlt645::explain::{self, Piece};

use super::talk;
use crate::link::{Direction, Tap};

const SENT: Style = AnsiColor::Cyan.on_default();
const RECEIVED: Style = AnsiColor::Green.on_default();
const MEANING: Style = Style::new().dimmed();

/// Writes to standard error what passes over a line.
pub(super) struct Trace {
    is_on: bool,
    began_at: Option<Instant>,
    last_at: Option<Instant>,
    /// Bytes received and not yet explained.
    pending: Vec<u8>,
    decoder: Decoder,
}

impl Trace {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, began_at: None, last_at: None, pending: Vec::new(), decoder: Decoder::new() }
    }

    fn line(&mut self, at: Instant, style: Style, arrow: &str, bytes: &[u8]) {
        let began_at = *self.began_at.get_or_insert(at);
        let since_last =
            self.last_at.replace(at).map_or(0, |last| at.saturating_duration_since(last).as_millis());
        let elapsed = at.saturating_duration_since(began_at);
        let text: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        talk(&format!(
            "{:>4}.{:03} +{since_last:<5} {style}{arrow} {}{style:#}",
            elapsed.as_secs(),
            elapsed.subsec_millis(),
            text.join(" ")
        ));
    }

    /// Explains what is pending as far as frames are complete.
    fn explain(&mut self, bytes: &[u8]) {
        for piece in explain::pieces(bytes, None) {
            match piece {
                Piece::Frame(frame) => {
                    let di = frame.di.as_deref().unwrap_or_default();
                    let what = frame.function.as_deref().unwrap_or_default();
                    let address = frame.address.as_deref().unwrap_or_default();
                    let recorded = frame.records.iter().flat_map(|record| &record.values);
                    let values: Vec<String> = frame
                        .values
                        .iter()
                        .chain(recorded)
                        .map(|value| {
                            let text = value
                                .value
                                .as_deref()
                                .or(value.absent)
                                .or(value.raw.as_deref())
                                .unwrap_or_default();
                            format!("{} {text} {}", value.name, value.unit.unwrap_or_default())
                                .trim_end()
                                .to_owned()
                        })
                        .collect();
                    let error = frame.error.as_deref().map(|error| format!("  {error}")).unwrap_or_default();
                    let bad = if frame.ok { "" } else { "BAD FRAME " };
                    talk(&format!(
                        "{MEANING}                 {bad}{address} {what} {di} {}{error}{MEANING:#}",
                        values.join(", ")
                    ));
                    for note in &frame.notes {
                        talk(&format!("{MEANING}                 - {}{MEANING:#}", note.en));
                    }
                }
                Piece::Garbage(garbage) => {
                    talk(&format!("{MEANING}                 no frame: {}{MEANING:#}", garbage.garbage));
                }
            }
        }
    }

    /// Explains what was received and never became a frame.
    fn give_up_pending(&mut self) {
        if !self.pending.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            self.explain(&pending);
        }
        self.decoder = Decoder::new();
    }
}

impl Tap for Trace {
    fn bytes(&mut self, at: Instant, direction: Direction, bytes: &[u8]) {
        if !self.is_on {
            return;
        }
        match direction {
            Direction::Sent => {
                self.give_up_pending();
                self.line(at, SENT, "→", bytes);
                self.explain(bytes);
            }
            Direction::Received => {
                self.line(at, RECEIVED, "←", bytes);
                self.pending.extend_from_slice(bytes);
                let mut rest = bytes;
                let mut is_whole = false;
                while self.decoder.next_frame(&mut rest).is_some() {
                    is_whole = true;
                }
                if is_whole && !self.decoder.is_unfinished() {
                    let pending = std::mem::take(&mut self.pending);
                    self.explain(&pending);
                }
            }
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.is_on {
            self.give_up_pending();
        }
    }
}
