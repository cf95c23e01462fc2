//! Seeded numbers without a generator: any number of a sequence is had by its place, so the past costs no memory.

/// One sequence of numbers; the same seed and place give the same number on every machine and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(u64);

impl Seed {
    /// The sequence of this number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// A sequence for one purpose, unrelated to those of other names.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a over the name.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        Self(mix(self.0 ^ name.bytes().fold(0xCBF2_9CE4_8422_2325, step)))
    }

    /// The sequence of the `index`-th of many, such as the meters of a world.
    #[must_use]
    pub const fn numbered(self, index: u64) -> Self {
        Self(self.number(index))
    }

    /// The number at `index`, all 64 bits of it.
    #[must_use]
    pub const fn number(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// The number at `index`, evenly from `low` to `high`, both included.
    #[must_use]
    pub fn between(self, index: u64, low: i64, high: i64) -> i64 {
        let span = i128::from(high) - i128::from(low) + 1;
        let scaled = (i128::from(self.number(index) >> 32) * span.max(1)) >> 32;
        i64::try_from(i128::from(low) + scaled).unwrap_or(high)
    }

    /// True for `share` in 1024 of the places.
    #[must_use]
    pub fn happens(self, index: u64, share: i64) -> bool {
        self.between(index, 0, 1023) < share
    }
}

/// The finaliser of splitmix64: every bit of the result hangs on every bit given.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_fixed_for_ever() {
        // A change here changes every recorded seed: it must be meant.
        assert_eq!(Seed::new(7).named("weather").number(0), 12_176_842_498_886_084_045);
    }

    #[test]
    fn between_is_even_and_reaches_both_ends() {
        let seed = Seed::new(1).named("test");
        let mut counts = [0_u32; 7];
        (0..7_000).for_each(|place| counts[usize::try_from(seed.between(place, -3, 3) + 3).unwrap()] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(seed.between(0, 5, 5), 5);
        assert!((0..100).all(|place| (i64::MIN..=i64::MAX).contains(&seed.between(
            place,
            i64::MIN,
            i64::MAX
        ))));
    }

    #[test]
    fn names_and_numbers_part_the_sequences() {
        let seed = Seed::new(1);
        let mut firsts: Vec<u64> = (0..1000).map(|index| seed.numbered(index).number(0)).collect();
        firsts.extend(["a", "b", "ab", "ba", ""].map(|name| seed.named(name).number(0)));
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 1005);
        assert!((0..10_000).filter(|place| seed.happens(*place, 102)).count().abs_diff(996) < 150);
    }
}
