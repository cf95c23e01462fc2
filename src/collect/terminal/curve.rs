//! Curves that a terminal stores, one point and one item a question, of as many slots as an answer bears (F18).

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use gdw1376::identifier::Point;
use gdw1376::reading;
use gdw1376::request::{Curve, Density, Request};

use super::super::ask::Missed;
use super::ask::{Answered, Reach, TerminalAsker};
use super::items;
use crate::config::profile::MeterProfile;
use crate::domain::register::{self, State};
use crate::domain::{
    Accepted, Day, DayCurve, Fetch, Id, Item, MissingCause, Moment, Quality, RegisterKey, Run, SlotValue,
    SlotsPerDay, Source, Way,
};
use crate::plan::CurveGap;
use crate::store::archive::SiteMeter;
use crate::store::{Batch, Store};

/// What is missing of one meter's curves, and how far what comes is trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) site: &'a SiteMeter,
    pub(super) profile: &'a MeterProfile,
    pub(super) point: Point,
    pub(super) gap: &'a CurveGap,
    pub(super) slots: SlotsPerDay,
    /// How many points one question asks for at most.
    pub(super) most: u8,
    pub(super) quality: Quality,
    /// A value that is dated so far behind our own clock is of a time that has not come.
    pub(super) tolerance: Duration,
    pub(super) run: Id<Run>,
    /// What the registers showed at the midnights before and behind the day, where that is accepted.
    pub(super) midnights: &'a HashMap<RegisterKey, Accepted>,
}

impl Wanted<'_> {
    /// Whether a curve can be that of this meter: one of registers never falls, and fits the midnights around it (F24).
    fn is_plausible(&self, item: Item, curve: &DayCurve) -> bool {
        if item.way() != Some(Way::Up) {
            return true;
        }
        let states: Vec<State> = curve.filled().map(|(at, slot)| State { at, value: slot.value }).collect();
        if states.windows(2).any(|pair| pair.first().map(|one| one.value) > pair.last().map(|two| two.value))
        {
            return false;
        }
        let midnight = |day: Day| {
            let key = RegisterKey { meter: self.site.meter_id, item, as_of: day.start() };
            self.midnights.get(&key).map(|accepted| State { at: key.as_of, value: accepted.value })
        };
        let Some(limits) = self.profile.limits(item) else { return true };
        let (before, after) = (midnight(self.gap.day), midnight(self.gap.day.next()));
        let ends = [states.first(), states.last()].into_iter().flatten();
        ends.copied().all(|state| register::judge(state, before, after, limits).is_accepted())
    }

    /// Whether there is anything to compare a curve with: without a register of a midnight, one that belongs to another
    /// point would look like any other.
    fn can_be_judged(&self, item: Item) -> bool {
        let is_of = |key: &RegisterKey| key.meter == self.site.meter_id && key.item == item;
        item.way() != Some(Way::Up) || self.midnights.keys().any(is_of)
    }

    /// The registers that tell between which values its curves have to lie.
    pub(super) fn midnights_of(site: &SiteMeter, gap: &CurveGap) -> Vec<RegisterKey> {
        let rising = gap.items.iter().filter(|item| item.way() == Some(Way::Up));
        let key =
            |item: &Item, day: Day| RegisterKey { meter: site.meter_id, item: *item, as_of: day.start() };
        rising.flat_map(|item| [key(item, gap.day), key(item, gap.day.next())]).collect()
    }
}

