//! What is expected of the tokens of one issuer.

use serde::{Deserialize, Serialize};

use crate::jose::Algorithm;
use crate::reason::Reason;

/// A trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer identifier (RFC 8414 §2); `iss` must equal it byte for byte. With [`TENANT_PLACEHOLDER`] it stands
    /// for one identifier per entry of `tenants`.
    pub issuer: String,
    /// The dialect of its access tokens.
    pub profile: Profile,
    /// The algorithms that it may sign with (RFC 8725 §3.1).
    pub algorithms: Vec<Algorithm>,
    /// The `typ` values that its access tokens may have (RFC 8725 §3.11).
    pub token_types: Vec<String>,
    /// The tenants that are accepted (`tid`). Empty: the issuer has but one, and its identifier is enough.
    pub tenants: Vec<String>,
}

/// Stands for the tenant in the identifier of a multi-tenant issuer, as Microsoft Entra publishes it:
/// `https://login.microsoftonline.com/{tenantid}/v2.0`.
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// How an issuer writes access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`, and all of its required claims are there.
    Rfc9068,
    /// Keycloak: `typ` is `JWT` unless configured; the kind is told by a claim.
    Keycloak,
    /// Okta.
    Okta,
    /// Auth0.
    Auth0,
    /// Microsoft Entra ID, versions 1 and 2.
    Entra,
    /// Any other issuer of JWT access tokens. What marks another kind of token is refused.
    Generic,
}

/// How sure `typ` makes us that a token is an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeProof {
    /// `typ` says so.
    AccessToken,
    /// `typ` is absent or says just "a JWT": the claims have to show it.
    AnyJwt,
}

/// The media type of RFC 9068 §2.1.
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// Okta's own name for it, on tokens of its org authorization server.
const OKTA_ACCESS_TOKEN_TYPE: &str = "okta-internal-at+jwt";

/// Kinds of JWT that are never access tokens, even if someone configures them (RFC 8725 §3.12).
const NEVER: [&str; 8] = [
    "dpop+jwt",
    "secevent+jwt",
    "logout+jwt",
    "oauth-id-jag+jwt",
    "client-authentication+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "id_token+jwt",
];

impl Profile {
    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc9068 => "rfc9068",
            Self::Keycloak => "keycloak",
            Self::Okta => "okta",
            Self::Auth0 => "auth0",
            Self::Entra => "entra",
            Self::Generic => "generic",
        }
    }

    /// The `typ` values that are accepted when none are configured.
    #[must_use]
    pub fn default_token_types(self) -> Vec<String> {
        let types: &[&str] = match self {
            Self::Rfc9068 => &[ACCESS_TOKEN_TYPE],
            Self::Keycloak | Self::Auth0 | Self::Generic => &[ACCESS_TOKEN_TYPE, "JWT"],
            Self::Okta => &[ACCESS_TOKEN_TYPE, OKTA_ACCESS_TOKEN_TYPE, "JWT"],
            Self::Entra => &["JWT"],
        };
        types.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Whether the issuer leaves `typ` out.
    const fn omits_type(self) -> bool {
        match self {
            Self::Okta | Self::Generic => true,
            Self::Rfc9068 | Self::Keycloak | Self::Auth0 | Self::Entra => false,
        }
    }
}

impl Issuer {
    /// An issuer with the default algorithms and the token types of its profile.
    #[must_use]
    pub fn new(issuer: impl Into<String>, profile: Profile) -> Self {
        Self {
            issuer: issuer.into(),
            profile,
            algorithms: Algorithm::DEFAULT.to_vec(),
            token_types: profile.default_token_types(),
            tenants: Vec::new(),
        }
    }

