//! Pages that stand by themselves: what is shown when something does not work.

use maud::{DOCTYPE, Markup, html};

use super::console::assets::STYLE;
use super::problem::Problem;

/// A page that tells of a problem, in both languages.
pub(super) fn problem(problem: &Problem, request_id: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (problem.words.zh) " · 抄表" }
                link rel="stylesheet" href=(STYLE.path);
            }
            body {
                main {
                    h1 { (problem.words.zh) }
                    p lang="en" { (problem.words.en) }
                    p { "代码 code: " code { (problem.code) } }
                    p { "请求编号 request: " code { (request_id) } }
                    p { a href="/" { "返回首页 back to the first page" } }
                }
            }
        }
    }
}
