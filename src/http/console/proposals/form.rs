//! The forms that propose a change: an exchange of a meter, other transformers, what becomes of a suspect read.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use dlt645::address::MeterAddress;
use maud::{Markup, html};

use super::beside::{Beside, closing};
use super::name;
use crate::domain::access::Action;
use crate::domain::proposal::{
    Change, Found, MeterExchange, NewTransformers, OrderSettlement, ReviewDecision, Shown,
};
use crate::domain::{Coded, Item, Transformers};
use crate::http::api::written::{LONGEST, decimal, some_words};
use crate::http::console::components::{field, time, token};
use crate::http::console::file_field::{brought, file_field};
use crate::http::console::handlers::answer_as;
use crate::http::console::layout;
use crate::http::console::table::Asked;
use crate::http::console::typed::{Typed, as_field, refused};
use crate::http::console::view::View;
use crate::http::console::words::Phrase;
use crate::http::reads_import::reads_of;
use crate::http::{Caller, Problem, Services};
use crate::store::Latest;

/// A change that is being written.
#[derive(Clone, Debug)]
pub struct ProposalForm {
    /// Which.
    pub kind: ProposalKind,
    /// The registers that meters are read for.
    pub items: Vec<Item>,
    /// What was typed, or given by the address.
    pub typed: Typed,
    /// The newest accepted values of the meter that is taken out, where it is named.
    pub latest: Vec<Latest>,
    /// The transformers of now of the point that is named.
    pub transformers: Option<Transformers>,
    /// What was typed and does not fit what is known, beside it: it is asked for once more.
    pub doubted: Option<(Vec<Shown>, Beside)>,
}

/// Which change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalKind {
    /// 换表
    Exchange,
    /// 倍率变更
    Transformers,
    /// 示值复核
    Review,
    /// 人工抄表
    Reads,
    /// 现场核实办结
    Settlement,
}

impl ProposalKind {
    const ALL: [Self; 5] = [Self::Exchange, Self::Transformers, Self::Review, Self::Reads, Self::Settlement];

    fn of(typed: &Typed) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == typed.text("change"))
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Exchange => "exchange_meter",
            Self::Transformers => "change_transformers",
            Self::Review => "decide_review",
            Self::Reads => "enter_reads",
            Self::Settlement => "settle_order",
        }
    }

    const fn title(self) -> Phrase {
        match self {
            Self::Exchange => Phrase::new("提出换表", "Propose an exchange of a meter"),
            Self::Transformers => Phrase::new("提出倍率变更", "Propose other transformers"),
            Self::Review => Phrase::new("提出复核意见", "Propose what becomes of a suspect read"),
            Self::Reads => Phrase::new("录入人工抄表", "Enter what people have read"),
            Self::Settlement => {
                Phrase::new("提出现场核实办结", "Propose the end of an order as found on site")
            }
        }
    }

    const fn action(self) -> Action {
        match self {
            Self::Exchange | Self::Transformers | Self::Settlement => Action::ProposeMeterChange,
            Self::Review | Self::Reads => Action::ProposeReview,
        }
    }
}

/// The form of a new proposal.
pub(super) async fn new(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    asked: Asked,
) -> Result<Response, Problem> {
    let typed = Typed(asked);
    let kind = ProposalKind::of(&typed).unwrap_or(ProposalKind::Exchange);
    if !view.may(kind.action()) {
        return Err(Problem::not_allowed());
    }
    let form = form_of(&services, &caller, kind, typed).await?;
    Ok(Html(layout::page(&view, kind.title(), &form.markup(&view)).into_string()).into_response())
}

