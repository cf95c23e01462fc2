//! Events of all meters, the last that came in first.

use maud::{Markup, html};

use super::labels;
use super::table::{Asked, Column, Table, escaped};
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::domain::Moment;
use crate::store::view::{EventLine, EventPlace};

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("事件", "Events");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EventsPage {
    /// The events, one more than are shown when more follow.
    pub events: Vec<EventLine>,
    /// The kinds there are.
    pub kinds: Vec<String>,
    /// What the address says.
    pub asked: Asked,
}

impl EventsPage {
    /// Where the page begins, as the address says.
    #[must_use]
    pub fn after(asked: &Asked) -> Option<EventPlace> {
        let mut parts = asked.value("after").filter(|_| !asked.is_sorted())?.splitn(4, '~');
        let collected_at = Moment::from_micros(parts.next()?.parse().ok()?);
        let meter = parts.next()?.parse().ok()?;
        let (kind, began) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(EventPlace { collected_at, meter, kind, began })
    }

    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        let language = view.look.language;
        let chosen = self.asked.value("kind");
        html! {
            form.pick method="get" {
                label.field { span { (view.say("事件", "Event")) }
                    select name="kind" {
                        option value="" { (view.say("全部", "all")) }
                        @for kind in &self.kinds {
                            option value=(kind) selected[chosen == Some(kind)] { (labels::event(kind, language)) }
                        }
                    }
                }
                button { (view.say("查看", "Show")) }
            }
            (self.table(language).markup(view))
        }
    }

    /// The file of the list, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        self.table(view.look.language).file(view.look.language)
    }

    fn table(&self, language: Language) -> Table<EventLine> {
        let columns = vec![
            Column::new("address", "通信地址", "Address", |line: &EventLine, _| line.address.clone()).shown(
                |line, _| {
                    html! { a.code href={ "/meters/" (escaped(&line.address)) "?part=events" } { (line.address) } }
                },
            ),
            Column::new("point", "计量点", "Point", |line: &EventLine, _| line.point.clone().unwrap_or_default()),
            Column::new("area", "台区", "Area", |line: &EventLine, _| line.area.clone().unwrap_or_default()),
            Column::new("kind", "事件", "Event", |line: &EventLine, language| {
                labels::event(&line.place.kind, language)
            }),
            Column::new("began", "发生时刻（表钟）", "Began (by the meter)", |line: &EventLine, _| {
                line.place.began.clone()
            }),
            Column::new("record", "记录", "Record", |line: &EventLine, language| record(&line.record, language))
                .unsorted(),
            Column::new("collected", "采集时间", "Read at", |line: &EventLine, _| {
                line.place.collected_at.in_china().to_string()
            })
            .by(|line| line.place.collected_at.micros()),
        ];
        let empty = Phrase::new("没有事件", "No events");
        let place = |line: &EventLine| {
            let EventPlace { collected_at, meter, kind, began } = &line.place;
            format!("{}~{meter}~{kind}~{began}", collected_at.micros())
        };
        Table::new("", TITLE, empty, columns, &self.asked).listed(
            (self.events.clone(), self.asked.is_sorted()),
            place,
            language,
        )
    }
}

/// What the record of an event says, from the JSON that is kept: each value with its name, at most six of them.
#[must_use]
pub fn record(json: &str, language: Language) -> String {
    let Ok(serde_json::Value::Object(shown)) = serde_json::from_str(json) else { return inert(json) };
    let list = |of: &serde_json::Value, name: &str| {
        of.get(name).and_then(serde_json::Value::as_array).cloned().unwrap_or_default()
    };
    let whole = serde_json::Value::Object(shown);
    let mut values = list(&whole, "values");
    values.extend(list(&whole, "records").iter().flat_map(|record| list(record, "values")));
    let text = |value: &serde_json::Value, name: &str| {
        value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let one = |value: &serde_json::Value| {
        let name = text(value, language.of("name_zh", "name"));
        let (shown, unit) = (text(value, "value"), text(value, "unit"));
        inert(format!("{name} {shown} {unit}").trim())
    };
    values
        .iter()
        .filter(|value| !text(value, "value").is_empty())
        .take(6)
        .map(one)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> EventsPage {
    let at = |minutes: u64| {
        let day = "2026-11-28".parse::<crate::domain::Day>().unwrap();
        day.start().plus(std::time::Duration::from_secs(60 * minutes))
    };
    let event = |number: i64, kind: &str, began: &str| EventLine {
        address: format!("2024111100{number:02}"),
        point: Some(format!("P{number:07}")),
        area: Some("滨河1号台区".to_owned()),
        record: serde_json::to_string(&dlt645::explain::Shown::default()).unwrap(),
        place: EventPlace {
            collected_at: at(20),
            meter: number,
            kind: kind.to_owned(),
            began: began.to_owned(),
        },
    };
    let events =
        vec![event(3, "03110000", "2026-11-27 14:02:11"), event(9, "03300D00", "2026-11-27 09:40:00")];
    EventsPage { events, kinds: vec!["03110000".to_owned(), "03300D00".to_owned()], asked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn events_are_named_and_lead_to_their_meters() {
        let text =
            sample(Asked::default()).markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
        for part in ["掉电", "开表盖", "href=\"/meters/202411110003?part=events\"", "2026-11-27 14:02:11"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_place_is_read_back_from_the_address() {
        let mut page = sample(Asked::default());
        let last = page.events[1].clone();
        page.events.extend(std::iter::repeat_n(last.clone(), 49));
        let text = page.markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
        let after = text.split("after=").nth(1).unwrap().split(['"', '&']).next().unwrap();
        let after = after.replace("%3A", ":").replace("%20", " ");
        let asked = Asked(vec![("after".to_owned(), after)]);
        assert_eq!(EventsPage::after(&asked), Some(last.place));
        for odd in ["", "1~2~3", "x~1~a~b", "1~x~a~b"] {
            assert_eq!(EventsPage::after(&Asked(vec![("after".to_owned(), odd.to_owned())])), None, "{odd}");
        }
    }

    #[test]
    fn t13_a_record_is_told_in_words_and_inert() {
        let json = r#"{"values":[{"name":"a\u202e","name_zh":"甲","value":"<b>","unit":"V"},{"name":"c","name_zh":"丙","value":null}]}"#;
        assert_eq!(record(json, Language::Chinese), "甲 <b> V");
        assert_eq!(record(json, Language::English), "a\u{fffd} <b> V");
        assert_eq!(record("no \u{202e}json", Language::English), "no \u{fffd}json");
    }
}
