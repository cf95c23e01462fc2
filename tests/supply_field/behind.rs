//! Orders to a meter behind a terminal that delays, reorders, keeps and repeats: at most one order frame reaches the meter
//! for each attempt, and what is told is right or unknown (F24, F34).

use std::time::Duration;

use chaobiao::channel::{ChannelHandle, Job, Lane, Lines, Question};
use chaobiao::clock::{Clock, ManualClock};
use chaobiao::config::{Config, KeyFile};
use chaobiao::domain::relay::{CurrentEvidence, Expectation, Proof, Proven, judge};
use chaobiao::domain::{AuditEntry, MeterPath};
use chaobiao::link::{CaptureSettings, Captures};
use chaobiao::store::archive::Saving;
use chaobiao::store::{Address, Migrations, NewSecret, SecretDigits, SecretScope, Store};
use chaobiao::supply::field::{Before, Field, FieldOrder, FieldParts, Fields, Part, Sent};
use chaobiao::terminal::{TerminalSettings, Terminals};
use dlt645::exchange::Timing;
use dlt645::password::Level;
use dlt645::relay::Command;
use dlt645::request::Request;
use gdw1376::address::TerminalAddress;
use simulator::concentrator::fault::{Kind, Plan};
use simulator::concentrator::plc::Plc;
use simulator::concentrator::settings::Settings;
use simulator::concentrator::{Concentrator, Setup};
use simulator::fault::Share;
use simulator::instant::At;
use simulator::seed::Seed;
use simulator::serve::{LiveConcentrator, Server};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{Home, MINUTE, PASSWORD, archived, fitted, wire};

/// A home behind a terminal.
struct Behind {
    store: Store,
    clock: Clock,
    _manual: ManualClock,
    field: Field,
    line: ChannelHandle,
    live: LiveConcentrator,
    server: Server,
    tasks: TaskTracker,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Behind {
    async fn new() -> Self {
        Self::on(Settings::swift()).await
    }

    /// Behind a terminal with these times.
    async fn on(settings: Settings) -> Self {
        let home = Home::default();
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&Address::Sqlite(folder.path().join("store.db")), Migrations::Run).await.unwrap();
        let store = store.in_simulated_time();
        let key = KeyFile::make(&folder.path().join("key")).unwrap();
        tokio::time::pause();
        let manual = ManualClock::running(home.start);
        let clock = manual.clock();
        let (_, shared) = fitted(&home);
        let mut meter = shared[0].lock().unwrap().meter.clone();
        assert!(meter.passwords_mut().set(2, wire(PASSWORD)));
        let address = meter.address().as_meter().unwrap();
        let terminal: TerminalAddress = "1100-3039".parse().unwrap();
        let start = At::from_civil(home.start.civil().unwrap());
        let setup = Setup::new(terminal, start, Seed::new(5)).with_meters([meter]);
        let server = Server::new();
        let live = server.concentrator(Concentrator::new(Setup { settings, ..setup }));

        let mut entry = archived(&home, address);
        entry.meter.path = MeterPath::Terminal {
            terminal: terminal.to_string(),
            measuring_point: 1,
            port: Some(31),
            baud: None,
            parity: None,
        };
        store.save_archive(&[entry], home.start, Saving::Save).await.unwrap();
        let site = store.site_meter(address).await.unwrap().unwrap();
        let vault = store.open_vault(&key, home.start).await.unwrap();
        let secret = NewSecret {
            scope: SecretScope::Meter(site.meter_id),
            level: Level::CONTROL,
            digits: SecretDigits::new(PASSWORD.as_bytes()).unwrap(),
        };
        let entry = AuditEntry::of_system(home.start, "secret.replace", "passwords");
        store.replace_secrets(&vault, &[secret], &entry).await.unwrap();

        let config = "[database]\npath = \"unused.db\"\n[terminals]\nlisten = \"127.0.0.1:9001\"\n";
        let config = Config::parse(&folder.path().join("amr.toml"), config).unwrap().config;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let terminals = Terminals::without_port(&config.terminals, clock.clone(), &tasks, &stop);
        terminals.adopt(terminal, TerminalSettings::default());
        let captures = Captures::start(CaptureSettings::of(&config.capture), clock.clone()).unwrap();
        let lines = Lines::of([]).with_terminals(terminals.clone(), &config, &captures, 1, &tasks, &stop);
        let (mut dials, stopping) = (live.memory(), stop.clone());
        tasks.spawn(async move {
            while let Some(Some(stream)) = stopping.run_until_cancelled(dials.recv()).await {
                terminals.attach(stream, ([10, 0, 0, 1], 4000).into());
            }
        });
        let line = lines.get(&terminal.to_string()).unwrap();
        let parts = FieldParts {
            store: store.clone(),
            clock: clock.clone(),
            lines,
            vault: Some(vault),
            security: None,
        };
        let field = Fields::new(&config, parts).of(site).unwrap();
        Self { store, clock, _manual: manual, field, line, live, server, tasks, stop, _folder: folder }
    }

