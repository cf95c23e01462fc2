//! What the product talks about, and the rules that need nothing but their arguments.
//!
//! All arithmetic is exact and in whole numbers; nothing here does I/O or asks for the time.

mod archive;
mod cause;
mod coded;
mod curve;
mod day;
mod id;
mod item;
mod moment;
mod multiplier;
mod quality;
mod reading;
pub mod version;

pub use archive::{
    Customer, CustomerClass, Feeder, Installation, Line, Meter, MeterPath, MeterProtocol, MeteringPoint,
    Parity, PointRole, ReadingRoute, TransformerArea, TransformersFrom,
};
pub use cause::MissingCause;
pub use coded::Coded;
pub use curve::{DayCurve, SlotConflict, SlotValue, SlotsPerDay};
pub use day::{Day, DayError};
pub use id::Id;
pub use item::{Item, ItemKey, ItemKind, Way};
pub use moment::{InChina, Moment};
pub use multiplier::{Multiplier, Ratio, RatioError, Transformers};
pub use quality::{Quality, Source, Suspicion};
pub use reading::{Fetch, RegisterReading};
