//! `/api/v1/health`: how the head-end is, for whoever has signed in.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Action;
use crate::http::figures::{Figures, LinesSeen};
use crate::http::routes::Routes;
use crate::http::{Caller, Problem, Services};
use crate::store::Serving;

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_health, _, _>(Action::SeeStatus, health)
}

/// How the head-end is.
#[derive(Debug, Serialize, ToSchema)]
struct HealthAnswer {
    health: Health,
}

/// How the head-end is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// The version of the program.
    version: String,
    /// What time it has, RFC 3339.
    now: String,
    /// True when the database answers.
    database_answers: bool,
    /// Who serves the site; null when the database does not say.
    serving: Option<ServingShown>,
    /// True when all is there that the database is known to have kept. When it is not, cuts are held.
    database_is_whole: bool,
    /// Lines that are there, for an account of some areas those with meters in these.
    lines: usize,
    /// Names of those of them that are not up.
    lines_down: Vec<String>,
    /// The day of the newest run, which the figures below are of; null before the first one.
    run_day: Option<String>,
    /// Its meters, for an account of some areas those in these.
    planned: u64,
    /// Those of them that are read.
    read: u64,
    /// Those of them that are missing so far.
    missing: u64,
}

/// Who serves the site.
#[derive(Debug, Serialize, ToSchema)]
struct ServingShown {
    /// True when it is the instance that answers; false for one that waits.
    is_here: bool,
    /// The name of the instance that serves; null where the database is a file, which one process serves.
    name: Option<String>,
    /// Its version.
    version: Option<String>,
    /// Since when, RFC 3339.
    since: Option<String>,
}

impl From<Serving> for ServingShown {
    fn from(serving: Serving) -> Self {
        let Serving { holder, is_here } = serving;
        let since = holder.as_ref().map(|holder| holder.since.to_string());
        let (name, version) = holder.map(|holder| (holder.name, holder.version)).unzip();
        Self { is_here, name, version, since }
    }
}

/// How the head-end is
#[utoipa::path(get, path = "/api/v1/health", tag = "health", responses((status = 200, body = HealthAnswer)))]
async fn health(State(services): State<Services>, caller: Caller) -> Result<Json<HealthAnswer>, Problem> {
    let regions = &caller.acting.regions;
    let database_answers = services.store.audit_head().await.is_ok();
    let seen = LinesSeen::of(&services, regions).await?;
    let lines: Vec<_> = services.lines.iter().filter(|line| seen.hold(line.name())).collect();
    let down = lines.iter().filter(|line| line.status().phase.name() != "up");
    let lines_down = down.map(|line| line.name().to_owned()).collect();
    let Figures { planned, read, missing, .. } = Figures::kept(&services, regions).await?;
    let run_day = services.store.newest_runs(1).await?.first().map(|run| run.day.to_string());
    let health = Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: services.clock.now().to_string(),
        database_answers,
        serving: services.store.serving().await.ok().map(ServingShown::from),
        database_is_whole: services.store.loss().is_none(),
        lines: lines.len(),
        lines_down,
        run_day,
        planned,
        read,
        missing,
    };
    Ok(Json(HealthAnswer { health }))
}
