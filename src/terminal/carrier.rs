//! A terminal as the path of a line: each frame for a meter becomes one forwarding request, and what it brings back is
//! what the line hears. [1376 3.12] [1376 7]

use std::sync::Arc;
use std::time::Duration;

use gdw1376::answer;
use gdw1376::dialogue::{Outcome, Timing};
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::request::{Forward, LineSettings, Parity, Request, Wait};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::handle::Place;
use super::queue::{Grant, Order, What};
use super::state::Shared;
use super::station::Station;
use super::{AskError, Told};
use crate::domain;
use crate::link::{Answer, Brought, Carried, Carrier, Later, LinkError, Rate, Turn, Urgency};

#[derive(Debug)]
pub(super) struct OfTerminal {
    name: String,
    station: Arc<Station>,
    shared: Arc<Shared>,
}

impl OfTerminal {
    pub(super) fn new(station: Arc<Station>, shared: Arc<Shared>) -> Self {
        Self { name: station.address.to_string(), station, shared }
    }
}

impl Carrier for OfTerminal {
    fn line(&self) -> &str {
        &self.name
    }

    fn is_forgotten(&self) -> bool {
        self.station.is_forgotten()
    }

    fn arrives(&self) -> Later<'_, u64> {
        Box::pin(async move {
            loop {
                let changed = self.station.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(session) = self.station.session() {
                    return session;
                }
                changed.await;
            }
        })
    }

    fn leaves(&self, session: u64) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let changed = self.station.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if self.station.session() != Some(session) {
                    return;
                }
                changed.await;
            }
        })
    }

    fn turn(&self, urgency: Urgency, until: Option<Instant>) -> Later<'static, Result<Turn, LinkError>> {
        let (station, shared) = (Arc::clone(&self.station), Arc::clone(&self.shared));
        Box::pin(async move {
            let (turn, granted) = oneshot::channel();
            let returns_within = shared.config.return_within;
            let id = station.enqueue(What::Turn(turn), urgency, until, returns_within);
            let id = id.map_err(|_| LinkError::Closed)?;
            let place = Place { station: Arc::clone(&station), id, until, returns_within };
            match place.wait(granted, shared.stop.cancelled()).await {
                Ok(grant) => Ok(Turn::new(move |carried| {
                    Box::pin(async move { send(grant, &carried, until, station, &shared).await })
                })),
                Err(AskError::OutOfTime) => Err(LinkError::NoTurn),
                Err(_) => Err(LinkError::Closed),
            }
        })
    }

    fn keep(&self, until: Instant) -> u64 {
        self.station.keep(until)
    }

    fn let_go(&self, number: u64) {
        self.station.let_go(number);
    }

    fn delay(&self, meter: [u8; 6]) -> Duration {
        Port::of(meter, &self.station, &self.shared).within
    }
}

/// Sends the frame in the turn that was granted, once. Returns when its first byte is about to leave.
async fn send(
    grant: Grant,
    carried: &Carried,
    until: Option<Instant>,
    station: Arc<Station>,
    shared: &Shared,
) -> Result<Answer, LinkError> {
    let port = Port::of(carried.meter, &station, shared);
    let timing = Timing { answer: port.within, next_frame: NEXT_FRAME, repetitions: 0, frames: MOST_FRAMES };
    let request = Request::Forward(port.forward(carried));
    let ((left, has_left), (reply, told)) = (oneshot::channel(), oneshot::channel());
    let password = station.with(|state| state.password);
    let order = Order { request, timing, until, password, left: Some(left), reply, last: None, breaks: 0 };
    let Grant { give, session } = grant;
    give.send(Box::new(order)).map_err(|_| LinkError::Closed)?;
    if has_left.await.is_err() {
        let is_late = matches!(told.await, Ok(Err(AskError::OutOfTime)));
        return Err(if is_late { LinkError::NoTurn } else { LinkError::Closed });
    }
    Ok(Box::pin(async move {
        let told = told.await.ok().and_then(Result::ok);
        match told.and_then(|told| brought(&told)) {
            Some(frame) => Ok(Brought::Frame(frame)),
            // Whether the meter was silent or the terminal went makes a difference to both.
            None if station.session() == Some(session) => Ok(Brought::Nothing),
            None => Err(LinkError::Closed),
        }
    }))
}

