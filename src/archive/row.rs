//! One line of the table to one entry.

use super::cell::{self, Read, TextKind};
use super::column::{Column, Header};
use super::fault::{Fault, FaultKind, Faults};
use super::notice::{self, Notice, NoticeKind};
use super::site::Site;
use super::table::Record;
use crate::config::{Words, shortened};
use crate::domain::modbus::unit_of;
use crate::domain::{
    ArchiveEntry, Customer, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment, Multiplier, PointRole,
    Ratio, Transformers,
};
use dlt645::address::MeterAddress;

/// A line that is being read.
pub(super) struct Row<'a> {
    site: &'a Site<'a>,
    header: &'a Header,
    record: &'a Record,
    /// Each with the place of its column.
    faults: Vec<(Option<usize>, Fault)>,
    notices: Vec<(Column, NoticeKind)>,
}

impl<'a> Row<'a> {
    pub(super) const fn new(site: &'a Site<'a>, header: &'a Header, record: &'a Record) -> Self {
        Self { site, header, record, faults: Vec::new(), notices: Vec::new() }
    }

    /// What the line says, or its faults in the order of the columns.
    pub(super) fn read(mut self, faults: &mut Faults, notices: &mut Vec<Notice>) -> Option<ArchiveEntry> {
        let entry = self.entry();
        for (column, kind) in std::mem::take(&mut self.notices) {
            notice::add(notices, self.header.name(column), self.record.line, kind);
        }
        self.faults.sort_by_key(|(place, _)| *place);
        self.faults.into_iter().for_each(|(_, fault)| faults.push(fault));
        entry
    }

    /// What the line says, if it is without fault.
    fn entry(&mut self) -> Option<ArchiveEntry> {
        let (found, expected) = (self.record.cells.len(), self.header.width());
        if found != expected {
            let kind = FaultKind::Cells { found, expected };
            self.faults.push((None, Fault::of_line(self.record.line, kind)));
            return None;
        }
        let customer = Customer {
            number: self.required(Column::CustomerNumber, number).unwrap_or_default(),
            name: self.optional(Column::CustomerName, prose).unwrap_or_default(),
            class: self.optional(Column::CustomerClass, cell::word),
        };
        let (protection, is_unprotected) = self.protection();
        let point = MeteringPoint {
            number: self.required(Column::PointNumber, number).unwrap_or_default(),
            customer: customer.number.clone(),
            role: self.optional(Column::Role, cell::word).unwrap_or(PointRole::Customer),
            area: self.optional(Column::TransformerArea, label),
            route: self.optional(Column::Route, label),
            protection,
        };
        let meter = self.meter();
        let (installed_at, first_reading) = self.installation();
        let feeder = self.optional(Column::Feeder, label);
        let feeder = self.kept_with(Column::TransformerArea, Column::Feeder, feeder);
        let reading_day = self.optional(Column::ReadingDay, |cell| cell::whole(cell, 1, 28));
        let reading_day = self.kept_with(Column::Route, Column::ReadingDay, reading_day);
        let transformers = self.transformers();
        let meter = meter.filter(|_| self.faults.is_empty())?;
        Some(ArchiveEntry {
            customer,
            point,
            is_unprotected,
            feeder,
            reading_day,
            meter,
            transformers,
            installed_at,
            first_reading,
        })
    }

    fn meter(&mut self) -> Option<Meter> {
        let address = self.required(Column::MeterAddress, cell::address);
        let asset_number = self.optional(Column::AssetNumber, number);
        let protocol = self.required(Column::Protocol, cell::word);
        let profile = self.optional(Column::Profile, number);
        let is_read = profile.is_some() == self.cell(Column::Profile).is_some();
        if let Some(protocol) = protocol.filter(|_| is_read) {
            self.note(Column::Profile, self.site.profile(profile.as_deref(), protocol));
        }
        let path = self.path();
        if let (Some(protocol), Some(path)) = (protocol, &path) {
            self.check_modbus(protocol, address, path);
        }
        Some(Meter { address: address?, asset_number, protocol: protocol?, profile, path: path? })
    }

