use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

// covers [1376 11]
#[test]
fn the_frames_of_the_text() {
    for (text, control, address, client, service) in [
        (
            "68 1E 00 81 05 01 00 00 00 00 00 00 D2 B6 01 00 00 01 2C 07 E6 02 17 03 08 06 38 03 22 1C BC 16",
            "login or heartbeat",
            "000000000001",
            0x00,
            "LINK request",
        ),
        (
            "68 30 00 01 05 01 00 00 00 00 00 00 52 D9 81 00 00 07 E6 02 17 03 08 05 02 02 F9 07 E6 02 17 03
             08 06 09 00 32 07 E6 02 17 03 08 06 09 00 32 F0 E7 16",
            "answer to login or heartbeat",
            "000000000001",
            0x00,
            "LINK response",
        ),
        (
            "68 21 00 C3 05 00 00 00 00 00 00 00 1D DB 85 01 00 40 00 02 00 01 1C 07 EA 0A 07 0E 10 1A 00 00 E4 C5 16",
            "answer",
            "000000000000",
            0x00,
            "GET response",
        ),
        (
            "68 2F 00 43 05 01 00 00 00 00 00 10 43 D9 05 03 01 50 04 02 00 01 20 21 02 00 1C 07 E8 08 14 00
             00 00 02 00 20 21 02 00 00 00 10 02 00 00 35 4E 16",
            "request",
            "000000000001",
            0x10,
            "GET request",
        ),
        (
            "68 17 00 4B 05 02 00 00 00 00 00 10 82 21 38 34 48 73 33 35 33 33 38 78 16",
            "request",
            "000000000002",
            0x10,
            "GET request",
        ),
        (
            "68 1A 00 43 C0 AA 00 5E F7 07 01 00 40 00 7F 00 1C 07 E1 06 05 0A 18 0C 00 EC 67 16",
            "request",
            "AA",
            0x00,
            "ACTION request",
        ),
    ] {
        let bytes = hex(text);
        let frame = Frame::parse(&bytes).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(frame.control.names().0, control, "{text}");
        assert_eq!((frame.server.to_string().as_str(), frame.client), (address, client));
        assert_eq!(frame.service().and_then(Service::names).map(|(en, _)| en), Some(service));
        assert_eq!(frame.to_bytes(), Some(bytes));
    }
}

#[test]
fn a_scrambled_frame_and_a_broadcast_say_so() {
    let bytes = hex("68 17 00 4B 05 02 00 00 00 00 00 10 82 21 38 34 48 73 33 35 33 33 38 78 16");
    let frame = Frame::parse(&bytes).unwrap();
    assert!(frame.control.is_scrambled());
    assert_eq!(frame.plain_link(), hex("05 01 15 40 00 02 00 00"));
    let bytes = hex("68 1A 00 43 C0 AA 00 5E F7 07 01 00 40 00 7F 00 1C 07 E1 06 05 0A 18 0C 00 EC 67 16");
    let server = Frame::parse(&bytes).unwrap().server;
    assert_eq!((server.kind(), server.logical()), (AddressKind::Broadcast, 0));
    assert_eq!(ServerAddress { head: 0x65, bytes: &[] }.kind(), AddressKind::Wildcard);
    assert_eq!(ServerAddress { head: 0x65, bytes: &[] }.logical(), 2);
}

#[test]
fn each_broken_part_is_named() {
    let whole = hex("68 17 00 43 05 07 09 19 05 16 20 00 15 60 05 01 01 40 01 02 00 00 C6 07 16");
    let with = |place: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        Frame::parse(&bytes).map(|_| ()).unwrap_err()
    };
    assert!(Frame::parse(&whole).is_ok());
    assert_eq!(with(0, 0x69), Fault::NoStart);
    assert_eq!(with(2, 0x40), Fault::Unit { length: 0x4017 });
    assert_eq!(with(1, 0x0E), Fault::TooShort { counted: 14, needed: 15 });
    assert!(matches!(with(5, 0x08), Fault::HeadCheck { found: 0x6015, .. }));
    assert!(matches!(with(15, 0x02), Fault::FrameCheck { found: 0x07C6, .. }));
    assert_eq!(with(24, 0x17), Fault::EndByte { found: 0x17 });
    for cut in 0..whole.len() {
        let missing = if cut < 5 { 12 - cut } else { whole.len() - cut };
        assert_eq!(Frame::parse(&whole[..cut]), Err(Fault::Truncated { missing }), "{cut}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        control in any::<u8>(),
        kind in any::<u8>(),
        address in proptest::collection::vec(any::<u8>(), 1..=16),
        client in any::<u8>(),
        link in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let head = kind & 0xF0 | u8::try_from(address.len() - 1).unwrap();
        let server = ServerAddress { head, bytes: &address };
        let frame = Frame { control: Control(control), server, client, link: &link };
        let bytes = frame.to_bytes().unwrap();
        prop_assert_eq!(Frame::parse(&bytes), Ok(frame));
        let wrong = ServerAddress { head: head ^ 1, ..server };
        prop_assert_eq!(Frame { server: wrong, ..frame }.to_bytes(), None);
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(prop_oneof![Just(0x68_u8), 0..32_u8, any::<u8>()], 0..80)) {
        let _ = Frame::parse(&bytes).map(|frame| (frame.plain_link(), frame.service()));
    }
}
