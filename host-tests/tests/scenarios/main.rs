//! Every scenario on wasmtime and on a real Envoy.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod across_workers;
mod attacks;
mod audience;
mod body_alone;
mod body_memory;
mod cache;
mod configuration;
mod confused_deputy;
mod cors;
mod credentials;
mod denied_as_mcp;
mod dialects;
mod discovery;
mod driver;
mod driver_races;
mod encoded_slash;
mod endpoint;
mod exchange;
mod explained;
mod fixture;
mod forms;
mod guest_budget;
mod handoff;
mod host_crypto;
mod hostile;
mod identity_headers;
mod introspection;
mod keys;
mod late_body;
mod mcp_smuggling;
mod metadata;
mod operator;
mod paths;
mod rar;
mod requirements;
mod requires;
mod rotation;
mod routed;
mod shadow;
mod step_up;
mod the_whole_loop;
mod tokens;
mod uploads;
mod work;
