//! `chaobiao decode`: bytes pasted from a serial tool, explained.

use std::io::{self, Read, Write};

use clap::{Args, ValueEnum};
use dlt645::edition::Edition;

use super::CliError;
use crate::explain;

mod hex;
mod lines;
mod record;
pub(super) mod show;

/// Explain bytes pasted from a serial tool
#[derive(Debug, Args)]
#[command(
    after_help = "Paste what your tool shows: spaces, commas, line breaks, 0x and H may stand between bytes, times, TX: and RX:\n\
in front, offsets and letters around as in a dump, comments, or a list as a program prints it. Words that are passed\n\
over are named on standard error. Without HEX, or with -, standard input is read; it may be the raw bytes themselves.\n\
Frames of DL/T 645, of Q/GDW 1376.1 with the meter's frame inside, of DL/T 698.45 and of Modbus (RTU and TCP) are told\n\
apart by the bytes; where they are frames of two kinds, that is said.\n\
What you paste is shown whole, passwords and operator codes with it: mind where you print it. In a frame of a terminal\n\
they are covered, as in traces and captures, since whoever looks at a terminal need not know a meter's password.\n\n\
Examples: chaobiao decode FE FE 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16\n          \
chaobiao decode < serial.log        chaobiao decode --json - < capture.bin"
)]
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
        let bytes = self.bytes()?;
        if bytes.is_empty() {
            return Err(CliError::Data(
                "no bytes were given: expected hexadecimal digits  没有字节：应为十六进制数".into(),
            ));
        }
        let pieces = explain::pieces(&bytes, self.edition.map(Edition::from));
        for (place, piece) in pieces.iter().enumerate() {
            if self.json {
                super::write_json(out, &record::Record::of(piece))?;
                continue;
            }
            if place > 0 {
                writeln!(out)?;
            }
            lines::one(out, piece)?;
        }
        Ok(())
    }
}

/// Two dashes and a word: no bytes begin so.
fn is_option(word: &str) -> bool {
    let name = word.strip_prefix("--").unwrap_or_default();
    name.len() > 2 && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
}

/// How many stretches of words are named before the rest is only counted.
const NAMED: usize = 3;

impl Decode {
    fn bytes(&self) -> Result<Vec<u8>, CliError> {
        let text = match self.hex.as_slice() {
            [] => None,
            [dash] if dash == "-" => None,
            given => match given.iter().find(|word| is_option(word)) {
                Some(word) => {
                    return Err(CliError::Usage(format!(
                        "{word} is no option of decode; see `chaobiao decode --help`  没有此选项"
                    )));
                }
                None => Some(given.join(" ")),
            },
        };
        let text = match text {
            Some(text) => text,
            None => {
                let mut input = Vec::new();
                io::stdin().lock().read_to_end(&mut input)?;
                // Raw bytes of a line: a whole frame is in them, or a piece of one, which text does not hold because 16H and
                // most of what frames are made of are no letters.
                if explain::has_frame(&input) || is_raw(&input) {
                    return Ok(input);
                }
                text_of(&input)
            }
        };
        let parsed = hex::parse(&text).map_err(|error| CliError::Data(error.to_string()))?;
        if !parsed.passed_over.is_empty() {
            super::talk(&passed_over(&parsed.passed_over));
        }
        Ok(parsed.bytes)
    }
}

/// True for bytes that no text has, but for UTF-16 with its mark.
fn is_raw(input: &[u8]) -> bool {
    let is_marked = matches!(input, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    !is_marked && input.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31))
}

/// Text in UTF-8, or in UTF-16 as some systems save it. What is neither can only be in labels.
fn text_of(input: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(unit);
        char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match input {
        [0xFF, 0xFE, text @ ..] => wide(text, u16::from_le_bytes),
        [0xFE, 0xFF, text @ ..] => wide(text, u16::from_be_bytes),
        text => String::from_utf8_lossy(text).into_owned(),
    }
}

fn passed_over(stretches: &[(usize, String)]) -> String {
    let named: Vec<String> =
        stretches.iter().take(NAMED).map(|(line, text)| format!("{text:?} (line {line})")).collect();
    let more = match stretches.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("passed over as no bytes: {}{more}", named.join(", "))
}
