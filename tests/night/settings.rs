//! Records that two persons set in terminals' own lists of meters: what is confirmed is what is sent, once, and what is told
//! of it is what the terminal holds (F24, T17, R6).
#![expect(clippy::indexing_slicing, reason = "a terminal or meter that is not there must end its test")]

use std::time::Duration;

use chaobiao::collect::{RecordsProposed, WantedRecords};
use chaobiao::config::KeyFile;
use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::proposal::{Change, Proposal};
use chaobiao::domain::terminal_archive::{ChangeKind, RecordAnswer, SettingState, TerminalArchive};
use chaobiao::domain::{AuditEntry, Id};
use chaobiao::store::terminal::ArchiveSetting;
use chaobiao::store::{DoesNotFit, ProposalError, Verdict};
use gdw1376::auxiliary::Password;
use simulator::concentrator::Setup;
use simulator::concentrator::habits::{Habits, Sets};
use tokio_util::sync::CancellationToken;

use crate::behind::{NO_HISTORY, other_archive, swift, town, verify, world};
use crate::meters::acting;
use crate::rig::{HeadEnd, Town, day};

/// What the terminal holds: record, point, address.
fn held(town: &Town) -> Vec<(u16, u16, [u8; 6])> {
    town.terminals[0]
        .live
        .with(|c| c.archive().records().map(|record| (record.number, record.point, record.address)).collect())
}

/// What it should hold by our archive.
async fn wanted(town: &Town) -> Vec<(u16, u16, [u8; 6])> {
    let mut wanted = Vec::new();
    for (point, meter) in town.store.meters_at(town.terminals[0].address).await.unwrap() {
        let (_, address) = town.numbers().await.into_iter().find(|(id, _)| *id == meter).unwrap();
        wanted.push((point, point, address.field().wire()));
    }
    wanted.sort_unstable();
    wanted
}

async fn proposed(town: &Town, head_end: &HeadEnd, removes_unknown: bool) -> TerminalArchive {
    until_online(town, head_end).await;
    let wanted = WantedRecords { points: None, removes_unknown };
    let told = head_end.collector.propose_records(town.terminals[0].address, &wanted).await.unwrap();
    let RecordsProposed::Changes(archive) = told else { panic!("{told:?}") };
    archive
}

