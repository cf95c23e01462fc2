//! What is wrong in a configuration file: where, what stands there, what was expected and what to do, in both languages.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::words::Words;

/// One fault in a configuration file.
#[derive(Debug)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1, where the fault is of a line.
    pub line: Option<usize>,
    /// The key with its section, such as `collection.start`; empty for a fault of the whole file.
    pub key: String,
    /// What stands there, as it is written; `None` where nothing does, and where it may be a secret.
    pub value: Option<String>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a key, a section or a file.
#[derive(Debug)]
pub enum FaultKind {
    /// It is not TOML.
    Syntax(toml::de::Error),
    /// No such key or section is known.
    Unknown {
        /// The known name that looks most like it.
        nearest: Option<String>,
        /// All names that may stand here.
        known: Vec<String>,
    },
    /// The value is not of the right form, or out of its range.
    Expected(Words),
    /// A key that must be given is not there.
    Missing(Words),
    /// Of these keys exactly one must be given.
    OneOf(&'static [&'static str]),
    /// The key has an effect only beside another one, which is not there.
    Needs(&'static str),
    /// The value must lie behind that of another key.
    NotAfter(&'static str),
    /// The value is already taken, in this line.
    Taken {
        /// The line that has it, where it is in the same file.
        line: Option<usize>,
    },
    /// Another key of ours has the same port.
    SamePort(&'static str),
    /// The file named here cannot be read.
    File(io::ErrorKind),
    /// What the file named here holds is not as expected.
    Content(Words),
    /// An address with its password stands where the path of a file is expected.
    SecretInPlace,
}

impl Fault {
    /// The name of the kind: a closed list.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            FaultKind::Syntax(_) => "syntax",
            FaultKind::Unknown { .. } => "unknown",
            FaultKind::Expected(_) => "expected",
            FaultKind::Missing(_) => "missing",
            FaultKind::OneOf(_) => "one of",
            FaultKind::Needs(_) => "needs",
            FaultKind::NotAfter(_) => "not after",
            FaultKind::Taken { .. } | FaultKind::SamePort(_) => "taken",
            FaultKind::File(_) => "file",
            FaultKind::Content(_) => "content",
            FaultKind::SecretInPlace => "secret in place",
        }
    }
}

impl fmt::Display for Fault {
    /// Where it is, then a line in English and one in Chinese.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, " = {}", shortened(value))?;
        }
        let Words { en, zh } = self.kind.words();
        write!(f, "\n    {en}\n    {zh}")
    }
}

impl FaultKind {
    /// What is wrong and what to do.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Self::Syntax(error) => {
                let said = error.message().trim().replace('\n', ", ");
                Words::new(
                    format!("not TOML: {said}; texts stand in double quotes, one key on each line"),
                    format!("TOML 语法错误（{said}）；文本须加双引号，每行一个键"),
                )
            }
            Self::Unknown { nearest: Some(nearest), .. } => Words::new(
                format!("there is no such key; did you mean {nearest}?"),
                format!("没有这个键，是否应为 {nearest}？"),
            ),
            Self::Unknown { nearest: None, known } => Words::new(
                format!("there is no such key; take it out, known here are {}", known.join(", ")),
                format!("没有这个键，请删除；此处可用：{}", known.join("、")),
            ),
            Self::Expected(words) => {
                Words::new(format!("expected {}", words.en), format!("应为{}", words.zh))
            }
            Self::Missing(words) => {
                Words::new(format!("lacks; give {}", words.en), format!("缺少此键，请填写{}", words.zh))
            }
            Self::OneOf(keys) => Words::new(
                format!("give exactly one of {}", keys.join(", ")),
                format!("须且只能填写其中一个：{}", keys.join("、")),
            ),
            Self::Needs(key) => Words::new(
                format!("has no effect without {key}; give that, or take this out"),
                format!("缺少 {key} 时不起作用；请补上 {key} 或删除此键"),
            ),
            Self::NotAfter(key) => Words::new(
                format!("must lie behind {key}; give a greater value, or a smaller one there"),
                format!("须大于 {key}；请调大此值或调小 {key}"),
            ),
            Self::SamePort(key) => Words::new(
                format!("is the port of {key}, too; give each its own"),
                format!("与 {key} 的端口相同，请改成不同的端口"),
            ),
            Self::Taken { line: Some(line) } => Words::new(
                format!("line {line} has the same; give each its own"),
                format!("与第 {line} 行重复，请改成不同的值"),
            ),
            Self::Taken { line: None } => {
                Words::new("is already taken; give another".into(), "已被占用，请换一个".into())
            }
            Self::File(io::ErrorKind::NotFound) => Words::new(
                "there is no such file; relative paths begin at this file's directory".into(),
                "文件不存在；相对路径以本配置文件所在目录为准".into(),
            ),
            Self::File(io::ErrorKind::PermissionDenied) => Words::new(
                "it may not be read; give this user the right to read it".into(),
                "没有读取权限，请授予当前用户读权限".into(),
            ),
            Self::File(kind) => Words::new(format!("cannot be read: {kind}"), format!("无法读取：{kind}")),
            Self::Content(words) => {
                Words::new(format!("the file must hold {}", words.en), format!("该文件内容应为{}", words.zh))
            }
            Self::SecretInPlace => Words::new(
                "is no path: put the address with its password in a file of its own and give that file in url_file"
                    .into(),
                "不是文件路径：请把含密码的连接地址写入单独的文件，并在 url_file 中填写该文件路径".into(),
            ),
        }
    }
}

/// A value on one line with its control characters escaped, and not all of it when it is long.
#[must_use]
pub fn shortened(value: &str) -> String {
    let mut short: String = value.chars().take(LONGEST_VALUE).flat_map(char::escape_debug).collect();
    if value.chars().nth(LONGEST_VALUE).is_some() {
        short.push('…');
    }
    short.replace("\\\"", "\"").replace("\\'", "'")
}

/// How many characters of a value are shown.
const LONGEST_VALUE: usize = 80;
