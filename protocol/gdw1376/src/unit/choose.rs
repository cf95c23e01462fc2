//! Which of several ways to read the data of a unit it is: the whole message settles it. The way through which the message is
//! used up to its last byte is taken, one without corrupt values before others; where none is, the only one behind which a
//! known item begins. Of two that are as good neither is taken. [1376 10]

use std::collections::{BTreeMap, BTreeSet};

use super::source::{FILLED, Source, Way, Work};
use crate::identifier::Identifier;

/// How far cutting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) offset: usize,
    /// Where the identifier stands under which data begin here; [`State::NONE`] where an identifier does.
    pub(super) identifier_at: usize,
    /// The how-maniest data under it.
    pub(super) place: usize,
}

impl State {
    const NONE: usize = usize::MAX;

    /// An identifier begins, or the message ends.
    pub(super) const fn identifier(offset: usize) -> Self {
        Self { offset, identifier_at: Self::NONE, place: 0 }
    }
}

/// Whether the end of the message can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    No,
    /// Only over values that are corrupt.
    Corrupt,
    Clean,
}

/// How well a way fits, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The data are long enough.
    Loose,
    /// Behind them stands an identifier that the catalogue knows.
    Followed,
    /// The same, and no value is corrupt.
    FollowedClean,
    /// The whole message is used up, over corrupt values.
    Exact,
    /// The whole message is used up.
    ExactClean,
}

/// What is known of a message so far.
#[derive(Debug, Default)]
pub(super) struct Reaches {
    known: BTreeMap<State, Reach>,
    has_given_up: bool,
    pub(super) work: Work,
}

impl Reaches {
    /// The way that it is; `None` where that cannot be told. `behind` tells what stands behind data of a length.
    pub(super) fn choose<'a>(
        &mut self,
        source: &Source<'a>,
        mut ways: Vec<Way<'a>>,
        behind: impl Fn(usize) -> State,
    ) -> Option<Way<'a>> {
        if let [only] = ways.as_slice()
            && only.filled.is_none()
        {
            return ways.pop();
        }
        let mut best: Option<(Fit, Way<'a>)> = None;
        let mut is_tied = false;
        for way in ways {
            let fit = self.fit(source, &way, behind(way.length));
            // What was filled is told by what stands behind it alone.
            if way.filled.is_some() && fit == Fit::Loose {
                continue;
            }
            let known = best.as_ref().map(|(fit, _)| *fit);
            is_tied = known == Some(fit) || is_tied && known > Some(fit);
            if known < Some(fit) {
                best = Some((fit, way));
            }
        }
        best.filter(|_| !is_tied).map(|(_, way)| way)
    }

    fn fit(&mut self, source: &Source<'_>, way: &Way<'_>, behind: State) -> Fit {
        let is_clean = way.is_clean();
        let is_followed = || behind.identifier_at == State::NONE && source.is_known(behind.offset);
        match self.reach(source, behind) {
            Reach::Clean if is_clean => Fit::ExactClean,
            Reach::Clean | Reach::Corrupt => Fit::Exact,
            Reach::No if is_followed() => {
                if is_clean {
                    Fit::FollowedClean
                } else {
                    Fit::Followed
                }
            }
            Reach::No => Fit::Loose,
        }
    }

    fn reach(&mut self, source: &Source<'_>, from: State) -> Reach {
        if !self.known.contains_key(&from) && !self.has_given_up {
            self.explore(source, from);
        }
        self.known.get(&from).copied().unwrap_or(Reach::No)
    }

    /// Follows all ways from a state on. Each step leads to a greater state, so that going back from the last one tells of
    /// each how far it reaches.
    fn explore(&mut self, source: &Source<'_>, from: State) {
        let mut steps: BTreeMap<State, Vec<(State, Reach)>> = BTreeMap::new();
        let mut open = BTreeSet::from([from]);
        while let Some(state) = open.pop_first() {
            if steps.len() >= MOST_STATES || self.work.is_spent() {
                self.has_given_up = true;
                return;
            }
            let next = if self.known.contains_key(&state) {
                Vec::new()
            } else {
                steps_from(source, state, &self.work)
            };
            open.extend(next.iter().map(|(next, _)| *next));
            steps.insert(state, next);
        }
        for (state, next) in steps.into_iter().rev() {
            let is_end = state == State::identifier(source.bytes.len());
            let through = |(next, own): (State, Reach)| {
                self.known.get(&next).map_or(Reach::No, |reach| own.min(*reach))
            };
            let reach = if is_end { Some(Reach::Clean) } else { next.into_iter().map(through).max() };
            let reach = reach.unwrap_or(Reach::No);
            self.known.entry(state).or_insert(reach);
        }
    }
}

/// Where cutting may go on from a state, and whether over corrupt values.
fn steps_from(source: &Source<'_>, state: State, work: &Work) -> Vec<(State, Reach)> {
    if state.identifier_at == State::NONE {
        return behind_identifier(source, state.offset, work);
    }
    let pair = source.identifier(state.identifier_at).map(|identifier| {
        let mut pairs = identifier.pairs().skip(state.place);
        (pairs.next(), pairs.next().is_none())
    });
    let Some((Some((_, function)), is_last)) = pair else { return Vec::new() };
    let Ok(row) = source.row(function) else { return Vec::new() };
    let behind = |offset| {
        if is_last {
            State::identifier(offset)
        } else {
            State { offset, identifier_at: state.identifier_at, place: state.place + 1 }
        }
    };
    let ways = source.ways(row, function, state.offset, work).unwrap_or_default();
    ways.iter().map(|way| (behind(state.offset + way.length), reach_of(way))).collect()
}

fn behind_identifier(source: &Source<'_>, at: usize, work: &Work) -> Vec<(State, Reach)> {
    let Some(identifier) = source.identifier(at).filter(|identifier| identifier.points.0 != FILLED) else {
        return Vec::new();
    };
    let data_at = at + Identifier::WIDTH;
    if !source.is_shared(identifier) {
        return vec![(State { offset: data_at, identifier_at: at, place: 0 }, Reach::Clean)];
    }
    let Some(first) = identifier.functions.functions().next() else { return Vec::new() };
    let Ok(row) = source.shared_row(identifier) else { return Vec::new() };
    let ways = source.ways(row, first, data_at, work).unwrap_or_default();
    ways.iter().map(|way| (State::identifier(data_at + way.length), reach_of(way))).collect()
}

fn reach_of(way: &Way<'_>) -> Reach {
    if way.is_clean() { Reach::Clean } else { Reach::Corrupt }
}

/// So many states are looked at in one message; one that has more is only looked at step by step.
const MOST_STATES: usize = 8192;
