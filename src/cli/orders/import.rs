//! `chaobiao orders import`: lists that the rules go by, taken whole or not at all.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::site::{Site, refused};
use crate::archive::Faults;
use crate::archive::evidence::{self, EvidenceList, unknown_in_lines};
use crate::cli::database::{Place, store_error};
use crate::cli::who::Who;
use crate::cli::{CliError, faults, talk, unreadable, write_json};
use crate::domain::access::Acting;
use crate::domain::{Id, TransformerArea};
use crate::store::StoreError;
use crate::store::supply::{
    ArrearsEntry, CalendarEntry, IdentityEntry, NoticeEntry, PaymentEntry, ProtectionEntry, SupplyError,
};

#[derive(Debug, Args)]
#[command(after_help = "Columns, with Chinese or English names, in any order:\n\
  arrears      户号 customer_number, 欠费起始日 since, 欠费金额 amount, 截至日期 as_of (the whole list: who is not on it owes nothing)\n\
  payments     户号 customer_number, 缴费流水号 reference, 缴费金额 amount, 缴费时间 paid_at\n\
  notices      计量点编号 point_number, 通知类别 kind, 送达时间 given_at, 送达方式 how, 送达人 given_by\n\
  identities   计量点编号 point_number, 通信地址 meter_address, 核对时间 verified_at, 核对人 verified_by, 串户 crossed\n\
  protections  计量点编号 point_number, 保护类别 kind, 保护原因 reason, 截止时间 until\n\
  calendar     日期 day, 类别 kind, 台区 transformer_area\n\n\
A list of protected points that is empty or has a fault keeps all cuts back until one is loaded.\n\n\
Exit code: 0 taken over, 1 faults in the file or refused, 2 wrong usage or configuration.\n\n\
Example: chaobiao orders import payments today.csv --as li.na --password-file pw -c chaobiao.toml")]
pub(super) struct Import {
    /// Which list
    list: Which,
    /// The file: CSV with commas, UTF-8 or GBK
    file: PathBuf,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object: what was taken over, or a line for each fault
    #[arg(long)]
    json: bool,
}

/// What was taken over, as JSON.
#[derive(Serialize)]
struct Entered {
    list: String,
    entered: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Arrears,
    Payments,
    Notices,
    Identities,
    Protections,
    Calendar,
}

/// Why a list was not taken over.
enum NotTaken {
    Faults(Faults),
    Refused(SupplyError),
    Command(CliError),
}

impl From<Faults> for NotTaken {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl From<SupplyError> for NotTaken {
    fn from(error: SupplyError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Command(store_error(&error))
    }
}

impl Import {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let bytes = std::fs::read(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let site = Site::open(&self.place).await?;
        let acting = self.who.acting(&site.store).await?;
        let taken = match self.list {
            Which::Arrears => site.arrears(&acting, &bytes).await,
            Which::Payments => site.payments(&acting, &bytes).await,
            Which::Notices => site.notices(&acting, &bytes).await,
            Which::Identities => site.identities(&acting, &bytes).await,
            Which::Protections => site.protections(&acting, &bytes).await,
            Which::Calendar => site.calendar(&acting, &bytes).await,
        };
        if taken.is_err() && self.list == Which::Protections {
            let noted = site.store.protections_failed(&acting, site.clock.now()).await;
            noted.map_err(|error| store_error(&error))?;
        }
        site.close().await;
        match taken {
            Ok(entered) if self.json => {
                let list = self.list.to_possible_value();
                let list = list.map(|list| list.get_name().to_owned()).unwrap_or_default();
                write_json(out, &Entered { list, entered })
            }
            Ok(rows) => {
                writeln!(out, "{rows} entries were taken over  已导入 {rows} 条")?;
                Ok(())
            }
            Err(NotTaken::Command(error)) => Err(error),
            Err(NotTaken::Faults(found)) => {
                Err(CliError::Data(faults::tell(out, (&self.file, &found), self.json)?))
            }
            Err(NotTaken::Refused(error)) => Err(refused(out, self.json, &error)?),
        }
    }
}

impl Site {
    async fn arrears(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_arrears(bytes, None)?);
        evidence::all_have_come(&rows, self.clock.now(), |row| vec![row.since, row.as_of])?;
        let names = named(&rows, |row| row.customer.clone());
        let found = self.store.customers_numbered(&texts(&names)).await?;
        let entries = paired(rows, known(names, found)?, |row, customer| ArrearsEntry {
            customer,
            since: row.since,
            amount_fen: row.amount_fen,
            as_of: row.as_of,
        });
        let entered = self.store.enter_arrears(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }

    async fn payments(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_payments(bytes, None)?);
        evidence::all_have_come(&rows, self.clock.now(), |row| vec![row.paid_at])?;
        let names = named(&rows, |row| row.customer.clone());
        let found = self.store.customers_numbered(&texts(&names)).await?;
        let entries = paired(rows, known(names, found)?, |row, customer| PaymentEntry {
            customer,
            reference: row.reference,
            amount_fen: row.amount_fen,
            paid_at: row.paid_at,
        });
        let entered = self.store.enter_payments(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }

    async fn notices(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_notices(bytes, None)?);
        evidence::all_have_come(&rows, self.clock.now(), |row| vec![row.given_at])?;
        let names = named(&rows, |row| row.point.clone());
        let found = self.store.points_numbered(&texts(&names)).await?;
        let entries = paired(rows, known(names, found)?, |row, point| NoticeEntry {
            point,
            kind: row.kind,
            given_at: row.given_at,
            how: row.how,
            given_by: row.given_by,
        });
        let entered = self.store.enter_notices(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }

    async fn identities(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_identities(bytes, None)?);
        evidence::all_have_come(&rows, self.clock.now(), |row| vec![row.verified_at])?;
        let names = named(&rows, |row| row.point.clone());
        let points = known(names.clone(), self.store.points_numbered(&texts(&names)).await?)?;
        let names = named(&rows, |row| row.meter.to_string());
        let meters = known(names.clone(), self.store.meters_addressed(&texts(&names)).await?)?;
        let ids = points.into_iter().zip(meters).collect();
        let entries = paired(rows, ids, |row, (point, meter)| IdentityEntry {
            point,
            meter,
            verified_at: row.verified_at,
            is_crossed: row.is_crossed,
            verified_by: row.verified_by,
        });
        let entered = self.store.enter_identities(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }

    async fn protections(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_protections(bytes, None)?);
        let names = named(&rows, |row| row.point.clone());
        let found = self.store.points_numbered(&texts(&names)).await?;
        let entries = paired(rows, known(names, found)?, |row, point| ProtectionEntry {
            point,
            kind: row.kind,
            reason: row.reason,
            until: row.until,
        });
        let entered = self.store.load_protections(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }

    async fn calendar(&self, acting: &Acting, bytes: &[u8]) -> Result<usize, NotTaken> {
        let rows = told(evidence::read_calendar(bytes, None)?);
        let places = rows.iter().filter_map(|(line, row)| Some((*line, row.area.clone()?)));
        let places: Vec<_> = places.collect();
        let mut areas: Vec<Id<TransformerArea>> =
            known(places.clone(), self.store.areas_called(&texts(&places)).await?)?;
        areas.reverse();
        let entries: Vec<_> = rows
            .into_iter()
            .map(|(_, row)| CalendarEntry {
                day: row.day,
                area: row.area.and_then(|_| areas.pop()),
                kind: row.kind,
            })
            .collect();
        let entered = self.store.enter_calendar(acting, &entries, self.clock.now()).await;
        entered?;
        Ok(entries.len())
    }
}

/// The lines of a list; of its columns those are told that are none of it.
fn told<T>(list: EvidenceList<T>) -> Vec<(u64, T)> {
    let EvidenceList { rows, ignored } = list;
    if !ignored.is_empty() {
        talk(&format!("columns not read  未识别的列  {}", ignored.join(", ")));
    }
    rows
}

/// What each line calls a thing.
fn named<T>(rows: &[(u64, T)], name: impl Fn(&T) -> String) -> Vec<(u64, String)> {
    rows.iter().map(|(line, row)| (*line, name(row))).collect()
}

fn texts(names: &[(u64, String)]) -> Vec<String> {
    names.iter().map(|(_, name)| name.clone()).collect()
}

/// All of them, or the lines that name what is not there.
fn known<T>(names: Vec<(u64, String)>, found: Vec<Option<T>>) -> Result<Vec<T>, Faults> {
    let mut ids = Vec::with_capacity(found.len());
    let mut unknown = Vec::new();
    for (name, found) in names.into_iter().zip(found) {
        match found {
            Some(id) => ids.push(id),
            None => unknown.push(name),
        }
    }
    if unknown.is_empty() { Ok(ids) } else { Err(unknown_in_lines(unknown)) }
}

fn paired<T, I, E>(rows: Vec<(u64, T)>, ids: Vec<I>, entry: impl Fn(T, I) -> E) -> Vec<E> {
    rows.into_iter().zip(ids).map(|((_, row), id)| entry(row, id)).collect()
}
