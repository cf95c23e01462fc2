//! Lists of revoked certificates (T7): in force as soon as their file changes, and neither open nor shut for everybody when
//! it cannot be used.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::config::Config;
use chaobiao::terminal::{Terminals, WhatChanged};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::rig::{LOGIN, LOGIN_ANSWER, SECOND, address, hex};
use crate::sockets::Port;

/// The files of a head-end. Lists and certificates are kept for good; the authority's key is not.
struct Site {
    folder: tempfile::TempDir,
}

/// A file that is kept.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/revoked").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(kept(name)).unwrap()
}

impl Site {
    /// With these lists.
    fn new(lists: &[&str]) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["server.pem", "server.key", "ca.pem"] {
            site.write(name, text(name).as_bytes());
        }
        site.lists(lists);
        site
    }

    /// Puts these lists in place of those before.
    fn lists(&self, names: &[&str]) {
        let all: Vec<_> = names.iter().map(|name| text(name)).collect();
        self.write("revoked.crl", all.concat().as_bytes());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there in one step.
    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path("new"), bytes).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    fn base(&self) -> PathBuf {
        self.path("chaobiao.toml")
    }
}

/// A terminal that comes with a certificate.
fn connector(name: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(kept("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let certificate = CertificateDer::from_pem_file(kept(&format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(kept(&format!("{name}.key"))).unwrap();
    TlsConnector::from(Arc::new(builder.with_client_auth_cert(vec![certificate], key).unwrap()))
}

const FILES: &str = "listen = \"127.0.0.1:0\"\ntls_certificate = \"server.pem\"\ntls_key = \"server.key\"\n\
    tls_client_ca = \"ca.pem\"\ntls_revoked = \"revoked.crl\"\n";

async fn read_20(stream: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let mut frame = vec![0; 20];
    let read = tokio::time::timeout(SECOND * 20, stream.read_exact(&mut frame)).await.unwrap();
    read.ok().map(|_| frame)
}

/// Comes from an address of this machine with a certificate, and logs in; `None` when it is not let in.
async fn log_in(port: &Port, name: &str, from: &str) -> Option<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse::<SocketAddr>().unwrap()).unwrap();
    let tcp = socket.connect(port.address()).await.unwrap();
    let mut stream = connector(name).connect("localhost".try_into().unwrap(), tcp).await.ok()?;
    stream.write_all(&hex(LOGIN)).await.ok()?;
    let answer = read_20(&mut stream).await?;
    (answer == hex(LOGIN_ANSWER)).then_some(stream)
}

