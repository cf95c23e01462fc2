//! The kinds of event records (ERC): names and the layout of their bodies. [1376 3.10]

use super::catalog;
use super::field::Fields;
use super::layout::Layout;
use super::table::{DataError, lines};

/// One kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// The event code, ERC.
    pub code: u8,
    /// How sure the row is.
    pub confidence: char,
    /// English name.
    pub name_en: &'static str,
    /// Chinese name.
    pub name_zh: &'static str,
    /// What the body looks like; `None` when it is not known.
    pub layout: Option<Layout>,
}

/// All kinds, by code.
#[must_use]
pub fn event_kinds() -> &'static [EventKind] {
    &catalog().events
}

/// The kind with this code; `None` for a reserved or regional one.
#[must_use]
pub fn event_kind(code: u8) -> Option<&'static EventKind> {
    let kinds = event_kinds();
    kinds.get(kinds.binary_search_by_key(&code, |kind| kind.code).ok()?)
}

pub(super) fn parse(text: &'static str, fields: &Fields) -> Result<Vec<EventKind>, DataError> {
    let mut kinds = Vec::new();
    for (line, columns) in lines(text) {
        let fault = |what| DataError { table: "events", line, what };
        let &[code, confidence, name_en, name_zh, layout] = columns.as_slice() else {
            return Err(fault("columns"));
        };
        let layout = match layout {
            "?" => None,
            text => Some(Layout::parse(text, fields).ok_or_else(|| fault("layout"))?),
        };
        kinds.push(EventKind {
            code: code.parse().map_err(|_| fault("erc"))?,
            confidence: confidence.parse().map_err(|_| fault("confidence"))?,
            name_en,
            name_zh,
            layout,
        });
    }
    kinds.sort_by_key(|kind| kind.code);
    Ok(kinds)
}
