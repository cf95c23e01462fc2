//! Golden requests of both texts, and properties over every constructor there is.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::address::{AddressPattern, MeterAddress, Target};
use crate::frame::{Frame, MAX_DATA, WireFrame};
use crate::password::{Credentials, Level};
use crate::relay::{Command, Deadline, Delay, EncipheredOrder, Order};

/// The bytes that hexadecimal digits stand for; blanks between them are allowed.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|letter| !letter.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub(crate) fn parse(edition: Edition, bytes: &[u8]) -> Result<Request, RequestError> {
    let mut room = [0; MAX_DATA];
    Request::parse(edition, &WireFrame::parse(bytes).unwrap().frame(&mut room))
}

fn meter() -> MeterAddress {
    "123456789012".parse().unwrap()
}

fn credentials() -> Credentials {
    let password = Password::from_wire([0x02, 0x56, 0x34, 0x12]).unwrap();
    Credentials { password, operator: "12345678".parse().unwrap() }
}

fn item(text: &str) -> DataId {
    text.parse().unwrap()
}

fn at(hour: u8, minute: u8, second: u8) -> Civil {
    Civil::new(2026, 11, 21, hour, minute, second).unwrap()
}

// covers [645-2007 4 read] [645-2007 4 load records] [645-2007 4 subsequent] [645-2007 4 read address]
// covers [645-2007 4 write] [645-2007 4 time] [645-2007 4 freeze] [645-2007 4 rate] [645-2007 4 password]
// covers [645-2007 4 clear demand] [645-2007 4 clear events] [645-2007 4 output] [645-2007 4 security]
// covers [645-2007 12 curves] [645-2007 13]
#[test]
fn the_requests_of_the_2007_text_are_built_byte_for_byte() {
    let write = Request::write(meter(), item("04000102"), credentials(), [0x30, 0x15, 0x10]).unwrap();
    let one = Blocks::ONE;
    let load = Request::read_since(meter(), item("06000001"), one, at(10, 15, 59)).unwrap();
    let curve =
        Request::read_since(meter(), item("06100601"), Blocks::new(2).unwrap(), at(10, 0, 0)).unwrap();
    let authentication = hex("11 22 33 44 55 66 77 88 88 77 66 55 44 33 22 11 12 90 78 56 34 12 00 00");
    let authentication = SecurityData::new(item("070000FF"), authentication).unwrap();
    let new = Password::from_wire([0x02, 0x66, 0x55, 0x44]).unwrap();
    let daily = Freeze::Daily { hour: 0, minute: 0 };
    let cases = [
        (Request::read(meter(), item("00010000")), "68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16"),
        (Request::read_address(), "68 AA AA AA AA AA AA 68 13 00 DF 16"),
        (
            Request::read_subsequent(meter(), item("03300201"), NonZeroU8::MIN),
            "68 12 90 78 56 34 12 68 12 05 34 35 63 36 34 D3 16",
        ),
        (write, "68 12 90 78 56 34 12 68 14 0F 35 34 33 37 35 89 67 45 AB 89 67 45 63 48 43 B4 16"),
        (
            Request::broadcast_time(Edition::E2007, at(10, 15, 30)),
            "68 99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53 16",
        ),
        (Request::freeze_all(Freeze::Now).unwrap(), "68 99 99 99 99 99 99 68 16 04 CC CC CC CC B0 16"),
        (Request::freeze(meter(), daily).unwrap(), "68 12 90 78 56 34 12 68 16 04 33 33 CC CC 9E 16"),
        (load, "68 12 90 78 56 34 12 68 11 0A 34 33 33 39 34 48 43 54 44 59 24 16"),
        (
            Request::security(meter(), "12345678".parse().unwrap(), authentication),
            "68 12 90 78 56 34 12 68 03 20 32 33 33 3A AB 89 67 45 44 55 66 77 88 99 AA BB BB AA 99 88 77 66 55 44 \
             45 C3 AB 89 67 45 33 33 A1 16",
        ),
        (
            Request::change_rate(Edition::E2007, meter(), Rate::B9600).unwrap(),
            "68 12 90 78 56 34 12 68 17 01 53 F1 16",
        ),
        (
            Request::clear_demand(Edition::E2007, meter(), credentials()),
            "68 12 90 78 56 34 12 68 19 08 35 89 67 45 AB 89 67 45 F1 16",
        ),
        (
            Request::clear_events(meter(), credentials(), Events::All).unwrap(),
            "68 12 90 78 56 34 12 68 1B 0C 35 89 67 45 AB 89 67 45 32 32 32 32 BF 16",
        ),
        (
            Request::change_password(Edition::E2007, meter(), credentials().password, new),
            "68 12 90 78 56 34 12 68 18 0C 36 3F 33 37 35 89 67 45 35 99 88 77 C0 16",
        ),
        (
            Request::multifunction_output(meter(), Output::ClockSecond),
            "68 12 90 78 56 34 12 68 1D 01 33 D7 16",
        ),
        (curve, "68 12 90 78 56 34 12 68 11 0A 34 39 43 39 35 33 43 54 44 59 26 16"),
    ];
    for (request, bytes) in cases {
        assert_eq!(request.to_bytes(), hex(bytes), "{request:?}");
        assert_eq!(parse(Edition::E2007, &hex(bytes)).unwrap(), request);
    }
}

