//! Which tokens of a trusted issuer, properly signed, are access tokens that hold now.

use std::time::Duration;

use crate::issuing::*;
use oauth_core::audience::require_audience;
use oauth_core::scope::{ScopeToken, require_scopes};
use oauth_core::{Issuer, Profile, Reason, UnixTime, Unverified};
use serde_json::{Value, json};

fn with_header(changes: Value) -> String {
    sign(Key::P256, &header_with(changes), &claims())
}

fn rfc9068_reason(changes: Value) -> Reason {
    reason(verify_rfc9068(&token_of(&claims_with(changes))))
}

/// SMG-07
#[test]
fn repeated_names_in_header_or_claims_are_refused_though_properly_signed() {
    let plain_header = header().to_string();
    let plain_claims = claims().to_string();
    let repeat = |text: &str, member: &str| format!("{},{member}}}", text.trim_end_matches('}'));
    for member in [r#""aud":"x""#, r#""exp":9999999999"#, r#""sub":"admin""#, r#""\u0073ub":"admin""#] {
        let token = sign_raw(Key::P256, "ES256", plain_header.as_bytes(), repeat(&plain_claims, member).as_bytes());
        assert_eq!(reason(verify_rfc9068(&token)), Reason::TokenMalformed, "{member}");
    }
    for member in [r#""alg":"none""#, r#""kid":"k1""#, r#""typ":"at+jwt""#] {
        let token = sign_raw(Key::P256, "ES256", repeat(&plain_header, member).as_bytes(), plain_claims.as_bytes());
        assert_eq!(reason(verify_rfc9068(&token)), Reason::TokenMalformed, "{member}");
    }
}

/// JWT-10
#[test]
fn critical_headers_are_refused() {
    for changes in [
        json!({"crit": []}),
        json!({"crit": ["alg"]}),
        json!({"crit": ["x"]}),
        json!({"crit": ["x"], "x": 1}),
        json!({"crit": "x"}),
        json!({"crit": null}),
    ] {
        assert_eq!(reason(verify_rfc9068(&with_header(changes.clone()))), Reason::CriticalHeader, "{changes}");
    }
}

/// JWT-11
#[test]
fn an_unencoded_payload_is_refused() {
    let header = header_with(json!({"crit": ["b64"], "b64": false}));
    let input = format!("{}.{}", encode(header.to_string()), claims());
    let raw = format!("{input}.{}", encode(Key::P256.sign("ES256", input.as_bytes())));
    assert_eq!(reason(verify_rfc9068(&raw)), Reason::TokenMalformed);
    assert_eq!(reason(verify_rfc9068(&sign(Key::P256, &header, &claims()))), Reason::CriticalHeader);
    assert_eq!(reason(verify_rfc9068(&with_header(json!({"b64": false})))), Reason::CriticalHeader);
}

/// JWT-12
#[test]
fn only_the_compact_form_is_a_token() {
    let token = token_of(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let flattened = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    let detached = format!("{}..{}", parts[0], parts[2]);
    for text in [
        flattened,
        detached,
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
        format!("{}.{}", parts[0], parts[1]),
        token.replace('.', ". "),
        token.replace('.', ".."),
    ] {
        let refused = Unverified::parse(&text).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Reason::TokenMalformed | Reason::TokenEncrypted), "{text}: {refused:?}");
    }
}

/// JWT-14
#[test]
fn an_encrypted_token_is_refused_and_so_is_what_looks_like_a_part_of_one() {
    let header = encode(json!({"alg": "dir", "enc": "A256GCM"}).to_string());
    assert_eq!(Unverified::parse(&format!("{header}..AAAA.AAAA.AAAA")).unwrap_err(), Reason::TokenEncrypted);
    assert_eq!(reason(verify_rfc9068(&with_header(json!({"enc": "A256GCM"})))), Reason::TokenEncrypted);
    // A JWS around another token instead of claims.
    let inner = token_of(&claims());
    let nested =
        sign_raw(Key::P256, "ES256", header_with(json!({"cty": "JWT"})).to_string().as_bytes(), inner.as_bytes());
    assert_eq!(Unverified::parse(&nested).unwrap_err(), Reason::TokenMalformed);
}

