use proptest::prelude::*;

use super::*;

fn number(scaled: i64, decimals: u8) -> Value<'static> {
    Value::Number(Quantity::new(scaled, decimals))
}

fn read(format: u8, bytes: &[u8]) -> String {
    decode(Format::number(format).unwrap(), bytes).to_string()
}

// covers [1376 4]
#[test]
fn the_examples_of_the_text() {
    assert_eq!(read(14, &[0x00, 0x56, 0x34, 0x12, 0x00]), "1234.5600");
    assert_eq!(read(7, &[0x27, 0x24]), "242.7");
    assert_eq!(read(25, &[0x50, 0x12, 0x00]), "1.250");
    assert_eq!(read(25, &[0x50, 0x12, 0x80]), "-1.250");
    assert_eq!(read(9, &[0x00, 0x50, 0x01]), "1.5000");
    assert_eq!(read(5, &[0x00, 0x10]), "100.0");
    assert_eq!(read(12, &[0x61, 0x10, 0x01, 0x30, 0x12, 0x15]), "151230011061");
}

#[test]
fn every_format_of_the_table_has_its_width_and_a28_has_none() {
    let widths: Vec<usize> =
        (1..=27).map(|number| Format::number(number).unwrap().width().unwrap()).collect();
    assert_eq!(widths, [6, 2, 4, 1, 2, 2, 2, 2, 3, 3, 4, 6, 4, 5, 5, 4, 4, 3, 2, 3, 2, 1, 3, 2, 3, 2, 4]);
    assert_eq!((Format::number(0), Format::number(28)), (None, None));
}

#[test]
fn signs_and_powers_of_a2_to_a6() {
    for (bytes, shown) in [
        ([0x23, 0x01], "1230000"),
        ([0x23, 0x21], "123000"),
        ([0x23, 0x41], "12300"),
        ([0x23, 0x61], "1230"),
        ([0x23, 0x81], "123"),
        ([0x23, 0xA1], "12.3"),
        ([0x23, 0xC1], "1.23"),
        ([0x23, 0xE1], "0.123"),
        ([0x23, 0xF1], "-0.123"),
        ([0x23, 0x11], "-1230000"),
    ] {
        assert_eq!(read(2, &bytes), shown);
    }
    assert_eq!(read(3, &[0x67, 0x45, 0x23, 0x01]), "1234567", "kWh");
    assert_eq!(read(3, &[0x67, 0x45, 0x23, 0x51]), "-1234567000", "MWh");
    assert_eq!(read(3, &[0x67, 0x45, 0x23, 0x81]), "-", "D7 has to be zero");
    assert_eq!(read(4, &[0x15]), "15");
    assert_eq!(read(4, &[0x95]), "-15");
    assert_eq!(read(5, &[0x05, 0x90]), "-100.5");
    assert_eq!(read(6, &[0x05, 0x90]), "-10.05");
    assert_eq!(read(22, &[0x15]), "1.5");
    assert_eq!(read(26, &[0x34, 0x12]), "1.234");
}

// covers [1376 1.9]
#[test]
fn fillings_and_corrupt_digits_are_no_values() {
    for format in (1..=27).filter(|format| *format != 12).filter_map(Format::number) {
        let width = format.width().unwrap();
        assert_eq!(decode(format, &vec![0xEE; width]), Value::Absent(Absence::Missing), "{format:?}");
        assert_eq!(decode(format, &vec![0xFF; width]), Value::Absent(Absence::Unsupported), "{format:?}");
    }
    let of = |format: u8, bytes: &[u8]| match decode(Format::number(format).unwrap(), bytes) {
        Value::Absent(absence) => Some(absence),
        _ => None,
    };
    assert_eq!(of(12, &[0xEE; 6]), Some(Absence::Missing));
    assert_eq!(of(12, &[0xFF; 6]), None, "an address may be all FF");
    assert_eq!(of(14, &[0xEE, 0xEE, 0x34, 0x12, 0x00]), Some(Absence::NotDecimal));
    assert_eq!(of(11, &[0x0A, 0, 0, 0]), Some(Absence::NotDecimal));
    assert_eq!(of(9, &[0, 0, 0x80]), Some(Absence::MinusZero));
    assert_eq!(of(2, &[0x00, 0x10]), Some(Absence::MinusZero));
    assert_eq!(of(15, &[0; 5]), Some(Absence::Never));
    assert_eq!(of(19, &[0; 2]), None, "midnight");
    assert_eq!(of(20, &[0x30, 0x02, 0x24]), Some(Absence::NotATime));
    assert!(Absence::NotDecimal.is_corrupt() && !Absence::Missing.is_corrupt());
    assert_eq!(decode(Format::Binary { bytes: 1 }, &[0xEE]), number(238, 0), "a count may be 238");
    assert_eq!(decode(Format::Binary { bytes: 2 }, &[0xEE; 2]), Value::Absent(Absence::Missing));
    assert_eq!(decode(Format::Bits { bytes: 2 }, &[0xFF; 2]), Value::Bits { word: 0xFFFF, bytes: 2 });
}

