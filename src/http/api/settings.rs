//! `/api/v1/settings`: what the head-end runs with. Ceilings and terms of cuts are at `/api/v1/supply`, days without cuts at
//! `/api/v1/calendar`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Effective;
use crate::domain::access::Action;
use crate::http::routes::Routes;
use crate::http::{Problem, Services};

pub(super) fn routes() -> Routes {
    Routes::default().api::<__path_list, _, _>(Action::SeeStatus, list)
}

/// A key of the configuration.
#[derive(Debug, Serialize, ToSchema)]
struct SettingOfSite {
    /// The section, such as `collection` or `line[2]`; empty above all sections.
    section: String,
    /// The key.
    key: String,
    /// The value as the file would have it; `null` where there is none.
    value: Option<String>,
    /// Whether the file leaves it out.
    is_default: bool,
    /// What may stand here.
    expected: String,
    /// The same in Chinese.
    expected_zh: String,
    /// What else is to be known of it.
    remark: Option<String>,
}

/// What the head-end runs with.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsAnswer {
    /// Every key with what holds for it; none in a process that was given no configuration.
    settings: Vec<SettingOfSite>,
    /// The version of the program.
    version: String,
}

/// What the head-end runs with: every key of its configuration
///
/// No password and no key is among them: they stand in files of their own, and only the paths of these are told.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = SettingsAnswer)))]
async fn list(State(services): State<Services>) -> Result<Json<SettingsAnswer>, Problem> {
    let settings = services.shown.iter().map(shown).collect();
    Ok(Json(SettingsAnswer { settings, version: env!("CARGO_PKG_VERSION").to_owned() }))
}

fn shown(effective: &Effective) -> SettingOfSite {
    let Effective { section, key, value, expected, is_default, remark } = effective.clone();
    SettingOfSite {
        section,
        key: key.to_owned(),
        value,
        is_default,
        expected: expected.en,
        expected_zh: expected.zh,
        remark,
    }
}
