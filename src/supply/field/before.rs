//! What a meter tells before an order, and what it looks like afterwards.

use std::time::Duration;

use dlt645::address::{AddressField, MeterAddress};
use dlt645::bcd;
use dlt645::catalog::Value;
use dlt645::data_id::DataId;
use dlt645::meter_time::MeterTime;
use dlt645::quantity::Quantity;
use tokio::time::Instant;

use super::ask::{Asker, Heard, Unread, value_of};
use crate::channel::{Kept, Lane};
use crate::config::profile::{MeterProfile, TextOrder};
use crate::domain::relay::{Currents, Look, StatusWord3};
use crate::domain::{ClockOffset, Item, Moment, meter_clock};
use crate::store::archive::SiteMeter;

/// Something a meter said, and when it was asked: what it said held then or a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// What it said.
    pub value: T,
    /// When it was asked.
    pub at: Moment,
}

/// What a meter told before an order (F53). What it was not asked or did not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Status word 3.
    pub status: Timed<StatusWord3>,
    /// Its clock.
    pub clock: MeterClock,
    /// Who it says it is.
    pub identity: Option<Timed<Identity>>,
    /// Its forward active total (正向有功总), in 0.0001 kWh.
    pub energy: Option<Timed<i64>>,
    /// The currents.
    pub currents: Option<Timed<Currents>>,
    /// The active power (总有功功率), in 0.1 W.
    pub power: Option<Timed<i64>>,
    /// How long it warns before it trips (跳闸延时).
    pub trip_delay: Option<Timed<Duration>>,
}

/// What a meter told of what is asked before supply is given back or held, as it comes: whatever came of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Status word 3.
    pub status: Option<Timed<StatusWord3>>,
    /// Its clock; of one reading, until another agrees with it.
    pub clock: Option<MeterClock>,
}

/// What a clock showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterClock {
    /// It is so far off.
    Off(ClockOffset),
    /// It shows no time at all.
    Absurd {
        /// When it was asked.
        at: Moment,
    },
}

/// Who a meter says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The address it has (通信地址), `None` for one that no single meter may have.
    pub address: Option<MeterAddress>,
    /// Its meter number (表号), as twelve digits.
    pub number: Option<String>,
    /// Its asset number (资产管理编码), fill taken off.
    pub asset: Option<String>,
    /// Whether that is the meter of the archive.
    pub check: AssetCheck,
}

/// Whether a meter is the one of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssetCheck {
    /// Address and asset number are those of the archive.
    Same,
    /// The address is; the archive has no asset number, or the meter tells none.
    AddressOnly,
    /// It has another address than the one it was asked under.
    OtherAddress,
    /// It has another asset number than the archive.
    OtherAsset,
}

impl AssetCheck {
    /// True when it is certain that it is another meter.
    #[must_use]
    pub const fn is_other(self) -> bool {
        matches!(self, Self::OtherAddress | Self::OtherAsset)
    }

    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::AddressOnly => "address_only",
            Self::OtherAddress => "other_address",
            Self::OtherAsset => "other_asset",
        }
    }
}

impl Before {
    /// Status and currents, as a look before the order.
    #[must_use]
    pub fn look(&self) -> Option<Look> {
        let currents = self.currents?;
        Some(Look {
            at: self.status.at.min(currents.at),
            status: self.status.value,
            currents: currents.value,
        })
    }
}

impl MeterClock {
    /// How far it is off, where it shows a time.
    #[must_use]
    pub const fn offset(self) -> Option<ClockOffset> {
        match self {
            Self::Off(offset) => Some(offset),
            Self::Absurd { .. } => None,
        }
    }
}

/// Reads what is told before an order, the clock last: the frame goes by it. From the clock on nothing else is begun on the line,
/// for as long as what comes with it is held.
pub(super) async fn read(
    asker: &Asker<'_>,
    site: &SiteMeter,
    profile: &MeterProfile,
) -> Result<(Before, Option<Kept>), Unread> {
    let status = status(asker).await?;
    let clock_alone = |clock| Before {
        status,
        clock,
        identity: None,
        energy: None,
        currents: None,
        power: None,
        trip_delay: None,
    };
    if asker.lane == Lane::Restore {
        return Ok((clock_alone(clock(asker).await?), None));
    }
    let identity = known(identity(asker, site, profile).await)?;
    let energy = known(energy(asker, profile).await)?.flatten();
    let currents = known(currents(asker).await)?;
    let power = known(power(asker).await)?.flatten();
    let trip_delay = known(trip_delay(asker).await)?;
    let kept = asker.line.keep(Instant::now() + KEPT);
    let before = clock_alone(clock(asker).await?);
    Ok((Before { identity, energy, currents, power, trip_delay, ..before }, Some(kept)))
}

