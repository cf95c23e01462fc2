//! Parameters, AFN 04 and 0A: those that a terminal of this kind keeps; all others are refused. [1376 3.4]

use std::collections::BTreeMap;

use core::time::Duration;

use super::Concentrator;
use super::answer::Said;
use super::archive::{ERR_OTHER, Record};
use super::encode::Unit;
use super::habits::Sets;
use super::request::Asked;
use super::settings::Settings;

/// Parameters of the terminal itself, as they stand on the wire.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    kept: BTreeMap<u16, Vec<u8>>,
}

impl Parameters {
    /// As the factory and the installer left them.
    pub(super) fn new(settings: &Settings) -> Self {
        let wait = u16::try_from(settings.answer_wait.as_secs()).unwrap_or(u16::MAX).min(0x0FFF);
        let tries = u16::from(settings.tries.clamp(1, 4) - 1);
        let minutes = u8::try_from(settings.heartbeat.as_secs() / 60).unwrap_or(u8::MAX);
        let uplink = Unit::new().bytes(&[20, 0]).word(wait | tries << 12).bytes(&[0b100, minutes]);
        let mut master = vec![10, 0, 0, 1, 0x39, 0x30, 0, 0, 0, 0, 0, 0];
        master.extend(b"CMNET\0\0\0\0\0\0\0\0\0\0\0");
        let mut own = vec![0; 22];
        own.extend([0, 0]);
        let kept = BTreeMap::from([
            (1, uplink.into_bytes()),
            (3, master),
            (5, vec![0; 3]),
            (6, vec![0; 16]),
            (7, own),
            // TCP, client, always on line; dials anew after 60 s.
            (8, vec![0b0001_0001, 60, 0, 3, 0, 0, 0, 0]),
        ]);
        Self { kept }
    }

    fn of(&self, function: u16) -> Option<&[u8]> {
        self.kept.get(&function).map(Vec::as_slice)
    }

    /// From one heartbeat to the next, AFN 04 F1.
    pub(super) fn heartbeat(&self) -> Duration {
        let minutes = self.of(1).and_then(|wire| wire.get(5)).copied().unwrap_or(5);
        Duration::from_secs(u64::from(minutes.max(1)) * 60)
    }

    /// How long it waits for a confirmation, AFN 04 F1.
    pub(super) fn answer_wait(&self) -> Duration {
        Duration::from_secs(u64::from(self.word() & 0x0FFF).clamp(5, 180))
    }

    /// How often a frame is sent, the first time included, AFN 04 F1.
    pub(super) fn tries(&self) -> u8 {
        u8::try_from(self.word() >> 12 & 0b11).unwrap_or_default() + 1
    }

    fn word(&self) -> u16 {
        let word = self.of(1).and_then(|wire| wire.get(2..4)).and_then(|word| word.first_chunk().copied());
        word.map_or(30, u16::from_le_bytes)
    }
}

impl Concentrator {
    /// AFN 04: takes each unit or says why not; a change is an event (ERC 3).
    pub(super) fn set_parameters(&mut self, master: u8, asked: &[Asked<'_>], is_cut_short: bool) -> Said {
        let last = asked.len().saturating_sub(1);
        let mut results = Vec::new();
        let mut changed = Vec::new();
        for (place, unit) in asked.iter().enumerate() {
            let result =
                if is_cut_short && place == last { Err(ERR_OTHER) } else { self.set_parameter(unit) };
            if result.is_ok() {
                changed.push(unit.identifier());
            }
            results.push((unit.identifier(), result));
        }
        if !changed.is_empty() {
            self.parameters_changed(master, &changed);
        }
        Said::each(results, is_cut_short)
    }

    fn set_parameter(&mut self, unit: &Asked<'_>) -> Result<(), u8> {
        if unit.point != 0 {
            return Err(ERR_OTHER);
        }
        match unit.function {
            9 => self.events.set_masks(unit.data),
            10 => return self.set_records(unit.data),
            1 | 3 | 5..=8 | 33 => {
                self.parameters.kept.insert(unit.function, unit.data.to_vec());
            }
            _ => return Err(ERR_OTHER),
        }
        Ok(())
    }

    /// Records of its archive go, as by a frame of long ago or by somebody else.
    pub fn forget_records(&mut self, numbers: &[u16]) {
        for number in numbers {
            if let Some(record) = self.archive.record(*number).cloned() {
                // Nothing speaks against taking a record away.
                let _ = self.archive.set(Record { point: 0, ..record });
            }
        }
    }

    /// F10: record by record; what was right stays, and the first wrong one is told.
    fn set_records(&mut self, data: &[u8]) -> Result<(), u8> {
        match self.habits.sets {
            Sets::Keeps | Sets::Late => {}
            Sets::Forgets | Sets::Deaf => return Ok(()),
            Sets::Refuses => return Err(ERR_OTHER),
        }
        let records = data.get(2..).unwrap_or_default().chunks_exact(Record::WIDTH);
        let mut result = Ok(());
        let at = self.at();
        for record in records.filter_map(Record::from_wire) {
            match self.archive.set(record) {
                Ok(()) => {
                    self.set_at.insert(record.number, at);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// AFN 0A: the same back; the archive in as many units as fit into frames.
    pub(super) fn parameter(&self, unit: &Asked<'_>) -> Vec<Vec<u8>> {
        if unit.point != 0 {
            return Vec::new();
        }
        let with = |data: &[u8]| vec![[&unit.identifier()[..], data].concat()];
        match unit.function {
            9 => with(&self.events.masks()),
            10 => self.records_told(unit),
            33 => self.parameters.of(33).map(with).unwrap_or_default(),
            function => self.parameters.of(function).map(with).unwrap_or_default(),
        }
    }

    fn records_told(&self, unit: &Asked<'_>) -> Vec<Vec<u8>> {
        let numbers = unit.data.get(2..).unwrap_or_default().chunks_exact(2);
        let numbers = numbers.filter_map(|number| number.first_chunk().copied()).map(u16::from_le_bytes);
        let records: Vec<&Record> = numbers.filter_map(|number| self.archive.record(number)).collect();
        let fits = (self.room().saturating_sub(6) / Record::WIDTH).max(1);
        let told = |records: &[&Record]| {
            let count = u16::try_from(records.len()).unwrap_or_default();
            let head = Unit::new().bytes(&unit.identifier()).word(count);
            records.iter().fold(head, |unit, record| unit.bytes(&record.wire())).into_bytes()
        };
        records.chunks(fits).map(told).collect()
    }
}
