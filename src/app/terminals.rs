//! Looks after what is known of terminals: which may log in, where their meters are, when they were heard.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use gdw1376::address::TerminalAddress;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::collect::Collector;
use crate::domain::{MeterPath, Moment, Parity};
use crate::link::Rate;
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;
use crate::terminal::{Change, MeterPort, TerminalSettings, Terminals, WhatChanged};

/// Lets every terminal log in that was taken in or that the archive names, and says where its meters are.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub(super) async fn introduce(store: &Store, terminals: &Terminals) -> Result<(), StoreError> {
    // Asked before the database, so that one that is taken in meanwhile is not let go.
    let here: HashSet<TerminalAddress> = terminals.all().iter().map(|status| status.address).collect();
    let known: HashSet<TerminalAddress> = store.known_terminals().await?.into_iter().collect();
    let certificates: HashMap<_, _> = store.terminal_certificates().await?.into_iter().collect();
    for address in known.difference(&here) {
        terminals.adopt(*address, TerminalSettings::default());
        terminals.bind_certificate(*address, certificates.get(address).map(String::as_str));
    }
    for address in here.difference(&known).filter(|address| !terminals.is_dialled(**address)) {
        tracing::info!(terminal.address = %address, "terminal {address} is not named any more and is let go");
        terminals.forget(*address);
    }
    let mut ports: BTreeMap<TerminalAddress, Vec<_>> = BTreeMap::new();
    for site in store.site_meters().await? {
        let MeterPath::Terminal { terminal, port, baud, parity, .. } = &site.meter.path else { continue };
        let Ok(address) = terminal.parse() else { continue };
        let rate = baud.map(|baud| Rate { baud, parity: parity.unwrap_or(Parity::Even) });
        ports.entry(address).or_default().push((site.meter.address, MeterPort { port: *port, rate }));
    }
    for (address, meters) in ports {
        terminals.set_ports(address, meters);
    }
    match store.terminal_passwords().await {
        Ok(codes) => codes.into_iter().for_each(|(address, code)| terminals.set_password(address, code)),
        Err(error) => {
            tracing::warn!(kind = error.kind(), "codes of terminals wait: {}", with_causes(&error));
        }
    }
    Ok(())
}

/// Looks after them until `stop`.
pub(super) async fn look_after(
    store: &Store,
    clock: &Clock,
    terminals: &Terminals,
    stop: &CancellationToken,
) {
    let (mut noted, mut certified, mut doubted) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut changes = terminals.changes();
    terminals.keep_claims();
    let (mut is_kept, mut soon) = (false, Instant::now());
    let mut looked_at = Instant::now();
    for round in 1_u64.. {
        loop {
            let is_over = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep_until(looked_at + LOOK_AGAIN) => break,
                () = tokio::time::sleep_until(soon), if !is_kept => false,
                () = claimed(&mut changes, soon) => false,
            };
            is_kept = doubt_at_once(store, terminals, &mut doubted).await;
            if is_over {
                return;
            }
            soon = Instant::now() + SOON;
        }
        looked_at = Instant::now();
        let done = async {
            doubt(store, terminals, &mut doubted).await?;
            // The archive may have been changed by a command.
            if round.is_multiple_of(INTRODUCE_EVERY) {
                introduce(store, terminals).await?;
            }
            if round.is_multiple_of(TIDY_EVERY) {
                tidy(store, clock.now()).await;
            }
            note_certificates(store, terminals, &mut certified).await?;
            note(store, terminals, &mut noted).await
        };
        if let Err(error) = done.await {
            tracing::warn!(kind = error.kind(), "what is known of terminals waits: {}", with_causes(&error));
        }
    }
}

/// Carries out until `stop` what two persons want set in terminals.
pub(super) async fn set_records(collector: &Collector, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SET_AGAIN) => {}
        }
        if let Err(error) = collector.set_records(stop).await {
            tracing::warn!(
                kind = error.kind(),
                "what is to be set in terminals waits: {}",
                with_causes(&error)
            );
        }
    }
}

