//! Keys that are fetched (JWT-28): at start, on refresh, during an outage and after it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fourleg_harness::{Gateway, Reply, Request, Response, get, plugin};
use fourleg_lab::mint::{Algorithm, jwks, key, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, good, public_keys};

/// A key endpoint that behaves as it is told, and counts.
#[derive(Clone)]
struct Endpoint {
    reply: Arc<Mutex<Reply>>,
    fetches: Arc<AtomicUsize>,
}

impl Endpoint {
    fn new(reply: impl Into<Reply>) -> Self {
        Self { reply: Arc::new(Mutex::new(reply.into())), fetches: Arc::default() }
    }

    fn says(&self, reply: impl Into<Reply>) {
        *self.reply.lock().unwrap() = reply.into();
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn keys(keys: &Value) -> Response {
    Response::json(200, keys)
}

/// audience-validation with fetched keys.
fn fetching(endpoint: &Endpoint, remote: Value) -> Gateway {
    let mut settings = json!({"cluster": "idp", "uri": "https://as.example.com/t1/jwks?v=1", "cooldown_seconds": 2, "timeout_ms": 1000});
    settings.as_object_mut().unwrap().extend(remote.as_object().unwrap().clone());
    let config = json!({
        "issuers": [{"issuer": I, "jwks": {"remote": settings}}],
        "resources": [{"resource": R, "require": {"scopes": ["tools:read"]}}],
    });
    let endpoint = endpoint.clone();
    Gateway::chain([plugin("audience_validation", config)]).cluster("idp", move |request: &Request| {
        assert_eq!((request.method.as_str(), request.path.as_slice()), ("GET", &b"/t1/jwks?v=1"[..]));
        endpoint.fetches.fetch_add(1, Ordering::SeqCst);
        endpoint.reply.lock().unwrap().clone()
    })
}

scenarios! {
    fn requests_wait_while_the_first_fetch_runs_and_then_pass(runner) {
        let endpoint = Endpoint::new(Reply::After(Duration::from_millis(500), keys(&public_keys())));
        let gateway = runner.start(fetching(&endpoint, json!({}))).unwrap();
        let token = good(&*gateway).sign();
        let forged = good(&*gateway).sign_with(stranger(Algorithm::Rs256));
        let mut requests = vec![get("/mcp").bearer(&token); 10];
        requests.push(get("/mcp").bearer(&forged));
        let outcomes = gateway.send_all(requests);
        for outcome in &outcomes[..10] {
            outcome.allowed();
        }
        outcomes[10].denied_with(401).has_code("signature_invalid");
        assert!(endpoint.fetches() <= 2, "one fetch for the worker and one for the main thread: {}", endpoint.fetches());
    }

    fn requests_wait_no_longer_than_the_timeout(runner) {
        let endpoint = Endpoint::new(Reply::Hang);
        let gateway = runner.start(fetching(&endpoint, json!({"timeout_ms": 500}))).unwrap();
        let started = gateway.now();
        let outcome = gateway.send(get("/mcp").bearer(&good(&*gateway).sign()));
        outcome.denied_with(503).has_code("keys_unavailable");
        assert!(gateway.now() - started <= 2);
    }

    /// JWT-28
    fn without_keys_every_token_is_denied_and_passes_soon_after_the_endpoint_comes_back(runner) {
        for fault in [
            Response::text(500, "down").into(), Reply::Reset, Reply::Garbage, Reply::Truncated(keys(&public_keys())),
            Response::text(200, "<html>").into(), Response::json(200, &json!({"keys": 5})).into(), Response::text(200, "x".repeat(300_000)).into(),
            Response::json(302, &public_keys()).header("location", "https://as.example.com/other").into(), Response::json(404, &public_keys()).into(),
        ] {
            let endpoint = Endpoint::new(fault);
            let gateway = runner.start(fetching(&endpoint, json!({"cooldown_seconds": 1}))).unwrap();
            let token = good(&*gateway).sign();
            let outcome = gateway.send(get("/mcp").bearer(&token));
            outcome.denied_with(503).has_code("keys_unavailable");
            assert_eq!(outcome.header("retry-after"), "1");
            assert!(outcome.body_json()["error_description"].as_str().is_some_and(|text| text.contains("keys")));
            gateway.send(get("/mcp")).denied_with(401);
            endpoint.says(keys(&public_keys()));
            // The cool-down, a tick of 250 ms, and the fetch itself.
            gateway.pass(Duration::from_millis(1800));
            gateway.send(get("/mcp").bearer(&token)).allowed();
        }
    }

    fn a_failing_endpoint_is_asked_once_in_a_cool_down_however_many_requests_come(runner) {
        let endpoint = Endpoint::new(Response::text(500, "down"));
        let gateway = runner.start(fetching(&endpoint, json!({"cooldown_seconds": 60}))).unwrap();
        let token = good(&*gateway).sign();
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 50]) {
            outcome.denied_with(503);
        }
        gateway.pass(Duration::from_secs(1));
        gateway.send(get("/mcp").bearer(&token)).denied_with(503);
        assert!(endpoint.fetches() <= 2, "{}", endpoint.fetches());
    }

