//! One line as tokens: bytes, words, times.

use super::HexError;
use super::time;

/// Words right in front of bytes: which way they went, what holds them.
const DIRECTIONS: [&str; 25] = [
    "tx", "rx", "txd", "rxd", "send", "sent", "sending", "write", "wrote", "recv", "receive", "received",
    "read", "req", "request", "resp", "rsp", "response", "answer", "buffer", "发送", "接收", "发", "收",
    "报文",
];
/// Letters that end a label.
const LABEL_ENDS: &str = ":：>=]】)→←◇◆»«#";
/// The shortest stretch in a line of words that counts as bytes by its looks alone.
const FRAME_LENGTH: usize = 8;

/// A line and its tokens.
#[derive(Debug)]
pub(super) struct Line<'t> {
    pub(super) number: usize,
    text: &'t str,
    pub(super) tokens: Vec<Token<'t>>,
}

/// A stretch of letters between separators.
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// Where it begins, in bytes of the line.
    pub(super) start: usize,
    column: usize,
    pub(super) text: &'t str,
    pub(super) kind: Kind,
    /// The strong separator in front, such as a bracket; blanks and commas are none.
    pub(super) behind: Option<char>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes, and how they are marked as such.
    Bytes(Vec<u8>, Mark),
    /// Hexadecimal digits, one too few.
    Odd,
    /// A date or a time of day.
    Time,
    /// `...`
    Ellipsis,
    /// Anything else.
    Word,
}

/// What tells bytes from other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// `0x`, `\x` or `$` in front.
    Prefix,
    /// `H` behind.
    Suffix,
}

/// Tokens of bytes with nothing between them: from `start` to before `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token<'_> {
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let bytes = match &self.kind {
            Kind::Bytes(bytes, _) => bytes.as_slice(),
            _ => &[],
        };
        bytes.iter().copied()
    }

    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.kind, Kind::Bytes(..))
    }

    fn has_suffix(&self) -> bool {
        matches!(self.kind, Kind::Bytes(_, Mark::Suffix))
    }

    /// A digit is missing at the last of them.
    pub(super) fn odd_digits(&self, line: usize) -> HexError {
        HexError::OddDigits { line, column: self.column + self.text.chars().count().saturating_sub(1) }
    }

    fn not_hex(&self, line: usize) -> Option<HexError> {
        let (place, letter) = self.text.chars().enumerate().find(|(_, letter)| digit(*letter).is_none())?;
        Some(HexError::NotHex { line, column: self.column + place, letter })
    }

    fn is_direction(&self) -> bool {
        let text = self.text.to_lowercase();
        self.kind == Kind::Time
            || DIRECTIONS.iter().any(|word| if word.is_ascii() { text == *word } else { text.contains(word) })
    }
}

impl<'t> Line<'t> {
    pub(super) fn new(text: &'t str, number: usize) -> Self {
        Self { number, text, tokens: Tokens::of(text) }
    }

    /// Bytes and nothing else.
    pub(super) fn is_plain(&self) -> bool {
        self.tokens.iter().all(|token| token.is_bytes() || token.kind == Kind::Odd)
    }

