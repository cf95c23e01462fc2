//! Counts and sums as JSON: what is sent to a receiver that is asked to compare, and what it answers.

use dlt645::quantity::Quantity;
use serde::{Deserialize, Serialize};

use super::reconcile::Tally;
use crate::domain::{BillingKind, Coded, Day, Item};

#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    receiver: &'a str,
    day: String,
    route: Option<&'a str>,
    tallies: Vec<Piece>,
}

#[derive(Deserialize)]
struct Said {
    day: String,
    tallies: Vec<Piece>,
}

#[derive(Serialize, Deserialize)]
struct Piece {
    route: String,
    kind: String,
    item: String,
    count: u64,
    /// An exact decimal.
    sum: String,
}

/// What a receiver is sent.
pub(super) fn body(receiver: &str, day: Day, route: Option<&str>, ours: &[Tally]) -> Vec<u8> {
    let piece = |tally: &Tally| Piece {
        route: tally.route.clone(),
        kind: tally.kind.name().to_owned(),
        item: tally.item.code().to_string(),
        count: tally.count,
        sum: shown(tally),
    };
    let tallies = ours.iter().map(piece).collect();
    let body = Body { schema: "chaobiao.reconcile.1", receiver, day: day.to_string(), route, tallies };
    // Only maps with other keys than texts cannot be written.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// What it answers for the day; `None` for anything else, such as a sum that is no exact decimal of its register.
pub(super) fn read(answer: &[u8], day: Day) -> Option<Vec<Tally>> {
    let said: Said = serde_json::from_slice(answer).ok()?;
    if said.day != day.to_string() {
        return None;
    }
    said.tallies.into_iter().map(tally).collect()
}

fn tally(piece: Piece) -> Option<Tally> {
    let kind = BillingKind::from_name(&piece.kind)?;
    let item = Item::parse(&piece.item)?;
    let sum = scaled(&piece.sum, kind.decimals(item))?;
    Some(Tally { route: piece.route, kind, item, count: piece.count, sum })
}

/// A sum as an exact decimal.
#[must_use]
pub fn shown(tally: &Tally) -> String {
    let decimals = tally.kind.decimals(tally.item);
    if let Ok(sum) = i64::try_from(tally.sum) {
        return Quantity::new(sum, decimals).to_string();
    }
    let one = 10_u128.pow(u32::from(decimals));
    let (sign, sum) = (if tally.sum < 0 { "-" } else { "" }, tally.sum.unsigned_abs());
    format!("{sign}{}.{:0width$}", sum / one, sum % one, width = usize::from(decimals))
}

/// A decimal in its last place; `None` for what is none, or has more places.
pub(super) fn scaled(text: &str, decimals: u8) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || whole.len() > 25 || !is_number(whole) || !is_number(part) || digits.ends_with('.')
    {
        return None;
    }
    let places = usize::from(decimals);
    let (kept, beyond) = part.split_at(part.len().min(places));
    if !beyond.bytes().all(|digit| digit == b'0') {
        return None;
    }
    let scaled: i128 = format!("{whole}{kept:0<places$}").parse().ok()?;
    Some(if negative { -scaled } else { scaled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_decimals_both_ways() {
        let tally = |sum| Tally {
            route: "R".to_owned(),
            kind: BillingKind::Consumption,
            item: Item::parse("1.8.0").unwrap(),
            count: 1,
            sum,
        };
        for (sum, text) in [
            (0, "0.000000"),
            (-1, "-0.000001"),
            (123_456_789, "123.456789"),
            (i128::from(i64::MAX) * 10 + 5, "92233720368547.758075"),
            (i128::from(i64::MIN) * 10, "-92233720368547.758080"),
        ] {
            assert_eq!(shown(&tally(sum)), text);
            assert_eq!(scaled(text, 6), Some(sum));
        }
        for (text, value) in
            [("5", 5_000_000), ("5.1", 5_100_000), ("5.10000000", 5_100_000), ("007", 7_000_000)]
        {
            assert_eq!(scaled(text, 6), Some(value), "{text}");
        }
        for text in ["", ".", "5.", ".5", "1e3", "+5", "5,0", " 5", "0.0000001", "--5", "NaN"] {
            assert_eq!(scaled(text, 6), None, "{text}");
        }
    }

    #[test]
    fn t22_an_answer_for_another_day_is_none() {
        let day: Day = "2026-11-21".parse().unwrap();
        let said = br#"{"day":"2026-11-21","tallies":[{"route":"R","kind":"register","item":"1-0:1.8.0","count":2,"sum":"1.5"}]}"#;
        assert_eq!(read(said, day).unwrap()[0].sum, 15_000);
        assert!(read(said, day.next()).is_none());
        for wrong in ["", "{}", "[]", r#"{"day":"2026-11-21","tallies":[{"route":"R"}]}"#] {
            assert!(read(wrong.as_bytes(), day).is_none(), "{wrong}");
        }
    }
}
