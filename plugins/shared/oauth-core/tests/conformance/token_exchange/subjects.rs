//! What is said of a subject token before any server is asked.

use oauth_core::token_exchange::{
    ServerProfile,
    subject::{ActorIdentity, is_delegated, require_exchangeable, require_may_act},
};
use oauth_core::{Claims, Profile, Reason};
use serde_json::{Value, json};

use super::{claims, claims_as};

fn with(name: &str, value: Value) -> Claims {
    let mut members = json!({"iss": "https://idp.example", "sub": "alice", "exp": 1_900_000_300});
    members[name] = value;
    claims(members)
}

/// TEX-19
#[test]
fn a_bound_token_is_refused_before_any_server_is_asked() {
    for profile in [ServerProfile::Keycloak, ServerProfile::Rfc8693] {
        for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({})] {
            let refused = require_exchangeable(profile, &with("cnf", cnf));
            assert_eq!(refused, Err(Reason::SubjectTokenBound));
        }
        assert_eq!(require_exchangeable(profile, &with("a", json!(1))), Ok(()));
    }
    assert_eq!(Reason::SubjectTokenBound.status(), 403);
}

/// TEX-20
#[test]
fn entra_exchanges_tokens_of_users_only() {
    let of_app = claims_as(json!({"iss": "i", "exp": 1, "idtyp": "app", "roles": ["r"]}), Profile::Entra);
    assert_eq!(require_exchangeable(ServerProfile::EntraObo, &of_app), Err(Reason::TokenKindNotAllowed));
    assert_eq!(require_exchangeable(ServerProfile::Rfc8693, &of_app), Ok(()));
    let of_user = claims_as(json!({"iss": "i", "exp": 1, "scp": "Read"}), Profile::Entra);
    assert_eq!(require_exchangeable(ServerProfile::EntraObo, &of_user), Ok(()));
    assert!(is_delegated(&of_user, Profile::Entra) && !is_delegated(&of_app, Profile::Entra));
}

/// TEX-16
#[test]
fn may_act_names_us_or_nobody_is_asked() {
    let us = |issuer: Option<&str>| ActorIdentity { subject: "gateway".to_owned(), issuer: issuer.map(str::to_owned) };
    let own = us(None);
    assert_eq!(require_may_act(&with("a", json!(1)), &own), Ok(()), "the claim is optional");
    for may_act in [
        json!({"sub": "gateway"}),
        json!({"sub": "gateway", "iss": "https://idp.example"}),
        json!({"client_id": "gateway"}),
    ] {
        assert_eq!(require_may_act(&with("may_act", may_act.clone()), &own), Ok(()), "{may_act}");
    }
    for may_act in [
        json!({"sub": "other"}),
        json!({"sub": "Gateway"}),
        json!({"sub": "gateway", "iss": "https://evil.example"}),
        json!({"sub": "gateway", "client_id": "other"}),
        json!({"sub": "gateway", "email": "g@example.com"}),
        json!({"iss": "https://idp.example"}),
        json!({}),
        json!([{"sub": "gateway"}]),
        json!("gateway"),
        json!(null),
        json!({"sub": ["gateway"]}),
    ] {
        let refused = require_may_act(&with("may_act", may_act.clone()), &own);
        assert_eq!(refused, Err(Reason::ActorNotPermitted), "{may_act}");
    }
    // A name is one of the token's issuer, unless it says another.
    let foreign = us(Some("https://mesh.example"));
    assert!(require_may_act(&with("may_act", json!({"sub": "gateway"})), &foreign).is_err());
    let named = json!({"sub": "gateway", "iss": "https://mesh.example"});
    assert_eq!(require_may_act(&with("may_act", named), &foreign), Ok(()));
}
