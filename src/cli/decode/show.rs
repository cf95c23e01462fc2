//! The explanation as people read it: a map of the bytes, then what they say, in both languages.

use std::io::{self, Write};
use std::ops::Range;

use anstyle::{AnsiColor, Style};
use dlt645::explain::{FramePiece, GarbagePiece, Note, Shown, ShownBits, ShownRecord, ShownValue};
use dlt645::frame::OFFSET;

const FIXED: Style = Style::new().dimmed();
const ADDRESS: Style = AnsiColor::Cyan.on_default();
const CONTROL: Style = AnsiColor::Yellow.on_default();
const IDENTIFIER: Style = AnsiColor::Green.on_default();
const DATA: Style = AnsiColor::Blue.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// How many data bytes stand on one line of the map.
const LINE: usize = 16;

/// A stretch of bytes of one meaning.
struct Stretch<'a> {
    title: &'static str,
    style: Style,
    bytes: &'a [u8],
    has_offset: bool,
    /// Where it begins in the frame.
    begin: usize,
}

/// Whether it is a frame, and where it stands.
pub(super) fn verdict(
    out: &mut impl Write,
    is_sound: bool,
    offset: usize,
    length: usize,
    preamble: usize,
) -> io::Result<()> {
    let (style, verdict) = if is_sound { (GOOD, "frame  完整帧") } else { (BAD, "bad frame  坏帧") };
    write!(out, "{style}{verdict}{style:#}  at byte {offset}, {}", bytes(length))?;
    match preamble {
        0 => {}
        1 => write!(out, ", one wake-up byte FE in front")?,
        more => write!(out, ", {more} wake-up bytes FE in front")?,
    }
    writeln!(out)
}

/// One frame; its bytes at the places `covered` are not shown.
pub(super) fn frame(out: &mut impl Write, frame: &FramePiece, covered: &[Range<usize>]) -> io::Result<()> {
    verdict(out, frame.ok, frame.offset, frame.length, frame.preamble)?;
    map(out, &stretches(frame), covered)?;
    writeln!(out, "  {} {}", frame.protocol, frame.direction.unwrap_or("(no control code)"))?;
    if let Some(address) = &frame.address {
        writeln!(out, "  address     通信地址   {ADDRESS}{address}{ADDRESS:#}")?;
    }
    if let (Some(control), Some(function)) = (&frame.control, &frame.function) {
        let zh = frame.function_zh.as_deref().unwrap_or_default();
        writeln!(out, "  control     控制码     {CONTROL}{control}{CONTROL:#}  {function}  {zh}")?;
    }
    if frame.more {
        writeln!(
            out,
            "  more        后续       more frames follow, or the meter has new events  有后续帧或新事件"
        )?;
    }
    if let Some(sequence) = frame.sequence {
        writeln!(out, "  sequence    帧序号     {sequence}")?;
    }
    if let Some(di) = &frame.di {
        let name = frame.di_name.as_deref().unwrap_or_default();
        let zh = frame.di_name_zh.as_deref().unwrap_or_default();
        let line = format!("  identifier  数据标识   {IDENTIFIER}{di}{IDENTIFIER:#}  {name}  {zh}");
        writeln!(out, "{}", line.trim_end())?;
    }
    values(out, &frame.values, &frame.records, "  ")?;
    if let Some(error) = &frame.error {
        let (style, what) =
            if frame.ok { (CONTROL, "refused  异常应答") } else { (BAD, "wrong  错误") };
        let code = frame.error_code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
        let zh = frame.error_zh.as_deref().unwrap_or_default();
        writeln!(out, "  {style}{what}{style:#}: {error}{code}  {zh}")?;
    }
    notes(out, &frame.notes)
}

/// The data of an identifier without a frame around them.
pub(in crate::cli) fn shown(out: &mut impl Write, shown: &Shown, indent: &str) -> io::Result<()> {
    values(out, &shown.values, &shown.records, indent)?;
    notes(out, &shown.notes)
}

