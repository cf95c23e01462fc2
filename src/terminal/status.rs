//! How a terminal stands, for people and for whoever plans its work.

use std::net::SocketAddr;
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use gdw1376::auxiliary::EventCounters;
use gdw1376::frame::LengthCode;

use super::LinkMeasured;
use crate::domain::Moment;

/// How a terminal stands. Counts are since the program began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalStatus {
    /// Which.
    pub address: TerminalAddress,
    /// Whether it has a session.
    pub is_online: bool,
    /// Where its last session came from.
    pub from: Option<SocketAddr>,
    /// When its last session began.
    pub connected_at: Option<Moment>,
    /// When its last frame came.
    pub last_heard_at: Option<Moment>,
    /// When its last heartbeat came.
    pub last_heartbeat_at: Option<Moment>,
    /// How often it sends its heartbeat, as told or learned.
    pub heartbeat: Option<Duration>,
    /// Sessions.
    pub sessions: u64,
    /// Questions and orders sent.
    pub requests: u64,
    /// Of these, answered in any way.
    pub answers: u64,
    /// Of these, left without an answer.
    pub silent: u64,
    /// Answers that came when nobody waited for them any more, or that belong to no question.
    pub late: u64,
    /// Frames that are not of this terminal, or not of the protocol's sense.
    pub foreign: u64,
    /// Reports that came, repetitions included.
    pub reports: u64,
    /// Sessions that began elsewhere while the one before was there: two claim to be this terminal.
    pub claims: u64,
    /// When the last of these began that may be another, and where it came from: not one with the right certificate, unless it
    /// comes from elsewhere twice within a heartbeat.
    pub claimed: Option<(Moment, SocketAddr)>,
    /// Logins that were refused, and sessions that were ended, since its certificate was another, or is revoked.
    pub refused: u64,
    /// How often it was hung up since it said more than any terminal has to.
    pub floods: u64,
    /// The certificate that it comes with, as SHA-256.
    pub certificate: Option<String>,
    /// What has shown of the way to it.
    pub link: LinkMeasured,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Its event counters (EC), as last told.
    pub events: Option<EventCounters>,
    /// The edition its last frame said.
    pub edition: Option<LengthCode>,
    /// The longest request it takes, in counted bytes.
    pub most_request: u16,
    /// How many questions and orders wait.
    pub waiting: usize,
}

#[cfg(test)]
impl TerminalStatus {
    /// One that never came.
    pub(crate) const fn sample(address: TerminalAddress) -> Self {
        Self {
            address,
            is_online: false,
            from: None,
            connected_at: None,
            last_heard_at: None,
            last_heartbeat_at: None,
            heartbeat: None,
            sessions: 0,
            requests: 0,
            answers: 0,
            silent: 0,
            late: 0,
            foreign: 0,
            reports: 0,
            claims: 0,
            claimed: None,
            refused: 0,
            floods: 0,
            certificate: None,
            link: LinkMeasured { asked: 0, unanswered: 0, answered_after: None, logins: 0 },
            sent_bytes: 0,
            received_bytes: 0,
            events: None,
            edition: None,
            most_request: 512,
            waiting: 0,
        }
    }
}
