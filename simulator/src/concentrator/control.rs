//! Control and reset, AFN 05 and 01. [1376 3.2] [1376 3.5]

use super::Concentrator;
use super::answer::Said;
use super::archive::ERR_OTHER;
use super::encode;
use super::power::RESET;
use super::request::Asked;

impl Concentrator {
    /// AFN 05. The relays of house meters are not the terminal's own: F1 and F2 are refused.
    pub(super) fn control(&mut self, asked: &[Asked<'_>], is_cut_short: bool) -> Said {
        let results: Vec<_> = asked.iter().map(|unit| (unit.identifier(), self.carry_out(unit))).collect();
        if self.habits.refuses_clock && asked.iter().any(|unit| unit.function == 31) {
            // Unit by unit with its error, as some refuse.
            let told =
                |(identifier, result): ([u8; 4], Result<(), u8>)| (identifier, result.err().unwrap_or(0));
            return Said::Each(results.into_iter().map(told).collect());
        }
        Said::each(results, is_cut_short)
    }

    fn carry_out(&mut self, unit: &Asked<'_>) -> Result<(), u8> {
        let port = unit.data.first().copied().unwrap_or_default();
        match unit.function {
            _ if unit.point != 0 => return Err(ERR_OTHER),
            29 => self.link.may_report = true,
            37 => self.link.may_report = false,
            31 if self.habits.refuses_clock => return Err(ERR_OTHER),
            31 => {
                let shown = encode::read_a1(unit.data).ok_or(ERR_OTHER)?;
                let at = self.at();
                self.clock.set(at, shown);
            }
            49..=53 if self.habits.refuses_reading_orders => return Err(ERR_OTHER),
            49 => self.collector.pause(port),
            50 => self.collector.resume(port),
            51 => self.redo(port),
            // Routes are found again by themselves.
            52 => {}
            53 => self.archive.clear_port(port),
            _ => return Err(ERR_OTHER),
        }
        Ok(())
    }

    /// Somebody deletes its data, as by AFN 01 F2: its events are counted from the beginning.
    pub fn initialise(&mut self) {
        self.freezes.clear();
        self.first_live = self.shown().day();
        self.events.clear();
        self.initialised();
    }

    /// AFN 01: confirms first, then starts again.
    pub(super) fn reset(&mut self, asked: &[Asked<'_>]) -> Said {
        let [unit] = asked else { return Said::Denied };
        match unit.function {
            1 => {}
            2 => self.initialise(),
            3 | 4 => {
                self.freezes.clear();
                self.first_live = self.shown().day();
                self.archive.clear();
                self.events.clear();
                self.initialised();
            }
            _ => return Said::Denied,
        }
        self.restart_in(RESET);
        Said::Done
    }
}
