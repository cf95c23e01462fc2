//! The load curve of a day from the load records that a meter keeps (F18).

use std::collections::{BTreeMap, BTreeSet};

use dlt645::catalog::{self, Content, Value};
use dlt645::exchange::LengthRule;
use dlt645::request::{Blocks, Request};

use super::super::ask::{Asker, Heard, Missed};
use super::super::interpret::ItemValue;
use super::super::{identifier, interpret};
use super::{Brought, fetch};
use crate::channel::Question;
use crate::domain::{DayCurve, Item, MissingCause, Moment, Quality, SlotValue, SlotsPerDay, Source};
use crate::plan::CurveGap;
use crate::store::Store;

/// The slots of one day that are missing, of items that one kind of load record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::collect) struct CurveWanted {
    pub(in crate::collect) gap: CurveGap,
    pub(in crate::collect) slots: SlotsPerDay,
    /// The kind of load record, 1 to 6.
    pub(in crate::collect) kind: u8,
    /// How far what the records say of their time is trusted.
    pub(in crate::collect) quality: Quality,
}

impl CurveWanted {
    /// A gap by kinds of load record; what no record holds is left out. [645-2007 12]
    pub(in crate::collect) fn by_kind(gap: &CurveGap, slots: SlotsPerDay, quality: Quality) -> Vec<Self> {
        let mut kinds: BTreeMap<u8, Self> = BTreeMap::new();
        for item in &gap.items {
            let Some(kind) = kind_of_record(*item) else { continue };
            let new = || Self { gap: CurveGap { items: Vec::new(), ..gap.clone() }, slots, kind, quality };
            kinds.entry(kind).or_insert_with(new).gap.items.push(*item);
        }
        kinds.into_values().collect()
    }

    /// The first slot behind an instant: a meter may record more often than is wanted, or at other minutes.
    fn behind(&self, at: Moment) -> Moment {
        let period = self.slots.period();
        let passed = at.since(self.gap.from).as_secs() / period.as_secs();
        self.gap.from.plus(period * u32::try_from(passed + 1).unwrap_or(u32::MAX))
    }
}

/// The kind of load record that holds an item.
pub(in crate::collect) fn kind_of_record(item: Item) -> Option<u8> {
    let holds = |kind: &u8| {
        let layout = catalog::load_record_layout(*kind);
        let fields = layout.into_iter().flat_map(|layout| &layout.groups).flat_map(|group| &group.fields);
        fields.filter_map(|field| field.item).any(|code| Item::of(code.with_tariff(0)) == Some(item))
    };
    (1..=6).find(holds)
}

/// A record, checked: when it was taken and what it holds of the items wanted.
struct Record {
    at: Moment,
    values: Vec<ItemValue>,
}

/// Reads the records of a day between two instants, answer by answer, each beginning behind the last record of the one
/// before.
pub(in crate::collect) async fn read_curve(
    asker: &Asker<'_>,
    store: &Store,
    wanted: &CurveWanted,
) -> Brought {
    let mut brought = Brought::default();
    let mut since = wanted.gap.from;
    let (mut bad, mut holes) = (0, 0);
    let mut most = in_one_frame(wanted.kind);
    while since <= wanted.gap.until {
        match read_records(asker, wanted, since, most).await {
            Ok((heard, taken)) => {
                // Where no record of it has a time, the one asked for is a hole.
                since = wanted.behind(taken.reached.unwrap_or(since));
                if taken.is_dense(wanted, most) {
                    // Records between the slots are not asked for.
                    most = 1;
                }
                (bad, holes) = (0, 0);
                keep(asker, store, wanted, &heard, taken.records, &mut brought);
            }
            // An answer to an earlier question of the kind, or a broken block: the next one may be better.
            Err(missed) if missed.cause == MissingCause::WrongForm && bad < MOST_BAD => bad += 1,
            // It is not: one record is lost, and not the day behind it.
            Err(missed) if missed.cause == MissingCause::WrongForm && holes < MOST_HOLES => {
                brought.missed.get_or_insert(missed);
                (bad, holes) = (MOST_BAD - 1, holes + 1);
                since = since.plus(wanted.slots.period());
            }
            // Behind the last record there is none.
            Err(missed) if missed.is_not_there() && since > wanted.gap.from => break,
            Err(missed) => {
                brought.missed = Some(missed);
                break;
            }
        }
    }
    brought
}

