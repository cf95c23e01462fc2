//! How many may be cut at once (停电上限), whoever asks and however small the orders are (F51, T31).

use std::fmt;

use super::content::ContentHash;
use super::objection::Objection;
use crate::domain::{Coded, Id, TransformerArea};

/// The ceilings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Points of one order.
    pub order: u32,
    /// Cuts within an hour.
    pub hour: u32,
    /// Cuts within a day.
    pub day: u32,
    /// Percent of the points of one transformer area within an hour, one point at least.
    pub area_percent: u32,
    /// Percent of all points within a day, one point at least.
    pub total_percent: u32,
}

impl Ceilings {
    /// What holds unless something stricter is set.
    pub const BUILT_IN: Self = Self { order: 50, hour: 200, day: 1000, area_percent: 5, total_percent: 2 };

    /// The stricter of both, one by one.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            order: self.order.min(other.order),
            hour: self.hour.min(other.hour),
            day: self.day.min(other.day),
            area_percent: self.area_percent.min(other.area_percent),
            total_percent: self.total_percent.min(other.total_percent),
        }
    }

    /// Which ceilings this use is above, and by how much; each transformer area by itself.
    #[must_use]
    pub fn exceeded(&self, usage: &Usage) -> Vec<CeilingUse> {
        let share = |percent: u32, points: u64| (points * u64::from(percent) / 100).max(1);
        let of_area = |used: &AreaUsage| {
            let most = share(self.area_percent, used.points);
            (Objection::OverAreaCeiling, Some(used.area), used.cuts, most)
        };
        let of_all = [
            (Objection::OverOrderCeiling, None, usage.order, u64::from(self.order)),
            (Objection::OverHourCeiling, None, usage.hour, u64::from(self.hour)),
            (Objection::OverDayCeiling, None, usage.day, u64::from(self.day)),
            (Objection::OverTotalCeiling, None, usage.day, share(self.total_percent, usage.points)),
        ];
        let all = of_all.into_iter().chain(usage.areas.iter().map(of_area));
        all.filter(|(.., used, most)| used > most)
            .map(|(ceiling, area, used, most)| CeilingUse { ceiling, area, used, most })
            .collect()
    }
}

/// A ceiling that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingUse {
    /// Which, as what stands against a cut by it.
    pub ceiling: Objection,
    /// Of which transformer area, where it is one of areas.
    pub area: Option<Id<TransformerArea>>,
    /// How many points count for it, those in question among them.
    pub used: u64,
    /// How many it allows.
    pub most: u64,
}

impl CeilingUse {
    /// True when whoever has let this one pass has let `other` pass: the same ceiling, no lower than it was, and no fuller.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_same = (self.ceiling, self.area) == (other.ceiling, other.area);
        is_same && other.used <= self.used && other.most >= self.most
    }

    /// As it is kept: `over_area_ceiling@12:9/2`, the area only where it is one of areas. What is none is nothing.
    fn parse(text: &str) -> Option<Self> {
        let (of, use_) = text.split_once(':')?;
        let (used, most) = use_.split_once('/')?;
        let (name, area) = of.split_once('@').map_or((of, None), |(name, area)| (name, Some(area)));
        Some(Self {
            ceiling: Objection::from_name(name)?,
            area: area.map(str::parse::<i64>).transpose().ok()?.map(Id::new),
            used: used.parse().ok()?,
            most: most.parse().ok()?,
        })
    }
}

impl fmt::Display for CeilingUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ceiling.name())?;
        if let Some(area) = self.area {
            write!(f, "@{area}")?;
        }
        write!(f, ":{}/{}", self.used, self.most)
    }
}

/// Ceilings that are exceeded, one behind the other, as they are kept.
#[must_use]
pub fn ceilings_kept(over: &[CeilingUse]) -> String {
    over.iter().map(CeilingUse::to_string).collect::<Vec<_>>().join(" ")
}

/// The same read again. What cannot be read was let pass by nobody.
#[must_use]
pub fn ceilings_read(kept: &str) -> Vec<CeilingUse> {
    kept.split_whitespace().filter_map(CeilingUse::parse).collect()
}

/// What somebody who approves was shown: the order, and by how much it was above which ceilings.
///
/// Written as the hash and, behind semicolons, each ceiling as it is kept: what the page and the `ETag` of an order hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The order.
    pub hash: ContentHash,
    /// The ceilings that it was above.
    pub over: Vec<CeilingUse>,
}

impl Shown {
    /// The same read again; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let hash = ContentHash::from_hex(parts.next()?)?;
        Some(Self { hash, over: parts.map(CeilingUse::parse).collect::<Option<_>>()? })
    }

    /// True when each of these was shown, no lower and no fuller than it is.
    #[must_use]
    pub fn covers(&self, over: &[CeilingUse]) -> bool {
        over.iter().all(|now| self.over.iter().any(|shown| shown.covers(now)))
    }
}

impl From<ContentHash> for Shown {
    /// An order that was above no ceiling.
    fn from(hash: ContentHash) -> Self {
        Self { hash, over: Vec::new() }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.hash)?;
        self.over.iter().try_for_each(|over| write!(f, ";{over}"))
    }
}

/// How much is used, the cut in question counted in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Points of the order.
    pub order: u64,
    /// Cuts of the last hour.
    pub hour: u64,
    /// Cuts of the last day.
    pub day: u64,
    /// Of each transformer area concerned.
    pub areas: Vec<AreaUsage>,
    /// All points.
    pub points: u64,
}

