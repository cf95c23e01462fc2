//! Arrows point down only: judges what every source file names against the tables below.
//!
//! The tables know modules that do not exist yet. A new module of the root crate needs a row in [`LAYERS`], which is
//! where its place is decided; the diagram is in `src/manual/architecture.md`.

mod support;

use std::path::Path;
use support::{code_only, in_project, sources};

/// The modules of the root crate from the bottom up, and which of the others each may name.
const LAYERS: &[(&str, &str)] = &[
    ("manual", ""),
    ("failpoint", ""),
    ("ownership", ""),
    ("domain", ""),
    ("clock", "domain"),
    ("config", "ownership domain clock"),
    ("archive", "domain config"),
    ("telemetry", "domain clock config"),
    ("link", "domain clock config telemetry"),
    ("explain", "domain clock config telemetry link"),
    ("terminal", "failpoint domain clock config telemetry link"),
    ("channel", "failpoint domain clock config telemetry link terminal"),
    ("plan", "domain clock config telemetry"),
    ("store", "failpoint ownership domain clock config telemetry"),
    ("collect", "domain clock config telemetry plan terminal channel store"),
    ("billing", "failpoint domain clock config telemetry plan channel store"),
    ("supply", "domain clock config telemetry plan terminal channel store"),
    ("alarm", "failpoint domain clock config telemetry terminal channel store"),
    (
        "http",
        "domain clock config archive telemetry explain plan terminal channel store collect billing supply alarm",
    ),
    (
        "app",
        "failpoint ownership domain clock config archive telemetry link plan terminal channel store collect billing supply alarm http",
    ),
    (
        "cli",
        "failpoint ownership domain clock config archive telemetry link explain plan terminal channel store collect billing supply alarm http app manual",
    ),
    (
        "main",
        "failpoint domain clock config archive telemetry link explain plan terminal channel store collect billing supply alarm http app manual cli",
    ),
];

/// Names that may not be used in one part of the tree. A name with `::` or a capital is found anywhere in a path, any
/// other is a crate and stands at the front.
struct Ban {
    part: &'static str,
    except: &'static [&'static str],
    names: &'static str,
    reason: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        part: "protocol/",
        except: &[],
        names: "tokio chaobiao simulator std::net std::fs std::env std::thread std::process SystemTime Instant::now",
        reason: "a protocol crate is given bytes and the present, and does no I/O",
    },
    Ban { part: "protocol/dlt645/", except: &[], names: "gdw1376", reason: "the crate is published alone" },
    Ban {
        part: "protocol/gdw1376/",
        except: &[],
        names: "dlt645",
        reason: "it carries meter frames as opaque bytes",
    },
    Ban {
        part: "simulator/",
        except: &[],
        names: "chaobiao",
        reason: "the simulator knows the protocol crates only",
    },
    Ban {
        part: "simulator/src/",
        except: &["simulator/src/serve"],
        names: "tokio std::net std::fs",
        reason: "serve is the only part of the simulator with I/O",
    },
    Ban {
        part: "src/domain",
        except: &[],
        names: "tokio sqlx axum std::net std::fs",
        reason: "the domain is pure rules",
    },
    Ban {
        part: "src/plan",
        except: &[],
        names: "tokio sqlx axum std::net std::fs",
        reason: "a plan is a function of schedule, facts and now",
    },
    Ban { part: "src/", except: &["src/store"], names: "sqlx", reason: "the store owns all SQL" },
    Ban {
        part: "src/",
        except: &["src/channel/modbus"],
        names: "tokio_modbus",
        reason: "the second driver of a line is its only user",
    },
    Ban {
        part: "src/",
        except: &[],
        names: "write_single_coil write_multiple_coils write_single_register write_multiple_registers \
                masked_write_register read_write_multiple_registers tokio_modbus::Request tokio_modbus::prelude",
        reason: "meters that speak Modbus are read and never written to",
    },
    Ban {
        part: "src/",
        except: &["src/cli/demo", "src/cli/simulate"],
        names: "simulator",
        reason: "only the commands demo and simulate run meters",
    },
];

/// Which dependencies a package may have, and which development dependencies it may not.
struct Manifest {
    path: &'static str,
    may_depend_on: Option<&'static str>,
    never: &'static str,
}

