//! Reports of events that are not as their head says: kept, confirmed, and none lost or kept twice (I1, F7).
#![expect(clippy::indexing_slicing, reason = "a frame that is too short must end its test")]

use std::time::Duration;

use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::terminal::{EventsRead, TerminalEvent, TerminalEventLine};
use chaobiao::store::{Batch, Notes};
use chaobiao::terminal::TerminalSettings;
use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::afn::Afn;
use gdw1376::auxiliary::Auxiliary;
use gdw1376::control::Control;
use gdw1376::decoder::Decoder;
use gdw1376::frame::{Frame, LengthCode};
use gdw1376::message::Message;
use gdw1376::seq::Seq;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

use crate::behind::{NO_HISTORY, swift, town, world};
use crate::rig::{HeadEnd, Town};

/// A terminal by hand, with no meter behind it: it has so many important events.
struct Hand {
    stream: DuplexStream,
    decoder: Decoder,
    terminal: TerminalAddress,
    events: u8,
    /// The place of one that it does not hold any more.
    gone: Option<u8>,
    /// The place that it leaves a question for unanswered, when it is asked for that alone.
    silent_at: Option<u8>,
    /// So many events it tells at once.
    at_once: usize,
    /// The place of one that cannot be read, and nothing behind it in the same answer.
    unreadable: Option<u8>,
}

/// ERC 14: supply went and came back, told apart by the minute.
fn record_of(place: u8) -> Vec<u8> {
    let at = [0x10 + place, 0x08, 0x22, 0x11, 0x26];
    [&[14, 10][..], &at, &at].concat()
}

impl Hand {
    async fn log_in(town: &Town, head_end: &HeadEnd, events: u8) -> Self {
        let terminal = TerminalAddress::new(1100, 777).unwrap();
        head_end.terminals.adopt(terminal, TerminalSettings::default());
        // Both of its rings were read to their beginning.
        let read = |important| EventsRead { terminal, important, read_to: Some(0), events: Vec::new() };
        let mut notes = Notes::default();
        notes.terminals.events = vec![read(true), read(false)];
        town.store.save(&Batch { notes, ..Batch::default() }, town.clock.now()).await.unwrap();
        let (ours, stream) = tokio::io::duplex(1 << 16);
        head_end.terminals.attach(ours, ([10, 7, 7, 7], 7777).into());
        let (decoder, gone, silent_at) = (Decoder::new(), None, None);
        let (at_once, unreadable) = (usize::MAX, None);
        let mut hand = Self { stream, decoder, terminal, events, gone, silent_at, at_once, unreadable };
        hand.send(Control::LINK_CHECK, Afn::LINK, Seq::single(0).to_confirm(), &[0, 0, 1, 0]).await;
        assert_eq!(hand.hear().await.0, Afn::CONFIRM, "the login");
        hand
    }

