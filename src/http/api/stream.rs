//! `/api/v1/stream`: what changes, as server-sent events.
//!
//! An event says only that something of a kind has changed, or how far a run has come, of the areas of whoever asks; what it is
//! now is asked for as usual, with their rights. A stream ends with its session: each event looks whether that still counts.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::watch;

use crate::collect::Progress;
use crate::domain::access::{Action, Regions};
use crate::http::figures::Figures;
use crate::http::routes::Routes;
use crate::http::streams::OpenStream;
use crate::http::{Caller, Counts, Problem, Services, Source, Topic, auth};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_stream, _, _>(Action::SeeStatus, stream)
}

/// What changes, as server-sent events
///
/// `changed` names the kind of thing that has changed (`run`, `read`, `order`, `alarm`); `progress` tells how far the run
/// of a night has come, with the meters in the areas of the account; `steps` are those of the whole site, and `null` for an
/// account of some areas. An account has at most 16 streams open at a time.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream",
    responses((status = 200, description = "events until the session ends", content_type = "text/event-stream")))]
async fn stream(
    State(services): State<Services>,
    caller: Caller,
    Source(source): Source,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let following = Following {
        _open: services.streams.open(&caller)?,
        regions: caller.acting.regions,
        counts: services.changes.follow(),
        progress: services.progress.clone(),
        told: None,
        services,
        headers,
        source,
    };
    let events = futures_util::stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// What a stream follows.
struct Following {
    _open: OpenStream,
    /// Where whoever follows sees anything.
    regions: Regions,
    services: Services,
    counts: watch::Receiver<Counts>,
    progress: watch::Receiver<Progress>,
    /// What was told last.
    told: Option<Counts>,
    headers: HeaderMap,
    source: String,
}

impl Following {
    /// The next event; `None` when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        let Some(told) = self.told else {
            self.told = Some(*self.counts.borrow_and_update());
            return Some(self.progress().await);
        };
        loop {
            let is_of_run = tokio::select! {
                () = self.services.stop.cancelled() => return None,
                changed = self.counts.changed() => changed.map(|()| false).ok()?,
                changed = self.progress.changed() => changed.map(|()| true).ok()?,
                () = tokio::time::sleep(LOOK_AGAIN) => { self.still_counts().await?; continue }
            };
            self.still_counts().await?;
            if is_of_run {
                // Runs change many times a second; a page need not.
                tokio::time::sleep(BREATH).await;
                return Some(self.progress().await);
            }
            let counts = *self.counts.borrow_and_update();
            self.told = Some(counts);
            let changed = Topic::ALL.iter().zip(told.iter().zip(counts));
            let names: Vec<&str> =
                changed.filter(|(_, (told, now))| *told != now).map(|(topic, _)| topic.name()).collect();
            return Some(Event::default().event("changed").data(names.join(" ")));
        }
    }

    async fn progress(&mut self) -> Event {
        self.progress.mark_unchanged();
        let Ok(figures) = Figures::of(&self.services, &self.regions).await else {
            // Whoever is told asks for it, and hears why there is nothing.
            return Event::default().event("changed").data(Topic::Run.name());
        };
        let Figures { planned, read, missing, steps } = figures;
        let (done, steps) = steps.unzip();
        let data = json!({ "planned": planned, "read": read, "missing": missing, "steps_done": done, "steps": steps });
        Event::default().event("progress").data(data.to_string())
    }

    /// `None` when whoever listens may not any more.
    async fn still_counts(&mut self) -> Option<()> {
        let caller = auth::by_itself(&self.services, &self.headers, &self.source).await?;
        let may = caller.may(Action::SeeStatus);
        self.regions = caller.acting.regions;
        may.then_some(())
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(30);
const BREATH: Duration = Duration::from_millis(250);