/// JWT-19
#[test]
fn every_spelling_of_the_access_token_type_is_accepted_and_no_other_type() {
    for name in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(verify_rfc9068(&with_header(json!({ "typ": name }))).is_ok(), "{name}");
    }
    for name in ["text/at+jwt", "JWT", "jwt", "at+jwt;x", ""] {
        assert_eq!(reason(verify_rfc9068(&with_header(json!({ "typ": name })))), Reason::TypeNotAllowed, "{name}");
    }
}

/// JWT-20
#[test]
fn a_missing_type_is_refused_by_rfc9068_and_accepted_by_the_generic_profile() {
    let token = with_header(json!({"typ": "__absent__"}));
    assert_eq!(reason(verify_rfc9068(&token)), Reason::TypeNotAllowed);
    assert!(verify_generic(&token).is_ok());
}

/// JWT-20
#[test]
fn a_token_that_names_another_kind_is_refused_under_every_profile() {
    let kinds = [
        "dpop+jwt",
        "secevent+jwt",
        "logout+jwt",
        "oauth-id-jag+jwt",
        "client-authentication+jwt",
        "token-introspection+jwt",
    ];
    for name in kinds {
        for name in [name.to_owned(), name.to_uppercase(), format!("application/{name}")] {
            let token = with_header(json!({ "typ": name }));
            for profile in
                [Profile::Rfc9068, Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Entra, Profile::Generic]
            {
                let issuer = Issuer::new(ISSUER, profile);
                assert_eq!(
                    reason(verify(&token, &issuer, &issuer_keys())),
                    Reason::TypeNotAllowed,
                    "{profile:?} {name}"
                );
            }
        }
    }
}

/// JWT-20
#[test]
fn claims_of_another_kind_give_it_away_where_typ_does_not() {
    let issuer_itself = json!({ "sub": ISSUER });
    for changes in [
        json!({"nonce": "n", "at_hash": "h"}),
        json!({"nonce": "n"}),
        json!({"at_hash": "h"}),
        json!({"c_hash": "h"}),
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        json!({"token_introspection": {"active": true}}),
        json!({"htm": "GET", "htu": "https://h"}),
        issuer_itself,
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"token_use": "id"}),
        json!({"typ": 1}),
    ] {
        for typ in ["JWT", "__absent__"] {
            let token = sign(Key::P256, &header_with(json!({ "typ": typ })), &claims_with(changes.clone()));
            assert_eq!(reason(verify_generic(&token)), Reason::NotAnAccessToken, "{typ} {changes}");
        }
    }
    for changes in [json!({"events": {}}), json!({"token_introspection": {}})] {
        assert_eq!(rfc9068_reason(changes), Reason::NotAnAccessToken);
    }
    assert!(verify_rfc9068(&token_of(&claims_with(json!({"nonce": "n"})))).is_ok());
}

/// JWT-20, dialects of 0.2
#[test]
fn each_dialect_knows_its_own_access_tokens() {
    let verdict = |profile: Profile, typ: &str, changes: Value| {
        let token = sign(Key::P256, &header_with(json!({ "typ": typ })), &claims_with(changes));
        verify(&token, &Issuer::new(ISSUER, profile), &issuer_keys()).map(|_| ())
    };
    let other = Err(Reason::NotAnAccessToken);
    assert_eq!(verdict(Profile::Keycloak, "JWT", json!({"typ": "Bearer", "nonce": "n", "azp": "agent-1"})), Ok(()));
    assert_eq!(verdict(Profile::Keycloak, "JWT", json!({"typ": "ID"})), other);
    assert_eq!(verdict(Profile::Keycloak, "JWT", json!({})), other);
    assert_eq!(verdict(Profile::Okta, "__absent__", json!({"cid": "c", "scp": ["a"], "scope": "__absent__"})), Ok(()));
    assert_eq!(verdict(Profile::Okta, "__absent__", json!({})), other);
    assert_eq!(verdict(Profile::Okta, "application/okta-internal-at+jwt", json!({"cid": "c"})), Ok(()));
    assert_eq!(verdict(Profile::Entra, "JWT", json!({"scp": "a", "scope": "__absent__"})), Ok(()));
    assert_eq!(verdict(Profile::Entra, "JWT", json!({"roles": ["r"], "azpacr": "1", "scope": "__absent__"})), Ok(()));
    assert_eq!(verdict(Profile::Entra, "JWT", json!({"roles": ["r"], "scope": "__absent__"})), other);
    assert_eq!(verdict(Profile::Auth0, "JWT", json!({"azp": "agent-1"})), Ok(()));
    assert_eq!(verdict(Profile::Auth0, "JWT", json!({"nonce": "n"})), other);
}

