//! Q/GDW 1376.1-2013 and 376.1-2009 (主站与采集终端通信协议), the protocol between a head-end (主站) and its concentrators and
//! terminals (集中器, 采集终端): frames, data units, the catalogue of all items, requests and answers. Bytes and the time go
//! in, bytes, values and "wake me then" come out; there is no socket, no clock, no thread, no float and no `unsafe` in here,
//! and no input makes it panic. Frames for meters are carried as opaque bytes.
//!
//! # For those who know DL/T 645
//!
//! | DL/T 645 | 1376.1 |
//! | --- | --- |
//! | meter address | [region and terminal](address::TerminalAddress); the meter is a [measuring point](identifier::Point) in the terminal's [archive](request::ArchiveRecord) |
//! | control code | [control byte](control::Control), [application function](afn::Afn) and [sequence byte](seq::Seq) |
//! | data identifier | [point and item](identifier::Identifier), both as bitmaps: one identifier names up to 64 things |
//! | 33H added to data | nothing; lengths stand twice instead |
//! | data length in the frame | none for a data unit: the [`catalog`] has to know every item |
//! | FF is "no value" | EE in every byte is, [whatever the format](format::Absence) |
//! | a meter never speaks unasked | a terminal connects, logs in and [reports](report::Begun) |
//! | follow-on frames are asked for | all frames of an answer come [one after the other](assembly::Assembly) |
//!
//! # A night's registers
//!
//! With the frames of [1376 9]:
//!
//! ```
//! use gdw1376::address::{AddressField, TerminalAddress};
//! use gdw1376::civil::Civil;
//! use gdw1376::decoder::Decoder;
//! use gdw1376::identifier::{FnNumber, Point};
//! use gdw1376::message::Message;
//! use gdw1376::request::{Envelope, Freeze, Period, Request};
//! use gdw1376::{reading, unit};
//!
//! // The registers frozen at the end of 2024-08-20, of measuring points 1 to 8, in one request.
//! let terminal: TerminalAddress = "1100-3039".parse()?;
//! let request = Request::ReadFreeze(Freeze {
//!     points: (1..=8).filter_map(Point::new).collect(),
//!     functions: FnNumber::new(161).into_iter().collect(),
//!     period: Period::Day(Civil::date(2024, 8, 20).ok_or("no date")?),
//! });
//! let envelope = Envelope::new(AddressField::single(terminal, 1), 2);
//! assert_eq!(request.to_bytes(&envelope)?[14..21], [0xFF, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24]);
//!
//! // The last frame of the answer: the terminal has nothing of point 3.
//! let mut stream = &[0x68, 0xBA, 0x00, 0xBA, 0x00, 0x68, 0x88, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0D, 0x23,
//!     0x04, 0x01, 0x01, 0x14, 0x20, 0x08, 0x24, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0x04, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE,
//!     0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE,
//!     0xEE, 0xEE, 0x82, 0x16][..];
//! let mut decoder = Decoder::new();
//! let found = decoder.next_frame(&mut stream).ok_or("no frame")?;
//! let units = unit::cut(&Message::of(&found.frame)?);
//! let readings = reading::readings(&units.units[0]);
//! assert_eq!(readings[0].item.to_string(), "1-0:1.8.0");
//! // The day that ended is 2024-08-20: the values are those of the midnight after it, and here there are none.
//! assert_eq!(readings[0].as_of, Civil::date(2024, 8, 21));
//! assert!(readings[0].value.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way through the crate
//!
//! - Bytes: [`frame`] checks and writes one frame, [`decoder`] finds frames in a stream, [`explain`] names every byte of
//!   anything that was pasted. [`dlt698`] tells frames of DL/T 698.45 apart, which share the lines.
//! - Parts: [`control`], [`address`], [`afn`], [`seq`], [`identifier`], [`auxiliary`]; [`message`] is all of them together.
//! - Meaning: [`catalog`] holds every item as data, [`mod@unit`] cuts messages by it, [`mod@format`] is the data formats of
//!   appendix A, [`reading`] gives neutral items with the instant at which they hold. [`quantity`], [`civil`] and
//!   [`terminal_time`] are exact values, dates, and times as terminals write them; [`bcd`] is the digits beneath.
//! - Talk: [`request`] and [`confirmation`] are what may be said, [`answer`] and [`report`] what is heard, [`assembly`] is the
//!   order of several frames, [`dialogue`] one request and its answer with time-outs and repetitions.
//!
//! Which clauses are covered, and where the sources leave doubts, is listed in the crate's `SPEC.md`.

#![cfg_attr(test, allow(clippy::as_conversions))]

pub mod address;
pub mod afn;
pub mod answer;
pub mod assembly;
pub mod auxiliary;
pub mod bcd;
pub mod catalog;
pub mod civil;
pub mod confirmation;
pub mod control;
pub mod decoder;
pub mod dialogue;
pub mod dlt698;
pub mod explain;
pub mod format;
pub mod frame;
pub mod identifier;
pub mod message;
pub mod quantity;
pub mod reading;
pub mod report;
pub mod request;
pub mod seq;
pub mod terminal_time;
pub mod unit;
