//! Captures: files with every frame of a line, both ways, with its time, one JSON object a line.
//!
//! ```json
//! {"at":"2026-11-20T16:05:00.112Z","line":"line 1","direction":"sent","kind":"frame","length":20,"hex":"FE FE ..","preamble":4,"address":"123456789012","control":"11","di":"00010000"}
//! {"at":"2026-11-20T16:05:00.310Z","began_at":"2026-11-20T16:05:00.198Z","line":"line 1","direction":"received",..}
//! ```
//!
//! - Switched for each line at any time ([`Captures::switch`]); off it costs one look at a flag.
//! - Bounded: a file that is full is put aside and the oldest is deleted; when the disk is too slow records are lost and
//!   counted, and the line goes on.
//! - Passwords and the checksums that would betray them stand as `**`; what comes back garbled after a frame with a
//!   password is told by its length only (T24).

mod files;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use metrics::counter;

use super::tap::Gathering;
use super::{Direction, Tap};
use crate::clock::Clock;
use crate::config;
use crate::domain::Moment;
use crate::telemetry;
use files::Files;

/// Where captures go and how much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSettings {
    /// The directory.
    pub directory: PathBuf,
    /// How large a file may become, in bytes.
    pub file_size: u64,
    /// How many files are kept of each line, at least one.
    pub files: u32,
}

impl CaptureSettings {
    /// As the configuration has it.
    #[must_use]
    pub fn of(capture: &config::Capture) -> Self {
        Self {
            directory: capture.directory.clone(),
            file_size: capture.file_size.bytes(),
            files: capture.files,
        }
    }
}

/// All captures of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Captures {
    shared: Arc<Shared>,
    lines: Arc<Mutex<BTreeMap<String, Arc<AtomicBool>>>>,
    clock: Clock,
}

#[derive(Debug)]
struct Shared {
    records: SyncSender<Message>,
    lost: AtomicU64,
}

/// For the thread that writes.
#[derive(Debug)]
enum Message {
    Record {
        line: String,
        text: String,
    },
    /// Everything before this is to be on the disk before the answer.
    Flush(SyncSender<()>),
}

impl Captures {
    /// Makes ready to capture. Nothing is written before a line is switched on.
    ///
    /// # Errors
    /// When the thread that writes cannot be started.
    pub fn start(settings: CaptureSettings, clock: Clock) -> io::Result<Self> {
        let (records, incoming) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || Files::new(settings).write_all(&incoming))?;
        let shared = Arc::new(Shared { records, lost: AtomicU64::new(0) });
        Ok(Self { shared, lines: Arc::default(), clock })
    }

    /// The tap of a line, switched off unless the line was on before.
    #[must_use]
    pub fn line(&self, name: &str) -> Capture {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_on = Arc::clone(lines.entry(name.to_owned()).or_default());
        Capture {
            line: name.to_owned(),
            is_on,
            was_on: false,
            shared: Arc::clone(&self.shared),
            clock: self.clock.clone(),
            gathering: Gathering::new(),
            began_at: None,
            hides: false,
        }
    }

    /// Switches a line on or off; false when there is no such line.
    pub fn switch(&self, name: &str, on: bool) -> bool {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.get(name);
        line.inspect(|is_on| is_on.store(on, Ordering::Relaxed)).is_some()
    }

    /// The lines that are switched on.
    #[must_use]
    pub fn switched_on(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let on = lines.iter().filter(|(_, is_on)| is_on.load(Ordering::Relaxed));
        on.map(|(name, _)| name.clone()).collect()
    }

    /// Waits until everything recorded so far is written; blocks the thread.
    pub fn flush(&self) {
        let (done, waits) = sync_channel(1);
        if self.shared.records.send(Message::Flush(done)).is_ok() {
            // The thread is gone when it cannot answer: then there is nothing to wait for.
            let _ = waits.recv();
        }
    }

    /// How many records were lost because the disk was too slow or refused them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

/// Captures one line.
#[derive(Debug)]
pub struct Capture {
    line: String,
    is_on: Arc<AtomicBool>,
    was_on: bool,
    shared: Arc<Shared>,
    clock: Clock,
    gathering: Gathering,
    /// When the first of the gathered bytes came.
    began_at: Option<Moment>,
    /// The last frame sent held a password: what comes back and is no frame may be a part of it.
    hides: bool,
}

impl Tap for Capture {
    fn bytes(&mut self, _: Instant, direction: Direction, bytes: &[u8]) {
        let is_on = self.is_on.load(Ordering::Relaxed);
        if !std::mem::replace(&mut self.was_on, is_on) {
            // What passed while it was off is not put together with what comes now.
            self.gathering.give_up();
            self.began_at = None;
            // Whether the last frame sent held a password is not known.
            self.hides = true;
        }
        if !is_on {
            return;
        }
        let now = self.clock.now();
        match direction {
            Direction::Sent => {
                self.give_up(now);
                self.hides = self.record(now, now, direction, bytes);
            }
            Direction::Received => {
                let began_at = *self.began_at.get_or_insert(now);
                if let Some(whole) = self.gathering.add(bytes) {
                    self.record(began_at, now, direction, &whole);
                    self.began_at = None;
                }
            }
        }
    }
}

impl Capture {
    /// Records what was received and never became a frame.
    fn give_up(&mut self, now: Moment) {
        let began_at = self.began_at.take().unwrap_or(now);
        if let Some(bytes) = self.gathering.give_up() {
            self.record(began_at, now, Direction::Received, &bytes);
        }
    }

    /// Records bytes, and says whether there was a password among them.
    fn record(&self, began_at: Moment, at: Moment, direction: Direction, bytes: &[u8]) -> bool {
        let (records, has_secret) = record::records(&self.line, began_at, at, direction, bytes, self.hides);
        for record in records {
            if self
                .shared
                .records
                .try_send(Message::Record { line: self.line.clone(), text: record })
                .is_err()
            {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                counter!(telemetry::CAPTURE_LOST).increment(1);
            }
        }
        has_secret
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.is_on.load(Ordering::Relaxed) {
            self.give_up(self.clock.now());
        }
    }
}

/// How many records may wait for the disk.
const WAITING: usize = 1024;
