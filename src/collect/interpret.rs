//! From the data of an answer to values of items: exact, or a reason why there is none (F8, F9, F17).

use dlt645::bcd;
use dlt645::catalog::{self, Absence, Content, Role, Value};
use dlt645::data_id::DataId;
use dlt645::exchange::LengthRule;
use dlt645::meter_time::MeterTime;
use dlt645::quantity::Quantity;

use super::ask::{Heard, Missed};
use crate::config::profile::MeterProfile;
use crate::domain::register::{self, State};
use crate::domain::{Item, ItemKind, MissingCause, Moment, Quality, Suspicion};

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ItemValue {
    pub(super) item: Item,
    /// A whole number of the item's last decimal place.
    pub(super) value: i64,
    /// When a maximum demand occurred, as the meter wrote it.
    pub(super) occurred: Option<String>,
    /// Whether a meter can have measured it at all.
    pub(super) quality: Quality,
}

impl ItemValue {
    /// A value, with what its range says of it (F8).
    pub(super) fn new(item: Item, value: i64) -> Self {
        let is_in_range =
            catalog::range(item.code()).is_none_or(|range| range.contains(item.quantity(value)));
        let quality = if is_in_range { Quality::Good } else { Quality::Suspect(Suspicion::OutOfRange) };
        Self { item, value, occurred: None, quality }
    }
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

/// What an answer gives of a register: its total and its tariffs, as far as the meter has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    id: DataId,
    /// The numbers, the total first where it is one.
    pub(super) values: Vec<ItemValue>,
    /// What the meter marks as no value, and why.
    pub(super) absent: Vec<(Item, Absence)>,
}

impl Block {
    /// What may be booked: the total with the tariffs that have a value. A tariff that is filled is one that the meter does not
    /// use; a register that is filled from end to end is one that it does not have. [645-2007 8 no value] (F9)
    pub(super) fn booked(&self) -> Result<&[ItemValue], Missed> {
        if self.values.is_empty() && self.absent.iter().all(|(_, why)| !why.is_corrupt()) {
            let detail = format!("{}: the meter has no such register, all of it is filled", self.id);
            return Err(Missed::new(MissingCause::NoSuchData, detail));
        }
        match self.absent.iter().find(|(item, _)| item.tariff() == 0) {
            Some((total, why)) => Err(no_value(self.id, *total, *why)),
            None => Ok(&self.values),
        }
    }
}

/// The total and the tariffs of an answer.
pub(super) fn block(total: Item, heard: &Heard, profile: &MeterProfile) -> Result<Block, Missed> {
    let id = heard.id;
    let places = places(total, heard, profile)?;
    let expected = usize::from(profile.tariffs) + 1;
    let is_whole = places.len() == expected
        && (0..).zip(&places).all(|(tariff, place)| Some(place.item) == total.with_tariff(tariff));
    if !is_whole {
        let found = places.len();
        let what = format!("{found} values where the profile {} has {expected}", profile.name);
        return Err(wrong_form(id, &what));
    }
    let mut block = Block { id, values: Vec::new(), absent: Vec::new() };
    for Place { item, value, occurred } in places {
        match value {
            Ok(value) => block.values.push(ItemValue { occurred, ..ItemValue::new(item, value) }),
            Err(why) => block.absent.push((item, why)),
        }
    }
    Ok(block)
}

/// The place of an item in an answer, with its value or why it has none.
struct Place {
    item: Item,
    value: Result<i64, Absence>,
    occurred: Option<String>,
}

fn places(total: Item, heard: &Heard, profile: &MeterProfile) -> Result<Vec<Place>, Missed> {
    let (id, payload) = (heard.id, heard.payload.as_slice());
    match profile.difference(id) {
        Some(difference) => {
            let decimals = difference.decimals.unwrap_or(2);
            of_other_width(total, id, payload, usize::from(difference.bytes), decimals)
        }
        None => of_catalogue(id, payload),
    }
}

