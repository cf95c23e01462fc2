//! A file that somebody has brought: the body of a request of the API, or a field of a form.
//!
//! A form has no other way for the bytes of a workbook than as hexadecimal digits, which the script of the page makes of a
//! file that is chosen; without the script the text of a list is pasted.

use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::guard::content_type;
use super::problem::Problem;
use crate::archive::Encoding;
use crate::domain::read_hex;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Brought {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// What it is called, where that is known; may be empty.
    pub(super) name: String,
    /// How it is written, where its bytes cannot tell.
    pub(super) encoding: Option<Encoding>,
}

/// What is said of a file besides its bytes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAsked {
    /// What the file is called; it stands in the audit log.
    pub(super) name: Option<String>,
    /// How it is written, `utf-8` or `gbk`, where its bytes cannot tell.
    pub(super) encoding: Option<String>,
    /// The digest of what was shown: only with it anything is changed.
    pub(super) digest: Option<String>,
}

impl Brought {
    /// The body of a request.
    ///
    /// # Errors
    /// [`Problem`] when it is said to be something else, or there is nothing in it.
    pub(super) fn of_body(headers: &HeaderMap, bytes: Vec<u8>, asked: &FileAsked) -> Result<Self, Problem> {
        if !TYPES.contains(&content_type(headers)) {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        if bytes.is_empty() {
            return Err(nothing());
        }
        let encoding = match asked.encoding.as_deref() {
            None => None,
            Some("utf-8") => Some(Encoding::Utf8),
            Some("gbk") => Some(Encoding::Gbk),
            Some(_) => {
                return Err(Problem::malformed("a file is written in utf-8 or gbk", "编码须为 utf-8 或 gbk"));
            }
        };
        Ok(Self { bytes, name: named(asked.name.as_deref().unwrap_or_default()), encoding })
    }

    /// What a form brings: the digits of a chosen file, or a text.
    ///
    /// # Errors
    /// [`Problem`] when there is neither.
    pub(super) fn of_form(digits: &str, name: &str, text: &str) -> Result<Self, Problem> {
        let bytes = if digits.is_empty() {
            text.as_bytes().to_vec()
        } else {
            read_hex(digits).ok_or_else(nothing)?
        };
        if bytes.is_empty() {
            return Err(nothing());
        }
        // A browser sends a pasted text as UTF-8.
        let encoding = digits.is_empty().then_some(Encoding::Utf8);
        Ok(Self { bytes, name: named(name), encoding })
    }
}

/// A name of a file on one line, and no longer than a page can show.
fn named(name: &str) -> String {
    name.chars().filter(|sign| !sign.is_control()).take(LONGEST_NAME).collect()
}

fn nothing() -> Problem {
    Problem::unacceptable("file_missing", "choose a file, or paste its text", "请选择文件，或粘贴其内容")
}

/// How a list may be called by whoever sends it.
const TYPES: &[&str] = &[
    "text/csv",
    "text/plain",
    "application/octet-stream",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
];
const LONGEST_NAME: usize = 100;

/// The most bytes of a file (T15).
pub(super) const LARGEST_FILE: usize = 64 << 20;
/// The most bytes of a form that brings the reads of one proposal.
pub(super) const LARGEST_FORM: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_brings_bytes_as_digits_or_a_text() {
        let file = Brought::of_form("504b0304", "a\nb.xlsx", "").unwrap();
        assert_eq!(
            (file.bytes.as_slice(), file.name.as_str(), file.encoding),
            (&b"PK\x03\x04"[..], "ab.xlsx", None)
        );
        let text = Brought::of_form("", "", "户号\n").unwrap();
        assert_eq!((text.bytes, text.encoding), ("户号\n".as_bytes().to_vec(), Some(Encoding::Utf8)));
        for (digits, text) in [("", ""), ("5", "x"), ("zz", "x")] {
            assert_eq!(Brought::of_form(digits, "", text).unwrap_err().code, "file_missing");
        }
    }

    #[test]
    fn t15_a_body_of_another_type_is_no_list() {
        let headers =
            |kind: &str| HeaderMap::from_iter([(axum::http::header::CONTENT_TYPE, kind.parse().unwrap())]);
        let asked = FileAsked::default();
        assert!(Brought::of_body(&headers("text/csv; charset=gbk"), vec![1], &asked).is_ok());
        for kind in ["application/json", "multipart/form-data", ""] {
            let refused = Brought::of_body(&headers(kind), vec![1], &asked).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        }
        assert_eq!(Brought::of_body(&headers("text/csv"), vec![], &asked).unwrap_err().code, "file_missing");
        let odd = FileAsked { encoding: Some("big5".to_owned()), ..asked };
        assert_eq!(Brought::of_body(&headers("text/csv"), vec![1], &odd).unwrap_err().code, "malformed");
    }
}
