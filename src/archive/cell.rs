//! One cell to one value. A cell comes without blanks around it and is never empty.

use dlt645::address::MeterAddress;

use super::fault::FaultKind;
use super::word::Word;
use crate::config::{RATES, Words};
use crate::domain::{Day, Moment, Multiplier, Ratio};

/// What became of a cell.
pub(super) type Read<T> = Result<T, FaultKind>;

/// What a text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextKind {
    /// Something that is looked up: no two may look the same and differ.
    Number,
    /// A name of a place or a thing, on one line.
    Label,
    /// What people wrote; line breaks are kept.
    Prose,
}

impl TextKind {
    const fn most(self) -> usize {
        match self {
            Self::Number => 64,
            Self::Label => 100,
            Self::Prose => 300,
        }
    }
}

pub(super) fn text(cell: &str, kind: TextKind) -> Read<String> {
    let most = kind.most();
    if cell.chars().nth(most).is_some() {
        return Err(FaultKind::TooLong { most });
    }
    let is_break = |c: char| kind == TextKind::Prose && matches!(c, '\n' | '\r' | '\t');
    if let Some(sign) = cell.chars().find(|c| (c.is_control() && !is_break(*c)) || is_invisible(*c)) {
        return Err(FaultKind::Sign(sign));
    }
    if would_run(cell) {
        return Err(FaultKind::Formula);
    }
    if kind == TextKind::Number {
        plain_digits(cell)?;
        if is_scientific(cell) {
            return Err(FaultKind::Scientific);
        }
    }
    Ok(cell.to_owned())
}

pub(super) fn address(cell: &str) -> Read<MeterAddress> {
    let words =
        Words::of("up to 12 digits, and not the broadcast address", "不超过 12 位的数字，且不是广播地址");
    number_like(cell)?;
    cell.parse().map_err(|_| FaultKind::Expected(words))
}

pub(super) fn word<T: Word>(cell: &str) -> Read<T> {
    T::read(cell).ok_or_else(|| FaultKind::Expected(T::expected()))
}

pub(super) fn yes_or_no(cell: &str) -> Read<bool> {
    super::word::yes_or_no(cell).ok_or_else(|| FaultKind::Expected(Words::of("yes or no", "是或否")))
}

pub(super) fn rate(cell: &str) -> Read<u32> {
    number_like(cell)?;
    let rate = digits(cell).filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| {
        let rates: Vec<String> = RATES.iter().map(u32::to_string).collect();
        let (en, zh) = (rates.join(", "), rates.join("、"));
        FaultKind::Expected(Words::new(format!("one of {en}"), format!("以下之一：{zh}")))
    })
}

/// A whole number within limits.
pub(super) fn whole<T: TryFrom<u32>>(cell: &str, least: u32, most: u32) -> Read<T> {
    number_like(cell)?;
    let number = digits(cell).filter(|number| (least..=most).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        FaultKind::Expected(Words::new(
            format!("a whole number, {least} to {most}"),
            format!("整数，{least} 至 {most}"),
        ))
    })
}

pub(super) fn ratio(cell: &str) -> Read<Ratio> {
    number_like(cell)?;
    cell.parse().map_err(|_| {
        FaultKind::Expected(Words::of(
            "a ratio above zero such as 200/5, 40 or 1.5 (give the column the format text, or 10/5 becomes a date)",
            "大于零的变比，如 200/5、40 或 1.5（请将该列设为“文本”格式，否则 10/5 会变成日期）",
        ))
    })
}

pub(super) fn multiplier(cell: &str) -> Read<Multiplier> {
    number_like(cell)?;
    let multiplier = decimal(cell, 2).and_then(|number| u64::try_from(number).ok());
    multiplier.and_then(Multiplier::from_hundredths).ok_or_else(|| {
        FaultKind::Expected(Words::of(
            "a number above zero with at most two decimals, such as 80 or 1.5",
            "大于零、最多两位小数的数，如 80 或 1.5",
        ))
    })
}

/// Energy in 0.0001 kWh.
pub(super) fn energy(cell: &str) -> Read<i64> {
    number_like(cell)?;
    decimal(cell, 4).ok_or_else(|| {
        FaultKind::Expected(Words::of(
            "kWh with at most 8 digits before and 4 behind the point, such as 1234.56",
            "以 kWh 为单位的数，整数最多 8 位、小数最多 4 位，如 1234.56",
        ))
    })
}

/// The address of a terminal, `1100-3039`.
pub(super) fn terminal(cell: &str) -> Read<String> {
    number_like(cell)?;
    let part = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let upper = cell.to_ascii_uppercase();
    match upper.split_once('-') {
        // Neither nobody nor everybody.
        Some((region, own)) if part(region) && part(own) && own != "0000" && own != "FFFF" => Ok(upper),
        _ => Err(FaultKind::Expected(Words::of(
            "region and address in hexadecimal, such as 1100-3039",
            "十六进制的行政区划码和终端地址，如 1100-3039",
        ))),
    }
}

