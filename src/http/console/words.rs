//! What the console says in which language, and how the words of others are made harmless.

use dlt645::catalog;
use dlt645::data_id::DataId;

use crate::config::Words;
use crate::domain::{detail_zh, subject_zh};

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 中文
    #[default]
    Chinese,
    /// English
    English,
}

impl Language {
    /// As HTML names it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// As an address or a cookie names it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// The language with this key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        [Self::Chinese, Self::English].into_iter().find(|language| language.key() == key)
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub const fn of<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Chinese => Self::English,
            Self::English => Self::Chinese,
        }
    }

    /// The detail of something that is missing, which is kept in English.
    #[must_use]
    pub fn detail(self, kept: &str) -> String {
        let kept = kept.split("; ").map(|part| self.named(part)).collect::<Vec<_>>().join("; ");
        match self {
            Self::Chinese => detail_zh(&kept),
            Self::English => kept,
        }
    }

    /// A part of a detail that is said of data of a meter, with the name of the data in the place of its identifier.
    fn named(self, part: &str) -> String {
        let of = part.split_once(": ").filter(|(of, _)| of.len() == IDENTIFIER);
        let entry = of.and_then(|(of, said)| Some((catalog::find(of.parse::<DataId>().ok()?)?, said)));
        let Some((entry, said)) = entry else { return part.to_owned() };
        match self {
            Self::Chinese => format!("{}: {said}", entry.name_zh()),
            Self::English => format!("{}: {said}", entry.name_en()),
        }
    }

    /// What an alarm or an entry of the audit log is about, which is kept in English.
    #[must_use]
    pub fn subject(self, kept: &str) -> String {
        match self {
            Self::Chinese => subject_zh(kept),
            Self::English => kept.to_owned(),
        }
    }

    /// A unit: what counts times is no sign that everybody reads.
    #[must_use]
    pub fn unit(self, unit: &str) -> &str {
        match (self, unit) {
            (Self::Chinese, "times" | "time") => "次",
            (Self::Chinese, "min") => "分",
            _ => unit,
        }
    }

    /// A time as a meter writes it, with the day of the week that may stand in it.
    #[must_use]
    pub fn meter_time(self, told: &str) -> String {
        let named = |(number, name): (usize, &str)| told.replacen(&format!("weekday 0{number}"), name, 1);
        match self {
            Self::Chinese => {
                let days = ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"];
                let told_one = days.into_iter().enumerate().map(named).find(|text| text != told);
                told_one.unwrap_or_else(|| told.to_owned())
            }
            Self::English => told.to_owned(),
        }
    }

    /// The phrase in this language.
    #[must_use]
    pub fn words(self, words: &Words) -> &str {
        self.of(&words.zh, &words.en)
    }
}

/// A fixed phrase in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

impl Phrase {
    /// Both.
    #[must_use]
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en }
    }

    /// In a language.
    #[must_use]
    pub const fn of(self, language: Language) -> &'static str {
        language.of(self.zh, self.en)
    }
}

/// The text of somebody else without signs that steer, hide or turn what is around them.
#[must_use]
pub fn inert(text: &str) -> String {
    let harmless = |sign: char| if steers(sign) { char::REPLACEMENT_CHARACTER } else { sign };
    text.chars().map(harmless).collect()
}

fn steers(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// Digits of the identifier of what a meter has.
const IDENTIFIER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_meter_are_named_in_what_is_said_of_them() {
        let kept = "03110000: line down; 00010000: no answer in 3 attempts; PQRSTUVW: busy";
        let zh = Language::Chinese.detail(kept);
        assert!(zh.starts_with("掉电总次数：线路不通；") && zh.contains("：询问 3 次均无应答；"), "{zh}");
        assert!(!zh.contains("00010000") && zh.ends_with("PQRSTUVW：线路忙"), "{zh}");
        let en = Language::English.detail(kept);
        assert!(en.starts_with("power-down: count: line down; ") && !en.contains("00010000"), "{en}");
        assert_eq!(Language::Chinese.detail("no answer in 1 attempts"), "询问 1 次，无应答");
        assert_eq!((Language::Chinese.unit("times"), Language::Chinese.unit("kWh")), ("次", "kWh"));
        assert_eq!(Language::English.unit("times"), "times");
    }

    #[test]
    fn a_language_is_known_by_its_key() {
        for language in [Language::Chinese, Language::English] {
            assert_eq!(Language::of_key(language.key()), Some(language));
        }
        assert_eq!(Language::of_key("fr"), None);
        assert_eq!(Language::default(), Language::Chinese);
        assert_eq!(Phrase::new("今夜", "Tonight").of(Language::English), "Tonight");
        assert_eq!(Language::Chinese.words(&Words::of("line", "线路")), "线路");
    }

    #[test]
    fn a_day_of_the_week_is_named() {
        let told = "2026-11-29 weekday 00 08:00:00";
        assert_eq!(Language::Chinese.meter_time(told), "2026-11-29 星期日 08:00:00");
        assert_eq!(Language::English.meter_time(told), told);
        assert_eq!(Language::Chinese.meter_time("2026-11-28 weekday 06"), "2026-11-28 星期六");
        for own in ["", "230.1", "weekday 09"] {
            assert_eq!(Language::Chinese.meter_time(own), own);
        }
    }

    #[test]
    fn t13_signs_that_turn_or_hide_text_are_seen() {
        assert_eq!(inert("a\u{202e}b\0c\u{200b}d\ne"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e");
        assert_eq!(inert("王五 <b> ＝1"), "王五 <b> ＝1");
    }
}
