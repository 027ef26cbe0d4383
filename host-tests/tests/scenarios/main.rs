//! Every scenario on wasmtime and on a real Envoy.

mod attacks;
mod audience;
mod credentials;
mod discovery;
mod driver;
mod driver_races;
mod endpoint;
mod fixture;
mod handoff;
mod host_crypto;
mod hostile;
mod keys;
mod late_body;
mod operator;
mod rotation;
mod tokens;
