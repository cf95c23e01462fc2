//! The middleware between stations and wire: what stations would send goes in, what is sent comes out.

use std::collections::{BTreeMap, VecDeque};

use core::ops::Range;
use core::time::Duration;

use dlt645::data_id::DataId;
use dlt645::edition::Edition;
use dlt645::frame::Frame;

use super::draw::Draw;
use super::mangle;
use super::record::{Counts, Hit};
use super::{Kind, Plan};
use crate::bus::Answer;
use crate::bus::moment::Moment;
use crate::bus::rate::{Parity, Rate};
use crate::station::Reply;

/// Injects the faults of one bus and keeps count of them.
#[derive(Clone, Debug)]
pub struct Injector {
    plan: Plan,
    /// How many answers were judged; each has a place of its own in the seed.
    answers: u64,
    noises: u64,
    held: VecDeque<Held>,
    /// The first answer to each question.
    first_answers: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The last answer that was given, and to whom.
    last_answer: Option<(Vec<u8>, Vec<u8>)>,
    counts: Counts,
    hits: VecDeque<Hit>,
}

/// A request and what is known of it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    /// Counted from 1 on each bus.
    pub(crate) number: u64,
    pub(crate) at: Moment,
    pub(crate) frame: Frame<'a>,
    pub(crate) wire: &'a [u8],
    /// The rate of the masters.
    pub(crate) line: Rate,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub(crate) struct Disturbed {
    pub(crate) answers: Vec<Answer>,
    /// So many bytes of chatter begin at once.
    pub(crate) chatter: usize,
    /// The part of the request that its master hears.
    pub(crate) echo: Range<usize>,
}

/// An answer that comes later.
#[derive(Clone, Debug)]
struct Held {
    /// During which request.
    due: u64,
    kind: Kind,
    hit: Hit,
    answer: Answer,
}

