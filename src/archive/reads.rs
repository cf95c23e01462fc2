//! Registers as people read them, from a file: CSV or a workbook, with Chinese or English names of its columns.
//!
//! Point, meter or asset number name the meter; the day and the time of day stand in two columns, both of which must be
//! filled, so that what was read on some day is not taken for what stood there at its midnight.

use std::collections::HashSet;

use super::cell::{self, Read, TextKind};
use super::encoding::Encoding;
use super::fault::{Fault, FaultKind, Faults};
use super::sheet::{Sheet, SheetColumn, SheetRow};
use super::word::Word;
use crate::config::Words;
use crate::domain::{
    Coded, Item, MOST_READS, ManualRead, ManualReads, Moment, PlacedMeter, ReadKind, ReadPlace,
};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRow {
    /// Which meter, and when it was read.
    pub place: ReadPlace,
    /// The register.
    pub item: Item,
    /// A whole number of the item's last decimal place.
    pub value: i64,
    /// Who read it.
    pub read_by: String,
    /// How.
    pub kind: ReadKind,
    /// What they wrote beside it; may be empty.
    pub remark: String,
}

/// Reads a file, each line with its number.
///
/// # Errors
/// Every fault of the file; what was read behind `now` is one.
pub fn read_reads(bytes: &[u8], told: Option<Encoding>, now: Moment) -> Result<Vec<(u64, ReadRow)>, Faults> {
    let rows = Sheet::read(bytes, told, COLUMNS)?.rows(|row| line(row, now))?;
    if rows.len() > MOST_READS {
        let words = Words::of("at most 2000 lines; divide the file", "不超过 2000 行，请分批提交");
        return Err(FaultKind::Expected(words).into());
    }
    let mut seen = HashSet::new();
    let mut faults = Faults::default();
    for (line, row) in &rows {
        if !seen.insert((row.place.clone(), row.item)) {
            let words = Words::of(
                "each register of a meter once at an instant",
                "同一表同一时间的同一示值只出现一次",
            );
            let found = row.place.point.clone().or_else(|| row.place.meter.clone());
            faults.push(Fault { line: Some(*line), column: None, found, kind: FaultKind::Expected(words) });
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// The reads that lines say, of the meters that were found for them.
///
/// # Errors
/// The lines of which no meter was found.
pub fn manual_reads(
    file: &str,
    rows: Vec<(u64, ReadRow)>,
    found: Vec<Option<PlacedMeter>>,
) -> Result<ManualReads, Faults> {
    let (mut reads, mut faults) = (Vec::with_capacity(rows.len()), Faults::default());
    for ((line, row), found) in rows.into_iter().zip(found) {
        let ReadRow { place, item, value, read_by, kind, remark } = row;
        let Some(PlacedMeter { meter, point, .. }) = found else {
            let words = Words::of(
                "a point, meter or asset number of the archive, and the meter that was there at that time",
                "档案中已有的计量点编号、通信地址或资产编号，且当时确为该表",
            );
            let named =
                [place.point, place.meter, place.asset].into_iter().flatten().collect::<Vec<_>>().join(" / ");
            let kind = FaultKind::Expected(words);
            faults.push(Fault { line: Some(line), column: None, found: Some(named), kind });
            continue;
        };
        reads.push(ManualRead {
            point,
            meter,
            item: item.code().to_string(),
            value,
            at: place.at.micros(),
            read_by,
            kind: kind.name().to_owned(),
            remark,
        });
    }
    if faults.is_empty() { Ok(ManualReads { file: file.to_owned(), reads }) } else { Err(faults) }
}

fn line(row: &mut SheetRow<'_>, now: Moment) -> Option<ReadRow> {
    let point = row.optional("point_number", |text| cell::text(text, TextKind::Number));
    let meter = row.optional("meter_address", cell::address);
    let asset = row.optional("asset_number", |text| cell::text(text, TextKind::Number));
    if (&point, &meter, &asset) == (&Some(None), &Some(None), &Some(None)) {
        row.refuse("point_number", FaultKind::Missing);
    }
    let date = row.required("read_date", date);
    let time = row.required("read_time", clock);
    let at = match (&date, &time) {
        (Some(date), Some(time)) => row.required("read_time", |_| past(&format!("{date} {time}"), now)),
        _ => None,
    };
    let item = row.optional("register", register);
    let value = row.required("reading", cell::energy);
    let read_by = row.text("read_by", TextKind::Label);
    let kind = row.optional("kind", cell::word);
    let remark = row.optional("remark", |text| cell::text(text, TextKind::Prose));
    let (point, meter, asset) = (point?, meter?, asset?);
    if point.is_none() && meter.is_none() && asset.is_none() {
        return None;
    }
    let place = ReadPlace { point, meter: meter.map(|meter| meter.to_string()), asset, at: at? };
    Some(ReadRow {
        place,
        item: item?.or_else(|| Item::parse(USUAL))?,
        value: value?,
        read_by: read_by?,
        kind: kind?.unwrap_or(ReadKind::Manual),
        remark: remark?.unwrap_or_default(),
    })
}

/// A day. A spreadsheet keeps a midnight with it, which says nothing.
fn date(text: &str) -> Read<String> {
    let day = text.strip_suffix(" 00:00:00").unwrap_or(text);
    cell::moment(day)?;
    if day.contains([' ', 'T', ':']) {
        let words = Words::of("a day alone; its time stands in read_time", "仅填日期，时间填在“抄表时间”列");
        return Err(FaultKind::Expected(words));
    }
    Ok(day.to_owned())
}

/// A time of day. A spreadsheet keeps the first of its days with it.
fn clock(text: &str) -> Read<String> {
    let time = text.rsplit(' ').next().unwrap_or(text);
    let words = || {
        Words::of("a time of day such as 8:30, or 0:00 for the midnight", "时间，如 8:30；零点示数填 0:00")
    };
    if !time.contains(':') {
        return Err(FaultKind::Expected(words()));
    }
    cell::moment(&format!("2000-01-01 {time}")).map_err(|_| FaultKind::Expected(words()))?;
    Ok(time.to_owned())
}

fn past(text: &str, now: Moment) -> Read<Moment> {
    let at = cell::moment(text)?;
    if at <= now && at.civil().is_some() {
        return Ok(at);
    }
    Err(FaultKind::Expected(Words::of("a time that has come, from 2000 on", "已经过去的时间（2000 年起）")))
}

/// A register of energy, by its code or its name.
fn register(text: &str) -> Read<Item> {
    let plain = |text: &str| {
        let text = text.to_lowercase().replace(['（', '('], "").replace(['）', ')', ' ', ','], "");
        text.replace("电能", "").replace("energy", "")
    };
    let wanted = plain(text);
    let named = |item: &Item| plain(&item.name_zh()) == wanted || plain(&item.name_en()) == wanted;
    let found = Item::parse(text).or_else(|| Item::all().find(named)).filter(|item| item.way().is_some());
    found.ok_or_else(|| {
        FaultKind::Expected(Words::of(
            "a register of energy, such as 1.8.0 or \"forward active energy, total\"",
            "电能示值名称，如“正向有功总”或 1.8.0",
        ))
    })
}

impl Word for ReadKind {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Manual, &["人工", "人工抄录", "人工抄表", "补录"]),
        (Self::OnSite, &["现场", "现场抄表", "现场补抄"]),
    ];
}

const fn column(en: &'static str, zh: &'static str, is_required: bool) -> SheetColumn {
    SheetColumn { en, zh, is_required }
}

const COLUMNS: &[SheetColumn] = &[
    column("point_number", "计量点编号", false),
    column("meter_address", "通信地址", false),
    column("asset_number", "资产编号", false),
    column("read_date", "抄表日期", true),
    column("read_time", "抄表时间", true),
    column("register", "示值类型", false),
    column("reading", "示数", true),
    column("read_by", "抄表人", true),
    column("kind", "抄表方式", false),
    column("remark", "备注", false),
];

/// The register that is meant where none is named.
const USUAL: &str = "1-0:1.8.0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Day;

    fn now() -> Moment {
        "2026-11-22".parse::<Day>().unwrap().start()
    }

    #[test]
    fn a_file_is_read_in_both_languages() {
        let zh = "计量点编号,通信地址,抄表日期,抄表时间,示值类型,示数,抄表人,抄表方式,备注\n\
            P1,,2026-11-21,8:30,正向有功总,123.45,张三,现场,表前\n,2,2026/11/21,0:00,,0,李四,,\n";
        let rows = read_reads(zh.as_bytes(), None, now()).unwrap();
        let en = "point_number,meter_address,read_date,read_time,register,reading,read_by,kind,remark\n\
            P1,,2026-11-21,08:30,1-0:1.8.0,123.4500,张三,on-site,表前\n\
            ,2,2026-11-21,0:00:00,\"forward active energy, total\",0,李四,manual,\n";
        assert_eq!(read_reads(en.as_bytes(), None, now()).unwrap(), rows);
        let (line, first) = &rows[0];
        assert_eq!((*line, first.value, first.kind), (2, 1_234_500, ReadKind::OnSite));
        assert_eq!(first.place.at.in_china().to_string(), "2026-11-21 08:30:00");
        assert_eq!(rows[1].1.place.meter.as_deref(), Some("000000000002"));
        assert_eq!(register("正向有功电能（费率1）").unwrap().code().to_string(), "1-0:1.8.1");
    }

    #[test]
    fn f38_every_bad_line_is_told_with_what_was_expected_of_it() {
        let head = "计量点编号,抄表日期,抄表时间,示值类型,示数,抄表人,抄表方式\n";
        let faults = |line: &str| {
            let faults = read_reads(format!("{head}{line}").as_bytes(), None, now()).unwrap_err();
            faults.iter().map(|fault| (fault.line.unwrap_or(0), fault.kind())).collect::<Vec<_>>()
        };
        for (line, expected) in [
            // Without a time of day it may have been read at any.
            ("P1,2026-11-21,,,1,张三,\n", vec![(2, "missing")]),
            ("P1,2026-11-21 8:30,8:30,,1,张三,\n", vec![(2, "expected")]),
            ("P1,2026-11-22,0:01,,1,张三,\n", vec![(2, "expected")]),
            ("P1,1999-11-22,0:01,,1,张三,\n", vec![(2, "expected")]),
            ("P1,2026-11-21,25:00,,1,张三,\n", vec![(2, "expected")]),
            ("P1,2026-11-21,8:30,最大需量,1,张三,\n", vec![(2, "expected")]),
            ("P1,2026-11-21,8:30,1.6.0,1,张三,\n", vec![(2, "expected")]),
            ("P1,2026-11-21,8:30,,-1,,估\n", vec![(2, "expected"), (2, "missing"), (2, "expected")]),
            (",2026-11-21,8:30,,1,张三,\n", vec![(2, "missing")]),
            ("P1,2026-11-21,8:30,,1,张三,\nP1,2026-11-21,8:30,1.8.0,2,张三,\n", vec![(3, "expected")]),
        ] {
            assert_eq!(faults(line), expected, "{line}");
        }
    }

    #[test]
    fn f38_a_register_under_a_misspelt_name_and_a_doubled_reading_are_refused() {
        let faults = |head: &str, line: &str| {
            let text =
                format!("point_number,read_date,read_time,{head},read_by\nP1,2026-11-21,0:00,{line},张三\n");
            let faults = read_reads(text.as_bytes(), None, now()).unwrap_err();
            let told = faults.iter().map(|fault| {
                (fault.line.unwrap_or(0), fault.column.clone().unwrap_or_default(), fault.kind())
            });
            told.collect::<Vec<_>>()
        };
        // It would be taken for the forward register, which is meant where none is named.
        assert_eq!(
            faults("registers,reading", "反向有功总,1504.00"),
            [(1, "registers".to_owned(), "unknown column")]
        );
        for twice in ["reading,示数", "reading,Reading"] {
            let (_, second) = twice.split_once(',').unwrap();
            assert_eq!(
                faults(twice, "1.00,99999.00"),
                [(1, second.to_owned(), "repeated column")],
                "{twice}"
            );
        }
        let text = "point_number,read_date,read_time,reading,read_by,registers\nP1,2026-11-21,0:00,1,张三,\n";
        let told = read_reads(text.as_bytes(), None, now()).unwrap_err();
        let words = told.iter().next().unwrap().kind.words();
        assert!(words.en.contains("register (示值类型)") && words.zh.contains("示值类型"), "{words:?}");
    }

    #[test]
    fn t15_a_file_of_more_than_one_proposal_takes_is_refused_before_anything_is_looked_up() {
        let line = |number: u32| format!("P{number},2026-11-21,8:30,1,张三\n");
        let head = "point_number,read_date,read_time,reading,read_by\n".to_owned();
        let text: String = std::iter::once(head).chain((0..2001).map(line)).collect();
        let faults = read_reads(text.as_bytes(), None, now()).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [None]);
        let fewer = text.lines().take(2001).collect::<Vec<_>>().join("\n");
        assert_eq!(read_reads(fewer.as_bytes(), None, now()).unwrap().len(), 2000);
    }

    #[test]
    fn a_line_without_a_meter_that_was_there_is_a_fault() {
        let text = "asset_number,read_date,read_time,reading,read_by\nA1,2026-11-21,8:30,1,张三\nA2,2026-11-21,8:30,1,张三\n";
        let rows = read_reads(text.as_bytes(), None, now()).unwrap();
        let found = PlacedMeter {
            id: crate::domain::Id::new(1),
            meter: "000000000001".to_owned(),
            point: "P1".to_owned(),
            area: None,
            protocol: crate::domain::MeterProtocol::Dlt2007,
            profile: None,
        };
        let faults = manual_reads("a.csv", rows.clone(), vec![Some(found.clone()), None]).unwrap_err();
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.found.as_deref())).collect();
        assert_eq!(told, [(Some(3), Some("A2"))]);
        let both = manual_reads("a.csv", rows, vec![Some(found.clone()), Some(found)]).unwrap();
        assert_eq!(
            (both.reads.len(), both.reads[0].point.as_str(), both.reads[0].kind.as_str()),
            (2, "P1", "manual")
        );
    }
}
