//! Opens the port for machines that watch. Another program may have it: that is told of, keeps nobody from being read, and is
//! tried again until the port is free.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http;
use crate::telemetry::with_causes;

/// Where who watches is answered.
pub(super) struct WatchPort {
    pub(super) at: SocketAddr,
    /// What is answered.
    pub(super) router: Router,
    /// Says where it is, once it is open.
    pub(super) told: fn(SocketAddr),
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl WatchPort {
    /// Answers until it is told to stop, in tasks of its own.
    pub(super) async fn answer(self) {
        let tasks = self.tasks.clone();
        match http::listen(self.at).await {
            Ok(listener) => {
                // Said before anything else is: who starts it may wait for that.
                (self.told)(listener.local_addr().unwrap_or(self.at));
                tasks.spawn(self.serve(listener));
            }
            Err(error) => {
                tracing::error!(
                    kind = error.kind(),
                    "nobody can watch this process: {}; meters are read all the same, and it is tried again. Give another \
                     address under [metrics] listen, or switch it off with enabled = false  监控端口无法使用（抄表不受影响），请修改 [metrics] listen",
                    with_causes(&error)
                );
                tasks.spawn(self.serve_later());
            }
        }
    }

    async fn serve(self, listener: TcpListener) {
        http::serve_alone(self.router, listener, MOST_CONNECTIONS, &self.tasks, &self.stop).await;
    }

    async fn serve_later(self) {
        let listener = self.stop.run_until_cancelled(opened(self.at)).await;
        if let Some(listener) = listener {
            (self.told)(listener.local_addr().unwrap_or(self.at));
            self.serve(listener).await;
        }
    }
}

/// The port, once it is free.
async fn opened(at: SocketAddr) -> TcpListener {
    loop {
        tokio::time::sleep(AGAIN).await;
        if let Ok(listener) = http::listen(at).await {
            return listener;
        }
    }
}

/// How often a port that another program has is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// Who watches has one connection, or a few.
const MOST_CONNECTIONS: usize = 32;