async fn until_online(town: &Town, head_end: &HeadEnd) {
    while !head_end.terminals.status(town.terminals[0].address).unwrap().is_online {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn propose(town: &Town, archive: &TerminalArchive) -> Result<Id<Proposal>, ProposalError> {
    let change = Change::SetTerminalArchive(archive.clone());
    town.store.propose(&change, "records differ", &acting(1, Role::Operator), town.clock.now()).await
}

async fn confirm(town: &Town, id: Id<Proposal>, person: i64) -> Result<(), ProposalError> {
    let (approver, profiles) = (acting(person, Role::Approver), &town.config.profiles);
    town.store.decide_proposal(id, Verdict::Confirm, &approver, profiles, town.clock.now()).await
}

async fn confirmed(town: &Town, archive: &TerminalArchive) -> Id<Proposal> {
    let id = propose(town, archive).await.unwrap();
    confirm(town, id, 2).await.unwrap();
    id
}

async fn carried_out(town: &Town, head_end: &HeadEnd, id: Id<Proposal>) -> ArchiveSetting {
    head_end.collector.set_records(&CancellationToken::new()).await.unwrap();
    town.store.setting_of(id).await.unwrap().unwrap()
}

async fn verified(town: &Town) -> u64 {
    town.store.terminal(town.terminals[0].address, &Regions::All).await.unwrap().unwrap().verified
}

async fn audited(town: &Town, action: &str) -> usize {
    let records = town.store.audit_after(0, 500).await.unwrap();
    records.iter().filter(|record| record.action == action).count()
}

#[tokio::test]
async fn f24_records_that_two_persons_set_are_sent_once_read_back_and_their_points_asked_anew() {
    let (_folder, town) = town(world(6, 1, 23), NO_HISTORY, other_archive).await;
    verify(&town).await;
    let head_end = town.head_end();
    let archive = proposed(&town, &head_end, false).await;
    let kinds: Vec<_> = archive.changes.iter().map(|change| (change.number, change.kind())).collect();
    assert_eq!(kinds, [(1, ChangeKind::Changed), (2, ChangeKind::Changed), (3, ChangeKind::Added)]);
    let before = held(&town);

    let id = propose(&town, &archive).await.unwrap();
    assert!(confirm(&town, id, 1).await.is_err(), "not by who has proposed it");
    head_end.collector.set_records(&CancellationToken::new()).await.unwrap();
    assert_eq!(
        (held(&town), town.store.setting_of(id).await.unwrap()),
        (before, None),
        "nothing without a second person"
    );

    confirm(&town, id, 2).await.unwrap();
    assert_eq!(verified(&town).await, 6, "nothing has left yet");
    let again = propose(&town, &archive).await.unwrap();
    let refused = confirm(&town, again, 2).await;
    assert!(matches!(refused, Err(ProposalError::DoesNotFit(DoesNotFit::SettingOpen))), "{refused:?}");
    let setting = carried_out(&town, &head_end, id).await;
    assert_eq!(setting.state, SettingState::Verified, "{setting:?}");
    assert!(setting.results.iter().all(|one| (one.answer, one.holds) == (RecordAnswer::Taken, Some(true))));
    assert_eq!(held(&town), wanted(&town).await);
    assert_eq!(verified(&town).await, 3, "the meters of points 1 to 3 have to be asked");
    assert_eq!(
        (audited(&town, "terminal.archive_send").await, audited(&town, "terminal.archive_settle").await),
        (1, 1)
    );

    // The other proposal was made from what is not there any more.
    confirm(&town, again, 2).await.unwrap();
    let setting = carried_out(&town, &head_end, again).await;
    assert_eq!((setting.state, setting.sent_at), (SettingState::Outdated, None), "{setting:?}");
    let same = head_end.collector.propose_records(town.terminals[0].address, &WantedRecords::default()).await;
    assert_eq!(same.unwrap(), RecordsProposed::Same);

    let night = day("2026-11-22");
    let report = town.night(&head_end, night).await;
    assert_eq!(report.progress.read, 6, "{:?}", report.progress);
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 6 * 10));
    assert_eq!(verified(&town).await, 6, "they have been");
    head_end.close().await;
    town.close().await;
}

/// There is no record of point 3, and setting one comes to what `sets` says.
fn with_sets(setup: Setup, sets: Sets) -> Setup {
    let mut setup = swift(setup);
    setup.records.remove(2);
    Setup { habits: Habits { sets, ..setup.habits }, ..setup }
}

