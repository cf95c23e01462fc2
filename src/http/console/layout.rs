//! What is around every page: navigation, the look, who is signed in, and the stop of all cuts.

use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::components::{field, second_factor, time, token};
use super::table::escaped;
use super::view::{Look, Stop, Theme, Told, View};
use super::words::{Language, Phrase, inert};
use crate::domain::access::{Acting, Action};

/// A place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub path: &'static str,
    /// What it is called.
    pub name: Phrase,
    /// What one must be allowed to do there.
    pub action: Action,
}

/// All places, in the order in which they stand.
pub const PLACES: &[Place] = &[
    place("/", "今夜", "Tonight", Action::SeeStatus),
    place("/meters", "电能表", "Meters", Action::SeeStatus),
    place("/reads", "召测", "Read now", Action::ReadOnDemand),
    place("/orders", "停复电", "Orders", Action::SeeCustomers),
    place("/alarms", "告警", "Alarms", Action::SeeStatus),
    place("/proposals", "变更", "Changes", Action::SeeCustomers),
    place("/billing", "计费", "Billing", Action::SeePushes),
    place("/lines", "线路", "Lines", Action::SeeStatus),
    place("/terminals", "终端", "Terminals", Action::SeeStatus),
    place("/events", "事件", "Events", Action::SeeCustomers),
    place("/loss", "线损", "Line loss", Action::SeeCustomers),
    place("/roles", "角色确认", "Roles", Action::ConfirmLimits),
    place("/users", "用户", "Users", Action::ManageAccounts),
    place("/settings", "设置", "Settings", Action::SeeStatus),
    place("/audit", "审计", "Audit", Action::ReadAudit),
];

const fn place(path: &'static str, zh: &'static str, en: &'static str, action: Action) -> Place {
    Place { path, name: Phrase::new(zh, en), action }
}

/// The first place in the navigation that somebody may see; their own account where there is none.
#[must_use]
pub fn first_place(acting: &Acting) -> &'static str {
    PLACES.iter().find(|place| acting.may(place.action)).map_or("/account", |place| place.path)
}

/// A whole page.
#[must_use]
pub fn page(view: &View, title: Phrase, content: &Markup) -> Markup {
    titled(view, title.of(view.look.language), content)
}

/// A whole page with a title that is no fixed phrase.
#[must_use]
pub fn titled(view: &View, title: &str, content: &Markup) -> Markup {
    let Look { language, theme, is_wall } = view.look;
    html! {
        (DOCTYPE)
        html lang=(language.code()) data-theme=(theme.key()) class=[is_wall.then_some("wall")] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="same-origin";
                @if is_wall { meta http-equiv="refresh" content="30"; }
                title { (title) " · 抄表 chaobiao" }
                link rel="stylesheet" href=(STYLE.path);
                link rel="icon" type="image/svg+xml" href=(ICON.path);
                script defer src=(SCRIPT.path) {}
            }
            body data-account=[view.acting.as_ref().map(|acting| inert(&acting.name))] {
                a.skip href="#main" { (view.say("跳到正文", "Skip to content")) }
                (header(view))
                (stop(view))
                (lost(view))
                // A form of a station has a title of its own on paper.
                main #main tabindex="-1" class=[content.0.contains("form-sheet").then_some("paper")] {
                    h1 { (title) }
                    @if let Some(Told { is_good, words, reasons }) = &view.told {
                        div.told role="status" data-tone=(if *is_good { "good" } else { "bad" }) {
                            (inert(language.words(words)))
                            @if !reasons.is_empty() {
                                ul { @for reason in reasons.iter().take(MOST_REASONS) { li { (inert(language.words(reason))) } } }
                            }
                        }
                    }
                    (content)
                }
                footer { (view.say("绘制于 ", "Drawn at ")) (time(view.now)) " · "
                    (view.say("时间均为北京时间（UTC+8）", "all times are those of Beijing (UTC+8)")) }
            }
        }
    }
}

/// So many reasons are listed.
const MOST_REASONS: usize = 50;

fn header(view: &View) -> Markup {
    html! {
        header.top {
            a.brand href="/" { "抄表" }
            @if view.look.is_wall { b.clock { (time(view.now)) } }
            @if let Some(acting) = view.acting.as_ref().filter(|_| !view.is_unfinished) {
                nav aria-label=(view.say("主导航", "Main")) {
                    ul { @for place in PLACES.iter().filter(|place| acting.may(place.action)) {
                        li { a href=(place.path) aria-current=[is_here(view, place).then_some("page")] {
                            (place.name.of(view.look.language))
                        } }
                    } }
                }
            }
            (look(view))
            @if let Some(acting) = &view.acting {
                form.account method="post" action="/logout" {
                    (token(view))
                    @if view.is_unfinished { span { (inert(&acting.name)) } }
                    @else { a href="/account" { (inert(&acting.name)) } }
                    button.quiet { (view.say("退出", "Sign out")) }
                }
            }
        }
    }
}

