//! Curves as drawings made on the server: gaps are gaps, estimated values are dashed, suspect ones marked.
//!
//! Coordinates are tenths of a place, worked out in whole numbers. The script reads the points from the drawing and shows
//! them one by one; without it the same values stand in the table below.

use std::fmt::Write;
use std::time::Duration;

use maud::{Markup, html};

use super::labels;
use super::view::View;
use crate::domain::{Item, Moment, Quality};

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The instant.
    pub at: Moment,
    /// A whole number of the item's last decimal place.
    pub value: i64,
    /// How far it may be trusted.
    pub quality: Quality,
}

/// A curve to be drawn.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// What is measured.
    pub item: Item,
    /// The points, in order of time.
    pub points: &'a [Point],
    /// From one slot to the next.
    pub period: Duration,
    /// The first moment shown.
    pub from: Moment,
    /// The last.
    pub until: Moment,
    /// What lies behind it is read later; without a value it is not missing.
    pub due: Moment,
}

impl Chart<'_> {
    /// The drawing with its legend.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let scale = self.scale();
        let label = view.say("负荷曲线", "Load curve");
        html! {
            div.chart #curve tabindex="0" role="group" aria-label=(label) data-left=(LEFT) data-right=(RIGHT)
                data-points=(self.data(view)) {
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) {
                    rect.frame x=(LEFT) y=(TOP) width=(RIGHT - LEFT) height=(BOTTOM - TOP) {}
                    @for (from, until, is_missing) in self.gaps(view.now) {
                        rect.gap[is_missing].later[!is_missing] x=(tenths(self.x(from))) y=(TOP)
                            width=(tenths((self.x(until) - self.x(from)).max(10))) height=(BOTTOM - TOP) {}
                    }
                    (self.grid(&scale))
                    @for (is_estimated, path) in self.paths(&scale) {
                        path.curve.estimated[is_estimated] d=(path) {}
                    }
                    (self.marks(&scale))
                }
                // Only the script can keep to it, and shows it.
                output aria-live="polite" data-hint=(view.say(
                    "指向曲线看数值；拖动放大；方向键逐点。",
                    "Point at the curve for values; drag to look closer; arrow keys go point by point.")) {}
            }
            (legend(view))
            @if self.gaps(view.now).iter().any(|(.., is_missing)| !is_missing) {
                p.hint { (view.say("虚线框内尚未到采集时间：当日曲线于次日夜间采集。",
                    "What is framed by a broken line is not due yet: the curve of a day is read in the night behind it.")) }
            }
        }
    }

    fn x(&self, at: Moment) -> i64 {
        let all = self.until.micros_since(self.from).max(1);
        let of = at.micros_since(self.from).clamp(0, all);
        LEFT * 10 + portion(of, all, (RIGHT - LEFT) * 10)
    }

    fn scale(&self) -> Scale {
        let values = || self.points.iter().map(|point| point.value);
        Scale::of(values().min().unwrap_or(0), values().max().unwrap_or(0))
    }

    /// Whether a point follows the one before without a gap.
    fn follows(&self, before: &Point, point: &Point) -> bool {
        point.at.since(before.at) <= self.period
    }

    /// Lines without a gap in them, and whether they are estimated.
    fn paths(&self, scale: &Scale) -> Vec<(bool, String)> {
        let mut paths: Vec<(bool, String)> = Vec::new();
        for pair in self.points.windows(2) {
            let [before, point] = pair else { continue };
            if !self.follows(before, point) {
                continue;
            }
            let is_estimated = [before, point].iter().any(|point| point.quality == Quality::Estimated);
            let (x, y) = (self.x(before.at), scale.y(before.value));
            let start = format!("M{} {}", tenths(x), tenths(y));
            let goes_on = paths.last().is_some_and(|(kind, path)| {
                let end = format!("{} {}", tenths(x), tenths(y));
                *kind == is_estimated && path.ends_with(&end)
            });
            if !goes_on {
                paths.push((is_estimated, start));
            }
            if let Some((_, path)) = paths.last_mut() {
                // Writing into a string cannot fail.
                let _ = write!(path, "L{} {}", tenths(self.x(point.at)), tenths(scale.y(point.value)));
            }
        }
        paths
    }

    /// What a line does not show: suspect values, and points with a gap on both sides.
    fn marks(&self, scale: &Scale) -> Markup {
        let alone = |place: usize| {
            let point = self.points.get(place);
            let beside = |other: Option<usize>| other.and_then(|other| self.points.get(other)).zip(point);
            let before = beside(place.checked_sub(1)).is_some_and(|(before, at)| self.follows(before, at));
            let after = beside(place.checked_add(1)).is_some_and(|(after, at)| self.follows(at, after));
            !before && !after
        };
        html! {
            @for (place, point) in self.points.iter().enumerate() {
                @let (x, y) = (self.x(point.at), scale.y(point.value));
                @if matches!(point.quality, Quality::Suspect(_)) {
                    path.suspect d=(format!("M{} {}l5 5l-5 5l-5-5z", tenths(x), tenths(y - 50))) {}
                } @else if alone(place) {
                    circle.dot cx=(tenths(x)) cy=(tenths(y)) r="2.5" {}
                }
            }
        }
    }

    /// Stretches without a value, up to now, and whether it is missing: what is read later is not.
    fn gaps(&self, now: Moment) -> Vec<(Moment, Moment, bool)> {
        let end = self.until.min(now);
        let mut gaps = Vec::new();
        let mut last = self.from;
        for point in self.points {
            if point.at.since(last) > self.period {
                gaps.push((last, point.at, true));
            }
            last = point.at;
        }
        if end.since(last) > self.period + self.period {
            let due = self.due.clamp(last, end);
            if due.since(last) > self.period {
                gaps.push((last, due, true));
            }
            if due < end {
                gaps.push((due, end, false));
            }
        }
        gaps
    }

    fn grid(&self, scale: &Scale) -> Markup {
        let hours = u64::try_from(self.until.micros_since(self.from) / HOUR).unwrap_or(0);
        let step =
            [1, 2, 3, 6, 12, 24, 48, 96, 168].into_iter().find(|step| hours / step <= 9).unwrap_or(336);
        // Marks stand at whole hours of a day here.
        let first = crate::domain::Day::of(self.from).start();
        let marks = (0..400_u64).map(|number| first.plus(Duration::from_secs(number * step * 3600)));
        let marks = marks.skip_while(|at| *at < self.from).take_while(|at| *at <= self.until);
        html! {
            @for value in scale.marks() {
                @let y = scale.y(value);
                line.grid x1=(LEFT) x2=(RIGHT) y1=(tenths(y)) y2=(tenths(y)) {}
                text x=(LEFT - 6) y=(tenths(y + 40)) text-anchor="end" { (self.shown(value)) }
            }
            text x=(LEFT) y="12" { (self.item.unit()) }
            @for at in marks {
                @let x = tenths(self.x(at));
                line.grid x1=(x) x2=(x) y1=(TOP) y2=(BOTTOM) {}
                text x=(x) y=(BOTTOM + 16) text-anchor="middle" { (short(at, step)) }
            }
        }
    }

    fn shown(&self, value: i64) -> String {
        let text = self.item.quantity(value).to_string();
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }

    /// The points for the script: place, time, value, what is to be said of it.
    fn data(&self, view: &View) -> String {
        let point = |point: &Point| {
            let note = match point.quality {
                Quality::Good => "",
                other => labels::quality(other).of(view.look.language),
            };
            let time: String = view.time(point.at).chars().take(16).collect();
            let value = format!("{} {}", self.shown(point.value), self.item.unit());
            serde_json::json!([self.x(point.at) / 10, time, value, note])
        };
        serde_json::Value::Array(self.points.iter().map(point).collect()).to_string()
    }
}