/// How much of one transformer area is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaUsage {
    /// Which.
    pub area: Id<TransformerArea>,
    /// Cuts of the last hour.
    pub cuts: u64,
    /// Its points.
    pub points: u64,
}

/// True when a batch has to stop itself: after ten cuts, more than a fifth ended otherwise than expected.
#[must_use]
pub const fn stops_itself(ended: u32, unexpected: u32) -> bool {
    ended >= 10 && unexpected * 5 > ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(areas: &[(u64, u64)]) -> Vec<AreaUsage> {
        let area = |(area, (cuts, points)): (i64, &(u64, u64))| AreaUsage {
            area: Id::new(area),
            cuts: *cuts,
            points: *points,
        };
        (1..).zip(areas).map(area).collect()
    }

    fn usage() -> Usage {
        Usage { order: 50, hour: 200, day: 1000, areas: areas(&[(5, 100), (1, 3)]), points: 50_000 }
    }

    #[test]
    fn f51_each_ceiling_holds_at_its_number_and_is_exceeded_by_one_more() {
        let ceilings = Ceilings::BUILT_IN;
        let exceeded = |of: &Usage| -> Vec<Objection> {
            ceilings.exceeded(of).into_iter().map(|over| over.ceiling).collect()
        };
        assert_eq!(exceeded(&usage()), []);
        for (over, objection) in [
            (Usage { order: 51, ..usage() }, Objection::OverOrderCeiling),
            (Usage { hour: 201, ..usage() }, Objection::OverHourCeiling),
            (Usage { areas: areas(&[(6, 100)]), ..usage() }, Objection::OverAreaCeiling),
            (Usage { areas: areas(&[(2, 20)]), ..usage() }, Objection::OverAreaCeiling),
            (Usage { points: 49_999, ..usage() }, Objection::OverTotalCeiling),
        ] {
            assert_eq!(exceeded(&over), [objection]);
        }
        let over = exceeded(&Usage { day: 1001, ..usage() });
        assert_eq!(over, [Objection::OverDayCeiling, Objection::OverTotalCeiling]);
    }

    #[test]
    fn f51_it_is_said_by_how_much_a_ceiling_is_exceeded_and_kept_as_it_was() {
        let over = Usage { areas: areas(&[(2, 100), (9, 100), (7, 40)]), day: 3, points: 64, ..usage() };
        let over = Ceilings::BUILT_IN.exceeded(&over);
        let kept = "over_total_ceiling:3/1 over_area_ceiling@2:9/5 over_area_ceiling@3:7/2";
        assert_eq!(ceilings_kept(&over), kept);
        assert_eq!(ceilings_read(kept), over);
        for odd in ["", "over_hour_ceiling", "over_hour_ceiling:3", "over_area_ceiling@x:9/2", "what:3/1"] {
            assert_eq!(ceilings_read(odd), [], "{odd}");
        }
    }

    #[test]
    fn f51_what_was_let_pass_is_that_ceiling_no_lower_and_no_fuller() {
        let of = |text: &str| *ceilings_read(text).first().unwrap();
        let seen = of("over_hour_ceiling:300/200");
        for passes in ["over_hour_ceiling:300/200", "over_hour_ceiling:201/200", "over_hour_ceiling:300/250"]
        {
            assert!(seen.covers(&of(passes)), "{passes}");
        }
        for stands in ["over_hour_ceiling:301/200", "over_hour_ceiling:200/199", "over_day_ceiling:300/200"] {
            assert!(!seen.covers(&of(stands)), "{stands}");
        }
        assert!(!of("over_area_ceiling@1:9/5").covers(&of("over_area_ceiling@2:9/5")));
    }

    #[test]
    fn f51_what_was_shown_is_read_as_it_was_written_and_covers_no_more() {
        let hash = "ab".repeat(32);
        let text = format!("{hash};over_hour_ceiling:3/2;over_area_ceiling@12:9/5");
        let shown = Shown::parse(&text).unwrap();
        assert_eq!((shown.to_string(), shown.over.len()), (text.clone(), 2));
        assert_eq!(Shown::parse(&hash), Some(Shown::from(shown.hash)));
        for odd in
            ["", "ab", &format!("{text};"), &format!("{hash};over_hour_ceiling"), &format!("{hash};x:1/2")]
        {
            assert_eq!(Shown::parse(odd), None, "{odd}");
        }
        let of = |kept: &str| ceilings_read(kept);
        assert!(shown.covers(&[]) && shown.covers(&of("over_area_ceiling@12:7/5 over_hour_ceiling:3/2")));
        assert!(
            !shown.covers(&of("over_hour_ceiling:3/2 over_area_ceiling@12:9/4")),
            "one of them has got lower"
        );
        assert!(!shown.covers(&of("over_day_ceiling:3/2")) && !Shown::from(shown.hash).covers(&shown.over));
    }

    #[test]
    fn f51_a_batch_stops_itself_after_ten_with_more_than_a_fifth_unexpected() {
        assert!(!stops_itself(9, 9) && !stops_itself(10, 2) && stops_itself(10, 3) && stops_itself(14, 3));
        assert!(!stops_itself(15, 3));
    }

    #[test]
    fn a_ceiling_is_only_made_stricter() {
        let lower = Ceilings { hour: 1, day: 5000, ..Ceilings::BUILT_IN };
        let both = Ceilings::BUILT_IN.stricter(lower);
        assert_eq!((both.hour, both.day), (1, 1000));
    }
}
