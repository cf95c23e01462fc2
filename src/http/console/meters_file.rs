//! The archive from a file (档案导入): a file is chosen or pasted, what it would change is shown, and done when it is confirmed.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::components::{Tone, state, token};
use super::file_field::{brought, file_field};
use super::handlers::{answer, answer_as};
use super::sent::Sent;
use super::table::{Asked, Column, Table};
use super::typed::Typed;
use super::view::View;
use super::words::{Phrase, inert};
use crate::archive::{Notice, cells_changed};
use crate::config::Words;
use crate::domain::access::{Action, Regions};
use crate::http::archive_import::{Looked, import, preview};
use crate::http::lists::LARGE;
use crate::http::routes::Routes;
use crate::http::{Problem, Services};
use crate::store::archive::{ArchiveReport, EntryChange};
use axum::extract::State;
use axum::http::StatusCode;

pub(super) fn routes() -> Routes {
    Routes::default()
        .page("/meters/import", Action::ImportArchive, page)
        .form("/meters/import", Action::ImportArchive, bring)
        .taking(LARGE)
}

/// What the page is called.
pub const TITLE: Phrase = Phrase::new("档案导入", "Archive from a file");

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct ImportPage {
    /// What was brought.
    pub typed: Typed,
    /// What it would change.
    pub shown: Option<ImportShown>,
    /// What the address says.
    pub asked: Asked,
}

/// What a file would change.
#[derive(Clone, Debug)]
pub struct ImportShown {
    /// How much.
    pub report: ArchiveReport,
    /// Every meter: its line, its address, its point, and what differs; `None` for a new one.
    pub lines: Vec<ImportLine>,
    /// Columns that were not read.
    pub ignored: Vec<String>,
    /// What was taken otherwise than it stands in the file.
    pub notices: Vec<Notice>,
    /// What is named in order to have it done.
    pub digest: String,
}

/// A meter that is new or differs.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// Its line in the file.
    pub line: Option<u64>,
    /// Its address.
    pub address: String,
    /// Its point.
    pub point: String,
    /// Names of columns in both languages, what stands there and what would; `None` for a new meter.
    pub cells: Option<Vec<(Phrase, String, String)>>,
}

async fn page(State(services): State<Services>, view: View, asked: Asked) -> Result<Response, Problem> {
    let page = ImportPage { asked, ..ImportPage::default() };
    answer(&services, &view, TITLE, (page.markup(&view), None)).await
}

async fn bring(sent: Sent) -> Result<Response, Problem> {
    let done = async {
        let file = brought(&sent.typed)?;
        match sent.typed.some("digest") {
            Some(digest) => {
                let (_, report) = import(&sent.services, &sent.caller, &file, digest).await?;
                let ArchiveReport { added, changed, .. } = report;
                let place = format!("/meters/import?added={added}&changed={changed}");
                Ok(Err(Redirect::to(&place).into_response()))
            }
            None => Ok(Ok(shown(preview(&sent.services, &sent.caller, &file).await?))),
        }
    };
    let done: Result<Result<ImportShown, Response>, Problem> = done.await;
    let (view, status, typed, shown) = match done {
        Ok(Err(redirect)) => return Ok(redirect),
        Ok(Ok(shown)) => (sent.view, StatusCode::OK, sent.typed, Some(shown)),
        Err(problem) => {
            let (Sent { view, typed, .. }, status) = sent.refused(problem)?;
            (view, status, typed, None)
        }
    };
    let page = ImportPage { typed, shown, asked: Asked::default() };
    Ok(answer_as(status, &view, TITLE, &page.markup(&view)))
}

