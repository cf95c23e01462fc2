//! Sets the clock of a meter, for the API and the console (F14).

use axum::http::StatusCode;

use super::{Caller, Problem, Services, Topic};
use crate::domain::ClockOffset;
use crate::supply::MeterClockSet;
use crate::supply::field::NotReachable;

/// How the clock of a meter stood, where it showed a time, and stands.
pub(super) struct ClockWas {
    pub(super) before: Option<ClockOffset>,
    pub(super) now: ClockOffset,
    /// It was set; else it was right and nothing was sent.
    pub(super) was_sent: bool,
}

/// Sets the clock of a meter to the present.
pub(super) async fn set_clock(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<ClockWas, Problem> {
    let address = super::api::address(address)?;
    let (store, regions) = (&services.store, &caller.acting.regions);
    let sheet = store.meter_sheet(&address.to_string(), regions, services.clock.now()).await?;
    let site = match sheet {
        Some(_) => store.site_meter(address).await?,
        None => None,
    };
    let site = site.ok_or_else(Problem::not_there)?;
    let conflict = |code, en: &str, zh: &str| Err(Problem::new(StatusCode::CONFLICT, code, en, zh));
    let Some(supply) = &services.supply else {
        return conflict("no_lines", "this process has no lines", "本进程未接线路，不能对时");
    };
    let set = supply.set_meter_clock(&caller.acting, site).await?;
    services.changes.tell(Topic::Read);
    let code = set.kind();
    match set {
        MeterClockSet::Done(before, now) => Ok(ClockWas { before, now, was_sent: true }),
        MeterClockSet::NotNeeded(now) => Ok(ClockWas { before: Some(now), now, was_sent: false }),
        MeterClockSet::NotBefore(at) => {
            let at = at.in_china();
            let en = format!("too near to midnight: not before {at}");
            conflict(code, &en, &format!("临近零点冻结，请在此后对时：{at}"))
        }
        MeterClockSet::Cannot(why) => conflict(code, why.words().0, why.words().1),
        MeterClockSet::NotReachable(why) => {
            let zh = match why {
                NotReachable::NoTerminal { .. } => "该表所在终端未接入本主站",
                NotReachable::NoLine { .. } => "配置中没有该表所在线路",
                NotReachable::NoProfile { .. } => "没有该表的表型",
            };
            conflict(code, &why.to_string(), zh)
        }
        MeterClockSet::NotRead(why) => {
            let en = format!("its clock could not be read, so nothing was sent: {why}");
            conflict(code, &en, "未能读到电能表时钟，未下发对时")
        }
        MeterClockSet::NotSent => {
            let en = "the line gave no turn in time: try again later";
            conflict(code, en, "线路繁忙，未轮到下发，请稍后重试")
        }
        MeterClockSet::PasswordRefused => {
            let en = "the meter refused the password; none is tried again before tomorrow";
            conflict(code, en, "电能表拒绝密码，明天之前不再尝试")
        }
        MeterClockSet::Refused => conflict(code, "the meter refused", "电能表拒绝对时"),
        MeterClockSet::Unknown => {
            let en = "the meter did not say whether it has set its clock, or kept its own: read it again";
            conflict(code, en, "电能表未确认，或确认后时钟未变，请复读核对")
        }
    }
}
