//! The identity provider's endpoints for clients and resource servers, by their standards.

mod authorization_details;
mod browser;
mod client_authentication;
mod faults;
mod form_client;
mod introspection;
mod pushed_requests;
mod registration;
mod token_exchange;
