//! What `--trace` shows: every byte both ways with its time, and every frame with its meaning.

use std::time::Instant;

use anstyle::{AnsiColor, Style};
use dlt645::explain::{self as meter, FramePiece, Piece};

use super::talk;
use crate::explain::{self, Found, Terminal, is_modbus};
use crate::link::{Direction, Gathering, Tap, hex_without, secrets};

const SENT: Style = AnsiColor::Cyan.on_default();
const RECEIVED: Style = AnsiColor::Green.on_default();
const MEANING: Style = Style::new().dimmed();

/// Writes to standard error what passes over a line.
pub(super) struct Trace {
    is_on: bool,
    began_at: Option<Instant>,
    last_at: Option<Instant>,
    /// Bytes received and not yet explained.
    gathering: Gathering,
    /// The last frame sent held a password: what comes back may be a part of it.
    hides: bool,
}

impl Trace {
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, began_at: None, last_at: None, gathering: Gathering::new(), hides: false }
    }

    fn line(&mut self, at: Instant, style: Style, text: &str) {
        let began_at = *self.began_at.get_or_insert(at);
        let since_last =
            self.last_at.replace(at).map_or(0, |last| at.saturating_duration_since(last).as_millis());
        let elapsed = at.saturating_duration_since(began_at);
        talk(&format!(
            "{:>4}.{:03} +{since_last:<5} {style}{text}{style:#}",
            elapsed.as_secs(),
            elapsed.subsec_millis(),
        ));
    }

    /// Explains what is pending as far as frames are complete.
    fn explain(&self, bytes: &[u8]) {
        for found in explain::pieces(bytes, None) {
            match found {
                Found::Meter(Piece::Frame(frame), _) => of_meter(&frame),
                Found::Meter(Piece::Garbage(_), _) | Found::Terminal(_) if self.hides => {}
                Found::Terminal(frame) if is_modbus(frame.piece.protocol) => of_modbus(&frame),
                Found::Meter(Piece::Garbage(garbage), _) => {
                    meaning(&format!("no frame: {}", garbage.garbage))
                }
                Found::Terminal(frame) => {
                    meaning(&format!("a frame of {}, which no meter sends", frame.piece.protocol));
                }
            }
        }
    }

    /// Explains what was received and never became a frame.
    fn give_up_pending(&mut self) {
        if let Some(bytes) = self.gathering.give_up()
            && !self.hides
        {
            self.explain(&bytes);
        }
    }
}

/// What bytes mean, below them.
fn meaning(text: &str) {
    talk(&format!("{MEANING}                 {text}{MEANING:#}"));
}

fn of_meter(frame: &FramePiece) {
    let di = frame.di.as_deref().unwrap_or_default();
    let what = frame.function.as_deref().unwrap_or_default();
    let address = frame.address.as_deref().unwrap_or_default();
    let recorded = frame.records.iter().flat_map(|record| &record.values);
    let values: Vec<String> = frame
        .values
        .iter()
        .chain(recorded)
        .filter(|value| !value.name.contains("password"))
        .map(|value| {
            let text = value.value.as_deref().or(value.absent).or(value.raw.as_deref()).unwrap_or_default();
            format!("{} {text} {}", value.name, value.unit.unwrap_or_default()).trim_end().to_owned()
        })
        .collect();
    let error = frame.error.as_deref().map(|error| format!("  {error}")).unwrap_or_default();
    let bad = if frame.ok { "" } else { "BAD FRAME " };
    meaning(&format!("{bad}{address} {what} {di} {}{error}", values.join(", ")));
    for note in &frame.notes {
        meaning(&format!("- {}", note.en));
    }
}

fn of_modbus(frame: &Terminal) {
    let piece = &frame.piece;
    let bad = if piece.ok { "" } else { "BAD FRAME " };
    let unit = piece.address.as_deref().unwrap_or_default();
    let what = piece.function.as_deref().unwrap_or_default();
    // Head and check are in the bytes above.
    let values = piece.lines.iter().filter(|line| !HEAD.contains(&line.name.as_str()));
    let values: Vec<String> = values
        .filter_map(|line| line.value.as_deref().map(|value| format!("{} {value}", line.name)))
        .collect();
    let error = piece.error.as_deref().map(|error| format!("  {error}")).unwrap_or_default();
    meaning(&format!("{bad}unit {unit} {what}: {}{error}", values.join(", ")));
    for note in &piece.notes {
        meaning(&format!("- {}", note.en));
    }
}

/// What every frame of Modbus has.
const HEAD: [&str; 7] = ["number", "protocol", "length", "unit", "function", "bytes", "exception"];

impl Tap for Trace {
    fn bytes(&mut self, at: Instant, direction: Direction, bytes: &[u8]) {
        if !self.is_on {
            return;
        }
        match direction {
            Direction::Sent => {
                self.give_up_pending();
                let covered = secrets(bytes, &meter::pieces(bytes, None));
                self.hides = !covered.is_empty();
                self.line(at, SENT, &format!("→ {}", hex_without(bytes, &covered)));
                self.explain(bytes);
            }
            Direction::Received => {
                // A piece of a frame cannot be covered as a whole one is.
                let text = if self.hides {
                    format!("← {} bytes, which may hold the password", bytes.len())
                } else {
                    format!("← {}", hex_without(bytes, &[]))
                };
                self.line(at, RECEIVED, &text);
                if let Some(whole) = self.gathering.add(bytes) {
                    self.explain(&whole);
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
