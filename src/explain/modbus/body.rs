//! One frame of Modbus, line by line.

use gdw1376::explain::{FramePiece, Line, Note};

use super::form::{CHECK, Fault, Form, REFUSED};
use super::{RTU, TCP, names};
use crate::config::Framing;
use crate::link::check_bytes;

/// A frame, and what it can be.
pub(super) struct FrameBytes<'a> {
    pub(super) framing: Framing,
    pub(super) bytes: &'a [u8],
    pub(super) form: Form,
}

/// A question that the next frame may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    number: Option<u16>,
    unit: u8,
    function: u8,
    start: u16,
    count: u16,
}

/// Which of the two kinds a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Question,
    Answer,
    /// Its form is that of both.
    Either,
}

/// Explains a frame; with it the question that it is, if it is one.
pub(super) fn explained(frame: &FrameBytes<'_>, asked: Option<&Asked>) -> (FramePiece, Option<Asked>) {
    let mut lines = Lines { bytes: frame.bytes, at: 0, lines: Vec::new() };
    let number = match frame.framing {
        Framing::Bus => None,
        Framing::ModbusTcp => Some(lines.head()),
    };
    let unit = lines.byte("unit", "单元号", |unit| match (frame.framing, unit) {
        (Framing::Bus, 0) => ("all units", "全部单元（广播）"),
        _ => ("", ""),
    });
    let code = lines.byte_hex("function", "功能码");
    let function = code & !REFUSED;
    let (name, name_zh) = names::function(function).unwrap_or(("", ""));
    lines.mean(name, name_zh);
    let answered = asked.filter(|asked| {
        (asked.unit, asked.function) == (unit, function) && (number.is_none() || asked.number == number)
    });
    let side = match (frame.form.may_ask, frame.form.may_answer) {
        (true, false) => Side::Question,
        (false, _) => Side::Answer,
        (true, true) if answered.is_some() => Side::Answer,
        (true, true) => Side::Either,
    };
    let check = if frame.framing == Framing::Bus { CHECK } else { 0 };
    let body_end = frame.bytes.len().saturating_sub(check);
    let is_cut = matches!(frame.form.fault, Some(Fault::Cut(_)));
    let mut piece = FramePiece {
        protocol: if frame.framing == Framing::Bus { RTU } else { TCP },
        length: frame.bytes.len(),
        direction: match side {
            _ if is_cut => None,
            Side::Question => Some("request"),
            Side::Answer => Some("response"),
            Side::Either => None,
        },
        address: Some(format!("{unit:03}")),
        control: Some(format!("{code:02X}")),
        function: Some(name.to_owned()),
        function_zh: Some(name_zh.to_owned()),
        ok: frame.form.fault.is_none(),
        bytes: frame.bytes.to_vec(),
        ..FramePiece::default()
    };
    let question = match side {
        _ if is_cut => lines.rest(body_end),
        _ if frame.form.refuses => lines.refusal(&mut piece),
        Side::Either if matches!(function, 1 | 2) => lines.of_both_forms(&mut piece, body_end),
        Side::Answer => lines.answer(function, answered, body_end),
        Side::Question | Side::Either => lines.question(function),
    };
    if side == Side::Either && !is_cut && matches!(function, 5 | 6 | 22) {
        piece.notes.push(note("question and answer look the same", "请求与应答报文相同"));
    }
    if frame.framing == Framing::Bus {
        lines.check(body_end, &mut piece);
    }
    if let Some(Fault::Cut(missing)) = frame.form.fault {
        piece.error_kind = Some("truncated");
        piece.error = Some(format!("cut short by {missing} bytes"));
        piece.error_zh = Some(format!("缺 {missing} 字节"));
    }
    piece.lines = lines.lines;
    let is_question = side == Side::Question;
    let asked =
        question.filter(|_| is_question).map(|(start, count)| Asked { number, unit, function, start, count });
    (piece, asked)
}

fn note(en: &str, zh: &str) -> Note {
    Note { en: en.to_owned(), zh: zh.to_owned() }
}

/// The bytes from front to end, each in one line.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    lines: Vec<Line>,
}

/// From which place on, and how many.
type Span = Option<(u16, u16)>;

