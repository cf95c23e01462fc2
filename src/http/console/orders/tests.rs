use super::*;
use crate::domain::Day;
use crate::domain::access::Role;
use crate::domain::relay::StatusWord3;
use crate::domain::supply::{NoticeKind, OrderContent, OrderedPoint, Reason, Window};
use crate::http::console::view::sample as view;
use crate::store::supply::{BeforeRecord, NoticeRecord, Objected, PointObjections};
use crate::store::view::OverdueLine;
use std::time::Duration;

fn at(minutes: u64) -> Moment {
    "2026-11-28".parse::<Day>().unwrap().start().plus(Duration::from_secs(60 * minutes))
}

fn content(kind: OrderKind) -> OrderContent {
    let point =
        |number| OrderedPoint { point: Id::new(number), meter: Id::new(number), customer: Id::new(number) };
    OrderContent {
        kind,
        reason: if kind == OrderKind::Cut { Reason::Arrears } else { Reason::Settled },
        text: "欠费 45 天 <b>".to_owned(),
        window: Window { from: at(600), until: at(900) },
        points: vec![point(1), point(2)],
    }
}

fn record(id: i64, kind: OrderKind, state: OrderState) -> OrderRecord {
    OrderRecord {
        id: Id::new(id),
        content: content(kind),
        state,
        is_quarantined: false,
        is_flagged: state == OrderState::Submitted,
        has_stopped_itself: false,
        is_taken_back: false,
        requested_by: "wang.min".to_owned(),
        created_at: at(480),
        submitted_at: Some(at(485)),
    }
}

fn one(kind: OrderKind, state: OrderState) -> OrderPage {
    let order = record(7, kind, state);
    let point = |number: i64, state, objections: Vec<Objection>| PointRecord {
        ordered: OrderedPoint { point: Id::new(number), meter: Id::new(number), customer: Id::new(number) },
        number: format!("P{number:07}"),
        address: format!("2024111100{number:02}"),
        customer: (format!("H{number:07}"), "王小明".to_owned()),
        area: None,
        state,
        changed_at: at(610),
        due_at: at(700),
        objections,
        proof: "status word 3: open, current 0".to_owned(),
    };
    let attempt = AttemptRecord {
        id: Id::new(1),
        order: Id::new(7),
        point: Id::new(1),
        meter: Id::new(1),
        number: 1,
        intent_at: at(601),
        expires_at: at(606),
        outcome: Some(AttemptOutcome::Accepted),
        told_at: Some(at(602)),
        detail: "9C".to_owned(),
        before: BeforeRecord { look: None, told: "{\"address\":\"202411110001\"}".to_owned() },
    };
    let notice = NoticeRecord {
        point: Id::new(1),
        kind: NoticeKind::Cut,
        given_at: at(0).minus(Duration::from_secs(8 * 86_400)),
        how: "送达".to_owned(),
        given_by: "chen.jie".to_owned(),
    };
    let approval = ApprovalRecord { person: Id::new(2), name: "li.na".to_owned(), at: at(500), ended: None };
    OrderPage {
        over: Vec::new(),
        order: OrderView {
            hash: order.content.hash(),
            order,
            points: vec![point(1, state, vec![]), point(2, OrderState::Cancelled, vec![Objection::Paid])],
            approvals: vec![approval],
            attempts: vec![attempt],
            notices: vec![notice],
            held: Vec::new(),
        },
        cannot: Vec::new(),
        hold_ends: Vec::new(),
        report: None,
        asked: Asked::default(),
    }
}

/// One meter that is prepaid and in debt, one that is not prepaid, one that never said.
fn hold_ends() -> Vec<HoldEnd> {
    let end = |number: i64, bits: Option<u16>, owed_fen| HoldEnd {
        point: Id::new(number),
        number: format!("P{number:07}"),
        customer: (format!("H{number:07}"), "王小明".to_owned()),
        meter: format!("2024111100{number:02}"),
        told: bits.map(|bits| (StatusWord3::from_bits(bits), at(5))),
        owed_fen,
    };
    vec![end(1, Some(0x1280), 12_345), end(2, None, 0), end(3, Some(0x1000), 0)]
}

