//! DL/T 645-2007 and DL/T 645-1997, the protocol of China's electricity meters (多功能电能表通信协议): frames, data
//! identifiers, exchanges. Bytes and the time go in, bytes, values and "wake me then" come out; there is no socket, no
//! clock, no thread, no float and no `unsafe` in here, and no input makes it panic.
//!
//! # For those who know Modbus
//!
//! | Modbus | DL/T 645 |
//! | --- | --- |
//! | slave address 1 to 247 | twelve decimal digits, as on the meter's face: [`address::MeterAddress`] |
//! | function code | [control code](control::Control), with bits for "answer", "refused" and "more follows" |
//! | register number | [data identifier](data_id::DataId) of four bytes (two in the 1997 edition), such as `00010000` |
//! | 16-bit registers, scaling by the manual | packed decimal digits with a fixed point, known to the [`catalog`] |
//! | CRC, silence ends a frame | length byte and a sum modulo 256; every data byte has 33H added on the wire |
//! | exception code | a refusal with an [error word](response::ErrorWord) of bits |
//! | one frame an answer | long answers come in pieces that are asked for one by one: [`exchange`] does it |
//!
//! All multi-byte values go low byte first, and a meter never speaks unasked.
//!
//! # Reading a meter's energy
//!
//! Ask meter 123456789012 for its forward active energy; hand the [`Exchange`](exchange::Exchange) what comes, and read
//! the answer by the catalogue:
//!
//! ```
//! use std::time::Instant;
//! use dlt645::address::MeterAddress;
//! use dlt645::catalog::{self, Content, Value};
//! use dlt645::data_id::DataId;
//! use dlt645::exchange::{Exchange, Outcome, Timing};
//! use dlt645::request::Request;
//!
//! let meter: MeterAddress = "123456789012".parse()?;
//! let item: DataId = "00010000".parse()?;
//! let now = Instant::now();
//! let mut exchange = Exchange::begin(Request::read(meter, item), Timing::serial(2400), now);
//!
//! // Write these bytes to the line: four wake-up bytes and the frame.
//! let sent = exchange.poll_transmit().ok_or("nothing to send")?.to_vec();
//! assert_eq!(sent[4..], [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x11, 0x04,
//!                        0x33, 0x33, 0x34, 0x33, 0x68, 0x16]);
//! exchange.transmitted(now);
//!
//! // Hand over what is read, in pieces of any size; without bytes, come again at `poll_timeout`.
//! exchange.handle_bytes(&[0xFE, 0xFE, 0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x08,
//!                         0x33, 0x33, 0x34, 0x33, 0x89, 0x67, 0x45, 0x33, 0x54, 0x16], now);
//! let Some(Outcome::Answered(answer)) = exchange.poll() else { return Err("not answered".into()) };
//!
//! // The catalogue knows what the four bytes mean.
//! let entry = catalog::find(item).ok_or("not in the catalogue")?;
//! let Content::Values(values) = entry.read(answer.payload())? else { return Err("no values".into()) };
//! for reading in values {
//!     assert_eq!(reading.name_en(), "forward active energy, total");
//!     assert_eq!(reading.name_zh(), "正向有功总电能");
//!     assert_eq!(reading.field.unit, "kWh");
//!     assert_eq!(reading.item().ok_or("no item")?.to_string(), "1-0:1.8.0");
//!     // Exact: 123456 with two decimals. What the meter marks as "no value" is `Value::Absent`, never zero.
//!     let Value::Number(energy) = reading.value else { return Err("no number".into()) };
//!     assert_eq!((energy.scaled(), energy.to_string().as_str()), (123_456, "1234.56"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way through the crate
//!
//! - Bytes: [`frame`] checks and writes one frame, [`decoder`] finds frames in a stream, [`explain`] names every field of
//!   anything that was pasted.
//! - Meaning: [`catalog`] holds every identifier of both editions as data, with names in Chinese and English, layouts,
//!   units and neutral items (OBIS codes); [`quantity`] and [`meter_time`] are exact values and times as meters write
//!   them; [`bcd`] is the digits beneath.
//! - Talk: [`request`] and [`response`] are what may be said, [`exchange`] is one request and its answer with
//!   time-outs, repetitions and pieces, [`edition`] is what differs between 1997 and 2007.
//! - Orders: [`relay`] cuts and restores supply, [`password`] and [`security`] are what orders are signed with,
//!   [`commissioning`] gives a meter its address. None of them can be addressed to a wildcard.
//!
//! Which clauses of the standards are covered is listed in the crate's `SPEC.md`; what it costs and how it stood up to
//! damaged frames in [`measured`].

#![cfg_attr(test, allow(clippy::as_conversions))]

pub mod address;
pub mod bcd;
pub mod catalog;
pub mod commissioning;
pub mod control;
pub mod data_id;
pub mod decoder;
pub mod edition;
pub mod exchange;
pub mod explain;
pub mod frame;
#[doc = include_str!("measured.md")]
pub mod measured {}
pub mod meter_time;
pub mod password;
pub mod quantity;
pub mod relay;
pub mod request;
pub mod response;
pub mod security;
