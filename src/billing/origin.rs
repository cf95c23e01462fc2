//! Where the reads of a billing value come from: the exchange of each, its run, and where its frames are seen.
//!
//! A lineage is kept as it was when its value was made, and goes to receivers as it is kept. What brought a read stands in the
//! ledger under the version that the lineage names, and is looked up for whoever looks at the value.

use serde_json::{Map, Value};

use crate::domain::{Fetch, Id, Item, Moment, Run};
use crate::store::billing::{BroughtBy, ReadVersion};
use crate::store::{Store, StoreError};

/// A read that a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address of the meter.
    pub meter: String,
    /// What it is to the value.
    pub end: End,
    /// The instant that the read holds for.
    pub read_at: Option<Moment>,
    /// What brought it; `None` for what a person read or decided.
    pub brought: Option<BroughtBy>,
}

/// What a read is to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is the value.
    Register,
    /// What the meter showed when a consumption began.
    Opening,
    /// What it showed at its end.
    Closing,
}

impl Origin {
    /// The number of the exchange.
    #[must_use]
    pub fn fetch(&self) -> Option<Id<Fetch>> {
        self.brought.map(|brought| brought.fetch)
    }

    /// The number of the run.
    #[must_use]
    pub fn run(&self) -> Option<Id<Run>> {
        self.brought.and_then(|brought| brought.run).map(|(run, _)| run)
    }

    /// The page that shows the frames; `None` where there are none, or none that are kept.
    #[must_use]
    pub fn frames(&self) -> Option<String> {
        let brought = self.brought.filter(|brought| brought.is_kept)?;
        Some(format!("/meters/{}/fetches/{}", self.meter, brought.fetch))
    }
}

/// The reads that each of these values comes from: of which register it is, and its lineage as it is kept.
///
/// # Errors
/// [`StoreError`] when the database does not answer or holds what this version does not know.
pub async fn origins(store: &Store, values: &[(Item, &str)]) -> Result<Vec<Vec<Origin>>, StoreError> {
    let named: Vec<Vec<(Origin, Option<ReadVersion>)>> =
        values.iter().map(|(item, lineage)| named(*item, lineage)).collect();
    let asked: Vec<ReadVersion> = named.iter().flatten().filter_map(|(_, version)| *version).collect();
    let found = store.brought_by(&asked).await?;
    let known = |(origin, version): (Origin, Option<ReadVersion>)| Origin {
        brought: version.and_then(|version| found.get(&version).copied()),
        ..origin
    };
    Ok(named.into_iter().map(|reads| reads.into_iter().map(known).collect()).collect())
}

/// The lineage as it is kept, each read in it with the exchange that brought it (`fetch`), the run of that (`run`, `run_day`) and
/// the page of its frames (`frames`), each `null` where there is none.
#[must_use]
pub fn traced(lineage: &str, origins: &[Origin]) -> Value {
    let mut lineage: Value = serde_json::from_str(lineage).unwrap_or_default();
    let mut origins = origins.iter();
    each_read(&mut lineage, |_, _, read| {
        let origin = origins.next();
        let run = origin.and_then(|origin| origin.brought?.run);
        let said = [
            ("fetch", origin.and_then(Origin::fetch).map(|fetch| fetch.to_string())),
            ("run", run.map(|(run, _)| run.to_string())),
            ("run_day", run.map(|(_, day)| day.to_string())),
            ("frames", origin.and_then(Origin::frames)),
        ];
        read.extend(said.map(|(name, said)| (name.to_owned(), said.map_or(Value::Null, Value::String))));
    });
    lineage
}