fn values(
    out: &mut impl Write,
    values: &[ShownValue],
    records: &[ShownRecord],
    indent: &str,
) -> io::Result<()> {
    values.iter().try_for_each(|shown| value(out, shown, indent))?;
    for record in records {
        let faulty = if record.ok { "" } else { "  marked faulty by the meter  电表标记无效" };
        let at = record.at.as_deref().unwrap_or("without a time  无时间");
        writeln!(out, "{indent}record  记录  {at}{faulty}")?;
        record.values.iter().try_for_each(|shown| value(out, shown, &format!("{indent}  ")))?;
    }
    Ok(())
}

/// Bytes of no frame.
pub(super) fn garbage(out: &mut impl Write, garbage: &GarbagePiece) -> io::Result<()> {
    writeln!(out, "{BAD}no frame  杂散字节{BAD:#}  at byte {}, {}", garbage.offset, bytes(garbage.length))?;
    for line in garbage.garbage.as_bytes().chunks(LINE * 4) {
        writeln!(out, "  {FIXED}{}{FIXED:#}", spaced(&String::from_utf8_lossy(line)))?;
    }
    notes(out, &garbage.notes)
}

fn notes(out: &mut impl Write, notes: &[Note]) -> io::Result<()> {
    notes.iter().try_for_each(|note| writeln!(out, "  - {}  {}", note.en, note.zh))
}

/// The bytes of a frame by meaning, as far as they go.
fn stretches(frame: &FramePiece) -> Vec<Stretch<'_>> {
    let bytes = frame.bytes.as_slice();
    let data_len = bytes.get(9).map_or(0, |length| usize::from(*length));
    let id_len = frame.di.as_ref().map_or(0, |di| di.len() / 2).min(data_len);
    let parts = [
        ("start", FIXED, 1, false),
        ("address", ADDRESS, 6, false),
        ("start", FIXED, 1, false),
        ("control", CONTROL, 1, false),
        ("length", FIXED, 1, false),
        ("identifier", IDENTIFIER, id_len, true),
        ("data", DATA, data_len - id_len, true),
        ("sum", FIXED, 1, false),
        ("end", FIXED, 1, false),
        ("behind", BAD, usize::MAX, false),
    ];
    let mut rest = bytes;
    let mut begin = 0;
    let mut stretches = Vec::new();
    for (title, style, length, has_offset) in parts {
        let (own, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        if !own.is_empty() {
            stretches.push(Stretch { title, style, bytes: own, has_offset, begin });
        }
        begin += own.len();
    }
    stretches
}