// covers [645-1997 3 read] [645-1997 3 write] [645-1997 3 bare write] [645-1997 3 rate] [645-1997 3 time]
// covers [645-1997 3 clear demand] [645-1997 7]
#[test]
fn the_requests_of_the_1997_text_are_built_byte_for_byte() {
    let write = Request::write(meter(), item("C011"), credentials(), [0x30, 0x15, 0x10]).unwrap();
    let cases = [
        (
            Request::read("3".parse::<MeterAddress>().unwrap(), item("B611")),
            "68 03 00 00 00 00 00 68 01 02 44 E9 03 16",
        ),
        (Request::read(meter(), item("901F")), "68 12 90 78 56 34 12 68 01 02 52 C3 9E 16"),
        (write, "68 12 90 78 56 34 12 68 04 09 44 F3 35 89 67 45 63 48 43 22 16"),
        (
            Request::change_rate(Edition::E1997, meter(), Rate::B2400).unwrap(),
            "68 12 90 78 56 34 12 68 0C 01 43 D6 16",
        ),
        (
            Request::clear_demand(Edition::E1997, meter(), credentials()),
            "68 12 90 78 56 34 12 68 10 04 35 89 67 45 04 16",
        ),
        (
            Request::broadcast_time(Edition::E1997, at(10, 15, 30)),
            "68 99 99 99 99 99 99 68 08 06 63 48 43 54 44 59 53 16",
        ),
    ];
    for (request, bytes) in cases {
        assert_eq!(request.to_bytes(), hex(bytes), "{request:?}");
        assert_eq!(parse(Edition::E1997, &hex(bytes)).unwrap(), request);
    }
    let bare = Request::write_unprotected(meter(), item("C011"), [0x30, 0x15, 0x10, 0, 0]).unwrap();
    let mut room = Vec::new();
    assert_eq!(Request::parse_unprotected_write(&bare.frame(&mut room)).unwrap(), bare);
    assert!(
        Request::read(AddressPattern::ANY, item("00010000"))
            != Request::read(AddressPattern::ANY, item("9010"))
    );
}

