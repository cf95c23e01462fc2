//! The fields by which a form brings a file: one to choose it, which the script turns into digits, and one to paste a text.

use maud::{Markup, html};

use super::components::field;
use super::typed::Typed;
use super::view::View;
use crate::http::Problem;
use crate::http::brought::Brought;

/// The fields, for a form that [`brought`] reads.
pub(super) fn file_field(view: &View, typed: &Typed) -> Markup {
    html! {
        (field(view.say("文件（XLSX 或 CSV）", "File (XLSX or CSV)"), &html! {
            input type="file" accept=".xlsx,.csv,.txt" data-digits="file" data-named="name" disabled;
        }))
        noscript { p.hint { (view.say(
            "浏览器未启用脚本，不能选择文件：请在下面粘贴 CSV 文本，或用命令 chaobiao 导入。",
            "This browser runs no script, so no file can be chosen: paste CSV text below, or import with the command.")) } }
        input type="hidden" name="file" value="";
        input type="hidden" name="name" value="";
        (field(view.say("或粘贴 CSV 文本", "Or paste CSV text"), &html! {
            textarea name="text" rows="6" cols="80" spellcheck="false" { (typed.whole("text")) }
        }))
    }
}

/// The file that a form brings.
///
/// # Errors
/// [`Problem`] when it brings none.
pub(super) fn brought(typed: &Typed) -> Result<Brought, Problem> {
    Brought::of_form(typed.text("file"), typed.text("name"), typed.whole("text"))
}
