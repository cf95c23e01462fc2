//! Dates and times of day in front of bytes.

/// How many bytes of `text`, which begins a word, are a date, a time of day, or both.
pub(super) fn length(text: &str) -> Option<usize> {
    let date = date(text);
    let rest = text.get(date.unwrap_or(0)..)?;
    let gap = match rest.as_bytes().first() {
        Some(b'T' | b' ') if date.is_some() => 1,
        _ => 0,
    };
    let time = rest.get(gap..).and_then(time_of_day);
    match (date, time) {
        (Some(date), Some(time)) => Some(date + gap + time),
        (Some(date), None) => Some(date),
        (None, time) => time,
    }
}

/// `2024-05-01`, `2024/5/1`, `2024.05.01`, `5/1/2024`.
fn date(text: &str) -> Option<usize> {
    let (first, rest) = number(text, 4)?;
    let mark = rest.chars().next().filter(|mark| matches!(mark, '-' | '/' | '.'))?;
    let (second, rest) = number(rest.get(1..)?, 2)?;
    let (third, behind) = number(rest.strip_prefix(mark)?, 4)?;
    let is_year = |year: &str| year.len() == 4 && (year.starts_with("19") || year.starts_with("20"));
    let below =
        |text: &str, limit: u32| text.len() <= 2 && text.parse().is_ok_and(|n: u32| (1..=limit).contains(&n));
    let fits = is_year(first) && below(second, 12) && below(third, 31)
        || mark == '/' && below(first, 31) && below(second, 31) && is_year(third);
    let goes_on = behind.starts_with(mark) || behind.starts_with(|letter: char| letter.is_ascii_hexdigit());
    (fits && !goes_on).then_some(text.len() - behind.len())
}

/// `12:00:01`, with thousandths behind a point, a comma or a colon, and a time zone.
fn time_of_day(text: &str) -> Option<usize> {
    let below = |text: &str, limit: u32| text.parse().is_ok_and(|n: u32| n < limit);
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    if !(below(hour, 24) && below(minute, 60) && below(second, 61) && minute.len() == 2 && second.len() == 2)
    {
        return None;
    }
    let fraction = rest.strip_prefix(['.', ',', ':']).and_then(|rest| number(rest, 9));
    let rest = match fraction {
        Some((digits, behind)) if digits.len() == 3 || !rest.starts_with(':') => behind,
        // A fourth pair of digits: bytes with colons between them.
        Some(_) => return None,
        None => rest,
    };
    let rest = zone(rest).unwrap_or(rest);
    let goes_on = rest.starts_with([':', '-']) || rest.starts_with(|letter: char| letter.is_ascii_hexdigit());
    (!goes_on).then_some(text.len() - rest.len())
}

/// What stands behind `Z` or `+08:00`.
fn zone(text: &str) -> Option<&str> {
    if let Some(behind) = text.strip_prefix('Z') {
        return Some(behind);
    }
    let (hours, behind) = number(text.strip_prefix('+')?, 4)?;
    match hours.len() {
        4 => Some(behind),
        2 => Some(
            behind
                .strip_prefix(':')
                .and_then(|minutes| number(minutes, 2))
                .map_or(behind, |(_, behind)| behind),
        ),
        _ => None,
    }
}

/// One to `most` decimal digits at the front, and what is behind them.
fn number(text: &str, most: usize) -> Option<(&str, &str)> {
    let length = text.bytes().take(most + 1).take_while(u8::is_ascii_digit).count();
    (1..=most).contains(&length).then(|| text.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn times_are_told_from_bytes() {
        for (text, expected) in [
            ("12:00:01 68", Some(8)),
            ("12:00:01.123] TX", Some(12)),
            ("23:11:10:123] 68", Some(12)),
            ("9:05:01 68", Some(7)),
            ("2024-05-01 10:00:01.123 68", Some(23)),
            ("2024-05-01T10:00:01.123456+08:00 68", Some(32)),
            ("2024-05-01T10:00:01Z 68", Some(20)),
            ("2024/5/1 TX", Some(8)),
            ("5/1/2024 12:00:00.123 [TX]", Some(21)),
            ("15:44:29发送", Some(8)),
            ("68:12:90:78", None),
            ("12:00:01:68:12", None),
            ("12:34:56:78", None),
            ("68-12-90-78", None),
            ("2024-05-01-68", None),
            ("6812 9078", None),
            ("12:00", None),
            ("24:00:00", None),
            ("", None),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
