//! The line's task asks for registers, and sees to it that no old answer is taken for theirs (F5, F6).

use std::time::Duration;

use dlt645::exchange::{Report, Timing};
use tokio::time::Instant;

use super::came::Came;
use super::converse::{Speaker, Told};
use super::drive::{Driver, MOST_YIELDS};
use super::modbus::{Asked, Function, RegisterOutcome, RegisterQuestion};
use super::shared::Wanted;
use crate::config::Framing;
use crate::link::Gate;

impl Driver {
    /// Asks for registers: of a unit that may owe an answer to such a question, a sign of life first.
    pub(super) async fn read_registers(&mut self, question: &RegisterQuestion, timing: Timing) {
        let (unit, function) = (question.unit(), question.function());
        if self.units.owes(unit, function, Instant::now()) {
            let life = self.units.sign_of_life(unit, Instant::now());
            let asked = Asked::sign_of_life(unit, life, self.settings.framing, self.next_number());
            let Some(told) = self.talk(unit, life, &asked, timing).await else { return };
            self.shared.with_tally(|tally| {
                tally.count((life.name(), timing.quiet_after_answer), &told.outcome, &told.counters)
            });
            let is_settled = told.outcome.is_answer() && told.failure.is_none();
            if !is_settled || self.units.owes(unit, function, Instant::now()) {
                let wait = self.units.owes_for(unit, function, Instant::now());
                return self.settle_registers(told.map(|came| unheard(came, wait)));
            }
            if self.makes_room() {
                let told = told.map(|came| unheard(came, Duration::ZERO));
                return self.settle_registers(Told { has_yielded: true, ..told });
            }
        }
        let asked = Asked::of(question, self.settings.framing, self.next_number());
        let Some(told) = self.talk(unit, function, &asked, timing).await else { return };
        self.settle_registers(told);
    }

    /// One exchange, and what it says of what the unit owes.
    async fn talk(
        &mut self,
        unit: u8,
        function: Function,
        asked: &Asked,
        timing: Timing,
    ) -> Option<Told<Came>> {
        let open = self.path.open.as_mut()?;
        self.units.ask(unit, function, Instant::now());
        let speaker =
            Speaker { link: &mut open.link, gate: Gate::READS, tap: &mut *self.tap, timer: &mut open.timer };
        let talked = speaker.ask_registers(asked, timing).await;
        let (told, now) = (talked.told.map(Came::Registers), Instant::now());
        if told.outcome.is_answer() {
            self.units.answered(unit, function, now);
        }
        if talked.is_unit_in_doubt {
            self.units.doubt(unit, now);
        }
        talked.others.iter().for_each(|other| self.units.doubt(*other, now));
        Some(told)
    }

    /// Whether something more urgent waits, or the job was taken back, now that one frame of it has been exchanged.
    fn makes_room(&self) -> bool {
        match self.shared.wanted() {
            _ if !self.shared.is_ours() => true,
            Wanted::Now => false,
            Wanted::Later => self.asking.as_ref().is_some_and(|entry| entry.yielded < MOST_YIELDS),
            Wanted::Cancelled => true,
        }
    }

    fn settle_registers(&mut self, told: Told<Came>) {
        let was_silent = told.outcome.is_open() && !told.has_yielded;
        self.settle(told);
        if was_silent && self.settings.framing == Framing::ModbusTcp && self.path.open.is_some() {
            // An answer that is still under way is left behind with its connection.
            self.reopen();
        }
    }

    /// No two frames of a line have the same number until all have been used.
    fn next_number(&mut self) -> u16 {
        self.number = self.number.wrapping_add(1);
        self.number
    }
}

/// What was really asked for was not asked: nobody is believed to have been heard.
fn unheard(came: Came, wait: Duration) -> Came {
    Came::Registers(match came {
        Came::Registers(RegisterOutcome::NotSent(report)) => RegisterOutcome::NotSent(report),
        came => {
            let report = came.report().clone();
            RegisterOutcome::NotAsked(Report { frames: Vec::new(), ..report }, wait)
        }
    })
}
