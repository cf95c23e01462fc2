//! A serial server in front of a simulated bus: whoever connects is a master, and masters who talk into each other are counted.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dlt645::decoder::Decoder;
use tokio::time::Instant;

/// Listens until the test ends.
pub(crate) struct Crossing {
    place: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Who has connected so far.
    pub(crate) masters: u32,
    /// Frames that masters have sent.
    pub(crate) requests: Vec<Vec<u8>>,
    /// Frames that were sent while another master waited for its answer.
    pub(crate) overlaps: u32,
    /// Who has asked last, and when, until the answer comes.
    waiting: Option<(u32, Instant)>,
}

impl Crossing {
    /// In front of the bus at this place.
    pub(crate) fn start(bus: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let (seen, bus) = (Arc::new(Mutex::new(Seen::default())), bus.to_owned());
        let own = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (master, seen) = (stream.unwrap(), Arc::clone(&own));
                let meters = TcpStream::connect(&bus).unwrap();
                let number = {
                    let mut seen = lock(&seen);
                    seen.masters += 1;
                    seen.masters
                };
                carry(number, master, meters, seen);
            }
        });
        Self { place, seen }
    }

    pub(crate) fn place(&self) -> String {
        self.place.to_string()
    }

    pub(crate) const fn port(&self) -> u16 {
        self.place.port()
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap()
}

fn carry(number: u32, master: TcpStream, meters: TcpStream, seen: Arc<Mutex<Seen>>) {
    let (asks, answers, own) = (master.try_clone().unwrap(), meters.try_clone().unwrap(), Arc::clone(&seen));
    std::thread::spawn(move || {
        pass(asks, &meters, |frame| {
            let mut seen = lock(&own);
            let is_asked = |(other, at): (u32, Instant)| other != number && at.elapsed() < ANSWERED_WITHIN;
            seen.overlaps += u32::from(seen.waiting.is_some_and(is_asked));
            seen.waiting = Some((number, Instant::now()));
            seen.requests.push(frame.to_vec());
        });
    });
    std::thread::spawn(move || {
        pass(answers, &master, |_| {
            // Meters are not that quick.
            std::thread::park_timeout(Duration::from_millis(10));
            let mut seen = lock(&seen);
            seen.waiting = seen.waiting.filter(|(waiting, _)| *waiting != number);
        });
    });
}

/// Passes bytes on, telling of each frame before it goes.
fn pass(mut from: TcpStream, mut to: &TcpStream, mut tell: impl FnMut(&[u8])) {
    let (mut decoder, mut room) = (Decoder::new(), [0; 512]);
    while let Ok(count @ 1..) = from.read(&mut room) {
        let mut rest = &room[..count];
        while let Some(found) = decoder.next_frame(&mut rest) {
            tell(found.wire);
        }
        if to.write_all(&room[..count]).is_err() {
            break;
        }
    }
    // The other side may have gone first.
    let _ = to.shutdown(Shutdown::Both);
}

/// Who has no answer by then gets none.
const ANSWERED_WITHIN: Duration = Duration::from_millis(200);
