//! Notes the end of the audit log outside the database, so that cutting it off is found out (T26).
//!
//! One line for each head: when, its number, its hash. The file is only ever appended to and synced. The log of the program
//! tells each head as well, for whoever collects that on another machine.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Site, SiteLock};
use crate::domain::{Alarm, AlarmKind, Day, Moment};
use crate::failpoint::{self, Side};
use crate::store::{AuditHead, AuditNotes, Spooled, Store, anchors};
use crate::telemetry::with_causes;

/// When the end of the log was last known to be noted outside the database.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(Arc<Mutex<Option<Instant>>>);

impl Noted {
    /// Counts from the start on, where it is to be noted at all: what never succeeds is told as well.
    pub(super) fn from_the_start(file: Option<&Path>) -> Self {
        Self(Arc::new(Mutex::new(file.map(|_| Instant::now()))))
    }

    /// How long ago, or since the start when nothing was noted yet; `None` when no file is named.
    pub(super) fn age(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// Makes known what was noted in the file, and keeps cuts back where the database has less (F31).
pub(super) async fn expect(store: &Store, file: Option<&Path>, now: Moment) {
    let Some(file) = file.filter(|file| file.exists()) else { return };
    let noted = match anchors(file) {
        Ok(noted) => noted,
        // The audit log cannot be verified then, which is an alarm of its own.
        Err(error) => return tracing::error!("the notes of the audit log: {}", with_causes(&error)),
    };
    let Some(last) = noted.into_iter().max_by_key(|head| head.number) else { return };
    store.expect_audit(last);
    let held = async {
        match store.is_audit_there().await? {
            Some(loss) => store.halt_for_loss(loss, now).await,
            None => Ok(()),
        }
    };
    if let Err(error) = held.await {
        tracing::warn!("the audit log is compared with its notes later: {}", with_causes(&error));
    }
}

impl Site {
    /// Notes the end of the audit log whenever it is due or an order has moved on, and once more at the end. Verifies the whole log
    /// at the beginning and once a day. Enters what the log has not taken as soon as it does (T26).
    pub(super) async fn anchor(&self, stop: &CancellationToken) {
        let settings = &self.config.audit;
        let mut last = 0;
        let mut verified = None;
        let mut orders = self.supply.changes();
        let mut held = None;
        // The last entry that was there when another was refused.
        let mut refused_behind: Option<i64> = None;
        let mut waits = None;
        loop {
            if held.is_none()
                && let Some(file) = settings.anchor_file.clone()
            {
                held = tokio::task::spawn_blocking(move || hold(&file)).await.ok().flatten();
            }
            let today = Day::of(self.clock.now());
            if verified != Some(today) {
                self.verify(settings.anchor_file.as_deref()).await;
                verified = Some(today);
            }
            waits = self.enter_spooled(waits).await;
            last = self.note_head(settings.anchor_file.as_deref(), last).await;
            if waits.is_some() {
                refused_behind.get_or_insert(last);
            } else if refused_behind.is_some_and(|behind| last > behind) {
                refused_behind = None;
                self.settle(AlarmKind::AuditFailed, None).await;
            }
            let pause = waits.map_or(settings.anchor_every, |_| settings.anchor_every.min(AGAIN));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Of what was sent something stands elsewhere soon, whatever becomes of the database.
                Ok(()) = orders.changed() => {}
                // It takes entries again: those that wait are entered at once.
                () = self.store.audit_taken(), if waits.is_some() => {}
                // It is tried at once, and whoever guards the log is told if it still does not take it.
                () = self.store.audit_put_by() => {}
                () = self.store.audit_refused() => {
                    refused_behind = self.store.audit_head().await.ok().map(|head| head.number).or(refused_behind);
                    if waits.is_none() {
                        self.settle(AlarmKind::AuditFailed, Some(REFUSED)).await;
                    }
                }
                () = self.store.loss_acknowledged() => {
                    self.begin_notes_anew(settings.anchor_file.as_deref()).await;
                    (last, verified) = (0, None);
                }
                () = stop.cancelled() => {
                    self.note_head(settings.anchor_file.as_deref(), last).await;
                    return;
                }
            }
        }
    }

    /// Enters what the log has not taken, if it takes it now; gives what still waits, which is an alarm when it is other than before.
    async fn enter_spooled(&self, before: Option<Spooled>) -> Option<Spooled> {
        let entered = self.store.enter_spooled(self.clock.now()).await;
        match &entered {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "{count} entries that had waited are in the audit log now"),
            Err(error) => tracing::warn!("entries for the audit log go on waiting: {}", with_causes(error)),
        }
        // Where that cannot be asked, it is as it was.
        let waits = self.store.spooled().await.unwrap_or(before);
        let Some(Spooled { count, since }) = waits.filter(|_| waits != before) else { return waits };
        let en = format!("{}; {count} entries wait to be entered, the first of {since}", REFUSED.1);
        let zh = format!("{}；{count} 条待补录，最早 {}", REFUSED.0, since.in_china());
        self.settle(AlarmKind::AuditFailed, Some((&zh, &en))).await;
        waits
    }

