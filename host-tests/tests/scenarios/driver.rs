//! The driver's rules, shown by a filter whose policy is a script (`host-tests/probe`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fourleg_harness::{Gateway, Outcome, Protocol, Reply, Request, Response, get, plugin, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

/// A gateway with the probe and the clusters `idp` (answers 200 `{}`) and `slow` (the same after 300 ms).
fn probe(routes: Value) -> Gateway {
    Gateway::chain([plugin("driver_probe", json!({ "routes": routes }))])
        .cluster("idp", |_: &Request| Response::json(200, &json!({})))
        .missing_cluster("no_such_cluster")
        .cluster("slow", |_: &Request| Reply::After(Duration::from_millis(300), Response::json(200, &json!({}))))
}

fn call(cluster: &str) -> Value {
    json!({"call": {"cluster": cluster, "timeout_ms": 1000}})
}

fn shared(cluster: &str, key: &str) -> Value {
    json!({"call": {"cluster": cluster, "key": key, "timeout_ms": 1000}})
}

fn read(limit: usize) -> Value {
    json!({"read_body": {"limit": limit, "deny_if_it_holds": "evil"}})
}

fn allow() -> Value {
    json!({"allow": {}})
}

fn trace(outcome: &Outcome) -> String {
    outcome.allowed().header_text("x-probe-trace").unwrap_or_default()
}

/// The ways in which a request with a body may arrive.
fn every_way(path: &str, body: &str) -> Vec<Request> {
    let halves = || {
        let (a, b) = body.split_at(body.len() / 2);
        [a.to_owned(), b.to_owned()]
    };
    [Protocol::Http1, Protocol::Http2]
        .into_iter()
        .flat_map(|protocol| {
            [
                post(path).body(body).over(protocol),
                post(path).chunked(halves()).over(protocol),
                post(path).body(body).trailers([("x-end", "1")]).over(protocol),
                post(path).chunked(halves()).trailers([("x-end", "1")]).over(protocol),
            ]
        })
        .collect()
}

