//! What a terminal stores of the midnights of its meters: whole, of the right day and read behind it, or not at all (F24).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::reading::{self, Reading};

use super::super::ask::Missed;
use super::super::interpret::ItemValue;
use super::super::lacking::Lacking;
use super::ask::Answered;
use super::items;
use crate::domain::{Day, Item, MissingCause, Moment, Quality};

/// The registers of one point at one midnight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frozen {
    /// Each total with its tariffs, the total first.
    pub(super) blocks: Vec<Vec<ItemValue>>,
    /// When the terminal read the meter, as it wrote it.
    pub(super) read_at: String,
    /// The same, of the total that it read last.
    pub(super) read: Moment,
    /// What was asked for and has no value.
    pub(super) lacking: Lacking,
    /// The frames they stood in.
    pub(super) frames: Vec<u8>,
    /// When they came.
    pub(super) collected_at: Moment,
    /// The terminal has said the same twice.
    pub(super) is_confirmed: bool,
}

impl Frozen {
    /// The same, when the terminal says it again.
    pub(super) fn confirmed(self, again: Result<Self, Missed>) -> Result<Self, Missed> {
        let again = again?;
        if again.blocks == self.blocks {
            return Ok(Self { is_confirmed: true, ..self });
        }
        Err(Missed::new(MissingCause::WrongForm, "two answers of the terminal differ"))
    }

    /// The totals, in the order of their items.
    pub(super) fn totals(&self) -> Vec<(Item, i64)> {
        let totals = self.values().filter(|value| value.item.tariff() == 0);
        totals.map(|value| (value.item, value.value)).collect()
    }

    /// How long behind a midnight the meter had been read at the latest. A terminal that always writes the last minute of the
    /// day, or midnight itself, does not say when that was: no later than it told.
    pub(super) fn turn(&self, midnight: Moment) -> Duration {
        let is_told = self.read >= midnight.plus(MINUTE);
        if is_told { self.read.since(midnight) } else { self.collected_at.since(midnight) }
    }

    /// All values, block by block.
    pub(super) fn values(&self) -> impl Iterator<Item = &ItemValue> {
        self.blocks.iter().flatten()
    }
}

/// One block under way.
#[derive(Debug, Default)]
struct Block {
    values: BTreeMap<u8, Result<i64, Gap>>,
    read_at: Option<(Moment, String)>,
    frames: Vec<usize>,
    is_contradicted: bool,
}

/// Why a place of a block has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    missed: Missed,
    /// It holds bytes of no sense, and is not filled.
    is_corrupt: bool,
}

impl Gap {
    fn note(self, item: Item, lacking: &mut Lacking) {
        if self.is_corrupt { lacking.lost(self.missed) } else { lacking.unfitted(item, self.missed) }
    }
}

/// What an answer says of the midnight that begins `day`, by measuring point. Points of which it says nothing are not in it.
pub(super) fn frozen(
    answered: &Answered,
    (day, totals): (Day, &[Item]),
    tolerance: Duration,
) -> HashMap<u16, Result<Frozen, Missed>> {
    let mut points: HashMap<u16, BTreeMap<i32, (Item, Block)>> = HashMap::new();
    let mut of_other_day: HashMap<u16, String> = HashMap::new();
    for (frame, unit) in answered.units() {
        if unit.row.afn != Afn::CLASS_2 {
            continue;
        }
        for read in reading::readings(&unit) {
            let Some(item) = items::of(read.item) else { continue };
            let Some(total) = item.with_tariff(0) else { continue };
            if read.as_of.and_then(items::moment) != Some(day.start()) {
                let told = read.as_of.map_or_else(|| "no day".to_owned(), |at| at.to_string());
                of_other_day.insert(read.point.number(), told);
                continue;
            }
            let blocks = points.entry(read.point.number()).or_default();
            let (_, block) = blocks.entry(total.key().number()).or_insert_with(|| (total, Block::default()));
            block.take(item, &read, frame);
        }
    }
    let mut found: HashMap<_, _> = points
        .into_iter()
        .map(|(point, blocks)| (point, whole(blocks.into_values(), answered, (day, totals), tolerance)))
        .collect();
    for (point, told) in of_other_day {
        let wrong =
            || Missed::new(MissingCause::NoFreeze, format!("the terminal answered with a freeze of {told}"));
        found.entry(point).or_insert_with(|| Err(wrong()));
    }
    found
}

