//! claim-challenge: what matters more asks for a stronger or more recent authentication of the user.
//!
//! For each request the filter takes the token that was verified before it (or verifies it itself), finds the first rule
//! that matches, and lets the request go on only if the token shows what the rule requires: `acr`, `auth_time`, `amr`,
//! Entra's `acrs`, scopes. If not, the answer is the challenge that the client's library understands: RFC 9470 step-up,
//! Entra's claims challenge, or `insufficient_scope` (RFC 6750 §3.1). `README.md` has the configuration.

mod config;
mod loop_guard;
mod policy;
mod verdict;

pub use config::Settings;
#[cfg(not(target_family = "wasm"))]
pub use config::schema;
pub use policy::ClaimChallenge;

#[cfg(target_family = "wasm")]
filter_kit::filter!(ClaimChallenge);
