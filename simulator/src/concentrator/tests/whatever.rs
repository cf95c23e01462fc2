use core::time::Duration;

use gdw1376::afn::Afn;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use gdw1376::unit;
use proptest::prelude::*;

use super::rig::*;
use crate::concentrator::habits::Habits;
use crate::seed::Seed;

/// Units that begin like real ones.
fn units() -> impl Strategy<Value = Vec<u8>> {
    let identifier = (prop::sample::select(vec![0, 1, 2, 0x0F, 0xFF]), 0..3_u8, any::<u8>(), 0..31_u8);
    let mark = prop_oneof![
        Just(vec![0x15, 0x11, 0x26]),
        Just(vec![0x10, 0x26]),
        Just(vec![0x00, 0x00, 0x20, 0x11, 0x26, 0x01, 0x60]),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    let unit = (identifier, mark)
        .prop_map(|((point, group, item, items), mark)| [&[point, group, item, items][..], &mark].concat());
    prop::collection::vec(unit, 0..4).prop_map(|units| units.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whatever_is_asked_every_answer_is_sound(
        habits in 0..60_u64,
        asked in prop::collection::vec((prop_oneof![0..17_u8, any::<u8>()], units()), 1..12),
    ) {
        let mut setup = setup(6);
        setup.habits = Habits { front: Default::default(), splits_at: 0, ..Habits::drawn(Seed::new(habits)) };
        let sends = usize::from(setup.settings.sends);
        let mut rig = Rig::on_line(setup);
        let heard = rig.heard.len();
        for (afn, units) in asked {
            rig.ask(Afn(afn), &units);
        }
        for (_, _, bytes) in &rig.heard[heard..] {
            let frame = Frame::parse(bytes).unwrap();
            let message = Message::of(&frame).unwrap();
            prop_assert!(message.control.is_uplink());
            prop_assert!(bytes.len() <= sends + 8);
            let cut = unit::cut(&message);
            prop_assert!(cut.rest.is_none(), "{:02X?}: {:?}", bytes, cut.rest);
        }
    }

    #[test]
    fn whatever_bytes_come_the_terminal_lives_on(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(0..300_usize, 0..4),
    ) {
        let mut rig = Rig::on_line(setup(2));
        let mut rest = &bytes[..];
        for cut in cuts {
            let (front, behind) = rest.split_at(cut.min(rest.len()));
            rig.send(front);
            rest = behind;
        }
        rig.send(rest);
        // What looked like the begin of a long frame ends with the connection.
        let now = rig.now;
        rig.terminal.reconnect(now, false);
        rig.run(Duration::from_secs(30));
        prop_assert_eq!(rig.ask(Afn::CLASS_1, &[0, 0, 2, 0]).len(), 1);
    }
}
