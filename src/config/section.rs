//! Reads the keys of a section one by one, and notes every fault and every value in effect on the way.
//!
//! A key with a fault reads as if it were not there, so that reading goes on and all faults are told together; what
//! was read is used only when there was none. A section is closed by [`Section::done`], which finds the keys that
//! nobody asked for.

use std::cell::RefCell;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::effective::Effective;
use super::fault::{Fault, FaultKind};
use super::limit::Limit;
use super::nearest::nearest;
use super::setting::Setting;
use super::words::Words;

/// One file that is being read.
pub(super) struct Source<'a> {
    /// Its name in messages.
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    faults: RefCell<Vec<Fault>>,
    effective: RefCell<Vec<Effective>>,
}

impl<'a> Source<'a> {
    pub(super) const fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, faults: RefCell::new(Vec::new()), effective: RefCell::new(Vec::new()) }
    }

    /// Parses the text and reads its root by `read`. Gives what was read, every fault in order of lines, and every
    /// value in effect.
    pub(super) fn read<T>(self, read: impl FnOnce(&mut Section<'_>) -> T) -> (T, Vec<Fault>, Vec<Effective>) {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        let read = Section::new(&self, String::new(), Some(root.get_ref()), None).read(read);
        let mut faults = self.faults.take();
        if !errors.is_empty() {
            // What lacks may stand where the text could not be understood.
            faults.retain(|fault| !matches!(fault.kind, FaultKind::Missing(_) | FaultKind::OneOf(_)));
        }
        faults.extend(errors.into_iter().map(|mut error| {
            // The text may hold a secret in the wrong place.
            error.set_input(None);
            let line = error.span().map(|span| self.line_of(span.start));
            let kind = FaultKind::Syntax(error);
            Fault { file: self.file.to_owned(), line, key: String::new(), value: None, kind }
        }));
        faults.sort_by_key(|fault| fault.line);
        (read, faults, self.effective.take())
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// A table of a file, or the place where one could be.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    /// Its name in messages, empty for the root.
    name: String,
    table: Option<&'a DeTable<'a>>,
    line: Option<usize>,
    known: Vec<&'static str>,
    faulty: Vec<&'static str>,
}

impl<'a> Section<'a> {
    const fn new(
        source: &'a Source<'a>,
        name: String,
        table: Option<&'a DeTable<'a>>,
        line: Option<usize>,
    ) -> Self {
        Self { source, name, table, line, known: Vec::new(), faulty: Vec::new() }
    }

    /// The line at which it begins.
    pub(super) const fn line(&self) -> Option<usize> {
        self.line
    }

    /// The value of a key, or what holds without one.
    pub(super) fn value<T: Setting>(&mut self, key: &'static str, limit: impl Limit<T>, default: T) -> T {
        let given = self.given(key, &limit);
        let is_default = given.is_none();
        let value = given.unwrap_or(default);
        self.in_effect(key, Some(&value), &limit, is_default);
        value
    }

    /// The value of a key that may be left out.
    pub(super) fn optional<T: Setting>(&mut self, key: &'static str, limit: impl Limit<T>) -> Option<T> {
        let given = self.given(key, &limit);
        self.in_effect(key, given.as_ref(), &limit, given.is_none());
        given
    }

    /// The value of a key that must be given.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str, limit: impl Limit<T>) -> Option<T> {
        let given = self.given(key, &limit);
        self.in_effect(key, given.as_ref(), &limit, false);
        if given.is_none() && !self.faulty.contains(&key) {
            self.fault(key, FaultKind::Missing(limit.words()));
        }
        given
    }

    /// Reads the section with this name, also when it is not there.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        self.known.push(key);
        let line = self.line_of_key(key);
        let table = self.spanned(key).and_then(|value| {
            let table = value.get_ref().as_table();
            if table.is_none() {
                self.fault(key, FaultKind::Expected(Words::of("a section", "一个配置段")));
            }
            table
        });
        Section::new(self.source, key.to_owned(), table, line).read(read)
    }

    /// Reads every section with this name, `[[name]]`.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        self.known.push(key);
        let Some(value) = self.spanned(key) else { return Vec::new() };
        let whole = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        let items = value.get_ref().as_array();
        let mut all = Vec::new();
        for (place, item) in items.into_iter().flat_map(|items| items.iter()).enumerate() {
            let line = self.source.line_of(item.span().start);
            let Some(table) = item.get_ref().as_table() else { continue };
            let name = format!("{whole}[{}]", place + 1);
            all.push(Section::new(self.source, name, Some(table), Some(line)).read(&mut read));
        }
        if items.is_none_or(|items| items.len() != all.len()) {
            let words = Words::new(format!("sections [[{whole}]]"), format!("配置段 [[{whole}]]"));
            self.fault(key, FaultKind::Expected(words));
        }
        all
    }

    /// Notes a fault of a key.
    pub(super) fn fault(&mut self, key: &'static str, kind: FaultKind) {
        let hides = matches!(kind, FaultKind::SecretInPlace);
        let value = self.spanned(key).filter(|_| !hides);
        let value = value.and_then(|value| self.source.text.get(value.span())).map(str::to_owned);
        let line = self.line_of_key(key).or(self.line);
        self.push(line, key, value.filter(|value| !value.starts_with('[')), kind);
        self.faulty.push(key);
    }

    /// Notes a fault of a key unless one of these keys has a fault already.
    pub(super) fn check(&mut self, holds: bool, keys: &[&'static str], kind: FaultKind) {
        let Some(last) = keys.last() else { return };
        if !holds && !keys.iter().any(|key| self.faulty.contains(key)) {
            self.fault(last, kind);
        }
    }

    /// Says more about the key that was read last, for the listing of what holds.
    pub(super) fn remark(&self, remark: String) {
        if let Some(last) = self.source.effective.borrow_mut().last_mut() {
            last.remark = Some(remark);
        }
    }

    /// Whether the file gives this key, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.spanned(key).is_some()
    }

    fn line_of_key(&self, key: &str) -> Option<usize> {
        let (key, _) = self.table?.get_key_value(key)?;
        Some(self.source.line_of(key.span().start))
    }

    fn read<T>(mut self, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let value = read(&mut self);
        self.done();
        value
    }

    /// Notes every key that nobody asked for. Its value is not shown: it may be a secret in the wrong place.
    fn done(self) {
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let line = self.source.line_of(key.span().start);
                let known = || self.known.iter().map(|known| (*known).to_owned());
                let nearest = nearest(name, known());
                self.push(Some(line), name, None, FaultKind::Unknown { nearest, known: known().collect() });
            }
        }
    }

    fn push(&self, line: Option<usize>, key: &str, value: Option<String>, kind: FaultKind) {
        let key = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        self.source.faults.borrow_mut().push(Fault {
            file: self.source.file.to_owned(),
            line,
            key,
            value,
            kind,
        });
    }

    fn given<T: Setting>(&mut self, key: &'static str, limit: &impl Limit<T>) -> Option<T> {
        self.known.push(key);
        let value = self.spanned(key)?.get_ref();
        let read = T::read(value).filter(|value| limit.admits(value));
        if read.is_none() {
            self.fault(key, FaultKind::Expected(limit.words()));
        }
        read
    }

    fn in_effect<T: Setting>(
        &self,
        key: &'static str,
        value: Option<&T>,
        limit: &impl Limit<T>,
        is_default: bool,
    ) {
        self.source.effective.borrow_mut().push(Effective {
            section: self.name.clone(),
            key,
            value: value.map(T::show),
            expected: limit.words(),
            is_default,
            remark: None,
        });
    }

    fn spanned(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }
}
