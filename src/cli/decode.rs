//! `chaobiao decode`: bytes pasted from a serial tool, explained.

use std::io::{self, Read, Write};

use clap::{Args, ValueEnum};
use dlt645::edition::Edition;
use dlt645::explain::{self, Piece};

use super::CliError;

mod hex;
pub(super) mod show;

/// Explain bytes pasted from a serial tool
#[derive(Debug, Args)]
#[command(after_help = "Spaces, commas, line breaks and 0x are tolerated between and in front of bytes.\n\
Without HEX, or with -, the bytes are read from standard input.\n\n\
Example: chaobiao decode FE FE 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16")]
pub(super) struct Decode {
    /// Print one JSON object a line, for each frame and each stretch of garbage
    #[arg(long)]
    json: bool,
    /// The edition to assume where the bytes cannot tell, as for 08H
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// Bytes in hexadecimal, or - for standard input
    #[arg(value_name = "HEX", allow_hyphen_values = true)]
    hex: Vec<String>,
}

/// An edition on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EditionArg {
    /// DL/T 645-2007
    #[value(name = "2007")]
    E2007,
    /// DL/T 645-1997
    #[value(name = "1997")]
    E1997,
}

impl From<EditionArg> for Edition {
    fn from(edition: EditionArg) -> Self {
        match edition {
            EditionArg::E2007 => Self::E2007,
            EditionArg::E1997 => Self::E1997,
        }
    }
}

impl Decode {
    pub(super) fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let text = match self.hex.as_slice() {
            [] => from_stdin()?,
            [dash] if dash == "-" => from_stdin()?,
            given => given.join(" "),
        };
        let bytes = hex::parse(&text).map_err(|error| CliError::Usage(error.to_string()))?;
        if bytes.is_empty() {
            return Err(CliError::Usage("no bytes were given: expected hexadecimal digits".into()));
        }
        let pieces = explain::pieces(&bytes, self.edition.map(Edition::from));
        for (place, piece) in pieces.iter().enumerate() {
            if self.json {
                super::write_json(out, piece)?;
                continue;
            }
            if place > 0 {
                writeln!(out)?;
            }
            match piece {
                Piece::Frame(frame) => show::frame(out, frame)?,
                Piece::Garbage(garbage) => show::garbage(out, garbage)?,
            }
        }
        Ok(())
    }
}

fn from_stdin() -> Result<String, CliError> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
