//! The fuzz targets on their seeds and on every golden case.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read must end its test")]

mod support;
#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a crate of its own when it is fuzzed")]
mod targets;

use std::path::Path;
use std::sync::LazyLock;

use gdw1376::frame::{Frame, START};
use proptest::prelude::*;

const FOLDERS: [&str; 4] = ["gdw1376", "gdw1376-streams", "gdw1376-malformed", "dlt698"];

type Target = fn(&[u8]);

#[test]
fn every_seed_of_every_target_holds() {
    let targets: [(&str, Target); 3] =
        [("decoder", targets::decoder), ("message", targets::message), ("explain", targets::explain)];
    for (name, target) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
        let mut seeds = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&std::fs::read(path).unwrap());
            seeds += 1;
        }
        assert!(seeds > 10, "{seeds} seeds for {name}");
    }
}

#[test]
fn every_golden_case_holds_under_every_target() {
    let mut frames = 0;
    for wire in FOLDERS.into_iter().flat_map(support::wires) {
        println!("{wire:02X?}");
        for size in [0, 1, 2, 7] {
            targets::decoder(&[&[size][..], &wire].concat());
        }
        targets::explain(&wire);
        if let Ok(frame) = Frame::parse(&wire) {
            let head = [frame.control.0, frame.afn.0, frame.seq.0];
            targets::message(&[&head[..], frame.body].concat());
            frames += 1;
        }
    }
    assert!(frames > 60, "{frames}");
}

proptest! {
    /// One or two bytes of a golden frame changed, and the frame mended so that it is judged to the end.
    #[test]
    fn changed_golden_frames_hold_under_every_target(
        case in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        static WIRES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| support::wires("gdw1376"));
        let wires = &*WIRES;
        let golden = &wires[case.index(wires.len())];
        let start = golden.iter().position(|byte| *byte == START).unwrap();
        let frame = Frame::parse(&golden[start..]).unwrap();
        let mut input = [&[frame.control.0, frame.afn.0, frame.seq.0][..], frame.body].concat();
        for (place, byte) in &changes {
            let place = place.index(input.len());
            input[place] = *byte;
        }
        targets::message(&input);
        let mut wire = golden.clone();
        for (place, byte) in &changes {
            let place = place.index(wire.len());
            wire[place] = *byte;
        }
        targets::explain(&wire);
        targets::decoder(&[&[3][..], &wire].concat());
    }

    #[test]
    fn any_bytes_hold_under_every_target(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        targets::decoder(&input);
        targets::message(&input);
        targets::explain(&input);
    }
}