/// Proposes a change.
pub(super) async fn propose(
    State(services): State<Services>,
    caller: Caller,
    view: View,
    typed: Typed,
) -> Result<Response, Problem> {
    let kind = ProposalKind::of(&typed).ok_or_else(Problem::not_there)?;
    if !caller.may(kind.action()) {
        return Err(Problem::not_allowed());
    }
    let mut form = form_of(&services, &caller, kind, typed).await?;
    let mut doubted = None;
    let done = async {
        let change = match form.kind {
            ProposalKind::Reads => {
                Change::EnterReads(reads_of(&services, &caller, &brought(&form.typed)?).await?)
            }
            _ => form.change()?,
        };
        let reason = some_words(form.typed.text("reason"), LONGEST)?;
        if let Change::ExchangeMeter(exchange) = &change
            && form.typed.text(CHECKED) != "yes"
            && change.faults(services.clock.now()).is_empty()
        {
            let beside = Beside::of(&services, &change, &caller.acting.regions).await?;
            if beside.is_doubtful() {
                doubted = Some((exchange.closing.clone(), beside));
                let en = "a reading does not fit what was read before: look at it below, and say that it was checked";
                let zh = "拆表底度与此前抄到的示值不符，请核对下表，确认无误后勾选再提出";
                return Err(Problem::unacceptable("reading_doubtful", en, zh));
            }
        }
        Ok::<_, Problem>(services.store.propose(&change, reason, &caller.acting, services.clock.now()).await?)
    };
    let done = done.await;
    match done {
        Ok(id) => Ok(Redirect::to(&format!("/proposals/{id}")).into_response()),
        Err(problem) => {
            form.doubted = doubted;
            let (view, status): (View, StatusCode) = refused(view, problem)?;
            let view = View { here: format!("/proposals/new?change={}", kind.key()), ..view };
            Ok(answer_as(status, &view, kind.title(), &form.markup(&view)))
        }
    }
}

/// The form of a change, with what is known of the meter or the point that it names.
async fn form_of(
    services: &Services,
    caller: &Caller,
    kind: ProposalKind,
    typed: Typed,
) -> Result<ProposalForm, Problem> {
    let (store, now) = (&services.store, services.clock.now());
    let regions = &caller.acting.regions;
    let mut form = ProposalForm {
        kind,
        items: items(services),
        typed,
        latest: Vec::new(),
        transformers: None,
        doubted: None,
    };
    match kind {
        ProposalKind::Exchange => {
            let removed = form.typed.text("removed").parse::<MeterAddress>().ok();
            let sheet = match removed {
                Some(removed) => store.meter_sheet(&removed.to_string(), regions, now).await?,
                None => None,
            };
            if let Some(sheet) = sheet {
                form.latest = store.latest_of(sheet.line.meter).await?;
                let known: Vec<Item> = form.latest.iter().map(|latest| latest.item).collect();
                let others =
                    known.into_iter().filter(|item| item.way().is_some() && !form.items.contains(item));
                let others: Vec<Item> = others.collect();
                form.items.extend(others);
            }
        }
        ProposalKind::Transformers => {
            let point = form.typed.text("point").to_owned();
            if store.numbered_points(&[point.as_str()], regions).await?.contains_key(&point) {
                let found = store.transformers_until(&point, now).await?;
                form.transformers = Some(found.unwrap_or(Transformers::NONE));
            }
        }
        ProposalKind::Review | ProposalKind::Reads | ProposalKind::Settlement => {}
    }
    Ok(form)
}

/// The registers that the site reads, each total with its tariffs, which come with it from the meter and are billed with it.
fn items(services: &Services) -> Vec<Item> {
    let read = services.rules.as_ref().map(|rules| rules.collection.collection.registers.clone());
    let usual = || USUAL.iter().filter_map(|code| Item::parse(code)).collect();
    with_tariffs(&read.filter(|items| !items.is_empty()).unwrap_or_else(usual))
}

fn with_tariffs(totals: &[Item]) -> Vec<Item> {
    let mut items = Vec::new();
    for total in totals {
        let is_total = total.tariff() == 0 && total.way().is_some();
        let tariffs = (1..=TARIFFS).filter(|_| is_total).filter_map(|tariff| total.with_tariff(tariff));
        for item in std::iter::once(*total).chain(tariffs) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }
    items
}

