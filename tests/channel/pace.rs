//! F13: slow meters, at the limit and far beyond it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaobiao::channel::{End, Lane};
use dlt645::exchange::Timing;
use tokio::time::Instant;

use crate::rig::{Plans, Rig, Scripted, TOTAL, ms, one_request_at_a_time, prompt, read, valued, values};

/// Eleven bits take ten milliseconds, so that every moment is one of tokio's.
const BAUD: u32 = 1100;

/// A meter that takes as long as it is told to, each time.
fn told(delays: &[Duration]) -> (Scripted, Arc<Mutex<Vec<Duration>>>) {
    let delays = Arc::new(Mutex::new(delays.iter().rev().copied().collect::<Vec<_>>()));
    let next = Arc::clone(&delays);
    let station = Scripted::new(BAUD, move |number, request| {
        let delay = next.lock().unwrap().pop().unwrap_or_else(|| ms(50));
        valued(number, request, delay)
    });
    (station, delays)
}

fn rig(station: Scripted) -> Rig<Scripted> {
    Rig::new(vec![station], Plans { settings: prompt(BAUD), ..Plans::default() })
}

#[tokio::test(start_paused = true)]
async fn f13_a_millisecond_decides_and_who_was_late_is_given_more_time() {
    // The first byte itself takes ten milliseconds to come.
    let limit = Timing::serial(BAUD).first_byte - ms(10);
    for (delay, is_in_time) in [(limit - ms(1), true), (limit, false), (limit + ms(1), false)] {
        let (station, _) = told(&[delay, delay]);
        let rig = rig(station);
        let report = rig.read(1, TOTAL, Lane::OnDemand).await;
        assert_eq!(values(&report).is_some(), is_in_time, "{delay:?}: {report:?}");
        if is_in_time {
            assert_eq!(report.answer_delay, Some(delay + ms(10)));
        } else {
            assert_eq!((report.end.kind(), rig.line.status().tally.late), ("silent", 1), "{delay:?}");
        }
        // Again, as slow as before: now it is waited for.
        let report = rig.read(1, TOTAL, Lane::OnDemand).await;
        assert_eq!((values(&report), report.tries), (Some(vec![1]), 1), "{delay:?}");
        assert_eq!(report.perhaps_since.is_some(), !is_in_time);
        one_request_at_a_time(&rig.crossings(), 20);
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f13_a_delay_that_jumps_is_met_where_the_path_allows_for_it() {
    // Twenty quick answers, then 20 seconds behind a concentrator whose path may take 25.
    let mut delays = vec![ms(50); 20];
    delays.extend([ms(20_000), ms(50), ms(20_000)]);
    let (station, _) = told(&delays);
    let rig = rig(station);
    let timing = Timing::serial(BAUD).with_path_delay(Duration::from_secs(25));
    for delay in &delays {
        let mut job = rig.job(read(1, TOTAL), Lane::Nightly);
        job.timing = timing;
        let report = rig.offer(job).await;
        assert_eq!((values(&report), report.tries), (Some(vec![1]), 1), "{delay:?}");
        assert_eq!(report.answer_delay, Some(*delay + ms(10)));
    }
    assert_eq!(one_request_at_a_time(&rig.crossings(), 20), delays.len());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f13_a_delay_beyond_all_limits_costs_a_bounded_time_and_no_value() {
    // The meter says when it was asked: 20 s later than anybody waits.
    let (station, delays) = told(&[]);
    let rig = rig(station);
    for round in 0..40 {
        *delays.lock().unwrap() = if round % 5 == 0 { vec![ms(20_000)] } else { Vec::new() };
        let begin = Instant::now();
        let report = rig.offer(rig.job(read(1, TOTAL), Lane::OnDemand).retried(2)).await;
        assert!(begin.elapsed() < ms(25_000), "{:?}", begin.elapsed());
        assert!(matches!(report.end, End::Done(_) | End::Doubtful), "{report:?}");
        if round % 5 == 0 {
            assert!(report.answered_at.is_none() || report.perhaps_since.is_some(), "{report:?}");
        }
        tokio::time::sleep(ms(5000)).await;
    }
    let tally = rig.line.status().tally;
    assert!(tally.late > 0 && tally.answered >= 20, "{tally:?}");
    rig.stop().await;
}
