//! Tokens of every kind, good and bad, made without a server.
//!
//! ```
//! use fourleg_lab::mint::{Algorithm, Mint, jwks, key, stranger};
//! use serde_json::json;
//!
//! let mint = Mint::new("https://idp.example", "https://tools.example/files");
//! let good = mint.access_token().sign();
//! let other_audience = mint.access_token().audience("https://elsewhere.example").sign();
//! let no_expiry = mint.access_token().without("exp").sign();
//! let forged = mint.access_token().sign_with(stranger(Algorithm::Rs256));
//! let unsigned = mint.access_token().unsigned();
//! let critical = mint.access_token().header("crit", json!(["x"])).header("x", json!(1)).sign();
//! let keys = jwks([key(Algorithm::Rs256), key(Algorithm::Es256)]);
//! ```

mod key;
mod private;
mod public;
mod token;

pub use key::{Algorithm, SigningKey, key, stranger};
pub use public::jwks;
pub use token::{Mint, Token, base64url, compact, compact_with_signature};
