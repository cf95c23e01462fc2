//! `/api/v1/stream`: what changes, as server-sent events.
//!
//! An event says only that something of a kind has changed, or how far a run has come; what it is now is asked for as
//! usual, with the rights of whoever asks. A stream ends with its session: each event looks whether that still counts.

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
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::{Counts, Services, Source, Topic, auth};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_stream, _, _>(Action::SeeStatus, stream)
}

/// What changes, as server-sent events
///
/// `changed` names the kind of thing that has changed (`run`, `read`, `order`, `alarm`); `progress` tells how far the run
/// of a night has come.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream",
    responses((status = 200, description = "events until the session ends", content_type = "text/event-stream")))]
async fn stream(
    State(services): State<Services>,
    Source(source): Source,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let following = Following {
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
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// What a stream follows.
struct Following {
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
            return Some(self.progress());
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
                return Some(self.progress());
            }
            let counts = *self.counts.borrow_and_update();
            self.told = Some(counts);
            let changed = Topic::ALL.iter().zip(told.iter().zip(counts));
            let names: Vec<&str> =
                changed.filter(|(_, (told, now))| *told != now).map(|(topic, _)| topic.name()).collect();
            return Some(Event::default().event("changed").data(names.join(" ")));
        }
    }

    fn progress(&mut self) -> Event {
        let progress = self.progress.borrow_and_update();
        let missing: u32 = progress.missing.values().sum();
        let data = json!({
            "planned": progress.planned, "read": progress.read, "missing": missing,
            "steps_done": progress.steps.0, "steps": progress.steps.1,
        });
        Event::default().event("progress").data(data.to_string())
    }

    /// `None` when whoever listens may not any more.
    async fn still_counts(&self) -> Option<()> {
        let caller = auth::by_itself(&self.services, &self.headers, &self.source).await?;
        caller.may(Action::SeeStatus).then_some(())
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(30);
const BREATH: Duration = Duration::from_millis(250);
