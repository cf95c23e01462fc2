//! What makers of the 1997 edition do that the standard does not say: decimals of a volt, a sign bit.

use super::{Note, Shown};
use crate::catalog::Value;
use crate::data_id::DataId;
use crate::edition::Edition;

/// The lowest number of four digits in a field of three.
const FOUR_DIGITS: u32 = 1000;

/// Amends voltages of four digits, which can only have a decimal, and remarks powers whose top digit may be a sign.
/// [645-1997 4]
pub(super) fn amend(id: DataId, shown: &mut Shown) {
    if id.edition() != Edition::E1997 {
        return;
    }
    match id.code() {
        0xB611..=0xB613 | 0xB61F => voltages(shown),
        0xB630..=0xB633 | 0xB63F | 0xB640..=0xB643 | 0xB64F => signs(shown, 80),
        0xB650..=0xB653 | 0xB65F => signs(shown, 8),
        _ => {}
    }
}

/// True where [`amend`] says what a value beyond its range may be.
pub(super) fn has_spoken(id: DataId, value: Value<'_>) -> bool {
    let Value::Number(value) = value else { return false };
    match id.code() {
        _ if id.edition() != Edition::E1997 => false,
        0xB650..=0xB65F => value.scaled() >= 8000,
        0xB610..=0xB61F | 0xB630..=0xB64F => true,
        _ => false,
    }
}

fn voltages(shown: &mut Shown) {
    let number = |value: &Option<String>| value.as_ref()?.parse::<u32>().ok();
    let is_tenths =
        shown.values.iter().any(|value| number(&value.value).is_some_and(|volts| volts >= FOUR_DIGITS));
    if !is_tenths {
        return;
    }
    for value in &mut shown.values {
        if let Some(tenths) = number(&value.value) {
            value.value = Some(format!("{}.{}", tenths / 10, tenths % 10));
            (value.doubt, value.doubt_zh) = (None, None);
        }
    }
    shown.notes.push(Note::new(
        "four digits where the standard has three: read as tenths of a volt, as some makers send",
        "标准为三位整数,实为四位:按厂家格式XXX.X解释",
    ));
}

/// `sign` is what the top bit of the first digit comes to.
fn signs(shown: &mut Shown, sign: u32) {
    for value in &shown.values {
        // 80 kW and more in secondary values, a power factor of 8: the digit 8 or 9 in front is a sign bit.
        let Some((whole, decimals)) = value.value.as_ref().and_then(|text| text.split_once('.')) else {
            continue;
        };
        let Some(rest) = whole.parse::<u32>().ok().and_then(|whole| whole.checked_sub(sign)) else {
            continue;
        };
        let unit = value.unit.unwrap_or_default();
        let negative = format!("-{rest}.{decimals} {unit}");
        let negative = negative.trim_end();
        shown.notes.push(Note::new(
            format!("{}: with the top bit as a sign, as some makers set it, this is {negative}", value.name),
            format!("{}:部分厂家以最高位为符号,则为{negative}", value.name_zh),
        ));
    }
}
