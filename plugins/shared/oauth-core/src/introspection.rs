//! Asking the authorization server what a token is (RFC 7662, RFC 9701).
//!
//! [`build_request`] makes the question. [`process_response`] and [`process_signed_response`] read the answer, and
//! [`Active::access_token`] judges what it says as the claims of a token are judged: who issued it, for whom is left to
//! [`crate::audience`], until when, and whether it is an access token at all.

mod answer;
mod request;
mod signed;

pub use answer::{Active, Introspected, MAX_ANSWER_BYTES, Unreadable, process_response};
pub use request::{FormPost, Wanted, build_request, require_askable};
pub use signed::{Signing, process_signed_response};
