//! The reference receiver: it reads requests from sockets, checks who signed them, enters what takes effect under its key,
//! and notes all that it saw. It shares no code with what sends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::task::TaskTracker;

/// What both sides sign with.
pub(crate) const SECRET: &str = "a secret that both sides know";

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let json = self.json();
        let key = |record: &Value| record["key"].as_str().unwrap().to_owned();
        json["records"].as_array().unwrap().iter().map(key).collect()
    }

    /// The bytes of each record, by its key.
    fn records(&self) -> Vec<(String, String)> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let pieces = text.split("{\"key\":").skip(1);
        let record = |piece: &str| piece.trim_end_matches("]}").trim_end_matches(',').to_owned();
        self.keys().into_iter().zip(pieces.map(record)).collect()
    }

    fn is_signed(&self) -> bool {
        let Some(timestamp) = self.header("x-chaobiao-timestamp") else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signed = [timestamp.as_bytes(), b".", &self.body].concat();
        let digits: String =
            hmac::sign(&key, &signed).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.header("x-chaobiao-signature") == Some(&format!("sha256={digits}"))
    }
}

/// What it answers.
pub(crate) enum Reply {
    Answer(u16, &'static str, String),
    /// Closes the connection without a word.
    Cut,
    /// Begins an answer and closes the connection.
    Half,
    /// Never says anything.
    Silence,
}

pub(crate) type Manner = Box<dyn Fn(&mut Books, &Heard) -> Reply + Send>;

/// What took effect, and what was seen.
#[derive(Default)]
pub(crate) struct Books {
    /// The bytes of the record that took effect under each key.
    pub(crate) effects: BTreeMap<String, String>,
    /// The keys in the order in which they took effect.
    pub(crate) order: Vec<String>,
    /// How often a key came again.
    pub(crate) repeated: usize,
    /// Keys that came again with other bytes.
    pub(crate) contradicted: Vec<String>,
    pub(crate) heard: Vec<Heard>,
}

impl Books {
    pub(crate) fn take(&mut self, heard: &Heard) {
        for (key, bytes) in heard.records() {
            match self.effects.get(&key) {
                Some(held) => {
                    self.repeated += 1;
                    if *held != bytes {
                        self.contradicted.push(key);
                    }
                }
                None => {
                    self.order.push(key.clone());
                    self.effects.insert(key, bytes);
                }
            }
        }
    }
}

/// Takes everything and says so.
pub(crate) fn takes() -> Manner {
    Box::new(|books, heard| {
        books.take(heard);
        ok(heard.keys().iter().map(|key| taken(key)).collect())
    })
}

/// Answers always the same; nothing takes effect.
pub(crate) fn answers(status: u16, headers: &'static str, body: &'static str) -> Manner {
    Box::new(move |_, _| Reply::Answer(status, headers, body.to_owned()))
}

pub(crate) fn taken(key: &str) -> Value {
    json!({ "key": key, "taken": true })
}

pub(crate) fn ok(receipts: Vec<Value>) -> Reply {
    Reply::Answer(200, "", json!({ "receipts": receipts }).to_string())
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<(Manner, Books)>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn plain(manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), manner, None).await
    }

    /// One with a certificate of this name in `tests/billing/tls`.
    pub(crate) async fn encrypted(certificate: &str, manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), manner, Some(acceptor(certificate))).await
    }

    pub(crate) async fn at(address: SocketAddr, manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        // One that was there before may be about to leave.
        let mut bound = TcpListener::bind(address).await;
        while bound.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse) {
            tokio::task::yield_now().await;
            bound = TcpListener::bind(address).await;
        }
        let listener = bound.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new((manner, Books::default())));
        let inside = Arc::clone(&state);
        let task = TaskTracker::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever breaks off has nothing coming.
                let _ = match &tls {
                    None => serve(stream, &inside).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, &inside).await,
                        Err(_) => None,
                    },
                };
            }
        });
        Self { address, state, task }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().0 = manner;
    }

    pub(crate) fn books<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        look(&mut self.state.lock().unwrap().1)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.books(|books| books.heard.clone())
    }

    pub(crate) fn effects(&self) -> usize {
        self.books(|books| books.effects.len())
    }
}

pub(crate) fn tls_file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/billing/tls").join(name)
}

fn acceptor(certificate: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(tls_file(&format!("{certificate}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls_file(&format!("{certificate}.key"))).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// One request of a connection, as far as the sender stays for it.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    state: &Mutex<(Manner, Books)>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let (end, length) = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let heard = Heard { head: String::from_utf8(bytes[..end].to_vec()).ok()?, body: Vec::new() };
            break (end, heard.header("content-length")?.parse::<usize>().ok()?);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if bytes[0] == TLS_HANDSHAKE {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    };
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let heard = Heard { head, body: bytes[end + 4..].to_vec() };
    let reply = {
        let (manner, books) = &mut *state.lock().unwrap();
        books.heard.push(heard.clone());
        if heard.is_signed() { manner(books, &heard) } else { Reply::Answer(401, "", String::new()) }
    };
    match reply {
        Reply::Cut => None,
        Reply::Half => {
            let begun = b"HTTP/1.1 200 x\r\nContent-Length: 500\r\n\r\n{\"receipts\":[";
            stream.write_all(begun).await.ok()
        }
        Reply::Silence => {
            let _ = stream.read_buf(&mut bytes).await;
            None
        }
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n{headers}\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(body.as_bytes()).await.ok()?;
            stream.flush().await.ok()
        }
    }
}

/// The first byte of whoever wants to speak encrypted.
const TLS_HANDSHAKE: u8 = 0x16;
