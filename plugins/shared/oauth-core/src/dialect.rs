//! Where issuers put what: client, scopes and roles by profile.

use serde_json::{Map, Value};

use crate::claim_fault::ClaimFault;
use crate::claims::{name, object, text};
use crate::issuer::Profile;
use crate::scope::{ScopeToken, Scopes};

/// Claims that restrict the use of a token: what they say must be known, so `null` is not taken for absent.
const RESTRICTING: [&str; 2] = ["cnf", "may_act"];

/// The members that say something. Servers that write whole objects of theirs give `null` to what they leave out, in `act` too
/// (RFC 8693 §4.1); only the generic dialect takes that for absent.
///
/// The signature library reads `aud` and times for itself and knows no `null` there: a token with one is refused where it,
/// and not the host, verifies the signature.
pub(crate) fn present(mut members: Map<String, Value>, profile: Profile) -> Map<String, Value> {
    if profile == Profile::Generic {
        let mut object = Some(&mut members);
        while let Some(members) = object {
            members.retain(|name, value| !value.is_null() || RESTRICTING.contains(&name.as_str()));
            object = members.get_mut("act").and_then(Value::as_object_mut);
        }
    }
    members
}

/// The client that a token was issued to.
///
/// # Errors
/// The claim of the dialect that is not a string or empty, or that differs from another.
pub(crate) fn client_id(members: &Map<String, Value>, profile: Profile) -> Result<Option<String>, ClaimFault> {
    let claims: &[&'static str] = match profile {
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
            return Err(ClaimFault { claim, expected: "the client of the other claim", found: "another client" });
        }
        found = Some(client);
    }
    Ok(found)
}

/// The granted scopes.
///
/// `scope` is a space-separated string (RFC 9068 §2.2.3, RFC 8693 §4.2), `scp` is such a string or an array; in the generic
/// dialect both may be either. Which of the two grants is up to the dialect, but where both are present they have to agree.
///
/// # Errors
/// The claim that has the wrong type, holds what is no scope, or contradicts the other.
pub(crate) fn scopes(members: &Map<String, Value>, profile: Profile) -> Result<Scopes, ClaimFault> {
    let scope = match profile {
        Profile::Generic => members.get("scope").map(|value| list("scope", value, profile)).transpose()?,
        _ => text(members, "scope")?.map(|text| parse("scope", text)).transpose()?,
    };
    let scp = members.get("scp").map(|value| list("scp", value, profile)).transpose()?;
    if let (Some(scope), Some(scp)) = (&scope, &scp)
        && scope != scp
    {
        return Err(ClaimFault { claim: "scp", expected: "the scopes of the claim scope", found: "others" });
    }
    let granted = match profile {
        Profile::Rfc9068 | Profile::Keycloak | Profile::Auth0 => scope,
        Profile::Okta | Profile::Entra => scp,
        Profile::Generic => scope.or(scp),
    };
    Ok(granted.unwrap_or_default())
}

fn parse(claim: &'static str, text: &str) -> Result<Scopes, ClaimFault> {
    let fault = ClaimFault { claim, expected: "scopes, separated by spaces", found: "another text" };
    Scopes::parse(text).map_err(|_| fault)
}

pub(crate) fn list(claim: &'static str, value: &Value, profile: Profile) -> Result<Scopes, ClaimFault> {
    let fault = ClaimFault::of(claim, "scopes in the form of the profile", value);
    match value {
        Value::String(text) if profile != Profile::Okta => parse(claim, text),
        Value::Array(items) if profile != Profile::Entra => {
            items.iter().map(|item| item.as_str().and_then(|text| ScopeToken::parse(text).ok()).ok_or(fault)).collect()
        }
        _ => Err(fault),
    }
}

/// Stands between client and role in the name of a client role.
const CLIENT_ROLE_SEPARATOR: char = '/';

/// The roles that the token says its subject has, or for Microsoft Entra also its client.
///
/// - Keycloak: the realm's roles by their name (`realm_access.roles`), those of clients as `client/role`
///   (`resource_access.<client>.roles`). A role whose own name has a slash is left out, because it could pass for one
///   of a client, or of another client; a requirement on its claim can still ask for it.
/// - All others: `roles` (RFC 9068 §2.2.3.1), an array of strings. Only Microsoft Entra defines its form, and only there
///   is another one an error; elsewhere what is no string grants nothing.
///
/// # Errors
/// The claim of the dialect that has another form than its issuer gives it.
pub(crate) fn roles(members: &Map<String, Value>, profile: Profile) -> Result<Vec<String>, ClaimFault> {
    match profile {
        Profile::Keycloak => keycloak_roles(members),
        Profile::Entra => members.get("roles").map_or(Ok(Vec::new()), |value| strings("roles", value)),
        Profile::Rfc9068 | Profile::Okta | Profile::Auth0 | Profile::Generic => Ok(members
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect()),
    }
}

