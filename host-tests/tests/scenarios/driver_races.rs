//! The driver's rules that need a hand on each callback: on the emulator only, since no client can force these orders
//! on a real Envoy.

use std::time::Duration;

use fourleg_harness::{Emulated, Gateway, Response, StreamState, get, plugin, post};
use serde_json::{Value, json};

fn probe(routes: Value) -> Gateway {
    Gateway::chain([plugin("driver_probe", json!({ "routes": routes }))])
        .cluster("idp", |_: &fourleg_harness::Request| Response::json(200, &json!({})))
        .manual()
}

fn call() -> Value {
    json!({"call": {"cluster": "idp", "timeout_ms": 1000}})
}

fn shared() -> Value {
    json!({"call": {"cluster": "idp", "key": "keys", "timeout_ms": 1000}})
}

fn allow() -> Value {
    json!({"allow": {}})
}

fn only_callout(gateway: &Emulated) -> u64 {
    let pending = gateway.pending_callouts();
    assert_eq!(pending.len(), 1, "one callout is pending");
    pending[0].id
}

fn ok() -> Response {
    Response::json(200, &json!({}))
}

#[test]
fn a_stream_that_is_gone_is_neither_resumed_nor_edited_and_the_others_are() {
    let gateway = probe(json!({"/a": [shared(), allow()]})).start().unwrap();
    let gone = gateway.open(get("/a").header("x-who", "gone"));
    let stays = gateway.open(get("/a").header("x-who", "stays"));
    gateway.reset(gone);
    gateway.complete(only_callout(&gateway), ok());
    assert!(gateway.outcome(gone).upstream.is_empty());
    let outcome = gateway.outcome(stays);
    assert_eq!(outcome.allowed().header_text("x-who").as_deref(), Some("stays"));
    assert_eq!(outcome.allowed().header_text("x-probe-trace").as_deref(), Some("call:200:2 learned:1"));
}

#[test]
fn a_shared_flight_survives_the_client_that_asked_for_it_first() {
    let gateway = probe(json!({"/a": [shared(), allow()]})).start().unwrap();
    let leader = gateway.open(get("/a"));
    let callout = only_callout(&gateway);
    gateway.reset(leader);
    let follower = gateway.open(get("/a"));
    assert_eq!(only_callout(&gateway), callout, "the follower joins the flight");
    gateway.complete(callout, ok());
    gateway.outcome(follower).allowed();
}

#[test]
fn the_call_of_a_stream_that_is_gone_touches_nothing() {
    let gateway = probe(json!({"/a": [call(), allow()], "/b": [call(), allow()]})).start().unwrap();
    let gone = gateway.open(get("/a"));
    let callout = only_callout(&gateway);
    let other = gateway.open(get("/b"));
    gateway.reset(gone);
    gateway.complete(callout, ok());
    assert!(gateway.outcome(gone).upstream.is_empty());
    assert!(matches!(gateway.state(other), StreamState::Paused), "{:?}", gateway.state(other));
    gateway.complete(only_callout(&gateway), ok());
    gateway.outcome(other).allowed();
}

#[test]
fn a_call_whose_timeout_never_fires_is_ended_by_the_deadline_and_its_late_answer_is_ignored() {
    for act in [call(), shared()] {
        let gateway = probe(json!({"/a": [act, allow()]})).start().unwrap();
        let stream = gateway.open(post("/a").body("x"));
        let callout = only_callout(&gateway);
        gateway.advance(Duration::from_millis(1900));
        assert!(matches!(gateway.state(stream), StreamState::Paused), "{:?}", gateway.state(stream));
        gateway.advance(Duration::from_millis(400));
        gateway.outcome(stream).denied_with(503);
        gateway.complete(callout, ok());
        gateway.outcome(stream).denied_with(503);
    }
}

#[test]
fn a_body_that_does_not_come_is_denied_and_the_log_names_the_option_that_may_be_missing() {
    let read = json!({"read_body": {"limit": 10}});
    let gateway = probe(json!({"/a": [read, allow()]})).start().unwrap();
    let stream = gateway.open_with_body_to_come(post("/a"));
    gateway.stream_body(stream, "abc", false);
    gateway.advance(Duration::from_secs(29));
    assert!(matches!(gateway.state(stream), StreamState::Paused), "{:?}", gateway.state(stream));
    gateway.advance(Duration::from_secs(2));
    gateway.outcome(stream).denied_with(503).has_code("deadline_exceeded");
    assert!(
        fourleg_harness::Running::logs(&gateway).iter().any(|line| line.contains("allow_on_headers_stop_iteration"))
    );
}

#[test]
fn without_the_stop_iteration_option_a_request_whose_body_is_needed_is_denied_by_the_deadline() {
    let read = json!({"read_body": {"limit": 10}});
    let mut probe = plugin("driver_probe", json!({"routes": {"/a": [read, allow()]}}));
    probe.allow_on_headers_stop_iteration = false;
    let gateway = Gateway::chain([probe]).manual().start().unwrap();
    let stream = gateway.open(post("/a").body("abc"));
    gateway.advance(Duration::from_secs(31));
    gateway.outcome(stream).denied_with(503).has_code("deadline_exceeded");
}

