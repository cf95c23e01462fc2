//! Who a connection comes from: nothing is accepted before a login or a heartbeat, and only from terminals that are known.

use std::sync::Arc;
use std::time::Duration;

use gdw1376::confirmation::Confirmation;
use gdw1376::decoder::Decoder;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::report::Begun;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::ear::Ear;
use crate::terminal::peer::Peer;
use crate::terminal::state::Shared;
use crate::terminal::station::Station;

/// A terminal that is known, with the frames that have come: its login first.
pub(super) struct Login {
    pub(super) station: Arc<Station>,
    pub(super) frames: Vec<Vec<u8>>,
}

/// Why nobody was let in.
#[derive(Clone, Copy, Debug)]
pub(super) enum NoLogin {
    /// It has closed, or failed.
    Closed,
    /// It sent much, and no login.
    Noise,
    /// The terminal is not known.
    Unknown,
    /// Too many are logged in.
    Full,
    /// The terminal comes with another certificate, or now without one.
    OtherCertificate,
    /// A heartbeat from before, of a terminal that is there: datagrams come late and twice.
    Stale,
}

impl NoLogin {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Noise => "noise",
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::OtherCertificate => "other_certificate",
            Self::Stale => "stale",
        }
    }
}

/// Waits for the login of a terminal that is known. Some send a heartbeat instead. [1376 5]
pub(super) async fn login<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    peer: &Peer,
    shared: &Shared,
) -> Result<Login, NoLogin> {
    let mut ear = Ear::new(Decoder::with_limit(LONGEST));
    let mut heard = 0;
    loop {
        let mut frames = ear.listen(stream).await.map_err(|_| NoLogin::Closed)?;
        heard += ear.heard();
        let Some(place) = frames.iter().position(|wire| is_login(wire)) else {
            if heard > MOST_HEARD {
                return Err(NoLogin::Noise);
            }
            continue;
        };
        let frames = frames.split_off(place);
        let Some(refused) = frames.first().and_then(|wire| refuse(wire, peer, shared)) else {
            let station = frames.first().and_then(|wire| station(wire, shared));
            return station.map(|station| Login { station, frames }).ok_or(NoLogin::Unknown);
        };
        let (why, reply) = refused;
        let say = async {
            stream.write_all(&reply).await?;
            stream.shutdown().await
        };
        let _ = timeout(REPLY_WITHIN, say).await;
        return Err(why);
    }
}

/// Why this login is refused, and what is said to it.
fn refuse(wire: &[u8], peer: &Peer, shared: &Shared) -> Option<(NoLogin, Vec<u8>)> {
    let message = read(wire)?;
    let from = peer.from;
    let address = message.address.terminal;
    let station = shared.station(address);
    let is_online = station.as_ref().is_some_and(|station| station.session().is_some());
    let why = match station {
        None => {
            tracing::info!(peer = %from, terminal.address = %address, "terminal {address} is not known and is refused");
            shared.note_stranger(address, from);
            NoLogin::Unknown
        }
        // A site that has given TLS up lets its terminals in without.
        Some(station) if shared.config.tls.is_some() && !station.is_its_own(peer.certificate) => {
            tracing::warn!(peer = %from, terminal.address = %address,
                "terminal {address} is claimed without its certificate and is refused");
            station.with(|state| state.tally.refused += 1);
            NoLogin::OtherCertificate
        }
        Some(station) if peer.is_datagram && is_online && is_stale(&message, &station) => {
            return Some((NoLogin::Stale, Vec::new()));
        }
        Some(_) if !is_online && !shared.has_place() => NoLogin::Full,
        Some(_) => return None,
    };
    Some((why, Confirmation::None.reply_to(&message).unwrap_or_default()))
}

/// Whether this is a heartbeat that is no newer than what the terminal has begun since.
fn is_stale(message: &Message<'_>, station: &Station) -> bool {
    let is_heartbeat = matches!(Begun::of(message), Some(Begun::Heartbeat { .. }));
    let last = station.with(|state| state.last_begun);
    is_heartbeat && last.is_some_and(|last| last.wrapping_sub(message.seq.number()) & 0x0F < BEHIND)
}

fn station(wire: &[u8], shared: &Shared) -> Option<Arc<Station>> {
    shared.station(read(wire)?.address.terminal)
}

fn is_login(wire: &[u8]) -> bool {
    let begun = read(wire).and_then(|message| Begun::of(&message));
    matches!(begun, Some(Begun::Login | Begun::Heartbeat { .. }))
}

/// A message under the code of an edition. What comes under another is no terminal's, however it looks.
fn read(wire: &[u8]) -> Option<Message<'_>> {
    Message::of(&Frame::parse(wire).ok()?).ok().filter(|message| message.code.is_standard())
}

/// The longest frame that is waited for, in counted bytes: a login has 12.
const LONGEST: usize = 255;
/// So many bytes without a login are noise.
const MOST_HEARD: u64 = 4096;
/// A number so few steps behind the last is an older one.
const BEHIND: u8 = 4;
const REPLY_WITHIN: Duration = Duration::from_secs(2);