/// Reads what is asked before supply is given back or held: the status word first (F48), then the clock. What came before it
/// breaks off stays.
pub(super) async fn read_part(asker: &Asker<'_>, part: &mut Part) -> Result<(), Unread> {
    let mut missing = None;
    if part.status.is_none() {
        match status(asker).await {
            Ok(status) => part.status = Some(status),
            // A meter that has no such word, or no steady one, may have a clock.
            Err(unread @ (Unread::Refused { .. } | Unread::NoValue { .. } | Unread::Unsteady { .. })) => {
                missing = Some(unread);
            }
            Err(unread) => return Err(unread),
        }
    }
    let mut before = clock_once(asker).await?;
    part.clock = Some(before);
    for _ in 0..MOST_CLOCKS {
        let next = clock_once(asker).await?;
        part.clock = Some(next);
        if agree(before, next) {
            return missing.map_or(Ok(()), Err);
        }
        before = next;
    }
    Err(Unread::Unsteady { id: DataId::new_2007(TIME) })
}

/// Reads status word and currents.
pub(super) async fn look(asker: &Asker<'_>) -> Result<Look, Unread> {
    let status = status(asker).await?;
    let currents = match known(currents(asker).await)? {
        Some(currents) => currents,
        None => Timed { value: Currents::default(), at: status.at },
    };
    Ok(Look { at: status.at.min(currents.at), status: status.value, currents: currents.value })
}

/// `None` for what the meter does not have; what a bad line or a silent meter hides is an error.
fn known<T>(read: Result<T, Unread>) -> Result<Option<T>, Unread> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Unread::Refused { .. } | Unread::NoValue { .. }) => Ok(None),
        Err(unread) => Err(unread),
    }
}

async fn status(asker: &Asker<'_>) -> Result<Timed<StatusWord3>, Unread> {
    let heard = asker.read_twice(STATUS_WORD_3, &[2]).await?;
    let wire = <[u8; 2]>::try_from(heard.payload.as_slice()).map_err(|_| heard.no_value())?;
    // Bits 1 and 2 have no such pattern as both; a word of ones is no word.
    if wire == [0xFF; 2] {
        return Err(heard.no_value());
    }
    Ok(heard.timed(StatusWord3::from_wire(wire)))
}

/// The clock, until two readings of it agree.
pub(super) async fn clock(asker: &Asker<'_>) -> Result<MeterClock, Unread> {
    let mut before = clock_once(asker).await?;
    for _ in 0..MOST_CLOCKS {
        let next = clock_once(asker).await?;
        if agree(before, next) {
            return Ok(next);
        }
        before = next;
    }
    Err(Unread::Unsteady { id: DataId::new_2007(TIME) })
}

async fn clock_once(asker: &Asker<'_>) -> Result<MeterClock, Unread> {
    for _ in 0..MOST_CLOCKS {
        let date = asker.read(DATE, &[4]).await?;
        let of_day = asker.read(TIME, &[3]).await?;
        if of_day.answered_at.since(of_day.asked_at) > asker.widest {
            // It may be the answer to a question of long before.
            continue;
        }
        let absurd = MeterClock::Absurd { at: of_day.asked_at };
        let shown = time(&date).zip(time(&of_day)).and_then(|(date, time)| meter_clock::shown(date, time));
        let Some(shown) = shown else { return Ok(absurd) };
        if (shown.hour(), shown.minute()) == (0, 0) && asker.read(DATE, &[4]).await?.payload != date.payload {
            // The date was that of yesterday.
            continue;
        }
        return Ok(MeterClock::Off(ClockOffset::measured(shown, of_day.asked_at, of_day.answered_at)));
    }
    Err(Unread::Unsteady { id: DataId::new_2007(DATE) })
}

fn time(heard: &Heard) -> Option<MeterTime> {
    match heard.value() {
        Ok(Value::Time(time)) => Some(time),
        _ => None,
    }
}

fn agree(one: MeterClock, other: MeterClock) -> bool {
    match (one, other) {
        (MeterClock::Off(one), MeterClock::Off(other)) => {
            let apart = Duration::from_micros(one.fast_us.abs_diff(other.fast_us));
            apart <= one.uncertainty + other.uncertainty + SAME
        }
        (MeterClock::Absurd { .. }, MeterClock::Absurd { .. }) => true,
        _ => false,
    }
}

