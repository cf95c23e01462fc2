//! Exact decimal quantities: an integer and how many of its digits stand behind the point.

use core::fmt;

/// An exact decimal, `scaled` times ten to the power of minus `decimals`; prints with all its decimals.
///
/// ```
/// use gdw1376::quantity::Quantity;
/// assert_eq!(Quantity::new(123456, 2).to_string(), "1234.56");
/// assert_eq!(Quantity::new(-5, 3).to_string(), "-0.005");
/// assert_eq!(Quantity::new(123456, 2).rescaled(4), Some(Quantity::new(12345600, 4)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    scaled: i64,
    decimals: u8,
}

impl Quantity {
    /// `scaled` units of ten to the power of minus `decimals`.
    #[must_use]
    pub const fn new(scaled: i64, decimals: u8) -> Self {
        Self { scaled, decimals }
    }

    /// The integer without its point.
    #[must_use]
    pub const fn scaled(self) -> i64 {
        self.scaled
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// The same value with another number of decimals; `None` when digits would be lost or it does not fit.
    #[must_use]
    pub fn rescaled(self, decimals: u8) -> Option<Self> {
        let steps = u32::from(decimals.abs_diff(self.decimals));
        let factor = 10_i64.checked_pow(steps)?;
        let scaled = if decimals >= self.decimals {
            self.scaled.checked_mul(factor)?
        } else if self.scaled % factor == 0 {
            self.scaled / factor
        } else {
            return None;
        };
        Some(Self { scaled, decimals })
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.scaled < 0 { "-" } else { "" };
        let magnitude = self.scaled.unsigned_abs();
        match 10_u64.checked_pow(self.decimals.into()) {
            Some(1) => write!(f, "{sign}{magnitude}"),
            Some(unit) => {
                let width = usize::from(self.decimals);
                write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
            }
            None => write!(f, "{sign}{magnitude}e-{}", self.decimals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_every_decimal() {
        assert_eq!(Quantity::new(0, 2).to_string(), "0.00");
        assert_eq!(Quantity::new(7, 0).to_string(), "7");
        assert_eq!(Quantity::new(i64::MIN, 2).to_string(), "-92233720368547758.08");
        assert_eq!(Quantity::new(1, 25).to_string(), "1e-25");
    }

    #[test]
    fn rescaling_never_loses_a_digit() {
        assert_eq!(Quantity::new(1200, 2).rescaled(0), Some(Quantity::new(12, 0)));
        assert_eq!(Quantity::new(1201, 2).rescaled(0), None);
        assert_eq!(Quantity::new(i64::MAX, 0).rescaled(1), None);
        assert_eq!(Quantity::new(1, 0).rescaled(200), None);
    }
}
