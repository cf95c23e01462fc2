//! The second driver of a line: meters that speak Modbus, over a bus (RTU) or over TCP. They are only read.
//!
//! A frame of Modbus says less than one of DL/T 645: an answer on a bus carries the unit, the function and how many bytes
//! there are, and nothing of what was asked. So a late answer to one question looks like the answer to the next of the same
//! length, and the crate that codes these frames takes it for that (F5, F6): it drops what has come before it asks, and then
//! takes the first frame. Here is what keeps old answers out:
//!
//! - **The crate never meets the line.** It codes a question and decodes an answer in memory, each with a context that is new
//!   and thrown away (`codec`). What is handed to it was found on the line by unit, function, number of bytes and check
//!   (`frames`); all else that is heard is counted, and the wait goes on to its own limit.
//! - **After silence the line is kept quiet** until the latest answer would have ended; what comes then is late.
//! - **A unit that may owe an answer is not asked the same kind of question.** It is first asked something that it answers
//!   with another function, a single bit: an answer or a refusal, both carry that function. A meter answers one question after
//!   the other, and no path changes the order, so that behind this answer no older one can come. `units` keeps who owes what:
//!   everybody when the program starts, who kept silent, who was heard at the wrong time, and all where noise was heard.
//! - **Two answers to one question are in doubt**, and it is asked again, as with DL/T 645.
//! - Over TCP each frame has a number besides, drawn from one row for all connections of the line, and after silence the
//!   connection is opened anew. The rule of the units holds all the same: behind a gateway there may be a bus.
//!
//! What is left to others: reading a value that counts twice (`collect`), and what registers mean.

mod codec;
mod frames;
mod registers;
mod talk;
mod units;

pub use registers::{RegisterOutcome, RegisterQuestion, RegisterRefusal, Registers};

pub(super) use registers::Function;
pub(super) use talk::Asked;
pub(super) use units::Units;