    /// Notes the end of the log if it is another than `last`; gives the number that was noted last.
    async fn note_head(&self, file: Option<&Path>, last: i64) -> i64 {
        let head = match self.store.audit_head().await {
            Ok(head) => head,
            Err(error) => {
                tracing::warn!("the end of the audit log cannot be noted: {}", with_causes(&error));
                return last;
            }
        };
        if head.number == last {
            if file.is_some() {
                self.noted.now();
            }
            return last;
        }
        let AuditHead { number, hash } = head;
        tracing::info!(number, %hash, "the end of the audit log");
        let Some(file) = file.map(Path::to_owned) else { return number };
        let line = format!("{} {number} {hash}\n", self.clock.now());
        let noted = tokio::task::spawn_blocking(move || note(&file, &line)).await;
        match noted {
            Ok(Ok(())) => {
                self.noted.now();
                self.settle(AlarmKind::AuditFailed, None).await;
                number
            }
            Ok(Err(error)) => {
                tracing::error!("the end of the audit log cannot be noted: {error}");
                let error = error.to_string();
                self.settle(AlarmKind::AuditFailed, Some((&error, &error))).await;
                last
            }
            Err(_) => last,
        }
    }

    /// Puts a file aside that tells of entries which are gone, once somebody has looked into that.
    async fn begin_notes_anew(&self, file: Option<&Path>) {
        let Some(file) = file.filter(|file| file.exists()) else { return };
        let noted = anchors(file).unwrap_or_default();
        if matches!(self.store.verify_audit(&noted).await, Ok(Ok(_)) | Err(_)) {
            return;
        }
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".lost-{}", self.clock.now().micros() / 1_000_000));
        let (from, to) = (file.to_owned(), name.clone());
        match tokio::task::spawn_blocking(move || put_aside(&from, Path::new(&to))).await {
            Ok(Ok(())) => {
                tracing::warn!("the notes of what is gone of the audit log stand in {}", name.display())
            }
            Ok(Err(error)) => tracing::error!("{} cannot be put aside: {error}", file.display()),
            Err(_) => {}
        }
    }

    /// Verifies the log against itself and against the heads that were noted in the file.
    async fn verify(&self, file: Option<&Path>) {
        let verdict = match self.store.verify_audit_by(file).await {
            Ok(verdict) => verdict,
            Err(error) => {
                return tracing::warn!("the audit log cannot be verified: {}", with_causes(&error));
            }
        };
        let wrong = match (&verdict.notes, verdict.found) {
            (AuditNotes::Unreadable(error), _) => Some(error.to_string()),
            (_, Err(fault)) => Some(fault.to_string()),
            (_, Ok(_)) => None,
        };
        if let Some(wrong) = &wrong {
            tracing::error!("the audit log does not verify: {wrong}");
        }
        self.settle(AlarmKind::AuditBroken, wrong.as_deref().map(|wrong| (wrong, wrong))).await;
    }

    /// Raises an alarm about it for what is wrong, in Chinese and in English, or ends it.
    async fn settle(&self, kind: AlarmKind, wrong: Option<(&str, &str)>) {
        let now = self.clock.now();
        let done = match wrong {
            Some((zh, en)) => {
                let alarm = Alarm::new(kind, SUBJECT, now).saying(zh, en);
                self.store.raise_alarm(&alarm).await.map(|_| ())
            }
            None => self.store.clear_alarm(kind, SUBJECT, now).await.map(|_| ()),
        };
        if let Err(error) = done {
            tracing::warn!("an alarm about the audit log waits: {}", with_causes(&error));
        }
    }
}

/// What is told where the log takes no entry.
const REFUSED: (&str, &str) = (
    "审计日志不接受新条目：停电及其他操作均被拒绝；复电、保电、取消停电和急停照常执行，条目先行暂存",
    "the audit log takes no entry: cuts and other changes are refused; giving supply back, holding it, taking cuts back and STOP go on, \
     and their entries wait beside it",
);

/// How soon it is looked again whether the log takes what waits.
const AGAIN: Duration = Duration::from_secs(10);

/// What alarms about it name.
const SUBJECT: &str = "audit log";

/// Shows that the notes are those of a site that is served, so that no restore puts them aside under it. Where that cannot be
/// shown, notes are made all the same.
fn hold(file: &Path) -> Option<SiteLock> {
    SiteLock::beside(file)
        .inspect_err(|error| {
            tracing::debug!("that the notes of the audit log are ours is not shown: {}", with_causes(error))
        })
        .ok()
}

