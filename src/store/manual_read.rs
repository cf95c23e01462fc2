//! Reads of people: which meter was there, how a read stands to what the meter said, and taking over what was confirmed.
//!
//! A confirmed read is offered to the ledger like any other, never as what a person decided: it does not take the place of
//! a freeze, what differs from an accepted value waits for a review, and a freeze that comes later counts instead (I4).

use std::collections::HashMap;

use super::Store;
use super::batch::save_offers;
use super::code;
use super::error::StoreError;
use super::ledger::{self, Offer};
use super::numbered::list;
use super::proposal::{DoesNotFit, ProposalError};
use super::sql::Sql;
use super::transaction::Transaction;
use crate::config::profile::Profiles;
use crate::domain::access::Regions;
use crate::domain::{
    Around, Compared, Id, ManualRead, Moment, PlacedMeter, Quality, ReadPlace, RegisterKey, RegisterReading,
    Source,
};

impl Store {
    /// The meters that were there, in the order of what names them; `None` where there is none, where the names do not
    /// agree, and for points outside the regions. One that is named itself was still there when it was taken out.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn placed_meters(
        &self,
        places: &[ReadPlace],
        regions: &Regions,
    ) -> Result<Vec<Option<PlacedMeter>>, StoreError> {
        let mut reading = self.read("finding the meters that people have read").await?;
        let found = placed_meters(&mut reading, places).await?;
        let within = |placed: &PlacedMeter| regions.hold(placed.area);
        Ok(found.into_iter().map(|placed| placed.filter(within)).collect())
    }

    /// How reads stand to what is known from the meters, with the values around each; `None` where the meter was not
    /// there.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn compare_reads(
        &self,
        reads: &[ManualRead],
        profiles: &Profiles,
    ) -> Result<Vec<Option<(Compared, Around)>>, StoreError> {
        let mut reading = self.read("comparing what people have read").await?;
        let places: Vec<ReadPlace> = reads.iter().map(ManualRead::place).collect();
        let placed = placed_meters(&mut reading, &places).await?;
        let around = around(&mut reading, reads, &placed, profiles).await?;
        let compared = |(read, around): (&ManualRead, Option<(RegisterKey, Around)>)| {
            let (_, around) = around?;
            Some((read.compared(&around), around))
        };
        Ok(reads.iter().zip(around).map(compared).collect())
    }
}

/// Offers confirmed reads to the ledger, all of them or none.
pub(super) async fn enter(
    writing: &mut Transaction,
    reads: &[ManualRead],
    profiles: &Profiles,
    by: &str,
    now: Moment,
) -> Result<(), ProposalError> {
    let places: Vec<ReadPlace> = reads.iter().map(ManualRead::place).collect();
    let placed = placed_meters(writing, &places).await?;
    let not_there = || ProposalError::DoesNotFit(DoesNotFit::Read);
    let around: Option<Vec<_>> = around(writing, reads, &placed, profiles).await?.into_iter().collect();
    let around = around.ok_or_else(not_there)?;
    let reading = |(read, (key, around)): (&ManualRead, &(RegisterKey, Around))| RegisterReading {
        meter: key.meter,
        item: key.item,
        as_of: key.as_of,
        value: read.value,
        meter_time: None,
        collected_at: now,
        source: Source::Manual,
        quality: read.quality(around),
        fetch: None,
    };
    let readings: Vec<RegisterReading> = reads.iter().zip(&around).map(reading).collect();
    let notes: Vec<String> = reads.iter().map(note).collect();
    let offers: Vec<Offer<'_>> = readings
        .iter()
        .zip(&notes)
        .map(|(reading, note)| Offer { reading, decided: None, told: Some((by, note)) })
        .collect();
    let raced = || StoreError::Refused(super::Refusal::Raced);
    save_offers(writing, &offers, now).await?.ok_or_else(raced)?;
    Ok(())
}

/// What is to be thought of each read, by what is known from its meter; good where its meter was not there or nothing is known.
pub(super) async fn judged(
    reading: &mut Transaction,
    reads: &[ManualRead],
    profiles: &Profiles,
) -> Result<Vec<Quality>, StoreError> {
    let places: Vec<ReadPlace> = reads.iter().map(ManualRead::place).collect();
    let placed = placed_meters(reading, &places).await?;
    let around = around(reading, reads, &placed, profiles).await?;
    let judged = |(read, around): (&ManualRead, Option<(RegisterKey, Around)>)| {
        around.map_or(Quality::Good, |(_, around)| read.quality(&around))
    };
    Ok(reads.iter().zip(around).map(judged).collect())
}

/// What stands beside a version in the ledger.
fn note(read: &ManualRead) -> String {
    let ManualRead { read_by, kind, remark, .. } = read;
    let remark = if remark.is_empty() { String::new() } else { format!(": {remark}") };
    format!("{kind}, {read_by}{remark}")
}

