//! What of a file was taken otherwise than it stands there: a cell that the archive keeps only with another one, or that another
//! one overrules. It is told and stands in nobody's way.

use super::column::Column;
use crate::config::Words;

/// Something of a file that was taken otherwise than it stands there; the same of many lines is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The column as the file names it.
    pub column: String,
    /// The first line it is of, from 1.
    pub line: u64,
    /// Of how many lines it is.
    pub lines: usize,
    /// What was done with it.
    pub kind: NoticeKind,
}

/// What was done with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Left out: the archive keeps it with another column, which is empty.
    LeftOutWithout(Column),
    /// Left out: a first reading holds for the day of installation, which is not told.
    NoDay,
    /// Left out: the point is said not to be protected.
    NotProtected,
    /// The point is protected, since a reason is given.
    Protects,
}

impl NoticeKind {
    /// A short name from a closed set.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftOutWithout(_) => "left out",
            Self::NoDay => "no day",
            Self::NotProtected => "not protected",
            Self::Protects => "protects",
        }
    }

    /// What was done, in both languages.
    #[must_use]
    pub fn words(self) -> Words {
        match self {
            Self::LeftOutWithout(column) => Words::new(
                format!("left out: it is kept with {} ({}), which is empty", column.en(), column.zh()),
                format!("未导入：此项随“{}”（{}）保存，而该项为空", column.zh(), column.en()),
            ),
            Self::NoDay => Words::of(
                "left out: it holds for the day of installation (installed_at, 安装日期), which is empty",
                "未导入：起度是安装当日的示值，而“安装日期”（installed_at）为空",
            ),
            Self::NotProtected => {
                Words::of("left out: the point is said not to be protected", "未导入：该计量点填写为不保护")
            }
            Self::Protects => Words::of(
                "the point is taken as protected, since a reason is given",
                "填写了保护原因，该计量点按受保护处理",
            ),
        }
    }
}

/// Adds a notice of a line to those of the lines before.
pub(super) fn add(notices: &mut Vec<Notice>, column: String, line: u64, kind: NoticeKind) {
    match notices.iter_mut().find(|known| known.kind == kind && known.column == column) {
        Some(known) => known.lines += 1,
        None => notices.push(Notice { column, line, lines: 1, kind }),
    }
}
