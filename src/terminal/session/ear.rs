//! Takes frames out of a stream, without a buffer of its own while none is under way.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gdw1376::decoder::Decoder;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

pub(super) struct Ear {
    decoder: Decoder,
    /// A long frame has left much room behind.
    is_wide: bool,
    /// When bytes came last.
    last: Option<Instant>,
    /// Bytes that came and were not asked for yet.
    heard: u64,
}

impl Ear {
    pub(super) const fn new(decoder: Decoder) -> Self {
        Self { decoder, is_wide: false, last: None, heard: 0 }
    }

    /// Waits for bytes and gives the frames that are whole by then, perhaps none.
    pub(super) async fn listen<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Vec<Vec<u8>>> {
        poll_fn(|context| self.poll(stream, context)).await
    }

    fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Vec<Vec<u8>>>> {
        // Here and not in the future, which lives as long as the session.
        let mut room = [0; ROOM];
        let mut buffer = ReadBuf::new(&mut room);
        match Pin::new(stream).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.take(buffer.filled()))),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.last = Some(Instant::now());
        self.heard += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut rest = bytes;
        let mut frames = Vec::new();
        while let Some(found) = self.decoder.next_frame(&mut rest) {
            self.is_wide |= found.wire.len() > WIDE;
            frames.push(found.wire.to_vec());
        }
        self.narrow();
        frames
    }

    /// When an unfinished frame is given up.
    pub(super) fn due(&self) -> Option<Instant> {
        self.last.filter(|_| self.decoder.is_unfinished()).map(|last| last + PAUSE)
    }

    /// Gives up an unfinished frame when it is time to, and gives what stood behind its start.
    pub(super) fn quiet(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if self.due().is_some_and(|due| now >= due) {
            while let Some(found) = self.decoder.quiet() {
                frames.push(found.wire.to_vec());
            }
            self.is_wide = true;
            self.narrow();
        }
        frames
    }

    /// How many bytes came since this was asked last.
    pub(super) fn heard(&mut self) -> u64 {
        std::mem::take(&mut self.heard)
    }

    /// Gives the room of a long frame back.
    fn narrow(&mut self) {
        if self.is_wide && !self.decoder.is_unfinished() {
            self.decoder = Decoder::new();
            self.is_wide = false;
        }
    }
}

/// Read at a time.
const ROOM: usize = 2048;
/// A frame that is longer leaves room behind that is given back.
const WIDE: usize = 256;
/// A frame may pause so long on a network. [1376 1.8]
const PAUSE: Duration = Duration::from_secs(10);
