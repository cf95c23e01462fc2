//! Terminals: taken in and let go, their clocks, archives, verified points and events.

use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{ClockOffset, Id, Moment};
use chaobiao::store::archive::Saving;
use chaobiao::store::terminal::{
    Adoption, ArchiveCompared, Difference, DifferenceKind, EventsRead, TerminalEvent, TerminalNotes,
    Verified, VerifiedPoint,
};
use chaobiao::store::{Batch, Notes};
use gdw1376::address::TerminalAddress;

use crate::archive::behind;
use crate::{Fresh, midnight, on_both};

fn at(seconds: u64) -> Moment {
    midnight("2026-11-22").plus(Duration::from_secs(seconds))
}

fn terminal(text: &str) -> TerminalAddress {
    text.parse().unwrap()
}

fn acting(role: Role) -> Acting {
    Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role,
        role_since: at(0),
        regions: Regions::All,
        source: "10.0.0.7".to_owned(),
        request: None,
    }
}

async fn keep(fresh: &Fresh, terminals: TerminalNotes) {
    let notes = Notes { terminals, ..Notes::default() };
    fresh.store.save(&Batch { notes, ..Batch::default() }, at(600)).await.unwrap();
}

fn event(place: u8, body: &str) -> TerminalEvent {
    TerminalEvent {
        place,
        code: 14,
        meter: None,
        began: Some("2026-11-21 20:10".to_owned()),
        body: body.to_owned(),
        record: "[]".to_owned(),
        collected_at: at(300),
    }
}

