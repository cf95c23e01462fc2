//! Tables: one description of the columns serves the page and the CSV file.
//!
//! Sorting, filtering and paging are done here by what the address says; a name in it that is none of the table's columns
//! counts as not said (T14). A cell of a file never runs in a spreadsheet, and no cell steers what is around it (T13).
//! Lists that are too long to be held are filtered and paged by the store, which is asked by the same names.

use maud::{Markup, html};

use super::view::View;
use super::words::{Language, Phrase, inert};

/// A column.
#[derive(Debug)]
pub struct Column<R> {
    /// What an address calls it.
    pub key: &'static str,
    /// What people call it.
    pub title: Phrase,
    text: fn(&R, Language) -> String,
    shown: Option<fn(&R, &View) -> Markup>,
    order: Order<R>,
    is_number: bool,
    is_wide: bool,
}

#[derive(Debug)]
enum Order<R> {
    None,
    /// By its text.
    Text,
    Number(fn(&R) -> i64),
}

impl<R> Column<R> {
    /// A column whose cells say this. It may be sorted by that text.
    pub const fn new(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        text: fn(&R, Language) -> String,
    ) -> Self {
        Self {
            key,
            title: Phrase::new(zh, en),
            text,
            shown: None,
            order: Order::Text,
            is_number: false,
            is_wide: false,
        }
    }

    /// On the page, cells look like this.
    #[must_use]
    pub fn shown(self, shown: fn(&R, &View) -> Markup) -> Self {
        Self { shown: Some(shown), ..self }
    }

    /// Sorted by a number.
    #[must_use]
    pub fn by(self, number: fn(&R) -> i64) -> Self {
        Self { order: Order::Number(number), ..self }
    }

    /// Digits stand below each other.
    #[must_use]
    pub fn number(self) -> Self {
        Self { is_number: true, ..self }
    }

    /// A text of some length: it is not squeezed to one word a line by what stands beside it.
    #[must_use]
    pub fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }

    /// Not to be sorted by.
    #[must_use]
    pub fn unsorted(self) -> Self {
        Self { order: Order::None, ..self }
    }

    const fn is_sortable(&self) -> bool {
        !matches!(self.order, Order::None)
    }

    /// What a cell says.
    fn cell(&self, row: &R, language: Language) -> String {
        inert(&(self.text)(row, language))
    }
}

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
    table: &'static str,
    asked: Asked,
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

    fn page(&self) -> usize {
        self.value("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.asked.value(&self.name(name))
    }

    fn name(&self, name: &str) -> String {
        if self.table.is_empty() { name.to_owned() } else { format!("{}-{name}", self.table) }
    }

    fn link(&self, changes: &[(&str, Option<&str>)]) -> String {
        let names: Vec<String> = changes.iter().map(|(name, _)| self.name(name)).collect();
        let changes: Vec<_> =
            names.iter().map(String::as_str).zip(changes.iter().map(|(_, value)| *value)).collect();
        self.asked.link(&changes)
    }
}

/// Which part of a list a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pages {
    /// One of so many.
    Numbered {
        /// This one, from 1.
        page: usize,
        /// Of these.
        pages: usize,
        /// All rows.
        total: usize,
    },
    /// A part of a list that is not counted.
    Cursor {
        /// It begins with the first row.
        is_first: bool,
        /// What names the last row, when more follow.
        next: Option<String>,
    },
}

/// A table as it is drawn.
#[derive(Debug)]
pub struct Table<R> {
    caption: Phrase,
    empty: Phrase,
    columns: Vec<Column<R>>,
    query: Query,
    rows: Vec<R>,
    pages: Pages,
    /// There may be more rows than were sorted.
    is_part: bool,
}

impl<R> Table<R> {
    /// A table without rows. `name` stands in front of its names in the address, which says how it is asked for; `empty`
    /// is said where there is no row.
    #[must_use]
    pub fn new(
        name: &'static str,
        caption: Phrase,
        empty: Phrase,
        columns: Vec<Column<R>>,
        asked: &Asked,
    ) -> Self {
        let query = Query::of(name, &columns, asked);
        let pages = Pages::Numbered { page: 1, pages: 1, total: 0 };
        Self { caption, empty, columns, query, rows: Vec::new(), pages, is_part: false }
    }

