//! STOP with two instances on one server (F52): given at either of them, by file, command or API, no cut leaves after it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chaobiao::channel::Lines;
use chaobiao::collect::Progress;
use chaobiao::config::Http;
use chaobiao::domain::Id;
use chaobiao::domain::supply::{HaltKind, Objection, OrderState, SupplyOrder};
use chaobiao::http::{self, Services};
use chaobiao::store::Address;
use chaobiao::store::supply::Lifting;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cuts::{approve, asked, until, until_heard};
use crate::ready::acting;
use crate::rig::{HeadEnd, Street};
use crate::server::Server;

const TRIP: u8 = 0x1A;

/// A service on a machine of its own, as far as files go.
struct Instance {
    folder: tempfile::TempDir,
    serving: Child,
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Gone already, or to be gone now.
        let _ = self.serving.kill();
        let _ = self.serving.wait();
    }
}

impl Instance {
    fn start(street: &Street, port: u16, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(street.folder.path().join("key"), folder.path().join("key")).unwrap();
        std::fs::write(folder.path().join("url"), url).unwrap();
        let text = format!(
            "[database]\nurl_file = \"url\"\nconnections = 4\nanswers_within = \"5s\"\n[secrets]\nkey_file = \"key\"\n\
             [[line]]\nname = \"line\"\ntcp = \"127.0.0.1:{port}\"\n[collection]\nevents = false\nrepair_days = 0\n\
             passes = 0\n[supply]\nstop_file = \"STOP\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n"
        );
        std::fs::write(folder.path().join("chaobiao.toml"), text).unwrap();
        let told = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
        command.args(["serve", "-c"]).arg(folder.path().join("chaobiao.toml"));
        let serving = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(told).spawn().unwrap();
        Self { folder, serving }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What follows these words in its log.
    async fn told(&mut self, words: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some((_, rest)) = self.log().split_once(words) {
                let end = rest.find(['/', '\n', ' ']).unwrap_or(rest.len());
                return rest[..end].to_owned();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not say {words}: {}", self.log());
            assert!(self.serving.try_wait().unwrap().is_none(), "{}", self.log());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn stop_file(&self) -> PathBuf {
        self.folder.path().join("STOP")
    }
}

/// How STOP is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// By the API of the instance that serves.
    Api,
    /// By the file on the machine of the instance that serves.
    FileThere,
    /// By the file on the machine of the instance that waits, and only there.
    FileAtTheOther,
    /// By the command on the machine of the instance that waits.
    CommandAtTheOther,
}

/// The cookie and the token of an operator who has signed in, wherever.
async fn signed_in(street: &Street) -> (String, String) {
    let (_, progress) = watch::channel(Progress::default());
    let store = street.store.clone();
    let services =
        Services::new(store.clone(), street.clock.clone(), Lines::default(), progress, Http::default());
    let account = store.account_named("li").await.unwrap().unwrap();
    let secret = http::auth::start_session(&services, &account, "127.0.0.1").await.unwrap();
    let cookie = format!("chaobiao_session={secret}");
    (cookie, secret)
}

/// The whole answer of an instance.
fn ask(at: &str, (method, path): (&str, &str), headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits until cuts are kept back by what all instances know; says how long that took.
async fn until_halted(street: &Street, began: Instant) -> Duration {
    while street.store.halts().await.unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(2), "STOP does not hold after two seconds");
        sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

async fn lift(street: &Street) {
    let now = street.clock.now();
    for halt in street.store.halts().await.unwrap() {
        let first = street.store.lift_halt(&acting("wang", now), halt.kind, now).await.unwrap();
        assert_eq!(first, Lifting::NeedsSecond);
        street.store.lift_halt(&acting("zhao", now), halt.kind, now).await.unwrap();
    }
}

/// A cut that is approved and due in some seconds.
async fn due(street: &Street, head_end: &HeadEnd, place: usize) -> Id<SupplyOrder> {
    let id = asked(street, head_end, place, (SOON, SOON + Duration::from_secs(540))).await;
    approve(street, head_end, id).await.unwrap();
    id
}

const SOON: Duration = Duration::from_secs(5);

/// Waits until the instance that serves has looked at a due cut and keeps it back, and a while longer.
async fn stays(street: &Street, id: Id<SupplyOrder>, place: usize) {
    until(street, id, 30, |_, why| why.contains(&Objection::Stopped)).await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(street.orders(place), [0; 0], "a cut has left after STOP");
    assert!(street.view(id).await.attempts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes: tests/check.sh ci"]
async fn f35_f52_stop_given_at_either_of_two_instances_holds_at_the_one_that_serves() {
    let Some(server) = Server::start().await else { return };
    let socket = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
    let url = format!("postgres://site@{socket}/site");
    let street = Street::on(&Address::Postgres(url.clone()), 6).await;
    let head_end = street.head_end().await;
    let port = street.in_real_time().await;
    let mut first = Instance::start(&street, port, &url);
    let console = first.told("控制台: http://").await;
    let mut second = Instance::start(&street, port, &url);
    let waits_at = second.told("it waits at http://").await;
    assert!(ask(&waits_at, ("GET", "/readyz"), "", "").contains("\"standby\""));
    let metrics = ask(&waits_at, ("GET", "/metrics"), "", "");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("amr_standby 1"), "{metrics}");
    let (cookie, _) = signed_in(&street).await;
    let cookie = format!("Cookie: {cookie}\r\n");
    let session = ask(&console, ("GET", "/api/v1/session"), &cookie, "");
    let (_, csrf) = session.split_once("\"csrf\":\"").unwrap();
    let pressing = format!("{cookie}x-csrf-token: {}\r\n", &csrf[..64]);

    // Without STOP it goes out.
    due(&street, &head_end, 0).await;
    until_heard(&street, 0, &[TRIP], 60).await;

    let ways = [Given::Api, Given::FileThere, Given::FileAtTheOther, Given::CommandAtTheOther];
    for (place, given) in (1..).zip(ways) {
        let id = due(&street, &head_end, place).await;
        let began = Instant::now();
        match given {
            Given::Api => {
                let answer =
                    ask(&console, ("POST", "/api/v1/stop/press"), &pressing, r#"{"reason":"drill"}"#);
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
            Given::FileThere => std::fs::write(first.stop_file(), "").unwrap(),
            Given::FileAtTheOther => std::fs::write(second.stop_file(), "").unwrap(),
            Given::CommandAtTheOther => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
                command.args(["orders", "stop", "--reason", "drill", "-c"]);
                let ended = command.arg(second.folder.path().join("chaobiao.toml")).output().unwrap();
                assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            }
        }
        let held = until_halted(&street, began).await;
        println!("f52: {given:?} holds for both after {held:?}");
        stays(&street, id, place).await;
        let now = street.clock.now();
        street.store.cancel_order(&acting("li", now), id, now).await.unwrap();
        for file in [first.stop_file(), second.stop_file()] {
            drop(std::fs::remove_file(file));
        }
        sleep(Duration::from_millis(1500)).await;
        lift(&street).await;
    }

    // STOP by the file of the one that waits outlives the one that serves.
    let id = due(&street, &head_end, 5).await;
    let began = Instant::now();
    std::fs::write(second.stop_file(), "").unwrap();
    until_halted(&street, began).await;
    first.serving.kill().unwrap();
    let taken = Instant::now();
    second.told("控制台: http://").await;
    println!("f52: the other serves {:?} after the kill", taken.elapsed());
    let holder = street.store.serving().await.unwrap().holder.unwrap();
    assert!(holder.name.ends_with(&format!("/{}", second.serving.id())), "{holder:?}");
    stays(&street, id, 5).await;
    // As long as the file is there, lifting does not last.
    lift(&street).await;
    sleep(Duration::from_millis(2500)).await;
    let halts = street.store.halts().await.unwrap();
    assert!(halts.iter().any(|halt| halt.kind == HaltKind::StopFile), "{halts:?}");
    std::fs::remove_file(second.stop_file()).unwrap();
    sleep(Duration::from_millis(1500)).await;
    lift(&street).await;
    // What was kept back is looked at again after a minute.
    until_heard(&street, 5, &[TRIP], 120).await;
    until(&street, id, 30, |state, _| !matches!(state, OrderState::Armed | OrderState::Sending)).await;
    for place in 1..5 {
        assert_eq!(street.orders(place), [0; 0], "home {place}");
    }
    drop((first, second));
    head_end.close().await;
    street.close().await;
}
