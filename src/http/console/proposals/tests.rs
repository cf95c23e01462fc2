use super::*;
use crate::domain::access::Role;
use crate::domain::proposal::{MeterExchange, NewTransformers, OrderSettlement, ReviewDecision, Shown};
use crate::domain::terminal_archive::{
    MeterRecord, RecordAnswer, RecordChange, RecordResult, SettingState, TerminalArchive,
};
use crate::domain::{Around, Compared, Day, Item, ManualRead, ManualReads, Quality, Suspicion};
use crate::http::console::typed::Typed;
use crate::http::console::view;

fn noon() -> Moment {
    "2026-11-27".parse::<Day>().unwrap().start()
}

fn proposal(id: i64, change: Change, state: ProposalState) -> Proposal {
    let is_open = state == ProposalState::Open;
    Proposal {
        id: Id::new(id),
        change,
        reason: "表坏".to_owned(),
        state,
        proposed_by: Id::new(7),
        proposed_as: "li.na".to_owned(),
        proposed_at: noon(),
        expires_at: noon().plus(std::time::Duration::from_secs(7 * 86_400)),
        decided_as: (!is_open).then(|| "wang.fang".to_owned()),
        decided_at: (!is_open).then(noon),
    }
}

fn exchange() -> Change {
    let shown = |value| Shown { item: "1-0:1.8.0".to_owned(), value };
    Change::ExchangeMeter(MeterExchange {
        point: "P0000003".to_owned(),
        removed: "202411110003".to_owned(),
        installed: "202611110003".to_owned(),
        asset_number: Some("A9".to_owned()),
        protocol: "645-2007".to_owned(),
        profile: None,
        at: noon().micros(),
        closing: vec![shown(123_456_700)],
        opening: vec![],
    })
}

fn transformers() -> Change {
    Change::ChangeTransformers(NewTransformers {
        point: "P0000004".to_owned(),
        ct: "200/5".to_owned(),
        vt: "1".to_owned(),
        from: noon().micros(),
    })
}

fn review() -> ProposalPage {
    let decision = Change::DecideReview(ReviewDecision { review: 5, accept: false });
    let line = ReviewLine {
        review: Id::new(5),
        address: "202411110004".to_owned(),
        point: Some("P0000004".to_owned()),
        item: Item::parse("1.8.0").unwrap(),
        as_of: noon(),
        value: 5,
        quality: Quality::Suspect(Suspicion::BackwardStep),
        current: Some(12_345_600),
        since: noon(),
    };
    ProposalPage {
        proposal: proposal(3, decision, ProposalState::Open),
        review: Some(line),
        compared: Vec::new(),
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    }
}

fn read() -> ProposalPage {
    let read = |value| ManualRead {
        point: "P0000003".to_owned(),
        meter: "202411110003".to_owned(),
        item: "1-0:1.8.0".to_owned(),
        value,
        at: noon().micros(),
        read_by: "张三".to_owned(),
        kind: "on-site".to_owned(),
        remark: "<script>1</script>".to_owned(),
    };
    let entered = ManualReads { file: "补抄.xlsx".to_owned(), reads: vec![read(1_234_500), read(9)] };
    let around = Around { same: Some(1_234_600), ..Around::default() };
    let compared = vec![Some((Compared::Differs, around)), None];
    let change = Change::EnterReads(entered);
    ProposalPage {
        proposal: proposal(4, change, ProposalState::Open),
        review: None,
        compared,
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    }
}

