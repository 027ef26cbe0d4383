//! MCP servers by the official Rust SDK, over Streamable HTTP at `/mcp`: one with four harmless tools, and one whose tool needs
//! the next server to answer.

mod orders;
mod tools;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, extract::Request, middleware};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};

use crate::{router_server, runtime::Task, wire::Field};
pub use orders::Next;
use orders::Orders;
use tools::Tools;

/// A request that reached the server.
#[derive(Clone, Debug)]
pub struct McpRequest {
    /// The HTTP method.
    pub method: String,
    /// The request target as it was received, with query.
    pub path: String,
    /// Names in lower case; those of one name in the order in which they came.
    pub headers: Vec<Field>,
}

impl McpRequest {
    /// The bearer token that it came with.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.header("authorization")?.strip_prefix("Bearer ").map(str::to_owned)
    }

    /// The first value of a field, lossy, by case-insensitive name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        crate::wire::find(&self.headers, name).map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// The names of the tools that ran.
#[derive(Clone, Debug, Default)]
struct Called(Arc<Mutex<Vec<String>>>);

impl Called {
    fn note(&self, tool: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tool.to_owned());
    }
}

/// A running MCP server; it ends when this is dropped.
pub struct McpServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<McpRequest>>>,
    called: Called,
    next: Arc<Mutex<Option<Next>>>,
    _serving: Task,
}

impl McpServer {
    /// Starts the one with four harmless tools, on a free port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> std::io::Result<Self> {
        Self::serve(|called, _| Tools::new(called.clone()))
    }

    /// Starts one with this name and a single tool, `find_order`, which asks the next server: see [`McpServer::lead_to`].
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn of_orders(name: &str) -> std::io::Result<Self> {
        Self::serve(|called, next| Orders::new(name, called.clone(), Arc::clone(next)))
    }

    fn serve<S: ServerHandler + Clone>(
        tools: impl FnOnce(&Called, &Arc<Mutex<Option<Next>>>) -> S,
    ) -> std::io::Result<Self> {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (called, next) = (Called::default(), Arc::default());
        let tools = tools(&called, &next);
        // The SDK refuses foreign `Host` names against DNS rebinding; behind a gateway, the name is the gateway's.
        let config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        let service: StreamableHttpService<S, LocalSessionManager> =
            StreamableHttpService::new(move || Ok(tools.clone()), Arc::default(), config);
        let record = Arc::clone(&received);
        let router = Router::new().nest_service("/mcp", service).layer(middleware::from_fn(
            move |request: Request, next: middleware::Next| {
                record.lock().unwrap_or_else(PoisonError::into_inner).push(note(&request));
                next.run(request)
            },
        ));
        let (address, serving) = router_server::serve(router, 0)?;
        Ok(Self { address, received, called, next, _serving: serving })
    }

    /// Says whom `find_order` asks from now on.
    pub fn lead_to(&self, next: Next) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
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
        self.called.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(request: &Request) -> McpRequest {
    McpRequest {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: crate::wire::http2::fields(request.headers()),
    }
}