fn note(file: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    failpoint::pass_blocking(Side::Before, "noting the head of the audit log")?;
    file.write_all(line.as_bytes())?;
    file.sync_data()?;
    failpoint::pass_blocking(Side::After, "noting the head of the audit log")
}

fn put_aside(file: &Path, to: &Path) -> io::Result<()> {
    failpoint::pass_blocking(Side::Before, "putting notes of what is gone aside")?;
    std::fs::rename(file, to)?;
    failpoint::pass_blocking(Side::After, "putting notes of what is gone aside")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::domain::access::{Acting, Regions, Role};
    use crate::domain::supply::HaltKind;
    use crate::domain::{AuditEntry, AuditHash, Id};
    use crate::store::alarm::AlarmFilter;
    use crate::store::{AnchorError, AuditFilter};

    #[tokio::test]
    async fn t26_a_log_that_was_rewritten_or_cannot_be_noted_is_an_alarm_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[database]\npath = \"{}\"\n", folder.path().join("store.db").display());
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let site = Site::start(config, Clock::system(), 1).await.unwrap();
        let entry = AuditEntry::of_system(site.clock.now(), "test", "nothing");
        site.store.audit(&entry).await.unwrap();
        let open = async || {
            let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
            let alarms = site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            alarms.into_iter().map(|alarm| alarm.kind).collect::<Vec<_>>()
        };
        let file = folder.path().join("anchor.txt");
        let number = site.note_head(Some(&file), 0).await;
        site.verify(Some(&file)).await;
        assert_eq!(open().await, []);

        let noted = std::fs::read_to_string(&file).unwrap();
        let hash = site.store.audit_head().await.unwrap().hash.to_string();
        std::fs::write(&file, noted.replace(&hash, &"ab".repeat(32))).unwrap();
        site.verify(Some(&file)).await;
        assert_eq!(open().await, [AlarmKind::AuditBroken]);
        std::fs::write(&file, noted).unwrap();
        site.verify(Some(&file)).await;
        assert_eq!(open().await, []);

        site.store.audit(&entry).await.unwrap();
        assert_eq!(site.note_head(Some(folder.path()), number).await, number, "a folder is no file");
        assert_eq!(open().await, [AlarmKind::AuditFailed]);
        assert_eq!(site.note_head(Some(&file), number).await, number + 1);
        assert_eq!(open().await, []);
    }

    #[tokio::test]
    async fn t26_a_log_that_takes_no_entry_is_an_alarm_until_it_takes_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let text = format!("[database]\npath = \"{}\"\n[audit]\nanchor_every = \"10s\"\n", file.display());
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let site = Site::start(config, Clock::system(), 1).await.unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
        let mut beside = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        let open = async || {
            let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
            let alarms = site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
            alarms.into_iter().map(|alarm| alarm.kind).collect::<Vec<_>>()
        };
        let entry = AuditEntry::of_system(site.clock.now(), "test", "nothing");
        let shut = "CREATE TRIGGER shut BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'shut'); END";
        sqlx::raw_sql(shut).execute(&mut beside).await.unwrap();
        let stop = CancellationToken::new();
        let lived = async {
            let refused = site.store.audit(&entry).await.unwrap_err();
            assert_eq!(refused.kind(), "audit_refused");
            while open().await != [AlarmKind::AuditFailed] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // What holds cuts back is kept all the same, its entry waits, and the alarm says how many do.
            site.store.press_stop_at_machine("root", "smoke", site.clock.now()).await.unwrap();
            let filter =
                AlarmFilter { is_open: true, kind: Some(AlarmKind::AuditFailed), ..AlarmFilter::default() };
            let told = async || {
                let alarms = site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
                alarms.first().map(|alarm| alarm.detail.clone()).unwrap_or_default()
            };
            while !told().await.contains("1 entries wait to be entered") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(site.store.spooled().await.unwrap().map(|waiting| waiting.count), Some(1));
            sqlx::raw_sql("DROP TRIGGER shut").execute(&mut beside).await.unwrap();
            site.store.audit(&entry).await.unwrap();
            while open().await.contains(&AlarmKind::AuditFailed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(
                site.store.spooled().await.unwrap(),
                None,
                "it is entered as soon as the log takes entries"
            );
            let last = site.store.audit_before(&AuditFilter::default(), i64::MAX, 1).await.unwrap();
            assert!(last[0].action == "stop.press" && last[0].detail.contains("spooled_until"), "{last:?}");
            stop.cancel();
        };
        let within =
            tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(site.anchor(&stop), lived) });
        within.await.unwrap();
        site.close().await;
    }

    #[tokio::test]
    async fn t26_a_site_that_is_served_holds_its_notes_and_their_age_counts_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[database]\npath = \"{}\"\n[audit]\nanchor_file = \"none/anchor.txt\"\n",
            folder.path().join("store.db").display()
        );
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let site = Site::start(config, Clock::system(), 1).await.unwrap();
        assert!(site.noted.age().is_some(), "what never succeeds is told as well");
        assert!(Noted::from_the_start(None).age().is_none(), "where nothing is to be noted nothing is old");
        // The directory is made only now.
        std::fs::create_dir(folder.path().join("none")).unwrap();
        let file = folder.path().join("none/anchor.txt");
        assert!(SiteLock::beside(&file).is_ok(), "nobody holds them");
        site.store.audit(&AuditEntry::of_system(site.clock.now(), "test", "nothing")).await.unwrap();
        let stop = CancellationToken::new();
        let mut noting = Box::pin(site.anchor(&stop));
        let noted = async {
            while !file.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = &mut noting => {}
            () = noted => {}
        }
        assert_eq!(SiteLock::beside(&file).unwrap_err().kind(), "in_use");
        stop.cancel();
        noting.as_mut().await;
        drop(noting);
        site.close().await;
    }

    #[tokio::test]
    async fn f31_a_start_finds_a_database_behind_its_notes_and_the_notes_begin_anew_once_that_was_looked_into()
     {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("anchor.txt");
        let database = folder.path().join("store.db");
        let text = format!(
            "[database]\npath = \"{}\"\n[audit]\nanchor_file = \"anchor.txt\"\n[[line]]\nname = \"L\"\ntcp = \"127.0.0.1:9\"\n",
            database.display()
        );
        let config = Config::parse(&folder.path().join("amr.toml"), &text).unwrap().config;
        let start = async || Site::start(config.clone(), Clock::system(), 1).await.unwrap();
        let site = start().await;
        let entry = AuditEntry::of_system(site.clock.now(), "test", "nothing");
        let kept = site.store.audit(&entry).await.unwrap();
        site.note_head(Some(&file), 0).await;
        site.close().await;
        let site = start().await;
        assert_eq!(site.store.halts().await.unwrap(), [], "all is there");
        site.close().await;

        // Two more were noted, and are not there.
        note(&file, &format!("2026-11-28T08:10:00Z {} {}\n", kept.number + 2, "ab".repeat(32))).unwrap();
        let site = start().await;
        let halts = site.store.halts().await.unwrap();
        assert_eq!(halts.iter().map(|halt| halt.kind).collect::<Vec<_>>(), [HaltKind::DatabaseBehind]);
        assert_eq!(halts[0].reason, format!("{}-{}", kept.number + 1, kept.number + 2));
        let admin = Acting {
            person: Id::new(4),
            account: Id::new(4),
            name: "admin".to_owned(),
            role: Role::Admin,
            role_since: Moment::from_micros(0),
            regions: Regions::All,
            source: String::new(),
            request: None,
        };
        site.store.lift_halt(&admin, HaltKind::DatabaseBehind, site.clock.now()).await.unwrap();
        let woken = tokio::time::timeout(Duration::from_secs(5), site.store.loss_acknowledged()).await;
        woken.unwrap();
        site.begin_notes_anew(Some(&file)).await;
        assert!(!file.exists(), "what tells of what is gone is put aside");
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().any(|name| name.to_string_lossy().starts_with("anchor.txt.lost-")));
        site.note_head(Some(&file), 0).await;
        site.verify(Some(&file)).await;
        let filter = AlarmFilter { is_open: true, ..AlarmFilter::default() };
        assert_eq!(site.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap(), []);
        site.begin_notes_anew(Some(&file)).await;
        assert!(file.exists(), "what verifies stays");
        site.close().await;
        let site = start().await;
        assert_eq!(site.store.halts().await.unwrap(), []);
        site.close().await;
    }

    #[test]
    fn t26_notes_are_read_back_and_anything_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("anchor.txt");
        let hash = AuditHash::from_hex(&"ab".repeat(32)).unwrap();
        note(&file, &format!("2026-11-28T08:00:00Z 7 {hash}\n")).unwrap();
        note(&file, &format!("2026-11-28T08:05:00Z 9 {hash}\n")).unwrap();
        let numbers =
            |file: &Path| anchors(file).map(|all| all.iter().map(|head| head.number).collect::<Vec<_>>());
        assert_eq!(numbers(&file).unwrap(), [7, 9]);
        note(&file, "2026-11-28T08:10:00Z 12 abab").unwrap();
        assert_eq!(numbers(&file).unwrap(), [7, 9], "a line that was broken off");
        note(&file, "\n").unwrap();
        assert!(matches!(numbers(&file), Err(AnchorError::Line { line: 3, .. })));
        assert!(matches!(anchors(&folder.path().join("none")), Err(AnchorError::Unreadable { .. })));
    }
}