/// Reads the slots of a gap, item by item; what is missing first, and why, or why the terminal did not answer. What came wrong
/// goes before what is not there.
pub(super) async fn read_curves(
    asker: &TerminalAsker,
    store: &Store,
    wanted: Wanted<'_>,
) -> (Batch, Option<Missed>) {
    let (mut batch, mut first) = (Batch::default(), None);
    for item in &wanted.gap.items {
        let mut told = read_curve(asker, wanted, *item).await;
        if told.missed.as_ref().is_some_and(|missed| missed.cause == MissingCause::WrongForm) {
            told = told.or_better(read_curve(asker, wanted, *item).await);
        }
        if told.curve.newest().is_some()
            && let Some(last) = told.answers.last()
        {
            let frames =
                told.answers.iter().flat_map(|answered| &answered.frames).flatten().copied().collect();
            let fetch = fetch(store, wanted, *item, (last.answered_at, frames), &told.curve);
            batch.curves.push((fetch.id, told.curve));
            batch.fetches.push(fetch);
        }
        if told.missed.as_ref().is_some_and(|missed| !is_answer(missed.cause)) {
            return (batch, told.missed);
        }
        first = first_of(first, told.missed);
    }
    (batch, first)
}

/// The first of what is missing; what came wrong goes before what is not there, as it may come right.
pub(super) fn first_of(first: Option<Missed>, next: Option<Missed>) -> Option<Missed> {
    let is_wrong = |missed: &Option<Missed>| missed.as_ref().is_some_and(may_come_right);
    if is_wrong(&next) && !is_wrong(&first) { next } else { first.or(next) }
}

/// Whether what came was wrong both times: it is asked for again in a later round of the night.
pub(super) fn may_come_right(missed: &Missed) -> bool {
    missed.cause == MissingCause::WrongForm
}

/// Whether what is missing is so because the terminal said so, or because of what it said.
pub(super) const fn is_answer(cause: MissingCause) -> bool {
    matches!(
        cause,
        MissingCause::NoSuchData
            | MissingCause::Refused
            | MissingCause::NoValue
            | MissingCause::PointNotVerified
            | MissingCause::WrongForm
    )
}

/// What came of the questions for one item.
struct Told {
    curve: DayCurve,
    answers: Vec<Answered>,
    missed: Option<Missed>,
}

impl Told {
    /// What was told a second time, or the first time where that was more; why something is missing by the second.
    fn or_better(self, second: Self) -> Self {
        if second.curve.filled().count() >= self.curve.filled().count() {
            return second;
        }
        Self { missed: second.missed.or(self.missed), ..self }
    }
}

/// Asks for the slots of an item, as many at a time as an answer bears; on behind the last that a terminal has told, where it
/// told fewer, and once more for those that may have stood in a frame that was lost.
async fn read_curve(asker: &TerminalAsker, wanted: Wanted<'_>, item: Item) -> Told {
    let CurveGap { day, from, until, .. } = *wanted.gap;
    let none = DayCurve::new(wanted.site.meter_id, item, day, wanted.slots);
    let mut told = Told { curve: none.clone(), answers: Vec::new(), missed: None };
    let mut left = vec![(from, until)];
    let slots = until.since(from).as_secs() / wanted.slots.period().as_secs().max(1) + 1;
    for _ in 0..=2 * (slots / u64::from(wanted.most.max(1)) + 1) {
        let Some(span) = left.pop() else { break };
        match ask_piece(asker, wanted, item, span).await {
            Ok(piece) => {
                for (at, value) in piece.slots {
                    told.curve.fill(at, SlotValue { value, quality: wanted.quality });
                }
                if let Some(at) = piece.to_come {
                    let detail = format!(
                        "curve of {}: a value of {}, which is still to come",
                        item.code(),
                        at.in_china()
                    );
                    tracing::warn!(terminal = %asker.address, "p{}: {detail}", wanted.point.number());
                    told.missed.get_or_insert_with(|| Missed::new(MissingCause::WrongForm, detail));
                }
                told.answers.push(piece.answered);
                left.extend(piece.left.into_iter().rev());
            }
            // It has none of these hours; it may have others.
            Err((missed, Some(behind))) if missed.is_not_there() => {
                told.missed = told.missed.or(Some(missed));
                left.extend((behind <= span.1).then_some((behind, span.1)));
            }
            // Of what was told to the questions before this one each slot was dated by itself.
            Err((missed, _)) => {
                told.missed = Some(missed);
                break;
            }
        }
    }
    if !wanted.is_plausible(item, &told.curve) {
        let detail = format!("curve of {}: it does not fit the registers of its midnights", item.code());
        return Told { curve: none, missed: Some(Missed::new(MissingCause::WrongForm, detail)), ..told };
    }
    if told.curve.newest().is_none() && told.missed.is_none() {
        let detail = format!("curve of {}: the terminal has no value", item.code());
        told.missed = Some(Missed::new(MissingCause::NoValue, detail));
    }
    told
}

