//! What waits for one terminal, the most urgent first, in the order it came.

use gdw1376::auxiliary::Password;
use gdw1376::dialogue::Timing;
use gdw1376::request::Request;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{AskError, Told};
use crate::link::Urgency;

/// A question or an order on its way to an end.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) request: Request,
    pub(super) timing: Timing,
    pub(super) until: Option<Instant>,
    pub(super) password: Password,
    /// Told when the first byte is about to leave.
    pub(super) left: Option<oneshot::Sender<()>>,
    pub(super) reply: oneshot::Sender<Result<Told, AskError>>,
    /// What came of it when it was asked on an earlier session.
    pub(super) last: Option<Told>,
    /// How often the connection went under it.
    pub(super) breaks: u8,
}

impl Order {
    /// Ends it; whoever asked may be gone.
    pub(super) fn end(self, told: Result<Told, AskError>) {
        let _ = self.reply.send(told);
    }

    /// Ends it when it cannot be asked any more: with what came of it on an earlier session, if it was asked.
    pub(super) fn give_up(mut self, why: AskError) {
        let told = self.last.take().ok_or(why);
        self.end(told);
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// The right to send one order now.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) give: oneshot::Sender<Box<Order>>,
    /// On which session.
    pub(super) session: u64,
}

/// What waits.
#[derive(Debug)]
pub(super) enum What {
    /// An order.
    Order(Box<Order>),
    /// Somebody whose order is made when the turn has come.
    Turn(oneshot::Sender<Grant>),
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) urgency: Urgency,
    pub(super) until: Option<Instant>,
    pub(super) what: What,
}

impl Waiting {
    /// Ends it without its turn.
    pub(super) fn give_up(self, why: AskError) {
        match self.what {
            What::Order(order) => order.give_up(why),
            // Dropping says it.
            What::Turn(_) => {}
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue(Vec<Waiting>);

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.len() < MOST
    }

    pub(super) fn has(&self, urgency: Urgency) -> bool {
        self.0.iter().any(|waiting| waiting.urgency == urgency)
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.0.push(waiting);
    }

    /// The next one that is so urgent. What is over stays for whoever waits for it to take it back.
    pub(super) fn pop(&mut self, now: Instant, least: Urgency) -> Option<Waiting> {
        let is_over = |waiting: &Waiting| waiting.until.is_some_and(|until| now >= until);
        let is_fit = |waiting: &Waiting| !is_over(waiting) && waiting.urgency <= least;
        let fit = self.0.iter().enumerate().filter(|(_, waiting)| is_fit(waiting));
        let (place, _) = fit.min_by_key(|(_, waiting)| (waiting.urgency, waiting.id))?;
        Some(self.remove(place))
    }

    pub(super) fn holds(&self, id: u64) -> bool {
        self.0.iter().any(|waiting| waiting.id == id)
    }

    pub(super) fn withdraw(&mut self, id: u64) -> Option<Waiting> {
        let place = self.0.iter().position(|waiting| waiting.id == id)?;
        Some(self.remove(place))
    }

    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.0)
    }

    fn remove(&mut self, place: usize) -> Waiting {
        let waiting = self.0.swap_remove(place);
        if self.0.is_empty() {
            // An idle terminal holds no memory for what waited once.
            self.0 = Vec::new();
        }
        waiting
    }
}

/// So much may wait for one terminal.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(id: u64, urgency: Urgency, until: Option<Instant>) -> Waiting {
        let (turn, _) = oneshot::channel();
        Waiting { id, urgency, until, what: What::Turn(turn) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_urgent_is_next_then_the_first() {
        let now = Instant::now();
        let mut queue = Queue::default();
        for (id, urgency) in
            [(1, Urgency::Nightly), (2, Urgency::Control), (3, Urgency::Nightly), (4, Urgency::Restore)]
        {
            queue.push(waiting(id, urgency, None));
        }
        queue.push(waiting(5, Urgency::Restore, Some(now)));
        assert!(queue.withdraw(3).is_some() && queue.withdraw(3).is_none());
        let mut popped = |least| {
            std::iter::from_fn(|| queue.pop(now, least)).map(|waiting| waiting.id).collect::<Vec<_>>()
        };
        assert_eq!(popped(Urgency::Control), [4, 2], "it is kept for orders");
        assert_eq!(popped(Urgency::Housekeeping), [1]);
        assert!(queue.holds(5), "what is over is not begun");
    }
}