impl Block {
    fn take(&mut self, item: Item, read: &Reading, frame: usize) {
        let value = match read.value {
            Ok(value) => items::scaled(item, value).ok_or_else(|| {
                let detail = format!("{value} has more digits than {}", item.code());
                Gap { missed: Missed::new(MissingCause::WrongForm, detail), is_corrupt: true }
            }),
            Err(why) => {
                let detail = format!("{}: the terminal has no value ({})", item.code(), why.reason());
                let missed = Missed::new(MissingCause::NoValue, detail);
                Err(Gap { missed, is_corrupt: why.is_corrupt() })
            }
        };
        let read_at = read.read_at.and_then(|time| Some((items::moment(time.civil()?)?, time.to_string())));
        self.is_contradicted |= self.values.get(&item.tariff()).is_some_and(|before| *before != value)
            || self.read_at.is_some() && self.read_at != read_at;
        self.values.insert(item.tariff(), value);
        self.read_at = read_at;
        self.frames.push(frame);
    }
}

/// The blocks of a point as one freeze. What the terminal does not have is left out and told as lacking, a total with all its
/// tariffs; a block that was read at another time than behind its midnight makes the freeze none. [1376 1.9]
fn whole(
    blocks: impl Iterator<Item = (Item, Block)>,
    answered: &Answered,
    (day, totals): (Day, &[Item]),
    tolerance: Duration,
) -> Result<Frozen, Missed> {
    let (mut whole, mut read, mut frames) = (Vec::new(), None::<(Moment, String)>, Vec::new());
    let mut lacking = Lacking::default();
    for (total, block) in blocks {
        let Block { values, read_at, frames: of_block, is_contradicted } = block;
        if is_contradicted {
            let detail = format!("{}: two answers that differ", total.code());
            return Err(Missed::new(MissingCause::WrongForm, detail));
        }
        if let Some(Err(gap)) = values.get(&0) {
            gap.clone().note(total, &mut lacking);
            continue;
        }
        let read_at = checked(total, read_at, (day.start(), answered.answered_at), tolerance)?;
        let mut block = Vec::new();
        if values.iter().any(|(tariff, value)| *tariff > 0 && value.as_ref().is_err_and(|gap| gap.is_corrupt))
        {
            lacking.unsummed(total);
        }
        for (tariff, value) in values {
            let item = total.with_tariff(tariff);
            let item = item.ok_or_else(|| Missed::new(MissingCause::WrongForm, "too many tariffs"))?;
            match value {
                Ok(value) => block.push(ItemValue { item, value, occurred: None, quality: Quality::Good }),
                Err(gap) => gap.note(item, &mut lacking),
            }
        }
        whole.push(block);
        read = Some(match read {
            Some((last, first_told)) => (last.max(read_at.0), first_told),
            None => read_at,
        });
        frames.extend(of_block);
    }
    let Some((read, read_at)) = read else {
        let none = || Missed::new(MissingCause::NoValue, "the terminal has no value of any register");
        return Err(lacking.first().unwrap_or_else(none));
    };
    for total in totals {
        let is_there = whole.iter().flatten().any(|value: &ItemValue| value.item == *total);
        if !is_there && !lacking.is_unfitted(*total) {
            lacking.unfitted(*total, left_out(*total));
        }
    }
    let frames = answered.frames_with(frames);
    let collected_at = answered.answered_at;
    Ok(Frozen { blocks: whole, read_at, read, lacking, frames, collected_at, is_confirmed: false })
}

/// What an answer does not speak of.
pub(super) fn left_out(item: Item) -> Missed {
    let detail = format!("{}: the terminal's answer leaves it out", item.code());
    Missed::new(MissingCause::NoValue, detail)
}