fn shown(looked: Looked) -> ImportShown {
    let Looked { file, preview } = looked;
    let line = |change: &EntryChange| {
        let entry = file.entries.get(change.place)?;
        let cells = change.before.as_ref().map(|before| {
            let cells = cells_changed(before, entry).into_iter();
            cells
                .map(|cell| (Phrase::new(cell.column.zh(), cell.column.en()), cell.before, cell.after))
                .collect()
        });
        Some(ImportLine {
            line: file.line(change.place),
            address: entry.meter.address.to_string(),
            point: entry.point.number.clone(),
            cells,
        })
    };
    ImportShown {
        report: preview.report,
        lines: preview.changes.iter().take(MOST_SHOWN).filter_map(line).collect(),
        ignored: file.ignored.clone(),
        notices: file.notices.clone(),
        digest: preview.digest,
    }
}

impl ImportPage {
    /// The page without what is around it.
    #[must_use]
    pub fn markup(&self, view: &View) -> Markup {
        html! {
            p.no-print { a href="/meters" { "◀ " (view.say("电能表", "Meters")) } }
            @if let Some((added, changed)) = self.saved() {
                p { (state(Tone::Good, view.say("已导入", "taken over"))) " "
                    (view.say("新增 ", "new: ")) (added) " · " (view.say("变更 ", "changed: ")) (changed) }
            }
            @match &self.shown {
                Some(shown) => (self.preview(view, shown)),
                None => (self.form(view)),
            }
        }
    }

    /// How much was taken over just now.
    fn saved(&self) -> Option<(u64, u64)> {
        let number = |name| self.asked.value(name)?.parse().ok();
        Some((number("added")?, number("changed")?))
    }

    fn form(&self, view: &View) -> Markup {
        let sees_all = view.acting.as_ref().is_some_and(|acting| acting.regions == Regions::All);
        if !sees_all || !view.may(Action::ImportArchive) {
            return html! { p { (view.say("只有可见全部区域的值班员可以导入档案。", "The archive is brought in by an operator who sees all regions.")) } };
        }
        html! { form.sheet.no-print method="post" action="/meters/import" {
            (token(view))
            p.hint { (view.say(
                "工作簿（XLSX）或 CSV，列名中英文均可、次序不限；先预览、后确认，整份收下或全不收。换表、改倍率、取消保护不能由文件办理。",
                "A workbook (XLSX) or CSV, columns in Chinese or English in any order. What would change is shown first; it is taken whole or not at all. A file exchanges no meter, changes no transformers and ends no protection.")) }
            (file_field(view, &self.typed))
            button { (view.say("预览", "Show what would change")) }
        } }
    }

    fn preview(&self, view: &View, shown: &ImportShown) -> Markup {
        let ArchiveReport { before, added, changed, same } = shown.report;
        html! {
            section.sheet {
                h2 { (inert(self.typed.some("name").unwrap_or_else(|| view.say("粘贴的内容", "pasted text")))) }
                (super::components::facts(&[
                    (view.say("现有", "In the archive"), html! { (before) }),
                    (view.say("新增", "New"), html! { (added) }),
                    (view.say("变更", "Changed"), html! { (changed) }),
                    (view.say("无变化", "Unchanged"), html! { (same) }),
                    (view.say("文件未列（保留不变）", "Not named, kept"), html! { (shown.report.absent()) }),
                    (view.say("未识别的列", "Columns not read"), html! { (inert(&shown.ignored.join(", "))) }),
                ]))
                @if !shown.notices.is_empty() {
                    ul { @for Notice { column, line, lines, kind } in &shown.notices {
                        @let Words { en, zh } = kind.words();
                        li {
                            (inert(column)) " "
                            (view.say("行数 ", "lines ")) (lines) (view.say("，首见第 ", ", the first is ")) (line)
                            (view.say(" 行：", ": ")) (view.say(&zh, &en))
                        }
                    } }
                }
                @if shown.report.is_large() {
                    p { (state(Tone::Bad, view.say("变更超过现有档案的五分之一，请确认这份文件是对的",
                        "more than a fifth of the archive changes: make sure that this is the right file"))) }
                }
            }
            (self.table(view, shown).markup(view))
            form.no-print method="post" action="/meters/import" {
                (token(view))
                @for name in ["file", "name", "text"] { input type="hidden" name=(name) value=(self.typed.whole(name)); }
                input type="hidden" name="digest" value=(shown.digest);
                @if shown.report.is_large() {
                    label { input type="checkbox" name="sure" required; " "
                        (view.say("已核对，变更很多是对的", "I have looked: that much is meant")) }
                    " "
                }
                button disabled[added + changed == 0] { (view.say("确认导入", "Take it over")) }
            }
            p.no-print { a href="/meters/import" { "◀ " (view.say("另选文件", "Another file")) } }
        }
    }

