//! How good the way to a terminal (链路) is, as far as it shows here. The protocol has no item for the strength of its signal.
//!
//! The rule and its reasons:
//!
//! - **Left unanswered.** One request alone says nothing: it may have fallen into a change of sessions. From two of the last 32 on
//!   the way loses something. From a quarter on one question in 64 is lost although it is put three times, and a night lasts
//!   several times as long, since each loss is waited for for half a minute.
//! - **Slow.** An answer over a mobile network takes about a second. From 5 s on a night of a thousand questions takes an hour and
//!   a half; from 15 s on, half of what is waited for, the usual scatter makes questions be put again that were answered. The
//!   middle answer counts, so that a single long list that the terminal looks up does not.
//! - **Logs in anew.** Networks and terminals renew a connection a few times a day. More than once in four hours is no renewal;
//!   more than once an hour something breaks it.
//!
//! The worst of the three counts. Bad signs count at once; that nothing is wrong is said after a few answers.

use std::time::Duration;

/// How good the way to a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkQuality {
    /// Nothing is wrong with it.
    Good,
    /// It loses or delays something, or the terminal logs in more often than it has to.
    Fair,
    /// Nights suffer from it.
    Poor,
    /// Too little has passed to say so.
    Unknown,
}

impl LinkQuality {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Unknown => "unknown",
        }
    }
}

/// What has shown of the way to a terminal since the program began. Only what was asked of the terminal itself counts: a meter
/// behind it that says nothing is not the fault of the way, and its answer takes the time of a power line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkMeasured {
    /// Requests that were sent, each repetition one; the last 32 at most.
    pub asked: u8,
    /// Of these, left without an answer of any kind.
    pub unanswered: u8,
    /// How long the first frame of an answer took from when it was first asked for: the middle of these times.
    pub answered_after: Option<Duration>,
    /// Sessions that began within the last 24 hours, to the hour.
    pub logins: u16,
}

impl LinkMeasured {
    /// What that comes to.
    #[must_use]
    pub fn quality(&self) -> LinkQuality {
        let answers = self.asked.saturating_sub(self.unanswered);
        match self.by_loss().max(self.by_time(answers)).max(self.by_logins()) {
            LinkQuality::Good if answers < ENOUGH => LinkQuality::Unknown,
            worst => worst,
        }
    }

    const fn by_loss(&self) -> LinkQuality {
        match self.unanswered {
            ..SOME_LOST => LinkQuality::Good,
            lost if lost.saturating_mul(POOR_SHARE) >= self.asked => LinkQuality::Poor,
            _ => LinkQuality::Fair,
        }
    }

    fn by_time(&self, answers: u8) -> LinkQuality {
        match self.answered_after.filter(|_| answers >= ENOUGH) {
            Some(time) if time >= POOR_TIME => LinkQuality::Poor,
            Some(time) if time >= FAIR_TIME => LinkQuality::Fair,
            _ => LinkQuality::Good,
        }
    }

    const fn by_logins(&self) -> LinkQuality {
        match self.logins {
            logins if logins <= MOST_RENEWALS => LinkQuality::Good,
            logins if logins <= MOST_HOURLY => LinkQuality::Fair,
            _ => LinkQuality::Poor,
        }
    }
}

/// So many answers show that nothing is wrong, and what a usual time is.
const ENOUGH: u8 = 4;
/// From so many requests without an answer on something is lost.
const SOME_LOST: u8 = 2;
/// One in so many lost is poor.
const POOR_SHARE: u8 = 4;
const FAIR_TIME: Duration = Duration::from_secs(5);
const POOR_TIME: Duration = Duration::from_secs(15);
/// So many logins a day are renewals.
const MOST_RENEWALS: u16 = 6;
const MOST_HOURLY: u16 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_says_what_it_says() {
        use LinkQuality::{Fair, Good, Poor, Unknown};
        // Asked, left unanswered, the middle answer in tenths of a second, logins.
        for (asked, unanswered, tenths, logins, expected) in [
            (0, 0, None, 0, Unknown),
            (0, 0, None, 6, Unknown),
            (3, 0, Some(8), 1, Unknown),
            (4, 0, Some(8), 1, Good),
            // One loss alone says nothing, nor does it stand for an answer.
            (1, 1, None, 1, Unknown),
            (4, 1, Some(8), 1, Unknown),
            (5, 1, Some(8), 1, Good),
            (32, 1, Some(8), 1, Good),
            (32, 2, Some(8), 1, Fair),
            (32, 7, Some(8), 1, Fair),
            (32, 8, Some(8), 1, Poor),
            (9, 2, Some(8), 1, Fair),
            (8, 2, Some(8), 1, Poor),
            (3, 3, None, 1, Poor),
            (32, 32, None, 1, Poor),
            // Slow, once there are enough to know.
            (32, 0, Some(49), 1, Good),
            (32, 0, Some(50), 1, Fair),
            (32, 0, Some(149), 1, Fair),
            (32, 0, Some(150), 1, Poor),
            (3, 0, Some(300), 1, Unknown),
            (4, 0, Some(300), 1, Poor),
            // Logins count without any question.
            (32, 0, Some(8), 6, Good),
            (32, 0, Some(8), 7, Fair),
            (0, 0, None, 7, Fair),
            (32, 0, Some(8), 24, Fair),
            (32, 0, Some(8), 25, Poor),
            (0, 0, None, 25, Poor),
            // The worst counts.
            (32, 2, Some(150), 7, Poor),
            (32, 2, Some(50), 7, Fair),
            (32, 8, Some(1), 0, Poor),
        ] {
            let answered_after = tenths.map(|tenths| Duration::from_millis(tenths * 100));
            let measured = LinkMeasured { asked, unanswered, answered_after, logins };
            assert_eq!(measured.quality(), expected, "{measured:?}");
        }
    }
}