#[test]
fn what_is_no_request_of_ours_is_refused_by_name() {
    let of = |edition, address, control, data: &[u8]| {
        Request::parse(edition, &Frame { address, control: Control(control), data }).unwrap_err().kind()
    };
    let here = meter().field();
    let of_2007 = |control, data: &[u8]| of(Edition::E2007, here, control, data);
    assert_eq!(of_2007(0x15, &[0; 6]), "not_allowed");
    assert_eq!(of_2007(0x91, &[0; 4]), "not_allowed", "an answer");
    assert_eq!(of_2007(0x1F, &[]), "not_allowed", "a maker's own");
    assert_eq!(of_2007(0x11, &[0; 3]), "length");
    assert_eq!(of_2007(0x11, &[0; 201]), "length");
    assert_eq!(of_2007(0x11, &[0, 0, 0, 6, 0]), "blocks");
    assert_eq!(of_2007(0x11, &[1, 0, 0, 6, 1, 0x60, 0, 1, 1, 0x26]), "time");
    assert_eq!(of_2007(0x11, &[1, 0, 0, 6, 1, 0x10, 0, 1, 1]), "length");
    assert_eq!(of_2007(0x12, &[0, 0, 1, 0, 0]), "sequence");
    assert_eq!(of_2007(0x13, &[3]), "length");
    assert_eq!(of_2007(0x14, &[0; 12]), "value", "nothing to write");
    assert_eq!(of_2007(0x14, &[0, 0, 0, 4, 0x0A, 0, 0, 0, 0, 0, 0, 0, 1]), "password");
    assert_eq!(of_2007(0x14, &[0, 0, 0, 4, 0x98, 1, 0, 0, 0, 0, 0, 0, 1]), "security_module");
    assert_eq!(of_2007(0x16, &[0x99, 0, 0x99, 0x99]), "freeze_moment");
    assert_eq!(of_2007(0x17, &[0x21]), "rate");
    assert_eq!(of_2007(0x18, &[4, 0x0C, 0, 4, 2, 0, 0, 0, 2, 0, 0, 0]), "password_slot");
    assert_eq!(of_2007(0x19, &[0; 9]), "length");
    assert_eq!(of_2007(0x1A, &[0x99, 0, 0, 0, 0, 0, 0, 0]), "security_module");
    assert_eq!(of_2007(0x1B, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x30, 3]), "events");
    assert_eq!(of_2007(0x1C, &[0; 15]), "length");
    assert_eq!(of_2007(0x1D, &[3]), "output");
    assert_eq!(of_2007(0x03, &[0, 1, 0, 4, 0, 0, 0, 0]), "security");
    assert_eq!(of_2007(0x08, &[0; 6]), "not_broadcast");
    assert_eq!(of(Edition::E2007, AddressField::BROADCAST, 0x08, &[0; 6]), "time");
    assert_eq!(of(Edition::E2007, AddressField::BROADCAST, 0x11, &[0; 4]), "read_address");
    assert_eq!(of(Edition::E1997, here, 0x0A, &[0; 6]), "not_allowed");
    assert_eq!(of(Edition::E1997, here, 0x16, &[0x99; 4]), "not_allowed", "1997 has no freeze");
    assert_eq!(of(Edition::E1997, here, 0x0F, &[0; 7]), "length");
    assert_eq!(of(Edition::E1997, here, 0x03, &[0; 1]), "length");
}

#[test]
fn constructors_refuse_what_an_edition_lacks() {
    let old = item("9010");
    let since = at(0, 0, 0);
    assert!(Request::read_blocks(meter(), old, Blocks::ONE).is_err());
    assert!(Request::read_since(meter(), old, Blocks::ONE, since).is_err());
    assert!(Request::write_unprotected(meter(), item("04000102"), [1]).is_err());
    assert!(Request::clear_events(meter(), credentials(), Events::Of(old)).is_err());
    assert!(Request::change_rate(Edition::E2007, meter(), Rate::B300).is_err());
    assert!(Request::freeze(meter(), Freeze::Hourly { minute: 60 }).is_err());
    assert!(Request::write(meter(), old, credentials(), []).is_err());
    assert!(Request::write(meter(), old, credentials(), vec![0; 194]).is_ok());
    assert!(Request::write(meter(), old, credentials(), vec![0; 195]).is_err());
}

#[test]
fn each_request_knows_its_answers() {
    let read = Request::read(meter(), item("00010000"));
    let codes = |request: &Request| {
        (0..=255).filter(|code| request.admits_control(Control(*code))).collect::<Vec<_>>()
    };
    assert_eq!(codes(&read), [0x91, 0xB1, 0xD1]);
    assert_eq!(codes(&Request::read_address()), [0x93]);
    assert_eq!(codes(&Request::clear_meter(meter(), credentials())), [0x9A, 0xDA]);
    assert_eq!(codes(&Request::reread(meter())), [0x83, 0xA3, 0xC3]);
    assert!(!Request::freeze_all(Freeze::Now).unwrap().expects_answer());
    assert!(Request::freeze(meter(), Freeze::Now).unwrap().expects_answer());
}

// --- generators, used by the tests of other modules too ---

pub(crate) fn any_meter() -> impl Strategy<Value = MeterAddress> {
    prop_oneof![
        (0..999_999_999_999_u64).prop_map(|number| MeterAddress::from_number(number).unwrap()),
        Just("16681668".parse().unwrap()),
    ]
}