/// What the meter said, as far as the terminal brought it. Whether it is a frame is for others to judge.
fn brought(told: &Told) -> Option<Vec<u8>> {
    if !matches!(told.outcome, Outcome::Answered { .. }) {
        return None;
    }
    let of_frame = |wire: &Vec<u8>| {
        let message = Message::of(&Frame::parse(wire).ok()?).ok()?;
        answer::forwarded_in(&message).map(|forwarded| forwarded.frame.to_vec())
    };
    told.frames.iter().find_map(of_frame).filter(|frame| !frame.is_empty())
}

/// The port of a meter.
struct Port {
    number: u8,
    rate: Option<Rate>,
    is_plc: bool,
    within: Duration,
}

impl Port {
    fn of(meter: [u8; 6], station: &Station, shared: &Shared) -> Self {
        let config = &shared.config;
        station.with(|state| {
            let own = state.ports.get(&meter).copied().unwrap_or_default();
            let number = own.port.or(state.settings.port).unwrap_or(CARRIER);
            let is_plc = state.settings.plc_ports.as_ref().unwrap_or(&config.plc_ports).contains(&number);
            let within = if is_plc { config.plc_within } else { config.rs485_within };
            Self { number, rate: own.rate, is_plc, within }
        })
    }

    fn forward(&self, carried: &Carried) -> Forward {
        // The rest is for the terminal's own queue and the way back.
        let seconds = u8::try_from(self.within.as_secs() * 2 / 3).unwrap_or(u8::MAX).clamp(1, 127);
        Forward {
            port: self.number,
            line: carried.rate.or(self.rate).map_or(LineSettings::METER_2400, line_settings),
            answer_within: Wait::Seconds(seconds),
            byte_timeout: if self.is_plc { PLC_PAUSE } else { METER_PAUSE },
            frame: carried.frame.clone(),
        }
    }
}

/// Speed and parity as the terminal has them; the nearest speed it knows.
fn line_settings(rate: Rate) -> LineSettings {
    let speed = SPEEDS.iter().position(|speed| *speed >= rate.baud).unwrap_or(SPEEDS.len() - 1);
    LineSettings {
        speed: u8::try_from(speed).unwrap_or(u8::MAX),
        two_stop_bits: false,
        parity: match rate.parity {
            domain::Parity::None => Parity::None,
            domain::Parity::Even => Parity::Even,
            domain::Parity::Odd => Parity::Odd,
        },
        data_bits: 8,
    }
}

/// The speeds of the codes 0 to 7.
const SPEEDS: [u32; 8] = [300, 600, 1200, 2400, 4800, 7200, 9600, 19_200];
/// The port of the carrier module of most makers.
const CARRIER: u8 = 31;
/// How long a carrier module may pause between two bytes, in steps of 10 ms.
const PLC_PAUSE: u8 = 10;
/// The same for a meter on a wire: Tb of its standard. [645-2007 1 timing]
const METER_PAUSE: u8 = 50;
/// From one frame of the terminal's answer to the next.
const NEXT_FRAME: Duration = Duration::from_secs(10);
/// One frame of a meter does not need more.
const MOST_FRAMES: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 3.12]
    #[test]
    fn a_port_speaks_as_the_captured_control_byte_says() {
        let even = |baud| line_settings(Rate { baud, parity: domain::Parity::Even }).wire();
        assert_eq!((even(2400), even(9600)), (Some(0x6B), Some(0xCB)));
        assert_eq!(even(115_200), even(19_200));
        assert_eq!(even(300), Some(0x0B));
    }
}