scenarios! {
    fn an_allowed_request_goes_on_with_its_edits_and_its_whole_body(runner) {
        let routes = json!({"/a": [{"allow": {"set": {"x-set": "new"}, "remove": ["x-gone"]}}]});
        let gateway = runner.start(probe(routes)).unwrap();
        for request in every_way("/a", "hello world") {
            let outcome = gateway.send(request.header("x-set", "old").header("x-gone", "1"));
            let upstream = outcome.allowed();
            assert_eq!(upstream.header_text("x-set").as_deref(), Some("new"));
            assert_eq!(upstream.headers.iter().filter(|(name, _)| name == b"x-set").count(), 1);
            assert_eq!(upstream.header_text("x-gone"), None);
            assert_eq!(upstream.whole_body(), b"hello world");
        }
    }

    fn a_denied_request_ends_there_whatever_follows_its_headers(runner) {
        let gateway = runner.start(probe(json!({"/a": ["deny"]}))).unwrap();
        for request in every_way("/a", "hello world") {
            gateway.send(request).denied_with(403);
        }
        gateway.send(get("/a")).denied_with(403);
    }

    fn body_and_trailers_wait_while_a_call_is_pending(runner) {
        let gateway = runner.start(probe(json!({
            "/allowed": [call("slow"), allow()],
            "/denied": [call("slow"), "deny"],
        }))).unwrap();
        for request in every_way("/denied", "hello world") {
            gateway.send(request).denied_with(403);
        }
        for request in every_way("/allowed", "hello world") {
            let outcome = gateway.send(request);
            assert_eq!(trace(&outcome), "call:200:2");
            assert_eq!(outcome.allowed().whole_body(), b"hello world");
        }
    }

    /// HTTP/2, and HTTP/1 with trailers, give no end-of-stream body callback.
    fn trailers_end_a_body_as_its_last_byte_does(runner) {
        let gateway = runner.start(probe(json!({"/a": [read(100), allow()]}))).unwrap();
        for request in every_way("/a", "all is well") {
            let outcome = gateway.send(request);
            assert_eq!(trace(&outcome), "body:11");
            assert_eq!(outcome.allowed().whole_body(), b"all is well");
        }
        for request in every_way("/a", "this is evil, really") {
            gateway.send(request).denied_with(400);
        }
    }

    fn a_body_read_after_a_call_is_answered_although_it_ended_before(runner) {
        let gateway = runner.start(probe(json!({"/a": [call("slow"), read(100), allow()]}))).unwrap();
        for request in every_way("/a", "all is well") {
            assert_eq!(trace(&gateway.send(request)), "call:200:2 body:11");
        }
        for request in every_way("/a", "this is evil, really") {
            gateway.send(request).denied_with(400);
        }
        assert_eq!(trace(&gateway.send(get("/a"))), "call:200:2 body:0");
    }

    fn a_call_after_a_body_holds_the_request_until_its_answer(runner) {
        let gateway = runner.start(probe(json!({"/a": [read(100), call("slow"), allow()]}))).unwrap();
        for request in every_way("/a", "all is well") {
            let outcome = gateway.send(request);
            assert_eq!(trace(&outcome), "body:11 call:200:2");
            assert_eq!(outcome.allowed().whole_body(), b"all is well");
        }
    }

    fn a_request_without_a_body_has_an_empty_one(runner) {
        let gateway = runner.start(probe(json!({"/a": [read(0), allow()]}))).unwrap();
        assert_eq!(trace(&gateway.send(get("/a"))), "body:0");
        assert_eq!(trace(&gateway.send(get("/a").over(Protocol::Http2))), "body:0");
        assert_eq!(trace(&gateway.send(get("/a").trailers([("x-end", "1")]).over(Protocol::Http2))), "body:0");
    }

    fn a_body_over_the_limit_is_refused_at_the_chunk_that_exceeds_it(runner) {
        let gateway = runner.start(probe(json!({
            "/a": [read(10), allow()],
            "/later": [call("slow"), read(10), allow()],
        }))).unwrap();
        for path in ["/a", "/later"] {
            for request in every_way(path, "eleven byte") {
                gateway.send(request).denied_with(413);
            }
            for request in every_way(path, "ten bytes!") {
                gateway.send(request).allowed();
            }
        }
    }

    fn every_way_in_which_a_call_can_fail_denies(runner) {
        let big = "x".repeat(256 * 1024 + 1);
        let routes = json!({"/a": [call("c"), allow()]});
        for (why, reply) in [
            ("reset", Reply::Reset),
            ("garbage", Reply::Garbage),
            ("timeout", Reply::Hang),
            ("cut off", Reply::Truncated(Response::json(200, &json!({"a": 1})))),
            ("500", Response::json(500, &json!({})).into()),
            ("204", Response::text(204, "").into()),
            ("302", Response::text(302, "").header("location", "https://evil.example/").into()),
            ("too large", Response::text(200, big).into()),
            ("coded", Response::text(200, "{}").header("content-encoding", "gzip").into()),
        ] {
            let gateway = runner.start(probe(routes.clone()).cluster("c", move |_: &Request| reply.clone())).unwrap();
            let outcome = gateway.send(get("/a"));
            outcome.denied_with(503);
            assert_eq!(outcome.code(), "callout_failed", "{why}");
        }
        let gateway = runner.start(probe(json!({
            "/own": [call("no_such_cluster"), allow()],
            "/shared": [shared("no_such_cluster", "k"), allow()],
        }))).unwrap();
        for path in ["/own", "/shared"] {
            assert_eq!(gateway.send(get(path)).denied_with(503).code(), "callout_failed");
        }
    }

    fn an_answer_of_just_the_largest_size_is_read(runner) {
        let whole = "x".repeat(256 * 1024);
        let gateway = runner.start(probe(json!({"/a": [call("c"), allow()]}))
            .cluster("c", move |_: &Request| Response::text(200, whole.clone()))).unwrap();
        assert_eq!(trace(&gateway.send(get("/a"))), "call:200:262144");
    }

    fn a_failed_call_may_be_an_answer_to_the_policy(runner) {
        let may_fail = json!({"call": {"cluster": "c", "timeout_ms": 300, "may_fail": true}});
        let gateway = runner.start(probe(json!({"/a": [may_fail, allow()]})).cluster("c", |_: &Request| Reply::Hang)).unwrap();
        assert!(trace(&gateway.send(get("/a"))).starts_with("failed:status 504"));
    }

    /// RFC 9110 §12.5.3: nothing here decodes.
    fn a_call_accepts_no_content_coding_and_a_coded_answer_is_named(runner) {
        let own = json!({"call": {"cluster": "c", "timeout_ms": 1000, "may_fail": true}});
        let shared = json!({"call": {"cluster": "c", "key": "k", "timeout_ms": 1000, "may_fail": true}});
        let routes = json!({"/own": [own, allow()], "/shared": [shared, allow()]});
        for (coding, expected) in [
            ("gzip", Some("gzip")), ("identity, br", Some("br")), ("x-own", Some("otherwise")), ("identity", None),
        ] {
            let gateway = runner.start(probe(routes.clone()).cluster("c", move |request: &Request| {
                assert_eq!(request.header_text("accept-encoding").as_deref(), Some("identity"));
                Response::text(200, "{}").header("content-encoding", coding)
            })).unwrap();
            for path in ["/own", "/shared"] {
                let trace = trace(&gateway.send(get(path)));
                match expected {
                    Some(name) => {
                        assert!(trace.starts_with(&format!("failed:the answer is {name}-coded: expected identity")), "{trace}");
                    }
                    None => assert!(trace.starts_with("call:200:2"), "{trace}"),
                }
            }
        }
    }

    fn streams_that_ask_for_the_same_at_once_share_one_flight(runner) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let gateway = runner.start(probe(json!({"/a": [shared("c", "keys"), allow()]})).cluster("c", move |_: &Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            Reply::After(Duration::from_millis(500), Response::json(200, &json!({})))
        })).unwrap();
        for outcome in gateway.send_all(vec![get("/a"); 20]) {
            assert_eq!(trace(&outcome), "call:200:2 learned:1");
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    fn a_shared_call_that_fails_fails_for_all_who_wait_and_the_next_starts_anew(runner) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let gateway = runner.start(probe(json!({"/a": [shared("c", "keys"), allow()]})).cluster("c", move |_: &Request| {
            let status = if counted.fetch_add(1, Ordering::SeqCst) == 0 { 500 } else { 200 };
            Reply::After(Duration::from_millis(500), Response::json(status, &json!({})))
        })).unwrap();
        for outcome in gateway.send_all(vec![get("/a"); 5]) {
            outcome.denied_with(503);
        }
        gateway.send(get("/a")).allowed();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    fn requests_of_several_streams_keep_their_own_edits_and_bodies(runner) {
        let gateway = runner.start(probe(json!({"/a": [shared("slow", "keys"), read(100), allow()]}))).unwrap();
        let requests = (0..10).map(|n| post("/a").header("x-n", n.to_string()).body("x".repeat(n))).collect();
        for (n, outcome) in gateway.send_all(requests).iter().enumerate() {
            assert_eq!(trace(outcome), format!("call:200:2 learned:1 body:{n}"));
            assert_eq!(outcome.allowed().header_text("x-n"), Some(n.to_string()));
        }
    }

    /// TEX-26: the proxy's own authentication, of which no plugin's configuration, setting or log holds anything.
    fn a_callout_carries_the_credential_of_the_proxy_and_the_filter_knows_nothing_of_it(runner) {
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        let gateway = Gateway::chain([plugin("driver_probe", json!({"routes": {"/a": [call("as"), allow()]}}))])
            .cluster("as", move |request: &Request| {
                let values: Vec<_> = request.headers.iter().filter(|(name, _)| name == b"authorization").collect();
                if matches!(values.as_slice(), [(_, value)] if value == b"Basic Zm91cmxlZzpzM2NyZXQ=") {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                Response::json(200, &json!({}))
            })
            .credential("as", "Basic Zm91cmxlZzpzM2NyZXQ=");
        let gateway = runner.start(gateway).unwrap();
        assert_eq!(trace(&gateway.send(get("/a"))), "call:200:2");
        assert_eq!(seen.load(Ordering::SeqCst), 1);
        assert!(gateway.logs().iter().all(|line| !line.contains("Zm91cmxlZzpzM2NyZXQ")));
    }

    fn a_policy_that_never_comes_to_an_end_denies(runner) {
        let forever = json!({"call_forever": {"cluster": "idp", "timeout_ms": 1000}});
        let shared_forever = json!({"call_forever": {"cluster": "no_such_cluster", "key": "k", "timeout_ms": 1000}});
        let gateway = runner.start(probe(json!({"/own": [forever], "/shared": [shared_forever]}))).unwrap();
        for path in ["/own", "/shared"] {
            assert_eq!(gateway.send(get(path)).denied_with(503).code(), "internal_fault");
        }
    }

    fn an_upgrade_whose_body_is_needed_is_refused(runner) {
        let gateway = runner.start(probe(json!({"/a": [read(100), allow()], "/b": [call("idp"), read(100), allow()]}))).unwrap();
        for path in ["/a", "/b"] {
            let outcome = gateway.send(get(path).header("connection", "upgrade").header("upgrade", "websocket"));
            outcome.never_reached_upstream();
            assert_eq!(outcome.response.status, 403);
        }
        gateway.send(request("CONNECT", "/a")).never_reached_upstream();
    }

    /// SMG-06, SMG-13
    fn identity_fields_of_the_client_are_taken_out_of_headers_and_trailers(runner) {
        let gateway = runner.start(probe(json!({"/a": [allow()], "/b": [call("slow"), read(100), allow()]}))).unwrap();
        let spoofed = ["x-fourleg-claims", "X-Fourleg-Subject", "x_fourleg_claims", "x-fourleg_claims"];
        for path in ["/a", "/b"] {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let names = spoofed.map(|name| if protocol == Protocol::Http2 { name.to_lowercase() } else { name.to_owned() });
                let trailers = names.iter().map(|name| (name.clone(), "mallory".to_owned()));
                let mut request = post(path).body("x").trailers(trailers).over(protocol);
                for name in &names {
                    request = request.header(name, "mallory");
                }
                let outcome = gateway.send(request);
                let upstream = outcome.allowed();
                let fields = upstream.headers.iter().chain(upstream.trailers.iter().flatten());
                for (name, value) in fields {
                    assert_ne!(value, b"mallory", "{}", String::from_utf8_lossy(name));
                }
            }
        }
    }

    fn shared_callouts_that_are_due_start_at_configure_and_again_at_ticks(runner) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let config = json!({
            "routes": {"/a": [allow()]},
            "upkeep": [{"cluster": "c", "key": "keys", "timeout_ms": 1000}],
        });
        let gateway = runner.start(Gateway::chain([plugin("driver_probe", config)]).cluster("c", move |_: &Request| {
            counted.fetch_add(1, Ordering::SeqCst);
            Response::json(200, &json!({}))
        })).unwrap();
        gateway.send(get("/a")).allowed();
        gateway.pass(Duration::from_secs(2));
        assert!(calls.load(Ordering::SeqCst) >= 4, "two roots, at configure and at ticks");
    }

    fn a_configuration_with_mistakes_does_not_load_and_says_them_all(runner) {
        let config = json!({"routes": {"/a": ["nonsense", {"read_body": {"limit": "x"}}]}, "unknown": 1});
        let rejected = runner.start(Gateway::chain([plugin("driver_probe", config)])).err().unwrap();
        let log = rejected.logs.join("\n");
        for place in ["routes./a[0]", "routes./a[1].read_body.limit", "unknown"] {
            assert!(log.contains(place), "{place} is not in {log}");
        }
        assert!(runner.start(Gateway::chain([plugin("driver_probe", json!([]))])).is_err());
    }
}
