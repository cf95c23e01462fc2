//! What is wrong in a file: where, what stands there and of which kind it is.

use std::fmt;
use std::path::Path;

use super::column::Column;
use crate::config::{Words, shortened};
use crate::domain::ArchiveProblem;

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its line, from 1, where the fault is of a line.
    pub line: Option<u64>,
    /// The column as the file names it, where the fault is of a cell.
    pub column: Option<String>,
    /// What stands there, shortened, control characters escaped.
    pub found: Option<String>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a file, a line or a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// There is nothing in the file.
    Empty,
    /// There is a header line and nothing else.
    HeaderOnly,
    /// The file is longer than any archive.
    TooLarge,
    /// It is a workbook of a spreadsheet that is not read: an old one, one with a password, or of a list that is text only.
    Workbook,
    /// It is a workbook that is damaged.
    BrokenBook,
    /// It is a workbook that is too large when it is unpacked, or too wide.
    BookTooLarge,
    /// Several sheets of a workbook hold archives.
    SeveralSheets {
        /// Their names.
        names: Vec<String>,
    },
    /// Cells are merged.
    Merged {
        /// Which.
        cells: String,
    },
    /// A cell holds an error of the spreadsheet, or a length of time.
    CellError,
    /// It is text in UTF-16.
    Utf16,
    /// It was told or marked to be UTF-8, and is not.
    NotUtf8,
    /// It is neither UTF-8 nor GBK.
    NeitherEncoding,
    /// It could be UTF-8 and GBK, with different texts.
    EitherEncoding,
    /// It holds a byte of zero.
    Nul,
    /// A quote is opened and never closed.
    OpenQuote,
    /// Text stands behind a quote that closes.
    BehindQuote,
    /// Blanks stand between comma and quote.
    BlankBeforeQuote,
    /// Cells are not separated by commas.
    Separator(char),
    /// A column is there twice.
    RepeatedColumn {
        /// The name of the first.
        first: String,
    },
    /// A column that must be there is not.
    MissingColumn(Column),
    /// A column that must be there is not, in a list that is not the archive.
    NoColumn {
        /// Its English name.
        en: &'static str,
        /// Its Chinese name.
        zh: &'static str,
    },
    /// A list that is not the archive has a column that is none of it, and lacks some of its own.
    UnknownColumn {
        /// Those it lacks, by their names.
        others: Vec<String>,
    },
    /// There is neither a column for lines nor one for terminals.
    NoPathColumn,
    /// A line has more or fewer cells than the header.
    Cells {
        /// How many it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// A cell that must be filled is empty.
    Missing,
    /// The cell is not of the right form.
    Expected(Words),
    /// It is too long.
    TooLong {
        /// How many characters it may have.
        most: usize,
    },
    /// It holds a control character, or one that cannot be seen.
    Sign(char),
    /// It holds digits or letters of full width.
    FullWidth {
        /// How it is written.
        plain: String,
    },
    /// A spreadsheet has shortened a number.
    Scientific,
    /// A spreadsheet would run it.
    Formula,
    /// The meter is neither on a line nor behind a terminal.
    NoPath,
    /// It has a meaning only beside another column, which is empty.
    Needs {
        /// Its name.
        other: Words,
    },
    /// It stands beside a column which it excludes.
    Excludes {
        /// Its name.
        other: Words,
    },
    /// The multiplier cannot be applied exactly.
    Inexact,
    /// The multiplier is not that of the transformers.
    Product {
        /// What the transformers make.
        product: String,
    },
    /// The configuration has no such line.
    UnknownLine {
        /// Those it has.
        known: Vec<String>,
    },
    /// There is no such profile for the protocol, or none at all.
    UnknownProfile {
        /// The protocol.
        protocol: &'static str,
        /// The profiles it has.
        known: Vec<String>,
    },
    /// The profile is one of another protocol.
    OtherProtocol {
        /// That protocol.
        profile: &'static str,
    },
    /// The line is for meters that speak Modbus TCP, and this one does not.
    OnlyModbus,
    /// Meters that speak Modbus are not read through terminals.
    ModbusBehindTerminal,
    /// It lies in the future.
    Future,
    /// It does not go with other lines or with what is kept.
    Problem {
        /// How.
        problem: ArchiveProblem,
        /// The line it does not go with.
        first: Option<u64>,
    },
}

