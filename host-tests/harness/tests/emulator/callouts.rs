use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fourleg_harness::{Gateway, Reply, Request, Response, Running, get};

use crate::filters::{filter, said};

/// Asks `idp` on every request, logs what came back, and goes on.
const ASKS: &str = r#"
(global $waiting (mut i32) (i32.const 0))
(func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
  (global.set $waiting (local.get $context))
  (drop (call $call_idp)) (i32.const 1))
(func (export "proxy_on_http_call_response") (param i32 i32) (param $headers i32) (param $size i32) (param i32)
  (if (local.get $headers)
    (then
      (drop (call $get_header (i32.const 6) {{:status}} (i32.const 1024) (i32.const 1028)))
      (call $log_given)
      (call $log_number {{size }} (local.get $size)))
    (else (call $log {{no headers}})))
  (drop (call $act_for (global.get $waiting)))
  (call $resume))
"#;

fn ask(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Vec<String> {
    let gateway = Gateway::chain([filter(ASKS)]).cluster("idp", move |_: &Request| reply()).start().unwrap();
    gateway.send(get("/")).allowed();
    said(&gateway.logs())
}

#[test]
fn an_answer_is_read_in_its_callback() {
    assert_eq!(ask(|| Response::text(200, "hello").into()), ["200", "size 5"]);
}

#[test]
fn a_broken_connection_is_a_503_with_text() {
    assert_eq!(ask(|| Reply::Reset)[0], "503");
}

#[test]
fn garbage_is_a_502_with_text() {
    assert_eq!(ask(|| Reply::Garbage)[0], "502");
}

#[test]
fn silence_is_a_504_after_the_timeout() {
    let gateway = Gateway::chain([filter(ASKS)]).cluster("idp", |_: &Request| Reply::Hang).start().unwrap();
    let before = gateway.now();
    gateway.send(get("/")).allowed();
    assert_eq!(said(&gateway.logs())[0], "504");
    assert_eq!(gateway.now() - before, 1);
}

#[test]
fn a_slow_answer_takes_its_time_and_no_real_time() {
    assert_eq!(ask(|| Reply::After(Duration::from_millis(900), Response::text(200, "late")))[0], "200");
    assert_eq!(ask(|| Reply::After(Duration::from_millis(1100), Response::text(200, "late")))[0], "504");
}

#[test]
fn a_truncated_answer_has_no_headers() {
    assert_eq!(ask(|| Reply::Truncated(Response::text(200, "hel"))), ["no headers"]);
}

#[test]
fn an_answer_that_is_too_large_has_no_headers() {
    assert_eq!(ask(|| Response::text(200, vec![b'x'; (32 << 20) + 1]).into()), ["no headers"]);
}

#[test]
fn the_cluster_sees_the_request_once() {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let gateway = Gateway::chain([filter(ASKS)])
        .cluster("idp", move |request: &Request| {
            sink.lock().unwrap().push(request.clone());
            Response::text(200, "")
        })
        .start()
        .unwrap();
    gateway.send(get("/")).allowed();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_slice()), ("GET", b"/asked".as_slice()));
    assert_eq!(seen[0].authority, b"idp.example");
}

#[test]
#[should_panic(expected = "'filter' paused the request in proxy_on_request_headers and never resumed it")]
fn a_filter_that_forgets_the_request_after_its_answer_is_stuck() {
    let forgets = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $call_idp)) (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))
        "#;
    let gateway =
        Gateway::chain([filter(forgets)]).cluster("idp", |_: &Request| Response::text(200, "")).start().unwrap();
    gateway.send(get("/"));
}