fn is_here(view: &View, place: &Place) -> bool {
    let path = view.here.split('?').next().unwrap_or("/");
    path == place.path
        || (place.path != "/" && path.strip_prefix(place.path).is_some_and(|behind| behind.starts_with('/')))
}

/// Language, theme and wall mode: plain links, which come back to this page.
fn look(view: &View) -> Markup {
    let link = |key: &str| format!("/look?set={key}&back={}", escaped(&view.here));
    let Look { language, theme, is_wall } = view.look;
    html! {
        nav.look aria-label=(view.say("显示", "Display")) {
            @for (key, name, of) in [("zh", "中文", Language::Chinese), ("en", "English", Language::English)] {
                a href=(link(key)) lang=(of.code()) aria-current=[(language == of).then_some("true")] { (name) }
            }
            span.between {}
            @for of in Theme::ALL {
                a href=(link(of.key())) aria-current=[(theme == of).then_some("true")] {
                    (of.name().of(language))
                }
            }
            span.between {}
            @if is_wall { a href=(link("desk")) { (view.say("桌面", "Desk")) } }
            @else { a href=(link("wall")) { (view.say("大屏", "Wall")) } }
        }
    }
}

/// The stop of all cuts: how it stands, and what whoever looks may do about it. (F52)
fn stop(view: &View) -> Markup {
    html! { @match &view.stop {
        Stop::None => {}
        Stop::Released => {
            (press(view))
            @if view.is_unfinished { div.stop { small { (view.say(
                "完成账号设置后才能急停；紧急时请他人急停。",
                "STOP is yours once your account is set up; until then have somebody else press it."))
            } } }
        }
        Stop::Pressed { at, by, reason, lifted_by } => {
            div.stopped role="alert" {
                strong { (view.say("■ 已急停：不发出任何停电命令", "■ STOPPED: no cut leaves")) }
                span { (time(*at)) " " (inert(by)) }
                span { (inert(reason)) }
                @if !lifted_by.is_empty() {
                    span { (view.say("已同意解除（24小时内有效）：", "Agreed to lift (counts for 24 h): ")) (inert(&lifted_by.join(", "))) }
                }
                @if view.may(Action::LiftStop) {
                    form method="post" action="/stop/lift" {
                        (token(view))
                        (second_factor(view))
                        button { (view.say("同意解除（需两人）", "Agree to lift (two persons)")) }
                    }
                }
            }
        }
        Stop::Unknown => {
            div.stopped role="alert" {
                strong { (view.say("■ 急停状态不明：不发出任何停电命令", "■ STOP cannot be told: no cut leaves")) }
            }
            (press(view))
        }
    } }
}

/// The form that stops all cuts, for whoever may.
fn press(view: &View) -> Markup {
    html! { @if view.may(Action::PressStop) {
        details.stop {
            summary { (view.say("急停：停止一切停电", "STOP all cuts")) }
            form method="post" action="/stop" {
                (token(view))
                (field(view.say("原因", "Reason"), &html! {
                    input name="reason" required maxlength="200" autocomplete="off";
                }))
                button.danger { (view.say("立即急停", "STOP now")) }
                p.hint { (view.say(
                    "两秒内不再发出任何停电命令；复电不受影响。解除需要两名审批人。",
                    "No cut leaves within two seconds; restoring goes on. Two approvers lift it."))
                }
            }
        }
    } }
}

