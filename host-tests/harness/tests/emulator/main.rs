//! What the emulator promises, each with a filter of a few lines.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod callouts;
mod chain;
mod edge;
mod faults;
mod filters;
mod limits;
mod manual;
mod properties;
mod stores;
mod time;
