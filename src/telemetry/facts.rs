//! Facts about the service that are asked for when somebody wants to know, instead of being counted: their names, and how
//! they are written for Prometheus.
//!
//! A fact that is not known is left out: an old one would look like a new one. No label is an address, a name of a customer
//! or a message.

use std::fmt::{Display, Write};

/// A fact: its name and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The name of the metric.
    pub name: &'static str,
    /// What it says, as HELP.
    pub help: &'static str,
}

const fn fact(name: &'static str, help: &'static str) -> Fact {
    Fact { name, help }
}

/// Whether the database was heard in time.
pub const FACTS_UP: Fact = fact(
    "amr_facts_up",
    "1 when the database told the facts in time; 0 when it did not, and they are left out",
);
/// The version that runs.
pub const BUILD: Fact = fact("amr_build_info", "always 1; the version that runs, by version");
/// When the process began.
pub const STARTED: Fact =
    fact("amr_start_timestamp_seconds", "when the process began, seconds since 1970 UTC");
/// Whether the instance waits.
pub const STANDBY: Fact =
    fact("amr_standby", "1 in an instance that waits for the site to be free, 0 in the one that serves it");
/// Schema of the database.
pub const SCHEMA: Fact = fact("amr_schema_version", "the schema of the database");
/// Versions in the outbox.
pub const OUTBOX: Fact = fact("amr_billing_outbox", "billing values in the outbox, by receiver and state");
/// Age of the oldest that waits.
pub const OUTBOX_AGE: Fact = fact(
    "amr_billing_outbox_oldest_age_seconds",
    "age of the day of the oldest billing value that waits, by receiver; 0 when none waits",
);
/// Values that wait for a person.
pub const REVIEWS: Fact = fact("amr_review_open", "suspect register reads that wait for a person");
/// The day of the newest night.
pub const NIGHT_DAY: Fact = fact(
    "amr_night_day_timestamp_seconds",
    "the midnight that the newest night reads, seconds since 1970 UTC",
);
/// Its state.
pub const NIGHT_STATE: Fact = fact("amr_night_state", "1 for the state the newest night is in, by state");
/// Meters it was planned for.
pub const NIGHT_PLANNED: Fact = fact("amr_night_planned", "meters the newest night was planned for");
/// What became of them.
pub const NIGHT_METERS: Fact = fact("amr_night_meters", "meters of the newest night, by outcome");
/// The share that was read.
pub const NIGHT_COMPLETENESS: Fact =
    fact("amr_night_completeness_ratio", "share of the meters of the newest night that were read, 0 to 1");
/// When it ended.
pub const NIGHT_ENDED: Fact = fact(
    "amr_night_ended_timestamp_seconds",
    "when the newest night ended, seconds since 1970 UTC; left out while it goes on",
);
/// Points whose order has an unknown outcome.
pub const UNKNOWN_ORDERS: Fact =
    fact("amr_supply_order_unknown", "points of supply orders of which nobody knows what became of them");
/// Age of the oldest of them.
pub const UNKNOWN_AGE: Fact = fact(
    "amr_supply_order_unknown_oldest_age_seconds",
    "for how long the oldest of them has been unknown; 0 when none is",
);
/// What keeps cuts back.
pub const HALT: Fact = fact("amr_supply_halt", "1 while all cuts are kept back, by kind");
/// Open alarms.
pub const ALARMS: Fact = fact("amr_alarm_open", "open alarms that nobody has acknowledged, by severity");
/// Age of the newest backup.
pub const BACKUP_AGE: Fact = fact(
    "amr_backup_age_seconds",
    "age of the newest backup; left out when there was none within forty days",
);
/// Age of the audit anchor.
pub const ANCHOR_AGE: Fact = fact(
    "amr_audit_anchor_age_seconds",
    "for how long the end of the audit log has not been known to be noted elsewhere",
);
/// Connections to the database.
pub const CONNECTIONS: Fact = fact("amr_store_connections", "connections to the database, by state");
/// Their limit.
pub const CONNECTIONS_MOST: Fact = fact("amr_store_connections_most", "connections to the database at most");
/// Size of a disk.
pub const DISK_SIZE: Fact = fact("amr_disk_size_bytes", "size of the disk, by what is kept there");
/// What is left of it.
pub const DISK_AVAILABLE: Fact =
    fact("amr_disk_available_bytes", "what is left of the disk, by what is kept there");
