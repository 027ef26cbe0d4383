//! Scenarios: one text, run on wasmtime and on a real Envoy.
//!
//! `scenarios!` turns each function over a [`Runner`](fourleg_harness::Runner) into two tests, so that the emulator is
//! certified by the real thing, scenario by scenario. `cargo xtask test --no-envoy` leaves out those named `on_envoy`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test that uses it, at once"
)]

pub mod foreign;
pub mod warm;

/// Makes two tests of each scenario: `on_wasmtime::<name>` and `on_envoy::<name>`.
#[macro_export]
macro_rules! scenarios {
    ($($(#[doc = $doc:literal])* fn $name:ident($runner:ident) $body:block)*) => {
        $($(#[doc = $doc])* fn $name($runner: &dyn fourleg_harness::Runner) $body)*

        mod on_wasmtime {
            $(#[test] fn $name() { super::$name(&fourleg_harness::Wasmtime::default()); })*
        }

        mod on_envoy {
            $(#[test] fn $name() { super::$name(&$crate::warm::envoy()); })*
        }
    };
}
