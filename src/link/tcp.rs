//! TCP connections, dialled and accepted, and how a peer that vanished is noticed (F22).

use std::mem::MaybeUninit;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::{Link, LinkError};

/// How a peer that vanished without a word is noticed. The defaults notice it within 45 seconds when the line is idle,
/// and within 20 once something was sent that it does not acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// After so long without traffic the peer is asked for a sign of life. Default 30 s.
    pub idle: Duration,
    /// How long after a question without an answer the next one is put. Default 5 s.
    pub interval: Duration,
    /// How many go unanswered before the peer counts as gone. Default 3.
    pub probes: u32,
    /// How long what was sent may stay unacknowledged. Default 20 s.
    pub user_timeout: Duration,
}

impl Default for Liveness {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { idle: seconds(30), interval: seconds(5), probes: 3, user_timeout: seconds(20) }
    }
}

pub(super) async fn connect(address: &str, limit: Duration) -> Result<Link, LinkError> {
    let connected = tokio::time::timeout(limit, TcpStream::connect(address)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(LinkError::Connect { address: address.to_owned(), source }),
        Err(_) => return Err(LinkError::ConnectTimeout { address: address.to_owned(), limit }),
    };
    watch_over(&stream, Liveness::default());
    Ok(Link::Tcp(stream))
}

/// Sends small packets at once, and lets the system notice when the peer is gone. Where the system cannot, the line is
/// noticed to be dead by its silence, only later; so it is no error.
pub fn watch_over(stream: &TcpStream, liveness: Liveness) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keep_alive = TcpKeepalive::new().with_time(liveness.idle).with_interval(liveness.interval);
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    let keep_alive = keep_alive.with_retries(liveness.probes);
    let _ = socket.set_tcp_keepalive(&keep_alive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_user_timeout(Some(liveness.user_timeout));
}

/// True when nothing waits to be read and the peer has not closed.
pub(super) fn is_quiet(stream: &TcpStream) -> bool {
    let peeked = SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn f22_the_system_is_told_to_notice_a_peer_that_vanished() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (link, accepted) = tokio::join!(connect(&address, Duration::from_secs(5)), listener.accept());
        let (accepted, _) = accepted.unwrap();
        watch_over(&accepted, Liveness::default());
        let Ok(Link::Tcp(dialled)) = link else { panic!("no connection") };
        for stream in [&dialled, &accepted] {
            let socket = SockRef::from(stream);
            assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = connect(&address, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), "connect");
        assert!(error.with_causes().contains(&address) && error.with_causes().contains("refused"));
    }

    #[tokio::test]
    async fn the_system_tells_whether_something_waits_to_be_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (link, accepted) = tokio::join!(connect(&address, Duration::from_secs(5)), listener.accept());
        let (Ok(Link::Tcp(mut link)), Ok((mut peer, _))) = (link, accepted) else { panic!("no connection") };
        assert!(is_quiet(&link));
        peer.write_all(b"\xFE").await.unwrap();
        link.readable().await.unwrap();
        assert!(!is_quiet(&link), "a byte waits");
        link.read_u8().await.unwrap();
        assert!(is_quiet(&link));
        drop(peer);
        link.readable().await.unwrap();
        assert!(!is_quiet(&link), "the peer is gone");
    }
}
