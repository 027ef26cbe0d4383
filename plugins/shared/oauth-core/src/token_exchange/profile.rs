//! How the authorization servers in use differ in what they want to be asked and what they answer.

use serde::Deserialize;

use crate::issuer::Profile;
use crate::scope::ScopeToken;

/// The dialect of a server's token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServerProfile {
    /// RFC 8693 as written.
    Rfc8693,
    /// Keycloak, standard token exchange v2: no `resource`, `audience` only narrows, no delegation.
    Keycloak,
    /// Okta, on-behalf-of token exchange.
    Okta,
    /// Auth0, on-behalf-of token exchange; with a connection, Token Vault.
    Auth0,
    /// Microsoft Entra ID, on-behalf-of: RFC 7523 §2.1 with an extension of its own.
    EntraObo,
}

impl ServerProfile {
    /// Its name in configurations, and in the cache key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc8693 => "rfc8693",
            Self::Keycloak => "keycloak",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
            Self::EntraObo => "entra_obo",
        }
    }

    /// The dialect of the tokens that the server issues.
    #[must_use]
    pub const fn tokens(self) -> Profile {
        match self {
            Self::Rfc8693 => Profile::Generic,
            Self::Keycloak => Profile::Keycloak,
            Self::Okta => Profile::Okta,
            Self::Auth0 => Profile::Auth0,
            Self::EntraObo => Profile::Entra,
        }
    }

    /// Whether it knows `resource` (RFC 8707). A server that does not would ignore it and issue more than was asked for.
    #[must_use]
    pub const fn knows_resource(self) -> bool {
        matches!(self, Self::Rfc8693)
    }

    /// Whether it wants to be told the audience; Entra finds it in the scope.
    #[must_use]
    pub const fn knows_audience(self) -> bool {
        !matches!(self, Self::EntraObo)
    }

    /// How many audiences it can be asked for at once.
    #[must_use]
    pub const fn most_audiences(self) -> usize {
        match self {
            Self::Rfc8693 | Self::Keycloak | Self::EntraObo => usize::MAX,
            Self::Okta | Self::Auth0 => 1,
        }
    }

    /// Whether it takes an actor's token (RFC 8693 §2.1).
    #[must_use]
    pub const fn knows_actor(self) -> bool {
        matches!(self, Self::Rfc8693)
    }

    /// Whether it answers with the parameters of RFC 8693 §2.2.1, `issued_token_type` among them. RFC 7523 knows none.
    #[must_use]
    pub const fn names_issued_type(self) -> bool {
        !matches!(self, Self::EntraObo)
    }

    /// Whether a granted scope is one that was asked for.
    ///
    /// Entra may be asked for `…/.default`, whatever was consented to.
    #[must_use]
    pub fn is_scope_of(self, granted: &ScopeToken, asked: &ScopeToken) -> bool {
        self.is_open_scope(asked) || self.is_same_scope(granted, asked)
    }

    /// Whether two names are of one scope.
    ///
    /// Entra is asked with full names (`https://graph.microsoft.com/user.read`) and answers with full or short ones, in the
    /// case that it likes. Whose scope it is the audience says.
    #[must_use]
    pub fn is_same_scope(self, one: &ScopeToken, other: &ScopeToken) -> bool {
        one == other || (self == Self::EntraObo && short(one).eq_ignore_ascii_case(short(other)))
    }

    /// Whether a scope stands for whatever was consented to, so that none in particular can be missing.
    #[must_use]
    pub fn is_open_scope(self, asked: &ScopeToken) -> bool {
        self == Self::EntraObo && short(asked).eq_ignore_ascii_case(".default")
    }
}

/// The name of a scope without the application that it is of.
fn short(scope: &ScopeToken) -> &str {
    scope.as_str().rsplit('/').next().unwrap_or_default()
}
