//! A proxy before the server: it passes everything on, late, or not at all, without closing anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Pass,
    /// Neither side hears anything of the other, and nothing is closed.
    Swallow,
    /// Whatever the client says is passed on so much later.
    Late(Duration),
}

pub(crate) struct Proxy {
    pub(crate) at: SocketAddr,
    manner: watch::Sender<Manner>,
}

impl Proxy {
    pub(crate) async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (manner, seen) = watch::channel(Manner::Pass);
        let tasks = TaskTracker::new();
        let each = tasks.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                each.spawn(serve(client, socket.clone(), seen.clone()));
            }
        });
        Self { at, manner }
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// The address of the database `site` behind it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://site@{}/site?sslmode=disable", self.at)
    }
}

async fn serve(client: TcpStream, socket: PathBuf, mut seen: watch::Receiver<Manner>) {
    let (mut back, mut forth) = (seen.clone(), seen.clone());
    if seen.wait_for(|manner| *manner != Manner::Swallow).await.is_err() {
        return;
    }
    // Without a server there is nobody to connect to, as on a machine that is up.
    let Ok(server) = UnixStream::connect(socket).await else { return };
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    tokio::select! {
        () = pump(client_reads, server_writes, &mut forth, true) => {}
        () = pump(server_reads, client_writes, &mut back, false) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: &mut watch::Receiver<Manner>,
    is_late: bool,
) {
    let mut room = vec![0; 64 * 1024];
    loop {
        if seen.wait_for(|manner| *manner != Manner::Swallow).await.is_err() {
            return;
        }
        let count = match from.read(&mut room).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let Ok(manner) = seen.wait_for(|manner| *manner != Manner::Swallow).await.map(|manner| *manner)
        else {
            return;
        };
        if let (Manner::Late(by), true) = (manner, is_late) {
            sleep(by).await;
        }
        if to.write_all(&room[..count]).await.is_err() {
            return;
        }
    }
}
