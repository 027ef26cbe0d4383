//! Whether a token was given by a user or got by a client for itself (RFC 9068 §5, RFC 9700 §4.15).
//!
//! Subjects of both kinds may share one name space, so a client that can choose its identifier could choose a user's.
//! Each kind therefore needs positive proof in the dialect of the issuer; where there is none, or proof of both, the
//! kind is unknown.

use serde_json::Value;

use crate::claims::Claims;
use crate::issuer::{Profile, TypeProof};

/// On whose behalf a token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A user gave it to a client.
    Delegated,
    /// A client got it for itself (RFC 6749 §4.4).
    Application,
    /// The token proves neither, or both.
    Unknown,
}

impl TokenKind {
    /// What the token proves:
    ///
    /// | Profile | delegated | application |
    /// |---|---|---|
    /// | rfc9068 | `sub` is not the client | `sub` = `client_id` |
    /// | keycloak | `sid` and `sub`, and nothing of a service account | `client_id` = `azp` and `preferred_username` = `service-account-` + `azp` |
    /// | okta | `uid` and `sub` | `sub` = `cid` |
    /// | auth0 | `sub` as `connection\|user` | `sub` = client + `@clients`, or `gty` = `client-credentials` |
    /// | entra | `scp`, not empty | `idtyp` = `app`, and no `scp` |
    /// | generic | `sub` is not the client, and header `typ` `at+jwt` or `auth_time` | `sub` = client |
    pub(crate) fn of(claims: &Claims, profile: Profile, proof: TypeProof) -> Self {
        let speaks_for_itself = claims.subject().is_some() && claims.subject() == claims.client_id();
        let of_another = claims.subject().is_some() && claims.client_id().is_some() && !speaks_for_itself;
        let (delegated, application) = match profile {
            // RFC 9068 §2.2: without a user, `sub` names the client.
            Profile::Rfc9068 => (of_another, speaks_for_itself),
            Profile::Keycloak => keycloak(claims),
            // `uid` is the user; there is none with client credentials.
            Profile::Okta => (text(claims, "uid").is_some() && claims.subject().is_some(), speaks_for_itself),
            Profile::Auth0 => auth0(claims),
            // Application permissions come as `roles`, but so may those of a user: `idtyp` says it.
            Profile::Entra => (
                !claims.scopes().is_empty(),
                text(claims, "idtyp") == Some("app") && !claims.members().contains_key("scp"),
            ),
            // The header type promises the rule of RFC 9068; otherwise the time at which a user logged in (RFC 9068
            // §2.2.1, OpenID Connect Core 1.0 §2) shows that there was one.
            Profile::Generic => {
                let login = claims.members().get("auth_time").is_some_and(Value::is_number);
                (of_another && (proof == TypeProof::AccessToken || login), speaks_for_itself)
            }
        };
        match (delegated, application) {
            (true, false) => Self::Delegated,
            (false, true) => Self::Application,
            _ => Self::Unknown,
        }
    }

    /// Its name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Application => "application",
            Self::Unknown => "unknown",
        }
    }
}

/// A service account is a user of this name in Keycloak, and its token says `client_id`, `clientHost` and
/// `clientAddress`. It may have a session (`sid`) too, if refresh tokens are on for client credentials.
fn keycloak(claims: &Claims) -> (bool, bool) {
    let Some(client) = text(claims, "azp") else { return (false, false) };
    let username = text(claims, "preferred_username");
    // User names are kept in lower case, client identifiers as they were given.
    let is_service_account = username
        .and_then(|name| name.strip_prefix("service-account-"))
        .is_some_and(|name| name == client || name == client.to_lowercase());
    let application = is_service_account && text(claims, "client_id") == Some(client);
    let is_marked = || {
        ["client_id", "clientId", "clientHost", "clientAddress"].iter().any(|name| claims.members().contains_key(*name))
    };
    let is_user = !is_service_account && (username.is_some() || !is_marked());
    // Whoever it was must have a name, or nobody can be held to account.
    (text(claims, "sid").is_some() && claims.subject().is_some() && is_user, application)
}

/// Users are `connection|identifier`. Clients are `identifier@clients`, and only the profile of its own says `gty`.
fn auth0(claims: &Claims) -> (bool, bool) {
    let subject = claims.subject().unwrap_or_default();
    let is_user = subject.split_once('|').is_some_and(|(connection, user)| !connection.is_empty() && !user.is_empty());
    let is_client = subject.strip_suffix("@clients").is_some_and(|client| Some(client) == claims.client_id());
    let grant = match claims.members().get("gty") {
        None => None,
        Some(Value::String(grant)) => Some(grant == "client-credentials"),
        Some(Value::Array(grants)) => Some(grants.iter().any(|grant| grant == "client-credentials")),
        // Not a form that is known.
        Some(_) => return (false, false),
    };
    match grant {
        None => (is_user, is_client),
        Some(true) => (is_user, true),
        // A grant with a user in it.
        Some(false) => (is_user, false),
    }
}

