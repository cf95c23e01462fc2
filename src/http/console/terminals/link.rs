//! The way to a terminal as people see it: bars, a word and the figures.

use std::time::Duration;

use maud::{Markup, html};

use super::super::components::Tone;
use super::super::view::View;
use super::super::words::{Language, Phrase};
use crate::terminal::{LinkMeasured, LinkQuality};

/// What the column tells, and what it does not.
pub(super) const HINT: Phrase = Phrase::new(
    "终端规约不提供信号强度（场强）。链路质量由主站实测：最近至多 32 次询问终端本身的应答时间（居中值）、无应答次数，\
     及 24 小时内的登录次数；透抄电表的不计入，主站启动后重新统计。",
    "The protocol of terminals tells no signal strength. The link is measured here: of the last 32 requests to the terminal itself \
     how long the answers took (the middle one) and how many were left unanswered, and its logins within 24 hours. What is passed \
     on to meters does not count; counting begins with the program.",
);

/// The bars, the word and the figures.
pub(super) fn shown(link: &LinkMeasured, view: &View) -> Markup {
    let language = view.look.language;
    let (tone, word, bars) = look(link.quality());
    html! {
        span.state data-tone=(tone.key()) {
            svg viewBox="0 0 11 12" width="11" height="12" aria-hidden="true" {
                // Where a bar is lacking its foot is left, so that one of three looks like one of three.
                @for bar in 0..3_u8 {
                    @let height = if bar < bars { 4 * (bar + 1) } else { 1 };
                    rect x=(bar * 4) y=(12 - height) width="3" height=(height) {}
                }
            }
            " " (word.of(language))
        }
        @let figures = figures(link, language);
        @if !figures.is_empty() { " " span { (figures) } }
    }
}

/// The same without bars.
pub(super) fn text(link: &LinkMeasured, language: Language) -> String {
    let (_, word, _) = look(link.quality());
    let figures = figures(link, language);
    let between = if figures.is_empty() { "" } else { language.of("，", ", ") };
    format!("{}{between}{figures}", word.of(language))
}

/// The worst come first, and those that lose most before others; last those of which nothing is known.
pub(super) fn order(link: Option<&LinkMeasured>) -> i64 {
    let Some(link) = link else { return NOTHING };
    let rank = match link.quality() {
        LinkQuality::Poor => 1,
        LinkQuality::Fair => 2,
        LinkQuality::Good => 3,
        LinkQuality::Unknown => 4,
    };
    let lost = i64::from(link.unanswered) * 1000 / i64::from(link.asked.max(1));
    rank * 10_000 - lost
}

const fn look(quality: LinkQuality) -> (Tone, Phrase, u8) {
    match quality {
        LinkQuality::Good => (Tone::Good, Phrase::new("好", "good"), 3),
        LinkQuality::Fair => (Tone::Warn, Phrase::new("一般", "fair"), 2),
        LinkQuality::Poor => (Tone::Bad, Phrase::new("差", "poor"), 1),
        LinkQuality::Unknown => (Tone::Quiet, Phrase::new("未知", "unknown"), 0),
    }
}

fn figures(link: &LinkMeasured, language: Language) -> String {
    let LinkMeasured { asked, unanswered, answered_after, logins } = *link;
    let mut told: Vec<String> = answered_after.map(seconds).into_iter().collect();
    if asked > 0 {
        told.push(format!("{unanswered}/{asked} {}", language.of("无应答", "unanswered")));
    }
    if logins > 0 {
        told.push(match language {
            Language::Chinese => format!("24 小时登录 {logins} 次"),
            Language::English => format!("{logins} {} in 24 h", if logins == 1 { "login" } else { "logins" }),
        });
    }
    told.join(language.of("，", ", "))
}

/// In tenths of a second; what is less is said to be less.
fn seconds(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths == 0 { "< 0.1 s".to_owned() } else { format!("{}.{} s", tenths / 10, tenths % 10) }
}

const NOTHING: i64 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    const fn measured(asked: u8, unanswered: u8, ms: Option<u64>, logins: u16) -> LinkMeasured {
        let answered_after = match ms {
            Some(ms) => Some(Duration::from_millis(ms)),
            None => None,
        };
        LinkMeasured { asked, unanswered, answered_after, logins }
    }

    #[test]
    fn each_quality_has_a_shape_a_word_and_its_figures() {
        let all = [
            (
                measured(32, 1, Some(820), 2),
                "好，0.8 s，1/32 无应答，24 小时登录 2 次",
                "good, 0.8 s, 1/32 unanswered, 2 logins in 24 h",
            ),
            (
                measured(32, 0, Some(5040), 1),
                "一般，5.0 s，0/32 无应答，24 小时登录 1 次",
                "fair, 5.0 s, 0/32 unanswered, 1 login in 24 h",
            ),
            (
                measured(8, 8, None, 30),
                "差，8/8 无应答，24 小时登录 30 次",
                "poor, 8/8 unanswered, 30 logins in 24 h",
            ),
            (measured(1, 0, Some(20), 0), "未知，< 0.1 s，0/1 无应答", "unknown, < 0.1 s, 0/1 unanswered"),
            (measured(0, 0, None, 0), "未知", "unknown"),
        ];
        for (link, zh, en) in &all {
            assert_eq!(&text(link, Language::Chinese), zh);
            assert_eq!(&text(link, Language::English), en);
        }
        let view = view::sample(Language::Chinese, Role::Viewer);
        let drawn: Vec<_> = all.iter().map(|(link, ..)| shown(link, &view).into_string()).collect();
        let shape =
            |text: &str| text.split("</svg>").next().unwrap().split_once("<svg").unwrap().1.to_owned();
        let shapes: std::collections::HashSet<_> = drawn.iter().map(|text| shape(text)).collect();
        assert_eq!(shapes.len(), 4, "each quality is told without its colour: {drawn:?}");
        assert!(drawn[0].contains("</svg> 好</span> <span>0.8 s，1/32 无应答"), "{}", drawn[0]);
        let orders: Vec<_> = [2, 1, 0, 3].map(|place| order(Some(&all[place].0))).into();
        assert!(orders.is_sorted() && orders.last() < Some(&order(None)), "{orders:?}");
        assert!(order(Some(&measured(32, 20, None, 1))) < order(Some(&measured(32, 10, None, 1))));
    }
}
