//! A proxy-wasm host for tests of filters: it asserts outcomes (what the client saw, what the upstream
//! received, what was logged), never the order of host calls. The same scenario runs on the emulator
//! ([`Wasmtime`]) and on a real Envoy (feature `envoy`), through the [`Runner`] trait.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test that uses it, at once"
)]

mod challenge;
mod emulator;
#[cfg(feature = "envoy")]
pub mod envoy;
pub mod gateway;
pub mod http;
pub mod outcome;
pub mod routes;
pub mod runner;

pub use challenge::ChallengeView;
pub use emulator::{Emulated, MODULE_DIR_VARIABLE, PendingCallout, StreamId, StreamState, Wasmtime};
#[cfg(feature = "envoy")]
pub use envoy::Envoy;
pub use gateway::{DuplicateHeaders, ForeignFunctions, Gateway, Limits, Plugin, Surroundings, plugin, plugin_raw};
pub use http::{Protocol, Reply, Request, Response, get, post, request};
pub use outcome::Outcome;
pub use routes::Route;
pub use runner::{ConfigRejected, Runner, Running};
