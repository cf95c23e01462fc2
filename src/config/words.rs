//! A phrase in both languages.

/// A phrase in English and in Chinese.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Words {
    /// Both.
    #[must_use]
    pub const fn new(en: String, zh: String) -> Self {
        Self { en, zh }
    }

    /// Both.
    #[must_use]
    pub fn of(en: &str, zh: &str) -> Self {
        Self { en: en.to_owned(), zh: zh.to_owned() }
    }
}
