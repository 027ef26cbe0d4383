//! Where issuers put what: client and scopes by profile.

use serde_json::{Map, Value};

use crate::claims::{name, text};
use crate::issuer::Profile;
use crate::reason::Reason;
use crate::scope::{ScopeToken, Scopes};

/// The client that a token was issued to.
///
/// # Errors
/// [`Reason::ClaimInvalid`] if a claim of the dialect is not a string or empty, or if two of them differ.
pub(crate) fn client_id(members: &Map<String, Value>, profile: Profile) -> Result<Option<String>, Reason> {
    let claims: &[&str] = match profile {
        // RFC 9068 §2.2.
        Profile::Rfc9068 => &["client_id"],
        Profile::Keycloak | Profile::Auth0 | Profile::Generic => &["client_id", "azp"],
        Profile::Okta => &["cid"],
        // Version 2 and version 1.
        Profile::Entra => &["azp", "appid"],
    };
    let mut found: Option<String> = None;
    for claim in claims {
        let Some(client) = name(members, claim)? else { continue };
        if found.as_ref().is_some_and(|earlier| *earlier != client) {
            return Err(Reason::ClaimInvalid);
        }
        found = Some(client);
    }
    Ok(found)
}

/// The granted scopes.
///
/// `scope` is a space-separated string (RFC 9068 §2.2.3, RFC 8693 §4.2), `scp` is such a string or an array. Which of
/// the two grants is up to the dialect, but where both are present they have to agree.
///
/// # Errors
/// [`Reason::ClaimInvalid`] if one has the wrong type, holds what is no scope, or contradicts the other.
pub(crate) fn scopes(members: &Map<String, Value>, profile: Profile) -> Result<Scopes, Reason> {
    let scope = text(members, "scope")?.map(parse).transpose()?;
    let scp = members.get("scp").map(|value| list(value, profile)).transpose()?;
    if let (Some(scope), Some(scp)) = (&scope, &scp)
        && scope != scp
    {
        return Err(Reason::ClaimInvalid);
    }
    let granted = match profile {
        Profile::Rfc9068 | Profile::Keycloak | Profile::Auth0 => scope,
        Profile::Okta | Profile::Entra => scp,
        Profile::Generic => scope.or(scp),
    };
    Ok(granted.unwrap_or_default())
}

fn parse(text: &str) -> Result<Scopes, Reason> {
    Scopes::parse(text).map_err(|_| Reason::ClaimInvalid)
}

fn list(value: &Value, profile: Profile) -> Result<Scopes, Reason> {
    match value {
        Value::String(text) if profile != Profile::Okta => parse(text),
        Value::Array(items) if profile != Profile::Entra => items
            .iter()
            .map(|item| item.as_str().and_then(|text| ScopeToken::parse(text).ok()).ok_or(Reason::ClaimInvalid))
            .collect(),
        _ => Err(Reason::ClaimInvalid),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn read(value: Value, profile: Profile) -> Result<Scopes, Reason> {
        scopes(&members(value), profile)
    }

    fn set(list: &str) -> Scopes {
        Scopes::parse(list).unwrap()
    }

    /// AUD-13
    #[test]
    fn each_dialect_reads_its_own_scope_claim() {
        for profile in [Profile::Rfc9068, Profile::Keycloak, Profile::Auth0, Profile::Generic] {
            assert_eq!(read(json!({"scope": "a b"}), profile), Ok(set("a b")), "{profile:?}");
        }
        assert_eq!(read(json!({"scp": ["a", "b"]}), Profile::Okta), Ok(set("a b")));
        assert_eq!(read(json!({"scp": "a b"}), Profile::Entra), Ok(set("a b")));
        assert_eq!(read(json!({"scp": "a b"}), Profile::Generic), Ok(set("a b")));
        assert_eq!(read(json!({"scp": ["a"]}), Profile::Generic), Ok(set("a")));
        assert_eq!(read(json!({"scp": ["a"]}), Profile::Rfc9068), Ok(set("")));
        assert_eq!(read(json!({"scope": "a"}), Profile::Okta), Ok(set("")));
        assert_eq!(read(json!({}), Profile::Generic), Ok(set("")));
        assert_eq!(read(json!({"scope": ""}), Profile::Rfc9068), Ok(set("")));
    }

    /// AUD-13
    #[test]
    fn scope_and_scp_that_differ_are_refused_under_every_dialect() {
        for profile in [Profile::Rfc9068, Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Generic] {
            assert_eq!(read(json!({"scope": "a", "scp": ["b"]}), profile), Err(Reason::ClaimInvalid), "{profile:?}");
            assert!(read(json!({"scope": "a b", "scp": ["b", "a"]}), profile).is_ok(), "{profile:?}");
        }
        assert_eq!(read(json!({"scope": "a", "scp": "a b"}), Profile::Entra), Err(Reason::ClaimInvalid));
    }

    /// JWT-27
    #[test]
    fn scopes_of_the_wrong_type_are_refused() {
        for profile in
            [Profile::Rfc9068, Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Entra, Profile::Generic]
        {
            for value in [
                json!({"scope": ["a"]}),
                json!({"scope": 1}),
                json!({"scope": null}),
                json!({"scope": {}}),
                json!({"scope": "a\tb"}),
                json!({"scope": "a\"b"}),
                json!({"scp": 1}),
                json!({"scp": null}),
                json!({"scp": [1]}),
                json!({"scp": ["a b"]}),
                json!({"scp": [""]}),
                json!({"scp": {"a": true}}),
            ] {
                assert_eq!(read(value.clone(), profile), Err(Reason::ClaimInvalid), "{profile:?} {value}");
            }
        }
        assert_eq!(read(json!({"scp": "a"}), Profile::Okta), Err(Reason::ClaimInvalid));
        assert_eq!(read(json!({"scp": ["a"]}), Profile::Entra), Err(Reason::ClaimInvalid));
    }

    #[test]
    fn the_client_is_found_under_the_name_of_the_dialect() {
        let client = |value: Value, profile| client_id(&members(value), profile);
        let all = json!({"client_id": "a", "azp": "a", "cid": "b", "appid": "a"});
        for (profile, expected) in [
            (Profile::Rfc9068, "a"),
            (Profile::Keycloak, "a"),
            (Profile::Okta, "b"),
            (Profile::Auth0, "a"),
            (Profile::Entra, "a"),
            (Profile::Generic, "a"),
        ] {
            assert_eq!(client(all.clone(), profile), Ok(Some(expected.to_owned())), "{profile:?}");
            assert_eq!(client(json!({}), profile), Ok(None), "{profile:?}");
        }
        assert_eq!(client(json!({"azp": "a"}), Profile::Rfc9068), Ok(None));
        assert_eq!(client(json!({"azp": "a", "client_id": "b"}), Profile::Generic), Err(Reason::ClaimInvalid));
        assert_eq!(client(json!({"azp": ""}), Profile::Keycloak), Err(Reason::ClaimInvalid));
        assert_eq!(client(json!({"cid": 5}), Profile::Okta), Err(Reason::ClaimInvalid));
    }
}
