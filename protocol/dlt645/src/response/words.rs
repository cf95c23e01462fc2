//! The words in which a meter says why it refuses, or what a relay order led to: sets of bits with names.

use core::fmt;

use crate::edition::Edition;

/// A bit's name in English and Chinese.
type Name = (&'static str, &'static str);

/// Why a meter refuses (异常应答).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The error word of most functions.
    Error(ErrorWord),
    /// The two-byte word of security authentication.
    Security(SecurityErrorWord),
    /// The two-byte word of relay orders, from meters of the fourth supplement.
    Relay(RelayErrorWord),
    /// No word at all.
    Unexplained,
}

impl Refusal {
    /// The names of the bits set, lowest first, in English and Chinese. Reserved bits are named as such.
    pub fn names(&self) -> impl Iterator<Item = Name> + use<> {
        let (bits, table): (u16, &'static [Name]) = match self {
            Self::Error(word) => (word.bits.into(), word.table()),
            Self::Security(word) => (word.bits, &SECURITY),
            Self::Relay(word) => (word.bits, &RELAY),
            Self::Unexplained => (0, &[]),
        };
        names(bits, table)
    }

    /// True when the meter does not have what was asked for: asking again is no use. (F10)
    #[must_use]
    pub const fn is_no_data(&self) -> bool {
        matches!(self, Self::Error(word) if word.bits & 0x02 != 0)
    }

    /// True when the meter did not take the password, key or MAC, or does not allow this now. Never to be tried
    /// again by a machine: three wrong passwords lock a level for a day. (F10)
    #[must_use]
    pub const fn is_not_authorised(&self) -> bool {
        match self {
            Self::Error(word) => word.bits & 0x04 != 0,
            Self::Security(word) => word.bits & 0x000C != 0,
            Self::Relay(word) => word.bits & 0x000F != 0,
            Self::Unexplained => false,
        }
    }
}

impl fmt::Display for Refusal {
    /// The English names, or `no reason given`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names();
        let Some((first, _)) = names.next() else { return f.write_str("no reason given") };
        f.write_str(first)?;
        names.try_for_each(|(name, _)| write!(f, ", {name}"))
    }
}

/// The error word (错误信息字) of one byte, a set of bits that differs between the editions.
/// [645-2007 4 errors] [645-1997 3 errors]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorWord {
    edition: Edition,
    bits: u8,
}

impl ErrorWord {
    /// The word with these bits.
    #[must_use]
    pub const fn new(edition: Edition, bits: u8) -> Self {
        Self { edition, bits }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// The edition that names them.
    #[must_use]
    pub const fn edition(self) -> Edition {
        self.edition
    }

    const fn table(self) -> &'static [Name] {
        match self.edition {
            Edition::E2007 => &ERROR_2007,
            Edition::E1997 => &ERROR_1997,
        }
    }
}

/// The error word of security authentication (安全认证错误信息字), two bytes. [645-2007 4 security errors]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecurityErrorWord {
    bits: u16,
}

impl SecurityErrorWord {
    /// The word with these bits.
    #[must_use]
    pub const fn new(bits: u16) -> Self {
        Self { bits }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.bits
    }
}

/// The error word of relay orders in the fourth supplement, two bytes. [645-2007 6 words]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelayErrorWord {
    bits: u16,
}

impl RelayErrorWord {
    /// The word with these bits.
    #[must_use]
    pub const fn new(bits: u16) -> Self {
        Self { bits }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.bits
    }
}

/// What a relay order led to, in the fourth supplement: a set of bits. It tells what the meter set about, not that
/// the relay moved. [645-2007 6 words]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionWord {
    bits: u16,
}

impl ExecutionWord {
    /// The word with these bits.
    #[must_use]
    pub const fn new(bits: u16) -> Self {
        Self { bits }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.bits
    }

    pub(super) const fn from_wire(wire: [u8; 2]) -> Self {
        Self::new(u16::from_le_bytes(wire))
    }

    /// The names of the bits set, lowest first, in English and Chinese.
    pub fn names(self) -> impl Iterator<Item = Name> + use<> {
        names(self.bits, &EXECUTION)
    }
}

/// The names of the bits that are set; those beyond the table are reserved.
fn names(bits: u16, table: &'static [Name]) -> impl Iterator<Item = Name> + use<> {
    (0..16).filter(move |bit| bits >> bit & 1 == 1).map(|bit| table.get(bit).copied().unwrap_or(RESERVED))
}

const RESERVED: Name = ("reserved", "保留");

