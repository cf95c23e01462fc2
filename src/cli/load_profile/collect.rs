//! Fetches load records block by block: each request begins behind the last record that came. (F18)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dlt645::catalog::load_record::{Block, LoadRecords};
use dlt645::catalog::{self, Content, Entry, Value};
use dlt645::data_id::DataId;
use dlt645::exchange::{LengthRule, Outcome};
use dlt645::meter_time::Civil;
use dlt645::request::{Blocks, Request};
use serde::Serialize;

use super::super::CliError;
use super::super::asker::{Asker, payload, strict};
use super::super::progress::status;
use super::super::trouble::Trouble;
use super::LoadProfile;
use crate::channel::Question;
use crate::domain::Moment;

/// One value of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Measured {
    pub(super) class: u8,
    pub(super) item: Option<String>,
    pub(super) name: String,
    pub(super) name_zh: String,
    /// Exact; none where the meter sent no value.
    pub(super) value: Option<String>,
    pub(super) unit: Option<&'static str>,
}

/// What the meter gave.
#[derive(Default)]
pub(super) struct Collected {
    /// Each once, by the meter's clock.
    pub(super) records: BTreeMap<Civil, Vec<Measured>>,
    /// Those that the meter itself marks as faulty.
    pub(super) faulty: BTreeSet<Civil>,
    pub(super) future: usize,
    pub(super) duplicates: usize,
    pub(super) conflicts: usize,
    pub(super) undated: usize,
    /// Why and from where on nothing more came.
    pub(super) broke: Option<(Trouble, Civil)>,
}

impl LoadProfile {
    /// How many minutes the meter leaves between records: the fewest of the classes asked for.
    pub(super) async fn interval_of(&self, asker: &mut Asker) -> Result<Option<u16>, CliError> {
        let mut shortest = None;
        for class in self.class.map_or(1..=6, |class| class..=class) {
            let item = DataId::new_2007(0x0400_0A01 + u32::from(class));
            let told = asker.ask(strict(self.meter, item)).await?;
            let entry = catalog::find(item);
            let Some((data, entry)) = payload(&told.outcome).zip(entry) else {
                // Who does not answer at all is not asked five times more.
                if matches!(told.outcome, Outcome::Silent(_)) {
                    break;
                }
                continue;
            };
            let Ok(Content::Values(mut values)) = entry.read(data) else { continue };
            let minutes = values.next().and_then(|reading| match reading.value {
                Value::Number(number) => u16::try_from(number.scaled()).ok().filter(|minutes| *minutes > 0),
                _ => None,
            });
            shortest = [shortest, minutes].into_iter().flatten().min();
        }
        Ok(shortest)
    }

    pub(super) async fn collect(
        &self,
        asker: &mut Asker,
        (from, to): (Civil, Civil),
    ) -> Result<Collected, CliError> {
        let mut collected = Collected::default();
        let (mut since, mut blind) = (from, 0);
        loop {
            status(&format!("{since}: {} records", collected.records.len()));
            let question = self.question(since)?;
            let told = asker.ask(question).await?;
            let data = match &told.outcome {
                Outcome::Answered(answer) => answer.payload(),
                Outcome::Refused { refusal, .. } if refusal.is_no_data() => break,
                outcome => {
                    collected.broke = Some((Trouble::of_2007(outcome), since));
                    break;
                }
            };
            let limit = asker.clock().now().plus(AHEAD);
            let last = collected.take(self.class.unwrap_or(0), self.item(), data, (since, to), limit);
            let next = match last {
                Taken::End => break,
                Taken::Last(last) => {
                    blind = 0;
                    minute_after(last).filter(|next| *next <= to)
                }
                // The next minute at which a record may be; those behind it are not lost with it. (F18)
                Taken::Undated if blind < MOST_BLIND => {
                    blind += 1;
                    minute_after(since).filter(|next| *next <= to)
                }
                Taken::Undated => {
                    let why =
                        Trouble::new("the records from there on have no time", "该时刻之后的记录无时间");
                    collected.broke = Some((why, since));
                    break;
                }
                Taken::Nothing => {
                    let why =
                        Trouble::new("the answer holds no record from there on", "应答中无该时刻之后的记录");
                    collected.broke = Some((why, since));
                    break;
                }
            };
            match next {
                Some(next) => since = next,
                None => break,
            }
        }
        status("");
        Ok(collected)
    }

    /// `06 class 00 01`, from a given time on.
    fn item(&self) -> DataId {
        DataId::new_2007(0x0600_0001 | u32::from(self.class.unwrap_or(0)) << 16)
    }

    fn question(&self, since: Civil) -> Result<Question, CliError> {
        let blocks = Blocks::new(self.blocks).unwrap_or(Blocks::ONE);
        let request = Request::read_since(self.meter, self.item(), blocks, since)
            .map_err(|error| CliError::Usage(error.to_string()))?;
        // Any length may be all that there is: where it ends is told by the blocks themselves.
        let longest = LONGEST_BLOCK * usize::from(self.blocks) * 2;
        Ok(Question::new(request).expecting(LengthRule::exact(0..=longest)))
    }
}

/// What an answer led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is nothing more to ask for.
    End,
    /// The last record in it.
    Last(Civil),
    /// Records, and none of them says when.
    Undated,
    /// Nothing that leads on.
    Nothing,
}

