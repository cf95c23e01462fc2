#![expect(clippy::float_arithmetic, reason = "what is made without floats is judged by the machine's own")]

use super::*;
use proptest::prelude::*;

fn item(code: &str) -> Item {
    Item::parse(code).unwrap()
}

fn form(kind: NumberKind, exponent: i8) -> NumberForm {
    NumberForm { kind, order: WordOrder::HighFirst, exponent, is_rounded: false, absence: Absence::Usual }
}

fn address(number: u64) -> MeterAddress {
    MeterAddress::from_number(number).unwrap()
}

#[test]
fn the_last_three_digits_are_the_unit() {
    for (number, unit) in [(1, Some(1)), (247, Some(247)), (12_017, Some(17)), (999_999_999_247, Some(247))] {
        assert_eq!(unit_of(address(number)), unit, "{number}");
    }
    for number in [0, 248, 255, 256, 999, 1_000, 5_000_000] {
        assert_eq!(unit_of(address(number)), None, "{number}");
    }
}

#[test]
fn whole_numbers_are_exact() {
    let energy = item("1.8.0");
    let number = |kind, exponent, words: &[u16]| form(kind, exponent).decode(words, energy);
    assert_eq!(number(NumberKind::Unsigned(2), -2, &[0x0001, 0xE240]), Ok(12_345_600), "1234.56 kWh");
    assert_eq!(number(NumberKind::Unsigned(1), 0, &[7]), Ok(70_000));
    assert_eq!(number(NumberKind::Unsigned(4), -4, &[0, 0, 0, 9]), Ok(9));
    assert_eq!(number(NumberKind::Bcd(2), -2, &[0x0012, 0x3456]), Ok(12_345_600));
    assert_eq!(number(NumberKind::Bcd(1), -2, &[0x12A4]), Err(NoNumber::NoDigits));
    assert_eq!(
        number(NumberKind::Unsigned(4), 3, &[0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        Err(NoNumber::TooLarge)
    );
    assert_eq!(number(NumberKind::Unsigned(2), -2, &[1]), Err(NoNumber::Cut));
    let swapped = NumberForm { order: WordOrder::LowFirst, ..form(NumberKind::Unsigned(2), -2) };
    assert_eq!(swapped.decode(&[0xE240, 0x0001], energy), Ok(12_345_600));
}

#[test]
fn f09_what_is_no_value_is_none_and_a_register_is_never_below_zero() {
    let energy = item("1.8.0");
    let power = item("16.7.0");
    for (kind, words) in [
        (NumberKind::Unsigned(1), vec![0xFFFF]),
        (NumberKind::Unsigned(2), vec![0xFFFF; 2]),
        (NumberKind::Unsigned(4), vec![0xFFFF; 4]),
        (NumberKind::Bcd(2), vec![0xFFFF; 2]),
        (NumberKind::Signed(1), vec![0x8000]),
        (NumberKind::Signed(4), vec![0x8000, 0, 0, 0]),
        (NumberKind::Float, vec![0x7FC0, 0]),
        (NumberKind::Float, vec![0xFF80, 0]),
    ] {
        let form = NumberForm { is_rounded: true, ..form(kind, 0) };
        assert_eq!(form.decode(&words, energy), Err(NoNumber::Absent), "{kind:?}");
    }
    let minus_one = form(NumberKind::Signed(2), -3);
    assert_eq!(minus_one.decode(&[0xFFFF, 0xFFFF], energy), Err(NoNumber::Negative));
    assert_eq!(minus_one.decode(&[0xFFFF, 0xFFFF], power), Ok(-10), "a power may be fed back");
    let zero = NumberForm { absence: Absence::Bits(0), ..form(NumberKind::Unsigned(1), 0) };
    assert_eq!(
        (zero.decode(&[0], power), zero.decode(&[0xFFFF], power)),
        (Err(NoNumber::Absent), Ok(655_350_000))
    );
    let never = NumberForm { absence: Absence::Never, ..form(NumberKind::Unsigned(1), 0) };
    assert_eq!(never.decode(&[0xFFFF], power), Ok(655_350_000));
}

#[test]
fn decimals_that_an_item_does_not_keep_are_refused_or_rounded_away_from_zero() {
    let voltage = item("32.7.0");
    let strict = form(NumberKind::Unsigned(1), -2);
    assert!(!strict.is_exact_for(voltage) && strict.is_exact_for(item("1.8.0")));
    assert_eq!(strict.decode(&[23_005], voltage), Err(NoNumber::TooFine));
    assert_eq!(strict.decode(&[23_000], voltage), Ok(2300));
    let rounding = NumberForm { is_rounded: true, ..strict };
    for (raw, stored) in [(23_004, 2300), (23_005, 2301), (23_014, 2301), (0, 0)] {
        assert_eq!(rounding.decode(&[raw], voltage), Ok(stored), "{raw}");
    }
    let negative = NumberForm { kind: NumberKind::Signed(1), ..rounding };
    assert_eq!(negative.decode(&[(-5_i16).cast_unsigned()], voltage), Ok(-1));
    assert_eq!(negative.decode(&[(-4_i16).cast_unsigned()], voltage), Ok(0));
}

#[test]
fn the_bits_of_a_float_become_decimals_without_floats() {
    let energy = item("1.8.0");
    let rounding = NumberForm { is_rounded: true, ..form(NumberKind::Float, 0) };
    for (bits, stored) in [
        (0x0000_0000, 0),
        (0x3F80_0000, 10_000),          // 1
        (0x449A_5225, 12_345_670),      // 1234.567 as near as it gets
        (0x3851_B717, 0),               // 0.00005, as near as it gets: a little less than half a place
        (0x3851_B718, 1),               // and the next one
        (0x3F00_0000, 5000),            // 0.5
        (0x4B80_0000, 167_772_160_000), // 2^24
        (0x0000_0001, 0),               // the smallest there is
    ] {
        let words = [u16::try_from(bits >> 16_u32).unwrap(), u16::try_from(bits & 0xFFFF).unwrap()];
        assert_eq!(rounding.decode(&words, energy), Ok(stored), "{bits:08X}");
    }
    assert_eq!(rounding.decode(&[0x7F7F, 0xFFFF], energy), Err(NoNumber::TooLarge));
    assert_eq!(rounding.decode(&[0xBF80, 0], energy), Err(NoNumber::Negative));
    assert_eq!(rounding.decode(&[0xBF80, 0], item("16.7.0")), Ok(-10_000));
}

proptest! {
    /// What the bits mean is what the machine's own floats say, to half a place.
    #[test]
    fn floats_are_as_the_machine_has_them(bits in any::<u32>(), exponent in -6_i8..=3) {
        let power = item("16.7.0");
        let form = NumberForm { is_rounded: true, ..form(NumberKind::Float, exponent) };
        let words = [u16::try_from(bits >> 16).unwrap(), u16::try_from(bits & 0xFFFF).unwrap()];
        let number = f64::from(f32::from_bits(bits)) * 10_f64.powi(i32::from(exponent) + 4);
        match form.decode(&words, power) {
            Ok(stored) => {
                let off = (number - stored.to_string().parse::<f64>().unwrap()).abs();
                prop_assert!(off <= 0.5 + number.abs() * 1e-12, "{number} is not {stored}");
            }
            Err(NoNumber::Absent) => prop_assert!(!number.is_finite()),
            Err(NoNumber::TooLarge) => prop_assert!(number.abs() > 9e18),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Any registers and any form: a number or a reason.
    #[test]
    fn any_registers_are_a_number_or_none(
        words in proptest::collection::vec(any::<u16>(), 0..6),
        exponent in any::<i8>(),
        kind in 0..4_u8,
        width in prop::sample::select(vec![1_u8, 2, 4]),
        is_rounded in any::<bool>(),
    ) {
        let kind = match kind {
            0 => NumberKind::Unsigned(width),
            1 => NumberKind::Signed(width),
            2 => NumberKind::Bcd(width),
            _ => NumberKind::Float,
        };
        let form = NumberForm { is_rounded, ..form(kind, exponent) };
        let decoded = form.decode(&words, item("1.8.0"));
        prop_assert_eq!(decoded == Err(NoNumber::Cut), words.len() != usize::from(kind.words()));
    }
}
