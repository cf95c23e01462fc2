//! From the data of an answer to values of items: exact, or a reason why there is none (F8, F9, F17).

use dlt645::bcd;
use dlt645::catalog::{self, Content, Role, Value};
use dlt645::data_id::DataId;
use dlt645::exchange::LengthRule;
use dlt645::meter_time::MeterTime;
use dlt645::quantity::Quantity;

use super::ask::{Heard, Missed};
use crate::config::profile::MeterProfile;
use crate::domain::{Item, ItemKind, MissingCause, Moment};

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemValue {
    pub(super) item: Item,
    /// A whole number of the item's last decimal place.
    pub(super) value: i64,
    /// When a maximum demand occurred, as the meter wrote it.
    pub(super) occurred: Option<String>,
}

/// How long an answer with a total and its tariffs is.
pub(super) fn length_of_block(total: Item, id: DataId, profile: &MeterProfile) -> LengthRule {
    let values = usize::from(profile.tariffs) + 1;
    let width = match (profile.difference(id), total.kind()) {
        (Some(difference), _) => usize::from(difference.bytes),
        (None, ItemKind::MaximumDemand) => 8,
        (None, _) => 4,
    };
    // A block of 1997 may end with AAH; its demands have no time.
    match id.edition() {
        dlt645::edition::Edition::E2007 => LengthRule::exact([values * width]),
        dlt645::edition::Edition::E1997 if total.kind() == ItemKind::MaximumDemand => {
            LengthRule::exact([values * 3, values * 3 + 1])
        }
        dlt645::edition::Edition::E1997 => LengthRule::exact([values * width, values * width + 1]),
    }
}

/// The total and the tariffs of an answer, the total first. A number that the meter marks as none makes the answer none:
/// a register is read whole or not at all.
pub(super) fn block(total: Item, heard: &Heard, profile: &MeterProfile) -> Result<Vec<ItemValue>, Missed> {
    let (id, payload) = (heard.id, heard.payload.as_slice());
    let values = match profile.difference(id) {
        Some(difference) => {
            let decimals = difference.decimals.unwrap_or(2);
            of_other_width(total, id, payload, usize::from(difference.bytes), decimals)?
        }
        None => of_catalogue(id, payload)?,
    };
    let expected = usize::from(profile.tariffs) + 1;
    let is_whole = values.len() == expected
        && (0..).zip(&values).all(|(tariff, value)| Some(value.item) == total.with_tariff(tariff));
    if is_whole {
        Ok(values)
    } else {
        let found = values.len();
        Err(wrong_form(id, &format!("{found} values where the profile {} has {expected}", profile.name)))
    }
}

/// Numbers of another width than the catalogue says, one behind the other, total first.
fn of_other_width(
    total: Item,
    id: DataId,
    payload: &[u8],
    width: usize,
    decimals: u8,
) -> Result<Vec<ItemValue>, Missed> {
    let mut values = Vec::new();
    for (tariff, raw) in (0..).zip(payload.chunks(width)) {
        let item = total.with_tariff(tariff).ok_or_else(|| wrong_form(id, "too many tariffs"))?;
        let number = (raw.len() == width).then(|| bcd::decode(raw)).flatten();
        let number = number.and_then(|number| i64::try_from(number).ok());
        let Some(number) = number else { return Err(no_value(id, item)) };
        let value = scaled(id, item, Quantity::new(number, decimals))?;
        values.push(ItemValue { item, value, occurred: None });
    }
    Ok(values)
}

fn of_catalogue(id: DataId, payload: &[u8]) -> Result<Vec<ItemValue>, Missed> {
    let entry = catalog::find(id).ok_or_else(|| wrong_form(id, "not in the catalogue"))?;
    let content = entry.read(payload).map_err(|deviation| wrong_form(id, &deviation.to_string()))?;
    let Content::Values(readings) = content else { return Err(wrong_form(id, "no values")) };
    let mut values: Vec<ItemValue> = Vec::new();
    for reading in readings {
        match (reading.item().and_then(Item::of), reading.value) {
            (Some(item), Value::Number(quantity)) => {
                values.push(ItemValue { item, value: scaled(id, item, quantity)?, occurred: None });
            }
            (Some(item), _) => return Err(no_value(id, item)),
            // The time stands behind the demand it belongs to; a demand that never was has none.
            (None, value) if reading.field.role == Role::At => {
                if let (Some(last), Value::Time(time)) = (values.last_mut(), value) {
                    last.occurred = Some(time.to_string());
                }
            }
            (None, _) => {}
        }
    }
    Ok(values)
}

/// The value of an item that was asked for by itself.
pub(super) fn single(item: Item, heard: &Heard, profile: &MeterProfile) -> Result<i64, Missed> {
    let (id, payload) = (heard.id, heard.payload.as_slice());
    let values = match profile.difference(id) {
        Some(difference) => {
            let decimals = difference.decimals.unwrap_or(2);
            of_other_width(item, id, payload, usize::from(difference.bytes), decimals)?
        }
        None => of_catalogue(id, payload)?,
    };
    match values.as_slice() {
        [value] if value.item == item => Ok(value.value),
        _ => Err(wrong_form(id, &format!("not one value of {}", item.code()))),
    }
}

fn scaled(id: DataId, item: Item, quantity: Quantity) -> Result<i64, Missed> {
    item.scaled(quantity)
        .ok_or_else(|| wrong_form(id, &format!("{quantity} has more digits than {}", item.code())))
}

