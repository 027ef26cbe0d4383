//! token-exchange: the next hop gets a token of its own, and never the user's.
//!
//! For each request the filter takes the token that was verified before it (or verifies it itself), finds the target that
//! the request is for, by method, host, path and what it does in MCP, and swaps the token at an authorization server for
//! one that is meant for that target (RFC 8693), with the user still in it and no more scope than needed. Results are kept
//! as long as they may be; whatever goes wrong, nothing goes upstream. `README.md` has the configuration.

mod answers;
mod bounded;
mod breaker;
mod config;
mod exchanging;
mod forwarding;
mod health;
mod injected;
mod memory;
mod policy;
mod proving;
mod verdict;

pub use config::Settings;
#[cfg(not(target_family = "wasm"))]
pub use config::schema;
pub use policy::TokenExchange;

#[cfg(target_family = "wasm")]
filter_kit::filter!(TokenExchange);
