//! The search by leading wildcards (缩位寻址): a pattern under which several answer is narrowed by two more digits until
//! each meter stands alone. [645-2007 2 wildcards]

use std::io::Write;
use std::time::Instant;

use dlt645::address::{AddressField, AddressPattern, MeterAddress};
use dlt645::edition::Edition;

use super::super::asker::{Asker, monotonic};
use super::super::progress::{say, status};
use super::super::{CliError, write_json};
use super::probe::{self, Heard};
use super::{Findings, facts};
use crate::link::Rate;

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Complete,
    Interrupted,
    Limit,
}

/// One search, at one rate and for one edition.
pub(super) struct Search<'a> {
    pub(super) asker: &'a mut Asker,
    pub(super) edition: Edition,
    pub(super) rate: Rate,
    pub(super) deadline: Instant,
    pub(super) retries: u8,
    /// Where a meter is told as soon as it is found, as a line of JSON.
    pub(super) told: Option<&'a mut dyn Write>,
    /// How many meters have answered, and doubts: what grows when a branch leads anywhere.
    pub(super) answered: usize,
}

/// The low bytes of an address, in wire order, as many as are known.
type Tail = Vec<u8>;

impl Search<'_> {
    pub(super) async fn run(&mut self, findings: &mut Findings) -> Result<Stop, CliError> {
        status(&format!("{}: who is there ({})?", self.rate, self.edition));
        // Those yet to be asked, and those whose children are being asked with how many meters were known before.
        let mut open: Vec<Step> = vec![Step::Ask(Tail::new())];
        while let Some(step) = open.pop() {
            let tail = match step {
                Step::Ask(tail) => tail,
                Step::Look(tail, known) => {
                    if self.answered == known {
                        self.answered += 1;
                        findings.unclear.push(format!("{} ({}, {})", shown(&tail), self.rate, self.edition));
                    }
                    continue;
                }
            };
            if monotonic() >= self.deadline {
                return Ok(Stop::Limit);
            }
            status(&format!(
                "{}: {} ({}), {} found",
                self.rate,
                shown(&tail),
                self.edition,
                findings.found.len()
            ));
            let heard = self.ask(&tail).await?;
            match heard {
                Some(Heard::One(meter)) => self.found(meter, findings).await?,
                Some(Heard::Several) if tail.len() == ADDRESS => {
                    self.answered += 1;
                    let place = format!("{} ({}, {})", shown(&tail), self.rate, self.edition);
                    findings.unclear.push(place);
                }
                Some(Heard::Several) => {
                    say(&format!(
                        "{}: several answer {} ({}): asking by two more digits  多表应答，逐级缩位搜索",
                        self.rate,
                        shown(&tail),
                        self.edition
                    ));
                    open.push(Step::Look(tail.clone(), self.answered));
                    open.extend((0..100).rev().map(|pair: u8| {
                        let mut longer = tail.clone();
                        longer.push(pair / 10 * 16 + pair % 10);
                        Step::Ask(longer)
                    }));
                }
                Some(Heard::Nobody) | None => {}
            }
        }
        Ok(Stop::Complete)
    }

    /// Who answers to a tail; `None` for the broadcast address, which no meter has.
    async fn ask(&mut self, tail: &[u8]) -> Result<Option<Heard>, CliError> {
        let field = field(tail);
        if tail.len() == ADDRESS {
            let Some(meter) = field.as_meter() else { return Ok(None) };
            return probe::address(self.asker, self.edition, meter, self.retries).await.map(Some);
        }
        let Ok(pattern) = AddressPattern::from_field(field) else { return Ok(None) };
        probe::pattern(self.asker, self.edition, pattern, self.retries).await.map(Some)
    }

    /// A meter that answered a pattern is asked by its own address before it counts.
    async fn found(&mut self, meter: MeterAddress, findings: &mut Findings) -> Result<(), CliError> {
        self.answered += 1;
        let address = meter.to_string();
        if let Some(known) = findings.found.iter_mut().find(|found| found.address == address) {
            let year = facts::year(self.edition);
            if known.edition != year && known.baud == self.rate.baud {
                known.edition = "both";
                known.is_told = false;
            }
            return Ok(());
        }
        match probe::address(self.asker, self.edition, meter, self.retries.max(2)).await? {
            Heard::One(_) => {
                let mut found = facts::read(self.asker, self.edition, meter, self.rate).await?;
                say(&format!("{address}  {}  {}", found.edition, self.rate));
                if let Some(out) = &mut self.told {
                    write_json(out, &found)?;
                    out.flush()?;
                    found.is_told = true;
                }
                findings.found.push(found);
            }
            _ => findings.unclear.push(format!("{address} ({}, {})", self.rate, self.edition)),
        }
        Ok(())
    }
}

enum Step {
    Ask(Tail),
    /// The children of this one are done; so many meters were known before.
    Look(Tail, usize),
}

/// The address field with these low bytes, the rest wild.
fn field(tail: &[u8]) -> AddressField {
    let mut bytes = AddressField::WILDCARD.wire();
    bytes.iter_mut().zip(tail).for_each(|(byte, known)| *byte = *known);
    AddressField::from_wire(bytes)
}

fn shown(tail: &[u8]) -> String {
    field(tail).to_string()
}

/// Bytes of an address.
const ADDRESS: usize = 6;
