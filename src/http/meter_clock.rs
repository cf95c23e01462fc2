//! Sets the clock of a meter, for the API and the console (F14).

use super::clock_set::{ClockSet, near_midnight};
use super::meter_told::{conflict, not_reachable, not_sent, site_of, supply};
use super::{Caller, Problem, Services, Topic};
use crate::supply::MeterClockSet;

/// Sets the clock of a meter to the present.
pub(super) async fn set_clock(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<ClockSet, Problem> {
    let site = site_of(services, caller, address).await?;
    let set = supply(services)?.set_meter_clock(&caller.acting, site).await?;
    services.changes.tell(Topic::Read);
    let code = set.kind();
    Err(match set {
        MeterClockSet::Done(before, now) => return Ok(ClockSet { before, now, was_sent: true }),
        MeterClockSet::NotNeeded(offset) => return Ok(ClockSet::not_needed(offset)),
        MeterClockSet::NotBefore(at) => near_midnight(at),
        MeterClockSet::Cannot(why) => conflict(code, why.words().0, why.words().1),
        MeterClockSet::NotReachable(why) => not_reachable(&why),
        MeterClockSet::NotRead(why) => {
            let en = format!("its clock could not be read, so nothing was sent: {why}");
            conflict(code, &en, "未能读到电能表时钟，未下发对时")
        }
        MeterClockSet::NotSent => not_sent(code),
        MeterClockSet::PasswordRefused => {
            let en = "the meter refused the password; none is tried again before tomorrow";
            conflict(code, en, "电能表拒绝密码，明天之前不再尝试")
        }
        MeterClockSet::Refused => conflict(code, "the meter refused", "电能表拒绝对时"),
        MeterClockSet::Unknown => {
            let en = "the meter did not say whether it has set its clock, or kept its own: read it again";
            conflict(code, en, "电能表未确认，或确认后时钟未变，请复读核对")
        }
    })
}
