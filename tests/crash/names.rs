//! The names of all points, read from the code, against `steps.txt`: a new step fails here until it is said which sweep
//! meets it.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{in_project, sources};

/// The steps of the code: what every write transaction of the store is for, and what passes a point by itself.
fn of_the_code() -> BTreeSet<String> {
    let mut steps = BTreeSet::new();
    for source in sources("src", ".rs").unwrap() {
        let code = source.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let mut marks = vec!["failpoint::pass(Side::Before, ", "failpoint::pass_blocking(Side::Before, "];
        if source.path.starts_with("src/store/") {
            marks.extend([".write(", ".change_supply(", ".await?.doing("]);
        }
        for mark in marks {
            for (at, _) in code.match_indices(mark) {
                let rest = code[at + mark.len()..].trim_start();
                let step = match rest.strip_prefix('"') {
                    Some(text) => text.split('"').next().unwrap_or_default().to_owned(),
                    None => named(&source.text, rest.split([')', ',']).next().unwrap_or_default()),
                };
                if !step.is_empty() {
                    steps.insert(step);
                }
            }
        }
    }
    steps
}

/// The text of a constant of the same file; nothing for an argument.
fn named(text: &str, name: &str) -> String {
    let begin = format!("const {name}: &str = \"");
    text.split_once(&begin).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default().to_owned()
}

/// The steps of `steps.txt`, and who meets them.
fn written() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(in_project("tests/crash/steps.txt")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| row.split_once(" | ").map(|(step, by)| (step.to_owned(), by.to_owned())).unwrap())
        .collect()
}

/// A service meets both sides of the steps that are said to be of a night, and no others.
pub(crate) fn are_those_of_a_night(met: &BTreeSet<String>, on_a_server: bool) {
    let is_met = |by: &str| by == "night" || on_a_server && by == "night on a server";
    let of_a_night = written().into_iter().filter(|(_, by)| is_met(by)).map(|(step, _)| step);
    let expected: BTreeSet<String> =
        of_a_night.flat_map(|step| ["before", "after"].map(|side| format!("{side} {step}"))).collect();
    let differ: Vec<_> = expected.symmetric_difference(met).collect();
    assert!(differ.is_empty(), "tests/crash/steps.txt says otherwise of {differ:#?}");
}

#[test]
fn f26_f27_every_step_of_the_code_is_in_the_list_of_steps() {
    let (code, written) = (of_the_code(), written());
    let written: BTreeSet<String> = written.into_keys().collect();
    let new: Vec<_> = code.difference(&written).collect();
    let gone: Vec<_> = written.difference(&code).collect();
    assert!(code.len() > 50, "the code is not understood: {code:?}");
    assert!(new.is_empty(), "steps that are not in tests/crash/steps.txt: {new:#?}");
    assert!(gone.is_empty(), "steps of tests/crash/steps.txt that are not in the code: {gone:#?}");
}

#[test]
fn f26_f27_nothing_is_begun_or_sent_past_the_points() {
    let only = |mark: &str, place: &str| {
        for source in sources("src", ".rs").unwrap() {
            let may = source.path == place || source.path.ends_with("/tests.rs");
            assert!(may || !source.text.contains(mark), "{}: {mark}", source.path);
        }
    };
    // Whatever begins a transaction of the database ends it with the commit that has the points.
    only(".begin_with(", "src/store/transaction.rs");
    only("link.write(", "src/channel/converse.rs");
}