/// All faults of a file; of very many, the first ones and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    more: usize,
    /// The sheet they are of, in a workbook.
    sheet: Option<String>,
}

/// Faults as they are told of a file.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The faults.
    pub faults: &'a Faults,
    /// The file.
    pub file: &'a Path,
    /// How many are told at most.
    pub most: usize,
}

impl Fault {
    pub(super) const fn of_line(line: u64, kind: FaultKind) -> Self {
        Self { line: Some(line), column: None, found: None, kind }
    }

    /// The name of the kind: a closed list.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.name()
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { line: None, column: None, found: None, kind }
    }
}

impl<T: Into<Fault>> From<T> for Faults {
    fn from(fault: T) -> Self {
        Self { list: vec![fault.into()], more: 0, sheet: None }
    }
}

impl Faults {
    /// Those that are kept, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn push(&mut self, fault: Fault) {
        if self.list.len() < KEPT {
            self.list.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.more += other.more;
        other.list.into_iter().for_each(|fault| self.push(fault));
    }

    /// The sheet of a workbook that they are of.
    #[must_use]
    pub fn sheet(&self) -> Option<&str> {
        self.sheet.as_deref()
    }

    pub(super) fn of_sheet(mut self, sheet: Option<&str>) -> Self {
        self.sheet = sheet.map(str::to_owned);
        self
    }

    pub(super) fn sorted(mut self) -> Self {
        self.list.sort_by_key(|fault| fault.line);
        self
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.count();
        let noun = if count == 1 { "fault" } else { "faults" };
        let file = self.file.display();
        write!(f, "{file} has {count} {noun}, nothing was changed  {file} 有 {count} 处错误，未做任何更改")?;
        for Fault { line, column, found, kind } in self.faults.iter().take(self.most) {
            write!(f, "\n{file}")?;
            if let Some(sheet) = self.faults.sheet() {
                write!(f, " [{}]", shortened(sheet))?;
            }
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            if let Some(column) = column {
                write!(f, ": {column}")?;
            }
            if let Some(found) = found {
                write!(f, " = {found}")?;
            }
            let Words { en, zh } = kind.words();
            write!(f, "\n    {en}\n    {zh}")?;
        }
        match count.saturating_sub(self.most.min(self.faults.list.len())) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more  另有 {more} 处"),
        }
    }
}

/// How many faults are kept: nobody mends more than these at once.
const KEPT: usize = 1000;

impl FaultKind {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::HeaderOnly => "header only",
            Self::TooLarge => "too large",
            Self::Workbook => "workbook",
            Self::BrokenBook => "broken workbook",
            Self::BookTooLarge => "large workbook",
            Self::SeveralSheets { .. } => "several sheets",
            Self::Merged { .. } => "merged cells",
            Self::CellError => "cell error",
            Self::Utf16 => "UTF-16",
            Self::NotUtf8 => "not UTF-8",
            Self::NeitherEncoding => "neither encoding",
            Self::EitherEncoding => "either encoding",
            Self::Nul => "NUL",
            Self::OpenQuote => "open quote",
            Self::BehindQuote => "behind quote",
            Self::BlankBeforeQuote => "blank before quote",
            Self::Separator(_) => "separator",
            Self::RepeatedColumn { .. } => "repeated column",
            Self::MissingColumn(_) | Self::NoColumn { .. } | Self::NoPathColumn => "missing column",
            Self::UnknownColumn { .. } => "unknown column",
            Self::Cells { .. } => "cells",
            Self::Missing => "missing",
            Self::Expected(_) => "expected",
            Self::TooLong { .. } => "too long",
            Self::Sign(_) => "sign",
            Self::FullWidth { .. } => "full width",
            Self::Scientific => "scientific",
            Self::Formula => "formula",
            Self::NoPath => "no path",
            Self::Needs { .. } => "needs",
            Self::Excludes { .. } => "excludes",
            Self::Inexact => "inexact",
            Self::Product { .. } => "product",
            Self::UnknownLine { .. } => "unknown line",
            Self::UnknownProfile { .. } => "unknown profile",
            Self::OtherProtocol { .. } => "other protocol",
            Self::OnlyModbus => "only modbus",
            Self::ModbusBehindTerminal => "modbus behind terminal",
            Self::Future => "future",
            Self::Problem { problem, .. } => problem.kind(),
        }
    }
}
