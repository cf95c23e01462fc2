//! `SPEC.md` is kept honest: what it calls done or partial is cited in the code and covered by a test.
#![expect(clippy::expect_used, reason = "a file that cannot be read must end its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All text of the files below a folder.
fn texts(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            texts(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "md" || ending == "tsv") {
            text.push_str(&fs::read_to_string(&path).expect("a text file"));
        }
    }
}

fn below(folder: &str) -> String {
    let mut text = String::new();
    texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut text);
    text
}

/// Edition and clause number of every row, with its state.
fn rows(spec: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
        let clause = cells.next().filter(|clause| clause.starts_with("19") || clause.starts_with("20"))?;
        let (_, state) = (cells.next()?, cells.next()?);
        let mut words = clause.split(' ');
        Some((format!("[645-{} {}", words.next()?, words.next()?), state.to_owned()))
    };
    spec.lines().filter_map(row).collect()
}

/// What is wrong with the table, given the code and the tests.
fn faults(spec: &str, code: &str, tests: &str) -> Vec<String> {
    let cites = |text: &str, clause: &str| {
        text.match_indices(clause)
            .any(|(place, _)| text[place + clause.len()..].starts_with([']', ' ', '.', ',']))
    };
    let covers: String = tests.lines().filter(|line| line.contains("covers [645-")).collect();
    let mut faults = Vec::new();
    for (clause, state) in rows(spec) {
        match state.as_str() {
            "done" | "partial" if !cites(code, &clause) => {
                faults.push(format!("{clause}] is not cited in src"))
            }
            "done" | "partial" if !cites(&covers, &clause) => {
                faults.push(format!("{clause}] has no covering test"))
            }
            "done" | "partial" | "not planned" => {}
            other => faults.push(format!("{clause}] has the unknown state {other:?}")),
        }
    }
    faults
}

#[test]
fn what_is_called_done_is_cited_and_covered() {
    let spec = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SPEC.md")).unwrap();
    let clauses: BTreeSet<String> = rows(&spec).into_iter().map(|(clause, _)| clause).collect();
    assert_eq!(clauses.len(), 14 + 8, "every clause of both texts has a row");
    let code = below("src");
    let tests = code.clone() + &below("tests");
    let faults = faults(&spec, &code, &tests);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_row_without_code_or_test_is_caught() {
    let spec = "| Clause | What | State |\n| 2007 4 read | x | done |\n| 1997 4 | x | done |\n| 1997 5 | x | maybe |";
    let found = faults(spec, "see [645-2007 4] and [645-1997 4]", "// covers [645-2007 4]");
    assert_eq!(found, ["[645-1997 4] has no covering test", "[645-1997 5] has the unknown state \"maybe\""]);
}
