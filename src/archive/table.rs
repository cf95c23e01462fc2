//! Text to records: quotes that do not close are found first, then the lines are taken apart.

use csv::{Reader, ReaderBuilder, StringRecord};

use super::fault::{Fault, FaultKind, Faults};

/// One line of the table, which may be several lines of the file.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The line at which it begins, from 1.
    pub(super) line: u64,
    pub(super) cells: StringRecord,
}

/// The records of a text, those without any content left out.
pub(super) struct Records<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// How far lines were counted, and the line there.
    counted: (usize, u64),
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        Self { text, reader, counted: (0, 1) }
    }

    /// The line of an offset that is not in front of the one asked for last. Lines are counted here because a record
    /// begins, for the reader, with the empty lines in front of it.
    fn line_of(&mut self, offset: usize) -> u64 {
        let rest = self.text.as_bytes().get(offset..).unwrap_or_default();
        let offset = offset + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (before, line) = self.counted;
        let line = line + breaks(self.text.as_bytes().get(before..offset).unwrap_or_default());
        self.counted = (offset, line);
        line
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let mut cells = StringRecord::new();
        // Reading from memory cannot fail, the text is UTF-8 and the lengths are free.
        while self.reader.read_record(&mut cells).unwrap_or(false) {
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                let offset = cells.position().map_or(0, csv::Position::byte);
                let line = self.line_of(usize::try_from(offset).unwrap_or(usize::MAX));
                return Some(Record { line, cells });
            }
        }
        None
    }
}

/// Finds the first quote that is wrong: what follows it cannot be trusted.
pub(super) fn check(text: &str) -> Result<(), Faults> {
    let bytes = text.as_bytes();
    let mut place = Place::Start;
    let mut opened = 0;
    for (offset, byte) in bytes.iter().enumerate() {
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Closed | Place::Start, b'"') => {
                if place == Place::Start {
                    opened = offset;
                }
                Place::Quoted
            }
            (Place::Quoted, _) => Place::Quoted,
            (_, b',' | b'\r' | b'\n') => Place::Start,
            (Place::Start | Place::Blank, b' ' | b'\t') => Place::Blank,
            (Place::Blank, b'"') => {
                return Err(Fault::of_line(line_at(bytes, offset), FaultKind::BlankBeforeQuote).into());
            }
            (Place::Closed, _) => {
                return Err(Fault::of_line(line_at(bytes, offset), FaultKind::BehindQuote).into());
            }
            _ => Place::Plain,
        };
    }
    match place {
        Place::Quoted => Err(Fault::of_line(line_at(bytes, opened), FaultKind::OpenQuote).into()),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In front of a cell.
    Start,
    /// Behind blanks in front of a cell.
    Blank,
    Plain,
    Quoted,
    /// Behind a quote that closes, or is the first of two.
    Closed,
}

/// The line of an offset, from 1.
pub(super) fn line_at(bytes: &[u8], offset: usize) -> u64 {
    breaks(bytes.get(..offset).unwrap_or(bytes)) + 1
}

/// How often a line ends, by LF, CR LF or CR.
fn breaks(bytes: &[u8]) -> u64 {
    let follows = bytes.iter().skip(1).map(Some).chain([None]);
    let ends = |(byte, next): &(&u8, Option<&u8>)| match byte {
        b'\n' => true,
        b'\r' => *next != Some(&b'\n'),
        _ => false,
    };
    u64::try_from(bytes.iter().zip(follows).filter(ends).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_line_at_which_they_begin() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "1,\"x", "y\"", ",", "", "2,z", ""].join(end);
            let found: Vec<(u64, Vec<String>)> = Records::new(&text)
                .map(|record| (record.line, record.cells.iter().map(str::to_owned).collect()))
                .collect();
            let cells = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
            let broken = format!("x{end}y");
            assert_eq!(
                found,
                [(1, cells("a", "b")), (3, cells("1", &broken)), (7, cells("2", "z"))],
                "{end:?}"
            );
        }
    }

    #[test]
    fn wrong_quotes_are_found_with_their_line() {
        let found = |text: &str| {
            check(text).err().and_then(|faults| faults.iter().map(|fault| (fault.kind(), fault.line)).next())
        };
        for sound in ["", "a,\"b\"\n", "\"\",\"\"\"\"\r\n", "\"a\nb\"", "a\"b,c\n", "\"a\"\"b\""] {
            assert_eq!(found(sound), None, "{sound}");
        }
        assert_eq!(found("a\n\"b,c\nd\n"), Some(("open quote", Some(2))));
        assert_eq!(found("a\n\"b\nc\"d,e\n"), Some(("behind quote", Some(3))));
        assert_eq!(found("a, \"b\"\n"), Some(("blank before quote", Some(1))));
    }
}
