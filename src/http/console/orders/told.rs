//! What a meter said before an order was sent to it, named, with units and the time as clocks here show it.

use dlt645::quantity::Quantity;
use maud::{Markup, html};
use serde_json::Value;

use crate::domain::Moment;
use crate::domain::relay::StatusWord3;
use crate::http::console::components::{Tone, facts, state};
use crate::http::console::view::View;
use crate::http::console::words::inert;

/// What is kept as JSON, value by value; what cannot be read as that stays as it is.
pub(super) fn markup(view: &View, told: &str) -> Markup {
    let Ok(Value::Object(told)) = serde_json::from_str(told) else {
        return html! { pre { (inert(told)) } };
    };
    let of = |name: &str| told.get(name).filter(|value| !value.is_null());
    let text = |name: &str| of(name).and_then(Value::as_str);
    let number = |name: &str| of(name).and_then(Value::as_i64);
    let mut shown = Vec::new();
    if let Some(at) = text("at") {
        let here = at.parse::<Moment>().map_or_else(|_| inert(at), |at| at.in_china().to_string());
        shown.push((view.say("读于", "Read at"), html! { (here) }));
    }
    if let Some(bits) = number("status").and_then(|bits| u16::try_from(bits).ok()) {
        shown.push((view.say("继电器", "Relay"), relay(view, StatusWord3::from_bits(bits))));
    }
    if let Some(address) = text("address") {
        shown.push((
            view.say("表内通信地址", "Address in the meter"),
            html! { span.code { (inert(address)) } },
        ));
    }
    if let Some(asset) = text("asset_number") {
        shown.push((view.say("表内资产编号", "Asset number in the meter"), html! { (inert(asset)) }));
    }
    if let Some(check) = text("check") {
        shown.push((view.say("户表核对", "Is it that meter"), html! { (checked(view, check)) }));
    }
    if let Some(offset) = of("clock_offset_seconds") {
        let words = match offset.as_i64() {
            Some(seconds) => format!("{seconds} s"),
            None => view.say("不是时间", "no time").to_owned(),
        };
        shown.push((view.say("表钟偏差（快为正）", "Clock (fast is positive)"), html! { (words) }));
    }
    if let Some(energy) = number("energy") {
        let shown_energy = Quantity::new(energy, ENERGY_DECIMALS);
        shown.push((view.say("正向有功总电能", "Forward active energy"), html! { (shown_energy) " kWh" }));
    }
    if let Some(currents) = of("currents_ma").and_then(Value::as_array) {
        let phase = |current: &Value| {
            current.as_i64().map_or_else(|| "—".to_owned(), |current| Quantity::new(current, 3).to_string())
        };
        let phases = currents.iter().map(phase).collect::<Vec<_>>().join(" / ");
        shown
            .push((view.say("电流（A / B / C 相）", "Currents (phases A / B / C)"), html! { (phases) " A" }));
    }
    if let Some(power) = number("power_dw") {
        shown.push((view.say("有功功率", "Active power"), html! { (Quantity::new(power, 4)) " kW" }));
    }
    if let Some(delay) = number("trip_delay_seconds") {
        shown.push((view.say("跳闸延时", "Delay before a trip"), html! { (delay) " s" }));
    }
    facts(&shown)
}

fn relay(view: &View, word: StatusWord3) -> Markup {
    html! {
        @if word.is_open() { (state(Tone::Warn, view.say("断开", "open"))) }
        @else { (state(Tone::Good, view.say("闭合", "closed"))) }
        @if word.is_about_to_trip() { " " (state(Tone::Warn, view.say("预跳闸报警", "about to trip"))) }
        @if word.is_held() { " " (state(Tone::Quiet, view.say("保电", "held"))) }
    }
}

fn checked(view: &View, check: &str) -> String {
    match check {
        "same" => view.say("地址与资产编号均相符", "address and asset number agree").to_owned(),
        "address_only" => {
            view.say("地址相符，资产编号不可比", "the address agrees; no asset number to compare").to_owned()
        }
        "other_address" => view.say("地址不符", "another address").to_owned(),
        "other_asset" => view.say("资产编号不符", "another asset number").to_owned(),
        other => inert(other),
    }
}

/// Energies are kept in 0.1 Wh.
const ENERGY_DECIMALS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    #[test]
    fn what_was_read_before_is_named_with_units_and_the_time_of_here() {
        let told = r#"{"at":"2026-11-28T09:12:03Z","status":16,"clock_offset_seconds":-3,"address":"202411110001",
            "asset_number":"A1<b>","check":"same","energy":12345678,"currents_ma":[5123,null,null],
            "power_dw":11234,"trip_delay_seconds":null}"#;
        let zh = markup(&view::sample(Language::Chinese, Role::Operator), told).into_string();
        for part in [
            "2026-11-28 17:12:03",
            "断开",
            "1234.5678 kWh",
            "5.123 / — / — A",
            "1.1234 kW",
            "-3 s",
            "均相符",
            "202411110001",
            "A1&lt;b&gt;",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        assert!(!zh.contains("跳闸延时") && !zh.contains('{') && !zh.contains("09:12:03"), "{zh}");
        let en = view::sample(Language::English, Role::Operator);
        assert!(markup(&en, "{\"status\":0}").into_string().contains("closed"));
        assert!(markup(&en, "older <b>").into_string().contains("older &lt;b&gt;"));
    }
}
