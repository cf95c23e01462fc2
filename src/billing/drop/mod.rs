//! A receiver by files: a CSV file for each batch, in a directory.
//!
//! A file is written under another name, made durable, and then given its own, so that none is ever seen by half. The other
//! name is that of the lease: two instances never write into one file, and the second of them finds the name given. Its own
//! name is that of the batch in which its values were first offered; what is offered again is looked for there first, and in
//! the directories right below, where files that were taken over may be by then. So a batch that was cut off between its file
//! and its mark leaves one file, and not two.

mod name;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use super::sink::{BillingSink, KeyReceipt, SinkError, Taken};
use crate::domain::Day;
use crate::failpoint::{self, Side};
use crate::store::billing::{OutboxRecord, SaidLine};

/// A receiver by files.
#[derive(Clone, Debug)]
pub struct CsvSink {
    name: String,
    directory: PathBuf,
}

impl CsvSink {
    /// The receiver of this name. The directory must be there: one that is not may be a share that is not mounted.
    #[must_use]
    pub fn new(name: &str, directory: &Path) -> Self {
        Self { name: name.to_owned(), directory: directory.to_owned() }
    }

    /// What the files of the directory, and of those right under it, say of a day: the newest version of each value. The
    /// routes are those of `routes`, by the number of the point.
    ///
    /// # Errors
    /// [`SinkError`] when the files cannot be read, or are not as they were written.
    pub fn said_of(&self, day: Day, routes: &HashMap<String, String>) -> Result<Vec<SaidLine>, SinkError> {
        let mut newest: HashMap<(String, i64, i64), (i64, Option<SaidLine>)> = HashMap::new();
        for file in self.files()? {
            let lines = self.lines(&file)?;
            for (place, cells) in lines.iter().enumerate() {
                let odd = || SinkError::OddFile { place: file.display().to_string(), line: number(place) };
                let line = table::read(cells).ok_or_else(odd)?;
                if line.day != day {
                    continue;
                }
                let key = (
                    line.point.clone(),
                    crate::domain::Coded::code(line.kind),
                    i64::from(line.item.key().number()),
                );
                let route = routes.get(&line.point).cloned().unwrap_or_default();
                let (point, kind, item, version) = (line.point, line.kind, line.item, line.version);
                let said = line.value.map(|value| SaidLine { route, point, kind, item, version, value });
                let held = newest.entry(key).or_insert((version, None));
                if held.0 <= version {
                    *held = (version, said);
                }
            }
        }
        Ok(newest.into_values().filter_map(|(_, said)| said).collect())
    }

    fn files(&self) -> Result<Vec<PathBuf>, SinkError> {
        let mut files = Vec::new();
        for folder in self.folders()? {
            files.extend(self.listed(&folder)?);
        }
        files.retain(|path| is_ours(path));
        files.sort();
        Ok(files)
    }

    /// The directory, and those right under it.
    fn folders(&self) -> Result<Vec<PathBuf>, SinkError> {
        let mut folders = vec![self.directory.clone()];
        let under = self.listed(&self.directory)?.into_iter().filter(|path| !is_ours(path) && path.is_dir());
        folders.extend(under);
        Ok(folders)
    }

    fn listed(&self, directory: &Path) -> Result<Vec<PathBuf>, SinkError> {
        let entries = fs::read_dir(directory).map_err(|source| failed(directory, source))?;
        let path = |entry: io::Result<fs::DirEntry>| {
            entry.map(|entry| entry.path()).map_err(|source| failed(&self.directory, source))
        };
        entries.map(path).collect()
    }

    fn lines(&self, file: &Path) -> Result<Vec<StringRecord>, SinkError> {
        let bytes = fs::read(file).map_err(|source| failed(file, source))?;
        table::lines(&bytes).map_err(|line| SinkError::OddFile { place: file.display().to_string(), line })
    }

