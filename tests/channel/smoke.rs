//! Jobs in, reports out.

use chaobiao::channel::Lane;

use crate::rig::{BLOCK, Plans, Rig, TOTAL, meters, ms, values};

#[tokio::test(start_paused = true)]
async fn jobs_are_answered_and_say_when() {
    let rig = Rig::new(meters(1..=3, 2400), Plans::default());
    let begin = tokio::time::Instant::now();
    let pending: Vec<_> =
        (1..=3).map(|number| rig.offer(rig.job(crate::rig::read(number, BLOCK), Lane::Nightly))).collect();
    for job in pending {
        let report = job.await;
        assert_eq!((values(&report).map(|values| values.len()), report.tries), (Some(5), 1), "{report:?}");
        let (asked, answered) = (report.asked_at.unwrap(), report.answered_at.unwrap());
        // Fifty milliseconds pass between the question and the answer, and then a byte of wake-up.
        let delay = answered - asked;
        assert!(delay >= ms(50) && delay <= ms(50 + 8), "{delay:?}");
        assert_eq!(report.perhaps_since, None);
    }
    assert!(begin.elapsed() < ms(3 * (325 + 30 + 5)), "{:?}", begin.elapsed());
    let none = rig.read(9, TOTAL, Lane::OnDemand).await;
    assert_eq!((none.end.kind(), none.tries, none.answered_at), ("silent", 1, None));
    let status = rig.line.status();
    assert_eq!((status.phase.name(), status.tally.exchanges, status.tally.answered), ("up", 4, 3));
    let heard = rig.with(|bus| bus.requests());
    assert_eq!(heard, 4);
    rig.stop().await;
}
