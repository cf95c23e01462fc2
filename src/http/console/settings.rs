//! What the head-end runs with (设置): the configuration as it holds, the rules of cuts, and where each is changed. The configuration
//! is changed in its file; no secret is shown: secrets stand in files of their own.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::components::{Tone, facts, lasting, state, time};
use super::handlers::answer;
use super::labels;
use super::limits;
use super::table::{Asked, Column, Table};
use super::typed::Typed;
use super::view::View;
use super::words::{Language, Phrase, inert};
use crate::config::Effective;
use crate::domain::access::{Action, Regions};
use crate::domain::supply::{Ceilings, DatedTerms, Terms};
use crate::domain::{Id, TransformerArea};
use crate::http::routes::Routes;
use crate::http::{Problem, Services};

use crate::store::Serving;
use crate::store::supply::TermsRecord;

pub(super) fn routes() -> Routes {
    Routes::default().page("/settings", Action::SeeStatus, page)
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("设置", "Settings");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct SettingsPage {
    /// Every key of the configuration with what holds for it; empty in a process that was not given one.
    pub effective: Vec<Effective>,
    /// The ceilings: what holds, and what the configuration says.
    pub ceilings: (Ceilings, Option<Ceilings>),
    /// The table of terms.
    pub terms: Vec<TermsRecord>,
    /// The names of transformer areas.
    pub areas: HashMap<Id<TransformerArea>, String>,
    /// How many entries the audit log has.
    pub audit: i64,
    /// Who serves the site.
    pub serving: Serving,
    /// How many meters there are by line or terminal.
    pub meters: u64,
    /// Approvers who want ceilings loosened; one is not enough.
    pub wanted_by: Vec<String>,
    /// What was typed into a form that was not taken.
    pub typed: Typed,
    /// What the address says.
    pub asked: Asked,
}

async fn page(State(services): State<Services>, view: View, asked: Asked) -> Result<Response, Problem> {
    let page = load(&services, &view, asked).await?;
    answer(&services, &view, TITLE, (page.markup(&view), page.file(&view))).await
}

/// The page as it stands now.
///
/// # Errors
/// [`Problem`] when the database does not answer.
pub(super) async fn load(services: &Services, view: &View, asked: Asked) -> Result<SettingsPage, Problem> {
    let store = &services.store;
    let regions = view.acting.as_ref().map_or(&Regions::All, |acting| &acting.regions);
    let configured = services.supply.as_ref().map(crate::supply::Supply::ceilings);
    let entered = store.ceilings().await?;
    let holds = configured.map_or(entered, |configured| entered.stricter(configured));
    Ok(SettingsPage {
        effective: services.shown.to_vec(),
        ceilings: (holds, configured),
        terms: store.terms().await?,
        areas: store.names_of_areas().await?,
        audit: store.audit_head().await?.number,
        serving: store.serving().await?,
        meters: store.meters_by_line(regions).await?.iter().map(|(.., meters)| *meters).sum(),
        wanted_by: store.wanting_looser_ceilings(services.clock.now()).await?,
        typed: Typed::default(),
        asked,
    })
}

/// A ceiling: what it is called, in what it counts, and where it stands.
pub(super) type Ceiling = (Phrase, &'static str, fn(&Ceilings) -> u32);

pub(super) const CEILINGS: [Ceiling; 5] = [
    (Phrase::new("每张工单户数", "points of one order"), "", |ceilings| ceilings.order),
    (Phrase::new("每小时停电户数", "cuts within an hour"), "", |ceilings| ceilings.hour),
    (Phrase::new("每日停电户数", "cuts within a day"), "", |ceilings| ceilings.day),
    (Phrase::new("每小时单个台区占比", "of one transformer area within an hour"), " %", |ceilings| {
        ceilings.area_percent
    }),
    (Phrase::new("每日全部计量点占比", "of all points within a day"), " %", |ceilings| {
        ceilings.total_percent
    }),
];

/// A ceiling as it holds, as the configuration says, and as it is built in.
#[derive(Clone, Debug)]
struct CeilingLine {
    name: Phrase,
    unit: &'static str,
    holds: u32,
    configured: Option<u32>,
    built_in: u32,
}

impl CeilingLine {
    fn said(&self, number: Option<u32>) -> String {
        number.map_or_else(|| "—".to_owned(), |number| format!("{number}{}", self.unit))
    }
}

/// A row of the table of terms; the first is what is built in.
#[derive(Clone, Debug)]
struct TermsLine {
    from: String,
    area: Option<String>,
    class: Option<Phrase>,
    terms: Terms,
    /// Its number, who proposed it, and who confirmed it; `None` for what is built in.
    persons: Option<(Id<DatedTerms>, String, Option<String>)>,
}

impl SettingsPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            (self.site(view))
            (self.ceilings(view).markup(view))
            (limits::of_ceilings(view, self))
            (self.terms(view).markup(view))
            (limits::of_terms(view, self))
            (self.config(view).markup(view))
        }
    }

    /// The file of one of its tables, when that is what was asked for.
    #[must_use]
    pub fn file(&self, view: &View) -> Option<String> {
        let language = view.look.language;
        let others = || self.config(view).file(language).or_else(|| self.ceilings(view).file(language));
        self.terms(view).file(language).or_else(others)
    }

    /// What a key of the configuration is set to.
    fn value(&self, section: &str, key: &str) -> Markup {
        let is_it = |effective: &&Effective| effective.section == section && effective.key == key;
        let value = self.effective.iter().find(is_it).and_then(|effective| effective.value.as_deref());
        // As a person writes it: the quotation marks are the file's.
        html! { (inert(value.map_or("—", |value| value.trim_matches('"')))) }
    }

    fn site(&self, view: &View) -> Markup {
        html! { section.sheet {
            h2 { (view.say("运行概况", "What runs here")) }
            p { (self.serving(view)) }
            (facts(&[
                (view.say("程序版本", "Version"), html! { (env!("CARGO_PKG_VERSION")) }),
                (view.say("主站时间", "Time here"), time(view.now)),
                (view.say("电能表", "Meters"), html! { (self.meters) }),
                (view.say("夜间采集", "Nights"), html! {
                    (self.value("collection", "start")) " – " (self.value("collection", "deadline")) }),
                (view.say("审计日志", "Audit log"), html! {
                    (view.say("第 ", "entry ")) (self.audit) (view.say(" 条", "")) }),
                (view.say("审计锚点", "Its anchor"), html! {
                    (self.value("audit", "anchor_file")) " · " (self.value("audit", "anchor_every")) }),
                (view.say("急停文件", "STOP file"), self.value("supply", "stop_file")),
            ]))
            p.hint { (view.say(
                "配置不在本页修改：编辑 chaobiao.toml，用 chaobiao config check 检查，再重启服务。",
                "The configuration is not changed here: edit chaobiao.toml, check it with `chaobiao config check`, and start the service anew.")) }
            p.hint { a href="/alarms" { (view.say("告警通道在“告警”页", "Where alarms go stands under Alarms")) } " · "
                a href="/lines" { (view.say("线路状态在“线路”页", "how lines are stands under Lines")) } }
        } }
    }

    /// Whether this instance serves the site, or which does.
    fn serving(&self, view: &View) -> Markup {
        let Serving { holder, is_here } = &self.serving;
        html! { @match (holder, is_here) {
            (None, true) => { (state(Tone::Good, view.say("由本实例提供服务", "this instance serves the site"))) " "
                (view.say("（数据库为文件，仅一个实例）", "(its database is a file: there is no other)")) }
            (Some(holder), true) => { (state(Tone::Good, view.say("由本实例提供服务", "this instance serves the site"))) " "
                (inert(&holder.name)) " · " (view.say("自 ", "since ")) (time(holder.since)) }
            (Some(holder), false) => { (state(Tone::Waiting, view.say("本实例待命", "this instance waits"))) " "
                (view.say("服务由实例 ", "instance ")) b { (inert(&holder.name)) }
                (view.say(" 提供，自 ", " serves the site since ")) (time(holder.since)) }
            (None, false) => { (state(Tone::Warn, view.say("当前无实例提供服务", "no instance serves the site"))) }
        } }
    }

    fn ceilings(&self, view: &View) -> Table<CeilingLine> {
        let (holds, configured) = self.ceilings;
        let lines = CEILINGS.iter().map(|(name, unit, of)| CeilingLine {
            name: *name,
            unit,
            holds: of(&holds),
            configured: configured.as_ref().map(of),
            built_in: of(&Ceilings::BUILT_IN),
        });
        let columns = vec![
            Column::new("ceiling", "上限", "Ceiling", |line: &CeilingLine, language| {
                line.name.of(language).to_owned()
            }),
            Column::new("holds", "现行", "In force", |line: &CeilingLine, _| line.said(Some(line.holds)))
                .number()
                .by(|line| line.holds.into()),
            Column::new("configured", "配置", "Configured", |line: &CeilingLine, _| {
                line.said(line.configured)
            })
            .number()
            .by(|line| line.configured.map_or(-1, i64::from)),
            Column::new(
                "built_in",
                "内置（不可放宽）",
                "Built in, never looser",
                |line: &CeilingLine, _| line.said(Some(line.built_in)),
            )
            .number()
            .by(|line| line.built_in.into()),
        ];
        let caption = Phrase::new("停电上限", "Ceilings for cuts");
        Table::new("ceilings", caption, caption, columns, &self.asked)
            .whole(lines.collect(), view.look.language)
    }

    fn terms(&self, view: &View) -> Table<TermsLine> {
        let built_in =
            TermsLine { from: String::new(), area: None, class: None, terms: Terms::STRICT, persons: None };
        let line = |record: &TermsRecord| TermsLine {
            from: record.row.from.to_string(),
            area: record.row.area.map(|area| self.areas.get(&area).cloned().unwrap_or_default()),
            class: record.row.class.map(labels::class),
            terms: record.row.terms,
            persons: Some((record.id, record.proposed_by.clone(), record.confirmed_by.clone())),
        };
        let rows = std::iter::once(built_in).chain(self.terms.iter().map(line)).collect();
        let caption = Phrase::new(
            "停电条件（越具体、越新者优先）",
            "Terms of cuts (the closest and newest row counts)",
        );
        Table::new("terms", caption, Phrase::new("无", "none"), terms_columns(), &self.asked)
            .whole(rows, view.look.language)
    }

    fn config(&self, view: &View) -> Table<Effective> {
        let columns = vec![
            Column::new("section", "段", "Section", |value: &Effective, _| value.section.clone()),
            Column::new("key", "键", "Key", |value: &Effective, _| value.key.to_owned())
                .shown(|value, _| html! { span.code { (value.key) } }),
            Column::new("value", "现行值", "Value", |value: &Effective, _| {
                value.value.clone().unwrap_or_default()
            }),
            Column::new("origin", "来源", "From", |value: &Effective, language| {
                match (value.value.is_some(), value.is_default) {
                    (false, _) => language.of("未设", "not given"),
                    (true, true) => language.of("默认", "default"),
                    (true, false) => language.of("配置文件", "the file"),
                }
                .to_owned()
            }),
            Column::new("remark", "备注", "Remark", |value: &Effective, _| {
                value.remark.clone().unwrap_or_default()
            }),
            Column::new("expected", "允许值", "What may stand here", |value: &Effective, language| {
                language.words(&value.expected).to_owned()
            }),
        ];
        let caption =
            Phrase::new("配置（密码和密钥不在其中）", "Configuration (no password or key is in it)");
        let empty = Phrase::new("本进程没有配置文件", "This process was given no configuration");
        Table::new("", caption, empty, columns, &self.asked).whole(self.effective.clone(), view.look.language)
    }
}

