//! Every scenario on wasmtime and on a real Envoy.

#![allow(clippy::disallowed_methods, reason = "a test may look at the clock")]

mod driver;
mod driver_races;
