//! Tokens that were verified before: what is remembered never decides more than the token itself would.

use std::time::Duration;

use fourleg_harness::{Gateway, Response, Runner as _, Running, Wasmtime, get, plugin};
use fourleg_lab::mint::{Algorithm, Token, jwks, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, keys},
    fixture::{I, good, public_keys},
};

const FILES: &str = "https://tools.example/files";
const PAYMENTS: &str = "https://tools.example/payments";
const OTHER: &str = "https://other.example";

/// Two resources: `/files` accepts both issuers, `/payments` the first alone, each with a scope of its own.
fn gateway(changes: Value) -> Gateway {
    let mut config = json!({
        "issuers": [
            {"issuer": I, "jwks": {"inline": public_keys()}},
            {"issuer": OTHER, "jwks": {"inline": public_keys()}},
        ],
        "clock_skew_seconds": 0,
        "resources": [
            {
                "resource": FILES, "match": {"path": {"prefix": "/files"}}, "require": {"scopes": ["tools:read"]},
                "rules": [{"name": "write", "match": {"path": {"prefix": "/files/write"}}, "require": {"scopes": ["tools:write"]}}],
            },
            {"resource": PAYMENTS, "match": {"path": {"prefix": "/payments"}}, "accept": [{"issuer": I}]},
        ],
    });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Gateway::chain([plugin("audience_validation", config)])
}

/// A good token for `/files`.
fn token(gateway: &dyn Running) -> Token {
    good(gateway).audience(FILES)
}

fn sign(token: Token) -> String {
    token.sign_with(key(Algorithm::Es256))
}

scenarios! {
    /// JWT-22, JWT-23
    fn a_token_ends_in_time_though_it_was_verified_before(runner) {
        for entries in [0, 4096] {
            let gateway = runner.start(gateway(json!({"cache": {"max_entries": entries}}))).unwrap();
            let now = gateway.now();
            let request = get("/files").bearer(&sign(token(&*gateway).expires_at(now + 2)));
            let early = get("/files").bearer(&sign(token(&*gateway).claim("nbf", now + 60)));
            for _ in 0..3 {
                if gateway.now() == now {
                    gateway.send(request.clone()).allowed();
                }
                gateway.send(early.clone()).denied_with(401).has_code("token_not_yet_valid");
            }
            gateway.pass(Duration::from_millis(2100));
            for _ in 0..2 {
                gateway.send(request.clone()).denied_with(401).has_code("token_expired");
            }
        }
    }

    /// COR-12: the token is remembered, the verdict is not.
    fn each_request_with_a_remembered_token_is_judged_by_its_own_rules(runner) {
        let gateway = runner.start(gateway(json!({}))).unwrap();
        let read = sign(token(&*gateway));
        for _ in 0..3 {
            gateway.send(get("/files/write").bearer(&read)).denied_with(403).challenge().param("scope", "tools:read tools:write");
            gateway.send(get("/files").bearer(&read)).allowed();
            gateway.send(get("/payments").bearer(&read)).denied_with(401).has_code("audience_mismatch").challenge().param("realm", PAYMENTS);
            gateway.send(get("/elsewhere").bearer(&read)).denied_with(403).has_code("resource_unknown");
        }
        // The first use may as well be one that is denied.
        let scopeless = sign(token(&*gateway).audience(json!([FILES, PAYMENTS])).scope(""));
        for _ in 0..3 {
            gateway.send(get("/files").bearer(&scopeless)).denied_with(403).has_code("insufficient_scope");
            gateway.send(get("/payments").bearer(&scopeless)).allowed();
        }
    }

    /// AUD-01: a resource that does not accept the issuer does not get to know what another one has verified.
    fn a_remembered_token_is_unknown_where_its_issuer_is_not_accepted(runner) {
        let gateway = runner.start(gateway(json!({}))).unwrap();
        let both = json!([FILES, PAYMENTS]);
        let foreign = sign(token(&*gateway).issuer(OTHER).audience(both.clone()));
        let own = sign(token(&*gateway).audience(both));
        for _ in 0..3 {
            gateway.send(get("/files").bearer(&foreign)).allowed();
            gateway.send(get("/payments").bearer(&foreign)).denied_with(401).has_code("unknown_issuer");
            gateway.send(get("/files").bearer(&own)).allowed();
            gateway.send(get("/payments").bearer(&own)).allowed();
        }
    }

    /// JWT-13: only the very same token is one that was seen before.
    fn a_token_that_differs_in_one_byte_is_another_token(runner) {
        let gateway = runner.start(gateway(json!({}))).unwrap();
        let token = sign(token(&*gateway));
        for _ in 0..3 {
            gateway.send(get("/files").bearer(&token)).allowed();
        }
        let mut others = Vec::new();
        let places = (0..token.len()).step_by(11).chain([token.len() - 1]);
        for place in places.filter(|place| token.as_bytes()[*place] != b'.') {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            others.push(String::from_utf8(bytes).unwrap());
        }
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        others.extend([format!("{unsigned}."), unsigned.to_owned(), token[..token.len() - 1].to_owned(), format!("{token}A"), token.to_lowercase()]);
        for outcome in gateway.send_all(others.iter().map(|other| get("/files").bearer(other)).collect()) {
            outcome.denied_with(401);
        }
        gateway.send(get("/files").bearer(&token)).allowed();
    }

    /// Without a cache and with one that is too small for all, the answers are the same.
    fn the_size_of_the_cache_changes_no_answer(runner) {
        for entries in [0, 1, 8] {
            let gateway = runner.start(gateway(json!({"cache": {"max_entries": entries}}))).unwrap();
            let good: Vec<String> = (0..24).map(|_| sign(token(&*gateway))).collect();
            let bad = sign(token(&*gateway).claim("exp", gateway.now() - 1));
            for round in 0..3 {
                let mut requests: Vec<_> = good.iter().map(|token| get("/files").bearer(token)).collect();
                requests.push(get("/files").bearer(&bad));
                if round == 1 {
                    requests.reverse();
                }
                let outcomes = gateway.send_all(requests);
                assert_eq!(outcomes.iter().filter(|outcome| outcome.response.status == 200).count(), 24, "{entries}");
                assert_eq!(outcomes.iter().filter(|outcome| outcome.response.status == 401).count(), 1, "{entries}");
            }
            // One of them again and again, as agents do.
            for _ in 0..5 {
                gateway.send(get("/files").bearer(&good[0])).allowed();
            }
        }
    }

    /// JWT-28: a failure is forgotten at once.
    fn nothing_is_remembered_of_a_token_that_failed(runner) {
        let endpoint = Endpoint::default();
        endpoint.says("/jwks", keys(&jwks([key(Algorithm::Rs256)])));
        let gateway = runner.start(fetching(&endpoint, json!({"cooldown_seconds": 1}))).unwrap();
        let request = get("/files").bearer(&sign(token(&*gateway)));
        for _ in 0..2 {
            gateway.send(request.clone()).denied_with(401).has_code("unknown_key");
        }
        endpoint.says("/jwks", keys(&public_keys()));
        gateway.pass(Duration::from_millis(1300));
        gateway.send(request).allowed();
    }
}