/// Returns when somebody has come under the address of a terminal that is there, not before `soon`: where one comes, more may.
async fn claimed(changes: &mut Receiver<Change>, soon: Instant) {
    tokio::time::sleep_until(soon).await;
    loop {
        match changes.recv().await {
            Ok(Change { what: WhatChanged::Claimed, .. }) => break,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Takes back at once what is to be taken back; false when that is to be done again. Until it is done nothing is asked of
/// whoever has come, so that it matters to nobody when the process is killed before (F28).
async fn doubt_at_once(
    store: &Store,
    terminals: &Terminals,
    doubted: &mut HashMap<TerminalAddress, Moment>,
) -> bool {
    match tokio::time::timeout(KEPT_WITHIN, doubt(store, terminals, doubted)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(
                kind = error.kind(),
                "points of a terminal that was claimed: {}",
                with_causes(&error)
            );
            false
        }
        Err(_) => {
            tracing::warn!("points of a terminal that was claimed: the database does not answer");
            false
        }
    }
}

/// Takes back that points are verified, of terminals that somebody else may have been since (T5).
async fn doubt(
    store: &Store,
    terminals: &Terminals,
    doubted: &mut HashMap<TerminalAddress, Moment>,
) -> Result<(), StoreError> {
    for status in terminals.all() {
        let Some((at, from)) = status.claimed else { continue };
        let terminal = status.address;
        if doubted.get(&terminal) != Some(&at) {
            let points = store.doubt_points(terminal, at).await?;
            tracing::warn!(points, terminal.address = %terminal, "{points} points of terminal {terminal} are to be verified \
                again: it was claimed from {from}");
            doubted.insert(terminal, at);
        }
        terminals.claim_kept(terminal, at);
    }
    Ok(())
}

/// Lets old notes of terminals go; what does not come about today does tomorrow.
async fn tidy(store: &Store, now: Moment) {
    match store.forget_old_of_terminals(now, (CLOCKS_KEPT, EVENTS_KEPT)).await {
        Ok(gone) => tracing::info!(gone, "old notes of terminals are let go"),
        Err(error) => {
            tracing::warn!(kind = error.kind(), "old notes of terminals stay: {}", with_causes(&error));
        }
    }
}

/// Keeps with which certificate terminals came first.
async fn note_certificates(
    store: &Store,
    terminals: &Terminals,
    certified: &mut HashMap<TerminalAddress, String>,
) -> Result<(), StoreError> {
    for status in terminals.all() {
        let Some(own) = status.certificate else { continue };
        if certified.get(&status.address) != Some(&own) {
            store.note_certificate(status.address, &own).await?;
            certified.insert(status.address, own);
        }
    }
    Ok(())
}

/// Keeps when terminals were heard that were heard since.
async fn note(
    store: &Store,
    terminals: &Terminals,
    noted: &mut HashMap<TerminalAddress, Moment>,
) -> Result<(), StoreError> {
    let mut heard = Vec::new();
    for status in terminals.all() {
        let Some(at) = status.last_heard_at else { continue };
        if noted.get(&status.address) != Some(&at) {
            heard.push((status.address, at, status.connected_at));
        }
    }
    store.terminals_heard(&heard).await?;
    noted.extend(heard.into_iter().map(|(address, at, _)| (address, at)));
    Ok(())
}

/// Somebody who has confirmed it looks at it.
const SET_AGAIN: Duration = Duration::from_secs(5);
/// So long the database may take for it.
const KEPT_WITHIN: Duration = Duration::from_secs(5);
/// So long it is waited for more that come at the same time.
const SOON: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// In rounds.
const INTRODUCE_EVERY: u64 = 5;
/// In rounds: once a day.
const TIDY_EVERY: u64 = 1440;
/// Nothing is dated by a clock of a session that was so long ago.
const CLOCKS_KEPT: Duration = Duration::from_secs(400 * 86_400);
const EVENTS_KEPT: Duration = Duration::from_secs(3 * 366 * 86_400);

#[cfg(test)]
mod tests {
    use gdw1376::auxiliary::Password;
    use gdw1376::civil::Civil;
    use gdw1376::dialogue::Timing;
    use gdw1376::request::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::config::{Config, KeyFile};
    use crate::domain::{
        ArchiveEntry, AuditEntry, Customer, Id, Meter, MeterProtocol, MeteringPoint, PointRole, Transformers,
    };
    use crate::store::archive::Saving;
    use crate::store::terminal::{TerminalNotes, VerifiedPoint};
    use crate::store::{Address, Batch, Migrations, Notes};
    use crate::terminal::{Ask, Urgency};

    struct Rig {
        store: Store,
        clock: Clock,
        terminals: Terminals,
        stop: CancellationToken,
        folder: tempfile::TempDir,
    }

    impl Rig {
        /// With `more` in the configuration, and the port of terminals open where that says so.
        async fn new(more: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let address = Address::Sqlite(folder.path().join("site.db"));
            let store = Store::open(&address, Migrations::Run).await.unwrap();
            let text = format!("[database]\npath = \"site.db\"\n{more}");
            let config = Config::parse("x.toml".as_ref(), &text).unwrap().config.terminals;
            let (clock, stop) = (Clock::system(), CancellationToken::new());
            let terminals =
                Terminals::open(&config, clock.clone(), 7, &TaskTracker::new(), &stop).await.unwrap();
            Self { store, clock, terminals, stop, folder }
        }

        /// The archive names these terminals, each with a meter; and nothing else any more.
        async fn archive(&self, of: &[&str]) {
            let entries: Vec<_> = (1..).zip(of).map(|(number, terminal)| behind(number, terminal)).collect();
            self.store.save_archive(&entries, self.clock.now(), Saving::Confirmed).await.unwrap();
        }

        async fn introduced(&self) -> Vec<String> {
            introduce(&self.store, &self.terminals).await.unwrap();
            self.terminals.all().iter().map(|status| status.address.to_string()).collect()
        }
    }

    fn behind(number: u64, terminal: &str) -> ArchiveEntry {
        ArchiveEntry {
            customer: Customer { number: format!("C{number}"), name: "王".to_owned(), class: None },
            point: MeteringPoint {
                number: format!("P{number}"),
                customer: format!("C{number}"),
                role: PointRole::Customer,
                area: None,
                route: None,
                protection: None,
            },
            is_unprotected: true,
            feeder: None,
            reading_day: None,
            meter: Meter {
                address: dlt645::address::MeterAddress::from_number(number).unwrap(),
                asset_number: None,
                protocol: MeterProtocol::Dlt2007,
                profile: None,
                path: MeterPath::Terminal {
                    terminal: terminal.to_owned(),
                    measuring_point: u16::try_from(number).unwrap(),
                    port: None,
                    baud: None,
                    parity: None,
                },
            },
            transformers: Some(Transformers::NONE),
            installed_at: None,
            first_reading: None,
        }
    }

    /// The login of 1100-0001.
    fn login() -> Vec<u8> {
        let mut login = vec![0x68, 0x32, 0, 0x32, 0, 0x68, 0xC9, 0, 0x11, 1, 0, 0, 2, 0x70, 0, 0, 1, 0];
        login.push(login[6..].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        login.push(0x16);
        login
    }

    fn terminal(text: &str) -> TerminalAddress {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn terminals_are_introduced_and_those_that_nobody_names_any_more_are_let_go() {
        let dialled = "[[terminal_dial]]\naddress = \"1100-0009\"\nto = \"127.0.0.1:1\"\n";
        let rig = Rig::new(dialled).await;
        rig.archive(&["1100-0001", "1100-0002"]).await;
        assert_eq!(rig.introduced().await, ["1100-0001", "1100-0002", "1100-0009"]);
        let carrier = rig.terminals.carrier(terminal("1100-0002")).unwrap();
        // The second meter moves to the first terminal, as an import of the archive does it.
        rig.archive(&["1100-0001", "1100-0001"]).await;
        assert_eq!(rig.introduced().await, ["1100-0001", "1100-0009"]);
        assert!(carrier.is_forgotten(), "it is hung up");
        assert!(rig.terminals.status(terminal("1100-0009")).is_some(), "the configuration names it");
        rig.stop.cancel();
    }

    #[tokio::test]
    async fn a_terminal_that_is_introduced_comes_with_the_certificate_that_is_known_of_it() {
        let rig = Rig::new("").await;
        rig.archive(&["1100-0001", "1100-0002"]).await;
        rig.store.note_certificate(terminal("1100-0001"), &"0a".repeat(32)).await.unwrap();
        rig.introduced().await;
        let own = |of| rig.terminals.status(terminal(of)).unwrap().certificate;
        assert_eq!((own("1100-0001"), own("1100-0002")), (Some("0a".repeat(32)), None));
        rig.stop.cancel();
    }

    /// A terminal with a point that is verified.
    async fn verified(rig: &Rig) -> TerminalAddress {
        rig.archive(&["1100-0001"]).await;
        rig.introduced().await;
        let ours = terminal("1100-0001");
        let meter: Id<Meter> = rig.store.meters_at(ours).await.unwrap()[&1];
        let at = rig.clock.now();
        let verified = vec![VerifiedPoint { meter, terminal: ours, point: 1, at }];
        let terminals = TerminalNotes { verified, ..TerminalNotes::default() };
        let notes = Notes { terminals, ..Notes::default() };
        rig.store.save(&Batch { notes, ..Batch::default() }, at).await.unwrap();
        ours
    }

    /// Two that come under its address, from elsewhere each.
    async fn claim(rig: &Rig) -> [DuplexStream; 2] {
        let mut streams = Vec::new();
        for number in 1..=2 {
            let (near, mut far) = tokio::io::duplex(1024);
            rig.terminals.attach(near, ([10, 0, 0, number], 1).into());
            far.write_all(&login()).await.unwrap();
            far.read_exact(&mut [0; 20]).await.unwrap();
            streams.push(far);
        }
        streams.try_into().unwrap()
    }

    #[tokio::test]
    async fn t05_points_of_a_terminal_that_was_claimed_are_taken_back_at_once() {
        let rig = Rig::new("").await;
        let ours = verified(&rig).await;
        let comes = async {
            let _streams = claim(&rig).await;
            assert_eq!(rig.terminals.status(ours).unwrap().claims, 1);
            for _ in 0..100 {
                if rig.store.verified_points(ours).await.unwrap().is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("the point goes on to be verified");
        };
        tokio::select! {
            () = look_after(&rig.store, &rig.clock, &rig.terminals, &rig.stop) => panic!("it ended"),
            () = comes => {}
        }
        rig.stop.cancel();
    }

    #[tokio::test]
    async fn t05_f28_whoever_may_be_another_is_asked_nothing_before_that_is_kept() {
        let rig = Rig::new("").await;
        let ours = verified(&rig).await;
        let comes = async {
            // Whoever looks after terminals has begun.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let [_, mut other] = claim(&rig).await;
            let read = Request::ReadClock;
            let asked = rig.terminals.ask(ours, Ask::new(read, Urgency::Control, Timing::STORED));
            let mut byte = [0];
            tokio::select! {
                told = asked => panic!("{told:?}"),
                read = other.read_exact(&mut byte) => { read.unwrap(); }
            }
            assert!(
                rig.store.verified_points(ours).await.unwrap().is_empty(),
                "it is asked and still believed"
            );
        };
        tokio::select! {
            () = look_after(&rig.store, &rig.clock, &rig.terminals, &rig.stop) => panic!("it ended"),
            done = tokio::time::timeout(Duration::from_secs(20), comes) => done.unwrap(),
        }
        rig.stop.cancel();
    }

    #[tokio::test]
    async fn t05_f28_what_was_claimed_just_before_the_end_is_taken_back() {
        let rig = Rig::new("").await;
        let ours = verified(&rig).await;
        let comes = async {
            let _streams = claim(&rig).await;
            rig.stop.cancel();
        };
        tokio::join!(look_after(&rig.store, &rig.clock, &rig.terminals, &rig.stop), comes);
        assert!(rig.store.verified_points(ours).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn t24_a_terminal_that_is_introduced_is_asked_with_its_code() {
        let rig = Rig::new("").await;
        rig.archive(&["1100-0001"]).await;
        let (ours, now) = (terminal("1100-0001"), rig.clock.now());
        let key = KeyFile::make(&rig.folder.path().join("key")).unwrap();
        let vault = rig.store.open_vault(&key, now).await.unwrap();
        let code = Password(*b"0123456789ABCDEF");
        let entry = AuditEntry::of_system(now, "secret.replace", "passwords");
        rig.store.replace_terminal_passwords(&vault, &[(ours, code)], &entry).await.unwrap();
        // From here on the store opens what is sealed.
        rig.store.seal_factors(vault, &entry).await.unwrap();
        rig.introduced().await;
        let (near, mut far) = tokio::io::duplex(1024);
        rig.terminals.attach(near, ([10, 0, 0, 1], 1).into());
        far.write_all(&login()).await.unwrap();
        far.read_exact(&mut [0; 20]).await.unwrap();
        let clock = Request::SetClock(Civil::date(2026, 11, 30).unwrap());
        let asked = rig.terminals.ask(ours, Ask::new(clock, Urgency::Control, Timing::STORED));
        let comes = async {
            let mut frame = vec![0; 512];
            let count = far.read(&mut frame).await.unwrap();
            frame.truncate(count);
            frame
        };
        let frame = tokio::select! {
            told = asked => panic!("{told:?}"),
            frame = comes => frame,
        };
        assert!(frame.windows(16).any(|part| part == code.0), "{frame:02X?}");
        rig.stop.cancel();
    }
}
