//! Current and voltage transformers between what flows and what a meter sees.

use std::fmt;
use std::str::FromStr;

/// The ratio of one transformer (CT 变比, PT 变比), such as `200/5`, `40` or `7.5/5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    /// In hundredths.
    over: u64,
    under: u64,
}

/// What is no ratio, or no multiplier that can be applied exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatioError {
    /// Not of the form `200/5`, `40` or `1.5`.
    #[error("a ratio is written as 200/5, 40 or 1.5")]
    Form,
    /// Zero has no meaning here.
    #[error("a ratio is above zero")]
    Zero,
    /// The product has more than two decimals, or is above a hundred million.
    #[error("the multiplier has more than two decimals or is too large")]
    NotExact,
}

impl Ratio {
    /// No transformer.
    pub const ONE: Self = Self { over: 100, under: 1 };
}

impl Ratio {
    /// Whether both are the same number, however they are written.
    #[must_use]
    pub fn equals(self, other: Self) -> bool {
        u128::from(self.over) * u128::from(other.under) == u128::from(other.over) * u128::from(self.under)
    }
}

impl FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, RatioError> {
        let (over, under) = text.split_once('/').unwrap_or((text, "1"));
        let (whole, part) = over.split_once('.').unwrap_or((over, ""));
        let digits = |text: &str, most: usize| {
            let fits = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
            if fits { text.parse::<u64>().ok() } else { None }
        };
        let part = digits(&format!("{part:0<2}"), 2).ok_or(RatioError::Form)?;
        let whole = digits(whole, 7).ok_or(RatioError::Form)?;
        let ratio = Self { over: whole * 100 + part, under: digits(under, 7).ok_or(RatioError::Form)? };
        if ratio.over == 0 || ratio.under == 0 { Err(RatioError::Zero) } else { Ok(ratio) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = Hundredths(self.over);
        if self.under == 1 { write!(f, "{over}") } else { write!(f, "{over}/{}", self.under) }
    }
}

/// The transformers of a metering point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transformers {
    /// Of the current.
    pub ct: Ratio,
    /// Of the voltage.
    pub vt: Ratio,
}

impl Transformers {
    /// None at all.
    pub const NONE: Self = Self { ct: Ratio::ONE, vt: Ratio::ONE };

    /// Whether these say what `recorded` says: the same ratios, or, where only one ratio is given, the same product.
    #[must_use]
    pub fn agrees_with(self, recorded: Self) -> bool {
        let is_same = self.ct.equals(recorded.ct) && self.vt.equals(recorded.vt);
        let is_product = self.vt.equals(Ratio::ONE) && self.multiplier() == recorded.multiplier();
        is_same || is_product
    }

    /// What a reading of the meter is multiplied by.
    ///
    /// # Errors
    /// [`RatioError::NotExact`] when the product cannot be written with two decimals.
    pub fn multiplier(self) -> Result<Multiplier, RatioError> {
        let over = u128::from(self.ct.over) * u128::from(self.vt.over);
        let under = u128::from(self.ct.under) * u128::from(self.vt.under) * 100;
        let exact = over.is_multiple_of(under).then(|| over / under);
        exact
            .and_then(|hundredths| u64::try_from(hundredths).ok())
            .and_then(Multiplier::from_hundredths)
            .ok_or(RatioError::NotExact)
    }
}

/// What a difference of readings is multiplied by to get what flowed (倍率, CT × VT): above zero, with two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multiplier(u64);

impl Multiplier {
    /// Nothing is multiplied.
    pub const ONE: Self = Self(100);

    /// So many hundredths; `None` for zero and above a hundred million.
    #[must_use]
    pub const fn from_hundredths(hundredths: u64) -> Option<Self> {
        if hundredths == 0 || hundredths > 10_000_000_000 { None } else { Some(Self(hundredths)) }
    }

    /// In hundredths.
    #[must_use]
    pub const fn hundredths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hundredths(self.0).fmt(f)
    }
}

/// Shows no more decimals than there are.
struct Hundredths(u64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole}"),
            part if part.is_multiple_of(10) => write!(f, "{whole}.{}", part / 10),
            part => write!(f, "{whole}.{part:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiplier(ct: &str, vt: &str) -> Result<String, RatioError> {
        let transformers = Transformers { ct: ct.parse()?, vt: vt.parse()? };
        transformers.multiplier().map(|multiplier| multiplier.to_string())
    }

    #[test]
    fn ratios_multiply_exactly() {
        assert_eq!(multiplier("1", "1"), Ok("1".to_owned()));
        assert_eq!(multiplier("200/5", "10000/100"), Ok("4000".to_owned()));
        assert_eq!(multiplier("7.5/5", "1"), Ok("1.5".to_owned()));
        assert_eq!(multiplier("1.25", "3"), Ok("3.75".to_owned()));
        assert_eq!(multiplier("1/3", "3"), Ok("1".to_owned()));
        assert_eq!(multiplier("1/3", "1"), Err(RatioError::NotExact));
        assert_eq!(multiplier("9999999", "9999999"), Err(RatioError::NotExact));
    }

    #[test]
    fn transformers_agree_by_their_ratios_or_by_the_product_alone() {
        let of = |ct: &str, vt: &str| Transformers { ct: ct.parse().unwrap(), vt: vt.parse().unwrap() };
        let recorded = of("200/5", "10000/100");
        assert!(of("40", "100").agrees_with(recorded));
        assert!(of("4000", "1").agrees_with(recorded), "a multiplier alone");
        assert!(!of("80", "50").agrees_with(recorded), "other transformers of the same product");
        assert!(!of("200/5", "1").agrees_with(recorded));
    }

    #[test]
    fn ratios_are_written_and_read_back() {
        for text in ["1", "200/5", "7.5/5", "1.25", "10000/100"] {
            assert_eq!(text.parse::<Ratio>().unwrap().to_string(), text);
        }
        for text in ["", "/5", "5/", "-1", "1.255", "a", "200:5", "99999999", "1 "] {
            assert_eq!(text.parse::<Ratio>(), Err(RatioError::Form), "{text}");
        }
        for text in ["0", "0/5", "5/0", "0.00"] {
            assert_eq!(text.parse::<Ratio>(), Err(RatioError::Zero), "{text}");
        }
    }
}