    /// The text from one token to before another, separators at either end left out.
    pub(super) fn text_of(&self, from: usize, to: usize) -> &'t str {
        let (Some(first), Some(last)) =
            (self.tokens.get(from), to.checked_sub(1).and_then(|to| self.tokens.get(to)))
        else {
            return "";
        };
        self.text.get(first.start..last.start + last.text.len()).unwrap_or_default()
    }

    /// The stretches of bytes, cut at words, times, strong separators, and where an `H` behind begins or ends.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let mut start = 0;
        core::iter::from_fn(move || {
            let digits = |token: &Token<'_>| token.is_bytes() || token.kind == Kind::Odd;
            start += self.tokens.get(start..)?.iter().position(digits)?;
            let suffixed = self.tokens.get(start)?.has_suffix();
            let more = self.tokens.get(start + 1..)?.iter();
            let goes_on = |token: &&Token<'_>| {
                digits(token) && token.behind.is_none() && token.has_suffix() == suffixed
            };
            let length = 1 + more.take_while(goes_on).count();
            let run = Run { start, end: start + length };
            start += length;
            Some(run)
        })
    }

    fn tokens_of(&self, run: &Run) -> &[Token<'t>] {
        self.tokens.get(run.start..run.end).unwrap_or_default()
    }

    /// Long enough to be a frame or much of one, and with a start byte.
    pub(super) fn is_like_a_frame(&self, run: &Run) -> bool {
        let bytes: Vec<u8> = self.tokens_of(run).iter().flat_map(Token::bytes).collect();
        bytes.len() >= FRAME_LENGTH && bytes.contains(&0x68)
    }

    /// Marked as bytes one by one.
    pub(super) fn is_explicit(&self, run: &Run) -> bool {
        let is_marked = |token: &Token<'_>| matches!(token.kind, Kind::Bytes(_, Mark::Prefix | Mark::Suffix));
        self.tokens_of(run).iter().any(is_marked)
    }

    pub(super) fn is_at_the_end(&self, run: &Run) -> bool {
        run.end == self.tokens.len()
    }

    /// A label stands right in front: one of direction, or, where only that is wanted, of any kind.
    pub(super) fn is_labelled(&self, run: &Run, by_direction: bool) -> bool {
        let Some(front) = run.start.checked_sub(1).and_then(|front| self.tokens.get(front)) else {
            return false;
        };
        let mark = self.tokens.get(run.start).and_then(|token| token.behind);
        front.is_direction() || !by_direction && mark.is_some_and(|mark| LABEL_ENDS.contains(mark))
    }

    /// How many tokens in front only number the line, as in `[7] 68 ..` and `3: FE FE 68 ..`.
    pub(super) fn numbering(&self) -> usize {
        let mut runs = self.runs();
        let (Some(first), Some(second), None) = (runs.next(), runs.next(), runs.next()) else { return 0 };
        let begin = self.tokens.get(second.start);
        let closes = begin.and_then(|token| token.behind).is_some_and(|mark| LABEL_ENDS.contains(mark));
        let begins =
            begin.and_then(|token| token.bytes().next()).is_some_and(|byte| matches!(byte, 0xFE | 0x68));
        if first.end == 1 && closes && begins && self.is_like_a_frame(&second) { 1 } else { 0 }
    }

    /// The first token that lacks a digit.
    pub(super) fn odd_digits(&self) -> Option<HexError> {
        self.tokens.iter().find(|token| token.kind == Kind::Odd).map(|token| token.odd_digits(self.number))
    }

    /// A word of two letters among bytes, or dots that stand for some.
    pub(super) fn mistyped(&self) -> Option<HexError> {
        let around = |place: usize| {
            let before = place.checked_sub(1).and_then(|before| self.tokens.get(before));
            (before, self.tokens.get(place), self.tokens.get(place + 1))
        };
        (0..self.tokens.len()).find_map(|place| {
            let (before, Some(token), after) = around(place) else { return None };
            let follows = before.is_some_and(Token::is_bytes) && token.behind.is_none();
            let precedes = after.is_some_and(|after| after.is_bytes() && after.behind.is_none());
            let short = token.text.chars().count() == 2 && token.text.chars().all(char::is_alphanumeric);
            let has_digit = token.text.contains(|letter: char| letter.is_ascii_digit());
            match token.kind {
                Kind::Ellipsis if follows || precedes => {
                    Some(HexError::LeftOut { line: self.number, column: token.column })
                }
                Kind::Word
                    if short
                        && !token.is_direction()
                        && (follows && precedes
                            || has_digit && (follows || precedes || self.tokens.len() == 1)) =>
                {
                    token.not_hex(self.number)
                }
                _ => None,
            }
        })
    }

    /// What is wrong with the first word, where there are no bytes at all.
    pub(super) fn first_word(&self) -> Option<HexError> {
        self.tokens.iter().find_map(|token| token.not_hex(self.number))
    }
}