/// Numbers of another width than the catalogue says, one behind the other, total first.
fn of_other_width(
    total: Item,
    id: DataId,
    payload: &[u8],
    width: usize,
    decimals: u8,
) -> Result<Vec<Place>, Missed> {
    let mut places = Vec::new();
    let is_signed = catalog::find(id).is_some_and(|entry| entry.is_signed());
    for (tariff, raw) in (0..).zip(payload.chunks(width)) {
        let item = total.with_tariff(tariff).ok_or_else(|| wrong_form(id, "too many tariffs"))?;
        if raw.len() != width {
            return Err(wrong_form(id, &format!("{} bytes behind the last value", raw.len())));
        }
        let number = signed(raw, is_signed);
        let value = match number {
            Some(number) => Ok(scaled(id, item, Quantity::new(number, decimals))?),
            None if raw.iter().all(|byte| *byte == 0xFF) => Err(Absence::Filled),
            None => Err(Absence::NotDecimal),
        };
        places.push(Place { item, value, occurred: None });
    }
    Ok(places)
}

/// A number whose top bit is its sign, if it has one. [645-2007 8]
fn signed(raw: &[u8], is_signed: bool) -> Option<i64> {
    let is_negative = is_signed && raw.last().is_some_and(|byte| byte & SIGN != 0);
    let mut magnitude = raw.to_vec();
    if let Some(last) = magnitude.last_mut().filter(|_| is_negative) {
        *last &= !SIGN;
    }
    let number = bcd::decode(&magnitude).and_then(|number| i64::try_from(number).ok())?;
    // Minus nothing is no value, and filling has the bit, too.
    let is_none = is_negative && number == 0;
    (!is_none).then(|| if is_negative { -number } else { number })
}

/// The sign in the last byte.
const SIGN: u8 = 0x80;

fn of_catalogue(id: DataId, payload: &[u8]) -> Result<Vec<Place>, Missed> {
    let entry = catalog::find(id).ok_or_else(|| wrong_form(id, "not in the catalogue"))?;
    let content = entry.read(payload).map_err(|deviation| wrong_form(id, &deviation.to_string()))?;
    let Content::Values(readings) = content else { return Err(wrong_form(id, "no values")) };
    let mut places: Vec<Place> = Vec::new();
    for reading in readings {
        match (reading.item().and_then(Item::of), reading.value) {
            (Some(item), Value::Number(quantity)) => {
                let value = Ok(scaled(id, item, quantity)?);
                places.push(Place { item, value, occurred: None });
            }
            (Some(item), Value::Absent(why)) => {
                places.push(Place { item, value: Err(why), occurred: None });
            }
            (Some(item), _) => return Err(wrong_form(id, &format!("no number of {}", item.code()))),
            // The time stands behind the demand it belongs to; a demand that never was has none.
            (None, value) if reading.field.role == Role::At => {
                if let (Some(last), Value::Time(time)) = (places.last_mut(), value) {
                    last.occurred = Some(time.to_string());
                }
            }
            (None, _) => {}
        }
    }
    Ok(places)
}

/// Whether a register that is finer than the standard's may have moved from one answer to the other: forward, each of its values,
/// and by no more than its connection can carry. One in hundredths stands still long enough to be read the same twice.
pub(super) fn moved_on(total: Item, (one, other): (&Heard, &Heard), profile: &MeterProfile) -> bool {
    let decimals = profile.difference(one.id).and_then(|difference| difference.decimals);
    if total.kind() != ItemKind::Energy || decimals.is_none_or(|decimals| decimals <= STANDARD_DECIMALS) {
        return false;
    }
    let (Ok(before), Ok(now)) = (places(total, one, profile), places(total, other, profile)) else {
        return false;
    };
    let may_be =
        |(before, now): (&Place, &Place)| match (before.value, now.value, profile.limits(before.item)) {
            (Ok(earlier), Ok(later), Some(limits)) => {
                let state = |value, heard: &Heard| State { at: heard.asked_at, value };
                let moved = register::step(state(earlier, one), state(later, other), limits);
                before.item == now.item && moved.quality().is_accepted()
            }
            (before, now, _) => before == now,
        };
    one.asked_at <= other.asked_at && before.len() == now.len() && before.iter().zip(&now).all(may_be)
}

/// The decimals of energies. [645-2007 A]
const STANDARD_DECIMALS: u8 = 2;

