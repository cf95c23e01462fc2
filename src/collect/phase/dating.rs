//! What the clock of a meter shows in a session, and whether our own may date what it shows (F14, F33).

use super::super::ask::{Asker, Missed};
use super::super::visit::{ClockReading, Dating, read_clock};
use super::super::witnesses::Verdict;
use super::{Visit, does_not_say};
use crate::domain::ClockOffset;
use crate::domain::supply::HaltKind;

impl Visit<'_> {
    /// The clock of the meter now. It counts for what the meter dates itself where ours is borne out.
    pub(super) async fn ask_clock(&self, asker: &Asker<'_>) -> Result<(ClockReading, Dating), Missed> {
        let meter = self.site.meter_id;
        let known = self.facts.clocks(meter);
        let reading = match read_clock(asker, known.last().copied()).await {
            // A meter that keeps its clock to itself has no freeze that could be believed.
            Err(missed) if does_not_say(&missed) => ClockReading::Absurd,
            read => read?,
        };
        if let ClockReading::Off(offset) = reading {
            let inner = &self.context.inner;
            let tolerance = inner.settings.collection.freeze_tolerance;
            inner.witnesses.hear(meter, self.facts.as_witness(meter, offset, tolerance));
        }
        let dating = self.dating(reading, &known).await;
        if dating == Dating::Sure {
            self.facts.learn(meter, reading);
        }
        Ok((reading, dating))
    }

    /// How the clock of the meter stood when it was asked in this night, or stands now.
    pub(super) async fn clock_of_tonight(&self, asker: &Asker<'_>) -> Result<(ClockReading, Dating), Missed> {
        let last = self.facts.clocks(self.site.meter_id).last().copied();
        match last.filter(|last| last.at >= self.facts.day.start()) {
            Some(tonight) => Ok((ClockReading::Off(tonight), Dating::Sure)),
            None => self.ask_clock(asker).await,
        }
    }

    /// Whether our clock may date what this meter shows now. A meter whose clock is right bears ours out; so does any other
    /// for one that is off, and so does one that was off by as much before this day, or when a person confirmed our clock.
    async fn dating(&self, now: ClockReading, known: &[ClockOffset]) -> Dating {
        let inner = &self.context.inner;
        let tolerance = inner.settings.collection.freeze_tolerance;
        match (inner.witnesses.verdict(inner.clock.now(), tolerance), now) {
            (Verdict::Contradicted { slow_us, by, of }, _) => {
                self.tell_of_contradiction(slow_us, (by, of)).await;
                Dating::Contradicted
            }
            // A clock of ours that is set makes no other one lose its battery.
            (Verdict::BornOut, _) | (Verdict::Unknown, ClockReading::Absurd) => Dating::Sure,
            (Verdict::Unknown, ClockReading::Off(now)) => {
                let midnight = self.facts.day.start();
                let before = known.iter().rfind(|session| session.at < midnight);
                let alike = |before: &ClockOffset| {
                    u128::from(before.fast_us.abs_diff(now.fast_us)) <= tolerance.as_micros()
                };
                if before.is_some_and(alike) { Dating::Sure } else { Dating::Doubted }
            }
        }
    }

    /// Keeps all cuts back until a person has looked at our clock, and lets people know.
    async fn tell_of_contradiction(&self, slow_us: i64, (by, of): (usize, usize)) {
        let inner = &self.context.inner;
        if !inner.witnesses.is_to_be_told() {
            return;
        }
        let seconds = slow_us / 1_000_000;
        let reason =
            format!("{by} of {of} meters show a time that is {seconds:+} s from that of this machine");
        tracing::error!("the clock of this machine is wrong: {reason}");
        if let Err(error) = inner.store.halt_cuts(HaltKind::Clock, &reason, inner.clock.now()).await {
            inner.witnesses.was_not_told();
            tracing::error!(kind = error.kind(), "cuts are not kept back for the clock: {error}");
        }
    }
}
