//! What pages are made of: states, times, bars, facts, fields of forms.

use maud::{Markup, html};

use super::view::View;
use super::words::Language;
use crate::domain::Moment;
use crate::store::given_at;

/// How something stands. Each has a shape of its own, so that it is told without its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be: a disc.
    Good,
    /// Look at it: a triangle.
    Warn,
    /// Do something: a square with a cross.
    Bad,
    /// It goes on: a ring.
    Waiting,
    /// It does not matter now: a dash.
    Quiet,
}

impl Tone {
    /// As the style names it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Waiting => "waiting",
            Self::Quiet => "quiet",
        }
    }
}

/// A state: a shape and words.
#[must_use]
pub fn state(tone: Tone, words: &str) -> Markup {
    html! {
        span.state data-tone=(tone.key()) {
            svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" { @match tone {
                Tone::Good => { circle cx="6" cy="6" r="5" {} }
                Tone::Warn => { path d="M6 0.5L12 11.5H0Z" {} }
                Tone::Bad => {
                    rect width="12" height="12" {}
                    path.cross d="M3 3L9 9M9 3L3 9" {}
                }
                Tone::Waiting => { circle.ring cx="6" cy="6" r="4.5" {} }
                Tone::Quiet => { rect y="5" width="12" height="2" {} }
            } }
            " " (words)
        }
    }
}

/// A long number as people say it on the telephone: the day and the time of day at which it was given out, and of the second the
/// thousandth, so that two of one second are two. What was counted from 1 is said as it is.
#[must_use]
pub fn said(number: i64) -> String {
    if number < LONG {
        return number.to_string();
    }
    let given = given_at(number);
    let thousandth = given.micros().rem_euclid(1_000_000) / 1000;
    let at = given.in_china().to_string();
    let digits: String = at.chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{day}-{time}-{thousandth:03}")
}

/// An instant, as clocks here show it.
#[must_use]
pub fn time(at: Moment) -> Markup {
    html! { time datetime=(at) { (at.in_china()) } }
}

/// How long ago something was, roughly.
#[must_use]
pub fn age(view: &View, at: Moment) -> String {
    let lasting = lasting(view.look.language, view.now.since(at).as_secs());
    match view.look.language {
        Language::Chinese => format!("{lasting}前"),
        Language::English => format!("{lasting} ago"),
    }
}

/// A bar: so many of all, with other parts behind.
#[must_use]
pub fn bar(label: &str, all: u64, parts: &[(Tone, u64)]) -> Markup {
    let of_all = |part: u64| (u128::from(part) * 1000 / u128::from(all.max(1))).min(1000);
    let mut from = 0;
    let drawn = parts.iter().map(|(tone, part)| {
        let width = of_all(*part).min(1000 - from);
        let rect = (tone.key(), from, width);
        from += width;
        rect
    });
    html! {
        svg.bar viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.ground width="1000" height="20" {}
            @for (tone, from, width) in drawn {
                rect data-tone=(tone) x=(from) width=(width) height="20" {}
            }
        }
    }
}

/// So many of all, in hundredths, rounded down: 100 only when it is all.
#[must_use]
pub fn percent(part: u64, all: u64) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(all.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Facts, each with its name.
#[must_use]
pub fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, fact) in facts { div { dt { (name) } dd { (fact) } } } } }
}

/// A field of a form with its name.
#[must_use]
pub fn field(name: &str, input: &Markup) -> Markup {
    html! { label.field { span { (name) } (input) } }
}

/// What a form asks for that takes the second factor of whoever sends it.
#[must_use]
pub fn second_factor(view: &View) -> Markup {
    field(
        view.say("动态口令（双因素）", "Code of your second factor"),
        &html! {
            input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" required;
        },
    )
}

/// What every form that changes something must send.
#[must_use]
pub fn token(view: &View) -> Markup {
    html! { input type="hidden" name="csrf" value=(view.token); }
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the largest unit it has two of, rounded down.
#[must_use]
pub fn lasting(language: Language, seconds: u64) -> String {
    let (number, zh, en) = match seconds {
        0..=119 => (seconds, "秒", "s"),
        120..=7199 => (seconds / 60, "分钟", "min"),
        7200..=172_799 => (seconds / 3600, "小时", "h"),
        _ => (seconds / 86_400, "天", "days"),
    };
    format!("{number} {}", language.of(zh, en))
}

/// Numbers from here on are long.
const LONG: i64 = 1_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_said_to_be_all_when_it_is_not() {
        assert_eq!(percent(99_999, 100_000), "99.99%");
        assert_eq!(percent(100_000, 100_000), "100.00%");
        assert_eq!((percent(0, 0), percent(1, 3)), ("0.00%".to_owned(), "33.33%".to_owned()));
    }

    #[test]
    fn states_differ_in_shape_and_words() {
        let tones = [Tone::Good, Tone::Warn, Tone::Bad, Tone::Waiting, Tone::Quiet];
        let drawn: Vec<String> = tones.iter().map(|tone| state(*tone, "<x>").into_string()).collect();
        let shape = |text: &str| text.split_once("<svg").unwrap().1.to_owned();
        let shapes: std::collections::HashSet<String> = drawn.iter().map(|text| shape(text)).collect();
        assert_eq!(shapes.len(), tones.len());
        assert!(drawn.iter().all(|text| text.contains("&lt;x&gt;")));
    }

    #[test]
    fn a_long_number_is_said_by_the_day_and_time_it_was_given_out() {
        let at = "2026-11-28".parse::<crate::domain::Day>().unwrap().start();
        let at = at.plus(std::time::Duration::from_secs(9 * 3600 + 30 * 60 + 12));
        assert_eq!(said(at.micros() * 1024 + 5), "20261128-093012-000");
        assert_eq!(said((at.micros() + 47_999) * 1024), "20261128-093012-047", "another of the same second");
        assert_eq!(said(17), "17");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(lasting(Language::English, 7200), "2 h");
        assert_eq!(lasting(Language::Chinese, 90), "90 秒");
        let drawn = bar("x", 4, &[(Tone::Good, 3), (Tone::Bad, 9)]).into_string();
        assert!(drawn.contains(r#"x="750" width="250""#), "a bar never overflows: {drawn}");
    }
}
