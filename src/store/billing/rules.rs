//! By which rules values were settled last, and what is open where others hold now.

use super::due::{self, Due};
use crate::domain::{Day, Id, Item, Moment};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::sql::Sql;

/// How often the profile of a meter had changed when it was asked whether values were settled by other rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherRules(i64);

impl Store {
    /// Whether values were settled by other rules than these, or meters have had other profiles then.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn other_rules(&self, rules: &str) -> Result<Option<OtherRules>, StoreError> {
        let mut reading = self.read("reading by which rules billing was settled").await?;
        let ask = "SELECT rules, profiles, profiles_settled FROM billing_rules";
        let row: Option<(String, i64, i64)> = reading.row(ask, &[]).await?;
        let (settled_by, profiles, settled) = row.unwrap_or_default();
        Ok((settled_by != rules || profiles != settled).then_some(OtherRules(profiles)))
    }

    /// Notes as due what was read of a day, where the point has no consumption of the day before it, of one item at least;
    /// says how much.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn note_open(&self, day: Day, items: &[Item]) -> Result<usize, StoreError> {
        let rows: Vec<(i64, i64)> = {
            let mut reading = self.read("looking for days that are not billed").await?;
            let items = items.iter().map(|item| Some(item.key().number().into()));
            let items = reading.dialect().array(items);
            let (at, end, before) = (day.start(), day.next().start(), day.previous().start());
            reading.rows(OPEN, &[at.into(), end.into(), before.into(), items.into()]).await?
        };
        for some in rows.chunks(AT_A_TIME) {
            let mut writing = self.write("noting what billing has to look at again").await?;
            let due =
                |(meter, at): &(i64, i64)| Due { meter: Id::new(*meter), as_of: Moment::from_micros(*at) };
            due::note(&mut writing, some.iter().map(due)).await?;
            writing.commit().await?;
        }
        Ok(rows.len())
    }

    /// Notes that all that is open is due by these rules, unless a profile has changed since it was asked.
    ///
    /// # Errors
    /// As [`Self::note_open`].
    pub async fn note_rules(&self, rules: &str, OtherRules(profiles): OtherRules) -> Result<(), StoreError> {
        let mut writing = self.write("noting by which rules billing is settled").await?;
        writing.execute(SETTLED, &[rules.into(), profiles.into()]).await?;
        writing.commit().await
    }
}

/// The end of a stretch of which a meter has measured the last part. Only the newest version of a value counts.
const OPEN: Sql = Sql {
    sqlite: "SELECT DISTINCT l.meter_id, l.as_of FROM register_ledger l \
        WHERE l.as_of >= $1 AND l.as_of < $2 AND l.quality < 10 AND l.item IN (SELECT value FROM json_each($4)) \
            AND NOT EXISTS (SELECT 1 FROM installation n CROSS JOIN billing_value b ON b.point_id = n.point_id \
                AND b.item = l.item AND b.kind = 2 AND b.at = $3 AND b.value IS NOT NULL \
                WHERE n.meter_id = l.meter_id AND n.installed_at < $1 AND (n.removed_at IS NULL OR n.removed_at >= $1) \
                    AND NOT EXISTS (SELECT 1 FROM billing_value v WHERE v.point_id = b.point_id AND v.item = b.item \
                        AND v.kind = 2 AND v.at = b.at AND v.version > b.version))",
    postgres: "SELECT DISTINCT l.meter_id, l.as_of FROM register_ledger l \
        WHERE l.as_of >= $1 AND l.as_of < $2 AND l.quality < 10 AND l.item = ANY ($4::bigint[]) \
            AND NOT EXISTS (SELECT 1 FROM installation n JOIN billing_value b ON b.point_id = n.point_id \
                AND b.item = l.item AND b.kind = 2 AND b.at = $3 AND b.value IS NOT NULL \
                WHERE n.meter_id = l.meter_id AND n.installed_at < $1 AND (n.removed_at IS NULL OR n.removed_at >= $1) \
                    AND NOT EXISTS (SELECT 1 FROM billing_value v WHERE v.point_id = b.point_id AND v.item = b.item \
                        AND v.kind = 2 AND v.at = b.at AND v.version > b.version))",
};

const SETTLED: &str = "UPDATE billing_rules SET rules = $1, profiles_settled = $2";

/// How many are noted in one transaction.
const AT_A_TIME: usize = 1000;
