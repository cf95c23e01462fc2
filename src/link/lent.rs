//! The end of a line that a running service has: each frame is asked by the service, in its turn, and what the meter said
//! becomes readable.
//!
//! The service waits on a socket of this machine whose name is made of the [place](names) of the line, so that whoever would
//! open the line finds whoever has it. Writing a frame returns when its turn was over: waiting for other work is no silence of
//! the meter, and nothing that is read afterwards is late. Frames that change a meter do not leave by this.

mod names;
mod words;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Cleared, LinkError, Place, Rate};
use crate::domain::{Coded, Parity};

pub use names::{bind, names};
pub use words::{Beside, Greeting, Heard, Lengths, Reply, Terms, Wish};

/// A line that is asked through the service that has it.
pub struct Lent {
    stream: BufReader<UnixStream>,
    line: String,
    rate: Rate,
    terms: Terms,
    /// What came and was not read yet.
    ready: VecDeque<u8>,
    heard: Option<Heard>,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Lent {
    /// Looks whether a service has the line at this place; `None` when nobody says so.
    ///
    /// # Errors
    /// [`LinkError::Lent`] when one has it and does not lend it to us: then the line is not ours to open either.
    pub async fn seek(place: &Place) -> Result<Option<Self>, LinkError> {
        for name in names(place).await {
            let stream = names::connect(&name).map_err(|error| {
                lent(
                    format!("a service has the line and cannot be reached: {error}"),
                    format!("该线路由服务占用，但无法连接: {error}"),
                )
            })?;
            if let Some(stream) = stream {
                return Self::greeted(stream).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn greeted(stream: UnixStream) -> Result<Self, LinkError> {
        let owner = stream.peer_cred().map_err(LinkError::Failed)?.uid();
        let own = nix::unistd::geteuid().as_raw();
        // Anybody could wait under that name.
        if owner != own && owner != 0 && own != 0 {
            return Err(not_yours(&user_name(owner)));
        }
        let mut stream = BufReader::new(stream);
        let said = tokio::time::timeout(GREETED_WITHIN, line(&mut stream)).await;
        let said = said.map_err(|_| {
            lent("the service that has the line does not answer".into(), "占用该线路的服务无应答".into())
        })??;
        match serde_json::from_str(&said).map_err(|_| other_version())? {
            Greeting::Lent { line, baud, parity } => {
                let parity = Parity::TABLE.iter().find(|(.., name)| *name == parity);
                let parity = parity.map_or(Parity::Even, |(parity, ..)| *parity);
                let rate = Rate { baud, parity };
                let (ready, heard) = (VecDeque::new(), None);
                Ok(Self { stream, line, rate, terms: Terms::default(), ready, heard })
            }
            Greeting::NotYours { user } => Err(not_yours(&user)),
            Greeting::Full => Err(lent(
                "too many commands ask through the service on this line: try again when they have ended"
                    .into(),
                "经服务使用该线路的命令过多，请稍后再试".into(),
            )),
        }
    }

    /// The name that the service has for the line.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// How the service has it set.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How the next frames are asked.
    pub fn ask_by(&mut self, terms: Terms) {
        self.terms = terms;
        self.heard = None;
    }

    /// How the last frame was asked, once.
    pub const fn take_heard(&mut self) -> Option<Heard> {
        self.heard.take()
    }

    pub(super) async fn write(&mut self, cleared: Cleared<'_>) -> Result<usize, LinkError> {
        let bytes = cleared.bytes();
        let wish = Wish { frame: bytes.to_vec(), terms: self.terms.clone() };
        let mut text = serde_json::to_string(&wish).map_err(|error| LinkError::Failed(error.into()))?;
        text.push('\n');
        self.ready.clear();
        let written = self.stream.get_mut().write_all(text.as_bytes()).await;
        written.map_err(|_| LinkError::ServiceEnded)?;
        let said = line(&mut self.stream).await?;
        match serde_json::from_str(&said).map_err(|_| other_version())? {
            Reply::Heard(mut heard) => {
                self.ready.extend(heard.frame.take().unwrap_or_default());
                self.heard = Some(heard);
                Ok(bytes.len())
            }
            Reply::NotAsked { en, zh } => Err(LinkError::Lent { en, zh }),
        }
    }

    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, LinkError> {
        let count = room.len().min(self.ready.len());
        if count == 0 {
            return Err(LinkError::NoAnswer);
        }
        room.iter_mut().zip(self.ready.drain(..count)).for_each(|(place, byte)| *place = byte);
        Ok(count)
    }
}

/// One line of the service.
async fn line(stream: &mut BufReader<UnixStream>) -> Result<String, LinkError> {
    let mut text = Vec::new();
    let read = stream.take(LONGEST).read_until(b'\n', &mut text).await;
    match read {
        Ok(_) if text.last() == Some(&b'\n') => String::from_utf8(text).map_err(|_| other_version()),
        _ => Err(LinkError::ServiceEnded),
    }
}

/// The name of the user with this number, or the number.
#[must_use]
pub fn user_name(uid: u32) -> String {
    let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

const fn lent(en: String, zh: String) -> LinkError {
    LinkError::Lent { en, zh }
}

fn not_yours(user: &str) -> LinkError {
    lent(
        format!("the line is served by user {user}: run this as {user} or as root"),
        format!("该线路由用户 {user} 的服务占用，请以 {user} 或 root 身份运行"),
    )
}

fn other_version() -> LinkError {
    lent(
        "the service that has the line was not understood: it may be of another version".into(),
        "无法识别占用该线路的服务，版本可能不同".into(),
    )
}

/// The longest line that either side says.
pub const LONGEST: u64 = 64 * 1024;
/// So long a question waits for its turn behind other work, at most.
pub const MOST_TURN: Duration = Duration::from_secs(5 * 60);
/// A service that is there says so at once.
const GREETED_WITHIN: Duration = Duration::from_secs(5);
