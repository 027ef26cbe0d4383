//! The emulator against a real Envoy: the same filters and requests in both, and both have to say the same.
#![cfg(feature = "envoy")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod on_envoy;