    fn faults(&self, plan: Plan) {
        self.live.with(|c| c.faults_mut().set_plan(plan));
    }

    /// Orders with faults of one kind while the order is under way.
    async fn send(&self, command: Command, kind: Option<Kind>) -> (Before, Sent) {
        let lane = if command.is_cut_class() { Lane::Control } else { Lane::Restore };
        let before = self.field.before(Lane::Control).await.unwrap();
        let order = FieldOrder {
            command,
            lane,
            clock: before.clock,
            ahead: MINUTE * 5,
            expires: Instant::now() + MINUTE * 4,
            operator: "0000002A".parse().unwrap(),
        };
        self.faults(kind.into_iter().fold(Plan::default(), |plan, kind| plan.with(kind, Share::ALL)));
        let sent = self.field.send(&order).await;
        self.faults(Plan::default());
        (before, sent)
    }

    /// The orders for the relay that reached the meter: those that were forwarded, and those that came astray.
    fn orders(&self) -> (usize, usize) {
        self.live.with(|c| {
            let orders = c.reached().iter().filter(|reached| reached.control() == Some(0x1C));
            let astray = orders.clone().filter(|reached| reached.is_astray).count();
            (orders.count() - astray, astray)
        })
    }

    /// The contact, as it really is.
    fn is_open(&self) -> bool {
        self.live.with(|c| {
            let at = c.at();
            let meter = &mut c.wired_mut()[0].meter;
            meter.advance(at);
            meter.relay().is_open()
        })
    }

    /// What looks after so many seconds each prove.
    async fn watch(&self, before: &Before, sent: &Sent, expectation: Expectation, after: &[u64]) -> Proof {
        let mut looks = Vec::new();
        for seconds in after {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            looks.push(self.field.look(Lane::Control).await.unwrap());
        }
        let rules = self.field.rules(before.trip_delay.map(|delay| delay.value));
        let told = sent.carried().unwrap_or_else(|| panic!("{sent:?}")).told;
        judge(before.look().as_ref(), &looks, expectation, told, &rules)
    }

    async fn close(self) {
        self.stop.cancel();
        drop((self.field, self.line));
        self.tasks.close();
        self.tasks.wait().await;
        self.server.stop().await;
        tokio::time::resume();
        self.store.close().await;
    }
}

#[tokio::test]
async fn f24_a_cut_and_a_restore_go_through_a_terminal_and_are_proven() {
    let home = Behind::new().await;
    let (before, sent) = home.send(Command::Trip, None).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    let proof = home.watch(&before, &sent, Expectation::Open, &[5, 61]).await;
    assert_eq!(proof, Proof::Proven(Proven::Open(CurrentEvidence::Fell)));
    assert!(home.is_open());
    assert_eq!(home.orders(), (1, 0));
    let (before, sent) = home.send(Command::CloseDirectly, None).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    let proof = home.watch(&before, &sent, Expectation::Closed, &[5, 61]).await;
    assert!(matches!(proof, Proof::Proven(_)), "{proof:?}");
    assert!(!home.is_open());
    assert_eq!(home.orders(), (2, 0));
    home.close().await;
}

#[tokio::test]
async fn f24_whatever_a_terminal_does_one_attempt_is_one_frame_and_its_end_is_true_or_unknown() {
    for kind in Kind::ALL {
        let home = Behind::new().await;
        let (before, sent) = home.send(Command::Trip, Some(kind)).await;
        let (forwarded, astray) = home.orders();
        println!("{kind}: {}, {forwarded} forwarded, {astray} astray", sent.kind());
        assert!(forwarded <= 1, "{kind}: {forwarded} frames");
        // Only a terminal that repeats by itself makes two of one.
        assert!(astray == 0 || kind == Kind::Doubled, "{kind}: {astray} astray");
        if sent.carried().is_some() {
            let proof = home.watch(&before, &sent, Expectation::Open, &[5, 61, 61]).await;
            let is_true = match proof {
                Proof::Proven(Proven::Open(_)) => home.is_open(),
                Proof::Proven(_) => false,
                _ => true,
            };
            assert!(is_true, "{kind}: {proof:?} and open is {}", home.is_open());
        } else {
            assert_eq!(forwarded, 0, "{kind}: {sent:?}");
        }
        home.close().await;
    }
}

