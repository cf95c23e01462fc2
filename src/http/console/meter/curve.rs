//! The load curve of a meter, and its newest values.

use std::time::Duration;

use maud::{Markup, html};

use crate::domain::{Day, DayCurve, Item, ItemKind, Moment, Source, Way};
use crate::http::console::chart::{Chart, Point};
use crate::http::console::components::{age, time};
use crate::http::console::labels;
use crate::http::console::table::{Asked, Column, Table};
use crate::http::console::view::View;
use crate::http::console::words::Phrase;
use crate::store::{AllBrought, Brought, Latest};

/// What this part shows.
#[derive(Clone, Debug)]
pub struct CurvePart {
    /// The newest values.
    pub latest: Vec<Latest>,
    /// What curves may be of.
    pub items: Vec<Item>,
    /// What this one is of.
    pub item: Item,
    /// The first moment shown and the last.
    pub stretch: (Moment, Moment),
    /// The days of the curve, and the one before.
    pub days: Vec<DayCurve>,
    /// What lies behind it is read later.
    pub due: Moment,
    /// Which exchanges brought its values.
    pub brought: AllBrought,
}

/// A line of the table: what it is of, the value, and the exchange that brought it with the meter's address.
type Line = (Item, Point, Option<(Brought, String)>);

/// Which stretch the address asks for: days, or minutes for a closer look; the last three days when it says nothing that
/// can be shown.
#[must_use]
pub fn stretch(asked: &Asked, now: Moment) -> (Moment, Moment) {
    let today = Day::of(now);
    let from = asked.value("from").and_then(|text| moment(text, false));
    let until = asked.value("until").and_then(|text| moment(text, true));
    let until = until.unwrap_or_else(|| today.next().start());
    let from = from.unwrap_or_else(|| until.minus(DAY * 3));
    if from >= until || until.since(from) > LONGEST { (until.minus(DAY * 3), until) } else { (from, until) }
}

/// `2026-11-28`, its end when `is_end`; or `2026-11-28 08:15`.
fn moment(text: &str, is_end: bool) -> Option<Moment> {
    let (day, time) = text.split_once([' ', 'T']).map_or((text, None), |(day, time)| (day, Some(time)));
    let day: Day = day.parse().ok()?;
    let Some(time) = time else { return Some(if is_end { day.next().start() } else { day.start() }) };
    let (hours, minutes) = time.get(..5)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| day.start().plus(Duration::from_secs(hours * 3600 + minutes * 60)))
}

impl CurvePart {
    /// The part.
    #[must_use]
    pub fn markup(&self, view: &View, asked: &Asked, address: &str) -> Markup {
        let points = self.points();
        let (from, until) = self.stretch;
        let chart =
            Chart { item: self.item, points: &points, period: self.period(), from, until, due: self.due };
        html! {
            section.sheet {
                (self.pick(view))
                (chart.markup(view))
                @if self.is_use() { p.hint { (view.say(
                    "由相邻两点示值相减得到，未乘倍率；缺一点则缺两段。",
                    "Differences of neighbouring registers, not multiplied; a missing register leaves two gaps."))
                } }
            }
            details { summary { (view.say("以表格显示", "As a table")) } (self.table((asked, address), points, view).markup(view)) }
            section {
                p.hint { (view.say("最新值是最近一次存下的值，不是现在的值；要现在的值请召测。",
                    "The newest values are the last ones kept, not what the meter shows now: for that, read it on demand.")) }
                (self.newest(asked, view).markup(view))
            }
        }
    }

    /// The file of the table.
    #[must_use]
    pub fn file(&self, view: &View, asked: &Asked, address: &str) -> Option<String> {
        let language = view.look.language;
        let points = self.table((asked, address), self.points(), view).file(language);
        points.or_else(|| self.newest(asked, view).file(language))
    }

    /// Whether what was used is shown instead of the register, which only rises.
    fn is_use(&self) -> bool {
        self.item.kind() == ItemKind::Energy && self.item.way() == Some(Way::Up)
    }

    fn period(&self) -> Duration {
        self.days.last().map_or(Duration::from_secs(900), |day| day.slots().period())
    }

    fn points(&self) -> Vec<Point> {
        let (from, until) = self.stretch;
        let all: Vec<Point> = self.days.iter().flat_map(DayCurve::filled).map(point).collect();
        let shown = |point: &Point| point.at >= from && point.at <= until;
        if !self.is_use() {
            return all.into_iter().filter(shown).collect();
        }
        let period = self.period();
        let used = |pair: &[Point]| {
            let [before, after] = pair else { return None };
            let value = after.value.checked_sub(before.value)?;
            let quality = before.quality.and(after.quality);
            (after.at.since(before.at) == period).then_some(Point { at: after.at, value, quality })
        };
        all.windows(2).filter_map(used).filter(shown).collect()
    }

