//! The check of DL/T 698.45: CRC-16 of X.25. [1376 11]

/// The CRC over `bytes`: polynomial 1021H reflected, begun with all ones, inverted at the end.
///
/// ```
/// assert_eq!(gdw1376::dlt698::crc(b"123456789"), 0x906E);
/// ```
#[must_use]
pub fn crc(bytes: &[u8]) -> u16 {
    let shift = |crc: u16, _| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
    !bytes.iter().fold(0xFFFF, |crc, byte| (0..8).fold(crc ^ u16::from(*byte), shift))
}
