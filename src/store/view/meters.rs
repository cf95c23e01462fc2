//! Meters as people look for them, and all that the archive says of one.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::domain::access::Regions;
use crate::domain::{
    CustomerClass, Id, Meter, MeterProtocol, MeteringPoint, Moment, PointRole, TransformerArea,
};
use crate::store::error::StoreError;
use crate::store::sql::Sql;
use crate::store::{Store, code};

/// By what meters are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeterSort {
    /// Their address.
    #[default]
    Address,
    /// Their asset number.
    Asset,
    /// The number of the point.
    Point,
    /// The number of the customer.
    Customer,
    /// The transformer area.
    Area,
    /// The line or terminal.
    Line,
}

impl MeterSort {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Address, "address"),
        (Self::Asset, "asset"),
        (Self::Point, "point"),
        (Self::Customer, "customer"),
        (Self::Area, "area"),
        (Self::Line, "line"),
    ];
}

/// Where the next page of meters begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterPlace {
    /// What the last meter was sorted by.
    pub sorted: String,
    /// Its number.
    pub meter: i64,
}

/// Which meters are asked for.
#[derive(Clone, Debug)]
pub struct MetersAsked<'a> {
    /// What their address, asset number, point, customer or area holds; empty for all.
    pub words: &'a str,
    /// Whether words are looked for in what is said of customers, too.
    pub with_customers: bool,
    /// By what they are sorted, and whether the largest comes first.
    pub sort: (MeterSort, bool),
    /// Behind which one.
    pub after: Option<MeterPlace>,
    /// At most so many.
    pub at_most: u32,
    /// When it is asked: what protects a point may end.
    pub now: Moment,
}

/// A meter in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterLine {
    /// Its number.
    pub meter: Id<Meter>,
    /// Its address.
    pub address: String,
    /// Its asset number.
    pub asset: Option<String>,
    /// What it speaks.
    pub protocol: MeterProtocol,
    /// Its line, or its terminal.
    pub line: Option<String>,
    /// The point it measures.
    pub point: Option<String>,
    /// The customer's number and name.
    pub customer: Option<(String, String)>,
    /// The transformer area.
    pub area: Option<String>,
    /// Whether the point is protected.
    pub is_protected: bool,
    /// Where a page behind this meter begins.
    pub place: MeterPlace,
}

/// All that the archive says of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterSheet {
    /// As in a list.
    pub line: MeterLine,
    /// Its profile; `None` for the default of its protocol.
    pub profile: Option<String>,
    /// Its measuring point at a terminal.
    pub measuring_point: Option<i64>,
    /// The class of the customer.
    pub class: Option<CustomerClass>,
    /// What is measured.
    pub role: Option<PointRole>,
    /// The feeder.
    pub feeder: Option<String>,
    /// The reading route.
    pub route: Option<String>,
    /// Why its supply may not be taken away.
    pub protection: Option<String>,
    /// The transformer area, as regions know it.
    pub area: Option<Id<TransformerArea>>,
    /// The point, as others know it.
    pub point: Option<Id<MeteringPoint>>,
    /// The points it measured within the regions that were asked for, the last first.
    pub stays: Vec<Stay>,
    /// When it was within these.
    pub within: Within,
}

/// When a meter was within the regions of whoever asks, where it was elsewhere, too: what it told there, and of whom, is not theirs
/// to see (T16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within(Option<Vec<(Moment, Option<Moment>)>>);

impl Within {
    /// True for an event that came in then and began, by the meter, at the time of this text. One whose time says nothing may be of
    /// elsewhere.
    #[must_use]
    pub fn holds_event(&self, collected_at: Moment, began: &str) -> bool {
        let text = began.get(..19).map(|text| format!("{}+08:00", text.replacen(' ', "T", 1)));
        let began: Option<Moment> = text.and_then(|text| text.parse().ok());
        self.0.is_none() || (self.holds(collected_at) && began.is_some_and(|at| self.holds(at)))
    }