    /// A meter that speaks Modbus has a unit number and hangs on a line; one that does not, not on a line for those that do.
    fn check_modbus(&mut self, protocol: MeterProtocol, address: Option<MeterAddress>, path: &MeterPath) {
        let is_modbus = protocol == MeterProtocol::Modbus;
        if is_modbus && address.is_some_and(|address| unit_of(address).is_none()) {
            let words = Words::of(
                "an address whose last three digits are the unit number of the Modbus meter, 001 to 247; those before \
                 may be any that make it unique",
                "末三位为 Modbus 单元号（001 至 247）的地址；前面各位可任取，使其不重复即可",
            );
            self.fault(Column::MeterAddress, FaultKind::Expected(words));
        }
        match path {
            MeterPath::Terminal { .. } if is_modbus => {
                self.fault(Column::Terminal, FaultKind::ModbusBehindTerminal)
            }
            MeterPath::Line { line, .. } if !is_modbus && self.site.is_for_modbus(line) => {
                self.fault(Column::Line, FaultKind::OnlyModbus);
            }
            _ => {}
        }
    }

    fn path(&mut self) -> Option<MeterPath> {
        let line = self.optional(Column::Line, label);
        self.note(Column::Line, line.as_deref().and_then(|line| self.site.line(line)));
        let terminal = self.optional(Column::Terminal, cell::terminal);
        let measuring_point = self.optional(Column::MeasuringPoint, |cell| cell::whole(cell, 1, 2040));
        let port = self.optional(Column::TerminalPort, |cell| cell::whole(cell, 1, 31));
        let baud = self.optional(Column::Baud, cell::rate);
        let parity = self.optional(Column::Parity, cell::word);
        match (self.cell(Column::Line), self.cell(Column::Terminal)) {
            (Some(_), Some(_)) => {
                let other = self.header.words(Column::Line);
                self.fault(Column::Terminal, FaultKind::Excludes { other });
            }
            (None, None) => {
                let column = if self.header.has(Column::Line) { Column::Line } else { Column::Terminal };
                self.fault(column, FaultKind::NoPath);
            }
            (Some(_), None) => {
                self.needs(Column::MeasuringPoint, Column::Terminal);
                self.needs(Column::TerminalPort, Column::Terminal);
            }
            (None, Some(_)) => self.needs(Column::Terminal, Column::MeasuringPoint),
        }
        match (line, terminal) {
            (Some(line), None) => Some(MeterPath::Line { line, baud, parity }),
            (None, Some(terminal)) => {
                let measuring_point = measuring_point?;
                Some(MeterPath::Terminal { terminal, measuring_point, port, baud, parity })
            }
            _ => None,
        }
    }

    fn transformers(&mut self) -> Option<Transformers> {
        let ct = self.optional(Column::Ct, cell::ratio);
        let vt = self.optional(Column::Vt, cell::ratio);
        let multiplier: Option<Multiplier> = self.optional(Column::Multiplier, cell::multiplier);
        let is_read = self.cell(Column::Ct).is_some() == ct.is_some()
            && self.cell(Column::Vt).is_some() == vt.is_some()
            && self.cell(Column::Multiplier).is_some() == multiplier.is_some();
        if !is_read || (ct, vt, multiplier) == (None, None, None) {
            return None;
        }
        let (Some(one), true) = (multiplier, (ct, vt) == (None, None)) else {
            let transformers = Transformers { ct: ct.unwrap_or(Ratio::ONE), vt: vt.unwrap_or(Ratio::ONE) };
            let column = if ct.is_some() { Column::Ct } else { Column::Vt };
            match (transformers.multiplier(), multiplier) {
                (Err(_), _) => self.fault(column, FaultKind::Inexact),
                (Ok(product), Some(given)) if product != given => {
                    self.fault(Column::Multiplier, FaultKind::Product { product: product.to_string() });
                }
                _ => {}
            }
            return Some(transformers);
        };
        match one.to_string().parse() {
            Ok(ct) => Some(Transformers { ct, vt: Ratio::ONE }),
            Err(_) => {
                self.fault(Column::Multiplier, FaultKind::Inexact);
                None
            }
        }
    }

