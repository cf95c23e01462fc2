//! A private PostgreSQL for the tests of one process: made, started and taken away by themselves.
//!
//! The server runs under a shell that waits for the end of its standard input. That comes when the test process is
//! gone, however it went, so no server is left behind. Where PostgreSQL is not installed, one line says so, or the
//! tests fail when `CHAOBIAO_TEST_REQUIRE` names postgres.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A server that runs until the process ends.
pub(crate) struct Cluster {
    folder: PathBuf,
    databases: AtomicU32,
    /// Its standard input keeps the server alive.
    _shell: Child,
}

impl Cluster {
    /// The server of this process, started at the first call; `None` where PostgreSQL is not installed.
    pub(crate) fn shared() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(|| programs().map(|programs| Self::start(&programs))).as_ref()
    }

    /// The URL of a new, empty database.
    pub(crate) async fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let mut connection = self.connect().await;
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://amr@{folder}/{database}")
    }

    async fn connect(&self) -> PgConnection {
        for _ in 0..750 {
            if let Ok(connection) = PgConnection::connect(&self.url("postgres")).await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not start:\n{log}");
    }

    fn start(programs: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("amr-pg-").tempdir_in(fast_folder()).unwrap().keep();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(SCRIPT).arg("sh").arg(programs).arg(&folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        shell.env_remove("PGDATA").env("LC_ALL", "C.UTF-8");
        if fs::metadata(&folder).unwrap().uid() == 0 {
            // The server refuses to run as root.
            let (user, group) = unprivileged();
            chown(&folder, Some(user), Some(group)).unwrap();
            shell.uid(user).gid(group);
        }
        Self { folder, databases: AtomicU32::new(0), _shell: shell.spawn().unwrap() }
    }
}

/// Where `initdb` and `postgres` are.
pub(crate) fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("CHAOBIAO_TEST_PG_BIN").map(PathBuf::from);
    let asked = || {
        let asked = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim()))
    };
    let installed = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let number = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
        versions.map(|version| version.path().join("bin")).filter(|path| has_initdb(path)).max_by_key(number)
    };
    let has_initdb = |path: &PathBuf| has_initdb(path);
    let found = named.filter(has_initdb).or_else(|| asked().filter(has_initdb)).or_else(installed);
    if found.is_none() {
        let required = std::env::var("CHAOBIAO_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|name| name == "postgres"),
            "PostgreSQL is required and not installed"
        );
        // Not through print, which a passing test swallows.
        let _ = writeln!(
            std::io::stderr(),
            "PostgreSQL is not installed: the store was tested on SQLite only (apt-get install postgresql)"
        );
    }
    found
}

fn has_initdb(path: &Path) -> bool {
    path.join("initdb").exists()
}

/// In memory where that is possible, so that waiting for the disk costs nothing; who measures names a folder on a disk.
pub(crate) fn fast_folder() -> PathBuf {
    if let Some(named) = std::env::var_os("CHAOBIAO_TEST_PG_FOLDER") {
        return named.into();
    }
    let memory = PathBuf::from("/dev/shm");
    if tempfile::tempfile_in(&memory).is_ok() { memory } else { std::env::temp_dir() }
}

/// User and group to run the server as.
pub(crate) fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).unwrap()
}

/// Arguments: folder of the programs, folder of the data.
const SCRIPT: &str = r#"
exec >"$2/log" 2>&1
"$1/initdb" -D "$2/data" -U amr -A trust -E UTF8 --no-sync --no-instructions --wal-segsize=1 || exit 1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c shared_buffers=32MB -c track_commit_timestamp=on -c timezone=UTC </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server
wait $server
rm -rf "$2"
"#;
