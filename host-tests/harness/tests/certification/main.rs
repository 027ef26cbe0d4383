//! The emulator against a real Envoy: the same filters and requests in both, and both have to say the same.
#![cfg(feature = "envoy")]

mod on_envoy;
