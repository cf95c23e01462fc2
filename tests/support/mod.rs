//! Reading the project's own tree, for the tests that judge it.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// One file of the tree.
pub(crate) struct Source {
    /// From the root of the project, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A file or folder of the project.
pub(crate) fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files below `folder` whose name ends with `ending`, in the order of their paths.
pub(crate) fn sources(folder: &str, ending: &str) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(in_project(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if entry.file_type()?.is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(Source { text: fs::read_to_string(entry.path())?, path });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Rust text with every comment and literal replaced by blanks; the lines stay where they were.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = no_code_length(rest, after_name);
        let (done, left) = rest.split_at(length.max(first.len_utf8()));
        if length == 0 {
            code.push_str(done);
        } else {
            code.extend(done.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = left;
    }
    code
}

/// How many bytes of comment or literal `rest` begins with.
fn no_code_length(rest: &str, after_name: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return quoted_length(rest, '"');
    }
    if rest.starts_with(r"'\") || (rest.starts_with('\'') && rest.chars().nth(2) == Some('\'')) {
        return quoted_length(rest, '\'');
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !after_name);
    let Some(raw) = raw else { return 0 };
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let (_, body) = raw.split_at(hashes);
    if !body.starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let prefix = rest.len() - body.len() + 1;
    let (_, body) = rest.split_at(prefix);
    body.find(&end).map_or(rest.len(), |at| prefix + at + end.len())
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    for (at, _) in rest.char_indices() {
        let (before, here) = rest.split_at(at);
        if here.starts_with("/*") {
            depth += 1;
        } else if before.ends_with("*/") && at > 3 {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    rest.len()
}

/// `rest` begins with `quote`; the length up to and with the closing one.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    rest.len()
}
