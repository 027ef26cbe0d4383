//! Filters that watch, hold, edit and refuse.

use fourleg_harness::{Gateway, Plugin, Protocol, Reply, Request, Response, get, post, request};

use crate::on_envoy::{compare::certify, filters};

/// In every callback: says which it is and what every map and buffer answers.
pub(super) fn observer(name: &str, on_headers: u32, on_body: &str) -> Plugin {
    filters::named(
        name,
        &format!(
            r#"
(func $states
  (local $kind i32)
  (local.set $kind (i32.const 0))
  (loop $maps
    (call $log_number {{{{  map }}}} (i32.add (i32.mul (local.get $kind) (i32.const 10000)) (i32.add
      (i32.mul (call $get_header (local.get $kind) {{{{x-none}}}} (i32.const 1024) (i32.const 1028)) (i32.const 100))
      (call $get_headers (local.get $kind) (i32.const 1024) (i32.const 1028)))))
    (local.set $kind (i32.add (local.get $kind) (i32.const 1)))
    (br_if $maps (i32.lt_u (local.get $kind) (i32.const 9))))
  (local.set $kind (i32.const 0))
  (loop $buffers
    (i32.store (i32.const 1028) (i32.const 0))
    (call $log_number {{{{  buffer }}}} (i32.add (i32.mul (local.get $kind) (i32.const 1000000)) (i32.add
      (i32.mul (call $get_buffer (local.get $kind) (i32.const 0) (i32.const 9999) (i32.const 1024) (i32.const 1028)) (i32.const 10000))
      (i32.load (i32.const 1028)))))
    (local.set $kind (i32.add (local.get $kind) (i32.const 1)))
    (br_if $buffers (i32.lt_u (local.get $kind) (i32.const 10))))
  (call $log_number {{{{  set request header }}}} (call $set_header (i32.const 0) {{{{x-set}}}} {{{{{name}}}}}))
  (call $log_number {{{{  path property }}}} (call $get_property {{{{request\0path}}}} (i32.const 1024) (i32.const 1028)))
  (call $log_number {{{{  details property }}}} (call $get_property {{{{response\0code_details}}}} (i32.const 1024) (i32.const 1028)))
  (if (i32.load (i32.const 1028)) (then (call $log_given)))
  (call $log_number {{{{  code property }}}} (call $get_property {{{{response\0code}}}} (i32.const 1024) (i32.const 1028)))
)
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{{{request headers }}}} (local.get 2)) (call $states) (i32.const {on_headers}))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $log_number {{{{request body }}}} (local.get 1)) (call $log_number {{{{end }}}} (local.get 2)) (call $states) {on_body})
(func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
  (call $log_number {{{{request trailers }}}} (local.get 1)) (call $states) (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{{{response headers, end }}}} (local.get 2)) (call $states) (i32.const 0))
(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
  (call $log_number {{{{response body }}}} (local.get 1)) (call $log_number {{{{end }}}} (local.get 2)) (call $states) (i32.const 0))
(func (export "proxy_on_log") (param i32) (call $log {{{{log}}}}) (call $states))
(func (export "proxy_on_done") (param i32) (result i32) (call $log {{{{done}}}}) (call $states) (i32.const 1))
(func (export "proxy_on_delete") (param i32) (call $log {{{{delete}}}}))
"#
        ),
    )
}

#[test]
fn a_filter_that_watches_sees_the_same() {
    certify(
        || Gateway::chain([observer("one", 0, "(i32.const 0)")]),
        vec![
            get("/"),
            post("/").body("abcd"),
            post("/").body("abcd").over(Protocol::Http2),
            post("/").body("abcd").trailers([("x-t", "1")]).over(Protocol::Http2),
            post("/").body("abcd").trailers([("x-t", "1")]),
            request("HEAD", "/"),
        ],
    );
}

#[test]
fn a_filter_that_holds_the_body_sees_the_same() {
    certify(
        || Gateway::chain([observer("one", 1, "(i32.eqz (local.get 2))")]),
        vec![
            post("/").body("abcd"),
            post("/").body("abcd").over(Protocol::Http2),
            post("/").body("abcd").trailers([("x-t", "1")]).over(Protocol::Http2),
        ],
    );
}

#[test]
fn two_filters_that_hold_the_body_see_the_same() {
    certify(
        || {
            Gateway::chain([
                observer("one", 1, "(i32.eqz (local.get 2))"),
                observer("two", 1, "(i32.eqz (local.get 2))"),
            ])
        },
        vec![post("/").body("abcd"), post("/").body("abcd").trailers([("x-t", "1")]).over(Protocol::Http2)],
    );
}

