//! How a bus comes from one moment to the next.
//!
//! Time goes in turns: up to the next moment at which something begins or ends on the wire, or at which a request is
//! complete. Between two turns nothing can come up that would change what is already on the wire.

use core::time::Duration;

use dlt645::address::AddressField;
use dlt645::control::Control;
use dlt645::frame::{Frame, MAX_DATA, WireFrame};

use super::ear::Requests;
use super::moment::Moment;
use super::wire::Burst;
use super::witness::{Crossing, Talker};
use super::{Answer, Bus, Handed, Master};
use crate::fault::Case;
use crate::station::{Reply, Station};

impl<S: Station> Bus<S> {
    /// Lets the bus come to `to`; a moment that is past changes nothing.
    pub fn advance(&mut self, to: Moment) {
        let to = to.max(self.now);
        loop {
            let next = self.next_turn();
            if self.now >= to && next.is_none_or(|turn| turn > to) {
                break;
            }
            let until = next.map_or(to, |turn| turn.min(to)).max(self.now);
            self.begin_due(until);
            let (until, heard) = self.hear_requests(until);
            self.listen(until);
            self.now = until;
            heard.into_iter().for_each(|requests| self.answer(requests));
            self.end_due();
            self.hand_all();
            self.forget();
        }
        if self.masters.len() > 1 {
            self.handed.make_contiguous().sort_by_key(|handed| (handed.at, handed.master));
        }
    }

    /// When [`Bus::advance`] has something to do at the latest; `None` while the bus is idle.
    #[must_use]
    pub fn next_at(&self) -> Option<Moment> {
        let queued = self.queue.iter().map(|burst| {
            let first_waits = self.packed(burst.byte_at(1));
            if self.masters.is_empty() { burst.ends() } else { first_waits.min(burst.ends()) }
        });
        let sent = self.wire.bursts().iter().filter(|burst| !burst.ended);
        let next_byte = sent.clone().map(|burst| burst.byte_at(burst.done(self.now) + 1)).min();
        let hearing = self.masters.iter().filter(|master| !master.receiver.is_blind(self.now));
        let due = hearing.filter_map(|master| {
            let waits_since = if master.inbox.is_empty() { next_byte? } else { master.waits_since };
            Some(self.packed(waits_since))
        });
        queued.chain(sent.map(Burst::ends)).chain(due.min()).chain(self.heard_later()).min()
    }

    /// The next moment at which something begins or ends on the wire or for the ear of a master.
    fn next_turn(&self) -> Option<Moment> {
        let begins = self.queue.iter().map(|burst| burst.began);
        let sent = self.wire.bursts().iter().filter(|burst| !burst.ended);
        begins.chain(sent.map(Burst::ends)).chain(self.heard_later()).min()
    }

    /// When a master has heard a byte that goes on beyond what was sent, as at a wrong rate.
    fn heard_later(&self) -> Option<Moment> {
        self.masters.iter().filter_map(|master| master.receiver.ends_at()).min()
    }

    /// When a byte that ended at `ended` has waited long enough.
    fn packed(&self, ended: Moment) -> Moment {
        ended.plus(self.settings.packing)
    }

    /// Puts on the wire what begins by `until`.
    fn begin_due(&mut self, until: Moment) {
        if self.queue.iter().all(|burst| burst.began > until) {
            return;
        }
        let (mut due, later): (Vec<_>, _) =
            core::mem::take(&mut self.queue).into_iter().partition(|burst| burst.began <= until);
        self.queue = later;
        due.sort_by_key(|burst| burst.began);
        due.into_iter().for_each(|burst| self.wire.put(burst));
    }

    /// Lets the stations' ears hear up to `until`, or up to the first complete request before it.
    fn hear_requests(&mut self, mut until: Moment) -> (Moment, Vec<Requests>) {
        let mut heard = Vec::new();
        for ear in &mut self.ears {
            if let Some(requests) = ear.hear(&self.wire, until, self.settings.byte_gap) {
                until = until.min(requests.ended);
                heard.push(requests);
            }
        }
        (until, heard)
    }