#[test]
fn whoever_ends_a_hold_sees_first_whose_meters_may_cut_by_themselves() {
    let mut page = one(OrderKind::HoldOff, OrderState::Submitted);
    page.hold_ends = hold_ends();
    page.cannot = vec![("P0000002".to_owned(), Words::of("there is no switch", "无负荷开关"))];
    let zh = page.markup(&view(Language::Chinese, Role::Approver)).into_string();
    for part in [
        "可能立即跳闸的户数：",
        "<b>2</b> / 3",
        "电费型预付费",
        "预跳闸报警",
        "123.45",
        "从未读到状态字",
        "无负荷开关",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    let before = zh.split("/approve\"").next().unwrap();
    assert!(before.contains("可能立即跳闸"), "it stands above the approval");
}

#[test]
fn an_order_offers_the_steps_that_its_state_allows_and_no_others() {
    let shown = |kind, state, role| one(kind, state).markup(&view(Language::English, role)).into_string();
    let offers = |text: &str, step: &str| text.contains(&format!("\"/orders/7/{step}\""));
    let draft = shown(OrderKind::Cut, OrderState::Draft, Role::Operator);
    assert!(offers(&draft, "submit") && offers(&draft, "edit") && offers(&draft, "cancel"), "{draft}");
    let waiting = shown(OrderKind::Cut, OrderState::Submitted, Role::Operator);
    assert!(
        !offers(&waiting, "submit") && offers(&waiting, "edit") && !offers(&waiting, "finish"),
        "{waiting}"
    );
    let open = shown(OrderKind::Cut, OrderState::VerifiedOpen, Role::Operator);
    assert!(offers(&open, "finish") && !offers(&open, "edit"), "{open}");
    let restore = shown(OrderKind::ClosePermit, OrderState::Approved, Role::Operator);
    assert!(!offers(&restore, "edit") && !offers(&restore, "submit"), "{restore}");
    // The approval of the sample is of person 2; the sample view is of person 1.
    let mut own = view(Language::English, Role::Approver);
    own.acting = own.acting.map(|acting| crate::domain::access::Acting { person: Id::new(2), ..acting });
    let approved = one(OrderKind::Cut, OrderState::Approved);
    assert!(offers(&approved.markup(&own).into_string(), "withdraw"));
    assert!(!offers(&shown(OrderKind::Cut, OrderState::Approved, Role::Approver), "withdraw"));
    let done = shown(OrderKind::Cut, OrderState::VerifiedOpen, Role::Viewer);
    assert!(!done.contains("method=\"post\""), "{done}");
}

#[test]
fn the_report_of_an_emergency_cut_is_asked_for_until_it_is_written() {
    let mut page = one(OrderKind::Cut, OrderState::VerifiedOpen);
    page.report = Some(EmergencyReport { order: Id::new(7), sent_at: at(601), written: None });
    let asked = page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    assert!(asked.contains("尚未补交") && asked.contains("\"/orders/7/report\""), "{asked}");
    assert!(asked.contains("2026-11-29 10:01:00"), "a day after the first frame: {asked}");
    page.report = Some(EmergencyReport {
        order: Id::new(7),
        sent_at: at(601),
        written: Some(("电线落地".to_owned(), at(700), "zhang.wei".to_owned())),
    });
    let written = page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    assert!(written.contains("电线落地") && !written.contains("/report\""), "{written}");
}

/// A name, the title, and what draws it.
pub(crate) type SamplePage = (&'static str, Phrase, Box<dyn Fn(&View) -> Markup>);

/// What the first of the two points owes.
fn owed() -> Vec<OverdueLine> {
    let line = OverdueLine {
        customer: ("H0000001".to_owned(), "王小明".to_owned()),
        point: "P0000001".to_owned(),
        area: None,
        address: Some("202411110001".to_owned()),
        is_protected: false,
        since: at(0).minus(Duration::from_secs(45 * 86_400)),
        owed_fen: 12_345,
        reminded_at: None,
        told_at: None,
        order: None,
    };
    vec![line]
}

/// Orders of one point.
pub(crate) fn listed() -> Vec<OrderRecord> {
    vec![record(7, OrderKind::Cut, OrderState::VerifiedOpen)]
}

/// Every page of orders with its sample data.
pub(crate) fn pages() -> Vec<SamplePage> {
    let list = OrdersPage {
        orders: vec![
            record(7, OrderKind::Cut, OrderState::Submitted),
            record(6, OrderKind::ClosePermit, OrderState::Accepted),
            record(5, OrderKind::Cut, OrderState::Unknown),
            record(4, OrderKind::Cut, OrderState::VerifiedOpen),
        ],
        halts: vec![HaltRecord {
            kind: HaltKind::Clock,
            since: at(30),
            by: "system".to_owned(),
            reason: "+ 3600 s".to_owned(),
            lifted_by: vec!["li.na".to_owned()],
        }],
        reports: vec![(Id::new(5), at(2000)), (Id::new(3), at(10))],
        asked: Asked::default(),
    };
    let objected = Objected {
        order: vec![Objection::BadWindow],
        points: vec![PointObjections {
            point: Id::new(2),
            number: "P0000002".to_owned(),
            objections: vec![Objection::Protected, Objection::NoticeMissing],
        }],
        ..Objected::default()
    };
    let form = |kind, refused| OrderForm {
        kind,
        points: "P0000001 P0000002".to_owned(),
        reason: None,
        text: String::new(),
        window: ("2026-11-29T09:00".to_owned(), "2026-11-29T17:00".to_owned()),
        of: None,
        cannot: vec![("P0000002".to_owned(), Words::of("there is no switch", "无负荷开关"))],
        refused,
    };
    let (cut, refused) =
        (form(OrderKind::Cut, None), form(OrderKind::Cut, Some(Refused::Objected(objected))));
    let restore = form(OrderKind::ClosePermit, None);
    let of = |paper| PaperPage {
        paper,
        order: one(OrderKind::Cut, OrderState::VerifiedOpen).order,
        owed: owed(),
        restores: Vec::new(),
        asked: Asked::default(),
    };
    let papers = Paper::ALL.map(|paper| {
        let page = of(paper);
        let draw: Box<dyn Fn(&View) -> Markup> = Box::new(move |view| page.markup(view));
        (paper.key(), paper.title(), draw)
    });
    let waiting = one(OrderKind::Cut, OrderState::Submitted);
    let mut draft = one(OrderKind::HoldOff, OrderState::Draft);
    draft.hold_ends = hold_ends();
    let mut emergency = one(OrderKind::Cut, OrderState::VerifiedOpen);
    emergency.report = Some(EmergencyReport { order: Id::new(7), sent_at: at(601), written: None });
    let mut pages: Vec<SamplePage> = vec![
        ("orders", TITLE, Box::new(move |view| list.markup(view))),
        ("order", TITLE_OF_ONE, Box::new(move |view| waiting.markup(view))),
        ("order-draft", TITLE_OF_ONE, Box::new(move |view| draft.markup(view))),
        ("order-emergency", TITLE_OF_ONE, Box::new(move |view| emergency.markup(view))),
        ("order-new", OrderForm::TITLE, Box::new(move |view| cut.markup(view))),
        ("order-refused", OrderForm::TITLE, Box::new(move |view| refused.markup(view))),
        ("order-restore", OrderForm::TITLE, Box::new(move |view| restore.markup(view))),
    ];
    pages.extend(papers);
    pages
}

fn drawn(name: &str, language: Language, role: Role) -> String {
    let pages = pages();
    let (.., draw) = pages.iter().find(|(known, ..)| *known == name).unwrap();
    draw(&view(language, role)).into_string()
}

#[test]
fn i13_an_order_is_shown_no_more_certain_than_it_is() {
    let text = |kind, state| one(kind, state).markup(&view(Language::English, Role::Operator)).into_string();
    let accepted = text(OrderKind::Cut, OrderState::Accepted);
    assert!(
        accepted.contains("not yet proof that it was done") && !accepted.contains("verified"),
        "{accepted}"
    );
    let unknown = text(OrderKind::Cut, OrderState::Unknown);
    assert!(unknown.contains("nothing is sent again") && unknown.contains("unknown"), "{unknown}");
    let permitted = text(OrderKind::ClosePermit, OrderState::Accepted);
    assert!(permitted.contains("only when the customer presses the key"), "{permitted}");
}

#[test]
fn i10_the_approval_names_exactly_what_was_seen_and_only_approvers_have_it() {
    let page = one(OrderKind::Cut, OrderState::Submitted);
    let approver = page.markup(&view(Language::Chinese, Role::Approver)).into_string();
    assert!(approver.contains(&format!("name=\"seen\" value=\"{}\"", page.order.hash)), "{approver}");
    assert!(approver.contains("name=\"code\"") && approver.contains("action=\"/orders/7/approve\""));
    for role in [Role::Operator, Role::Admin, Role::Viewer, Role::Auditor] {
        assert!(!page.markup(&view(Language::Chinese, role)).into_string().contains("/approve"), "{role:?}");
    }
    let mut sent = one(OrderKind::Cut, OrderState::Sending);
    let drawn = |page: &OrderPage| page.markup(&view(Language::Chinese, Role::Approver)).into_string();
    let text = drawn(&sent);
    assert!(!text.contains("/approve") && text.contains("取消工单：不再下发"), "{text}");
    sent.order.order.is_taken_back = true;
    let text = drawn(&sent);
    assert!(!text.contains("/cancel") && text.contains("已取消，不再下发"), "{text}");
}

#[test]
fn t13_what_was_typed_into_an_order_is_inert() {
    for (name, ..) in pages() {
        let text = drawn(name, Language::Chinese, Role::Operator);
        assert!(!text.contains("天 <b>"), "{name}");
    }
}

#[test]
fn what_stands_against_an_order_is_said_point_by_point() {
    let refused = drawn("order-refused", Language::Chinese, Role::Operator);
    for part in
        ["没有提交", "执行时段", "P0000002", "受保护", "未送达停电通知", "P0000001 P0000002</textarea>"]
    {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let order = drawn("order", Language::English, Role::Operator);
    for part in ["the customer has paid since", "li.na", "cut notice", "points were left out", "approved"] {
        assert!(order.contains(part), "{part}: {order}");
    }
    let list = drawn("orders", Language::English, Role::Approver);
    assert!(
        list.contains("the clock has jumped") && list.contains("name=\"kind\" value=\"clock\""),
        "{list}"
    );
}

#[test]
fn f49_restoring_offers_the_key_first_and_closing_directly_with_a_note() {
    let restore = drawn("order-restore", Language::English, Role::Operator);
    assert!(restore.contains("name=\"kind\" value=\"close_permit\"") && !restore.contains("datetime-local"));
    assert!(restore.contains("kind=direct_close&amp;points=P0000001%20P0000002"), "{restore}");
}

#[test]
fn a_notice_says_what_is_owed_and_names_no_time_that_is_past() {
    let mut page = PaperPage {
        paper: Paper::Notice,
        order: one(OrderKind::Cut, OrderState::Submitted).order,
        owed: owed(),
        restores: Vec::new(),
        asked: Asked::default(),
    };
    page.order.points[1].state = OrderState::Submitted;
    let zh = |page: &PaperPage| page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    // The view is drawn at 08:12; the window of the order begins at 10:00.
    let text = zh(&page);
    for part in ["您户欠费", "123.45", "2026-11-28 10:00:00", "没有欠费，不打印通知书"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("new-page").count(), 1, "one sheet for each that owes something");
    page.order.order.content.window.from = at(300);
    let text = zh(&page);
    assert!(text.contains("2026-12-06 09:00:00") && !text.contains("2026-11-28 05:00:00"), "{text}");
    page.asked = Asked(vec![("from".to_owned(), "2026-12-20T08:00".to_owned())]);
    assert!(zh(&page).contains("2026-12-20 08:00:00"));
}

#[test]
fn an_approved_cut_says_when_it_is_due() {
    let text =
        |state| one(OrderKind::Cut, state).markup(&view(Language::Chinese, Role::Viewer)).into_string();
    assert!(text(OrderState::Approved).contains("在执行时段内随机抽定时刻"));
    assert!(text(OrderState::Armed).contains("定于 2026-11-28 11:40:00 下发"));
    assert!(!text(OrderState::VerifiedOpen).contains("定于"));
}

#[test]
fn who_has_asked_or_approved_is_not_asked_to_approve_and_sees_how_many_are_needed() {
    let mut page = one(OrderKind::Cut, OrderState::Submitted);
    page.order.order.is_quarantined = true;
    let seen = |page: &OrderPage, person: i64| {
        let mut view = view(Language::Chinese, Role::Approver);
        let acting = view.acting.take().unwrap();
        view.acting = Some(crate::domain::access::Acting { person: Id::new(person), ..acting });
        page.markup(&view).into_string()
    };
    let other = seen(&page, 1);
    assert!(other.contains("/approve\"") && other.contains("审批：1 / 2，还需 1 人"), "{other}");
    assert!(!seen(&page, 2).contains("/approve\""), "person 2 has approved");
    page.order.order.requested_by = "zhang.wei".to_owned();
    assert!(!seen(&page, 1).contains("/approve\""), "it is their own order");
}

#[test]
fn the_approval_sheet_sets_apart_who_was_left_out_and_why() {
    for (language, heading, why, count) in [
        (Language::Chinese, "已剔除，不得停电", Objection::Paid.zh(), "执行户数：1 户"),
        (Language::English, "Left out: not to be cut", Objection::Paid.en(), "Points to be acted on: 1"),
    ] {
        let text = drawn("approval", language, Role::Operator);
        let (before, behind) = text.split_once(heading).unwrap_or_default();
        assert!(before.contains("P0000001") && !before.contains("P0000002"), "{text}");
        assert!(before.contains(count), "{text}");
        assert!(behind.contains("P0000002") && !behind.contains("P0000001"), "{text}");
        assert!(behind.contains(why), "{text}");
    }
}

#[test]
fn nobody_who_was_left_out_is_given_a_notice() {
    let mut page = PaperPage {
        paper: Paper::Notice,
        order: one(OrderKind::Cut, OrderState::Submitted).order,
        owed: owed(),
        restores: Vec::new(),
        asked: Asked::default(),
    };
    page.order.points[0].state = OrderState::Cancelled;
    let text = page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    assert!(!text.contains("new-page") && text.contains("已剔除，不打印通知书"), "{text}");
}

#[test]
fn only_what_takes_supply_away_has_an_approval_sheet_and_a_notice() {
    let shown = |kind| {
        one(kind, OrderState::Submitted).markup(&view(Language::Chinese, Role::Operator)).into_string()
    };
    assert!(shown(OrderKind::Cut).contains("/paper/approval"));
    let restore = shown(OrderKind::ClosePermit);
    assert!(!restore.contains("/paper/approval") && !restore.contains("/paper/notice"), "{restore}");
    assert!(restore.contains("/paper/record"), "{restore}");
}

#[test]
fn the_paper_forms_of_a_station_have_places_to_sign() {
    for (name, zh) in [("notice", "用户签收"), ("approval", "审批人签字"), ("record", "监护人")] {
        let text = drawn(name, Language::Chinese, Role::Operator);
        assert!(
            text.contains(zh) && text.contains("form-sheet") && text.contains("王小明"),
            "{name}: {text}"
        );
    }
    assert!(Paper::ALL.iter().all(|paper| Paper::of_key(paper.key()) == Some(*paper)));
    assert_eq!(Paper::of_key("x"), None);
}

#[test]
fn whoever_approves_is_told_which_ceiling_is_exceeded_and_by_how_much() {
    let mut page = one(OrderKind::Cut, OrderState::Submitted);
    page.order.order.is_quarantined = true;
    let zh = page.markup(&view(Language::Chinese, Role::Approver)).into_string();
    assert!(zh.contains("超过停电上限，见设置"), "{zh}");
    page.over = vec![
        (CeilingUse { ceiling: Objection::OverTotalCeiling, area: None, used: 3, most: 1 }, String::new()),
        (
            CeilingUse { ceiling: Objection::OverAreaCeiling, area: Some(Id::new(4)), used: 9, most: 2 },
            "东区台区".to_owned(),
        ),
    ];
    let zh = page.markup(&view(Language::Chinese, Role::Approver)).into_string();
    assert!(zh.contains("超过全部计量点停电比例上限") && zh.contains("：3 / 1 户"), "{zh}");
    assert!(zh.contains("东区台区：9 / 2 户"), "{zh}");
    assert!(!zh.contains("超过停电上限，见设置"), "{zh}");
}

#[test]
fn t27_what_keeps_an_order_back_is_told_among_its_steps() {
    let mut page = one(OrderKind::Cut, OrderState::Armed);
    page.order.points[0].objections = vec![Objection::Stopped];
    page.order.held = vec![
        HeldRecord { at: at(600), point: Some(Id::new(1)), objections: vec![Objection::Stopped] },
        HeldRecord { at: at(700), point: None, objections: vec![Objection::OverHourCeiling] },
    ];
    let zh = page.markup(&view(Language::Chinese, Role::Viewer)).into_string();
    assert!(zh.contains("未下发 P0000001") && zh.contains("须两人审批后方可下发"), "{zh}");
    assert!(zh.contains(Objection::OverHourCeiling.zh()), "{zh}");
    assert!(zh.contains("暂不下发：") && !zh.contains("定于"), "{zh}");
}

#[test]
fn f53_the_record_of_a_cut_tells_what_was_read_before_and_how_supply_was_given_back() {
    let mut order = one(OrderKind::Cut, OrderState::VerifiedOpen).order;
    order.attempts[0].before.told =
        r#"{"at":"2026-11-28T08:00:00Z","status":0,"address":"202411110001","asset_number":"A1","check":"same","energy":12345678,"currents_ma":[5123,null,null]}"#
            .to_owned();
    let mut back = one(OrderKind::ClosePermit, OrderState::VerifiedClosed).order;
    back.order.id = Id::new(777);
    let page = PaperPage {
        paper: Paper::Record,
        order,
        owed: Vec::new(),
        restores: vec![(Id::new(1), back)],
        asked: Asked::default(),
    };
    let zh = page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    for part in [
        "下发前所读",
        "1234.5678 kWh",
        "5.123 / — / — A",
        "A1",
        "均相符",
        "审批人：li.na",
        "复电",
        "777",
        "合闸允许",
    ] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    assert!(zh.contains("电表受理") && zh.find("777") > zh.find("下发前所读"), "{zh}");
    assert!(!zh.contains("尚无复电工单"), "the other point was left out: {zh}");
    let none = PaperPage { restores: Vec::new(), ..page };
    let en = none.markup(&view(Language::English, Role::Operator)).into_string();
    assert!(en.contains("No order has given supply back.") && !en.contains("777"), "{en}");
}

#[test]
fn f44_a_cut_for_another_reason_than_arrears_has_a_notice_that_says_why_and_when() {
    let mut order = one(OrderKind::Cut, OrderState::Submitted).order;
    (order.order.content.reason, order.order.content.text) = (Reason::Request, "线路检修".to_owned());
    // Also of a home that owes something: paying would not keep its supply on.
    let page = PaperPage {
        paper: Paper::Notice,
        order,
        owed: owed(),
        restores: Vec::new(),
        asked: Asked::default(),
    };
    let zh = page.markup(&view(Language::Chinese, Role::Operator)).into_string();
    assert!(!zh.contains("线路检修"), "what the operator wrote is for those who approve: {zh}");
    for part in ["停电通知书", "用户申请", "停电原因说明", "2026-11-28 10:00:00", "用户签收", "new-page"]
    {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    assert!(!zh.contains("您户欠费") && zh.contains("已剔除，不打印通知书"), "{zh}");
}
