//! The walk over the values of an answer: no allocation, and for energies, the bulk of all values, hardly a branch.

use super::entry::{Entry, Reading};
use super::field::{Field, Format};
use super::layout::{Counter, Group, Layout};
use super::value::{self, Value};
use crate::bcd;
use crate::quantity::Quantity;

/// Walks over the values of an answer, without allocating.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    entry: Option<Entry>,
    data: &'a [u8],
    run: Run,
    place: Place,
}

/// A field that stands so many times more without another between.
#[derive(Clone, Copy, Debug)]
struct Run {
    field: &'static Field,
    times: usize,
    /// Which repetition of its group the next one belongs to, and what the repetitions count.
    repetition: usize,
    counter: Counter,
}

/// How far the walk over the layout has come.
#[derive(Clone, Copy, Debug)]
struct Place {
    layout: &'static Layout,
    /// How often the group repeated by length stands.
    by_length: usize,
    /// The group behind the current one; of a group of several fields the current round and the field to come.
    next_group: usize,
    round: usize,
    next_field: usize,
}

impl<'a> Values<'a> {
    /// Walks over data of a layout that is not the row's own, as the kinds of a load record.
    pub(crate) fn of_layout(entry: Option<Entry>, layout: &'static Layout, data: &'a [u8]) -> Self {
        Self::new(entry, layout, layout.repetitions(data.len()).unwrap_or(0), data)
    }

    #[inline]
    pub(super) fn new(
        entry: Option<Entry>,
        layout: &'static Layout,
        by_length: usize,
        data: &'a [u8],
    ) -> Self {
        // Most identifiers have one quantity, once or several times; all else is found when it is needed.
        let (next_group, run) = match layout.groups.as_slice() {
            [Group { fields, times, counter, .. }] if let [field] = fields.as_slice() => {
                (1, Run { field, times: times.count(by_length), repetition: 0, counter: *counter })
            }
            _ => (0, Run { field: Field::NONE, times: 0, repetition: 0, counter: Counter::None }),
        };
        let place = Place { layout, by_length, next_group, round: 0, next_field: 0 };
        Self { entry, data, run, place }
    }
}

impl Place {
    /// The next field that stands at all.
    #[inline(never)] // so that the common case stays short
    fn next_run(&mut self) -> Option<Run> {
        let groups = self.layout.groups.as_slice();
        let current = self.next_group.checked_sub(1).and_then(|group| groups.get(group));
        if let Some(group) = current.filter(|group| group.fields.len() > 1) {
            if self.next_field == group.fields.len() {
                (self.next_field, self.round) = (0, self.round + 1);
            }
            if self.round < group.times.count(self.by_length) {
                let field = group.fields.get(self.next_field)?;
                self.next_field += 1;
                return Some(Run { field, times: 1, repetition: self.round, counter: group.counter });
            }
        }
        let times = |group: &Group| group.times.count(self.by_length);
        let skipped = groups.get(self.next_group..)?.iter().take_while(|group| times(group) == 0).count();
        let group = groups.get(self.next_group + skipped)?;
        let times = if group.fields.len() == 1 { times(group) } else { 1 };
        self.next_group += skipped + 1;
        (self.round, self.next_field) = (0, 1);
        Some(Run { field: group.fields.first()?, times, repetition: 0, counter: group.counter })
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Reading<'a>;

    #[inline]
    fn next(&mut self) -> Option<Reading<'a>> {
        loop {
            let Some(times) = self.run.times.checked_sub(1) else {
                // No field is without bytes.
                if self.data.is_empty() {
                    return None;
                }
                // A copy goes out of hand; the rest of the walk can stay in registers.
                let mut place = self.place;
                self.run = place.next_run()?;
                self.place = place;
                continue;
            };
            let (entry, Run { field, repetition, counter, .. }) = (self.entry, self.run);
            (self.run.times, self.run.repetition) = (times, repetition + 1);
            // Energies, the bulk of all values, without a call.
            if field.is_plain_four
                && let Some((raw, rest)) = self.data.split_first_chunk::<4>()
                && let Some(number) = bcd::decode_four(*raw)
            {
                self.data = rest;
                let value = Value::Number(Quantity::new(number.into(), field.format.decimals()));
                return Some(Reading { entry, field, counter, repetition, raw, value });
            }
            let (raw, rest) = self.data.split_at_checked(field.format.width())?;
            self.data = rest;
            if field.format != Format::Separator {
                let value = value::decode(field.format, raw);
                return Some(Reading { entry, field, counter, repetition, raw, value });
            }
        }
    }
}
