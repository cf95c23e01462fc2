//! What a world says of its meters to whoever wants to check a reading: registers by identifier, as exact decimals.

use dlt645::data_id::DataId;
use dlt645::quantity::Quantity;

use crate::instant::At;
use crate::meter::Meter;
use crate::tariff::Tariff;
use crate::truth::register::{Energy, Quadrant, Register};

/// One true value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The identifier it is read under.
    pub id: DataId,
    /// The value.
    pub value: Quantity,
    /// Its unit.
    pub unit: &'static str,
}

/// The registers of a meter at an instant, straight from its truth: totals of all directions and the tariffs of
/// forward active energy, under identifiers of the editions it answers.
#[must_use]
pub fn registers(meter: &Meter, at: At) -> Vec<Told> {
    let mut told = Vec::new();
    let value = |register| Quantity::new(meter.truth().shown(register, at), 2);
    let active = [(0_u32, 1_u16, Energy::ForwardActive), (1, 2, Energy::ReverseActive)];
    let quadrants = Quadrant::ALL.map(Energy::Reactive);
    if meter.editions().e2007 {
        for (place, _, energy) in active {
            let id = 0x0001_0000 + (place << 16);
            told.push(Told { id: DataId::new_2007(id), value: value(Register::total(energy)), unit: "kWh" });
            for tariff in Tariff::ALL {
                let id = DataId::new_2007(id + (u32::from(tariff.number()) << 8));
                told.push(Told { id, value: value(Register::tariff(energy, tariff)), unit: "kWh" });
            }
        }
        for (id, energy) in (0x0005_0000_u32..).step_by(0x1_0000).zip(quadrants) {
            told.push(Told {
                id: DataId::new_2007(id),
                value: value(Register::total(energy)),
                unit: "kvarh",
            });
        }
    }
    if meter.editions().e1997 {
        for (_, nibble, energy) in active {
            let id = 0x9000 + (nibble << 4);
            told.push(Told { id: DataId::new_1997(id), value: value(Register::total(energy)), unit: "kWh" });
            for tariff in Tariff::ALL {
                let id = DataId::new_1997(id + u16::from(tariff.number()));
                told.push(Told { id, value: value(Register::tariff(energy, tariff)), unit: "kWh" });
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::shape::Shape;
    use crate::meter::{Editions, Manners};
    use crate::sample;
    use dlt645::catalog::{self, Content, Value};
    use dlt645::edition::Edition;

    #[test]
    fn what_is_told_is_what_the_meter_answers() {
        let truth = sample::meter(Shape::SolarHousehold, 3);
        let meter = Meter::new("1".parse().unwrap(), Editions::BOTH, Manners::default(), truth);
        let at = sample::at(2026, 11, 21, 13, 0);
        let told = registers(&meter, at);
        assert_eq!(told.len(), 10 + 4 + 10);
        for told in told {
            let [a, b, c, d] = told.id.code().to_le_bytes();
            let held = match told.id.edition() {
                Edition::E2007 => meter.held(at, [a, b, c, d], &[]),
                Edition::E1997 => meter.held_1997(at, [a, b]),
            };
            let data = held.unwrap();
            let entry = catalog::find(told.id).unwrap();
            let Ok(Content::Values(mut values)) = entry.read(&data) else { panic!("{}", told.id) };
            let reading = values.next().unwrap();
            assert_eq!(
                (reading.value, reading.field.unit),
                (Value::Number(told.value), told.unit),
                "{}",
                told.id
            );
        }
    }
}
