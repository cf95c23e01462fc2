//! How long a schedule takes on a line, told before it is accepted.
//!
//! | | |
//! | --- | --- |
//! | a byte on the line | 11 bits |
//! | an exchange | wake-up bytes and frames of both sides, the meter's delay, the quiet time |
//! | a silent meter | its time-out or the end of the latest possible answer, whichever is later; once for each try |
//! | a schedule | all its exchanges, with a share of them silent |

use std::time::Duration;

use dlt645::exchange::Timing;

use crate::config::Words;

/// Questions of one kind in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How many.
    pub exchanges: u64,
    /// Bytes of the request, without wake-up bytes.
    pub request: usize,
    /// Bytes of the answer, likewise.
    pub answer: usize,
}

impl Asked {
    /// Reads of one identifier of 2007 whose data have so many bytes.
    #[must_use]
    pub const fn reads(exchanges: u64, data: usize) -> Self {
        Self { exchanges, request: 16, answer: 16 + data }
    }
}

/// What a line can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineBudget {
    /// The times of the line and its meters.
    pub timing: Timing,
    /// How long meters usually take to answer. Default 100 ms.
    pub answer_delay: Duration,
    /// How many wake-up bytes stand in front of their answers. Default 4.
    pub answer_wake_up: usize,
    /// Which share of the questions stays unanswered. Default 2 in 100.
    pub silent_percent: u64,
    /// How often those are asked again. Default 1.
    pub retries: u64,
    /// Which share of the time a schedule may fill. Default 90 in 100.
    pub budget_percent: u32,
}

impl LineBudget {
    /// A line with meters as they usually are.
    #[must_use]
    pub const fn of(timing: Timing) -> Self {
        Self {
            timing,
            answer_delay: Duration::from_millis(100),
            answer_wake_up: 4,
            silent_percent: 2,
            retries: 1,
            budget_percent: 90,
        }
    }

    /// How long one exchange takes.
    #[must_use]
    pub fn exchange(&self, request: usize, answer: usize) -> Duration {
        let bytes = usize::from(self.timing.wake_up_bytes) + request + self.answer_wake_up + answer;
        let answered = self.timing.wire_time(bytes).saturating_add(self.answer_delay);
        answered.saturating_add(self.timing.quiet_after_answer)
    }

    /// How long a question takes that nobody answers.
    #[must_use]
    pub fn silence(&self, request: usize, answer: usize) -> Duration {
        let sent = self.timing.wire_time(usize::from(self.timing.wake_up_bytes) + request);
        let latest = self.timing.wire_time(self.answer_wake_up + answer).saturating_add(self.timing.td_max);
        sent.saturating_add(self.timing.first_byte.max(latest))
    }

    /// How long a schedule takes, and whether it fits into `window`.
    #[must_use]
    pub fn forecast(&self, work: &[Asked], window: Duration) -> Forecast {
        let allowed = part(window, self.budget_percent.into(), 100);
        let takes = self.takes(work);
        let mut faster = RATES.iter().filter(|baud| **baud > self.timing.baud).copied();
        let fits = |baud: &u32| self.at(*baud).takes(work) <= allowed;
        let enough_at = if takes <= allowed { None } else { faster.find(fits) };
        let exchanges = work.iter().map(|asked| asked.exchanges).fold(0, u64::saturating_add);
        Forecast { exchanges, takes, allowed, enough_at }
    }

    fn takes(&self, work: &[Asked]) -> Duration {
        work.iter().fold(Duration::ZERO, |sum, asked| {
            let silent =
                asked.exchanges.saturating_mul(self.silent_percent).div_ceil(100).min(asked.exchanges);
            let answered = times(self.exchange(asked.request, asked.answer), asked.exchanges - silent);
            let tries = silent.saturating_mul(self.retries.saturating_add(1));
            let unanswered = times(self.silence(asked.request, asked.answer), tries);
            sum.saturating_add(answered).saturating_add(unanswered)
        })
    }

    /// The same line at another speed.
    fn at(&self, baud: u32) -> Self {
        Self { timing: Timing { baud, ..self.timing }, ..*self }
    }
}

/// How long a schedule takes, and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// How many questions.
    pub exchanges: u64,
    /// How long they take.
    pub takes: Duration,
    /// How long they may.
    pub allowed: Duration,
    /// The slowest speed at which they would fit, where they do not fit at that of the line.
    pub enough_at: Option<u32>,
}

