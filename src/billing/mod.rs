//! The hand-off to billing: registers of midnights and consumptions of days, each version once and in order.
//!
//! Who is given values is told by the configuration: the built-in ledger first, then receivers by HTTP and by files
//! ([`Receivers`]), each at its own pace. [`settle_due`] makes versions of what was accepted or recorded since; [`push_once`] offers them to a receiver and
//! takes its receipts; [`run()`] does both for as long as the program runs. A kill between any two steps loses nothing:
//! what was not settled is due as before, and what was offered without word is offered again under the same key (F27).
//! Nothing is handed over that is not accepted and current, and a day that cannot be computed stays open with its reason
//! ([`open_days`]). Where values are kept is left to [`crate::store::billing`], which readings count to
//! [`crate::domain`].

mod compute;
mod drop;
mod flow;
mod lineage;
mod open;
mod origin;
mod post;
mod push;
mod receivers;
pub mod reconcile;
mod rules;
mod run;
mod settle;
mod sink;
mod tallies;

pub use drop::CsvSink;
pub use open::{OpenDay, last_week, open_days};
pub use origin::{End, Origin, origins, traced};
pub use post::HttpSink;
pub use push::{Pushed, Settings, push_once};
pub use receivers::{Receiver, Receivers, ReconcileError, Sink};
pub use rules::Rules;
pub use run::run;
pub use settle::{Settled, settle_due};
pub use sink::{BillingSink, KeyReceipt, LedgerSink, SinkError, Taken};
pub use tallies::shown as shown_sum;
