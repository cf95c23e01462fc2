//! Many random lines: meters that answer late, twice, garbled or not at all. The judge is the meters' own truth.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::model::{mend, unframed};
use super::*;
use crate::request::tests::any_request;

/// What one request meets.
#[derive(Clone, Debug)]
struct Fate {
    /// Which of the meters and items is asked.
    meter: usize,
    item: usize,
    /// The answer comes so many milliseconds after the request, if it comes.
    delays: Vec<u64>,
    /// Something else that comes.
    noise: Vec<(u64, Vec<u8>)>,
    /// A bit of the answer that is flipped, with the checksum put right or not.
    flip: Option<(prop::sample::Index, u8, bool)>,
    echo: bool,
    /// In how many parts each answer comes.
    parts: usize,
}

impl Fate {
    /// One meter, one item, and one answer at most to each request.
    fn plain(mut self) -> Self {
        self.delays.truncate(1);
        Self { meter: 0, item: 0, noise: vec![], flip: None, ..self }
    }
}

fn fate(latest: u64) -> impl Strategy<Value = Fate> {
    let delays = prop_oneof![
        3 => vec(20..500_u64, 1),
        2 => vec(20..latest, 1),
        1 => Just(vec![]),
        2 => vec(20..latest, 2..=4),
    ];
    let noise = vec((0..3000_u64, vec(any::<u8>(), 1..20)), 0..2);
    let flip = proptest::option::weighted(0.2, (any::<prop::sample::Index>(), 0..8_u8, any::<bool>()));
    (0..3_usize, 0..3_usize, delays, noise, flip, any::<bool>(), 1..4_usize).prop_map(
        |(meter, item, delays, noise, flip, echo, parts)| Fate {
            meter,
            item,
            delays,
            noise,
            flip,
            echo,
            parts,
        },
    )
}

/// No flipped bit turns one of these into another.
fn address_of(meter: usize) -> [u8; 6] {
    [[0x11, 0x22, 0x44][meter], 0x90, 0x78, 0x56, 0x34, 0x12]
}

/// DI1 of the items, just as far from each other.
const ITEMS: [u8; 3] = [0, 3, 5];

/// Counts what the schedules really held. A kind that never happened fails the test. (R2)
#[derive(Default, Debug)]
struct Seen {
    counts: BTreeMap<&'static str, u64>,
}

impl Seen {
    fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }

    fn require(&self, kinds: &[&str]) {
        println!("{:?}", self.counts);
        for kind in kinds {
            assert!(self.counts.get(kind).is_some_and(|count| *count > 0), "{kind} never happened: {self:?}");
        }
    }
}

/// One line with its traffic, over several exchanges one after the other.
struct Bus {
    now: Instant,
    coming: Vec<(Instant, Vec<u8>)>,
    /// The number of each request that was sent, which the meter gives back as the value.
    stamp: u16,
    /// When answers begin.
    taken: Vec<Instant>,
    /// The identifier, meter and exchange each stamp belongs to.
    truth: Vec<([u8; 6], Vec<u8>, usize)>,
}

impl Bus {
    /// What comes of a request: the meter's value is the number of the request it answers.
    fn ask(
        &mut self,
        request: &[u8],
        exchange: usize,
        fate: &Fate,
        now: Instant,
    ) -> Vec<(Duration, Vec<u8>)> {
        let (address, control, data) = unframed(request);
        let mut answer = data.clone();
        answer.extend(self.stamp.to_le_bytes());
        answer.extend((!self.stamp).to_le_bytes());
        self.stamp += 1;
        self.truth.push((address, data, exchange));
        let mut answer = framed(address, control | 0x80, &answer);
        if let Some((place, bit, mended)) = &fate.flip {
            let place = place.index(answer.len());
            answer[place] ^= 1 << bit;
            if *mended {
                mend(&mut answer);
            }
        }
        let mut coming: Vec<(Duration, Vec<u8>)> = Vec::new();
        for delay in &fate.delays {
            // One talks at a time: what would overlap comes behind.
            let mut after = ms(*delay);
            while self
                .taken
                .iter()
                .any(|taken| (*taken).max(now + after) - (*taken).min(now + after) < ms(15))
            {
                after += ms(15);
            }
            self.taken.push(now + after);
            let part = answer.len().div_ceil(fate.parts);
            for (place, bytes) in answer.chunks(part).enumerate() {
                coming.push((after + ms(5 * place as u64), bytes.to_vec()));
            }
        }
        coming.extend(fate.noise.iter().map(|(after, bytes)| (ms(*after), bytes.clone())));
        if fate.echo {
            coming.push((Duration::ZERO, request.to_vec()));
        }
        coming
    }

