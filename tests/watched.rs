//! The port for machines that watch, asked as they ask it: by HTTP, of a process of its own.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]

#[expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[path = "support/postgres.rs"]
mod postgres;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, sleep};

/// What must not be told: a customer's number and name, a point, an address, and a password.
const CANARIES: [&str; 5] = ["H7700117", "金丝雀先生", "P7700118", "202411770119", "830462"];

/// A served site, ended with the test.
struct Served {
    folder: PathBuf,
    child: Child,
    watch: String,
    console: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn chaobiao(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder);
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Served {
    /// Serves a site with one meter on a line to nowhere.
    async fn start(folder: &Path, database: &str) -> Self {
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write(
            "chaobiao.toml",
            &format!(
                "[database]\n{database}\n[http]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
                 [secrets]\nkey_file = \"secrets.key\"\n[audit]\nanchor_file = \"anchor.txt\"\n\
                 [[line]]\nname = \"bus-1\"\ntcp = \"127.0.0.1:1\"\n"
            ),
        );
        let [customer, name, point, address, password] = CANARIES;
        write(
            "archive.csv",
            &format!(
                "户号,户名,计量点编号,通信地址,规约,线路\n{customer},{name},{point},{address},645-2007,bus-1\n"
            ),
        );
        write("passwords.csv", &format!("address,level,password\n{address},02,{password}\n"));
        succeed(chaobiao(folder).args(["secrets", "key", "secrets.key"]));
        succeed(chaobiao(folder).args(["meters", "import", "archive.csv"]));
        succeed(chaobiao(folder).args(["secrets", "import", "passwords.csv"]));
        Self::begin(folder, chaobiao(folder).arg("serve")).await
    }

    /// Serves the site that is there.
    async fn begin(folder: &Path, command: &mut Command) -> Self {
        let log = std::fs::File::create(folder.join("serve.log")).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        let mut served =
            Self { folder: folder.to_owned(), child, watch: String::new(), console: String::new() };
        served.watch = served.told("metrics are at http://").await;
        served.console = served.told("控制台: http://").await;
        served
    }

    /// What the log says behind these words, up to the end of the address.
    async fn told(&mut self, words: &str) -> String {
        for _ in 0..300 {
            let log = std::fs::read_to_string(self.folder.join("serve.log")).unwrap();
            if let Some((_, rest)) = log.split_once(words) {
                let end = rest.find(['/', '\n', ' ']).unwrap_or(rest.len());
                return rest.get(..end).unwrap().to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "{log}");
            // Another process works: there is no event to wait for here.
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not say {words}");
    }

    fn ask(&self, path: &str) -> Answer {
        ask(&self.watch, path)
    }

    /// Asks until the answer is as wanted.
    async fn ask_until(&self, path: &str, is_wanted: impl Fn(&Answer) -> bool) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.ask(path);
            if is_wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{path}: {answer:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
    took: Duration,
}

fn ask(at: &str, path: &str) -> Answer {
    let began = Instant::now();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, text, took: began.elapsed() }
}

#[tokio::test(flavor = "multi_thread")]
async fn t21_what_watchers_are_told_is_of_no_customer_holds_no_secret_and_is_on_no_other_port() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "path = \"chaobiao.db\"").await;
    let ready = served.ask_until("/readyz", |answer| answer.status == 200).await;
    assert!(ready.text.ends_with("{\"ok\":true,\"wrong\":[]}"), "{ready:?}");
    assert_eq!(served.ask("/healthz").status, 200);
    // The audit log had entries before it was served, so its end is noted.
    let metrics =
        served.ask_until("/metrics", |answer| answer.text.contains("amr_audit_anchor_age_seconds ")).await;
    let has = |line: &str| metrics.text.lines().any(|found| found == line);
    assert!(has("amr_facts_up 1") && has("amr_supply_order_unknown 0"), "{metrics:?}");
    assert!(has("amr_supply_halt{kind=\"stop\"} 0") && has("amr_channel_panic_total 0"), "{metrics:?}");
    assert!(
        metrics.text.contains("# TYPE amr_exchange_duration_seconds histogram")
            || !metrics.text.contains("amr_exchange_duration_seconds")
    );
    // Each metric is one that we know of, with what it says.
    let names = chaobiao::telemetry::names();
    for line in metrics.text.lines().filter(|line| line.starts_with("amr_") || line.starts_with("process_")) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(names.iter().any(|known| known == name), "{line}");
    }
    for path in ["/metrics", "/healthz", "/readyz", "/nothing"] {
        let told = served.ask(path).text;
        for canary in CANARIES {
            assert!(!told.contains(canary), "{path} tells {canary}: {told}");
        }
        for secret in ["chaobiao.db", "bus-1", "secrets.key"] {
            assert!(!told.contains(secret), "{path} tells {secret}: {told}");
        }
    }
    // Each port has what is its own.
    for path in ["/metrics", "/healthz", "/readyz", "/debug/pprof"] {
        let elsewhere = ask(&served.console, path);
        assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
        assert!(!elsewhere.text.contains("amr_"), "{elsewhere:?}");
    }
    for path in ["/", "/login", "/api/v1/meters", "/api/openapi.json", "/debug/pprof"] {
        assert_eq!(served.ask(path).status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_watchers_that_never_read_keep_nobody_else_out() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "path = \"chaobiao.db\"").await;
    let question = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", served.watch).repeat(200);
    let silent: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut stream = TcpStream::connect(&served.watch).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
            // What does not fit in need not.
            let _ = stream.write_all(question.as_bytes());
            stream
        })
        .collect();
    for _ in 0..5 {
        let answer = served.ask_until("/metrics", |answer| answer.status == 200).await;
        assert!(answer.text.contains("amr_facts_up 1"), "{answer:?}");
        assert!(ask(&served.console, "/login").took < Duration::from_secs(2));
    }
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_file_that_another_process_keeps_locked_hangs_no_watcher() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), "path = \"chaobiao.db\"").await;
    served.ask_until("/readyz", |answer| answer.status == 200).await;
    let file = format!("sqlite:{}", folder.path().join("chaobiao.db").display());
    let mut other = SqliteConnection::connect(&file).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let locked = served.ask_until("/readyz", |answer| answer.status == 503).await;
    assert!(
        locked.text.ends_with("{\"ok\":false,\"wrong\":[\"database\",\"database_hangs\"]}"),
        "{locked:?}"
    );
    assert!(locked.took < Duration::from_secs(4), "{locked:?}");
    // To be started again would not help, and reading goes on.
    assert_eq!(served.ask("/healthz").status, 200);
    assert!(served.ask("/metrics").text.contains("amr_facts_up 1"));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    served.ask_until("/readyz", |answer| answer.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_server_that_does_not_answer_hangs_no_watcher_and_its_facts_are_left_out() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let url = cluster.new_database().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), &url).unwrap();
    let served = Served::start(folder.path(), "url_file = \"url\"").await;
    served.ask_until("/readyz", |answer| answer.status == 200).await;
    assert!(served.ask("/metrics").text.contains("amr_facts_up 1"));
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE outbox_count, opening, schema_version IN ACCESS EXCLUSIVE MODE")
        .execute(&mut other)
        .await
        .unwrap();
    let stuck = served.ask_until("/metrics", |answer| answer.text.contains("amr_facts_up 0")).await;
    assert!(stuck.took < Duration::from_secs(4), "{stuck:?}");
    assert!(!stuck.text.contains("amr_supply_halt") && stuck.text.contains("amr_build_info"), "{stuck:?}");
    assert_eq!(served.ask_until("/readyz", |answer| answer.status == 503).await.status, 503);
    // However many ask, few connections are used.
    let began = Instant::now();
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let at = served.watch.clone();
            std::thread::spawn(move || ask(&at, "/metrics"))
        })
        .collect();
    for each in asked {
        assert_eq!(each.join().unwrap().status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    served.ask_until("/readyz", |answer| answer.status == 200).await;
    served.ask_until("/metrics", |answer| answer.text.contains("amr_facts_up 1")).await;
}

/// The socket of a service manager, as systemd hands it to a service, and what it was told, with when.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self(socket)
    }

    /// All that comes within a time.
    fn hears(&self, within: Duration) -> Vec<(Instant, String)> {
        let began = Instant::now();
        let (mut heard, mut message) = (Vec::new(), [0; 256]);
        while began.elapsed() < within {
            if let Ok(length) = self.0.recv(&mut message) {
                let text = String::from_utf8_lossy(message.get(..length).unwrap_or_default()).into_owned();
                heard.push((Instant::now(), text));
            }
        }
        heard
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_fed_as_long_as_collection_turns_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let first = Served::start(folder.path(), "path = \"chaobiao.db\"").await;
    drop(first);
    let text = std::fs::read_to_string(folder.path().join("chaobiao.toml")).unwrap();
    let collects = format!("{text}\n[collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\n");
    std::fs::write(folder.path().join("chaobiao.toml"), collects).unwrap();
    assert!(manager.hears(Duration::from_millis(200)).is_empty(), "nobody was told of a manager");

    let mut serve = chaobiao(folder.path());
    serve.arg("serve").env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "2000000");
    // The collector stands still for longer than the manager waits, and turns again.
    serve.env("CHAOBIAO_FAILPOINT", "hold:4000 1 before beginning a run");
    let mut served = Served::begin(folder.path(), &mut serve).await;
    let heard = manager.hears(Duration::from_secs(6));
    let at = |word: &str| heard.iter().position(|(_, text)| text.contains(word));
    assert!(at("READY=1").is_some_and(|ready| at("WATCHDOG=1").is_none_or(|fed| ready < fed)), "{heard:?}");
    let fed: Vec<Instant> =
        heard.iter().filter(|(_, text)| text.contains("WATCHDOG=1")).map(|(when, _)| *when).collect();
    let pauses: Vec<Duration> =
        fed.windows(2).filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?))).collect();
    let stood = pauses.iter().filter(|pause| **pause > Duration::from_secs(2)).count();
    assert!(fed.len() > 4 && stood == 1, "fed at {pauses:?}: {heard:?}");
    assert!(pauses.iter().max().is_some_and(|longest| *longest > Duration::from_millis(3500)), "{pauses:?}");
    assert!(pauses.last().is_some_and(|last| *last < Duration::from_secs(1)), "it turns again: {pauses:?}");

    let pid = nix::unistd::Pid::from_raw(i32::try_from(served.child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(served.child.wait().unwrap().success());
    assert!(manager.hears(Duration::from_millis(300)).iter().any(|(_, text)| text.contains("STOPPING=1")));
}

/// A port that another program has is told of and keeps nobody from being read; once it is free, who watches is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_has_stops_nothing_and_is_opened_once_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    let config = format!(
        "[database]\npath = \"chaobiao.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"{at}\"\n"
    );
    std::fs::write(folder.path().join("chaobiao.toml"), config).unwrap();
    let log = std::fs::File::create(folder.path().join("serve.log")).unwrap();
    let child = chaobiao(folder.path()).arg("serve").stderr(log).spawn().unwrap();
    let mut served =
        Served { folder: folder.path().to_owned(), child, watch: String::new(), console: String::new() };
    served.console = served.told("控制台: http://").await;
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert!(log.contains("[metrics] listen") && log.contains("监控端口无法使用（抄表不受影响）"), "{log}");
    assert!(log.contains(&at.to_string()), "it says which: {log}");
    assert_eq!(ask(&served.console, "/login").status, 200);
    drop(other);
    served.watch = served.told("metrics are at http://").await;
    assert_eq!(served.watch, at.to_string());
    served.ask_until("/readyz", |answer| answer.status == 200).await;
}
