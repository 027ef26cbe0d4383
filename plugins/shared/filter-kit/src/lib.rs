//! The edge between a pure policy and the proxy.
//!
//! A filter is a [`policy::Policy`]: a pure function from settings, a request's head and what came back to a
//! [`policy::Step`]. The driver (on wasm only) owns the life of every request and is the only code that talks to
//! the proxy, whose functions nobody else can name: a policy that touches the proxy does not compile.

pub mod audit;
pub mod background;
pub mod clusters;
pub mod configuration;
pub mod cors;
pub mod crypto;
pub mod explanation;
pub mod fields;
pub mod flow;
pub mod foreign;
pub mod handoff;
pub mod introspection;
pub mod issuers;
mod json_text;
pub mod lease;
pub mod matching;
pub use oauth_core::path;
pub mod pending;
pub mod policy;
pub mod request;
pub mod requires;
pub mod resources;
pub mod rules;
#[cfg(not(target_family = "wasm"))]
pub mod schema;
pub mod single_use;
#[cfg(any(target_family = "wasm", test))]
mod slots;
pub mod token_source;

#[cfg(target_family = "wasm")]
pub mod driver;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod host_crypto;
#[cfg(target_family = "wasm")]
mod registry;