    /// Takes what was first offered in one batch.
    fn take(&self, batch: i64, records: &[&OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let is_again = records.iter().any(|record| record.tries > 1);
        let (held, part) = if is_again { self.held(batch)? } else { (HashMap::new(), 1) };
        let (mut receipts, mut fresh) = (Vec::new(), Vec::new());
        for record in records {
            let line = table::line(record);
            let taken = match held.get(line.get(0).unwrap_or_default()) {
                Some(held) if *held != line => {
                    Taken::Refused { reason: "the key was written with other content".to_owned() }
                }
                Some(_) => Taken::Yes,
                None => {
                    fresh.push(line);
                    Taken::Yes
                }
            };
            receipts.push(KeyReceipt { key: record.text.clone(), taken });
        }
        if fresh.is_empty() {
            // It may have been cut off before its name was durable.
            self.keep_names()?;
        } else {
            let lease = records.first().map_or(0, |record| record.lease);
            self.write(&name_of(batch, part), lease, &fresh)?;
        }
        if is_again {
            self.clear(batch)?;
        }
        Ok(receipts)
    }

    /// What the files of a batch hold, by key, and which part would be the next. They may have been moved since.
    fn held(&self, batch: i64) -> Result<(HashMap<String, StringRecord>, u32), SinkError> {
        let (folders, mut held, mut part) = (self.folders()?, HashMap::new(), 1);
        loop {
            let name = name_of(batch, part);
            let Some(file) = folders.iter().map(|folder| folder.join(&name)).find(|file| file.exists())
            else {
                return Ok((held, part));
            };
            for line in self.lines(&file)? {
                held.insert(line.get(0).unwrap_or_default().to_owned(), line);
            }
            part += 1;
        }
    }

    /// Takes away what was left unfinished of a batch. Whoever is still writing one of them finds its lease run out.
    fn clear(&self, batch: i64) -> Result<(), SinkError> {
        let begin = format!(".{BEGIN}{batch:020}-");
        for path in self.listed(&self.directory)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&begin) && name.ends_with(UNFINISHED) {
                // What stays is in nobody's way.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    fn write(&self, name: &str, lease: i64, lines: &[StringRecord]) -> Result<(), SinkError> {
        let file = self.directory.join(name);
        let unfinished = self.directory.join(format!(".{name}.{lease}{UNFINISHED}"));
        let failed = |source| failed(&unfinished, source);
        let bytes = table::bytes(lines).map_err(|error| failed(io::Error::other(error)))?;
        let mut made = File::create(&unfinished).map_err(failed)?;
        made.write_all(&bytes).map_err(failed)?;
        made.sync_all().map_err(failed)?;
        failpoint::pass_blocking(Side::Before, "giving a billing file its name").map_err(failed)?;
        name::give(&unfinished, &file).map_err(failed)?;
        failpoint::pass_blocking(Side::After, "giving a billing file its name").map_err(failed)?;
        self.keep_names()
    }

    /// Makes the names in the directory durable.
    fn keep_names(&self) -> Result<(), SinkError> {
        let kept = File::open(&self.directory).and_then(|directory| directory.sync_all());
        kept.map_err(|source| failed(&self.directory, source))
    }
}

impl BillingSink for CsvSink {
    fn receiver(&self) -> &str {
        &self.name
    }

    async fn push(&mut self, batch: &[OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
        let (sink, records) = (self.clone(), batch.to_vec());
        let take = move || {
            let mut batches: BTreeMap<i64, Vec<&OutboxRecord>> = BTreeMap::new();
            for record in &records {
                batches.entry(record.batch).or_default().push(record);
            }
            let mut receipts = Vec::with_capacity(records.len());
            for (batch, records) in batches {
                receipts.extend(sink.take(batch, &records)?);
            }
            Ok(receipts)
        };
        let broken_off = |_| SinkError::Unavailable { reason: "writing broke off".to_owned() };
        tokio::task::spawn_blocking(take).await.map_err(broken_off)?
    }
}

/// Names of batches rise with time.
fn name_of(batch: i64, part: u32) -> String {
    format!("{BEGIN}{batch:020}-{part}{END}")
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(BEGIN) && name.ends_with(END)
}

/// The line of a place behind the header, from 1.
fn number(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX).saturating_add(2)
}

fn failed(place: &Path, source: io::Error) -> SinkError {
    SinkError::File { place: place.display().to_string(), source }
}

const BEGIN: &str = "chaobiao-";
const END: &str = ".csv";
const UNFINISHED: &str = ".part";
