//! The head-end as a process of its own: served, stopped, killed and begun again, against simulated meters in another.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]

#[path = "support/ports.rs"]
mod ports;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::domain::{Day, RunKind, RunState};
use chaobiao::store::{Address, Migrations, Store};

/// Simulated meters in a process of their own, ended with the test.
struct Meters {
    child: Child,
}

impl Drop for Meters {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site in a folder: the world, the archive, the configuration.
struct Office {
    folder: tempfile::TempDir,
    opened: Day,
    _meters: Meters,
}

fn chaobiao() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chaobiao"))
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {talk}{}", String::from_utf8_lossy(&output.stdout));
    output
}

impl Office {
    /// Draws a world of a few meters on two lines, lets it live, and brings its archive in, as the README says.
    fn open(meters: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let port = ports::two_free();
        let (world, archive, config) = (path("world.toml"), path("archive.csv"), path("chaobiao.toml"));
        let drawn = succeed(chaobiao().args([
            "simulate",
            "world",
            "--meters",
            &meters.to_string(),
            "--lines",
            "2",
            "--seed",
            "5",
            "--plain",
            "--first-port",
            &port.to_string(),
            "--archive",
            &archive,
            "--config",
            &config,
        ]));
        std::fs::write(&world, drawn.stdout).unwrap();
        let more = "\n[collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\nrepair_days = 1\npasses = 0\n\
                    events = false\n[intervals]\nrepair_days = 1\n[http]\nlisten = \"127.0.0.1:0\"\n";
        let text = std::fs::read_to_string(&config).unwrap() + more;
        std::fs::write(&config, text).unwrap();
        let mut child = chaobiao()
            .args(["simulate", "--world", &world, "--unpaced", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("listen"), "{first}");
        let opened = Day::of(Clock::system().now());
        let office = Self { folder, opened, _meters: Meters { child } };
        succeed(chaobiao().args(["meters", "import", &archive, "-c", &config]));
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path("serve.log")).unwrap();
        let config = self.path("chaobiao.toml");
        chaobiao().arg("serve").arg("-c").arg(config).stderr(log).spawn().unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Whether a run has begun and not ended. Before the first start there is none.
    async fn has_unfinished_run(&self) -> bool {
        let store = self.store().await;
        let unfinished = store.unfinished_runs().await.unwrap();
        store.close().await;
        !unfinished.is_empty()
    }

    /// The day on which it was opened, in China.
    const fn day(&self) -> Day {
        self.opened
    }

    async fn store(&self) -> Store {
        let address = Address::Sqlite(self.path("chaobiao.db"));
        Store::open(&address, Migrations::Check).await.unwrap()
    }

    /// Waits until the only run has ended, and says how; fails when the night takes far too long.
    async fn wait_for_end(&self) -> RunState {
        let store = self.store().await;
        for _ in 0..1200 {
            let runs = store.newest_runs(1).await.unwrap();
            if let Some(run) = runs.iter().find(|run| run.state != RunState::Running) {
                assert_eq!(run.kind, RunKind::Nightly);
                store.close().await;
                return run.state;
            }
            // Another process works: there is no event to wait for here.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the night does not end\n{}", self.log());
    }

    /// All that counts in the end, as text.
    async fn content(&self) -> Vec<String> {
        let store = self.store().await;
        let mut content = Vec::new();
        for site in store.site_meters().await.unwrap() {
            let from = chaobiao::domain::Moment::from_micros(0);
            let until = chaobiao::domain::Moment::from_micros(i64::MAX);
            for entry in store.ledger(site.meter_id, from, until).await.unwrap() {
                let reading = &entry.reading;
                content.push(format!(
                    "{} {} {} {} v{} {}",
                    site.meter.address,
                    reading.item.code(),
                    reading.as_of,
                    reading.value,
                    entry.version,
                    entry.is_current
                ));
            }
        }
        store.close().await;
        content
    }
}

fn terminate(child: &Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
}

fn database(folder: &Path) -> PathBuf {
    folder.join("chaobiao.db")
}

#[tokio::test]
async fn a_site_is_served_and_stops_cleanly_when_it_is_told_to() {
    let office = Office::open(6);
    assert!(database(office.folder.path()).exists());
    let mut serving = office.serve();
    assert_eq!(office.wait_for_end().await, RunState::Done, "{}", office.log());
    // While it serves nobody else has the lines.
    let config = office.path("chaobiao.toml");
    let refused = chaobiao().args(["collect", "-c"]).arg(&config).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is `chaobiao serve` running?"));
    terminate(&serving);
    let ended = serving.wait().unwrap();
    assert_eq!(ended.code(), Some(0), "{}", office.log());
    assert!(office.log().contains("stopped"), "{}", office.log());
    let content = office.content().await;
    // Two registers with four tariffs, tonight and the midnight before, and the first reading of each meter.
    assert_eq!(content.len(), 6 * (10 * 2 + 1), "{content:?}");
    assert!(content.iter().all(|line| line.ends_with("v1 true")), "{content:?}");
    // What was done is not done again.
    let again = succeed(chaobiao().args(["collect", "--json", "-c"]).arg(&config));
    let summary: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&summary["planned"], &summary["read"]), (&serde_json::json!(6), &serde_json::json!(6)));
    assert_eq!(office.content().await, content);
}

