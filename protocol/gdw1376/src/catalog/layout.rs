//! Layouts: the small language in which the tables say what data look like. The module above explains it.

use super::field::{Field, Fields, Width};
use crate::format::Format;
use crate::terminal_time::TimeFormat;

/// What data look like: nodes one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The nodes in wire order.
    pub nodes: Vec<Node>,
}

/// A field, or nodes that stand several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// One field.
    Field(Field),
    /// Nodes that stand several times.
    Repeat {
        /// What is repeated; at least one byte.
        body: Vec<Self>,
        /// How often.
        times: Times,
    },
}

/// How often nodes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Always so often.
    Exactly(u16),
    /// As often as the count says, and so many more or fewer.
    Counted {
        /// The letter of the count.
        count: char,
        /// What is added to it.
        add: i8,
    },
    /// Once for each bit of the count that is set.
    Ones(char),
    /// As often as the low seven bits of the count say.
    LowSeven(char),
    /// As often as the count says, and never when it is 255.
    UnlessAllOnes(char),
    /// From the first count on to the second, modulo 256.
    Ring(char, char),
    /// The points of an hour at this density.
    Hour(char),
    /// To the end of the data.
    Rest,
}

/// The minutes between two points of a curve of this density (冻结密度): 1 every 15, 2 every 30, 3 every 60, 254 every 5,
/// 255 every minute; `None` for 0, not frozen, and for what is no density. [1376 3.9]
#[must_use]
pub const fn minutes_of_density(density: u8) -> Option<u8> {
    Some(match density {
        1 => 15,
        2 => 30,
        3 => 60,
        254 => 5,
        255 => 1,
        _ => return None,
    })
}

impl Layout {
    /// Reads a layout; `None` when it is not of the language or names an unknown key.
    pub(super) fn parse(text: &'static str, fields: &Fields) -> Option<Self> {
        if text == "-" {
            return Some(Self::default());
        }
        Some(Self { nodes: nodes(text, fields)? })
    }

    /// True when there are no data at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All fields, each once, in wire order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let mut fields = Vec::new();
        collect(&self.nodes, &mut fields);
        fields.into_iter()
    }

    /// The first field.
    #[must_use]
    pub fn first(&self) -> Option<&Field> {
        match self.nodes.first()? {
            Node::Field(field) => Some(field),
            Node::Repeat { .. } => None,
        }
    }
}

fn collect<'l>(nodes: &'l [Node], fields: &mut Vec<&'l Field>) {
    for node in nodes {
        match node {
            Node::Field(field) => fields.push(field),
            Node::Repeat { body, .. } => collect(body, fields),
        }
    }
}

fn nodes(text: &'static str, fields: &Fields) -> Option<Vec<Node>> {
    split_top(text).map(|part| node(part, fields)).collect()
}

fn node(part: &'static str, fields: &Fields) -> Option<Node> {
    if let Some(inner) = part.strip_prefix('{') {
        let (body, repeat) = inner.rsplit_once('}')?;
        let body = nodes(body, fields)?;
        return Some(Node::Repeat { body, times: times(repeat.strip_prefix('*')?)? });
    }
    let (text, repeat) = match part.split_once('*') {
        Some((_, "]")) | None => (part, None),
        Some((text, repeat)) => (text, Some(repeat)),
    };
    let field = Node::Field(field(text, fields)?);
    Some(match repeat {
        Some(repeat) => Node::Repeat { body: vec![field], times: times(repeat)? },
        None => field,
    })
}

fn field(text: &'static str, fields: &Fields) -> Option<Field> {
    let (name, format) = text.split_once(':')?;
    let (key, count) = match name.split_once('=') {
        Some((key, count)) => (key, Some(letter(count)?)),
        None => (name, None),
    };
    let meaning = fields.find(key)?;
    let (format, width) = format_of(format)?;
    Some(Field {
        key: meaning.key,
        name_en: meaning.name_en,
        name_zh: meaning.name_zh,
        format,
        width,
        unit: meaning.unit,
        item: meaning.item,
        role: meaning.role,
        count,
    })
}

fn format_of(text: &str) -> Option<(Format, Width)> {
    let digits_at = text.find(|c: char| !c.is_ascii_uppercase())?;
    let (name, size) = text.split_at_checked(digits_at)?;
    if let Some(inner) = size.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        let width = if inner == "*" {
            Width::Rest
        } else {
            let (count, add) = counted(inner)?;
            Width::Counted { count, add }
        };
        return Some((bytes_or_text(name)?, width));
    }
    let number: u8 = size.parse().ok()?;
    let format = match name {
        "A" => Format::number(number)?,
        "BIN" => Format::Binary { bytes: number },
        "BS" if number.is_multiple_of(8) => Format::Bits { bytes: number / 8 },
        "BCD" if number == 1 => Format::Time(TimeFormat::Hour),
        "BCD" => Format::Name { bytes: number },
        _ => return Some((bytes_or_text(name)?, Width::Fixed(number.into()))),
    };
    let width = format.width().filter(|width| (1..=8).contains(width))?;
    Some((format, Width::Fixed(width)))
}

fn bytes_or_text(name: &str) -> Option<Format> {
    match name {
        "HEX" => Some(Format::Octets),
        "ASCII" => Some(Format::Text),
        _ => None,
    }
}

fn times(text: &str) -> Option<Times> {
    if text == "rest" {
        return Some(Times::Rest);
    }
    if let Ok(number) = text.parse() {
        return (number > 0).then_some(Times::Exactly(number));
    }
    let Some((function, inner)) = text.split_once('(') else {
        let (count, add) = counted(text)?;
        return Some(Times::Counted { count, add });
    };
    let inner = inner.strip_suffix(')')?;
    Some(match (function, inner.split_once(',')) {
        ("ones", None) => Times::Ones(letter(inner)?),
        ("low7", None) => Times::LowSeven(letter(inner)?),
        ("unless255", None) => Times::UnlessAllOnes(letter(inner)?),
        ("hour", None) => Times::Hour(letter(inner)?),
        ("ring", Some((from, to))) => Times::Ring(letter(from)?, letter(to)?),
        _ => return None,
    })
}

/// `n`, `M+1`, `k-4`.
fn counted(text: &str) -> Option<(char, i8)> {
    let (name, add) = text.split_at_checked(1)?;
    let add = if add.is_empty() { 0 } else { add.parse().ok()? };
    Some((letter(name)?, add))
}

fn letter(text: &str) -> Option<char> {
    let mut letters = text.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    letters.next().is_none().then_some(letter)
}

/// Splits at commas outside brackets of any kind.
fn split_top(text: &'static str) -> impl Iterator<Item = &'static str> {
    let mut depth = 0_usize;
    text.split(move |letter| {
        match letter {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
}