    /// Whether tokens that name `claimed` as their issuer are of this one: byte for byte (RFC 9068 §4), with one of
    /// the configured tenants in the place of [`TENANT_PLACEHOLDER`].
    #[must_use]
    pub fn is_named(&self, claimed: &str) -> bool {
        if self.issuer.contains(TENANT_PLACEHOLDER) {
            self.tenants.iter().any(|tenant| self.of_tenant(tenant) == claimed)
        } else {
            self.issuer == claimed
        }
    }

    /// The identifier with a tenant in its place.
    fn of_tenant(&self, tenant: &str) -> String {
        self.issuer.replace(TENANT_PLACEHOLDER, tenant)
    }

    /// Requires that a token is of an accepted tenant, and that its issuer is that tenant's (RFC 8725 §3.8).
    ///
    /// # Errors
    /// [`Reason::TenantNotAllowed`].
    pub(crate) fn require_tenant(&self, issuer: &str, tenant: Option<&str>) -> Result<(), Reason> {
        if self.tenants.is_empty() {
            return Ok(());
        }
        let accepted = tenant.is_some_and(|tenant| {
            self.tenants.iter().any(|accepted| accepted == tenant) && self.of_tenant(tenant) == issuer
        });
        if accepted { Ok(()) } else { Err(Reason::TenantNotAllowed) }
    }

    /// Judges `typ` (RFC 7515 §4.1.9, RFC 8725 §3.11, RFC 9068 §4).
    ///
    /// An absent `typ` counts as `JWT`, and only for profiles whose issuers leave it out. A present one that is not
    /// configured is always fatal.
    ///
    /// # Errors
    /// [`Reason::TypeNotAllowed`].
    pub(crate) fn judge_type(&self, media_type: Option<&str>) -> Result<TypeProof, Reason> {
        let name = match media_type {
            Some(media_type) => normalized(media_type),
            None if self.profile.omits_type() => "jwt".to_owned(),
            None => return Err(Reason::TypeNotAllowed),
        };
        let configured = self.token_types.iter().any(|allowed| normalized(allowed) == name);
        if !configured || NEVER.contains(&name.as_str()) {
            return Err(Reason::TypeNotAllowed);
        }
        Ok(match name.as_str() {
            ACCESS_TOKEN_TYPE | OKTA_ACCESS_TOKEN_TYPE => TypeProof::AccessToken,
            _ => TypeProof::AnyJwt,
        })
    }
}

/// Whether a `typ` is this name, which is in lower case and without `application/`.
pub(crate) fn is_media_type(media_type: &str, name: &str) -> bool {
    normalized(media_type) == name
}

/// Whether a `typ` is that of a JWT which is never an access token.
pub(crate) fn is_another_kind(media_type: &str) -> bool {
    NEVER.contains(&normalized(media_type).as_str())
}

