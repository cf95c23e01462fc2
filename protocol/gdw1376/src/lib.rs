//! Q/GDW 1376.1 (376.1), the protocol between a head-end and its concentrators (集中器) and terminals (采集终端).

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
pub mod dlt698;
pub mod explain;
pub mod format;
pub mod frame;
pub mod identifier;
pub mod message;
pub mod quantity;
pub mod reading;
pub mod request;
pub mod seq;
pub mod terminal_time;
pub mod unit;