    fn pick(&self, view: &View) -> Markup {
        let (from, until) = self.stretch;
        let (first, last) = (Day::of(from), Day::of(until.minus(Duration::from_micros(1))));
        let item = self.item.code().to_string();
        let language = view.look.language;
        let days = i64::try_from(until.since(from).as_secs().div_ceil(86_400)).unwrap_or(1).max(1);
        let link = |first: Day, last: Day| format!("?part=curve&item={item}&from={first}&until={last}");
        html! {
            form.pick method="get" {
                input type="hidden" name="part" value="curve";
                label.field { span { (view.say("内容", "Item")) }
                    select name="item" { @for item in &self.items {
                        option value=(item.code()) selected[*item == self.item] {
                            (language.of(&item.name_zh(), &item.name_en()))
                        }
                    } }
                }
                label.field { span { (view.say("从", "From")) } input type="date" name="from" value=(first); }
                label.field { span { (view.say("到", "Until")) } input type="date" name="until" value=(last); }
                button { (view.say("查看", "Show")) }
                a href=(link(first.plus(-days), last.plus(-days))) rel="prev" { "◀ " (view.say("往前", "Earlier")) }
                a href=(link(first.plus(days), last.plus(days))) rel="next" { (view.say("往后", "Later")) " ▶" }
                @for (days, name) in [(0, view.say("1天", "1 day")), (6, view.say("7天", "7 days")), (30, view.say("31天", "31 days"))] {
                    a href=(link(last.plus(-days), last)) { (name) }
                }
            }
        }
    }

    fn table(&self, (asked, address): (&Asked, &str), points: Vec<Point>, view: &View) -> Table<Line> {
        let columns = vec![
            Column::new("at", "时间", "Time", |(_, point, _): &Line, _| point.at.in_china().to_string()),
            Column::new("value", "数值", "Value", |(item, point, _): &Line, _| {
                item.quantity(point.value).to_string()
            })
            .number()
            .by(|(_, point, _)| point.value),
            Column::new("unit", "单位", "Unit", |(item, ..): &Line, _| item.unit().to_owned()).unsorted(),
            Column::new("quality", "质量", "Quality", |(_, point, _): &Line, language| {
                labels::quality(point.quality).of(language).to_owned()
            })
            .shown(|(_, point, _), view| labels::quality_state(point.quality, view.look.language)),
            Column::new("source", "来源", "Source", |(.., brought): &Line, language| {
                let source = brought.as_ref().map(|(brought, _)| labels::source(brought.source));
                source.map_or("", |source| source.of(language)).to_owned()
            }),
            Column::new("collected", "采集时间", "Read at", |(.., brought): &Line, _| {
                let at = brought.as_ref().map(|(brought, _)| brought.collected_at.in_china().to_string());
                at.unwrap_or_default()
            }),
            Column::new("fetch", "报文", "Frames", |(.., brought): &Line, _| {
                brought.as_ref().map(|(brought, _)| brought.id.to_string()).unwrap_or_default()
            })
            .shown(|(.., brought), view| {
                html! { @if let Some((brought, address)) = brought {
                    a href={ "/meters/" (address) "/fetches/" (brought.id) } { (view.say("报文", "frames")) }
                } }
            })
            .unsorted(),
        ];
        let caption = Phrase::new("曲线数据", "Values of the curve");
        let empty = Phrase::new("这段时间没有曲线数据", "No values in this time");
        let line = |point: Point| {
            let brought = self.brought.first(self.item, point.at);
            (self.item, point, brought.map(|brought| (brought.clone(), address.to_owned())))
        };
        let rows = points.into_iter().map(line).collect();
        Table::new("", caption, empty, columns, asked).whole(rows, view.look.language)
    }

    fn newest(&self, asked: &Asked, view: &View) -> Table<Latest> {
        let columns = vec![
            Column::new("item", "内容", "Item", |latest: &Latest, language| {
                language.of(&latest.item.name_zh(), &latest.item.name_en()).to_owned()
            }),
            Column::new("value", "数值", "Value", |latest: &Latest, _| {
                latest.item.quantity(latest.value).to_string()
            })
            .shown(|latest, _| {
                traced(latest.at, latest.source, &latest.item.quantity(latest.value).to_string())
            })
            .number()
            .by(|latest| latest.value),
            Column::new("unit", "单位", "Unit", |latest: &Latest, _| latest.item.unit().to_owned()),
            Column::new("at", "数据时间", "Holds for", |latest: &Latest, _| {
                latest.at.in_china().to_string()
            })
            .shown(|latest, view| html! { (time(latest.at)) " · " (age(view, latest.at)) })
            .by(|latest| latest.at.micros()),
            Column::new("source", "来源", "Source", |latest: &Latest, language| {
                labels::source(latest.source).of(language).to_owned()
            }),
            Column::new("quality", "质量", "Quality", |latest: &Latest, language| {
                labels::quality(latest.quality).of(language).to_owned()
            })
            .shown(|latest, view| labels::quality_state(latest.quality, view.look.language)),
        ];
        let caption = Phrase::new("最新值", "Newest values");
        let empty = Phrase::new("还没有值", "No value yet");
        Table::new("latest", caption, empty, columns, asked).whole(self.latest.clone(), view.look.language)
    }
}