    /// Lets the masters hear up to `until`, and hands them what has waited long enough by then.
    fn listen(&mut self, until: Moment) {
        let packing = self.settings.packing;
        for master in &mut self.masters {
            while let Some(heard) = master.receiver.next(&self.wire, until) {
                let bytes = heard.bytes(&self.wire);
                if heard.end_of(&self.wire, bytes.len()) <= master.due(packing) && !master.inbox.is_empty() {
                    master.inbox.extend(bytes);
                    continue;
                }
                for (index, byte) in bytes.iter().enumerate() {
                    let ended = heard.end_of(&self.wire, index + 1);
                    if ended > master.due(packing) {
                        self.handed.extend(master.hand(master.due(packing)));
                    }
                    master.take(ended, &[*byte]);
                }
            }
            if master.due(packing) <= until {
                self.handed.extend(master.hand(master.due(packing)));
            }
        }
    }

    /// Asks the stations and queues what they and the faults send.
    fn answer(&mut self, requests: Requests) {
        for bytes in &requests.frames {
            let Ok(wire) = WireFrame::parse(bytes) else { continue };
            let mut room = [0; MAX_DATA];
            let frame = wire.frame(&mut room);
            self.answer_one(&requests, bytes, frame, |station, now| station.hear(now, &frame));
        }
        if let Some(question) = &requests.rtu {
            let [unit, function, data @ .., _, _] = question;
            let address = AddressField::from_wire([*unit, 0, 0, 0, 0, 0]);
            // What is kept of faults is kept as of a frame.
            let frame = Frame { address, control: Control(*function), data };
            self.answer_one(&requests, question, frame, |station, now| station.hear_rtu(now, question));
        }
    }

    fn answer_one(
        &mut self,
        requests: &Requests,
        bytes: &[u8],
        frame: Frame<'_>,
        ask: impl Fn(&mut S, Moment) -> Option<Reply>,
    ) {
        self.requests += 1;
        let began = Moment::from_nanos(
            requests.ended.nanos().saturating_sub(self.tempo(requests.rate).bytes(bytes.len())),
        );
        let now = self.now;
        let mut answers = Vec::new();
        for (station, slot) in self.slots.iter_mut().enumerate() {
            let is_talking = began < slot.talks.end && slot.talks.start < requests.ended;
            if slot.rate != requests.rate || is_talking {
                continue;
            }
            let reply = ask(&mut slot.station, now).filter(|reply| !reply.bytes.is_empty());
            answers.extend(reply.map(|reply| Answer { station, rate: slot.rate, reply }));
        }
        if let Some(faults) = &mut self.faults {
            let case = Case { number: self.requests, at: now, frame, wire: bytes, line: self.settings.rate };
            let disturbed = faults.disturb(&case, answers);
            answers = disturbed.answers;
            self.chatter(disturbed.chatter);
            self.return_part(bytes.get(disturbed.echo).unwrap_or_default());
        }
        answers.into_iter().for_each(|answer| self.queue_answer(answer));
    }

    /// A station has one UART: what it sends stands behind what it still has to send.
    fn queue_answer(&mut self, answer: Answer) {
        let (tempo, now) = (self.tempo(answer.rate), self.now);
        let (delay, deaf) = (self.settings.pause(answer.reply.delay), self.settings.pause(answer.reply.deaf));
        let Some(slot) = self.slots.get_mut(answer.station) else { return };
        let began = now.plus(delay).max(slot.free_at);
        let burst =
            Burst::new(Talker::Station(answer.station), answer.rate, tempo, began, answer.reply.bytes);
        let is_more = slot.free_at > now;
        slot.free_at = burst.ends();
        let talks_from = if is_more { slot.talks.start.min(began) } else { began };
        slot.talks = talks_from..slot.free_at.plus(deaf);
        self.queue.push(burst);
    }

