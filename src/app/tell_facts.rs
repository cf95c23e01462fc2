//! Writes what is known of the service as facts for Prometheus.

use crate::domain::supply::HaltKind;
use crate::domain::{Coded, Moment, RunState};
use crate::store::alarm::AlarmCounts;
use crate::store::billing::OutboxState;
use crate::store::facts::{NightFact, ServiceFacts};
use crate::telemetry::facts::{self, Exposition, Share};

use super::disk::Room;
use super::watched::Watched;

/// Writes all that is known; what is not is left out.
pub(super) fn tell(
    to: &mut Exposition,
    watched: &Watched,
    told: Option<&(ServiceFacts, AlarmCounts)>,
    room: Option<&[(&'static str, Room)]>,
) {
    let now = watched.clock.now();
    to.add(facts::BUILD, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    to.add(facts::STARTED, &[], seconds(watched.began_at));
    to.add(facts::STANDBY, &[], 0);
    to.add(facts::FACTS_UP, &[], u8::from(told.is_some()));
    if let Some((known, alarms)) = told {
        to.add(facts::SCHEMA, &[], known.schema);
        tell_outbox(to, known, now);
        to.add(facts::REVIEWS, &[], known.open_reviews);
        if let Some(night) = &known.night {
            tell_night(to, night);
        }
        to.add(facts::UNKNOWN_ORDERS, &[], known.unknown_orders);
        to.add(facts::UNKNOWN_AGE, &[], known.unknown_since.map_or(0, |since| now.since(since).as_secs()));
        for (kind, _, name) in HaltKind::TABLE {
            to.add(facts::HALT, &[("kind", name)], u8::from(known.halts.contains(kind)));
        }
        let AlarmCounts { critical, warning, notice } = *alarms;
        for (severity, count) in [("critical", critical), ("warning", warning), ("notice", notice)] {
            to.add(facts::ALARMS, &[("severity", severity)], count);
        }
        if let Some(at) = known.backed_up_at {
            to.add(facts::BACKUP_AGE, &[], now.since(at).as_secs());
        }
    }
    if let Some(age) = watched.noted.age() {
        to.add(facts::ANCHOR_AGE, &[], age.as_secs());
    }
    let connections = watched.store.connections();
    let used = connections.open.saturating_sub(connections.idle);
    to.add(facts::CONNECTIONS, &[("state", "used")], used);
    to.add(facts::CONNECTIONS, &[("state", "idle")], connections.idle);
    to.add(facts::CONNECTIONS_MOST, &[], connections.most);
    let room = room.unwrap_or_default();
    for (disk, room) in room {
        to.add(facts::DISK_SIZE, &[("disk", disk)], room.size);
    }
    for (disk, room) in room {
        to.add(facts::DISK_AVAILABLE, &[("disk", disk)], room.available);
    }
    for (disk, room) in room {
        to.add(facts::DISK_USED, &[("disk", disk)], Share { part: room.used_percent, of: 100 });
    }
    tell_process(to);
}

fn tell_outbox(to: &mut Exposition, known: &ServiceFacts, now: Moment) {
    for fact in &known.outbox {
        to.add(facts::OUTBOX, &[("receiver", &fact.receiver), ("state", fact.state.name())], fact.versions);
    }
    let mut receivers: Vec<&str> = known.outbox.iter().map(|fact| fact.receiver.as_str()).collect();
    receivers.dedup();
    for receiver in receivers {
        let waits = |state| matches!(state, OutboxState::Waiting | OutboxState::Leased);
        let own = known.outbox.iter().filter(|fact| fact.receiver == receiver && waits(fact.state));
        let oldest = own.filter_map(|fact| fact.oldest).min();
        to.add(facts::OUTBOX_AGE, &[("receiver", receiver)], oldest.map_or(0, |at| now.since(at).as_secs()));
    }
}

fn tell_night(to: &mut Exposition, night: &NightFact) {
    let NightFact { day, state, ended_at, planned, read, missing } = *night;
    to.add(facts::NIGHT_DAY, &[], seconds(day.start()));
    for (each, _, name) in RunState::TABLE {
        to.add(facts::NIGHT_STATE, &[("state", name)], u8::from(state == *each));
    }
    to.add(facts::NIGHT_PLANNED, &[], planned);
    let waiting = planned.saturating_sub(read).saturating_sub(missing);
    for (outcome, count) in [("read", read), ("missing", missing), ("waiting", waiting)] {
        to.add(facts::NIGHT_METERS, &[("outcome", outcome)], count);
    }
    to.add(facts::NIGHT_COMPLETENESS, &[], Share { part: read, of: planned });
    if let Some(at) = ended_at {
        to.add(facts::NIGHT_ENDED, &[], seconds(at));
    }
}

/// What the system says of the process, where it says it (Linux).
fn tell_process(to: &mut Exposition) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let status = read("/proc/self/status");
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    if let Some(kilobytes) = kilobytes {
        let kilobytes: u64 = kilobytes;
        to.add(facts::MEMORY, &[], kilobytes.saturating_mul(1024));
    }
    if let Ok(handles) = std::fs::read_dir("/proc/self/fd") {
        to.add(facts::HANDLES, &[], handles.count());
    }
    let limits = read("/proc/self/limits");
    let most = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(most) = most {
        to.add(facts::HANDLES_MOST, &[], most);
    }
}

pub(super) const fn seconds(at: Moment) -> i64 {
    at.micros().div_euclid(1_000_000)
}
