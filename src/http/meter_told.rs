//! What one meter is told at once, for the API and the console: which meter it is, and why nothing reaches it.

use axum::http::StatusCode;

use super::{Caller, Problem, Services};
use crate::store::archive::SiteMeter;
use crate::supply::Supply;
use crate::supply::field::NotReachable;

/// The installed meter with this address, as far as the caller may see it.
pub(super) async fn site_of(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<SiteMeter, Problem> {
    let address = super::api::address(address)?;
    let (store, regions) = (&services.store, &caller.acting.regions);
    let sheet = store.meter_sheet(&address.to_string(), regions, services.clock.now()).await?;
    let site = match sheet {
        Some(_) => store.site_meter(address).await?,
        None => None,
    };
    site.ok_or_else(Problem::not_there)
}

/// What tells meters.
pub(super) fn supply(services: &Services) -> Result<&Supply, Problem> {
    services
        .supply
        .as_ref()
        .ok_or_else(|| conflict("no_lines", "this process has no lines", "本进程未接线路，不能下发"))
}

/// There is no way to the meter.
pub(super) fn not_reachable(why: &NotReachable) -> Problem {
    let zh = match why {
        NotReachable::NoTerminal { .. } => "该表所在终端未接入本主站",
        NotReachable::NoLine { .. } => "配置中没有该表所在线路",
        NotReachable::NoProfile { .. } => "没有该表的表型",
    };
    conflict(why.kind(), &why.to_string(), zh)
}

/// The line gave no turn in time.
pub(super) fn not_sent(code: &'static str) -> Problem {
    conflict(code, "the line gave no turn in time: try again later", "线路繁忙，未轮到下发，请稍后重试")
}

/// It was not done, and why.
pub(super) fn conflict(code: &'static str, en: &str, zh: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, en, zh)
}