/// JWT-21
#[test]
fn dates_may_be_fractional_and_everything_else_is_refused() {
    let raw = |exp: &str| {
        let text = claims().to_string().replace("1700000300", exp);
        sign_raw(Key::P256, "ES256", header().to_string().as_bytes(), text.as_bytes())
    };
    for exp in ["1.7000003e9", "1700000300.5", "1700000300.0"] {
        assert!(verify_rfc9068(&raw(exp)).is_ok(), "{exp}");
    }
    for exp in [
        "\"1700000300\"",
        "9.3e18",
        "-1",
        "-1e300",
        "1e308",
        "null",
        "true",
        "{}",
        "[]",
        "18446744073709551615",
        "99999999999999999999999999999999",
        "253402300800",
    ] {
        assert_eq!(reason(verify_rfc9068(&raw(exp))), Reason::ClaimInvalid, "{exp}");
    }
    for exp in ["1e400", "-1e400", "NaN", "Infinity", "0x1", "01"] {
        assert_eq!(reason(verify_rfc9068(&raw(exp))), Reason::TokenMalformed, "{exp}");
    }
    for claim in ["nbf", "iat"] {
        for value in [json!("1"), json!(-1), json!(null), json!(true), json!(9.3e18), json!([])] {
            assert_eq!(rfc9068_reason(json!({ claim: value })), Reason::ClaimInvalid, "{claim} {value}");
        }
    }
}

/// JWT-22
#[test]
fn a_token_expires_when_the_skew_is_used_up() {
    let at =
        |exp: i64| verify_rfc9068(&token_of(&claims_with(json!({ "exp": exp, "iat": 1_699_999_000 })))).map(|_| ());
    let (now, skew) = (NOW.as_secs(), 30);
    assert_eq!(at(now + 1), Ok(()));
    assert_eq!(at(now - skew + 1), Ok(()));
    assert_eq!(at(now - skew), Err(Reason::TokenExpired));
    assert_eq!(at(now - skew - 1), Err(Reason::TokenExpired));
    assert_eq!(at(0), Err(Reason::TokenExpired));
    assert_eq!(rfc9068_reason(json!({"exp": "__absent__"})), Reason::ClaimMissing);
    let generic = sign(Key::P256, &header(), &claims_with(json!({"exp": "__absent__"})));
    assert_eq!(reason(verify_generic(&generic)), Reason::ClaimMissing);
}

/// JWT-23
#[test]
fn a_token_is_refused_before_its_time() {
    assert_eq!(rfc9068_reason(json!({"nbf": NOW.as_secs() + 31})), Reason::TokenNotYetValid);
    for nbf in [NOW.as_secs() + 30, NOW.as_secs(), 0] {
        assert!(verify_rfc9068(&token_of(&claims_with(json!({ "nbf": nbf })))).is_ok(), "{nbf}");
    }
}

/// JWT-24
#[test]
fn a_token_from_the_future_is_refused() {
    for iat in [NOW.as_secs() + 31, NOW.as_secs() + 3600] {
        assert_eq!(rfc9068_reason(json!({"iat": iat, "exp": iat + 300})), Reason::IssuedInFuture, "{iat}");
    }
    assert!(verify_rfc9068(&token_of(&claims_with(json!({"iat": NOW.as_secs() + 30})))).is_ok());
}

#[test]
fn extreme_clocks_and_skews_neither_panic_nor_accept() {
    let token = || Unverified::parse(&token_of(&claims())).unwrap();
    let verdict = |now, skew| token().verify(&rfc9068(), &issuer_keys(), now, skew).map(|_| ());
    assert_eq!(verdict(UnixTime::from_millis(i64::MAX), Duration::ZERO), Err(Reason::TokenExpired));
    assert_eq!(verdict(UnixTime::from_millis(i64::MIN), Duration::ZERO), Err(Reason::IssuedInFuture));
    assert_eq!(verdict(UnixTime::from_millis(i64::MAX), Duration::MAX), Err(Reason::TokenExpired));
}

