//! What people have read, from a file that is handed in: found in the archive, compared with what the meters said, and
//! proposed for another person to confirm.

use crate::archive::reads::{manual_reads, read_reads};
use crate::domain::proposal::Change;
use crate::domain::{Around, Compared, ManualReads};
use crate::http::brought::Brought;
use crate::http::lists::faulty;
use crate::http::{Caller, Problem, Services};
use crate::store::ProposalError;

/// The reads of a file.
///
/// # Errors
/// [`Problem`] with every line that cannot be read or names what is not there within the regions of whoever asks.
pub(super) async fn reads_of(
    services: &Services,
    caller: &Caller,
    brought: &Brought,
) -> Result<ManualReads, Problem> {
    let Services { store, clock, .. } = services;
    // On a thread of its own: a large file takes a while.
    let (bytes, told, now) = (brought.bytes.clone(), brought.encoding, clock.now());
    let turn = services.files.turn().await?;
    let read = move || {
        let _turn = turn;
        read_reads(&bytes, told, now)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let rows = read.map_err(|_| Problem::internal())?.map_err(|faults| faulty(&faults))?;
    let places: Vec<_> = rows.iter().map(|(_, row)| row.place.clone()).collect();
    let found = store.placed_meters(&places, &caller.acting.regions).await?;
    let reads = manual_reads(&brought.name, rows, found).map_err(|faults| faulty(&faults))?;
    let faults = Change::EnterReads(reads.clone()).faults(clock.now());
    if faults.is_empty() { Ok(reads) } else { Err(ProposalError::Faults(faults).into()) }
}

/// How each read stands to what is known from its meter.
///
/// # Errors
/// [`Problem`] when the database does not answer.
pub(super) async fn compared(
    services: &Services,
    reads: &ManualReads,
) -> Result<Vec<Option<(Compared, Around)>>, Problem> {
    Ok(services.store.compare_reads(&reads.reads, &services.profiles()).await?)
}
