//! Finds the freeze of a day by its time, not by counting. (F14)

use std::time::Duration;

use super::super::CliError;
use super::super::asker::Asker;
use super::super::trouble::Trouble;
use super::read::Taken;
use super::{Freeze, Record};
use crate::domain::meter_clock::claims;
use crate::domain::{Day, Moment};

impl Freeze {
    /// The freeze that the meter dates 00:00 of the day. Freezes lie newest first; where days are missing the one
    /// wanted is nearer than the calendar says.
    pub(super) async fn of_day(&self, asker: &mut Asker, day: Day) -> Result<Record, CliError> {
        let today = Day::of(asker.clock().now());
        let mut none = self.empty(None);
        if day > today {
            return Err(CliError::Usage(format!("--day {day} is in the future: today is {today}")));
        }
        let depth = i64::from(self.kind.depth());
        let (mut newer, mut older) = (0, depth + 1);
        let mut guess = (today.number() - day.number() + 1).clamp(1, depth);
        while newer + 1 < older {
            let back = u8::try_from(guess).unwrap_or(u8::MAX);
            let shown = match self.time(asker, self.kind, back).await? {
                Taken::At(at) => at.civil(),
                // Fewer are kept than the calendar says.
                Taken::None(_) => {
                    older = guess;
                    guess = i64::midpoint(newer, older).max(newer + 1);
                    continue;
                }
                Taken::Untold(trouble) => {
                    none.trouble = Some(trouble);
                    return Ok(none);
                }
            };
            let Some(shown) = shown else {
                none.trouble = Some(Trouble::new("the time of a freeze is none", "冻结时间无效"));
                return Ok(none);
            };
            if claims(shown, day.start(), TOLERANCE) {
                let mut record = self.one(asker, back).await?;
                // It may have been pushed back since it was found.
                if record.ok && record.at.as_deref() != Some(&minutes(&shown.to_string())) {
                    record.values.clear();
                    record.ok = false;
                    record.trouble = Some(Trouble::new(
                        "a new freeze came meanwhile: ask again",
                        "读取期间已有新冻结，请重读",
                    ));
                }
                return Ok(record);
            }
            let at = Day::of(Moment::from_civil(shown));
            if Moment::from_civil(shown) > day.start() {
                newer = guess;
                let apart = (at.number() - day.number()).max(1);
                guess = (guess + apart).min(older - 1);
            } else {
                older = guess;
                let apart = (day.number() - at.number()).max(1);
                guess = (guess - apart).max(newer + 1);
            }
        }
        none.trouble = Some(Trouble::new(
            format!(
                "the meter has no freeze that is dated {day} 00:00: it may have had no supply then, or its clock was wrong"
            ),
            format!("电表无{day} 00:00的冻结数据，可能当时停电或时钟有误"),
        ));
        Ok(none)
    }
}

/// The time without its seconds, as a freeze has none.
fn minutes(shown: &str) -> String {
    shown.get(..16).unwrap_or(shown).to_owned()
}

/// How far from 00:00 the time of a daily freeze may be.
const TOLERANCE: Duration = Duration::from_secs(300);