/// Cuts a line into tokens.
struct Tokens<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    /// Where the rest begins, in bytes and in letters.
    at: usize,
    column: usize,
    behind: Option<char>,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Vec<Token<'t>> {
        let mut tokens = Self { text, tokens: Vec::new(), at: 0, column: 1, behind: None };
        while let Some(letter) = tokens.rest().chars().next() {
            if let Some(length) = tokens.cast() {
                tokens.advance(length);
            } else if is_separator(letter) {
                tokens.separator(letter);
            } else {
                tokens.token();
            }
        }
        tokens.tokens
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, length: usize) -> &'t str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += taken.len().max(1);
        self.column += taken.chars().count();
        taken
    }

    /// `(byte)` and the like right in front of `0x`.
    fn cast(&self) -> Option<usize> {
        let inner = self.rest().strip_prefix('(')?;
        let (name, behind) = inner.split_once(')')?;
        let is_name =
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ' ');
        let has_word = name.contains(|letter: char| !letter.is_ascii_hexdigit() && letter != ' ');
        (is_name && has_word && behind.trim_start().starts_with("0x")).then_some(name.len() + 2)
    }

    /// Colons and hyphens join bytes when digits stand on either side, and end a label otherwise.
    fn separator(&mut self, letter: char) {
        let before = self.text.get(..self.at).and_then(|text| text.chars().next_back());
        let after = self.rest().chars().nth(1);
        let is_digit = |letter: Option<char>| letter.is_some_and(|letter| digit(letter).is_some());
        let joins = matches!(letter, ':' | '-') && is_digit(before) && is_digit(after);
        if is_strong(letter) && !joins {
            self.behind = Some(letter);
        }
        self.advance(letter.len_utf8());
    }

    fn token(&mut self) {
        let (start, column) = (self.at, self.column);
        let rest = self.rest();
        let (length, kind) = match time::length(rest) {
            Some(length) => (length, Kind::Time),
            None => {
                let length = rest.find(is_separator).unwrap_or(rest.len());
                (length, kind(rest.get(..length).unwrap_or_default()))
            }
        };
        let text = self.advance(length);
        let behind = self.behind.take();
        self.tokens.push(Token { start, column, text, kind, behind });
    }
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || is_strong(letter)
        || matches!(letter, ',' | ';' | '"' | '\'' | '，' | '、' | '；' | '\0' | '\u{feff}' | '\u{200b}')
}

fn is_strong(letter: char) -> bool {
    matches!(letter, '-' | '|' | '{' | '}' | '[' | '(' | '<' | '【' | '（' | '）' | '□')
        || LABEL_ENDS.contains(letter)
}

/// A digit, also as `６` of office software.
fn digit(letter: char) -> Option<u32> {
    let narrow = u32::from(letter).checked_sub(0xFEE0).and_then(char::from_u32);
    letter.to_digit(16).or_else(|| narrow?.to_digit(16))
}

/// What a stretch of letters is.
fn kind(text: &str) -> Kind {
    if text.chars().all(|letter| matches!(letter, '.' | '…')) {
        return Kind::Ellipsis;
    }
    let marked =
        text.replace("\\x", " ").replace("\\X", " ").replace("0x", " ").replace("0X", " ").replace('$', " ");
    let is_marked = marked.len() != text.len() || text.contains('$');
    if is_marked && !marked.starts_with(' ') {
        return Kind::Word;
    }
    let mut bytes = Vec::new();
    let mut suffixed = false;
    for part in marked.split_whitespace() {
        let (digits, has_suffix) = match part.strip_suffix(['h', 'H']) {
            Some(digits) => (digits.strip_prefix('0').filter(|rest| rest.len() == 2).unwrap_or(digits), true),
            None => (part, false),
        };
        suffixed |= has_suffix;
        let digits: Option<Vec<u32>> = digits.chars().map(digit).collect();
        let Some(digits) = digits.filter(|digits| !digits.is_empty()) else { return Kind::Word };
        let short = digits.len() == 1 && (is_marked || has_suffix || part.len() == text.len());
        if short {
            bytes.extend(digits.first().and_then(|digit| u8::try_from(*digit).ok()));
        } else if digits.len().is_multiple_of(2) {
            let pairs =
                digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
            bytes.extend(pairs.filter_map(|byte| u8::try_from(byte).ok()));
        } else {
            return Kind::Odd;
        }
    }
    let mark = match (is_marked, suffixed) {
        (true, _) => Mark::Prefix,
        (false, true) => Mark::Suffix,
        (false, false) => Mark::None,
    };
    if bytes.is_empty() { Kind::Word } else { Kind::Bytes(bytes, mark) }
}
