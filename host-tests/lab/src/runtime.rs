//! The one background runtime of the process, and the tasks on it.

use std::{
    future::Future,
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::{JoinHandle, JoinSet},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("lab")
        .enable_all()
        .build()
        .expect("a tokio runtime for the lab")
});

/// Runs a future to its end on the lab's runtime. Must not be called from async code.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Like [`block_on`], but gives up after `time`.
pub(crate) fn block_on_within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    block_on(async { tokio::time::timeout(time, future).await.ok() })
}

/// Starts a future whose result somebody waits for.
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    RUNTIME.spawn(future)
}

/// A background task that ends with this value.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(RUNTIME.spawn(future))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Binds a loopback port now, so that the address is known when this returns. Port 0 takes a free one.
pub(crate) fn bind(port: u16) -> std::io::Result<(SocketAddr, TcpListener)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let _in_runtime = RUNTIME.enter();
    Ok((address, TcpListener::from_std(listener)?))
}

/// Serves every connection by `serve`; all of them end when the task is dropped.
pub(crate) fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Task
where
    F: Future<Output = ()> + Send + 'static,
{
    Task::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // An accept fails when the peer is gone already or files run out: the next one may succeed.
                    if let Ok((stream, _)) = accepted {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(serve(stream));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    })
}

/// Seconds since the epoch by the real clock: the one that Envoy has, too.
#[expect(clippy::disallowed_methods, reason = "the lab stands outside the filters, in real time")]
#[must_use]
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
