//! What is kept of the way to one terminal: its last answers and how often it logged in, in a few bytes.
//!
//! A terminal that was never asked has no answers and takes no memory for them; twenty thousand idle ones cost what they did.

use std::time::Duration;

use tokio::time::Instant;

use super::quality::LinkMeasured;

/// The last requests to a terminal itself, and its logins.
#[derive(Debug, Default)]
pub(super) struct Measured {
    requests: Requests,
    logins: Logins,
}

impl Measured {
    /// A request was sent so often, and the first frame of its answer came so long after it was sent first.
    pub(super) fn request(&mut self, sent: u16, answered_after: Option<Duration>) {
        let unanswered = sent.saturating_sub(u16::from(answered_after.is_some()));
        for _ in 0..usize::from(unanswered).min(MOST) {
            self.requests.note(UNANSWERED);
        }
        if let Some(after) = answered_after {
            let hundredths = u16::try_from(after.as_millis() / 10).unwrap_or(u16::MAX);
            self.requests.note(hundredths.min(UNANSWERED - 1));
        }
    }

    /// A session began.
    pub(super) fn login(&mut self, now: Instant) {
        self.logins.note(now);
    }

    pub(super) fn link(&self, now: Instant) -> LinkMeasured {
        let Requests(all) = &self.requests;
        let count = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        let mut times: Vec<_> = all.iter().copied().filter(|time| *time != UNANSWERED).collect();
        times.sort_unstable();
        LinkMeasured {
            asked: count(all.len()),
            unanswered: count(all.len() - times.len()),
            // Of two in the middle the longer one.
            answered_after: times
                .get(times.len() / 2)
                .map(|time| Duration::from_millis(u64::from(*time) * 10)),
            logins: self.logins.count(now),
        }
    }
}

/// How long each took in hundredths of a second, or [`UNANSWERED`]; the oldest first.
#[derive(Debug, Default)]
struct Requests(Vec<u16>);

impl Requests {
    fn note(&mut self, time: u16) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(time);
    }
}

/// How many logins came in the hour that goes on and in those before it.
#[derive(Debug, Default)]
struct Logins {
    hours: [u8; HOURS],
    /// When the first of these hours began.
    since: Option<Instant>,
}

impl Logins {
    fn note(&mut self, now: Instant) {
        let since = self.since.unwrap_or(now);
        let over = hours_between(since, now);
        self.hours.rotate_right(over % HOURS);
        self.hours.iter_mut().take(over).for_each(|hour| *hour = 0);
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        self.since = Some(since.checked_add(HOUR.saturating_mul(over)).unwrap_or(now));
        if let Some(hour) = self.hours.first_mut() {
            *hour = hour.saturating_add(1);
        }
    }

    fn count(&self, now: Instant) -> u16 {
        let over = self.since.map_or(0, |since| hours_between(since, now));
        self.hours.iter().take(HOURS.saturating_sub(over)).copied().map(u16::from).sum()
    }
}

fn hours_between(from: Instant, to: Instant) -> usize {
    let hours = to.saturating_duration_since(from).as_secs() / HOUR.as_secs();
    usize::try_from(hours).unwrap_or(usize::MAX)
}

/// So many requests are kept.
const MOST: usize = 32;
const UNANSWERED: u16 = u16::MAX;
const HOURS: usize = 24;
const HOUR: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_requests_are_kept_and_none_takes_memory_before_the_first() {
        let now = Instant::now();
        let mut measured = Measured::default();
        measured.login(now);
        assert_eq!((size_of::<Measured>(), measured.requests.0.capacity()), (64, 0));
        for after in [1, 9, 2] {
            measured.request(1, Some(seconds(after)));
        }
        let link = measured.link(now);
        assert_eq!((link.asked, link.unanswered, link.answered_after), (3, 0, Some(seconds(2))));
        // Answered when it was put the second time, and never.
        measured.request(2, Some(seconds(31)));
        measured.request(3, None);
        let link = measured.link(now);
        assert_eq!((link.asked, link.unanswered, link.answered_after), (8, 4, Some(seconds(9))));
        measured.request(u16::MAX, None);
        let link = measured.link(now);
        assert_eq!((link.asked, link.unanswered, link.answered_after), (32, 32, None));
        for _ in 0..32 {
            measured.request(1, Some(seconds(100_000)));
        }
        let link = measured.link(now);
        let longest = Duration::from_millis(655_340);
        assert_eq!(
            (link.asked, link.unanswered, link.answered_after),
            (32, 0, Some(longest)),
            "it is an answer"
        );
        assert!(measured.requests.0.capacity() <= MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn logins_of_a_day_count_and_older_ones_do_not() {
        let begin = Instant::now();
        let mut logins = Logins::default();
        assert_eq!(logins.count(begin), 0);
        for hour in 0..100_u32 {
            let now = begin + HOUR * hour;
            logins.note(now);
            logins.note(now + seconds(1800));
            assert_eq!(u32::from(logins.count(now)), (2 * (hour + 1)).min(48));
        }
        let last = begin + HOUR * 99;
        let later = |hours: u32| logins.count(last + HOUR * hours);
        assert_eq!([later(1), later(23), later(24), later(1000)], [46, 2, 0, 0]);
        logins.note(last + HOUR * 1000 + seconds(7));
        assert_eq!(logins.count(last + HOUR * 1000 + seconds(7)), 1, "after a long time");
        let now = last + HOUR * 1000;
        (0..1000).for_each(|_| logins.note(now + seconds(60)));
        assert_eq!(logins.count(now + seconds(60)), 255, "a storm has an end");
    }
}
