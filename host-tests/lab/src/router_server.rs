//! Serves an axum router on the loopback until its task is dropped.

use std::net::SocketAddr;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};

use crate::runtime::{self, Task};

/// Binds the port (0: a free one) and serves. Unlike `axum::serve`, dropping the task also ends the open connections, so
/// that a server that is gone answers nobody.
pub(crate) fn serve(router: Router, port: u16) -> std::io::Result<(SocketAddr, Task)> {
    let (address, listener) = runtime::bind(port)?;
    Ok((address, serve_on(listener, router)))
}

/// Serves on a listener that is bound already: for routers that must know their own address.
pub(crate) fn serve_on(listener: tokio::net::TcpListener, router: Router) -> Task {
    runtime::accept(listener, move |stream| {
        let service = TowerToHyperService::new(router.clone());
        async move {
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            // A connection that breaks is the client's affair.
            let _ended = connection.await;
        }
    })
}