fn terms_columns() -> Vec<Column<TermsLine>> {
    vec![
        Column::new("from", "生效日", "From", |line: &TermsLine, language| match line.from.as_str() {
            "" => language.of("内置", "built in").to_owned(),
            from => from.to_owned(),
        }),
        Column::new("area", "台区", "Area", |line: &TermsLine, language| {
            line.area.clone().unwrap_or_else(|| language.of("全部", "everywhere").to_owned())
        }),
        Column::new("class", "用户类别", "Class", |line: &TermsLine, language| {
            line.class.map_or_else(|| language.of("全部", "all"), |class| class.of(language)).to_owned()
        }),
        Column::new("notice", "停电通知", "Notice", |line: &TermsLine, language| {
            between(line.terms.notice_least.as_secs(), line.terms.notice_most.as_secs(), language)
        }),
        Column::new("second", "再次通知", "Second notice", |line: &TermsLine, language| {
            between(line.terms.second_least.as_secs(), line.terms.second_most.as_secs(), language)
        }),
        Column::new("arrears", "欠费至少", "In arrears for", |line: &TermsLine, language| {
            lasting(language, line.terms.arrears_least.as_secs())
        }),
        Column::new("identity", "户表核对不超过", "Check at most", |line: &TermsLine, language| {
            lasting(language, line.terms.identity_most.as_secs())
        }),
        Column::new("read", "最近抄到不超过", "Read at most", |line: &TermsLine, language| {
            lasting(language, line.terms.read_most.as_secs())
        }),
        Column::new("persons", "提出 / 确认", "Proposed / confirmed", |line: &TermsLine, language| {
            match &line.persons {
                None => String::new(),
                Some((_, by, Some(confirmed))) => format!("{by} / {confirmed}"),
                Some((_, by, None)) => {
                    format!("{by} / {}", language.of("待确认，未生效", "waits, does not hold"))
                }
            }
        })
        .shown(|line, view| match &line.persons {
            None => html! {},
            Some((_, by, Some(confirmed))) => html! { (inert(by)) " / " (inert(confirmed)) },
            Some((id, by, None)) => html! {
                (inert(by)) " / " (state(Tone::Waiting, view.say("待确认，未生效", "waits, does not hold")))
                (limits::confirming(view, *id))
            },
        }),
    ]
}

