use fourleg_harness::{DuplicateHeaders, Gateway, Reply, Response, Running, get};

use crate::filters::{filter, said};

#[test]
fn a_value_with_a_control_character_is_refused_before_any_filter() {
    let traps = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
        "#;
    let gateway = Gateway::chain([filter(traps)]).start().unwrap();
    for value in ["a\0b", "a\rb", "a\nb"] {
        gateway.send(get("/").header("x-evil", value)).denied_with(400);
    }
    gateway.send(get("/").host("")).denied_with(400);
    gateway.send(get("/").header("x-large", vec![b'x'; 61 << 10])).denied_with(431);
}

#[test]
fn a_filter_sees_pseudo_fields_first_and_lower_case_names() {
    let lists = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $get_headers (i32.const 0) (i32.const 1024) (i32.const 1028)))
          (call $log_given) (i32.const 0))
        "#;
    let gateway = Gateway::chain([filter(lists)]).start().unwrap();
    gateway.send(get("/a?b").header("X-Mixed", "Case")).allowed();
    let said = said(&gateway.logs()).remove(0);
    let place = |name: &str| said.find(name).unwrap_or_else(|| panic!("no {name} in {said}"));
    assert!(place(":authority") < place("x-mixed"));
    assert!(place(":path") < place("x-mixed"));
    assert!(place(":method") < place("x-mixed"));
    place("x-request-id");
    place("x-forwarded-proto");
}

#[test]
fn two_authorization_fields_are_one_value_as_in_envoy() {
    let reads = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $get_header (i32.const 0) {{authorization}} (i32.const 1024) (i32.const 1028)))
          (call $log_given) (i32.const 0))
        "#;
    for (policy, expected) in [
        (DuplicateHeaders::Joined, "Bearer a,Bearer b"),
        (DuplicateHeaders::FirstOnly, "Bearer a"),
        (DuplicateHeaders::Separate, "Bearer a"),
    ] {
        let gateway = Gateway::chain([filter(reads)]).duplicate_headers(policy).start().unwrap();
        gateway.send(get("/").bearer("a").bearer("b")).allowed();
        assert_eq!(said(&gateway.logs()), [expected]);
    }
}

#[test]
fn an_upstream_that_fails_is_answered_for() {
    for (reply, status) in [(Reply::Reset, 503), (Reply::Garbage, 502), (Reply::Hang, 504)] {
        let gateway = Gateway::chain([]).upstream(move |_| reply.clone()).start().unwrap();
        gateway.send(get("/")).status(status);
    }
}

#[test]
fn a_response_is_what_the_upstream_gave() {
    let gateway = Gateway::chain([]).upstream(|_| Response::text(201, "made").header("X-Made", "yes")).start().unwrap();
    let outcome = gateway.send(get("/"));
    outcome.allowed();
    assert_eq!(outcome.header("x-made"), "yes");
    assert_eq!(outcome.response.body, b"made");
}
