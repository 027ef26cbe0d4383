//! A server that records every request that reaches it, byte for byte, and answers as it is told: well, late, broken or
//! not at all. HTTP/1.1 and HTTP/2 with prior knowledge on one port.

mod http1;
mod http2;
mod record;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;

use crate::{
    runtime::{self, Task},
    wire::{Field, WireRequest},
};

pub use record::Received;
use record::Record;

/// How the server behaves towards one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A whole response.
    Respond(Responding),
    /// The response comes only after this time.
    After(Duration, Responding),
    /// No answer; the caller's timeout ends it.
    Hang,
    /// The connection is reset before any response byte (over HTTP/2: the stream).
    Reset,
    /// Bytes that are not HTTP (over HTTP/2: a protocol error on the stream).
    Garbage,
    /// The headers promise more body than comes before the connection closes.
    Truncated(Responding),
}

/// What a response is made of.
#[derive(Clone, Debug, Default)]
pub struct Responding {
    /// The HTTP status code.
    pub status: u16,
    /// In wire order; over HTTP/1.1 the body's length is added.
    pub headers: Vec<Field>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Responding {
    /// A response with this body and no fields.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }
}

impl From<Responding> for Answer {
    fn from(response: Responding) -> Self {
        Self::Respond(response)
    }
}

/// Decides the answer to one request, after its body came whole. It may block: it has a thread of its own.
pub type Handler = Arc<dyn Fn(&WireRequest) -> Answer + Send + Sync>;

/// The server; it ends when this is dropped.
pub struct EchoUpstream {
    address: SocketAddr,
    record: Arc<Record>,
    _serving: Task,
}

impl EchoUpstream {
    /// Listens on a free loopback port and answers 200 `upstream` to everything.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> std::io::Result<Self> {
        Self::start_with(|_| Responding::new(200, "upstream").into())
    }

    /// Listens on a free loopback port and answers by `handler`.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start_with(handler: impl Fn(&WireRequest) -> Answer + Send + Sync + 'static) -> std::io::Result<Self> {
        let (address, listener) = runtime::bind(0)?;
        let record = Arc::new(Record::default());
        let handler: Handler = Arc::new(handler);
        let recording = Arc::clone(&record);
        let serving =
            runtime::accept(listener, move |stream| serve(stream, Arc::clone(&recording), Arc::clone(&handler)));
        Ok(Self { address, record, _serving: serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything received so far, in order of arrival; a request is here as soon as its header fields were read.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.record.all()
    }

    /// Waits until `count` requests have arrived; false when they did not within `timeout`.
    pub fn wait_for(&self, count: usize, timeout: Duration) -> bool {
        self.record.wait_for(count, timeout)
    }
}

async fn serve(stream: TcpStream, record: Arc<Record>, handler: Handler) {
    // The first bytes of HTTP/2 with prior knowledge (RFC 9113, section 3.4); no method of HTTP/1 begins with "PRI ".
    let mut start = [0; 4];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return,
            Ok(4) => break,
            Ok(_) => {}
        }
        // Less than four bytes stay readable, so that waiting for readability would spin.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What breaks a connection is what the scenario wanted, or the peer went away.
    let _ended = if start == *b"PRI " {
        http2::serve(stream, record, handler).await
    } else {
        http1::serve(stream, record, handler).await
    };
}

/// Runs the handler where it may block.
async fn decide(handler: &Handler, request: WireRequest) -> Answer {
    let handler = Arc::clone(handler);
    match tokio::task::spawn_blocking(move || handler(&request)).await {
        Ok(answer) => answer,
        Err(_) => Responding::new(599, "the test's handler panicked").into(),
    }
}
