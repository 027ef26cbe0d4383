//! The token itself, for a filter that has to show it to somebody: token-exchange.

use oauth_core::reason::Reason;

use super::{Authorization, HandedOver, authorization};
use crate::{
    handoff,
    policy::PropertyPath,
    request::{Property, RequestHead},
};

/// Where audience-validation keeps the credential with `forward.authorization: exchange`: the property that
/// [`subject_token`] needs.
pub const SUBJECT_TOKEN: PropertyPath = PropertyPath::known(handoff::SUBJECT_TOKEN);

/// The credential that was verified as `token`. `kept` is the property [`SUBJECT_TOKEN`].
///
/// # Errors
/// [`Reason::CredentialChanged`] if the one that is there is another; [`Reason::CredentialMissing`] if there is none;
/// [`Reason::TokenNotHandedOver`] if the proxy does not tell.
pub fn subject_token(request: &RequestHead, kept: &Property, token: &HandedOver) -> Result<String, Reason> {
    let credential = match kept {
        Property::Value(kept) => std::str::from_utf8(kept).map_err(|_| Reason::CredentialChanged)?,
        Property::Absent => match authorization(request)? {
            Authorization::Bearer(credential) => credential,
            Authorization::None | Authorization::OtherScheme => return Err(Reason::CredentialMissing),
        },
        Property::Unreadable => return Err(Reason::TokenNotHandedOver),
    };
    if token.is_of(credential) { Ok(credential.to_owned()) } else { Err(Reason::CredentialChanged) }
}
