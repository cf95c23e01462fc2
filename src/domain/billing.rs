//! What billing is given: registers of midnights and consumptions of days, each with versions and a key of its own.

use super::archive::MeteringPoint;
use super::coded::Coded;
use super::consumption::MORE_DECIMALS;
use super::day::Day;
use super::id::Id;
use super::item::Item;
use super::moment::Moment;
use super::quality::Quality;

/// What a billing value says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillingKind {
    /// What the register showed at a midnight, not multiplied (日冻结示值).
    Register,
    /// What was used in a day, multiplied (日电量).
    Consumption,
}

impl Coded for BillingKind {
    const TABLE: &'static [(Self, i64, &'static str)] =
        &[(Self::Register, 1, "register"), (Self::Consumption, 2, "consumption")];
}

impl BillingKind {
    /// How many decimals numbers of this kind have for an item.
    #[must_use]
    pub const fn decimals(self, item: Item) -> u8 {
        match self {
            Self::Register => item.decimals(),
            Self::Consumption => item.decimals() + MORE_DECIMALS,
        }
    }
}

/// What a billing value is of; its versions share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BillingKey {
    /// The point.
    pub point: Id<MeteringPoint>,
    /// What is measured.
    pub item: Item,
    /// Register or consumption.
    pub kind: BillingKind,
    /// The day whose first moment the register is of, or which the consumption is of.
    pub day: Day,
}

/// What one version of a billing value says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingContent {
    /// The number and how good it is; `None` when what was said before is taken back and nothing can be said instead.
    pub value: Option<(i64, Quality)>,
    /// The instant the reading was read for that stands for a register; `None` for a consumption.
    pub read_at: Option<Moment>,
    /// Where it comes from, as JSON.
    pub lineage: String,
}

/// The newest version of a billing value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingVersion {
    /// 1, 2, 3 ..., with a gap where the database had lost what it had said.
    pub version: i64,
    /// What it says.
    pub content: BillingContent,
}

impl BillingContent {
    /// The version under which this is said when `newest` was said before; `None` when that says it already, or when
    /// there is nothing to take back. New versions are above `floor`, since up to there more may have been said than is
    /// known here.
    #[must_use]
    pub fn version_after(&self, newest: Option<&BillingVersion>, floor: i64) -> Option<i64> {
        match newest {
            None => self.value.map(|_| floor + 1),
            Some(newest) if newest.content.value.is_none() && self.value.is_none() => None,
            Some(newest) if newest.content == *self => None,
            Some(newest) => Some(newest.version.max(floor) + 1),
        }
    }
}

impl BillingKey {
    /// The text under which a receiver knows a version: `register/POINT/ITEM/AT/VERSION` or
    /// `consumption/POINT/ITEM/DAY/VERSION`. Read from its end, it is clear whatever the point's number holds.
    #[must_use]
    pub fn text(&self, point_number: &str, version: i64) -> String {
        let (kind, item, day) = (self.kind.name(), self.item.code(), self.day);
        let at = match self.kind {
            BillingKind::Register => format!("{day}T00:00:00+08:00"),
            BillingKind::Consumption => day.to_string(),
        };
        format!("{kind}/{point_number}/{item}/{at}/{version}")
    }

    /// How many decimals its numbers have.
    #[must_use]
    pub const fn decimals(&self) -> u8 {
        self.kind.decimals(self.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::coded;

    #[test]
    fn codes_and_names_are_their_own() {
        coded::check::<BillingKind>(2);
    }

    #[test]
    fn i04_a_version_follows_only_what_says_something_else() {
        let content = |value: Option<i64>, lineage: &str| BillingContent {
            value: value.map(|value| (value, Quality::Good)),
            read_at: None,
            lineage: lineage.to_owned(),
        };
        let said = |version, value, lineage| BillingVersion { version, content: content(value, lineage) };
        assert_eq!(content(Some(5), "a").version_after(None, 0), Some(1));
        assert_eq!(content(None, "a").version_after(None, 0), None, "nothing was said");
        for (value, lineage, next) in
            [(Some(5), "a", None), (Some(6), "a", Some(4)), (Some(5), "b", Some(4)), (None, "a", Some(4))]
        {
            assert_eq!(content(value, lineage).version_after(Some(&said(3, Some(5), "a")), 0), next);
        }
        let taken_back = said(4, None, "a");
        assert_eq!(content(None, "b").version_after(Some(&taken_back), 0), None);
        assert_eq!(content(Some(5), "a").version_after(Some(&taken_back), 0), Some(5));
        let estimated = BillingContent { value: Some((5, Quality::Estimated)), ..content(None, "a") };
        assert_eq!(estimated.version_after(Some(&said(1, Some(5), "a")), 0), Some(2));
    }

    #[test]
    fn f41_new_versions_are_above_the_floor_and_what_was_said_is_not_said_again() {
        let content = |value| BillingContent {
            value: Some((value, Quality::Good)),
            read_at: None,
            lineage: String::new(),
        };
        let said = |version| BillingVersion { version, content: content(5) };
        assert_eq!(content(5).version_after(None, 1000), Some(1001));
        assert_eq!(content(6).version_after(Some(&said(3)), 1000), Some(1001));
        assert_eq!(content(6).version_after(Some(&said(1001)), 1000), Some(1002));
        assert_eq!(content(5).version_after(Some(&said(3)), 1000), None);
    }

    #[test]
    fn a_key_says_what_a_version_is_of() {
        let key = |kind| BillingKey {
            point: Id::new(1),
            item: Item::parse("1.8.2").unwrap(),
            kind,
            day: "2026-11-21".parse().unwrap(),
        };
        assert_eq!(
            key(BillingKind::Register).text("P/1", 1),
            "register/P/1/1-0:1.8.2/2026-11-21T00:00:00+08:00/1"
        );
        assert_eq!(key(BillingKind::Consumption).text("P1", 12), "consumption/P1/1-0:1.8.2/2026-11-21/12");
        assert_eq!(key(BillingKind::Register).decimals(), 4);
        assert_eq!(key(BillingKind::Consumption).decimals(), 6);
    }
}
