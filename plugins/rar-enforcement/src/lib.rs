//! rar-enforcement: a token that allows one act on one thing does that and nothing else.
//!
//! For each request the filter takes the token that was verified before it (or verifies it itself), finds the first rule
//! that matches, by method, host, path and what the request does in MCP, and lets the request go on only if one object of
//! the token's `authorization_details` (RFC 9396) grants what the rule needs of it, the call's arguments included. If
//! not, the answer tells the client which details to ask for. `README.md` has the configuration.

mod arguments;
mod config;
mod details;
mod policy;
mod single_use;
mod verdict;

pub use config::Settings;
#[cfg(not(target_family = "wasm"))]
pub use config::schema;
pub use policy::RarEnforcement;

#[cfg(target_family = "wasm")]
filter_kit::filter!(RarEnforcement);
