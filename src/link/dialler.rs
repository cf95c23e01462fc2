//! Where a line gets its path from, again and again.

use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::{DialledIn, Link, LinkError, Place, Rate};
use crate::config::{Line, LinePlace};

/// Opens the path of one line whenever it is asked to.
#[derive(Debug)]
pub struct Dialler {
    source: Source,
    limit: Duration,
}

#[derive(Debug)]
enum Source {
    Place(Place),
    DialledIn(DialledIn),
    Memory { ends: mpsc::Receiver<DuplexStream>, forgets: bool },
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

    /// Takes ends of paths within this process, one each time, and waits up to `limit` for it. `forgets` says that
    /// nothing of what is under way survives a silence, as on a wire.
    #[must_use]
    pub const fn memory(ends: mpsc::Receiver<DuplexStream>, forgets: bool, limit: Duration) -> Self {
        Self { source: Source::Memory { ends, forgets }, limit }
    }

    /// The dialler of a line that the configuration describes, when the line is not one that is dialled in.
    #[must_use]
    pub fn of(line: &Line) -> Option<Self> {
        let place = match &line.place {
            LinePlace::Serial(device) => Place::Serial {
                device: device.to_string_lossy().into_owned(),
                rate: Rate { baud: line.baud, parity: line.parity },
            },
            LinePlace::Tcp(address) => Place::Tcp(address.to_string()),
            LinePlace::Registered(_) | LinePlace::From(_) => return None,
        };
        Some(Self::to(place, line.dial_within))
    }

    /// Opens the path, once.
    ///
    /// # Errors
    /// [`LinkError`] says what could not be opened and why.
    pub async fn dial(&mut self) -> Result<Link, LinkError> {
        match &mut self.source {
            Source::Place(place) => Link::open(place, self.limit).await,
            Source::DialledIn(path) => path.newest(self.limit).await,
            Source::Memory { ends, .. } => match tokio::time::timeout(self.limit, ends.recv()).await {
                Ok(Some(end)) => Ok(Link::Memory(end)),
                Ok(None) => Err(LinkError::Closed),
                Err(_) => Err(LinkError::NotDialledIn { line: "memory".to_owned() }),
            },
        }
    }

    /// True when a line that was quiet long enough holds no answer any more. On a network one may still be under way,
    /// held up behind a lost segment; there the path has to be opened anew before a question is put again (F6).
    #[must_use]
    pub const fn forgets(&self) -> bool {
        match &self.source {
            Source::Place(Place::Serial { .. }) => true,
            Source::Place(Place::Tcp(_)) | Source::DialledIn(_) => false,
            Source::Memory { forgets, .. } => *forgets,
        }
    }
}