/// What one question brought.
struct Piece {
    answered: Answered,
    slots: Vec<(Moment, i64)>,
    /// What of the span is still to be asked for, from one instant to another each.
    left: Vec<(Moment, Moment)>,
    /// What it dates a value that cannot be there yet.
    to_come: Option<Moment>,
}

/// Asks for the slots of a span from its begin on, as many as an answer bears. Where it is not there, the first instant that was
/// not asked for stands beside why.
async fn ask_piece(
    asker: &TerminalAsker,
    wanted: Wanted<'_>,
    item: Item,
    (start, end): (Moment, Moment),
) -> Result<Piece, (Missed, Option<Moment>)> {
    if !wanted.can_be_judged(item) {
        let detail = format!("curve of {}: no register of its midnights to compare it with", item.code());
        return Err((Missed::new(MissingCause::PointNotVerified, detail), None));
    }
    let none = |what: &str| {
        (Missed::new(MissingCause::NoSuchData, format!("curve of {}: {what}", item.code())), None)
    };
    let function = items::curve(item).ok_or_else(|| none("terminals keep none"))?;
    let density = density(wanted.slots).ok_or_else(|| none("terminals keep no such density"))?;
    let CurveGap { day, from, until, .. } = *wanted.gap;
    let period = wanted.slots.period();
    let count = end.since(start).as_secs() / period.as_secs().max(1) + 1;
    let points = u8::try_from(count).unwrap_or(wanted.most).min(wanted.most);
    let behind = start.plus(period * u32::from(points));
    let civil = items::civil(start).ok_or_else(|| none("no such time"))?;
    let question = Curve { point: wanted.point, function, start: civil, density, points };
    let what = format!("curve of {}, p{}", item.code(), wanted.point.number());
    let answered =
        asker.ask(&what, Request::ReadCurve(question)).await.map_err(|missed| (missed, Some(behind)))?;
    let (mut slots, mut dated, mut of_other, mut to_come) = (Vec::new(), BTreeSet::new(), None, None);
    let mut is_of_question = false;
    for (_, unit) in answered.units() {
        if unit.point != Some(wanted.point) || unit.function != Some(function) {
            continue;
        }
        is_of_question = true;
        for read in reading::readings(&unit) {
            let Some(at) = read.as_of.and_then(items::moment) else { continue };
            if items::of(read.item) != Some(item) {
                continue;
            }
            let is_to_come = at > answered.answered_at.plus(wanted.tolerance);
            to_come = to_come.or_else(|| (is_to_come && read.value.is_ok()).then_some(at));
            // What is dated in front of what is asked for, or behind what is wanted, says nothing of it.
            if at < start || at > until {
                of_other = of_other.or(Some(at));
            }
            if at < start || at > until || is_to_come {
                continue;
            }
            dated.insert(at);
            let Ok(value) = read.value else { continue };
            let is_wanted = (from..=until).contains(&at) && at <= answered.asked_at;
            let is_of_day = wanted.slots.slot_of(at).is_some_and(|(of, _)| of == day);
            if is_wanted && is_of_day {
                let wrong =
                    || (Missed::new(MissingCause::WrongForm, format!("{what}: too many digits")), None);
                slots.push((at, items::scaled(item, value).ok_or_else(wrong)?));
            }
        }
    }
    // A late answer to another question, or old data under a new one, say nothing of what was asked.
    if !is_of_question {
        let detail = format!("{what}: the terminal answered with something else");
        return Err((Missed::new(MissingCause::WrongForm, detail), None));
    }
    if let Some(at) = of_other.filter(|_| dated.is_empty() && to_come.is_none()) {
        let detail = format!("{what}: the terminal answered with a curve of {}", at.in_china());
        return Err((Missed::new(MissingCause::WrongForm, detail), None));
    }
    let left = left(&dated, answered.reach(), (start, behind, end), period);
    Ok(Piece { answered, slots, left, to_come })
}

