//! The API: `/api/v1`, described by OpenAPI 3.1 at `/api/openapi.json` and for reading at `/api`.

pub(super) mod accounts;
mod alarms;
pub(super) mod audit;
pub(super) mod billing;
mod browse;
mod changes;
mod clock_set;
mod consumptions;
mod cuts;
pub(super) mod evidence;
mod health;
mod line_loss;
mod lines;
mod long_number;
mod meters;
mod meters_file;
pub(super) mod objected;
mod openapi;
pub(super) mod order_drafts;
mod order_preview;
pub(super) mod orders;
mod orders_shown;
mod point_evidence;
mod proposals;
pub(super) mod protections;
mod reads;
mod reads_file;
mod reads_shown;
pub(super) mod receivers;
pub(super) mod rotations;
mod runs;
mod series;
mod settings;
mod site_events;
mod stop;
mod stream;
mod terminal_records;
mod terminals;
pub(super) mod terms;
pub(super) mod tokens;
pub(super) mod written;

use super::Services;
use super::caller::Caller;
use super::routes::{Routes, Rule};
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};

pub(crate) use billing::review_shown;
pub(crate) use objected::{reason as objection_shown, reasons_against as objections_shown};
pub(super) use openapi::document;
pub(crate) use orders::SubmittedAnswer;
pub(crate) use orders_shown::{detail as order_shown_whole, shown as order_shown};
pub(crate) use proposals::shown as proposal_shown;
pub(super) use reads::address;

/// Every route of the API.
pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/api", Rule::SignedIn, page)
        .page("/api/openapi.json", Rule::SignedIn, described)
        .and(health::routes())
        .and(stream::routes())
        .and(tokens::routes())
        .and(accounts::routes())
        .and(audit::routes())
        .and(alarms::routes())
        .and(billing::routes())
        .and(receivers::routes())
        .and(proposals::routes())
        .and(orders::routes())
        .and(order_drafts::routes())
        .and(order_preview::routes())
        .and(cuts::routes())
        .and(stop::routes())
        .and(evidence::routes())
        .and(point_evidence::routes())
        .and(terms::routes())
        .and(protections::routes())
        .and(reads::routes())
        .and(reads_file::routes())
        .and(meters::routes())
        .and(meters_file::routes())
        .and(series::routes())
        .and(consumptions::routes())
        .and(site_events::routes())
        .and(lines::routes())
        .and(line_loss::routes())
        .and(settings::routes())
        .and(runs::routes())
        .and(terminals::routes())
        .and(rotations::routes())
        .and(terminal_records::routes())
}

async fn page(State(services): State<Services>, _caller: Caller) -> impl IntoResponse {
    Html(browse::page(&services.document).into_string())
}

async fn described(State(services): State<Services>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], services.document.to_string())
}
