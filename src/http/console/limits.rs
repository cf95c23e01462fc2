//! Forms of the rules of cuts on the page of settings: ceilings, made stricter by one and loosened by two; terms, proposed by one
//! and confirmed by another.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{field, second_factor, token};
use super::handlers::answer_as;
use super::labels;
use super::sent::Sent;
use super::settings::{self, SettingsPage};
use super::table::Asked;
use super::typed::Typed;
use super::view::View;
use super::words::{Phrase, inert};
use crate::domain::access::Action;
use crate::domain::supply::{Ceilings, DatedTerms};
use crate::domain::{Coded, CustomerClass, Id};
use crate::http::Problem;
use crate::http::api::terms::{LIMITS, TermsShown, area_of, confirmed, loosened, terms_of};
use crate::http::api::written::{day, named};
use crate::http::routes::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .form("/settings/ceilings", LIMITS, tighten)
        .form("/settings/ceilings/loosen", Action::ConfirmLimits, loosen)
        .form("/settings/terms", Action::ProposeLimits, propose)
        .form("/settings/terms/confirm", Action::ConfirmLimits, confirm)
}

async fn tighten(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let [order, hour, day, area_percent, total_percent] = numbers(&sent.typed, CEILINGS)?;
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let ceilings = Ceilings {
            order: number(order),
            hour: number(hour),
            day: number(day),
            area_percent: number(area_percent),
            total_percent: number(total_percent),
        };
        sent.services.store.tighten_ceilings(&sent.caller.acting, ceilings, sent.now()).await?;
        sent.services.judge_cuts_again();
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

async fn loosen(sent: Sent) -> Result<Response, Problem> {
    let done = loosened(&sent.services, &sent.caller, sent.typed.text("code")).await;
    ended(sent, done.map(|_| ())).await
}

async fn propose(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let Sent { services, caller, typed, .. } = &sent;
        let entry = DatedTerms {
            from: day(typed.text("from"))?,
            area: area_of(services, caller, typed.some("area")).await?,
            class: typed.some("class").map(named::<CustomerClass>).transpose()?,
            terms: terms_of(&TermsShown::of(seconds(typed)?))?,
        };
        services.store.propose_terms(&caller.acting, &entry, sent.now()).await?;
        Ok(())
    };
    let done = done.await;
    ended(sent, done).await
}

async fn confirm(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let id = sent.typed.text("id").parse().map_err(|_| Problem::not_there())?;
        confirmed(&sent.services, &sent.caller, id, sent.typed.text("code")).await
    };
    let done = done.await;
    ended(sent, done).await
}

async fn ended(sent: Sent, done: Result<(), Problem>) -> Result<Response, Problem> {
    let Err(problem) = done else { return Ok(Redirect::to("/settings").into_response()) };
    let (Sent { services, view, typed, .. }, status) = sent.refused(problem)?;
    let view = View { here: "/settings".to_owned(), ..view };
    let page = SettingsPage { typed, ..settings::load(&services, &view, Asked::default()).await? };
    Ok(answer_as(status, &view, settings::TITLE, &page.markup(&view)))
}

/// The numbers of these fields.
fn numbers<const N: usize>(typed: &Typed, names: [&str; N]) -> Result<[u64; N], Problem> {
    let found: Vec<u64> = names.iter().filter_map(|name| typed.text(name).parse().ok()).collect();
    found.try_into().map_err(|_| {
        let en = "every field takes a whole number that is not below nothing";
        Problem::unacceptable("number", en, "每项须填不小于零的整数")
    })
}

/// Terms as they are typed, in the order in which they are kept.
fn seconds(typed: &Typed) -> Result<[u64; 7], Problem> {
    let mut all = numbers(typed, TERMS.map(|(name, ..)| name))?;
    for (seconds, (.., unit)) in all.iter_mut().zip(TERMS) {
        *seconds = seconds.saturating_mul(unit);
    }
    Ok(all)
}

/// The forms for ceilings.
pub(super) fn of_ceilings(view: &View, page: &SettingsPage) -> Markup {
    let Ceilings { order, hour, day, area_percent, total_percent } = page.ceilings.0;
    let holds = [order, hour, day, area_percent, total_percent].map(|number| number.to_string());
    let named = CEILINGS.iter().zip(settings::CEILINGS.iter().map(|(words, ..)| *words)).zip(&holds);
    html! {
        p.hint { (view.say(
            "收紧由管理员或审批人一人进行，立即生效；放宽须两名审批人各自确认，恢复为配置文件的数值。均记入审计日志。",
            "An administrator or approver makes them stricter alone and at once; two approvers loosen them, to what the configuration says. Both stand in the audit log.")) }
        @if view.may(Action::ProposeLimits) || view.may(Action::ConfirmLimits) {
            form.sheet.no-print method="post" action="/settings/ceilings" {
                h3 { (view.say("收紧上限", "Make ceilings stricter")) }
                (token(view))
                div.pick { @for ((name, words), holds) in named {
                    (field(words.of(view.look.language), &html! {
                        input name=(name) type="number" min="0" max=(holds) required value=(page.typed.some(name).unwrap_or(holds)); }))
                } }
                button { (view.say("收紧", "Make stricter")) }
            }
        }
        @if view.may(Action::ConfirmLimits) {
            form.sheet.no-print method="post" action="/settings/ceilings/loosen" {
                h3 { (view.say("取消收紧", "Take stricter ceilings away")) }
                @if !page.wanted_by.is_empty() {
                    p.hint { (view.say("已同意：", "wanted by: ")) (inert(&page.wanted_by.join(", "))) }
                }
                (token(view))
                (second_factor(view))
                button.danger { (view.say("同意放宽", "Agree to loosen")) }
            }
        }
    }
}

