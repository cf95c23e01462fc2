//! The bytes of the golden cases, for tests that need no more of them.

use std::fs;
use std::path::Path;

/// The wire bytes of all cases in one folder of `fixtures/`, in the order of their paths.
pub(crate) fn wires(folder: &str) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no case in {folder}");
    files.iter().map(|file| wire(&fs::read_to_string(file).unwrap())).collect()
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
}

fn wire(case: &str) -> Vec<u8> {
    let digits = case.lines().find_map(|line| line.strip_prefix("wire = \"")?.strip_suffix('"')).unwrap();
    digits.split(' ').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
