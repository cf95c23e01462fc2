//! Names the values under an identifier.

use super::{Note, Shown, ShownBits, ShownRecord, ShownValue, hex, old_block, old_makers};
use crate::catalog::Values;
use crate::catalog::freeze::FreezeBlock;
use crate::catalog::load_record::LoadRecords;
use crate::catalog::{self, Absence, Content, Entry, Format, LengthRule, Reading, Role, Shape, Value};
use crate::data_id::DataId;

/// Names the data that an answer holds under an identifier, the identifier taken off and follow-on frames joined.
///
/// ```
/// use dlt645::explain;
/// let shown = explain::data("02010100".parse()?, &[0x01, 0x22]);
/// assert_eq!(shown.values[0].value.as_deref(), Some("220.1"));
/// # Ok::<(), dlt645::data_id::DataIdError>(())
/// ```
#[must_use]
pub fn data(id: DataId, payload: &[u8]) -> Shown {
    understood(id, payload, false, Part::Whole)
}

/// What is said of a value that the quantity cannot have.
pub const OUT_OF_RANGE: (&str, &str) = ("out of range", "超出量程");

/// How much of an answer some data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// Its first frame, and more may follow.
    First,
    /// A frame that follows: nobody can tell where its values begin. [645-2007 4 subsequent]
    FollowOn,
}

/// The data of an identifier, named. `is_write` for data that are written.
pub(super) fn understood(id: DataId, data: &[u8], is_write: bool, part: Part) -> Shown {
    let mut shown = Shown::default();
    let is_part = part != Part::Whole;
    let Some(entry) = catalog::find(id) else {
        if let Some(block) = old_block::read(id, data, part) {
            return block;
        }
        shown.notes.push(Note::new(
            format!("identifier {id} is in no table: a maker's own, or a wrong one"),
            format!("数据标识{id}不在标准表中:厂家扩展或有误"),
        ));
        shown.raw(data, "unknown identifier", "未知数据标识");
        return shown;
    };
    if part == Part::FollowOn {
        shown.part(&entry, data);
        return shown;
    }
    // A request of class 07 may carry nothing but its identifier, whatever its answer holds.
    if is_write && data.is_empty() {
        return shown;
    }
    let read = if is_write { entry.read_request(data) } else { entry.read(data) };
    match read {
        Ok(Content::Values(values)) if is_event_record(&entry) => shown.event(&values.collect::<Vec<_>>()),
        Ok(Content::Values(values)) => {
            shown.values = named_values(values.clone());
            old_makers::amend(id, &mut shown);
            shown.out_of_range(id, values);
        }
        Ok(Content::Freeze(block)) => shown.freeze(&block),
        Ok(Content::LoadRecords(_)) if data.is_empty() => shown.no_record(&entry),
        Ok(Content::LoadRecords(blocks)) => shown.blocks(entry, blocks, data, is_part),
        Ok(Content::Nothing) => {}
        Ok(Content::Opaque(bytes)) => shown.raw(bytes, &entry.name_en(), &entry.value_name_zh()),
        Err(_) if is_part => shown.part(&entry, data),
        Err(deviation) => shown.deviating(&entry, deviation, data),
    }
    shown
}

impl Shown {
    pub(super) fn raw(&mut self, bytes: &[u8], name: &str, name_zh: &str) {
        if !bytes.is_empty() {
            self.values.push(ShownValue {
                name: name.to_owned(),
                name_zh: name_zh.to_owned(),
                raw: Some(hex(bytes)),
                ..ShownValue::default()
            });
        }
    }

    /// A piece of an answer that is not split by itself.
    fn part(&mut self, entry: &Entry, data: &[u8]) {
        self.notes.push(Note::new(
            "part of a longer answer: values are split only when all frames are joined",
            "后续帧未拼接,无法单独解析",
        ));
        self.raw(data, &entry.name_en(), &entry.value_name_zh());
    }

    /// Remarks what no meter can have measured, where nothing else was said of it.
    fn out_of_range(&mut self, id: DataId, values: Values<'_>) {
        for reading in
            values.filter(|reading| !reading.is_in_range() && !old_makers::has_spoken(id, reading.value))
        {
            let Some(range) = reading.item().and_then(catalog::range) else { continue };
            let (value, low, high) = (reading.value, range.low, range.high);
            self.notes.push(Note::new(
                format!("{}: {value} is outside of {low} to {high}: not to be booked", reading.name_en()),
                format!("{}:{value}超出{low}至{high}的范围,不得入账", reading.name_zh()),
            ));
        }
    }

