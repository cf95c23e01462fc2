//! A line that is kept for orders: from the last question before an order to its frame nothing else is begun, so that a frame
//! that may leave within two seconds finds its turn (F52).

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::ChannelHandle;
use super::shared::Shared;
use crate::link::Carrier;

/// A line that is kept for orders, and the terminal it is behind as well, until this is dropped or its time is over. What is
/// being asked goes on to its end.
pub struct Kept {
    line: Arc<Shared>,
    number: u64,
    carrier: Option<(Arc<dyn Carrier>, u64)>,
}

impl ChannelHandle {
    /// Keeps the line for orders until then at most.
    #[must_use]
    pub fn keep(&self, until: Instant) -> Kept {
        let (line, carrier) = self.parts();
        let number = line.keep(until);
        let carrier = carrier.map(|carrier| {
            let number = carrier.keep(until);
            (carrier, number)
        });
        Kept { line, number, carrier }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.line.let_go(self.number);
        if let Some((carrier, number)) = &self.carrier {
            carrier.let_go(*number);
        }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.number).finish()
    }
}
