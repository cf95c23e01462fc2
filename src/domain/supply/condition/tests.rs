use super::*;
use crate::domain::Id;
use crate::domain::supply::{
    CalendarKind, HaltKind, Identity, OrderContent, OrderedPoint, ProtectionKind, Terms, Window,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn ago(now: Moment, seconds: u64) -> Moment {
    now.minus(Duration::from_secs(seconds))
}

fn now() -> Moment {
    "2026-11-28".parse::<crate::domain::Day>().unwrap().start().plus(Duration::from_secs(10 * HOUR))
}

const POINT: OrderedPoint = OrderedPoint { point: Id::new(1), meter: Id::new(2), customer: Id::new(3) };

/// An order that nothing stands against.
fn order() -> OrderFacts {
    let content = OrderContent {
        kind: OrderKind::Cut,
        reason: Reason::Arrears,
        text: String::new(),
        window: Window { from: ago(now(), HOUR), until: now().plus(Duration::from_secs(HOUR)) },
        points: vec![POINT],
    };
    approved(OrderFacts {
        content,
        requesters: vec![Id::new(10)],
        approvals: Vec::new(),
        is_quarantined: false,
        has_stopped_itself: false,
        halts: Vec::new(),
        list: ProtectionList::Loaded,
        no_cut_days: Vec::new(),
        is_taken_back: false,
        over: Vec::new(),
        is_of_other_version: false,
    })
}

/// A ceiling that is exceeded, as it is kept.
fn use_of(kept: &str) -> CeilingUse {
    *crate::domain::supply::ceilings_read(kept).first().unwrap()
}

fn approval(order: &OrderFacts, person: i64) -> Approval {
    Approval {
        person: Id::new(person),
        at: ago(now(), 2 * HOUR),
        role_since: ago(now(), 100 * DAY),
        hash: order.content.hash(),
        over: order.over.clone(),
        still_may: true,
    }
}

/// The same, approved by as many as it takes.
fn approved(mut order: OrderFacts) -> OrderFacts {
    let approvals =
        (0..order.approvers_needed()).map(|number| approval(&order, 20 + i64::try_from(number).unwrap()));
    order.approvals = approvals.collect();
    order
}

fn point() -> PointFacts {
    let notice = |kind, seconds| Notice { kind, given_at: ago(now(), seconds) };
    PointFacts {
        ordered: POINT,
        there: Some(POINT),
        terms: Terms::STRICT,
        protections: Vec::new(),
        notices: vec![
            notice(NoticeKind::Reminder, 20 * DAY),
            notice(NoticeKind::Cut, 10 * DAY),
            notice(NoticeKind::Second, 2 * HOUR),
        ],
        arrears_since: Some(ago(now(), 40 * DAY)),
        has_paid: false,
        identity: Some(Identity { meter: POINT.meter, verified_at: ago(now(), 30 * DAY), is_crossed: false }),
        last_read: Some(ago(now(), 10 * HOUR)),
        has_other_order: false,
        is_restored: false,
        is_incapable: false,
        attempts: 0,
    }
}

fn all(order: &OrderFacts, point: &PointFacts, stage: Stage) -> Vec<Objection> {
    let mut found = objections_to_order(order, stage, now());
    found.extend(objections_to_point(order, point, stage, now()));
    found.sort_unstable();
    found
}

type Fault = (Objection, fn(&mut OrderFacts, &mut PointFacts));

fn notices_without(point: &mut PointFacts, kind: NoticeKind) {
    point.notices.retain(|notice| notice.kind != kind);
}

fn age(point: &mut PointFacts, kind: NoticeKind, seconds: u64) {
    notices_without(point, kind);
    point.notices.push(Notice { kind, given_at: ago(now(), seconds) });
}

/// Each way in which one condition lacks, and what is said then.
const FAULTS: &[Fault] = &[
    (Objection::NotApproved, |order, _| order.approvals.clear()),
    (Objection::OwnOrder, |order, _| order.requesters.extend(order.approvals.iter().map(|by| by.person))),
    (Objection::RoleTooNew, |order, _| {
        order.approvals.iter_mut().for_each(|by| by.role_since = ago(by.at, DAY - 1))
    }),
    (Objection::ApproverGone, |order, _| order.approvals.iter_mut().for_each(|by| by.still_may = false)),
    (Objection::OrderChanged, |order, _| order.content.text.push('!')),
    (Objection::Stopped, |order, _| order.halts.push(HaltKind::Stop)),
    (Objection::VersionsDiffer, |order, _| order.is_of_other_version = true),
    (Objection::ClockDoubted, |order, _| order.halts.push(HaltKind::Clock)),
    (Objection::StoppedItself, |order, _| order.has_stopped_itself = true),
    (Objection::NoProtectionList, |order, _| order.list = ProtectionList::Missing),
    (Objection::NoCutDay, |order, _| order.no_cut_days.push(CalendarKind::Heat)),
    (Objection::OverHourCeiling, |order, _| order.over.push(use_of("over_hour_ceiling:3/2"))),
    (Objection::NotThere, |_, point| point.there = None),
    (Objection::Protected, |_, point| point.protections.push(ProtectionKind::Medical)),
    (Objection::NoticeMissing, |_, point| notices_without(point, NoticeKind::Cut)),
    (Objection::SecondNoticeMissing, |_, point| notices_without(point, NoticeKind::Second)),
    (Objection::NoArrears, |_, point| point.arrears_since = None),
    (Objection::NoReminder, |_, point| notices_without(point, NoticeKind::Reminder)),
    (Objection::Paid, |_, point| point.has_paid = true),
    (Objection::IdentityMissing, |_, point| point.identity = None),
    (Objection::ReadTooOld, |_, point| point.last_read = None),
    (Objection::OtherOrderOpen, |_, point| point.has_other_order = true),
    (Objection::RestoredSince, |_, point| point.is_restored = true),
    (Objection::NoAttemptLeft, |_, point| point.attempts = 2),
    (Objection::NotCuttable, |_, point| point.is_incapable = true),
];

#[test]
fn f44_a_cut_with_all_conditions_has_no_objection_at_any_stage() {
    for stage in [Stage::Submit, Stage::Approve, Stage::Arm, Stage::Intent] {
        let early = matches!(stage, Stage::Submit | Stage::Approve);
        let mut point = point();
        if early {
            // The second notice is given when the window is near.
            notices_without(&mut point, NoticeKind::Second);
        }
        assert_eq!(all(&order(), &point, stage), [], "{stage:?}");
    }
}

#[test]
fn f44_each_condition_that_lacks_is_said_alone_and_in_pairs() {
    for stage in [Stage::Arm, Stage::Intent] {
        for (objection, break_one) in FAULTS {
            let (mut order, mut point) = (order(), point());
            break_one(&mut order, &mut point);
            let found = all(&order, &point, stage);
            assert!(found.contains(objection), "{objection:?}: {found:?}");
            let may_follow = [Objection::NotApproved, Objection::ArrearsTooYoung];
            let others = found.iter().filter(|other| *other != objection && !may_follow.contains(other));
            assert_eq!(others.count(), 0, "{objection:?}: {found:?}");
        }
        let mut pairs = 0;
        for (place, (one, break_one)) in FAULTS.iter().enumerate() {
            for (other, break_other) in &FAULTS[place + 1..] {
                let (mut order, mut point) = (order(), point());
                break_one(&mut order, &mut point);
                break_other(&mut order, &mut point);
                let found = all(&order, &point, stage);
                assert!(!found.is_empty(), "{one:?} {other:?}");
                // Who approved is not judged where nobody has; a reminder belongs to arrears.
                let hidden = |objection: &Objection| {
                    order.approvals.is_empty()
                        && matches!(
                            objection,
                            Objection::OwnOrder
                                | Objection::RoleTooNew
                                | Objection::ApproverGone
                                | Objection::OrderChanged
                        )
                        || *objection == Objection::NoReminder && point.arrears_since.is_none()
                        || order.content.text == "!"
                            && matches!(
                                objection,
                                Objection::OwnOrder | Objection::RoleTooNew | Objection::ApproverGone
                            )
                };
                for objection in [one, other] {
                    assert!(found.contains(objection) || hidden(objection), "{one:?} {other:?}: {found:?}");
                }
                pairs += 1;
            }
        }
        assert_eq!(pairs, FAULTS.len() * (FAULTS.len() - 1) / 2);
    }
}

#[test]
fn f44_notices_count_within_their_ages_only() {
    let said = |kind, seconds| {
        let mut point = point();
        age(&mut point, kind, seconds);
        all(&order(), &point, Stage::Intent)
    };
    use NoticeKind::{Cut, Second};
    assert_eq!(said(Cut, 7 * DAY - 1), [Objection::NoticeTooYoung]);
    assert_eq!(said(Cut, 7 * DAY), []);
    assert_eq!(said(Cut, 15 * DAY), []);
    assert_eq!(said(Cut, 15 * DAY + 1), [Objection::NoticeTooOld]);
    assert_eq!(said(Second, 30 * 60 - 1), [Objection::SecondNoticeTooYoung]);
    assert_eq!(said(Second, 30 * 60), []);
    assert_eq!(said(Second, DAY), []);
    assert_eq!(said(Second, DAY + 1), [Objection::SecondNoticeTooOld]);
    let mut point = point();
    point.arrears_since = Some(ago(now(), 30 * DAY));
    assert_eq!(all(&order(), &point, Stage::Intent), [Objection::ArrearsTooYoung]);
    point.arrears_since = Some(ago(now(), 30 * DAY + 1));
    assert_eq!(all(&order(), &point, Stage::Intent), []);
    // A notice that lies ahead is none.
    point.notices.iter_mut().for_each(|notice| notice.given_at = now().plus(Duration::from_secs(1)));
    assert!(!all(&order(), &point, Stage::Intent).is_empty());
}

#[test]
fn f44_identity_and_last_read_count_for_their_time_and_their_meter() {
    let mut point = point();
    let identity = |seconds, meter| {
        Some(Identity { meter: Id::new(meter), verified_at: ago(now(), seconds), is_crossed: false })
    };
    point.identity = identity(90 * DAY, 2);
    assert_eq!(all(&order(), &point, Stage::Intent), []);
    point.identity = identity(90 * DAY + 1, 2);
    assert_eq!(all(&order(), &point, Stage::Intent), [Objection::IdentityTooOld]);
    point.identity = identity(DAY, 99);
    assert_eq!(all(&order(), &point, Stage::Intent), [Objection::IdentityTooOld]);
    point.identity = identity(DAY, 2);
    point.last_read = Some(ago(now(), 2 * DAY));
    assert_eq!(all(&order(), &point, Stage::Intent), []);
    point.last_read = Some(ago(now(), 2 * DAY + 1));
    assert_eq!(all(&order(), &point, Stage::Intent), [Objection::ReadTooOld]);
}

#[test]
fn f44_an_emergency_skips_notices_and_needs_two_approvers_one_point_and_words() {
    let mut emergency = order();
    emergency.content.reason = Reason::Danger;
    emergency.content.text = "wire down in the yard".into();
    let mut bare = point();
    bare.notices.clear();
    bare.arrears_since = None;
    assert_eq!(emergency.approvers_needed(), 2);
    assert_eq!(all(&approved(emergency.clone()), &bare, Stage::Intent), []);
    let mut single = emergency.clone();
    single.approvals = vec![approval(&emergency, 20), approval(&emergency, 20)];
    assert_eq!(all(&single, &bare, Stage::Intent), [Objection::SecondApproverMissing]);
    let mut wordless = emergency.clone();
    wordless.content.text = "  ".into();
    assert_eq!(all(&approved(wordless), &bare, Stage::Intent), [Objection::TextMissing]);
    let mut two = emergency.clone();
    two.content.points.push(OrderedPoint { point: Id::new(9), ..POINT });
    assert_eq!(all(&approved(two), &bare, Stage::Intent), [Objection::EmergencyOnePoint]);
    let protected = PointFacts { protections: vec![ProtectionKind::PublicSafety], ..bare };
    assert_eq!(all(&approved(emergency), &protected, Stage::Intent), [Objection::Protected]);
}

#[test]
fn f53_another_meter_another_customer_or_crossed_wiring_is_not_cut() {
    for there in
        [OrderedPoint { meter: Id::new(99), ..POINT }, OrderedPoint { customer: Id::new(99), ..POINT }]
    {
        let point = PointFacts { there: Some(there), ..point() };
        assert_eq!(all(&order(), &point, Stage::Intent), [Objection::MapChanged]);
    }
    let mut crossed = point();
    crossed.identity = crossed.identity.map(|identity| Identity { is_crossed: true, ..identity });
    assert_eq!(all(&order(), &crossed, Stage::Intent), [Objection::CrossedWiring]);
}

#[test]
fn f54_protection_is_an_objection_at_every_stage_for_every_cut() {
    for stage in [Stage::Submit, Stage::Approve, Stage::Arm, Stage::Intent] {
        for kind in [OrderKind::Cut, OrderKind::HoldOff] {
            for (protection, ..) in <ProtectionKind as crate::domain::Coded>::TABLE {
                let mut order = order();
                order.content.kind = kind;
                let point = PointFacts { protections: vec![*protection], ..point() };
                assert!(all(&order, &point, stage).contains(&Objection::Protected), "{stage:?} {kind:?}");
            }
            let mut order = order();
            order.content.kind = kind;
            order.list = ProtectionList::Missing;
            assert!(all(&order, &point(), stage).contains(&Objection::NoProtectionList), "{stage:?}");
        }
    }
}

#[test]
fn f51_over_a_ceiling_a_second_approver_lets_it_pass_and_nobody_else() {
    let mut over = order();
    over.over.push(use_of("over_day_ceiling:3/1"));
    assert_eq!(all(&over, &point(), Stage::Intent), [Objection::OverDayCeiling]);
    over.is_quarantined = true;
    let missing = [Objection::SecondApproverMissing, Objection::OverDayCeiling];
    assert_eq!(all(&over, &point(), Stage::Intent), missing, "whoever approved before has seen no ceiling");
    let both = approved(over);
    assert_eq!(all(&both, &point(), Stage::Intent), []);
    let mut same = both;
    same.approvals.iter_mut().for_each(|by| by.person = Id::new(20));
    assert_eq!(all(&same, &point(), Stage::Intent), missing, "one person twice");
}

#[test]
fn f51_a_ceiling_that_was_lowered_or_is_fuller_than_two_have_let_pass_stands_again() {
    let mut over = order();
    over.is_quarantined = true;
    over.over.push(use_of("over_day_ceiling:3/1"));
    let approved = approved(over);
    let at = |stage, kept: &[&str]| {
        let over = kept.iter().map(|kept| use_of(kept)).collect();
        all(&OrderFacts { over, ..approved.clone() }, &point(), stage)
    };
    for stage in [Stage::Arm, Stage::Intent] {
        assert_eq!(at(stage, &["over_day_ceiling:2/1"]), [], "less of it is left");
        assert_eq!(at(stage, &["over_day_ceiling:3/0"]), [Objection::OverDayCeiling], "lowered since");
        assert_eq!(at(stage, &["over_day_ceiling:4/1"]), [Objection::OverDayCeiling], "fuller since");
        let other = ["over_day_ceiling:3/1", "over_hour_ceiling:3/2"];
        assert_eq!(at(stage, &other), [Objection::OverHourCeiling], "one that nobody has seen");
        let areas = ["over_area_ceiling@1:3/2", "over_area_ceiling@2:3/2"];
        assert_eq!(at(stage, &areas), [Objection::OverAreaCeiling], "said once");
    }
    let mut one = approved.clone();
    one.approvals[0].over.clear();
    assert_eq!(
        all(&one, &point(), Stage::Intent),
        [Objection::OverDayCeiling],
        "only one of them has seen it"
    );
}

#[test]
fn i12_nothing_but_its_form_stands_against_giving_supply_back() {
    for kind in [OrderKind::ClosePermit, OrderKind::DirectClose, OrderKind::HoldOn] {
        let mut order = order();
        order.content.kind = kind;
        order.content.reason = Reason::Request;
        order.content.text = "Li has looked, nobody is there".into();
        order.content.window = Window { from: now(), until: now() };
        let mut point = point();
        for (_, break_one) in FAULTS.iter().filter(|(objection, _)| *objection != Objection::NotThere) {
            break_one(&mut order, &mut point);
        }
        for stage in [Stage::Approve, Stage::Arm, Stage::Intent] {
            assert_eq!(all(&order, &point, stage), [], "{kind:?} {stage:?}");
        }
    }
}

#[test]
fn f49_closing_directly_needs_a_safety_note() {
    let mut order = order();
    order.content.kind = OrderKind::DirectClose;
    order.content.reason = Reason::Request;
    assert_eq!(all(&order, &point(), Stage::Submit), [Objection::SafetyNoteMissing]);
    order.content.kind = OrderKind::ClosePermit;
    assert_eq!(all(&order, &point(), Stage::Submit), []);
}

#[test]
fn f50_ending_a_hold_needs_an_approver_and_obeys_stop_and_ceilings() {
    let mut off = order();
    off.content.kind = OrderKind::HoldOff;
    off.content.reason = Reason::ProtectionOver;
    let off = approved(off);
    assert_eq!(all(&off, &point(), Stage::Intent), []);
    for (objection, break_one) in &FAULTS[..11] {
        let (mut order, mut point) = (off.clone(), point());
        break_one(&mut order, &mut point);
        assert!(all(&order, &point, Stage::Intent).contains(objection), "{objection:?}");
    }
}

#[test]
fn the_form_of_an_order_is_checked() {
    let form = |change: &dyn Fn(&mut OrderFacts)| {
        let mut order = order();
        change(&mut order);
        objections_to_order(&order, Stage::Submit, now())
    };
    assert_eq!(form(&|_| ()), []);
    assert_eq!(form(&|order| order.content.points.clear()), [Objection::NoPoints]);
    assert_eq!(form(&|order| order.content.points.push(POINT)), [Objection::RepeatedPoint]);
    let many = |order: &mut OrderFacts| {
        order.content.points = (0..51).map(|point| OrderedPoint { point: Id::new(point), ..POINT }).collect();
    };
    assert_eq!(form(&many), [Objection::TooManyPoints]);
    assert_eq!(form(&|order| order.content.reason = Reason::Settled), [Objection::ReasonDoesNotFit]);
    let from = |order: &OrderFacts| order.content.window.from;
    assert!(form(&|order| order.content.window.until = from(order)).contains(&Objection::BadWindow));
    let long = |order: &mut OrderFacts| {
        order.content.window.until = from(order).plus(Duration::from_secs(7 * DAY + 1));
    };
    assert_eq!(form(&long), [Objection::BadWindow]);
    let past = |order: &mut OrderFacts| order.content.window.until = now();
    assert_eq!(form(&past), [Objection::WindowPassed]);
    let mut early = order();
    early.content.window.from = now().plus(Duration::from_secs(1));
    let early = approved(early);
    assert_eq!(objections_to_order(&early, Stage::Intent, now()), [Objection::WindowNotBegun]);
}

#[test]
fn codes_and_names_are_their_own() {
    crate::domain::coded::check::<NoticeKind>(3);
    crate::domain::coded::check::<ProtectionKind>(7);
    crate::domain::coded::check::<CalendarKind>(5);
    crate::domain::coded::check::<HaltKind>(4);
}
