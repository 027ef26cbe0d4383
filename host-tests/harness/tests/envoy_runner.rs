//! The Envoy runner itself, without any filter.
#![cfg(feature = "envoy")]

use std::time::Duration;

use fourleg_harness::{
    Envoy, Gateway, Protocol, Reply, Request, Response, Runner, Running, get, post,
};

fn gateway(gateway: Gateway) -> Box<dyn Running> {
    Envoy.start(gateway).expect("a gateway without plugins starts")
}

fn plain() -> Gateway {
    Gateway::chain([])
}

#[test]
fn a_request_passes_with_body_trailers_and_duplicate_fields_over_both_protocols() {
    let gateway = gateway(plain());
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let outcome = gateway.send(
            post("/a?b=c")
                .header("x-twice", "one")
                .header("x-twice", "two")
                .header("x-raw", b"\xff\xfe")
                .chunked(["first", "second"])
                .trailers([("x-end", "yes")])
                .over(protocol),
        );
        assert_eq!((outcome.response.status, outcome.response.body.as_slice()), (200, b"upstream".as_slice()));
        let [received] = outcome.upstream.as_slice() else { panic!("{:?}", outcome.upstream) };
        assert_eq!((received.method.as_str(), received.path.as_slice()), ("POST", b"/a?b=c".as_slice()));
        assert_eq!(received.authority, b"tools.example");
        assert_eq!(received.whole_body(), b"firstsecond");
        assert_eq!(received.trailers, Some(vec![(b"x-end".to_vec(), b"yes".to_vec())]), "{protocol:?}");
        assert!(received.headers.contains(&(b"x-raw".to_vec(), b"\xff\xfe".to_vec())));
        let twice: Vec<_> = received.headers.iter().filter(|(name, _)| name == b"x-twice").collect();
        assert_eq!(twice.len(), 2, "{twice:?}");
        assert_eq!(received.header_text("x-harness-request"), None);
    }
}

#[test]
fn many_requests_at_once_get_their_own_outcomes() {
    let gateway =
        gateway(plain().workers(2).upstream(|request: &Request| Response::text(200, request.path.clone())));
    let outcomes = gateway.send_all((0..50).map(|number| get(format!("/{number}"))).collect());
    for (number, outcome) in outcomes.iter().enumerate() {
        let path = format!("/{number}").into_bytes();
        assert_eq!(outcome.response.body, path);
        assert_eq!(outcome.upstream.len(), 1);
        assert_eq!(outcome.upstream[0].path, path);
    }
}

#[test]
fn broken_upstreams_break_as_told() {
    let gateway = gateway(plain().upstream(|request: &Request| match request.path.as_slice() {
        b"/reset" => Reply::Reset,
        b"/garbage" => Reply::Garbage,
        b"/truncated" => Reply::Truncated(Response::text(200, "half")),
        _ => Reply::After(Duration::from_millis(50), Response::text(201, "late")),
    }));
    let status = |path: &str| gateway.send(get(path)).response.status;
    assert_eq!(status("/reset"), 503);
    assert_eq!(status("/garbage"), 502);
    assert_eq!(status("/late"), 201);
    let truncated = gateway.send(get("/truncated"));
    assert_eq!((truncated.response.status, truncated.response.body.as_slice()), (200, b"half".as_slice()));
    assert_eq!(truncated.upstream.len(), 1);
}

#[test]
fn huge_header_fields_are_refused_by_envoy_itself() {
    let gateway = gateway(plain());
    let outcome = gateway.send(get("/").header("x-huge", vec![b'a'; 100_000]));
    assert_eq!(outcome.response.status, 431);
    assert!(outcome.upstream.is_empty());
}

#[test]
#[should_panic(expected = "the client saw a secret")]
fn a_secret_in_a_response_fails_the_test() {
    let gateway = gateway(plain().canary("k3yb04rd").upstream(|_: &Request| Response::text(200, "…k3yb04rd…")));
    gateway.send(get("/"));
}
