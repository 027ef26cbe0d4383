//! What stands around the filters in the demo, the scenarios and the benchmarks: an identity provider, tokens good and
//! bad, an MCP server and its client, an upstream that records, and a real Envoy.
//!
//! Everything listens on a free port of the loopback, is started by a plain function call and ends when its value is
//! dropped. All of it shares one background runtime, so that nothing here needs an async caller.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test that uses it, at once"
)]

pub mod agent;
pub mod echo_upstream;
pub mod envoy;
pub mod identity_provider;
pub mod mcp_server;
pub mod mint;
pub mod raw_client;
mod router_server;
mod runtime;
pub mod wire;

pub use runtime::unix_now;