    /// One exchange over this line, and the quiet after it.
    fn exchange(&mut self, number: usize, fate: &Fate, timing: Timing) -> (Outcome, Counters) {
        let asked = crate::address::AddressField::from_wire(address_of(fate.meter)).as_meter().unwrap();
        let item = crate::data_id::DataId::new_2007(0x0001_0000 + (u32::from(ITEMS[fate.item]) << 8));
        let mut line = Line::at(self.now, Request::read(asked, item), timing).expecting(&[4]);
        line.coming = core::mem::take(&mut self.coming);
        let outcome = line.run(&mut |request, now| self.ask(request, number, fate, now));
        line.rest();
        (self.now, self.coming) = (line.now, line.coming);
        (outcome, line.exchange.counters())
    }

    /// The judge: which request the value answers; `None` for a value that no meter gave.
    fn origin(&self, answer: &Answer) -> Option<&([u8; 6], Vec<u8>, usize)> {
        let (stamp, check) = answer.payload().split_at(2);
        let [stamp, check] = [stamp, check].map(|bytes| u16::from_le_bytes(bytes.try_into().unwrap()));
        self.truth.get(usize::from(stamp)).filter(|_| check == !stamp)
    }
}

fn run(least: u32, latest: u64, timing: Timing, same_item: bool, seen: &RefCell<Seen>) {
    let mut runner = TestRunner::new(cases(least));
    let schedule = vec(fate(latest), 6);
    let result = runner.run(&schedule, |fates| {
        let mut flipped = false;
        let mut bus = Bus { now: epoch(), coming: vec![], stamp: 0, taken: vec![], truth: vec![] };
        for (number, fate) in fates.into_iter().enumerate() {
            let fate = if same_item { fate.plain() } else { fate };
            flipped |= fate.flip.is_some();
            let (outcome, counters) = bus.exchange(number, &fate, timing);
            let mut seen = seen.borrow_mut();
            seen.add("exchanges", 1);
            seen.add(outcome.kind(), 1);
            counters.iter().for_each(|(reason, count)| seen.add(reason.kind(), count.into()));
            seen.add("bad_checksum", counters.dropped.bad_checksums);
            seen.add("silence", counters.silences.into());
            let Outcome::Answered(answer) = &outcome else { continue };
            let own = address_of(fate.meter);
            prop_assert_eq!(answer.address.wire(), own);
            let Some((address, data, from)) = bus.origin(answer) else {
                prop_assert!(flipped, "a value no meter ever gave: {:?}", answer.payload());
                seen.add("flipped", 1);
                continue;
            };
            prop_assert_eq!(address, &own, "a value crossed from one meter to another");
            prop_assert_eq!(data[1], ITEMS[fate.item], "a value crossed from one item to another");
            if same_item {
                prop_assert_eq!(*from, number, "an old value was taken for a new one");
            }
            seen.add(if *from == number { "own" } else { "older" }, 1);
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// F5: late answers, of this and other meters and items, up to five requests later.
#[test]
fn f05_no_value_crosses_meters_or_items_in_any_schedule() {
    let seen = RefCell::default();
    run(8_000, 9_000, Timing { retries: 1, ..timing() }, false, &seen);
    seen.into_inner().require(&[
        "answered",
        "silent",
        "echo",
        "foreign_answer",
        "other_item",
        "duplicate",
        "late",
        "bad_checksum",
        "flipped",
        "own",
        "older",
    ]);
}

/// F6: the same meter and the same item again and again, a first-byte limit that is too narrow, and answers as
/// late as the standard allows. Each request's answer is taken for that request or not at all.
#[test]
fn f06_no_old_value_is_taken_for_a_new_one_in_any_schedule() {
    let seen = RefCell::default();
    for first_byte in [60, 150, 300, 499] {
        let timing = Timing { first_byte: ms(first_byte), retries: 2, ..timing() };
        run(2_000, 485, timing, true, &seen);
    }
    seen.into_inner().require(&["answered", "silent", "late", "echo", "silence", "own"]);
}

/// What is done to an exchange from outside, in any order.
#[derive(Clone, Debug)]
enum Doing {
    Transmit,
    Transmitted,
    Hear(Vec<u8>),
    Answer(u8, Vec<u8>),
    Wait(u64),
    Wake,
    Abandon(usize),
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        4 => Just(Doing::Transmit),
        4 => Just(Doing::Transmitted),
        2 => vec(any::<u8>(), 0..40).prop_map(Doing::Hear),
        3 => (any::<u8>(), vec(any::<u8>(), 0..20)).prop_map(|(control, data)| Doing::Answer(control, data)),
        3 => (0..3_000_u64).prop_map(Doing::Wait),
        3 => Just(Doing::Wake),
        1 => (0..30_usize).prop_map(Doing::Abandon),
    ]
}

proptest! {
    #![proptest_config(cases(4000))]

    /// Whatever is done in whatever order: no panic, one outcome at most, what changes a meter leaves once, and
    /// once a request is under way time alone brings it to an end.
    #[test]
    fn i09_any_order_of_calls_ends_in_one_outcome(request in any_request(), doings in vec(doing(), 0..30)) {
        let timing = Timing { retries: 2, ..timing() };
        let mut now = epoch();
        let changes = request.changes_meter();
        let (address, control) = (request.address().wire(), request.control().0);
        let mut exchange = Exchange::begin(request, timing, now);
        let (mut handed_out, mut outcomes) = (0, Vec::new());
        for doing in doings {
            match doing {
                Doing::Transmit => handed_out += u32::from(exchange.poll_transmit().is_some()),
                Doing::Transmitted => exchange.transmitted(now),
                Doing::Hear(bytes) => exchange.handle_bytes(&bytes, now),
                Doing::Answer(code, data) => {
                    exchange.handle_bytes(&framed(address, control | 0x80 | code & 0x60, &data), now);
                }
                Doing::Wait(time) => now += ms(time),
                Doing::Wake => exchange.handle_timeout(now),
                Doing::Abandon(bytes) => exchange.abandon(bytes, now),
            }
            outcomes.extend(exchange.poll());
        }
        let began = now;
        for _ in 0..2000 {
            handed_out += u32::from(exchange.poll_transmit().is_some());
            exchange.transmitted(now);
            now = exchange.poll_timeout().map_or(now, |due| due.max(now));
            exchange.handle_timeout(now);
            outcomes.extend(exchange.poll());
        }
        prop_assert_eq!(outcomes.len(), 1);
        prop_assert!(now - began < ms(20_000), "{:?}", now - began);
        prop_assert!(!changes || handed_out <= 1);
        prop_assert!(exchange.poll_quiet_until().is_some() && exchange.poll_timeout().is_none());
    }

    /// Only bytes that the meter asked could have sent are ever taken, whatever is mutated. (F8)
    #[test]
    fn f08_a_mutated_answer_is_taken_only_when_every_rule_holds(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        more in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        mended in any::<bool>(),
    ) {
        let mut frame = energy_answer();
        for (place, byte) in more.into_iter().chain([(place, byte)]) {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        if mended {
            mend(&mut frame);
        }
        let mut line = Line::new(energy(), timing()).expecting(&[4]);
        let outcome = line.run(&mut |_, _| vec![(ms(50), frame.clone())]);
        if let Some(value) = payload(&outcome) {
            prop_assert!(matches!(frame[8], 0x91 | 0xB1));
            prop_assert_eq!(&framed(METER, frame[8], &[&ENERGY[..], value].concat()), &frame);
        }
    }
}
