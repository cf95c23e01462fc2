//! The walk over values by a layout: values to bytes, the inverse of [`read`](super::read()).

use super::layout::{Layout, Node};
use super::read::Counts;
use crate::format::{EncodeError, Value, encode};

/// Appends the data of an item: the values in wire order, counts among them.
///
/// # Errors
/// [`EncodeError`], with nothing appended, when a value does not fit its field or there are more or fewer values than the
/// counts among them announce.
pub fn write(layout: &Layout, values: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let begin = out.len();
    let mut writer = Writer { values, place: 0, counts: Counts::default(), out };
    let mut written = writer.nodes(&layout.nodes);
    if written.is_ok() && writer.place != values.len() {
        written = Err(EncodeError::WrongCount { place: writer.place });
    }
    if written.is_err() {
        out.truncate(begin);
    }
    written
}

struct Writer<'w, 'v> {
    values: &'w [Value<'v>],
    place: usize,
    counts: Counts,
    out: &'w mut Vec<u8>,
}

impl Writer<'_, '_> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<(), EncodeError> {
        for node in nodes {
            match node {
                Node::Field(field) => {
                    let value = self.values.get(self.place);
                    let value = *value.ok_or(EncodeError::WrongCount { place: self.place })?;
                    let given = match value {
                        Value::Text(bytes) | Value::Octets(bytes) => bytes.len(),
                        _ => 0,
                    };
                    let width = self.counts.width(field.width, given).map_err(|_| EncodeError::DoesNotFit)?;
                    encode(field.format, value, width, self.out)?;
                    self.counts.keep(field, &value);
                    self.place += 1;
                }
                Node::Repeat { body, times } => {
                    let times = self.counts.times(*times).map_err(|_| EncodeError::DoesNotFit)?;
                    let mut number = 0;
                    while times.map_or(self.place < self.values.len(), |times| number < times) {
                        self.nodes(body)?;
                        number += 1;
                    }
                }
            }
        }
        Ok(())
    }
}
