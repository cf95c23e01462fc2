//! The header of a table: behind lines of a title, in one line or in two.

use super::table::Record;

/// Among how many lines at the beginning the header is looked for.
pub(super) const WITHIN: usize = 6;

/// A header that was found.
pub(super) struct Head {
    /// Its cells, those of two lines as one.
    pub(super) record: Record,
    /// How many records it takes with those in front of it.
    pub(super) taken: usize,
}

/// Finds the line, or the two, that name most columns of which `is_known` says that they are columns. Of as many, the first,
/// and one line rather than two. `None` where fewer than `fewest` are named.
pub(super) fn find(records: &[Record], fewest: usize, is_known: impl Fn(&str) -> bool) -> Option<Head> {
    let mut best: Option<(usize, Head)> = None;
    for (place, record) in records.iter().enumerate().take(WITHIN) {
        let both = records.get(place + 1).map(|lower| (place + 2, joined(record, lower, &is_known)));
        for (taken, record) in std::iter::once((place + 1, record.clone())).chain(both) {
            let count = record.cells.iter().filter(|name| is_known(name)).count();
            if best.as_ref().is_none_or(|(most, _)| count > *most) {
                best = Some((count, Head { record, taken }));
            }
        }
    }
    best.filter(|(count, _)| *count >= fewest).map(|(_, head)| head)
}

/// Two lines as one: both together where that names a column (the upper one, merged over several columns, stands in the first
/// of them), else what the lower one says, else the upper one.
fn joined(upper: &Record, lower: &Record, is_known: impl Fn(&str) -> bool) -> Record {
    let width = upper.cells.len().max(lower.cells.len());
    let of = |record: &Record, place| record.cells.get(place).unwrap_or_default().trim().to_owned();
    let mut group = String::new();
    let mut cells = Vec::with_capacity(width);
    for place in 0..width {
        let (above, below) = (of(upper, place), of(lower, place));
        if !above.is_empty() {
            group.clone_from(&above);
        }
        let together = format!("{group}\n{below}");
        cells.push(match below.is_empty() {
            true => above,
            false if is_known(&together) => together,
            false => below,
        });
    }
    Record { line: upper.line, cells: cells.into() }
}

/// Whether a cell of a header has one of these names, whatever blanks and breaks stand in it and in whatever case.
pub(super) fn is_named(cell: &str, en: &str, zh: &str) -> bool {
    let cell = cell.to_lowercase();
    let parts: Vec<&str> = cell.split_whitespace().collect();
    parts.join("_").replace('-', "_") == en || parts.concat() == zh.to_lowercase()
}

/// A cell of a header as it is told: in one line.
pub(super) fn shown(cell: &str) -> String {
    let parts: Vec<&str> = cell.split_whitespace().collect();
    parts.join(if cell.is_ascii() { " " } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::table::Records;

    fn found(text: &str, fewest: usize) -> Option<(Vec<String>, usize)> {
        let known = [
            ("point_number", "计量点编号"),
            ("terminal", "终端地址"),
            ("port", "终端端口"),
            ("baud", "波特率"),
        ];
        let records: Vec<_> = Records::new(text).collect();
        let is_known = |name: &str| known.iter().any(|(en, zh)| is_named(name, en, zh));
        let head = find(&records, fewest, is_known)?;
        let cells = head.record.cells.iter().map(shown).collect();
        Some((cells, head.taken))
    }

    #[test]
    fn names_may_stand_behind_titles_and_in_two_lines() {
        let names = |names: &str| names.split('|').map(str::to_owned).collect::<Vec<_>>();
        for (text, cells, taken) in [
            ("计量点编号,终端地址,波特率\nP,1,2\n", "计量点编号|终端地址|波特率", 1),
            ("某站,,\n\nPoint Number,terminal,BAUD\n", "Point Number|terminal|BAUD", 2),
            ("计量点,终端,,波特率\n编号,地址,端口,\nP,1,1,9\n", "计量点编号|终端地址|终端端口|波特率", 2),
            ("计量点编号,\"终端\n地址\",\"波 特　率\"\n", "计量点编号|终端地址|波特率", 1),
            ("计量点编号,通信,\n,终端地址,波特率\n", "计量点编号|终端地址|波特率", 2),
        ] {
            assert_eq!(found(text, 3), Some((names(cells), taken)), "{text}");
        }
    }

    #[test]
    fn a_line_that_names_too_few_is_no_header() {
        assert_eq!(found("计量点编号,备注,\nP,1,2\n", 2), None);
        assert_eq!(found("1,2,3\n计量点编号,终端地址,x\n", 3), None);
        assert_eq!(found("", 1), None);
    }
}