/// Titles, the bytes below them, and the data less 33H below that; long data go on on further lines.
fn map(out: &mut impl Write, stretches: &[Stretch<'_>], covered: &[Range<usize>]) -> io::Result<()> {
    let width = |stretch: &Stretch<'_>| (stretch.bytes.len().min(LINE) * 3 - 1).max(stretch.title.len());
    let titles: Vec<String> =
        stretches.iter().map(|stretch| format!("{:width$}", stretch.title, width = width(stretch))).collect();
    writeln!(out, "  {FIXED}{}{FIXED:#}", titles.join("  ").trim_end())?;
    let lines = stretches.iter().map(|stretch| stretch.bytes.len().div_ceil(LINE)).max().unwrap_or(0);
    for line in 0..lines {
        let cell = |style: Style, byte: u8, at: usize| {
            if covered.iter().any(|place| place.contains(&at)) {
                return format!("{style}**{style:#}");
            }
            format!("{style}{byte:02X}{style:#}")
        };
        row(out, stretches, line, &width, |stretch, byte, at| Some(cell(stretch.style, byte, at)))?;
        row(out, stretches, line, &width, |stretch, byte, at| {
            stretch.has_offset.then(|| cell(FIXED, byte.wrapping_sub(OFFSET), at))
        })?;
    }
    Ok(())
}

fn row(
    out: &mut impl Write,
    stretches: &[Stretch<'_>],
    line: usize,
    width: &impl Fn(&Stretch<'_>) -> usize,
    show: impl Fn(&Stretch<'_>, u8, usize) -> Option<String>,
) -> io::Result<()> {
    let mut text = String::new();
    let mut shown = 0;
    for stretch in stretches {
        let bytes = stretch.bytes.chunks(LINE).nth(line).unwrap_or_default();
        let places = stretch.begin + line * LINE..;
        let cells: Vec<String> =
            bytes.iter().zip(places).filter_map(|(byte, at)| show(stretch, *byte, at)).collect();
        let blanks = width(stretch).saturating_sub((cells.len() * 3).saturating_sub(1));
        shown += cells.len();
        text.push_str(&cells.join(" "));
        text.push_str(&" ".repeat(blanks + 2));
    }
    if shown == 0 {
        return Ok(());
    }
    writeln!(out, "  {}", text.trim_end())
}

/// One value with its name.
pub(in crate::cli) fn value(out: &mut impl Write, shown: &ShownValue, indent: &str) -> io::Result<()> {
    let names = if shown.name_zh == shown.name {
        shown.name.clone()
    } else {
        format!("{}  {}", shown.name, shown.name_zh)
    };
    let doubt = match (shown.doubt, shown.doubt_zh) {
        (Some(en), Some(zh)) => format!("  ({en}  {zh})"),
        _ => String::new(),
    };
    let line = format!("{indent}{names}: {}{doubt}{}{}", reading(shown), whole_meaning(shown), time(shown));
    writeln!(out, "{}", line.trim_end())?;
    for bits in shown.bits.iter().filter(|_| !is_code(shown)) {
        if bits.meaning.is_empty() && bits.value == 0 {
            continue;
        }
        let place = format!("b{}", bits.bit);
        let meaning = meaning(bits);
        writeln!(out, "{indent}  {place:<3}  {}  {}: {meaning}", bits.name, bits.name_zh)?;
    }
    Ok(())
}

/// The value with its unit, or why there is none.
fn reading(shown: &ShownValue) -> String {
    let raw = || spaced(shown.raw.as_deref().unwrap_or_default());
    match (&shown.value, shown.absent) {
        (Some(value), _) => format!("{GOOD}{value}{GOOD:#} {}", shown.unit.map(unit).unwrap_or_default()),
        (None, Some(why)) => {
            let zh = shown.absent_zh.unwrap_or_default();
            format!("{CONTROL}no value  无数值{CONTROL:#} ({why}  {zh}) {}", raw())
        }
        (None, None) => format!("bytes {}", raw()),
    }
    .trim_end()
    .to_owned()
}

/// When the value held.
fn time(shown: &ShownValue) -> String {
    match (&shown.at, shown.at_absent) {
        (Some(at), _) => format!("  at {at}"),
        (None, Some(why)) => format!("  time: {why}  {}", shown.at_absent_zh.unwrap_or_default()),
        (None, None) => String::new(),
    }
}

/// A code and not a set of bits: one field over all of the byte.
fn is_code(shown: &ShownValue) -> bool {
    let digits = shown.value.as_ref().map_or(0, String::len);
    matches!(shown.bits.as_slice(), [bits] if digits == 2 && shown.value == Some(format!("{:02X}", bits.value)))
}

/// What a code means.
fn whole_meaning(shown: &ShownValue) -> String {
    match shown.bits.first() {
        Some(bits) if is_code(shown) && bits.meaning.is_empty() => "  unknown  未知".to_owned(),
        Some(bits) if is_code(shown) => format!("  {}", meaning(bits)),
        _ => String::new(),
    }
}

fn meaning(bits: &ShownBits) -> String {
    if bits.meaning.is_empty() {
        return bits.value.to_string();
    }
    format!("{}  {}", bits.meaning, bits.meaning_zh)
}

/// The unit as people write it.
pub(super) fn unit(unit: &'static str) -> &'static str {
    match unit {
        "Cel" => "°C",
        "deg" => "°",
        other => other,
    }
}

fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// Hexadecimal digits in pairs.
pub(super) fn spaced(digits: &str) -> String {
    let digits = digits.to_uppercase();
    let pairs: Vec<&str> =
        (0..digits.len()).step_by(2).filter_map(|place| digits.get(place..place + 2)).collect();
    pairs.join(" ")
}