/// What the database has lost, and the button of whoever has looked into it. (F31)
fn lost(view: &View) -> Markup {
    html! { @if let Some(entries) = &view.lost {
        div.stopped role="alert" {
            strong { (view.say(
                "■ 数据库缺失已提交的记录：不发出任何停电命令",
                "■ The database has lost what it had kept: no cut leaves")) }
            span { @match entries.strip_prefix("waiting ") {
                Some(number) => { (view.say("缺失待补录的审计记录（此前的也可能缺失），编号 ", "missing entries that waited for the audit log, perhaps some before, and number ")) (inert(number)) }
                None => { (view.say("审计日志缺失条目 ", "missing entries of the audit log: ")) (inert(entries)) }
            } }
            span { (view.say(
                "原停电审批均已作废；复电不受影响。由管理员核对后确认。",
                "Approvals of cuts have ended; supply is given back as ever. An administrator looks into it and says so.")) }
            @if view.may(Action::AcknowledgeLoss) {
                form method="post" action="/stop/acknowledge" {
                    (token(view))
                    (second_factor(view))
                    button { (view.say("已核对，确认缺失", "I have looked into it")) }
                }
            }
        }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    fn drawn(view: &View) -> String {
        page(view, Phrase::new("今夜", "Tonight"), &html! { p { "content" } }).into_string()
    }

    #[test]
    fn a_page_is_in_one_language_and_leads_where_its_reader_may_go() {
        let operator = view::sample(Language::Chinese, Role::Operator);
        let text = drawn(&operator);
        for part in
            ["lang=\"zh-CN\"", "href=\"/billing\"", ">今夜 · 抄表", "急停", "action=\"/stop\"", "跳到正文"]
        {
            assert!(text.contains(part), "{part}");
        }
        let admin = drawn(&view::sample(Language::English, Role::Admin));
        assert!(!admin.contains("href=\"/loss\"") && !admin.contains("href=\"/billing\""), "{admin}");
        assert!(admin.contains("lang=\"en\"") && admin.contains("STOP all cuts"));
        let viewer = drawn(&view::sample(Language::English, Role::Viewer));
        assert!(!viewer.contains("action=\"/stop\""), "{viewer}");
        let nobody = drawn(&View { acting: None, ..operator });
        assert!(!nobody.contains("/logout") && !nobody.contains("href=\"/meters\""), "{nobody}");
    }

    #[test]
    fn the_place_one_is_at_is_marked() {
        let at = |here: &str| {
            let view = View { here: here.to_owned(), ..view::sample(Language::English, Role::Operator) };
            PLACES.iter().filter(|place| is_here(&view, place)).map(|place| place.path).collect::<Vec<_>>()
        };
        assert_eq!(at("/"), ["/"]);
        assert_eq!(at("/?day=2026-11-28"), ["/"]);
        assert_eq!(at("/meters/7?item=1.8.0"), ["/meters"]);
        assert_eq!((at("/terminals/1100-3039"), at("/lines")), (vec!["/terminals"], vec!["/lines"]));
        assert_eq!(at("/metersx"), Vec::<&str>::new());
    }

    #[test]
    fn f52_the_stop_is_seen_on_every_page() {
        let mut view = view::sample(Language::English, Role::Approver);
        let (by, reason) = ("li.na".to_owned(), "<b>storm</b>".to_owned());
        view.stop = Stop::Pressed { at: view.now, by, reason, lifted_by: vec!["wang.fang".to_owned()] };
        let text = drawn(&view);
        assert!(text.contains("STOPPED") && text.contains("&lt;b&gt;storm") && text.contains("/stop/lift"));
        assert!(text.contains("name=\"code\""), "it takes the second factor: {text}");
        view.acting = view.acting.map(|acting| Acting { role: Role::Admin, ..acting });
        assert!(!drawn(&view).contains("/stop/lift"));
        view.stop = Stop::Unknown;
        assert!(drawn(&view).contains("STOP cannot be told"));
        assert!(drawn(&view).contains("action=\"/stop\""), "it can be pressed all the same");
    }

    #[test]
    fn an_account_that_is_not_finished_is_shown_nothing_that_it_cannot_use() {
        let operator = view::sample(Language::English, Role::Approver);
        let unfinished = View { is_unfinished: true, ..operator };
        let text = drawn(&unfinished);
        assert!(!text.contains("href=\"/meters\"") && !text.contains("href=\"/account\""), "{text}");
        assert!(!text.contains("action=\"/stop\""), "{text}");
        assert!(text.contains("once your account is set up"), "{text}");
        assert!(text.contains("action=\"/logout\""), "{text}");
        let pressed = Stop::Pressed {
            at: unfinished.now,
            by: "li.na".to_owned(),
            reason: "storm".to_owned(),
            lifted_by: Vec::new(),
        };
        let text = drawn(&View { stop: pressed, ..unfinished });
        assert!(text.contains("STOPPED") && !text.contains("/stop/lift"), "{text}");
    }

    #[test]
    fn f31_what_the_database_has_lost_is_seen_on_every_page_and_acknowledged_by_an_administrator() {
        let mut view = view::sample(Language::Chinese, Role::Operator);
        assert!(!drawn(&view).contains("数据库缺失"));
        view.lost = Some("17-19".to_owned());
        let text = drawn(&view);
        assert!(text.contains("数据库缺失已提交的记录") && text.contains("17-19"), "{text}");
        assert!(!text.contains("/stop/acknowledge"), "{text}");
        let admin = View { lost: view.lost, ..view::sample(Language::English, Role::Admin) };
        let text = drawn(&admin);
        assert!(text.contains("has lost what it had kept") && text.contains("action=\"/stop/acknowledge\""));
        assert!(text.contains("name=\"code\""), "it takes the second factor: {text}");
    }

    #[test]
    fn t13_nothing_within_a_page_runs() {
        let text = drawn(&view::sample(Language::Chinese, Role::Operator));
        assert!(!text.contains(" style=") && !text.contains(" on") || !text.contains(" onclick"), "{text}");
        assert_eq!(text.matches("<script").count(), 1);
        assert!(text.contains(&format!("<script defer src=\"{}\"></script>", SCRIPT.path)));
        assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    }
}
