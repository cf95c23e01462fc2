//! What the terminal is, AFN 09. [1376 3.7]

use super::Concentrator;
use super::encode::Unit;
use super::request::Asked;
use crate::instant::At;

/// Text of so many bytes, zeros behind it.
fn text(unit: Unit, text: &str, bytes: usize) -> Unit {
    let padded: Vec<u8> = text.bytes().chain(std::iter::repeat(0)).take(bytes).collect();
    unit.bytes(&padded)
}

impl Concentrator {
    /// F1 and F2; nothing else.
    pub(super) fn configuration(&self, unit: &Asked<'_>) -> Option<Vec<u8>> {
        let head = Unit::new().bytes(&unit.identifier());
        match (unit.point, unit.function) {
            (0, 1) => Some(self.version(head).into_bytes()),
            (0, 2) => Some(self.ports(head).into_bytes()),
            _ => None,
        }
    }

    fn version(&self, unit: Unit) -> Unit {
        let released = At::from_seconds(RELEASED).day();
        let unit = text(text(unit, "SIMU", 4), &format!("{:08}", self.address.terminal()), 8);
        let unit = text(unit, VERSION, 4).a20(released);
        let unit = text(text(unit, "RS485+PLC", 11), "1376", 4);
        text(unit, "H100", 4).a20(released)
    }

    /// Buffers and ports; the largest frames the terminal takes and sends stand here.
    fn ports(&self, unit: Unit) -> Unit {
        let meters = u16::try_from(self.archive.records().count()).unwrap_or(u16::MAX);
        let (takes, sends) = (self.settings.takes, self.settings.sends);
        let unit = unit.bytes(&[0, 2, 0, 0]).word(meters).word(takes).word(sends).bytes(&[2, 0, 0, 0, 0, 1]);
        let port = |unit: Unit, port: u8, devices: u16| {
            unit.word(u16::from(port)).bytes(&2400_u32.to_le_bytes()).word(devices).word(512).word(512)
        };
        port(port(unit.byte(2), 2, 32), self.habits.plc_port, 1024)
    }
}

/// The version of the terminal's software.
pub(super) const VERSION: &str = "V101";
/// 2024-01-01, in seconds since 2000-01-01.
const RELEASED: u32 = 8_766 * 86_400;