    async fn send(&mut self, control: Control, afn: Afn, seq: Seq, body: &[u8]) {
        let message = Message {
            code: LengthCode::GDW_376,
            // What stands in the body may be counters or not: they are no part of this message.
            control: Control(control.0 & !0x20),
            address: AddressField::single(self.terminal, 0),
            afn,
            seq,
            units: body,
            auxiliary: Auxiliary::default(),
        };
        let mut bytes = message.to_bytes().unwrap();
        let end = bytes.len() - 2;
        bytes[6] = control.0;
        bytes[end] = bytes[6..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The function, sequence byte and data of what the master says next.
    async fn hear(&mut self) -> (Afn, Seq, Vec<u8>) {
        loop {
            let mut room = [0; 512];
            let count = self.stream.read(&mut room).await.unwrap();
            assert!(count > 0, "the line is closed");
            let mut rest = &room[..count];
            if let Some(found) = self.decoder.next_frame(&mut rest) {
                let frame = Frame::parse(found.wire).unwrap();
                return (frame.afn, frame.seq, frame.body.to_vec());
            }
        }
    }

    /// Reports, and answers what is asked until the report is confirmed.
    async fn report(&mut self, number: u8, control: u8, body: &[u8]) {
        self.send(Control(control), Afn::CLASS_3, Seq::single(number).to_confirm(), body).await;
        loop {
            let (afn, seq, body) = self.hear().await;
            if afn == Afn::CONFIRM {
                assert_eq!((seq.number(), &body[..4]), (number, &[0, 0, 1, 0][..]), "all of it");
                return;
            }
            self.answer(afn, seq, &body).await;
        }
    }

    async fn answer(&mut self, afn: Afn, seq: Seq, body: &[u8]) {
        let seq = Seq::single(seq.number());
        if afn == Afn::CLASS_1 && body[..4] == [0, 0, 0x40, 0] {
            let told = [0, 0, 0x40, 0, self.events, 0];
            return self.send(Control::DATA, afn, seq, &told).await;
        }
        let asked = (afn == Afn::CLASS_3 && body[..4] == [0, 0, 1, 0]).then(|| (body[4], body[5]));
        let mut places = Vec::new();
        if let Some((from, to)) = asked {
            let mut place = from;
            if self.silent_at.is_some_and(|silent| (from, to) == (silent, silent + 1)) {
                return;
            }
            while place != to {
                places.extend((place < self.events && self.gone != Some(place)).then_some(place));
                place = place.wrapping_add(1);
            }
            // One without a gap.
            let run = places
                .iter()
                .zip(places.iter().skip(1))
                .take_while(|(place, next)| **place + 1 == **next)
                .count();
            places.truncate((run + 1).min(self.at_once));
        }
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return self.send(Control::NO_DATA, Afn::CONFIRM, seq, &[0, 0, 2, 0]).await;
        };
        let mut told = vec![0, 0, 1, 0, self.events, 0, *first, last + 1];
        for place in &places {
            if self.unreadable == Some(*place) {
                told.extend([14, 200]);
                break;
            }
            told.extend(record_of(*place));
        }
        self.send(Control::DATA, afn, seq, &told).await;
    }

    /// Answers what is asked of it in so many minutes of the day.
    async fn for_minutes(&mut self, minutes: u64, head_end: &HeadEnd) {
        let stop = CancellationToken::new();
        let asked = async {
            let waited = tokio::time::timeout(Duration::from_secs(minutes * 60), async {
                loop {
                    let (afn, seq, body) = self.hear().await;
                    self.answer(afn, seq, &body).await;
                }
            });
            assert!(waited.await.is_err());
            stop.cancel();
        };
        tokio::join!(head_end.collector.read_counted_events(&stop), asked);
    }
}

/// How often the event of each place is kept, and how many reports that could not be read. Asked of the store: the clock stands
/// still while it works.
async fn kept(town: &Town, terminal: TerminalAddress) -> (Vec<usize>, usize) {
    let told = town.store.terminal_events(Some(terminal), 100).await.unwrap();
    let of_minute = |minute: u8| {
        let began = format!(" 08:{minute:02}");
        let is_of = |event: &&TerminalEventLine| {
            event.code == 14 && event.began.as_ref().is_some_and(|told| told.contains(&began))
        };
        told.iter().filter(is_of).count()
    };
    let unread = told.iter().filter(|event| event.code == TerminalEvent::UNREAD).count();
    ((10..18).map(of_minute).collect(), unread)
}

#[tokio::test]
async fn i01_f07_a_report_that_is_not_as_its_head_says_loses_no_event_and_doubles_none() {
    let (_folder, town) = town(world(2, 1, 95), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 5).await;
    // In order; with places that name none; without the counters that it announces.
    hand.report(3, 0xCA, &[&[0, 0, 1, 0, 1, 0, 0, 1][..], &record_of(0)].concat()).await;
    hand.report(4, 0xCA, &[&[0, 0, 1, 0, 2, 0, 1, 1][..], &record_of(1)].concat()).await;
    hand.report(5, 0xEA, &[&[0, 0, 1, 0, 4, 0, 3, 4][..], &record_of(3)].concat()).await;
    assert_eq!(
        kept(&town, hand.terminal).await,
        (vec![1, 1, 0, 1, 0, 0, 0, 0], 0),
        "what can be nothing else is taken"
    );
    // Two places, and one record: it may be either.
    let unsure = [&[0, 0, 1, 0, 5, 0, 2, 4][..], &record_of(3)].concat();
    hand.report(6, 0xCA, &unsure).await;
    assert_eq!(kept(&town, hand.terminal).await, (vec![1, 1, 0, 1, 0, 0, 0, 0], 1), "its bytes are kept");
    // The same report once more, and another that has nothing of its head; then what it has new is asked for.
    hand.report(7, 0xCA, &unsure).await;
    hand.report(8, 0xCA, &[0, 0, 1, 0, 5]).await;
    hand.for_minutes(5, &head_end).await;
    assert_eq!(kept(&town, hand.terminal).await, (vec![1, 1, 1, 1, 1, 0, 0, 0], 2), "each once");
    let bytes: String = unsure.iter().map(|byte| format!("{byte:02X}")).collect();
    let kept_so =
        format!("SELECT count(*) FROM terminal_event WHERE body = '{bytes}' AND record LIKE '%无法解析%'");
    assert_eq!(town.ask(&kept_so).await, 1);
    head_end.close().await;
    town.close().await;
}

/// The mark that a report could not be read goes when the events were asked for, and not before: neither with an asking that
/// fails nor with the program.
#[tokio::test]
async fn i01_f26_events_of_a_report_that_could_not_be_read_are_asked_for_until_they_are_there() {
    let (_folder, town) = town(world(2, 1, 105), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 5).await;
    hand.report(3, 0xCA, &[&[0, 0, 1, 0, 5, 0, 2, 4][..], &record_of(3)].concat()).await;
    let terminal = hand.terminal;
    let is_unread = async || town.store.events_read().await.unwrap()[&terminal].is_unread;
    assert!(is_unread().await);
    let stop = CancellationToken::new();
    let left_unanswered = async {
        let mut asked = 0;
        let waited = tokio::time::timeout(Duration::from_secs(300), async {
            loop {
                let (afn, _, body) = hand.hear().await;
                asked += usize::from(afn == Afn::CLASS_1 && body[..4] == [0, 0, 0x40, 0]);
            }
        });
        assert!(waited.await.is_err());
        stop.cancel();
        asked
    };
    let ((), asked) = tokio::join!(head_end.collector.read_counted_events(&stop), left_unanswered);
    assert!(asked > 0);
    assert!(is_unread().await, "nothing came of it");
    drop(hand);
    head_end.close().await;
    // Another process finds the mark.
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 5).await;
    hand.for_minutes(5, &head_end).await;
    assert_eq!(kept(&town, hand.terminal).await, (vec![1, 1, 1, 1, 1, 0, 0, 0], 1), "each once");
    assert!(!is_unread().await);
    head_end.close().await;
    town.close().await;
}

