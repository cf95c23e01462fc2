//! The description of the API as a page to read, made here, without a script.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use crate::http::console::assets::STYLE;

/// The page of a description.
pub(super) fn page(document: &str) -> Markup {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let none = serde_json::Map::new();
    let paths = document.get("paths").and_then(Value::as_object).unwrap_or(&none);
    let operations = || {
        paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.filter(|(method, _)| METHODS.contains(&method.as_str())).map(move |each| (path, each))
        })
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "API · 抄表" }
                link rel="stylesheet" href=(STYLE.path);
            }
            body {
                main {
                    h1 { "API · 接口" }
                    p { (document.pointer("/info/description").map(text).unwrap_or_default()) }
                    p { a href="/api/openapi.json" { "openapi.json" } }
                    nav {
                        ul {
                            @for (path, (method, operation)) in operations() {
                                li {
                                    a href={ "#" (anchor(path, method)) } { (method.to_uppercase()) " " (path) }
                                    " " (operation.get("summary").map(text).unwrap_or_default())
                                }
                            }
                        }
                    }
                    @for (path, (method, operation)) in operations() {
                        section id=(anchor(path, method)) {
                            h2 { code { (method.to_uppercase()) " " (path) } }
                            p { (operation.get("summary").map(text).unwrap_or_default()) }
                            p { (operation.get("description").map(text).unwrap_or_default()) }
                            (parts(operation))
                        }
                    }
                    @if let Some(schemas) = document.pointer("/components/schemas").and_then(Value::as_object) {
                        h2 { "Schemas · 数据结构" }
                        @for (name, schema) in schemas {
                            section id={ "schema-" (name) } {
                                h3 { (name) }
                                pre { (serde_json::to_string_pretty(schema).unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What an operation takes and gives.
fn parts(operation: &Value) -> Markup {
    html! {
        @for (key, title) in
            [("parameters", "Parameters · 参数"), ("requestBody", "Body · 请求"), ("responses", "Answers · 应答")] {
            @if let Some(part) = operation.get(key) {
                details {
                    summary { (title) }
                    pre { (serde_json::to_string_pretty(part).unwrap_or_default()) }
                }
            }
        }
    }
}

fn anchor(path: &str, method: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("{method}{}", path.chars().map(plain).collect::<String>())
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