/// Share used, bytes or files.
pub const DISK_USED: Fact =
    fact("amr_disk_used_ratio", "share of the disk that is used, bytes or files, whichever is more, 0 to 1");
/// Memory of the process.
pub const MEMORY: Fact = fact("process_resident_memory_bytes", "memory that the process holds");
/// File handles of the process.
pub const HANDLES: Fact = fact("process_open_fds", "file handles that the process holds");
/// Their limit.
pub const HANDLES_MOST: Fact = fact("process_max_fds", "file handles that the process may hold");

/// Every fact.
pub const FACTS: [Fact; 28] = [
    FACTS_UP,
    BUILD,
    STARTED,
    STANDBY,
    SCHEMA,
    OUTBOX,
    OUTBOX_AGE,
    REVIEWS,
    NIGHT_DAY,
    NIGHT_STATE,
    NIGHT_PLANNED,
    NIGHT_METERS,
    NIGHT_COMPLETENESS,
    NIGHT_ENDED,
    UNKNOWN_ORDERS,
    UNKNOWN_AGE,
    HALT,
    ALARMS,
    BACKUP_AGE,
    ANCHOR_AGE,
    CONNECTIONS,
    CONNECTIONS_MOST,
    DISK_SIZE,
    DISK_AVAILABLE,
    DISK_USED,
    MEMORY,
    HANDLES,
    HANDLES_MOST,
];

/// Facts in the text form of Prometheus; those of one name come one after the other.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    last: &'static str,
}

impl Exposition {
    /// Adds a fact.
    pub fn add(&mut self, fact: Fact, labels: &[(&str, &str)], value: impl Display) {
        // A text takes whatever is written to it.
        let _ = self.write(fact, labels, &value);
    }

    /// What was added.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn write(&mut self, fact: Fact, labels: &[(&str, &str)], value: &impl Display) -> std::fmt::Result {
        let Fact { name, help } = fact;
        if self.last != name {
            writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge")?;
            self.last = name;
        }
        self.text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.text, "{}{label}=\"{value}\"", if place == 0 { '{' } else { ',' })?;
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{end} {value}")
    }
}

/// A share of a whole, exact to a thousandth and never more than one.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// So many.
    pub part: u64,
    /// Of so many; of none, everything.
    pub of: u64,
}

impl Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (part, of) = (u128::from(self.part), u128::from(self.of));
        let thousandths = (part * 1000).checked_div(of).unwrap_or(1000).min(1000);
        write!(f, "{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_written_once_named_and_escaped() {
        let mut written = Exposition::default();
        written.add(OUTBOX, &[("receiver", "a\"b\\c\nd"), ("state", "waiting")], 7);
        written.add(OUTBOX, &[("receiver", "ledger"), ("state", "parked")], 0);
        written.add(NIGHT_COMPLETENESS, &[], Share { part: 995, of: 1000 });
        assert_eq!(
            written.into_text(),
            "# HELP amr_billing_outbox billing values in the outbox, by receiver and state\n\
             # TYPE amr_billing_outbox gauge\n\
             amr_billing_outbox{receiver=\"a\\\"b\\\\c\\nd\",state=\"waiting\"} 7\n\
             amr_billing_outbox{receiver=\"ledger\",state=\"parked\"} 0\n\
             # HELP amr_night_completeness_ratio share of the meters of the newest night that were read, 0 to 1\n\
             # TYPE amr_night_completeness_ratio gauge\n\
             amr_night_completeness_ratio 0.995\n"
        );
    }

    #[test]
    fn a_share_is_never_rounded_up_to_the_whole() {
        let shown = |part, of| Share { part, of }.to_string();
        assert_eq!(
            [shown(2, 3), shown(999_999, 1_000_000), shown(3, 3), shown(0, 0)],
            ["0.666", "0.999", "1.000", "1.000"]
        );
    }

    #[test]
    fn every_fact_has_a_name_of_its_own() {
        let names: std::collections::HashSet<&str> = FACTS.iter().map(|fact| fact.name).collect();
        assert_eq!(names.len(), FACTS.len());
        assert!(names.iter().all(|name| name.starts_with("amr_") || name.starts_with("process_")));
    }
}
