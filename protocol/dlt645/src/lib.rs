//! DL/T 645-2007 and DL/T 645-1997, the protocol of China's electricity meters (多功能电能表通信协议).

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
pub mod meter_time;
pub mod password;
pub mod quantity;
pub mod relay;
pub mod request;
pub mod response;
pub mod security;
