//! How the gateway shows the authorization server who asks: one way for each server (RFC 6749 §2.3).

use super::assertion::{AssertionKey, CannotSign};
use super::request::Fresh;
use crate::client_credential;
use crate::secret::Secret;

/// The one way in which a client authenticates.
#[derive(Debug)]
pub enum ClientAuthentication {
    /// The proxy adds the credential: a field, or its TLS certificate. `client_id` where the server wants it in the form
    /// (RFC 8705 §2).
    Proxy {
        /// `client_id`
        client_id: Option<String>,
    },
    /// HTTP Basic (RFC 6749 §2.3.1).
    Basic {
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: Secret,
    },
    /// In the form (RFC 6749 §2.3.1).
    Post {
        /// `client_id`
        client_id: String,
        /// `client_secret`
        client_secret: Secret,
    },
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt {
        /// `client_id`
        client_id: String,
        /// What signs it, and for whom.
        key: Box<AssertionKey>,
    },
}

/// What is added to a token request.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// The `Authorization` field.
    pub(super) authorization: Option<Secret>,
    /// Parameters of the form.
    pub(super) parameters: Vec<(&'static str, String)>,
}

impl ClientAuthentication {
    /// The client, if it is known here.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Proxy { client_id } => client_id.as_deref(),
            Self::Basic { client_id, .. } | Self::Post { client_id, .. } | Self::PrivateKeyJwt { client_id, .. } => {
                Some(client_id)
            }
        }
    }

    pub(super) fn add(&self, fresh: &Fresh) -> Result<Added, CannotSign> {
        let client_id = |client_id: &String| ("client_id", client_id.clone());
        Ok(match self {
            Self::Proxy { client_id: id } => {
                Added { authorization: None, parameters: id.iter().map(client_id).collect() }
            }
            Self::Basic { client_id, client_secret } => {
                let authorization = Some(client_credential::basic(client_id, client_secret));
                Added { authorization, parameters: Vec::new() }
            }
            Self::Post { client_id: id, client_secret } => {
                let secret = ("client_secret", client_secret.expose().to_owned());
                Added { authorization: None, parameters: vec![client_id(id), secret] }
            }
            Self::PrivateKeyJwt { client_id: id, key } => {
                let assertion = key.sign(id, fresh)?;
                let parameters = vec![
                    client_id(id),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
                    ("client_assertion", assertion),
                ];
                Added { authorization: None, parameters }
            }
        })
    }
}