    /// A whole freeze: every value holds at the time the freeze itself gives.
    fn freeze(&mut self, block: &FreezeBlock<'_>) {
        let taken = block.time();
        let (at, absent) = (taken.and_then(time), taken.and_then(absence_of));
        for (entry, piece) in block.sections() {
            let Ok(Content::Values(values)) = entry.read(piece) else { continue };
            for mut value in named_values(values) {
                // The time of a demand is its own, and the time of the freeze itself holds at no time.
                if entry.id.di1() != 0 && value.at.is_none() && value.at_absent.is_none() {
                    value.at.clone_from(&at);
                    value.at_absent = absent.map(Absence::reason);
                    value.at_absent_zh = absent.map(Absence::reason_zh);
                }
                self.values.push(value);
            }
        }
    }

    /// An answer of another length than the standard's: shown for what it is, never as the standard's value.
    fn deviating(&mut self, entry: &Entry, deviation: catalog::Deviation, data: &[u8]) {
        self.notes.push(deviation_note(deviation));
        let digits = crate::bcd::decode(data).is_some() && !data.is_empty();
        if digits {
            let text: String = data.iter().rev().map(|byte| format!("{byte:02X}")).collect();
            self.notes.push(Note::new(
                format!("its digits are {text}, where the point stands is not known"),
                format!("数字为{text},小数位未知"),
            ));
        }
        if data.is_empty() {
            self.nothing(entry);
        }
        self.raw(data, &entry.name_en(), &entry.value_name_zh());
    }

    fn nothing(&mut self, entry: &Entry) {
        self.values.push(ShownValue {
            name: entry.name_en(),
            name_zh: entry.value_name_zh(),
            absent: Some("no data"),
            absent_zh: Some("无数据"),
            ..ShownValue::default()
        });
    }

    /// The identifier alone: the meter has no record of that time. [645-2007 12]
    fn no_record(&mut self, entry: &Entry) {
        self.nothing(entry);
        self.notes.push(Note::new("the meter has no record of that time", "电表无该时刻的记录"));
    }

