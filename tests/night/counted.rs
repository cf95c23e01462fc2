//! Events of terminals whose memory goes round between two nights: read in the day, and told where they are lost.
#![expect(clippy::indexing_slicing, reason = "a terminal that is not there must end its test")]

use std::time::Duration;

use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use tokio_util::sync::CancellationToken;

use crate::behind::{NO_HISTORY, swift, town, verify, world};
use crate::rig::{Town, day};

/// So many times something goes on in the terminal that is no event of importance.
fn happens(town: &Town, count: u16, first: u16) {
    town.terminals[0].live.with(|c| {
        for number in first..first + count {
            let [high, low] = number.to_be_bytes();
            // ERC 3, parameters changed: when, by whom, which.
            c.note_event(3, vec![0x10, 0x08, 0x22, 0x11, 0x26, 0x01, high, low, 0x02, 0x00]);
        }
    });
}

async fn kept(town: &Town) -> i64 {
    town.ask("SELECT count(*) FROM terminal_event WHERE code = 3").await
}

async fn lost(town: &Town) -> Vec<String> {
    let filter = AlarmFilter { kind: Some(AlarmKind::TerminalEventsLost), ..AlarmFilter::default() };
    let found = town.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap();
    found.into_iter().map(|alarm| format!("{}: {}", alarm.subject, alarm.detail)).collect()
}

/// Supply goes and comes back, which is of importance: the terminal reports it, and its counters with it.
async fn reported(town: &Town, minute: u8) {
    let at = [minute, 0x08, 0x22, 0x11, 0x26];
    town.terminals[0].live.with(|c| c.note_event(14, [at, at].concat()));
    tokio::time::sleep(Duration::from_secs(30 * 60)).await;
}

#[tokio::test]
async fn events_that_are_counted_in_the_day_are_read_before_the_memory_goes_round() {
    let (_folder, town) = town(world(2, 1, 93), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    happens(&town, 3, 0);
    town.night(&head_end, day("2026-11-22")).await;
    assert_eq!(kept(&town).await, 3);
    let stop = CancellationToken::new();
    let day_goes_on = async {
        for (minute, number, count) in [(1, 1000, 60), (2, 2000, 60), (3, 3000, 120), (4, 4000, 120)] {
            happens(&town, count, number);
            reported(&town, minute).await;
        }
        assert_eq!(
            kept(&town).await,
            3 + 60 + 60 + 120 + 120,
            "none waits for the night that would not find it"
        );
        happens(&town, 20, 5000);
        reported(&town, 5).await;
        assert_eq!(kept(&town).await, 3 + 360, "a few do");
        stop.cancel();
    };
    tokio::join!(head_end.collector.read_counted_events(&stop), day_goes_on);
    town.night(&head_end, day("2026-11-23")).await;
    assert_eq!((kept(&town).await, lost(&town).await), (3 + 380, Vec::new()));
    head_end.close().await;
    town.close().await;
}

#[tokio::test]
async fn events_that_were_overwritten_before_they_were_read_are_told_as_lost() {
    for count in [300, 256] {
        let (_folder, town) = town(world(2, 1, 94), NO_HISTORY, swift).await;
        verify(&town).await;
        let head_end = town.head_end();
        happens(&town, 3, 0);
        town.night(&head_end, day("2026-11-22")).await;
        assert_eq!((kept(&town).await, lost(&town).await), (3, Vec::new()));
        happens(&town, count, 1000);
        town.night(&head_end, day("2026-11-23")).await;
        assert!(kept(&town).await >= 3 + 255, "{count}: what is there yet is kept, {}", kept(&town).await);
        let told = lost(&town).await;
        assert!(told.len() == 1 && told[0].contains("ordinary events"), "{told:?}");
        happens(&town, 5, 3000);
        town.night(&head_end, day("2026-11-24")).await;
        assert_eq!(lost(&town).await.len(), 1, "once");
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn a_terminal_that_began_anew_is_told_as_that_and_its_events_are_each_kept_once() {
    // Counted further than what was read when it began anew, and not as far.
    for (before, after) in [(3, 10), (60, 5)] {
        let (_folder, town) = town(world(2, 1, 95), NO_HISTORY, swift).await;
        verify(&town).await;
        let head_end = town.head_end();
        happens(&town, 1, 0);
        town.night(&head_end, day("2026-11-22")).await;
        happens(&town, before, 1000);
        town.night(&head_end, day("2026-11-23")).await;
        let known = 1 + i64::from(before);
        assert_eq!((kept(&town).await, lost(&town).await), (known, Vec::new()));
        town.terminals[0].live.with(|c| c.initialise());
        happens(&town, after, 2000);
        town.night(&head_end, day("2026-11-24")).await;
        assert_eq!(kept(&town).await, known + i64::from(after));
        let told = lost(&town).await;
        assert!(told.len() == 1 && told[0].contains("counters began anew"), "{told:?}");
        happens(&town, 2, 3000);
        town.night(&head_end, day("2026-11-25")).await;
        assert_eq!((kept(&town).await, lost(&town).await), (known + i64::from(after) + 2, told), "once");
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn all_events_that_a_terminal_holds_are_read_when_it_is_asked_for_the_first_time() {
    for (count, held) in [(0, 0), (60, 60), (255, 255), (256, 256), (300, 256)] {
        let (_folder, town) = town(world(2, 1, 99), NO_HISTORY, swift).await;
        verify(&town).await;
        let head_end = town.head_end();
        happens(&town, count, 1000);
        town.night(&head_end, day("2026-11-22")).await;
        assert_eq!((kept(&town).await, lost(&town).await), (held, Vec::new()), "of {count}");
        happens(&town, 3, 3000);
        town.night(&head_end, day("2026-11-23")).await;
        assert_eq!(
            (kept(&town).await, lost(&town).await),
            (held + 3, Vec::new()),
            "of {count}, and three new"
        );
        head_end.close().await;
        town.close().await;
    }
}

#[tokio::test]
async fn a_terminal_that_comes_for_the_first_time_by_day_is_asked_by_day() {
    let (_folder, town) = town(world(2, 1, 90), NO_HISTORY, swift).await;
    happens(&town, 60, 1000);
    let head_end = town.head_end();
    let stop = CancellationToken::new();
    let day_goes_on = async {
        tokio::time::sleep(Duration::from_secs(5 * 60)).await;
        assert_eq!(kept(&town).await, 60, "it has told nothing of itself, and is asked");
        let asked = head_end.terminals.status(town.terminals[0].address).unwrap().requests;
        tokio::time::sleep(Duration::from_secs(30 * 60)).await;
        let later = head_end.terminals.status(town.terminals[0].address).unwrap().requests;
        assert_eq!(later, asked, "once");
        stop.cancel();
    };
    tokio::join!(head_end.collector.read_counted_events(&stop), day_goes_on);
    head_end.close().await;
    town.close().await;
}
