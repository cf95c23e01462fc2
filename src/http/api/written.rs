//! What is written in bodies: instants, exact decimals, texts of people and names of closed lists, each taken whole or
//! refused in words.

use crate::config::Words;
use crate::domain::{Coded, Day, Moment};
use crate::http::Problem;

/// An instant, RFC 3339.
pub(in crate::http) fn instant(text: &str) -> Result<Moment, Problem> {
    let wrong = |_| {
        let en = "an instant is written as 2026-11-21T08:00:00+08:00, with its zone";
        Problem::unacceptable("instant", en, "时间须写作 2026-11-21T08:00:00+08:00（含时区）")
    };
    text.parse().map_err(wrong)
}

/// A day of the calendar.
pub(in crate::http) fn day(text: &str) -> Result<Day, Problem> {
    let wrong = |_| {
        let en = "a day is written as 2026-11-21, and is in the calendar";
        Problem::unacceptable("day", en, "日期须写作 2026-11-21")
    };
    text.parse().map_err(wrong)
}

/// An exact decimal, as a whole number of its last decimal place. It may have fewer decimals, not more.
pub(in crate::http) fn decimal(text: &str, decimals: u8) -> Result<i64, Problem> {
    exact(text, decimals).ok_or_else(|| {
        let en = format!("a quantity is written as digits with at most {decimals} decimals");
        Problem::unacceptable("decimal", &en, &format!("数值须为数字，小数不超过 {decimals} 位"))
    })
}

fn exact(text: &str, decimals: u8) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_kept = fraction.trim_end_matches('0');
    let wanted = usize::from(decimals);
    if !is_number(whole) || !is_number(fraction) || fraction_kept.len() > wanted {
        return None;
    }
    format!("{whole}{fraction_kept:0<wanted$}").parse::<i64>().ok()?.checked_mul(sign)
}

/// What somebody writes: at most `most` characters, nothing but letters and spaces among them.
pub(in crate::http) fn words(text: &str, most: usize) -> Result<&str, Problem> {
    let text = text.trim();
    let is_plain = text.chars().all(|letter| !letter.is_control() || letter == '\n');
    if is_plain && text.chars().count() <= most {
        return Ok(text);
    }
    let en = format!("a text has at most {most} characters and no control characters");
    Err(Problem::unacceptable("text", &en, &format!("文字不得超过 {most} 个字符，且不含控制字符")))
}

/// The same where it must say something.
pub(in crate::http) fn some_words(text: &str, most: usize) -> Result<&str, Problem> {
    let text = words(text, most)?;
    if text.is_empty() {
        return Err(Problem::unacceptable("text_missing", "a text is missing", "缺少文字说明"));
    }
    Ok(text)
}

/// The member of a closed list with this name.
pub(in crate::http) fn named<T: Coded>(name: &str) -> Result<T, Problem> {
    T::from_name(name).ok_or_else(|| {
        let names: Vec<_> = T::TABLE.iter().map(|(.., name)| *name).collect();
        let (en, zh) =
            (format!("one of {} is expected", names.join(", ")), format!("应为 {}", names.join("、")));
        Problem::unacceptable("unknown_name", &en, &zh)
    })
}

/// What is written in a field, or what is wrong with it and in which field.
pub(in crate::http) fn field<T>(name: &str, read: Result<T, Problem>) -> Result<T, Problem> {
    read.map_err(|problem| {
        let Words { en, zh } = &problem.words;
        let words = Words::new(format!("`{name}`: {en}"), format!("字段 {name}：{zh}"));
        Problem { words, ..problem }
    })
}

/// The longest text that says why.
pub(in crate::http) const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Severity;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, value) in [("12.34", 1234), ("12", 1200), ("0.5", 50), ("-3.10", -310), ("7.000", 700)] {
            assert_eq!(decimal(text, 2), Ok(value), "{text}");
        }
        for text in ["", ".", "1.", ".5", "1.234", "1e3", "+1", "--1", "1,5", "99999999999999999999", "１"] {
            assert!(decimal(text, 2).is_err(), "{text}");
        }
        assert_eq!(decimal("5", 0), Ok(5));
    }

    #[test]
    fn t13_texts_are_kept_short_and_plain() {
        assert_eq!(words("  换表\n坏 ", 5), Ok("换表\n坏"));
        assert!(words("abcdef", 5).is_err() && words("a\0", 5).is_err() && some_words(" ", 5).is_err());
        assert_eq!(named::<Severity>("critical"), Ok(Severity::Critical));
        assert!(named::<Severity>("").unwrap_err().words.en.contains("notice, warning, critical"));
        let wrong = field("severity", named::<Severity>("bad")).unwrap_err();
        assert!(
            wrong.words.en.starts_with("`severity`: one of") && wrong.words.zh.starts_with("字段 severity：")
        );
    }
}