impl Collected {
    /// Takes the blocks of one answer.
    fn take(
        &mut self,
        class: u8,
        item: DataId,
        data: &[u8],
        (since, to): (Civil, Civil),
        limit: Moment,
    ) -> Taken {
        let Some(entry) = catalog::find(item) else { return Taken::End };
        if data.is_empty() {
            return Taken::End;
        }
        let (mut last, undated) = (None, self.undated);
        // What follows the last whole block is asked for again.
        for block in LoadRecords::new(class, data).map_while(Result::ok) {
            let Some(at) = block.at.civil() else {
                self.undated += 1;
                continue;
            };
            if Moment::from_civil(at) > limit {
                self.future += 1;
                continue;
            }
            if at > to {
                return Taken::End;
            }
            // Older than asked for: not what was wanted, and no way on.
            if at >= since {
                last = last.max(Some(at));
            }
            self.add(at, &block, entry);
        }
        match last {
            Some(last) => Taken::Last(last),
            None if self.future > 0 => Taken::End,
            None if self.undated > undated => Taken::Undated,
            None => Taken::Nothing,
        }
    }

    fn add(&mut self, at: Civil, block: &Block<'_>, entry: Entry) {
        if block.is_faulty {
            self.faulty.insert(at);
            return;
        }
        let values: Vec<Measured> = (1..=6).flat_map(|class| measured(block, class, entry)).collect();
        match self.records.get(&at) {
            None => {
                self.records.insert(at, values);
            }
            Some(known) if *known == values => self.duplicates += 1,
            Some(_) => self.conflicts += 1,
        }
    }
}

fn measured(block: &Block<'_>, class: u8, entry: Entry) -> Vec<Measured> {
    let values = block.values(class, entry).into_iter().flatten();
    let value = |reading: catalog::Reading<'_>| Measured {
        class,
        item: reading.item().map(|item| item.to_string()),
        name: reading.name_en(),
        name_zh: reading.name_zh(),
        value: (!matches!(reading.value, Value::Absent(_))).then(|| reading.value.to_string()),
        unit: Some(reading.field.unit).filter(|unit| !unit.is_empty()),
    };
    values.map(value).collect()
}

pub(super) fn minute_after(at: Civil) -> Option<Civil> {
    Moment::from_civil(at).plus(Duration::from_secs(60)).civil()
}

/// How many minutes one record without a time is looked behind: the longest a meter leaves between two.
const MOST_BLIND: u32 = 60;
/// Bytes of a block with all classes.
const LONGEST_BLOCK: usize = 103;
/// How far ahead of ours a meter's clock may be before its records count as of the future.
const AHEAD: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use dlt645::catalog::load_record::encode;
    use dlt645::meter_time::{MeterTime, TimeFormat};

    use super::*;

    fn at(hour: u8, minute: u8) -> Civil {
        Civil::new(2026, 11, 21, hour, minute, 0).unwrap()
    }

    fn block(at: Civil, energy: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let kind = [energy; 16];
        let time = MeterTime::from_civil(TimeFormat::YYMMDDhhmm, at);
        assert!(encode(time, &[None, None, None, Some(&kind), None, None], &mut out));
        out
    }

    fn take(collected: &mut Collected, since: Civil, data: &[u8]) -> Taken {
        let limit = Moment::from_civil(at(12, 0));
        collected.take(4, DataId::new_2007(0x0604_0001), data, (since, at(23, 59)), limit)
    }

    #[test]
    fn f18_records_are_taken_once_and_those_of_the_future_not_at_all() {
        let mut collected = Collected::default();
        let data = [block(at(10, 0), 1), block(at(10, 15), 2), block(at(10, 15), 2)].concat();
        assert_eq!(take(&mut collected, at(10, 0), &data), Taken::Last(at(10, 15)));
        let data = [block(at(10, 15), 3), block(at(10, 30), 4), block(at(12, 15), 5)].concat();
        assert_eq!(take(&mut collected, at(10, 16), &data), Taken::Last(at(10, 30)));
        assert_eq!((collected.duplicates, collected.conflicts, collected.future), (1, 1, 1));
        let times: Vec<Civil> = collected.records.keys().copied().collect();
        assert_eq!(times, [at(10, 0), at(10, 15), at(10, 30)]);
        assert_eq!(
            collected.records[&at(10, 15)][0].value.as_deref(),
            Some("20202.02"),
            "the first one stays"
        );
        assert_eq!(take(&mut collected, at(10, 31), &block(at(12, 30), 6)), Taken::End);
    }

    #[test]
    fn f18_a_record_of_the_future_counts_as_one_also_behind_the_end_of_what_is_asked() {
        let mut collected = Collected::default();
        let (limit, to) = (Moment::from_civil(at(12, 0)), at(11, 0));
        let take = |collected: &mut Collected, of| {
            collected.take(4, DataId::new_2007(0x0604_0001), &block(of, 1), (at(10, 0), to), limit)
        };
        assert_eq!((take(&mut collected, at(11, 30)), collected.future), (Taken::End, 0));
        assert_eq!((take(&mut collected, at(18, 0)), collected.future), (Taken::End, 1));
    }

    #[test]
    fn a_meter_that_gives_the_same_again_and_again_ends_the_reading() {
        let mut collected = Collected::default();
        assert_eq!(take(&mut collected, at(10, 1), &block(at(10, 0), 1)), Taken::Nothing);
        assert_eq!(take(&mut collected, at(10, 1), &[0x55; 40]), Taken::Nothing);
        let mut undated = block(at(10, 15), 1);
        undated[3..8].fill(0xFF);
        assert_eq!(take(&mut collected, at(10, 1), &undated), Taken::Undated);
        assert_eq!(take(&mut collected, at(10, 1), &[]), Taken::End);
    }

    #[test]
    fn f08_of_an_answer_that_breaks_off_whole_blocks_are_used() {
        let mut collected = Collected::default();
        let whole = [block(at(10, 0), 1), block(at(10, 15), 2)].concat();
        assert_eq!(take(&mut collected, at(10, 0), &whole[..whole.len() - 5]), Taken::Last(at(10, 0)));
        assert_eq!(collected.records.len(), 1);
    }
}
