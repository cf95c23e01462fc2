//! DL/T 698.45 (面向对象的用电信息数据交换协议) at the level of frames: it begins with 68H too and shares lines and ports with
//! this protocol, so that it has to be told apart and named. What an APDU says is left to others. [1376 11]
//!
//! ```text
//! 68 | L L | C | SA (2 to 17 bytes) | CA | HCS HCS | link data | FCS FCS | 16
//! ```
//!
//! L counts all bytes but the first and the last. HCS is a CRC over L to CA, FCS over L to the end of the link data, both
//! low byte first.

use core::fmt;

mod crc;

pub use self::crc::crc;

/// The start byte.
pub const START: u8 = 0x68;
/// The end byte.
pub const END: u8 = 0x16;
/// What is added to each byte of scrambled link data.
const SCRAMBLE: u8 = 0x33;

/// The control byte: D7 from the server, D6 begun by the client, D5 fragment, D3 scrambled, D2-0 function.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control(pub u8);

impl Control {
    /// D7: sent by the server, that is the terminal or meter.
    #[must_use]
    pub const fn is_from_server(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// D6: the client began.
    #[must_use]
    pub const fn is_begun_by_client(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// D5: the link data are a fragment: two bytes of fragment word and a piece of an APDU.
    #[must_use]
    pub const fn is_fragment(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// D3: each byte of the link data has 33H added.
    #[must_use]
    pub const fn is_scrambled(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// D2-0: 1 link management, 3 user data.
    #[must_use]
    pub const fn function(self) -> u8 {
        self.0 & 0x07
    }

    /// What it is for, in both languages, English first.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match (self.is_from_server(), self.is_begun_by_client(), self.function()) {
            (true, false, 1) => ("login or heartbeat", "登录、心跳"),
            (false, false, 1) => ("answer to login or heartbeat", "登录、心跳响应"),
            (false, true, 3) => ("request", "客户机请求"),
            (true, true, 3) => ("answer", "服务器响应"),
            (true, false, 3) => ("report", "服务器上报"),
            (false, false, 3) => ("answer to a report", "客户机对上报的响应"),
            _ => ("reserved", "备用"),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}H", self.0)
    }
}

/// The server's address SA, one to sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerAddress<'a> {
    /// The first byte: D7-6 kind, D5-4 logical address, D3-0 length less one.
    pub head: u8,
    /// The address, low byte first.
    pub bytes: &'a [u8],
}

/// What kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// One server.
    Single,
    /// Digits wild.
    Wildcard,
    /// A group.
    Group,
    /// All.
    Broadcast,
}

impl ServerAddress<'_> {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> AddressKind {
        match self.head >> 6 {
            0 => AddressKind::Single,
            1 => AddressKind::Wildcard,
            2 => AddressKind::Group,
            _ => AddressKind::Broadcast,
        }
    }

    /// The logical address, 0 to 3.
    #[must_use]
    pub const fn logical(&self) -> u8 {
        self.head >> 4 & 3
    }
}

impl fmt::Display for ServerAddress<'_> {
    /// The digits, most significant first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().rev().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for ServerAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A frame, checked or about to be sent.
///
/// ```
/// use gdw1376::dlt698::{Frame, Service};
/// // Read two energies of a meter.
/// let bytes = [0x68, 0x1C, 0x00, 0x43, 0x05, 0x39, 0x12, 0x19, 0x08, 0x37, 0x00, 0x0B, 0x7A, 0x52, 0x05, 0x02, 0x05, 0x02,
///              0x00, 0x10, 0x02, 0x00, 0x00, 0x20, 0x02, 0x00, 0x00, 0x8D, 0x28, 0x16];
/// let frame = Frame::parse(&bytes)?;
/// assert_eq!((frame.server.to_string().as_str(), frame.client), ("003708191239", 0x0B));
/// assert_eq!(frame.service(), Some(Service(0x05)));
/// assert_eq!(frame.service().unwrap().names().unwrap().0, "GET request");
/// # Ok::<(), gdw1376::dlt698::Fault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The control byte.
    pub control: Control,
    /// The server's address.
    pub server: ServerAddress<'a>,
    /// The client's address.
    pub client: u8,
    /// The link data as on the wire, scrambled where the control byte says so.
    pub link: &'a [u8],
}