/// The records from `since` on, as many as one frame holds.
async fn read_records(
    asker: &Asker<'_>,
    wanted: &CurveWanted,
    since: Moment,
    most: usize,
) -> Result<(Heard, Taken), Missed> {
    let id = identifier::load_record(wanted.kind);
    let left = wanted.gap.until.since(since).as_secs() / wanted.slots.period().as_secs() + 1;
    let number = usize::try_from(left).unwrap_or(usize::MAX).min(most);
    let blocks = u8::try_from(number).ok().and_then(Blocks::new).unwrap_or(Blocks::ONE);
    let civil = since.civil().ok_or_else(|| interpret::wrong_form(id, "a time no meter can write"))?;
    let request = Request::read_since(asker.site.meter.address, id, blocks, civil)
        .map_err(|error| interpret::wrong_form(id, &error.to_string()))?;
    let whole = number * block_length(wanted.kind);
    // Any length may be all that there is: where it ends is told by the blocks themselves, also where the meter says that
    // more follows and means that it has events.
    let rule = LengthRule::exact(1..=(whole + SPARE).min(MOST_DATA));
    let question = Question::new(request).expecting(rule).whole_at(whole);
    let heard = asker.ask(id, question.clone()).await?;
    // Where another answer stood beside it, one of them is of another meter (F12) or to another question.
    if !heard.is_alone {
        return Err(interpret::wrong_form(id, "it was disturbed"));
    }
    let taken = records(&heard, wanted, since)?;
    if taken.is_sealed {
        return Ok((heard, taken));
    }
    // A meter whose own sum is another: then two answers must be the same.
    let again = asker.ask(id, question).await?;
    if again.payload == heard.payload {
        return Ok((again, taken));
    }
    Err(interpret::wrong_form(id, "a record whose sum is wrong"))
}

/// What an answer holds of a curve.
struct Taken {
    records: Vec<Record>,
    /// When its last record was taken, wanted or not; `None` when none of them says so.
    reached: Option<Moment>,
    /// When the first one with a time was taken, and how many have one.
    first: Option<Moment>,
    count: usize,
    /// Every record has the sum that it should, and nothing that could be one stands behind them.
    is_sealed: bool,
}

impl Taken {
    /// Whether its records stand so near to each other that none but the first is of a slot that is wanted.
    fn is_dense(&self, wanted: &CurveWanted, most: usize) -> bool {
        let (Some(first), Some(last)) = (self.first, self.reached) else { return false };
        self.count > 1 && self.count == most && last < wanted.behind(first)
    }
}

/// Reads the records of an answer. What the meter itself calls faulty, and what has no time, is of no slot and is passed over;
/// so is what stands behind the last whole block. [645-2007 12 blocks] (F18)
fn records(heard: &Heard, wanted: &CurveWanted, since: Moment) -> Result<Taken, Missed> {
    let wrong = |what: &str| interpret::wrong_form(heard.id, what);
    let entry = catalog::find(heard.id).ok_or_else(|| wrong("not in the catalogue"))?;
    let Ok(Content::LoadRecords(blocks)) = entry.read(&heard.payload) else {
        return Err(wrong("no load records"));
    };
    let mut taken = Taken { records: Vec::new(), reached: None, first: None, count: 0, is_sealed: true };
    let mut is_any = false;
    for block in blocks {
        let block = match block {
            Ok(block) => block,
            Err(error) if !is_any => return Err(wrong(&error.to_string())),
            Err(error) => {
                taken.is_sealed &= is_fill(heard.payload.get(error.offset..).unwrap_or_default());
                break;
            }
        };
        is_any = true;
        let at = interpret::moment(block.at).filter(|_| !block.is_faulty);
        let Some(at) = at else { continue };
        // What begins earlier answers an earlier question (F6); what does not rise is no curve.
        if at < since || taken.reached.is_some_and(|last| at <= last) {
            return Err(wrong("a record of another time"));
        }
        taken.reached = Some(at);
        taken.first.get_or_insert(at);
        taken.count += 1;
        taken.is_sealed &= block.sum_fits && block.count_fits;
        let is_of_slot = wanted.slots.slot_of(at).is_some_and(|(day, _)| day == wanted.gap.day);
        if !is_of_slot || at > wanted.gap.until || at > heard.asked_at {
            continue;
        }
        let mut values = Vec::new();
        for reading in block.values(wanted.kind, entry).into_iter().flatten() {
            let Some(item) = reading.item().and_then(Item::of).filter(|item| wanted.gap.items.contains(item))
            else {
                continue;
            };
            if let Value::Number(quantity) = reading.value {
                let value = item.scaled(quantity).ok_or_else(|| wrong("more digits than the item has"))?;
                values.push(ItemValue::new(item, value));
            }
        }
        taken.records.push(Record { at, values });
    }
    if is_any {
        return Ok(taken);
    }
    Err(Missed::new(MissingCause::NoSuchData, format!("{}: no record", heard.id)))
}