/// Media types have no case, and `application/` may be left out if no other slash follows (RFC 7515 §4.1.9).
fn normalized(media_type: &str) -> String {
    let lower = media_type.to_ascii_lowercase();
    match lower.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 6] =
        [Profile::Rfc9068, Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Entra, Profile::Generic];

    fn judge(profile: Profile, media_type: Option<&str>) -> Result<TypeProof, Reason> {
        Issuer::new("https://as.example.com/t1", profile).judge_type(media_type)
    }

    /// JWT-19
    #[test]
    fn typ_is_a_media_type_without_case_and_with_an_optional_prefix() {
        for name in ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/AT+jwt"] {
            assert_eq!(judge(Profile::Rfc9068, Some(name)), Ok(TypeProof::AccessToken), "{name}");
        }
        for name in [
            "text/at+jwt",
            "application/x/at+jwt",
            "application/application/at+jwt",
            "at+jwt ",
            " at+jwt",
            "",
            "at",
            "at+jwt;v=1",
            "xat+jwt",
            "at+jwts",
            "application/",
            "/at+jwt",
            "JWT",
            "application/jwt",
            "at-jwt",
            "ａt+jwt",
        ] {
            assert_eq!(judge(Profile::Rfc9068, Some(name)), Err(Reason::TypeNotAllowed), "{name}");
        }
    }

    /// JWT-20
    #[test]
    fn other_kinds_of_jwt_are_refused_under_every_profile_even_if_configured() {
        for profile in PROFILES {
            for name in NEVER {
                let mut issuer = Issuer::new("i", profile);
                assert_eq!(issuer.judge_type(Some(name)), Err(Reason::TypeNotAllowed), "{profile:?} {name}");
                issuer.token_types.push(name.to_uppercase());
                let prefixed = format!("application/{name}");
                assert_eq!(issuer.judge_type(Some(&prefixed)), Err(Reason::TypeNotAllowed), "{profile:?} {name}");
            }
            assert_eq!(judge(profile, Some("unheard+of")), Err(Reason::TypeNotAllowed), "{profile:?}");
        }
    }

    /// JWT-20
    #[test]
    fn an_absent_typ_passes_only_where_issuers_leave_it_out() {
        for profile in PROFILES {
            let expected = match profile {
                Profile::Okta | Profile::Generic => Ok(TypeProof::AnyJwt),
                _ => Err(Reason::TypeNotAllowed),
            };
            assert_eq!(judge(profile, None), expected, "{profile:?}");
        }
        let mut strict = Issuer::new("i", Profile::Generic);
        strict.token_types = vec!["at+jwt".to_owned()];
        assert_eq!(strict.judge_type(None), Err(Reason::TypeNotAllowed));
    }

    const TENANTS: [&str; 2] = ["8d9e2f10-6f2c-4c3b-9d67-2f1d5a0e7b11", "1b3c5d70-0a0b-4c0d-8e0f-102030405060"];

    /// AUD-10
    #[test]
    fn a_tenant_is_accepted_only_if_it_is_listed_and_the_issuer_is_its_own() {
        let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let tenants = TENANTS.map(str::to_owned).to_vec();
        let issuer = Issuer { tenants: tenants.clone(), ..Issuer::new(template, Profile::Entra) };
        let of = |tenant: &str| template.replace("{tenantid}", tenant);
        for tenant in TENANTS {
            assert!(issuer.is_named(&of(tenant)));
            assert_eq!(issuer.require_tenant(&of(tenant), Some(tenant)), Ok(()));
        }
        for other in ["", "common", "other", "{tenantid}", "8D9E2F10-6F2C-4C3B-9D67-2F1D5A0E7B11"] {
            assert!(!issuer.is_named(&of(other)), "{other}");
            assert_eq!(issuer.require_tenant(&of(other), Some(other)), Err(Reason::TenantNotAllowed), "{other}");
        }
        assert_eq!(issuer.require_tenant(&of(TENANTS[0]), Some(TENANTS[1])), Err(Reason::TenantNotAllowed));
        assert_eq!(issuer.require_tenant(&of(TENANTS[0]), None), Err(Reason::TenantNotAllowed));

        let single = Issuer { tenants, ..Issuer::new(of(TENANTS[0]), Profile::Entra) };
        assert_eq!(single.require_tenant(&of(TENANTS[0]), Some(TENANTS[0])), Ok(()));
        assert_eq!(single.require_tenant(&of(TENANTS[0]), Some("other")), Err(Reason::TenantNotAllowed));
        assert!(!single.is_named(&of(TENANTS[1])));
        // Without tenants the placeholder stands for none.
        assert!(!Issuer::new(template, Profile::Entra).is_named(template));
        assert_eq!(Issuer::new("i", Profile::Entra).require_tenant("i", Some("any")), Ok(()));
    }

    #[test]
    fn profiles_are_named_in_configuration_as_the_contract_says() {
        let names = ["rfc9068", "keycloak", "okta", "auth0", "entra", "generic"];
        for (profile, name) in PROFILES.into_iter().zip(names) {
            assert_eq!(serde_json::from_value::<Profile>(name.into()).unwrap(), profile);
        }
    }
}
