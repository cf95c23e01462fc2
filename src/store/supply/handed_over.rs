//! Orders that go to people: nothing of them is sent from here any more.

use super::attempt::{object, tell_of};
use super::commit_in_any_case;
use super::head::{Head, Step};
use super::left::may_have_left;
use crate::domain::supply::{OrderEvent, OrderState, SupplyOrder};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Id, MeteringPoint, Moment};
use crate::store::Store;
use crate::store::alarm::raise;
use crate::store::error::StoreError;

/// An order that is handed over at a point.
#[derive(Clone, Copy, Debug)]
pub struct HandedOver<'a> {
    /// The order.
    pub order: Id<SupplyOrder>,
    /// The point.
    pub point: Id<MeteringPoint>,
    /// Why it cannot be sent, in a short name; `None` where it only took too long.
    pub why: Option<&'a str>,
    /// The same in words, in Chinese and in English.
    pub words: Option<(&'a str, &'a str)>,
    /// What people are told, and how often they have been then.
    pub tell: (AlarmKind, i64),
}

impl Store {
    /// Gives up sending, and tells people to go there. What may have been obeyed is looked at on and on. Says how it stands.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn hand_over(&self, over: &HandedOver<'_>, now: Moment) -> Result<OrderState, StoreError> {
        let HandedOver { order, point, why, words, tell: (kind, told) } = *over;
        let mut writing = self.change_supply("handing a supply order over to people").await?;
        let mut head = Head::load_for(&mut writing, (order, point)).await?;
        let was_sent = may_have_left(&mut writing, order, point).await?;
        let (event, proof) =
            if was_sent { (OrderEvent::LoseTrack, "unread") } else { (OrderEvent::GiveUp, "not_sent") };
        let proof = why.unwrap_or(proof);
        let subject = object(order, point);
        let alarm = Alarm::new(kind, subject.clone(), now).for_order(order.number());
        let (zh, en) = words.unwrap_or_default();
        let alarm = alarm.in_area(head.point(point)?.area).saying(zh, en);
        raise(&mut writing, &alarm).await?;
        tell_of(&mut writing, (order, point), (proof, told), now).await?;
        let state = head.step(&mut writing, point, &Step { due: Some(now), ..Step::of(event, now) }).await?;
        head.settle(&mut writing, now).await?;
        let entry = AuditEntry::of_system(now, "order.seen", subject).for_order(order.number());
        let detail = serde_json::json!({ "proof": proof });
        commit_in_any_case(writing, &entry.ending(state.name()).saying(detail.to_string())).await?;
        Ok(state)
    }
}
