//! Supply orders (停复电): what may be ordered, when, by whom, and how an order goes on.
//!
//! Every point of an order has a state, and only the listed edges lead from one to the next ([`OrderState::next`]). What
//! takes supply away ([`OrderKind::is_cut_class`]) needs all its conditions at every stage, the last time in the
//! transaction of the intent: [`objections_to_order`] and [`objections_to_point`] are functions of facts and of the
//! moment, and name everything that stands against it. Gathering facts is left to `store`, acting on them to `supply`.

mod ceiling;
mod condition;
mod content;
mod facts;
mod kind;
mod objection;
mod state;
mod terms;

pub use ceiling::{
    AreaUsage, CeilingUse, Ceilings, Shown, Usage, ceilings_kept, ceilings_read, stops_itself,
};
pub use condition::{Stage, approval_objections, objections_to_order, objections_to_point};
pub use content::{ContentHash, OrderContent, OrderedPoint, Window};
pub use facts::{
    Approval, CLOCKS_DIFFER, CalendarKind, HaltKind, Identity, Notice, NoticeKind, OrderFacts, PointFacts,
    ProtectionKind, ProtectionList, lies_ahead,
};
pub use kind::{OrderKind, Reason};
pub use objection::{Objection, words_of};
pub use state::{NoSuchEdge, OrderEvent, OrderState};
pub use terms::{DatedTerms, Terms, promises_missed, terms_for};

/// A supply order (停复电工单).
#[derive(Debug)]
pub struct SupplyOrder;

/// One try to have one point's meter do what an order asks.
#[derive(Debug)]
pub struct Attempt;

/// A protection that was entered.
#[derive(Debug)]
pub struct Protection;