const MANIFESTS: &[Manifest] = &[
    Manifest {
        path: "protocol/dlt645/Cargo.toml",
        may_depend_on: Some("nom thiserror serde"),
        never: "tokio chaobiao simulator gdw1376",
    },
    Manifest {
        path: "protocol/gdw1376/Cargo.toml",
        may_depend_on: Some("nom thiserror serde"),
        never: "tokio chaobiao simulator dlt645",
    },
    Manifest { path: "simulator/Cargo.toml", may_depend_on: None, never: "chaobiao" },
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "util", "utils"];

/// Lines of a source file without its tests.
const LONGEST_FILE: usize = 600;

#[test]
fn arrows_point_down_only() {
    let mut found = Vec::new();
    for folder in ["src", "protocol", "simulator"] {
        for source in sources(folder, ".rs").unwrap() {
            found.extend(violations(&source.path, &source.text));
        }
    }
    for manifest in MANIFESTS {
        if let Ok(text) = std::fs::read_to_string(in_project(manifest.path)) {
            found.extend(manifest_violations(manifest, &text));
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_table_itself_points_down_only() {
    for (row, (module, may_use)) in LAYERS.iter().enumerate() {
        for lower in may_use.split_whitespace() {
            let below = LAYERS[..row].iter().any(|(name, _)| *name == lower);
            assert!(below, "{module} may use {lower}, which is not below it");
        }
    }
}

#[test]
fn every_page_of_the_manual_is_compiled() {
    let manual = std::fs::read_to_string(in_project("src/manual/mod.rs")).unwrap();
    for page in sources("src/manual", ".md").unwrap() {
        let name = page.path.trim_start_matches("src/manual/");
        assert!(manual.contains(&format!("include_str!(\"{name}\")")), "src/manual/mod.rs leaves out {name}");
    }
}

#[test]
fn a_planted_violation_is_caught() {
    let caught = |path: &str, text: &str| violations(path, text).join("\n");
    assert_eq!(
        caught("src/collect/run.rs", "use crate::{\n    domain::Meter,\n    http::{api, console},\n};"),
        "src/collect/run.rs: collect may not use crate::http::api\n\
         src/collect/run.rs: collect may not use crate::http::console"
    );
    for (path, text, said) in [
        (
            "src/collect/run.rs",
            "fn f() { crate::billing::push(); }",
            "collect may not use crate::billing::push",
        ),
        ("src/collect/run.rs", "fn f() -> crate::http::Page {", "collect may not use crate::http::Page"),
        ("src/collect/run.rs", "<A as crate::http::Page>::b()", "collect may not use crate::http::Page"),
        ("src/collect/run.rs", "Some(a) => crate::http::page(a)", "collect may not use crate::http::page"),
        ("src/store/mod.rs", "use super::collect as c;", "store may not use crate::collect"),
        ("src/store/reads.rs", "use super::super::collect::Run;", "store may not use crate::collect::Run"),
        ("src/domain/meter.rs", "pub use crate::clock::*;", "domain may not use crate::clock::*"),
        ("src/link.rs", "use ::sqlx::Pool;", "sqlx::Pool: the store owns all SQL"),
        ("src/app.rs", "use simulator::fleet;", "simulator::fleet: only the commands"),
        ("src/tariff.rs", "", "tariff has no row in LAYERS"),
        ("src/http/utils.rs", "", "utils says nothing"),
        ("src/link/helpers/tcp.rs", "", "helpers says nothing"),
        ("protocol/dlt645/src/frame.rs", "mod common { }", "common says nothing"),
        ("protocol/dlt645/src/frame.rs", "use std::{fmt, fs::File};", "std::fs::File: a protocol crate"),
        ("protocol/dlt645/src/frame.rs", "let now = time::Instant::now();", "time::Instant::now: a protocol"),
        ("protocol/dlt645/src/frame.rs", "use gdw1376::Frame;", "gdw1376::Frame: the crate is published"),
        (
            "simulator/src/bus.rs",
            "async fn f(s: tokio::net::TcpStream) {}",
            "tokio::net::TcpStream: serve is",
        ),
        ("simulator/src/bus.rs", &"\n".repeat(601), "601 lines without its tests"),
    ] {
        assert!(caught(path, text).contains(said), "{path}, {text}: {}", caught(path, text));
    }
}

#[test]
fn what_is_allowed_is_not_caught() {
    let long_tests =
        format!("#[cfg(test)]\nmod tests {{\n use crate::http; fn f(a: [u8; 2]) {{{}}} }}", "\n".repeat(600));
    for (path, text) in [
        ("src/collect/run.rs", "use crate::{channel::Lane, collect::judge, store::{self, Reads}};"),
        ("src/collect/run.rs", "use super::judge; use std::fs; let x = Vec::<u8>::new();"),
        ("src/collect/run.rs", "// use crate::http;\n/* crate::http::x */ let s = \"crate::http::x\";"),
        ("src/collect/run.rs", long_tests.as_str()),
        ("src/collect/tests.rs", "use crate::http; use simulator::bus;"),
        ("src/main.rs", "use chaobiao::cli; fn main() {}"),
        ("src/cli/simulate.rs", "use simulator::fleet;"),
        ("protocol/dlt645/src/exchange.rs", "use std::time::{Duration, Instant};"),
        ("protocol/dlt645/benches/decode.rs", "let now = std::time::Instant::now();"),
        ("simulator/src/serve/tcp.rs", "use tokio::net::TcpListener;"),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn a_planted_dependency_is_caught() {
    let manifest = &MANIFESTS[0];
    let text =
        "[dependencies]\nnom = \"8\"\nbytes = \"1\"\n[dev-dependencies]\nproptest = \"1\"\ntokio = \"1\"\n";
    assert_eq!(
        manifest_violations(manifest, text),
        [
            "protocol/dlt645/Cargo.toml: dependencies may not name bytes, only nom thiserror serde",
            "protocol/dlt645/Cargo.toml: dev-dependencies may not name tokio",
        ]
    );
}

#[test]
fn code_keeps_its_lines_and_loses_comments_and_literals() {
    let text =
        "a /* b /* c */ \n d */ e // f\n\"g\\\" h\" i 'j' '\\'' k<'l> r#\"m \" n\"# b'o' br\"p\" far\"q\" s";
    let code = code_only(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "i", "k<'l>", "b", "far", "s"]);
}

/// Everything wrong with one file, one sentence each.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code = without_tests(&code_only(text));
    let tokens = tokens(&code);
    for name in empty_names(path, &tokens) {
        found.push(format!("{path}: the name {name} says nothing about what is inside"));
    }
    let is_shipped = path.starts_with("src/") || path.contains("/src/");
    if !is_shipped || path.ends_with("/tests.rs") || path.contains("/tests/") {
        return found;
    }
    let lines = code.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!("{path}: {lines} lines without its tests, at most {LONGEST_FILE}"));
    }
    let paths = paths(&tokens);
    for ban in BANS.iter().filter(|ban| ban.applies_to(path)) {
        for named in paths.iter().filter(|named| ban.names.split_whitespace().any(|name| names(named, name)))
        {
            found.push(format!("{path}: may not use {}: {}", named.join("::"), ban.reason));
        }
    }
    found.extend(upward_arrows(path, &paths));
    found
}

/// What a file of the root crate names that does not stand below it.
fn upward_arrows(path: &str, paths: &[Vec<&str>]) -> Vec<String> {
    let Some(inside) = path.strip_prefix("src/").filter(|inside| *inside != "lib.rs") else {
        return Vec::new();
    };
    let module: Vec<&str> = inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    let Some(own) = module.first().copied() else { return Vec::new() };
    let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{path}: {own} has no row in LAYERS of tests/architecture.rs")];
    };
    let mut found = Vec::new();
    for named in paths.iter().filter_map(|named| from_the_root(named, &module)) {
        let Some(target) = named.first().copied() else { continue };
        let is_a_layer = LAYERS.iter().any(|(name, _)| *name == target);
        if is_a_layer && target != own && !may_use.split_whitespace().any(|lower| lower == target) {
            found.push(format!("{path}: {own} may not use crate::{}", named.join("::")));
        }
    }
    found
}

