//! One POST over a connection of its own: to the configured address, and nowhere else (T20).

use std::io;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT};
use hyper_util::rt::TokioIo;
use ring::hmac;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::known;
use crate::billing::sink::SinkError;
use crate::config::HttpReceiver;
use crate::domain::Moment;

/// The way to a receiver.
pub(super) struct Way {
    to: HttpReceiver,
    tls: Option<TlsConnector>,
}

/// What a receiver answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// After how long it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl Way {
    pub(super) fn new(to: HttpReceiver) -> Self {
        let tls = to.known_by.as_ref().and_then(known::connector);
        Self { to, tls }
    }

    /// Sends a body to a path under the address, and takes an answer of so many bytes at most. What became of the body is
    /// not known when there is no answer.
    pub(super) async fn post(
        &self,
        under: &str,
        body: Vec<u8>,
        most: usize,
        now: Moment,
    ) -> Result<Answer, SinkError> {
        match tokio::time::timeout(self.to.within, self.exchange(under, body, most, now)).await {
            Ok(answered) => answered,
            Err(_) => Err(away("time-out")),
        }
    }

    async fn exchange(
        &self,
        under: &str,
        body: Vec<u8>,
        most: usize,
        now: Moment,
    ) -> Result<Answer, SinkError> {
        let url = &self.to.url;
        let request = self.request(under, body, now)?;
        let tcp =
            TcpStream::connect((url.host.as_str(), url.port)).await.map_err(|error| unreachable(&error))?;
        // Small exchanges that are waited for.
        let _ = tcp.set_nodelay(true);
        if !url.is_encrypted {
            return talk(tcp, request, most).await;
        }
        let tls = self.tls.as_ref().ok_or_else(|| away("its authority in ca_file is no certificate"))?;
        let name = ServerName::try_from(url.host.clone()).map_err(|_| away("no such host"))?;
        let encrypted = tls.connect(name, tcp).await.map_err(|error| not_known(&error))?;
        talk(encrypted, request, most).await
    }

    fn request(&self, under: &str, body: Vec<u8>, now: Moment) -> Result<Request<Full<Bytes>>, SinkError> {
        let HttpReceiver { url, key_id, secret, .. } = &self.to;
        let path =
            format!("{}{under}", if under.is_empty() { &url.path } else { url.path.trim_end_matches('/') });
        let (timestamp, signature) = sign(secret.reveal().as_bytes(), &body, now);
        Request::post(path)
            .header(HOST, url.authority())
            .header(USER_AGENT, "chaobiao")
            .header(CONTENT_TYPE, "application/json")
            .header("X-Chaobiao-Key-Id", key_id)
            .header("X-Chaobiao-Timestamp", timestamp)
            .header("X-Chaobiao-Signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| away("its address or key_id cannot be sent"))
    }
}

/// When a body is sent and what shows who sent it: the secret signs `timestamp.body`, the timestamp in seconds.
fn sign(secret: &[u8], body: &[u8], now: Moment) -> (String, String) {
    let timestamp = (now.micros() / 1_000_000).to_string();
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    signing.update(timestamp.as_bytes());
    signing.update(b".");
    signing.update(body);
    let digits: String = signing.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    (timestamp, format!("sha256={digits}"))
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> Result<Answer, SinkError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| away("connection closed"))?;
    let answered = async move {
        let answer =
            sender.send_request(request).await.map_err(|_| away("connection closed without an answer"))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, most).collect().await;
        let body = body.map_err(|_| away("the answer breaks off or is too long"))?.to_bytes();
        let retry_after = retry_after(&head.headers);
        Ok(Answer { status: head.status.as_u16(), body: body.to_vec(), retry_after })
    };
    let (mut answered, mut connection) = (pin!(answered), pin!(connection));
    let mut is_open = true;
    loop {
        tokio::select! {
            biased;
            answer = &mut answered => return answer,
            // What came before it ended is still to be taken.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

/// In seconds, as programs say it; dates are for browsers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn away(reason: &str) -> SinkError {
    SinkError::Unavailable { reason: reason.to_owned() }
}

fn unreachable(error: &io::Error) -> SinkError {
    away(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::TimedOut => "time-out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no way there",
        _ => "no connection",
    })
}

/// Whoever is there is not known as the receiver.
fn not_known(error: &io::Error) -> SinkError {
    let said = error.get_ref().map(ToString::to_string).unwrap_or_else(|| error.to_string());
    let said: String = said.chars().take(150).collect();
    SinkError::Stranger { reason: said }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with Python's `hmac`.
    #[test]
    fn t22_what_is_sent_is_signed_with_its_time() {
        let (timestamp, signature) =
            sign(b"this is secret", b"{}", Moment::from_micros(1_795_278_330_250_000));
        assert_eq!(timestamp, "1795278330");
        assert_eq!(signature, "sha256=3f8abd113f2ccab8f3792ac8e1760bea61cedc52c61ac499bb69e5b91ee6a0bc");
    }
}
