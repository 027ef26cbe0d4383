//! What the proxy does by itself before and behind the filters.

use std::fmt::Write;

use fourleg_harness::{Gateway, Protocol, Reply, Request, Response, get, post, request};

use crate::on_envoy::watching::observer;
use crate::on_envoy::{compare::certify, filters};

#[test]
fn several_fields_of_one_name_look_the_same() {
    let lists = r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $get_headers (i32.const 0) (i32.const 1024) (i32.const 1028)))
  (call $split (i32.load (i32.const 1024)))
  VALUES
  (i32.const 0))
(func $split (param $at i32)
  (local $count i32) (local $sizes i32) (local $data i32) (local $index i32) (local $size i32)
  (local.set $count (i32.load (local.get $at)))
  (local.set $sizes (i32.add (local.get $at) (i32.const 4)))
  (local.set $data (i32.add (local.get $sizes) (i32.mul (local.get $count) (i32.const 8))))
  (local.set $count (i32.mul (local.get $count) (i32.const 2)))
  (loop $next
    (local.set $size (i32.load (local.get $sizes)))
    (call $log (local.get $data) (local.get $size))
    (local.set $data (i32.add (local.get $data) (i32.add (local.get $size) (i32.const 1))))
    (local.set $sizes (i32.add (local.get $sizes) (i32.const 4)))
    (local.set $index (i32.add (local.get $index) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $index) (local.get $count)))))
"#;
    const NAMES: &[&str] = &[
        "accept",
        "accept-encoding",
        "accept-language",
        "access-control-request-headers",
        "authorization",
        "baggage",
        "cache-control",
        "cookie",
        "content-type",
        "content-encoding",
        "content-language",
        "date",
        "dpop",
        "etag",
        "expect",
        "forwarded",
        "from",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-range",
        "mcp-session-id",
        "origin",
        "pragma",
        "proxy-authorization",
        "range",
        "referer",
        "te",
        "traceparent",
        "tracestate",
        "user-agent",
        "via",
        "x-foo",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-http-method-override",
        "x-original-url",
        "x-envoy-original-path",
        "grpc-timeout",
        "www-authenticate",
        "x-envoy-max-retries",
        "x-envoy-retry-on",
        "x-envoy-upstream-rq-timeout-ms",
        "x-forwarded-client-cert",
        "x-forwarded-port",
        "x-client-trace-id",
        "x-request-id",
        "x-ot-span-context",
        "x-b3-traceid",
        "grpc-accept-encoding",
        "x-envoy-force-trace",
        "x-envoy-internal",
        "x-envoy-external-address",
        "x-envoy-downstream-service-cluster",
        "x-envoy-decorator-operation",
    ];
    let mut values = String::new();
    for name in NAMES {
        let _ = write!(
            values,
            r#"(call $log {{{{{name}}}}}) (i32.store (i32.const 1028) (i32.const 0))
               (drop (call $get_header (i32.const 0) {{{{{name}}}}} (i32.const 1024) (i32.const 1028))) (call $log_given)
               (i32.store (i32.const 1028) (i32.const 0))
               (drop (call $get_property {{{{request\0headers\0{name}}}}} (i32.const 1024) (i32.const 1028))) (call $log_given)"#
        );
    }
    let source = lists.replace("VALUES", &values);
    let requests: Vec<Request> =
        NAMES.iter().map(|name| get("/").header(name, "a").header("x-between", "1").header(name, "b")).collect();
    // One at a time: they influence each other.
    let _ = &requests;
    certify(|| Gateway::chain([filters::named("lister", &source)]), requests);
}

#[test]
fn edits_of_doubled_fields_end_the_same() {
    let edits = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $set_header (i32.const 0) {{x-foo}} {{new}}))
  (drop (call $set_header (i32.const 0) {{authorization}} {{new}}))
  (drop (call $set_header (i32.const 0) {{X-Upper}} {{new}}))
  (i32.const 0))"#;
    certify(
        || Gateway::chain([filters::named("editor", edits)]),
        vec![get("/").header("x-foo", "a").header("x-foo", "b").bearer("aaaa").bearer("bbbb")],
    );
}

#[test]
fn an_upstream_that_fails_looks_the_same() {
    for reply in [
        Reply::Response(Response::text(204, "")),
        Reply::Response(Response::text(500, "oops")),
        Reply::Reset,
        Reply::Garbage,
    ] {
        eprintln!("{reply:?}");
        certify(
            || {
                let reply = reply.clone();
                Gateway::chain([observer("one", 0, "(i32.const 0)")]).upstream(move |_: &Request| reply.clone())
            },
            vec![get("/")],
        );
    }
}

#[test]
fn what_the_proxy_refuses_over_http2_is_the_same() {
    let watches = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log {{seen}}) (i32.const 0))
(func (export "proxy_on_log") (param i32) (call $log {{log}}))"#;
    let requests = [
        get("/").header("x-large", vec![b'x'; 61 << 10]),
        get([b'/', 0xc3, 0xa4]),
        get("*"),
        request("OPTIONS", "*"),
        get("/").header("te", "trailers"),
    ];
    certify(
        || Gateway::chain([filters::named("one", watches)]),
        requests.map(|request| request.over(Protocol::Http2)).to_vec(),
    );
}

#[test]
fn what_the_proxy_refuses_is_the_same() {
    let plain = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{end }} (local.get 2))
  (call $log_number {{status }} (call $get_header (i32.const 0) {{:path}} (i32.const 1024) (i32.const 1028)))
  (if (i32.eqz (call $get_header (i32.const 0) {{:path}} (i32.const 1024) (i32.const 1028))) (then (call $log_given)))
  (i32.const 0))
(func (export "proxy_on_log") (param i32)
  (drop (call $get_property {{response\0code_details}} (i32.const 1024) (i32.const 1028))) (call $log_given))"#;
    certify(
        || Gateway::chain([filters::named("one", plain)]),
        vec![
            get("/").header("x-evil", "a\0b"),
            get("/").header("x-evil", "a\x01b"),
            get("/").header("x-evil", "a\x7fb"),
            get("/").header("x-evil", [b'a', 0xff, b'b']),
            get("/").header("x evil", "a"),
            get("/").header("x_evil", "a"),
            get("/").host(""),
            get("/").header("x-large", vec![b'x'; 61 << 10]),
            get("/").header("x-large", vec![b'x'; 50 << 10]),
            get("/a\x7fb"),
            get([b'/', 0xc3, 0xa4]),
            get("*"),
            get("no-slash"),
            get("/a#b"),
            get("//a/../b%2f"),
            request("OPTIONS", "*"),
            request("CONNECT", "tools.example:443"),
            request("TRACE", "/"),
            get("/").header("connection", "upgrade").header("upgrade", "websocket"),
            post("/").header("content-length", "0"),
            post("/").header("transfer-encoding", "chunked").header("content-length", "4"),
        ],
    );
}
