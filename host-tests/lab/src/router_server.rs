//! Serves an axum router on the loopback until its task is dropped.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpStream;

use crate::runtime::{self, Task};

/// In the extensions of a response: it is not sent, and the connection is reset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reset;

/// Binds the port (0: a free one) and serves. Unlike `axum::serve`, dropping the task also ends the open connections, so
/// that a server that is gone answers nobody.
pub(crate) fn serve(router: Router, port: u16) -> io::Result<(SocketAddr, Task)> {
    let (address, listener) = runtime::bind(port)?;
    Ok((address, serve_on(listener, router)))
}

/// Serves on a listener that is bound already: for routers that must know their own address.
pub(crate) fn serve_on(listener: tokio::net::TcpListener, router: Router) -> Task {
    runtime::accept(listener, move |stream| connection(stream, router.clone()))
}

async fn connection(stream: TcpStream, router: Router) {
    let is_reset = Arc::new(AtomicBool::new(false));
    let resetting = Arc::clone(&is_reset);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let (answer, resetting) = (router.call(request), Arc::clone(&resetting));
        async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<Reset>().is_some() {
                resetting.store(true, Ordering::Relaxed);
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            Ok(response)
        }
    });
    let mut connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A connection that breaks is the client's affair.
    let _ended = (&mut connection).await;
    if is_reset.load(Ordering::Relaxed) {
        let stream = connection.into_parts().io.into_inner();
        // Instead of an orderly end.
        let _set = stream.set_zero_linger();
    }
}
