//! Judges `tests/coverage.toml`: every number is there, every test it names exists, every numbered test is named.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use support::{code_only, in_project, sources};

/// The letters and how many numbers each has: faults, threats, invariants.
const NUMBERS: [(char, u32); 3] = [('F', 54), ('T', 34), ('I', 28)];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    title: String,
    tier: Tier,
    #[serde(default)]
    test: Vec<String>,
    planned: Option<String>,
}

#[derive(serde::Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Tier {
    Change,
    Nightly,
    Release,
}

type List = BTreeMap<String, Item>;

#[test]
fn every_number_is_listed_and_every_numbered_test_is_named() {
    let list: List =
        toml::from_str(&std::fs::read_to_string(in_project("tests/coverage.toml")).unwrap()).unwrap();
    let mut tests = BTreeMap::new();
    for folder in ["src", "protocol", "simulator", "tests"] {
        for source in sources(folder, ".rs").unwrap() {
            tests.extend(tests_in(&source.text));
        }
    }
    let planned = list.values().filter(|item| item.planned.is_some()).count();
    let tested = list.values().filter(|item| !item.test.is_empty()).count();
    println!("{} numbers: {tested} have tests, {planned} wait for all or part of theirs", list.len());
    let problems = problems(&list, &tests);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn each_problem_of_the_list_is_told_with_the_line_to_change() {
    let waiting = || Item {
        title: "t".to_owned(),
        tier: Tier::Change,
        test: Vec::new(),
        planned: Some("waits".to_owned()),
    };
    let mut list: List = numbers().into_iter().map(|number| (number, waiting())).collect();
    let none = BTreeMap::new();
    assert_eq!(problems(&list, &none), Vec::<String>::new());

    let tests = tests_in(
        "#[test]\nfn f05_late() {}\n#[tokio::test]\n#[expect(\n a,\n)]\n#[ignore = \"long\"]\nasync fn t02_raw() {}\n\
         fn i16_le() {}",
    );
    assert_eq!(
        problems(&list, &tests),
        [
            "f05_late is not listed. Under [F5] of tests/coverage.toml add the line\ntest = [\"f05_late\"]",
            "t02_raw is not listed. Under [T2] of tests/coverage.toml add the line\ntest = [\"t02_raw\"]",
        ]
    );
    for (name, number) in [("f05_late", "F5"), ("t02_raw", "T2"), ("gone", "I1")] {
        list.get_mut(number).unwrap().test.push(name.to_owned());
    }
    list.get_mut("F1").unwrap().planned = None;
    list.remove("F2");
    list.insert("T35".to_owned(), Item { title: String::new(), ..waiting() });
    let told = problems(&list, &tests).join("\n");
    for said in [
        "[F2] is missing",
        "[T35] is not one of the numbers",
        "[T35] needs a title",
        "[F1] has neither a test nor a reason",
        "[I1] names gone, but no test has that name",
        "[T2] is of tier change, but all its tests are ignored",
    ] {
        assert!(told.contains(said), "{said} is not in\n{told}");
    }
    let more = tests_in(
        "#[test]\nfn f05_late() {}\n#[test]\nfn f05_other() {}\n#[test]\nfn f5_short() {}\n#[test]\nfn f99_x() {}",
    );
    let told = problems(&list, &more).join("\n");
    for said in [
        "f05_other is not listed. Under [F5] of tests/coverage.toml add to its test list the line\n    \"f05_other\",",
        "f5_short: write the number with two digits, f05_short",
        "f99_x: there is no F99",
    ] {
        assert!(told.contains(said), "{said} is not in\n{told}");
    }
}

/// Everything wrong between the list and the tests, told so that it can be mended by copying.
fn problems(list: &List, tests: &BTreeMap<String, bool>) -> Vec<String> {
    let numbers = numbers();
    let mut found = Vec::new();
    for number in numbers.iter().filter(|number| !list.contains_key(*number)) {
        found.push(format!("[{number}] is missing from tests/coverage.toml"));
    }
    for (number, item) in list {
        if !numbers.contains(number) {
            found.push(format!("[{number}] is not one of the numbers"));
        }
        if item.title.is_empty() {
            found.push(format!("[{number}] needs a title"));
        }
        if item.test.is_empty() && item.planned.as_deref().unwrap_or("").is_empty() {
            found.push(format!("[{number}] has neither a test nor a reason under planned"));
        }
        for name in item.test.iter().filter(|name| !tests.contains_key(*name)) {
            found.push(format!("[{number}] names {name}, but no test has that name"));
        }
        let is_never_run = item.test.iter().all(|name| tests.get(name).copied().unwrap_or(false));
        if item.tier == Tier::Change && !item.test.is_empty() && is_never_run {
            found.push(format!("[{number}] is of tier change, but all its tests are ignored"));
        }
    }
    found.extend(tests.keys().filter_map(|name| unlisted(name, list, &numbers)));
    found
}

fn numbers() -> BTreeSet<String> {
    NUMBERS.iter().flat_map(|(letter, last)| (1..=*last).map(move |n| format!("{letter}{n}"))).collect()
}

/// What to do about a numbered test that the list does not name.
fn unlisted(name: &str, list: &List, numbers: &BTreeSet<String>) -> Option<String> {
    let (prefix, rest) = name.split_once('_')?;
    let letter = prefix.chars().next().filter(|c| "fti".contains(*c))?;
    let digits = prefix.strip_prefix(letter)?;
    let number: u32 = digits.parse().ok()?;
    let key = format!("{}{number}", letter.to_ascii_uppercase());
    if digits.len() != 2 {
        return Some(format!("{name}: write the number with two digits, {letter}{number:02}_{rest}"));
    }
    if !numbers.contains(&key) {
        return Some(format!("{name}: there is no {key}"));
    }
    let listed = list.get(&key).map_or(&[][..], |item| &item.test);
    let file = "tests/coverage.toml";
    if listed.iter().any(|listed| listed == name) {
        None
    } else if listed.is_empty() {
        Some(format!("{name} is not listed. Under [{key}] of {file} add the line\ntest = [\"{name}\"]"))
    } else {
        Some(format!(
            "{name} is not listed. Under [{key}] of {file} add to its test list the line\n    \"{name}\","
        ))
    }
}

/// The test functions of one file, and whether each is ignored.
fn tests_in(text: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in code_only(text).lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
            is_ignored |= line.starts_with("#[ignore");
        } else if let Some(function) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = function.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
            if is_test {
                found.insert(name.to_owned(), is_ignored);
            }
            (is_test, is_ignored) = (false, false);
        } else if line.contains(['{', '}', ';']) {
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}
