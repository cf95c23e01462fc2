//! An update: a version to come brings the database up to itself, is killed at every point and in the middle of its work, is
//! begun twice at once, and is gone back from (F40). Both versions are the real program; the one to come has migrations more.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use chaobiao::store::{Address, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};

use crate::postgres::Cluster;

const METERS: i64 = 20;

/// What the version to come does: it copies, changes a table that is there, and does something that takes a while.
const LATER: [[&str; 3]; 3] = [
    [
        "0101_first",
        "CREATE TABLE later_1 (id INTEGER PRIMARY KEY) STRICT; INSERT INTO later_1 SELECT id FROM meter; \
         ALTER TABLE meter ADD COLUMN later_note TEXT;",
        "CREATE TABLE later_1 (id bigint PRIMARY KEY); INSERT INTO later_1 SELECT id FROM meter; \
         ALTER TABLE meter ADD COLUMN later_note text;",
    ],
    [
        "0102_long",
        // More than is held in memory, so that it stands in the file before it is committed.
        "CREATE TABLE later_2 (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT; \
         WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 120) \
         INSERT INTO later_2 SELECT id, randomblob(524288) FROM n;",
        "CREATE TABLE later_2 (id bigint PRIMARY KEY, bytes bytea NOT NULL); \
         INSERT INTO later_2 SELECT id, ''::bytea FROM generate_series(1, 120) id; SELECT pg_sleep(1);",
    ],
    ["0103_last", "CREATE TABLE later_3 (id INTEGER) STRICT;", "CREATE TABLE later_3 (id bigint);"],
];

/// A site that the old version has made, and a folder with what the new one does.
struct Update {
    folder: tempfile::TempDir,
    cluster: Option<&'static Cluster>,
    first: Address,
}

/// A place where the site is served from, over a database of its own.
struct Place {
    folder: PathBuf,
    database: Address,
}

/// Which version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Old,
    New,
}

use Version::{New, Old};

impl Update {
    async fn open(cluster: Option<&'static Cluster>) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
        for [name, sqlite, postgres] in LATER {
            let migration = folder.path().join("later").join(name);
            std::fs::create_dir_all(&migration).unwrap();
            std::fs::write(migration.join("sqlite.sql"), sqlite).unwrap();
            std::fs::write(migration.join("postgres.sql"), postgres).unwrap();
        }
        let mut archive = "户号,户名,计量点编号,通信地址,规约,线路\n".to_owned();
        for number in 0..METERS {
            archive +=
                &format!("H{number},户{number},P{number},{:012},645-2007,bus-1\n", 202_411_000_000 + number);
        }
        std::fs::write(folder.path().join("archive.csv"), archive).unwrap();
        let first = match cluster {
            None => Address::Sqlite(folder.path().join("first.db")),
            Some(cluster) => Address::Postgres(cluster.new_database().await),
        };
        let update = Self { folder, cluster, first: first.clone() };
        let place = update.place("first", first);
        place.succeed(Old, &["meters", "import", "../archive.csv"]);
        update
    }

    fn place(&self, name: &str, database: Address) -> Place {
        let folder = self.folder.path().join(format!("place_{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let named = match &database {
            Address::Sqlite(path) => format!("path = \"{}\"", path.display()),
            Address::Postgres(url) => {
                std::fs::write(folder.join("url"), url).unwrap();
                "url_file = \"url\"".to_owned()
            }
        };
        let text = format!(
            "[database]\n{named}\n[http]\nlisten = \"127.0.0.1:0\"\n[[line]]\nname = \"bus-1\"\ntcp = \"127.0.0.1:1\"\n"
        );
        std::fs::write(folder.join("chaobiao.toml"), text).unwrap();
        Place { folder, database }
    }

    /// A place over a copy of the site as the old version left it.
    async fn copy(&self, name: &str) -> Place {
        let database = match &self.first {
            Address::Sqlite(first) => {
                let copy = self.folder.path().join(format!("{name}.db"));
                std::fs::copy(first, &copy).unwrap();
                Address::Sqlite(copy)
            }
            Address::Postgres(url) => {
                let (server, first) = url.rsplit_once('/').unwrap();
                let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
                let sql = format!("CREATE DATABASE {first}_{name} TEMPLATE {first} STRATEGY file_copy");
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                Address::Postgres(format!("{server}/{first}_{name}"))
            }
        };
        self.place(name, database)
    }

    /// A place with nothing in it.
    async fn empty(&self, name: &str) -> Place {
        let database = match self.cluster {
            None => Address::Sqlite(self.folder.path().join(format!("{name}.db"))),
            Some(cluster) => Address::Postgres(cluster.new_database().await),
        };
        self.place(name, database)
    }
}

impl Place {
    fn command(&self, version: Version, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
        command.current_dir(&self.folder).args(arguments).stdin(Stdio::null());
        if version == New {
            command.env("CHAOBIAO_LATER_MIGRATIONS", self.folder.join("../later"));
        }
        command
    }

