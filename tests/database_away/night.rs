//! A night that is served while its database goes away: nothing is lost, doubled or told too early, and it goes on by itself.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaobiao::domain::RunState;
use chaobiao::store::{Address, Migrations, Store};
use tokio::time::{Instant, sleep};

use crate::disk::Disk;
use crate::ports;
use crate::proxy::{Manner, Proxy};
use crate::receiver::{Receiver, SECRET, takes};
use crate::server::Server;

const METERS: usize = 4;
/// How many readings are kept once the night has kept some: each meter has a first one from its import.
const IN_THE_NIGHT: usize = METERS + 1;
/// Registers of a meter that reach a receiver: two with four tariffs and their totals at two midnights, and what they differ.
const LEAST_KEYS: usize = METERS * 10 * 2;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A site on a server behind a proxy, being served.
pub(crate) struct Served {
    folder: Arc<tempfile::TempDir>,
    /// The file of its log.
    log: PathBuf,
    receiver: Arc<Receiver>,
    watch: String,
    console: String,
    direct: Address,
    serving: Running,
    _meters: Option<Running>,
}

fn chaobiao() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn succeed(command: &mut Command) -> Vec<u8> {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Served {
    /// The meters are on a paced line, so that a night takes a while.
    pub(crate) async fn start(server: &Server, proxy: &Proxy) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (meters, port) = (METERS.to_string(), ports::two_free().to_string());
        let (world, archive, config) = (path("world.toml"), path("archive.csv"), path("chaobiao.toml"));
        let mut draw = chaobiao();
        draw.args(["simulate", "world", "--meters", &meters, "--lines", "1", "--seed", "5", "--plain"]);
        draw.args(["--first-port", &port, "--archive", &archive, "--config", &config]);
        std::fs::write(&world, succeed(&mut draw)).unwrap();
        let receiver = Arc::new(Receiver::plain(takes()).await);
        let drawn = std::fs::read_to_string(&config).unwrap();
        let lines: Vec<&str> = drawn.lines().filter(|line| !line.starts_with("path = ")).collect();
        let database = "[database]\nurl_file = \"url\"\nconnections = 4\nanswers_within = \"3s\"\n";
        let text = lines.join("\n").replace("[database]", database);
        let more = format!(
            "\n[collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\nrepair_days = 1\npasses = 1\n\
             events = false\n[intervals]\nrepair_days = 1\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n[billing]\nlease = \"5s\"\nretry_most = \"1s\"\n\
             [[billing.receivers]]\nname = \"marketing\"\nurl = \"http://{}/readings\"\n\
             secret_file = \"secret\"\nwithin = \"2s\"\n",
            receiver.address
        );
        std::fs::write(&config, text + &more).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        std::fs::write(folder.path().join("url"), proxy.url()).unwrap();
        let mut living = chaobiao();
        living.args(["simulate", "--world", &world, "--json"]).stdout(Stdio::piped());
        let mut living = living.spawn().unwrap();
        let mut told = BufReader::new(living.stdout.take().unwrap()).lines();
        assert!(told.next().unwrap().unwrap().contains("listen"));
        succeed(chaobiao().args(["meters", "import", &archive, "-c", &config]));
        let socket = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
        let direct = Address::Postgres(format!("postgres://amr@{socket}/site"));
        let mut served = Self::serve(&folder, "log", &receiver, &direct, Some(Running(living)));
        served.moved("metrics are at http://").await;
        served.console = served.told("控制台: http://").await;
        served
    }

    fn serve(
        folder: &Arc<tempfile::TempDir>,
        log: &str,
        receiver: &Arc<Receiver>,
        direct: &Address,
        meters: Option<Running>,
    ) -> Self {
        let log = folder.path().join(log);
        let config = folder.path().join("chaobiao.toml");
        let told = std::fs::File::create(&log).unwrap();
        let serving = Running(chaobiao().args(["serve", "-c"]).arg(config).stderr(told).spawn().unwrap());
        let (folder, receiver, direct) = (Arc::clone(folder), Arc::clone(receiver), direct.clone());
        let (watch, console) = (String::new(), String::new());
        Self { folder, log, receiver, watch, console, direct, serving, _meters: meters }
    }

    /// A second instance of the same site, which has to wait.
    pub(crate) async fn another(&self) -> Self {
        let mut another = Self::serve(&self.folder, "second.log", &self.receiver, &self.direct, None);
        another.moved("it waits at http://").await;
        another
    }

    /// Notes where the port for machines is, once it says so.
    pub(crate) async fn moved(&mut self, words: &str) {
        self.watch = self.told(words).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.serving.0.id()
    }

    /// Its end by itself.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        for _ in 0..600 {
            if let Some(status) = self.serving.0.try_wait().unwrap() {
                return status.code();
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not end: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) async fn told(&mut self, words: &str) -> String {
        for _ in 0..1200 {
            if let Some((_, rest)) = self.log().split_once(words) {
                let end = rest.find(['/', '\n', ' ']).unwrap_or(rest.len());
                return rest[..end].to_owned();
            }
            assert!(self.serving.0.try_wait().unwrap().is_none(), "{}", self.log());
            // Another process works: there is no event to wait for here.
            sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not say {words}: {}", self.log());
    }

    /// Asks until the answer is as wanted, and says after how long.
    pub(crate) async fn ask_until(
        &self,
        path: &str,
        limit: u64,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Duration {
        let began = Instant::now();
        loop {
            let answer = ask(&self.watch, path, "");
            if is_wanted(&answer) {
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(limit), "{path}: {answer}\n{}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until so many readings are kept.
    pub(crate) async fn until_kept(&self, count: usize, server: &Server) -> i64 {
        let folder = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
        let url = format!("postgres://amr@{folder}/site");
        for _ in 0..600 {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let (kept,): (i64,) = sqlx::query_as("SELECT count(*) FROM register_read")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if usize::try_from(kept).unwrap() >= count {
                return kept;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the night does not go on: {}", self.log());
    }

    /// Waits for the end of the night and of the hand-over; gives the keys that took effect.
    pub(crate) async fn end(&self) -> BTreeSet<String> {
        let began = Instant::now();
        loop {
            if self.receiver.effects() >= LEAST_KEYS {
                let store = Store::open_with(&self.direct, Migrations::Check, 1).await.unwrap();
                let runs = store.newest_runs(10).await.unwrap();
                let waits =
                    store.receiver_statuses().await.unwrap().iter().any(|receiver| receiver.waiting > 0);
                store.close().await;
                assert_eq!(runs.len(), 1, "one run for the day");
                if runs[0].state == RunState::Done && !waits {
                    break;
                }
            }
            assert!(began.elapsed() < Duration::from_secs(180), "it does not end: {}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
        self.receiver.books(|books| {
            assert_eq!(books.contradicted, [""; 0], "came again with other bytes");
            assert_eq!(books.order.len(), books.effects.len());
            books.effects.keys().cloned().collect()
        })
    }

    fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.serving.0.id())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }
}

/// The whole answer to a GET.
fn ask(at: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: site\r\n{headers}Connection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn is_ready(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200")
}

/// How the database goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    Stopped,
    Silent,
    ReadOnly,
    Full,
    LogFull,
}

impl Away {
    async fn begin(self, server: &mut Server, proxy: &Proxy, disk: Option<&Disk>) {
        match self {
            Self::Stopped => server.stop(),
            Self::Silent => proxy.behave(Manner::Swallow),
            Self::ReadOnly => {
                server.tell("ALTER DATABASE site SET default_transaction_read_only = on").await;
                let ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaobiao'";
                server.tell(ours).await;
            }
            Self::Full => disk.unwrap().fill(0),
            Self::LogFull => {
                disk.unwrap().fill(0);
                server.write_until_it_ends().await;
            }
        }
    }

    async fn end(self, server: &mut Server, proxy: &Proxy, disk: Option<&Disk>) {
        match self {
            Self::Stopped => server.begin().await,
            Self::Silent => proxy.behave(Manner::Pass),
            Self::ReadOnly => {
                server.tell("ALTER DATABASE site RESET default_transaction_read_only").await;
                let ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaobiao'";
                server.tell(ours).await;
            }
            Self::Full => disk.unwrap().make_room(),
            Self::LogFull => {
                // A server that could not write its log has ended; whoever keeps it makes room and begins it again.
                disk.unwrap().make_room();
                server.stop();
                server.begin().await;
            }
        }
    }
}

async fn lived(away: Away, wait: Duration) {
    let Some(mut server) = Server::start().await else { return };
    let disk = match away {
        Away::Full => Disk::of(64),
        Away::LogFull => Disk::of(160),
        _ => None,
    };
    match &disk {
        Some(disk) if away == Away::LogFull => {
            server.stop();
            server.put_log_on(disk.path());
            server.begin().await;
        }
        Some(disk) => server.put_site_on(disk.path()).await,
        None if matches!(away, Away::Full | Away::LogFull) => return,
        None => {}
    }
    let proxy = Proxy::before(server.socket()).await;
    let served = Served::start(&server, &proxy).await;
    served.ask_until("/readyz", 30, is_ready).await;
    let kept = served.until_kept(IN_THE_NIGHT, &server).await;
    let (memory, pushed) = (served.memory(), served.receiver.effects());
    let reasons: &[&str] = match away {
        Away::Stopped => &["database_unreachable", "database_busy", "database_hangs"],
        Away::LogFull => {
            &["database_unreachable", "database_busy", "database_hangs", "database_restarts", "database_full"]
        }
        Away::Silent => &["database_hangs", "database_busy"],
        Away::ReadOnly => &["database_read_only"],
        Away::Full => &["database_full"],
    };
    away.begin(&mut server, &proxy, disk.as_ref()).await;
    let began = Instant::now();
    let why = |answer: &str| {
        answer.starts_with("HTTP/1.1 503") && reasons.iter().any(|reason| answer.contains(reason))
    };
    served.ask_until("/readyz", 60, why).await;
    // What fits into pages that are there may have been kept before that.
    let fills_up = matches!(away, Away::Full | Away::LogFull);
    let pushed = if fills_up { served.receiver.effects() } else { pushed };
    assert!(is_ready(&ask(&served.watch, "/healthz", "")), "to be started again would not help");
    if !matches!(away, Away::ReadOnly | Away::Full) {
        // Whoever wants something approved is told why not.
        let bearer = "Authorization: Bearer chaobiao_none\r\n";
        let refused = ask(&served.console, "/api/v1/orders", bearer);
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("store_unavailable"), "{refused}");
    }
    while began.elapsed() < wait {
        sleep(Duration::from_millis(200)).await;
        let told = served.receiver.effects();
        if away == Away::Full {
            let kept = server.number("SELECT count(*) FROM outbox WHERE receiver = 'marketing'").await;
            assert!(i64::try_from(told).unwrap() <= kept, "handed over before it was kept");
        } else {
            assert_eq!(told, pushed, "handed over before it was kept");
        }
    }
    let grown = served.memory().saturating_sub(memory);
    assert!(grown < 64 * 1024 * 1024, "it grew by {grown} bytes");
    away.end(&mut server, &proxy, disk.as_ref()).await;
    let back = served.ask_until("/readyz", 30, is_ready).await;
    let keys = served.end().await;
    println!(
        "f31: {away:?} for {wait:?} with {kept} readings kept: ready {back:?} after the return, grew by {grown} bytes, \
         {} keys once each",
        keys.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_f32_a_server_that_is_stopped_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::Stopped, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f22_f31_a_server_that_falls_silent_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::Silent, Duration::from_secs(12)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_a_server_that_takes_no_writes_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::ReadOnly, Duration::from_secs(8)).await;
}

/// A night whose service is told to stop once its log says that it waits for the database.
async fn stopped(away: Away, waits: &str) {
    let Some(mut server) = Server::start().await else { return };
    let proxy = Proxy::before(server.socket()).await;
    let mut served = Served::start(&server, &proxy).await;
    served.until_kept(IN_THE_NIGHT, &server).await;
    away.begin(&mut server, &proxy, None).await;
    served.told(waits).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(served.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let asked = Instant::now();
    let status = loop {
        if let Some(status) = served.serving.0.try_wait().unwrap() {
            break status;
        }
        // A service manager is as patient, at least: deploy/systemd.
        assert!(asked.elapsed() < Duration::from_secs(45), "it does not stop\n{}", served.log());
        sleep(Duration::from_millis(50)).await;
    };
    println!("f31: {away:?}: stopped within {:?}", asked.elapsed());
    assert_eq!(status.code(), Some(0), "{}", served.log());
    away.end(&mut server, &proxy, None).await;
    let again = Served::serve(&served.folder, "again.log", &served.receiver, &served.direct, None);
    again.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_a_night_that_is_stopped_while_its_server_takes_no_writes_ends_and_goes_on_afterwards() {
    stopped(Away::ReadOnly, "the database does not take what was ").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_f32_a_night_that_is_stopped_while_its_server_is_silent_ends_and_goes_on_afterwards() {
    stopped(Away::Silent, "the database does not say what is known of a ").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f30_f31_a_server_whose_disk_is_full_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::Full, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f30_f31_a_server_whose_log_disk_is_full_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::LogFull, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: tests/check.sh nightly"]
async fn f31_a_server_that_is_away_for_ten_minutes_in_a_night_delays_it_and_loses_nothing() {
    lived(Away::Stopped, Duration::from_secs(600)).await;
}
