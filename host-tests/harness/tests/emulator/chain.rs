use fourleg_harness::{Gateway, Outcome, Plugin, Protocol, Response, Running, get, post};

use crate::filters::{filter, named, said, said_by};

/// Pauses on headers, logs the size of each body callback, and lets go at the end of the body.
const READS_BODY: &str = r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log {{headers}})
  (i32.const 1))
(func (export "proxy_on_request_body") (param $context i32) (param $size i32) (param $end i32) (result i32)
  (call $log_number {{body }} (local.get $size))
  (if (local.get $end) (then (call $log {{end}})))
  (i32.eqz (local.get $end)))
(func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
  (call $log {{trailers}})
  (i32.const 0))
"#;

/// Logs what it sees and lets everything pass.
const WATCHES: &str = r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{headers, end }} (local.get 2)) (i32.const 0))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $log_number {{body }} (local.get 1))
  (call $log_number {{end }} (local.get 2)) (i32.const 0))
(func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
  (call $log {{trailers}}) (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $log {{response}}) (i32.const 0))
(func (export "proxy_on_log") (param i32) (call $log {{log}}))
"#;

fn send(plugin: Plugin, request: fourleg_harness::Request) -> (Outcome, Vec<String>) {
    let gateway = Gateway::chain([plugin]).start().unwrap();
    let outcome = gateway.send(request);
    (outcome, said(&gateway.logs()))
}

#[test]
fn a_body_read_while_headers_are_held_arrives_whole_and_once() {
    let (outcome, said) = send(filter(READS_BODY), post("/").chunked(["ab", "cd"]).over(Protocol::Http2));
    assert_eq!(outcome.allowed().whole_body(), b"abcd");
    assert_eq!(said, ["headers", "body 2", "body 4", "end"]);
}

#[test]
fn an_http1_body_ends_with_an_empty_piece() {
    let (outcome, said) = send(filter(READS_BODY), post("/").body("abcd"));
    assert_eq!(outcome.allowed().whole_body(), b"abcd");
    assert_eq!(said, ["headers", "body 4", "body 4", "end"]);
}

#[test]
fn trailers_end_a_body_without_a_last_body_callback() {
    let (outcome, said) =
        send(filter(READS_BODY), post("/").body("abcd").trailers([("x-sum", "1")]).over(Protocol::Http2));
    let request = outcome.allowed();
    assert_eq!(request.whole_body(), b"abcd");
    assert_eq!(request.trailers.as_ref().unwrap()[0], (b"x-sum".to_vec(), b"1".to_vec()));
    assert_eq!(said, ["headers", "body 4", "trailers"]);
}

#[test]
#[should_panic(expected = "'filter' paused the request in proxy_on_request_headers")]
fn without_stop_iteration_a_filter_that_waits_for_the_body_is_stuck() {
    send(filter(READS_BODY).stop_all_on_headers(), post("/").body("abcd"));
}

#[test]
fn a_later_filter_sees_headers_body_and_trailers_only_when_the_first_lets_go() {
    let gateway = Gateway::chain([named("first", READS_BODY), named("second", WATCHES)]).start().unwrap();
    gateway.send(post("/").chunked(["ab", "cd"]).trailers([("x-sum", "1")]).over(Protocol::Http2)).allowed();
    assert_eq!(
        said_by(&gateway.logs()),
        [
            "first: headers",
            "first: body 2",
            "first: body 4",
            "first: trailers",
            "second: headers, end 0",
            "second: body 4",
            "second: end 0",
            "second: trailers",
            "second: response",
            "second: log",
        ]
    );
}

#[test]
fn two_filters_that_read_the_body_both_get_it_whole() {
    let gateway = Gateway::chain([named("first", READS_BODY), named("second", READS_BODY)]).start().unwrap();
    let outcome = gateway.send(post("/").chunked(["ab", "cd"]).over(Protocol::Http2));
    assert_eq!(outcome.allowed().whole_body(), b"abcd");
    assert_eq!(
        said_by(&gateway.logs()),
        [
            "first: headers",
            "first: body 2",
            "first: body 4",
            "first: end",
            "second: headers",
            "second: body 4",
            "second: end",
        ]
    );
}

#[test]
fn headers_without_a_body_end_the_request() {
    let (outcome, said) = send(filter(WATCHES), get("/"));
    assert!(outcome.allowed().chunks.is_empty());
    assert_eq!(said, ["headers, end 1", "response", "log"]);
}

#[test]
fn more_body_than_the_proxy_buffers_is_answered_413() {
    let gateway = Gateway::chain([filter(READS_BODY)]).start().unwrap();
    gateway.send(post("/").body(vec![b'x'; (1 << 20) + 1])).denied_with(413);
    gateway.send(post("/").body(vec![b'x'; 1 << 20])).allowed();
    gateway.send(post("/").body(vec![b'x'; (1 << 20) + 1]).over(Protocol::Http2)).allowed();
}

#[test]
fn a_local_reply_enters_the_response_callbacks_of_its_filter_and_of_earlier_ones() {
    let denies = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $deny (i32.const 403)) (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (call $log {{response}}) (i32.const 0))
        "#;
    let gateway =
        Gateway::chain([named("first", WATCHES), named("second", denies), named("third", WATCHES)]).start().unwrap();
    gateway.send(post("/").body("abcd")).denied_with(403);
    assert_eq!(
        said_by(&gateway.logs()),
        ["first: headers, end 0", "second: response", "first: response", "first: log", "third: log"]
    );
}

#[test]
fn a_response_goes_back_through_the_chain_in_reverse() {
    let marks = r#"
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (drop (call $set_header (i32.const 2) {{x-mark}} {{seen}})) (i32.const 0))
        "#;
    let gateway = Gateway::chain([named("first", WATCHES), named("second", marks)])
        .upstream(|_| Response::text(404, "nothing here"))
        .start()
        .unwrap();
    let outcome = gateway.send(get("/"));
    assert_eq!(outcome.status(404).header("x-mark"), "seen");
    assert_eq!(outcome.response.body, b"nothing here");
}

#[test]
fn denying_after_the_headers_went_on_shows_them_to_the_upstream_but_no_body() {
    let late = r#"
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $deny (i32.const 403)) (i32.const 1))
        "#;
    let (outcome, _) = send(filter(late), post("/").body("abcd"));
    assert_eq!(outcome.status(403).upstream.len(), 1);
    assert!(outcome.upstream[0].chunks.is_empty());
}

#[test]
fn a_head_response_has_no_body() {
    let (outcome, _) = send(filter(WATCHES), fourleg_harness::request("HEAD", "/"));
    assert!(outcome.status(200).response.body.is_empty());
}