fn any_target() -> impl Strategy<Value = Target> {
    (any_meter(), 0..6_usize, any::<bool>()).prop_map(|(meter, pairs, whole)| match whole {
        true => Target::Meter(meter),
        false => Target::Pattern(AddressPattern::keeping(meter, pairs * 2).unwrap()),
    })
}

fn any_item_2007() -> impl Strategy<Value = DataId> {
    any::<u32>().prop_map(DataId::new_2007)
}

fn any_item() -> impl Strategy<Value = DataId> {
    prop_oneof![any_item_2007(), any::<u16>().prop_map(DataId::new_1997)]
}

fn any_edition() -> impl Strategy<Value = Edition> {
    prop_oneof![Just(Edition::E1997), Just(Edition::E2007)]
}

pub(crate) fn any_civil() -> impl Strategy<Value = Civil> {
    (0..36_525 * 86_400_u32).prop_map(|seconds| Civil::from_seconds_since_2000(seconds).unwrap())
}

fn any_password() -> impl Strategy<Value = Password> {
    (0..=9_u8, any::<[u8; 3]>()).prop_map(|(level, [a, b, c])| Password::from_wire([level, a, b, c]).unwrap())
}

fn any_operator() -> impl Strategy<Value = OperatorCode> {
    any::<[u8; 4]>().prop_map(OperatorCode::from_wire)
}

fn any_credentials() -> impl Strategy<Value = Credentials> {
    (any_password(), any_operator()).prop_map(|(password, operator)| Credentials { password, operator })
}

pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    let delay = any::<NonZeroU8>().prop_map(Delay::from_units);
    let delayed = (delay, any::<bool>()).prop_map(|(delay, close)| match close {
        true => Command::TripThenClose { delay },
        false => Command::TripThenPermit { delay },
    });
    let plain = prop::sample::select(vec![
        Command::Trip,
        Command::ClosePermit,
        Command::CloseDirectly,
        Command::Alarm,
        Command::AlarmEnd,
        Command::SupplyHold,
        Command::SupplyHoldEnd,
    ]);
    prop_oneof![plain, delayed]
}

pub(crate) fn any_order() -> impl Strategy<Value = AnyOrder> {
    let deadline = any_civil().prop_filter_map("the year 2099", |moment| Deadline::at(moment).ok());
    let plain = (any_meter(), any_command(), deadline, any_credentials()).prop_map(
        |(meter, command, deadline, signed)| {
            AnyOrder::Plain(Order {
                meter,
                command,
                deadline,
                password: signed.password,
                operator: signed.operator,
            })
        },
    );
    let cipher = (1..=3_usize).prop_flat_map(|blocks| vec(any::<u8>(), blocks * 16 + 4));
    let enciphered =
        (any_meter(), any_operator(), cipher, any::<bool>()).prop_map(|(meter, operator, cipher, word)| {
            let order = EncipheredOrder::new(meter, operator, CipherText::new(cipher).unwrap()).unwrap();
            AnyOrder::Enciphered(if word { order.asking_for_word() } else { order })
        });
    prop_oneof![plain, enciphered]
}

fn any_freeze() -> impl Strategy<Value = Freeze> {
    (0..5_u8, any_civil()).prop_map(|(kind, moment)| {
        let (month, day, hour, minute) = (moment.month(), moment.day(), moment.hour(), moment.minute());
        match kind {
            0 => Freeze::Now,
            1 => Freeze::Hourly { minute },
            2 => Freeze::Daily { hour, minute },
            3 => Freeze::Monthly { day, hour, minute },
            _ => Freeze::At { month, day, hour, minute },
        }
    })
}

fn any_security() -> impl Strategy<Value = SecurityData> {
    let known = prop::sample::select(vec![
        (0x0700_00FF, 24),
        (0x0700_01FF, 6),
        (0x0700_02FF, 0),
        (0x0701_02FF, 22),
        (0x0702_01FF, 40),
        (0x0780_01FF, 8),
        (0x0781_02FF, 0),
    ]);
    let makers = (0x0790_0000..0x07FF_FFFF_u32, 0..=crate::security::MAX_CIPHER);
    prop_oneof![known, makers].prop_flat_map(|(code, length)| {
        vec(any::<u8>(), length)
            .prop_map(move |payload| SecurityData::new(DataId::new_2007(code), payload).unwrap())
    })
}