/// Why the bytes at some place are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// No 68H here.
    #[error("no frame starts here")]
    NoStart,
    /// The length counts kilobytes, or has its reserved bit set.
    #[error("length {length:04X} counts in another unit")]
    Unit {
        /// The length field.
        length: u16,
    },
    /// The length counts fewer bytes than head and checks have.
    #[error("the length counts {counted} bytes, at least {needed} are needed")]
    TooShort {
        /// How many it counts.
        counted: usize,
        /// How many head and checks have.
        needed: usize,
    },
    /// The bytes end before the frame does.
    #[error("cut short by {missing} bytes")]
    Truncated {
        /// How many are missing; only a lower bound when the length itself is missing.
        missing: usize,
    },
    /// The check of the head does not fit.
    #[error("HCS {found:04X}, should be {expected:04X}")]
    HeadCheck {
        /// What stands there.
        found: u16,
        /// What it should be.
        expected: u16,
    },
    /// The check of the frame does not fit.
    #[error("FCS {found:04X}, should be {expected:04X}")]
    FrameCheck {
        /// What stands there.
        found: u16,
        /// What it should be.
        expected: u16,
    },
    /// The byte where the length puts the end is another.
    #[error("end byte {found:02X} where the length puts it, should be 16")]
    EndByte {
        /// What stands there.
        found: u8,
    },
}

impl Fault {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::NoStart => "no_start",
            Self::Unit { .. } => "unit",
            Self::TooShort { .. } => "too_short",
            Self::Truncated { .. } => "truncated",
            Self::HeadCheck { .. } => "head_check",
            Self::FrameCheck { .. } => "frame_check",
            Self::EndByte { .. } => "end_byte",
        }
    }
}

impl<'a> Frame<'a> {
    /// Checks the frame at the front of `bytes`; what follows it is not looked at.
    ///
    /// # Errors
    /// The [`Fault`] that makes it no frame.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        Self::split(bytes).map(|(frame, _)| frame)
    }

    /// The same, and its length on the wire.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<(Self, usize), Fault> {
        match bytes.first() {
            Some(&START) => {}
            Some(_) => return Err(Fault::NoStart),
            None => return Err(Fault::Truncated { missing: SHORTEST }),
        }
        let Some(([_, low, high, control, head], behind)) = bytes.split_first_chunk::<5>() else {
            return Err(Fault::Truncated { missing: SHORTEST - bytes.len() });
        };
        let length = u16::from_le_bytes([*low, *high]);
        if length & 0xC000 != 0 {
            return Err(Fault::Unit { length });
        }
        let counted = usize::from(length);
        let address = usize::from(head & 0x0F) + 1;
        // L, C, SA, CA, HCS and FCS.
        let needed = 2 + 1 + 1 + address + 1 + 2 + 2;
        if counted < needed {
            return Err(Fault::TooShort { counted, needed });
        }
        // The head check tells early whether this is a frame at all.
        let (address, behind) = cut(behind, address).ok_or_else(|| missing(counted, bytes))?;
        let ([client, hcs @ ..], link) =
            behind.split_first_chunk::<3>().ok_or_else(|| missing(counted, bytes))?;
        let headed = bytes.get(1..1 + needed - 4).unwrap_or_default();
        let (found, expected) = (u16::from_le_bytes(*hcs), crc(headed));
        if found != expected {
            return Err(Fault::HeadCheck { found, expected });
        }
        let (link, behind) = cut(link, counted - needed).ok_or_else(|| missing(counted, bytes))?;
        let [a, b, end, ..] = *behind else { return Err(missing(counted, bytes)) };
        if end != END {
            return Err(Fault::EndByte { found: end });
        }
        let checked = bytes.get(1..counted - 1).unwrap_or_default();
        let (found, expected) = (u16::from_le_bytes([a, b]), crc(checked));
        if found != expected {
            return Err(Fault::FrameCheck { found, expected });
        }
        let server = ServerAddress { head: *head, bytes: address };
        Ok((Self { control: Control(*control), server, client: *client, link }, counted + 2))
    }

    /// The frame as it goes on the wire; `None` when the address is not as long as its first byte says, or the frame
    /// would be longer than the length can count.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let width = usize::from(self.server.head & 0x0F) + 1;
        let counted = 9 + width + self.link.len();
        let length = u16::try_from(counted).ok().filter(|length| length & 0xC000 == 0)?;
        if self.server.bytes.len() != width {
            return None;
        }
        let mut out = vec![START];
        out.extend(length.to_le_bytes());
        out.extend([self.control.0, self.server.head]);
        out.extend(self.server.bytes);
        out.push(self.client);
        let hcs = crc(out.get(1..)?);
        out.extend(hcs.to_le_bytes());
        out.extend(self.link);
        let fcs = crc(out.get(1..)?);
        out.extend(fcs.to_le_bytes());
        out.push(END);
        Some(out)
    }

    /// The link data without scrambling.
    #[must_use]
    pub fn plain_link(&self) -> Vec<u8> {
        let offset = if self.control.is_scrambled() { SCRAMBLE } else { 0 };
        self.link.iter().map(|byte| byte.wrapping_sub(offset)).collect()
    }

    /// What the APDU is, by its first byte; `None` for a fragment and for no data.
    #[must_use]
    pub fn service(&self) -> Option<Service> {
        if self.control.is_fragment() {
            return None;
        }
        self.plain_link().first().copied().map(Service)
    }
}