/// From values to heights.
struct Scale {
    low: i64,
    high: i64,
    step: i64,
}

impl Scale {
    fn of(least: i64, most: i64) -> Self {
        // From zero, unless the values are far from it and close to each other.
        let spread = most.saturating_sub(least);
        let least = if least > 0 && spread > least / 4 { 0 } else { least };
        let step = step(most.saturating_sub(least).max(1));
        let low = least.div_euclid(step).saturating_mul(step);
        let high = most.div_euclid(step).saturating_add(1).saturating_mul(step);
        Self { low, high, step }
    }

    fn y(&self, value: i64) -> i64 {
        let all = self.high.saturating_sub(self.low).max(1);
        BOTTOM * 10 - portion(value.saturating_sub(self.low).clamp(0, all), all, (BOTTOM - TOP) * 10)
    }

    fn marks(&self) -> impl Iterator<Item = i64> {
        (0..12)
            .map(|number| self.low.saturating_add(self.step.saturating_mul(number)))
            .take_while(|at| *at <= self.high)
    }
}

/// The distance between marks: 1, 2 or 5 times a power of ten, so that there are six at most.
fn step(spread: i64) -> i64 {
    let mut power: i64 = 1;
    loop {
        for step in [power, power.saturating_mul(2), power.saturating_mul(5)] {
            if spread / step <= 5 {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// `of` in `all` of `length`.
fn portion(of: i64, all: i64, length: i64) -> i64 {
    i64::try_from(i128::from(of) * i128::from(length) / i128::from(all.max(1))).unwrap_or(0)
}

fn tenths(number: i64) -> String {
    format!("{}.{}", number / 10, number.rem_euclid(10))
}

/// The day at midnight, else the time.
fn short(at: Moment, step: u64) -> String {
    let text = at.in_china().to_string();
    let (day, time) = text.split_once(' ').unwrap_or((&text, ""));
    let time = time.get(..5).unwrap_or(time);
    if step >= 24 || time == "00:00" { day.get(5..).unwrap_or(day).to_owned() } else { time.to_owned() }
}

fn legend(view: &View) -> Markup {
    html! {
        div.legend.chart aria-hidden="true" {
            span { svg viewBox="0 0 26 12" { path.curve d="M0 6H26" {} } " " (view.say("正常", "good")) }
            span { svg viewBox="0 0 26 12" { path.curve.estimated d="M0 6H26" {} } " " (view.say("估算", "estimated")) }
            span { svg viewBox="0 0 26 12" { path.suspect d="M13 1l5 5l-5 5l-5-5z" {} } " " (view.say("可疑", "suspect")) }
            span { svg viewBox="0 0 26 12" { rect.gap width="26" height="12" {} } " " (view.say("缺数", "missing")) }
            span { svg viewBox="0 0 26 12" { rect.later x="1" y="1" width="24" height="10" {} } " " (view.say("未到采集时间", "not due yet")) }
        }
    }
}

/// Places of the drawing.
const WIDTH: i64 = 1200;
const HEIGHT: i64 = 320;
const LEFT: i64 = 70;
const RIGHT: i64 = 1175;
const TOP: i64 = 20;
const BOTTOM: i64 = 290;
/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::domain::{Day, Suspicion};
    use crate::http::console::view;
    use crate::http::console::words::Language;

    const PERIOD: Duration = Duration::from_secs(900);

    fn points(slots: &[(u32, i64, Quality)]) -> Vec<Point> {
        let start = "2026-11-27".parse::<Day>().unwrap().start();
        let point = |(slot, value, quality): &(u32, i64, Quality)| Point {
            at: start.plus(PERIOD * *slot),
            value: *value,
            quality: *quality,
        };
        slots.iter().map(point).collect()
    }

    fn chart(points: &[Point]) -> Chart<'_> {
        let day: Day = "2026-11-27".parse().unwrap();
        let item = Item::parse("1.8.0").unwrap();
        let until = day.next().start();
        Chart { item, points, period: PERIOD, from: day.start(), until, due: until }
    }

    #[test]
    fn f18_a_gap_is_a_gap_and_never_a_line() {
        let good = Quality::Good;
        let points = points(&[(0, 5, good), (1, 6, good), (4, 9, good), (5, 8, good), (9, 1, good)]);
        let chart = chart(&points);
        let paths = chart.paths(&chart.scale());
        assert_eq!(paths.len(), 2, "{paths:?}");
        assert!(paths.iter().all(|(is_estimated, path)| !is_estimated && path.matches('L').count() == 1));
        let now = points[4].at.plus(PERIOD * 3);
        let gaps: Vec<u64> =
            chart.gaps(now).iter().map(|(from, until, _)| until.since(*from).as_secs() / 900).collect();
        assert_eq!(gaps, [3, 4, 3]);
        let drawn = chart.markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert_eq!(drawn.matches("class=\"dot\"").count(), 1, "the last one stands alone: {drawn}");
    }

    #[test]
    fn f18_what_is_read_later_is_not_missing() {
        let points = points(&[(0, 5, Quality::Good), (1, 6, Quality::Good)]);
        let slot = |slot: u32| points[0].at.plus(PERIOD * slot);
        let gaps = |due: u32| {
            let chart = Chart { due: slot(due), ..chart(&points) };
            let gaps = chart.gaps(slot(20)).into_iter();
            gaps.map(|(from, until, is_missing)| {
                (from.since(slot(0)).as_secs() / 900, until.since(slot(0)).as_secs() / 900, is_missing)
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(gaps(0), [(1, 20, false)]);
        assert_eq!(gaps(8), [(1, 8, true), (8, 20, false)]);
        assert_eq!(gaps(96), [(1, 20, true)]);
        let later = Chart { due: slot(0), ..chart(&points) };
        let drawn = later.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        assert!(drawn.contains("class=\"later\"") && drawn.contains("未到采集时间"), "{drawn}");
        assert!(drawn.contains("当日曲线于次日夜间采集"), "{drawn}");
    }

    #[test]
    fn estimated_values_are_dashed_and_suspect_ones_marked() {
        let suspect = Quality::Suspect(Suspicion::Clock);
        let (good, guess) = (Quality::Good, Quality::Estimated);
        let points = points(&[(0, 1, good), (1, 2, good), (2, 3, guess), (3, 4, good), (4, 5, suspect)]);
        let chart = chart(&points);
        let kinds: Vec<bool> =
            chart.paths(&chart.scale()).iter().map(|(is_estimated, _)| *is_estimated).collect();
        assert_eq!(kinds, [false, true, false]);
        let drawn = chart.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
        assert!(drawn.contains("class=\"suspect\"") && drawn.contains("curve estimated"));
        assert!(drawn.contains("估算") && drawn.contains("0.0003 kWh") && drawn.contains("2026-11-27 00:30"));
    }

    #[test]
    fn scales_hold_their_values_whatever_they_are() {
        for (least, most) in
            [(0, 0), (0, 1), (5, 5), (-7, 12), (123_400, 123_456), (0, i64::MAX), (i64::MIN, 0)]
        {
            let scale = Scale::of(least, most);
            let (bottom, top) = (scale.y(least), scale.y(most));
            assert!(top <= bottom && bottom <= BOTTOM * 10 && top >= TOP * 10, "{least} {most}");
            assert!(scale.marks().count() <= 12);
        }
        assert_eq!((step(5), step(6), step(11), step(26), step(100)), (1, 2, 2, 5, 20));
    }

    #[test]
    fn an_empty_curve_is_drawn() {
        let drawn = chart(&[]).markup(&view::sample(Language::English, Role::Operator)).into_string();
        assert!(drawn.contains("data-points=\"[]\"") && drawn.contains("class=\"gap\""));
    }
}
