//! What an address says of the tables of its page: how each is sorted, filtered and turned, and which file is wanted.

use super::Column;

/// What the address of a page says behind its `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(pub Vec<(String, String)>);

impl Asked {
    /// The last value of this name, if there is one that is not empty.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let of_name = self.0.iter().rev().find(|(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// True when the first table of the page is to be sorted by a column. Such a list has numbered pages.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        self.value("sort").is_some()
    }

    /// The address with these values changed, those of `None` left out.
    #[must_use]
    pub fn link(&self, changes: &[(&str, Option<&str>)]) -> String {
        let is_kept = |(name, value): &&(String, String)| {
            !value.is_empty() && changes.iter().all(|(changed, _)| changed != name)
        };
        let kept = self.0.iter().filter(is_kept).map(|(name, value)| (name.as_str(), value.as_str()));
        let changed = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let pairs = kept.chain(changed).map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    }
}

/// How a table was asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Which table of the page, in front of its names in the address; empty for the only one.
    pub(super) table: &'static str,
    pub(super) asked: Asked,
    sort: Option<(&'static str, bool)>,
}

impl Query {
    /// What the address says of this table.
    #[must_use]
    pub fn of<R>(table: &'static str, columns: &[Column<R>], asked: &Asked) -> Self {
        let mut query = Self { table, asked: asked.clone(), sort: None };
        query.sort = query.value("sort").and_then(|name| {
            let (name, is_falling) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
            let column = columns.iter().find(|column| column.key == name && column.is_sortable())?;
            Some((column.key, is_falling))
        });
        query
    }

    /// By which column, and whether the largest comes first.
    #[must_use]
    pub const fn sort(&self) -> Option<(&'static str, bool)> {
        self.sort
    }

    /// What rows must hold.
    #[must_use]
    pub fn filter(&self) -> &str {
        self.value("q").map_or("", str::trim)
    }

    /// Behind which row a page of the store begins.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.value("after")
    }

    /// True when the file of this table is wanted.
    #[must_use]
    pub fn is_csv(&self) -> bool {
        self.asked.value("csv") == Some(if self.table.is_empty() { "all" } else { self.table })
    }

    /// True when all rows are wanted on one page, to be printed.
    #[must_use]
    pub fn is_paper(&self) -> bool {
        self.value("print") == Some("all")
    }

    /// The places where the pages before this one began, the first page as an empty one.
    pub(super) fn trail(&self) -> Vec<&str> {
        let trail = self.after().and_then(|_| self.value(TRAIL));
        // A value that is empty is none: a mark stands in front of each place.
        trail.map(|trail| trail.split(MARK).skip(1).collect()).unwrap_or_default()
    }

    pub(super) fn page(&self) -> usize {
        self.value("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.asked.value(&self.name(name))
    }

    pub(super) fn name(&self, name: &str) -> String {
        if self.table.is_empty() { name.to_owned() } else { format!("{}-{name}", self.table) }
    }

    pub(super) fn link(&self, changes: &[(&str, Option<&str>)]) -> String {
        let names: Vec<String> = changes.iter().map(|(name, _)| self.name(name)).collect();
        let changes: Vec<_> =
            names.iter().map(String::as_str).zip(changes.iter().map(|(_, value)| *value)).collect();
        self.asked.link(&changes)
    }
}

/// Places as an address has them, one behind the other.
pub(super) fn marked(places: &[&str]) -> String {
    places.iter().map(|place| format!("{MARK}{place}")).collect()
}

/// What an address says of the file that is wanted, and nothing else.
pub(super) fn is_of_file(name: &str) -> bool {
    matches!(name, "csv" | "reason")
}

/// As a part of an address.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut address = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => address.push(byte.into()),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

/// Under what name an address keeps where the pages before began, and what stands in front of each of them.
pub(super) const TRAIL: &str = "trail";
const MARK: char = '\n';
