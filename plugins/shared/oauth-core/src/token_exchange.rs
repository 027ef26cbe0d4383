//! Swapping a user's token for one that is meant for the next hop (RFC 8693), at a gateway.
//!
//! Pure pairs of what is asked and what is answered: [`request::build_request`] and [`answer::process_response`], then
//! [`result::check`], which says whether the token that came is the one that was wanted. [`subject`] says beforehand
//! what no server could exchange, [`cache_key`] under what name a result may be kept, [`lifetime`] for how long, and
//! [`sealing`] how it travels to another worker of the same proxy.

pub mod answer;
pub mod assertion;
pub mod cache_key;
pub mod client_authentication;
pub mod lifetime;
pub mod profile;
pub mod refusal;
pub mod request;
pub mod result;
pub mod sealing;
pub mod subject;

pub use answer::{Issued, process_response};
pub use cache_key::{CacheKey, KeyParts};
pub use client_authentication::ClientAuthentication;
pub use profile::ServerProfile;
pub use refusal::Refusal;
pub use request::{ActorToken, Asked, Flow, Fresh, TokenRequest, build_request};
pub use result::{Expected, check};
