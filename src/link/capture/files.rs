//! The files of captures, written by a thread of their own.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use metrics::counter;

use super::{CaptureSettings, Message};
use crate::telemetry;

pub(super) struct Files {
    settings: CaptureSettings,
    open: BTreeMap<String, Open>,
    /// The last write failed: it is told once, until one succeeds.
    is_failing: bool,
}

/// The file a line is written to now.
struct Open {
    file: BufWriter<File>,
    size: u64,
}

impl Files {
    pub(super) const fn new(settings: CaptureSettings) -> Self {
        Self { settings, open: BTreeMap::new(), is_failing: false }
    }

    /// Writes records as they come, until nobody is left who could send one.
    pub(super) fn write_all(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            self.take(message);
            // Whatever waits as well is written before the disk is asked.
            while let Ok(message) = messages.try_recv() {
                self.take(message);
            }
            self.flush();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Record { line, text } => self.write(&line, &text),
            Message::Flush(done) => {
                self.flush();
                let _ = done.send(());
            }
        }
    }

    fn flush(&mut self) {
        let flushed = self.open.values_mut().try_for_each(|open| open.file.flush());
        self.note(flushed);
    }

    fn write(&mut self, line: &str, record: &str) {
        let written = self.try_write(line, record);
        if written.is_err() {
            self.open.remove(line);
            counter!(telemetry::CAPTURE_LOST).increment(1);
        }
        self.note(written);
    }

    fn try_write(&mut self, line: &str, record: &str) -> io::Result<()> {
        let length = u64::try_from(record.len()).unwrap_or(u64::MAX).saturating_add(1);
        let is_full =
            |open: &mut Open| open.size > 0 && open.size.saturating_add(length) > self.settings.file_size;
        if self.open.get_mut(line).is_some_and(is_full) {
            if let Some(mut open) = self.open.remove(line) {
                open.file.flush()?;
            }
            self.put_aside(line)?;
        }
        let open = match self.open.entry(line.to_owned()) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(open(&self.settings.directory, line)?)
            }
        };
        open.file.write_all(record.as_bytes())?;
        open.file.write_all(b"\n")?;
        open.size = open.size.saturating_add(length);
        Ok(())
    }

    /// Counts the files of a line on by one and deletes the oldest.
    fn put_aside(&self, line: &str) -> io::Result<()> {
        let file = |age: u32| file(&self.settings.directory, line, age);
        let oldest = self.settings.files.max(1) - 1;
        if oldest == 0 {
            return fs::remove_file(file(0));
        }
        for age in (0..oldest).rev().filter(|age| file(*age).exists()) {
            fs::rename(file(age), file(age + 1))?;
        }
        Ok(())
    }

    fn note(&mut self, done: io::Result<()>) {
        match done {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                tracing::warn!(error = %error, "captures cannot be written: {error}");
            }
            Err(_) => {}
        }
    }
}

fn open(directory: &Path, line: &str) -> io::Result<Open> {
    fs::create_dir_all(directory)?;
    let file = OpenOptions::new().create(true).append(true).open(file(directory, line, 0))?;
    let size = file.metadata()?.len();
    Ok(Open { file: BufWriter::new(file), size })
}

/// `line 1.jsonl` is written to, `line 1.1.jsonl` was before it, and so on. What has no place in the name of a file is
/// written as its code.
fn file(directory: &Path, line: &str, age: u32) -> PathBuf {
    let mut name = String::new();
    for letter in line.chars() {
        if letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' ') {
            name.push(letter);
        } else {
            name.push_str(&format!("%{:X}", u32::from(letter)));
        }
    }
    directory.join(if age == 0 { format!("{name}.jsonl") } else { format!("{name}.{age}.jsonl") })
}
