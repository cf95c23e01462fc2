//! `SPEC.md` is kept honest: what it calls done or partial is cited in the code and covered by a test, and whatever is
//! cited has a row.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read must end its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All text of the files at or below a path.
fn text_of(path: &Path) -> String {
    if path.is_dir() {
        fs::read_dir(path).unwrap().map(|entry| text_of(&entry.unwrap().path())).collect()
    } else if path.ends_with("tests/spec.rs") {
        // This file shows citations without making them.
        String::new()
    } else {
        fs::read_to_string(path).unwrap_or_default()
    }
}

/// The clauses of the table with their states.
fn rows(spec: &str) -> BTreeMap<&str, &str> {
    spec.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| 1376 ")?.split('|').map(str::trim);
            let clause = cells.next()?;
            Some((clause, cells.nth(1)?))
        })
        .collect()
}

/// Every clause in square brackets.
fn citations(text: &str) -> BTreeSet<&str> {
    text.split("[1376 ").skip(1).filter_map(|rest| Some(rest.split_once(']')?.0)).collect()
}

/// What is wrong with the table, given the code and the tests.
fn faults(spec: &str, code: &str, tests: &str) -> Vec<String> {
    let rows = rows(spec);
    let covers: Vec<&str> = tests.lines().filter(|line| line.trim().starts_with("// covers [")).collect();
    let covers = covers.join("\n");
    let code: Vec<&str> = code.lines().filter(|line| !line.trim().starts_with("// covers [")).collect();
    let code = code.join("\n");
    let (cited, covered) = (citations(&code), citations(&covers));
    let mut faults = Vec::new();
    for (clause, state) in &rows {
        match *state {
            "done" | "partial" => {
                if !cited.contains(clause) {
                    faults.push(format!("[1376 {clause}] is not cited in src"));
                }
                if !covered.contains(clause) {
                    faults.push(format!("no test says // covers [1376 {clause}]"));
                }
            }
            "not planned" => {}
            other => faults.push(format!("{clause} has the unknown state {other:?}")),
        }
    }
    for clause in cited.union(&covered).filter(|clause| !rows.contains_key(*clause)) {
        // A whole clause may be meant.
        if !rows.keys().any(|row| row.starts_with(&format!("{clause}."))) {
            faults.push(format!("[1376 {clause}] is cited, but SPEC.md has no such row"));
        }
    }
    faults
}

#[test]
fn what_is_called_done_is_cited_and_covered() {
    let spec = fs::read_to_string(here("SPEC.md")).unwrap();
    assert_eq!(rows(&spec).len(), 9 + 1 + 12 + 8, "every clause has a row");
    let code = text_of(&here("src"));
    let tests = code.clone() + &text_of(&here("tests"));
    let faults = faults(&spec, &code, &tests);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn each_fault_of_the_table_is_told() {
    let spec = "| Clause | What | State |\n| 1376 1.1 | x | done |\n| 1376 2 | x | partial |\n| 1376 3.1 | x | maybe |\n\
                | 1376 4 | x | not planned |";
    let code = "[1376 1] [1376 2] and [1376 5]\n// covers [1376 1.1]";
    assert_eq!(
        faults(spec, code, "    // covers [1376 2]\n // see [1376 1.1]"),
        [
            "[1376 1.1] is not cited in src",
            "no test says // covers [1376 1.1]",
            "3.1 has the unknown state \"maybe\"",
            "[1376 5] is cited, but SPEC.md has no such row",
        ]
    );
}
