//! An MCP server with four harmless tools, by the official Rust SDK, over Streamable HTTP at `/mcp`.

mod tools;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, extract::Request, middleware, middleware::Next};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};

use crate::{router_server, runtime::Task, wire::Field};
use tools::Tools;

/// A request that reached the server.
#[derive(Clone, Debug)]
pub struct McpRequest {
    pub method: String,
    pub path: String,
    pub headers: Vec<Field>,
}

impl McpRequest {
    /// The first value of a field, lossy, by case-insensitive name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        crate::wire::find(&self.headers, name).map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// A running MCP server; it ends when this is dropped.
pub struct McpServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<McpRequest>>>,
    called: Arc<Mutex<Vec<String>>>,
    _serving: Task,
}

impl McpServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> std::io::Result<Self> {
        let received = Arc::new(Mutex::new(Vec::new()));
        let called = Arc::new(Mutex::new(Vec::new()));
        let tools = Tools::new(Arc::clone(&called));
        // The SDK refuses foreign `Host` names against DNS rebinding; behind a gateway, the name is the gateway's.
        let config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        let service: StreamableHttpService<Tools, LocalSessionManager> =
            StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config);
        let record = Arc::clone(&received);
        let router = Router::new().nest_service("/mcp", service).layer(middleware::from_fn(
            move |request: Request, next: Next| {
                record.lock().unwrap_or_else(PoisonError::into_inner).push(note(&request));
                next.run(request)
            },
        ));
        let (address, serving) = router_server::serve(router, 0)?;
        Ok(Self { address, received, called, _serving: serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its endpoint, without a gateway.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Every HTTP request received so far, in order.
    #[must_use]
    pub fn received(&self) -> Vec<McpRequest> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the tools that ran so far, in order.
    #[must_use]
    pub fn called(&self) -> Vec<String> {
        self.called.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(request: &Request) -> McpRequest {
    McpRequest {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: crate::wire::http2::fields(request.headers()),
    }
}
