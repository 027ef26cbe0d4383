//! The Envoy runner itself, without filters, and with some that misbehave.
#![cfg(feature = "envoy")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "the emulator's tests need more of it")]
#[path = "emulator/filters.rs"]
mod filters;

/// Named so that `cargo xtask test --no-envoy` leaves it out.
mod on_envoy {
    use super::filters;
    use std::time::Duration;

    use fourleg_harness::{Envoy, Gateway, Protocol, Reply, Request, Response, Runner, Running, get, post};

    fn gateway(gateway: Gateway) -> Box<dyn Running> {
        Envoy::default().start(gateway).expect("a gateway without plugins starts")
    }

    const ACCEPTS: &str = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))"#;

    fn with_filter(callbacks: &str) -> Gateway {
        Gateway::chain([filters::filter(&format!("{ACCEPTS}{callbacks}"))])
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

    #[test]
    fn a_refused_configuration_is_an_error_with_envoys_log() {
        let refuses = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (call $log {{not this one}}) (i32.const 0))"#;
        let rejected = Envoy::default().start(Gateway::chain([filters::filter(refuses)])).map(|_| ()).unwrap_err();
        assert_eq!(filters::said(&rejected.logs), ["not this one"]);
    }

    #[test]
    #[should_panic(expected = "Uncaught RuntimeError: unreachable")]
    fn a_trap_while_a_filter_is_configured_fails_the_test() {
        let traps = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#;
        let _rejected = Envoy::default().start(Gateway::chain([filters::filter(traps)]));
    }

    #[test]
    #[should_panic(expected = "a VM has trapped")]
    fn a_trap_on_a_request_fails_the_test_at_its_end() {
        let traps = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)"#;
        let gateway = gateway(with_filter(traps));
        gateway.send(get("/")).denied_with(503);
    }

    #[test]
    #[should_panic(expected = "Envoy's log shows a secret")]
    fn a_credential_in_the_log_fails_the_test_at_its_end() {
        let leaks = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get_header (i32.const 0) {{authorization}} (i32.const 1024) (i32.const 1028)))
        (call $log_given) (i32.const 0))"#;
        let gateway = gateway(with_filter(leaks));
        gateway.send(get("/").bearer("a.credential.of-some-length")).allowed();
    }

    #[test]
    fn a_callout_fails_at_dispatch_without_hosts_and_without_a_cluster() {
        let calls = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $log_number {{status }} (call $call_idp)) (i32.const 0))"#;
        // 10 is InternalFailure, 2 is BadArgument.
        for (start, status) in [(with_filter(calls).empty_cluster("idp"), 10), (with_filter(calls), 2)] {
            let gateway = gateway(start);
            gateway.send(get("/")).allowed();
            assert_eq!(filters::said(&gateway.logs()), [format!("status {status}")]);
        }
    }

    #[test]
    fn filters_see_the_route_the_metadata_and_the_source_that_the_scenario_says() {
        let reads = |path: &str| {
            format!(
                r#"(if (i32.eqz (call $get_property {{{{{path}}}}} (i32.const 1024) (i32.const 1028))) (then (call $log_given)))"#
            )
        };
        let paths = [
            r"xds\0route_name",
            r"xds\0route_metadata\0filter_metadata\0fourleg\0kind",
            r"metadata\0filter_metadata\0before\0left",
            r"source\0address",
        ];
        let callback = format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {} (i32.const 0))"#,
            paths.map(reads).concat()
        );
        let gateway = gateway(
            with_filter(&callback)
                .route_name("files")
                .route_metadata("fourleg", serde_json::json!({"kind": "finance"}))
                .filter_metadata("before", serde_json::json!({"left": "this"}))
                .source("10.1.2.3:4567".parse().unwrap()),
        );
        for protocol in [Protocol::Http1, Protocol::Http2] {
            gateway.send(get("/").header("x-forwarded-for", "10.9.9.9").over(protocol)).allowed();
        }
        let once = ["files", "finance", "this", "10.1.2.3:4567"];
        assert_eq!(filters::said(&gateway.logs()), [once, once].concat());
    }
}
