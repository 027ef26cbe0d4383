//! Every scenario on wasmtime and on a real Envoy.

mod attacks;
mod audience;
mod confused_deputy;
mod cors;
mod credentials;
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
mod rotation;
mod shadow;
mod tokens;