/// When the terminal read a total, if that was behind its midnight and before now.
fn checked(
    total: Item,
    read_at: Option<(Moment, String)>,
    (midnight, now): (Moment, Moment),
    tolerance: Duration,
) -> Result<(Moment, String), Missed> {
    let Some((at, told)) = read_at else {
        let detail = format!("{}: the terminal does not say when it read the meter", total.code());
        return Err(Missed::new(MissingCause::NoFreeze, detail));
    };
    // It is written without seconds, and many write the last minute of the day.
    if at.plus(MINUTE) < midnight || at > now.plus(tolerance) {
        let detail = format!("{}: read from the meter at {told}", total.code());
        return Err(Missed::new(MissingCause::NoFreeze, detail));
    }
    Ok((at, told))
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound frame of AFN 0D with these units.
    fn frame(units: &[u8]) -> Vec<u8> {
        let counted = 8 + units.len();
        let length = u16::try_from(counted << 2 | 2).unwrap().to_le_bytes();
        let body = [&[0x88, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0D, 0x62], units].concat();
        let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        [&[0x68][..], &length, &length, &[0x68], &body, &[sum, 0x16]].concat()
    }

    fn answered(frames: &[Vec<u8>]) -> Answered {
        let day = Day::new(2024, 8, 21).unwrap();
        let at = day.start().plus(Duration::from_secs(3600));
        Answered { frames: frames.to_vec(), is_complete: true, asked_at: at, answered_at: at }
    }

    /// The unit of a point: F161 of 2024-08-20, read at a time, with these values.
    fn unit(point: u8, day: u8, read: [u8; 5], values: &[[u8; 5]]) -> Vec<u8> {
        let tariffs = u8::try_from(values.len() - 1).unwrap();
        let head = [1 << (point - 1), 0x01, 0x01, 0x14, day, 0x08, 0x24];
        [&head[..], &read, &[tariffs], &values.concat()].concat()
    }

    const READ: [u8; 5] = [0x15, 0x00, 0x21, 0x08, 0x24];
    const TEN: [u8; 5] = [0x00, 0x00, 0x10, 0x00, 0x00];
    const NONE: [u8; 5] = [0xEE; 5];

    fn of(frames: &[Vec<u8>]) -> HashMap<u16, Result<Frozen, Missed>> {
        let day = Day::new(2024, 8, 21).unwrap();
        let totals = [Item::parse("1.8.0").unwrap()];
        frozen(&answered(frames), (day, &totals), Duration::from_secs(300))
    }

    fn cause(frames: &[Vec<u8>]) -> MissingCause {
        of(frames).remove(&1).unwrap().unwrap_err().cause
    }

    #[test]
    fn what_a_terminal_froze_is_of_the_midnight_behind_its_day() {
        let first = frame(&unit(1, 0x20, READ, &[TEN, TEN]));
        let last = frame(&[unit(2, 0x20, READ, &[TEN]), unit(3, 0x20, READ, &[NONE, NONE])].concat());
        let found = of(&[first.clone(), last]);
        let frozen = found[&1].clone().unwrap();
        let values: Vec<_> = frozen.values().map(|value| (value.item.tariff(), value.value)).collect();
        assert_eq!(values, [(0, 100_000), (1, 100_000)]);
        assert_eq!(frozen.frames, first, "a value leads back to its own frame");
        assert_eq!(found[&2].as_ref().unwrap().blocks[0].len(), 1, "a point without tariffs has a total");
        assert_eq!(found[&3].as_ref().unwrap_err().cause, MissingCause::NoValue);
        assert!(!found.contains_key(&4), "what was not told is not there");
    }

    #[test]
    fn f24_old_data_under_a_new_question_are_no_values() {
        assert_eq!(cause(&[frame(&unit(1, 0x19, READ, &[TEN]))]), MissingCause::NoFreeze);
        let stale = [0x58, 0x23, 0x20, 0x08, 0x24];
        assert_eq!(cause(&[frame(&unit(1, 0x20, stale, &[TEN]))]), MissingCause::NoFreeze);
        let last_minute = [0x59, 0x23, 0x20, 0x08, 0x24];
        assert!(of(&[frame(&unit(1, 0x20, last_minute, &[TEN]))])[&1].is_ok(), "as it was captured");
        let to_come = [0x30, 0x02, 0x21, 0x08, 0x24];
        assert_eq!(cause(&[frame(&unit(1, 0x20, to_come, &[TEN]))]), MissingCause::NoFreeze);
        let untold = [0xEE; 5];
        assert_eq!(cause(&[frame(&unit(1, 0x20, untold, &[TEN]))]), MissingCause::NoFreeze);
    }

    #[test]
    fn f24_what_is_said_once_and_otherwise_the_next_time_is_nothing() {
        let told = |values: &[[u8; 5]]| of(&[frame(&unit(1, 0x20, READ, values))]).remove(&1).unwrap();
        assert!(told(&[TEN]).unwrap().confirmed(told(&[TEN])).unwrap().is_confirmed);
        let other = told(&[TEN]).unwrap().confirmed(told(&[[0x00, 0x00, 0x11, 0x00, 0x00]]));
        assert_eq!(other.unwrap_err().cause, MissingCause::WrongForm);
        assert_eq!(told(&[TEN]).unwrap().confirmed(told(&[NONE])).unwrap_err().cause, MissingCause::NoValue);
    }

    #[test]
    fn f09_a_total_that_was_asked_for_and_is_not_there_is_told_as_lacking() {
        let day = Day::new(2024, 8, 21).unwrap();
        let totals = ["1.8.0", "2.8.0", "5.8.0"].map(|code| Item::parse(code).unwrap());
        // F163 and F165 beside F161: the reverse total is there, the forward one is filled, the other is left out.
        let reverse = [&[0x01, 0x01, 0x04, 0x14, 0x20, 0x08, 0x24][..], &READ, &[0], &TEN].concat();
        let frame = frame(&[unit(1, 0x20, READ, &[NONE]), reverse].concat());
        let told = frozen(&answered(&[frame]), (day, &totals), Duration::from_secs(300)).remove(&1).unwrap();
        let told = told.unwrap();
        assert_eq!(totals.map(|total| told.lacking.is_unfitted(total)), [true, false, true]);
        assert_eq!(told.totals().len(), 1);
    }

    #[test]
    fn f24_a_terminal_that_writes_the_same_minute_always_does_not_say_when_it_read() {
        let midnight = Day::new(2024, 8, 21).unwrap().start();
        let turn =
            |read| of(&[frame(&unit(1, 0x20, read, &[TEN]))]).remove(&1).unwrap().unwrap().turn(midnight);
        assert_eq!(turn(READ), Duration::from_secs(15 * 60));
        let collected = Duration::from_secs(3600);
        assert_eq!(turn([0x59, 0x23, 0x20, 0x08, 0x24]), collected);
        assert_eq!(turn([0x00, 0x00, 0x21, 0x08, 0x24]), collected);
    }

    #[test]
    fn f09_a_tariff_without_a_value_is_left_out_and_told_as_lacking() {
        let told = |last| of(&[frame(&unit(1, 0x20, READ, &[TEN, TEN, last]))]).remove(&1).unwrap().unwrap();
        let tariff = Item::parse("1.8.2").unwrap();
        let filled = told(NONE);
        assert_eq!(filled.values().map(|value| value.item.tariff()).collect::<Vec<_>>(), [0, 1]);
        assert!(filled.lacking.is_unfitted(tariff), "the meter may have no such tariff");
        let corrupt = told([0x00, 0x00, 0x1A, 0x00, 0x00]);
        assert_eq!(corrupt.values().count(), 2);
        assert!(!corrupt.lacking.is_unfitted(tariff), "bytes of no sense are no absence");
        assert_eq!(corrupt.lacking.first().unwrap().cause, MissingCause::NoValue);
        assert_eq!(told(TEN).lacking, Lacking::default());
    }

    #[test]
    fn f09_no_tariff_counts_without_its_total() {
        assert_eq!(cause(&[frame(&unit(1, 0x20, READ, &[NONE, TEN]))]), MissingCause::NoValue);
        let corrupt = [0xFF, 0x00, 0x10, 0x00, 0x00];
        assert_eq!(cause(&[frame(&unit(1, 0x20, READ, &[corrupt, TEN]))]), MissingCause::NoValue);
    }

    #[test]
    fn an_answer_that_is_not_read_to_its_end_leaves_out_what_may_stand_there() {
        let filled = |count: u8| {
            [&[0x02, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24][..], &[0xEE; 5], &[count], &[0xEE; 10]].concat()
        };
        let of_three = |count| {
            frame(&[unit(1, 0x20, READ, &[TEN]), filled(count), unit(3, 0x20, READ, &[TEN])].concat())
        };
        // M = EE: the point behind it is read all the same, and the point itself is told to have no value.
        let filled = [of_three(0xEE)];
        assert!(answered(&filled).is_whole());
        assert_eq!(of(&filled)[&2].as_ref().unwrap_err().cause, MissingCause::NoValue);
        assert_eq!(of(&filled)[&3].as_ref().unwrap().blocks[0][0].value, 100_000);
        // A count of no sense: what stands behind it is not told, and nothing is made up of it.
        let senseless = [of_three(0x31)];
        assert!(!answered(&senseless).is_whole());
        assert_eq!(of(&senseless).into_keys().collect::<Vec<_>>(), [1]);
        let cut_off = Answered { is_complete: false, ..answered(&[frame(&unit(1, 0x20, READ, &[TEN]))]) };
        assert!(!cut_off.is_whole());
    }

    #[test]
    fn f24_a_point_that_is_told_twice_has_to_be_told_the_same() {
        let other = [0x00, 0x00, 0x11, 0x00, 0x00];
        let twice = |second| [frame(&unit(1, 0x20, READ, &[TEN])), frame(&unit(1, 0x20, READ, &[second]))];
        assert_eq!(cause(&twice(other)), MissingCause::WrongForm);
        assert!(of(&twice(TEN))[&1].is_ok());
    }
}