/// JWT-25
#[test]
fn the_issuer_must_be_the_configured_one_byte_for_byte() {
    for issuer in [
        "https://as.example.com/t1/",
        "https://AS.example.com/t1",
        "https://as.example.com:443/t1",
        "https://as.example.com/T1",
        "https://as.example.com",
        "https://as.example.com/t12",
        "http://as.example.com/t1",
        "",
        " https://as.example.com/t1",
    ] {
        assert_eq!(rfc9068_reason(json!({ "iss": issuer })), Reason::UnknownIssuer, "{issuer}");
    }
    for issuer in [json!(null), json!([ISSUER]), json!({}), json!(1)] {
        assert_eq!(rfc9068_reason(json!({ "iss": issuer })), Reason::UnknownIssuer);
    }
}

/// JWT-27, AUD-02
#[test]
fn claims_of_the_wrong_type_are_refused() {
    let mut deep = json!({"sub": "end"});
    for _ in 0..12 {
        deep = json!({"sub": "a", "act": deep});
    }
    for changes in [
        json!({"sub": 5}),
        json!({"sub": null}),
        json!({"sub": ["alice"]}),
        json!({"sub": ""}),
        json!({"aud": {}}),
        json!({"aud": {"0": RESOURCE}}),
        json!({"aud": [RESOURCE, 5]}),
        json!({"aud": [[RESOURCE]]}),
        json!({"aud": null}),
        json!({"aud": 1}),
        json!({"cnf": "x"}),
        json!({"cnf": null}),
        json!({"cnf": []}),
        json!({"scope": ["a"]}),
        json!({"scope": null}),
        json!({"scope": 1}),
        json!({"scope": "a\tb"}),
        json!({"client_id": 1}),
        json!({"client_id": ""}),
        json!({"jti": 1}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"act": "agent"}),
        json!({"act": null}),
        json!({"act": []}),
        json!({"act": {"act": 1}}),
        json!({"act": {"sub": 1}}),
        json!({"nonce": 1}),
        json!({ "act": deep }),
    ] {
        assert_eq!(rfc9068_reason(changes.clone()), Reason::ClaimInvalid, "{changes}");
    }
}

/// JWT-27: servers that write whole objects of theirs, null for what they leave out.
#[test]
fn null_is_no_claim_in_the_generic_dialect() {
    let verify = |changes: Value| verify_generic(&sign(Key::P256, &header(), &claims_with(changes)));
    for name in ["sub", "scope", "jti", "act", "nonce", "client_id", "events"] {
        let token = verify(json!({ name: null })).unwrap();
        assert!(!token.claims().members().contains_key(name), "{name}");
    }
    assert!(verify(json!({"act": {"sub": "a", "act": null}})).is_ok());
    assert_eq!(reason(verify(json!({"exp": null}))), Reason::ClaimMissing);
    // What restricts must say how.
    assert_eq!(reason(verify(json!({"cnf": null}))), Reason::ClaimInvalid);
    assert_eq!(reason(verify(json!({"act": {"sub": "a", "act": {"sub": "b", "act": 1}}}))), Reason::ClaimInvalid);
}

/// JWT-27
#[test]
fn an_actor_chain_of_any_depth_is_handled_without_using_the_stack() {
    for depth in [200, 1000] {
        let nested = format!("{}1{}", r#"{"act":"#.repeat(depth), "}".repeat(depth));
        let text = claims().to_string().replacen('{', &format!("{{\"act\":{nested},"), 1);
        let token = sign_raw(Key::P256, "ES256", header().to_string().as_bytes(), text.as_bytes());
        assert_eq!(reason(verify_rfc9068(&token)), Reason::TokenMalformed, "{depth}");
    }
}

#[test]
fn actors_are_listed_from_the_current_one_back() {
    let act = json!({"sub": "agent-2", "act": {"sub": "agent-1", "act": {"sub": "agent-0"}}});
    let token = verify_rfc9068(&token_of(&claims_with(json!({ "act": act })))).unwrap();
    let names: Vec<&str> = token.claims().actors().map(|actor| actor["sub"].as_str().unwrap()).collect();
    assert_eq!(names, ["agent-2", "agent-1", "agent-0"]);
    assert_eq!(verify_rfc9068(&token_of(&claims())).unwrap().claims().actors().count(), 0);
}

/// AUD-07
#[test]
fn each_required_claim_of_rfc9068_is_missed_when_it_is_dropped() {
    for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert_eq!(rfc9068_reason(json!({ claim: "__absent__" })), Reason::ClaimMissing, "{claim}");
    }
    for claim in ["aud", "sub", "client_id", "iat", "jti", "scope"] {
        let token = token_of(&claims_with(json!({ claim: "__absent__" })));
        assert!(verify_generic(&token).is_ok(), "{claim}");
    }
}

