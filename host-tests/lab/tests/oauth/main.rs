//! The identity provider's endpoints for clients and resource servers, by their standards.

mod client_authentication;
mod faults;
mod form_client;
mod introspection;
mod rich_requests;
mod token_exchange;
