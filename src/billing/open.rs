//! Which days cannot be billed yet, and why.

use std::collections::HashMap;

use super::compute::{self, Facts};
use super::flow::{self, Flow};
use super::rules::Rules;
use crate::config::Words;
use crate::domain::register::Step;
use crate::domain::{
    BillingKey, BillingKind, BillingVersion, Day, Id, Item, Meter, MeteringPoint, Moment, Open, Readings,
};
use crate::store::archive::PointHistory;
use crate::store::billing::{MeterType, Span};
use crate::store::{Store, StoreError};

/// A day whose consumption cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDay {
    /// Number of the point, as people know it.
    pub point_number: String,
    /// What is measured.
    pub item: Item,
    /// The day.
    pub day: Day,
    /// Why.
    pub why: Open,
    /// The address of the meter it is for, where it is for one.
    pub meter: Option<String>,
}

impl OpenDay {
    /// Why, for people.
    #[must_use]
    pub fn words(&self) -> Words {
        let meter = self.meter.as_deref().unwrap_or("?");
        let shown = |scaled: i64| format!("{} {}", self.item.quantity(scaled), self.item.unit());
        match self.why {
            Open::NoMeter => Words::of("no meter measured", "无电能表计量"),
            Open::NoReading { at, .. } => {
                let at = at.in_china();
                let en = format!("no accepted reading of meter {meter} at {at}");
                Words { en, zh: format!("电能表 {meter} 在 {at} 无有效示值") }
            }
            Open::Implausible { until, step: Step::Backward(by), .. } => {
                let (until, by) = (until.in_china(), shown(by));
                let en = format!("the register of meter {meter} fell by {by} up to {until}");
                Words { en, zh: format!("电能表 {meter} 至 {until} 示值倒走 {by}") }
            }
            Open::Implausible { until, step, .. } => {
                let by = match step {
                    Step::Plain(by) | Step::Rollover(by) | Step::Backward(by) | Step::TooLarge(by) => {
                        shown(by)
                    }
                };
                let until = until.in_china();
                let en =
                    format!("the register of meter {meter} moved by {by} up to {until}, more than can flow");
                Words {
                    en, zh: format!("电能表 {meter} 至 {until} 示值飞走 {by}，超出可能用量")
                }
            }
            Open::Standstill { until, least_watts, .. } => {
                let until = until.in_china();
                let en = format!(
                    "the register of meter {meter} stood still up to {until} while at least {least_watts} W flowed; a review says whether that counts"
                );
                Words {
                    en,
                    zh: format!(
                        "电能表 {meter} 至 {until} 示值停走，而功率始终不低于 {least_watts} W；待复核确认"
                    ),
                }
            }
            Open::NoProfile { .. } => Words {
                en: format!("meter {meter} has no profile that is known"),
                zh: format!("电能表 {meter} 的表型未知"),
            },
            Open::NotExact => Words::of("the amount cannot be kept exactly", "电量无法精确表示"),
            Open::NotSettled => Words::of(
                "not settled by the rules and readings of now; that is done within minutes while the service runs with them",
                "尚未按现有规则和示值结算；服务按现有配置运行时几分钟内完成",
            ),
        }
    }

    /// The instant it is about, where it is about one.
    #[must_use]
    pub const fn at(&self) -> Option<Moment> {
        match self.why {
            Open::NoReading { at, .. }
            | Open::Implausible { until: at, .. }
            | Open::Standstill { until: at, .. } => Some(at),
            Open::NoMeter | Open::NoProfile { .. } | Open::NotExact | Open::NotSettled => None,
        }
    }
}

/// The days of which open ones are told unasked: the last seven that are over.
#[must_use]
pub fn last_week(now: Moment) -> (Day, Day) {
    let yesterday = Day::of(now).previous();
    (yesterday.plus(1 - WEEK), yesterday)
}

const WEEK: i64 = 7;