/// The values around each read; `None` where its meter was not there.
async fn around(
    reading: &mut Transaction,
    reads: &[ManualRead],
    placed: &[Option<PlacedMeter>],
    profiles: &Profiles,
) -> Result<Vec<Option<(RegisterKey, Around)>>, StoreError> {
    let key = |(read, placed): (&ManualRead, &Option<PlacedMeter>)| {
        let PlacedMeter { id, protocol, profile, .. } = placed.as_ref()?;
        let key = read.key(*id)?;
        let limits = profiles.of(profile.as_deref(), *protocol).and_then(|profile| profile.limits(key.item));
        Some((key, limits))
    };
    let keys: Vec<_> = reads.iter().zip(placed).map(key).collect();
    let known: Vec<RegisterKey> = keys.iter().flatten().map(|(key, _)| *key).collect();
    let same = ledger::accepted(reading, &known).await?;
    let beside = ledger::neighbours(reading, &known).await?;
    let around = |(key, limits)| {
        let beside = beside.get(&key).copied().unwrap_or_default();
        let same = same.get(&key).map(|accepted| accepted.value);
        (key, Around { same, before: beside.before, after: beside.after, limits })
    };
    Ok(keys.into_iter().map(|known| known.map(around)).collect())
}

/// Point, area, meter, address, asset number, from, until, protocol, profile.
type Stay = (String, Option<i64>, i64, String, Option<String>, i64, Option<i64>, i64, Option<String>);

/// The meters that were there; see [`Store::placed_meters`].
async fn placed_meters(
    reading: &mut Transaction,
    places: &[ReadPlace],
) -> Result<Vec<Option<PlacedMeter>>, StoreError> {
    let named = |name: fn(&ReadPlace) -> Option<&String>| {
        list(&places.iter().filter_map(name).map(String::as_str).collect::<Vec<_>>())
    };
    let points = named(|place| place.point.as_ref());
    let meters = named(|place| place.meter.as_ref());
    let assets = named(|place| place.asset.as_ref());
    let stays: Vec<Stay> = reading.rows(STAYS, &[points.into(), meters.into(), assets.into()]).await?;
    let mut by_name: HashMap<(u8, &str), Vec<&Stay>> = HashMap::new();
    for stay in &stays {
        let (point, _, _, address, asset, ..) = stay;
        by_name.entry((0, point)).or_default().push(stay);
        by_name.entry((1, address)).or_default().push(stay);
        if let Some(asset) = asset {
            by_name.entry((2, asset)).or_default().push(stay);
        }
    }
    let placed = |place: &ReadPlace| {
        let names = [(0, &place.point), (1, &place.meter), (2, &place.asset)];
        let (kind, name) = names.iter().find_map(|(kind, name)| Some((*kind, name.as_ref()?)))?;
        let at = place.at.micros();
        let is_named = |(point, _, _, address, asset, ..): &&&Stay| {
            place.point.as_ref().is_none_or(|named| named == point)
                && place.meter.as_ref().is_none_or(|named| named == address)
                && place.asset.as_ref().is_none_or(|named| asset.as_ref() == Some(named))
        };
        let stays = by_name.get(&(kind, name.as_str()))?;
        // Two meters with one asset number are not told apart.
        let only = |was_there: fn(&Stay, i64) -> bool| {
            let mut fitting = stays.iter().filter(is_named).filter(|stay| was_there(stay, at));
            let found = fitting.next();
            (found, fitting.next().is_some())
        };
        let found = match only(measured) {
            // The meter itself is named, so that it is not the one that took its place at that instant.
            (None, _) if place.meter.is_some() || place.asset.is_some() => only(was_taken_out),
            found => found,
        };
        let (Some(found), false) = found else { return None };
        Some(placed_meter(found))
    };
    places.iter().map(|place| placed(place).transpose()).collect()
}

/// Whether it measured from the instant on.
fn measured((.., from, until, _, _): &Stay, at: i64) -> bool {
    *from <= at && until.is_none_or(|until| at < until)
}

/// Whether it was taken out at the instant: what it showed then is its closing reading.
fn was_taken_out((.., from, until, _, _): &Stay, at: i64) -> bool {
    *from <= at && *until == Some(at)
}

fn placed_meter(stay: &Stay) -> Result<PlacedMeter, StoreError> {
    let (point, area, id, address, _, _, _, protocol, profile) = stay;
    Ok(PlacedMeter {
        id: Id::new(*id),
        meter: address.clone(),
        point: point.clone(),
        area: area.map(Id::new),
        protocol: code("protocol", *protocol)?,
        profile: profile.clone(),
    })
}

const STAYS: Sql = Sql {
    sqlite: "SELECT p.number, p.area_id, m.id, m.address, m.asset_number, n.installed_at, n.removed_at, \
        m.protocol, m.profile \
        FROM installation n JOIN metering_point p ON p.id = n.point_id JOIN meter m ON m.id = n.meter_id \
        WHERE p.number IN (SELECT value FROM json_each($1)) OR m.address IN (SELECT value FROM json_each($2)) \
        OR m.asset_number IN (SELECT value FROM json_each($3))",
    postgres: "SELECT p.number, p.area_id, m.id, m.address, m.asset_number, n.installed_at, n.removed_at, \
        m.protocol, m.profile \
        FROM installation n JOIN metering_point p ON p.id = n.point_id JOIN meter m ON m.id = n.meter_id \
        WHERE p.number IN (SELECT json_array_elements_text(CAST($1 AS json))) \
        OR m.address IN (SELECT json_array_elements_text(CAST($2 AS json))) \
        OR m.asset_number IN (SELECT json_array_elements_text(CAST($3 AS json)))",
};
