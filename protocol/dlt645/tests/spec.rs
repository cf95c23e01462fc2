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
            let mut cells = line.strip_prefix("| ")?.split('|').map(str::trim);
            let clause =
                cells.next().filter(|clause| clause.starts_with("2007 ") || clause.starts_with("1997 "))?;
            Some((clause, cells.nth(1)?))
        })
        .collect()
}

/// Every clause in square brackets, without what is said about a deviation.
fn citations(text: &str) -> BTreeSet<&str> {
    let cited = text.split("[645-").skip(1).filter_map(|rest| Some(rest.split_once(']')?.0));
    cited.map(|clause| clause.split_once(" deviation").map_or(clause, |(clause, _)| clause)).collect()
}

/// What is wrong with the table, given the code and the tests.
fn faults(spec: &str, code: &str, tests: &str) -> Vec<String> {
    let rows = rows(spec);
    let covers: Vec<&str> = tests.lines().filter(|line| line.trim().starts_with("// covers [")).collect();
    let covers = covers.join("\n");
    let (cited, covered) = (citations(code), citations(&covers));
    let mut faults = Vec::new();
    for (clause, state) in &rows {
        match *state {
            "done" | "partial" => {
                if !cited.contains(clause) {
                    faults.push(format!("[645-{clause}] is not cited in src"));
                }
                if !covered.contains(clause) {
                    faults.push(format!("no test says // covers [645-{clause}]"));
                }
            }
            "not planned" => {}
            other => faults.push(format!("{clause} has the unknown state {other:?}")),
        }
    }
    for clause in cited.union(&covered) {
        // A whole clause may be meant: `2007 4`.
        let is_known = rows.keys().any(|row| row == clause || row.starts_with(&format!("{clause} ")));
        if !is_known {
            faults.push(format!("[645-{clause}] is cited, but SPEC.md has no such row"));
        }
    }
    faults
}

#[test]
fn what_is_called_done_is_cited_and_covered() {
    let spec = fs::read_to_string(here("SPEC.md")).unwrap();
    let numbers: BTreeSet<String> =
        rows(&spec).keys().map(|clause| clause.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(numbers.len(), 14 + 8, "every clause of both texts has a row: {numbers:?}");
    let code = text_of(&here("src"));
    let tests = code.clone() + &text_of(&here("tests"));
    let faults = faults(&spec, &code, &tests);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn each_fault_of_the_table_is_told() {
    let spec = "| Clause | What | State |\n| 2007 4 read | x | done |\n| 1997 4 | x | partial |\n| 1997 5 | x | maybe |\n\
                | 2007 6 proof | x | not planned |";
    let code = "[645-2007 4] [645-2007 4 read deviation: x] and [645-1997 4] and [645-2007 4 raed]";
    assert_eq!(
        faults(spec, code, "    // covers [645-1997 4]\n // see [645-2007 4 read]"),
        [
            "1997 5 has the unknown state \"maybe\"",
            "no test says // covers [645-2007 4 read]",
            "[645-2007 4 raed] is cited, but SPEC.md has no such row",
        ]
    );
}
