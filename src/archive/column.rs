//! The columns of the file, and which of them a file has.

use super::fault::{Fault, FaultKind, Faults};
use super::head;
use super::table::Record;
use crate::config::{Words, shortened};

/// A column of the archive file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the file; the table says what they are in Chinese")]
pub enum Column {
    CustomerNumber,
    CustomerName,
    CustomerClass,
    PointNumber,
    MeterAddress,
    AssetNumber,
    Protocol,
    Profile,
    Line,
    Terminal,
    MeasuringPoint,
    TerminalPort,
    Baud,
    Parity,
    Ct,
    Vt,
    Multiplier,
    TransformerArea,
    Feeder,
    Route,
    ReadingDay,
    Role,
    InstalledAt,
    FirstReading,
    Protected,
    ProtectionReason,
}

/// A column, its English name and its Chinese ones, the first of which is written.
type Names = (Column, &'static str, &'static [&'static str]);

impl Column {
    /// Every column in the order in which they are written.
    pub(super) const ALL: &'static [Names] = &[
        (Self::CustomerNumber, "customer_number", &["户号"]),
        (Self::CustomerName, "customer_name", &["户名"]),
        (Self::CustomerClass, "customer_class", &["用户类别"]),
        (Self::PointNumber, "point_number", &["计量点编号"]),
        (Self::MeterAddress, "meter_address", &["通信地址", "通讯地址"]),
        (Self::AssetNumber, "asset_number", &["资产编号"]),
        (Self::Protocol, "protocol", &["规约"]),
        (Self::Profile, "profile", &["表型"]),
        (Self::Line, "line", &["线路", "端口"]),
        (Self::Terminal, "terminal", &["终端地址"]),
        (Self::MeasuringPoint, "measuring_point", &["测量点号"]),
        (Self::TerminalPort, "terminal_port", &["终端端口"]),
        (Self::Baud, "baud", &["波特率"]),
        (Self::Parity, "parity", &["校验"]),
        (Self::Ct, "ct", &["CT"]),
        (Self::Vt, "vt", &["PT"]),
        (Self::Multiplier, "multiplier", &["倍率"]),
        (Self::TransformerArea, "transformer_area", &["台区"]),
        (Self::Feeder, "feeder", &["10kV线路"]),
        (Self::Route, "route", &["抄表段"]),
        (Self::ReadingDay, "reading_day", &["抄表例日"]),
        (Self::Role, "role", &["计量点性质"]),
        (Self::InstalledAt, "installed_at", &["安装日期"]),
        (Self::FirstReading, "first_reading", &["起度"]),
        (Self::Protected, "protected", &["保护"]),
        (Self::ProtectionReason, "protection_reason", &["保护原因"]),
    ];

    /// Columns without which a file says nothing.
    const REQUIRED: [Self; 4] = [Self::CustomerNumber, Self::PointNumber, Self::MeterAddress, Self::Protocol];

    fn names(self) -> (&'static str, &'static [&'static str]) {
        let row = Self::ALL.iter().find(|(column, ..)| *column == self);
        row.map_or(("", &[]), |(_, en, zh)| (en, zh))
    }

    /// Its English name.
    #[must_use]
    pub fn en(self) -> &'static str {
        self.names().0
    }

    /// Its Chinese name.
    #[must_use]
    pub fn zh(self) -> &'static str {
        self.names().1.first().copied().unwrap_or("")
    }

    /// The column of this name, blanks and letter case aside.
    fn named(name: &str) -> Option<Self> {
        let fits = |(_, en, zh): &&Names| zh.iter().any(|zh| head::is_named(name, en, zh));
        Self::ALL.iter().find(fits).map(|(column, ..)| *column)
    }
}

/// The first line of a file: which column stands where.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// The names as they stand there.
    names: Vec<String>,
    columns: Vec<Option<Column>>,
}