    /// True for what holds for this instant, or came in then. The instant of an exchange belongs to both sides.
    #[must_use]
    pub fn holds(&self, at: Moment) -> bool {
        let holds =
            |(from, until): &(Moment, Option<Moment>)| *from <= at && until.is_none_or(|until| at <= until);
        self.0.as_ref().is_none_or(|stays| stays.iter().any(holds))
    }
}

/// A stretch of time for which a meter measured a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The number of the point.
    pub point: String,
    /// From when on.
    pub from: Moment,
    /// Until when.
    pub until: Option<Moment>,
    /// The multiplier that counted last, in hundredths, with its transformers.
    pub multiplier: Option<(i64, String, String)>,
}

impl Store {
    /// A page of meters.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or holds what this version does not know.
    pub async fn meter_lines(
        &self,
        asked: &MetersAsked<'_>,
        regions: &Regions,
    ) -> Result<Vec<MeterLine>, StoreError> {
        let mut reading = self.read("looking for meters").await?;
        let place = asked.after.as_ref();
        let args = [
            super::areas(regions).into(),
            super::sought(asked.words).into(),
            i64::from(asked.with_customers).into(),
            place.map(|place| place.sorted.clone()).into(),
            place.map(|place| place.meter).into(),
            i64::from(asked.at_most).into(),
            asked.now.into(),
        ];
        let has_words = !asked.words.trim().is_empty();
        let rows: Vec<LineRow> = reading.rows(list(asked.sort, has_words, place.is_some()), &args).await?;
        rows.into_iter().map(line).collect()
    }

