//! The golden cases: one TOML file each below `fixtures/`, whose README tells the keys.

use std::fs;
use std::path::{Path, PathBuf};

use dlt645::edition::Edition;
use serde::Deserialize;

/// One case as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    #[serde(skip)]
    pub(crate) path: PathBuf,
    pub(crate) about: String,
    pub(crate) source: String,
    pub(crate) edition: String,
    /// The bytes cannot tell the edition.
    #[serde(default)]
    pub(crate) edition_hint: bool,
    pub(crate) direction: Option<Direction>,
    pub(crate) wire: Hex,
    /// Streams only.
    #[serde(default)]
    pub(crate) frames: Vec<Hex>,
    /// Malformed ones only.
    pub(crate) refused: Option<Refused>,
    /// Orders of 1CH only: `ok`, or `refused: ` and the kind of the error.
    pub(crate) relay: Option<String>,
    /// Why no typed request or answer can be this frame: the kind of the error.
    pub(crate) untyped: Option<String>,
    pub(crate) deviation: Option<String>,
    /// The catalogue does not know the identifier.
    #[serde(default)]
    pub(crate) unlisted: bool,
    #[serde(default)]
    pub(crate) expect: Expect,
}

/// What a frame says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) preamble: usize,
    pub(crate) address: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) di: Option<String>,
    pub(crate) error_byte: Option<String>,
    pub(crate) error_word: Option<String>,
    pub(crate) sequence: Option<u8>,
    #[serde(default)]
    pub(crate) more: bool,
    #[serde(default)]
    pub(crate) values: Vec<Expected>,
}

/// One value; without `value` it is absent or no decimal number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) unit: Option<String>,
    #[serde(default)]
    pub(crate) absent: bool,
    #[serde(default)]
    pub(crate) not_bcd: bool,
}

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Refused {
    Checksum,
    Length,
    #[serde(rename = "end byte")]
    EndByte,
    Truncated,
    #[serde(rename = "no frame")]
    NoFrame,
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

    /// The edition its file names.
    pub(crate) fn edition(&self) -> Edition {
        match self.edition.as_str() {
            "2007" => Edition::E2007,
            "1997" => Edition::E1997,
            other => panic!("{}: edition {other}", self.path.display()),
        }
    }

    /// The folder it lies in: its function.
    pub(crate) fn folder(&self) -> String {
        let folder = self.path.parent().and_then(Path::file_name).unwrap();
        folder.to_string_lossy().into_owned()
    }
}

/// All cases at or below `fixtures/<folder>`, sorted by path; none is an error (R2).
pub(crate) fn load(folder: &str) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no case in {}", root.display());
    paths.into_iter().map(|path| read(&root, path)).collect()
}

/// The cases of valid frames of both editions.
pub(crate) fn valid() -> Vec<Case> {
    ["dlt645-2007", "dlt645-1997"].into_iter().flat_map(load).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries = 0;
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        entries += 1;
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
    assert!(entries > 0, "{} is empty", folder.display());
}

fn read(root: &Path, path: PathBuf) -> Case {
    let text = fs::read_to_string(&path).unwrap();
    let mut case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    case.path = root.file_name().map(Path::new).unwrap().join(path.strip_prefix(root).unwrap());
    case
}