#[test]
fn reads_of_people_are_shown_against_what_the_meter_said() {
    let page = read().markup(&view::sample(Language::Chinese, Role::Approver)).into_string();
    for part in ["补抄.xlsx", "123.4500", "123.4600", "与同时刻示值不一致", "当时不是该表", "现场", "张三"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>"));
}

fn found_on_site() -> ProposalPage {
    let settlement = OrderSettlement {
        order: 17,
        point: "P0000003".to_owned(),
        found: "closed".to_owned(),
        at: noon().micros(),
        seen_by: "周师傅".to_owned(),
        evidence: "工作票 26-1130 <b>照片</b>".to_owned(),
    };
    let proposal = proposal(6, Change::SettleOrder(settlement), ProposalState::Open);
    ProposalPage {
        proposal,
        review: None,
        compared: Vec::new(),
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    }
}

#[test]
fn what_was_found_on_site_is_never_told_as_said_by_the_meter() {
    let mut view = view::sample(Language::Chinese, Role::Approver);
    let old = view.now.minus(std::time::Duration::from_secs(9 * 86_400));
    view.acting = view.acting.map(|acting| crate::domain::access::Acting { role_since: old, ..acting });
    let page = found_on_site().markup(&view).into_string();
    for part in
        ["现场已合闸", "周师傅", "工作票 26-1130", "/orders/17", "不作为电能表回读的证明", "现场核实办结"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<b>照片") && !page.contains("结算随之重算"), "{page}");
}

#[test]
fn a_removal_reading_stands_beside_what_was_read_before_it() {
    let before = crate::domain::register::State { at: noon(), value: 84_328_200 };
    let around = Around { before: Some(before), ..Around::default() };
    let page = |compared| ProposalPage {
        proposal: proposal(1, exchange(), ProposalState::Open),
        review: None,
        compared: Vec::new(),
        beside: Beside { closing: vec![Some((compared, around))], transformers: None },
        setting: None,
        asked: Asked::default(),
    };
    let shown =
        |compared| page(compared).markup(&view::sample(Language::Chinese, Role::Approver)).into_string();
    let doubtful = shown(Compared::Outside);
    for part in ["12345.6700 kWh", "8432.8200 kWh", "3912.8500 kWh", "2026-11-27 00:00:00", "确认后转复核"]
    {
        assert!(doubtful.contains(part), "{part}: {doubtful}");
    }
    let likely = shown(Compared::Between);
    assert!(likely.contains("8432.8200 kWh") && !likely.contains("确认后转复核"), "{likely}");
}

#[test]
fn the_list_of_a_proposal_sorts_and_is_a_file() {
    let asked = |name: &str, value: &str| Asked(vec![(name.to_owned(), value.to_owned())]);
    let view = view::sample(Language::Chinese, Role::Approver);
    let sorted = ProposalPage { asked: asked("sort", "-value"), ..read() }.markup(&view).into_string();
    assert!(sorted.find("123.4500") < sorted.find("0.0009") && sorted.contains("descending"), "{sorted}");
    let file = ProposalPage { asked: asked("csv", "all"), ..read() }.file(&view).unwrap();
    assert!(file.contains("张三") && file.contains("现场"), "{file}");
    let file = ProposalPage { asked: asked("csv", "all"), ..records() }.file(&view).unwrap();
    assert!(file.contains("202411110002"), "{file}");
    assert!(ProposalPage { asked: asked("csv", "all"), ..found_on_site() }.file(&view).is_none());
}

fn records() -> ProposalPage {
    let record = |point, address: &str| MeterRecord {
        point,
        address: address.to_owned(),
        port: 31,
        baud: 2400,
        protocol: 30,
        tariffs: 4,
        integer_digits: 6,
        decimal_digits: 2,
        collector: "000000000000".to_owned(),
        class: 5,
        sub_class: 0,
    };
    let changes = vec![
        RecordChange {
            number: 1,
            before: Some(record(1, "2024<b>x</b>")),
            after: Some(record(1, "202411110001")),
        },
        RecordChange { number: 2, before: None, after: Some(record(2, "202411110002")) },
        RecordChange { number: 9, before: Some(record(9, "202411110009")), after: None },
    ];
    let archive = TerminalArchive { terminal: "1100-3039".to_owned(), changes };
    let result = |number, answer, holds| RecordResult { number, answer, holds, lacks: holds == Some(false) };
    let setting = ArchiveSetting {
        proposal: Id::new(5),
        terminal: "1100-3039".parse().unwrap(),
        archive: archive.clone(),
        state: SettingState::Unknown,
        confirmed_at: noon(),
        sent_at: Some(noon()),
        looked_at: None,
        ended_at: None,
        results: vec![
            result(1, RecordAnswer::Taken, Some(true)),
            result(2, RecordAnswer::Refused(2), Some(false)),
            result(9, RecordAnswer::Silent, None),
        ],
        detail: String::new(),
    };
    let change = Change::SetTerminalArchive(archive);
    let (review, compared) = Default::default();
    ProposalPage {
        proposal: proposal(5, change, ProposalState::Confirmed),
        review,
        compared,
        beside: Beside::default(),
        setting: Some(setting),
        asked: Asked::default(),
    }
}

#[test]
fn records_of_a_terminal_are_shown_as_they_are_and_are_to_be_and_what_became_of_them() {
    let page = records();
    let zh = page.markup(&view::sample(Language::Chinese, Role::Approver)).into_string();
    for part in [
        "新增",
        "修改",
        "删除",
        "202411110002",
        "拒绝：表地址重复",
        "无应答",
        "结果未知",
        "不会重发",
        "1 / 1 / 1",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    assert!(!zh.contains("<b>x</b>") && !zh.contains("已确认并生效"), "{zh}");
    let open = ProposalPage { setting: None, ..page };
    let open =
        ProposalPage { proposal: proposal(5, open.proposal.change.clone(), ProposalState::Open), ..open };
    let mut view = view::sample(Language::English, Role::Approver);
    let old = view.now.minus(std::time::Duration::from_secs(9 * 86_400));
    view.acting = view.acting.map(|acting| crate::domain::access::Acting { role_since: old, ..acting });
    let en = open.markup(&view).into_string();
    assert!(en.contains("read back") && en.contains("point 1, meter 202411110001"), "{en}");
}

#[test]
fn what_a_terminal_lacks_once_a_setting_is_over_is_told_with_what_to_do() {
    let mut page = records();
    let told =
        |page: &ProposalPage, language| page.markup(&view::sample(language, Role::Approver)).into_string();
    assert!(!told(&page, Language::Chinese).contains("重新提出档案下发"), "it may still be carried out");
    page.setting.as_mut().unwrap().state = SettingState::Differing;
    let zh = told(&page, Language::Chinese);
    assert!(
        zh.contains("终端无此记录") && zh.contains("<b>2</b>") && zh.contains("重新提出档案下发"),
        "{zh}"
    );
    let en = told(&page, Language::English);
    assert!(en.contains("Propose them anew") && en.contains("/terminals/1100-3039"), "{en}");
}

pub(crate) fn pages(view: &View) -> Vec<(&'static str, Phrase, Markup)> {
    let form = |kind| {
        let items = vec![Item::parse("1.8.0").unwrap(), Item::parse("1.8.1").unwrap()];
        let form = ProposalForm {
            kind,
            items,
            typed: Typed::default(),
            latest: Vec::new(),
            transformers: None,
            doubted: None,
        };
        form.markup(view)
    };
    let one = ProposalPage {
        proposal: proposal(1, exchange(), ProposalState::Open),
        review: None,
        compared: Vec::new(),
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    };
    vec![
        ("proposals", TITLE, sample(Asked::default()).markup(view)),
        ("proposal", TITLE_OF_ONE, one.markup(view)),
        ("proposal-review", TITLE_OF_ONE, review().markup(view)),
        ("proposal-exchange", TITLE, form(ProposalKind::Exchange)),
        ("proposal-transformers", TITLE, form(ProposalKind::Transformers)),
        ("proposal-records", TITLE_OF_ONE, records().markup(view)),
        ("proposal-reads", TITLE_OF_ONE, read().markup(view)),
        ("proposal-found", TITLE_OF_ONE, found_on_site().markup(view)),
        ("proposal-settlement", TITLE, form(ProposalKind::Settlement)),
        ("proposal-file", TITLE, form(ProposalKind::Reads)),
        ("proposal-decision", TITLE, form(ProposalKind::Review)),
    ]
}

fn sample(asked: Asked) -> ProposalsPage {
    let proposals = vec![
        review().proposal,
        proposal(2, transformers(), ProposalState::Confirmed),
        proposal(1, exchange(), ProposalState::Open),
    ];
    ProposalsPage { proposals, asked }
}

#[test]
fn the_list_says_what_is_to_be_changed_by_whom_and_how_it_stands() {
    let zh = sample(Asked::default()).markup(&view::sample(Language::Chinese, Role::Operator)).into_string();
    for part in [
        "换表",
        "202411110003 → 202611110003",
        "CT 200/5 PT 1 × 40",
        "不采用该值",
        "已确认并生效",
        "提出换表",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    let viewer =
        sample(Asked::default()).markup(&view::sample(Language::English, Role::Viewer)).into_string();
    assert!(!viewer.contains("/proposals/new"), "{viewer}");
    let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
    let file = sample(asked).file(&view::sample(Language::English, Role::Viewer)).unwrap();
    assert!(file.contains("waits for the second person") && file.contains("li.na"), "{file}");
}

#[test]
fn whoever_proposed_a_change_is_told_that_another_one_confirms_it() {
    let page = |role| {
        let mut view = view::sample(Language::English, role);
        let old = view.now.minus(std::time::Duration::from_secs(9 * 86_400));
        view.acting = view.acting.map(|acting| crate::domain::access::Acting { role_since: old, ..acting });
        view
    };
    let one = ProposalPage {
        proposal: proposal(1, exchange(), ProposalState::Open),
        review: None,
        compared: Vec::new(),
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    };
    let approver = page(Role::Approver);
    let shown = one.markup(&approver).into_string();
    assert!(shown.contains("/proposals/1/confirm\"") && shown.contains("/proposals/1/refuse\""), "{shown}");
    assert!(shown.contains("12345.6700 kWh") && shown.contains("the day stays open"), "{shown}");
    let mut own = approver.clone();
    own.acting = own.acting.map(|acting| crate::domain::access::Acting { person: Id::new(7), ..acting });
    let shown = one.markup(&own).into_string();
    assert!(!shown.contains("/confirm\"") && shown.contains("who proposed it cannot confirm it"), "{shown}");
    let fresh = view::sample(Language::Chinese, Role::Approver);
    let shown = one.markup(&fresh).into_string();
    assert!(!shown.contains("/confirm\"") && shown.contains("不足24小时"), "{shown}");
    let operator = one.markup(&page(Role::Operator)).into_string();
    assert!(!operator.contains("<form"), "it is not theirs: {operator}");
    let done = ProposalPage {
        proposal: proposal(1, exchange(), ProposalState::Refused),
        review: None,
        compared: Vec::new(),
        beside: Beside::default(),
        setting: None,
        asked: Asked::default(),
    };
    assert!(!done.markup(&approver).into_string().contains("<form"));
}
