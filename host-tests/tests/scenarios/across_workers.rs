//! Calls that one worker makes for all, and answers that a filter judges, shown by the scripted filter
//! (`host-tests/probe`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fourleg_harness::{Gateway, Outcome, Protocol, Reply, Request, Response, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

/// Calls to the cluster `idp`, which takes its time over each.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn gateway(&self, routes: Value, status: u16) -> Gateway {
        let counted = Arc::clone(&self.0);
        Gateway::chain([plugin("driver_probe", json!({ "routes": routes }))]).workers(4).cluster(
            "idp",
            move |_: &Request| {
                counted.fetch_add(1, Ordering::SeqCst);
                Reply::After(Duration::from_millis(300), Response::json(status, &json!({})))
            },
        )
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn for_all(key: &str, timeout_ms: u64) -> Value {
    json!({"call": {"cluster": "idp", "key": key, "timeout_ms": timeout_ms, "may_fail": true, "across_workers": true}})
}

fn trace(outcome: &Outcome) -> String {
    outcome.allowed().header_text("x-probe-trace").unwrap_or_default()
}

scenarios! {
    /// TEX-17
    fn many_first_requests_on_several_workers_make_one_call(runner) {
        let calls = Calls::default();
        let gateway = runner.start(calls.gateway(json!({"/a": [for_all("k", 2000), {"allow": {}}]}), 200)).unwrap();
        let outcomes = gateway.send_all(vec![get("/a"); 200]);
        let (mut made, mut adopted) = (0, 0);
        for outcome in &outcomes {
            match trace(outcome).as_str() {
                "call:200:2 learned:1" => made += 1,
                "adopted" => adopted += 1,
                other => panic!("{other}"),
            }
        }
        assert!(made > 0 && adopted > 0, "{made} {adopted}");
        assert_eq!(calls.count(), 1);
        // What was published serves those that come later, too.
        assert_eq!(trace(&gateway.send(get("/a"))), "adopted");
        assert_eq!(calls.count(), 1);
    }

    fn calls_of_different_keys_do_not_wait_for_each_other(runner) {
        let calls = Calls::default();
        let routes: serde_json::Map<String, Value> =
            (0..8).map(|n| (format!("/{n}"), json!([for_all(&format!("k{n}"), 2000), {"allow": {}}]))).collect();
        let gateway = runner.start(calls.gateway(Value::Object(routes), 200)).unwrap();
        for outcome in gateway.send_all((0..40).map(|n| get(format!("/{}", n % 8))).collect()) {
            outcome.allowed();
        }
        assert_eq!(calls.count(), 8);
    }

    /// Nothing is published of a call that failed: the next worker makes its own.
    fn a_call_that_fails_is_nobodys_answer(runner) {
        let calls = Calls::default();
        let gateway = runner.start(calls.gateway(json!({"/a": [for_all("k", 2000), {"allow": {}}]}), 500)).unwrap();
        for outcome in gateway.send_all(vec![get("/a"); 12]) {
            assert!(trace(&outcome).starts_with("failed:status 500"), "{}", trace(&outcome));
        }
        assert!((1..=4).contains(&calls.count()), "{}", calls.count());
    }

    fn an_answer_goes_on_without_the_fields_that_are_taken_out(runner) {
        let routes = json!({"/a": [{"allow_and_watch": {"remove": ["www-authenticate", "x-absent"]}}], "/b": [{"allow": {}}]});
        let gateway = Gateway::chain([plugin("driver_probe", json!({ "routes": routes }))]).upstream(|_: &Request| {
            let challenge = "Bearer resource_metadata=\"https://evil.example\"";
            Response::text(401, "no").header("www-authenticate", challenge).header("www-authenticate", "Basic").header("x-kept", "1")
        });
        let gateway = runner.start(gateway).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let outcome = gateway.send(post("/a").body("hello").over(protocol));
            assert_eq!(outcome.upstream[0].whole_body(), b"hello");
            outcome.status(401).no_header("www-authenticate");
            assert_eq!(outcome.header("x-kept"), "1");
            let outcome = gateway.send(get("/b").over(protocol));
            assert!(outcome.status(401).header("www-authenticate").contains("evil.example"));
        }
    }

    fn an_answer_is_replaced_and_nothing_of_it_is_seen(runner) {
        let routes = json!({"/a": [{"allow_and_watch": {"replace": [401]}}], "/called": [for_all("k", 2000), {"allow_and_watch": {"replace": [401]}}]});
        let gateway = Calls::default().gateway(routes, 200).upstream(|request: &Request| {
            let status = if request.header_text("x-please").is_some() { 200 } else { 401 };
            Response::text(status, "from upstream").header("www-authenticate", "Bearer").header("x-seen", "1")
        });
        let gateway = runner.start(gateway).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for path in ["/a", "/called"] {
                for request in [get(path), post(path).body("x"), post(path).chunked(["a", "b"]).trailers([("x-end", "1")])] {
                    let outcome = gateway.send(request.clone().over(protocol));
                    assert_eq!(outcome.upstream.len(), 1);
                    outcome.status(503).has_code("callout_failed").no_header("www-authenticate").no_header("x-seen");
                    assert!(!outcome.picture().contains("from upstream"));
                    gateway.send(request.over(protocol).header("x-please", "1")).status(200);
                }
            }
        }
    }
}