/// The form for a row of terms.
pub(super) fn of_terms(view: &View, page: &SettingsPage) -> Markup {
    let (language, typed) = (view.look.language, &page.typed);
    let mut areas: Vec<&String> = page.areas.values().collect();
    areas.sort();
    html! {
        p.hint { (view.say(
            "一行停电条件由管理员提出，经审批人（另一人）用动态口令确认后，自生效日起适用；停电通知不得少于提前 3 天。改动即提出新的一行，原有各行保留备查。",
            "An administrator proposes a row; it holds from its day on once an approver, who is another person, has confirmed it with a second factor. A notice comes at least 3 days before. A change is another row: those before it stay.")) }
        @if view.may(Action::ProposeLimits) {
            form.sheet.no-print method="post" action="/settings/terms" {
                h3 { (view.say("提出停电条件", "Propose terms")) }
                (token(view))
                div.pick {
                    (field(view.say("生效日", "From"), &html! { input type="date" name="from" required value=(typed.text("from")); }))
                    (field(view.say("台区", "Area"), &html! { select name="area" {
                        option value="" { (view.say("全部", "everywhere")) }
                        @for area in areas { option value=(area) selected[typed.text("area") == area] { (inert(area)) } }
                    } }))
                    (field(view.say("用户类别", "Class"), &html! { select name="class" {
                        option value="" { (view.say("全部", "all")) }
                        @for (class, _, name) in CustomerClass::TABLE {
                            option value=(name) selected[typed.text("class") == *name] { (labels::class(*class).of(language)) }
                        }
                    } }))
                    @for (name, words, usual, _) in TERMS {
                        (field(words.of(language), &html! {
                            input name=(name) type="number" min="0" required value=(typed.some(name).unwrap_or(usual)); }))
                    }
                }
                button { (view.say("提出", "Propose")) }
            }
        }
    }
}

/// The form that confirms a row which waits.
pub(super) fn confirming(view: &View, id: Id<DatedTerms>) -> Markup {
    html! { @if view.may(Action::ConfirmLimits) {
        form.no-print method="post" action="/settings/terms/confirm" {
            (token(view))
            input type="hidden" name="id" value=(id);
            (second_factor(view))
            button.quiet { (view.say("确认生效", "Confirm")) }
        }
    } }
}

/// The fields of ceilings, in the order of [`settings::CEILINGS`].
const CEILINGS: [&str; 5] = ["order", "hour", "day", "area_percent", "total_percent"];

/// The fields of terms: name, what they are, what is built in, and the seconds of their unit.
const TERMS: [(&str, Phrase, &str, u64); 7] = [
    ("notice_least", Phrase::new("停电通知至少提前（天）", "Notice at least (days)"), "7", DAY),
    ("notice_most", Phrase::new("停电通知有效（天）", "Notice at most (days)"), "15", DAY),
    ("second_least", Phrase::new("再次通知至少提前（分钟）", "Second notice at least (minutes)"), "30", 60),
    ("second_most", Phrase::new("再次通知有效（小时）", "Second notice at most (hours)"), "24", 3600),
    ("arrears_least", Phrase::new("欠费至少（天）", "In arrears for (days)"), "30", DAY),
    ("identity_most", Phrase::new("户表核对不超过（天）", "Check of the meter at most (days)"), "90", DAY),
    ("read_most", Phrase::new("最近抄到不超过（小时）", "Last read at most (hours)"), "48", 3600),
];

const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::supply::Terms;

    #[test]
    fn terms_are_typed_in_days_hours_and_minutes() {
        let typed = |change: Option<(&str, &str)>| {
            let value = |name: &str, usual: &str| match change {
                Some((changed, value)) if changed == name => value.to_owned(),
                _ => usual.to_owned(),
            };
            Typed(Asked(
                TERMS.iter().map(|(name, _, usual, _)| ((*name).to_owned(), value(name, usual))).collect(),
            ))
        };
        let of = |typed: &Typed| terms_of(&TermsShown::of(seconds(typed)?));
        assert_eq!(of(&typed(None)), Ok(Terms::STRICT), "what the form begins with is what is built in");
        for wrong in [("notice_least", "2"), ("notice_least", "-7"), ("read_most", ""), ("second_most", "x")]
        {
            assert!(of(&typed(Some(wrong))).is_err(), "{wrong:?}");
        }
        assert!(of(&typed(Some(("read_most", "99999999999999999999")))).is_err());
    }
}
