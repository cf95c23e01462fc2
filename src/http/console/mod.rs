//! The console: pages made here, that work without a script.

use super::routes::Routes;

/// Every page and form.
pub(super) fn routes() -> Routes {
    Routes::default()
}
