//! `[capture]`: files with every frame of the lines that are captured, both ways, with its time.

use std::path::{Path, PathBuf};

use super::section::Section;
use super::size::ByteSize;

/// `[capture]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Where the files are.
    pub directory: PathBuf,
    /// How large one may become before the next is begun.
    pub file_size: ByteSize,
    /// How many are kept of each line.
    pub files: u32,
}

impl Capture {
    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let (least, most) = (ByteSize::mebibytes(1), ByteSize::mebibytes(1024));
        Self {
            directory: base.join(section.value("directory", .., PathBuf::from("capture"))),
            file_size: section.value("file_size", least..=most, ByteSize::mebibytes(64)),
            files: section.value("files", 1..=1000, 10),
        }
    }
}