async fn identity(
    asker: &Asker<'_>,
    site: &SiteMeter,
    profile: &MeterProfile,
) -> Result<Timed<Identity>, Unread> {
    let heard = asker.read_twice(ADDRESS, &[6]).await?;
    let wire = <[u8; 6]>::try_from(heard.payload.as_slice()).map_err(|_| heard.no_value())?;
    let address = AddressField::from_wire(wire).as_meter();
    let number = known(asker.read(NUMBER, &[6]).await)?.and_then(|heard| digits(&heard.payload));
    let asset =
        known(asker.read(ASSET, &[32]).await)?.and_then(|heard| text(&heard.payload, profile.text_order));
    let check = check(site, address, [number.as_deref(), asset.as_deref()]);
    Ok(heard.timed(Identity { address, number, asset, check }))
}

fn check(site: &SiteMeter, address: Option<MeterAddress>, told: [Option<&str>; 2]) -> AssetCheck {
    if address != Some(site.meter.address) {
        return AssetCheck::OtherAddress;
    }
    let Some(archived) = site.meter.asset_number.as_deref().map(plain).filter(|asset| !asset.is_empty())
    else {
        return AssetCheck::AddressOnly;
    };
    let [number, asset] = told.map(|told| told.map(plain).filter(|told| !told.is_empty()));
    match asset {
        // Where a meter tells no asset number, people archive its meter number, or something it does not know.
        _ if [&number, &asset].contains(&&Some(archived)) => AssetCheck::Same,
        None => AssetCheck::AddressOnly,
        Some(_) => AssetCheck::OtherAsset,
    }
}

/// A number without what makers and people fill it with.
fn plain(number: &str) -> String {
    let plain = number.trim().trim_start_matches('0');
    plain.to_ascii_uppercase()
}

/// Twelve digits, the last byte on the wire the first.
fn digits(payload: &[u8]) -> Option<String> {
    let is_filled = payload.iter().all(|byte| *byte == 0xFF) || payload.iter().all(|byte| *byte == 0);
    let digits: String = payload.iter().rev().map(|byte| format!("{byte:02X}")).collect();
    (!is_filled).then_some(digits)
}

/// A text without its fill; `None` for one that is no plain text.
fn text(payload: &[u8], order: TextOrder) -> Option<String> {
    let mut bytes = payload.to_vec();
    if order == TextOrder::LastFirst {
        bytes.reverse();
    }
    crate::domain::asset::text(&bytes)
}

/// The register, told twice: behind a slow carrier it has moved meanwhile, on and by little.
async fn energy(asker: &Asker<'_>, profile: &MeterProfile) -> Result<Option<Timed<i64>>, Unread> {
    let id = DataId::new_2007(ENERGY);
    let difference = profile.difference(id);
    let bytes = difference.map_or(4, |difference| usize::from(difference.bytes));
    let told = |heard: &Heard| -> Result<Option<i64>, Unread> {
        let Some(difference) = difference else { return heard.number(ENERGY_DECIMALS) };
        let number = bcd::decode(&heard.payload).and_then(|number| i64::try_from(number).ok());
        let quantity = number.map(|number| Quantity::new(number, difference.decimals.unwrap_or(2)));
        let scaled = quantity.and_then(|quantity| Item::parse("1.8.0")?.scaled(quantity));
        scaled.map(Some).ok_or_else(|| heard.no_value())
    };
    let mut before = told(&asker.read(ENERGY, &[bytes]).await?)?;
    for _ in 0..MOST_CLOCKS {
        let heard = asker.read(ENERGY, &[bytes]).await?;
        let next = told(&heard)?;
        let is_borne_out = match (before, next) {
            (Some(before), Some(next)) => (0..=MOST_MOVED).contains(&next.saturating_sub(before)),
            (before, next) => before == next,
        };
        if is_borne_out {
            return Ok(next.map(|value| heard.timed(value)));
        }
        before = next;
    }
    Err(Unread::Unsteady { id })
}

/// The currents of all phases: in one answer, or, where the meter does not have that, each by itself.
async fn currents(asker: &Asker<'_>) -> Result<Timed<Currents>, Unread> {
    let mut currents = Currents::default();
    match known(asker.read(CURRENTS, &[9, 3]).await)? {
        Some(heard) => {
            for (phase, bytes) in currents.0.iter_mut().zip(heard.payload.chunks(3)) {
                *phase = current(DataId::new_2007(CURRENT_A), bytes).ok_or_else(|| heard.no_value())?;
            }
            Ok(heard.timed(currents))
        }
        None => {
            let mut first = None;
            for (phase, id) in currents.0.iter_mut().zip([CURRENT_A, CURRENT_B, CURRENT_C]) {
                let Some(heard) = known(asker.read(id, &[3]).await)? else { continue };
                *phase = heard.number(CURRENT_DECIMALS)?;
                first.get_or_insert(heard.asked_at);
            }
            let at = first.ok_or(Unread::NoValue { id: DataId::new_2007(CURRENTS) })?;
            Ok(Timed { value: currents, at })
        }
    }
}

