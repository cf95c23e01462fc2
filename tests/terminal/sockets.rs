//! Over real sockets: the port, silent clients, terminals that are dialled, TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chaobiao::clock::Clock;
use chaobiao::config::Config;
use chaobiao::terminal::{TerminalSettings, Terminals, Urgency};
use gdw1376::dialogue::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hostile::heartbeat;
use crate::rig::{LOGIN, LOGIN_ANSWER, address, clock_question, clock_units, hex};

pub(crate) struct Port {
    pub(crate) terminals: Terminals,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Port {
    async fn open(text: &str) -> Self {
        Self::open_at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/tls/chaobiao.toml"), text)
            .await
    }

    /// With the files beside a configuration.
    pub(crate) async fn open_at(base: &Path, text: &str) -> Self {
        let text = format!("[database]\npath = \"x.db\"\n[terminals]\n{text}");
        let config = Config::parse(base, &text).unwrap().config;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let terminals = Terminals::open(&config.terminals, Clock::system(), 7, &tasks, &stop).await.unwrap();
        terminals.adopt(address(), TerminalSettings::default());
        Self { terminals, tasks, stop }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.terminals.listening().unwrap()
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn read_20<S: AsyncReadExt + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut frame = vec![0; 20];
    tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut frame)).await.unwrap().unwrap();
    frame
}

#[tokio::test]
async fn f21_more_silent_clients_than_places_keep_no_terminal_out() {
    let port = Port::open("listen = \"127.0.0.1:0\"\nmost_unregistered = 20\nregister_within = \"2s\"").await;
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut stream = port.dial().await;
        if number % 2 == 0 {
            stream.write_all(&hex(LOGIN)[..5]).await.unwrap();
        }
        silent.push(stream);
    }
    let mut terminal = port.dial().await;
    terminal.write_all(&hex(LOGIN)).await.unwrap();
    assert_eq!(read_20(&mut terminal).await, hex(LOGIN_ANSWER));
    for mut stream in silent {
        let ended = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 8])).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
    assert!(port.terminals.status(address()).unwrap().is_online, "a session gives way to nobody");
    port.close().await;
}

#[tokio::test]
async fn a_terminal_that_waits_is_dialled_again_and_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let port = Port::open(&format!("[[terminal_dial]]\naddress = \"1100-3039\"\nto = \"{to}\"")).await;
    assert_eq!(port.terminals.listening(), None);
    for logs_in in [false, true] {
        let (mut stream, _) = listener.accept().await.unwrap();
        if logs_in {
            stream.write_all(&hex(LOGIN)).await.unwrap();
            assert_eq!(read_20(&mut stream).await, hex(LOGIN_ANSWER));
        }
        let ask = port.terminals.ask(address(), clock_question(Urgency::OnDemand));
        let answers = async {
            let request = read_20(&mut stream).await;
            let mut answer = hex("68 4A 00 4A 00 68 88 00 11 39 30 02 0C 60");
            answer[13] = request[13];
            answer.extend(clock_units());
            answer.push(answer[6..].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
            answer.push(0x16);
            stream.write_all(&answer).await.unwrap();
        };
        let (told, ()) = tokio::join!(ask, answers);
        assert_eq!(told.unwrap().outcome, Outcome::Answered { is_complete: true });
        // The connection ends here; the next one is dialled.
    }
    port.close().await;
}

#[tokio::test]
async fn a_terminal_may_send_datagrams() {
    let port = Port::open("listen_udp = \"127.0.0.1:0\"").await;
    let to = port.terminals.listening_udp().unwrap();
    // From the second address it is the same terminal, which has come anew.
    for _ in 0..2 {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(to).await.unwrap();
        let mut room = [0; 64];
        socket.send(b"nonsense").await.unwrap();
        socket.send(&hex(LOGIN)).await.unwrap();
        let count = socket.recv(&mut room).await.unwrap();
        assert_eq!(room[..count], hex(LOGIN_ANSWER));
        let ask = port.terminals.ask(address(), clock_question(Urgency::OnDemand));
        let hears = async {
            let count = socket.recv(&mut room).await.unwrap();
            assert_eq!((count, room[12]), (20, 0x0C));
            let mut deny = hex("68 32 00 32 00 68 89 00 11 39 30 02 00 60 00 00 02 00 00 16");
            deny[13] = room[13];
            deny[18] = deny[6..18].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
            socket.send(&deny).await.unwrap();
        };
        let (told, ()) = tokio::join!(ask, hears);
        assert!(matches!(told.unwrap().outcome, Outcome::Confirmed(_)));
    }
    port.close().await;
}

