//! Tables: one description of the columns serves the page and the CSV file.
//!
//! Sorting, filtering and paging are done here by what the address says; a name in it that is none of the table's columns
//! counts as not said (T14). A cell of a file never runs in a spreadsheet, and no cell steers what is around it (T13).
//! Lists that are too long to be held are filtered and paged by the store, which is asked by the same names.

mod query;

use maud::{Markup, html};

use super::components::grouped;
use super::view::View;
use super::words::{Language, Phrase, inert};
use query::{TRAIL, is_of_file, marked};

pub use query::{Asked, Query, escaped};

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
    /// It stands in the file and not on the page.
    is_of_file: bool,
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
            is_of_file: false,
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

    /// What only a file needs, since the page says it elsewhere; a filter looks into it all the same.
    #[must_use]
    pub fn in_file(self) -> Self {
        Self { is_of_file: true, ..self }
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
        /// All rows, where somebody has counted them.
        total: Option<u64>,
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
    /// There are more rows than were listed.
    is_cut: bool,
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
        Self { caption, empty, columns, query, rows: Vec::new(), pages, is_part: false, is_cut: false }
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
        Self { rows, pages: Pages::Cursor { is_first, next, total: None }, ..self }
    }

    /// The same, of which there are so many in all.
    #[must_use]
    pub fn counted(self, of_all: Option<u64>) -> Self {
        match self.pages {
            Pages::Cursor { is_first, next, .. } => {
                Self { pages: Pages::Cursor { is_first, next, total: of_all }, ..self }
            }
            Pages::Numbered { .. } => self,
        }
    }

    /// With the word that there are more rows than were listed, on the page and in the file.
    #[must_use]
    pub fn cut_off(self, is_cut: bool) -> Self {
        Self { is_cut, ..self }
    }

    /// The columns of the page.
    fn on_page(&self) -> impl Iterator<Item = &Column<R>> {
        self.columns.iter().filter(|column| !column.is_of_file)
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
                        thead { tr { @for column in self.on_page() { (self.heading(column, language)) } } }
                        tbody {
                            @for row in &self.rows { tr { @for (place, column) in self.on_page().enumerate() {
                                @if place == 0 { th scope="row" class=[class(column)] { (cell(column, row, view)) } }
                                @else { td class=[class(column)] { (cell(column, row, view)) } }
                            } } }
                            @if self.rows.is_empty() {
                                tr { td.empty colspan=(self.on_page().count()) { (self.nothing(view)) } }
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
        if self.is_cut || self.rows.len() >= usize::try_from(IN_A_FILE).unwrap_or(usize::MAX) {
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
        let link = self.query.link(&[("sort", Some(next)), ("page", None), ("after", None), (TRAIL, None)]);
        html! {
            th scope="col" class=[class(column)] aria-sort=[aria] {
                @if column.is_sortable() {
                    a href=(link) { (title) @if !mark.is_empty() { " " span aria-hidden="true" { (mark) } } }
                } @else { (title) }
            }
        }
    }

    fn filter_form(&self, view: &View) -> Markup {
        let own = ["q", "page", "after", TRAIL].map(|name| self.query.name(name));
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
                    a href=(self.query.link(&[("q", None), ("page", None), ("after", None), (TRAIL, None)])) {
                        (view.say("清除", "Clear"))
                    }
                }
            }
        }
    }

    fn count(&self, view: &View) -> Markup {
        let total = match &self.pages {
            Pages::Numbered { total, .. } => u64::try_from(*total).unwrap_or(u64::MAX),
            Pages::Cursor { total: Some(total), .. } => *total,
            Pages::Cursor { total: None, .. } => return html! {},
        };
        html! { span.count { @match (view.look.language, self.is_cut) {
            (Language::Chinese, false) => { "共 " (grouped(total)) " 条" }
            (Language::English, false) => { (grouped(total)) (if total == 1 { " row" } else { " rows" }) }
            (Language::Chinese, true) => { "前 " (grouped(total)) " 条，后面还有，未列出" }
            (Language::English, true) => { "the first " (grouped(total)) " rows; more are not listed" }
        }
        @if self.is_part { " " (view.say("（仅排序最先的这些，请先筛选）", "(the first of all; filter to sort the rest)")) }
        } }
    }

    /// What leaves as a file is taken with a reason (T23), which a form asks for with or without a script.
    fn file_form(&self, view: &View) -> Markup {
        let table = if self.query.table.is_empty() { "all" } else { self.query.table };
        // From whichever page it is taken, a file has them all.
        let of_page = ["page", "after", TRAIL].map(|name| self.query.name(name));
        let is_kept = |name: &String| !is_of_file(name) && !of_page.contains(name);
        let kept = self.query.asked.0.iter().filter(|(name, value)| is_kept(name) && !value.is_empty());
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
            Pages::Numbered { pages: 1, .. } | Pages::Cursor { is_first: true, next: None, .. } => {}
            Pages::Numbered { page: at, pages, .. } => {
                nav.pages aria-label=(label) {
                    @if *at > 1 { a rel="prev" href=(page(at - 1)) { "◀ " (view.say("上一页", "Previous")) } }
                    span { (at) " / " (pages) }
                    @if at < pages { a rel="next" href=(page(at + 1)) { (view.say("下一页", "Next")) " ▶" } }
                }
            }
            Pages::Cursor { is_first, next, .. } => {
                @let trail = self.query.trail();
                nav.pages aria-label=(label) {
                    @if !is_first {
                        a href=(self.query.link(&[("after", None), (TRAIL, None)])) { (view.say("首页", "First page")) }
                    }
                    @if let Some((last, before)) = trail.split_last() {
                        a rel="prev" href=(self.query.link(&[("after", Some(*last)), (TRAIL, Some(&marked(before)))])) {
                            "◀ " (view.say("上一页", "Previous"))
                        }
                    }
                    @if let Some(next) = next {
                        @let here = [trail.as_slice(), &[self.query.after().unwrap_or_default()]].concat();
                        @let kept = here.get(here.len().saturating_sub(LONGEST_TRAIL)..).unwrap_or_default();
                        a rel="next" href=(self.query.link(&[("after", Some(next)), (TRAIL, Some(&marked(kept)))])) {
                            (view.say("下一页", "Next")) " ▶"
                        }
                    }
                }
            }
        } }
    }
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

/// So many pages lead back one by one; the first is always to be had.
const LONGEST_TRAIL: usize = 20;
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
