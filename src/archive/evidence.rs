//! Lists that supply orders go by: arrears, payments, notices, checks of meters, protected points, days without cuts.
//!
//! Each is a table like the archive file, taken whole or not at all, with Chinese or English names of its columns. Things
//! are named as people name them, by number; finding them is left to `store`.

use super::cell::{self, Read, TextKind};
use super::encoding::Encoding;
use super::fault::{Fault, FaultKind, Faults};
use super::sheet::{Sheet, SheetColumn};
use super::word::Word;
use crate::config::Words;
use crate::domain::supply::{CalendarKind, NoticeKind, ProtectionKind, lies_ahead};
use crate::domain::{Day, Moment};
use dlt645::address::MeterAddress;

/// What a list says, each line with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceList<T> {
    /// What each line says.
    pub rows: Vec<(u64, T)>,
    /// Names of columns that are not read.
    pub ignored: Vec<String>,
}

/// Who owes what (欠费清单).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrearsRow {
    /// Customer number.
    pub customer: String,
    /// Since when.
    pub since: Moment,
    /// How much, in fen.
    pub amount_fen: i64,
    /// The instant it holds for.
    pub as_of: Moment,
}

/// A payment (缴费).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    /// Customer number.
    pub customer: String,
    /// Its own number.
    pub reference: String,
    /// How much, in fen.
    pub amount_fen: i64,
    /// When.
    pub paid_at: Moment,
}

/// A notice that was given (通知).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// Number of the point.
    pub point: String,
    /// Which notice.
    pub kind: NoticeKind,
    /// When it reached the customer.
    pub given_at: Moment,
    /// How.
    pub how: String,
    /// Who gave it.
    pub given_by: String,
}

/// Which meter was found at a point (户表核对).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// Number of the point.
    pub point: String,
    /// The address of the meter there.
    pub meter: MeterAddress,
    /// When.
    pub verified_at: Moment,
    /// It supplies another household.
    pub is_crossed: bool,
    /// Who looked.
    pub verified_by: String,
}

/// A protected point (保护名单).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectionRow {
    /// Number of the point.
    pub point: String,
    /// Why.
    pub kind: ProtectionKind,
    /// Why, in words.
    pub reason: String,
    /// Until when.
    pub until: Option<Moment>,
}

/// A day without cuts (不停电日历).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarRow {
    /// Which.
    pub day: Day,
    /// Why.
    pub kind: CalendarKind,
    /// The name of the transformer area; `None` for everywhere.
    pub area: Option<String>,
}

