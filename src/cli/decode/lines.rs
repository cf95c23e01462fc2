//! A frame of a terminal or of Modbus as people read it: every byte with its meaning, one thing to a line.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use gdw1376::explain::Line;

use super::{record, show};
use crate::explain::{self, Found, Terminal, cover};

const FIXED: Style = Style::new().dimmed();
const ADDRESS: Style = AnsiColor::Cyan.on_default();
const CONTROL: Style = AnsiColor::Yellow.on_default();
const BYTES: Style = AnsiColor::Blue.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// How many bytes stand on one row.
const ROW: usize = 8;

/// One frame, and indented what it carries.
pub(super) fn frame(out: &mut impl Write, terminal: &Terminal) -> io::Result<()> {
    let piece = &terminal.piece;
    show::verdict(out, piece.ok, piece.offset, piece.length, piece.preamble)?;
    let is_modbus = explain::is_modbus(piece.protocol);
    let unknown = if is_modbus { "(direction unknown)" } else { "(parts unknown)" };
    writeln!(out, "  {} {}", record::protocol(piece.protocol), piece.direction.unwrap_or(unknown))?;
    if let Some(address) = &piece.address {
        let what = if is_modbus { "unit        单元号     " } else { "address     地址       " };
        writeln!(out, "  {what}{ADDRESS}{address}{ADDRESS:#}")?;
    }
    if let (Some(control), Some(function)) = (&piece.control, &piece.function) {
        let zh = piece.function_zh.as_deref().unwrap_or_default();
        let what = if is_modbus { "function    功能码     " } else { "control     控制域     " };
        writeln!(out, "  {what}{CONTROL}{control}{CONTROL:#}  {function}  {zh}")?;
    }
    if let (Some(error), Some(kind)) = (&piece.error, piece.error_kind) {
        let zh = piece.error_zh.as_deref().unwrap_or_default();
        match record::error_at(piece) {
            Some(at) => {
                writeln!(out, "  {BAD}wrong  错误{BAD:#}: {kind} at byte {at}: {error}  第{at}字节:{zh}")?
            }
            None => writeln!(out, "  {CONTROL}refused  异常应答{CONTROL:#}: {error}  {zh}")?,
        }
    }
    for (place, shown) in piece.lines.iter().enumerate() {
        let carried = terminal.carried.iter().find(|(line, _)| *line == place);
        line(out, terminal, shown, carried.is_some())?;
        for found in carried.into_iter().flat_map(|(_, found)| found) {
            let mut text = Vec::new();
            one(&mut text, found)?;
            for row in text.split_inclusive(|byte| *byte == b'\n') {
                out.write_all(INDENT)?;
                out.write_all(row)?;
            }
        }
    }
    piece.notes.iter().try_for_each(|note| writeln!(out, "  - {}  {}", note.en, note.zh))
}

/// Before what is carried.
const INDENT: &[u8] = b"      | ";

/// One stretch of the bytes.
pub(super) fn one(out: &mut impl Write, found: &Found) -> io::Result<()> {
    use dlt645::explain::Piece;
    match found {
        Found::Meter(Piece::Frame(meter), covered) => show::frame(out, meter, covered),
        Found::Meter(Piece::Garbage(garbage), _) => show::garbage(out, garbage),
        Found::Terminal(terminal) => {
            let mut text = Vec::new();
            frame(&mut text, terminal)?;
            out.write_all(&text)
        }
    }
}

/// The bytes, then what they are. What is carried shows its bytes itself.
fn line(out: &mut impl Write, terminal: &Terminal, line: &Line, is_carrier: bool) -> io::Result<()> {
    let bytes = terminal.piece.bytes.get(line.offset..line.offset + line.length).unwrap_or_default();
    let digits = cover::hex(bytes, line.offset, &terminal.covered);
    let cells: Vec<String> = if is_carrier {
        vec![if line.length == 1 { "1 byte".to_owned() } else { format!("{} bytes", line.length) }]
    } else {
        digits.as_bytes().chunks(ROW * 2).map(|row| show::spaced(&String::from_utf8_lossy(row))).collect()
    };
    let place = if line.length == 0 { String::new() } else { line.offset.to_string() };
    let first = cells.first().map_or("", String::as_str);
    let indent = "  ".repeat(usize::from(line.level));
    let text = format!(
        "  {FIXED}{place:>4}{FIXED:#}  {BYTES}{first:<width$}{BYTES:#}  {indent}{}",
        said(line, &digits, is_carrier),
        width = ROW * 3 - 1,
    );
    writeln!(out, "{}", text.trim_end())?;
    cells.iter().skip(1).try_for_each(|row| writeln!(out, "        {BYTES}{row}{BYTES:#}"))?;
    // Of many bits those that are set.
    let space = ROW * 3 + 9 + indent.len();
    line.bits.iter().filter(|bit| bit.value != 0).try_for_each(|bit| {
        let place = format!("b{}", bit.bit);
        let (meaning, meaning_zh) = (bit.meaning, bit.meaning_zh);
        writeln!(out, "{:space$}{place:<3}  {}  {}: {meaning}  {meaning_zh}", "", bit.name, bit.name_zh)
    })
}

/// Names, value, meaning and time; `digits` are the bytes in front.
fn said(line: &Line, digits: &str, is_carrier: bool) -> String {
    let mut text = if line.name_zh == line.name {
        line.name.clone()
    } else {
        format!("{}  {}", line.name, line.name_zh)
    };
    // A value that only repeats the bytes is not said again: they stand in front.
    let value = line.value.as_deref().filter(|value| !is_carrier && (line.length == 1 || *value != digits));
    if value.is_some() || !line.meaning.is_empty() {
        text.push(':');
    }
    if let Some(value) = value {
        text.push_str(&format!(" {GOOD}{value}{GOOD:#}"));
        if !line.unit.is_empty() {
            text.push_str(&format!(" {}", show::unit(line.unit)));
        }
    }
    if !line.meaning.is_empty() {
        let space = if value.is_some() { "  " } else { " " };
        text.push_str(&format!("{space}{}", line.meaning));
        if line.meaning_zh != line.meaning {
            text.push_str(&format!("  {}", line.meaning_zh));
        }
    }
    if let Some(as_of) = &line.as_of {
        text.push_str(&format!("  at {as_of}"));
    }
    text
}
