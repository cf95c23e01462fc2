//! The kinds of faults.

use core::fmt;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// No answer.
    Silence,
    /// The answer comes in front of the answer to one of the next five requests.
    Late,
    /// An old answer to the same question comes in front of the right one.
    Stale,
    /// Only the first bytes of the answer come.
    Cut,
    /// Noise in front of the answer.
    NoiseBefore,
    /// Noise behind the answer.
    NoiseBehind,
    /// Noise between two bytes of the answer.
    NoiseWithin,
    /// One to three flipped bits that the checksum tells.
    Flip,
    /// One flipped bit under a mended checksum.
    FlipMended,
    /// One to five more copies of the answer directly behind it.
    Duplicate,
    /// The answer, and a copy of it in front of a much later answer.
    DuplicateLate,
    /// An answer of another meter, in front of the right one or in its place.
    Foreign,
    /// The line talks without end for some seconds.
    Chatter,
    /// The answer comes at another rate or parity.
    WrongRate,
    /// One byte of the answer is lost.
    LostByte,
    /// The first start byte stands twice.
    DoubledStart,
    /// An end byte in front of the answer or behind it.
    StrayEnd,
    /// A part of the request comes back in front of the answer.
    EchoPart,
}

impl Kind {
    /// All kinds, in the order in which they are told.
    pub const ALL: [Self; 18] = [
        Self::Silence,
        Self::Late,
        Self::Stale,
        Self::Cut,
        Self::NoiseBefore,
        Self::NoiseBehind,
        Self::NoiseWithin,
        Self::Flip,
        Self::FlipMended,
        Self::Duplicate,
        Self::DuplicateLate,
        Self::Foreign,
        Self::Chatter,
        Self::WrongRate,
        Self::LostByte,
        Self::DoubledStart,
        Self::StrayEnd,
        Self::EchoPart,
    ];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Cut => "cut",
            Self::NoiseBefore => "noise-before",
            Self::NoiseBehind => "noise-behind",
            Self::NoiseWithin => "noise-within",
            Self::Flip => "flip",
            Self::FlipMended => "flip-mended",
            Self::Duplicate => "duplicate",
            Self::DuplicateLate => "duplicate-late",
            Self::Foreign => "foreign",
            Self::Chatter => "chatter",
            Self::WrongRate => "wrong-rate",
            Self::LostByte => "lost-byte",
            Self::DoubledStart => "doubled-start",
            Self::StrayEnd => "stray-end",
            Self::EchoPart => "echo-part",
        }
    }

    /// What it does, in English and in Chinese.
    #[must_use]
    pub const fn help(self) -> (&'static str, &'static str) {
        match self {
            Self::Silence => ("no answer", "不应答"),
            Self::Late => ("the answer comes 1 to 5 requests later", "应答迟到 1 至 5 次请求"),
            Self::Stale => ("an old answer to the same question comes first", "先收到同一问题的旧应答"),
            Self::Cut => ("the answer breaks off", "应答中途截断"),
            Self::NoiseBefore => ("noise in front of the answer", "应答前有杂波"),
            Self::NoiseBehind => ("noise behind the answer", "应答后有杂波"),
            Self::NoiseWithin => ("noise within the answer", "应答中间夹杂波"),
            Self::Flip => ("1 to 3 flipped bits, wrong checksum", "1 至 3 位翻转，校验码不符"),
            Self::FlipMended => ("a flipped bit, right checksum", "1 位翻转，校验码已改正"),
            Self::Duplicate => ("1 to 5 copies of the answer", "应答重复 1 至 5 次"),
            Self::DuplicateLate => ("a copy of the answer much later", "很久以后又收到同一应答"),
            Self::Foreign => ("another meter's answer", "收到其他电能表的应答"),
            Self::Chatter => ("the line talks on for seconds", "线路持续乱发数秒"),
            Self::WrongRate => ("the answer at another rate or parity", "应答的速率或校验位不对"),
            Self::LostByte => ("one byte of the answer is lost", "应答丢失一个字节"),
            Self::DoubledStart => ("68H twice in front", "帧首 68H 重复"),
            Self::StrayEnd => ("a stray 16H around the answer", "应答前后多出 16H"),
            Self::EchoPart => ("part of the request comes back", "请求部分回显"),
        }
    }

    /// What `--help` shows: one line for each kind and one for each group, in both languages.
    #[must_use]
    pub fn list() -> String {
        let line =
            |name: &str, (english, chinese): (&str, &str)| format!("{name:<15} {english} ({chinese})\n");
        let kinds = Self::ALL.iter().map(|kind| line(kind.name(), kind.help()));
        let groups = GROUPS.iter().map(|(name, help, _)| line(name, *help));
        kinds.chain(groups).collect()
    }

    /// The kinds that a name stands for; none for an unknown one.
    #[must_use]
    pub fn named(name: &str) -> Vec<Self> {
        let kinds = Self::ALL.into_iter().filter(|kind| kind.name() == name);
        let groups = GROUPS.iter().filter(|(group, ..)| *group == name);
        kinds.chain(groups.flat_map(|(.., kinds)| kinds.iter().copied())).collect()
    }

    pub(super) fn place(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Names that stand for several kinds.
const GROUPS: [(&str, (&str, &str), &[Kind]); 2] = [
    (
        "noise",
        ("each of the three kinds of noise", "以上三种杂波"),
        &[Kind::NoiseBefore, Kind::NoiseBehind, Kind::NoiseWithin],
    ),
    ("all", ("each of all kinds", "以上所有故障"), &Kind::ALL),
];
