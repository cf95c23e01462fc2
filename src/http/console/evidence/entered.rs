//! Takes what the forms bring.

use axum::response::{IntoResponse, Redirect, Response};

use super::{TITLE, point_of, read};
use crate::domain::Moment;
use crate::domain::supply::NoticeKind;
use crate::http::Problem;
use crate::http::api::evidence::positive;
use crate::http::api::written::{LONGEST, named, some_words};
use crate::http::console::handlers::answer_as;
use crate::http::console::sent::Sent;
use crate::http::console::table::escaped;
use crate::http::lists::{List, paid, take_over};
use crate::store::NumberedPoint;
use crate::store::supply::{ArrearsEntry, IdentityEntry, NoticeEntry, PaymentEntry};

/// A notice that was given.
pub(super) async fn notices(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let entry = NoticeEntry {
            point: sent.point().await?.point,
            kind: named::<NoticeKind>(sent.typed.text("kind"))?,
            given_at: sent.past("given_at")?,
            how: some_words(sent.typed.text("how"), LONGEST)?.to_owned(),
            given_by: some_words(sent.typed.text("given_by"), LONGEST)?.to_owned(),
        };
        sent.services.store.enter_notices(&sent.caller.acting, &[entry], sent.now()).await?;
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

/// Which meter was found at a point.
pub(super) async fn identities(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let none =
            || Problem::unacceptable("unknown_meter", "there is no such meter", "档案中没有这块电能表");
        let address = sent.typed.text("meter").parse().map_err(|_| none())?;
        let entry = IdentityEntry {
            point: sent.point().await?.point,
            meter: sent.services.store.meter_with(address).await?.ok_or_else(none)?,
            verified_at: sent.past("verified_at")?,
            is_crossed: sent.typed.text("crossed") == "yes",
            verified_by: some_words(sent.typed.text("verified_by"), LONGEST)?.to_owned(),
        };
        sent.services.store.enter_identities(&sent.caller.acting, &[entry], sent.now()).await?;
        sent.services.judge_cuts_again();
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

/// What one customer owes.
pub(super) async fn arrears(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let entry = ArrearsEntry {
            customer: sent.point().await?.customer,
            since: sent.past("since")?,
            amount_fen: positive(sent.typed.text("amount"))?,
            as_of: sent.past("as_of")?,
        };
        sent.services.store.add_arrears(&sent.caller.acting, &[entry], sent.now()).await?;
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

/// What one customer has paid.
pub(super) async fn payments(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let entry = PaymentEntry {
            customer: sent.point().await?.customer,
            reference: some_words(sent.typed.text("reference"), LONGEST)?.to_owned(),
            amount_fen: positive(sent.typed.text("amount"))?,
            paid_at: sent.past("paid_at")?,
        };
        paid(&sent.services, &sent.caller, &[entry]).await?;
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

/// A whole list.
pub(super) async fn load(sent: Sent) -> Result<Response, Problem> {
    let list = List::of_key(sent.typed.text("which")).ok_or_else(Problem::not_there)?;
    let done = take_over(&sent.services, &sent.caller, list, sent.typed.whole("list")).await;
    ended(sent, done.map(|_| ())).await
}

impl Sent {
    /// The point that was typed.
    async fn point(&self) -> Result<NumberedPoint, Problem> {
        point_of(&self.services, &self.caller, self.typed.text("point")).await
    }

    /// A time that has come: nothing that lies ahead is evidence.
    fn past(&self, name: &str) -> Result<Moment, Problem> {
        let at = self.typed.moment(name)?;
        if at <= self.now() {
            return Ok(at);
        }
        Err(Problem::unacceptable("in_the_future", "what is entered lies in the future", "时间不得在将来"))
    }
}

async fn ended(sent: Sent, done: Result<(), Problem>) -> Result<Response, Problem> {
    let number = sent.typed.some("point").map(str::to_owned);
    let Err(problem) = done else {
        let place = number.map(|number| format!("/evidence?point={}", escaped(&number)));
        return Ok(Redirect::to(place.as_deref().unwrap_or("/evidence")).into_response());
    };
    let (Sent { services, caller, view, typed }, status) = sent.refused(problem)?;
    let page = read(&services, &caller, &view, number.as_deref(), typed).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}
