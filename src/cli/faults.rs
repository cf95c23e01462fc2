//! The faults of a file that people wrote: a line of JSON for each, and the words with which the command ends.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::{CliError, write_json};
use crate::archive::{Fault, Faults, Told};

/// A fault as JSON.
#[derive(Serialize)]
struct FaultPiece<'a> {
    file: String,
    sheet: Option<&'a str>,
    line: Option<u64>,
    column: Option<&'a str>,
    value: Option<&'a str>,
    kind: &'static str,
    message: String,
    message_zh: String,
}

/// Writes each fault where JSON is wanted; gives all of them, or so many, as the words with which the command ends.
pub(super) fn tell(
    out: &mut impl Write,
    (file, faults): (&Path, &Faults),
    json: bool,
) -> Result<String, CliError> {
    if json {
        faults.iter().try_for_each(|fault| write_json(out, &piece(file, fault, faults.sheet())))?;
        out.flush()?;
    }
    Ok(Told { faults, file, most: if json { 0 } else { MOST_TOLD } }.to_string())
}

fn piece<'a>(file: &Path, fault: &'a Fault, sheet: Option<&'a str>) -> FaultPiece<'a> {
    let words = fault.kind.words();
    FaultPiece {
        file: file.display().to_string(),
        sheet,
        line: fault.line,
        column: fault.column.as_deref(),
        value: fault.found.as_deref(),
        kind: fault.kind(),
        message: words.en,
        message_zh: words.zh,
    }
}

/// How many faults are told on a terminal.
const MOST_TOLD: usize = 50;