    fn table(&self, view: &View, shown: &ImportShown) -> Table<ImportLine> {
        let columns = vec![
            Column::new("line", "行", "Line", |line: &ImportLine, _| {
                line.line.map(|line| line.to_string()).unwrap_or_default()
            })
            .by(|line| i64::try_from(line.line.unwrap_or(0)).unwrap_or(0)),
            Column::new("address", "通信地址", "Address", |line: &ImportLine, _| line.address.clone()),
            Column::new("point", "计量点", "Point", |line: &ImportLine, _| line.point.clone()),
            Column::new("what", "变更内容", "What changes", |line: &ImportLine, language| {
                match &line.cells {
                    None => language.of("新增", "new").to_owned(),
                    Some(cells) => {
                        let told = cells.iter().map(|(column, before, after)| {
                            let or_none =
                                |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
                            format!("{}：{} → {}", column.of(language), or_none(before), or_none(after))
                        });
                        told.collect::<Vec<_>>().join(language.of("；", "; "))
                    }
                }
            }),
        ];
        let empty = Phrase::new("没有变更", "Nothing would change");
        Table::new("", Phrase::new("将发生的变更", "What would change"), empty, columns, &self.asked)
            .whole(shown.lines.clone(), view.look.language)
    }
}

/// How many changes are shown.
const MOST_SHOWN: usize = 500;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::archive::NoticeKind;
    use crate::domain::access::Role;
    use crate::http::console::view;
    use crate::http::console::words::Language;

    pub(crate) fn sample() -> ImportPage {
        let cells = vec![(Phrase::new("线路", "line"), "<script>1</script>".to_owned(), String::new())];
        let line = |number: u64, cells| ImportLine {
            line: Some(number),
            address: format!("20241111000{number}"),
            point: format!("P000000{number}"),
            cells,
        };
        let report = ArchiveReport { before: 4, added: 1, changed: 1, same: 2 };
        let lines = vec![line(2, Some(cells)), line(3, None)];
        let kind = NoticeKind::LeftOutWithout(crate::archive::Column::Route);
        let notices = vec![Notice { column: "抄表例日".to_owned(), line: 2, lines: 2, kind }];
        let shown = ImportShown {
            report,
            lines,
            ignored: vec!["备注".to_owned()],
            notices,
            digest: "ab-cd".to_owned(),
        };
        ImportPage { shown: Some(shown), ..ImportPage::default() }
    }

    #[test]
    fn f38_what_would_change_is_shown_and_much_of_it_is_asked_for_twice() {
        let operator = view::sample(Language::Chinese, Role::Operator);
        let page = sample().markup(&operator).into_string();
        for part in [
            "线路：&lt;script&gt;1&lt;/script&gt; → —",
            "新增",
            "超过现有档案的五分之一",
            "抄表例日 行数 2，首见第 2 行：未导入",
            "name=\"digest\" value=\"ab-cd\"",
            "name=\"sure\" required",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let mut small = sample();
        small.shown.as_mut().unwrap().report.before = 400;
        assert!(!small.markup(&operator).into_string().contains("name=\"sure\""));
        let form = ImportPage::default().markup(&operator).into_string();
        assert!(form.contains("name=\"text\"") && form.contains("type=\"file\""));
    }
}