fn pem(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/tls").join(name)
}

fn connector(with: Option<&str>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let config = match with {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let certificate = CertificateDer::from_pem_file(pem(&format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(pem(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn with_tls_only_terminals_with_a_certificate_get_in() {
    let files = "tls_certificate = \"server.pem\"\ntls_key = \"server.key\"\ntls_client_ca = \"ca.pem\"";
    let port = Port::open(&format!("listen = \"127.0.0.1:0\"\n{files}")).await;
    let name = || "localhost".try_into().unwrap();
    for stranger in [None, Some("other")] {
        let tcp = port.dial().await;
        // With TLS 1.3 the client learns only afterwards that it was refused.
        if let Ok(mut stream) = connector(stranger).connect(name(), tcp).await {
            let _ = stream.write_all(&hex(LOGIN)).await;
            assert!(!matches!(stream.read(&mut [0; 20]).await, Ok(20)));
        }
    }
    let mut plain = port.dial().await;
    plain.write_all(&hex(LOGIN)).await.unwrap();
    let mut heard = Vec::new();
    let _ = plain.read_to_end(&mut heard).await;
    assert_ne!(heard, hex(LOGIN_ANSWER));
    assert!(!port.terminals.status(address()).unwrap().is_online);
    let mut terminal = connector(Some("terminal")).connect(name(), port.dial().await).await.unwrap();
    terminal.write_all(&hex(LOGIN)).await.unwrap();
    assert_eq!(read_20(&mut terminal).await, hex(LOGIN_ANSWER));
    port.close().await;
}

#[tokio::test]
async fn t05_t07_a_terminal_comes_with_its_own_certificate_only() {
    let files = "tls_certificate = \"server.pem\"\ntls_key = \"server.key\"\ntls_client_ca = \"ca.pem\"";
    let port = Port::open(&format!("listen = \"127.0.0.1:0\"\n{files}")).await;
    let name = || "localhost".try_into().unwrap();
    // Bound to a certificate that is not this one, though both hang on the same authority.
    port.terminals.bind_certificate(address(), Some(&"0a".repeat(32)));
    let mut other = connector(Some("terminal")).connect(name(), port.dial().await).await.unwrap();
    other.write_all(&hex(LOGIN)).await.unwrap();
    assert_ne!(read_20(&mut other).await, hex(LOGIN_ANSWER));
    let status = port.terminals.status(address()).unwrap();
    assert_eq!((status.is_online, status.refused), (false, 1));
    // Taken in again, it is bound to the one that it shows.
    port.terminals.bind_certificate(address(), None);
    let mut terminal = connector(Some("terminal")).connect(name(), port.dial().await).await.unwrap();
    terminal.write_all(&hex(LOGIN)).await.unwrap();
    assert_eq!(read_20(&mut terminal).await, hex(LOGIN_ANSWER));
    let own = port.terminals.status(address()).unwrap().certificate;
    assert!(own.is_some_and(|own| own.len() == 64 && own != "0a".repeat(32)));
    // And nobody without any is it from now on.
    port.terminals.attach(tokio::io::duplex(64).0, ([10, 0, 0, 1], 1).into());
    let (ours, mut theirs) = tokio::io::duplex(1024);
    port.terminals.attach(ours, ([10, 0, 0, 1], 2).into());
    theirs.write_all(&hex(LOGIN)).await.unwrap();
    assert_ne!(read_20(&mut theirs).await, hex(LOGIN_ANSWER));
    assert_eq!(port.terminals.status(address()).unwrap().sessions, 1);
    port.close().await;
}

#[test]
fn t07_datagrams_are_refused_beside_tls() {
    let text = "[database]\npath = \"x.db\"\n[terminals]\nlisten = \"127.0.0.1:0\"\nlisten_udp = \"127.0.0.1:0\"\n\
        tls_certificate = \"server.pem\"\ntls_key = \"server.key\"\ntls_client_ca = \"ca.pem\"\n";
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/tls/chaobiao.toml");
    let told = Config::parse(&base, text).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("listen_udp") && told.contains("datagrams show no certificate"), "{told}");
}

#[tokio::test]
async fn a_terminal_that_is_taken_in_again_is_dialled_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let text = format!(
        "[database]\npath = \"x.db\"\n[[terminal_dial]]\naddress = \"{}\"\nto = \"{to}\"\n",
        address()
    );
    let config = Config::parse("x.toml".as_ref(), &text).unwrap().config;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let terminals = Terminals::open(&config.terminals, Clock::system(), 7, &tasks, &stop).await.unwrap();
    let (first, _) = listener.accept().await.unwrap();
    terminals.forget(address());
    drop(first);
    terminals.adopt(address(), TerminalSettings::default());
    let again = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await;
    assert!(again.is_ok_and(|again| again.is_ok()));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

/// A heartbeat that the network brings late, or twice, from the address that a terminal had before is no new session.
#[tokio::test]
async fn an_old_datagram_takes_no_session_over() {
    let port = Port::open("listen_udp = \"127.0.0.1:0\"\n").await;
    let to = port.terminals.listening_udp().unwrap();
    let (before, since) = (
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    );
    let mut room = [0; 64];
    let mut confirmed = async |socket: &tokio::net::UdpSocket, frame: Vec<u8>| {
        socket.send_to(&frame, to).await.unwrap();
        tokio::time::timeout(Duration::from_secs(2), socket.recv(&mut room)).await.is_ok()
    };
    assert!(confirmed(&before, hex(LOGIN)).await);
    assert!(confirmed(&before, heartbeat(1)).await);
    assert!(confirmed(&since, heartbeat(2)).await, "behind another address of the network");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!confirmed(&before, heartbeat(1)).await, "it is an old one");
    let status = port.terminals.status(address()).unwrap();
    assert_eq!((status.sessions, status.from), (2, Some(since.local_addr().unwrap())));
    assert!(confirmed(&since, heartbeat(3)).await);
    port.close().await;
}

/// Everything that is sent takes its time on the way, as on a slow mobile network.
async fn slowly(mut near: tokio::io::DuplexStream, far: TcpStream) {
    let (mut from_far, mut to_far) = far.into_split();
    let (mut down, mut up) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            count = near.read(&mut up) => {
                let Ok(count @ 1..) = count else { return };
                tokio::time::sleep(Duration::from_millis(400)).await;
                if to_far.write_all(&up[..count]).await.is_err() {
                    return;
                }
            }
            count = from_far.read(&mut down) => {
                let Ok(count @ 1..) = count else { return };
                tokio::time::sleep(Duration::from_millis(400)).await;
                if near.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// With TLS a login takes round trips, and those of a slow network have the time for them while silent clients press.
#[tokio::test]
async fn f21_a_slow_terminal_with_tls_gets_in_among_silent_clients_that_come_again_and_again() {
    let files = "tls_certificate = \"server.pem\"\ntls_key = \"server.key\"\ntls_client_ca = \"ca.pem\"";
    let port = Port::open(&format!("listen = \"127.0.0.1:0\"\nmost_unregistered = 4\n{files}")).await;
    let (to, silent) = (port.address(), TaskTracker::new());
    let end = CancellationToken::new();
    for _ in 0..6 {
        let end = end.clone();
        silent.spawn(async move {
            let again = async {
                loop {
                    let Ok(mut stream) = TcpStream::connect(to).await else { continue };
                    let _ = stream.read(&mut [0; 8]).await;
                }
            };
            end.run_until_cancelled(again).await;
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (ours, near) = tokio::io::duplex(8192);
    let comes = async {
        let on_the_way = slowly(near, port.dial().await);
        let logs_in = async {
            let mut stream =
                connector(Some("terminal")).connect("localhost".try_into().unwrap(), ours).await.ok()?;
            stream.write_all(&hex(LOGIN)).await.ok()?;
            let mut frame = vec![0; 20];
            stream.read_exact(&mut frame).await.ok()?;
            Some(frame)
        };
        tokio::select! {
            frame = logs_in => frame,
            () = on_the_way => None,
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(40), comes).await.unwrap(), Some(hex(LOGIN_ANSWER)));
    end.cancel();
    silent.close();
    silent.wait().await;
    port.close().await;
}