/// A value with a way to the frames of its day; to who decided, for one that no meter told.
fn traced(at: Moment, source: Source, value: &str) -> Markup {
    let part = if matches!(source, Source::Manual | Source::Estimate) { "registers" } else { "fetches" };
    html! { a href={ "?part=" (part) "&from=" (Day::of(at)) "&until=" (Day::of(at)) } { (value) } }
}

fn point((at, slot): (Moment, crate::domain::SlotValue)) -> Point {
    Point { at, value: slot.value, quality: slot.quality }
}

const DAY: Duration = Duration::from_secs(86_400);
/// Two months, so that a month and the one before can be looked at.
const LONGEST: Duration = Duration::from_secs(62 * 86_400);

#[cfg(test)]
pub(super) fn sample() -> CurvePart {
    use crate::domain::{Id, Quality, SlotValue, SlotsPerDay, Suspicion};
    let item = Item::parse("1.8.0").unwrap();
    let last: Day = "2026-11-27".parse().unwrap();
    let day = |back: i64| {
        let value = |slot: i64| {
            let used = (0..slot).map(|slot| 200 + 150 * ((slot - 40) * (slot - 40) / 400 - 4).abs());
            let value = 12_345_600 + 70_000 * (3 - back) + used.sum::<i64>();
            let quality = match slot {
                60..=66 => Quality::Estimated,
                80 => Quality::Suspect(Suspicion::Clock),
                _ => Quality::Good,
            };
            let is_missing = back == 1 && (28..40).contains(&slot);
            (!is_missing).then_some(SlotValue { value, quality })
        };
        let values = (0..96).map(value).collect();
        DayCurve::of_values(Id::new(1), item, last.plus(-back), SlotsPerDay::QUARTER_HOURS, values)
    };
    let latest = |code: &str, value| Latest {
        meter: Id::new(1),
        item: Item::parse(code).unwrap(),
        at: last.next().start(),
        value,
        quality: Quality::Good,
        source: Source::Freeze,
        collected_at: last.next().start().plus(Duration::from_secs(600)),
    };
    CurvePart {
        latest: vec![latest("1.8.0", 12_555_600), latest("1.8.1", 5_555_600), latest("2.8.0", 0)],
        items: vec![item, Item::parse("2.8.0").unwrap()],
        item,
        stretch: (last.plus(-2).start(), last.next().start()),
        days: vec![day(2), day(1), day(0)],
        due: last.next().start(),
        brought: AllBrought::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, until: &str) -> Asked {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Asked(vec![pair("from", from), pair("until", until)])
    }

    #[test]
    fn a_stretch_is_what_was_asked_or_the_last_three_days() {
        let now: Moment = "2026-11-28".parse::<Day>().unwrap().start().plus(Duration::from_secs(60));
        let shown = |from: &str, until: &str| {
            let (from, until) = stretch(&asked(from, until), now);
            format!("{} {}", from.in_china(), until.in_china())
        };
        assert_eq!(shown("2026-11-20", "2026-11-20"), "2026-11-20 00:00:00 2026-11-21 00:00:00");
        assert_eq!(shown("2026-11-20 08:15", "2026-11-20T10:00"), "2026-11-20 08:15:00 2026-11-20 10:00:00");
        let usual = "2026-11-26 00:00:00 2026-11-29 00:00:00";
        for (from, until) in [("", ""), ("x", "2026-11-28 99:99"), ("0001-01-01", "2026-11-28")] {
            assert_eq!(shown(from, until), usual, "{from} {until}");
        }
        assert_eq!(shown("2026-11-28 25:61", "2026-11-20"), "2026-11-18 00:00:00 2026-11-21 00:00:00");
        assert_eq!(shown("2026-11-22", "2026-11-20"), "2026-11-18 00:00:00 2026-11-21 00:00:00");
    }

    #[test]
    fn f18_what_was_used_is_not_said_across_a_gap() {
        let part = sample();
        let points = part.points();
        let gap = points.windows(2).filter(|pair| pair[1].at.since(pair[0].at) > part.period()).count();
        // Of 3 x 96 registers 12 are missing: no difference before the first, over the gap, and to the first behind it.
        assert_eq!((points.len(), gap), (3 * 96 - 12 - 2, 1));
        let registers = CurvePart { item: Item::parse("15.8.0").unwrap(), ..part };
        assert_eq!(registers.points().len(), 3 * 96 - 12, "what may fall is shown as it is");
    }
}