    /// The reason why the point is protected, and whether it is said that it is not.
    fn protection(&mut self) -> (Option<String>, bool) {
        let protected = self.optional(Column::Protected, cell::yes_or_no);
        let reason = self.optional(Column::ProtectionReason, prose);
        match (protected, &reason) {
            (Some(false), Some(_)) => self.notices.push((Column::ProtectionReason, NoticeKind::NotProtected)),
            // A point that is protected for nothing loses nothing; one that ought to be and is not might be cut.
            (None, Some(_)) if self.cell(Column::Protected).is_none() => {
                self.notices.push((Column::ProtectionReason, NoticeKind::Protects));
                return (reason, false);
            }
            _ => {}
        }
        ((protected == Some(true)).then(|| reason.unwrap_or_default()), protected == Some(false))
    }

    fn installation(&mut self) -> (Option<Moment>, Option<i64>) {
        let installed_at: Option<Moment> = self.optional(Column::InstalledAt, cell::moment);
        self.note(Column::InstalledAt, installed_at.and_then(|at| self.site.installed_at(at)));
        let mut first_reading = self.optional(Column::FirstReading, cell::energy);
        if first_reading.is_some() && self.cell(Column::InstalledAt).is_none() {
            // No other day may be put in its place.
            self.notices.push((Column::FirstReading, NoticeKind::NoDay));
            first_reading = None;
        }
        // Readings are kept for these years.
        if installed_at.is_some_and(|at| first_reading.is_some() && at.civil().is_none()) {
            let words = Words::of(
                "a day from 2000 on, since a first reading is given",
                " 2000 年及以后的日期，因为填写了起度",
            );
            self.fault(Column::InstalledAt, FaultKind::Expected(words));
        }
        (installed_at, first_reading)
    }

    /// What the archive keeps with another column, if that one is filled.
    fn kept_with<T>(&mut self, needed: Column, column: Column, value: Option<T>) -> Option<T> {
        if value.is_some() && self.cell(needed).is_none() {
            self.notices.push((column, NoticeKind::LeftOutWithout(needed)));
            return None;
        }
        value
    }

    /// Notes a fault where a cell is filled and the one it needs is not.
    fn needs(&mut self, column: Column, needed: Column) {
        if self.cell(column).is_some() && self.cell(needed).is_none() {
            let other = self.header.words(needed);
            self.fault(column, FaultKind::Needs { other });
        }
    }

    /// What stands in a column, without blanks around it; `None` for nothing.
    fn cell(&self, column: Column) -> Option<&'a str> {
        let cell = self.record.cells.get(self.header.place(column)?)?;
        Some(cell.trim()).filter(|cell| !cell.is_empty())
    }

    fn optional<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Read<T>) -> Option<T> {
        match read(self.cell(column)?) {
            Ok(value) => Some(value),
            Err(kind) => {
                self.fault(column, kind);
                None
            }
        }
    }

    fn required<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Read<T>) -> Option<T> {
        if self.cell(column).is_none() {
            self.fault(column, FaultKind::Missing);
        }
        self.optional(column, read)
    }

    /// Notes a fault of a cell, if there is one.
    fn note(&mut self, column: Column, kind: Option<FaultKind>) {
        if let Some(kind) = kind {
            self.fault(column, kind);
        }
    }

    fn fault(&mut self, column: Column, kind: FaultKind) {
        let (line, found) = (Some(self.record.line), self.cell(column).map(shortened));
        let fault = Fault { line, column: Some(self.header.name(column)), found, kind };
        self.faults.push((self.header.place(column), fault));
    }
}

fn number(cell: &str) -> Read<String> {
    cell::text(cell, TextKind::Number)
}

fn label(cell: &str) -> Read<String> {
    cell::text(cell, TextKind::Label)
}

fn prose(cell: &str) -> Read<String> {
    cell::text(cell, TextKind::Prose)
}
