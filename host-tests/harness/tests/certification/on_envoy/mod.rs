//! Named so that `cargo xtask test --no-envoy` leaves it out.

mod calls;
mod compare;
mod edge;
#[path = "../../emulator/filters.rs"]
#[allow(dead_code)]
mod filters;
mod foreign;
mod watching;
