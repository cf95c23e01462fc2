use proptest::prelude::*;

use super::*;
use crate::address::AddressField;
use crate::frame::{MAX_DATA, WireFrame};
use crate::password::Level;
use crate::request::Request;
use crate::request::tests::{any_civil, any_order, hex};

fn read(text: &str) -> Result<AnyOrder, OrderError> {
    let mut room = [0; MAX_DATA];
    let bytes = hex(text);
    parse(&WireFrame::parse(&bytes).unwrap().frame(&mut room))
}

fn order(command: Command, password: [u8; 3], operator: &str, deadline: Civil) -> Order {
    let [low, middle, high] = password;
    Order {
        meter: "123456789012".parse().unwrap(),
        command,
        deadline: Deadline::at(deadline).unwrap(),
        password: Password::from_wire([0x02, low, middle, high]).unwrap(),
        operator: operator.parse().unwrap(),
    }
}

// covers [645-2007 6 orders] [645-2007 13]
#[test]
fn the_orders_of_the_text_are_built_and_read_byte_for_byte() {
    let delay = Delay::from_minutes(30).unwrap();
    let site = |command| {
        order(command, [0x56, 0x34, 0x12], "12345678", Civil::new(2026, 11, 21, 10, 30, 0).unwrap())
    };
    let factory = |command| order(command, [0; 3], "00000000", Civil::new(2026, 11, 21, 17, 45, 0).unwrap());
    let head = "68 12 90 78 56 34 12 68 1C 10 35";
    let cases = [
        (site(Command::Trip), "89 67 45 AB 89 67 45 4D 33 33 63 43 54 44 59 46 16"),
        (site(Command::ClosePermit), "89 67 45 AB 89 67 45 4E 33 33 63 43 54 44 59 47 16"),
        (site(Command::CloseDirectly), "89 67 45 AB 89 67 45 4F 33 33 63 43 54 44 59 48 16"),
        (site(Command::TripThenClose { delay }), "89 67 45 AB 89 67 45 50 39 33 63 43 54 44 59 4F 16"),
        (factory(Command::Trip), "33 33 33 33 33 33 33 4D 33 33 78 4A 54 44 59 B2 16"),
        (factory(Command::ClosePermit), "33 33 33 33 33 33 33 4E 33 33 78 4A 54 44 59 B3 16"),
        (factory(Command::SupplyHold), "33 33 33 33 33 33 33 6D 33 33 78 4A 54 44 59 D2 16"),
    ];
    for (order, tail) in cases {
        let text = format!("{head} {tail}");
        assert_eq!(Request::relay(order.clone()).to_bytes(), hex(&text), "{order:?}");
        assert_eq!(read(&text), Ok(AnyOrder::Plain(order)));
    }
}

// covers [645-2007 6 deadline] [645-2007 6 delay]
#[test]
fn captured_orders_that_we_would_not_give_are_refused_by_name() {
    let no_deadline = "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4E 33 33 33 33 63 45 CC 2D 16";
    assert_eq!(read(no_deadline), Err(OrderError::NoDeadline), "valid until 99-12-30");
    let delay_set = "68 09 00 51 05 03 26 68 1C 10 35 33 33 33 33 33 33 33 4D 34 8C 8C 56 64 45 CC 82 16";
    assert_eq!(read(delay_set), Err(OrderError::DelaySet { n1: 0x1A, n2: 1 }));
}

fn plain(address: [u8; 6], tail: [u8; 8]) -> Result<AnyOrder, OrderError> {
    let mut data = vec![0x02, 0, 0, 0, 0, 0, 0, 0];
    data.extend(tail);
    let address = AddressField::from_wire(address);
    parse(&Frame { address, control: Control::request(Function::RELAY), data: &data })
}

