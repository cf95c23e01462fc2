//! Devices that dial in: DTUs (数据传输单元) on a mobile network, which have no address of their own to be dialled.
//!
//! A device says who it is by the first bytes it sends, its registration packet (注册包), or is known by the address it
//! comes from. The newest connection of a line wins; the old one is closed and whatever was asked on it ends. Who is not
//! known is closed and counted. Registration and heart-beat packets (心跳包) are taken out of the stream, so that above
//! a link nothing is seen but the bus.
//!
//! Nobody can fill the memory or keep others out: a connection holds a few dozen bytes until it has said who it is, has
//! a few seconds to do so, and when too many are waiting the oldest goes (F21).

mod packets;
mod registry;
mod server;
mod stream;
#[cfg(test)]
mod tests;

pub use registry::{DialInError, DialInLine, Registration};
pub use server::{DialIn, DialInSettings};
pub use stream::{DialledIn, Incoming};