impl ProposalForm {
    /// The change that was typed.
    fn change(&self) -> Result<Change, Problem> {
        let name = |field: &str| some_words(self.typed.text(field), LONGEST_NAME).map(str::to_owned);
        let other = |field: &str| self.typed.some(field).map(|_| name(field)).transpose();
        Ok(match self.kind {
            ProposalKind::Exchange => Change::ExchangeMeter(MeterExchange {
                point: name("point")?,
                removed: name("removed")?,
                installed: name("installed")?,
                asset_number: other("asset_number")?,
                protocol: name("protocol")?,
                profile: other("profile")?,
                at: self.typed.moment("at")?.micros(),
                closing: self.registers("closing")?,
                opening: self.registers("opening")?,
            }),
            ProposalKind::Transformers => Change::ChangeTransformers(NewTransformers {
                point: name("point")?,
                ct: name("ct")?,
                vt: name("vt")?,
                from: self.typed.moment("from")?.micros(),
            }),
            ProposalKind::Review => {
                let review = self.typed.text("review").parse().map_err(|_| Problem::not_there())?;
                let accept = match self.typed.text("accept") {
                    "yes" => true,
                    "no" => false,
                    _ => {
                        let en = "say whether the value counts";
                        return Err(Problem::unacceptable("decision_missing", en, "请选择是否采用该值"));
                    }
                };
                Change::DecideReview(ReviewDecision { review, accept })
            }
            ProposalKind::Settlement => Change::SettleOrder(OrderSettlement {
                order: self.typed.text("order").parse().map_err(|_| Problem::not_there())?,
                point: name("point")?,
                found: name("found")?,
                at: self.typed.moment("at")?.micros(),
                seen_by: name("seen_by")?,
                evidence: some_words(self.typed.text("evidence"), LONGEST)?.to_owned(),
            }),
            // They come in a file.
            ProposalKind::Reads => return Err(Problem::not_there()),
        })
    }