/// The mark goes when all that the terminal holds is read, whether what was read last can be looked at again or not; it stays
/// while there is more than was asked for in one go.
#[tokio::test]
async fn i01_the_mark_of_a_report_that_could_not_be_read_goes_with_the_last_of_its_events() {
    let (_folder, town) = town(world(2, 1, 107), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 5).await;
    let terminal = hand.terminal;
    let is_unread = async || town.store.events_read().await.unwrap()[&terminal].is_unread;
    let unreadable = [&[0, 0, 1, 0, 5, 0, 2, 4][..], &record_of(3)].concat();
    hand.report(3, 0xCA, &unreadable).await;
    hand.for_minutes(5, &head_end).await;
    assert!(!is_unread().await);
    // A terminal that never gives an event twice is asked on from there, and not for ever.
    (hand.events, hand.silent_at) = (6, Some(4));
    hand.report(4, 0xCA, &[unreadable.clone(), vec![1]].concat()).await;
    assert!(is_unread().await);
    hand.for_minutes(5, &head_end).await;
    assert_eq!(kept(&town, terminal).await, (vec![1, 1, 1, 1, 1, 1, 0, 0], 2));
    assert!(!is_unread().await, "all of it was read");
    // One event an answer, and more of them than are asked for in one go.
    (hand.events, hand.silent_at, hand.at_once) = (106, None, 1);
    hand.report(5, 0xCA, &[unreadable, vec![2]].concat()).await;
    hand.for_minutes(5, &head_end).await;
    let read = town.store.events_read().await.unwrap()[&terminal];
    assert_eq!((read.is_unread, read.read), (true, (Some(6 + 64), Some(0))), "there are more");
    hand.for_minutes(5, &head_end).await;
    let read = town.store.events_read().await.unwrap()[&terminal];
    assert_eq!((read.is_unread, read.read), (false, (Some(106), Some(0))));
    head_end.close().await;
    town.close().await;
}

/// What a report told that could not be read, and what the terminal does not hold any more, is told as lost, once.
#[tokio::test]
async fn i01_an_event_of_an_unreadable_report_that_the_terminal_has_forgotten_is_told_as_lost_once() {
    let (_folder, town) = town(world(2, 1, 108), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 5).await;
    hand.gone = Some(2);
    hand.report(3, 0xCA, &[&[0, 0, 1, 0, 5, 0, 2, 4][..], &record_of(3)].concat()).await;
    for _ in 0..2 {
        hand.for_minutes(5, &head_end).await;
        assert_eq!(kept(&town, hand.terminal).await, (vec![1, 1, 0, 1, 1, 0, 0, 0], 1));
        assert!(!town.store.events_read().await.unwrap()[&hand.terminal].is_unread);
        let filter = AlarmFilter { kind: Some(AlarmKind::TerminalEventsLost), ..AlarmFilter::default() };
        let told = town.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
        assert!(told.len() == 1 && told[0].detail.contains("a report could not be read"), "{told:?}");
        assert_eq!(told[0].count, 1, "once");
    }
    head_end.close().await;
    town.close().await;
}

