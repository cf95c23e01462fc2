use core::time::Duration;

use dlt645::address::{AddressField, MeterAddress};
use dlt645::control::{Control, Function};
use dlt645::frame::{Frame, WireFrame};

use proptest::collection::vec;
use proptest::prelude::*;

use super::moment::Moment;
use super::rate::{Parity, Rate};
use super::settings::{Pace, Settings};
use super::witness::{Crossing, MasterId, Talker, Witness};
use super::{Bus, Handed};
use crate::fault::{Injector, Plan};
use crate::seed::Seed;
use crate::station::PlainMeter;

fn address(number: u64) -> MeterAddress {
    MeterAddress::from_number(number).unwrap()
}

fn meter(number: u64) -> PlainMeter {
    PlainMeter::new(address(number))
}

fn read(to: AddressField, di: [u8; 4]) -> Vec<u8> {
    let frame = Frame { address: to, control: Control::request(Function::READ), data: &di };
    [vec![0xFE; 4], frame.to_bytes().unwrap()].concat()
}

fn read_block(number: u64) -> Vec<u8> {
    read(address(number).field(), [0x00, 0xFF, 0x01, 0x00])
}

fn read_address() -> Vec<u8> {
    let control = Control::request(Function::READ_ADDRESS);
    Frame { address: AddressField::WILDCARD, control, data: &[] }.to_bytes().unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A bus with one master.
fn bus_of(settings: Settings, stations: Vec<PlainMeter>) -> (Bus<PlainMeter>, MasterId) {
    let mut bus = Bus::new(settings, stations).with_witness(Witness::keeping(1_000));
    let master = bus.join(Moment::START);
    (bus, master)
}

/// Lets everything happen that was begun.
fn settle(bus: &mut Bus<PlainMeter>) -> Vec<Handed> {
    while let Some(at) = bus.next_at() {
        bus.advance(at);
    }
    core::iter::from_fn(|| bus.poll_handed()).collect()
}

fn heard_by(master: MasterId, handed: &[Handed]) -> Vec<u8> {
    handed.iter().filter(|handed| handed.master == master).flat_map(|handed| handed.bytes.clone()).collect()
}

/// What one master hears of one request.
fn ask(bus: &mut Bus<PlainMeter>, master: MasterId, request: &[u8]) -> Vec<u8> {
    let now = bus.now();
    assert_eq!(bus.write(now, master, request), request.len());
    heard_by(master, &settle(bus))
}

/// The sound answer behind any wake-up bytes.
fn answer(bytes: &[u8]) -> Option<(AddressField, Control, Vec<u8>)> {
    let begin = bytes.iter().position(|byte| *byte != 0xFE)?;
    let frame = WireFrame::parse(&bytes[begin..]).ok()?;
    let mut room = [0; 255];
    Some((frame.address(), frame.control(), frame.unmask(&mut room).to_vec()))
}

#[test]
fn an_exchange_takes_t0_to_the_nanosecond() {
    for baud in [300, 1_200, 2_400, 4_800, 9_600, 19_200, 115_200] {
        for wake_up in 0..=7 {
            let rate = Rate::new(baud, Parity::Even).unwrap();
            let meter = PlainMeter { rate, wake_up, ..meter(1) };
            let (mut bus, master) = bus_of(Settings { rate, ..Settings::default() }, vec![meter]);
            let request = read_block(1);
            let t0 = rate.span(20) + ms(50) + rate.span(36 + usize::from(wake_up));
            let mut began = Moment::START;
            for _ in 0..5 {
                assert_eq!(bus.write(began, master, &request), 20);
                let handed = settle(&mut bus);
                assert!(answer(&heard_by(master, &handed)).is_some());
                let ended = handed.last().unwrap().at;
                assert_eq!(ended.since(began), t0, "{rate}, {wake_up} wake-up bytes");
                began = ended;
            }
            assert_eq!(bus.now().nanos(), 5 * u64::try_from(t0.as_nanos()).unwrap());
        }
    }
    // 325 ms at 2400 baud with four wake-up bytes both ways, each stretch rounded down to the nanosecond.
    let t0 = Rate::default().span(20) + ms(50) + Rate::default().span(40);
    assert_eq!(t0, ms(325) - Duration::from_nanos(1));
}

#[test]
fn how_often_the_bus_is_moved_on_changes_nothing() {
    let settings = Settings { echo: true, packing: ms(9), ..Settings::default() };
    let run = |step: Option<u64>| {
        let stations = vec![meter(1), PlainMeter { delay: ms(73), ..meter(2) }];
        let (mut bus, master) = bus_of(settings, stations);
        let other = bus.join(Moment::START);
        let mut handed = Vec::new();
        for (at, who, bytes) in [
            (0, master, read_block(1)),
            (700, master, read_address()),
            (1_500, master, read_block(2)),
            (1_533, other, read_block(1)),
            (2_900, other, [read_block(1), read_block(2)].concat()),
        ] {
            let until = Moment::START.plus(ms(at));
            if let Some(step) = step {
                while bus.now() < until {
                    let next = bus.now().plus(Duration::from_nanos(step)).min(until);
                    bus.advance(next);
                }
            }
            bus.write(until, who, &bytes);
        }
        bus.advance(Moment::START.plus(ms(9_000)));
        handed.extend(core::iter::from_fn(|| bus.poll_handed()));
        (handed, bus.witness().kept().cloned().collect::<Vec<_>>())
    };
    let whole = run(None);
    assert!(whole.0.len() > 20 && whole.1.iter().any(|crossing| crossing.collided));
    for step in [100_001, 1_000_000, 4_583_333, 33_333_333] {
        let stepped = run(Some(step));
        assert!(stepped.1 == whole.1, "crossings differ in steps of {step} ns");
        for (stepped, whole) in stepped.0.iter().zip(&whole.0) {
            assert_eq!(stepped, whole, "in steps of {step} ns");
        }
        assert_eq!(stepped.0.len(), whole.0.len());
    }
}

#[test]
fn echo_is_heard_only_where_the_bus_has_it() {
    let request = read_block(1);
    let (mut bus, master) = bus_of(Settings::default(), vec![meter(1)]);
    let alone = ask(&mut bus, master, &request);
    assert_eq!(alone.len(), 40);
    let (mut bus, master) = bus_of(Settings { echo: true, ..Settings::default() }, vec![meter(1)]);
    assert_eq!(ask(&mut bus, master, &request), [request, alone].concat());
}

#[test]
fn a_master_that_turns_round_slowly_misses_the_front_of_the_answer() {
    let settings = Settings { turnaround: ms(60), ..Settings::default() };
    let (mut bus, master) = bus_of(settings, vec![PlainMeter { wake_up: 4, ..meter(1) }]);
    let heard = ask(&mut bus, master, &read_block(1));
    // 10 ms of the answer are missed, and FE cut in the middle is no byte.
    assert!((33..=38).contains(&heard.len()), "{heard:02X?}");
    let (mut bus, master) = bus_of(settings, vec![PlainMeter { wake_up: 0, ..meter(1) }]);
    assert!(answer(&ask(&mut bus, master, &read_block(1))).is_none());
}

#[test]
fn a_long_answer_is_handed_on_in_pieces_and_ends_in_time() {
    let (mut bus, master) = bus_of(Settings { packing: ms(40), ..Settings::default() }, vec![meter(1)]);
    bus.write(Moment::START, master, &read_block(1));
    let handed = settle(&mut bus);
    let first = Moment::START.plus(Rate::default().span(20) + ms(50));
    // The first byte waits 40 ms, and so does each next one that begins a piece.
    assert_eq!(handed[0].at, first.plus(Rate::default().span(1) + ms(40)));
    assert_eq!(handed.iter().map(|handed| handed.bytes.len()).collect::<Vec<_>>(), [9, 9, 9, 9, 4]);
    assert_eq!(handed[4].at, first.plus(Rate::default().span(40)));

    let (mut bus, master) = bus_of(Settings { packing: ms(0), ..Settings::default() }, vec![meter(1)]);
    bus.write(Moment::START, master, &read_block(1));
    assert!(settle(&mut bus).iter().all(|handed| handed.bytes.len() == 1), "byte by byte");
}

#[test]
fn two_meters_that_answer_at_once_collide_bit_by_bit() {
    let one = || PlainMeter { wake_up: 1, ..meter(202_411_110_001) };
    let two = || PlainMeter { wake_up: 1, ..meter(202_411_110_002) };
    let alone = |meter| {
        let (mut bus, master) = bus_of(Settings::default(), vec![meter]);
        ask(&mut bus, master, &read_address())
    };
    let (first, second) = (alone(one()), alone(two()));
    assert_eq!(answer(&first).unwrap().0, address(202_411_110_001).field());

    let (mut bus, master) = bus_of(Settings::default(), vec![one(), two()]);
    let heard = ask(&mut bus, master, &read_address());
    assert!(answer(&heard).is_none(), "{heard:02X?}");
    // Where the AND of both has the parity that it needs it is heard, and nothing else is.
    let mut together = first.iter().zip(&second).filter_map(|(first, second)| {
        let parity = (first.count_ones() % 2 == 1) && (second.count_ones() % 2 == 1);
        (((first & second).count_ones() % 2 == 1) == parity).then_some(first & second)
    });
    assert!(heard.iter().all(|byte| together.any(|other| other == *byte)), "{heard:02X?}");
    let collided: Vec<_> = bus.witness().kept().filter(|crossing| crossing.collided).collect();
    assert_eq!(
        collided.iter().map(|c| c.talker).collect::<Vec<_>>(),
        [Talker::Station(0), Talker::Station(1)]
    );

    // Twins say the same at the same time: nobody can tell.
    let (mut bus, master) = bus_of(Settings::default(), vec![one(), one()]);
    assert_eq!(ask(&mut bus, master, &read_address()), first);

    // One that is slower than the other's answer is long does not collide.
    let (mut bus, master) = bus_of(Settings::default(), vec![one(), PlainMeter { delay: ms(400), ..two() }]);
    assert_eq!(ask(&mut bus, master, &read_address()), [first, second].concat());
}

#[test]
fn two_masters_that_talk_at_once_reach_nobody() {
    let (mut bus, master) = bus_of(Settings::default(), vec![meter(1), meter(2)]);
    let other = bus.join(Moment::START);
    bus.write(Moment::START, master, &read_block(1));
    bus.write(Moment::START.plus(ms(7)), other, &read_block(2));
    let handed = settle(&mut bus);
    assert_eq!(bus.requests(), 0);
    assert!(bus.witness().kept().all(|crossing| crossing.collided));
    assert!(answer(&heard_by(master, &handed)).is_none() && answer(&heard_by(other, &handed)).is_none());

    // One after the other both are served, and each hears the other's exchange.
    let now = bus.now();
    bus.write(now, master, &read_block(1));
    let heard = heard_by(other, &settle(&mut bus));
    assert_eq!((heard[..20].to_vec(), heard.len()), (read_block(1), 60));
}

#[test]
fn a_pause_within_a_request_is_forgiven_up_to_the_gap() {
    for (pause, requests) in [(0, 1), (499, 1), (501, 0)] {
        let (mut bus, master) = bus_of(Settings::default(), vec![meter(1)]);
        let request = read_block(1);
        bus.write(Moment::START, master, &request[..11]);
        let rest_at = Moment::START.plus(Rate::default().span(11) + ms(pause));
        bus.write(rest_at, master, &request[11..]);
        settle(&mut bus);
        assert_eq!(bus.requests(), requests, "a pause of {pause} ms");
        let now = bus.now();
        bus.write(now.plus(ms(600)), master, &request);
        settle(&mut bus);
        assert_eq!(bus.requests(), requests + 1, "and a whole request behind it is heard");
    }
}

#[test]
fn another_rate_or_parity_is_not_understood() {
    for rate in [
        Rate::new(1_200, Parity::Even).unwrap(),
        Rate::new(4_800, Parity::Even).unwrap(),
        Rate::new(9_600, Parity::None).unwrap(),
        Rate::default().with_parity(Parity::Odd),
        Rate::default().with_parity(Parity::None),
    ] {
        let (mut bus, master) = bus_of(Settings::default(), vec![PlainMeter { rate, ..meter(1) }, meter(2)]);
        assert_eq!(ask(&mut bus, master, &read_block(1)), [0; 0], "{rate}");
        let now = bus.now();
        bus.set_rate(now, master, rate);
        assert!(answer(&ask(&mut bus, master, &read_block(1))).is_some(), "{rate}");
        assert_eq!(ask(&mut bus, master, &read_block(2)), [0; 0], "{rate}");
    }
}

#[test]
fn a_wrong_rate_is_heard_as_other_bytes() {
    let slow = Rate::new(1_200, Parity::Even).unwrap();
    let (mut bus, master) = bus_of(Settings::default(), vec![PlainMeter { rate: slow, ..meter(1) }]);
    let other = bus.join(Moment::START);
    bus.set_rate(Moment::START, master, slow);
    bus.write(Moment::START, master, &read_block(1));
    let handed = settle(&mut bus);
    assert!(answer(&heard_by(master, &handed)).is_some());
    let garbled = heard_by(other, &handed);
    assert!(!garbled.is_empty() && answer(&garbled).is_none(), "{garbled:02X?}");
}

#[test]
fn a_change_of_rate_is_confirmed_at_the_old_one() {
    let change = Frame {
        address: address(1).field(),
        control: Control::request(Function::CHANGE_RATE),
        data: &[0x20],
    };
    for masters_follow in [true, false] {
        let settings = Settings { masters_follow, ..Settings::default() };
        let (mut bus, master) = bus_of(settings, vec![meter(1), meter(2)]);
        let confirmed = answer(&ask(&mut bus, master, &change.to_bytes().unwrap())).unwrap();
        assert_eq!((confirmed.1, confirmed.2), (Control(0x97), vec![0x20]));
        let rates: Vec<_> = bus.witness().kept().map(|crossing| crossing.rate.baud()).collect();
        assert_eq!(rates, [2_400, 2_400]);
        let began = bus.now();
        assert_eq!(answer(&ask(&mut bus, master, &read_block(1))).is_some(), masters_follow);
        assert_eq!(answer(&ask(&mut bus, master, &read_block(2))).is_some(), !masters_follow);
        if masters_follow {
            let fast = Rate::new(9_600, Parity::Even).unwrap();
            let exchange: Vec<_> = bus.witness().kept().filter(|crossing| crossing.began >= began).collect();
            assert_eq!(exchange[1].ended.since(began), fast.span(20) + ms(50) + fast.span(40));
        }
    }
}

#[test]
fn a_meter_that_turns_round_slowly_misses_a_request_right_behind_its_answer() {
    let slow = || PlainMeter { deaf: ms(30), ..meter(1) };
    for (pause, heard) in [(0, 1), (10, 2), (40, 2)] {
        let (mut bus, master) = bus_of(Settings::default(), vec![slow()]);
        ask(&mut bus, master, &read_block(1));
        let next = bus.now().plus(ms(pause));
        bus.write(next, master, &read_block(1)[2..]);
        settle(&mut bus);
        let answers = bus.witness().kept().filter(|crossing| matches!(crossing.talker, Talker::Station(_)));
        // Two wake-up bytes take 9 ms: behind a pause of 10 ms the start byte is still too early.
        assert_eq!(answers.count(), if pause == 10 { 1 } else { heard }, "a pause of {pause} ms");
    }
}

#[test]
fn the_witness_sees_every_byte_with_its_time() {
    let (mut bus, master) = bus_of(Settings::default(), vec![meter(1)]);
    let answer = ask(&mut bus, master, &read_block(1));
    let (rate, span) = (Rate::default(), |bytes| Moment::START.plus(Rate::default().span(bytes)));
    let seen = [
        (Talker::Master(master), Moment::START, span(20), read_block(1)),
        (Talker::Station(0), span(20).plus(ms(50)), bus.now(), answer),
    ];
    let seen = seen.map(|(talker, began, ended, bytes)| Crossing {
        talker,
        rate,
        began,
        ended,
        bytes,
        collided: false,
    });
    assert_eq!(bus.witness().kept().collect::<Vec<_>>(), seen.each_ref());

    let frames: Vec<_> = bus.witness().kept().flat_map(Crossing::frames).collect();
    assert_eq!(frames.iter().map(|frame| frame[8]).collect::<Vec<_>>(), [0x11, 0x91]);

    let (told, listens) = std::sync::mpsc::sync_channel(8);
    let sink = Box::new(move |crossing: &Crossing| told.try_send(crossing.bytes.len()).unwrap());
    let mut bus = Bus::new(Settings::default(), [meter(1)]).with_witness(Witness::telling(sink));
    let master = bus.join(Moment::START);
    ask(&mut bus, master, &read_block(1));
    assert_eq!(listens.try_iter().collect::<Vec<_>>(), [20, 40]);
    assert_eq!((bus.witness().seen(), bus.witness().kept().count()), (2, 0));
}

#[test]
fn an_unpaced_bus_answers_at_once_and_still_collides() {
    let settings = Settings { pace: Pace::Unpaced, ..Settings::default() };
    let (mut bus, master) = bus_of(settings, vec![meter(1), meter(2)]);
    for _ in 0..100 {
        assert!(answer(&ask(&mut bus, master, &read_block(1))).is_some());
    }
    assert!(bus.now() < Moment::START.plus(ms(1)));
    assert!(answer(&ask(&mut bus, master, &read_address())).is_none());
    let odd = Rate::default().with_parity(Parity::Odd);
    let now = bus.now();
    bus.set_rate(now, master, odd);
    assert_eq!(ask(&mut bus, master, &read_block(1)), [0; 0]);
}

#[test]
fn a_master_can_write_only_so_much_ahead() {
    let (mut bus, master) = bus_of(Settings::default(), vec![meter(1)]);
    assert_eq!(bus.write(Moment::START, master, &[0x55; 5_000]), 2_048);
    assert_eq!((bus.room(master), bus.write(Moment::START.plus(ms(10)), master, &[0x55])), (0, 0));
    settle(&mut bus);
    assert_eq!(bus.room(master), 2_048);
    assert!(answer(&ask(&mut bus, master, &read_block(1))).is_some());
    bus.leave(master);
    let now = bus.now();
    assert_eq!(bus.write(now, master, &read_block(1)), 0, "who has left cannot talk");
    assert_eq!(bus.next_at(), None);
}

/// Who writes what, how long after the one before; and at what rate from then on.
type Doings = Vec<(u64, usize, Vec<u8>, u32)>;

/// Everything that was handed on and crossed a bus where everything goes wrong.
fn doings_on_a_bad_bus(
    seed: u64,
    settings: Settings,
    doings: &Doings,
    step: Option<u64>,
) -> (Vec<Handed>, Vec<Crossing>) {
    let mut plan = Plan::new(Seed::new(seed));
    plan.add("all=20%").unwrap();
    let stations = vec![meter(1), PlainMeter { delay: ms(73), deaf: ms(20), ..meter(2) }];
    let mut bus =
        Bus::new(settings, stations).with_faults(Injector::new(plan)).with_witness(Witness::keeping(10_000));
    let masters = [bus.join(Moment::START), bus.join(Moment::START)];
    let mut at = Moment::START;
    let move_on = |bus: &mut Bus<PlainMeter>, until: Moment| {
        while let Some(step) = step.filter(|_| bus.now() < until) {
            let next = bus.now().plus(Duration::from_nanos(step)).min(until);
            bus.advance(next);
        }
        bus.advance(until);
    };
    for (pause, who, bytes, baud) in doings {
        at = at.plus(ms(*pause));
        move_on(&mut bus, at);
        bus.set_rate(at, masters[*who], Rate::new(*baud, Parity::Even).unwrap());
        bus.write(at, masters[*who], bytes);
    }
    move_on(&mut bus, at.plus(ms(30_000)));
    assert!(bus.next_at().is_none_or(|next| next > bus.now()));
    let handed = core::iter::from_fn(|| bus.poll_handed()).collect();
    (handed, bus.witness_mut().take())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

    /// Whatever masters do and whatever goes wrong, the bus comes to an end of it and how it is moved on shows nowhere.
    #[test]
    fn a_bad_bus_is_the_same_at_every_step(
        seed in any::<u64>(),
        echo in any::<bool>(),
        turnaround in 0_u64..20,
        packing in 0_u64..50,
        step in 1_000_000_u64..40_000_000,
        doings in vec((0_u64..900, 0_usize..2, request(), prop_oneof![9 => Just(2_400_u32), 1 => Just(9_600)]), 0..12),
    ) {
        let settings =
            Settings { echo, turnaround: ms(turnaround), packing: ms(packing), ..Settings::default() };
        let whole = doings_on_a_bad_bus(seed, settings, &doings, None);
        let stepped = doings_on_a_bad_bus(seed, settings, &doings, Some(step));
        for (stepped, whole) in stepped.1.iter().zip(&whole.1) {
            prop_assert_eq!(stepped, whole, "crossings");
        }
        for (stepped, whole) in stepped.0.iter().zip(&whole.0) {
            prop_assert_eq!(stepped, whole, "handed");
        }
        prop_assert_eq!((stepped.0.len(), stepped.1.len()), (whole.0.len(), whole.1.len()));
    }
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (1_u64..3).prop_map(read_block),
        1 => Just(read_address()),
        1 => vec(any::<u8>(), 1..40),
    ]
}
