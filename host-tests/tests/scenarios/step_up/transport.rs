//! What is around the messages of MCP: sessions, streams, arguments in headers, and what a rule may not look at.

use fourleg_harness::{Protocol, Response, get, request};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{
    chain,
    mcp::{call, config, message, stateless},
    serve, token,
};

scenarios! {
    /// MCP-01
    fn a_session_is_no_authentication_whatever_is_asked(runner) {
        let gateway = serve(runner, config());
        let session = "5ba552d6-8f9e-4c2a-9d63";
        let events = get("/mcp").header("accept", "text/event-stream");
        let requests = [
            message(&call(1, "read_a")),
            message(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})),
            message(&json!({"jsonrpc": "2.0", "id": 3, "result": {}})),
            events.clone().header("last-event-id", "7"),
            request("DELETE", "/mcp"),
        ];
        let good = token(&*gateway, json!({})).sign();
        for request in requests {
            let request = request.header("mcp-session-id", session);
            gateway.send(request.clone()).denied_with(401).has_code("credential_missing");
            gateway.send(request.bearer(&good)).allowed();
        }
    }

    /// MCP-07
    fn an_argument_that_a_header_repeats_is_the_same_in_both(runner) {
        let mut config = config();
        config["mcp"] = json!({"param_headers": [
            {"tool": "read_rows", "header": "Region", "argument": "/region"},
            {"tool": "read_rows", "header": "Limit", "argument": "/page/limit"},
        ]});
        let gateway = serve(runner, config);
        let good = token(&*gateway, json!({})).sign();
        let call = |arguments: serde_json::Value, headers: &[(&str, &str)]| {
            let template = stateless("read_rows");
            let mut body: serde_json::Value = serde_json::from_slice(&template.whole_body()).unwrap();
            body["params"]["arguments"] = arguments;
            let request = headers.iter().fold(template, |request, (name, value)| request.header(name, *value));
            fourleg_harness::Request { chunks: vec![body.to_string().into_bytes()], ..request }.bearer(&good)
        };
        for (arguments, headers) in [
            (json!({"region": "eu"}), &[("mcp-param-region", "eu")][..]),
            (json!({"region": "h\u{e9}"}), &[("mcp-param-region", "=?base64?aMOp?=")]),
            (json!({"region": "eu", "page": {"limit": 42}}), &[("mcp-param-region", "eu"), ("mcp-param-limit", "42.0")]),
            (json!({"region": null}), &[]),
            (json!({}), &[("mcp-param-unknown", "anything")]),
        ] {
            let outcome = gateway.send(call(arguments, headers));
            let names = outcome.allowed().headers.iter().filter(|(name, _)| name.starts_with(b"mcp-param-")).count();
            assert_eq!(names, headers.len());
        }
        for (arguments, headers) in [
            (json!({"region": "eu"}), &[("mcp-param-region", "us")][..]),
            (json!({"region": "eu"}), &[("mcp-param-region", "EU")]),
            (json!({"region": "eu"}), &[]),
            (json!({"region": null}), &[("mcp-param-region", "eu")]),
            (json!({}), &[("mcp-param-region", "eu")]),
            (json!({"region": "eu", "page": {"limit": 42}}), &[("mcp-param-region", "eu"), ("mcp-param-limit", "43")]),
            (json!({"region": "eu"}), &[("mcp-param-region", "=?base64?!?=")]),
        ] {
            let picture = format!("{arguments} {headers:?}");
            let outcome = gateway.send(call(arguments, headers));
            assert_eq!(outcome.response.status, 400, "{picture}\n{}", outcome.picture());
            assert_eq!(outcome.never_reached_upstream().body_json()["error"]["code"], -32020, "{picture}");
        }
    }

    /// MCP-16: what a client says of itself is no ground for a decision.
    fn a_rule_on_what_a_client_says_of_itself_does_not_load(runner) {
        for mcp in [json!({"client_info": ["inspector"]}), json!({"clientInfo": {"name": "x"}}), json!({"capabilities": []})] {
            let rule = json!({"name": "r", "match": {"mcp": mcp}, "require": {}});
            let Err(refused) = runner.start(chain(json!({"rules": [rule], "unmatched": "deny"}))) else { panic!("it loaded") };
            let logs = refused.logs.join("\n");
            assert!(logs.contains("rules[0].match.mcp"), "{logs}");
        }
    }

    /// MCP-17
    fn an_event_stream_passes_untouched(runner) {
        let events = ": keep-alive\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\"}\n\n: keep-alive\n\n";
        let upstream = move |_: &fourleg_harness::Request| {
            let mut response = Response::text(200, events);
            response.headers = vec![
                (b"content-type".to_vec(), b"text/event-stream".to_vec()),
                (b"x-accel-buffering".to_vec(), b"no".to_vec()),
            ];
            response
        };
        let gateway = runner.start(chain(config()).upstream(upstream)).unwrap();
        let good = token(&*gateway, json!({})).sign();
        let listen = get("/mcp").header("accept", "text/event-stream").header("mcp-protocol-version", "2025-11-25");
        for request in [listen, message(&call(1, "read_a"))] {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let outcome = gateway.send(request.clone().bearer(&good).over(protocol));
                outcome.allowed();
                assert_eq!(outcome.response.body, events.as_bytes());
                assert_eq!(outcome.header("x-accel-buffering"), "no");
                assert_eq!(outcome.header("content-type"), "text/event-stream");
            }
        }
    }
}

mod streaming {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::{TcpListener, TcpStream},
        sync::mpsc,
        thread,
        time::Duration,
    };

    use fourleg_lab::{
        envoy::{Bootstrap, WasmFilter, target_dir},
        mint::Mint,
    };
    use fourleg_tests::warm;

    use super::*;
    use crate::fixture::{self, I, R};

    /// An upstream that sends one event at once, and the next only when it is told to.
    fn streaming_upstream(go_on: mpsc::Receiver<()>) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = BufReader::new(connection.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            connection.write_all(start.as_bytes()).unwrap();
            connection.write_all(b"d\r\ndata: first\n\n\r\n").unwrap();
            if go_on.recv_timeout(Duration::from_secs(20)).is_ok() {
                let _ = connection.write_all(b"e\r\ndata: second\n\n\r\n0\r\n\r\n");
            }
        });
        address
    }

    mod on_envoy {
        use super::*;

        /// MCP-17: were a stream held back until it ends, the first event would never come here.
        #[test]
        fn the_first_event_of_a_stream_arrives_while_the_next_is_still_to_come() {
            let (tell, told) = mpsc::channel();
            let filter = |name: &str, config: serde_json::Value| {
                WasmFilter::new(name, target_dir().join(format!("wasm/{name}.wasm")), config.to_string())
            };
            let bootstrap = Bootstrap::before(streaming_upstream(told))
                .filter(filter("audience_validation", fixture::config()))
                .filter(filter("claim_challenge", config()));
            let envoy = warm::serve(&bootstrap);
            let mut client = TcpStream::connect(envoy.address()).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let token = Mint::new(I, R).access_token().scope("tools:read").sign();
            let head = format!(
                "GET /mcp HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            client.write_all(head.as_bytes()).unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&seen).contains("data: first") {
                let size = client.read(&mut buffer).expect("the first event arrives");
                assert!(size > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
                seen.extend_from_slice(&buffer[..size]);
            }
            tell.send(()).unwrap();
            while !String::from_utf8_lossy(&seen).contains("data: second") {
                let size = client.read(&mut buffer).expect("the second event arrives");
                assert!(size > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
                seen.extend_from_slice(&buffer[..size]);
            }
        }
    }
}