/// A day, or an instant of it, by the clock of China.
pub(super) fn moment(cell: &str) -> Read<Moment> {
    number_like(cell)?;
    read_moment(cell).ok_or_else(|| {
        FaultKind::Expected(match serial(cell) {
            Some(day) => Words::new(
                format!("a day: {cell} is how a spreadsheet counts {day}; give the column the format of a date, or write {day}"),
                format!("日期：{cell} 是电子表格的日期序号（即 {day}）；请将该列设为“日期”格式，或填写 {day}"),
            ),
            None => Words::of(
                "a day such as 2026-11-21 or 2026/11/21, from 1980 on, with a time of day if need be",
                "日期，如 2026-11-21 或 2026/11/21（1980 年起），必要时可带时间",
            ),
        })
    })
}

/// The day that a spreadsheet counts so, from the last days of 1899 on.
fn serial(cell: &str) -> Option<Day> {
    let (whole, part) = cell.split_once('.').unwrap_or((cell, "0"));
    let days = digits(whole).filter(|_| whole.len() == 5 && digits(part).is_some())?;
    let day = Day::new(2000, 1, 1)?.plus(i64::from(days) - SERIAL_OF_2000);
    (day >= Day::new(u16::try_from(EARLIEST).ok()?, 1, 1)?).then_some(day)
}

fn read_moment(cell: &str) -> Option<Moment> {
    let (date, time) = cell.split_once([' ', 'T']).unwrap_or((cell, "0:00"));
    let date = date.replace(['/', '.', '年', '月'], "-");
    let mut parts = date.trim_end_matches('日').split('-');
    let mut part = |most: usize| parts.next().filter(|part| part.len() <= most).and_then(digits);
    let (year, month, day) = (part(4).filter(|year| *year >= EARLIEST)?, part(2)?, part(2)?);
    let day = Day::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)?;
    let mut time_parts = time.trim().splitn(3, ':');
    let mut part =
        |least: u32| time_parts.next().filter(|part| part.len() <= 2).and_then(digits).filter(|n| *n < least);
    let (hour, minute) = (part(24)?, part(60)?);
    // Seconds and their fraction come as one decimal.
    let seconds = time.trim().splitn(3, ':').nth(2).map_or(Some(0), |seconds| decimal(seconds, 6))?;
    let in_day = i64::from(hour * 60 + minute) * 60_000_000 + seconds;
    let fits = parts.next().is_none() && seconds < 60_000_000;
    fits.then(|| Moment::from_micros(day.start().micros() + in_day))
}

/// A decimal as a whole number of its last place; `None` with more than 8 digits before the point or `places` behind.
fn decimal(cell: &str, places: usize) -> Option<i64> {
    let (whole, part) = cell.split_once('.').unwrap_or((cell, "0"));
    if whole.len() > 8 || part.is_empty() || part.len() > places {
        return None;
    }
    let part = digits(&format!("{part:0<places$}"))?;
    let one = 10_i64.checked_pow(u32::try_from(places).ok()?)?;
    Some(i64::from(digits(whole)?) * one + i64::from(part))
}

/// A number without a sign and with at most two decimals, in hundredths.
pub(super) fn hundredths(cell: &str) -> Option<i64> {
    number_like(cell).ok().and_then(|()| decimal(cell, 2))
}

fn digits(text: &str) -> Option<u32> {
    let fits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// What any cell with a number in it may suffer from.
fn number_like(cell: &str) -> Read<()> {
    plain_digits(cell)?;
    if is_scientific(cell) { Err(FaultKind::Scientific) } else { Ok(()) }
}

/// Refuses digits and letters of full width, and says how they are written.
fn plain_digits(cell: &str) -> Read<()> {
    let is_wide = |c: char| matches!(c, '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ');
    if !cell.chars().any(is_wide) {
        return Ok(());
    }
    let narrow = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    };
    Err(FaultKind::FullWidth { plain: cell.chars().map(narrow).collect() })
}

/// Whether a spreadsheet has shortened a long number: `2.02411E+11`.
fn is_scientific(cell: &str) -> bool {
    let Some((number, power)) = cell.split_once(['E', 'e']) else { return false };
    let Some(power) = power.strip_prefix(['+', '-']) else { return false };
    let in_number = |c: char| c.is_ascii_digit() || c == '.';
    digits(power).is_some()
        && number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(in_number)
}

/// Whether a spreadsheet would run the text: a single sign is only a dash.
fn would_run(cell: &str) -> bool {
    let mut signs = cell.chars();
    let first = signs.next();
    matches!(first, Some('=' | '@' | '+' | '-' | '＝' | '＠' | '＋' | '－')) && signs.next().is_some()
}

