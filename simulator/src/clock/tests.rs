use dlt645::meter_time::Civil;
use proptest::prelude::*;

use super::*;
use crate::instant::DAY_SECONDS;

fn at(month: u8, day: u8, hour: u8, minute: u8) -> At {
    At::from_civil(Civil::new(2026, month, day, hour, minute, 0).unwrap())
}

fn texts(marks: impl Iterator<Item = Mark>) -> Vec<String> {
    marks.map(|mark| format!("{} at {}", mark.shown, mark.at)).collect()
}

#[test]
fn a_right_clock_marks_every_midnight() {
    let clock = Clock::right(at(11, 18, 12, 0));
    let marks = texts(clock.marks_before(at(11, 21, 0, 0), midnight));
    assert_eq!(
        marks,
        [
            "2026-11-21 00:00:00 at 2026-11-21 00:00:00",
            "2026-11-20 00:00:00 at 2026-11-20 00:00:00",
            "2026-11-19 00:00:00 at 2026-11-19 00:00:00"
        ]
    );
    assert_eq!(clock.marks_before(at(11, 18, 14, 0), hour).count(), 2);
    assert_eq!(clock.marks_before(at(11, 18, 11, 59), hour).count(), 0, "the meter was not there yet");
}

#[test]
fn a_fast_clock_comes_to_midnight_early() {
    let clock = Clock::drifting(at(11, 1, 0, 0), 300, 100);
    // 8.64 seconds a day, ten days on: 86 seconds more.
    assert_eq!(clock.offset(at(11, 11, 0, 0)), 386);
    let early = clock.when_showing(at(11, 11, 0, 0), at(11, 10, 0, 0)).unwrap();
    assert_eq!(at(11, 11, 0, 0).since(early), 386);
}

#[test]
fn turns_skip_and_repeat_midnights() {
    let mut clock = Clock::right(at(11, 18, 12, 0));
    clock.jump(at(11, 19, 23, 50), 1200);
    assert_eq!(clock.marks_before(at(11, 20, 12, 0), midnight).count(), 1, "20 November was jumped over");
    clock.jump(at(11, 20, 1, 0), -7200);
    let marks = texts(clock.marks_before(at(11, 20, 12, 0), midnight));
    assert_eq!(marks[0], "2026-11-20 00:00:00 at 2026-11-20 01:40:00", "now it is met after all");
    clock.lose_battery(at(11, 22, 9, 30));
    let marks = texts(clock.marks_before(at(11, 24, 10, 0), midnight));
    assert_eq!(marks[0], "2000-01-03 00:00:00 at 2026-11-24 09:30:00");
    assert_eq!((marks.len(), clock.shown(at(11, 22, 9, 31)).seconds()), (6, 60));
    clock.drift(at(11, 24, 10, 0), STOPPED_PPM);
    assert_eq!(clock.shown(at(12, 24, 10, 0)), clock.shown(at(11, 24, 10, 0)));
    clock.set(at(12, 25, 8, 0), at(12, 25, 8, 0));
    assert_eq!(clock.when_showing(at(12, 26, 0, 0), at(12, 1, 0, 0)), None, "set, it still stands");
    clock.drift(at(12, 25, 8, 0), 0);
    assert_eq!(clock.when_showing(at(12, 26, 0, 0), at(12, 1, 0, 0)), Some(at(12, 26, 0, 0)));
    assert_eq!(clock.when_showing(at(11, 19, 0, 0), at(11, 18, 12, 0)), Some(at(11, 19, 0, 0)));
}

#[test]
fn a_new_drift_at_midnight_marks_it_once() {
    for drift in [-80, 0, 80, 400_000] {
        let mut clock = Clock::drifting(at(11, 18, 12, 0), 0, drift);
        let turned = clock.when_showing(at(11, 19, 0, 0), at(11, 18, 12, 0)).unwrap();
        for shift in -2..=2 {
            let mut clock = clock.clone();
            clock.drift(turned.plus(shift), -drift);
            let marks = clock.marks_before(turned.plus(100), midnight);
            assert_eq!(marks.count(), 1, "drift {drift}, {shift} seconds off");
        }
        clock.drift(turned, -drift);
        assert_eq!(clock.when_showing(at(11, 19, 0, 0), at(11, 18, 12, 0)), Some(turned));
    }
}

/// A clock after a few turns of every kind, one a day at most.
fn clocks() -> impl Strategy<Value = Clock> {
    let turn = (0..4_u8, 1..DAY_SECONDS, -100_000..100_000_i64, -500..500_i32);
    (prop::collection::vec(turn, 0..6), -500..500_i32).prop_map(|(turns, ppm)| {
        let since = at(3, 1, 0, 0);
        let mut clock = Clock::drifting(since, 77, ppm);
        for (place, (kind, second, by, ppm)) in (0_i64..).zip(turns) {
            let when = since.plus(place * i64::from(DAY_SECONDS) + i64::from(second));
            match kind {
                0 => clock.set(when, when),
                1 => clock.jump(when, by),
                2 => clock.drift(when, ppm),
                _ => clock.lose_battery(when),
            }
        }
        clock
    })
}

proptest! {
    #[test]
    fn between_turns_a_clock_never_runs_back(clock in clocks(), from in 0..800_000_i64, step in 0..100_000_i64) {
        let from = at(3, 1, 0, 0).plus(from);
        let to = from.plus(step);
        if clock.turns.iter().all(|turn| turn.by_running || turn.from <= from || turn.from > to) {
            prop_assert!(clock.shown(to) >= clock.shown(from));
        }
    }

    #[test]
    fn a_mark_is_the_first_second_that_shows_it(clock in clocks(), until in 0..800_000_i64) {
        let until = at(3, 1, 0, 0).plus(until);
        let mut later = until.plus(1);
        for mark in clock.marks_before(until, midnight) {
            prop_assert!(clock.shown(mark.at) >= mark.shown && clock.shown(mark.at.plus(-1)) < mark.shown);
            prop_assert!(mark.at < later, "newest first");
            prop_assert_eq!(clock.when_showing(mark.shown, mark.at), Some(mark.at));
            later = mark.at;
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_mark_is_missed(clock in clocks()) {
        let (from, until) = (at(3, 1, 0, 0), at(3, 5, 0, 0));
        let mut met = 0;
        let mut before = clock.shown(from);
        for second in 1..=until.since(from) {
            let now = from.plus(second);
            let shown = clock.shown(now);
            let set = clock.turns.iter().any(|turn| turn.from == now && !turn.by_running);
            met += usize::from(!set && shown.day() > before.day());
            before = shown;
        }
        prop_assert_eq!(clock.marks_before(until, midnight).count(), met);
    }
}