    /// What was typed of the registers of one meter; a field that was left empty says nothing.
    fn registers(&self, side: &str) -> Result<Vec<Shown>, Problem> {
        let mut shown = Vec::new();
        for item in &self.items {
            if let Some(text) = self.typed.some(&register_field(side, *item)) {
                shown.push(Shown { item: item.code().to_string(), value: decimal(text, item.decimals())? });
            }
        }
        Ok(shown)
    }

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            form.sheet method="post" action="/proposals" {
                (token(view))
                input type="hidden" name="change" value=(self.kind.key());
                @match self.kind {
                    ProposalKind::Exchange => (self.exchange(view)),
                    ProposalKind::Transformers => (self.transformers(view)),
                    ProposalKind::Review => (self.review(view)),
                    ProposalKind::Settlement => (self.settlement(view)),
                    ProposalKind::Reads => {
                        p.hint { (view.say(READS_ZH, READS_EN)) }
                        (file_field(view, &self.typed))
                    },
                }
                (field(view.say("原因", "Why"), &html! {
                    textarea name="reason" rows="2" cols="60" maxlength="500" required { (self.typed.text("reason")) }
                }))
                p.hint { (view.say(
                    "提出后须由另一人确认才生效；提出后不能修改，只能撤回重提。",
                    "Another person has to confirm it. It cannot be changed afterwards, only taken back.")) }
                button { (view.say("提出", "Propose")) }
            }
            p.no-print { a href="/proposals" { "◀ " (super::TITLE.of(view.look.language)) } }
        }
    }

    fn input(&self, name: &str, title: &str, is_required: bool) -> Markup {
        field(
            title,
            &html! {
                input name=(name) value=(self.typed.text(name)) maxlength="100" autocomplete="off" required[is_required];
            },
        )
    }

    fn when(&self, view: &View, name: &str, title: &str) -> Markup {
        let usual = as_field(view.now);
        field(
            title,
            &html! {
                input type="datetime-local" name=(name) value=(self.typed.some(name).unwrap_or(&usual)) max=(usual) required;
            },
        )
    }

    fn exchange(&self, view: &View) -> Markup {
        let protocol = self.typed.some("protocol").unwrap_or("645-2007");
        html! {
            div.pick {
                (self.input("point", view.say("计量点编号", "Number of the point"), true))
                (self.input("removed", view.say("拆除电能表通信地址", "Address of the meter taken out"), true))
                (self.input("installed", view.say("新装电能表通信地址", "Address of the meter put in"), true))
                (self.input("asset_number", view.say("新表资产编号", "Its asset number"), false))
                (field(view.say("规约", "Protocol"), &html! {
                    select name="protocol" { @for (name, shown) in PROTOCOLS {
                        option value=(name) selected[name == protocol] { (shown) }
                    } }
                }))
                (self.input("profile", view.say("表型（空为默认，Modbus 表必填）", "Profile (empty: the usual one; a Modbus meter needs it)"), false))
                (self.when(view, "at", view.say("换表时间", "When")))
            }
            (self.doubts(view))
            table {
                caption { (view.say("示值（没有的项目留空）", "Registers (leave empty what there is not)")) }
                thead { tr {
                    th scope="col" { (view.say("项目", "Item")) }
                    @if !self.latest.is_empty() {
                        th.number scope="col" { (view.say("最近有效示值", "Last accepted")) }
                        th scope="col" { (view.say("其时间", "Of when")) }
                    }
                    th scope="col" { (view.say("拆表底度", "Taken out")) }
                    th scope="col" { (view.say("新表起度", "Put in")) }
                    th scope="col" { (view.say("单位", "Unit")) }
                } }
                tbody { @for item in &self.items {
                    @let title = view.say(&item.name_zh(), &item.name_en()).to_owned();
                    tr {
                        th scope="row" { (title) }
                        @if !self.latest.is_empty() {
                            @let latest = self.latest.iter().find(|latest| latest.item == *item);
                            td.number { @match latest { Some(latest) => (item.quantity(latest.value)), None => "—" } }
                            td { @match latest { Some(latest) => (time(latest.at)), None => "—" } }
                        }
                        @for (side, words) in [("closing", view.say("拆表底度", "taken out")), ("opening", view.say("新表起度", "put in"))] {
                            @let name = register_field(side, *item);
                            td { input name=(name) value=(self.typed.text(&name)) inputmode="decimal" size="14"
                                autocomplete="off" aria-label={ (title) " " (words) }; }
                        }
                        td { (item.unit()) }
                    }
                } }
            }
        }
    }

    /// What does not fit, and what says that it was looked at.
    fn doubts(&self, view: &View) -> Markup {
        html! { @if let Some((shown, beside)) = &self.doubted {
            section.sheet.verdict data-tone="bad" {
                (closing(view, shown, beside))
                label {
                    input type="checkbox" name=(CHECKED) value="yes"; " "
                    (view.say(
                        "已与现场记录核对，示值无误（仍转复核）",
                        "checked against the record from the site: this is what it showed (it is reviewed all the same)"))
                }
            }
        } }
    }

    fn transformers(&self, view: &View) -> Markup {
        html! {
            @if let Some(now) = self.transformers {
                p { (view.say("现行倍率：", "Now: ")) "CT " (now.ct) " PT " (now.vt)
                    @if let Ok(multiplier) = now.multiplier() { " × " (multiplier) } }
            }
            (self.ratios(view))
        }
    }

    fn ratios(&self, view: &View) -> Markup {
        html! { div.pick {
            (self.input("point", view.say("计量点编号", "Number of the point"), true))
            (self.input("ct", view.say("CT 变比，如 200/5", "CT ratio, such as 200/5"), true))
            (self.input("vt", view.say("PT 变比，没有填 1", "VT ratio, 1 where there is none"), true))
            (self.when(view, "from", view.say("生效时间", "From")))
        } }
    }

    fn review(&self, view: &View) -> Markup {
        let chosen = self.typed.text("accept");
        html! {
            p { (name(&Change::DecideReview(ReviewDecision { review: 0, accept: true })).of(view.look.language)) " "
                (self.typed.text("review")) }
            input type="hidden" name="review" value=(self.typed.text("review"));
            (field(view.say("意见", "Decision"), &html! {
                select name="accept" required {
                    option value="" { (view.say("请选择", "choose")) }
                    option value="yes" selected[chosen == "yes"] { (view.say("采用该值", "the value counts")) }
                    option value="no" selected[chosen == "no"] { (view.say("不采用该值", "the value does not count")) }
                }
            }))
        }
    }
}

