//! The console: the pages of the control room, drawn on the server.
//!
//! A page is a struct of what it shows and a function of a [`view::View`] to markup, so that it can be drawn without a
//! server or a database. Every page and every form works without the script, nothing is asked of another host, and what
//! others wrote is shown inert (T13). Who may open which page is said where it is registered, and checked by `http`.

mod account;
pub mod advice;
pub mod alarms;
pub mod assets;
mod at_once;
mod audit;
pub mod billing;
pub mod chart;
pub mod components;
pub mod cuts;
pub mod events;
pub mod evidence;
mod file_field;
mod handlers;
pub mod labels;
pub mod layout;
mod limits;
pub mod lines;
mod login;
pub(super) mod looking;
pub mod loss;
pub mod meter;
pub mod meters;
pub mod meters_file;
pub mod night;
pub mod notices;
pub mod orders;
pub mod overdue;
pub mod proposals;
pub mod protections;
pub mod reads;
mod receivers;
mod rights;
pub mod rotations;
mod sent;
pub mod settings;
pub mod table;
pub mod terminals;
#[cfg(test)]
mod tests;
pub mod typed;
mod users;
pub mod view;
pub mod words;

use super::routes::Routes;

/// Every page and form.
pub(super) fn routes() -> Routes {
    let people = login::routes().and(account::routes()).and(users::routes()).and(audit::routes());
    looking::routes()
        .and(people)
        .and(alarms::routes())
        .and(proposals::routes())
        .and(protections::routes())
        .and(evidence::routes())
        .and(notices::routes())
        .and(limits::routes())
        .and(settings::routes())
        .and(terminals::routes())
        .and(receivers::routes())
        .and(rotations::routes())
        .and(meters_file::routes())
        .and(handlers::routes())
}