#[test]
fn nothing_of_a_body_goes_on_before_the_verdict_and_all_of_it_after() {
    let gateway = probe(json!({"/a": [call(), allow()]})).start().unwrap();
    let stream = gateway.open_with_body_to_come(post("/a"));
    gateway.stream_body(stream, "abc", false);
    assert!(gateway.outcome(stream).upstream.is_empty());
    gateway.complete(only_callout(&gateway), ok());
    gateway.stream_body(stream, "def", true);
    assert_eq!(gateway.outcome(stream).allowed().whole_body(), b"abcdef");
}

#[test]
fn what_follows_a_denial_is_held_and_answered_no_second_time() {
    let gateway = probe(json!({"/a": [call(), allow()]})).start().unwrap();
    let stream = gateway.open_with_body_to_come(post("/a"));
    gateway.fail(only_callout(&gateway));
    gateway.outcome(stream).denied_with(503);
    gateway.stream_body(stream, "abc", false);
    gateway.tick();
    gateway.advance(Duration::from_secs(60));
    gateway.outcome(stream).denied_with(503);
}

#[test]
fn an_answer_without_headers_is_a_failure() {
    let gateway = probe(json!({"/a": [call(), allow()]})).start().unwrap();
    let stream = gateway.open(get("/a"));
    gateway.fail_without_headers(only_callout(&gateway));
    gateway.outcome(stream).denied_with(503).has_code("callout_failed");
}

/// Two workers, and a call that one of them makes for both.
fn for_all() -> Emulated {
    let call = json!({"call": {"cluster": "idp", "key": "keys", "timeout_ms": 1000, "across_workers": true}});
    probe(json!({"/a": [call, allow()]})).workers(2).start().unwrap()
}

/// TEX-17
#[test]
fn a_worker_that_waits_for_another_adopts_what_that_one_publishes() {
    let gateway = for_all();
    let leader = gateway.open(get("/a"));
    let callout = only_callout(&gateway);
    let follower = gateway.open(get("/a"));
    assert_eq!(only_callout(&gateway), callout, "the follower waits for it");
    gateway.complete(callout, ok());
    gateway.outcome(leader).allowed();
    assert!(matches!(gateway.state(follower), StreamState::Paused), "{:?}", gateway.state(follower));
    gateway.advance(Duration::from_millis(30));
    assert_eq!(gateway.outcome(follower).allowed().header_text("x-probe-trace").as_deref(), Some("adopted"));
    assert!(gateway.pending_callouts().is_empty());
}

#[test]
fn a_leader_whose_client_leaves_strands_nobody_on_another_worker() {
    let gateway = for_all();
    let leader = gateway.open(get("/a"));
    let callout = only_callout(&gateway);
    let follower = gateway.open(get("/a"));
    gateway.reset(leader);
    gateway.complete(callout, ok());
    gateway.advance(Duration::from_millis(30));
    gateway.outcome(follower).allowed();
    assert!(gateway.outcome(leader).upstream.is_empty());
}

/// A holder that is dead, or lies, can only delay: then the call is made here.
#[test]
fn a_call_that_the_other_worker_never_ends_is_made_here() {
    let gateway = for_all();
    let leader = gateway.open(get("/a"));
    let stuck = only_callout(&gateway);
    let follower = gateway.open(get("/a"));
    gateway.advance(Duration::from_millis(1500));
    assert_eq!(only_callout(&gateway), stuck);
    gateway.advance(Duration::from_millis(1000));
    let pending = gateway.pending_callouts();
    let own = pending.iter().find(|callout| callout.id != stuck).expect("a call of its own");
    gateway.complete(own.id, ok());
    gateway.outcome(leader).denied_with(503);
    assert_eq!(
        gateway.outcome(follower).allowed().header_text("x-probe-trace").as_deref(),
        Some("call:200:2 learned:1")
    );
}

#[test]
fn a_stream_that_waits_for_another_worker_and_is_gone_is_not_resumed() {
    let gateway = for_all();
    let leader = gateway.open(get("/a"));
    let callout = only_callout(&gateway);
    let gone = gateway.open(get("/a"));
    gateway.reset(gone);
    gateway.complete(callout, ok());
    gateway.advance(Duration::from_millis(300));
    gateway.outcome(leader).allowed();
    assert!(gateway.outcome(gone).upstream.is_empty());
}

#[test]
fn requests_that_wait_for_their_bodies_are_bounded() {
    const MOST: usize = 512;
    let read = json!({"read_body": {"limit": 10}});
    let gateway = probe(json!({"/a": [read, allow()]})).start().unwrap();
    let waiting: Vec<_> = (0..MOST).map(|_| gateway.open_with_body_to_come(post("/a"))).collect();
    let over = gateway.open_with_body_to_come(post("/a"));
    assert_eq!(gateway.outcome(over).denied_with(503).has_code("overloaded").header("retry-after"), "1");
    // One whose body is there already takes no place, and one that ends, however it does, gives its own back.
    gateway.stream_body(waiting[0], "abc", true);
    gateway.outcome(waiting[0]).allowed();
    gateway.reset(waiting[1]);
    gateway.stream_body(waiting[2], "much too long a body", false);
    gateway.outcome(waiting[2]).denied_with(413);
    for _ in 0..3 {
        let next = gateway.open_with_body_to_come(post("/a"));
        assert!(matches!(gateway.state(next), StreamState::Paused), "{:?}", gateway.state(next));
    }
    let over = gateway.open_with_body_to_come(post("/a"));
    gateway.outcome(over).denied_with(503).has_code("overloaded");
    gateway.advance(Duration::from_secs(31));
}
