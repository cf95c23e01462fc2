//! Meters behind a Modbus TCP gateway.
//!
//! ```text
//! number number  00 00  length length  unit  function  data ..
//! ```
//!
//! One question after the other of each client; where no meter has the unit number the gateway says so. [Modbus TCP 3.1.3]

use core::net::SocketAddr;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::Server;
use crate::bus::moment::Moment;
use crate::station::{Reply, Station, rtu_frame};

impl Server {
    /// Puts meters behind a Modbus TCP port, of which 0 takes a free one, and says which it is.
    ///
    /// # Errors
    /// What the system says, such as that the address is taken.
    pub async fn gateway<S: Station + Send + 'static>(
        &self,
        address: SocketAddr,
        meters: Vec<S>,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        let gateway = Gateway { meters: Arc::new(Mutex::new(meters)), server: self.clone() };
        self.tasks.spawn(gateway.accept(listener));
        Ok(bound)
    }
}

struct Gateway<S> {
    meters: Arc<Mutex<Vec<S>>>,
    server: Server,
}

impl<S> Clone for Gateway<S> {
    fn clone(&self) -> Self {
        Self { meters: Arc::clone(&self.meters), server: self.server.clone() }
    }
}

impl<S: Station + Send + 'static> Gateway<S> {
    async fn accept(self, listener: TcpListener) {
        let stop = self.server.stop.clone();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            // No handles are left, or a client went before it was accepted: let others end first.
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (of, ended) = (self.clone(), stop.clone());
            self.server.tasks.spawn(async move {
                // A client that goes ends its connection; nothing else is left to do.
                let _ = ended.run_until_cancelled(of.serve(stream)).await;
            });
        }
    }

    /// Serves one client until it goes, or sends what is no frame.
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        loop {
            let mut head = [0; HEAD];
            stream.read_exact(&mut head).await?;
            let [first, second, 0, 0, high, low] = head else { return Ok(()) };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if !(2..=LONGEST).contains(&length) {
                return Ok(());
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            let said = self.ask(&body).await;
            let length = u16::try_from(said.len()).unwrap_or_default().to_be_bytes();
            let [length_high, length_low] = length;
            let answer = [&[first, second, 0, 0, length_high, length_low][..], &said].concat();
            stream.write_all(&answer).await?;
        }
    }

    /// What the meter with this unit number says, unit first; what the gateway says where there is none.
    async fn ask(&self, body: &[u8]) -> Vec<u8> {
        let (Some(unit), Some(function)) = (body.first().copied(), body.get(1).copied()) else {
            return Vec::new();
        };
        let question = rtu_frame(unit, body.get(1..).unwrap_or_default());
        let reply = {
            let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Moment::START.plus(Instant::now().duration_since(self.server.start));
            meters.iter_mut().find_map(|meter| meter.hear_rtu(now, &question))
        };
        let Some(Reply { mut bytes, delay, .. }) = reply else {
            return vec![unit, function | REFUSED, NO_ANSWER];
        };
        tokio::time::sleep(delay).await;
        bytes.truncate(bytes.len().saturating_sub(CHECK));
        bytes
    }
}

/// Number, protocol, length.
const HEAD: usize = 6;
/// Unit, function and data.
const LONGEST: usize = 254;
/// The check of a frame on a bus, which there is none of over TCP.
const CHECK: usize = 2;
/// Set in the function of a refusal. [Modbus 4.1]
const REFUSED: u8 = 0x80;
/// The device behind the gateway has not answered. [Modbus 7]
const NO_ANSWER: u8 = 0x0B;
/// Until the next client is accepted, where the last could not be.
const PAUSE: core::time::Duration = core::time::Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::rate::Rate;
    use crate::station::ModbusMeter;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_meter_answers_under_the_number_of_the_question_and_nobody_is_told() {
        let server = Server::new();
        let meter = ModbusMeter::new(17, Rate::default()).with(3, 5, [0x1234]);
        let place = server.gateway("127.0.0.1:0".parse().unwrap(), vec![meter]).await.unwrap();
        let mut stream = TcpStream::connect(place).await.unwrap();
        for (question, answer) in [
            (&[9, 7, 0, 0, 0, 6, 17, 3, 0, 5, 0, 1][..], &[9, 7, 0, 0, 0, 5, 17, 3, 2, 0x12, 0x34][..]),
            (&[9, 8, 0, 0, 0, 6, 17, 3, 0, 6, 0, 1], &[9, 8, 0, 0, 0, 3, 17, 0x83, 2]),
            (&[9, 9, 0, 0, 0, 6, 18, 3, 0, 5, 0, 1], &[9, 9, 0, 0, 0, 3, 18, 0x83, 0x0B]),
        ] {
            stream.write_all(question).await.unwrap();
            let mut said = vec![0; answer.len()];
            stream.read_exact(&mut said).await.unwrap();
            assert_eq!(said, answer);
        }
        // What is no frame ends the connection.
        stream.write_all(&[9, 9, 1, 0, 0, 6]).await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0);
        server.stop().await;
    }
}
