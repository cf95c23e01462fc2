//! How one terminal is treated, and where its meters are.

use std::time::Duration;

use crate::link::Rate;

/// How one terminal is treated. What is left out holds as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalSettings {
    /// How often it sends its heartbeat; where it is not told it is learned.
    pub heartbeat: Option<Duration>,
    /// The longest request it takes, in counted bytes; where it is not told, what it says itself when asked for its ports.
    pub most_request: Option<u16>,
    /// The port of meters for which nothing else is known, 1 to 31. Default the carrier module, 31 of most makers.
    pub port: Option<u8>,
    /// The ports with a carrier or radio module, where this maker counts otherwise.
    pub plc_ports: Option<Vec<u8>>,
}

/// How the port of one meter speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterPort {
    /// The port, 1 to 31, where it is not that of the terminal.
    pub port: Option<u8>,
    /// Speed and parity, where they are not 2400 and even.
    pub rate: Option<Rate>,
}
