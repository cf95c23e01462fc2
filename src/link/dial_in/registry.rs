//! Which device belongs to which line.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::{Line, LinePlace};

/// How the device of a line is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// By the first bytes it sends. What follows in the same packet, such as the end of a line, is dropped.
    Packet(Vec<u8>),
    /// By where it comes from.
    Source(IpAddr),
}

/// A line whose device dials in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialInLine {
    /// Its name.
    pub name: String,
    /// How the device is known.
    pub registration: Registration,
    /// The packet (心跳包) by which it shows that it is still there, if it has one that is no wake-up byte.
    pub heart_beat: Option<Vec<u8>>,
    /// How long nothing at all may come before the connection is given up: three periods of the heart-beat, say.
    pub silent_within: Option<Duration>,
}

impl DialInLine {
    /// The line as the configuration describes it, if its device dials in.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        let registration = match &line.place {
            LinePlace::Registered(packet) => Registration::Packet(packet.clone()),
            LinePlace::From(source) => Registration::Source(*source),
            LinePlace::Serial(_) | LinePlace::Tcp(_) => return None,
        };
        let heart_beat = line.heart_beat.clone();
        Some(Self { name: line.name.clone(), registration, heart_beat, silent_within: line.silent_within })
    }
}

/// Why devices cannot be told apart or listened for.
#[derive(Debug, thiserror::Error)]
pub enum DialInError {
    /// Two lines could be meant by one device.
    #[error("lines {one} and {other} cannot be told apart by how their devices register")]
    Ambiguous {
        /// One line.
        one: String,
        /// Another.
        other: String,
    },
    /// A registration or heart-beat packet that a frame could begin with.
    #[error("the packet of line {line} is empty, too long, or begins like a frame (68H, FEH, 16H)")]
    Packet {
        /// The line.
        line: String,
    },
    /// The port cannot be listened on.
    #[error("no listening on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl DialInError {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ambiguous { .. } => "ambiguous",
            Self::Packet { .. } => "packet",
            Self::Listen { .. } => "listen",
        }
    }
}

/// The lines, checked.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    lines: Vec<DialInLine>,
}

/// Who the first bytes of a connection come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The device of the line in this place.
    Line(usize),
    /// It cannot be told yet.
    NotYet,
    /// Nobody that is known.
    Nobody,
}

impl Registry {
    pub(super) fn new(lines: Vec<DialInLine>) -> Result<Self, DialInError> {
        for (place, line) in lines.iter().enumerate() {
            let registers_by = match &line.registration {
                Registration::Packet(packet) => Some(packet),
                Registration::Source(_) => None,
            };
            if !registers_by.into_iter().chain(&line.heart_beat).all(|packet| is_fit(packet)) {
                return Err(DialInError::Packet { line: line.name.clone() });
            }
            let other = lines.iter().take(place).find(|other| other.registration.may_be(&line.registration));
            if let Some(other) = other {
                return Err(DialInError::Ambiguous { one: other.name.clone(), other: line.name.clone() });
            }
        }
        Ok(Self { lines })
    }

    pub(super) fn lines(&self) -> &[DialInLine] {
        &self.lines
    }

    /// Who it is, by where it comes from alone.
    pub(super) fn by_source(&self, source: IpAddr) -> Who {
        let source = source.to_canonical();
        let is_it = |line: &DialInLine| match line.registration {
            Registration::Source(known) => known.to_canonical() == source,
            Registration::Packet(_) => false,
        };
        self.lines.iter().position(is_it).map_or(Who::NotYet, Who::Line)
    }

    /// Who it is, by the first bytes.
    pub(super) fn by_packet(&self, bytes: &[u8]) -> Who {
        let mut who = Who::Nobody;
        for (place, line) in self.lines.iter().enumerate() {
            let Registration::Packet(packet) = &line.registration else { continue };
            if bytes.starts_with(packet) {
                return Who::Line(place);
            }
            if packet.starts_with(bytes) {
                who = Who::NotYet;
            }
        }
        who
    }
}

impl Registration {
    fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packet(one), Self::Packet(other)) => one.starts_with(other) || other.starts_with(one),
            (Self::Source(one), Self::Source(other)) => one.to_canonical() == other.to_canonical(),
            _ => false,
        }
    }
}

/// A packet that cannot be taken for the beginning or the end of a frame.
fn is_fit(packet: &[u8]) -> bool {
    packet.len() <= LONGEST && packet.first().is_some_and(|byte| !matches!(byte, 0x68 | 0xFE | 0x16))
}

/// The longest packet.
pub(super) const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, registration: Registration) -> DialInLine {
        DialInLine { name: name.to_owned(), registration, heart_beat: None, silent_within: None }
    }

    fn packet(text: &str) -> Registration {
        Registration::Packet(text.as_bytes().to_vec())
    }

    #[test]
    fn devices_are_known_by_packet_or_source() {
        let source = |text: &str| Registration::Source(text.parse().unwrap());
        let lines =
            vec![line("a", packet("DTU01")), line("b", packet("DTU02")), line("c", source("10.0.0.9"))];
        let registry = Registry::new(lines).unwrap();
        for (bytes, who) in [
            (&b""[..], Who::NotYet),
            (b"DTU0", Who::NotYet),
            (b"DTU01", Who::Line(0)),
            (b"DTU02\r\n", Who::Line(1)),
            (b"DTU03", Who::Nobody),
            (b"GET / HTTP/1.1", Who::Nobody),
        ] {
            assert_eq!(registry.by_packet(bytes), who, "{bytes:?}");
        }
        assert_eq!(registry.by_source("::ffff:10.0.0.9".parse().unwrap()), Who::Line(2));
        assert_eq!(registry.by_source("10.0.0.8".parse().unwrap()), Who::NotYet);
    }

    #[test]
    fn what_could_be_mistaken_is_refused() {
        let error = |lines: Vec<DialInLine>| Registry::new(lines).unwrap_err().kind();
        assert_eq!(error(vec![line("a", packet("DTU1")), line("b", packet("DTU12"))]), "ambiguous");
        assert_eq!(error(vec![line("a", packet(""))]), "packet");
        assert_eq!(error(vec![line("a", packet(&"x".repeat(65)))]), "packet");
        for first in [0x68, 0xFE, 0x16] {
            assert_eq!(error(vec![line("a", Registration::Packet(vec![first, 1, 2]))]), "packet");
        }
        let heart_beat = Some(vec![0x16]);
        assert_eq!(error(vec![DialInLine { heart_beat, ..line("a", packet("DTU1")) }]), "packet");
    }
}