#[tokio::test]
async fn t05_points_that_were_verified_before_a_claim_are_so_no_more() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.save_archive(&[behind(1, 1), behind(2, 2), behind(3, 3)], at(0), Saving::Save).await.unwrap();
        let (ours, other) = (terminal("1100-3039"), terminal("1100-0007"));
        let meters = store.meters_at(ours).await.unwrap();
        let verified = |point: u16, seconds| VerifiedPoint {
            meter: meters[&point],
            terminal: ours,
            point,
            at: at(seconds),
        };
        let first = (1..=3).map(|point| verified(point, 10)).collect();
        keep(fresh, TerminalNotes { verified: first, ..TerminalNotes::default() }).await;
        // The second is verified anew before the claim is noted.
        keep(fresh, TerminalNotes { verified: vec![verified(2, 60)], ..TerminalNotes::default() }).await;
        assert_eq!(store.doubt_points(other, at(50)).await.unwrap(), 0);
        assert_eq!(store.verified_points(ours).await.unwrap().len(), 3);
        assert_eq!(store.doubt_points(ours, at(50)).await.unwrap(), 2);
        let kept = store.verified_points(ours).await.unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(
            (kept[&meters[&2]].at, kept[&meters[&2]].since),
            (at(60), at(60)),
            "and only from then on"
        );
        assert_eq!(store.doubt_points(ours, at(50)).await.unwrap(), 0, "once more changes nothing");
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_at_a_place_of_the_memory_of_events() {
    on_both(async |fresh| {
        let ours = terminal("1100-3039");
        let read = |important, events| EventsRead { terminal: ours, important, read_to: None, events };
        let events =
            vec![read(false, vec![event(7, "AA"), event(8, "BB")]), read(true, vec![event(7, "CC")])];
        keep(fresh, TerminalNotes { events, ..TerminalNotes::default() }).await;
        let store = &fresh.store;
        assert_eq!(store.events_at(ours, false, 7).await.unwrap(), [(14, "AA".to_owned())]);
        assert_eq!(store.events_at(ours, true, 7).await.unwrap(), [(14, "CC".to_owned())]);
        assert_eq!(store.events_at(ours, true, 8).await.unwrap(), []);
        assert_eq!(store.events_at(terminal("1100-0007"), false, 7).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_terminal_is_known_while_somebody_or_the_archive_wants_it() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let entries = [behind(1, 1), behind(2, 2)];
        store.save_archive(&entries, at(0), Saving::Save).await.unwrap();
        let archived = terminal("1100-3039");
        let strange = terminal("1100-0007");
        assert_eq!(store.known_terminals().await.unwrap(), [archived]);

        let viewer = acting(Role::Viewer);
        assert_eq!(store.adopt_terminal(&viewer, strange, None, at(1)).await.unwrap(), Adoption::NotAllowed);
        assert_eq!(store.known_terminals().await.unwrap(), [archived]);
        let li = acting(Role::Operator);
        assert_eq!(store.adopt_terminal(&li, strange, Some("gate 3"), at(2)).await.unwrap(), Adoption::Done);
        assert_eq!(store.adopt_terminal(&li, strange, None, at(9)).await.unwrap(), Adoption::Done);
        let known = store.terminals(&Regions::All).await.unwrap();
        assert_eq!(
            known.iter().map(|line| (line.address, line.meters)).collect::<Vec<_>>(),
            [(strange, 0), (archived, 2)]
        );
        assert_eq!(known[0].name.as_deref(), Some("gate 3"));
        assert_eq!(known[0].adopted, Some((at(2), "li".to_owned())), "the first adoption stays");

        assert_eq!(store.forget_terminal(&li, archived, at(10)).await.unwrap(), Adoption::HasMeters);
        assert_eq!(store.forget_terminal(&viewer, strange, at(10)).await.unwrap(), Adoption::NotAllowed);
        assert_eq!(store.forget_terminal(&li, strange, at(10)).await.unwrap(), Adoption::Done);
        assert_eq!(store.forget_terminal(&li, strange, at(11)).await.unwrap(), Adoption::NotThere);
        assert_eq!(store.known_terminals().await.unwrap(), [archived]);

        let told =
            fresh.texts("SELECT action || ' ' || object || ' ' || result FROM audit ORDER BY number").await;
        assert_eq!(
            told,
            [
                "terminal.adopt terminal 1100-0007 refused: not allowed",
                "terminal.adopt terminal 1100-0007 done",
                "terminal.adopt terminal 1100-0007 done",
                "terminal.forget terminal 1100-0007 refused: not allowed",
                "terminal.forget terminal 1100-0007 done",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn f24_clocks_archives_and_verified_points_are_told_of_their_terminal() {
    on_both(async |fresh| {
        let store = &fresh.store;
        store.save_archive(&[behind(1, 1), behind(2, 2)], at(0), Saving::Save).await.unwrap();
        let of = terminal("1100-3039");
        let meters = store.meters_at(of).await.unwrap();
        let (first, second) = (meters[&1], meters[&2]);
        let clock = |seconds, fast_us| {
            let uncertainty = Duration::from_millis(700);
            (of, ClockOffset { at: at(seconds), fast_us, uncertainty })
        };
        let differences = vec![Difference {
            point: 2,
            kind: DifferenceKind::OtherMeter,
            ours: Some("000000000002".to_owned()),
            theirs: Some("000000000009".to_owned()),
        }];
        let archive =
            ArchiveCompared { terminal: of, at: at(50), records: 2, differences: differences.clone() };
        let old = ArchiveCompared { at: at(20), differences: Vec::new(), ..archive.clone() };
        let sure = VerifiedPoint { meter: first, terminal: of, point: 1, at: at(60) };
        keep(
            fresh,
            TerminalNotes {
                clocks: vec![clock(10, 1_000_000), clock(100, -2_000_000), clock(200, 0)],
                frames: vec![(of, (1024, 2048))],
                archives: vec![archive, old],
                verified: vec![sure],
                ..TerminalNotes::default()
            },
        )
        .await;

        let seen = store.terminal(of, &Regions::All).await.unwrap().unwrap();
        assert_eq!(seen.archive, Some((at(50), 2, differences)), "an older comparison changes nothing");
        assert_eq!((seen.frames, seen.verified, seen.meters), (Some((1024, 2048)), 1, 2));
        assert_eq!(seen.clock.map(|clock| clock.at), Some(at(200)));
        let since = store.terminal_clocks(of, at(150)).await.unwrap();
        assert_eq!(since.iter().map(|clock| clock.at).collect::<Vec<_>>(), [at(100), at(200)]);
        let verified = Verified { point: 1, at: at(60), since: at(60), turn: None };
        assert_eq!(store.verified_points(of).await.unwrap(), [(first, verified)].into());
        // Once more, and then at another point.
        for (told, since) in [
            (VerifiedPoint { at: at(90), ..sure }, at(60)),
            (VerifiedPoint { at: at(95), point: 3, ..sure }, at(95)),
        ] {
            keep(fresh, TerminalNotes { verified: vec![told], ..TerminalNotes::default() }).await;
            let expected = Verified { point: told.point, at: told.at, since, turn: None };
            assert_eq!(store.verified_points(of).await.unwrap()[&first], expected);
        }
        // The turn at which it was borne out is kept with it; a point that is doubted is verified no more.
        let turn = Duration::from_secs(25 * 60);
        let turns = vec![(first, turn)];
        keep(fresh, TerminalNotes { verified: vec![sure], turns, ..TerminalNotes::default() }).await;
        assert_eq!(store.verified_points(of).await.unwrap()[&first].turn, Some(turn));
        keep(fresh, TerminalNotes { doubted: vec![first], ..TerminalNotes::default() }).await;
        assert!(store.verified_points(of).await.unwrap().is_empty());
        keep(fresh, TerminalNotes { verified: vec![sure], ..TerminalNotes::default() }).await;

        // A meter that is moved to another point is not sure any more there.
        let moved = VerifiedPoint { meter: second, point: 7, ..sure };
        keep(fresh, TerminalNotes { verified: vec![moved], ..TerminalNotes::default() }).await;
        assert_eq!(store.terminal(of, &Regions::All).await.unwrap().unwrap().verified, 1);
    })
    .await;
}

#[tokio::test]
async fn f07_an_event_that_is_told_twice_is_one() {
    on_both(async |fresh| {
        let of = terminal("1100-3039");
        let read = |read_to, events| EventsRead { terminal: of, important: true, read_to, events };
        let events = |read| TerminalNotes { events: vec![read], ..TerminalNotes::default() };
        // Told unasked, told again, then read with another.
        keep(fresh, events(read(None, vec![event(4, "AA")]))).await;
        keep(fresh, events(read(None, vec![event(4, "AA")]))).await;
        keep(fresh, events(read(Some(6), vec![event(4, "AA"), event(5, "BB")]))).await;
        // A turn of the ring later the same place holds another one.
        keep(fresh, events(read(Some(5), vec![event(4, "CC")]))).await;
        let told = fresh.store.terminal_events(Some(of), 10).await.unwrap();
        assert_eq!(told.len(), 3);
        let bodies = fresh.texts("SELECT body FROM terminal_event ORDER BY body").await;
        assert_eq!(bodies, ["AA", "BB", "CC"]);
        let places = fresh.texts("SELECT CAST(important AS text) FROM terminal").await;
        assert_eq!(places, ["5"]);
        assert_eq!(fresh.store.terminal_events(Some(terminal("1100-0001")), 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn t05_a_terminal_keeps_its_first_certificate_until_it_is_taken_in_again() {
    on_both(async |fresh| {
        let of = terminal("1100-3039");
        let li = acting(Role::Admin);
        let (own, other) = ("aa".repeat(32), "bb".repeat(32));
        fresh.store.adopt_terminal(&li, of, None, at(0)).await.unwrap();
        fresh.store.note_certificate(of, &own).await.unwrap();
        fresh.store.note_certificate(of, &other).await.unwrap();
        assert_eq!(fresh.store.terminal_certificates().await.unwrap(), [(of, own)]);
        fresh.store.adopt_terminal(&li, of, None, at(10)).await.unwrap();
        assert_eq!(fresh.store.terminal_certificates().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn old_notes_of_terminals_are_let_go_and_the_last_year_stays() {
    on_both(async |fresh| {
        let (of, day) = (terminal("1100-3039"), Duration::from_secs(86_400));
        let clock = |at, fast_us| (of, ClockOffset { at, fast_us, uncertainty: day });
        let long_ago = Moment::from_micros(1_000_000_000_000_000);
        let clocks = vec![clock(long_ago, 1), clock(at(0), 2)];
        keep(fresh, TerminalNotes { clocks, ..TerminalNotes::default() }).await;
        let gone = fresh.store.forget_old_of_terminals(at(0).plus(day), (day, day)).await.unwrap();
        let kept = fresh.store.terminal_clocks(of, long_ago).await.unwrap();
        assert_eq!((gone, kept.len()), (1, 1));
        // A clock that has leapt ten years ahead lets nothing go (F33).
        let gone = fresh.store.forget_old_of_terminals(at(0).plus(day * 3650), (day * 400, day * 400)).await;
        assert_eq!(gone.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn when_a_terminal_was_heard_is_kept() {
    on_both(async |fresh| {
        let of = terminal("1100-3039");
        let li = acting(Role::Admin);
        fresh.store.adopt_terminal(&li, of, None, at(0)).await.unwrap();
        fresh.store.terminals_heard(&[(of, at(10), Some(at(9)))]).await.unwrap();
        fresh.store.terminals_heard(&[(of, at(70), None)]).await.unwrap();
        fresh.store.terminals_heard(&[]).await.unwrap();
        let seen = fresh.store.terminal(of, &Regions::All).await.unwrap().unwrap();
        assert_eq!((seen.logged_in_at, seen.heard_at), (Some(at(9)), Some(at(70))));
    })
    .await;
}

#[tokio::test]
async fn t16_of_a_terminal_with_meters_of_several_areas_each_sees_its_own() {
    on_both(async |fresh| {
        let store = &fresh.store;
        let mut entries = [behind(1, 1), behind(2, 2), behind(3, 3)];
        entries[1].point.area = Some("台区二".to_owned());
        store.save_archive(&entries, at(0), Saving::Save).await.unwrap();
        let of = terminal("1100-3039");
        let told = |point, ours: Option<u32>, theirs: Option<&str>| Difference {
            point,
            kind: DifferenceKind::OtherMeter,
            ours: ours.map(|number| crate::archive::meter(number).address.to_string()),
            theirs: theirs.map(str::to_owned),
        };
        let differences = vec![
            told(1, Some(1), None),
            told(2, Some(2), None),
            told(2, Some(2), Some("000000000001")),
            told(9, None, Some("000000000099")),
        ];
        let archives = vec![ArchiveCompared { terminal: of, at: at(60), records: 4, differences }];
        keep(fresh, TerminalNotes { archives, ..TerminalNotes::default() }).await;
        let second = store.areas_named(&["台区二"]).await.unwrap().unwrap();
        let seen = async |regions: &Regions| {
            let one = store.terminal(of, regions).await.unwrap().unwrap();
            assert_eq!(store.terminals(regions).await.unwrap(), std::slice::from_ref(&one));
            one
        };
        let (whole, part) = (seen(&Regions::All).await, seen(&second).await);
        assert_eq!((whole.meters, part.meters), (3, 1));
        assert!(whole.tells_of(None) && whole.tells_of(Some(Id::new(1))));
        assert!(!part.tells_of(None) && !part.tells_of(Some(Id::new(1))) && part.tells_of(Some(Id::new(2))));
        let points = |line: &chaobiao::store::terminal::TerminalLine| {
            line.archive
                .as_ref()
                .unwrap()
                .2
                .iter()
                .map(|told| (told.point, told.theirs.is_some()))
                .collect::<Vec<_>>()
        };
        assert_eq!(points(&whole), [(1, false), (2, false), (2, true), (9, true)]);
        assert_eq!(points(&part), [(2, false)], "nor whose meter the terminal has in its place");
        let both = store.areas_named(&["台区一", "台区二"]).await.unwrap().unwrap();
        assert_eq!(store.terminal(of, &both).await.unwrap(), Some(whole), "whoever sees all of it");
    })
    .await;
}
