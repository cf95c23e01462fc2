//! Terminals that wanted to log in and are not known, so that somebody can adopt them.

use std::collections::HashMap;
use std::net::SocketAddr;

use gdw1376::address::TerminalAddress;

use crate::domain::Moment;

/// A terminal that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The address it logged in with.
    pub address: TerminalAddress,
    /// Where it came from last.
    pub from: SocketAddr,
    /// When it came first.
    pub first_at: Moment,
    /// When it came last.
    pub last_at: Moment,
    /// How often it came.
    pub times: u32,
}

/// A bounded list; whoever came longest ago is forgotten.
#[derive(Debug, Default)]
pub(super) struct Strangers(HashMap<TerminalAddress, Stranger>);

impl Strangers {
    pub(super) fn note(&mut self, address: TerminalAddress, from: SocketAddr, now: Moment) {
        if self.0.len() >= MOST && !self.0.contains_key(&address) {
            let oldest = self.0.values().min_by_key(|stranger| stranger.last_at).map(|old| old.address);
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        let new = Stranger { address, from, first_at: now, last_at: now, times: 0 };
        let stranger = self.0.entry(address).or_insert(new);
        (stranger.from, stranger.last_at) = (from, now);
        stranger.times = stranger.times.saturating_add(1);
    }

    pub(super) fn forget(&mut self, address: TerminalAddress) {
        self.0.remove(&address);
    }

    /// All of them, the last first.
    pub(super) fn all(&self) -> Vec<Stranger> {
        let mut all: Vec<_> = self.0.values().copied().collect();
        all.sort_by_key(|stranger| (std::cmp::Reverse(stranger.last_at), stranger.address));
        all
    }
}

/// Remembered at most.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_whoever_came_longest_ago_is_forgotten() {
        let from = "10.0.0.1:5000".parse().unwrap();
        let mut strangers = Strangers::default();
        let address = |number| TerminalAddress::new(1100, number).unwrap();
        let at = |second: u16| Moment::from_micros(i64::from(second) * 1_000_000);
        for number in 1..=1200 {
            strangers.note(address(number), from, at(number));
            strangers.note(address(1), from, at(number));
        }
        let all = strangers.all();
        assert_eq!(all.len(), MOST);
        assert!(all.iter().any(|stranger| stranger.address == address(1) && stranger.times == 1201));
        assert!(!all.iter().any(|stranger| stranger.address == address(2)));
        strangers.forget(address(1));
        assert_eq!(strangers.all().len(), MOST - 1);
    }
}
