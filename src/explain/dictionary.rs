//! What terminals carry of a meter without its frame, named by the dictionary of meters: data that were read by identifier
//! (10H F9, F10), and status words. [1376 3.12]

use dlt645::catalog;
use dlt645::data_id::DataId;
use dlt645::explain::{self, ShownBits, ShownValue};
use gdw1376::explain::{Bit, FramePiece, Line, Note};

/// Adds what the dictionary knows: lines without bytes behind those they explain.
pub(super) fn name(piece: &mut FramePiece) {
    let mut lines = Vec::with_capacity(piece.lines.len());
    let mut identifier: Option<Line> = None;
    for mut line in core::mem::take(&mut piece.lines) {
        if let Some(bits) = status_word(&line, &piece.bytes) {
            line.bits = bits;
        }
        let of_identifier = identifier.take().filter(|_| is_data(&line.name));
        if line.name.starts_with(IDENTIFIER) {
            identifier = Some(line.clone());
        }
        let data = of_identifier.map(|identifier| read(&identifier, &line, &piece.bytes));
        lines.push(line);
        if let Some((values, note)) = data {
            lines.extend(values);
            piece.notes.extend(note);
        }
    }
    piece.lines = lines;
}

/// The values of data under an identifier of four bytes. A terminal of the edition of 2009 has one of two bytes there, and the
/// rest is data: that is said where only so the dictionary knows it.
fn read(identifier: &Line, data: &Line, bytes: &[u8]) -> (Vec<Line>, Option<Note>) {
    let of = |line: &Line| bytes.get(line.offset..line.offset + line.length).unwrap_or_default();
    let Some([a, b, c, d]) = of(identifier).first_chunk().copied() else { return (Vec::new(), None) };
    let new = DataId::new_2007(u32::from_le_bytes([a, b, c, d]));
    if catalog::find(new).is_some() {
        let shown = explain::data(new, of(data));
        return (shown.values.iter().map(|value| shown_line(value, data)).collect(), None);
    }
    let old = DataId::new_1997(u16::from_le_bytes([a, b]));
    let note = catalog::find(old).map(|entry| {
        let rest = [&[c, d][..], of(data)].concat();
        let values = explain::data(old, &rest).values;
        let told: Vec<String> = values.iter().filter_map(|value| value.value.clone()).collect();
        Note {
            en: format!(
                "identifier {new} is in no table; as the edition of 2009 lays it out, this would be {old} ({}): {}",
                entry.name_en(),
                told.join(", ")
            ),
            zh: format!("数据标识{new}不在表中;若按2009版为2字节标识,则是{old}({}):{}", entry.name_zh(), told.join(",")),
        }
    });
    (Vec::new(), note)
}

/// A value as a line without bytes, right behind the data it is of.
fn shown_line(value: &ShownValue, data: &Line) -> Line {
    Line {
        offset: data.offset + data.length,
        level: data.level + 1,
        name: value.name.clone(),
        name_zh: value.name_zh.clone(),
        value: value.value.clone(),
        unit: value.unit.unwrap_or_default(),
        meaning: value.absent.unwrap_or_default().to_owned(),
        meaning_zh: value.absent_zh.unwrap_or_default().to_owned(),
        item: value.item.clone(),
        as_of: value.at.clone(),
        tariff: value.tariff.map(u16::from),
        record: data.record,
        bits: value.bits.iter().map(bit).collect(),
        ..Line::default()
    }
}

/// The bits of a status word that a terminal shows, by the number behind its name.
fn status_word(line: &Line, bytes: &[u8]) -> Option<Vec<Bit>> {
    let number: u32 = line.name.strip_prefix(STATUS_WORD)?.trim_start().parse().ok()?;
    let word = bytes.get(line.offset..line.offset + line.length).filter(|_| line.value.is_some())?;
    let identifier = DataId::new_2007(FIRST_STATUS_WORD + number.checked_sub(1)?);
    let shown = explain::data(identifier, word);
    Some(shown.values.first()?.bits.iter().map(bit).collect())
}

/// `data`, or `data 2` where there are several.
fn is_data(name: &str) -> bool {
    name.strip_prefix(DATA)
        .is_some_and(|number| number.trim_start().chars().all(|digit| digit.is_ascii_digit()))
}

fn bit(bits: &ShownBits) -> Bit {
    let ShownBits { bit, name, name_zh, value, meaning, meaning_zh } = *bits;
    Bit { bit, name, name_zh, value, meaning, meaning_zh }
}

const IDENTIFIER: &str = "data identifier";
const DATA: &str = "data";
const STATUS_WORD: &str = "status word ";
/// Status word 1 of a meter; the others follow.
const FIRST_STATUS_WORD: u32 = 0x0400_0501;
