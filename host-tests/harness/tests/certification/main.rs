//! The emulator against a real Envoy: the same filters and requests in both, and both have to say the same.
#![cfg(feature = "envoy")]

mod calls;
mod compare;
mod edge;
#[path = "../emulator/filters.rs"]
#[allow(dead_code)]
mod filters;
mod foreign;
mod watching;