#[tokio::test]
async fn a_night_that_is_stopped_ends_at_once_and_goes_on_afterwards() {
    let office = Office::open(12);
    let mut serving = office.serve();
    while !office.has_unfinished_run().await {
        assert!(serving.try_wait().unwrap().is_none(), "{}", office.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = tokio::time::Instant::now();
    terminate(&serving);
    let ended = serving.wait().unwrap();
    assert_eq!(ended.code(), Some(0), "{}", office.log());
    // Questions in hand come to their end; the visits they belong to do not.
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert!(office.has_unfinished_run().await, "the night was not over");
    let mut serving = office.serve();
    assert_eq!(office.wait_for_end().await, RunState::Done, "{}", office.log());
    terminate(&serving);
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn f30_a_site_whose_log_takes_nothing_is_served_and_stops_cleanly() {
    let office = Office::open(2);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let config = office.path("chaobiao.toml");
    let mut serving = chaobiao().arg("serve").arg("-c").arg(config).stderr(full).spawn().unwrap();
    while !database(office.folder.path()).exists() {
        assert!(serving.try_wait().unwrap().is_none(), "it ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(office.wait_for_end().await, RunState::Done);
    terminate(&serving);
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}

/// Serves an office with so many handles at most.
fn serve_with_handles(office: &Office, most: u32) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(office.path("serve.log")).unwrap();
    Command::new("sh")
        .args(["-c", &format!("ulimit -n {most}; exec \"$0\" serve -c \"$1\"")])
        .arg(env!("CARGO_BIN_EXE_chaobiao"))
        .arg(office.path("chaobiao.toml"))
        .stderr(log)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn f37_whoever_takes_all_connections_takes_no_handle_from_the_night() {
    let office = Office::open(6);
    let ports = ports::two_free();
    let config = office.path("chaobiao.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"127.0.0.1:{ports}\""));
    let terminals = format!("\n[terminals]\nlisten = \"127.0.0.1:{}\"\n", ports + 1);
    std::fs::write(&config, text + &terminals).unwrap();

    // Fewer than its lines and its database take: it says so and does not begin.
    let mut refused = serve_with_handles(&office, 220);
    assert_eq!(refused.wait().unwrap().code(), Some(1), "{}", office.log());
    assert!(office.log().contains("LimitNOFILE=") && office.log().contains("220"), "{}", office.log());

    let mut serving = serve_with_handles(&office, 320);
    let mut taken = Vec::new();
    for (port, count) in [(ports, 400), (ports + 1, 800)] {
        while taken.len() < count {
            match tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
                Ok(stream) => taken.push(stream),
                // Not open yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(serving.try_wait().unwrap().is_none(), "{}", office.log());
        }
    }
    assert_eq!(office.wait_for_end().await, RunState::Done, "{}", office.log());
    let held = std::fs::read_dir(format!("/proc/{}/fd", serving.id())).unwrap().count();
    drop(taken);
    terminate(&serving);
    assert_eq!(serving.wait().unwrap().code(), Some(0), "{}", office.log());
    let log = office.log();
    assert!(log.contains("file handles are short") && !log.contains("os error 24"), "{log}");
    assert!(held < 320, "{held} of 320 were open");
}

#[tokio::test]
async fn f26_a_night_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    killed(3, kills(6)).await;
}

#[tokio::test]
#[ignore = "takes minutes: tests/check.sh ci"]
async fn f26_a_night_is_killed_a_hundred_times() {
    killed(12, kills(100)).await;
}

/// Moments after the start at which the process is killed, from a fixed seed.
fn kills(count: u64) -> impl Iterator<Item = Duration> {
    (0..count).map(|number| {
        let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Duration::from_millis(30 + (mixed >> 33) % 400)
    })
}

async fn killed(meters: usize, kills: impl Iterator<Item = Duration>) {
    let office = Office::open(meters);
    let mut in_the_night = 0;
    for after in kills {
        let mut serving = office.serve();
        // What is waited for is the moment itself.
        tokio::time::sleep(after).await;
        serving.kill().unwrap();
        serving.wait().unwrap();
        in_the_night += u32::from(office.has_unfinished_run().await);
    }
    assert!(in_the_night > 0, "no kill came in the middle of the night");
    let mut serving = office.serve();
    assert_eq!(office.wait_for_end().await, RunState::Done, "{}", office.log());
    terminate(&serving);
    assert_eq!(serving.wait().unwrap().code(), Some(0));
    let content = office.content().await;
    assert_eq!(content.len(), meters * (10 * 2 + 1), "each register once: {content:?}");
    assert!(content.iter().all(|line| line.ends_with("v1 true")), "{content:?}");
    println!("{in_the_night} kills in the middle of the night of {meters} meters");

    // The same town, left alone: what is kept in the end is the same (I21).
    let quiet = Office::open(meters);
    let collected = succeed(chaobiao().args(["collect", "--json", "-c"]).arg(quiet.path("chaobiao.toml")));
    let summary: serde_json::Value = serde_json::from_slice(&collected.stdout).unwrap();
    assert_eq!(summary.get("read").unwrap(), meters);
    let handed = |office: &Office| {
        let config = office.path("chaobiao.toml");
        succeed(chaobiao().args(["billing", "list", "--json", "-c"]).arg(config)).stdout
    };
    if office.day() == quiet.day() {
        assert_eq!(quiet.content().await, content);
        succeed(chaobiao().args(["collect", "-c"]).arg(office.path("chaobiao.toml")));
        let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().count();
        assert_eq!(lines(handed(&quiet)), lines(handed(&office)), "each version is handed over once");
    }
}

/// A configuration with one line to nowhere.
fn lonely(folder: &Path) -> PathBuf {
    let config = folder.join("chaobiao.toml");
    let text = "[http]\nlisten = \"127.0.0.1:0\"\n[database]\npath = \"chaobiao.db\"\n[[line]]\nname = \"bus-1\"\ntcp = \"127.0.0.1:1\"\n";
    std::fs::write(&config, text).unwrap();
    config
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn f38_a_night_without_meters_is_no_night_that_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let config = lonely(folder.path());
    let output = chaobiao().args(["collect", "-c"]).arg(&config).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(talk(&output).contains("`chaobiao meters import`"), "{}", talk(&output));
}

#[test]
fn f38_a_demonstration_writes_over_nobodys_files() {
    let folder = tempfile::tempdir().unwrap();
    let config = lonely(folder.path());
    let before = std::fs::read(&config).unwrap();
    let output =
        chaobiao().args(["demo", "--once", "--meters", "1", "--dir"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("is not empty"), "{}", talk(&output));
    assert_eq!(std::fs::read(&config).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_database_that_is_none_is_named_and_its_trouble_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = lonely(folder.path());
    std::fs::write(database(folder.path()), "no database at all ".repeat(500)).unwrap();
    for command in [["collect", "-c"].as_slice(), &["serve", "-c"], &["billing", "list", "-c"]] {
        let output = chaobiao().args(command).arg(&config).output().unwrap();
        let told = talk(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("chaobiao.db"), "{told}");
        assert_eq!(told.matches("file is not a database").count(), 1, "{told}");
    }
}

#[test]
fn a_path_that_is_opened_anew_after_silence_is_not_told_as_news() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let meters = ["simulate", "--tcp", "127.0.0.1:0", "--meters", "1", "--unpaced", "--json"];
    let mut child =
        chaobiao().args(meters).args(["--fault", "silence=100%"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let _meters = Meters { child };
    let listen = first["listen"][0].as_str().unwrap().to_owned();
    let config = lonely(folder.path());
    let short = "[collection]\npasses = 1\npass_pause = \"1s\"\ndead_after = 20\n";
    let text = std::fs::read_to_string(&config).unwrap().replace("127.0.0.1:1", &listen) + short;
    std::fs::write(&config, text).unwrap();
    let archive = "户号,计量点编号,通信地址,规约,线路\n1,P1,202411110001,645-2007,bus-1\n";
    std::fs::write(path("archive.csv"), archive).unwrap();
    succeed(chaobiao().args(["meters", "import", &path("archive.csv"), "-c"]).arg(&config));
    let output = chaobiao().args(["collect", "-c"]).arg(&config).output().unwrap();
    let told = talk(&output);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "the meter is missing: {told}");
    assert!(shown.contains("silent  ") && shown.contains("电表无应答"), "{shown}");
    assert_eq!(told.matches("line bus-1 is up").count(), 1, "{told}");
}

#[test]
fn t24_the_first_password_is_told_to_a_terminal_and_to_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let config = lonely(folder.path());
    let mut child = chaobiao().args(["serve", "-c"]).arg(&config).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap).skip_while(|line| !line.contains("there is no account yet"));
    let (told, hint) = (lines.next().unwrap(), lines.next().unwrap());
    terminate(&child);
    assert!(child.wait().unwrap().success());
    assert!(!told.contains(" / "), "{told}");
    let command = format!("chaobiao user reset admin -c {}", config.display());
    assert_eq!(hint.matches(&command).count(), 2, "{hint}");
    let reset = succeed(chaobiao().args(["user", "reset", "admin", "-c"]).arg(&config));
    assert!(String::from_utf8(reset.stdout).unwrap().starts_with("admin  "));
}

#[test]
fn an_account_whose_one_time_password_was_not_changed_is_told_to_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = lonely(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let made = succeed(chaobiao().args(["user", "add", "li.na", "--role", "operator", "-c"]).arg(&config));
    let made = String::from_utf8(made.stdout).unwrap();
    std::fs::write(path("password"), made.split_whitespace().last().unwrap()).unwrap();
    std::fs::write(path("arrears.csv"), "customer_number,amount\n").unwrap();
    let mut import = chaobiao();
    import.args(["orders", "import", "arrears", &path("arrears.csv"), "--as", "li.na", "-c"]).arg(&config);
    let output = import.args(["--password-file", &path("password")]).output().unwrap();
    let told = talk(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("one-time password was not changed yet") && told.contains("一次性密码"), "{told}");
    assert!(!told.contains("second factor"), "{told}");
}