/// What is still to be asked for of a span that ends at `end`, of which a question from `start` to before `behind` has told these
/// instants.
fn left(
    dated: &BTreeSet<Moment>,
    reach: Reach,
    (start, behind, end): (Moment, Moment, Moment),
    period: Duration,
) -> Vec<(Moment, Moment)> {
    let told_to = dated.last().map_or(behind, |last| last.plus(period));
    // What stands in front of all that was told was not answered: it may be the late answer to a question for what follows.
    let begins = dated.first().copied().unwrap_or(start);
    let (mut left, rest) = match reach {
        Reach::Lossy if !dated.is_empty() => (untold(dated, (start, behind), period), told_to.max(behind)),
        Reach::Lossy | Reach::Whole | Reach::Unread => (untold(dated, (start, begins), period), told_to),
    };
    left.extend((rest <= end).then_some((rest, end)));
    left
}

/// The spans from one instant to before another of which nothing was told.
fn untold(dated: &BTreeSet<Moment>, (from, to): (Moment, Moment), period: Duration) -> Vec<(Moment, Moment)> {
    let mut spans: Vec<(Moment, Moment)> = Vec::new();
    let instants = std::iter::successors(Some(from), |at| Some(at.plus(period))).take_while(|at| *at < to);
    for at in instants.filter(|at| !dated.contains(at)) {
        match spans.last_mut().filter(|(_, last)| last.plus(period) == at) {
            Some((_, last)) => *last = at,
            None => spans.push((at, at)),
        }
    }
    spans
}

fn fetch(
    store: &Store,
    wanted: Wanted<'_>,
    item: Item,
    (answered_at, frames): (Moment, Vec<u8>),
    curve: &DayCurve,
) -> Fetch {
    let (mut from, mut until): (Option<Moment>, _) = (None, wanted.gap.until);
    for (at, _) in curve.filled() {
        from = from.or(Some(at));
        until = at;
    }
    Fetch {
        id: store.new_fetch_id(answered_at),
        meter: wanted.site.meter_id,
        items: vec![item],
        from: from.unwrap_or(wanted.gap.from),
        until,
        source: Source::LoadRecord,
        collected_at: answered_at,
        frames,
        run: Some(wanted.run),
    }
}

/// Whether terminals keep a curve of this item.
pub(in crate::collect) fn keeps_curve_of(item: Item) -> bool {
    items::curve(item).is_some()
}

/// Whether terminals keep curves of so many slots a day.
pub(in crate::collect) fn keeps_curves_every(slots: SlotsPerDay) -> bool {
    density(slots).is_some()
}

/// The density with which a terminal has so many slots a day.
fn density(slots: SlotsPerDay) -> Option<Density> {
    const MINUTE: Duration = Duration::from_secs(60);
    let of = |minutes: u32| MINUTE * minutes;
    let period = slots.period();
    [
        (of(1), Density::Minute),
        (of(5), Density::FiveMinutes),
        (of(15), Density::QuarterHour),
        (of(30), Density::HalfHour),
        (of(60), Density::Hour),
    ]
    .into_iter()
    .find_map(|(each, density)| (each == period).then_some(density))
}

/// How many points an answer bears in one frame of a terminal that sends frames up to this, in counted bytes.
pub(super) fn most_points(sends: Option<u16>) -> u8 {
    let told = sends.filter(|sends| *sends >= SHORTEST).map(|sends| (sends - HEAD) / WIDEST);
    told.map_or(USUAL, |points| u8::try_from(points).unwrap_or(u8::MAX).min(MOST))
}