impl ProposalForm {
    fn settlement(&self, view: &View) -> Markup {
        let chosen = self.typed.text("found");
        html! {
            p.hint { (view.say(
                "用于结果未知、且电能表不会再被读到的工单：由现场核实并留有依据。办结后注明“现场核实”，不作为电能表回读的证明。",
                "For an order whose end is unknown and whose meter will not be read again: somebody has looked on site, and \
                 something shows it. It is told as found on site, never as proven by the meter.")) }
            div.pick {
                (self.input("order", view.say("工单编号", "Number of the order"), true))
                (self.input("point", view.say("计量点编号", "Number of the point"), true))
                (field(view.say("现场情况", "Found"), &html! {
                    select name="found" required {
                        option value="" { (view.say("请选择", "choose")) }
                        @for (found, _, name) in Found::TABLE {
                            option value=(name) selected[*name == chosen] { (view.say(found.zh(), found.en())) }
                        }
                    }
                }))
                (self.when(view, "at", view.say("核实时间", "When")))
                (self.input("seen_by", view.say("现场核实人", "Who was there"), true))
            }
            (field(view.say("依据（工作票、照片、封印号）", "What shows it (work sheet, photographs, seal)"), &html! {
                textarea name="evidence" rows="2" cols="60" maxlength="500" required { (self.typed.text("evidence")) }
            }))
        }
    }
}

fn register_field(side: &str, item: Item) -> String {
    format!("{side}-{}", item.code())
}

const READS_ZH: &str = "列名：计量点编号、通信地址或资产编号（至少一项），抄表日期，抄表时间，示值类型（空为正向有功总），示数，抄表人，抄表方式\
（人工或现场），备注。整份收下或全不收；只有零点抄的示数用于结算当日零点，不替代电能表冻结值，不一致的转入复核。";
const READS_EN: &str = "Columns: point_number, meter_address or asset_number (one of them), read_date, read_time, register (empty: forward \
active total), reading, read_by, kind (manual or on-site), remark. It is taken whole or not at all. Only what was read at a midnight \
counts for it; nothing takes the place of what the meter froze, and what differs is reviewed.";

const LONGEST_NAME: usize = 100;
/// Tariffs that a meter tells with a total as a rule; others are there once they were read.
const TARIFFS: u8 = 4;
/// The field that says that what does not fit was looked at.
const CHECKED: &str = "checked";

/// What the meter put in may speak.
const PROTOCOLS: [(&str, &str); 3] =
    [("645-2007", "DL/T 645-2007"), ("645-1997", "DL/T 645-1997"), ("modbus", "Modbus")];

/// Forward active energy.
const USUAL: [&str; 1] = ["1.8.0"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_total_is_asked_for_with_its_tariffs() {
        let totals = ["1.8.0", "2.8.0", "1.8.1", "32.7.0"].map(|code| Item::parse(code).unwrap());
        let shown: Vec<String> = with_tariffs(&totals).iter().map(|item| item.code().to_string()).collect();
        let of = |sign: u8| (0..=4).map(move |tariff| format!("1-0:{sign}.8.{tariff}"));
        let expected: Vec<String> = of(1).chain(of(2)).chain(["1-0:32.7.0".to_owned()]).collect();
        assert_eq!(shown, expected);
    }
}
