//! Looks after what tells of itself nowhere else: lines, terminals, what billing refused, and the clock of this machine.

mod receivers;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::channel::{ChannelHandle, LinePhase, LineStatus, Lines};
use crate::clock::Clock;
use crate::config::{Alarms, Words};
use crate::domain::access::Regions;
use crate::domain::{Alarm, AlarmKind, Moment};
use crate::store::alarm::AlarmFilter;
use crate::store::{Remedy, Store, StoreError};
use crate::telemetry::with_causes;
use crate::terminal::{TerminalStatus, Terminals};
use receivers::Behind;

/// Raises alarms about lines, terminals, billing and the clock, and ends them, until `stop`.
pub async fn watch(
    store: &Store,
    clock: &Clock,
    (lines, terminals): (&Lines, Option<&Terminals>),
    alarms: &Alarms,
    stop: &CancellationToken,
) {
    let mut watcher = Watcher {
        store,
        lines,
        terminals,
        began_at: Instant::now(),
        line_down_after: alarms.line_down_after,
        open: None,
        down: HashMap::new(),
        foreign: HashMap::new(),
        claims: HashMap::new(),
        behind: Behind::default(),
        clock: (clock.now(), Instant::now()),
    };
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let now = clock.now();
        watcher.look(now).await;
    }
}

struct Watcher<'a> {
    store: &'a Store,
    lines: &'a Lines,
    terminals: Option<&'a Terminals>,
    began_at: Instant,
    line_down_after: Duration,
    /// Which of the alarms that it ends are open; `None` before the database has said so.
    open: Option<HashSet<(AlarmKind, String)>>,
    /// Since when lines are down.
    down: HashMap<String, Instant>,
    /// How many requests of another master each line has heard, as far as that is told.
    foreign: HashMap<String, u64>,
    /// How often each terminal was claimed, refused and hung up, as far as that is told.
    claims: HashMap<TerminalAddress, Claims>,
    /// Receivers of billing that do not take what they are offered.
    behind: Behind,
    /// What the clock showed when it was looked at.
    clock: (Moment, Instant),
}

/// How often a terminal was claimed, refused and hung up.
#[derive(Clone, Copy, Debug, Default)]
struct Claims {
    claimed: u64,
    refused: u64,
    floods: u64,
}

