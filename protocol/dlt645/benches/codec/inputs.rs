//! What is scanned: clean answers, and a mebibyte of each kind of rubbish.

use dlt645::address::AddressField;
use dlt645::control::{Control, Function};
use dlt645::frame::{END, Frame, START, WAKE_UP};

/// Frames in one buffer.
pub(crate) const FRAMES: usize = 20_000;
/// Bytes of rubbish.
pub(crate) const RUBBISH: usize = 1 << 20;

/// Numbers that look random and are the same every time (splitmix64).
#[derive(Clone)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    fn digits<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| dlt645::bcd::from_two_digits(self.next() % 100))
    }
}

/// Answers with forward active energy, four wake-up bytes in front of each: the total (24 bytes) for one value, else
/// the block with tariffs (40 bytes for five).
pub(crate) fn answers(frames: usize, values: usize) -> Vec<u8> {
    let mut draw = Draw(values as u64);
    let mut bytes = Vec::new();
    for _ in 0..frames {
        let mut data = if values == 1 { vec![0, 0, 1, 0] } else { vec![0, 0xFF, 1, 0] };
        for _ in 0..values {
            data.extend(draw.digits::<4>());
        }
        let address = AddressField::from_wire(draw.digits());
        bytes.extend([WAKE_UP; 4]);
        let control = Control::answer(Function::READ);
        Frame { address, control, data: &data }.emit(&mut bytes).expect("a short frame");
    }
    bytes
}

/// Every kind of rubbish with its name.
pub(crate) fn rubbish() -> [(&'static str, Vec<u8>); 6] {
    let mut draw = Draw(645);
    let repeated = |pattern: &[u8]| pattern.iter().copied().cycle().take(RUBBISH).collect::<Vec<u8>>();
    [
        ("random bytes", (0..RUBBISH).map(|_| draw.next() as u8).collect()),
        ("all FE", repeated(&[WAKE_UP])),
        ("all 68H", repeated(&[START])),
        ("16H at every third place", repeated(&[START, START, 0x16])),
        // Three bytes of seven start a frame of 249 to 253 data bytes that has its second start and its end byte: only
        // the checksum refuses it. No pattern has more starts, for the length byte may not be a start byte, too.
        ("nested starts", repeated(&[START, START, 0xFD, 0xFC, START, END, 0xF9])),
        // The same without the end bytes.
        ("nested starts, no end", repeated(&[START, START, 0xFD, 0xFC, START, 0x17, 0xF9])),
    ]
}