    /// The record of one event: its time, then its values.
    fn event(&mut self, readings: &[Reading<'_>]) {
        let begin = readings.iter().find(|reading| is_begin(reading));
        let at = begin.and_then(|begin| time(begin.value));
        let rest = readings.iter().enumerate().filter(|(_, reading)| reading.field.role != Role::At);
        let values = rest.map(|(place, reading)| {
            let mut value = show(reading, time_of(readings, place));
            value.at = value.at.filter(|own| Some(own) != at.as_ref());
            value
        });
        let values = values.collect();
        let absent = begin.and_then(|begin| absence_of(begin.value));
        self.records.push(ShownRecord::new(at, absent, true, values));
    }

    fn blocks(&mut self, entry: Entry, blocks: LoadRecords<'_>, data: &[u8], is_part: bool) {
        for block in blocks {
            match block {
                Ok(block) => {
                    let values =
                        (1..=6).filter_map(|kind| block.values(kind, entry)).flat_map(named_values).collect();
                    let at = block.time();
                    self.records.push(ShownRecord::new(time(at), absence_of(at), !block.is_faulty, values));
                    if !block.count_fits || !block.sum_fits {
                        self.notes.push(Note::new(
                            format!("the block of {} has another count or sum than the standard's", block.at),
                            format!("{}记录块的字节数或累加和与标准不符", block.at),
                        ));
                    }
                }
                Err(not_a_block) => {
                    self.notes.push(if is_part {
                        Note::new("the last block goes on in the next frame", "最后一个记录块在后续帧中继续")
                    } else {
                        let zh = format!("第{}字节起不是完整的负荷记录块", not_a_block.offset);
                        Note::new(not_a_block.to_string(), zh)
                    });
                    let rest = data.get(not_a_block.offset..).unwrap_or_default();
                    self.raw(rest, "bytes of no block", "非记录块数据");
                }
            }
        }
    }
}

/// True for what a whole event record is read by: all its fields at once.
fn is_event_record(entry: &Entry) -> bool {
    let code = entry.id.code();
    let is_record = match code >> 24 {
        0x03 => entry.variable('n').is_some(),
        0x10..=0x21 => code >> 8 & 0xFF == 0xFF,
        _ => false,
    };
    let Shape::Fields(layout) = &entry.row.shape else { return false };
    let fields = || layout.groups.iter().flat_map(|group| &group.fields);
    is_record && fields().count() > 1 && fields().any(|field| matches!(field.role, Role::At | Role::Start))
}

/// True for the time a record begins with.
fn is_begin(reading: &Reading<'_>) -> bool {
    matches!(reading.field.role, Role::At | Role::Start) && matches!(reading.field.format, Format::Time(_))
}

fn deviation_note(deviation: catalog::Deviation) -> Note {
    let found = deviation.found;
    let expected = match deviation.expected {
        LengthRule::Exactly(length) => format!("{length}字节"),
        LengthRule::Steps { fixed: 0, step } => format!("{step}字节的整数倍"),
        LengthRule::Steps { fixed, step } => format!("{fixed}字节加{step}字节的整数倍"),
        LengthRule::UpTo(length) => format!("至多{length}字节"),
        LengthRule::Any => {
            return Note::new(
                format!(
                    "{found} data bytes that do not divide into the parts of this block: read it part by part"
                ),
                format!("数据{found}字节,无法按块结构拆分,请逐项抄读"),
            );
        }
    };
    Note::new(
        format!("{deviation}: a maker's deviation, or a wrong profile; not to be booked"),
        format!("数据{found}字节,标准为{expected}:厂家偏差或表型有误,不得入账"),
    )
}

/// A time that is one.
fn time(value: Value<'_>) -> Option<String> {
    if matches!(value, Value::Absent(_)) { None } else { Some(value.to_string()) }
}

/// The values with the times that belong to them.
pub(super) fn named_values(values: Values<'_>) -> Vec<ShownValue> {
    let readings: Vec<Reading<'_>> = values.collect();
    let alone = readings.iter().all(|reading| reading.field.is_at());
    (0..readings.len())
        .filter_map(|place| {
            let reading = readings.get(place)?;
            if alone {
                return Some(show(reading, None));
            }
            (!reading.field.is_at()).then(|| show(reading, time_of(&readings, place)))
        })
        .collect()
}

/// The time a value holds at: the one right behind it (a maximum demand), else the one its repetition or the whole
/// record begins with (a curve point, a record).
fn time_of<'a>(readings: &[Reading<'a>], place: usize) -> Option<Value<'a>> {
    let reading = readings.get(place)?;
    let together =
        |other: &Reading<'_>| other.repetition == reading.repetition && other.counter == reading.counter;
    let behind = readings.get(place + 1).filter(|next| next.field.is_at() && together(next));
    let first_together = readings.iter().find(|other| together(other)).filter(|first| first.field.is_at());
    let first = readings.first().filter(|first| first.field.is_at());
    behind.or(first_together).or(first).map(|at| at.value)
}

fn show(reading: &Reading<'_>, at: Option<Value<'_>>) -> ShownValue {
    let absence = absence_of(reading.value);
    ShownValue {
        name: reading.name_en(),
        name_zh: reading.name_zh(),
        value: if absence.is_none() { Some(reading.value.to_string()) } else { None },
        unit: Some(reading.field.unit).filter(|unit| !unit.is_empty()),
        item: reading.item().map(|item| item.to_string()),
        tariff: reading.tariff(),
        at: at.and_then(time),
        at_absent: at.and_then(absence_of).map(Absence::reason),
        at_absent_zh: at.and_then(absence_of).map(Absence::reason_zh),
        bits: bits(reading),
        raw: absence.map(|_| hex(reading.raw)),
        absent: absence.map(Absence::reason),
        absent_zh: absence.map(Absence::reason_zh),
        doubt: (!reading.is_in_range()).then_some(OUT_OF_RANGE.0),
        doubt_zh: (!reading.is_in_range()).then_some(OUT_OF_RANGE.1),
    }
}

fn absence_of(value: Value<'_>) -> Option<Absence> {
    match value {
        Value::Absent(absence) => Some(absence),
        _ => None,
    }
}

fn bits(reading: &Reading<'_>) -> Vec<ShownBits> {
    let (Format::Bits { word: id, .. }, Value::Bits { word, .. }) = (reading.field.format, reading.value)
    else {
        return Vec::new();
    };
    let named = |field: &'static catalog::bits::BitField| {
        let value = field.value_in(word);
        let (meaning, meaning_zh) = field.meaning(value);
        ShownBits { bit: field.bit, name: field.name_en, name_zh: field.name_zh, value, meaning, meaning_zh }
    };
    catalog::bit_fields(id).iter().map(named).collect()
}