/// True for bytes that fill an answer up.
fn is_fill(bytes: &[u8]) -> bool {
    [0x00, 0xFF].iter().any(|fill| bytes.iter().all(|byte| byte == fill))
}

fn keep(
    asker: &Asker<'_>,
    store: &Store,
    wanted: &CurveWanted,
    heard: &Heard,
    records: Vec<Record>,
    brought: &mut Brought,
) {
    let mut curves: BTreeMap<i32, DayCurve> = BTreeMap::new();
    let mut span: Option<(Moment, Moment)> = None;
    for Record { at, values } in records {
        for ItemValue { item, value, quality, .. } in values {
            let quality = quality.and(wanted.quality);
            let new = || DayCurve::new(asker.site.meter_id, item, wanted.gap.day, wanted.slots);
            let curve = curves.entry(item.key().number()).or_insert_with(new);
            curve.fill(at, SlotValue { value, quality });
            span = Some(span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
    }
    let Some(span) = span else { return };
    let items = wanted.gap.items.clone();
    let fetch = fetch(store, asker, heard, items, span, Source::LoadRecord);
    brought.batch.curves.extend(curves.into_values().map(|curve| (fetch.id, curve)));
    brought.batch.fetches.push(fetch);
}

/// How many bytes a block with one kind has: marks, count and time, the kind, six separators, sum and end.
fn block_length(kind: u8) -> usize {
    let width = catalog::load_record_layout(kind).map_or(MOST_DATA, |layout| layout.fixed);
    8 + width + 6 + 2
}

/// For each kind of load record that holds some of these items: how many records one answer holds, and its bytes.
pub(in crate::collect) fn records_in_one_answer(items: &[Item]) -> Vec<(usize, usize)> {
    let kinds: BTreeSet<u8> = items.iter().filter_map(|item| kind_of_record(*item)).collect();
    kinds.into_iter().map(|kind| (in_one_frame(kind), in_one_frame(kind) * block_length(kind))).collect()
}

fn in_one_frame(kind: u8) -> usize {
    (MOST_DATA / block_length(kind)).max(1)
}

/// What one frame holds behind the identifier.
const MOST_DATA: usize = 196;
/// Some meters put more around their blocks.
const SPARE: usize = 16;
/// How many unfit answers in a row of one curve are borne.
const MOST_BAD: u32 = 6;
/// How many records in a row are given up as holes.
const MOST_HOLES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_of_a_load_record_is_found_in_its_kind() {
        for (item, kind) in
            [("1.8.0", 4), ("4.8.0", 4), ("5.8.0", 5), ("32.7.0", 1), ("16.7.0", 2), ("13.7.0", 3)]
        {
            assert_eq!(kind_of_record(Item::parse(item).unwrap()), Some(kind), "{item}");
        }
        assert_eq!(kind_of_record(Item::parse("1.8.1").unwrap()), None, "records hold totals");
    }

    #[test]
    fn a_frame_holds_six_records_of_energies() {
        assert_eq!((block_length(4), in_one_frame(4)), (32, 6));
    }
}