fn any_read() -> impl Strategy<Value = Request> {
    let blocks = || (1..=99_u8).prop_map(|number| Blocks::new(number).unwrap());
    prop_oneof![
        (any_target(), any_item()).prop_map(|(target, item)| Request::read(target, item)),
        (any_target(), any_item_2007(), blocks())
            .prop_map(|(target, item, blocks)| Request::read_blocks(target, item, blocks).unwrap()),
        (any_target(), any_item_2007(), blocks(), any_civil()).prop_map(|(target, item, blocks, since)| {
            Request::read_since(target, item, blocks, since).unwrap()
        }),
        (any_target(), any_item(), any::<NonZeroU8>())
            .prop_map(|(target, item, sequence)| Request::read_subsequent(target, item, sequence)),
        any_target().prop_map(Request::reread),
        any_target().prop_map(Request::read_address_of),
    ]
}

fn any_write() -> impl Strategy<Value = Request> {
    let class = prop_oneof![Just(SecurityClass::PlainWithMac), Just(SecurityClass::CipherWithMac)];
    prop_oneof![
        (any_meter(), any_item(), any_credentials(), vec(any::<u8>(), 1..=188))
            .prop_map(|(meter, item, signed, value)| Request::write(meter, item, signed, value).unwrap()),
        (any_meter(), any_item_2007(), class, any_operator(), vec(any::<u8>(), 5..=188)).prop_map(
            |(meter, item, class, operator, value)| {
                Request::write_secured(meter, item, class, operator, value).unwrap()
            }
        ),
    ]
}

fn any_clear() -> impl Strategy<Value = Request> {
    let what = prop::sample::select(vec![Clearing::Demand, Clearing::Meter, Clearing::Events]);
    let cipher = vec(any::<u8>(), 5..=crate::security::MAX_CIPHER);
    prop_oneof![
        (any_edition(), any_meter(), any_credentials())
            .prop_map(|(edition, meter, signed)| Request::clear_demand(edition, meter, signed)),
        (any_meter(), any_credentials()).prop_map(|(meter, signed)| Request::clear_meter(meter, signed)),
        (any_meter(), any_credentials(), option::of(any_item_2007())).prop_map(|(meter, signed, kind)| {
            Request::clear_events(meter, signed, kind.map_or(Events::All, Events::Of)).unwrap()
        }),
        (any_meter(), what, any_operator(), cipher).prop_map(|(meter, what, operator, cipher)| {
            Request::clear_secured(meter, what, operator, CipherText::new(cipher).unwrap())
        }),
    ]
}

fn any_setting() -> impl Strategy<Value = Request> {
    let rate = prop::sample::select(Rate::ALL.to_vec());
    let output = prop::sample::select(vec![Output::ClockSecond, Output::DemandPeriod, Output::TariffSwitch]);
    prop_oneof![
        (any_edition(), any_civil()).prop_map(|(edition, time)| Request::broadcast_time(edition, time)),
        (any_meter(), any_freeze()).prop_map(|(meter, freeze)| Request::freeze(meter, freeze).unwrap()),
        any_freeze().prop_map(|freeze| Request::freeze_all(freeze).unwrap()),
        (any_edition(), any_meter(), rate).prop_filter_map("no such speed", |(edition, meter, rate)| {
            Request::change_rate(edition, meter, rate).ok()
        }),
        (any_edition(), any_meter(), any_password(), any_password())
            .prop_map(|(edition, meter, old, new)| Request::change_password(edition, meter, old, new)),
        (any_meter(), output).prop_map(|(meter, output)| Request::multifunction_output(meter, output)),
        (any_meter(), any_operator(), any_security())
            .prop_map(|(meter, operator, data)| Request::security(meter, operator, data)),
    ]
}

/// A request by any constructor, but for the write without a password, which the bytes cannot tell.
pub(crate) fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![any_read(), any_write(), any_clear(), any_setting(), any_order().prop_map(Request::relay)]
}

