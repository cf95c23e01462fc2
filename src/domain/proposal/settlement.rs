//! What people found on site of an order that no meter tells any more (现场核实): the end of what would stay unknown.

use serde::{Deserialize, Serialize};

use crate::domain::coded::Coded;
use crate::domain::moment::Moment;

/// What became of an order at a point, as people on site found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSettlement {
    /// Number of the order.
    pub order: i64,
    /// Number of the point (计量点编号).
    pub point: String,
    /// What was found: `closed`, `open` or `gone`.
    pub found: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// Who was there.
    pub seen_by: String,
    /// What shows it: a work sheet, photographs, a seal.
    pub evidence: String,
}

/// What people found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// 已合闸: there is supply behind the meter.
    Closed,
    /// 已断开: there is none.
    Open,
    /// 电能表已拆除: the meter that was ordered is not there any more.
    Gone,
}

impl Coded for Found {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Closed, 1, "closed"), (Self::Open, 2, "open"), (Self::Gone, 3, "gone")];
}

impl Found {
    /// Its name in Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Closed => "现场已合闸",
            Self::Open => "现场已断开",
            Self::Gone => "电能表已拆除",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::Closed => "found closed",
            Self::Open => "found open",
            Self::Gone => "the meter is gone",
        }
    }

    /// What is kept as how it is known: never that the meter has said it.
    #[must_use]
    pub const fn proof(self) -> &'static str {
        match self {
            Self::Closed => "closed_on_site",
            Self::Open => "open_on_site",
            Self::Gone => "gone_on_site",
        }
    }
}

impl OrderSettlement {
    /// What was found; `None` for a name that is none.
    #[must_use]
    pub fn found(&self) -> Option<Found> {
        Found::from_name(&self.found)
    }

    /// When it was found.
    #[must_use]
    pub const fn at(&self) -> Moment {
        Moment::from_micros(self.at)
    }

    /// True when who was there and what shows it is said.
    #[must_use]
    pub fn has_evidence(&self) -> bool {
        !self.seen_by.trim().is_empty() && !self.evidence.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn what_is_found_has_its_own_names() {
        coded::check::<Found>(3);
        assert!(Found::TABLE.iter().all(|(found, ..)| found.proof().ends_with("_on_site")));
    }
}