impl Lines<'_> {
    fn push(&mut self, length: usize, name: &str, name_zh: &str, value: Option<String>) {
        let length = length.min(self.bytes.len().saturating_sub(self.at));
        let (name, name_zh) = (name.to_owned(), name_zh.to_owned());
        self.lines.push(Line { offset: self.at, length, name, name_zh, value, ..Line::default() });
        self.at += length;
    }

    /// What the last line means.
    fn mean(&mut self, en: impl Into<String>, zh: impl Into<String>) {
        if let Some(line) = self.lines.last_mut() {
            (line.meaning, line.meaning_zh) = (en.into(), zh.into());
        }
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    fn byte(
        &mut self,
        name: &str,
        name_zh: &str,
        meaning: impl Fn(u8) -> (&'static str, &'static str),
    ) -> u8 {
        let byte = self.peek();
        self.push(1, name, name_zh, Some(byte.to_string()));
        let (en, zh) = meaning(byte);
        self.mean(en, zh);
        byte
    }

    fn byte_hex(&mut self, name: &str, name_zh: &str) -> u8 {
        let byte = self.peek();
        self.push(1, name, name_zh, Some(format!("{byte:02X}")));
        byte
    }

    fn count(&mut self) {
        self.byte("bytes", "字节数", |_| ("", ""));
    }

    fn word(&mut self, name: &str, name_zh: &str) -> u16 {
        let word =
            u16::from_be_bytes([self.peek(), self.bytes.get(self.at + 1).copied().unwrap_or_default()]);
        self.push(2, name, name_zh, Some(word.to_string()));
        word
    }

    /// In front of the unit over TCP; the number of the frame. [Modbus TCP 3.1.3]
    fn head(&mut self) -> u16 {
        let number = self.word("number", "事务标识");
        self.word("protocol", "协议标识");
        self.mean("Modbus", "Modbus");
        self.word("length", "长度");
        number
    }

    fn question(&mut self, function: u8) -> Span {
        let start = match function {
            1 | 2 | 15 => self.word("first bit", "起始位"),
            5 => self.word("bit", "线圈地址"),
            6 | 22 => self.word("register", "寄存器地址"),
            _ => self.word("first register", "起始寄存器"),
        };
        let mut span = None;
        match function {
            1 | 2 => span = Some((start, self.word("bits", "位数"))),
            3 | 4 => span = Some((start, self.word("registers", "寄存器数量"))),
            5 => {
                let is_on = self.word("value", "值") > 0;
                self.mean(if is_on { "on" } else { "off" }, if is_on { "接通" } else { "断开" });
            }
            6 => {
                self.word("value", "值");
            }
            22 => {
                self.word("and-mask", "与屏蔽");
                self.word("or-mask", "或屏蔽");
            }
            15 => {
                let count = self.word("bits", "位数");
                self.count();
                self.bits(usize::from(count.div_ceil(8)));
            }
            16 => {
                let count = self.word("registers", "寄存器数量");
                self.count();
                self.words(usize::from(count), Some(start));
            }
            _ => {
                span = Some((start, self.word("registers", "寄存器数量")));
                let start = self.word("first register to write", "写起始寄存器");
                let count = self.word("registers to write", "写寄存器数量");
                self.count();
                self.words(usize::from(count), Some(start));
            }
        }
        span
    }

    fn answer(&mut self, function: u8, asked: Option<&Asked>, end: usize) -> Span {
        match function {
            1 | 2 => {
                self.count();
                self.bits(end.saturating_sub(self.at));
            }
            3 | 4 | 23 => {
                self.count();
                let count = end.saturating_sub(self.at) / 2;
                let fits = asked.filter(|asked| usize::from(asked.count) == count);
                self.words(count, fits.map(|asked| asked.start));
            }
            15 => {
                self.word("first bit", "起始位");
                self.word("bits", "位数");
            }
            16 => {
                self.word("first register", "起始寄存器");
                self.word("registers", "寄存器数量");
            }
            _ => {
                self.question(function);
            }
        }
        None
    }

    /// Registers, with their numbers where the question is known.
    fn words(&mut self, count: usize, start: Option<u16>) {
        for place in 0..count {
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            let (name, name_zh) = match start {
                Some(start) => {
                    let number = u32::from(start) + u32::from(place);
                    (format!("register {number}"), format!("寄存器 {number}"))
                }
                None => (format!("register +{place}"), format!("寄存器 +{place}")),
            };
            self.word(&name, &name_zh);
            if let Some(line) = self.lines.last_mut() {
                line.level = 1;
            }
        }
    }

    fn bits(&mut self, length: usize) {
        let bytes = self.bytes.get(self.at..self.at + length).unwrap_or_default();
        let bits: Vec<String> = bytes
            .iter()
            .map(|byte| (0..8).map(|bit| if byte >> bit & 1 == 1 { '1' } else { '0' }).collect())
            .collect();
        self.push(length, "bits, the first on the left", "位值（首位在左）", Some(bits.join(" ")));
    }

    fn refusal(&mut self, piece: &mut FramePiece) -> Span {
        let code = self.byte_hex("exception", "异常码");
        let (en, zh) = names::exception(code);
        self.mean(en, zh);
        piece.error_kind = Some(en);
        piece.error = Some(format!("exception {code:02X}, {en}"));
        piece.error_zh = Some(format!("异常码 {code:02X}，{zh}"));
        None
    }

    /// A question for bits, and an answer of three bytes of them, have one length.
    fn of_both_forms(&mut self, piece: &mut FramePiece, end: usize) -> Span {
        let place = |place: usize| self.bytes.get(self.at + place).copied().unwrap_or_default();
        let start = u16::from_be_bytes([place(0), place(1)]);
        let count = u16::from_be_bytes([place(2), place(3)]);
        piece.notes.push(Note {
            en: format!(
                "could be a question or an answer: a question for {count} bits from {start} on, or an answer of 3 bytes of bits; \
                 the bytes do not tell"
            ),
            zh: format!(
                "可能是请求，也可能是应答：请求从 {start} 起的 {count} 位，或应答 3 字节位值；仅凭字节无法区分"
            ),
        });
        self.rest(end)
    }

    fn rest(&mut self, end: usize) -> Span {
        let length = end.saturating_sub(self.at);
        if length > 0 {
            self.push(length, "data", "数据", None);
        }
        None
    }

    /// [Modbus over serial line 2.5.1.2]
    fn check(&mut self, end: usize, piece: &mut FramePiece) {
        let (body, check) = self.bytes.split_at(end.min(self.bytes.len()));
        let right = check_bytes(body);
        self.push(CHECK, "check CRC", "校验 CRC", None);
        if check == right {
            self.mean("right", "正确");
            return;
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
        self.mean("wrong", "错误");
        piece.error_kind = Some("checksum");
        piece.error = Some(format!("check is {}, should be {}", hex(check), hex(&right)));
        piece.error_zh = Some(format!("校验为 {}，应为 {}", hex(check), hex(&right)));
    }
}
