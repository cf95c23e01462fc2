//! Terminals made by hand: raw frames over memory in paused time.

use std::time::Duration;

use chaobiao::clock::ManualClock;
use chaobiao::config::{self, Config};
use chaobiao::domain::Moment;
use chaobiao::terminal::{Ask, TerminalSettings, Terminals, Urgency};
use gdw1376::address::TerminalAddress;
use gdw1376::afn::Afn;
use gdw1376::auxiliary::Auxiliary;
use gdw1376::control::Control;
use gdw1376::decoder::Decoder;
use gdw1376::dialogue::Timing;
use gdw1376::frame::{Frame, LengthCode};
use gdw1376::message::Message;
use gdw1376::request::Request;
use gdw1376::seq::Seq;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

pub(crate) fn configured(text: &str) -> config::Terminals {
    let text = format!("[database]\npath = \"x.db\"\n[terminals]\n{text}");
    Config::parse(std::path::Path::new("chaobiao.toml"), &text).unwrap().config.terminals
}

/// The server, with one terminal adopted: that of the worked frames.
pub(crate) struct Desk {
    pub(crate) terminals: Terminals,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    _clock: ManualClock,
}

pub(crate) fn address() -> TerminalAddress {
    TerminalAddress::new(1100, 12345).unwrap()
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    pub(crate) fn with(text: &str) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = ManualClock::running(Moment::from_micros(1_724_169_600_000_000));
        let terminals = Terminals::without_port(&configured(text), clock.clock(), &tasks, &stop);
        terminals.adopt(address(), TerminalSettings::default());
        Self { terminals, tasks, stop, _clock: clock }
    }

    /// A terminal dials in.
    pub(crate) fn dial(&self, port: u16) -> Peer {
        self.dial_from([10, 0, 0, 9], port)
    }

    /// The same from an address.
    pub(crate) fn dial_from(&self, from: [u8; 4], port: u16) -> Peer {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        self.terminals.attach(ours, (from, port).into());
        Peer { stream: theirs, decoder: Decoder::new(), pending: Vec::new() }
    }

    /// A terminal dials in and logs in.
    pub(crate) async fn log_in(&self, port: u16) -> Peer {
        let mut peer = self.dial(port);
        peer.send(&hex(LOGIN)).await;
        assert_eq!(peer.hear().await, hex(LOGIN_ANSWER));
        peer
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// B1 of the worked frames.
pub(crate) const LOGIN: &str = "68 32 00 32 00 68 C9 00 11 39 30 00 02 70 00 00 01 00 B6 16";
pub(crate) const LOGIN_ANSWER: &str = "68 32 00 32 00 68 0B 00 11 39 30 00 00 60 00 00 01 00 E6 16";

/// The other end, a terminal.
pub(crate) struct Peer {
    pub(crate) stream: DuplexStream,
    decoder: Decoder,
    pending: Vec<u8>,
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame of the master.
    pub(crate) async fn hear(&mut self) -> Vec<u8> {
        self.hear_or_end().await.expect("the connection was closed")
    }

    /// The next frame of the master; `None` when it has closed.
    pub(crate) async fn hear_or_end(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut rest = self.pending.as_slice();
            let found = self.decoder.next_frame(&mut rest).map(|found| found.wire.to_vec());
            self.pending = rest.to_vec();
            if found.is_some() {
                return found;
            }
            let mut room = [0; 4096];
            match self.stream.read(&mut room).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.pending.extend(&room[..count]),
            }
        }
    }

    /// True when nothing comes for so long.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.hear_or_end()).await.is_err()
    }

    /// Answers a request with data units, in one frame.
    pub(crate) async fn answer(&mut self, request: &[u8], units: &[u8]) {
        self.send(&answer_to(request, Control::DATA, None, Seq::single(number(request)), units)).await;
    }

    pub(crate) async fn deny(&mut self, request: &[u8]) {
        let seq = Seq::single(number(request));
        self.send(&answer_to(request, Control::NO_DATA, Some(Afn::CONFIRM), seq, &[0, 0, 2, 0])).await;
    }
}

pub(crate) fn number(request: &[u8]) -> u8 {
    Frame::parse(request).unwrap().seq.number()
}

pub(crate) fn answer_to(
    request: &[u8],
    control: Control,
    afn: Option<Afn>,
    seq: Seq,
    units: &[u8],
) -> Vec<u8> {
    let frame = Frame::parse(request).unwrap();
    let message = Message {
        code: LengthCode::GDW_376,
        control,
        address: frame.address,
        afn: afn.unwrap_or(frame.afn),
        seq,
        units,
        auxiliary: Auxiliary::default(),
    };
    message.to_bytes().unwrap()
}

/// A question: the clock.
pub(crate) fn clock_question(urgency: Urgency) -> Ask {
    Ask::new(Request::ReadClock, urgency, Timing::STORED)
}

/// Its answer: 2024-08-20 12:05:30.
pub(crate) fn clock_units() -> Vec<u8> {
    hex("00 00 02 00 30 05 12 20 48 24")
}