    /// How it was asked for.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// With a list that is held whole: filtered, sorted and cut here.
    #[must_use]
    pub fn whole(self, rows: Vec<R>, language: Language) -> Self {
        let wanted = self.query.filter().to_lowercase();
        let holds = |row: &R| {
            let says = |language| {
                let mut cells = self.columns.iter().map(|column| column.cell(row, language).to_lowercase());
                cells.any(|cell| cell.contains(&wanted))
            };
            // A filter outlives a change of the language, in the address and in people's heads.
            wanted.is_empty() || says(language) || says(language.other())
        };
        let mut rows: Vec<R> = rows.into_iter().filter(holds).collect();
        self.sort(&mut rows, language);
        let total = rows.len();
        let is_one = self.query.is_csv() || self.query.is_paper();
        let pages = if is_one { 1 } else { total.div_ceil(PER_PAGE).max(1) };
        let page = self.query.page().min(pages);
        if !is_one {
            rows = rows.into_iter().skip((page - 1) * PER_PAGE).take(PER_PAGE).collect();
        }
        Self { rows, pages: Pages::Numbered { page, pages, total }, ..self }
    }

    /// With a page of a longer list, or with as much of it as is sorted here ([`wanted_sorted`]).
    #[must_use]
    pub fn listed(
        self,
        (rows, is_whole): (Vec<R>, bool),
        place: impl Fn(&R) -> String,
        language: Language,
    ) -> Self {
        if !is_whole {
            return self.cut(rows, place);
        }
        let is_part = rows.len() >= SORTED && !self.query.is_csv();
        Self { is_part, ..self }.whole(rows, language)
    }

    /// With a page of a longer list, which the store has filtered and sorted. It gives one row more than a page has when
    /// more follow, so that the last one shown leads on by its `place`. A file has them all.
    #[must_use]
    pub fn cut(self, mut rows: Vec<R>, place: impl Fn(&R) -> String) -> Self {
        let is_first = self.query.after().is_none();
        let is_more = rows.len() > PER_PAGE && !self.query.is_csv();
        if is_more {
            rows.truncate(PER_PAGE);
        }
        let next = rows.last().filter(|_| is_more).map(place);
        Self { rows, pages: Pages::Cursor { is_first, next }, ..self }
    }

    fn sort(&self, rows: &mut [R], language: Language) {
        let Some((key, is_falling)) = self.query.sort() else { return };
        let Some(column) = self.columns.iter().find(|column| column.key == key) else { return };
        match column.order {
            Order::None => {}
            Order::Text => rows.sort_by_cached_key(|row| natural(&(column.text)(row, language))),
            Order::Number(number) => rows.sort_by_key(number),
        }
        if is_falling {
            rows.reverse();
        }
    }