/// Reads who owes what.
///
/// # Errors
/// Every fault of the list.
pub fn read_arrears(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<ArrearsRow>, Faults> {
    let sheet = Sheet::read(bytes, told, ARREARS)?;
    let rows = sheet.rows(|row| {
        let customer = row.text("customer_number", TextKind::Number);
        let since = row.required("since", cell::moment);
        let amount = row.required("amount", yuan);
        let as_of = row.required("as_of", cell::moment);
        Some(ArrearsRow { customer: customer?, since: since?, amount_fen: amount?, as_of: as_of? })
    })?;
    once(&rows, |row| row.customer.clone())?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Reads payments.
///
/// # Errors
/// Every fault of the list.
pub fn read_payments(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<PaymentRow>, Faults> {
    let sheet = Sheet::read(bytes, told, PAYMENTS)?;
    let rows = sheet.rows(|row| {
        let customer = row.text("customer_number", TextKind::Number);
        let reference = row.text("reference", TextKind::Number);
        let amount = row.required("amount", yuan);
        let paid_at = row.required("paid_at", cell::moment);
        Some(PaymentRow {
            customer: customer?,
            reference: reference?,
            amount_fen: amount?,
            paid_at: paid_at?,
        })
    })?;
    once(&rows, |row| row.reference.clone())?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Reads notices that were given.
///
/// # Errors
/// Every fault of the list.
pub fn read_notices(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<NoticeRow>, Faults> {
    let sheet = Sheet::read(bytes, told, NOTICES)?;
    let rows = sheet.rows(|row| {
        let point = row.text("point_number", TextKind::Number);
        let kind = row.required("kind", cell::word);
        let given_at = row.required("given_at", cell::moment);
        let how = row.text("how", TextKind::Label);
        let given_by = row.text("given_by", TextKind::Label);
        Some(NoticeRow { point: point?, kind: kind?, given_at: given_at?, how: how?, given_by: given_by? })
    })?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Reads which meters were found where.
///
/// # Errors
/// Every fault of the list.
pub fn read_identities(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<IdentityRow>, Faults> {
    let sheet = Sheet::read(bytes, told, IDENTITIES)?;
    let rows = sheet.rows(|row| {
        let point = row.text("point_number", TextKind::Number);
        let meter = row.required("meter_address", cell::address);
        let verified_at = row.required("verified_at", cell::moment);
        let verified_by = row.text("verified_by", TextKind::Label);
        let crossed = row.optional("crossed", cell::yes_or_no);
        Some(IdentityRow {
            point: point?,
            meter: meter?,
            verified_at: verified_at?,
            is_crossed: crossed?.unwrap_or(false),
            verified_by: verified_by?,
        })
    })?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Reads the protected points.
///
/// # Errors
/// Every fault of the list; a list of nobody is one.
pub fn read_protections(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<ProtectionRow>, Faults> {
    let sheet = Sheet::read(bytes, told, PROTECTIONS)?;
    let rows = sheet.rows(|row| {
        let point = row.text("point_number", TextKind::Number);
        let kind = row.required("kind", cell::word);
        let reason = row.text("reason", TextKind::Label);
        let until = row.optional("until", cell::moment);
        Some(ProtectionRow { point: point?, kind: kind?, reason: reason?, until: until? })
    })?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Reads days without cuts.
///
/// # Errors
/// Every fault of the list.
pub fn read_calendar(bytes: &[u8], told: Option<Encoding>) -> Result<EvidenceList<CalendarRow>, Faults> {
    let sheet = Sheet::read(bytes, told, CALENDAR)?;
    let rows = sheet.rows(|row| {
        let day = row.required("day", cell::moment);
        let kind = row.required("kind", cell::word);
        let area = row.optional("transformer_area", |text| cell::text(text, TextKind::Label));
        Some(CalendarRow { day: Day::of(day?), kind: kind?, area: area? })
    })?;
    Ok(EvidenceList { rows, ignored: sheet.ignored() })
}

/// Faults of lines that name what is not there.
#[must_use]
pub fn unknown_in_lines(lines: impl IntoIterator<Item = (u64, String)>) -> Faults {
    let mut faults = Faults::default();
    for (line, found) in lines {
        let kind = FaultKind::Expected(Words::of(
            "the number of a customer, point or meter, or the name of an area, that the archive has",
            "档案中已有的户号、计量点编号、通信地址或台区名称",
        ));
        faults.push(Fault { line: Some(line), column: None, found: Some(found), kind });
    }
    faults
}

/// Refuses a list whose lines tell of times that have not come: what has not happened is no evidence.
///
/// # Errors
/// Every line that does.
pub fn all_have_come<T>(
    rows: &[(u64, T)],
    now: Moment,
    times: impl Fn(&T) -> Vec<Moment>,
) -> Result<(), Faults> {
    let mut faults = Faults::default();
    for (line, row) in rows {
        for at in times(row).into_iter().filter(|at| lies_ahead(*at, now)) {
            let kind = FaultKind::Expected(Words::of("a time that has come", "不晚于当前的时间"));
            let found = Some(at.in_china().to_string());
            faults.push(Fault { line: Some(*line), column: None, found, kind });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// An amount of money in yuan, with at most two decimals, as fen.
fn yuan(text: &str) -> Read<i64> {
    let fen = cell::hundredths(text).filter(|fen| *fen > 0);
    fen.ok_or_else(|| {
        FaultKind::Expected(Words::of(
            "yuan above zero with at most two decimals, such as 123.45",
            "大于零、最多两位小数的金额（元），如 123.45",
        ))
    })
}

/// Refuses a list that names the same twice.
fn once<T>(rows: &[(u64, T)], key: impl Fn(&T) -> String) -> Result<(), Faults> {
    let mut seen = std::collections::HashSet::new();
    let mut faults = Faults::default();
    for (line, row) in rows {
        let key = key(row);
        if !seen.insert(key.clone()) {
            let kind = FaultKind::Expected(Words::of("each of them once", "每项只出现一次"));
            faults.push(Fault { line: Some(*line), column: None, found: Some(key), kind });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

impl Word for NoticeKind {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Reminder, &["催费", "催费通知", "催缴"]),
        (Self::Cut, &["停电通知", "停电"]),
        (Self::Second, &["再次通知", "停电前再次通知", "二次通知"]),
    ];
}

impl Word for ProtectionKind {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Important, &["重要用户", "重要"]),
        (Self::PublicSafety, &["公共安全", "医院"]),
        (Self::Medical, &["医疗依赖"]),
        (Self::Hold, &["保电"]),
        (Self::Dispute, &["争议", "争议未决"]),
        (Self::Authority, &["司法或行政", "司法冻结"]),
        (Self::Other, &["其他"]),
    ];
}

impl Word for CalendarKind {
    const CHINESE: &'static [(Self, &'static [&'static str])] = &[
        (Self::Holiday, &["节假日", "节日"]),
        (Self::Exam, &["考试", "高考"]),
        (Self::Heat, &["高温"]),
        (Self::Cold, &["严寒"]),
        (Self::Other, &["其他"]),
    ];
}

const fn column(en: &'static str, zh: &'static str) -> SheetColumn {
    SheetColumn { en, zh, is_required: true }
}

const fn may_lack(en: &'static str, zh: &'static str) -> SheetColumn {
    SheetColumn { en, zh, is_required: false }
}

const ARREARS: &[SheetColumn] = &[
    column("customer_number", "户号"),
    column("since", "欠费起始日"),
    column("amount", "欠费金额"),
    column("as_of", "截至日期"),
];

const PAYMENTS: &[SheetColumn] = &[
    column("customer_number", "户号"),
    column("reference", "缴费流水号"),
    column("amount", "缴费金额"),
    column("paid_at", "缴费时间"),
];

const NOTICES: &[SheetColumn] = &[
    column("point_number", "计量点编号"),
    column("kind", "通知类别"),
    column("given_at", "送达时间"),
    column("how", "送达方式"),
    column("given_by", "送达人"),
];

const IDENTITIES: &[SheetColumn] = &[
    column("point_number", "计量点编号"),
    column("meter_address", "通信地址"),
    column("verified_at", "核对时间"),
    column("verified_by", "核对人"),
    may_lack("crossed", "串户"),
];

const PROTECTIONS: &[SheetColumn] = &[
    column("point_number", "计量点编号"),
    column("kind", "保护类别"),
    column("reason", "保护原因"),
    may_lack("until", "截止时间"),
];

const CALENDAR: &[SheetColumn] =
    &[column("day", "日期"), column("kind", "类别"), may_lack("transformer_area", "台区")];

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::GB18030;

    #[test]
    fn lists_are_read_in_both_languages_and_encodings() {
        let text = "户号,欠费起始日,欠费金额,截至日期\n1001,2026-10-01,123.45,2026-11-20\n1002,2026/10/02,6,2026-11-20\n";
        let (gbk, ..) = GB18030.encode(text);
        let read = read_arrears(text.as_bytes(), None).unwrap();
        assert_eq!(read_arrears(&gbk, None).unwrap(), read);
        let amounts: Vec<_> = read.rows.iter().map(|(line, row)| (*line, row.amount_fen)).collect();
        assert_eq!(amounts, [(2, 12_345), (3, 600)]);
        let text = "kind,until,point_number,reason\nmedical,,P1,呼吸机\n医院,2026-12-31,P2,市二院\n";
        let read = read_protections(text.as_bytes(), None).unwrap();
        assert_eq!(read.rows[0].1.kind, ProtectionKind::Medical);
        assert!(read.rows[0].1.until.is_none() && read.rows[1].1.until.is_some());
        let text = "point_number,kind,given_at,how,given_by\nP1,催费,2026-11-01 10:30,短信,李\n";
        assert_eq!(read_notices(text.as_bytes(), None).unwrap().rows[0].1.kind, NoticeKind::Reminder);
        let text = "计量点编号,通信地址,核对时间,核对人,串户\nP1,202411110001,2026-11-01,李,是\n";
        assert!(read_identities(text.as_bytes(), None).unwrap().rows[0].1.is_crossed);
        let text = "day,kind,transformer_area\n2027-06-07,高考,\n2027-07-20,heat,城东\n";
        let read = read_calendar(text.as_bytes(), None).unwrap();
        assert_eq!(read.rows[1].1.area.as_deref(), Some("城东"));
        let text = "customer_number,reference,amount,paid_at\n1001,N1,0.01,2026-11-21 08:00:01\n";
        assert_eq!(read_payments(text.as_bytes(), None).unwrap().rows[0].1.amount_fen, 1);
    }

    #[test]
    fn f38_the_header_of_a_list_may_stand_behind_a_title_and_in_two_lines() {
        let body = "1001,2026-10-01,123.45,2026-11-20\n";
        let plain =
            read_arrears(format!("户号,欠费起始日,欠费金额,截至日期\n{body}").as_bytes(), None).unwrap();
        for (head, lines) in [
            ("十一月欠费清单,,,\n户号,欠费起始日,\"欠费\n金额\",截至日期\n", 4),
            ("户号,欠费,,截至\n,起始日,金额,日期\n", 3),
        ] {
            let read = read_arrears(format!("{head}{body}").as_bytes(), None).unwrap();
            assert_eq!(read.rows[0].1, plain.rows[0].1, "{head}");
            assert_eq!(read.rows[0].0, lines, "{head}");
        }
    }

    #[test]
    fn f38_a_column_that_is_none_of_the_list_is_told_and_never_stands_for_a_misspelt_one() {
        let text = "户号,用户名称,欠费起始日,欠费金额,截至日期,\n1001,张,2026-10-01,1,2026-11-20,\n";
        assert_eq!(read_arrears(text.as_bytes(), None).unwrap().ignored, ["用户名称"]);
        let faults = |faults: Faults| {
            faults.iter().map(|fault| (fault.line, fault.column.clone(), fault.kind())).collect::<Vec<_>>()
        };
        let crossed = |name: &str| {
            let text =
                format!("计量点编号,通信地址,核对时间,核对人,{name}\nP1,202411110001,2026-11-01,李,是\n");
            read_identities(text.as_bytes(), None)
        };
        assert!(crossed("串户").unwrap().rows[0].1.is_crossed);
        let unknown = |name: &str| vec![(Some(1), Some(name.to_owned()), "unknown column")];
        assert_eq!(faults(crossed("是否串户").unwrap_err()), unknown("是否串户"));
        assert_eq!(faults(crossed("").unwrap_err()), unknown("#5"));
        let twice = "户号,欠费起始日,欠费金额,amount,截至日期\n1,2026-10-01,1,2,2026-11-20\n";
        let twice = faults(read_arrears(twice.as_bytes(), None).unwrap_err());
        assert_eq!(twice, [(Some(1), Some("amount".to_owned()), "repeated column")]);
    }

    #[test]
    fn f38_a_list_is_taken_whole_or_not_at_all_and_an_empty_one_never_means_nobody() {
        let faults = |text: &str| {
            let faults = read_arrears(text.as_bytes(), None).unwrap_err();
            faults.iter().map(|fault| (fault.line, fault.kind())).collect::<Vec<_>>()
        };
        assert_eq!(faults(""), [(None, "empty")]);
        assert_eq!(faults("户号,欠费起始日,欠费金额,截至日期\n"), [(None, "header only")]);
        assert_eq!(faults("户号,欠费金额,截至日期\n1,1,2026-11-20\n"), [(Some(1), "missing column")]);
        let text = "户号,欠费起始日,欠费金额,截至日期\n1,2026-10-01,-5,2026-11-20\n2,yesterday,1.234,2026-11-20\n3,2026-10-01,,\n";
        let kinds = faults(text);
        assert_eq!(
            kinds,
            [
                (Some(2), "expected"),
                (Some(3), "expected"),
                (Some(3), "expected"),
                (Some(4), "missing"),
                (Some(4), "missing")
            ]
        );
        let text =
            "户号,欠费起始日,欠费金额,截至日期\n1,2026-10-01,5,2026-11-20\n1,2026-10-01,6,2026-11-20\n";
        assert_eq!(faults(text), [(Some(3), "expected")]);
        let empty = read_protections("point_number,kind,reason\n".as_bytes(), None).unwrap_err();
        assert_eq!(empty.iter().next().unwrap().kind(), "header only");
        let formula = read_protections("point_number,kind,reason\nP1,medical,=cmd\n".as_bytes(), None);
        assert_eq!(formula.unwrap_err().iter().next().unwrap().kind(), "formula");
    }
}
