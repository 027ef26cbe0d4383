//! Every scenario on wasmtime and on a real Envoy.

mod attacks;
mod audience;
mod body_alone;
mod cache;
mod confused_deputy;
mod cors;
mod credentials;
mod dialects;
mod discovery;
mod driver;
mod driver_races;
mod endpoint;
mod fixture;
mod handoff;
mod host_crypto;
mod hostile;
mod identity_headers;
mod keys;
mod late_body;
mod metadata;
mod operator;
mod paths;
mod requirements;
mod rotation;
mod shadow;
mod tokens;