#[tokio::test]
async fn f24_what_is_told_of_a_setting_is_what_the_terminal_holds_or_that_it_is_unknown() {
    type Made = fn(Setup) -> Setup;
    let terminals: [(Made, SettingState, RecordAnswer, bool); 4] = [
        (|setup| with_sets(setup, Sets::Forgets), SettingState::Differing, RecordAnswer::Taken, false),
        (|setup| with_sets(setup, Sets::Refuses), SettingState::Refused, RecordAnswer::Refused(1), false),
        (|setup| with_sets(setup, Sets::Late), SettingState::Verified, RecordAnswer::Silent, true),
        (|setup| with_sets(setup, Sets::Deaf), SettingState::Unknown, RecordAnswer::Silent, false),
    ];
    for (made, state, answer, holds) in terminals {
        let (_folder, town) = town(world(6, 1, 25), NO_HISTORY, made).await;
        let head_end = town.head_end();
        let archive = proposed(&town, &head_end, false).await;
        let before = held(&town);
        let id = confirmed(&town, &archive).await;
        let setting = carried_out(&town, &head_end, id).await;
        let first = setting.results[0];
        println!("{setting:?}");
        assert_eq!((setting.state, first.answer, first.holds), (state, answer, Some(holds)), "{setting:?}");
        assert_eq!(held(&town) == before, !holds, "{setting:?}");
        // What is unknown is looked at again and never sent again.
        let sent = held(&town);
        let again = carried_out(&town, &head_end, id).await;
        assert_eq!(again, setting, "not so soon");
        tokio::time::sleep(Duration::from_secs(3700)).await;
        let settled = carried_out(&town, &head_end, id).await;
        let last = if state == SettingState::Unknown { SettingState::Differing } else { state };
        assert_eq!((settled.state, held(&town)), (last, sent), "{settled:?}");
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn f19_a_setting_that_a_kill_has_broken_off_is_unknown_and_is_not_sent_again() {
    let (_folder, town) = town(world(6, 1, 26), NO_HISTORY, other_archive).await;
    let head_end = town.head_end();
    let archive = proposed(&town, &head_end, false).await;
    let before = held(&town);
    let id = confirmed(&town, &archive).await;
    let waiting = town.store.setting_of(id).await.unwrap().unwrap();
    assert!(town.store.begin_setting(&waiting, town.clock.now()).await.unwrap());
    assert!(!town.store.begin_setting(&waiting, town.clock.now()).await.unwrap(), "once");
    let setting = carried_out(&town, &head_end, id).await;
    assert_eq!((setting.state, held(&town)), (SettingState::Unknown, before), "{setting:?}");
    head_end.close().await;
    town.close().await;
}

/// The terminal keeps what is set and says so two minutes later.
fn late(setup: Setup) -> Setup {
    let setup = other_archive(setup);
    Setup { habits: Habits { sets: Sets::Late, ..setup.habits }, ..setup }
}

#[tokio::test]
async fn f24_meters_that_change_places_are_not_left_out_when_the_frame_between_is_not_answered() {
    let (_folder, town) = town(world(6, 1, 29), NO_HISTORY, late).await;
    let head_end = town.head_end();
    let archive = proposed(&town, &head_end, false).await;
    let id = confirmed(&town, &archive).await;
    let setting = carried_out(&town, &head_end, id).await;
    assert_eq!(setting.state, SettingState::Verified, "{setting:?}");
    assert_eq!(held(&town), wanted(&town).await);
    assert_eq!(audited(&town, "terminal.archive_send").await, 2, "both are kept before they leave");
    head_end.close().await;
    town.close().await;
}

/// When the terminal does what the frame said that it has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    InTime,
    TooLate,
    AfterAKill,
}

#[tokio::test]
async fn f24_what_is_taken_away_behind_a_silence_is_written_within_its_hour_or_told() {
    for comes in [Comes::InTime, Comes::TooLate, Comes::AfterAKill] {
        let (_folder, town) = town(world(6, 1, 30), NO_HISTORY, other_archive).await;
        let sets = |sets| town.terminals[0].live.with(|c| c.habits_mut().sets = sets);
        let later = async |seconds| tokio::time::sleep(Duration::from_secs(seconds)).await;
        let mut head_end = town.head_end();
        let archive = proposed(&town, &head_end, false).await;
        let before = held(&town);
        let id = confirmed(&town, &archive).await;
        // The frame that takes two records away is neither answered nor carried out.
        sets(Sets::Deaf);
        let setting = carried_out(&town, &head_end, id).await;
        assert_eq!((setting.state, held(&town)), (SettingState::Unknown, before.clone()), "{setting:?}");
        sets(Sets::Keeps);
        later(700).await;
        let setting = carried_out(&town, &head_end, id).await;
        assert_eq!((setting.state, held(&town)), (SettingState::Unknown, before), "it may still come");
        match comes {
            Comes::InTime => {}
            Comes::TooLate => later(3600).await,
            Comes::AfterAKill => {
                head_end.close().await;
                head_end = town.head_end();
                until_online(&town, &head_end).await;
            }
        }
        town.terminals[0].live.with(|c| c.forget_records(&[1, 2]));
        let left = held(&town);
        later(700).await;
        let mut setting = carried_out(&town, &head_end, id).await;
        if comes == Comes::InTime {
            assert_eq!(
                (setting.state, held(&town)),
                (SettingState::Verified, wanted(&town).await),
                "{setting:?}"
            );
        } else {
            if comes == Comes::AfterAKill {
                assert_eq!(
                    (setting.state, held(&town)),
                    (SettingState::Unknown, left.clone()),
                    "{setting:?}"
                );
                later(3700).await;
                setting = carried_out(&town, &head_end, id).await;
            }
            assert_eq!(
                (setting.state, held(&town)),
                (SettingState::Differing, left),
                "{comes:?}: {setting:?}"
            );
            let lacks: Vec<_> =
                setting.results.iter().filter(|one| one.lacks).map(|one| one.number).collect();
            assert_eq!(lacks, [1, 2, 3]);
            // Proposed anew it is what our archive says.
            let archive = proposed(&town, &head_end, false).await;
            let id = confirmed(&town, &archive).await;
            assert_eq!(carried_out(&town, &head_end, id).await.state, SettingState::Verified);
            assert_eq!(held(&town), wanted(&town).await);
        }
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn f24_nothing_is_set_beside_a_night_or_where_our_archive_says_otherwise() {
    let (_folder, town) = town(world(6, 1, 27), NO_HISTORY, other_archive).await;
    let head_end = town.head_end();
    let archive = proposed(&town, &head_end, false).await;
    let mut elsewhere = archive.clone();
    let record = elsewhere.changes[0].after.as_mut().unwrap();
    record.address = "999999999999".to_owned();
    let refused = propose(&town, &elsewhere).await;
    assert!(matches!(refused, Err(ProposalError::DoesNotFit(DoesNotFit::TerminalArchive))), "{refused:?}");
    let mut gone = proposed(&town, &head_end, false).await;
    gone.changes.truncate(1);
    let ours = gone.changes[0].after.take();
    gone.changes[0].before = ours;
    let refused = propose(&town, &gone).await;
    assert!(matches!(refused, Err(ProposalError::DoesNotFit(DoesNotFit::TerminalArchive))), "{refused:?}");

    let id = confirmed(&town, &archive).await;
    let night = day("2026-11-22");
    let beside = async {
        let mut progress = head_end.collector.progress();
        progress.wait_for(|progress| progress.planned > 0).await.unwrap();
        head_end.collector.set_records(&CancellationToken::new()).await.unwrap()
    };
    let (report, looked) = tokio::join!(town.night(&head_end, night), beside);
    assert_eq!((report.progress.read, looked), (6, 0));
    assert_eq!(carried_out(&town, &head_end, id).await.state, SettingState::Verified, "behind it");
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn t24_a_terminal_with_a_code_takes_records_with_it_only_and_it_is_sealed_at_rest() {
    const CODE: [u8; 16] = *b"\x5A\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\xA5";
    let with_code: fn(Setup) -> Setup = |setup| {
        let setup = other_archive(setup);
        Setup { habits: Habits { password: CODE, ..setup.habits }, ..setup }
    };
    let (folder, town) = town(world(6, 1, 28), NO_HISTORY, with_code).await;
    let head_end = town.head_end();
    let archive = proposed(&town, &head_end, false).await;
    let id = confirmed(&town, &archive).await;
    assert_eq!(carried_out(&town, &head_end, id).await.state, SettingState::Refused, "without its code");

    let key = KeyFile::make(&folder.path().join("key")).unwrap();
    let vault = town.store.open_vault(&key, town.clock.now()).await.unwrap();
    let entry = AuditEntry::of_system(town.clock.now(), "secret.replace", "terminals");
    let terminal = town.terminals[0].address;
    let codes = [(terminal, Password(CODE))];
    town.store.replace_terminal_passwords(&vault, &codes, &entry).await.unwrap();
    let id = confirmed(&town, &archive).await;
    assert_eq!(carried_out(&town, &head_end, id).await.state, SettingState::Waiting, "no key, nothing sent");
    town.store.seal_factors(vault, &entry).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let setting = carried_out(&town, &head_end, id).await;
    assert_eq!(setting.state, SettingState::Verified, "{setting:?}");
    head_end.close().await;
    town.close().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let is_in = |bytes: Vec<u8>| bytes.windows(CODE.len()).any(|part| part == CODE);
        assert!(!is_in(std::fs::read(&path).unwrap()), "{path:?}");
    }
}