/// The value of an item that was asked for by itself.
pub(super) fn single(item: Item, heard: &Heard, profile: &MeterProfile) -> Result<ItemValue, Missed> {
    let value = match places(item, heard, profile)?.as_slice() {
        [place] if place.item == item => place.value.map_err(|why| match (why, item.kind()) {
            // A phase, say, that the meter does not have.
            (Absence::Filled | Absence::FilledEe, kind) if kind != ItemKind::Energy => {
                Missed::new(MissingCause::NoSuchData, no_value(heard.id, item, why).detail)
            }
            _ => no_value(heard.id, item, why),
        }),
        _ => Err(wrong_form(heard.id, &format!("not one value of {}", item.code()))),
    };
    value.map(|value| ItemValue::new(item, value))
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

/// When a freeze was taken. One that was never taken has a time of zeros, or a filled one; whatever is no time, it is not the
/// freeze that is looked for, and another may be (F14).
pub(super) fn freeze_time(heard: &Heard) -> Result<MeterTime, Missed> {
    time(heard).map_err(|missed| match missed.cause {
        MissingCause::NoValue => Missed::new(MissingCause::NoFreeze, missed.detail),
        _ => missed,
    })
}

/// What a meter's time means by our calendar; `None` for a day that is not there.
pub(super) fn moment(time: MeterTime) -> Option<Moment> {
    time.civil().map(Moment::from_civil)
}

pub(super) fn wrong_form(id: DataId, what: &str) -> Missed {
    Missed::new(MissingCause::WrongForm, format!("{id}: {what}"))
}

pub(super) fn no_value(id: DataId, item: Item, why: Absence) -> Missed {
    let detail = format!("{id}: the meter has no value of {}, {}", item.code(), why.reason());
    Missed::new(MissingCause::NoValue, detail)
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
        let values = block(total(), &heard("05060101", &energies(5)), &profile).unwrap().values;
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
    fn f08_what_no_meter_can_have_measured_is_suspect() {
        for (item, id, payload, is_good) in [
            ("32.7.0", "B611", [0x20, 0x02].as_slice(), true),
            ("32.7.0", "B611", &[0x01, 0x22], false),
            ("16.7.0", "B630", &[0x23, 0x05, 0x80], false),
            ("13.7.0", "02060000", &[0x00, 0x15], false),
            ("13.7.0", "02060000", &[0x00, 0x90], true),
        ] {
            let protocol = if id.len() == 4 { MeterProtocol::Dlt1997 } else { MeterProtocol::Dlt2007 };
            let value = single(Item::parse(item).unwrap(), &heard(id, payload), &profile(protocol)).unwrap();
            let expected = if is_good { Quality::Good } else { Quality::Suspect(Suspicion::OutOfRange) };
            assert_eq!(value.quality, expected, "{id} {value:?}");
        }
    }

    /// A block with some places filled, and what is booked of it: how many values, or the cause that there are none.
    fn booked(filled: &[usize], with: u8) -> Result<usize, MissingCause> {
        let mut payload = energies(5);
        for place in filled {
            payload[place * 4..place * 4 + 4].fill(with);
        }
        let block = block(total(), &heard("05060101", &payload), &profile(MeterProtocol::Dlt2007)).unwrap();
        assert_eq!(block.absent.len(), filled.len());
        block.booked().map(<[ItemValue]>::len).map_err(|missed| missed.cause)
    }

    #[test]
    fn f09_what_is_filled_is_no_value_and_takes_none_beside_it_along() {
        assert_eq!(booked(&[3, 4], 0xFF), Ok(3), "tariffs that are not used");
        assert_eq!(booked(&[2], 0xFF), Ok(4));
        assert_eq!(booked(&[1, 2, 3, 4], 0xEE), Ok(1));
        assert_eq!(booked(&[0, 1, 2, 3, 4], 0xFF), Err(MissingCause::NoSuchData), "not fitted");
        assert_eq!(booked(&[0], 0xFF), Err(MissingCause::NoValue), "no tariff counts without its total");
        assert_eq!(booked(&[0], 0xAB), Err(MissingCause::NoValue));
        assert_eq!(booked(&[0, 1, 2, 3, 4], 0xAB), Err(MissingCause::NoValue), "damage is not absence");
    }

    #[test]
    fn f09_a_demand_that_is_filled_lends_its_time_to_no_other() {
        let mut profile = profile(MeterProtocol::Dlt2007);
        profile.tariffs = 1;
        let demand = Item::parse("1.6.0").unwrap();
        let mut payload = vec![0x34, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00];
        payload.extend([0xFF, 0xFF, 0xFF, 0x15, 0x10, 0x21, 0x11, 0x26]);
        let block = block(demand, &heard("05060901", &payload), &profile).unwrap();
        assert_eq!(block.booked().unwrap(), [ItemValue::new(demand, 1234)]);
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
        assert_eq!(values.iter().map(|place| place.value.unwrap()).collect::<Vec<_>>(), [12_345_678, 1]);
        // The top bit of what has a sign is one, and of what has none part of a digit. [645-2007 8]
        let reactive = "0003FF00".parse().unwrap();
        let item = Item::parse("3.8.0").unwrap();
        let signed = |payload: [u8; 5]| of_other_width(item, reactive, &payload, 5, 4).unwrap()[0].value;
        assert_eq!(signed([0x00, 0x00, 0x01, 0x00, 0x80]), Ok(-10_000));
        assert_eq!(signed([0x00, 0x00, 0x01, 0x00, 0x00]), Ok(10_000));
        assert_eq!(signed([0x00, 0x00, 0x00, 0x00, 0x80]), Err(Absence::NotDecimal));
        assert_eq!(signed([0xFF; 5]), Err(Absence::Filled));
        let item = total();
        let unsigned = of_other_width(item, id, &[0x00, 0x00, 0x01, 0x00, 0x80], 5, 4).unwrap()[0].value;
        assert_eq!(unsigned, Ok(8_000_010_000));
        let filled = of_other_width(item, id, &[0xFF; 5], 5, 4).unwrap();
        assert_eq!(filled[0].value, Err(Absence::Filled));
        assert!(of_other_width(item, id, &payload[..9], 5, 4).is_err(), "cut short");
    }

    /// A profile whose live energies have five bytes.
    fn fine() -> MeterProfile {
        let folder = tempfile::tempdir().unwrap();
        let text = include_str!("../../deploy/profiles/five-byte-energies.toml");
        std::fs::write(folder.path().join("fine.toml"), text).unwrap();
        let config = format!("[database]\npath = \"a.db\"\n[profiles]\ndirectory = {:?}\n", folder.path());
        let config = crate::config::Config::parse("a.toml".as_ref(), &config).unwrap().config;
        let mut known = config.profiles.all().filter(|known| !known.differences.is_empty());
        known.next().unwrap().clone()
    }

    #[test]
    fn f17_a_fine_register_may_move_on_between_two_answers_and_in_no_other_way() {
        let profile = fine();
        let at = |second: i64| Moment::from_micros(second * 1_000_000);
        let said = |values: [u8; 5], second| {
            let payload = values.iter().flat_map(|low| [*low, 0x00, 0x00, 0x01, 0x00]).collect();
            Heard { id: "0001FF00".parse().unwrap(), payload, asked_at: at(second), ..heard("0001FF00", &[]) }
        };
        let moved = |one, other| moved_on(total(), (&one, &other), &profile);
        assert!(moved(said([1, 1, 0, 0, 0], 0), said([4, 4, 0, 0, 0], 1)));
        assert!(!moved(said([4, 4, 0, 0, 0], 0), said([1, 1, 0, 0, 0], 1)), "back");
        assert!(!moved(said([1, 1, 0, 0, 0], 1), said([4, 4, 0, 0, 0], 0)), "of an earlier question");
        let mut far = said([1, 1, 0, 0, 0], 1);
        far.payload[2] = 0x50;
        assert!(!moved(said([1, 1, 0, 0, 0], 0), far), "more than the connection carries in a second");
        let none = |payload: &mut Vec<u8>| payload[20..25].fill(0xFF);
        let (mut one, mut other) = (said([1, 1, 0, 0, 0], 0), said([2, 2, 0, 0, 0], 1));
        none(&mut other.payload);
        assert!(!moved(one.clone(), other.clone()), "a tariff that is gone");
        none(&mut one.payload);
        assert!(moved(one, other));
        let coarse = tests::profile(MeterProtocol::Dlt2007);
        let (one, other) = (heard("0001FF00", &energies(5)), heard("0001FF00", &energies(5)));
        assert!(!moved_on(total(), (&one, &other), &coarse), "what is coarse is read the same twice");
    }

    #[test]
    fn a_demand_comes_with_its_time() {
        let mut profile = profile(MeterProtocol::Dlt2007);
        profile.tariffs = 0;
        let demand = Item::parse("1.6.0").unwrap();
        let payload = [0x34, 0x12, 0x00, 0x15, 0x10, 0x21, 0x11, 0x26];
        let values = block(demand, &heard("05060901", &payload), &profile).unwrap().values;
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