fn fetching(endpoint: &Endpoint, settings: Value) -> Gateway {
    let mut remote = json!({"cluster": "idp", "uri": "https://as.example.com/jwks"});
    remote.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let config = json!({
        "issuers": [{"issuer": I, "jwks": {"remote": remote}}],
        "resources": [{"resource": FILES, "require": {"scopes": ["tools:read"]}}],
    });
    Gateway::chain([plugin("audience_validation", config)]).cluster("idp", endpoint.handler())
}

/// On the emulator alone, since the least `max_stale_seconds` is ten seconds, and Envoy really waits.
mod on_wasmtime_alone {
    use super::*;

    /// JWT-28
    #[test]
    fn a_remembered_token_is_not_accepted_once_the_keys_are_too_old() {
        let endpoint = Endpoint::default();
        endpoint.says("/jwks", keys(&public_keys()));
        let remote = json!({"refresh_seconds": 10, "cooldown_seconds": 1, "max_stale_seconds": 13});
        let gateway = Wasmtime::default().start(fetching(&endpoint, remote)).unwrap();
        let request = get("/files").bearer(&sign(token(&*gateway)));
        // It is remembered from the second time on.
        for _ in 0..3 {
            gateway.send(request.clone()).allowed();
        }
        endpoint.says("/jwks", Response::text(500, "down"));
        gateway.pass(Duration::from_secs(11));
        gateway.send(request.clone()).allowed();
        gateway.pass(Duration::from_secs(3));
        for _ in 0..2 {
            gateway.send(request.clone()).denied_with(503).has_code("keys_unavailable");
        }
        endpoint.says("/jwks", keys(&public_keys()));
        gateway.pass(Duration::from_secs(2));
        gateway.send(request).allowed();
    }

    /// JWT-28: removed by a refresh in the background, without any request that would ask for it.
    #[test]
    fn a_remembered_token_ends_with_its_key_at_the_next_refresh() {
        let endpoint = Endpoint::default();
        endpoint.says("/jwks", keys(&public_keys()));
        let gateway = Wasmtime::default().start(fetching(&endpoint, json!({"refresh_seconds": 10}))).unwrap();
        let request = get("/files").bearer(&sign(token(&*gateway)));
        // It is remembered from the second time on.
        for _ in 0..3 {
            gateway.send(request.clone()).allowed();
        }
        endpoint.says("/jwks", keys(&jwks([key(Algorithm::Rs256)])));
        gateway.pass(Duration::from_secs(11));
        gateway.send(request).denied_with(401).has_code("unknown_key");
    }
}