/// A claim that is a string and not empty.
fn text<'c>(claims: &'c Claims, claim: &str) -> Option<&'c str> {
    claims.members().get(claim).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_type(profile: Profile, proof: TypeProof, claims: Value) -> TokenKind {
        let mut members = claims.as_object().unwrap().clone();
        members.insert("iss".into(), "https://as.example.com/t1".into());
        members.insert("exp".into(), 1_700_000_300.into());
        if profile == Profile::Rfc9068 {
            for (name, value) in [("aud", json!("r")), ("iat", json!(1_700_000_000)), ("jti", json!("t-1"))] {
                members.insert(name.into(), value);
            }
        }
        TokenKind::of(&Claims::from_members(members, profile).unwrap(), profile, proof)
    }

    fn of(profile: Profile, claims: Value) -> TokenKind {
        of_type(profile, TypeProof::AnyJwt, claims)
    }

    /// AUD-08: a Keycloak client without the scope `basic` gets such a token.
    #[test]
    fn a_user_without_a_name_is_nobody() {
        for (profile, claims) in [
            (Profile::Keycloak, json!({"sid": "s", "azp": "agent"})),
            (Profile::Okta, json!({"uid": "00u1", "cid": "agent"})),
        ] {
            let with = |subject: &str| {
                let mut claims = claims.clone();
                claims["sub"] = json!(subject);
                of(profile, claims)
            };
            assert_eq!((of(profile, claims.clone()), with("alice")), (TokenKind::Unknown, TokenKind::Delegated));
        }
    }

    /// AUD-08
    #[test]
    fn a_client_whose_identifier_is_a_users_is_no_user() {
        let token = json!({"sub": "alice", "client_id": "alice"});
        assert_eq!(of(Profile::Rfc9068, token.clone()), TokenKind::Application);
        assert_eq!(of(Profile::Generic, token), TokenKind::Application);
        assert_eq!(of(Profile::Rfc9068, json!({"sub": "alice", "client_id": "agent-1"})), TokenKind::Delegated);
    }

    #[test]
    fn keycloak_tells_users_by_their_session_and_clients_by_their_service_account() {
        let kind = |claims| of(Profile::Keycloak, claims);
        let service =
            json!({"sub": "f00", "azp": "Agent", "client_id": "Agent", "preferred_username": "service-account-agent"});
        let with = |changes: Value| {
            let mut claims = service.clone();
            for (name, value) in changes.as_object().unwrap() {
                match value {
                    Value::Null => claims.as_object_mut().unwrap().remove(name),
                    value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
                };
            }
            claims
        };
        assert_eq!(kind(service.clone()), TokenKind::Application);
        assert_eq!(kind(with(json!({"preferred_username": "service-account-Agent"}))), TokenKind::Application);
        let user = with(json!({"client_id": null, "preferred_username": "alice", "sid": "s-1"}));
        assert_eq!(kind(user), TokenKind::Delegated);
        // A mapper may add the client to users' tokens too, and leave their name out.
        assert_eq!(kind(with(json!({"preferred_username": "alice", "sid": "s-1"}))), TokenKind::Delegated);
        let nameless = json!({"client_id": null, "preferred_username": null, "sid": "s-1"});
        assert_eq!(kind(with(nameless)), TokenKind::Delegated);
        // With refresh tokens for client credentials there is a session too.
        assert_eq!(kind(with(json!({"sid": "s-1"}))), TokenKind::Application);
        for changes in [
            json!({"client_id": null}),
            json!({"client_id": null, "sid": "s-1"}),
            json!({"preferred_username": null}),
            json!({"preferred_username": null, "sid": "s-1"}),
            json!({"preferred_username": null, "client_id": null, "clientHost": "10.0.0.7", "sid": "s-1"}),
            json!({"preferred_username": "service-account-other"}),
            json!({"preferred_username": "service-account-"}),
            json!({"client_id": null, "preferred_username": "alice"}),
            json!({"client_id": null, "preferred_username": "alice", "sid": ""}),
            json!({"client_id": null, "preferred_username": "alice", "sid": 1}),
            json!({"azp": null, "sid": "s-1"}),
        ] {
            assert_eq!(kind(with(changes.clone())), TokenKind::Unknown, "{changes}");
        }
    }

    #[test]
    fn okta_names_the_user_in_a_claim_of_its_own() {
        let kind = |claims| of(Profile::Okta, claims);
        assert_eq!(kind(json!({"sub": "alice@example.com", "cid": "0oa1", "uid": "00u1"})), TokenKind::Delegated);
        assert_eq!(kind(json!({"sub": "0oa1", "cid": "0oa1"})), TokenKind::Application);
        for claims in [
            json!({"sub": "alice@example.com", "cid": "0oa1"}),
            json!({"sub": "0oa1", "cid": "0oa1", "uid": "00u1"}),
            json!({"sub": "alice@example.com", "cid": "0oa1", "uid": ""}),
            json!({"sub": "alice@example.com", "cid": "0oa1", "uid": null}),
            json!({"cid": "0oa1"}),
        ] {
            assert_eq!(kind(claims.clone()), TokenKind::Unknown, "{claims}");
        }
    }

    #[test]
    fn auth0_tells_them_by_the_form_of_the_subject_and_by_the_grant() {
        let kind = |claims| of(Profile::Auth0, claims);
        for claims in [
            json!({"sub": "auth0|123456", "azp": "c1"}),
            json!({"sub": "google-oauth2|42", "client_id": "c1"}),
            json!({"sub": "auth0|123456", "azp": "c1", "gty": "password"}),
            json!({"sub": "auth0|123456", "azp": "c1", "gty": ["refresh_token", "authorization_code"]}),
            json!({"sub": "auth0|eve@clients", "azp": "c1"}),
        ] {
            assert_eq!(kind(claims.clone()), TokenKind::Delegated, "{claims}");
        }
        for claims in [
            json!({"sub": "c1@clients", "azp": "c1", "gty": "client-credentials"}),
            json!({"sub": "c1@clients", "client_id": "c1"}),
            json!({"sub": "c1", "azp": "c1", "gty": "client-credentials"}),
        ] {
            assert_eq!(kind(claims.clone()), TokenKind::Application, "{claims}");
        }
        for claims in [
            json!({"sub": "alice", "azp": "c1"}),
            json!({"sub": "c2@clients", "azp": "c1"}),
            json!({"sub": "|x", "azp": "c1"}),
            json!({"sub": "auth0|", "azp": "c1"}),
            json!({"sub": "c1@clients", "azp": "c1", "gty": "password"}),
            json!({"sub": "auth0|123456", "azp": "c1", "gty": "client-credentials"}),
            json!({"sub": "auth0|123456", "azp": "c1", "gty": 1}),
            json!({"azp": "c1"}),
        ] {
            assert_eq!(kind(claims.clone()), TokenKind::Unknown, "{claims}");
        }
    }

    /// AUD-12
    #[test]
    fn entra_tells_users_by_scopes_and_applications_by_idtyp_never_by_roles() {
        let kind = |claims| of(Profile::Entra, claims);
        assert_eq!(kind(json!({"scp": "files.read", "azp": "c", "roles": ["Admin"]})), TokenKind::Delegated);
        assert_eq!(kind(json!({"scp": "files.read", "azp": "c", "idtyp": "user"})), TokenKind::Delegated);
        assert_eq!(kind(json!({"scp": "files.read", "azp": "c", "idtyp": "app"})), TokenKind::Delegated);
        assert_eq!(kind(json!({"idtyp": "app", "azp": "c", "roles": ["Files.Read.All"]})), TokenKind::Application);
        for claims in [
            json!({"azp": "c", "roles": ["Files.Read.All"]}),
            json!({"azp": "c", "sub": "c", "oid": "c"}),
            json!({"azp": "c", "idtyp": "user"}),
            json!({"azp": "c", "idtyp": "app", "scp": ""}),
            json!({"azp": "c", "idtyp": ["app"]}),
            json!({"azp": "c", "idtyp": "App"}),
            json!({"scp": ""}),
        ] {
            assert_eq!(kind(claims.clone()), TokenKind::Unknown, "{claims}");
        }
    }

    #[test]
    fn a_generic_token_needs_its_type_or_a_login_to_be_a_users() {
        let plain = json!({"sub": "alice", "client_id": "agent-1"});
        assert_eq!(of(Profile::Generic, plain.clone()), TokenKind::Unknown);
        assert_eq!(of_type(Profile::Generic, TypeProof::AccessToken, plain), TokenKind::Delegated);
        let login = json!({"sub": "alice", "client_id": "agent-1", "auth_time": 1_700_000_000});
        assert_eq!(of(Profile::Generic, login), TokenKind::Delegated);
        for claims in [
            json!({"sub": "alice", "auth_time": 1_700_000_000}),
            json!({"client_id": "agent-1", "auth_time": 1_700_000_000}),
            json!({"sub": "alice", "client_id": "agent-1", "auth_time": "now"}),
            json!({"sub": "alice"}),
            json!({}),
        ] {
            assert_eq!(of(Profile::Generic, claims.clone()), TokenKind::Unknown, "{claims}");
        }
        let own = json!({"sub": "agent-1", "client_id": "agent-1", "auth_time": 1_700_000_000});
        assert_eq!(of_type(Profile::Generic, TypeProof::AccessToken, own), TokenKind::Application);
    }
}