    fn run(&self, version: Version, arguments: &[&str]) -> Output {
        self.command(version, arguments).output().unwrap()
    }

    fn succeed(&self, version: Version, arguments: &[&str]) -> String {
        let output = self.run(version, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", talk(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Is refused with these words.
    fn refused(&self, version: Version, arguments: &[&str], words: &str) {
        let output = self.run(version, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", talk(&output));
        assert!(talk(&output).contains(words), "{arguments:?}: {}", talk(&output));
    }

    fn export(&self, version: Version) -> String {
        self.succeed(version, &["meters", "export"])
    }

    async fn ask(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.database {
            Address::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                let (number,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
            Address::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let (number,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
        }
    }

    /// How many of the later migrations are there. Each is there whole or not at all.
    async fn later(&self) -> i64 {
        let applied = self.ask("SELECT max(version) FROM schema_version").await - Store::schema();
        assert_eq!(self.ask("SELECT count(*) FROM schema_version").await, Store::schema() + applied);
        let catalogue = match &self.database {
            Address::Sqlite(_) => {
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'later%'"
            }
            Address::Postgres(_) => "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'later%'",
        };
        assert_eq!(self.ask(catalogue).await, applied, "a table for each");
        let column = match &self.database {
            Address::Sqlite(_) => "SELECT count(*) FROM pragma_table_info('meter') WHERE name = 'later_note'",
            Address::Postgres(_) => {
                "SELECT count(*) FROM information_schema.columns WHERE table_name = 'meter' AND column_name = 'later_note'"
            }
        };
        assert_eq!(self.ask(column).await, i64::from(applied > 0), "the column comes with the first");
        if applied > 0 {
            assert_eq!(self.ask("SELECT count(*) FROM later_1").await, METERS);
        }
        if applied > 1 {
            assert_eq!(self.ask("SELECT count(*) FROM later_2").await, 120);
        }
        if let Address::Sqlite(_) = &self.database {
            assert_eq!(
                self.ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'").await,
                1
            );
        }
        applied
    }

    /// After an update that was killed: the old version works where nothing was changed, and says what to do where something
    /// was; the new one ends what was begun.
    async fn is_sound(&self, before: &str, what: &str) -> i64 {
        let applied = self.later().await;
        if applied == 0 {
            assert_eq!(self.export(Old), before, "{what}");
        } else {
            self.refused(Old, &["meters", "export"], "run the newer version");
        }
        self.succeed(New, &["migrate"]);
        assert_eq!(self.later().await, 3, "{what}");
        assert_eq!(self.export(New), before, "{what}");
        applied
    }
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds of another process.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < limit, "not in time: {what}");
        // Another process works: there is no event to wait for here.
        sleep(Duration::from_millis(20)).await;
    }
}

async fn killed_at_each_point(cluster: Option<&'static Cluster>) {
    let update = Update::open(cluster).await;
    let before = update.place("first", update.first.clone()).export(Old);
    let (mut at, mut left) = (1, Vec::new());
    loop {
        let place = update.copy(&format!("kill_{at}")).await;
        let mut command = place.command(New, &["migrate"]);
        let output = command.env("CHAOBIAO_FAILPOINT", format!("kill {at}")).output().unwrap();
        let applied = place.is_sound(&before, &format!("killed at {at}")).await;
        if output.status.success() {
            break;
        }
        left.push(applied);
        at += 1;
    }
    println!("f40: killed at {} points, which left {left:?} of 3 migrations", left.len());
    // Before and after each commit; then what the code names.
    assert_eq!(left[..6], [0, 1, 1, 2, 2, 3]);
    assert!(left.len() > 6 && left[6..].iter().all(|applied| *applied == 3), "{left:?}");
}

async fn killed_in_the_middle(cluster: Option<&'static Cluster>) {
    let update = Update::open(cluster).await;
    let before = update.place("first", update.first.clone()).export(Old);
    let place = update.copy("middle").await;
    let mut child = Running(place.command(New, &["serve"]).stderr(Stdio::null()).spawn().unwrap());
    match &place.database {
        Address::Sqlite(path) => {
            let log = PathBuf::from(format!("{}-wal", path.display()));
            let is_long = async || std::fs::metadata(&log).is_ok_and(|log| log.len() > 8_000_000);
            until("the migration writes", is_long).await;
        }
        Address::Postgres(_) => {
            let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name = 'chaobiao' AND state = 'active' AND query LIKE '%later_2%'";
            until("the migration sleeps", async || place.ask(busy).await == 1).await;
        }
    }
    child.0.kill().unwrap();
    assert!(!child.0.wait().unwrap().success());
    let applied = place.is_sound(&before, "killed in the middle").await;
    assert_eq!(applied, 1, "the one in the middle has left nothing");
}

async fn begun_twice(cluster: Option<&'static Cluster>) {
    let update = Update::open(cluster).await;
    let before = update.place("first", update.first.clone()).export(Old);
    let place = update.copy("twice").await;
    let begin = || place.command(New, &["migrate"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let children: Vec<Child> = (0..3).map(|_| begin().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        // Who finds another one at it in a file says so; on a server it waits.
        let may_refuse = cluster.is_none() && talk(&output).contains("in use by another process");
        assert!(output.status.success() || may_refuse, "{}", talk(&output));
    }
    assert_eq!(place.is_sound(&before, "begun twice").await, 3);
}

async fn gone_back_from(cluster: Option<&'static Cluster>) {
    let update = Update::open(cluster).await;
    let place = update.copy("back").await;
    let before = place.export(Old);
    for command in [["user", "list"].as_slice(), &["meters", "export"], &["backup", "backups"]] {
        place.refused(New, command, "then run `chaobiao migrate`");
    }
    assert_eq!(place.later().await, 0, "nothing but `migrate` and `serve` changes the tables");
    let backup = place.succeed(Old, &["backup", "backups"]);
    place.succeed(New, &["migrate"]);
    assert_eq!(place.later().await, 3);
    for command in [["meters", "export"].as_slice(), &["serve"], &["user", "list"], &["backup", "backups"]] {
        place.refused(Old, command, "run the newer version");
    }
    assert_eq!(place.export(New), before, "and nothing was lost by trying");
    let newer = place.succeed(New, &["backup", "backups"]);
    let found = |printed: &str| place.folder.join(printed.trim()).display().to_string();
    let (backup, newer) = (found(&backup), found(&newer));
    // The backup from before the update is put back with the old version, or with the new one, which brings it up.
    let old = update.empty("old").await;
    old.refused(Old, &["restore", &newer], "restore it with version");
    old.succeed(Old, &["restore", &backup]);
    assert_eq!((old.export(Old), old.later().await), (before.clone(), 0));
    let new = update.empty("new").await;
    new.succeed(New, &["restore", &backup]);
    assert_eq!((new.export(New), new.later().await), (before, 3));
}

async fn not_under_whoever_serves(cluster: Option<&'static Cluster>) {
    let update = Update::open(cluster).await;
    let place = update.copy("served").await;
    let log = |name: &str| place.folder.join(name);
    let serve = |version, name: &str| {
        let log = std::fs::File::create(log(name)).unwrap();
        Running(place.command(version, &["serve"]).stderr(log).spawn().unwrap())
    };
    let told = |name: &str, words: &str| read(&log(name)).contains(words);
    let mut old = serve(Old, "old.log");
    until("the old version serves", async || told("old.log", "a night begins at")).await;
    let words = if cluster.is_some() { "is served by" } else { "in use by another process" };
    place.refused(New, &["migrate"], words);
    assert_eq!(place.later().await, 0, "nothing is changed under whoever serves");
    if cluster.is_some() {
        let new = serve(New, "new.log");
        until("the new version waits", async || told("new.log", "serves the site")).await;
        assert_eq!(place.later().await, 0);
        terminate(&old.0);
        assert!(old.0.wait().unwrap().success());
        until("the new version serves", async || told("new.log", "a night begins at")).await;
        terminate(&new.0);
    } else {
        terminate(&old.0);
        assert!(old.0.wait().unwrap().success());
        place.succeed(New, &["migrate"]);
    }
    assert_eq!(place.later().await, 3);
    place.refused(Old, &["serve"], "run the newer version");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn terminate(child: &Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
}

#[tokio::test]
async fn f40_an_update_that_is_killed_at_any_point_is_ended_by_the_next_start() {
    killed_at_each_point(None).await;
}

#[tokio::test]
async fn f40_an_update_that_is_killed_in_the_middle_of_a_migration_leaves_none_of_it() {
    killed_in_the_middle(None).await;
}

#[tokio::test]
async fn f40_an_update_that_is_begun_several_times_at_once_is_done_once() {
    begun_twice(None).await;
}

#[tokio::test]
async fn f40_an_update_is_gone_back_from_by_the_backup_from_before_it() {
    gone_back_from(None).await;
}

#[tokio::test]
async fn f40_an_update_changes_nothing_under_whoever_serves_the_site() {
    not_under_whoever_serves(None).await;
}

#[tokio::test]
#[ignore = "takes half a minute: tests/check.sh nightly"]
async fn f40_an_update_of_a_server_is_killed_begun_at_once_and_gone_back_from() {
    let Some(cluster) = Cluster::shared() else { return };
    let cluster = Some(cluster);
    killed_at_each_point(cluster).await;
    killed_in_the_middle(cluster).await;
    begun_twice(cluster).await;
    gone_back_from(cluster).await;
    not_under_whoever_serves(cluster).await;
}
