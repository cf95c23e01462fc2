//! Closed lists as the file writes them, in English and in Chinese.

use crate::config::Words;
use crate::domain::{Coded, CustomerClass, MeterProtocol, Parity, PointRole};

/// A closed list that a column of the file may hold.
pub(super) trait Word: Coded {
    /// The Chinese words of each member, the first of which is written.
    const CHINESE: &'static [(Self, &'static [&'static str])];

    /// The member that a text names.
    fn read(text: &str) -> Option<Self> {
        let plain = text.to_lowercase();
        let listed = |words: &[&str]| words.iter().any(|word| word.to_lowercase() == plain);
        let chinese = || Self::CHINESE.iter().find(|(_, words)| listed(words)).map(|(member, _)| *member);
        Self::from_name(&plain).or_else(chinese)
    }

    /// Its first Chinese word.
    fn chinese(self) -> &'static str {
        let row = Self::CHINESE.iter().find(|(member, _)| *member == self);
        row.and_then(|(_, words)| words.first()).copied().unwrap_or_else(|| self.name())
    }

    /// All members, for a message.
    fn expected() -> Words {
        let en: Vec<_> = Self::TABLE.iter().map(|(.., name)| *name).collect();
        let zh: Vec<_> = Self::TABLE.iter().map(|(member, ..)| member.chinese()).collect();
        Words::new(format!("one of {}", en.join(", ")), format!("以下之一：{}", zh.join("、")))
    }
}

impl Word for CustomerClass {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Residential, &["居民", "居民用户"]),
        (Self::Commercial, &["商业", "商业用户"]),
        (Self::Industrial, &["工业", "工业用户"]),
        (Self::Important, &["重要", "重要用户"]),
    ];
}

impl Word for PointRole {
    const CHINESE: &'static [(Self, &'static [&'static str])] =
        &[(Self::Customer, &["用户", "客户"]), (Self::AreaCheck, &["考核表", "台区考核表", "台区总表"])];
}

impl Word for MeterProtocol {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Dlt2007, &["645-2007", "DL/T 645-2007", "DL/T645-2007"]),
        (Self::Dlt1997, &["645-1997", "DL/T 645-1997", "DL/T645-1997"]),
        (Self::Modbus, &["modbus", "modbus-rtu"]),
    ];
}

impl Word for Parity {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::None, &["无", "无校验", "N"]),
        (Self::Even, &["偶", "偶校验", "E"]),
        (Self::Odd, &["奇", "奇校验", "O"]),
    ];
}

/// Yes or no.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "是" => Some(true),
        "no" | "n" | "否" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_are_read_back<T: Word + std::fmt::Debug>() {
        for (member, _, name) in T::TABLE {
            assert_eq!(T::read(name), Some(*member));
            let row = T::CHINESE.iter().find(|(other, _)| other == member).unwrap();
            for word in row.1 {
                assert_eq!(T::read(word), Some(*member), "{word}");
            }
        }
        assert_eq!(T::read(""), None);
        assert_eq!(T::read("别的"), None);
    }

    #[test]
    fn every_word_names_its_member() {
        all_are_read_back::<CustomerClass>();
        all_are_read_back::<PointRole>();
        all_are_read_back::<MeterProtocol>();
        all_are_read_back::<Parity>();
        assert_eq!((yes_or_no("YES"), yes_or_no("否"), yes_or_no("1")), (Some(true), Some(false), None));
    }
}
