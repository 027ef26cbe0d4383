//! A body that waits for its verdict while the headers go on: for proxies that cannot hold headers and hand over the
//! body all the same, as behind Istio's `WasmPlugin`.

use std::time::Duration;

use fourleg_harness::{Gateway, Outcome, Protocol, Reply, Request, Response, get, plugin, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

fn read() -> Value {
    json!({"read_body": {"limit": 100, "deny_if_it_holds": "evil", "body_alone": true}})
}

fn allow() -> Value {
    json!({"allow": {"nothing": true}})
}

fn call() -> Value {
    json!({"call": {"cluster": "slow", "timeout_ms": 1000}})
}

/// With and without Envoy's `allow_on_headers_stop_iteration`.
fn probes(routes: &Value) -> [Gateway; 2] {
    let probe = plugin("driver_probe", json!({ "routes": routes }));
    [probe.clone(), probe.stop_all_on_headers()].map(|probe| {
        Gateway::chain([probe])
            .cluster("slow", |_: &Request| Reply::After(Duration::from_millis(100), Response::json(200, &json!({}))))
    })
}

/// The ways in which a body may arrive.
fn every_way(path: &str, body: &str) -> Vec<Request> {
    let (a, b) = body.split_at(body.len() / 2);
    let halves = [a.to_owned(), b.to_owned()];
    let ways = |protocol| {
        [
            post(path).body(body).over(protocol),
            post(path).chunked(halves.clone()).over(protocol),
            post(path).body(body).trailers([("x-end", "1")]).over(protocol),
            post(path).chunked(halves.clone()).trailers([("x-end", "1")]).over(protocol),
        ]
    };
    [Protocol::Http1, Protocol::Http2].into_iter().flat_map(ways).collect()
}

/// Denied, and no byte of the body went upstream; the headers may have.
#[track_caller]
fn denied(outcome: &Outcome, status: u16) {
    outcome.status(status);
    assert!(outcome.upstream.iter().all(|request| request.whole_body().is_empty()), "{}", outcome.picture());
}

scenarios! {
    fn an_allowed_body_arrives_whole_and_a_denied_one_not_at_all(runner) {
        for gateway in probes(&json!({"/a": [read(), allow()]})) {
            let gateway = runner.start(gateway).unwrap();
            for request in every_way("/a", "all is well") {
                assert_eq!(gateway.send(request).allowed().whole_body(), b"all is well");
            }
            for request in every_way("/a", "this is evil, really") {
                denied(&gateway.send(request), 400);
            }
            gateway.send(get("/a")).allowed();
            gateway.send(get("/a").over(Protocol::Http2)).allowed();
        }
    }

    /// After a call the headers were held, and the body may have arrived in part.
    fn a_call_before_the_body_lets_nothing_of_it_through(runner) {
        for gateway in probes(&json!({"/a": [call(), read(), allow()]})) {
            let gateway = runner.start(gateway).unwrap();
            for request in every_way("/a", "this is evil, really") {
                denied(&gateway.send(request), 400);
            }
            for request in every_way("/a", "all is well") {
                assert_eq!(gateway.send(request).allowed().whole_body(), b"all is well");
            }
        }
    }

    fn a_call_after_the_body_holds_it_until_the_answer(runner) {
        for gateway in probes(&json!({"/allowed": [read(), call(), allow()], "/denied": [read(), call(), "deny"]})) {
            let gateway = runner.start(gateway).unwrap();
            for request in every_way("/denied", "all is well") {
                denied(&gateway.send(request), 403);
            }
            for request in every_way("/allowed", "all is well") {
                assert_eq!(gateway.send(request).allowed().whole_body(), b"all is well");
            }
        }
    }

    fn a_body_over_the_limit_is_refused_and_nothing_of_it_goes_on(runner) {
        for gateway in probes(&json!({"/a": [read(), allow()]})) {
            let gateway = runner.start(gateway).unwrap();
            for request in every_way("/a", &"x".repeat(101)) {
                denied(&gateway.send(request), 413);
            }
        }
    }

    fn headers_that_went_on_cannot_be_edited(runner) {
        for gateway in probes(&json!({"/a": [read(), {"allow": {"set": {"x-set": "1"}}}]})) {
            let gateway = runner.start(gateway).unwrap();
            denied(&gateway.send(post("/a").body("all is well")), 503);
        }
    }

    /// SMG-06
    fn identity_fields_are_gone_before_the_headers_go_on(runner) {
        for gateway in probes(&json!({"/a": [read(), allow()]})) {
            let gateway = runner.start(gateway).unwrap();
            for request in every_way("/a", "all is well") {
                let request = request.header("x-fourleg-claims", "forged").header("x_fourleg_claims", "forged");
                let outcome = gateway.send(request);
                let names = outcome.allowed().headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
                assert!(names.into_iter().all(|name| !name.contains("fourleg")), "{}", outcome.picture());
            }
        }
    }

    fn an_upgrade_whose_body_is_needed_is_refused_before_its_headers_go_on(runner) {
        for gateway in probes(&json!({"/a": [read(), allow()]})) {
            let gateway = runner.start(gateway).unwrap();
            let upgrade = request("GET", "/a").header("connection", "upgrade").header("upgrade", "websocket");
            gateway.send(upgrade).denied_with(403);
        }
    }
}
