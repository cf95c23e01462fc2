use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::{MAX_DATA, WireFrame};
use crate::request::tests::hex;

/// Parses the golden bytes, checks that they emit again, and gives what they say as text.
fn says(edition: Edition, text: &str) -> String {
    let bytes = hex(text);
    let mut room = [0; MAX_DATA];
    let response = Response::parse(edition, &WireFrame::parse(&bytes).unwrap().frame(&mut room)).unwrap();
    assert_eq!(response.to_bytes().unwrap(), bytes, "{response:?}");
    format!("{:?}", response.content)
}

// covers [645-2007 3] [645-2007 4 read] [645-2007 4 subsequent] [645-2007 4 read address] [645-2007 4 write]
// covers [645-2007 4 freeze] [645-2007 4 rate] [645-2007 4 password] [645-2007 4 output] [645-2007 4 security]
// covers [645-2007 10] [645-2007 13]
#[test]
fn the_answers_of_the_2007_text_read_and_emit() {
    let of = |tail: &str| says(Edition::E2007, &format!("68 12 90 78 56 34 12 68 {tail}"));
    assert_eq!(
        of("91 08 33 33 34 33 89 67 45 33 54 16"),
        "Data { item: 00010000, payload: [86, 52, 18, 0], more: false }"
    );
    assert_eq!(of("93 06 45 C3 AB 89 67 45 07 16"), "Address(123456789012)");
    assert_eq!(of("D1 01 35 8D 16"), "Refused(Error(ErrorWord { edition: E2007, bits: 2 }))");
    assert_eq!(
        of("92 0B 34 35 63 36 33 33 33 33 33 33 34 8B 16"),
        "Piece { item: 03300201, payload: [0, 0, 0, 0, 0, 0], sequence: 1, more: false }"
    );
    assert_eq!(of("94 00 1A 16"), "Accepted { word: None }");
    assert_eq!(of("D4 01 37 92 16"), "Refused(Error(ErrorWord { edition: E2007, bits: 4 }))");
    assert_eq!(of("9C 00 22 16"), "Accepted { word: None }");
    assert_eq!(of("DC 01 37 9A 16"), "Refused(Error(ErrorWord { edition: E2007, bits: 4 }))");
    assert_eq!(of("96 00 1C 16"), "Accepted { word: None }");
    assert_eq!(
        of("83 10 32 33 33 3A D4 E5 F6 07 34 35 36 37 38 39 3A 3B 5D 16"),
        "Data { item: 070000FF, payload: [161, 178, 195, 212, 1, 2, 3, 4, 5, 6, 7, 8], more: false }"
    );
    assert_eq!(of("C3 02 3B 33 B9 16"), "Refused(Security(SecurityErrorWord { bits: 8 }))");
    assert_eq!(of("97 01 53 71 16"), "Rate { word: 32 }");
    assert_eq!(of("98 04 35 99 88 77 EF 16"), "NewPassword(Password(level 02, ******))");
    assert_eq!(of("95 00 1B 16"), "Accepted { word: None }");
    assert_eq!(of("9D 01 33 57 16"), "Output { code: 0 }");
}

// covers [645-1997 3 read] [645-1997 3 write] [645-1997 7]
#[test]
fn the_answers_of_the_1997_text_read_and_emit() {
    let of = |text: &str| says(Edition::E1997, text);
    assert_eq!(
        of("68 03 00 00 00 00 00 68 81 04 44 E9 33 34 EC 16"),
        "Data { item: B611, payload: [0, 1], more: false }"
    );
    assert_eq!(of("68 12 90 78 56 34 12 68 84 00 0A 16"), "Accepted { word: None }");
    assert_eq!(
        of("68 12 90 78 56 34 12 68 C4 01 37 82 16"),
        "Refused(Error(ErrorWord { edition: E1997, bits: 4 }))"
    );
}

// covers [645-2007 6 words]
#[test]
fn relay_answers_of_the_fourth_supplement_carry_a_word() {
    let content = |control: u8, data: &[u8]| {
        let frame = Frame { address: AddressField::WILDCARD, control: Control(control), data };
        Response::parse(Edition::E2007, &frame).map(|response| format!("{:?}", response.content))
    };
    assert_eq!(content(0x9C, &[4, 0]).unwrap(), "Accepted { word: Some(ExecutionWord { bits: 4 }) }");
    assert_eq!(content(0x9C, &[1, 2, 3]).unwrap(), "Accepted { word: None }", "accepted, whatever it adds");
    assert_eq!(content(0xDC, &[0x20, 0]).unwrap(), "Refused(Relay(RelayErrorWord { bits: 32 }))");
    assert_eq!(content(0x9D, &[]).unwrap(), "Accepted { word: None }");
    assert_eq!(content(0xD4, &[]).unwrap(), "Refused(Unexplained)");
}