fn keycloak_roles(members: &Map<String, Value>) -> Result<Vec<String>, ClaimFault> {
    const OF_CLIENTS: &str = "resource_access";
    let is_plain = |role: &String| !role.contains(CLIENT_ROLE_SEPARATOR);
    let mut roles = match object(members, "realm_access")? {
        Some(realm) => realm.get("roles").map_or(Ok(Vec::new()), |value| strings("realm_access", value))?,
        None => Vec::new(),
    };
    roles.retain(is_plain);
    for (client, access) in object(members, OF_CLIENTS)?.into_iter().flatten() {
        let access = access.as_object().ok_or(ClaimFault::of(OF_CLIENTS, "objects with roles", access))?;
        let of_client = access.get("roles").map_or(Ok(Vec::new()), |value| strings(OF_CLIENTS, value))?;
        let named = of_client.iter().filter(|role| is_plain(role));
        roles.extend(named.map(|role| format!("{client}{CLIENT_ROLE_SEPARATOR}{role}")));
    }
    Ok(roles)
}

fn strings(claim: &'static str, value: &Value) -> Result<Vec<String>, ClaimFault> {
    let fault = ClaimFault::of(claim, "roles as an array of strings", value);
    let list = value.as_array().ok_or(fault)?;
    list.iter().map(|item| item.as_str().map(str::to_owned).ok_or(fault)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reason::Reason;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn read(value: Value, profile: Profile) -> Result<Scopes, Reason> {
        scopes(&members(value), profile).map_err(Reason::from)
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
                json!({"scope": ["a b"]}),
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
        assert_eq!(read(json!({"scope": ["b", "a"]}), Profile::Generic), Ok(set("a b")));
        for profile in [Profile::Rfc9068, Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Entra] {
            assert_eq!(read(json!({"scope": ["b", "a"]}), profile), Err(Reason::ClaimInvalid), "{profile:?}");
        }
        assert_eq!(read(json!({"scp": "a"}), Profile::Okta), Err(Reason::ClaimInvalid));
        assert_eq!(read(json!({"scp": ["a"]}), Profile::Entra), Err(Reason::ClaimInvalid));
    }

    #[test]
    fn the_client_is_found_under_the_name_of_the_dialect() {
        let client = |value: Value, profile| client_id(&members(value), profile).map_err(Reason::from);
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

    #[test]
    fn keycloak_roles_are_of_the_realm_or_named_after_their_client() {
        let read = |value: Value| roles(&members(value), Profile::Keycloak).map_err(Reason::from);
        let token = json!({
            "realm_access": {"roles": ["offline_access", "auditor"]},
            "resource_access": {"tools": {"roles": ["reader", "writer"]}, "https://x/y": {"roles": ["admin"]}, "none": {}},
            "roles": ["forged"],
        });
        let mut names = read(token).unwrap();
        names.sort();
        assert_eq!(names, ["auditor", "https://x/y/admin", "offline_access", "tools/reader", "tools/writer"]);
        assert_eq!(read(json!({})), Ok(vec![]));
    }

    #[test]
    fn a_keycloak_role_never_passes_for_one_of_another_client() {
        let token = json!({
            "realm_access": {"roles": ["tools/admin"]},
            "resource_access": {"a": {"roles": ["b/admin", "/admin"]}, "": {"roles": ["admin"]}},
        });
        // A client always has a name; if it had none, its role would still begin with the slash.
        assert_eq!(roles(&members(token), Profile::Keycloak), Ok(vec!["/admin".to_owned()]));
    }

    #[test]
    fn roles_of_other_issuers_are_an_array_of_strings() {
        let token = json!({"roles": ["reader", "writer"], "realm_access": {"roles": ["realm"]}});
        for profile in [Profile::Rfc9068, Profile::Okta, Profile::Auth0, Profile::Entra, Profile::Generic] {
            assert_eq!(roles(&members(token.clone()), profile).unwrap(), ["reader", "writer"], "{profile:?}");
        }
        for odd in
            [json!({"roles": "admin"}), json!({"roles": [{"value": "admin"}]}), json!({"roles": {"admin": true}})]
        {
            assert_eq!(roles(&members(odd.clone()), Profile::Generic), Ok(vec![]), "{odd}");
            assert_eq!(
                roles(&members(odd.clone()), Profile::Entra).map_err(Reason::from),
                Err(Reason::ClaimInvalid),
                "{odd}"
            );
        }
    }

    /// JWT-27
    #[test]
    fn keycloak_roles_of_the_wrong_type_are_refused() {
        for odd in [
            json!({"realm_access": []}),
            json!({"realm_access": {"roles": "admin"}}),
            json!({"realm_access": {"roles": [1]}}),
            json!({"resource_access": ["tools"]}),
            json!({"resource_access": {"tools": ["admin"]}}),
            json!({"resource_access": {"tools": {"roles": {"admin": 1}}}}),
            json!({"resource_access": null}),
        ] {
            assert_eq!(
                roles(&members(odd.clone()), Profile::Keycloak).map_err(Reason::from),
                Err(Reason::ClaimInvalid),
                "{odd}"
            );
        }
    }
}