/// Lets the file be looked at again, without waiting for the time.
async fn looked_at() {
    // Whoever looks has to have begun to wait.
    tokio::time::sleep(Duration::from_millis(20)).await;
    tokio::time::pause();
    tokio::time::advance(SECOND * 11).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn trouble(port: &Port) -> Option<String> {
    port.terminals.revocation_trouble(Clock::system().now()).map(|words| words.en)
}

#[tokio::test]
async fn t07_a_revoked_certificate_is_refused_and_its_session_is_ended_without_a_restart() {
    let site = Site::new(&["other.crl"]);
    let port = Port::open_at(&site.base(), FILES).await;
    assert!(log_in(&port, "other", "127.0.0.1").await.is_none(), "it is on the list from the beginning");
    assert!(log_in(&port, "expired", "127.0.0.1").await.is_none(), "it has run out");
    let mut session = log_in(&port, "one", "127.0.0.1").await.unwrap();
    assert_eq!(trouble(&port), None);
    let mut session = {
        drop(log_in(&port, "one", "127.0.0.2").await.unwrap());
        assert!(read_20(&mut session).await.is_none(), "the newest session wins");
        log_in(&port, "one", "127.0.0.1").await.unwrap()
    };

    let mut changes = port.terminals.changes();
    site.lists(&["both.crl"]);
    looked_at().await;
    assert!(read_20(&mut session).await.is_none(), "the session is over");
    let told = changes.try_recv().map(|change| (change.terminal, change.what));
    assert_eq!(told.ok(), Some((address(), WhatChanged::Lost)), "whoever follows it is told");
    let status = port.terminals.status(address()).unwrap();
    assert_eq!((status.is_online, status.refused), (false, 1));
    assert!(log_in(&port, "one", "127.0.0.1").await.is_none());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(port.terminals.status(address()).unwrap().refused, 2, "it is told which terminal came");
    port.close().await;
}

#[tokio::test]
async fn t05_a_certificate_that_is_copied_is_told_and_takes_points_back_when_two_alternate() {
    let site = Site::new(&["other.crl"]);
    let port = Port::open_at(&site.base(), FILES).await;
    let mut sessions = Vec::new();
    let mut seen = Vec::new();
    for from in ["127.0.0.1", "127.0.0.2", "127.0.0.1"] {
        sessions.push(log_in(&port, "one", from).await.unwrap());
        let status = port.terminals.status(address()).unwrap();
        seen.push((status.claims, status.claimed.map(|(_, from)| from.ip().to_string())));
    }
    // One new address is what a mobile network gives a terminal; the old one again is two that have its certificate.
    assert_eq!(seen, [(0, None), (1, None), (2, Some("127.0.0.1".to_owned()))]);
    port.close().await;
}

#[tokio::test]
async fn t07_a_terminal_is_not_bound_to_a_certificate_that_was_revoked_before_its_login() {
    let site = Site::new(&["none.crl"]);
    let port = Port::open_at(&site.base(), &format!("{FILES}register_within = \"30s\"\n")).await;
    let tcp = TcpStream::connect(port.address()).await.unwrap();
    let mut stream = connector("one").connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    site.lists(&["both.crl"]);
    looked_at().await;
    stream.write_all(&hex(LOGIN)).await.unwrap();
    read_20(&mut stream).await;
    let limit = tokio::time::timeout(SECOND * 20, stream.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(limit, Ok(0) | Err(_)), "it is refused");
    let status = port.terminals.status(address()).unwrap();
    assert_eq!((status.is_online, status.refused, status.certificate), (false, 1, None));
    port.close().await;
}

#[tokio::test]
async fn t07_a_list_that_cannot_be_used_opens_to_nobody_and_shuts_nobody_out() {
    let site = Site::new(&["other.crl"]);
    let port = Port::open_at(&site.base(), FILES).await;
    let whole = text("none.crl");
    for (lists, said) in [
        ("nonsense".to_owned(), "lists of revoked certificates (X509 CRL)"),
        (whole[..whole.len() / 2].to_owned(), "lists of revoked certificates (X509 CRL)"),
        (text("stranger.crl"), "\"another\" none of them has"),
        (text("forged.crl"), "\"省公司 CA\" none of them has"),
        (text("ca.pem"), "lists of revoked certificates (X509 CRL)"),
    ] {
        site.write("revoked.crl", lists.as_bytes());
        looked_at().await;
        let told = trouble(&port);
        assert!(told.as_ref().is_some_and(|told| told.contains(said)), "{said}: {told:?}");
        assert!(log_in(&port, "one", "127.0.0.1").await.is_some(), "{said}");
        assert!(log_in(&port, "other", "127.0.0.1").await.is_none(), "{said}");
    }
    std::fs::remove_file(site.path("revoked.crl")).unwrap();
    looked_at().await;
    assert!(trouble(&port).is_some(), "it is gone");
    assert!(log_in(&port, "one", "127.0.0.1").await.is_some());
    // Outdated: it is used for what it says.
    site.lists(&["one-outdated.crl"]);
    looked_at().await;
    assert!(trouble(&port).is_some_and(|told| told.contains("was to be replaced by 2025-01-01")));
    assert!(log_in(&port, "one", "127.0.0.1").await.is_none());
    site.lists(&["other.crl"]);
    looked_at().await;
    assert_eq!(trouble(&port), None);
    assert!(log_in(&port, "one", "127.0.0.1").await.is_some());
    port.close().await;
}

#[tokio::test]
async fn t07_bad_lists_are_faults_before_they_are_served() {
    let site = Site::new(&[]);
    let check = |base: &Path| {
        let text = format!("[database]\npath = \"x.db\"\n[terminals]\n{FILES}");
        let config = Config::parse(base, &text).unwrap().config.terminals;
        let told = Terminals::check(&config, Clock::system().now()).map_err(|error| error.to_string());
        (config, told)
    };
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    site.write("ca.pem", [text("ca.pem"), text("city.pem")].concat().as_bytes());
    for (lists, said, is_served) in [
        (&["none.crl", "city.crl"][..], "", true),
        (&["none.crl"][..], "there is none of \"市公司 CA\"", false),
        (&["none.crl", "city-outdated.crl"][..], "“市公司 CA”的列表应于 2020-01-01", true),
        (&[][..], "one or several in PEM", false),
    ] {
        site.lists(lists);
        let (config, told) = check(&site.base());
        match told {
            Ok(()) => assert_eq!(said, ""),
            Err(told) => assert!(!said.is_empty() && told.contains(said), "{said}: {told}"),
        }
        let opened = Terminals::open(&config, Clock::system(), 7, &tasks, &stop).await;
        assert_eq!(opened.is_ok(), is_served, "{said}");
    }
    site.write("ca.pem", text("ca.pem").as_bytes());
    let one = CertificateRevocationListDer::from_pem_slice(text("none.crl").as_bytes()).unwrap();
    site.write("revoked.crl", &one);
    assert_eq!(check(&site.base()).1, Ok(()), "one in DER");
    let without =
        "[database]\npath = \"x.db\"\n[terminals]\nlisten = \"127.0.0.1:0\"\ntls_revoked = \"revoked.crl\"\n";
    let told = Config::parse(&site.base(), without).map(|_| ()).unwrap_err().to_string();
    assert!(
        told.contains("tls_revoked") && told.contains("has no effect without terminals.tls_certificate"),
        "{told}"
    );
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