const ERROR_2007: [Name; 7] = [
    ("other error", "其他错误"),
    ("no requested data", "无请求数据"),
    ("wrong password or not authorised", "密码错或未授权"),
    ("rate cannot be changed", "通信速率不能更改"),
    ("too many year zones", "年时区数超"),
    ("too many day periods", "日时段数超"),
    ("too many tariffs", "费率数超"),
];

const ERROR_1997: [Name; 7] = [
    ("illegal data", "非法数据"),
    ("wrong data identifier", "数据标识错"),
    ("wrong password", "密码错"),
    RESERVED,
    ("too many year zones", "年时区数超"),
    ("too many day periods", "日时段数超"),
    ("too many tariffs", "费率数超"),
];

const SECURITY: [Name; 7] = [
    ("other error", "其他错误"),
    ("repeated recharge", "重复充值"),
    ("security chip check failed", "ESAM验证失败"),
    ("identity authentication failed", "身份认证失败"),
    ("customer number does not match", "客户编号不匹配"),
    ("recharge count wrong", "充值次数错误"),
    ("over the hoarding limit", "购电超囤积"),
];

const RELAY: [Name; 9] = [
    ("meter suspended", "电能表挂起"),
    ("MAC error", "MAC校验错误"),
    ("wrong password or not authorised", "密码错或未授权"),
    ("authentication timed out", "身份认证失效"),
    ("deadline invalid", "命令有效截止时间无效"),
    ("trip failed: supply hold", "跳闸失败：保电"),
    ("auto-recovery failed: supply hold", "跳闸自动恢复失败：保电"),
    ("auto-recovery time invalid", "跳闸自动恢复时间无效"),
    ("auto-recovery failed: already tripped", "跳闸自动恢复失败：已跳闸"),
];

const EXECUTION: [Name; 12] = [
    ("close directly", "直接合闸"),
    ("close permit", "合闸允许"),
    ("trip at once", "直接跳闸"),
    ("trip after the trip delay", "延时跳闸：跳闸延时"),
    ("trip, then recover", "跳闸自动恢复"),
    ("trip when the current falls", "延时跳闸：大电流"),
    RESERVED,
    RESERVED,
    ("supply hold", "保电"),
    ("end of supply hold", "保电解除"),
    ("alarm", "报警"),
    ("alarm release", "报警解除"),
];

#[cfg(test)]
mod tests {
    use super::*;

    // covers [645-2007 4 errors] [645-1997 3 errors]
    #[test]
    fn f10_the_error_word_is_a_set_of_bits_and_no_number() {
        let of = |edition, bits| Refusal::Error(ErrorWord::new(edition, bits));
        let (new, old) = (Edition::E2007, Edition::E1997);
        assert_eq!(
            of(new, 0x04).to_string(),
            "wrong password or not authorised",
            "04H is bit 2, not reason 4"
        );
        assert!(of(new, 0x04).is_not_authorised() && !of(new, 0x04).is_no_data());
        assert!(of(new, 0x02).is_no_data() && !of(new, 0x02).is_not_authorised());
        assert_eq!(of(new, 0x06).to_string(), "no requested data, wrong password or not authorised");
        assert_eq!(of(new, 0x00).to_string(), "no reason given");
        assert_eq!(of(new, 0xFE).names().last(), Some(RESERVED), "FEH is seen in the field");
        assert_eq!(of(old, 0x01).to_string(), "illegal data");
        assert_eq!(of(old, 0x02).to_string(), "wrong data identifier");
        for bit in 0..8 {
            for edition in [old, new] {
                assert_eq!(of(edition, 1 << bit).names().count(), 1);
                assert_eq!(of(edition, 1 << bit).is_not_authorised(), bit == 2);
                assert_eq!(of(edition, 1 << bit).is_no_data(), bit == 1);
            }
        }
    }

    // covers [645-2007 4 security errors] [645-2007 6 words]
    #[test]
    fn two_byte_words_have_their_own_names() {
        let failed = Refusal::Security(SecurityErrorWord::new(0x0008));
        assert_eq!(failed.names().next(), Some(("identity authentication failed", "身份认证失败")));
        assert!(failed.is_not_authorised());
        let held = Refusal::Relay(RelayErrorWord::new(0x0020));
        assert_eq!(held.to_string(), "trip failed: supply hold");
        assert!(!held.is_not_authorised());
        let names: Vec<_> = ExecutionWord::new(0x0804).names().map(|(english, _)| english).collect();
        assert_eq!(names, ["trip at once", "alarm release"]);
        assert!(!Refusal::Unexplained.is_not_authorised());
        assert_eq!(Refusal::Unexplained.to_string(), "no reason given");
    }
}
