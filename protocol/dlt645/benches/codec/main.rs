//! What the codec costs, beside the limit and in the same run: `cargo bench -p dlt645`.
//!
//! Every figure is the median of interleaved repetitions, with the spread from the lowest to the highest. Absolute times
//! are of this machine; the ratios travel. Instructions, which noise cannot touch, are counted by `instructions.sh`,
//! which calls `codec count <case> <repetitions>`.
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark measures time, on bytes of its own making"
)]

mod hand;
mod inputs;
mod ours;

use std::hint::black_box;
use std::time::Instant;

use inputs::FRAMES;

/// What a scan found: so that nothing is left out by the compiler, and all scans can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) frames: u64,
    pub(crate) addresses: u64,
    pub(crate) ids: u64,
    pub(crate) values: i64,
    pub(crate) absent: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["count", case, repetitions] => count(case, repetitions.parse().expect("a number of repetitions")),
        // `cargo test --benches` does not say --bench: only see that it runs.
        _ => measure(if arguments.iter().any(|argument| argument == "--bench") { 15 } else { 1 }),
    }
}

/// Does one case so many times, for a tool that counts instructions. A thousand frames each time.
fn count(case: &str, repetitions: usize) {
    let values = if case.ends_with("-1") { 1 } else { 5 };
    let bytes = inputs::answers(1000, values);
    let scan = if case.starts_with("hand") { hand::scan } else { ours::scan };
    for _ in 0..repetitions {
        black_box(scan(black_box(&bytes)));
    }
}

fn measure(repetitions: usize) {
    let mut clean_ps = [0; 3];
    for values in [1, 5] {
        let bytes = inputs::answers(FRAMES, values);
        let mut copy = vec![0; bytes.len()];
        let found = ours::scan(&bytes);
        assert_eq!((hand::scan(&bytes), ours::scan_in_pieces(&bytes)), (found, found), "all find the same");
        let times = interleaved(
            repetitions,
            &mut [
                &mut || copy.copy_from_slice(black_box(&bytes)),
                &mut || _ = black_box(hand::scan(black_box(&bytes))),
                &mut || _ = black_box(ours::scan(black_box(&bytes))),
                &mut || _ = black_box(ours::scan_in_pieces(black_box(&bytes))),
            ],
        );
        println!(
            "{} bytes, {values} value(s): ns a frame (lowest, highest), MB/s, ratio",
            bytes.len() / FRAMES
        );
        for (name, time) in
            ["memory copy", "hand-tuned scanner", "dlt645", "dlt645, in pieces"].into_iter().zip(&times)
        {
            time.print(name, FRAMES, bytes.len(), &times[1]);
        }
        clean_ps = [1, 2, 3].map(|who| times[who].ps(bytes.len()));
    }
    println!("rubbish: ps a byte, MB/s, ratio to a clean byte of the 40-byte frames");
    for (name, bytes) in inputs::rubbish() {
        let times = interleaved(
            repetitions,
            &mut [
                &mut || _ = black_box(hand::scan(black_box(&bytes))),
                &mut || _ = black_box(ours::scan(black_box(&bytes))),
                &mut || _ = black_box(ours::scan_in_pieces(black_box(&bytes))),
            ],
        );
        for (place, who) in ["hand-tuned scanner", "dlt645", "dlt645, in pieces"].into_iter().enumerate() {
            let (ps, mb) = (times[place].ps(bytes.len()), times[place].mb_per_s(bytes.len()));
            println!("  {name:25} {who:18} {ps:6} {mb:6} MB/s {}", ratio(ps, clean_ps[place]));
        }
    }
}

/// Times of one piece of work, in nanoseconds, sorted.
struct Times(Vec<u64>);

impl Times {
    fn median(&self) -> u64 {
        self.0[self.0.len() / 2]
    }

    fn ps(&self, count: usize) -> u64 {
        self.median() * 1000 / count as u64
    }

    fn mb_per_s(&self, bytes: usize) -> u64 {
        bytes as u64 * 1000 / self.median().max(1)
    }

    fn print(&self, name: &str, frames: usize, bytes: usize, limit: &Self) {
        let per_frame = |time: u64| time * 10 / frames as u64;
        let [low, middle, high] = [self.0[0], self.median(), self.0[self.0.len() - 1]].map(per_frame);
        let show = |tenths: u64| format!("{}.{}", tenths / 10, tenths % 10);
        let ratio = ratio(self.median(), limit.median());
        let mb = self.mb_per_s(bytes);
        println!("  {name:20} {:>6} ({}, {}) {mb:6} MB/s {ratio}", show(middle), show(low), show(high));
    }
}

fn ratio(one: u64, other: u64) -> String {
    let hundredths = one * 100 / other.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Does each piece of work in turn, so many times over, after once without the clock.
fn interleaved(repetitions: usize, works: &mut [&mut dyn FnMut()]) -> Vec<Times> {
    let mut times: Vec<Vec<u64>> = vec![Vec::new(); works.len()];
    works.iter_mut().for_each(|work| work());
    for _ in 0..repetitions {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            work();
            times.push(begin.elapsed().as_nanos() as u64);
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    times.into_iter().map(Times).collect()
}
