//! How the gateway shows the authorization server who asks: one way for each server (RFC 6749 §2.3).

use super::assertion::{AssertionKey, CannotSign};
use super::request::Fresh;
use crate::client_credential::ClientCredential;
use crate::jose::Crypto;
use crate::secret::Secret;

/// The one way in which a client authenticates.
#[derive(Debug)]
pub enum ClientAuthentication {
    /// By what the proxy adds, or by a secret.
    Credential(ClientCredential),
    /// By a signed assertion (RFC 7523 §2.2).
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
    /// The client, if the form names it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Credential(ClientCredential::Proxy { client_id }) => client_id.as_deref(),
            Self::Credential(ClientCredential::Basic(_)) => None,
            Self::Credential(ClientCredential::Post { client_id, .. }) | Self::PrivateKeyJwt { client_id, .. } => {
                Some(client_id)
            }
        }
    }

    /// Whether a host could sign for it.
    #[must_use]
    pub fn is_signed_by_hosts(&self) -> bool {
        match self {
            Self::Credential(_) => false,
            Self::PrivateKeyJwt { key, .. } => key.algorithm().is_for_hosts(),
        }
    }

    /// Says who signs from now on.
    pub fn equip(&mut self, crypto: Crypto) {
        match self {
            Self::Credential(_) => {}
            Self::PrivateKeyJwt { key, .. } => key.equip(crypto),
        }
    }

    pub(super) fn add(&self, fresh: &Fresh) -> Result<Added, CannotSign> {
        Ok(match self {
            Self::Credential(credential) => {
                let parameters = credential.parameters().into_iter();
                Added {
                    authorization: credential.authorization().map(|value| Secret::new(value.to_owned())),
                    parameters: parameters.map(|(name, value)| (name, value.to_owned())).collect(),
                }
            }
            Self::PrivateKeyJwt { client_id, key } => {
                let assertion = key.sign(client_id, fresh)?;
                let parameters = vec![
                    ("client_id", client_id.clone()),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
                    ("client_assertion", assertion),
                ];
                Added { authorization: None, parameters }
            }
        })
    }
}
