//! What the configuration said when it was last in force, so that each change of it is entered in the audit log (T27).

use std::collections::BTreeMap;

use serde_json::json;

use super::Store;
use super::alarm::{clear, raise};
use super::audit_spool::append_or_spool;
use super::error::StoreError;
use super::transaction::Transaction;
use crate::config::{InForce, Looser};
use crate::domain::{Alarm, AlarmKind, AuditEntry, Coded, Moment};

/// A key whose value is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key with its section.
    pub key: String,
    /// What it was; `None` where it was not there.
    pub before: Option<String>,
    /// What it is; `None` where it is not there any more.
    pub after: Option<String>,
}

impl Store {
    /// Notes the configuration that is in force from now on. What is other than before is entered in the audit log, with what is
    /// looser than built in; who guards that is told, and told again when it changes (T32). Says what has changed.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn note_configuration(
        &self,
        in_force: &[InForce],
        looser: &[Looser],
        now: Moment,
    ) -> Result<Vec<ConfigChange>, StoreError> {
        let mut writing = self.write("noting the configuration").await?;
        let rows: Vec<(String, String)> = writing.rows("SELECT name, value FROM configuration", &[]).await?;
        let before: BTreeMap<String, String> = rows.into_iter().collect();
        let changes = changes(&before, in_force);
        let is_changed = changes.iter().any(|change| looser.iter().any(|looser| looser.key == change.key));
        let is_told = tell_looser(&mut writing, (looser, is_changed), now).await?;
        if changes.is_empty() && !is_told {
            return Ok(changes);
        }
        for change in &changes {
            match &change.after {
                Some(value) => {
                    writing.execute(KEEP, &[change.key.as_str().into(), value.as_str().into()]).await?
                }
                None => writing.execute(DROP, &[change.key.as_str().into()]).await?,
            };
        }
        // What was not there before is not worth naming where nobody has said it.
        let is_first = before.is_empty();
        let given = |change: &&ConfigChange| {
            !is_first || in_force.iter().any(|of| of.key == change.key && !of.is_default)
        };
        let named: Vec<_> = changes
            .iter()
            .filter(given)
            .map(|change| json!({ "key": change.key, "before": change.before, "after": change.after }))
            .collect();
        let looser: Vec<_> = looser
            .iter()
            .map(|of| json!({ "key": of.key, "value": of.value, "built_in": of.built_in }))
            .collect();
        // An entry is of a size that can be read: many changes stand in several.
        let parts: Vec<_> = if named.is_empty() { vec![&[][..]] } else { named.chunks(MOST).collect() };
        for (part, named) in (1..).zip(&parts) {
            let detail = json!({
                "version": env!("CARGO_PKG_VERSION"),
                "changes": changes.len(),
                "part": format!("{part}/{}", parts.len()),
                "changed": named,
                "looser": looser,
            });
            let entry = AuditEntry {
                source: AuditEntry::FILE.to_owned(),
                ..AuditEntry::of_system(now, "config.change", "configuration")
            };
            // It is in force, whether the log takes the entry or not.
            append_or_spool(&mut writing, &entry.saying(detail.to_string())).await?;
        }
        writing.commit().await?;
        Ok(changes)
    }
}

/// Tells of what is looser than built in, unless that was told, is still so and has not changed; says whether it had to.
async fn tell_looser(
    writing: &mut Transaction,
    (looser, is_changed): (&[Looser], bool),
    now: Moment,
) -> Result<bool, StoreError> {
    let alarm = Alarm::new(AlarmKind::RulesLoosened, SUBJECT, now)
        .saying(&told(looser, "内置 "), &told(looser, "built in: "));
    let open: Option<(String,)> = writing.row(OPEN, &[alarm.kind.code().into()]).await?;
    if !is_changed && open.map_or(looser.is_empty(), |(detail,)| detail == alarm.detail) {
        return Ok(false);
    }
    clear(writing, alarm.kind, SUBJECT, now).await?;
    if !looser.is_empty() {
        raise(writing, &alarm).await?;
    }
    Ok(true)
}

fn changes(before: &BTreeMap<String, String>, in_force: &[InForce]) -> Vec<ConfigChange> {
    let is_there = |key: &str| in_force.iter().any(|of| of.key == key);
    let gone = before.iter().filter(|(key, _)| !is_there(key)).map(|(key, value)| ConfigChange {
        key: key.clone(),
        before: Some(value.clone()),
        after: None,
    });
    let others = in_force.iter().filter(|of| before.get(&of.key) != Some(&of.value));
    let others = others.map(|of| ConfigChange {
        key: of.key.clone(),
        before: before.get(&of.key).cloned(),
        after: Some(of.value.clone()),
    });
    others.chain(gone).collect()
}

fn told(looser: &[Looser], built_in: &str) -> String {
    let one = |looser: &Looser| format!("{} = {} ({built_in}{})", looser.key, looser.value, looser.built_in);
    looser.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What the alarm about it names.
const SUBJECT: &str = "configuration";

/// How many keys an entry names.
const MOST: usize = 200;

const OPEN: &str = "SELECT detail FROM alarm WHERE kind = $1 AND ended_at IS NULL";

const KEEP: &str = "INSERT INTO configuration (name, value) VALUES ($1, $2) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const DROP: &str = "DELETE FROM configuration WHERE name = $1";