/// The path as seen from the root of the crate, if it is one of our own.
fn from_the_root<'a>(named: &[&'a str], module: &[&'a str]) -> Option<Vec<&'a str>> {
    let (first, rest) = named.split_first()?;
    match *first {
        "crate" | "chaobiao" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let (_, parent) = module.split_last()?;
            from_the_root(rest, parent).or_else(|| Some([parent, rest].concat()))
        }
        _ => None,
    }
}

impl Ban {
    fn applies_to(&self, path: &str) -> bool {
        path.starts_with(self.part) && !self.except.iter().any(|except| path.starts_with(except))
    }
}

fn names(path: &[&str], banned: &str) -> bool {
    let banned: Vec<&str> = banned.split("::").collect();
    let is_crate = banned.len() == 1 && banned.concat().chars().all(|c| !c.is_uppercase());
    if is_crate { path.starts_with(&banned) } else { path.windows(banned.len()).any(|part| part == banned) }
}

fn empty_names<'a>(path: &'a str, tokens: &[&'a str]) -> Vec<&'a str> {
    let in_path =
        Path::new(path).iter().filter_map(|part| part.to_str()).map(|part| part.trim_end_matches(".rs"));
    let inline = tokens.windows(2).filter_map(|pair| match pair {
        ["mod", name] => Some(*name),
        _ => None,
    });
    in_path.chain(inline).filter(|name| EMPTY_NAMES.contains(name)).collect()
}

fn manifest_violations(manifest: &Manifest, text: &str) -> Vec<String> {
    let path = manifest.path;
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut found = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for name in table.get(section).and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys)
        {
            let allowed = manifest.may_depend_on.filter(|_| section != "dev-dependencies");
            if manifest.never.split_whitespace().any(|never| never == name) {
                found.push(format!("{path}: {section} may not name {name}"));
            } else if let Some(allowed) =
                allowed.filter(|allowed| !allowed.split_whitespace().any(|ok| ok == name))
            {
                found.push(format!("{path}: {section} may not name {name}, only {allowed}"));
            }
        }
    }
    found
}

