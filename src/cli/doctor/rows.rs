//! Looks at every kept row whose seal says whether it is as it was written (F42).

use std::collections::BTreeSet;

use super::super::with_causes;
use super::finding::Finding;
use crate::config::Config;
use crate::domain::{Coded, Day};
use crate::store::{Address, Looked, Migrations, SEALED, Store, StoreError};

/// What was found; a database that is not there has no rows.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let address = Address::from(&config.database.place);
    if matches!(&address, Address::Sqlite(file) if !file.exists()) {
        return Vec::new();
    }
    look_at(&address).await.unwrap_or_else(|error| {
        let text = format!("the rows could not be read: {}", with_causes(&error));
        vec![Finding::fail(OF, text, "无法读取数据行").doing(RESTORE)]
    })
}

async fn look_at(address: &Address) -> Result<Vec<Finding>, StoreError> {
    let store = Store::open(address, Migrations::Check).await?;
    let found = look_in(&store).await;
    store.close().await;
    found
}

/// The same, of a database that is open.
pub(crate) async fn look_in(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut found = Vec::new();
    let pages = store.damaged_pages().await?;
    found.push(match pages.first() {
        None => Finding::ok(OF, "the file holds together", "数据库文件结构完整"),
        Some(first) => {
            Finding::fail(OF, format!("the file is damaged: {first}"), "数据库文件损坏").doing(RESTORE)
        }
    });
    for table in SEALED {
        let Looked { rows, damaged } = store.look_for_damage(table).await?;
        let name = table.name();
        found.push(if damaged.is_empty() {
            Finding::ok(
                OF,
                format!("{rows} rows of {name} are as they were written"),
                format!("{name}：{rows} 行完好"),
            )
        } else {
            let days: BTreeSet<Day> = damaged.iter().map(|damage| damage.day).collect();
            let shown: Vec<String> = days.iter().take(MOST_DAYS).map(ToString::to_string).collect();
            let more = if days.len() > MOST_DAYS { " ..." } else { "" };
            let (count, days) = (damaged.len(), shown.join(", ") + more);
            let en = format!("{count} of {rows} rows of {name} are not as they were written, of {days}");
            Finding::fail(OF, en, format!("{name}：{rows} 行中有 {count} 行损坏，涉及 {days}")).doing(RESTORE)
        });
    }
    Ok(found)
}

const OF: &str = "rows";
/// So many days are named.
const MOST_DAYS: usize = 10;
const RESTORE: &str = "they are not used; look at the disk, and put back what they were from a backup  \
    损坏的行不会被使用；请检查磁盘，并从备份恢复";