impl Injector {
    /// An injector that follows `plan`.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            answers: 0,
            noises: 0,
            held: VecDeque::new(),
            first_answers: BTreeMap::new(),
            last_answer: None,
            counts: Counts::default(),
            hits: VecDeque::new(),
        }
    }

    /// The plan it follows.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How often each kind happened.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The last 4,096 faults that happened, oldest first.
    pub fn hits(&self) -> impl Iterator<Item = &Hit> {
        self.hits.iter()
    }

    /// The planned kinds that have not happened yet: a run that ends with some has tested nothing of them.
    pub fn missing(&self) -> impl Iterator<Item = Kind> + '_ {
        self.plan.kinds().filter(|kind| self.counts.of(*kind) == 0)
    }

    /// How many answers are still held back to come late.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Lets go wrong with a request and its answers what the plan wants.
    pub(crate) fn disturb(&mut self, case: &Case<'_>, answers: Vec<Answer>) -> Disturbed {
        let mut out = Disturbed::default();
        self.release(case, answers.first(), &mut out);
        for answer in answers {
            self.answers += 1;
            self.disturb_answer(case, answer, &mut out);
        }
        if let Some(mut draw) = self.draw(Kind::EchoPart, case.number) {
            let cut = draw.between(1, case.wire.len().saturating_sub(1));
            out.echo = if draw.coin() { 0..cut } else { cut..case.wire.len() };
            self.hit(Kind::EchoPart, case);
        }
        if let Some(mut draw) = self.draw(Kind::Chatter, case.number) {
            let time = Duration::from_millis(u64::try_from(draw.between(2_500, 6_000)).unwrap_or_default());
            out.chatter = bytes_in(time, case.line);
            self.hit(Kind::Chatter, case);
        }
        out
    }

    /// Bytes of chatter.
    pub(crate) fn noise(&mut self, length: usize) -> Vec<u8> {
        self.noises += 1;
        Draw::new(self.plan.seed(Kind::Chatter).named("bytes"), self.noises).bytes(length)
    }

    /// What was held back until this request goes in front of its answer.
    fn release(&mut self, case: &Case<'_>, own: Option<&Answer>, out: &mut Disturbed) {
        let (due, held) = self.held.drain(..).partition(|held| held.due <= case.number);
        self.held = held;
        let due: VecDeque<Held> = due;
        for Held { kind, hit, mut answer, .. } in due {
            if let Some(own) = own {
                answer.station = own.station;
                answer.reply.delay = own.reply.delay;
            }
            out.answers.push(answer);
            self.keep(Hit { kind, at: case.at, during: case.number, ..hit });
        }
    }

    fn disturb_answer(&mut self, case: &Case<'_>, mut answer: Answer, out: &mut Disturbed) {
        let index = self.answers;
        let known = self.remember(case, &answer.reply.bytes);
        if let Some(mut draw) = self.draw(Kind::Late, index).filter(|_| self.held.len() < HELD) {
            self.hold(case, Kind::Late, draw.between(1, 5), answer);
            return;
        }
        if self.strikes(Kind::Silence, index) {
            self.hit(Kind::Silence, case);
            return;
        }
        if self.strikes(Kind::Stale, index)
            && let Some(old) = known.first.filter(|old| *old != answer.reply.bytes)
        {
            out.answers.push(with_bytes(&answer, old));
            self.hit(Kind::Stale, case);
        }
        if let Some(mut draw) = self.draw(Kind::Foreign, index) {
            let foreign = known.foreign.unwrap_or_else(|| mangle::of_another(&answer.reply.bytes, &mut draw));
            let in_its_place = draw.coin();
            out.answers.push(with_bytes(&answer, foreign));
            self.hit(Kind::Foreign, case);
            if in_its_place {
                return;
            }
        }
        if let Some(mut draw) = self.draw(Kind::DuplicateLate, index).filter(|_| self.held.len() < HELD) {
            self.hold(case, Kind::DuplicateLate, draw.between(6, 60), answer.clone());
        }
        self.mangle(case, &mut answer.reply.bytes);
        if let Some(mut draw) = self.draw(Kind::WrongRate, index) {
            answer.rate = other_rate(answer.rate, &mut draw);
            self.hit(Kind::WrongRate, case);
        }
        let copies = self.draw(Kind::Duplicate, index).map_or(0, |mut draw| draw.between(1, 5));
        if copies > 0 {
            self.hit(Kind::Duplicate, case);
        }
        out.answers.extend(core::iter::repeat_n(answer, 1 + copies));
    }

    /// The faults of the bytes themselves.
    fn mangle(&mut self, case: &Case<'_>, bytes: &mut Vec<u8>) {
        let mut apply = |kind: Kind, change: &dyn Fn(&mut Vec<u8>, &mut Draw)| {
            if let Some(mut draw) = self.draw(kind, self.answers) {
                change(bytes, &mut draw);
                self.hit(kind, case);
            }
        };
        apply(Kind::FlipMended, &|bytes, draw| mangle::flip_mended(bytes, draw));
        apply(Kind::Flip, &|bytes, draw| mangle::flip(bytes, draw));
        apply(Kind::LostByte, &mangle::lose_byte);
        apply(Kind::NoiseWithin, &mangle::noise_within);
        apply(Kind::Cut, &mangle::cut);
        apply(Kind::DoubledStart, &|bytes, _| mangle::double_start(bytes));
        apply(Kind::StrayEnd, &mangle::stray_end);
        apply(Kind::NoiseBefore, &mangle::noise_before);
        apply(Kind::NoiseBehind, &mangle::noise_behind);
    }

    fn hold(&mut self, case: &Case<'_>, kind: Kind, requests: usize, answer: Answer) {
        let due = case.number + u64::try_from(requests).unwrap_or(1);
        self.held.push_back(Held { due, kind, hit: hit(kind, case), answer });
    }

    /// Remembers an answer as far as the plan will want it, and says what was remembered before.
    fn remember(&mut self, case: &Case<'_>, answer: &[u8]) -> Known {
        let mut known = Known::default();
        if self.plan.share(Kind::Stale).millionths() > 0 {
            known.first = self.first_answers.get(case.wire).cloned();
            if known.first.is_none() && self.first_answers.len() < REMEMBERED {
                self.first_answers.insert(case.wire.to_vec(), answer.to_vec());
            }
        }
        if self.plan.share(Kind::Foreign).millionths() > 0 {
            let address = case.frame.address.wire().to_vec();
            let last = self.last_answer.replace((address.clone(), answer.to_vec()));
            known.foreign = last.filter(|(other, _)| *other != address).map(|(_, answer)| answer);
        }
        known
    }

    fn strikes(&self, kind: Kind, index: u64) -> bool {
        self.plan.strikes(kind, index)
    }

    /// Numbers for a fault, if it is to happen.
    fn draw(&self, kind: Kind, index: u64) -> Option<Draw> {
        self.strikes(kind, index).then(|| Draw::new(self.plan.seed(kind).named("draw"), index))
    }

    fn hit(&mut self, kind: Kind, case: &Case<'_>) {
        self.keep(hit(kind, case));
    }

    fn keep(&mut self, hit: Hit) {
        self.counts.add(hit.kind);
        if self.hits.len() >= HITS {
            self.hits.pop_front();
        }
        self.hits.push_back(hit);
    }
}

/// What was remembered.
#[derive(Default)]
struct Known {
    first: Option<Vec<u8>>,
    foreign: Option<Vec<u8>>,
}

fn hit(kind: Kind, case: &Case<'_>) -> Hit {
    let Frame { address, control, data } = case.frame;
    let edition = Edition::of(control, data);
    let data_id = edition.and_then(|edition| DataId::split(edition, data)).map(|(data_id, _)| data_id);
    Hit { kind, at: case.at, during: case.number, request: case.number, address, control, data_id }
}

fn with_bytes(answer: &Answer, bytes: Vec<u8>) -> Answer {
    Answer { reply: Reply { bytes, ..answer.reply.clone() }, ..answer.clone() }
}

/// Twice or half the speed, or another parity.
fn other_rate(rate: Rate, draw: &mut Draw) -> Rate {
    let other_parity =
        rate.with_parity(if rate.parity() == Parity::Odd { Parity::Even } else { Parity::Odd });
    let changed = match draw.below(4) {
        0 => Rate::new(rate.baud() * 2, rate.parity()),
        1 => Rate::new(rate.baud() / 2, rate.parity()),
        2 if rate.parity() != Parity::None => Ok(rate.with_parity(Parity::None)),
        _ => Ok(other_parity),
    };
    changed.unwrap_or(other_parity)
}

/// How many bytes a line talks in this time.
fn bytes_in(time: Duration, rate: Rate) -> usize {
    let byte = rate.span(1).as_nanos().max(1);
    usize::try_from(time.as_nanos() / byte).unwrap_or(usize::MAX)
}

/// So many answers are held back at a time; a further one is not.
const HELD: usize = 64;
/// Of so many questions the first answer is remembered.
const REMEMBERED: usize = 4_096;
/// So many hits are kept.
const HITS: usize = 4_096;