    /// The table with what belongs to it: filter, file, pages.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let language = view.look.language;
        html! {
            section.table aria-label=(self.caption.of(language)) {
                div.tools {
                    (self.filter_form(view))
                    (self.count(view))
                    (self.file_form(view))
                }
                div.scroll tabindex="0" role="region" aria-label=(self.caption.of(language)) {
                    table {
                        caption { (self.caption.of(language)) }
                        thead { tr { @for column in &self.columns { (self.heading(column, language)) } } }
                        tbody {
                            @for row in &self.rows { tr { @for (place, column) in self.columns.iter().enumerate() {
                                @if place == 0 { th scope="row" class=[class(column)] { (cell(column, row, view)) } }
                                @else { td class=[class(column)] { (cell(column, row, view)) } }
                            } } }
                            @if self.rows.is_empty() {
                                tr { td.empty colspan=(self.columns.len()) { (self.nothing(view)) } }
                            }
                        }
                    }
                }
                (self.turn(view))
            }
        }
    }

    /// What is said where there is no row. That no row is like a filter says nothing of the others.
    fn nothing(&self, view: &View) -> Markup {
        let filter = self.query.filter();
        html! {
            @if filter.is_empty() { (self.empty.of(view.look.language)) }
            @else { (view.say("没有符合“", "no row matches “")) (inert(filter)) (view.say("”的行", "”")) }
        }
    }

    /// The same as a file, when that is what was asked for: UTF-8 with a mark in front, as spreadsheets want it.
    #[must_use]
    pub fn file(&self, language: Language) -> Option<String> {
        if !self.query.is_csv() {
            return None;
        }
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        // Writing into memory cannot fail.
        let _ = writer.write_record(self.columns.iter().map(|column| self.title_in_file(column, language)));
        for row in &self.rows {
            let cells = self.columns.iter().map(|column| harmless(column.cell(row, language)));
            let _ = writer.write_record(cells);
        }
        if self.rows.len() >= usize::try_from(IN_A_FILE).unwrap_or(usize::MAX) {
            let more = language.of(
                "（超出文件行数上限，后面还有，请先筛选）",
                "(more rows follow than a file has: filter first)",
            );
            let _ = writer.write_record(std::iter::once(more).chain(self.columns.iter().skip(1).map(|_| "")));
        }
        let bytes = writer.into_inner().unwrap_or_default();
        Some(format!("\u{feff}{}", String::from_utf8_lossy(&bytes)))
    }

    /// A heading that says of times in which zone they are.
    fn title_in_file(&self, column: &Column<R>, language: Language) -> String {
        let title = column.title.of(language);
        let mut cells = self.rows.iter().take(PER_PAGE).map(|row| column.cell(row, language));
        match cells.any(|cell| is_time(&cell)) {
            true => format!("{title}{}", language.of("（UTC+8）", " (UTC+8)")),
            false => title.to_owned(),
        }
    }

    fn heading(&self, column: &Column<R>, language: Language) -> Markup {
        let title = column.title.of(language);
        let sorted =
            self.query.sort().filter(|(key, _)| *key == column.key).map(|(_, is_falling)| is_falling);
        let (aria, mark) = match sorted {
            Some(true) => (Some("descending"), "▼"),
            Some(false) => (Some("ascending"), "▲"),
            None => (None, ""),
        };
        let falling = format!("-{}", column.key);
        let next = if sorted == Some(false) { falling.as_str() } else { column.key };
        let link = self.query.link(&[("sort", Some(next)), ("page", None), ("after", None)]);
        html! {
            th scope="col" class=[class(column)] aria-sort=[aria] {
                @if column.is_sortable() {
                    a href=(link) { (title) @if !mark.is_empty() { " " span aria-hidden="true" { (mark) } } }
                } @else { (title) }
            }
        }
    }

    fn filter_form(&self, view: &View) -> Markup {
        let own = ["q", "page", "after"].map(|name| self.query.name(name));
        let kept = self.query.asked.0.iter().filter(|(name, _)| !own.contains(name) && !is_of_file(name));
        html! {
            form.filter method="get" role="search" {
                @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                label {
                    span { (view.say("筛选", "Filter")) }
                    input type="search" name=(self.query.name("q")) value=(self.query.filter()) maxlength="64";
                }
                button { (view.say("查找", "Find")) }
                @if !self.query.filter().is_empty() {
                    a href=(self.query.link(&[("q", None), ("page", None), ("after", None)])) {
                        (view.say("清除", "Clear"))
                    }
                }
            }
        }
    }

    fn count(&self, view: &View) -> Markup {
        let Pages::Numbered { total, .. } = &self.pages else { return html! {} };
        html! { span.count { @match view.look.language {
            Language::Chinese => { "共 " (total) " 条" }
            Language::English => { (total) (if *total == 1 { " row" } else { " rows" }) }
        }
        @if self.is_part { " " (view.say("（仅排序最先的这些，请先筛选）", "(the first of all; filter to sort the rest)")) }
        } }
    }

    /// What leaves as a file is taken with a reason (T23), which a form asks for with or without a script.
    fn file_form(&self, view: &View) -> Markup {
        let table = if self.query.table.is_empty() { "all" } else { self.query.table };
        let kept = self.query.asked.0.iter().filter(|(name, value)| !is_of_file(name) && !value.is_empty());
        let why = view.say("导出原因", "What the file is for");
        html! {
            details.file {
                summary { (view.say("导出 CSV", "Export CSV")) }
                form.row method="get" {
                    @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                    input type="hidden" name="csv" value=(table);
                    input name="reason" required maxlength="500" autocomplete="off" placeholder=(why) aria-label=(why);
                    button { (view.say("导出", "Export")) }
                }
            }
        }
    }

    /// To the pages before and behind.
    fn turn(&self, view: &View) -> Markup {
        let page = |number: usize| self.query.link(&[("page", Some(&number.to_string()))]);
        let label = view.say("翻页", "Pages");
        html! { @match &self.pages {
            Pages::Numbered { pages: 1, .. } | Pages::Cursor { is_first: true, next: None } => {}
            Pages::Numbered { page: at, pages, .. } => {
                nav.pages aria-label=(label) {
                    @if *at > 1 { a rel="prev" href=(page(at - 1)) { "◀ " (view.say("上一页", "Previous")) } }
                    span { (at) " / " (pages) }
                    @if at < pages { a rel="next" href=(page(at + 1)) { (view.say("下一页", "Next")) " ▶" } }
                }
            }
            Pages::Cursor { is_first, next } => {
                nav.pages aria-label=(label) {
                    @if !is_first {
                        a href=(self.query.link(&[("after", None)])) { "◀ " (view.say("首页", "First page")) }
                    }
                    @if let Some(next) = next {
                        a rel="next" href=(self.query.link(&[("after", Some(next))])) {
                            (view.say("下一页", "Next")) " ▶"
                        }
                    }
                }
            }
        } }
    }
}