/// Takes out every item under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, item)) = rest.split_once(MARK) {
        kept.push_str(before);
        let mut depth = 0_usize;
        let end = item.find(|c| {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && matches!(c, ';' | '}')
        });
        rest = end.and_then(|end| item.get(end + 1..)).unwrap_or("");
    }
    kept + rest
}

/// Names, `::` and single signs.
fn tokens(code: &str) -> Vec<&str> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if in_name(first) => rest.find(|c| !in_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, left) = rest.split_at(length);
        found.push(token);
        rest = left.trim_start();
    }
    found
}

/// Every path of two or more names, and every leaf of a `use`.
fn paths<'a>(tokens: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_name = |token: &str| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    let mut rest = tokens.iter().copied().peekable();
    let (mut older, mut previous) = ("", "");
    while let Some(token) = rest.next() {
        // In `Vec::<u8>::new` the last name goes on with a path that was counted.
        let goes_on = older == ">" && previous == "::";
        (older, previous) = (previous, token);
        if token == "use" && rest.peek() != Some(&"<") {
            use_leaves(&mut rest, &[], &mut found);
        } else if is_name(token) && !goes_on {
            let mut path = vec![token];
            while rest.next_if_eq(&"::").is_some() {
                path.extend(rest.next_if(|next| is_name(next)));
            }
            if path.len() > 1 {
                found.push(path);
            }
        }
    }
    found
}

/// Reads one branch of a `use` and says what ended it.
fn use_leaves<'a>(
    tokens: &mut impl Iterator<Item = &'a str>,
    stem: &[&'a str],
    found: &mut Vec<Vec<&'a str>>,
) -> Option<&'a str> {
    let mut path = stem.to_vec();
    let mut is_leaf = true;
    loop {
        match tokens.next()? {
            "::" => {}
            "as" => {
                tokens.next();
            }
            "{" => {
                is_leaf = false;
                while use_leaves(tokens, &path, found)? == "," {}
            }
            end @ ("," | "}" | ";") => {
                if is_leaf && path.len() > stem.len() {
                    found.push(path);
                }
                return Some(end);
            }
            "self" if !path.is_empty() => {}
            name => path.push(name),
        }
    }
}
