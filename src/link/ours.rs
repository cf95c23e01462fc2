//! Whether the site is ours to speak in (F36): of two instances one has it, and one that may have lost it asks nothing and sends
//! nothing.

use std::fmt;
use std::sync::Arc;

/// Says whether the site is ours, each time it is asked. Cheap to clone.
#[derive(Clone)]
pub struct Ours(Arc<dyn Fn() -> bool + Send + Sync>);

impl Ours {
    /// It is as long as this says so.
    pub fn when(is_so: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_so))
    }

    /// Whether it is now.
    #[must_use]
    pub fn is_so(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ours").field(&self.is_so()).finish()
    }
}
