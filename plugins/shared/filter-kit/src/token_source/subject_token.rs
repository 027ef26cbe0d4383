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
    let credential = credential(request, kept)?;
    if token.is_of(&credential) { Ok(credential) } else { Err(Reason::CredentialChanged) }
}

/// The credential that a request still has, or that is kept for it; not compared with any token yet.
///
/// # Errors
/// As [`subject_token`].
pub fn credential(request: &RequestHead, kept: &Property) -> Result<String, Reason> {
    match kept {
        Property::Value(kept) => String::from_utf8(kept.clone()).map_err(|_| Reason::CredentialChanged),
        Property::Absent => match authorization(request)? {
            Authorization::Bearer(credential) => Ok(credential.to_owned()),
            Authorization::None | Authorization::OtherScheme => Err(Reason::CredentialMissing),
        },
        Property::Unreadable => Err(Reason::TokenNotHandedOver),
    }
}
