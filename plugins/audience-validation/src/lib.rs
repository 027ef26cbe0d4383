//! audience-validation: a token is accepted only where it was meant to be used.
//!
//! For each request the filter finds the one resource it is about, takes the one bearer token of the request,
//! verifies it with the keys of its issuer (RFC 9068 §4, RFC 8725), and lets the request go on only if the token's
//! audience names that resource (RFC 7519 §4.1.3, RFC 8707) and its scopes cover what the resource and the first
//! matching rule require (RFC 6750 §3.1). `README.md` has the configuration.

mod answers;
mod config;
mod policy;

pub use config::Settings;
#[cfg(not(target_family = "wasm"))]
pub use config::schema;
pub use policy::AudienceValidation;

#[cfg(target_family = "wasm")]
filter_kit::filter!(AudienceValidation);
