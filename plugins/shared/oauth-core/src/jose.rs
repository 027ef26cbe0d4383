//! Signed tokens in compact form: parsing, keys and signatures (RFC 7515, 7517, 7518, 8037).
//!
//! All parsing and every choice, of algorithm and of key, happens here. The library behind it is asked one question
//! only: does this key prove this signature, and of our own keys, what is the signature of this text? Where the proxy
//! offers to, it answers instead ([`crypto`]).

pub mod algorithm;
pub mod compact;
pub mod crypto;
mod guest_budget;
pub mod header;
pub mod jwk;
pub mod key_set;
pub mod signing_key;
pub mod trial;
mod verify;

pub use algorithm::Algorithm;
pub use compact::Compact;
pub use crypto::{Crypto, HostSignature, HostSigner, HostSigning, HostVerifier};
pub use guest_budget::GuestBudget;
pub use header::Header;
pub use jwk::{UnusableKey, VerificationKey};
pub use key_set::{KeySet, KeySetError, SkippedKey};
pub use signing_key::{SigningAlgorithm, SigningKey};
