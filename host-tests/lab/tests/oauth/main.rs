//! The identity provider's endpoints for clients and resource servers, by their standards.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod authorization_details;
mod browser;
mod client_authentication;
mod faults;
mod form_client;
mod introspection;
mod pushed_requests;
mod registration;
mod token_exchange;