impl Watcher<'_> {
    /// Looks at everything. What cannot be told of one keeps no other from being told; while the database is away, nothing
    /// can be, and the next look finds it again.
    async fn look(&mut self, now: Moment) {
        if let Err(error) = self.look_at_all(now).await {
            tracing::warn!(kind = error.kind(), "alarms could not be raised: {}", with_causes(&error));
        }
    }

    async fn look_at_all(&mut self, now: Moment) -> Result<(), StoreError> {
        passed_over(self.look_at_the_clock(now).await)?;
        if self.open.is_none() {
            self.open = Some(self.open_alarms().await?);
        }
        // The line behind a terminal is down when the terminal is away, which is told of the terminal.
        let is_wire = |line: &ChannelHandle| line.name().parse::<TerminalAddress>().is_err();
        for line in self.lines.iter().filter(is_wire) {
            passed_over(self.look_at_line(line.name(), &line.status(), now).await)?;
        }
        for terminal in self.terminals.map(Terminals::all).unwrap_or_default() {
            passed_over(self.look_at_terminal(&terminal, now).await)?;
        }
        let trouble = self.terminals.and_then(|terminals| terminals.revocation_trouble(now));
        passed_over(self.look_at_revocations(trouble, now).await)?;
        passed_over(self.look_at_refused(now).await)?;
        self.look_at_receivers(now).await
    }

    /// Those that were open when the program began.
    async fn open_alarms(&self) -> Result<HashSet<(AlarmKind, String)>, StoreError> {
        let mut open = HashSet::new();
        for kind in ENDED_HERE {
            let filter = AlarmFilter { is_open: true, kind: Some(*kind), ..AlarmFilter::default() };
            let found = self.store.alarms(&filter, &Regions::All, i64::MAX, u32::MAX).await?;
            open.extend(found.into_iter().map(|alarm| (alarm.kind, alarm.subject)));
        }
        Ok(open)
    }

    async fn look_at_line(&mut self, name: &str, status: &LineStatus, now: Moment) -> Result<(), StoreError> {
        let subject = format!("line {name}");
        match status.phase {
            LinePhase::Down { reason } => {
                let since = *self.down.entry(name.to_owned()).or_insert(status.since);
                if since.elapsed() >= self.line_down_after {
                    let alarm = Alarm::new(AlarmKind::LineDown, &subject, now);
                    self.begin(alarm.saying(reason, reason)).await?;
                }
            }
            LinePhase::Chattering => {
                self.begin(Alarm::new(AlarmKind::LineChatter, &subject, now)).await?;
            }
            LinePhase::Up => {
                self.down.remove(name);
                self.end(AlarmKind::LineDown, &subject, now).await?;
                self.end(AlarmKind::LineChatter, &subject, now).await?;
            }
            LinePhase::Connecting | LinePhase::Stopped => {}
        }
        let heard = status.tally.foreign_requests;
        if heard > self.foreign.get(name).copied().unwrap_or(0) {
            let (zh, en) = (format!("收到{heard}帧他站请求"), format!("{heard} requests heard"));
            let alarm = Alarm::new(AlarmKind::ForeignMaster, subject, now).saying(&zh, &en);
            self.store.raise_alarm(&alarm).await?;
        }
        // Told, or nothing to tell: what the database refused is told by the next look.
        self.foreign.insert(name.to_owned(), heard);
        Ok(())
    }

    /// A terminal that is away for longer than three heartbeats and a reconnection take.
    async fn look_at_terminal(&mut self, status: &TerminalStatus, now: Moment) -> Result<(), StoreError> {
        let subject = format!("terminal {}", status.address);
        self.look_at_claims(&subject, status, now).await?;
        if status.is_online {
            return self.end(AlarmKind::TerminalSilent, &subject, now).await;
        }
        let heard = status.last_heard_at.map_or_else(|| self.began_at.elapsed(), |at| now.since(at));
        if heard < TERMINAL_SILENT {
            return Ok(());
        }
        let (zh, en) = match status.last_heard_at {
            Some(at) => (format!("最近通信 {}", at.in_china()), format!("heard last {}", at.in_china())),
            None => ("启动以来未登录".to_owned(), "it has not come since the program began".to_owned()),
        };
        self.begin(Alarm::new(AlarmKind::TerminalSilent, subject, now).saying(&zh, &en)).await
    }

    /// Somebody else comes under the address of a terminal, or it says far too much (T5).
    async fn look_at_claims(
        &mut self,
        subject: &str,
        status: &TerminalStatus,
        now: Moment,
    ) -> Result<(), StoreError> {
        let told = self.claims.entry(status.address).or_default();
        let from = status.from.map(|from| from.ip().to_string()).unwrap_or_default();
        if status.claims > told.claimed {
            let zh = format!("会话被 {from} 的连接接管，原连接仍在");
            let en = format!("a connection from {from} took its session over while the one before was there");
            let alarm = Alarm::new(AlarmKind::TerminalClaimed, subject, now);
            self.store.raise_alarm(&alarm.saying(&zh, &en)).await?;
        }
        // Each count is noted once it is told, so that what the database refuses is told by the next look.
        told.claimed = status.claims;
        if status.refused > told.refused {
            let alarm = Alarm::new(AlarmKind::TerminalClaimed, subject, now);
            let (zh, en) = (
                "证书不符或已吊销，已拒绝",
                "it came with another certificate, or a revoked one, and was refused",
            );
            self.store.raise_alarm(&alarm.saying(zh, en)).await?;
        }
        told.refused = status.refused;
        if status.floods > told.floods {
            let alarm = Alarm::new(AlarmKind::TerminalFlood, subject, now);
            let (zh, en) = ("已断开其连接", "its connection was hung up");
            self.store.raise_alarm(&alarm.saying(zh, en)).await?;
        }
        told.floods = status.floods;
        Ok(())
    }

    /// A list of revoked certificates that cannot be used, or is outdated. (T7)
    async fn look_at_revocations(&mut self, trouble: Option<Words>, now: Moment) -> Result<(), StoreError> {
        match trouble {
            Some(Words { en, zh }) => {
                let alarm = Alarm::new(AlarmKind::TerminalRevocations, "terminals", now);
                self.begin(alarm.saying(&zh, &en)).await
            }
            None => self.end(AlarmKind::TerminalRevocations, "terminals", now).await,
        }
    }

    /// Wall time that runs otherwise than the time of the machine was set. (F33)
    async fn look_at_the_clock(&mut self, now: Moment) -> Result<(), StoreError> {
        let (before, at) = self.clock;
        let ran = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
        let step = now.micros_since(before).saturating_sub(ran);
        if step.unsigned_abs() > LARGEST_STEP {
            let seconds = step / 1_000_000;
            let (zh, en) = (format!("跳变{seconds:+}秒"), format!("by {seconds:+} seconds"));
            let alarm = Alarm::new(AlarmKind::ClockStep, "clock", now).saying(&zh, &en);
            self.store.raise_alarm(&alarm).await?;
        }
        self.clock = (now, Instant::now());
        Ok(())
    }

    /// Raises an alarm that is not open yet.
    async fn begin(&mut self, alarm: Alarm) -> Result<(), StoreError> {
        let key = (alarm.kind, alarm.subject.clone());
        if !self.open.as_ref().is_some_and(|open| open.contains(&key)) {
            self.store.raise_alarm(&alarm).await?;
            self.open.get_or_insert_with(HashSet::new).insert(key);
        }
        Ok(())
    }

    /// Ends an alarm that is open.
    async fn end(&mut self, kind: AlarmKind, subject: &str, now: Moment) -> Result<(), StoreError> {
        let key = (kind, subject.to_owned());
        if self.open.as_ref().is_some_and(|open| open.contains(&key)) {
            self.store.clear_alarm(kind, subject, now).await?;
            self.open.get_or_insert_with(HashSet::new).remove(&key);
        }
        Ok(())
    }
}