/// An exchange takes most of a minute, as behind many relays: that is slow, and no reason to refuse.
#[tokio::test]
async fn f48_a_meter_behind_a_slow_carrier_tells_its_clock_and_is_ordered() {
    let home = Behind::on(Settings { plc: Plc::slow(), ..Settings::swift() }).await;
    let (_, sent) = home.send(Command::Trip, None).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    let (before, sent) = home.send(Command::CloseDirectly, None).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    let offset = before.clock.offset().unwrap();
    assert!(offset.uncertainty > Duration::from_secs(15), "how wide it is stays known: {offset:?}");
    assert_eq!(home.orders(), (2, 0));
    home.close().await;
}

/// Behind a slow carrier a dialogue of the night takes most of a minute, and a cut has two seconds from its intent on.
#[tokio::test]
async fn f52_a_cut_finds_its_turn_behind_a_terminal_that_is_busy_with_a_night() {
    let home = Behind::on(Settings { plc: Plc::slow(), ..Settings::swift() }).await;
    let read = Request::read(home.field.site().meter.address, "00010000".parse().unwrap());
    for _ in 0..2 {
        let job = Job::new(Question::new(read.clone()), Lane::Nightly, Timing::serial(2400));
        let (line, stop) = (home.line.clone(), home.stop.clone());
        home.tasks.spawn(async move {
            while let Some(Ok(_)) = stop.run_until_cancelled(line.ask(job.clone())).await {}
        });
    }
    for is_kept in [false, true] {
        let (before, kept) = home.field.before_kept(Lane::Control).await.unwrap();
        let kept = kept.filter(|_| is_kept);
        // The intent is being kept.
        tokio::time::sleep(Duration::from_millis(600)).await;
        let order = FieldOrder {
            command: Command::Trip,
            lane: Lane::Control,
            clock: before.clock,
            ahead: MINUTE * 5,
            expires: Instant::now() + Duration::from_millis(1900),
            operator: "0000002A".parse().unwrap(),
        };
        let sent = home.field.send(&order).await;
        assert_eq!(sent.kind(), if is_kept { "accepted" } else { "not_sent" }, "{sent:?}");
        drop(kept);
    }
    assert_eq!(home.orders(), (1, 0));
    home.close().await;
}

/// Before all questions are answered, what has been answered is used.
#[tokio::test]
async fn f48_one_reading_of_a_clock_behind_a_slow_carrier_is_enough_to_give_supply_back() {
    let home = Behind::on(Settings { plc: Plc::slow(), ..Settings::swift() }).await;
    let (mut part, began) = (Part::default(), Instant::now());
    let reading = home.field.before_restore(Lane::Restore, &mut part);
    assert!(tokio::time::timeout(MINUTE * 4, reading).await.is_err(), "it takes {:?}", began.elapsed());
    assert!(part.status.is_some(), "the status word came first");
    let clock = part.clock.unwrap();
    let order = FieldOrder {
        command: Command::CloseDirectly,
        lane: Lane::Restore,
        clock,
        ahead: MINUTE * 5,
        expires: Instant::now() + MINUTE * 4,
        operator: "0000002A".parse().unwrap(),
    };
    let sent = home.field.send(&order).await;
    assert_eq!(sent.kind(), "accepted", "{sent:?}");
    assert!(clock.offset().is_some(), "{clock:?}");
    // What is there is not asked again.
    let began = Instant::now();
    home.field.before_restore(Lane::Restore, &mut part).await.unwrap();
    assert!(began.elapsed() < MINUTE * 4, "{:?}", began.elapsed());
    home.close().await;
}

#[tokio::test]
async fn f34_an_order_that_a_terminal_keeps_for_hours_does_nothing_when_it_comes() {
    let home = Behind::new().await;
    let (before, sent) = home.send(Command::Trip, Some(Kind::Buffered)).await;
    assert!(!home.is_open());
    let proof = home.watch(&before, &sent, Expectation::Open, &[5, 61]).await;
    assert!(!matches!(proof, Proof::Proven(_)), "{proof:?}");
    tokio::time::sleep(Duration::from_secs(7 * 3600)).await;
    assert_eq!(home.orders(), (0, 1), "it came at last");
    assert!(!home.is_open(), "and was over");
    assert!(home.clock.now().micros() > 0);
    home.close().await;
}