/// A day of quarter hours, for a terminal that does not tell how long its frames may be.
const USUAL: u8 = 96;
/// More are not asked for at once: they are counted in one byte, and an answer that is lost costs them all.
const MOST: u8 = 240;
/// No terminal sends less. [1376 3.7]
const SHORTEST: u16 = 256;
/// What of a frame is no point of a curve: control, address, function, number, identifier, start, density and count, EC, Tp.
const HEAD: u16 = 40;
/// The bytes of the widest point. [1376 3.9]
const WIDEST: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_in_a_lost_frame_is_asked_for_and_nothing_else_is() {
        let day = Day::new(2024, 8, 21).unwrap().start();
        let period = Duration::from_secs(900);
        let at = |slot: u32| day.plus(period * slot);
        let left = |told: &[u32]| {
            let dated: BTreeSet<Moment> = told.iter().map(|slot| at(*slot)).collect();
            untold(&dated, (at(0), at(6)), period)
        };
        assert_eq!(left(&[0, 1, 5]), [(at(2), at(4))], "the middle");
        assert_eq!(left(&[2, 3, 5]), [(at(0), at(1)), (at(4), at(4))], "the first, and one more");
        assert_eq!(left(&[0, 1, 2, 3, 4, 5]), []);
    }

    #[test]
    fn what_a_terminal_leaves_out_in_front_and_behind_is_asked_for() {
        let day = Day::new(2024, 8, 21).unwrap().start();
        let period = Duration::from_secs(900);
        let at = |slot: u32| day.plus(period * slot);
        let of = |told: std::ops::Range<u32>, reach| {
            let dated: BTreeSet<Moment> = told.map(at).collect();
            left(&dated, reach, (at(0), at(54), at(95)), period)
        };
        assert_eq!(of(0..54, Reach::Whole), [(at(54), at(95))]);
        assert_eq!(of(0..24, Reach::Whole), [(at(24), at(95))], "it told fewer");
        assert_eq!(of(10..34, Reach::Whole), [(at(0), at(9)), (at(34), at(95))], "and not the first");
        assert_eq!(of(10..34, Reach::Lossy), [(at(0), at(9)), (at(34), at(53)), (at(54), at(95))]);
        assert_eq!(of(0..0, Reach::Whole), [(at(54), at(95))], "it told nothing");
        assert_eq!(of(0..96, Reach::Unread), []);
    }

    #[test]
    fn a_second_reading_takes_nothing_from_the_first() {
        let day = Day::new(2024, 8, 21).unwrap();
        let item = Item::parse("1-0:1.8.0").unwrap();
        let told = |slots: u32, missed| {
            let mut curve = DayCurve::new(Id::new(1), item, day, SlotsPerDay::new(96).unwrap());
            for slot in 0..slots {
                let at = day.start().plus(Duration::from_secs(900) * slot);
                curve.fill(at, SlotValue { value: 1, quality: Quality::Good });
            }
            Told { curve, answers: Vec::new(), missed: Some(Missed::new(missed, String::new())) }
        };
        let kept = |first, second| {
            let kept = told(first, MissingCause::WrongForm).or_better(told(second, MissingCause::Silent));
            (kept.curve.filled().count(), kept.missed.unwrap().cause)
        };
        assert_eq!(kept(95, 0), (95, MissingCause::Silent));
        assert_eq!(kept(0, 96), (96, MissingCause::Silent));
    }

    #[test]
    fn a_question_asks_for_what_fits_into_one_frame_of_the_terminal() {
        assert_eq!(most_points(None), 96);
        assert_eq!([0, 255].map(|sends| most_points(Some(sends))), [96, 96], "it has told nothing of use");
        assert_eq!([256, 512, 1024, 2048].map(|sends| most_points(Some(sends))), [54, 118, 240, 240]);
    }
}
