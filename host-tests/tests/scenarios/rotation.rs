//! Keys that change while the gateway runs (JWT-07, JWT-28).

use std::time::Duration;

use fourleg_harness::{Gateway, Reply, Response, get, plugin};
use fourleg_lab::mint::{Algorithm, jwks, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, keys},
    fixture::{I, R, good},
};

const JWKS: &str = "/t1/jwks";
const URL: &str = "as.example.com/t1/jwks";

fn fetching(endpoint: &Endpoint, remote: Value) -> Gateway {
    let mut settings =
        json!({"cluster": "idp", "uri": format!("https://{URL}"), "cooldown_seconds": 1, "timeout_ms": 1000});
    settings.as_object_mut().unwrap().extend(remote.as_object().unwrap().clone());
    let config = json!({
        "issuers": [{"issuer": I, "jwks": {"remote": settings}}],
        "resources": [{"resource": R, "require": {"scopes": ["tools:read"]}}],
    });
    Gateway::chain([plugin("audience_validation", config)]).cluster("idp", endpoint.handler())
}

fn k1() -> Response {
    keys(&jwks([key(Algorithm::Rs256)]))
}

fn k3() -> Response {
    keys(&jwks([key(Algorithm::Es256)]))
}

fn k1_and_k3() -> Response {
    keys(&jwks([key(Algorithm::Rs256), key(Algorithm::Es256)]))
}

/// Longer than the cool-down of one second.
const COOLDOWN: Duration = Duration::from_millis(1300);