#[test]
fn what_does_not_fit_is_refused_with_nothing_written() {
    let refused = |format: u8, value| {
        let format = Format::number(format).unwrap();
        let mut out = vec![1];
        let error = encode(format, value, format.width().unwrap(), &mut out).unwrap_err();
        assert_eq!(out, [1]);
        error
    };
    assert_eq!(refused(7, number(10_000, 1)), EncodeError::DoesNotFit);
    assert_eq!(refused(7, number(-1, 1)), EncodeError::NoSign);
    assert_eq!(refused(7, number(1, 2)), EncodeError::DoesNotFit, "a digit would be lost");
    assert_eq!(refused(5, number(8_000, 1)), EncodeError::DoesNotFit, "the sign bit would be set");
    assert_eq!(refused(2, number(1234, 0)), EncodeError::DoesNotFit);
    assert_eq!(refused(4, number(80, 0)), EncodeError::DoesNotFit);
    assert_eq!(refused(7, Value::Octets(&[1, 2])), EncodeError::WrongKind);
    let mut out = Vec::new();
    let filling = encode(Format::Binary { bytes: 2 }, number(0xEEEE, 0), 2, &mut out);
    assert_eq!((filling, out.len()), (Err(EncodeError::Ambiguous), 0));
    assert_eq!(encode(Format::Octets, Value::Octets(&[1]), 2, &mut out), Err(EncodeError::DoesNotFit));
}

fn a_format() -> impl Strategy<Value = Format> {
    prop_oneof![
        (1..=27_u8).prop_map(|number| Format::number(number).unwrap()),
        (1..=8_u8).prop_map(|bytes| Format::Binary { bytes }),
        (1..=8_u8).prop_map(|bytes| Format::Bits { bytes }),
        Just(Format::Time(TimeFormat::Hour)),
    ]
}

proptest! {
    /// What can be read can be written, and reads the same; what is plain digits is written to the same bytes.
    #[test]
    fn reading_writing_and_reading_again(
        format in a_format(),
        bytes in proptest::collection::vec(prop_oneof![
            (0..100_u64).prop_map(bcd::from_two_digits),
            any::<u8>(),
        ], 8),
    ) {
        let width = format.width().unwrap();
        let bytes = &bytes[..width];
        let value = decode(format, bytes);
        let mut out = Vec::new();
        match value {
            Value::Absent(absence) => prop_assert!(absence.is_corrupt() || absence != Absence::Missing || bytes.iter().all(|b| *b == 0xEE)),
            value => {
                prop_assert_eq!(encode(format, value, width, &mut out), Ok(()));
                prop_assert_eq!(decode(format, &out), value);
                if !matches!(format, Format::Power | Format::Energy) {
                    prop_assert_eq!(&out[..], bytes);
                }
            }
        }
    }

    #[test]
    fn every_power_that_fits_comes_back(mantissa in -999..=999_i64, code in 0..8_u8) {
        let (scaled, decimals) = match code {
            below @ 4.. => (mantissa, below - 4),
            above => (mantissa * 10_i64.pow(u32::from(4 - above)), 0),
        };
        let mut out = Vec::new();
        prop_assert_eq!(encode(Format::Power, number(scaled, decimals), 2, &mut out), Ok(()));
        prop_assert_eq!(decode(Format::Power, &out), number(scaled, decimals));
    }
}
