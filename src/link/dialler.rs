//! Where a line gets its path from, again and again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;

use super::{Carrier, DialledIn, Forwarded, Link, LinkError, Place};
use crate::config::Line;

/// Opens the path of one line whenever it is asked to.
#[derive(Debug)]
pub struct Dialler {
    source: Source,
    limit: Duration,
}

enum Source {
    Place(Place),
    DialledIn(DialledIn),
    Terminal(Arc<dyn Carrier>),
    Memory { open: Opener, reopens: bool },
}

/// Makes ends of paths within this process.
type Opener = Box<dyn FnMut() -> Option<DuplexStream> + Send>;

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => write!(f, "{place}"),
            Self::DialledIn(path) => write!(f, "the device of {}", path.line()),
            Self::Terminal(carrier) => write!(f, "terminal {}", carrier.line()),
            Self::Memory { .. } => f.write_str("memory"),
        }
    }
}

impl Dialler {
    /// Opens this place; a connection over the network within `limit`.
    #[must_use]
    pub const fn to(place: Place, limit: Duration) -> Self {
        Self { source: Source::Place(place), limit }
    }

    /// Takes the newest connection of a device that dials in, and waits up to `limit` for it.
    #[must_use]
    pub const fn dialled_in(path: DialledIn, limit: Duration) -> Self {
        Self { source: Source::DialledIn(path), limit }
    }

    /// Has frames forwarded by a terminal, and waits up to `limit` for it to be there.
    #[must_use]
    pub fn forwarded(carrier: Arc<dyn Carrier>, limit: Duration) -> Self {
        Self { source: Source::Terminal(carrier), limit }
    }

    /// Opens paths within this process; `open` gives an end, or nothing when there is none now. `reopens` says that the
    /// path is opened anew where a dialled connection would be.
    #[must_use]
    pub fn memory(open: impl FnMut() -> Option<DuplexStream> + Send + 'static, reopens: bool) -> Self {
        Self { source: Source::Memory { open: Box::new(open), reopens }, limit: Duration::ZERO }
    }

    /// The dialler of a line that the configuration describes, when the line is not one that is dialled in.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        let place = Place::of(line)?;
        Some(Self::to(place, line.dial_within))
    }

    /// The terminal that forwards, where one does.
    #[must_use]
    pub fn carrier(&self) -> Option<Arc<dyn Carrier>> {
        match &self.source {
            Source::Terminal(carrier) => Some(Arc::clone(carrier)),
            Source::Place(_) | Source::DialledIn(_) | Source::Memory { .. } => None,
        }
    }

    /// Opens the path, once.
    ///
    /// # Errors
    /// [`LinkError`] says what could not be opened and why.
    pub async fn dial(&mut self) -> Result<Link, LinkError> {
        match &mut self.source {
            Source::Place(place) => Link::open(place, self.limit).await,
            Source::DialledIn(path) => path.newest(self.limit).await,
            Source::Terminal(carrier) => Forwarded::open(Arc::clone(carrier), self.limit).await,
            Source::Memory { open, .. } => open().map(Link::Memory).ok_or(LinkError::Closed),
        }
    }

    /// True when the path has to be opened anew before a question that was left unanswered is put again. On a wire that
    /// was quiet long enough no answer is left; in a connection one may still be under way, held up behind a lost
    /// segment (F6). A device that has dialled in cannot be called back, so its connection is kept.
    #[must_use]
    pub const fn reopens(&self) -> bool {
        match &self.source {
            Source::Place(Place::Tcp(_)) => true,
            // A terminal numbers its answers.
            Source::Place(Place::Serial { .. }) | Source::DialledIn(_) | Source::Terminal(_) => false,
            Source::Memory { reopens, .. } => *reopens,
        }
    }
}
