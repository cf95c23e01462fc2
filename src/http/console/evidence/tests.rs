use super::*;
use crate::domain::access::Role;
use crate::domain::supply::{NoticeKind, ProtectionKind, Terms};
use crate::domain::{Day, Id};
use crate::http::console::view;
use crate::http::console::words::Language;
use crate::store::supply::{ArrearsRecord, IdentityRecord};
use crate::supply::CannotServe;

pub(crate) fn sample(asked: Asked) -> EvidencePage {
    let at = "2026-11-20".parse::<Day>().unwrap().start();
    let by = || (at, "li.na".to_owned());
    let evidence = PointEvidence {
        point: Id::new(3),
        number: "P0000003".to_owned(),
        customer: ("H0000003".to_owned(), "王小明".to_owned()),
        meter: Some("202411110003".to_owned()),
        protections: vec![ProtectionKind::Medical],
        arrears: Some(ArrearsRecord {
            since: at,
            amount_fen: 12_345,
            as_of: at,
            left_fen: 2_345,
            entered: by(),
        }),
        payments: vec![PaymentRecord {
            reference: "N7".to_owned(),
            amount_fen: 10_000,
            paid_at: at,
            entered: by(),
        }],
        notices: vec![NoticeKept {
            kind: NoticeKind::Cut,
            given_at: at,
            how: "张贴".to_owned(),
            given_by: "李".to_owned(),
            entered: by(),
        }],
        identity: Some(IdentityRecord {
            meter: "202411110009".to_owned(),
            is_current: false,
            verified_at: at,
            is_crossed: true,
            verified_by: "李".to_owned(),
        }),
        last_read: Some(at),
        terms: Terms::STRICT,
    };
    EvidencePage {
        point: Some((evidence, Orderable::No(CannotServe::NoMeter))),
        typed: Typed::default(),
        asked,
    }
}

#[test]
fn the_evidence_of_a_point_says_all_that_the_rules_go_by() {
    let page = sample(Asked::default());
    let zh = page.markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
    for part in [
        "23.45",
        "123.45",
        "医疗依赖",
        "串户",
        "不是现在的表",
        "张贴",
        "N7",
        "100.00",
        "未装表",
        "7 天 – 15 天",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    assert!(!zh.contains("/orders/new"), "what cannot be cut is not offered: {zh}");
    for action in ["notices", "payments", "arrears", "identities", "load"] {
        assert!(zh.contains(&format!("action=\"/evidence/{action}\"")), "{action}");
    }
    let approver = page.markup(&view::sample(Language::English, Role::Approver)).into_string();
    assert!(!approver.contains("method=\"post\""), "{approver}");
    let file = |table: &str| {
        let asked = Asked(vec![("csv".to_owned(), table.to_owned())]);
        sample(asked).file(&view::sample(Language::English, Role::Viewer)).unwrap()
    };
    assert!(file("notices").contains("cut notice") && file("payments").contains("N7,100.00"));
}