/// The reads that a lineage names, in its order.
fn named(item: Item, lineage: &str) -> Vec<(Origin, Option<ReadVersion>)> {
    let mut lineage: Value = serde_json::from_str(lineage).unwrap_or_default();
    let mut named = Vec::new();
    each_read(&mut lineage, |meter, end, read| {
        let read_at: Option<Moment> =
            read.get("read_at").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let version = read.get("version").and_then(Value::as_i64);
        let version = meter.parse().ok().zip(read_at).zip(version);
        let version = version.map(|((meter, as_of), version)| ReadVersion { meter, item, as_of, version });
        named.push((Origin { meter: meter.to_owned(), end, read_at, brought: None }, version));
    });
    named
}

/// Goes through the reads of a lineage: the meter of each, what it is, and what is said of it.
fn each_read(lineage: &mut Value, mut each: impl FnMut(&str, End, &mut Map<String, Value>)) {
    let mut of = |whole: &mut Value, name: &str, end: End| {
        let meter = whole.get("meter").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(Value::Object(read)) = whole.get_mut(name) {
            each(&meter, end, read);
        }
    };
    of(lineage, "reading", End::Register);
    for part in lineage.get_mut("parts").and_then(Value::as_array_mut).into_iter().flatten() {
        of(part, "opening", End::Opening);
        of(part, "closing", End::Closing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = r#"{"rule":"reading","meter":"202411110001","reading":{"value":"1.5","read_at":"2026-11-20T16:00:00Z","version":2,"quality":"ok"}}"#;
    const DIFFERENCE: &str = r#"{"rule":"difference","parts":[{"meter":"000000000007","opening":{"read_at":"2026-11-20T16:00:00.000001Z","version":1},"closing":{"read_at":"2026-11-21T16:00:00Z","version":1},"moved":"3"}]}"#;

    #[test]
    fn the_reads_of_a_lineage_are_those_of_its_meters() {
        let item = Item::parse("1.8.0").unwrap();
        let reads = |lineage| {
            let named = named(item, lineage).into_iter();
            let one = |(origin, version): (Origin, Option<ReadVersion>)| {
                let version = version.unwrap();
                assert_eq!(version.meter.to_string(), origin.meter);
                (origin.meter, origin.end, version.as_of.to_string(), version.version)
            };
            named.map(one).collect::<Vec<_>>()
        };
        let register = ("202411110001".to_owned(), End::Register, "2026-11-20T16:00:00Z".to_owned(), 2);
        assert_eq!(reads(REGISTER), [register]);
        let seven = |end, at: &str| ("000000000007".to_owned(), end, at.to_owned(), 1);
        assert_eq!(
            reads(DIFFERENCE),
            [seven(End::Opening, "2026-11-20T16:00:00.000001Z"), seven(End::Closing, "2026-11-21T16:00:00Z")]
        );
        for nothing in [r#"{"rule":"open","reason":"no_meter"}"#, r#"{"rule":"damaged"}"#, "", "no json"] {
            assert!(named(item, nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_is_let_go_has_its_number_and_no_page() {
        let day = "2026-11-21".parse().unwrap();
        let brought = |is_kept| BroughtBy { fetch: Id::new(9), is_kept, run: Some((Id::new(5), day)) };
        let origin = |is_kept| Origin {
            meter: "202411110001".to_owned(),
            end: End::Register,
            read_at: None,
            brought: Some(brought(is_kept)),
        };
        let kept = traced(REGISTER, &[origin(true)]);
        assert_eq!(kept["reading"]["frames"], "/meters/202411110001/fetches/9");
        assert_eq!(
            (&kept["reading"]["run"], &kept["reading"]["run_day"]),
            (&"5".into(), &"2026-11-21".into())
        );
        assert_eq!(kept["reading"]["value"], "1.5", "what was there stays");
        let gone = traced(REGISTER, &[origin(false)]);
        assert_eq!((&gone["reading"]["fetch"], &gone["reading"]["frames"]), (&"9".into(), &Value::Null));
        let by_hand = traced(REGISTER, &[Origin { brought: None, ..origin(true) }]);
        assert_eq!(by_hand["reading"]["fetch"], Value::Null);
    }
}
