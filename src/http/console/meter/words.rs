//! The status words of a meter as a table: each word, and each group of its bits with what it says.

use dlt645::data_id::DataId;
use dlt645::explain::{self, ShownValue};

use crate::http::console::table::{Asked, Column, Table};
use crate::http::console::view::View;
use crate::http::console::words::{Language, Phrase, inert};

/// One group of bits, or a word that has none.
#[derive(Clone, Debug)]
pub(super) struct WordLine {
    id: DataId,
    value: ShownValue,
    /// Which of its groups of bits.
    bits: Option<usize>,
}

/// The words of a meter, from the JSON of identifier and word that is kept.
pub(super) fn table(json: &str, asked: &Asked, view: &View) -> Table<WordLine> {
    let words: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let explained = words.iter().filter_map(|(id, word)| {
        let id: DataId = id.parse().ok()?;
        Some((id, explain::data(id, &bytes(word.as_str()?)?)))
    });
    let lines =
        explained.flat_map(|(id, shown)| shown.values.into_iter().flat_map(move |value| lines(id, value)));
    let caption = Phrase::new("运行状态字", "Status words");
    let empty = Phrase::new("没有状态字", "No status word");
    Table::new("", caption, empty, columns(), asked).whole(lines.collect(), view.look.language)
}

fn lines(id: DataId, value: ShownValue) -> Vec<WordLine> {
    match value.bits.len() {
        0 => vec![WordLine { id, value, bits: None }],
        groups => (0..groups).map(|place| WordLine { id, value: value.clone(), bits: Some(place) }).collect(),
    }
}

/// A word as it is kept, most significant digit first, in wire order.
fn bytes(word: &str) -> Option<Vec<u8>> {
    (0..word.len() / 2)
        .rev()
        .map(|place| u8::from_str_radix(word.get(2 * place..2 * place + 2)?, 16).ok())
        .collect()
}

impl WordLine {
    fn bits(&self) -> Option<&explain::ShownBits> {
        self.value.bits.get(self.bits?)
    }

    /// What it says: the meaning of its bits, or the value of the word.
    fn says(&self, language: Language) -> String {
        match (self.bits(), &self.value.value) {
            (Some(bits), _) => language.of(bits.meaning_zh, bits.meaning).to_owned(),
            (None, Some(value)) => inert(&language.meter_time(value)),
            (None, None) => language
                .of(self.value.absent_zh.unwrap_or("无数值"), self.value.absent.unwrap_or("no value"))
                .to_owned(),
        }
    }
}

fn columns() -> Vec<Column<WordLine>> {
    vec![
        Column::new("word", "状态字", "Word", |line: &WordLine, language| {
            inert(language.of(&line.value.name_zh, &line.value.name))
        })
        .wide(),
        Column::new("id", "数据标识", "Identifier", |line: &WordLine, _| line.id.to_string()),
        Column::new("bit", "位", "Bit", |line: &WordLine, _| {
            line.bits().map(|bits| bits.bit.to_string()).unwrap_or_default()
        })
        .number()
        .by(|line| line.bits().map_or(-1, |bits| i64::from(bits.bit))),
        Column::new("what", "内容", "What", |line: &WordLine, language| {
            line.bits().map_or("", |bits| language.of(bits.name_zh, bits.name)).to_owned()
        })
        .wide(),
        Column::new("value", "数值", "Value", |line: &WordLine, _| match line.bits() {
            Some(bits) => bits.value.to_string(),
            None => line.value.raw.clone().unwrap_or_default(),
        }),
        Column::new("says", "含义", "What it says", |line: &WordLine, language| line.says(language)).wide(),
    ]
}