/// The days from `first` to `last` that are over and have no consumption, of one point or of all, by point, day and
/// item: those that cannot be computed, and those whose newest version says nothing although they can. Tariffs are told only
/// where one of both readings is there, since a meter may count fewer.
///
/// # Errors
/// [`StoreError`] when the database cannot.
pub async fn open_days(
    store: &Store,
    rules: &Rules,
    (first, last): (Day, Day),
    point: Option<&str>,
    now: Moment,
) -> Result<Vec<OpenDay>, StoreError> {
    let last = last.min(Day::of(now).previous());
    let mut points = store.points_between(first.start(), last.next().start()).await?;
    points.retain(|(_, number)| point.is_none_or(|point| point == number));
    let mut open = Vec::new();
    if first > last {
        return Ok(open);
    }
    for some in points.chunks(AT_A_TIME) {
        let known = Known::load(store, rules, some, (first, last)).await?;
        for (point, number) in some {
            known.look_at(rules, (*point, number), (first, last), &mut open);
        }
    }
    Ok(open)
}

struct Known {
    histories: HashMap<Id<MeteringPoint>, PointHistory>,
    readings: Readings,
    types: HashMap<Id<Meter>, MeterType>,
    newest: HashMap<BillingKey, BillingVersion>,
    flow: Flow,
    /// The first day of which values are kept.
    kept: Option<Day>,
}

impl Known {
    async fn load(
        store: &Store,
        rules: &Rules,
        points: &[(Id<MeteringPoint>, String)],
        (first, last): (Day, Day),
    ) -> Result<Self, StoreError> {
        let ids: Vec<Id<MeteringPoint>> = points.iter().map(|(point, _)| *point).collect();
        let histories = store.point_histories(&ids).await?;
        let spans: Vec<Span<Meter>> =
            histories.values().flat_map(|history| compute::spans(rules, history, first, last)).collect();
        let meters: Vec<Id<Meter>> = spans.iter().map(|span| span.of).collect();
        let readings = store.readings_between(&spans, &rules.items).await?;
        let span = |of: &Id<MeteringPoint>| Span { of: *of, from: first.start(), until: last.start() };
        let points: Vec<Span<MeteringPoint>> = ids.iter().map(span).collect();
        let newest = store.values_between(&points, &rules.used()).await?;
        let (types, kept) = (store.meter_types(&meters).await?, store.billing_kept_from().await?);
        let flow = Flow::of(store.recorded_between(&flow::still(&readings)).await?);
        Ok(Self { histories, readings, types, newest, flow, kept })
    }

    fn look_at(
        &self,
        rules: &Rules,
        (point, number): (Id<MeteringPoint>, &str),
        (first, last): (Day, Day),
        open: &mut Vec<OpenDay>,
    ) {
        let Some(history) = self.histories.get(&point) else { return };
        let facts = Facts { rules, types: &self.types, readings: &self.readings, history, flow: &self.flow };
        let days = std::iter::successors(Some(first), |day| Some(day.next())).take_while(|day| *day <= last);
        let read: Vec<_> = rules.used().into_iter().map(|item| (item, facts.days_read(item))).collect();
        for day in days {
            for (item, read) in &read {
                let is_expected = item.tariff() == 0 || read.contains(&day);
                let kind = BillingKind::Consumption;
                let newest = self.newest.get(&BillingKey { point, item: *item, kind, day });
                let newest = newest.map(|newest| &newest.content);
                let is_said = self.kept.is_some_and(|kept| day < kept)
                    || newest.is_some_and(|content| content.value.is_some());
                let why = match facts.value(*item, kind, day) {
                    Ok(_) if is_said => continue,
                    Ok(_) => Open::NotSettled,
                    Err(why) if newest.is_some_and(|said| facts.is_as_said(*item, day, &why, said)) => {
                        continue;
                    }
                    Err(why) if is_expected && why != Open::NoMeter => why,
                    Err(_) => continue,
                };
                let meter = self.meter_of(&why);
                open.push(OpenDay { point_number: number.to_owned(), item: *item, day, why, meter });
            }
        }
    }

    fn meter_of(&self, why: &Open) -> Option<String> {
        let (Open::NoReading { meter, .. }
        | Open::Implausible { meter, .. }
        | Open::Standstill { meter, .. }
        | Open::NoProfile { meter }) = why
        else {
            return None;
        };
        self.types.get(meter).map(|known| known.address.to_string())
    }
}

/// How many points are looked at together.
const AT_A_TIME: usize = 1000;
