//! The token itself: form, header, signature, issuer, claims and times.

use audience_validation::AudienceValidation;
use fourleg_lab::mint::{Algorithm, Token, key, stranger};
use plugin_checks::decisions::{NOW, Table, get, row};
use serde_json::{Value, json};

use crate::{I, R, ask, config, config_with, good, set, sign};

pub(crate) fn tables() -> Vec<Table> {
    vec![forms_and_headers(), signatures(), claims(), times(), issuers(), audiences(), strict_audiences(), garbage()]
}

/// What the guest has to verify itself costs much, so there is an end to it within a second (ES256: 125 times).
fn garbage() -> Table {
    let forged =
        |number: u32| get("/mcp").bearer(good().claim("n", json!(number)).sign_with(stranger(Algorithm::Es256)));
    let invalid = (0..125).map(|number| row("what a stranger signed", forged(number), "401 signature_invalid"));
    let one_more = row("one more in the same second", forged(125), "503 overloaded");
    Table::new(config(), invalid.chain([one_more]).collect())
}

fn forms_and_headers() -> Table {
    let bearer = |token: String| get("/mcp").bearer(token);
    let header = |name: &str, value: Value| ask(good().header(name, value));
    Table::new(
        config(),
        vec![
            row("as it should be", ask(good()), "allow ok"),
            row("two parts", bearer("a.b".into()), "401 token_malformed"),
            row("not base64url", bearer("~.~.~".into()), "401 token_malformed"),
            row("a header that is no JSON", bearer(sign(good().header_text("{"))), "401 token_malformed"),
            row(
                "a member twice",
                bearer(sign(good().header_text(r#"{"alg":"ES256","alg":"ES256","typ":"at+jwt"}"#))),
                "401 token_malformed",
            ),
            row("five parts", bearer("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.a.b.c.d".into()), "401 token_encrypted"),
            row("no signature", bearer(good().unsigned()), "401 algorithm_not_allowed"),
            row(
                "none and a key",
                bearer(good().alg("none").kid("es256").with_signature([0; 64])),
                "401 algorithm_not_allowed",
            ),
            row("a MAC", bearer(good().mac_with(key(Algorithm::Es256).public_pem())), "401 algorithm_not_allowed"),
            row(
                "an algorithm that is not listed",
                bearer(good().sign_with(key(Algorithm::Es384))),
                "401 algorithm_not_allowed",
            ),
            row("no type", ask(good().without_header("typ")), "401 type_not_allowed"),
            row("the type of an ID token", ask(good().typ("id_token+jwt")), "401 type_not_allowed"),
            row("a proof", ask(good().typ("dpop+jwt")), "401 type_not_allowed"),
            row("a critical extension", header("crit", json!(["x"])), "401 critical_header"),
            row("an unencoded payload", header("b64", json!(false)), "401 critical_header"),
            row("a key of its own", header("jwk", stranger(Algorithm::Es256).jwk()), "401 embedded_key"),
            row("the address of a key", header("jku", json!("https://evil.example/keys")), "allow ok"),
        ],
    )
}

fn signatures() -> Table {
    let by = |token: Token, key| get("/mcp").bearer(token.sign_with(key));
    Table::new(
        config(),
        vec![
            row("another key of the set", by(good(), key(Algorithm::EdDsa)), "allow ok"),
            row("the key of a stranger", by(good(), stranger(Algorithm::Es256)), "401 signature_invalid"),
            row("a key that is not there", by(good().kid("k9"), key(Algorithm::Es256)), "401 unknown_key"),
            row("its name in capitals", by(good().kid("ES256"), key(Algorithm::Es256)), "401 unknown_key"),
            row("no name", by(good().without_header("kid"), key(Algorithm::Es256)), "allow ok"),
            row(
                "no name, and a stranger",
                by(good().without_header("kid"), stranger(Algorithm::Es256)),
                "401 signature_invalid",
            ),
            row(
                "the name of a key for another algorithm",
                by(good().kid("eddsa"), key(Algorithm::Es256)),
                "401 key_mismatch",
            ),
        ],
    )
}

fn claims() -> Table {
    let claim = |name: &str, value: Value| ask(good().claim(name, value));
    let mut rows = vec![
        row("a subject that is a number", claim("sub", json!(5)), "401 claim_invalid"),
        row("scopes as a list", claim("scope", json!(["tools:read"])), "401 claim_invalid"),
        row(
            "actors without end",
            claim("act", (0..12).fold(json!({"sub": "a"}), |act, _| json!({"sub": "a", "act": act}))),
            "401 claim_invalid",
        ),
        row(
            "a claim twice",
            get("/mcp").bearer(sign(good().payload_text(r#"{"iss":"a","iss":"b"}"#))),
            "401 token_malformed",
        ),
        row("bound to a key", claim("cnf", json!({"jkt": "x"})), "401 binding_unchecked"),
        row("bound, and not said how", claim("cnf", json!({})), "401 binding_unchecked"),
        row("no issuer", ask(good().without("iss")), "401 unknown_issuer"),
    ];
    for name in ["exp", "aud", "sub", "client_id", "iat", "jti"] {
        rows.push(row(format!("without {name}"), ask(good().without(name)), "401 claim_missing"));
    }
    Table::new(config(), rows)
}

/// The default tolerance is 30 seconds.
fn times() -> Table {
    let at = |name: &str, time: i64| ask(good().claim(name, time));
    Table::new(
        config(),
        vec![
            row("just over", at("exp", NOW - 29), "allow ok"),
            row("over", at("exp", NOW - 30), "401 token_expired"),
            row("long over", at("exp", 1), "401 token_expired"),
            row("begins soon", at("nbf", NOW + 30), "allow ok"),
            row("begins later", at("nbf", NOW + 31), "401 token_not_yet_valid"),
            row("issued now, by a clock that is fast", at("iat", NOW + 30), "allow ok"),
            row("issued in the future", at("iat", NOW + 31), "401 issued_in_future"),
        ],
    )
}

fn issuers() -> Table {
    let b = "https://b.example";
    let config = set(
        config_with(
            "/issuers",
            json!([
                {"issuer": I, "jwks": {"inline": {"keys": [key(Algorithm::Es256).jwk()]}}},
                {"issuer": b, "jwks": {"inline": {"keys": [stranger(Algorithm::Es256).jwk()]}}},
            ]),
        ),
        "/resources",
        json!([
            {"resource": R, "match": {"path": {"prefix": "/mcp"}}, "accept": [{"issuer": I, "audiences": [R, "mcp-old"]}]},
            {"resource": "https://both.example", "match": {"path": {"prefix": "/both"}}},
        ]),
    );
    let of = |issuer: &str, audience: &str, path: &str, is_of_b: bool| {
        let token = good().issuer(issuer).audience(audience);
        get(path).bearer(token.sign_with(if is_of_b { stranger(Algorithm::Es256) } else { key(Algorithm::Es256) }))
    };
    let both = "https://both.example";
    let mut rows = vec![
        row("the one", of(I, R, "/mcp", false), "allow ok"),
        row("for an audience of old", of(I, "mcp-old", "/mcp", false), "allow ok"),
        row("one that is not accepted here", of(b, R, "/mcp", true), "401 unknown_issuer"),
        row("the same where it is", of(b, both, "/both", true), "allow ok"),
        row("the first there", of(I, both, "/both", false), "allow ok"),
        row("the name of one and the key of the other", of(b, both, "/both", false), "401 signature_invalid"),
        row("the reverse", of(I, both, "/both", true), "401 signature_invalid"),
        row("what is listed replaces the resource's own name", of(I, both, "/mcp", false), "401 audience_mismatch"),
    ];
    for other in [format!("{I}/"), I.to_uppercase(), "https://as.example.com:443/t1".into(), String::new()] {
        rows.push(row(format!("{other:?}"), of(&other, R, "/mcp", false), "401 unknown_issuer"));
    }
    Table::new(config, rows)
}

fn audiences() -> Table {
    let with = |audience: Value| ask(good().audience(audience));
    let mut rows = vec![
        row("one", with(json!(R)), "allow ok"),
        row("among others", with(json!(["x", R])), "allow ok"),
        row("none", with(json!([])), "401 audience_mismatch"),
        row("a number among them", with(json!([R, 5])), "401 claim_invalid"),
        row("an object", with(json!({"0": R})), "401 claim_invalid"),
    ];
    for other in [
        format!("{R}/"),
        format!("{R}2"),
        R.to_uppercase(),
        "https://mcp.example.com".into(),
        format!("{R} x"),
        "*".into(),
    ] {
        rows.push(row(format!("{other:?}"), with(json!(other)), "401 audience_mismatch"));
    }
    Table::new(config(), rows)
}

fn strict_audiences() -> Table {
    let config = set(config_with("/strict_audience", json!(true)), "/audience_comparison", json!("caseless_host"));
    let with = |audience: Value| ask(good().audience(audience));
    Table::new(
        config,
        vec![
            row("this one alone", with(json!([R])), "allow ok"),
            row("twice", with(json!([R, R])), "allow ok"),
            row("another too", with(json!([R, "other"])), "401 audience_too_broad"),
            row("another alone", with(json!("other")), "401 audience_mismatch"),
            row("the host in capitals", with(json!("https://MCP.EXAMPLE.COM/mcp")), "allow ok"),
            row("the path in capitals", with(json!("https://mcp.example.com/MCP")), "401 audience_mismatch"),
        ],
    )
}

#[test]
fn only_a_signed_access_token_of_the_compact_form_passes() {
    forms_and_headers().check::<AudienceValidation>();
}

#[test]
fn only_the_key_that_the_token_names_verifies_it() {
    signatures().check::<AudienceValidation>();
}

#[test]
fn every_claim_of_an_access_token_is_there_and_has_its_type() {
    claims().check::<AudienceValidation>();
}

#[test]
fn times_hold_within_the_tolerance_and_no_longer() {
    times().check::<AudienceValidation>();
}

#[test]
fn an_issuer_is_trusted_where_it_is_accepted_and_with_its_own_keys() {
    issuers().check::<AudienceValidation>();
}

#[test]
fn a_token_is_accepted_only_where_its_audience_says() {
    audiences().check::<AudienceValidation>();
}

#[test]
fn a_strict_audience_names_nobody_else() {
    strict_audiences().check::<AudienceValidation>();
}

/// A token that was verified once is not believed any longer than its times say.
#[test]
fn a_token_that_was_accepted_before_ends_with_its_time() {
    let mut gate = crate::Gate::new(&config());
    let request = ask(good());
    for (seconds, told) in [(0, "allow ok"), (300, "allow ok"), (29, "allow ok"), (1, "401 token_expired")] {
        gate.pass(seconds);
        assert_eq!(gate.decide(&request).told(), told);
    }
}