    /// JWT-28
    fn an_outage_leaves_the_last_good_keys_for_as_long_as_configured(runner) {
        let endpoint = Endpoint::new(keys(&public_keys()));
        let remote = json!({"refresh_seconds": 10, "cooldown_seconds": 1, "max_stale_seconds": 13});
        let gateway = runner.start(fetching(&endpoint, remote)).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).allowed();
        endpoint.says(Response::text(500, "down"));
        gateway.pass(Duration::from_secs(11));
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).allowed();
        gateway.pass(Duration::from_secs(3));
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("keys_unavailable");
    }

    /// JWT-28
    fn a_refresh_brings_new_keys_and_ends_removed_ones(runner) {
        let endpoint = Endpoint::new(keys(&jwks([key(Algorithm::Rs256)])));
        let gateway = runner.start(fetching(&endpoint, json!({"refresh_seconds": 10}))).unwrap();
        let old = || good(&*gateway).sign_with(key(Algorithm::Rs256));
        let new = || good(&*gateway).sign_with(key(Algorithm::Es256));
        gateway.send(get("/mcp").bearer(&old())).allowed();
        gateway.send(get("/mcp").bearer(&new())).denied_with(401).has_code("unknown_key");
        endpoint.says(keys(&jwks([key(Algorithm::Es256)])));
        gateway.pass(Duration::from_secs(11));
        gateway.send(get("/mcp").bearer(&new())).allowed();
        gateway.send(get("/mcp").bearer(&old())).denied_with(401).has_code("unknown_key");
    }

    fn a_set_that_lost_all_its_keys_ends_every_token(runner) {
        let endpoint = Endpoint::new(keys(&json!({"keys": []})));
        let gateway = runner.start(fetching(&endpoint, json!({}))).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(401).has_code("unknown_key");
    }

    fn a_cluster_that_does_not_exist_is_said_in_the_log_and_denies(runner) {
        let mut gateway = fetching(&Endpoint::new(Reply::Hang), json!({}));
        gateway.clusters.clear();
        let gateway = runner.start(gateway.missing_cluster("idp")).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("keys_unavailable");
        assert!(gateway.logs().iter().any(|line| line.contains(I) && line.contains("cluster")));
    }

    fn several_workers_fetch_for_themselves_and_no_more(runner) {
        let endpoint = Endpoint::new(keys(&public_keys()));
        let gateway = runner.start(fetching(&endpoint, json!({})).workers(4)).unwrap();
        let token = good(&*gateway).sign();
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 40]) {
            outcome.allowed();
        }
        assert!(endpoint.fetches() <= 5, "{}", endpoint.fetches());
    }
}
