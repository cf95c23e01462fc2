//! The golden cases: one TOML file each below `fixtures/`, whose README tells the keys.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One case as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Its path below `fixtures/`.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) source: String,
    pub(crate) direction: Option<String>,
    pub(crate) wire: Hex,
    #[serde(default)]
    pub(crate) frames: Vec<Hex>,
    pub(crate) refused: Option<String>,
    #[serde(default)]
    pub(crate) unsent: bool,
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// What a frame says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) preamble: usize,
    pub(crate) code: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) a3: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) afn: Option<String>,
    pub(crate) seq: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) events: Option<[u8; 2]>,
    pub(crate) tag: Option<String>,
    #[serde(default)]
    pub(crate) units: Vec<ExpectedUnit>,
    pub(crate) stop: Option<String>,
    pub(crate) rest: Option<String>,
    pub(crate) link: Option<Hex>,
}

/// One data unit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedUnit {
    pub(crate) point: String,
    #[serde(rename = "fn")]
    pub(crate) function: String,
    #[serde(default)]
    pub(crate) values: Vec<String>,
}

/// Bytes, written as pairs of digits with blanks between them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.split(' ').map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<_, _>>().map(Self)
    }
}

impl Case {
    /// The frame without what stands in front of it.
    pub(crate) fn frame(&self) -> &[u8] {
        self.wire.0.get(self.expect.preamble..).unwrap_or_default()
    }

    /// The folder it lies in: its function.
    pub(crate) fn folder(&self) -> String {
        let folder = Path::new(&self.name).parent().unwrap();
        folder.to_string_lossy().into_owned()
    }
}

/// Bytes as hexadecimal digits, nothing between.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// All cases at or below `fixtures/<folder>`, sorted by path; none is an error.
pub(crate) fn load(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no case in {folder}");
    paths.iter().map(|path| read(&root, path)).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    let mut case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    case.name = path.strip_prefix(root).unwrap().display().to_string();
    case
}
