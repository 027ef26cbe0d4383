//! The verifier from outside, item by item of the conformance catalogue.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper of a test fails by panicking, as the test does"
)]

mod acceptance;
mod dialects;
mod host_crypto;
mod introspection;
mod issuing;
mod key_sets;
mod mutations;
mod requirements;
mod signatures;
mod token_exchange;
mod vectors;
