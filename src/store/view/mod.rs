//! What pages show: lists that join what several other parts keep. Nothing is changed here.
//!
//! Whoever asks sees the points of their regions only; a meter that measures no point belongs to all regions together.
//! Lists that grow with the site are read in pages, each beginning behind the last row of the page before.

mod billing;
mod events;
mod loss;
mod meters;
mod night;
mod overdue;
mod relay;

pub use billing::{Push, PushCount, PushPlace, PushesSeen, ReviewLine};
pub use events::{EventLine, EventPlace, EventsAsked};
pub use loss::{AreaFlow, Flow};
pub use meters::{MeterLine, MeterPlace, MeterSheet, MeterSort, MetersAsked, Stay, Within};
pub use night::{MissingLine, NightGroup};
pub use overdue::OverdueLine;
pub use relay::{RelaySeen, RelaySource};

use crate::domain::access::Regions;

/// The regions as statements compare them: `,3,5,`, or nothing for all of them. Works on both databases, with
/// `$1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%'`.
pub(super) fn areas(regions: &Regions) -> String {
    match regions {
        Regions::All => String::new(),
        Regions::Areas(areas) => {
            areas.iter().fold(",".to_owned(), |text, area| format!("{text}{},", area.number()))
        }
    }
}

/// Whether the point `p` is protected, by the archive or by an entry that counts at an instant, as 1 or 0.
fn protected(now: &str) -> String {
    format!(
        "CAST(CASE WHEN p.protection IS NULL AND NOT EXISTS (SELECT 1 FROM supply_protection x \
         WHERE x.point_id = p.id AND x.ended_at IS NULL AND (x.until_at IS NULL OR x.until_at > {now})) \
         THEN 0 ELSE 1 END AS bigint)"
    )
}

/// Words as they are looked for within texts in small letters. Latin letters alone are made small, here as in both databases:
/// what else has a case is found as it is written.
fn sought(words: &str) -> String {
    words.trim().to_ascii_lowercase().chars().filter(|sign| *sign != '\0').collect()
}

/// What a text must look like to hold these words: letters of either case, nothing in them a wildcard.
fn pattern(words: &str) -> String {
    let mut pattern = String::from("%");
    for sign in words.trim().to_ascii_lowercase().chars().filter(|sign| *sign != '\0') {
        if matches!(sign, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Id;

    #[test]
    fn t14_words_are_no_wildcards() {
        assert_eq!(pattern(" Ab%_!\0' "), "%ab!%!_!!'%");
        assert_eq!(pattern(""), "%%");
        assert_eq!((pattern("ＡB座"), sought("ＡB座")), ("%Ａb座%".to_owned(), "Ａb座".to_owned()));
    }

    #[test]
    fn t16_no_area_is_not_all_areas() {
        assert_eq!(areas(&Regions::All), "");
        assert_eq!(areas(&Regions::Areas(vec![])), ",");
        assert_eq!(areas(&Regions::Areas(vec![Id::new(3), Id::new(5)])), ",3,5,");
    }
}
