//! What every filter of Fourleg knows about OAuth, as pure functions: no I/O, no clock, no proxy.
//!
//! The way of a request: [`credential::bearer`] finds the token, [`token::Unverified`] parses it, and its `verify`
//! makes a [`token::VerifiedToken`]; or the authorization server is asked what it is ([`introspection`]). What comes after
//! ([`audience`], [`scope`], [`step_up`]) asks for [`verified_claims::VerifiedClaims`], which a filter before may have
//! verified, too. [`token_exchange`] swaps a verified token for one that is meant for the next hop. Each failure is a [`Reason`], and [`denial::Denial`] turns that into an answer.

pub mod audience;
pub mod authorization_details;
pub mod challenge;
pub mod claim_fault;
pub mod claims;
pub mod claims_request;
pub mod client_credential;
pub mod config;
pub mod credential;
pub mod denial;
mod dialect;
pub mod discovery;
pub mod https_url;
pub mod introspection;
pub mod issuer;
pub mod jose;
pub mod json;
pub mod key_source;
mod kind;
pub mod path;
pub mod pointer;
pub mod reason;
pub mod requirement;
pub mod resource_metadata;
pub mod scope;
pub mod secret;
pub mod step_up;
pub mod time;
pub mod token;
pub mod token_bucket;
pub mod token_exchange;
pub mod token_kind;
pub mod verified_claims;

pub use challenge::Challenge;
pub use claims::Claims;
pub use credential::Credential;
pub use denial::Denial;
pub use https_url::HttpsUrl;
pub use issuer::{Issuer, Profile};
pub use jose::{Algorithm, KeySet, KeySetError};
pub use reason::Reason;
pub use requirement::{Demand, Facts, Requirement};
pub use scope::{ScopeToken, Scopes};
pub use time::UnixTime;
pub use token::{Unverified, VerifiedToken};
pub use token_kind::TokenKind;
pub use verified_claims::VerifiedClaims;
