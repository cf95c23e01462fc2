//! Tells a meter to freeze now, for the API and the console.

use super::meter_told::{conflict, not_reachable, not_sent, site_of, supply};
use super::{Caller, Problem, Services, Topic};
use crate::supply::MeterFreeze;

/// Tells a meter to freeze its registers now; gives the time of the freeze, by the clock of the meter.
pub(super) async fn order_freeze(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<String, Problem> {
    let site = site_of(services, caller, address).await?;
    let came = supply(services)?.order_freeze(&caller.acting, site).await?;
    services.changes.tell(Topic::Read);
    let code = came.kind();
    Err(match came {
        MeterFreeze::Done(at) => return Ok(at),
        MeterFreeze::Cannot(why) => conflict(code, why.words().0, why.words().1),
        MeterFreeze::NotReachable(why) => not_reachable(&why),
        MeterFreeze::NotRead(why) => {
            let en = format!("the meter does not answer, so nothing was sent: {why}");
            conflict(code, &en, "电能表无应答，未下发冻结命令")
        }
        MeterFreeze::NotSent => not_sent(code),
        MeterFreeze::Refused => conflict(code, "the meter refused", "电能表拒绝冻结命令"),
        MeterFreeze::Unknown => {
            let en = "it was sent, and no new freeze could be read: read the newest instant freeze again";
            conflict(code, en, "已下发，但未读到新的冻结数据，请复读瞬时冻结")
        }
    })
}
