//! A meter that shows its clock and never answers an order: for what a simulated meter does not do on its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use chaobiao::clock::Clock;
use chaobiao::domain::Moment;
use dlt645::address::{AddressField, MeterAddress};
use dlt645::control::Control;
use dlt645::decoder::Decoder;
use dlt645::frame::Frame;
use dlt645::meter_time::{MeterTime, TimeFormat};

/// Listens until the test ends.
pub(crate) struct Meter {
    place: SocketAddr,
    state: Arc<State>,
    heard: Receiver<()>,
}

struct State {
    address: AddressField,
    /// How many seconds its clock is fast.
    fast: AtomicI64,
    /// It obeys an order to set its clock, without a word.
    obeys: bool,
    orders: AtomicU32,
    tell: SyncSender<()>,
}

impl Meter {
    pub(crate) fn start(address: &str, fast: i64, obeys: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let address = address.parse::<MeterAddress>().unwrap().field();
        let (tell, heard) = sync_channel(8);
        let state =
            Arc::new(State { address, fast: AtomicI64::new(fast), obeys, orders: AtomicU32::new(0), tell });
        let own = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that goes away ends its own conversation only.
                let _ = own.converse(stream.unwrap());
            }
        });
        Self { place, state, heard }
    }

    pub(crate) fn place(&self) -> String {
        self.place.to_string()
    }

    /// Waits until it has heard one more order.
    pub(crate) fn wait_for_order(&self) {
        self.heard.recv().unwrap();
    }

    /// How many orders it has heard.
    pub(crate) fn orders(&self) -> u32 {
        self.state.orders.load(Ordering::SeqCst)
    }
}

impl State {
    fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut decoder = Decoder::new();
        let mut room = [0; 256];
        loop {
            let count = stream.read(&mut room)?;
            if count == 0 {
                return Ok(());
            }
            let mut rest = &room[..count];
            let mut answers = Vec::new();
            while let Some(found) = decoder.next_frame(&mut rest) {
                answers.extend(self.answer(&found.frame));
            }
            stream.write_all(&answers)?;
        }
    }

    fn answer(&self, request: &Frame<'_>) -> Vec<u8> {
        let clock = [0x0C, 0x01, 0x00, 0x04];
        if request.control.0 == 0x14 {
            self.orders.fetch_add(1, Ordering::SeqCst);
            // Nobody may be waiting.
            let _ = self.tell.try_send(());
            if self.obeys {
                self.fast.store(0, Ordering::SeqCst);
            }
            return Vec::new();
        }
        if request.control.0 != 0x11 || request.data != clock {
            return Vec::new();
        }
        let micros = Clock::system().now().micros() + self.fast.load(Ordering::SeqCst) * 1_000_000;
        let civil = Moment::from_micros(micros).civil().unwrap();
        let time = MeterTime::from_civil(TimeFormat::YYMMDDWWhhmmss, civil);
        let data = [&clock[..], time.wire()].concat();
        Frame { address: self.address, control: Control(0x91), data: &data }.to_bytes().unwrap()
    }
}
