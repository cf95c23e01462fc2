//! What is known of what a change would change: the reads before those of a meter that is taken out, and the transformers of
//! now. Whoever confirms sees it beside what was typed, and whoever proposes is asked again where it cannot be.

use maud::{Markup, html};

use super::reads::{ComparedRead, how};
use crate::domain::access::Regions;
use crate::domain::proposal::{Change, MeterExchange, NewTransformers, Shown};
use crate::domain::register::State;
use crate::domain::{Item, ManualRead, Moment, Transformers};
use crate::http::console::components::{Tone, facts, state, time};
use crate::http::console::view::View;
use crate::http::console::words::inert;
use crate::http::{Problem, Services};

/// What is known beside a change.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// How what the meter taken out showed stands to what was read of it, in the order of the change.
    pub closing: Vec<ComparedRead>,
    /// The transformers until then.
    pub transformers: Option<Transformers>,
}

impl Beside {
    /// What is known beside a change; nothing of a point outside the regions.
    pub(super) async fn of(services: &Services, change: &Change, regions: &Regions) -> Result<Self, Problem> {
        let store = &services.store;
        let mut beside = Self::default();
        match change {
            Change::ExchangeMeter(exchange) => {
                let reads = exchange.closing_reads();
                let places: Vec<_> = reads.iter().map(ManualRead::place).collect();
                let placed = store.placed_meters(&places, regions).await?;
                if placed.iter().all(Option::is_some) {
                    beside.closing = store.compare_reads(&reads, &services.profiles()).await?;
                }
            }
            Change::ChangeTransformers(change) => {
                let found = store.numbered_points(&[change.point.as_str()], regions).await?;
                if found.contains_key(&change.point) {
                    beside.transformers = Some(until(services, change).await?);
                }
            }
            _ => {}
        }
        Ok(beside)
    }

    /// Whether something that was read cannot be, going by what is known.
    pub(super) fn is_doubtful(&self) -> bool {
        self.closing.iter().flatten().any(|(how, _)| how.is_doubtful())
    }
}

async fn until(services: &Services, change: &NewTransformers) -> Result<Transformers, Problem> {
    let found = services.store.transformers_until(&change.point, Moment::from_micros(change.from)).await?;
    Ok(found.unwrap_or(Transformers::NONE))
}

/// What both meters showed, that of the meter taken out beside what was read of it before.
pub(super) fn registers(view: &View, exchange: &MeterExchange, beside: &Beside) -> Markup {
    html! {
        h3 { (view.say("拆表底度", "What the meter taken out showed")) }
        @if exchange.closing.is_empty() { (not_given(view)) } @else { (closing(view, &exchange.closing, beside)) }
        h3 { (view.say("新表起度", "What the meter put in showed")) }
        @if exchange.opening.is_empty() { (not_given(view)) } @else {
            @let shown: Vec<_> = exchange.opening.iter().map(|one| register(view, one)).collect();
            (facts(&shown.iter().map(|(name, value)| (name.as_str(), html! { (value) })).collect::<Vec<_>>()))
        }
    }
}

fn not_given(view: &View) -> Markup {
    html! { p { (state(Tone::Warn, view.say("未填：当日电量将保持未结", "not given: the day stays open"))) } }
}

/// What the meter taken out showed, each beside the last accepted value before it.
pub(super) fn closing(view: &View, shown: &[Shown], beside: &Beside) -> Markup {
    html! {
        @if beside.is_doubtful() {
            p role="alert" { (state(Tone::Bad, view.say(
                "有拆表底度与此前抄到的示值不符：确认后转复核，复核前不结算。请核对现场记录。",
                "A reading of the meter taken out does not fit what was read before: once confirmed it is reviewed, and not \
                 billed until then. Check the record from the site."))) }
        }
        div.scroll { table {
            thead { tr {
                th scope="col" { (view.say("项目", "Item")) }
                th.number scope="col" { (view.say("拆表底度", "Taken out")) }
                th.number scope="col" { (view.say("此前有效示值", "Last accepted before")) }
                th scope="col" { (view.say("其时间", "Of when")) }
                th.number scope="col" { (view.say("差", "Difference")) }
                th scope="col" { (view.say("比对", "Against it")) }
            } }
            tbody { @for (place, one) in shown.iter().enumerate() {
                @let compared = beside.closing.get(place).copied().flatten();
                @let before = compared.and_then(|(_, around)| around.before);
                @let (name, value) = register(view, one);
                tr {
                    th scope="row" { (name) }
                    td.number { (value) }
                    td.number { @match before { Some(State { value, .. }) => (quantity(one, value)), None => "—" } }
                    td { @match before { Some(State { at, .. }) => (time(at)), None => "—" } }
                    td.number { @match before {
                        Some(State { value, .. }) => (quantity(one, one.value.saturating_sub(value))), None => "—" } }
                    td { @match compared {
                        Some(_) => { @let (tone, words) = how(compared); (state(tone, words.of(view.look.language))) }
                        None => "—",
                    } }
                }
            } }
        } }
    }
}

/// Other transformers beside those until then, and what that does to a bill.
pub(super) fn transformers(view: &View, change: &NewTransformers, beside: &Beside) -> Markup {
    let multiplier = |transformers: Transformers| transformers.multiplier().ok();
    let said = |transformers: Transformers| {
        let times = multiplier(transformers).map(|times| format!(" × {times}")).unwrap_or_default();
        format!("CT {} PT {}{times}", transformers.ct, transformers.vt)
    };
    let both = beside.transformers.zip(change.transformers());
    html! { @if let Some((old, new)) = both {
        (facts(&[
            (view.say("现行倍率", "Until then"), html! { (said(old)) }),
            (view.say("变更后", "From then on"), html! { b { (said(new)) } }),
        ]))
        @if let Some((old, new)) = multiplier(old).zip(multiplier(new)) {
            p { (state(if old == new { Tone::Quiet } else { Tone::Warn }, &match view.look.language {
                crate::http::console::words::Language::Chinese =>
                    format!("表计每走 1 kWh：现按 {old} kWh 结算，变更后按 {new} kWh 结算"),
                crate::http::console::words::Language::English =>
                    format!("for each kWh of the meter {old} kWh are billed until then, {new} kWh from then on"),
            })) }
        }
    } }
}

fn register(view: &View, shown: &Shown) -> (String, String) {
    match Item::parse(&shown.item) {
        Some(item) => {
            let name = view.say(&item.name_zh(), &item.name_en()).to_owned();
            (name, quantity(shown, shown.value))
        }
        None => (inert(&shown.item), shown.value.to_string()),
    }
}

fn quantity(shown: &Shown, value: i64) -> String {
    let of = |item: Item| format!("{} {}", item.quantity(value), item.unit());
    Item::parse(&shown.item).map_or_else(|| value.to_string(), of)
}