fn between(least: u64, most: u64, language: Language) -> String {
    format!("{} – {}", lasting(language, least), lasting(language, most))
}

#[cfg(test)]
pub(crate) fn sample(asked: Asked) -> SettingsPage {
    use crate::config::Words;
    use crate::domain::CustomerClass;
    let effective = |section: &str, key: &'static str, value: Option<&str>, is_default| Effective {
        section: section.to_owned(),
        key,
        value: value.map(str::to_owned),
        expected: Words::of("anything", "任意"),
        is_default,
        remark: None,
    };
    let row = DatedTerms {
        from: "2026-11-01".parse().unwrap(),
        area: Some(Id::new(3)),
        class: Some(CustomerClass::Residential),
        terms: Terms::STRICT,
    };
    let record = TermsRecord { id: Id::new(1), row, proposed_by: "admin".to_owned(), confirmed_by: None };
    SettingsPage {
        effective: vec![
            effective("collection", "start", Some("00:05"), true),
            effective("audit", "anchor_file", Some("/var/lib/chaobiao/anchor"), false),
            effective("supply", "stop_file", None, true),
        ],
        ceilings: (Ceilings { order: 5, ..Ceilings::BUILT_IN }, Some(Ceilings::BUILT_IN)),
        terms: vec![record],
        areas: HashMap::from([(Id::new(3), "朝阳3号台区".to_owned())]),
        audit: 77,
        serving: Serving { holder: None, is_here: true },
        meters: 1200,
        wanted_by: Vec::new(),
        typed: Typed::default(),
        asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;
    use crate::http::console::view;

    #[test]
    fn settings_say_what_holds_where_it_comes_from_and_who_waits() {
        let page = sample(Asked::default());
        let zh = page.markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
        for part in [
            "chaobiao config check",
            "第 77 条",
            "/var/lib/chaobiao/anchor",
            "00:05",
            "待确认，未生效",
            "朝阳3号台区",
            "7 天 – 15 天",
            "任意",
        ] {
            assert!(zh.contains(part), "{part}: {zh}");
        }
        assert!(!zh.contains("method=\"post\" action=\"/settings"), "{zh}");
        assert!(zh.contains("由本实例提供服务") && zh.contains("数据库为文件"), "{zh}");
        let holder = crate::store::Holder {
            name: "<b>east/71".to_owned(),
            version: "1.4.0".to_owned(),
            since: "2026-11-28".parse::<crate::domain::Day>().unwrap().start(),
            token: 7,
        };
        for (is_here, language, words) in [
            (true, Language::English, "this instance serves the site"),
            (false, Language::English, "serves the site since"),
            (false, Language::Chinese, "本实例待命"),
        ] {
            let serving = Serving { holder: Some(holder.clone()), is_here };
            let page = SettingsPage { serving, ..sample(Asked::default()) };
            let text = page.markup(&view::sample(language, Role::Viewer)).into_string();
            assert!(text.contains(words) && text.contains("&lt;b&gt;east/71"), "{text}");
        }
        let asked = Asked(vec![("csv".to_owned(), "all".to_owned())]);
        let file = sample(asked).file(&view::sample(Language::English, Role::Admin)).unwrap();
        assert!(file.contains("supply,stop_file,,not given"), "{file}");
    }
}