impl Forecast {
    /// True when the schedule fits.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.takes <= self.allowed
    }

    /// Which share of the allowed time it fills, in 100, rounded up.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let share = self.takes.as_millis().saturating_mul(100).div_ceil(self.allowed.as_millis().max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// One sentence for people.
    #[must_use]
    pub fn in_words(&self) -> Words {
        let (takes, allowed) = (Span(self.takes), Span(self.allowed));
        let (exchanges, percent) = (self.exchanges, self.percent());
        if self.fits() {
            return words(
                format!("{exchanges} questions take {takes} of {allowed} allowed ({percent} %)"),
                format!("{exchanges} 次问答约需 {takes}，允许 {allowed}（占 {percent}%）"),
            );
        }
        let over = Span(self.takes.saturating_sub(self.allowed));
        let (faster, faster_zh) = match self.enough_at {
            Some(baud) => (format!(", {baud} bit/s,"), format!("（{baud} 波特可行）")),
            None => (String::new(), String::new()),
        };
        words(
            format!(
                "{exchanges} questions take {takes}, {over} more than the {allowed} allowed: fewer meters or items, \
                 a faster line{faster} or more time is needed"
            ),
            format!(
                "{exchanges} 次问答约需 {takes}，超出允许的 {allowed} 达 {over}：请减少电表或数据项、提高波特率{faster_zh}或延长时间"
            ),
        )
    }
}

const fn words(en: String, zh: String) -> Words {
    Words { en, zh }
}

/// A duration for people: `850 ms`, `42 s`, `19 min 12 s`, `3 h 5 min`.
struct Span(Duration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, 0) => write!(f, "{} ms", self.0.as_millis()),
            (0, 0, seconds) => write!(f, "{seconds} s"),
            (0, minutes, seconds) => write!(f, "{minutes} min {seconds} s"),
            (hours, minutes, _) => write!(f, "{hours} h {minutes} min"),
        }
    }
}

fn times(span: Duration, number: u64) -> Duration {
    part(span, number, 1)
}

/// `span * number / of`.
fn part(span: Duration, number: u64, of: u64) -> Duration {
    let nanos = span.as_nanos().saturating_mul(number.into()) / u128::from(of.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The speeds of meters and serial servers.
const RATES: &[u32] = &[1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200];

#[cfg(test)]
mod tests {
    use super::*;

    fn ideal(baud: u32) -> LineBudget {
        let timing = Timing { quiet_after_answer: Duration::ZERO, ..Timing::serial(baud) };
        LineBudget { answer_delay: Duration::from_millis(50), silent_percent: 0, ..LineBudget::of(timing) }
    }

    #[test]
    fn the_formulas_give_the_known_times() {
        // Total and four tariffs, 4 + 4 wake-up bytes, 50 ms: one exchange, and 64 meters with 1, 2, 4 and 8 items.
        for (baud, exchange, buses) in [
            (1200, 600_000, [38_400, 76_800, 153_600, 307_200]),
            (2400, 325_000, [20_800, 41_600, 83_200, 166_400]),
            (9600, 118_750, [7_600, 15_200, 30_400, 60_800]),
            (19_200, 84_375, [5_400, 10_800, 21_600, 43_200]),
        ] {
            let line = ideal(baud);
            assert_eq!(line.exchange(16, 36).as_micros(), exchange, "{baud}");
            for (items, millis) in [1, 2, 4, 8].into_iter().zip(buses) {
                let forecast = line.forecast(&[Asked::reads(64 * items, 20)], Duration::from_secs(3600));
                assert_eq!(forecast.takes.as_millis(), millis, "{baud} {items}");
            }
        }
    }

    #[test]
    fn silent_meters_take_their_time_for_each_try() {
        let line = LineBudget { silent_percent: 2, ..ideal(2400) };
        let answered = line.exchange(16, 36);
        let silent = line.silence(16, 36);
        // 20 bytes out, then 718 ms: later than the latest answer, 500 ms and 40 bytes.
        assert_eq!(silent, line.timing.wire_time(20) + line.timing.first_byte);
        let forecast = line.forecast(&[Asked::reads(64, 20)], Duration::from_secs(900));
        assert_eq!(forecast.takes, answered * 62 + silent * 4);
        let all = LineBudget { silent_percent: 100, ..line }.forecast(&[Asked::reads(1, 20)], Duration::MAX);
        assert_eq!(all.takes, silent * 2);
    }

    #[test]
    fn a_schedule_that_does_not_fit_is_told_with_what_would_help() {
        let minute = Duration::from_secs(60);
        let line = ideal(2400);
        let fits = line.forecast(&[Asked::reads(64 * 3, 20)], minute * 15);
        assert!(fits.fits() && fits.percent() == 8);
        assert_eq!(fits.in_words().en, "192 questions take 1 min 2 s of 13 min 30 s allowed (8 %)");
        let tight = line.forecast(&[Asked::reads(4000, 20)], minute * 15);
        assert!(!tight.fits());
        assert_eq!(
            tight.in_words().en,
            "4000 questions take 21 min 40 s, 8 min 10 s more than the 13 min 30 s allowed: fewer meters or items, \
             a faster line, 4800 bit/s, or more time is needed"
        );
        assert!(tight.in_words().zh.contains("4800 波特可行"));
        let hopeless = line.forecast(&[Asked::reads(u64::MAX, 200)], minute);
        assert_eq!((hopeless.fits(), hopeless.enough_at), (false, None));
        assert_eq!(line.forecast(&[], minute).in_words().en, "0 questions take 0 ms of 54 s allowed (0 %)");
    }
}