/// Around an event that cannot be read fewer are asked for at once: none is passed over for it.
#[tokio::test]
async fn i01_events_behind_one_that_cannot_be_read_are_all_read() {
    let (_folder, town) = town(world(2, 1, 110), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 6).await;
    hand.unreadable = Some(1);
    hand.report(3, 0xCA, &[&[0, 0, 1, 0, 6, 0, 2, 4][..], &record_of(3)].concat()).await;
    hand.for_minutes(5, &head_end).await;
    let (told, unread) = kept(&town, hand.terminal).await;
    assert_eq!(told, [1, 0, 1, 1, 1, 1, 0, 0]);
    assert!(unread > 1, "its bytes are kept");
    let read = town.store.events_read().await.unwrap()[&hand.terminal];
    assert_eq!((read.is_unread, read.read), (false, (Some(6), Some(0))));
    let filter = AlarmFilter { kind: Some(AlarmKind::TerminalEventsLost), ..AlarmFilter::default() };
    assert_eq!(town.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap(), []);
    head_end.close().await;
    town.close().await;
}

/// What is kept as unread stands at no place of the ring: that an event stands there is no sign that others were lost.
#[tokio::test]
async fn a_report_that_could_not_be_read_is_no_event_of_the_ring() {
    let (_folder, town) = town(world(2, 1, 96), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 1).await;
    hand.report(3, 0xCA, &[0, 0, 1, 0, 5]).await;
    assert_eq!(kept(&town, hand.terminal).await.1, 1);
    assert_eq!(town.store.events_at(hand.terminal, true, 0).await.unwrap(), Vec::new());
    head_end.close().await;
    town.close().await;
}

/// Data that a terminal reports by task: each report is confirmed and kept as observed, once, however often it comes; no value
/// is made of it, and it takes nothing from the events of the day.
#[tokio::test]
async fn i01_f24_what_a_terminal_reports_of_data_is_kept_as_observed_and_booked_nowhere() {
    let (_folder, town) = town(world(2, 1, 106), NO_HISTORY, swift).await;
    let head_end = town.head_end();
    let mut hand = Hand::log_in(&town, &head_end, 1).await;
    // p1 F161 of 2026-11-21: read at 00:15, 1234.5600 kWh.
    let freeze = |last: u8| {
        [
            &[1, 1, 1, 0x14, 0x21, 0x11, 0x26, 0x15, 0x00, 0x22, 0x11, 0x26, 0][..],
            &[last, 0x56, 0x34, 0x12, 0],
        ]
        .concat()
    };
    for number in [4, 5] {
        let seq = Seq::single(number).to_confirm();
        hand.send(Control(0xCA), Afn::CLASS_2, seq, &freeze(0)).await;
        assert_eq!(hand.hear().await.0, Afn::CONFIRM);
    }
    let told = town.store.terminal_events(None, 10).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].code, told[0].important, told[0].meter), (TerminalEvent::UNREAD, false, None));
    let record = &told[0].record;
    let says = ["数据主动上报", "p1 1-0:1.8.0 2026-11-22 00:00:00", "1234.5600", "010101142111261500"];
    assert!(says.iter().all(|part| record.contains(part)), "{record}");
    // More than any terminal in order reports: all are confirmed, not all are kept, and its events are.
    let long = [freeze(1), vec![0x11; 16_000]].concat();
    tokio::time::sleep(Duration::from_secs(11 * 60)).await;
    for number in 0..150_u8 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let report = [&freeze(number)[..], &long].concat();
        hand.send(Control(0xCA), Afn::CLASS_2, Seq::single(number & 0x0F).to_confirm(), &report).await;
        assert_eq!(hand.hear().await.0, Afn::CONFIRM, "{number}");
    }
    let rows = town.store.terminal_events(None, 1000).await.unwrap();
    assert!((50..130).contains(&rows.len()), "{}", rows.len());
    assert!(
        rows[0].record.contains("未保存的报文字节数"),
        "what is left out of a row is told: {}",
        rows[0].record
    );
    let filter = AlarmFilter { kind: Some(AlarmKind::TerminalFlood), ..AlarmFilter::default() };
    let told = town.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    assert!(told.len() == 1 && told[0].count == 1, "once: {told:?}");
    assert!(told[0].detail.contains("too many reports of data in one day"), "{told:?}");
    hand.report(15, 0xCA, &[&[0, 0, 1, 0, 1, 0, 0, 1][..], &record_of(0)].concat()).await;
    assert_eq!(kept(&town, hand.terminal).await.0[0], 1);
    // The clock goes on while another program asks, so that comes last.
    let stored =
        "SELECT coalesce(sum(length(record) + length(body)), 0) FROM terminal_event WHERE important = 0";
    let stored = town.ask(stored).await;
    assert!((1..=512 * 1024).contains(&stored), "{stored} characters");
    for table in ["register_ledger", "meter_fetch", "interval_day"] {
        assert_eq!(town.ask(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    head_end.close().await;
    town.close().await;
}
