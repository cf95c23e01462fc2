//! The database of a site as a command on supply orders needs it: who acts, which points, and what came of asking.

use std::io::Write;

use serde::Serialize;

use super::ask::By;
use crate::cli::database::{Place, store_error};
use crate::cli::{CliError, talk, write_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::access::{Acting, Regions};
use crate::domain::supply::{Ceilings, Objection};
use crate::domain::{Coded, Id, MeteringPoint};
use crate::http::ProblemReason;
use crate::http::api::{SubmittedAnswer, objection_shown, objections_shown};
use crate::store::supply::{Limits, NewOrder, SupplyError};
use crate::store::{Migrations, Store};

/// A database that is there, and what its configuration says.
pub(super) struct Site {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) ceilings: Ceilings,
}

/// Points that are there, and the numbers of those that are not.
pub(super) type Known = (Vec<Id<MeteringPoint>>, Vec<String>);

/// What stands against it, as JSON.
#[derive(Serialize)]
struct Reasons {
    code: &'static str,
    reasons: Vec<ProblemReason>,
}

impl Site {
    pub(super) async fn open(place: &Place) -> Result<Self, CliError> {
        let found = place.there()?;
        let ceilings = |config: &Config| config.supply.ceilings;
        let ceilings = found.config.as_ref().map_or(Ceilings::BUILT_IN, ceilings);
        Ok(Self { store: found.open(Migrations::Check).await?, clock: Clock::system(), ceilings })
    }

    /// All of these points, which have to be there.
    pub(super) async fn points(&self, numbers: &[String]) -> Result<Known, CliError> {
        let found = self.store.points_numbered(numbers).await.map_err(|error| store_error(&error))?;
        let known = numbers.iter().zip(found).map(|(number, point)| {
            point.ok_or_else(|| CliError::Unknown(format!("there is no point {number}  没有计量点 {number}")))
        });
        Ok((known.collect::<Result<_, _>>()?, Vec::new()))
    }

    /// Those that are there and have a meter, each once; the others are told, and keep nobody else waiting.
    pub(super) async fn known_points(&self, numbers: &[String]) -> Result<Known, CliError> {
        let names: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let found = self.store.numbered_points(&names, &Regions::All).await;
        let found = found.map_err(|error| store_error(&error))?;
        let (mut points, mut unknown) = (Vec::new(), Vec::new());
        for number in numbers {
            match found.get(number) {
                Some(known) if known.meter.is_some() => points.push(known.point),
                _ => {
                    left_out(number, Objection::NotThere);
                    unknown.push(number.clone());
                }
            }
        }
        points.sort_unstable();
        points.dedup();
        if points.is_empty() {
            return Err(CliError::Unknown("there is none of these points  没有这些计量点".to_owned()));
        }
        Ok((points, unknown))
    }

    /// Hands an order in, and tells what became of it.
    pub(super) async fn ask(
        self,
        out: &mut impl Write,
        (by, acting): (&By, &Acting),
        new: &NewOrder,
        unknown: &[String],
    ) -> Result<(), CliError> {
        let limits = Limits { ceilings: self.ceilings, incapable: &[] };
        let asked = self.store.ask_order(acting, new, &limits, self.clock.now()).await;
        self.close().await;
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Err(refused(out, by.json, &error)?),
        };
        for point in &asked.refused {
            point.objections.iter().for_each(|objection| left_out(&point.number, *objection));
        }
        talk(&format!("order {} is {}  工单{}", asked.id, asked.state.name(), asked.state.zh()));
        if asked.is_quarantined {
            talk("above a ceiling: two approvers are needed  超过上限，须两位审批人批准");
        }
        if by.json {
            let unknown = unknown.iter().map(|number| objection_shown(Objection::NotThere, Some(number)));
            return write_json(out, &SubmittedAnswer::of(asked, unknown.collect()));
        }
        writeln!(out, "{}", asked.id)?;
        Ok(())
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

fn left_out(number: &str, objection: Objection) {
    talk(&format!("left out: {number}: {}  {}", objection.en(), objection.zh()));
}

/// What stands against it, as the end of a command, and on standard output where JSON is wanted.
pub(super) fn refused(out: &mut impl Write, json: bool, error: &SupplyError) -> Result<CliError, CliError> {
    Ok(match error {
        SupplyError::Objected(objected) => {
            if json {
                write_json(out, &Reasons { code: "refused", reasons: objections_shown(objected) })?;
                out.flush()?;
            }
            CliError::Failed(objected.to_string())
        }
        SupplyError::Store(error) => store_error(error),
    })
}