#[test]
fn a_denial_is_seen_by_the_same_filters() {
    let denies = |when: &str| {
        filters::named(
            "denier",
            &format!(
                r#"(func (export "proxy_on_{when}") (param i32 i32 i32) (result i32)
  (drop (call $reply (i32.const 403) {{{{some details}}}} {{{{go away}}}} (i32.const 0) (i32.const 0) (i32.const -1)))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $log {{{{response}}}}) (i32.const 0))
(func (export "proxy_on_log") (param i32) (call $log {{{{log}}}}))"#
            ),
        )
    };
    for when in ["request_headers", "request_body"] {
        certify(
            || {
                Gateway::chain([
                    observer("one", 0, "(i32.const 0)"),
                    denies(when),
                    observer("three", 0, "(i32.const 0)"),
                ])
            },
            vec![get("/"), post("/").body("abcd")],
        );
    }
}

/// Asks on headers and holds everything until the answer.
const ASKER: &str = r#"(global $waiting (mut i32) (i32.const 0))
(func $hold (result i32) (i32.ne (global.get $waiting) (i32.const 0)))
(func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
  (call $log {{headers}})
  (global.set $waiting (local.get $context))
  (drop (call $call_idp)) (call $hold))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
  (call $log_number {{body }} (local.get 1)) (call $log_number {{end }} (local.get 2)) (call $hold))
(func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
  (call $log {{trailers}}) (call $hold))
(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
  (call $log {{answer}})
  (drop (call $act_for (global.get $waiting)))
  (global.set $waiting (i32.const 0))
  (call $resume))"#;

#[test]
fn a_request_held_for_an_answer_goes_on_alike() {
    for allow in [true, false] {
        certify(
            || {
                let mut asker = filters::named("asker", ASKER);
                asker.allow_on_headers_stop_iteration = allow;
                Gateway::chain([asker, observer("two", 0, "(i32.const 0)")]).cluster("idp", |_: &Request| {
                    Reply::After(std::time::Duration::from_millis(100), Response::text(200, "x"))
                })
            },
            vec![
                get("/"),
                post("/").body("abcd"),
                post("/").body("abcd").over(Protocol::Http2),
                post("/").body("abcd").trailers([("x-t", "1")]).over(Protocol::Http2),
            ],
        );
    }
}

#[test]
fn a_held_response_is_edited_alike() {
    let edits = r#"
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (call $log_number {{headers, end }} (local.get 2))
  (drop (call $set_header (i32.const 2) {{content-length}} {{7}}))
  (i32.eqz (local.get 2)))
(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
  (call $log_number {{body }} (local.get 1)) (call $log_number {{end }} (local.get 2))
  (if (local.get 2) (then
    (call $log_number {{late edit }} (call $set_header (i32.const 2) {{x-late}} {{yes}}))
    (call $log_number {{in between }} (call $set_buffer (i32.const 1) (i32.const 1) (i32.const 1) {{x}}))
    (call $log_number {{replace }} (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 9999) {{edi}}))
    (call $log_number {{prepend }} (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 0) {{<<}}))
    (call $log_number {{append }} (call $set_buffer (i32.const 1) (i32.const 99) (i32.const 0) {{>>}}))
    (drop (call $get_buffer (i32.const 1) (i32.const 0) (i32.const 99) (i32.const 1024) (i32.const 1028)))
    (call $log_given)))
  (i32.eqz (local.get 2)))"#;
    certify(|| Gateway::chain([observer("one", 0, "(i32.const 0)"), filters::named("editor", edits)]), vec![get("/")]);
}

#[test]
fn a_refusal_on_the_way_back_is_the_same() {
    for when in ["response_headers", "response_body"] {
        let denies = format!(
            r#"(global $done (mut i32) (i32.const 0))
(func (export "proxy_on_{when}") (param i32 i32 i32) (result i32)
  (if (global.get $done) (then (return (i32.const 0))))
  (global.set $done (i32.const 1))
  (drop (call $reply (i32.const 502) {{{{d}}}} {{{{no}}}} (i32.const 0) (i32.const 0) (i32.const -1)))
  (i32.const 0))"#
        );
        if when == "response_body" {
            // The headers are with the client already: the connection breaks, and how a client says so is its own.
            continue;
        }
        certify(
            || Gateway::chain([observer("one", 0, "(i32.const 0)"), filters::named("denier", &denies)]),
            vec![get("/")],
        );
    }
}
