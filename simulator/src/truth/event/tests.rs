use super::*;

fn second(second: u32) -> At {
    At::from_seconds(second)
}

fn span(kind: EventKind, from: u32, to: Option<u32>) -> Event {
    Event { kind, from: second(from), to: to.map(second), operator: 0 }
}

fn log() -> EventLog {
    let mut log = EventLog::default();
    log.insert(span(EventKind::RelayOpen, 100, Some(200)));
    log.insert(span(EventKind::CoverOpen, 150, None));
    log.insert(span(EventKind::RelayOpen, 300, None));
    log.insert(span(EventKind::RelayOpen, 40, Some(50)));
    log
}

#[test]
fn the_log_answers_as_of_any_instant() {
    let mut log = log();
    let starts = |log: &EventLog, at| -> Vec<u32> {
        log.remembered(EventKind::RelayOpen, second(at)).map(|event| event.from.seconds()).collect()
    };
    assert_eq!(starts(&log, 400), [300, 100, 40]);
    assert_eq!(starts(&log, 299), [100, 40]);
    assert_eq!(
        [99, 100, 199, 200, 300].map(|at| log.is_on(EventKind::RelayOpen, second(at))),
        [false, true, true, false, true]
    );
    assert_eq!(log.remembered(EventKind::RelayOpen, second(199)).next().unwrap().to, None, "not yet known");
    assert!(log.end(EventKind::RelayOpen, second(350)) && !log.end(EventKind::RelayOpen, second(360)));
    assert_eq!(log.remembered(EventKind::RelayOpen, second(350)).next().unwrap().to, Some(second(350)));
    assert_eq!([150, 350, 400].map(|at| log.minutes(EventKind::RelayOpen, second(at))), [1, 2, 2]);
    assert_eq!(log.bends_after(second(50)), [100, 200, 300, 350].map(second));
}

#[test]
fn clears_wipe_out_records_and_not_the_truth() {
    let mut log = log();
    log.insert(span(EventKind::EventClear, 320, Some(320)));
    assert_eq!(log.count(EventKind::RelayOpen, second(319)), 3);
    assert_eq!(log.count(EventKind::RelayOpen, second(320)), 0);
    assert!(log.is_on(EventKind::RelayOpen, second(320)));
    log.insert(span(EventKind::MeterClear, 330, Some(330)));
    assert_eq!(log.count(EventKind::EventClear, second(340)), 1);
    assert!(!log.is_on(EventKind::MeterClear, second(330)));
    assert_eq!(log.bends_after(second(300)), [second(330)]);
}
