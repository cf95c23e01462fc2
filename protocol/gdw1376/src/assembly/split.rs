//! The other side of an answer in several frames: how a terminal, or one that is simulated, cuts it. [1376 5]

use crate::address::AddressField;
use crate::afn::Afn;
use crate::auxiliary::Auxiliary;
use crate::control::Control;
use crate::frame::MIN_COUNTED;
use crate::message::{Message, MessageError};
use crate::seq::Seq;

/// The frames of an answer to `asked` that holds whole data units, none counting more than `limit` bytes unless one unit alone
/// does. FIR, FIN and the numbers are set as the order asks for; address and length code are those of the question.
///
/// # Errors
/// [`MessageError`] when a unit is longer than a frame can be, or the question came under a length code of no edition.
pub fn split(
    asked: &Message<'_>,
    afn: Afn,
    units: &[Vec<u8>],
    limit: usize,
) -> Result<Vec<Vec<u8>>, MessageError> {
    let mut bodies: Vec<Vec<u8>> = vec![Vec::new()];
    for unit in units {
        match bodies.last_mut() {
            Some(body) if body.is_empty() || MIN_COUNTED + body.len() + unit.len() <= limit => {
                body.extend(unit)
            }
            _ => bodies.push(unit.clone()),
        }
    }
    let last = bodies.len() - 1;
    let numbers = (0..16_u8).cycle();
    let frame = |(place, (number, body)): (usize, (u8, &Vec<u8>))| {
        let seq = Seq::part(asked.seq.number().wrapping_add(number), place == 0, place == last);
        frame(asked, afn, seq, body)
    };
    numbers.zip(&bodies).enumerate().map(frame).collect()
}

fn frame(asked: &Message<'_>, afn: Afn, seq: Seq, units: &[u8]) -> Result<Vec<u8>, MessageError> {
    let address: AddressField = asked.address;
    let auxiliary = Auxiliary::default();
    Message { code: asked.code, control: Control::DATA, address, afn, seq, units, auxiliary }.to_bytes()
}
