use fourleg_harness::{Gateway, Request, Response, Running, StreamState, get, post};

use crate::filters::{filter, said};

/// Asks `idp` once for each request; the answer lets the latest one go.
const ASKS: &str = r#"
(global $waiting (mut i32) (i32.const 0))
(func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
  (global.set $waiting (local.get $context))
  (drop (call $call_idp)) (i32.const 1))
(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
  (if (i32.eqz (call $act_for (global.get $waiting)))
    (then (call $resume))
    (else (call $log {{gone}}))))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $log {{body}}) (i32.const 1))
(func (export "proxy_on_log") (param i32) (call $log {{log}}))
"#;

fn manual() -> fourleg_harness::Emulated {
    Gateway::chain([filter(ASKS)]).cluster("idp", |_: &Request| Response::text(500, "unused")).manual().start().unwrap()
}

#[test]
fn a_test_answers_callouts_when_it_wants() {
    let gateway = manual();
    let stream = gateway.open(get("/"));
    assert_eq!(gateway.state(stream), StreamState::Paused);
    let [callout] = gateway.pending_callouts().try_into().unwrap();
    assert_eq!((callout.cluster.as_str(), callout.request.path.as_slice()), ("idp", b"/asked".as_slice()));
    gateway.complete(callout.id, Response::text(200, "ok"));
    assert_eq!(gateway.state(stream), StreamState::Answered);
    gateway.outcome(stream).allowed();
}

#[test]
fn a_body_that_comes_before_the_answer_waits() {
    let gateway = manual();
    let stream = gateway.open(post("/").body("abcd"));
    gateway.stream_body(stream, "ab", false);
    gateway.stream_body(stream, "cd", true);
    assert_eq!(gateway.state(stream), StreamState::Paused);
    gateway.time_out(gateway.pending_callouts()[0].id);
    assert_eq!(gateway.outcome(stream).allowed().whole_body(), b"abcd");
}

#[test]
fn a_client_that_leaves_takes_its_context_along() {
    let gateway = manual();
    let stream = gateway.open(get("/"));
    gateway.reset(stream);
    assert_eq!(gateway.state(stream), StreamState::Gone);
    gateway.fail(gateway.pending_callouts()[0].id);
    assert_eq!(said(&gateway.logs()), ["log", "gone"]);
    assert_eq!(gateway.outcome(stream).response.status, 0);
}