#[test]
fn what_is_no_answer_is_refused_by_name() {
    let kind = |edition, control, data: &[u8]| {
        let frame = Frame { address: AddressField::WILDCARD, control: Control(control), data };
        Response::parse(edition, &frame).unwrap_err().kind()
    };
    let of = |control, data: &[u8]| kind(Edition::E2007, control, data);
    assert_eq!(of(0x11, &[0; 4]), "not_an_answer");
    assert_eq!(of(0xF1, &[0; 4]), "not_an_answer");
    assert_eq!(of(0x9F, &[]), "unknown_function");
    assert_eq!(of(0x88, &[]), "unknown_function", "nobody answers a broadcast");
    assert_eq!(of(0xB4, &[]), "unknown_function", "a write has no second frame");
    assert_eq!(of(0x91, &[0; 3]), "length");
    assert_eq!(of(0x92, &[0; 4]), "length", "no number");
    assert_eq!(of(0x93, &[0; 5]), "length");
    assert_eq!(of(0x94, &[0]), "length");
    assert_eq!(of(0xD1, &[0, 0]), "length");
    assert_eq!(of(0x98, &[0x98, 0, 0, 0]), "password");
    assert_eq!(kind(Edition::E1997, 0x91, &[0; 4]), "unknown_function");
    assert_eq!(kind(Edition::E1997, 0xCF, &[0; 2]), "length");
}

/// The content that goes with a function, made of `bytes`.
fn content(edition: Edition, function: u8, bytes: &[u8]) -> Option<Content<'_>> {
    let (item, payload) = DataId::split(edition, bytes)?;
    let (more, first) = (bytes.len() % 2 == 1, *bytes.first()?);
    Some(match (edition, function) {
        (Edition::E2007, 0x03 | 0x11) | (Edition::E1997, 0x01..=0x03) => {
            Content::Data { item, payload, more }
        }
        (Edition::E2007, 0x12) => Content::Piece { item, payload, sequence: first, more },
        (Edition::E2007, 0x13) => Content::Address(AddressField::from_wire(bytes.get(..6)?.try_into().ok()?)),
        (Edition::E2007, 0x1C) => {
            Content::Accepted { word: more.then_some(ExecutionWord::new(first.into())) }
        }
        (Edition::E2007, 0x14..=0x16 | 0x19..=0x1B) | (Edition::E1997, 0x04 | 0x0A | 0x10) => {
            Content::Accepted { word: None }
        }
        (Edition::E2007, 0x17) | (Edition::E1997, 0x0C) => Content::Rate { word: first },
        (Edition::E2007, 0x18) | (Edition::E1997, 0x0F) => {
            Content::NewPassword(Password::from_wire([first % 10, first, 0, 0]).ok()?)
        }
        (Edition::E2007, 0x1D) => Content::Output { code: first },
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn parse_is_the_inverse_of_emit(
        edition in prop_oneof![Just(Edition::E1997), Just(Edition::E2007)],
        address in any::<[u8; 6]>(),
        function in 0..0x20_u8,
        bytes in vec(any::<u8>(), 6..=250),
        refusal in proptest::option::of(any::<u16>()),
    ) {
        let Some(content) = content(edition, function, &bytes) else { return Ok(()) };
        let content = match (refusal, edition, function) {
            (None, ..) => content,
            (Some(bits), Edition::E2007, 0x1C) if bits > 255 => Content::Refused(Refusal::Relay(RelayErrorWord::new(bits))),
            (Some(bits), Edition::E2007, 0x03) if bits > 255 => {
                Content::Refused(Refusal::Security(SecurityErrorWord::new(bits)))
            }
            (Some(bits), ..) => Content::Refused(Refusal::Error(ErrorWord::new(edition, bits.to_le_bytes()[0]))),
        };
        let address = AddressField::from_wire(address);
        let response = Response { edition, address, function: Function(function), content };
        let bytes = response.to_bytes().unwrap();
        let mut room = [0; MAX_DATA];
        let frame = WireFrame::parse(&bytes).unwrap().frame(&mut room);
        prop_assert_eq!(Response::parse(edition, &frame), Ok(response));
    }

    #[test]
    fn any_frame_at_all_is_parsed_or_refused(control in any::<u8>(), data in vec(any::<u8>(), 0..=255)) {
        let frame = Frame { address: AddressField::BROADCAST, control: Control(control), data: &data };
        for edition in [Edition::E1997, Edition::E2007] {
            match Response::parse(edition, &frame) {
                Ok(response) => prop_assert_eq!(response.control(), frame.control),
                Err(error) => prop_assert!(!error.kind().is_empty() && !error.to_string().is_empty()),
            }
        }
    }
}
