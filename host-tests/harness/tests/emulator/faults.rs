use std::panic::{AssertUnwindSafe, catch_unwind};

use fourleg_harness::{Emulated, Gateway, Response, Running, get};

use crate::filters::filter;

/// Runs one GET and gives what the end of the test complains about.
fn complaint(gateway: Gateway) -> String {
    let gateway = gateway.start().unwrap();
    gateway.send(get("/").bearer("a-token-that-must-not-be-seen"));
    end(gateway)
}

fn end(gateway: Emulated) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(gateway))).expect_err("the end of the test complains");
    panic.downcast_ref::<String>().cloned().unwrap()
}

fn contradicts(acts: &str) -> Gateway {
    let source = format!(
        r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $call_idp)) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param $root i32) (param i32 i32 i32 i32)
          (drop (call $act_for (i32.add (local.get $root) (i32.const 1))))
          {acts})
        "#
    );
    Gateway::chain([filter(&source)]).cluster("idp", |_: &fourleg_harness::Request| Response::text(200, "ok"))
}

#[test]
fn resuming_and_then_replying_does_both_and_fails_the_test() {
    let gateway = contradicts("(call $resume) (call $deny (i32.const 403))").start().unwrap();
    let outcome = gateway.send(get("/"));
    outcome.status(403);
    assert_eq!(outcome.upstream.len(), 1);
    assert!(end(gateway).contains("'filter' replied and resumed in one callback (proxy_on_http_call_response)"));
}

#[test]
fn replying_and_then_resuming_keeps_the_reply_and_fails_the_test() {
    let gateway = contradicts("(call $deny (i32.const 403)) (call $resume)").start().unwrap();
    gateway.send(get("/")).denied_with(403);
    assert!(end(gateway).contains("'filter' replied and resumed in one callback (proxy_on_http_call_response)"));
}

#[test]
fn a_second_local_reply_fails_the_test() {
    let twice = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $deny (i32.const 401)) (call $deny (i32.const 403)) (i32.const 1))
        "#;
    let complaint = complaint(Gateway::chain([filter(twice)]));
    assert!(complaint.contains("sent a local reply (403) after 'filter' had replied"), "{complaint}");
}

#[test]
fn a_resume_of_what_is_not_held_fails_the_test() {
    let resumes = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $resume) (i32.const 0))
        "#;
    let complaint = complaint(Gateway::chain([filter(resumes)]));
    assert!(complaint.contains("'filter' resumed a request that it did not hold"), "{complaint}");
}

#[test]
fn an_unknown_cluster_fails_the_test_and_a_missing_one_does_not() {
    let calls = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $log_number {{status }} (call $call_idp)) (i32.const 0))
        "#;
    let complaint = complaint(Gateway::chain([filter(calls)]));
    assert!(complaint.contains("unknown cluster 'idp'"), "{complaint}");

    for (gateway, status) in [
        (Gateway::chain([filter(calls)]).missing_cluster("idp"), "status 2"),
        (Gateway::chain([filter(calls)]).empty_cluster("idp"), "status 10"),
    ] {
        let gateway = gateway.start().unwrap();
        gateway.send(get("/")).allowed();
        assert_eq!(crate::filters::said(&gateway.logs()), [status]);
    }
}

#[test]
fn a_trap_answers_503_to_all_and_fails_the_test() {
    let traps = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
        "#;
    let gateway = Gateway::chain([filter(traps)]).start().unwrap();
    gateway.send(get("/")).denied_with(503);
    gateway.send(get("/")).denied_with(503);
    assert!(end(gateway).contains("'filter' trapped in proxy_on_request_headers"));
}

#[test]
fn a_trap_that_the_test_expects_does_not_fail_it() {
    let traps = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
        "#;
    let gateway = Gateway::chain([filter(traps)]).start().unwrap();
    gateway.send(get("/")).denied_with(503);
    gateway.expect_trap();
}

#[test]
fn a_trap_kills_one_worker_only() {
    let traps_once = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (if (i32.eqz (call $get_shared {{done}} (i32.const 1024) (i32.const 1028) (i32.const 1040)))
            (then (return (i32.const 0))))
          (drop (call $set_shared {{done}} {{yes}} (i32.const 0)))
          (unreachable))
        "#;
    let gateway = Gateway::chain([filter(traps_once)]).workers(2).start().unwrap();
    gateway.send(get("/")).denied_with(503);
    gateway.send(get("/")).allowed();
    gateway.send(get("/")).denied_with(503);
    gateway.expect_trap();
}

#[test]
fn a_token_in_the_log_fails_the_test() {
    let tells = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $get_header (i32.const 0) {{authorization}} (i32.const 1024) (i32.const 1028)))
          (call $log_given) (i32.const 0))
        "#;
    let complaint = complaint(Gateway::chain([filter(tells)]));
    assert!(complaint.contains("a secret (a-toke…) showed in the log"), "{complaint}");
}

#[test]
fn a_secret_that_the_client_sees_fails_the_test() {
    let gateway = Gateway::chain([]).upstream(|_| Response::text(200, "the password is hunter2")).canary("hunter2");
    assert!(complaint(gateway).contains("a secret (hunter…) showed in the response"));
}

#[test]
fn the_upstream_may_see_the_token() {
    let gateway = Gateway::chain([]).start().unwrap();
    gateway.send(get("/").bearer("a-token-that-must-not-be-seen")).allowed();
}

#[test]
fn acting_for_a_context_that_is_gone_lands_on_the_one_before() {
    // The answer comes after the first stream has gone: the guest asks for it, is refused, and edits the second.
    let careless = r#"
        (global $victim (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
          (call $log_number {{refused: }} (call $act_for (i32.const 99)))
          (drop (call $set_header (i32.const 0) {{x-user}} {{alice}}))
          (i32.const 0))
        "#;
    let gateway = Gateway::chain([filter(careless)]).start().unwrap();
    let outcome = gateway.send(get("/"));
    assert_eq!(outcome.allowed().header_text("x-user").unwrap(), "alice");
    assert_eq!(crate::filters::said(&gateway.logs()), ["refused: 2"]);
}

#[test]
#[should_panic(expected = "was left paused by 'filter' in proxy_on_request_headers")]
fn a_stream_that_is_left_paused_fails_the_test() {
    let holds = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        "#;
    let gateway = Gateway::chain([filter(holds)]).manual().start().unwrap();
    gateway.open(get("/"));
}
