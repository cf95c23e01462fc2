//! Terminals as they are kept and as they stand now, by page and by API; taking them in and letting them go.

use axum::http::StatusCode;
use gdw1376::address::TerminalAddress;

use super::clock_set::{ClockSet, near_midnight};
use super::{Caller, Problem, Services, Topic};
pub(super) use crate::collect::WantedRecords as WantedOfTerminal;
use crate::collect::{ClockSet as TerminalClockSet, Collector, RecordsProposed};
use crate::domain::Id;
use crate::domain::access::Regions;
use crate::domain::proposal::{Change, Proposal};
use crate::store::terminal::{Adoption, TerminalLine};
use crate::terminal::{PassedFrame, Stranger, TerminalSettings, TerminalStatus};

/// A terminal.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// As it is kept.
    pub(super) kept: TerminalLine,
    /// As it stands now; `None` in a process that serves no terminals.
    pub(super) now: Option<TerminalStatus>,
}

/// The last frames between a terminal and us.
pub(super) fn passed(services: &Services, of: TerminalAddress) -> Vec<PassedFrame> {
    services.terminals.as_ref().map(|terminals| terminals.passed(of)).unwrap_or_default()
}

/// All terminals that are known and have a meter within one's regions, by address.
pub(super) async fn seen(services: &Services, regions: &Regions) -> Result<Vec<Seen>, Problem> {
    let kept = services.store.terminals(regions).await?;
    let status = |of| services.terminals.as_ref().and_then(|terminals| terminals.status(of));
    Ok(kept.into_iter().map(|kept| Seen { now: status(kept.address), kept }).collect())
}

/// The terminal with this address.
pub(super) async fn one(services: &Services, regions: &Regions, address: &str) -> Result<Seen, Problem> {
    let address: TerminalAddress = address.parse().map_err(|_| Problem::not_there())?;
    let kept = services.store.terminal(address, regions).await?.ok_or_else(Problem::not_there)?;
    let now = services.terminals.as_ref().and_then(|terminals| terminals.status(address));
    Ok(Seen { kept, now })
}

/// Terminals that wanted to log in and are not known, the last first. They are of no region yet.
pub(super) fn strangers(services: &Services, regions: &Regions) -> Vec<Stranger> {
    if *regions != Regions::All {
        return Vec::new();
    }
    services.terminals.as_ref().map(crate::terminal::Terminals::unknown).unwrap_or_default()
}

/// Takes a terminal in: its next login is confirmed.
pub(super) async fn adopt(
    services: &Services,
    caller: &Caller,
    address: &str,
    name: Option<&str>,
) -> Result<(), Problem> {
    let address = for_all_regions(caller, address)?;
    let now = services.clock.now();
    done(services.store.adopt_terminal(&caller.acting, address, name, now).await?)?;
    if let Some(terminals) = &services.terminals {
        terminals.adopt(address, TerminalSettings::default());
        terminals.bind_certificate(address, None);
    }
    services.changes.tell(Topic::Terminal);
    Ok(())
}

/// Lets a terminal go that has no meters.
pub(super) async fn forget(services: &Services, caller: &Caller, address: &str) -> Result<(), Problem> {
    let address = for_all_regions(caller, address)?;
    done(services.store.forget_terminal(&caller.acting, address, services.clock.now()).await?)?;
    if let Some(terminals) = &services.terminals {
        terminals.forget(address);
    }
    services.changes.tell(Topic::Terminal);
    Ok(())
}

/// Sets the clock of a terminal to the present.
pub(super) async fn set_clock(
    services: &Services,
    caller: &Caller,
    address: &str,
) -> Result<ClockSet, Problem> {
    let address = one(services, &caller.acting.regions, address).await?.kept.address;
    let collector = served(services)?;
    let conflict = |code, en: &str, zh: &str| Err(Problem::new(StatusCode::CONFLICT, code, en, zh));
    match collector.set_terminal_clock(&caller.acting, address).await? {
        TerminalClockSet::Done(before, now) => Ok(ClockSet { before: Some(before), now, was_sent: true }),
        TerminalClockSet::NotNeeded(offset) => Ok(ClockSet::not_needed(offset)),
        TerminalClockSet::NotBefore(at) => Err(near_midnight(at)),
        TerminalClockSet::Refused => {
            let en = "the terminal refused, or said that it did and kept its own clock";
            conflict("refused", en, "终端拒绝对时，或确认后时钟未变")
        }
        TerminalClockSet::Unknown => {
            let en = "the terminal did not say whether it has set its clock: look again";
            conflict("unknown", en, "终端未确认是否已对时，请稍后核对")
        }
        TerminalClockSet::OwnClockDoubted => {
            let en = "the clock of this machine has jumped, or no other clock shows its time: it has to be confirmed first";
            conflict("own_clock_doubted", en, "主站时钟发生跳变，或无其他时钟可印证，须先确认主站时钟")
        }
        TerminalClockSet::NotReached(why) => conflict("not_reached", &why, "终端无应答，未能对时"),
    }
}

/// Proposes the records in which a terminal's list of meters differs from ours; gives the number of the proposal.
pub(super) async fn propose_records(
    services: &Services,
    caller: &Caller,
    address: &str,
    wanted: WantedOfTerminal,
    reason: &str,
) -> Result<Id<Proposal>, Problem> {
    let address = one(services, &caller.acting.regions, address).await?.kept.address;
    let conflict = |code, en: &str, zh: &str| Err(Problem::new(StatusCode::CONFLICT, code, en, zh));
    match served(services)?.propose_records(address, &wanted).await? {
        RecordsProposed::Changes(archive) => {
            let (change, now) = (Change::SetTerminalArchive(archive), services.clock.now());
            Ok(services.store.propose(&change, reason, &caller.acting, now).await?)
        }
        RecordsProposed::Same => {
            let en = "the terminal holds what our archive says: there is nothing to set";
            conflict("nothing_differs", en, "终端档案与主站档案一致，无需下发")
        }
        RecordsProposed::NotReached(why) => conflict("not_reached", &why, "终端无应答，未能读取其档案"),
    }
}

fn served(services: &Services) -> Result<&Collector, Problem> {
    services.collector.as_ref().ok_or_else(|| {
        let en = "this process serves no terminals";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_terminals", en, "本进程未接终端")
    })
}

/// The address of a terminal for somebody whose regions are all: a terminal without meters is in none.
fn for_all_regions(caller: &Caller, text: &str) -> Result<TerminalAddress, Problem> {
    if caller.acting.regions == Regions::All { single(text) } else { Err(Problem::not_there()) }
}

/// The address of one terminal, as people write it.
fn single(text: &str) -> Result<TerminalAddress, Problem> {
    let parsed: Option<TerminalAddress> = text.trim().parse().ok();
    parsed.filter(|address| *address != TerminalAddress::ANY).ok_or_else(|| {
        let en = "a terminal address is region and terminal, such as 1100-3039";
        Problem::unacceptable("terminal_address", en, "终端地址为“行政区划码-终端地址”，如 1100-3039")
    })
}

fn done(adoption: Adoption) -> Result<(), Problem> {
    match adoption {
        Adoption::Done => Ok(()),
        Adoption::NotAllowed => Err(Problem::not_allowed()),
        Adoption::NotThere => Err(Problem::not_there()),
        Adoption::HasMeters => {
            let en = "the archive has meters behind this terminal: take these out first";
            let zh = "档案中该终端下仍有电能表，请先调整档案";
            Err(Problem::new(StatusCode::CONFLICT, "terminal_has_meters", en, zh))
        }
    }
}
