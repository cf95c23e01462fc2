//! What the archive knows: who is supplied where, through which meter, and how that meter is reached.
//!
//! Things are named here as people name them, by number, address and name; the store gives [`Id`]s to what it keeps.
//! Who may change what, and how a file becomes these types, is left to others.

use dlt645::address::MeterAddress;

use super::coded::Coded;
use super::id::Id;
use super::modbus::unit_of;
use super::moment::Moment;
use super::multiplier::Transformers;

/// A customer (用户).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Customer number (户号), unique.
    pub number: String,
    /// Name (户名), may be empty.
    pub name: String,
    /// Class (用户类别), where known.
    pub class: Option<CustomerClass>,
}

/// Class of a customer (用户类别).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustomerClass {
    /// 居民
    Residential,
    /// 商业
    Commercial,
    /// 工业
    Industrial,
    /// 重要用户: always protected.
    Important,
}

impl Coded for CustomerClass {
    const TABLE: &'static [(Self, i64, &'static str)] = &[
        (Self::Residential, 1, "residential"),
        (Self::Commercial, 2, "commercial"),
        (Self::Industrial, 3, "industrial"),
        (Self::Important, 4, "important"),
    ];
}

/// A place where energy is measured (计量点); meters come and go, it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteringPoint {
    /// Its number (计量点编号), unique.
    pub number: String,
    /// Number of its customer.
    pub customer: String,
    /// What is measured here.
    pub role: PointRole,
    /// Transformer area (台区).
    pub area: Option<String>,
    /// Reading route (抄表段).
    pub route: Option<String>,
    /// Why its supply may not be taken away (保护原因); `None` when it is not protected.
    pub protection: Option<String>,
}

/// What a metering point measures (计量点性质).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointRole {
    /// What a customer uses.
    Customer,
    /// All that goes into a transformer area (考核表).
    AreaCheck,
}

impl Coded for PointRole {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Customer, 1, "customer"), (Self::AreaCheck, 2, "area check meter")];
}

/// A transformer area (台区).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformerArea {
    /// Its name, unique.
    pub name: String,
    /// The feeder it hangs on.
    pub feeder: Option<String>,
}

/// A 10 kV feeder (10kV线路).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feeder {
    /// Its name, unique.
    pub name: String,
}

/// A reading route (抄表段): points that are billed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingRoute {
    /// Its name, unique.
    pub name: String,
    /// Day of the month on which it is billed (抄表例日), 1 to 28.
    pub reading_day: Option<u8>,
}

/// A line (线路, 端口): one bus or one path with one master. How it is reached is configured, not archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name, unique.
    pub name: String,
}

/// A meter (电能表).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its address (通信地址), unique.
    pub address: MeterAddress,
    /// Asset number (资产编号).
    pub asset_number: Option<String>,
    /// What it speaks.
    pub protocol: MeterProtocol,
    /// Name of its profile (表型); `None` for the default of its protocol.
    pub profile: Option<String>,
    /// How it is reached.
    pub path: MeterPath,
}

impl Meter {
    /// Its line and its unit number there, for a meter that speaks Modbus: no two have the same.
    #[must_use]
    pub fn unit_on_line(&self) -> Option<(&str, u8)> {
        match &self.path {
            MeterPath::Line { line, .. } if self.protocol == MeterProtocol::Modbus => {
                Some((line, unit_of(self.address)?))
            }
            _ => None,
        }
    }
}

/// What a meter speaks (规约).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeterProtocol {
    /// DL/T 645-2007.
    Dlt2007,
    /// DL/T 645-1997.
    Dlt1997,
    /// Modbus.
    Modbus,
}

impl Coded for MeterProtocol {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Dlt2007, 1, "645-2007"), (Self::Dlt1997, 2, "645-1997"), (Self::Modbus, 3, "modbus")];
}

/// How a meter is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MeterPath {
    /// Over one of our lines.
    Line {
        /// Name of the line.
        line: String,
        /// Bits a second (波特率), where not the default of the profile.
        baud: Option<u32>,
        /// Parity (校验), likewise.
        parity: Option<Parity>,
    },
    /// Through a concentrator (集中器).
    Terminal {
        /// Its address, `1100-3039`.
        terminal: String,
        /// Measuring point (测量点号), 1 to 2040.
        measuring_point: u16,
        /// Port of the terminal (终端端口).
        port: Option<u8>,
        /// Bits a second behind the port, where not the default of the profile.
        baud: Option<u32>,
        /// Parity, likewise.
        parity: Option<Parity>,
    },
}

impl MeterPath {
    /// Whether it goes through a concentrator.
    #[must_use]
    pub const fn is_behind_terminal(&self) -> bool {
        matches!(self, Self::Terminal { .. })
    }

    /// The name of the line it hangs on; that behind a terminal is named by the terminal's address.
    #[must_use]
    pub const fn line(&self) -> &String {
        let (Self::Line { line: name, .. } | Self::Terminal { terminal: name, .. }) = self;
        name
    }
}

/// Parity of a serial line (校验).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parity {
    /// 无
    None,
    /// 偶
    Even,
    /// 奇
    Odd,
}

impl Coded for Parity {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::None, 1, "none"), (Self::Even, 2, "even"), (Self::Odd, 3, "odd")];
}

/// All that one line of an archive file says (档案): a customer, a point and the meter that measures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    /// The customer.
    pub customer: Customer,
    /// The point. Its protection is `None` where nothing is said.
    pub point: MeteringPoint,
    /// Whether it is said that the point is not protected.
    pub is_unprotected: bool,
    /// The feeder of the point's transformer area.
    pub feeder: Option<String>,
    /// The reading day of the point's route.
    pub reading_day: Option<u8>,
    /// The meter.
    pub meter: Meter,
    /// The transformers of the point; `None` where nothing is said.
    pub transformers: Option<Transformers>,
    /// When the meter was installed; `None` where nothing is said.
    pub installed_at: Option<Moment>,
    /// What its forward active total showed then, in 0.0001 kWh.
    pub first_reading: Option<i64>,
}

/// A stretch of time for which a meter measures a point (安装, 拆除). An exchange (换表) ends one and begins another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// The meter.
    pub meter: Id<Meter>,
    /// From when on.
    pub installed_at: Moment,
    /// Until when; `None` while it is there.
    pub removed_at: Option<Moment>,
}

/// The transformers of a point from a moment on, until the next such entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformersFrom {
    /// From when on.
    pub from: Moment,
    /// Which.
    pub transformers: Transformers,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn codes_and_names_are_their_own() {
        coded::check::<CustomerClass>(4);
        coded::check::<PointRole>(2);
        coded::check::<MeterProtocol>(3);
        coded::check::<Parity>(3);
    }
}