/// The head of what may be a frame, whether its check fits or not: what can be told of a frame that is damaged behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// What stands there, in front of the link data.
    pub(crate) frame: Frame<'a>,
    /// How many bytes the length counts; `None` where it counts in another unit.
    pub(crate) counted: Option<usize>,
    /// Where the link data begin.
    pub(crate) link_at: usize,
    pub(crate) is_checked: bool,
}

impl<'a> Head<'a> {
    /// The head at the front of `bytes`, with an empty link; `None` where not all of it is there.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[START, low, high, control, head], behind) = bytes.split_first_chunk::<5>()? else {
            return None;
        };
        let length = u16::from_le_bytes([low, high]);
        let (address, behind) = cut(behind, usize::from(head & 0x0F) + 1)?;
        let [client, hcs @ ..] = *behind.first_chunk::<3>()?;
        let server = ServerAddress { head, bytes: address };
        let link_at = 5 + address.len() + 3;
        let headed = bytes.get(1..link_at - 2)?;
        Some(Self {
            frame: Frame { control: Control(control), server, client, link: &[] },
            counted: (length & 0xC000 == 0).then_some(usize::from(length)),
            link_at,
            is_checked: u16::from_le_bytes(hcs) == crc(headed),
        })
    }

    /// The frame whose head this is, in `bytes` as long as the length says; whether its frame check fits; and whether its end byte
    /// does. `None` where they are fewer.
    pub(crate) fn whole(&self, bytes: &'a [u8]) -> Option<(Frame<'a>, bool, bool)> {
        let counted = self.counted?;
        let link = bytes.get(self.link_at..counted.checked_sub(1)?)?;
        let [a, b, end] = *bytes.get(counted - 1..)?.first_chunk()?;
        let fits = u16::from_le_bytes([a, b]) == crc(bytes.get(1..counted - 1)?);
        Some((Frame { link, ..self.frame }, fits, end == END))
    }
}

fn cut(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(at)
}

const fn missing(counted: usize, bytes: &[u8]) -> Fault {
    Fault::Truncated { missing: counted + 2 - bytes.len() }
}

/// The first byte of an APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Service(pub u8);

impl Service {
    /// True where the APDU may carry the frame of a meter: PROXY, and ACTION of a port that forwards. [1376 11]
    #[must_use]
    pub const fn carries_frames(self) -> bool {
        matches!(self.0, 0x07 | 0x87 | 0x09 | 0x89)
    }

    /// The name in both languages, English first; `None` for an unknown one.
    #[must_use]
    pub const fn names(self) -> Option<(&'static str, &'static str)> {
        Some(match self.0 {
            0x01 => ("LINK request", "预连接请求"),
            0x81 => ("LINK response", "预连接响应"),
            0x02 => ("CONNECT request", "建立应用连接请求"),
            0x82 => ("CONNECT response", "建立应用连接响应"),
            0x03 => ("RELEASE request", "断开应用连接请求"),
            0x83 => ("RELEASE response", "断开应用连接响应"),
            0x05 => ("GET request", "读取请求"),
            0x85 => ("GET response", "读取响应"),
            0x06 => ("SET request", "设置请求"),
            0x86 => ("SET response", "设置响应"),
            0x07 => ("ACTION request", "操作请求"),
            0x87 => ("ACTION response", "操作响应"),
            0x08 => ("REPORT response", "上报应答"),
            0x88 => ("REPORT notification", "上报通知"),
            0x09 => ("PROXY request", "代理请求"),
            0x89 => ("PROXY response", "代理响应"),
            0x10 => ("SECURITY request", "安全请求"),
            0x90 => ("SECURITY response", "安全响应"),
            _ => return None,
        })
    }
}

/// The shortest frame: an address of one byte and no link data.
const SHORTEST: usize = 12;

#[cfg(test)]
mod tests;