scenarios! {
    /// JWT-07, JWT-28: the requests that bring an unknown key wait for one fetch and pass; those that come meanwhile join.
    fn a_token_of_a_new_key_passes_at_once_after_one_fetch(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1());
        let gateway = runner.start(fetching(&endpoint, json!({}))).unwrap();
        let old = good(&*gateway).sign_with(key(Algorithm::Rs256));
        gateway.send(get("/mcp").bearer(&old)).allowed();
        endpoint.says(JWKS, Reply::After(Duration::from_millis(400), k1_and_k3()));
        gateway.pass(COOLDOWN);
        let before = endpoint.count(URL);
        let mut requests: Vec<_> =
            (0..20).map(|_| get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Es256)))).collect();
        requests.push(get("/mcp").bearer(&old));
        requests.push(get("/mcp").bearer(&good(&*gateway).kid("k9").sign_with(key(Algorithm::Es256))));
        requests.push(get("/mcp").bearer(&good(&*gateway).sign_with(stranger(Algorithm::Es256))));
        let outcomes = gateway.send_all(requests);
        for outcome in &outcomes[..21] {
            outcome.allowed();
        }
        outcomes[21].denied_with(401).has_code("unknown_key");
        outcomes[22].denied_with(401).has_code("signature_invalid");
        assert_eq!(endpoint.count(URL) - before, 1, "one fetch for all of them");
    }

    /// JWT-07: invented key names cannot make the gateway a hammer.
    fn a_thousand_invented_key_names_fetch_three_times_and_then_once_in_a_cool_down_and_worker(runner) {
        const WORKERS: usize = 2;
        for (cooldown, requests) in [(3600, 1000), (1, 1000)] {
            let endpoint = Endpoint::default();
            endpoint.says(JWKS, k1());
            let remote = json!({"cooldown_seconds": cooldown, "refresh_seconds": 3600});
            let gateway = runner.start(fetching(&endpoint, remote).workers(WORKERS)).unwrap();
            let token = good(&*gateway).sign();
            gateway.send(get("/mcp").bearer(&token)).allowed();
            let started = gateway.now();
            // Signed by nobody: the signature is looked at only under a known key.
            let invented = |number: usize| {
                let token = good(&*gateway).alg("RS256").kid(&format!("invented-{number}"));
                get("/mcp").bearer(&token.with_signature([1; 256]))
            };
            for batch in 0..requests / 50 {
                let batch = (0..50).map(|number| invented(batch * 50 + number)).collect();
                for outcome in gateway.send_all(batch) {
                    outcome.denied_with(401).has_code("unknown_key");
                }
                gateway.pass(Duration::from_millis(20));
            }
            let cooldowns = usize::try_from((gateway.now() - started) / cooldown).unwrap() + 1;
            // Three at once, and then one in each cool-down; with a long one, no more.
            let most = WORKERS + 1 + WORKERS * if cooldown == 3600 { 3 } else { 3 + cooldowns };
            assert!(endpoint.count(URL) <= most, "{} fetches instead of {most} at most", endpoint.count(URL));
            gateway.send(get("/mcp").bearer(&token)).allowed();
        }
    }

    /// JWT-07: somebody who invents names must not make those who have a new key wait.
    fn a_new_key_works_at_once_although_an_invented_one_was_just_looked_for(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1());
        let gateway = runner.start(fetching(&endpoint, json!({"cooldown_seconds": 3600, "refresh_seconds": 3600}))).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)))).allowed();
        let invented = good(&*gateway).alg("RS256").kid("invented").with_signature([1; 256]);
        gateway.send(get("/mcp").bearer(&invented)).denied_with(401).has_code("unknown_key");
        endpoint.says(JWKS, k1_and_k3());
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Es256)))).allowed();
    }

    /// JWT-28: an outage ends nothing that was good, and opens nothing.
    fn in_an_outage_an_unknown_key_is_refused_and_known_ones_go_on(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1());
        let gateway = runner.start(fetching(&endpoint, json!({"timeout_ms": 300}))).unwrap();
        let old = || get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)));
        let new = || get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Es256)));
        gateway.send(old()).allowed();
        for outage in [Response::text(503, "down").into(), Reply::Reset, Reply::Hang, Response::text(200, "<html>").into()] {
            endpoint.says(JWKS, outage);
            gateway.pass(COOLDOWN);
            let before = endpoint.count(URL);
            let outcomes = gateway.send_all(vec![new(), old(), new(), old()]);
            outcomes[0].denied_with(401).has_code("unknown_key");
            outcomes[1].allowed();
            outcomes[2].denied_with(401).has_code("unknown_key");
            outcomes[3].allowed();
            gateway.send(new()).denied_with(401).has_code("unknown_key");
            // None if a retry of the last outage came just before.
            assert!(endpoint.count(URL) - before <= 1, "{}", endpoint.count(URL) - before);
        }
        endpoint.says(JWKS, k1_and_k3());
        gateway.pass(COOLDOWN);
        gateway.send(new()).allowed();
        gateway.send(old()).allowed();
    }

    /// JWT-28
    fn a_removed_key_ends_its_tokens_also_those_that_were_verified_before(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1_and_k3());
        let gateway = runner.start(fetching(&endpoint, json!({}))).unwrap();
        let removed = get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)));
        let kept = get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Es256)));
        for _ in 0..2 {
            gateway.send(removed.clone()).allowed();
            gateway.send(kept.clone()).allowed();
        }
        endpoint.says(JWKS, k3());
        gateway.pass(COOLDOWN);
        // Whatever makes the gateway look again ends it: here the token of a key that nobody has.
        gateway.send(get("/mcp").bearer(&good(&*gateway).kid("k9").sign())).denied_with(401).has_code("unknown_key");
        gateway.send(removed.clone()).denied_with(401).has_code("unknown_key");
        gateway.send(kept).allowed();
        // The name alone does not bring it back.
        endpoint.says(JWKS, keys(&jwks([&stranger(Algorithm::Rs256).with_kid("rs256")])));
        gateway.pass(COOLDOWN);
        gateway.send(removed).denied_with(401).has_code("signature_invalid");
    }

    /// JWT-28: the same name for another key.
    fn a_key_that_is_replaced_under_its_name_ends_the_tokens_of_the_old_one(runner) {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1());
        let gateway = runner.start(fetching(&endpoint, json!({}))).unwrap();
        let old = get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)));
        let new = get("/mcp").bearer(&good(&*gateway).sign_with(stranger(Algorithm::Rs256)));
        gateway.send(old.clone()).allowed();
        gateway.send(new.clone()).denied_with(401).has_code("signature_invalid");
        endpoint.says(JWKS, keys(&jwks([stranger(Algorithm::Rs256)])));
        gateway.pass(COOLDOWN);
        gateway.send(get("/mcp").bearer(&good(&*gateway).kid("k9").sign())).denied_with(401);
        gateway.send(old).denied_with(401).has_code("signature_invalid");
        gateway.send(new).allowed();
    }
}

/// On the emulator alone, since the least `refresh_seconds` is ten seconds, and Envoy really waits.
mod on_wasmtime_alone {
    use fourleg_harness::{Runner as _, Wasmtime};

    use super::*;

