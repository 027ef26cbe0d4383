//! How a client is asked for more.

use serde::Deserialize;

use super::Unmet;
use crate::challenge::Challenge;
use crate::claims_request::{ClaimsRequest, understands_claims_challenges};
use crate::config::Problems;
use crate::denial::Denial;
use crate::reason::Reason;
use crate::resource_metadata::challenge_for;
use crate::scope::scopes_to_request;
use crate::verified_claims::VerifiedClaims;

/// A form of the challenge for a stronger authentication. One form never has parameters of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `insufficient_user_authentication` with `acr_values` and `max_age` (RFC 9470 §3).
    Rfc9470,
    /// `insufficient_claims` with `claims` (Microsoft Entra, claims challenge).
    Entra,
    /// The two above: a challenge of each, for what it can say.
    Both,
    /// `insufficient_scope` with a scope that the issuer grants only after the stronger authentication (RFC 6750 §3.1).
    Scope,
}

/// `style` as configured: one form, or several.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "another style, expected one of `rfc9470`, `entra`, `both`, `scope`, or a list of them")]
pub enum RawStyle {
    /// One.
    One(Style),
    /// Several; for each client the first of `rfc9470`, `entra` and `scope` that it follows and that can say what is lacking.
    Several(Vec<Style>),
}

/// The forms that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Styles {
    /// RFC 9470.
    pub rfc9470: bool,
    /// Microsoft Entra's.
    pub entra: bool,
    /// A scope.
    pub scope: bool,
}

impl Default for Styles {
    fn default() -> Self {
        Self::of(&[Style::Rfc9470])
    }
}

impl Styles {
    /// These.
    #[must_use]
    pub fn of(styles: &[Style]) -> Self {
        let has = |style| styles.contains(&style);
        let both = has(Style::Both);
        Self { rfc9470: both || has(Style::Rfc9470), entra: both || has(Style::Entra), scope: has(Style::Scope) }
    }
}

impl RawStyle {
    /// Checks the member; notes every mistake at `place`.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Styles {
        match self {
            Self::One(style) => Styles::of(&[*style]),
            Self::Several(styles) => {
                if styles.is_empty() {
                    problems.add(place, "is empty: expected at least one style");
                }
                Styles::of(styles)
            }
        }
    }
}

/// How clients are asked, for all rules alike.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// The forms.
    pub styles: Styles,
    /// The clients that follow RFC 9470, by their identifier. Nothing in a request says it, so where there is the form `scope`
    /// for all others, these are listed; elsewhere the list has no meaning.
    pub rfc9470_clients: Vec<String>,
    /// Where Entra's clients start over.
    pub authorization_uri: Option<String>,
    /// Missing scope alone is told with 401 instead of 403, for clients that follow no challenge of a 403.
    pub scope_as_unauthorized: bool,
}

impl Asking {
    /// The denial that tells the client everything that the request asks of a token, all of it at once (RFC 9470 §3): what is
    /// met already, too, and the scopes that it holds, since the next token may lack whatever was not asked for. `resource`
    /// is the one that the token was verified for, if that is known.
    ///
    /// - Scope alone is lacking: 403 `insufficient_scope` (RFC 6750 §3.1).
    /// - RFC 9470: 401 `insufficient_user_authentication`.
    /// - Entra: 401 `insufficient_claims`, for clients that declared that they understand it.
    /// - Scope: 403 `insufficient_scope` with the step-up scope besides, for clients that follow none of these.
    /// - Else a plain 403.
    pub fn denial(&self, unmet: &Unmet, token: &impl AsRef<VerifiedClaims>, resource: Option<&str>) -> Denial {
        let follows_rfc9470 = self.styles.rfc9470 && (!self.styles.scope || self.lists_client_of(token));
        let follows_entra = self.styles.entra && understands_claims_challenges(token);
        let challenge = challenge_for(resource).scope(scopes_to_request(unmet.needed_scopes(), token));
        let with_rfc9470 = |challenge: Challenge| {
            let challenge = challenge.acr_values(unmet.acr_values());
            unmet.max_age().map_or(challenge.clone(), |max_age| challenge.max_age(max_age.as_secs()))
        };
        let with_step_up_scope = |challenge: Challenge| {
            let needed = unmet.needed_scopes().iter().chain(unmet.step_up_scopes());
            challenge.scope(scopes_to_request(needed, token))
        };
        if unmet.is_scope_alone() {
            return self.insufficient_scope(match (follows_rfc9470, self.styles.scope && !follows_entra) {
                (true, _) => with_rfc9470(challenge),
                (false, true) => with_step_up_scope(challenge),
                (false, false) => challenge,
            });
        }
        let is_only_form = !self.styles.entra && !self.styles.scope;
        let rfc9470 = follows_rfc9470 && (is_only_form || unmet.is_about_rfc9470());
        let rfc9470 = rfc9470.then(|| with_rfc9470(challenge.clone()));
        let entra = unmet.first_auth_context().filter(|_| follows_entra).map(|id| {
            // The realm would be the tenant's.
            let challenge = challenge.clone().without_realm().claims(&ClaimsRequest::auth_context(id).to_base64());
            self.authorization_uri.iter().fold(challenge, |challenge, uri| challenge.authorization_uri(uri))
        });
        match (rfc9470, entra) {
            (Some(rfc9470), None) => Denial::challenged(Reason::InsufficientUserAuthentication, rfc9470),
            (None, Some(entra)) => Denial::challenged(Reason::InsufficientClaims, entra),
            // Entra's first: its libraries look at the error of the first `Bearer` challenge alone, and only their clients
            // get both.
            (Some(rfc9470), Some(entra)) => Denial::challenged(Reason::InsufficientClaims, entra)
                .and_because(Reason::InsufficientUserAuthentication, rfc9470),
            (None, None) if self.styles.scope && !unmet.step_up_scopes().is_empty() => {
                self.insufficient_scope(with_step_up_scope(challenge))
            }
            (None, None) => Denial::plain(Reason::StepUpImpossible),
        }
    }

    fn lists_client_of(&self, token: &impl AsRef<VerifiedClaims>) -> bool {
        token.as_ref().client_id().is_some_and(|client| self.rfc9470_clients.iter().any(|listed| listed == client))
    }

    fn insufficient_scope(&self, challenge: Challenge) -> Denial {
        let denial = Denial::challenged(Reason::InsufficientScope, challenge);
        if self.scope_as_unauthorized { denial.as_unauthorized() } else { denial }
    }
}