    /// How many meters there are like that, on whatever page.
    ///
    /// # Errors
    /// As [`Self::meter_lines`].
    pub async fn count_meters(&self, asked: &MetersAsked<'_>, regions: &Regions) -> Result<u64, StoreError> {
        let mut reading = self.read("counting meters").await?;
        let statement = if asked.words.trim().is_empty() { COUNT.into() } else { *COUNT_FOUND };
        let args = [
            super::areas(regions).into(),
            super::sought(asked.words).into(),
            i64::from(asked.with_customers).into(),
        ];
        let (count,): (i64,) = reading.row(statement, &args).await?.unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// All that the archive says of the meter with this address, when it is within the regions.
    ///
    /// # Errors
    /// As [`Self::meter_lines`].
    pub async fn meter_sheet(
        &self,
        address: &str,
        regions: &Regions,
        now: Moment,
    ) -> Result<Option<MeterSheet>, StoreError> {
        let mut reading = self.read("reading a meter of the archive").await?;
        let row: Option<LineRow> =
            reading.row(ONE.as_str(), &[super::areas(regions).into(), address.into(), now.into()]).await?;
        let Some(line) = row.map(line).transpose()? else { return Ok(None) };
        let more: Option<MoreRow> = reading.row(MORE, &[line.meter.into()]).await?;
        let Some(more) = more else { return Ok(None) };
        let args = [line.meter.into(), super::areas(regions).into()];
        let stays: Vec<StayRow> = reading.rows(STAYS, &args).await?;
        let all = stays.len();
        let stays: Vec<StayRow> = stays.into_iter().filter(|stay| stay.6 == 1).collect();
        let was_elsewhere = stays.len() < all;
        let mut sheet = sheet(line, more, stays)?;
        if was_elsewhere {
            sheet.within = Within(Some(sheet.stays.iter().map(|stay| (stay.from, stay.until)).collect()));
        }
        Ok(Some(sheet))
    }

    /// How many installed meters within the regions each line and each terminal has: its name, whether it is a terminal, and how
    /// many.
    ///
    /// # Errors
    /// As [`Self::meter_lines`].
    pub async fn meters_by_line(&self, regions: &Regions) -> Result<Vec<(String, bool, u64)>, StoreError> {
        let mut reading = self.read("counting the meters of lines").await?;
        let rows: Vec<(String, i64, i64)> = reading.rows(BY_LINE, &[super::areas(regions).into()]).await?;
        let count = |meters| u64::try_from(meters).unwrap_or(0);
        Ok(rows.into_iter().map(|(name, terminal, meters)| (name, terminal == 1, count(meters))).collect())
    }
}

type LineRow = (
    i64,
    String,
    Option<String>,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    String,
);

fn line(row: LineRow) -> Result<MeterLine, StoreError> {
    let (meter, address, asset, protocol, line, point, number, name, area, protected, sorted) = row;
    Ok(MeterLine {
        meter: Id::new(meter),
        address,
        asset,
        protocol: code("protocol", protocol)?,
        line,
        point,
        customer: number.zip(name),
        area,
        is_protected: protected == 1,
        place: MeterPlace { sorted, meter },
    })
}

type MoreRow = (
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
);
type StayRow = (String, i64, Option<i64>, Option<i64>, Option<String>, Option<String>, i64);

fn sheet(line: MeterLine, more: MoreRow, stays: Vec<StayRow>) -> Result<MeterSheet, StoreError> {
    let (profile, measuring_point, class, role, feeder, route, protection, area, point) = more;
    let stay = |(point, from, until, multiplier, ct, vt, _): StayRow| Stay {
        point,
        from: Moment::from_micros(from),
        until: until.map(Moment::from_micros),
        multiplier: multiplier.zip(ct).zip(vt).map(|((multiplier, ct), vt)| (multiplier, ct, vt)),
    };
    Ok(MeterSheet {
        line,
        profile,
        measuring_point,
        class: class.map(|class| code("class", class)).transpose()?,
        role: role.map(|role| code("role", role)).transpose()?,
        feeder,
        route,
        protection,
        area: area.map(Id::new),
        point: point.map(Id::new),
        stays: stays.into_iter().map(stay).collect(),
        within: Within::default(),
    })
}

/// The statement that sorts so, with words to look for or without, from a place on or from the beginning: with nothing
/// left open, the rows of a page are found by an index of the list.
fn list((sort, is_falling): (MeterSort, bool), has_words: bool, has_place: bool) -> Sql {
    static MADE: LazyLock<HashMap<(&str, [bool; 3]), Sql>> = LazyLock::new(|| {
        let flags = |number: u8| [number & 1 == 1, number & 2 == 2, number & 4 == 4];
        let all = MeterSort::ALL.iter().flat_map(|(_, by)| (0..8).map(move |number| (*by, flags(number))));
        let made = |(by, flags)| ((by, flags), Sql::either(|dialect| statement(by, flags, dialect.within())));
        all.map(made).collect()
    });
    let by = MeterSort::ALL.iter().find(|(known, _)| *known == sort).map_or("address", |(_, by)| *by);
    MADE.get(&(by, [is_falling, has_words, has_place])).copied().unwrap_or_else(|| ONE.as_str().into())
}

fn statement(by: &str, [is_falling, has_words, has_place]: [bool; 3], within: &str) -> String {
    let (way, behind) = if is_falling { ("DESC", "<") } else { ("ASC", ">") };
    // A parameter that is not used still has its type.
    let words = match has_words {
        true => format!("({within}(w.words, $2) > 0 OR ($3 = 1 AND {within}(w.customer_words, $2) > 0))"),
        false => "(CAST($2 AS text) IS NOT NULL AND CAST($3 AS bigint) IS NOT NULL)".to_owned(),
    };
    let place = match has_place {
        true => format!("(w.{by}, w.meter_id) {behind} (CAST($4 AS text), CAST($5 AS bigint))"),
        false => "(CAST($4 AS text) IS NULL AND CAST($5 AS bigint) IS NULL)".to_owned(),
    };
    let protected = super::protected("$7");
    // What holds the words is found first, by one pass over the list: in the order of an index it takes three times as
    // long. What else is told of meters is looked for on the page alone.
    let (found, list, words) = match has_words {
        true => {
            let found = format!("found AS MATERIALIZED (SELECT * FROM meter_list w WHERE {words}), ");
            (found, "found", "1 = 1")
        }
        false => (String::new(), "meter_list", words.as_str()),
    };
    format!(
        "WITH {found}page AS MATERIALIZED (SELECT * FROM {list} w \
             WHERE ($1 = '' OR $1 LIKE '%,' || CAST(w.area_id AS text) || ',%') AND {words} AND {place} \
             ORDER BY w.{by} {way}, w.meter_id {way} LIMIT $6) \
         SELECT {COLUMNS}, {protected}, w.{by} FROM page w JOIN meter m ON m.id = w.meter_id {JOINS} \
         ORDER BY w.{by} {way}, w.meter_id {way}"
    )
}

/// A parameter that is not used still has its type.
const COUNT: &str = "SELECT count(*) FROM meter_list w WHERE ($1 = '' OR $1 LIKE '%,' || CAST(w.area_id AS text) || ',%') \
    AND CAST($2 AS text) IS NOT NULL AND CAST($3 AS bigint) IS NOT NULL";

static COUNT_FOUND: LazyLock<Sql> = LazyLock::new(|| {
    Sql::either(|dialect| {
        let within = dialect.within();
        format!(
            "SELECT count(*) FROM meter_list w WHERE ($1 = '' OR $1 LIKE '%,' || CAST(w.area_id AS text) || ',%') \
             AND ({within}(w.words, $2) > 0 OR ($3 = 1 AND {within}(w.customer_words, $2) > 0))"
        )
    })
});

const COLUMNS: &str = "m.id, m.address, m.asset_number, m.protocol, coalesce(l.name, m.terminal), p.number, \
    c.number, c.name, a.name";

const JOINS: &str = "LEFT JOIN line l ON l.id = m.line_id \
    LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id \
    LEFT JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN transformer_area a ON a.id = p.area_id";

const MORE: &str = "SELECT m.profile, m.measuring_point, c.class, p.role, f.name, r.name, p.protection, p.area_id, p.id \
    FROM meter m LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id \
    LEFT JOIN customer c ON c.id = p.customer_id \
    LEFT JOIN transformer_area a ON a.id = p.area_id \
    LEFT JOIN feeder f ON f.id = a.feeder_id \
    LEFT JOIN reading_route r ON r.id = p.route_id WHERE m.id = $1";

/// All of them, and which are within the regions.
const STAYS: &str = "SELECT p.number, i.installed_at, i.removed_at, t.multiplier, t.ct, t.vt, \
        CAST(CASE WHEN $2 = '' OR $2 LIKE '%,' || CAST(p.area_id AS text) || ',%' THEN 1 ELSE 0 END AS bigint) \
    FROM installation i JOIN metering_point p ON p.id = i.point_id \
    LEFT JOIN transformers t ON t.point_id = i.point_id AND NOT EXISTS (SELECT 1 FROM transformers n \
        WHERE n.point_id = t.point_id AND (n.from_at, n.entered_at) > (t.from_at, t.entered_at)) \
    WHERE i.meter_id = $1 ORDER BY i.installed_at DESC";

const BY_LINE: &str = "SELECT coalesce(l.name, m.terminal, ''), \
        CAST(CASE WHEN l.id IS NULL THEN 1 ELSE 0 END AS bigint), count(*) \
    FROM installation i JOIN meter m ON m.id = i.meter_id LEFT JOIN line l ON l.id = m.line_id \
    JOIN metering_point p ON p.id = i.point_id \
    WHERE i.removed_at IS NULL AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%') \
    GROUP BY 1, 2 ORDER BY 1, 2";

/// The meter with an address.
static ONE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS}, {}, m.address FROM meter m {JOINS} \
         WHERE m.address = $2 AND ($1 = '' OR $1 LIKE '%,' || CAST(p.area_id AS text) || ',%')",
        super::protected("$3")
    )
});