/// Goes on unless the database is away: then nothing else can be told either.
fn passed_over(told: Result<(), StoreError>) -> Result<(), StoreError> {
    match told {
        Err(error) if error.remedy() != Remedy::Retry => {
            tracing::warn!(kind = error.kind(), "an alarm could not be raised: {}", with_causes(&error));
            Ok(())
        }
        told => told,
    }
}

const ENDED_HERE: &[AlarmKind] = &[
    AlarmKind::LineDown,
    AlarmKind::LineChatter,
    AlarmKind::TerminalSilent,
    AlarmKind::TerminalRevocations,
    AlarmKind::BillingParked,
    AlarmKind::BillingBehind,
];
/// Three heartbeats of five minutes.
const TERMINAL_SILENT: Duration = Duration::from_secs(900);
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Microseconds by which the clock may run otherwise than time does. (F33)
const LARGEST_STEP: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Lane, Tally};
    use crate::store::{Address, Migrations};

    /// What a watcher tells by a database that is away, and then by the same database, in two looks.
    async fn told(look: impl AsyncFn(&mut Watcher<'_>) -> Result<(), StoreError>) -> Vec<(AlarmKind, i64)> {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Sqlite(folder.path().join("site.db"));
        let open = async || Store::open(&address, Migrations::Run).await.unwrap();
        let (away, store, lines) = (open().await, open().await, Lines::default());
        away.close().await;
        let mut watcher = Watcher {
            store: &away,
            lines: &lines,
            terminals: None,
            began_at: Instant::now(),
            line_down_after: Duration::from_secs(600),
            open: Some(HashSet::new()),
            down: HashMap::new(),
            foreign: HashMap::new(),
            claims: HashMap::new(),
            behind: Behind::default(),
            clock: (Moment::from_micros(0), Instant::now()),
        };
        look(&mut watcher).await.unwrap_err();
        watcher.store = &store;
        look(&mut watcher).await.unwrap();
        look(&mut watcher).await.unwrap();
        let found = store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 10).await.unwrap();
        found.into_iter().map(|alarm| (alarm.kind, alarm.count)).collect()
    }

    #[tokio::test]
    async fn t03_another_master_is_told_though_the_database_was_away_when_it_was_heard() {
        let status = LineStatus {
            phase: LinePhase::Connecting,
            since: Instant::now(),
            depths: [0; Lane::ALL.len()],
            asking: None,
            tally: Tally { foreign_requests: 3, ..Tally::default() },
        };
        let now = Moment::from_micros(0);
        let told = told(async |watcher| watcher.look_at_line("east", &status, now).await).await;
        assert_eq!(told, [(AlarmKind::ForeignMaster, 1)]);
    }

    #[tokio::test]
    async fn t07_a_list_of_revoked_certificates_that_cannot_be_used_is_an_alarm_until_it_can() {
        let looks = std::cell::Cell::new(0);
        let now = Moment::from_micros(0);
        let told = told(async |watcher| {
            looks.set(looks.get() + 1);
            let is_bad = looks.get() < 3;
            let trouble = is_bad.then(|| Words::of("outdated", "已过期"));
            watcher.look_at_revocations(trouble, now).await?;
            assert_eq!(watcher.open.as_ref().map(HashSet::len), Some(usize::from(is_bad)));
            Ok(())
        });
        assert_eq!(told.await, [(AlarmKind::TerminalRevocations, 1)]);
    }

    #[tokio::test]
    async fn t05_a_claimed_terminal_is_told_though_the_database_was_away_at_that_moment() {
        let address = "1100-3039".parse().unwrap();
        let status = TerminalStatus { claims: 1, refused: 1, floods: 1, ..TerminalStatus::sample(address) };
        let now = Moment::from_micros(0);
        let told = told(async |watcher| watcher.look_at_terminal(&status, now).await).await;
        assert_eq!(told, [(AlarmKind::TerminalFlood, 1), (AlarmKind::TerminalClaimed, 2)]);
    }
}
