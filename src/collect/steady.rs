//! Which answers are believed: two that say the same, beside neither of which anything else was heard, and of what moves only
//! those that are known to be of now.

use std::time::Duration;

use dlt645::data_id::DataId;
use dlt645::exchange::LengthRule;

use super::ask::{Asker, Heard, Missed};
use super::interpret;
use crate::domain::{Item, MissingCause};

impl Asker<'_> {
    /// Reads an identifier until two answers say the same. A bit that was turned over under a checksum that was turned over as
    /// well is one answer's and not the next one's (F8); an answer of yesterday comes with that of today behind it (F6).
    pub(super) async fn read_twice(&self, id: DataId, length: &LengthRule) -> Result<Heard, Missed> {
        twice(id, || self.read(id, length.clone()), |_, _| false).await
    }

    /// The same of a register with its tariffs. What is so fine that it moves from one answer to the next need not be the same,
    /// if it has moved as such a register may.
    pub(super) async fn read_register(
        &self,
        total: Item,
        id: DataId,
        length: &LengthRule,
    ) -> Result<Heard, Missed> {
        let agree = |one: &Heard, other: &Heard| interpret::moved_on(total, (one, other), self.profile);
        twice(id, || self.read(id, length.clone()), agree).await
    }

    /// The same of now: see [`read_now`](Self::read_now).
    pub(super) async fn read_register_now(
        &self,
        total: Item,
        id: DataId,
        length: &LengthRule,
    ) -> Result<Heard, Missed> {
        let agree = |one: &Heard, other: &Heard| interpret::moved_on(total, (one, other), self.profile);
        twice(id, || self.read_now(id, length), agree).await
    }

    /// Reads what moves. An answer that may be to a question put long before is passed over, since nobody knows when it held;
    /// with each question it is surer that no more is owed.
    pub(super) async fn read_now(&self, id: DataId, length: &LengthRule) -> Result<Heard, Missed> {
        for _ in 0..MOST_PASSED_OVER {
            let heard = self.read(id, length.clone()).await?;
            if heard.is_dated() {
                return Ok(heard);
            }
        }
        let detail = format!("{id}: every answer of {MOST_PASSED_OVER} may have been an old one");
        Err(Missed::new(MissingCause::Damaged, detail))
    }
}

impl Heard {
    /// True when it is known well enough when it held: it is no answer to a question put long before.
    pub(super) fn is_dated(&self) -> bool {
        self.is_surely_new || self.answered_at.since(self.asked_at) <= WIDEST
    }
}

/// Reads until two undisturbed answers say the same, or `agree`. What both say held when the first of them was asked, also if the
/// second is a copy of the first; what has moved held when the later one was asked.
async fn twice<F>(
    id: DataId,
    read: impl Fn() -> F + Send + Sync,
    agree: impl Fn(&Heard, &Heard) -> bool + Send + Sync,
) -> Result<Heard, Missed>
where
    F: Future<Output = Result<Heard, Missed>> + Send,
{
    let mut before: Vec<Heard> = Vec::new();
    for _ in 0..MOST_READS {
        let next = read().await?;
        if !next.is_alone {
            continue;
        }
        if let Some(first) = before.iter().find(|before| before.payload == next.payload) {
            let is_surely_new = first.is_surely_new && next.is_surely_new;
            return Ok(Heard { asked_at: first.asked_at, is_surely_new, ..next });
        }
        if before.iter().any(|before| agree(before, &next)) {
            return Ok(next);
        }
        before.push(next);
    }
    let detail = format!("{id}: no two answers of {MOST_READS} were the same and undisturbed");
    Err(Missed::new(MissingCause::Damaged, detail))
}

/// How often something is read at most until two answers are the same.
const MOST_READS: u32 = 12;
/// How many answers that may be old ones are passed over; more questions than an answer comes late.
const MOST_PASSED_OVER: u32 = 24;
/// An answer that may be to a question asked so long before still tells well enough when it held.
const WIDEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::domain::Moment;

    fn total() -> DataId {
        "00010000".parse().unwrap()
    }

    fn second(count: i64) -> Moment {
        Moment::from_micros(count * 1_000_000)
    }

    /// An answer to a question of that second, a second later.
    fn heard(value: u8, asked: i64) -> Heard {
        Heard {
            id: total(),
            payload: vec![value],
            frames: vec![value],
            asked_at: second(asked),
            answered_at: second(asked + 1),
            is_alone: true,
            is_surely_new: true,
        }
    }

    async fn read(answers: Vec<Heard>) -> Result<Heard, Missed> {
        let left = Mutex::new(answers.into_iter());
        let silent = || Missed::new(MissingCause::Silent, "nothing more");
        let next = || std::future::ready(left.lock().unwrap().next().ok_or_else(silent));
        twice(total(), next, |_, _| false).await
    }

    #[tokio::test]
    async fn f06_what_two_answers_say_held_when_the_first_was_asked() {
        let taken = read(vec![heard(1, 0), heard(2, 2), heard(3, 4), heard(1, 6)]).await.unwrap();
        assert_eq!((taken.payload, taken.asked_at, taken.answered_at), (vec![1], second(0), second(7)));
        let old = Heard { is_surely_new: false, asked_at: second(-9), ..heard(1, 0) };
        let taken = read(vec![old, heard(1, 2)]).await.unwrap();
        assert_eq!((taken.asked_at, taken.is_surely_new), (second(-9), false));
    }

    #[tokio::test]
    async fn f17_what_has_moved_held_when_the_later_one_was_asked() {
        let left = Mutex::new([heard(9, 0), heard(1, 2), heard(2, 4), heard(9, 6)].into_iter());
        let next = || std::future::ready(Ok(left.lock().unwrap().next().unwrap()));
        let by_one = |one: &Heard, other: &Heard| other.payload[0] == one.payload[0] + 1;
        let taken = twice(total(), next, by_one).await.unwrap();
        assert_eq!((taken.payload, taken.asked_at), (vec![2], second(4)), "not back from nine to one");
    }

    #[tokio::test]
    async fn f06_an_answer_that_was_not_alone_says_nothing() {
        let beside = |answer| Heard { is_alone: false, ..answer };
        let taken = read(vec![beside(heard(1, 0)), heard(1, 2), beside(heard(1, 4)), heard(1, 6)]).await;
        assert_eq!(taken.unwrap().asked_at, second(2));
        let missed = read((0..20).map(|place| beside(heard(1, place))).collect()).await.unwrap_err();
        assert_eq!(missed.cause, MissingCause::Damaged);
        let missed = read((0..12).map(|place| heard(u8::try_from(place).unwrap(), place)).collect()).await;
        assert_eq!(missed.unwrap_err().cause, MissingCause::Damaged, "all differ");
        assert_eq!(read(vec![heard(1, 0)]).await.unwrap_err().cause, MissingCause::Silent);
    }

    #[test]
    fn f06_an_answer_to_a_question_put_long_before_is_of_no_known_time() {
        assert!(heard(1, 0).is_dated());
        let owed = |seconds: i64| Heard { is_surely_new: false, asked_at: second(-seconds), ..heard(1, 0) };
        assert!(owed(29).is_dated() && !owed(30).is_dated() && !owed(86_400).is_dated());
        // A slow path is slow for new answers, too.
        assert!(Heard { is_surely_new: true, ..owed(90) }.is_dated());
    }
}