/// What an address says of the file that is wanted, and nothing else.
fn is_of_file(name: &str) -> bool {
    matches!(name, "csv" | "reason")
}

fn class<R>(column: &Column<R>) -> Option<&'static str> {
    let wide = column.is_wide.then_some("wide");
    column.is_number.then_some("number").or(wide)
}

fn cell<R>(column: &Column<R>, row: &R, view: &View) -> Markup {
    if let Some(shown) = column.shown {
        return shown(row, view);
    }
    // A short text, an instant above all, stays on one line.
    let text = column.cell(row, view.look.language);
    html! { @if text.chars().count() <= SHORT { span.short { (text) } } @else { (text) } }
}

/// A cell that a spreadsheet shows instead of running it. Plain numbers may begin with a sign.
fn harmless(cell: String) -> String {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠', '\u{fffd}']);
    if begins && !is_number(&cell) { format!("'{cell}") } else { cell }
}

fn is_number(cell: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|sign| sign.is_ascii_digit());
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(decimals)
}

/// `2026-11-28 00:00:00`, perhaps with more behind it.
fn is_time(cell: &str) -> bool {
    let shape = cell.bytes().take(TIME.len()).map(|sign| if sign.is_ascii_digit() { b'0' } else { sign });
    shape.eq(TIME.bytes())
}

/// The shape of a time.
const TIME: &str = "0000-00-00 00:00:00";

/// A piece of a name, as people sort them: numbers by what they count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// A whole number without zeros in front: how many digits, and they.
    Number(usize, String),
    /// What is no number.
    Text(String),
}

/// A name by which it is sorted: line 2 stands before line 10.
#[must_use]
pub fn natural(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let end = rest.find(|sign: char| sign.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        pieces.push(if is_number {
            let digits = piece.trim_start_matches('0');
            Piece::Number(digits.len(), digits.to_owned())
        } else {
            Piece::Text(piece.to_owned())
        });
        rest = behind;
    }
    pieces
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

/// How many rows the store is asked for: those of a page and one more, or as many as a file may have.
#[must_use]
pub fn wanted(asked: &Asked) -> u32 {
    if asked.value("csv").is_some() { IN_A_FILE } else { PER_PAGE_AND_ONE }
}

/// The same for a table that is [`Table::listed`], which is needed beyond one page where it is sorted here.
#[must_use]
pub fn wanted_sorted(asked: &Asked, is_whole: bool) -> u32 {
    let usual = wanted(asked);
    if is_whole { usual.max(SORTED_AT_MOST) } else { usual }
}

/// Rows of a page.
pub const PER_PAGE: usize = 50;
const PER_PAGE_AND_ONE: u32 = 51;
/// Signs of a text that is not broken into lines.
const SHORT: usize = 20;
/// The most rows of a list that are sorted here.
const SORTED: usize = 20_000;
const SORTED_AT_MOST: u32 = 20_000;
/// The most rows of a file.
pub const IN_A_FILE: u32 = 100_000;

#[cfg(test)]
mod tests;
