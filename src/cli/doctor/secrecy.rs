//! Looks at the files that hold secrets: whoever may read one has the database, or may write in our name (T24). The key file is
//! refused where others may read it; these are told of.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::backup::folder_of;
use super::finding::Finding;
use crate::config::{Effective, SECRET_FILES};

pub(super) fn look(config: &Path, effective: &[Effective]) -> Vec<Finding> {
    let named = effective.iter().filter(|value| SECRET_FILES.contains(&value.key) && value.key != "key_file");
    named.filter_map(|value| open_to_others(config, value)).collect()
}

fn open_to_others(config: &Path, value: &Effective) -> Option<Finding> {
    let file = folder_of(config).join(value.value.as_deref()?.trim_matches('"'));
    let mode = fs::metadata(&file).ok()?.permissions().mode() & 0o777;
    // Of the group it is nobody's business either, but that may be how the service reads it.
    if mode & 0o007 == 0 {
        return None;
    }
    let of = format!("[{}] {}", value.section, value.key);
    let text = format!("{} may be read by everybody (mode {mode:03o})", file.display());
    Some(Finding::warn(&of, text, "所有用户均可读取该机密文件").doing("chmod 600 FILE  请执行 chmod 600"))
}
