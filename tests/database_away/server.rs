//! A PostgreSQL of one test, which can be stopped without a word and begun again.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::sleep;

use crate::postgres::{fast_folder, programs, unprivileged};

pub(crate) struct Server {
    folder: PathBuf,
    programs: PathBuf,
    /// Its standard input keeps the server alive.
    shell: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// A running server with an empty database `site`; `None` where PostgreSQL is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("amr-pg-").tempdir_in(fast_folder()).unwrap().keep();
        if std::fs::metadata(&folder).unwrap().uid() == 0 {
            let (user, group) = unprivileged();
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let mut server = Self { folder, programs, shell: None };
        let mut made = server.command("exec \"$1/initdb\" -D \"$2/data\" -U amr -A trust -E UTF8 --no-sync --no-instructions >/dev/null");
        assert!(made.status().unwrap().success());
        server.begin().await;
        // No superuser, whom no limit holds.
        server.tell("CREATE ROLE site LOGIN").await;
        server.tell("CREATE DATABASE site OWNER site").await;
        Some(server)
    }

    /// Begins it again.
    pub(crate) async fn begin(&mut self) {
        let script = "exec >>\"$2/log\" 2>&1\n\
            \"$1/postgres\" -D \"$2/data\" -k \"$2\" -c listen_addresses= -c shared_buffers=32MB -c timezone=UTC </dev/null &\n\
            server=$!\ncat >/dev/null\nkill -QUIT $server\nwait $server\n";
        let mut command = self.command(script);
        self.shell = Some(command.stdin(Stdio::piped()).spawn().unwrap());
        drop(self.connect().await);
    }

    /// Ends it as a loss of power does: it writes nothing more and says nothing.
    pub(crate) fn stop(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    /// Keeps what it has now, as a copy elsewhere that gets nothing more; it must be stopped.
    pub(crate) fn keep_copy(&self) {
        let copied = self.command("cp -a \"$2/data\" \"$2/copy\"").status().unwrap();
        assert!(copied.success());
    }

    /// Lets the copy take its place: what came after it is gone.
    pub(crate) fn fall_back(&self) {
        let moved = self.command(
            "mv \"$2/data\" \"$2/lost\" && mv \"$2/copy\" \"$2/data\" && rm -f \"$2/data/postmaster.pid\"",
        );
        assert!({ moved }.status().unwrap().success());
    }

    /// Puts the database `site` on a disk of its own.
    pub(crate) async fn put_site_on(&self, disk: &Path) {
        let space = disk.join("space");
        std::fs::create_dir(&space).unwrap();
        let owner = std::fs::metadata(&self.folder).unwrap();
        chown(&space, Some(owner.uid()), Some(owner.gid())).unwrap();
        // The way to it, too.
        std::fs::set_permissions(disk, std::fs::Permissions::from_mode(0o755)).unwrap();
        self.tell(&format!("CREATE TABLESPACE small LOCATION '{}'", space.display())).await;
        self.tell("ALTER DATABASE site SET TABLESPACE small").await;
    }

    /// Puts its log of changes on a disk of its own; it must be stopped.
    pub(crate) fn put_log_on(&self, disk: &Path) {
        std::fs::set_permissions(disk, std::fs::Permissions::from_mode(0o777)).unwrap();
        let script = format!(
            "mv \"$2/data/pg_wal\" '{0}/pg_wal' && ln -s '{0}/pg_wal' \"$2/data/pg_wal\"",
            disk.display()
        );
        assert!(self.command(&script).status().unwrap().success());
    }

    /// Writes until its log takes no more, which ends it.
    pub(crate) async fn write_until_it_ends(&self) {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        let url = format!("postgres://amr@{folder}/postgres");
        for _ in 0..1000 {
            let Ok(mut connection) = PgConnection::connect(&url).await else { return };
            let write = "SELECT pg_logical_emit_message(false, 'test', 'x'); SELECT pg_switch_wal()";
            if sqlx::raw_sql(write).execute(&mut connection).await.is_err() {
                return;
            }
        }
        panic!("its log took everything");
    }

    /// Runs a statement beside whoever is being tested.
    pub(crate) async fn tell(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// What a query of one number on the database `site` says.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        let mut connection = PgConnection::connect(&format!("postgres://amr@{folder}/site")).await.unwrap();
        let (number,) =
            sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        for _ in 0..750 {
            if let Ok(connection) = PgConnection::connect(&format!("postgres://amr@{folder}/postgres")).await
            {
                return connection;
            }
            // Another process begins: there is no event to wait for here.
            sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not start:\n{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg(&self.programs).arg(&self.folder).current_dir("/");
        command.stdin(Stdio::null()).env_remove("PGDATA").env("LC_ALL", "C.UTF-8");
        if std::fs::metadata(Path::new(&self.folder)).unwrap().uid() != nix_uid() {
            let (user, group) = unprivileged();
            command.uid(user).gid(group);
        }
        command
    }
}

/// Whose files this process makes.
fn nix_uid() -> u32 {
    tempfile::tempfile().unwrap().metadata().unwrap().uid()
}
