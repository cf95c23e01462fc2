//! Every phrase that something missing is explained with has its Chinese.

use std::path::{Path, PathBuf};

use crate::domain::detail_zh;

#[test]
fn every_phrase_that_explains_what_is_missing_has_its_chinese() {
    let mut checked = 0;
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collect")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for mark in ["Missed::new(", "wrong_form(", "detail = ", "none(", "wrong("] {
            for behind in text.split(mark).skip(1) {
                let Some((before, literal)) = behind.split_once('"') else { continue };
                let Some((literal, _)) = literal.split_once('"') else { continue };
                if before.contains([';', '}']) || !literal.contains(' ') {
                    continue;
                }
                let sample = sample(literal);
                if sample.contains(char::is_alphabetic) {
                    checked += 1;
                    let told = detail_zh(&sample).replace(['：', '；'], "");
                    assert!(!told.is_ascii(), "{}: {literal}", file.display());
                }
            }
        }
    }
    assert!(checked > 40, "{checked}");
}

/// The phrase with a number in each of its places.
fn sample(literal: &str) -> String {
    let mut pieces = literal.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| match piece.split_once('}') {
        Some((_, behind)) => format!("{text}7{behind}"),
        None => text,
    })
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