#[test]
fn each_reason_to_refuse_an_order_is_told_apart() {
    let meter = [0x12, 0x90, 0x78, 0x56, 0x34, 0x12];
    let kind = |address, tail| plain(address, tail).unwrap_err().kind();
    assert!(plain(meter, [0x1A, 0, 0, 30, 10, 0x21, 0x11, 0x26]).is_err(), "1EH is no minute");
    assert!(plain(meter, [0x1A, 0, 0, 0x30, 0x10, 0x21, 0x11, 0x26]).is_ok());
    assert_eq!(kind(meter, [0x1A, 0, 0, 0, 0, 0, 0, 0]), "no_deadline");
    assert_eq!(kind(meter, [0x1A, 0, 0x99, 0x99, 0x99, 0x99, 0x99, 0x99]), "no_deadline");
    assert_eq!(kind(meter, [0x1A, 0, 0x59, 0x59, 0x23, 0x31, 0x12, 0x99]), "no_deadline");
    assert_eq!(kind(meter, [0x1A, 0, 0, 0, 0, 0x30, 0x02, 0x26]), "deadline_not_a_date");
    assert_eq!(kind(meter, [0x1A, 1, 0, 0, 0, 0x21, 0x11, 0x26]), "delay_set");
    assert_eq!(kind(meter, [0x1D, 0, 0, 0, 0, 0x21, 0x11, 0x26]), "delay_missing");
    assert_eq!(kind(meter, [0x1F, 0, 0, 0, 0, 0x21, 0x11, 0x26]), "command");
    assert_eq!(kind([0xAA; 6], [0x1A, 0, 0, 0, 0, 0x21, 0x11, 0x26]), "wildcard");
    assert_eq!(kind([0x12, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA], [0x1B; 8]), "wildcard");
    assert_eq!(kind([0x99; 6], [0x1A, 0, 0, 0, 0, 0x21, 0x11, 0x26]), "broadcast");
    assert_eq!(
        kind([0x5A, 0x58, 0x4B, 0x37, 0x53, 0x53], [0x1A, 0, 0, 0, 0, 0x21, 0x11, 0x26]),
        "not_decimal"
    );
    let address = AddressField::from_wire(meter);
    let of = |data: &[u8]| parse(&Frame { address, control: Control(0x1C), data }).unwrap_err().kind();
    assert_eq!(of(&[2, 0, 0, 0, 0, 0, 0, 0, 0x1A]), "length");
    assert_eq!(of(&[0x0B; 16]), "password");
    assert_eq!(of(&[0x99; 28]), "password", "a MAC alone does not sign a relay order");
    let mut enciphered = vec![0; 28];
    enciphered[0] = 0x98;
    assert!(parse(&Frame { address, control: Control(0x1C), data: &enciphered }).is_ok());
    assert_eq!(of(&enciphered[..27]), "cipher_length");
    enciphered[3] = 2;
    assert_eq!(of(&enciphered), "password");
    assert_eq!(
        parse(&Frame { address, control: Control(0x9C), data: &[] }),
        Err(OrderError::NotAnOrder { control: Control(0x9C) })
    );
}

// covers [645-2007 6 orders]
#[test]
fn i08_the_cut_class_is_what_may_take_supply_away() {
    let delay = Delay::from_minutes(5).unwrap();
    let cuts = [
        Command::Trip,
        Command::TripThenClose { delay },
        Command::TripThenPermit { delay },
        Command::SupplyHoldEnd,
    ];
    let others = [
        Command::ClosePermit,
        Command::CloseDirectly,
        Command::Alarm,
        Command::AlarmEnd,
        Command::SupplyHold,
    ];
    assert!(cuts.iter().all(|command| command.is_cut_class()));
    assert!(!others.iter().any(|command| command.is_cut_class()));
}

// covers [645-2007 6 delay] [645-2007 6 deadline]
#[test]
fn delays_are_whole_units_and_deadlines_lie_ahead() {
    assert_eq!(Delay::from_minutes(30).map(Delay::units), Some(6));
    assert_eq!(Delay::from_minutes(1275).map(Delay::minutes), Some(1275));
    for wrong in [0, 4, 7, 1280] {
        assert_eq!(Delay::from_minutes(wrong), None, "{wrong} minutes");
    }
    let now = Civil::new(2026, 12, 31, 23, 58, 30).unwrap();
    let deadline = Deadline::after(now, Duration::from_secs(300)).unwrap();
    assert_eq!(deadline.to_string(), "2027-01-01 00:03:30");
    assert_eq!(Deadline::after(now, Duration::from_millis(999)), Err(OrderError::NoDeadline));
    assert_eq!(Deadline::after(now, Duration::MAX), Err(OrderError::NoDeadline));
    let late = Civil::new(2098, 12, 31, 23, 59, 59).unwrap();
    assert_eq!(Deadline::after(late, Duration::from_secs(1)), Err(OrderError::NoDeadline), "2099");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // covers [645-2007 6 enciphered]
    #[test]
    fn every_order_reads_back_as_itself(order in any_order()) {
        let mut room = Vec::new();
        let request = Request::relay(order.clone());
        prop_assert_eq!(parse(&request.frame(&mut room)), Ok(order.clone()));
        prop_assert_eq!(request.is_cut_class(), order.is_cut_class());
        prop_assert!(request.changes_meter());
    }

    #[test]
    fn t01_every_order_has_one_meter_and_a_deadline(order in any_order()) {
        let bytes = Request::relay(order.clone()).to_bytes();
        prop_assert!(!bytes[1..7].contains(&0xAA) && bytes[1..7] != [0x99; 6]);
        if matches!(order, AnyOrder::Plain(_)) {
            let deadline: Vec<u8> = bytes[20..26].iter().map(|byte| byte.wrapping_sub(0x33)).collect();
            prop_assert!(MeterTime::from_wire(TimeFormat::YYMMDDhhmmss, &deadline).unwrap().civil().is_some());
            prop_assert!(deadline[5] != 0x99);
        }
    }

    #[test]
    fn a_deadline_is_the_moment_given(moment in any_civil()) {
        match Deadline::at(moment) {
            Ok(deadline) => prop_assert_eq!(deadline.moment(), moment),
            Err(_) => prop_assert_eq!(moment.year(), 2099),
        }
    }
}

#[test]
fn t24_an_order_shows_no_password() {
    let moment = Civil::new(2026, 11, 21, 10, 30, 0).unwrap();
    let shown = format!("{:?}", order(Command::Trip, [0x87, 0x65, 0x43], "12345678", moment));
    assert!(shown.contains("level 02, ******") && !shown.contains("87") && !shown.contains("43"), "{shown}");
    assert_eq!(Level::CONTROL.number(), 2);
}