    /// JWT-07: the cool-down bars a fetch of its own, but not the one that is under way.
    #[test]
    fn a_token_of_a_new_key_joins_the_refresh_that_is_under_way() {
        let endpoint = Endpoint::default();
        endpoint.says(JWKS, k1());
        let remote = json!({"refresh_seconds": 10, "cooldown_seconds": 3600});
        let gateway = Wasmtime::default().start(fetching(&endpoint, remote)).unwrap();
        let new = || get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Es256)));
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign_with(key(Algorithm::Rs256)))).allowed();
        gateway.send(new()).denied_with(401).has_code("unknown_key");
        let before = endpoint.count(URL);
        endpoint.says(JWKS, Reply::After(Duration::from_millis(900), k1_and_k3()));
        gateway.pass(Duration::from_millis(10_600));
        let started = endpoint.count(URL) - before;
        assert!((1..=2).contains(&started), "the worker's refresh and the main thread's: {started}");
        for outcome in gateway.send_all(vec![new(), new(), new()]) {
            outcome.allowed();
        }
        assert_eq!(endpoint.count(URL) - before, started, "no fetch but the refresh");
    }
}

/// What Envoy's own filter does with a rotated key: a reason to choose ours.
mod beside_jwt_authn {
    mod on_envoy {
        use std::{net::SocketAddr, time::Duration};

        use fourleg_harness::get;
        use fourleg_lab::{
            envoy::{Bootstrap, Cluster, RunningEnvoy, WasmFilter, target_dir},
            identity_provider::IdentityProvider,
            raw_client,
            wire::WireRequest,
        };
        use fourleg_tests::warm;
        use serde_json::json;

        use crate::fixture::R;

        const ISSUER: &str = "https://idp.example/realms/agents";

        fn gateway(idp: SocketAddr, with: impl FnOnce(Bootstrap) -> Bootstrap) -> RunningEnvoy {
            let bootstrap = with(Bootstrap::answering(200).cluster(Cluster::new("idp", idp)));
            warm::serve(&bootstrap)
        }

        fn status(gateway: &RunningEnvoy, token: &str) -> u16 {
            let request = get("/mcp");
            let wire = WireRequest {
                method: request.method,
                path: request.path,
                authority: request.authority,
                headers: vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())],
                ..WireRequest::default()
            };
            raw_client::send(gateway.address(), &wire, Duration::from_secs(10)).unwrap().status
        }

        /// JWT-07, JWT-28
        #[test]
        fn a_rotated_key_is_refused_by_jwt_authn_until_its_cache_ends_and_accepted_by_ours_at_once() {
            let idp = IdentityProvider::builder().issuer(ISSUER).start().unwrap();
            let native = gateway(idp.address(), |bootstrap| {
                bootstrap.native_filter(
                    "envoy.filters.http.jwt_authn",
                    "jwt_authn.v3.JwtAuthentication",
                    json!({
                        "providers": {"idp": {
                            "issuer": ISSUER, "audiences": [R], "forward": true,
                            "remote_jwks": {
                                "http_uri": {"uri": idp.jwks_uri(), "cluster": "idp", "timeout": "1s"},
                                "cache_duration": "600s",
                            },
                        }},
                        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
                    }),
                )
            });
            let ours = gateway(idp.address(), |bootstrap| {
                let remote =
                    json!({"cluster": "idp", "uri": idp.jwks_uri(), "cooldown_seconds": 1, "refresh_seconds": 600});
                let config = json!({
                    "issuers": [{"issuer": ISSUER, "jwks": {"remote": remote}}],
                    "resources": [{"resource": R}],
                });
                let module = target_dir().join("wasm/audience_validation.wasm");
                bootstrap.filter(WasmFilter::new("audience_validation", module, config.to_string()))
            });
            let token = || idp.mint(R).access_token().sign_with(&idp.signing_key());
            let old = token();
            assert_eq!((status(&native, &old), status(&ours, &old)), (200, 200));
            idp.rotate();
            std::thread::sleep(Duration::from_millis(1300));
            let new = token();
            assert_eq!(status(&ours, &new), 200, "ours looks again for a key that it does not know");
            for _ in 0..3 {
                assert_eq!(status(&native, &new), 401, "jwt_authn keeps its keys until cache_duration has gone by");
            }
            assert_eq!((status(&native, &old), status(&ours, &old)), (200, 200));
        }
    }
}
