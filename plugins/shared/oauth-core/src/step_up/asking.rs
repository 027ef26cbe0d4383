//! How a client is asked for more.

use serde::Deserialize;

use super::Unmet;
use crate::challenge::Challenge;
use crate::claims_request::{ClaimsRequest, understands_claims_challenges};
use crate::denial::Denial;
use crate::reason::Reason;
use crate::resource_metadata::challenge_for;
use crate::scope::ScopeToken;
use crate::verified_claims::VerifiedClaims;

/// The form of a challenge for a stronger authentication. One form never has parameters of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `insufficient_user_authentication` with `acr_values` and `max_age` (RFC 9470 §3).
    #[default]
    Rfc9470,
    /// `insufficient_claims` with `claims` (Microsoft Entra, claims challenge).
    Entra,
    /// A challenge of each, for what it can say.
    Both,
}

/// How clients are asked, for all rules alike.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// The form.
    pub style: Style,
    /// Where Entra's clients start over.
    pub authorization_uri: Option<String>,
    /// Missing scope alone is told with 401 instead of 403, for clients that follow no challenge of a 403.
    pub scope_as_unauthorized: bool,
}

impl Asking {
    /// The denial that tells the client everything that its token lacks, all of it at once (RFC 9470 §3). `resource` is
    /// the one that the token was verified for, if that is known.
    ///
    /// - Scope alone: 403 `insufficient_scope` (RFC 6750 §3.1).
    /// - RFC 9470: 401 `insufficient_user_authentication`.
    /// - Entra: 401 `insufficient_claims`, for clients that declared that they understand it; else a plain 403.
    pub fn denial(&self, unmet: &Unmet, token: &impl AsRef<VerifiedClaims>, resource: Option<&str>) -> Denial {
        let scopes = || unmet.needed_scopes().iter().map(ScopeToken::as_str);
        if unmet.is_scope_alone() {
            let denial = Denial::challenged(Reason::InsufficientScope, challenge_for(resource).scope(scopes()));
            return if self.scope_as_unauthorized { denial.as_unauthorized() } else { denial };
        }
        let rfc9470 = match self.style {
            Style::Rfc9470 => true,
            Style::Both => unmet.is_about_rfc9470(),
            Style::Entra => false,
        };
        let rfc9470 = rfc9470.then(|| {
            let challenge = challenge_for(resource).scope(scopes()).acr_values(unmet.acr_values());
            unmet.max_age().map_or(challenge.clone(), |max_age| challenge.max_age(max_age.as_secs()))
        });
        let context = unmet.first_auth_context().filter(|_| self.style != Style::Rfc9470);
        let entra = context.filter(|_| understands_claims_challenges(token)).map(|id| {
            // The realm would be the tenant's.
            let challenge = challenge_for(resource).without_realm().scope(scopes());
            let challenge = challenge.claims(&ClaimsRequest::auth_context(id).to_base64());
            self.authorization_uri.iter().fold(challenge, |challenge: Challenge, uri| challenge.authorization_uri(uri))
        });
        match (rfc9470, entra) {
            (Some(rfc9470), None) => Denial::challenged(Reason::InsufficientUserAuthentication, rfc9470),
            (None, Some(entra)) => Denial::challenged(Reason::InsufficientClaims, entra),
            // Entra's first: its libraries look at the error of the first `Bearer` challenge alone, and only their clients
            // get both.
            (Some(rfc9470), Some(entra)) => Denial::challenged(Reason::InsufficientClaims, entra)
                .and_because(Reason::InsufficientUserAuthentication, rfc9470),
            (None, None) => Denial::plain(Reason::StepUpImpossible),
        }
    }
}