impl Header {
    /// Finds the header among the first records, and says how many records it takes with those in front of it.
    pub(super) fn find(records: &[Record]) -> Result<(Self, usize), Faults> {
        match (head::find(records, FEWEST, |name| Column::named(name).is_some()), records.first()) {
            (Some(head), _) => Ok((Self::read(&head.record)?, head.taken)),
            (None, Some(first)) => Ok((Self::read(first)?, 1)),
            (None, None) => Err(FaultKind::Empty.into()),
        }
    }

    pub(super) fn read(record: &Record) -> Result<Self, Faults> {
        let mut cells = record.cells.iter().map(str::trim);
        if let (Some(only), None) = (cells.next(), cells.next())
            && let Some(separator) = only.chars().find(|c| SEPARATORS.contains(c))
        {
            return Err(FaultKind::Separator(separator).into());
        }
        let names: Vec<String> = record.cells.iter().map(head::shown).collect();
        let columns = names.iter().map(|name| Column::named(name)).collect();
        let header = Self { names, columns };
        let mut faults = Faults::default();
        let mut fault = |column: Option<String>, kind| {
            faults.push(Fault { line: Some(record.line), column, found: None, kind });
        };
        for (place, column) in header.known() {
            let first = header.known().find(|(_, other)| *other == column).map_or(place, |(first, _)| first);
            if first != place {
                let first = header.name_at(first);
                fault(Some(header.name_at(place)), FaultKind::RepeatedColumn { first });
            }
        }
        for column in Column::REQUIRED.into_iter().filter(|column| !header.has(*column)) {
            fault(None, FaultKind::MissingColumn(column));
        }
        if !header.has(Column::Line) && !header.has(Column::Terminal) {
            fault(None, FaultKind::NoPathColumn);
        }
        if faults.is_empty() { Ok(header) } else { Err(faults) }
    }

    /// How many cells a line has.
    pub(super) const fn width(&self) -> usize {
        self.names.len()
    }

    /// The name of the column at a place, as the file has it.
    pub(super) fn at(&self, place: usize) -> String {
        self.name_at(place)
    }

    fn known(&self) -> impl Iterator<Item = (usize, Column)> {
        self.columns.iter().enumerate().filter_map(|(place, column)| Some((place, (*column)?)))
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.place(column).is_some()
    }

    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.known().find(|(_, known)| *known == column).map(|(place, _)| place)
    }

    fn name_at(&self, place: usize) -> String {
        self.names.get(place).map(|name| shortened(name)).unwrap_or_default()
    }

    /// How the file names a column, or how it could.
    pub(super) fn name(&self, column: Column) -> String {
        self.place(column)
            .map_or_else(|| format!("{} ({})", column.en(), column.zh()), |place| self.name_at(place))
    }

    /// The same in both languages: in Chinese its Chinese name comes first.
    pub(super) fn words(&self, column: Column) -> Words {
        let named = self.name(column);
        let zh = match named.is_ascii() || self.place(column).is_none() {
            true => format!("“{}”（{}）", column.zh(), column.en()),
            false => format!("“{named}”"),
        };
        Words::new(named, zh)
    }

    /// Names of columns that are not known.
    pub(super) fn ignored(&self) -> Vec<String> {
        let unknown = |(place, column): (usize, &Option<Column>)| {
            let name = column.is_none().then(|| self.name_at(place))?;
            Some(if name.is_empty() { format!("#{}", place + 1) } else { name })
        };
        self.columns.iter().enumerate().filter_map(unknown).collect()
    }
}

/// A line that names so many columns is a header.
const FEWEST: usize = 3;

/// What stands between cells in files that are not separated by commas.
const SEPARATORS: [char; 6] = [';', '\t', '|', '，', '；', '、'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_known_by_all_its_names() {
        for (column, en, zh) in Column::ALL {
            for name in zh.iter().chain([en]) {
                assert_eq!(Column::named(name), Some(*column), "{name}");
            }
        }
        assert_eq!(Column::named(" Customer Number "), Some(Column::CustomerNumber));
        assert_eq!(Column::named("pt"), Some(Column::Vt));
        assert_eq!(Column::named("10KV线路"), Some(Column::Feeder));
        for name in ["", "备注", "户号2", "customer"] {
            assert_eq!(Column::named(name), None, "{name}");
        }
    }
}
