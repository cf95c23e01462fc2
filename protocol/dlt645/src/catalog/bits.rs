//! The words of named bits: status words, mode words, error bytes. [645-2007 7] [645-1997 5]

use super::DataError;

/// Leads to one word of [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WordId(pub(super) u16);

/// One bit, or a few bits that belong together, of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitField {
    /// The lowest bit, counted from 0 at the low end of the first byte on the wire.
    pub bit: u8,
    /// How many bits.
    pub width: u8,
    /// English name.
    pub name_en: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    meanings_en: &'static str,
    meanings_zh: &'static str,
}

impl BitField {
    /// The number these bits hold in `word`.
    #[must_use]
    pub const fn value_in(&self, word: u64) -> u64 {
        if self.bit >= 64 || self.width == 0 || self.width >= 64 {
            return 0;
        }
        word >> self.bit & ((1 << self.width) - 1)
    }

    /// What that number means, English first; empty where the table does not say.
    #[must_use]
    pub fn meaning(&self, value: u64) -> (&'static str, &'static str) {
        let nth = |list: &'static str, default: &'static str| {
            let list = if list.is_empty() { default } else { list };
            let keyed = |entry: &'static str| {
                let (key, meaning) = entry.split_once('=')?;
                (u64::from_str_radix(key, 16) == Ok(value)).then_some(meaning)
            };
            if list.contains('=') {
                return list.split('|').find_map(keyed).unwrap_or_default();
            }
            usize::try_from(value).ok().and_then(|n| list.split('|').nth(n)).unwrap_or_default()
        };
        (nth(self.meanings_en, "no|yes"), nth(self.meanings_zh, "否|是"))
    }
}

/// All words, by name.
#[derive(Debug, Default)]
pub struct Words {
    words: Vec<(&'static str, Vec<BitField>)>,
}

impl Words {
    pub(super) fn parse(tables: &[&'static str]) -> Result<Self, DataError> {
        let mut words: Vec<(&'static str, Vec<BitField>)> = Vec::new();
        for (number, line) in tables.iter().flat_map(|table| super::table::lines(table)) {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (word, bit, width) = (next(), next(), next());
            let wrong = || DataError { table: "bits", line: number, what: "bit or width" };
            let field = BitField {
                bit: bit.parse().map_err(|_| wrong())?,
                width: width.parse().map_err(|_| wrong())?,
                name_en: next(),
                name_zh: next(),
                meanings_en: next(),
                meanings_zh: next(),
            };
            match words.iter_mut().find(|(name, _)| *name == word) {
                Some((_, fields)) => fields.push(field),
                None => words.push((word, vec![field])),
            }
        }
        Ok(Self { words })
    }

    /// The word of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<WordId> {
        let place = self.words.iter().position(|(have, _)| *have == name)?;
        u16::try_from(place).ok().map(WordId)
    }

    /// The named bits of a word.
    #[must_use]
    pub fn fields(&self, word: WordId) -> &[BitField] {
        self.words.get(usize::from(word.0)).map(|(_, fields)| fields.as_slice()).unwrap_or_default()
    }
}