/// AUD-13
#[test]
fn scope_and_scp_that_contradict_each_other_are_refused() {
    assert_eq!(rfc9068_reason(json!({"scope": "a", "scp": ["b"]})), Reason::ClaimInvalid);
}

/// AUD-01, AUD-02, AUD-03, AUD-14
#[test]
fn the_audience_of_a_verified_token_decides_where_it_is_accepted() {
    let accepted = [RESOURCE.to_owned()];
    let verdict = |audience: Value, strict| {
        let token = verify_generic(&token_of(&claims_with(json!({ "aud": audience })))).unwrap();
        require_audience(&token, &accepted, strict)
    };
    for audience in [json!(RESOURCE), json!([RESOURCE]), json!(["x", RESOURCE])] {
        assert_eq!(verdict(audience, false), Ok(()));
    }
    for audience in
        [json!("https://api.example.com"), json!(""), json!([]), json!("__absent__"), json!(format!("{RESOURCE}/"))]
    {
        assert_eq!(verdict(audience.clone(), false), Err(Reason::AudienceMismatch), "{audience}");
    }
    assert_eq!(verdict(json!([RESOURCE, "other"]), true), Err(Reason::AudienceTooBroad));
}

/// COR-12, COR-14
#[test]
fn the_scopes_of_a_verified_token_decide_what_it_may_do() {
    let token = verify_rfc9068(&token_of(&claims_with(json!({"scope": "tools:read thread:read-all"})))).unwrap();
    let needed = |list: &[&str]| list.iter().map(|text| ScopeToken::parse(text).unwrap()).collect::<Vec<_>>();
    assert_eq!(require_scopes(&token, &needed(&["tools:read"])), Ok(()));
    let missing = require_scopes(&token, &needed(&["read", "tools:read", "TOOLS:READ"])).unwrap_err();
    assert_eq!(missing.scopes(), needed(&["read", "TOOLS:READ"]));
    assert_eq!(Reason::from(missing), Reason::InsufficientScope);
}

/// Section 4 of the design: bound tokens are bound.
#[test]
fn a_token_bound_to_a_key_is_refused_until_its_proof_is_checked() {
    for confirmation in
        [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({"x5t#S256": "A"}), json!({})]
    {
        assert_eq!(rfc9068_reason(json!({ "cnf": confirmation })), Reason::BindingUnchecked);
    }
}

/// COR-17
#[test]
fn an_unproven_token_learns_nothing_about_time_kind_or_binding() {
    for changes in [
        json!({"exp": 1}),
        json!({"nbf": 9_000_000_000_i64}),
        json!({"iat": 9_000_000_000_i64}),
        json!({"events": {}}),
        json!({"cnf": {"jkt": "x"}}),
    ] {
        let forged = sign(Key::OtherP256, &header(), &claims_with(changes.clone()));
        assert_eq!(reason(verify_rfc9068(&forged)), Reason::SignatureInvalid, "{changes}");
    }
}

#[test]
fn issuer_and_key_of_an_unverified_token_can_be_looked_up() {
    let token = Unverified::parse(&token_of(&claims())).unwrap();
    assert_eq!((token.issuer(), token.key_id()), (Some(ISSUER), Some("k2")));
    let odd = Unverified::parse(&token_of(&claims_with(json!({"iss": 1})))).unwrap();
    assert_eq!(odd.issuer(), None);
    assert!(!format!("{token:?}").contains(&token_of(&claims())[..20]));
}
