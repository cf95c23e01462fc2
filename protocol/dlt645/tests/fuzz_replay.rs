//! The fuzz targets on their seeds and on every golden case.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read must end its test")]

mod support;
#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a crate of its own when it is fuzzed")]
mod targets;

use std::path::Path;

use dlt645::data_id::DataId;
use dlt645::decoder::Decoder;
use dlt645::edition::Edition;

const FOLDERS: [&str; 4] = ["dlt645-2007", "dlt645-1997", "dlt645-streams", "dlt645-malformed"];

type Target = fn(&[u8]);

#[test]
fn every_seed_of_every_target_holds() {
    let targets: [(&str, Target); 4] = [
        ("decoder", targets::decoder),
        ("catalog", targets::catalog),
        ("explain", targets::explain),
        ("request", targets::request),
    ];
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
        for first in [0, 1, 2, 7] {
            let input = [&[first][..], &wire].concat();
            targets::decoder(&input);
            targets::explain(&input);
        }
        let (mut decoder, mut rest) = (Decoder::new(), &wire[..]);
        while let Some(found) = decoder.next_frame(&mut rest) {
            let frame = found.frame;
            targets::request(&[&[frame.control.0][..], &frame.address.wire(), frame.data].concat());
            for (flag, edition) in [(0, Edition::E2007), (1, Edition::E1997)] {
                if DataId::split(edition, frame.data).is_some() {
                    targets::catalog(&[&[flag][..], frame.data].concat());
                }
            }
            frames += 1;
        }
    }
    assert!(frames > 250, "{frames}");
}