    /// Someone begins to talk who was not asked, or has more to say.
    fn chatter(&mut self, more: usize) {
        let was_quiet = self.chatter.bytes_left == 0;
        self.chatter.bytes_left += more;
        if was_quiet {
            self.go_on_chattering();
        }
    }

    fn go_on_chattering(&mut self) {
        let length = self.chatter.bytes_left.min(CHATTER_CHUNK);
        let Some(faults) = self.faults.as_mut().filter(|_| length > 0) else { return };
        let bytes = faults.noise(length);
        let rate = self.settings.rate;
        let burst = Burst::new(Talker::Noise, rate, self.tempo(rate), self.now, bytes);
        self.queue.push(burst);
    }

    /// The adapter of the master that has just sent hands back a part of it.
    fn return_part(&mut self, bytes: &[u8]) {
        let sent = self.wire.bursts().iter().rfind(|burst| !burst.ended && burst.began < self.now);
        let Some(Talker::Master(id)) = sent.map(|burst| burst.talker) else { return };
        if let Some(master) = self.masters.iter_mut().find(|master| master.id == id) {
            master.take(self.now, bytes);
        }
    }

    /// Does what follows from the end of a burst.
    fn end_due(&mut self) {
        let now = self.now;
        let mut ended = Vec::new();
        for burst in self.wire.bursts_mut().iter_mut().filter(|burst| !burst.ended && burst.ends() <= now) {
            burst.ended = true;
            self.quiet_since = now;
            ended.push(burst.talker);
            self.witness.see(|| Crossing {
                talker: burst.talker,
                rate: burst.rate,
                began: burst.began,
                ended: burst.ends(),
                bytes: burst.bytes.clone(),
                collided: burst.collided,
            });
        }
        for talker in ended {
            match talker {
                Talker::Station(place) => self.take_new_rate(place),
                Talker::Noise => {
                    self.chatter.bytes_left = self.chatter.bytes_left.saturating_sub(CHATTER_CHUNK);
                    self.go_on_chattering();
                }
                Talker::Master(_) => {}
            }
        }
    }

    /// A station that has sent all it had to talks at the rate that it wants by now.
    fn take_new_rate(&mut self, place: usize) {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.free_at <= now) else { return };
        let rate = slot.station.rate(now);
        if rate == slot.rate {
            return;
        }
        slot.rate = rate;
        self.tune_ears();
        if self.settings.masters_follow {
            self.settings.rate = rate;
            let tempo = self.tempo(rate);
            for master in &mut self.masters {
                master.rate = rate;
                master.receiver.tune(tempo, now);
            }
        }
    }

    /// Hands on everything once the line is quiet.
    fn hand_all(&mut self) {
        if self.wire.is_quiet() {
            self.handed.extend(self.masters.iter_mut().filter_map(|master| master.hand(self.now)));
        }
    }

    /// Drops what nobody can be hearing any more.
    fn forget(&mut self) {
        let ears = self.ears.iter().map(|ear| ear.receiver.from());
        let masters = self.masters.iter().map(|master| master.receiver.from());
        let heard_by_all = ears.chain(masters).min().unwrap_or(self.now);
        self.wire.forget_before(heard_by_all);
    }
}

impl Master {
    /// When the bytes in the inbox have waited long enough; never while there are none.
    fn due(&self, packing: Duration) -> Moment {
        if self.inbox.is_empty() { Moment::from_nanos(u64::MAX) } else { self.waits_since.plus(packing) }
    }

    fn take(&mut self, ended: Moment, bytes: &[u8]) {
        if self.inbox.is_empty() {
            self.waits_since = ended;
        }
        self.inbox.extend(bytes);
    }

    fn hand(&mut self, at: Moment) -> Option<Handed> {
        let bytes = core::mem::take(&mut self.inbox);
        (!bytes.is_empty()).then_some(Handed { master: self.id, at, bytes })
    }
}

/// Chatter is made in pieces of so many bytes.
const CHATTER_CHUNK: usize = 256;
