//! Takes what the forms bring.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::{TITLE, point_of, read};
use crate::domain::supply::NoticeKind;
use crate::domain::{Customer, Id, Moment};
use crate::http::api::evidence::positive;
use crate::http::api::written::{LONGEST, named, some_words};
use crate::http::console::handlers::answer_as;
use crate::http::console::table::escaped;
use crate::http::console::typed::{Typed, refused};
use crate::http::console::view::View;
use crate::http::lists::{List, paid, take_over};
use crate::http::{Caller, Problem, Services};
use crate::store::supply::{ArrearsEntry, IdentityEntry, NoticeEntry, PaymentEntry};

/// A notice that was given.
pub(super) async fn notices(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let entry = NoticeEntry {
            point: point_of(&services, &caller, typed.text("point")).await?.point,
            kind: named::<NoticeKind>(typed.text("kind"))?,
            given_at: past(&services, &typed, "given_at")?,
            how: some_words(typed.text("how"), LONGEST)?.to_owned(),
            given_by: some_words(typed.text("given_by"), LONGEST)?.to_owned(),
        };
        services.store.enter_notices(&caller.acting, &[entry], services.clock.now()).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, typed, done).await
}

/// Which meter was found at a point.
pub(super) async fn identities(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let none =
            || Problem::unacceptable("unknown_meter", "there is no such meter", "档案中没有这块电能表");
        let address = typed.text("meter").parse().map_err(|_| none())?;
        let entry = IdentityEntry {
            point: point_of(&services, &caller, typed.text("point")).await?.point,
            meter: services.store.meter_with(address).await?.ok_or_else(none)?,
            verified_at: past(&services, &typed, "verified_at")?,
            is_crossed: typed.text("crossed") == "yes",
            verified_by: some_words(typed.text("verified_by"), LONGEST)?.to_owned(),
        };
        services.store.enter_identities(&caller.acting, &[entry], services.clock.now()).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, typed, done).await
}

/// What one customer owes.
pub(super) async fn arrears(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let entry = ArrearsEntry {
            customer: customer_of(&services, &caller, &typed).await?,
            since: past(&services, &typed, "since")?,
            amount_fen: positive(typed.text("amount"))?,
            as_of: past(&services, &typed, "as_of")?,
        };
        services.store.add_arrears(&caller.acting, &[entry], services.clock.now()).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, typed, done).await
}

/// What one customer has paid.
pub(super) async fn payments(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let done = async {
        let entry = PaymentEntry {
            customer: customer_of(&services, &caller, &typed).await?,
            reference: some_words(typed.text("reference"), LONGEST)?.to_owned(),
            amount_fen: positive(typed.text("amount"))?,
            paid_at: past(&services, &typed, "paid_at")?,
        };
        paid(&services, &caller, &[entry]).await?;
        Ok::<_, Problem>(())
    };
    let done = done.await;
    ended(&services, &caller, view, typed, done).await
}

/// A whole list.
pub(super) async fn load(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let list = List::of_key(typed.text("which")).ok_or_else(Problem::not_there)?;
    let done = take_over(&services, &caller, list, typed.whole("list")).await;
    ended(&services, &caller, view, typed, done.map(|_| ())).await
}

/// The customer of the point that was typed.
async fn customer_of(services: &Services, caller: &Caller, typed: &Typed) -> Result<Id<Customer>, Problem> {
    Ok(point_of(services, caller, typed.text("point")).await?.customer)
}

/// A time that has come: nothing that lies ahead is evidence.
fn past(services: &Services, typed: &Typed, name: &str) -> Result<Moment, Problem> {
    let at = typed.moment(name)?;
    if at <= services.clock.now() {
        return Ok(at);
    }
    Err(Problem::unacceptable("in_the_future", "what is entered lies in the future", "时间不得在将来"))
}

async fn ended(
    services: &Services,
    caller: &Caller,
    view: View,
    typed: Typed,
    done: Result<(), Problem>,
) -> Result<Response, Problem> {
    let Err(problem) = done else {
        let place = typed.some("point").map(|number| format!("/evidence?point={}", escaped(number)));
        return Ok(Redirect::to(place.as_deref().unwrap_or("/evidence")).into_response());
    };
    let (view, status) = refused(view, problem)?;
    let number = typed.some("point").map(str::to_owned);
    let page = read(services, caller, &view, number.as_deref(), typed).await?;
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}
