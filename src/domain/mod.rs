//! What the product talks about, and the rules that need nothing but their arguments.
//!
//! Value types of time ([`Moment`], [`Day`]), of measurement ([`Item`], [`RegisterReading`], [`DayCurve`], [`Quality`])
//! and of the archive, and rules over them: how a register may move ([`register`]), whether a meter's clock may be
//! believed ([`meter_clock`]), which version counts ([`version`]), which reading stands for a midnight ([`Standing`]),
//! what was used ([`consumption()`]), who may do what ([`access`]), what needs two persons ([`proposal`]), when supply may
//! be taken or given ([`supply`]), what shows that a relay moved ([`relay`]), what is worth an alarm ([`Alarm`]). All
//! arithmetic is exact and in whole numbers; nothing here does I/O or asks for the time. What a meter says in its frames is
//! left to the protocol crates, keeping things to `store`.
//! arithmetic is exact and in whole numbers; nothing here does I/O or asks for the time. What a meter says in its frames is
//! left to the protocol crates, keeping things to `store`.

pub mod access;
mod alarm;
mod archive;
mod archive_problem;
pub mod asset;
mod audit;
mod billing;
mod cause;
mod coded;
mod consumption;
mod curve;
mod day;
mod detail;
mod hex;
mod id;
mod item;
mod manual_read;
pub mod meter_clock;
pub mod modbus;
mod moment;
mod multiplier;
mod on_demand;
pub mod proposal;
mod quality;
mod reading;
pub mod register;
pub mod relay;
pub mod rotation;
mod run;
mod standing;
pub mod standstill;
mod subject;
pub mod supply;
pub mod terminal_archive;
pub mod version;

pub use alarm::{Alarm, AlarmKind, Severity, alarm_key};
pub use archive::{
    ArchiveEntry, Customer, CustomerClass, Feeder, Installation, Line, Meter, MeterPath, MeterProtocol,
    MeteringPoint, Parity, PointRole, ReadingRoute, TransformerArea, TransformersFrom,
};
pub use archive_problem::{ArchiveProblem, Numbered, repeated};
pub use audit::{AuditEntry, AuditHash};
pub use billing::{BillingContent, BillingKey, BillingKind, BillingVersion};
pub use cause::MissingCause;
pub use coded::Coded;
pub use consumption::{Accepted, Consumption, MORE_DECIMALS, Open, Part, Piece, consumption, pieces};
pub use curve::{DayCurve, SlotConflict, SlotValue, SlotsPerDay};
pub use day::{Day, DayError};
pub use detail::detail_zh;
pub use hex::{read_hex, write_hex};
pub use id::Id;
pub use item::{Item, ItemKey, ItemKind, Way};
pub use manual_read::{
    Around, Compared, MOST_READS, ManualRead, ManualReads, PlacedMeter, ReadKind, ReadPlace,
};
pub use meter_clock::{ClockOffset, ClockSession};
pub use moment::{InChina, Moment, MomentError};
pub use multiplier::{Multiplier, Ratio, RatioError, Transformers};
pub use on_demand::{MeterRead, ReadAnswer, ReadBits, ReadGroup, ReadJob, ReadState, ReadValue, ValueBefore};
pub use quality::{Quality, Source, Suspicion};
pub use reading::{Fetch, RegisterKey, RegisterReading};
pub use run::{Run, RunKind, RunMeter, RunOutcome, RunState};
pub use standing::{Readings, Standing};
pub use subject::subject_zh;