/// The time an answer holds, and how the meter wrote it.
pub(super) fn time(heard: &Heard) -> Result<MeterTime, Missed> {
    let id = heard.id;
    let entry = catalog::find(id).ok_or_else(|| wrong_form(id, "not in the catalogue"))?;
    let content = entry.read(&heard.payload).map_err(|deviation| wrong_form(id, &deviation.to_string()))?;
    let Content::Values(mut readings) = content else { return Err(wrong_form(id, "no time")) };
    match readings.next().map(|reading| reading.value) {
        Some(Value::Time(time)) => Ok(time),
        Some(Value::Absent(absence)) => {
            Err(Missed::new(MissingCause::NoValue, format!("{id}: {}", absence.reason())))
        }
        _ => Err(wrong_form(id, "no time")),
    }
}

/// What a meter's time means by our calendar; `None` for a day that is not there.
pub(super) fn moment(time: MeterTime) -> Option<Moment> {
    time.civil().map(Moment::from_civil)
}

pub(super) fn wrong_form(id: DataId, what: &str) -> Missed {
    Missed::new(MissingCause::WrongForm, format!("{id}: {what}"))
}

fn no_value(id: DataId, item: Item) -> Missed {
    Missed::new(MissingCause::NoValue, format!("{id}: the meter has no value of {}", item.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::Profiles;
    use crate::domain::MeterProtocol;

    fn heard(id: &str, payload: &[u8]) -> Heard {
        let at = Moment::from_micros(0);
        Heard {
            id: id.parse().unwrap(),
            payload: payload.to_vec(),
            frames: Vec::new(),
            asked_at: at,
            answered_at: at,
            is_alone: true,
            is_surely_new: true,
        }
    }

    fn profile(protocol: MeterProtocol) -> MeterProfile {
        Profiles::default().of(None, protocol).unwrap().clone()
    }

    fn total() -> Item {
        Item::parse("1.8.0").unwrap()
    }

    /// Energies of 4 bytes, 10.00 kWh more from one to the next.
    fn energies(count: u8) -> Vec<u8> {
        (1..=count).flat_map(|number| [0x00, number << 4, 0x00, 0x00]).collect()
    }

    #[test]
    fn a_block_is_a_total_and_the_tariffs_of_the_profile() {
        let profile = profile(MeterProtocol::Dlt2007);
        let values = block(total(), &heard("05060101", &energies(5)), &profile).unwrap();
        let seen: Vec<_> = values.iter().map(|value| (value.item.tariff(), value.value)).collect();
        assert_eq!(seen, [(0, 100_000), (1, 200_000), (2, 300_000), (3, 400_000), (4, 500_000)]);
        assert!(length_of_block(total(), "05060101".parse().unwrap(), &profile).admits(20));
    }

    #[test]
    fn f17_another_number_of_tariffs_is_refused() {
        let profile = profile(MeterProtocol::Dlt2007);
        for count in [1, 4, 6] {
            let missed = block(total(), &heard("0001FF00", &energies(count)), &profile).unwrap_err();
            assert_eq!(missed.cause, MissingCause::WrongForm, "{missed:?}");
        }
    }

    #[test]
    fn f09_a_register_that_is_filled_is_no_value_and_never_zero() {
        let profile = profile(MeterProtocol::Dlt2007);
        let mut payload = energies(5);
        payload[8..12].fill(0xFF);
        let missed = block(total(), &heard("05060101", &payload), &profile).unwrap_err();
        assert_eq!(missed.cause, MissingCause::NoValue);
    }

    #[test]
    fn f17_energies_of_another_width_are_read_as_the_profile_says() {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/deploy/profiles/five-byte-energies.toml"
        ));
        assert!(text.unwrap().contains("five"));
        let item = total();
        let id: DataId = "0001FF00".parse().unwrap();
        let payload = [0x78, 0x56, 0x34, 0x12, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00];
        let values = of_other_width(item, id, &payload, 5, 4).unwrap();
        assert_eq!(values.iter().map(|value| value.value).collect::<Vec<_>>(), [12_345_678, 1]);
        assert!(of_other_width(item, id, &payload[..9], 5, 4).is_err(), "cut short");
    }

    #[test]
    fn a_demand_comes_with_its_time() {
        let mut profile = profile(MeterProtocol::Dlt2007);
        profile.tariffs = 0;
        let demand = Item::parse("1.6.0").unwrap();
        let payload = [0x34, 0x12, 0x00, 0x15, 0x10, 0x21, 0x11, 0x26];
        let values = block(demand, &heard("05060901", &payload), &profile).unwrap();
        assert_eq!(values[0].value, 1234);
        assert!(values[0].occurred.as_deref().is_some_and(|time| time.contains("10:15")), "{values:?}");
    }

    #[test]
    fn f14_date_and_time_make_a_moment_or_none() {
        let date = time(&heard("04000101", &[0x06, 0x21, 0x11, 0x26])).unwrap();
        let of_day = time(&heard("04000102", &[0x59, 0x59, 0x23])).unwrap();
        let civil = crate::domain::meter_clock::shown(date, of_day).unwrap();
        assert_eq!(civil.to_string(), "2026-11-21 23:59:59");
        assert!(time(&heard("04000102", &[0xFF; 3])).is_err());
    }
}