/// A current of three bytes in 0.001 A; the inner `None` for a phase that there is not, the outer for what is no number.
fn current(id: DataId, bytes: &[u8]) -> Option<Option<i64>> {
    match value_of(id, bytes)? {
        Value::Number(number) => number.rescaled(CURRENT_DECIMALS).map(|number| Some(number.scaled())),
        Value::Absent(dlt645::catalog::Absence::Filled | dlt645::catalog::Absence::FilledEe) => Some(None),
        _ => None,
    }
}

async fn power(asker: &Asker<'_>) -> Result<Option<Timed<i64>>, Unread> {
    let heard = asker.read(POWER, &[3]).await?;
    Ok(heard.number(POWER_DECIMALS)?.map(|value| heard.timed(value)))
}

async fn trip_delay(asker: &Asker<'_>) -> Result<Timed<Duration>, Unread> {
    let heard = asker.read(TRIP_DELAY, &[2]).await?;
    let minutes = heard.number(0)?.and_then(|minutes| u64::try_from(minutes).ok());
    let minutes = minutes.ok_or_else(|| heard.no_value())?;
    Ok(heard.timed(Duration::from_secs(minutes.saturating_mul(60))))
}

/// How long a line is kept at most, should whoever keeps it forget it.
const KEPT: Duration = Duration::from_secs(600);

pub(super) const DATE: u32 = 0x0400_0101;
pub(super) const TIME: u32 = 0x0400_0102;
const ADDRESS: u32 = 0x0400_0401;
const NUMBER: u32 = 0x0400_0402;
const ASSET: u32 = 0x0400_0403;
const STATUS_WORD_3: u32 = 0x0400_0503;
const TRIP_DELAY: u32 = 0x0400_1401;
const ENERGY: u32 = 0x0001_0000;
const CURRENTS: u32 = 0x0202_FF00;
const CURRENT_A: u32 = 0x0202_0100;
const CURRENT_B: u32 = 0x0202_0200;
const CURRENT_C: u32 = 0x0202_0300;
const POWER: u32 = 0x0203_0000;
/// As energies are stored.
const ENERGY_DECIMALS: u8 = 4;
/// How far a register moves at most from one question to the next: 5 kWh.
const MOST_MOVED: i64 = 50_000;
/// 0.001 A.
const CURRENT_DECIMALS: u8 = 3;
/// 0.1 W: kW with four decimals.
const POWER_DECIMALS: u8 = 4;
/// How often a clock is read until two readings agree.
const MOST_CLOCKS: u32 = 8;
/// An answer that may be to a question asked so long before still tells a clock; how well is told with it.
pub(super) const WIDEST: Duration = Duration::from_secs(30);
/// Two readings of one clock differ by less than this.
const SAME: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_either_way_round_and_without_its_fill() {
        let mut wire = [0_u8; 32];
        for (place, letter) in b"SIM-0042".iter().rev().enumerate() {
            wire[place] = *letter;
        }
        assert_eq!(text(&wire, TextOrder::LastFirst).as_deref(), Some("SIM-0042"));
        let mut written = [b' '; 32];
        written[..8].copy_from_slice(b"SIM-0042");
        assert_eq!(text(&written, TextOrder::FirstFirst).as_deref(), Some("SIM-0042"));
        assert_eq!(text(&[0xFF; 32], TextOrder::LastFirst), None);
        assert_eq!(text(b"<script>\x07", TextOrder::FirstFirst), None);
        assert_eq!(digits(&[0x12, 0x90, 0x78, 0x56, 0x34, 0x12]).as_deref(), Some("123456789012"));
        assert_eq!((digits(&[0xFF; 6]), digits(&[0; 6])), (None, None));
    }

    #[test]
    fn f53_numbers_are_compared_without_what_they_are_filled_with() {
        for (one, other) in [(" 0000123abc ", "123ABC"), ("0", ""), ("00120", "120")] {
            assert_eq!(plain(one), plain(other));
        }
        assert_ne!(plain("120"), plain("12"));
    }
}
