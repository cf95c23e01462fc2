//! Who looks at a page, found out from a request; and the files and the choice of look that every page needs.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::assets;
use super::view::{Look, Stop, View};
use crate::domain::supply::HaltKind;
use crate::http::guard::PageOfForm;
use crate::http::routes::{Routes, Rule};
use crate::http::{Asked, Caller, Problem, Services};
use crate::store::supply::HaltRecord;

pub(super) fn routes() -> Routes {
    Routes::default().page("/assets/{name}", Rule::Everybody, asset).page("/look", Rule::Everybody, choose)
}

impl FromRequestParts<Services> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>();
        let (stop, lost) = stop_of(services).await;
        let asked = parts.uri.path_and_query().map_or("/", |here| here.as_str());
        // What a form was answered with is at no address: its page is.
        let form = parts.extensions.get::<PageOfForm>();
        let here = form.map_or(asked, |PageOfForm(page)| page);
        Ok(Self { stop, lost, ..view_of(services, &parts.headers, caller, here) })
    }
}

/// Who looks, and how, without what the database says of cuts.
fn view_of(services: &Services, headers: &HeaderMap, caller: Option<&Caller>, here: &str) -> View {
    View {
        look: look_of(headers),
        acting: caller.map(|caller| caller.acting.clone()),
        now: services.clock.now(),
        here: here.to_owned(),
        is_unfinished: caller.is_some_and(|caller| caller.account.is_unfinished()),
        token: caller.map_or(String::new(), |caller| caller.csrf().to_owned()),
        stop: Stop::None,
        lost: None,
        told: None,
        kept: Vec::new(),
    }
}

/// Who looks at a page that tells of a problem, and where they came from: what they asked for is not named again. STOP stands
/// there as on every page (F52); the database is not waited for, as it may be the problem, and what it does not say is unknown.
pub(in crate::http) async fn view_of_problem(
    services: &Services,
    headers: &HeaderMap,
    caller: Option<&Caller>,
    status: StatusCode,
) -> View {
    let from = headers.get(header::REFERER).and_then(|from| from.to_str().ok());
    let place = from.and_then(|from| {
        let (_, place) = from.split_once("://")?;
        place.get(place.find('/')?..)
    });
    let view = view_of(services, headers, caller, place.map_or("/", inside));
    let (stop, lost) = match caller {
        // Nobody who has not shown who they are is told of it, and none is asked for at their word.
        None => (Stop::None, None),
        Some(_) if status == StatusCode::SERVICE_UNAVAILABLE => unknown(services),
        Some(_) => {
            tokio::time::timeout(STOP_WITHIN, stop_of(services)).await.unwrap_or_else(|_| unknown(services))
        }
    };
    View { look: Look { is_wall: false, ..view.look }, stop, lost, ..view }
}

/// How STOP stands where it cannot be read.
const fn unknown(services: &Services) -> (Stop, Option<String>) {
    (if services.supply.is_some() { Stop::Unknown } else { Stop::None }, None)
}

/// How STOP stands, and what the database has lost. When that cannot be read, it is said so: nothing is cut then.
async fn stop_of(services: &Services) -> (Stop, Option<String>) {
    if services.supply.is_none() {
        return (Stop::None, None);
    }
    let Ok(halts) = services.store.halts().await else { return unknown(services) };
    let lost = halts.iter().find(|halt| halt.kind == HaltKind::DatabaseBehind);
    let lost = lost.map(|halt| halt.reason.clone());
    let pressed = halts.into_iter().find(|halt| halt.kind.is_stop());
    let stop = pressed.map_or(Stop::Released, |HaltRecord { since, by, reason, lifted_by, .. }| {
        Stop::Pressed { at: since, by, reason, lifted_by }
    });
    (stop, lost)
}

fn look_of(headers: &HeaderMap) -> Look {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut each = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found = each.find(|(name, _)| *name == Look::COOKIE);
    found.map_or_else(Look::default, |(_, value)| Look::of_cookie(value))
}

/// A file that pages name; it may be kept for ever.
async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = assets::find(&format!("/assets/{name}")).ok_or_else(Problem::not_there)?;
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.body).into_response())
}

/// What is chosen of the look, and where to go back to.
#[derive(Deserialize)]
struct Chosen {
    set: String,
    #[serde(default)]
    back: String,
}

/// Keeps the look in a cookie of its own; nothing else is changed by it.
async fn choose(headers: HeaderMap, Asked(chosen): Asked<Chosen>) -> Response {
    let look = look_of(&headers).with(&chosen.set);
    let cookie = format!("{}={}; Path=/; SameSite=Strict; Max-Age=31536000", Look::COOKIE, look.cookie());
    ([(header::SET_COOKIE, cookie)], Redirect::to(inside(&chosen.back))).into_response()
}

/// A place within the console: where somebody wants to go on, unless it leads elsewhere.
pub(super) fn inside(place: &str) -> &str {
    let is_inside = place.starts_with('/')
        && !place.starts_with("//")
        && !place.contains('\\')
        && place.bytes().all(|byte| byte.is_ascii_graphic());
    if is_inside { place } else { "/" }
}

/// For so long a page that tells of a problem waits for how STOP stands.
const STOP_WITHIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t20_nobody_is_led_out_of_the_console() {
        for place in ["/", "/meters?q=%E5%8F%B0", "/users"] {
            assert_eq!(inside(place), place);
        }
        for place in [
            "",
            "//evil.test",
            "https://evil.test",
            "/\\evil.test",
            "/a\r\nset-cookie: x",
            "javascript:1",
            "/台",
        ] {
            assert_eq!(inside(place), "/", "{place}");
        }
    }
}
