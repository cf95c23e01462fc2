//! The archive from a file that is handed in: what it would change is shown first, and done when its digest is named.
//!
//! Nothing is kept between the two: the file comes again, is compared again in the transaction that saves it, and is
//! taken when exactly what was shown would happen. It is the same file that `meters import` reads, by the same code.

use crate::archive::{self, ArchiveFile, Site};
use crate::domain::access::{Action, Regions};
use crate::domain::{AuditEntry, Moment};
use crate::http::auth::hash_bytes;
use crate::http::brought::Brought;
use crate::http::lists::faulty;
use crate::http::{Caller, Problem, Services};
use crate::store::archive::{ArchiveError, ArchivePreview, ArchiveReport, Saving};
use axum::http::StatusCode;

/// What a file would change.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) file: ArchiveFile,
    pub(super) preview: ArchivePreview,
}

/// Says what a file would change.
///
/// # Errors
/// [`Problem`] with every fault, or when this account may not.
pub(super) async fn preview(
    services: &Services,
    caller: &Caller,
    brought: &Brought,
) -> Result<Looked, Problem> {
    may(caller)?;
    let now = now(services);
    let file = read(services, brought.clone(), now).await?;
    let preview = services.store.preview_archive(&file.entries, now).await;
    let preview = preview.map_err(|error| problem(error, &file))?;
    let digest = agreed(brought, &preview.digest);
    Ok(Looked { file, preview: ArchivePreview { digest, ..preview } })
}

/// Takes a file over, when what it changes is what the digest was shown for.
///
/// # Errors
/// As [`preview`]; `preview_stale` when something else would happen by now.
pub(super) async fn import(
    services: &Services,
    caller: &Caller,
    brought: &Brought,
    digest: &str,
) -> Result<(ArchiveFile, ArchiveReport), Problem> {
    may(caller)?;
    let now = now(services);
    let file = read(services, brought.clone(), now).await?;
    let shown = digest.split_once('-').filter(|(of_file, _)| *of_file == of_bytes(brought));
    let (_, changes) = shown.ok_or_else(stale)?;
    let named = if brought.name.is_empty() { "file" } else { brought.name.as_str() };
    let entry = AuditEntry::by(&caller.acting, now, "archive.import", named);
    let saved = services.store.import_archive(&file.entries, now, Saving::Agreed(changes), &entry).await;
    let report = saved.map_err(|error| problem(error, &file))?;
    services.judge_cuts_again();
    Ok((file, report))
}

/// A file is one of points anywhere, and takes an account that sees all of them.
fn may(caller: &Caller) -> Result<(), Problem> {
    let sees_all = caller.acting.regions == Regions::All;
    if sees_all && caller.may(Action::ImportArchive) { Ok(()) } else { Err(Problem::not_allowed()) }
}

/// To the second, as a day of installation is written to a file again.
fn now(services: &Services) -> Moment {
    Moment::from_micros(services.clock.now().micros().div_euclid(SECOND) * SECOND)
}

/// Takes a file apart on a thread of its own: a large one takes a while.
async fn read(services: &Services, brought: Brought, now: Moment) -> Result<ArchiveFile, Problem> {
    let rules = services.rules.clone();
    let turn = services.files.turn().await?;
    let read = move || {
        let _turn = turn;
        let rules = rules.as_deref();
        let site = Site {
            lines: rules.map(|rules| rules.lines.as_slice()),
            profiles: rules.map(|rules| &rules.profiles),
            now: Some(now),
        };
        archive::read(&brought.bytes, brought.encoding, &site)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::internal())?;
    read.map_err(|faults| faulty(&faults))
}

fn problem(error: ArchiveError, file: &ArchiveFile) -> Problem {
    match error {
        ArchiveError::Problems(problems) => faulty(&file.faults(&problems)),
        ArchiveError::Store(error) => error.into(),
        // It is by its digest that a large change is agreed to.
        ArchiveError::Moved | ArchiveError::Large(_) => stale(),
    }
}

fn stale() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "preview_stale",
        "this file, or what is kept, is not what was shown: nothing was changed; look again and confirm what is shown then",
        "文件或现有档案与所确认的预览不一致，未做任何更改；请重新预览后再确认",
    )
}

/// Names the file and what it changes.
fn agreed(brought: &Brought, changes: &str) -> String {
    format!("{}-{changes}", of_bytes(brought))
}

/// Half of the hash of a file is enough to know it again.
fn of_bytes(brought: &Brought) -> String {
    hash_bytes(&brought.bytes).chars().take(32).collect()
}

const SECOND: i64 = 1_000_000;