fn may_be_broadcast(request: &Request) -> bool {
    matches!(request.kind, Kind::BroadcastTime { .. } | Kind::Freeze { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    // covers [645-2007 5 classes]
    #[test]
    fn parse_is_the_inverse_of_emit(request in any_request()) {
        let bytes = request.to_bytes();
        prop_assert_eq!(parse(request.edition, &bytes), Ok(request.clone()));
        prop_assert_eq!(request.changes_meter(), !matches!(bytes[8], 0x01 | 0x02 | 0x11..=0x13) && bytes[9] > 0);
        prop_assert!(request.item().is_some() || !request.may_have_more() || request.kind == Kind::Reread);
    }

    /// T1: no write, control or clearing frame goes to more than one meter.
    #[test]
    fn t01_what_changes_a_meter_names_it(request in any_request()) {
        let bytes = request.to_bytes();
        let address = WireFrame::parse(&bytes).unwrap().address();
        if request.changes_meter() && !may_be_broadcast(&request) {
            prop_assert!(address.as_meter().is_some(), "{address}");
        }
        prop_assert!(address.as_meter().is_some() || address.is_wild() != address.is_broadcast());
    }

    /// T1: the gate lets no such frame through however it was made.
    #[test]
    fn t01_the_gate_refuses_wild_and_broadcast_addresses(
        request in any_request().prop_filter("changes a meter", Request::changes_meter),
        wild in 0..6_usize,
        kind in 0..3_u8,
    ) {
        let mut room = Vec::new();
        let frame = request.frame(&mut room);
        let mut address = frame.address.wire();
        match kind {
            0 => address = [0xAA; 6],
            1 => address = [0x99; 6],
            _ => address[wild] = 0xAA,
        }
        let forged = Frame { address: AddressField::from_wire(address), ..frame };
        let parsed = Request::parse(request.edition, &forged);
        if kind == 1 && may_be_broadcast(&request) {
            prop_assert!(parsed.is_ok_and(|request| !request.expects_answer()));
        } else {
            prop_assert!(parsed.is_err(), "{parsed:?}");
        }
    }

    /// T1: wake-up bytes and one frame, and not a byte more or less.
    #[test]
    fn t01_the_gate_takes_one_whole_frame(request in any_request(), wake_up in 0..8_usize, cut in any::<prop::sample::Index>(),
                                          tail in vec(any::<u8>(), 1..20)) {
        let edition = request.edition;
        let mut bytes = vec![0xFE; wake_up];
        request.emit(&mut bytes);
        let cut = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(Request::parse_wire(edition, cut).unwrap_err().kind(), "frame");
        prop_assert_eq!(Request::parse_wire(edition, &bytes), Ok(request.clone()));
        for more in [&tail[..], &request.to_bytes()] {
            let longer = [&bytes, more].concat();
            prop_assert_eq!(Request::parse_wire(edition, &longer), Err(RequestError::Trailing { length: more.len() }));
        }
    }

    /// What the gate lets through is what the constructors make: it emits the very same bytes.
    #[test]
    fn t01_whatever_parses_emits_the_same_bytes(
        request in any_request(),
        control in option::weighted(0.2, any::<u8>()),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in 0..4_usize,
    ) {
        let mut room = Vec::new();
        let Frame { address, control: asked, .. } = request.frame(&mut room);
        room.truncate(room.len().saturating_sub(cut));
        if !room.is_empty() {
            let place = place.index(room.len());
            room[place] = byte;
        }
        let frame = Frame { address, control: control.map_or(asked, Control), data: &room };
        for edition in [Edition::E1997, Edition::E2007] {
            if let Ok(parsed) = Request::parse(edition, &frame) {
                prop_assert_eq!(parsed.to_bytes(), frame.to_bytes().unwrap());
            }
        }
    }

    #[test]
    fn any_frame_at_all_is_parsed_or_refused(address in any::<[u8; 6]>(), control in any::<u8>(),
                                             data in vec(any::<u8>(), 0..=255)) {
        let address = AddressField::from_wire(address);
        let frame = Frame { address, control: Control(control), data: &data };
        for edition in [Edition::E1997, Edition::E2007] {
            if let Err(error) = Request::parse(edition, &frame) {
                prop_assert!(!error.kind().is_empty() && !error.to_string().is_empty());
            }
        }
        let _ = Request::parse_unprotected_write(&frame);
    }
}

#[test]
fn t24_a_request_shows_no_password() {
    let password = Password::new(Level::CONTROL, "987654", crate::password::DigitOrder::LowFirst).unwrap();
    let signed = Credentials { password, operator: OperatorCode::default() };
    let shown = format!("{:?}", Request::clear_meter(meter(), signed));
    assert!(shown.contains("level 02, ******") && !shown.contains("98"), "{shown}");
}