/// Signs that cannot be seen, or turn what is around them.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// How a spreadsheet counts the first day of 2000.
const SERIAL_OF_2000: i64 = 36_526;
/// No meter that is read today was installed in an earlier year.
const EARLIEST: u32 = 1980;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind<T>(read: Read<T>) -> &'static str {
        read.map_or_else(|kind| kind.name(), |_| "")
    }

    #[test]
    fn addresses_are_digits_that_no_spreadsheet_has_touched() {
        assert_eq!(address("1").unwrap().to_string(), "000000000001");
        assert_eq!(address("202411110001").unwrap().to_string(), "202411110001");
        for (cell, expected) in [
            ("2.02411E+11", "scientific"),
            ("2E+11", "scientific"),
            ("２０２４", "full width"),
            ("1234567890123", "expected"),
            ("999999999999", "expected"),
            ("12345A", "expected"),
            ("-1", "expected"),
            ("1.0", "expected"),
        ] {
            assert_eq!(kind(address(cell)), expected, "{cell}");
        }
        let Err(FaultKind::FullWidth { plain }) = address("２０２４－１") else { panic!() };
        assert_eq!(plain, "2024-1");
    }

    #[test]
    fn days_are_read_as_people_and_spreadsheets_write_them() {
        let shown = |cell: &str| moment(cell).map(|at| at.in_china().to_string()).ok();
        for cell in
            ["2026-03-01", "2026/3/1", "2026.3.1", "2026年3月1日", "2026-03-01 00:00", "2026/3/1 0:00:00"]
        {
            assert_eq!(shown(cell).as_deref(), Some("2026-03-01 00:00:00"), "{cell}");
        }
        assert_eq!(shown("2026-03-01 12:30:15").as_deref(), Some("2026-03-01 12:30:15"));
        assert_eq!(moment("2026-03-01 00:00:00.25").unwrap().micros() % 1_000_000, 250_000);
        for cell in [
            "2026-02-29",
            "26-3-1",
            "2026-13-1",
            "1979-12-31",
            "45292",
            "2026-3",
            "2026-3-1-1",
            "3/1/2026",
            "2026-3-1 24:00",
            "2026-3-1 1",
            "2026-3-1 1:60",
            "2026-3-1 1:00:60",
            "2026-3-1 1:00:00.1234567",
        ] {
            assert_eq!(shown(cell), None, "{cell}");
        }
        for (cell, told) in [("45413", true), ("45413.5", true), ("4541", false), ("20240501", false)] {
            let Err(FaultKind::Expected(words)) = moment(cell) else { panic!("{cell}") };
            assert_eq!(words.en.contains("2024-05-01") && words.zh.contains("2024-05-01"), told, "{cell}");
        }
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(energy("1234.56").unwrap(), 12_345_600);
        assert_eq!(energy("0").unwrap(), 0);
        assert_eq!(energy("99999999.9999").unwrap(), 999_999_999_999);
        for cell in ["-1", "1,234", "1.23456", "123456789", ".5", "1.", "1e3", "1.2.3"] {
            assert_eq!(kind(energy(cell)), "expected", "{cell}");
        }
        assert_eq!(multiplier("80").unwrap().to_string(), "80");
        assert_eq!(multiplier("1.5").unwrap().to_string(), "1.5");
        assert_eq!(kind(multiplier("0")), "expected");
        assert_eq!(whole::<u8>("28", 1, 28).unwrap(), 28);
        assert_eq!(kind(whole::<u8>("29", 1, 28)), "expected");
        assert_eq!(kind(ratio("10月5日")), "expected");
        assert_eq!((rate("9600").unwrap(), kind(rate("9601"))), (9600, "expected"));
    }

    #[test]
    fn a_terminal_is_one_and_not_all() {
        assert_eq!(terminal("1100-30a9").unwrap(), "1100-30A9");
        for cell in ["1100-0000", "1100-ffff", "11003039", "1100-3O39", "1100-303", "1100-3039-1"] {
            assert_eq!(kind(terminal(cell)), "expected", "{cell}");
        }
    }

    #[test]
    fn t13_texts_that_would_run_or_hide_are_refused() {
        use TextKind::{Label, Number, Prose};
        for (cell, as_kind, expected) in [
            ("张三, \"老\"", Prose, ""),
            ("a\nb", Prose, ""),
            ("a\nb", Label, "sign"),
            ("a\u{1b}[31m", Prose, "sign"),
            ("a\u{202e}b", Prose, "sign"),
            ("61\u{200b}00", Number, "sign"),
            ("=HYPERLINK(\"x\")", Prose, "formula"),
            ("@SUM(1)", Label, "formula"),
            ("-2+3+cmd|' /C calc'!A0", Prose, "formula"),
            ("＝1+1", Prose, "formula"),
            ("-", Number, ""),
            ("１号楼", Label, ""),
            ("１号楼", Number, "full width"),
            ("6.1E+09", Number, "scientific"),
            ("1E5", Number, ""),
        ] {
            assert_eq!(kind(text(cell, as_kind)), expected, "{cell:?}");
        }
        assert_eq!(kind(text(&"x".repeat(64), Number)), "");
        assert_eq!(kind(text(&"中".repeat(65), Number)), "too long");
    }
}
