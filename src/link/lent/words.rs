//! What a command and the service that has its line say to each other: one JSON object a line.

use std::time::Duration;

use dlt645::decoder::Dropped;
use dlt645::exchange::{Counters, LengthRule, Unfit};
use serde::{Deserialize, Serialize};

/// What the service says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "greeting", rename_all = "snake_case")]
pub enum Greeting {
    /// It has the line, and asks.
    Lent {
        /// Its name for the line.
        line: String,
        /// Bits a second.
        baud: u32,
        /// The name of the parity.
        parity: String,
    },
    /// It has the line, and asks for nobody but this user and root.
    NotYours {
        /// The user.
        user: String,
    },
    /// It asks for too many others.
    Full,
}

/// A frame to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The frame.
    pub frame: Vec<u8>,
    /// How it is asked.
    pub terms: Terms,
}

/// How a frame is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// 1997, or anything else for 2007.
    pub edition: u16,
    /// Which lengths the answer may have.
    pub lengths: Lengths,
    /// Data of this length are the whole answer even when the frame says that more follows.
    pub whole_at: Option<usize>,
    /// How long the first byte of the answer is waited for.
    pub first_byte: Duration,
    /// How long the line stays quiet after the answer.
    pub quiet: Duration,
    /// How often it is asked again after silence.
    pub retries: u8,
}

/// Which lengths an answer may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lengths {
    /// Any.
    #[default]
    Any,
    /// One of these.
    Exact(Vec<usize>),
    /// So many items of so many bytes: one item, the fewest, the most.
    Multiple(usize, usize, usize),
}

/// What the service says to a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It was asked.
    Heard(Heard),
    /// It was not.
    NotAsked {
        /// Why.
        en: String,
        /// Why, in Chinese.
        zh: String,
    },
}

/// What came of a frame that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The answer, where one came.
    pub frame: Option<Vec<u8>>,
    /// How often it was asked.
    pub tries: u32,
    /// How long ago the first byte of the answer came.
    pub answered_ago: Option<Duration>,
    /// How long before that the question may have been understood, at most.
    pub answer_delay: Option<Duration>,
    /// What else was heard.
    pub beside: Beside,
}

/// What was heard beside an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Frames, by reason.
    unfit: Vec<u32>,
    silences: u32,
    wake_up_bytes: u64,
    noise_bytes: u64,
    bad_checksums: u64,
    bad_ends: u64,
    cut_short: u64,
}

impl From<Counters> for Beside {
    fn from(counters: Counters) -> Self {
        let Dropped { wake_up_bytes, noise_bytes, bad_checksums, bad_ends, cut_short } = counters.dropped;
        let unfit = counters.iter().map(|(_, count)| count).collect();
        let silences = counters.silences;
        Self { unfit, silences, wake_up_bytes, noise_bytes, bad_checksums, bad_ends, cut_short }
    }
}

impl From<&Beside> for Counters {
    fn from(beside: &Beside) -> Self {
        let mut counters = Self::default();
        for (reason, count) in Unfit::ALL.into_iter().zip(&beside.unfit) {
            (0..(*count).min(MOST_COUNTED)).for_each(|_| counters.add(reason));
        }
        counters.silences = beside.silences;
        counters.dropped = Dropped {
            wake_up_bytes: beside.wake_up_bytes,
            noise_bytes: beside.noise_bytes,
            bad_checksums: beside.bad_checksums,
            bad_ends: beside.bad_ends,
            cut_short: beside.cut_short,
        };
        counters
    }
}

impl From<&LengthRule> for Lengths {
    fn from(rule: &LengthRule) -> Self {
        match rule {
            LengthRule::Any => Self::Any,
            LengthRule::Exact(lengths) => Self::Exact(lengths.clone()),
            LengthRule::Multiple { of, at_least, at_most } => Self::Multiple(*of, *at_least, *at_most),
        }
    }
}

impl From<Lengths> for LengthRule {
    fn from(lengths: Lengths) -> Self {
        match lengths {
            Lengths::Any => Self::Any,
            Lengths::Exact(lengths) => Self::Exact(lengths),
            Lengths::Multiple(of, at_least, at_most) => Self::Multiple { of, at_least, at_most },
        }
    }
}

/// More are not told apart.
const MOST_COUNTED: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_the_same_on_the_other_side() {
        let mut counters = Counters::default();
        counters.silences = 3;
        [Unfit::Late, Unfit::Late, Unfit::Echo].into_iter().for_each(|reason| counters.add(reason));
        counters.dropped.bad_checksums = 2;
        counters.dropped.noise_bytes = 7;
        let said = Reply::Heard(Heard { tries: 2, beside: counters.into(), ..Heard::default() });
        let text = serde_json::to_string(&said).unwrap();
        let Reply::Heard(heard) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!((Counters::from(&heard.beside), heard.tries), (counters, 2));
        for rule in [
            LengthRule::Any,
            LengthRule::exact([4, 8]),
            LengthRule::Multiple { of: 4, at_least: 1, at_most: 5 },
        ] {
            assert_eq!(LengthRule::from(Lengths::from(&rule)), rule);
        }
    }
}
