//! Calls hidden in the framing of HTTP, at a real Envoy, while a body waits for its verdict.

mod on_envoy {
    use std::thread;

    use fourleg_lab::{
        echo_upstream::EchoUpstream,
        envoy::{Bootstrap, WasmFilter, target_dir, traps},
        mint::Mint,
    };
    use fourleg_tests::warm;
    use serde_json::json;

    use super::super::exchange;
    use crate::fixture::{I, R, config};

    /// One connection's bytes; the bearer of the good token is `{auth}`, a call of the dangerous tool `{hidden}`.
    fn attacks(auth: &str) -> Vec<String> {
        let body =
            |tool: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
        let (harmless, dangerous) = (body("read_a"), body("delete_a"));
        let head =
            |more: &str| format!("POST /mcp HTTP/1.1\r\nhost: h\r\n{auth}content-type: application/json\r\n{more}\r\n");
        let with_length = |body: &str| format!("{}{body}", head(&format!("content-length: {}\r\n", body.len())));
        let chunk = |bytes: &str| format!("{:x}\r\n{bytes}\r\n", bytes.len());
        let chunked = head("transfer-encoding: chunked\r\n");
        let hidden = with_length(&dangerous);
        vec![
            // After and inside of what is denied before its body has come: by the head, by the verdict, by its length.
            format!("POST /mcp HTTP/1.1\r\nhost: h\r\n{auth}content-length: {}\r\n\r\n{hidden}", hidden.len()),
            format!(
                "POST /mcp HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
            format!("{}{hidden}", with_length(&dangerous)),
            format!("{}{hidden}", with_length("{")),
            format!("{}{hidden}{hidden}", with_length(&harmless)),
            format!("{}{dangerous}", head("content-length: 0\r\n")),
            format!("{}{dangerous}", head("")),
            format!(
                "GET /mcp HTTP/1.1\r\nhost: h\r\n{auth}accept: text/event-stream\r\ncontent-length: {}\r\n\r\n{dangerous}",
                dangerous.len()
            ),
            format!(
                "GET /mcp HTTP/1.1\r\nhost: h\r\n{auth}accept: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk(&dangerous)
            ),
            format!(
                "DELETE /mcp HTTP/1.1\r\nhost: h\r\n{auth}mcp-session-id: s\r\ncontent-length: {}\r\n\r\n{dangerous}",
                dangerous.len()
            ),
            // Where the body ends.
            format!("{chunked}{}{}0\r\n\r\n", chunk(&harmless), chunk(&dangerous)),
            format!("{chunked}{}0\r\nx-end: 1\r\n\r\n{hidden}", chunk(&dangerous)),
            format!("{chunked}{}0\r\nmcp-name: read_a\r\ncontent-type: text/plain\r\n\r\n", chunk(&dangerous)),
            format!("{chunked}{}", chunk(&dangerous)),
            format!("{chunked}0\r\n\r\n{dangerous}"),
            format!(
                "{}{}0\r\n\r\n",
                head(&format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", harmless.len())),
                chunk(&dangerous)
            ),
            format!("{}{}0\r\n\r\n", head("transfer-encoding: chunked, identity\r\n"), chunk(&dangerous)),
            format!("{}{}0\r\n\r\n", head("transfer-encoding: gzip, chunked\r\n"), chunk(&dangerous)),
            format!("{}{dangerous}", head(&format!("expect: 100-continue\r\ncontent-length: {}\r\n", dangerous.len()))),
            format!("{}{}0\r\n\r\n", head("expect: 100-continue\r\ntransfer-encoding: chunked\r\n"), chunk(&dangerous)),
            format!(
                "{}{dangerous}",
                head(&format!("content-encoding: identity, gzip\r\ncontent-length: {}\r\n", dangerous.len()))
            ),
            // Ways out of HTTP.
            format!(
                "{}{dangerous}",
                head(&format!("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: {}\r\n", dangerous.len()))
            ),
            format!(
                "{}{dangerous}",
                head(&format!("connection: upgrade\r\nupgrade: h2c\r\ncontent-length: {}\r\n", dangerous.len()))
            ),
            format!("CONNECT /mcp HTTP/1.1\r\nhost: h\r\n{auth}\r\n{hidden}"),
            // The endpoint by other names.
            hidden.replace("POST /mcp ", "POST //mcp "),
            hidden.replace("POST /mcp ", "POST /mcp;a=b "),
            hidden.replace("POST /mcp ", "POST /x/../mcp "),
            hidden.replace("POST /mcp ", "POST http://h/mcp "),
            hidden.replace("POST /mcp ", "POST /mcp%2f "),
            hidden.replace("POST /mcp ", "POST /mcp/ "),
            hidden.replace("POST /mcp ", "POST /MCP "),
            hidden.replace("POST /mcp ", "post /mcp "),
            hidden.replace("HTTP/1.1", "HTTP/1.0"),
            // Fields that say another name, joined, folded, nominated.
            hidden.replace("content-type:", "connection: content-type, mcp-name\r\nmcp-name: read_a\r\ncontent-type:"),
            hidden.replace("application/json", "application/json\r\ncontent-type: application/json"),
            hidden.replace("application/json", "application/json, application/json"),
            hidden.replace("application/json", "application/json;\r\n charset=utf-7"),
        ]
    }

    #[test]
    fn no_framing_takes_a_call_past_its_verdict() {
        for (body_mode, stop_iteration) in [("hold_headers", true), ("hold_body", false)] {
            let upstream = EchoUpstream::start().unwrap();
            let filter = |name: &str, configuration: String| {
                WasmFilter::new(name, target_dir().join(format!("wasm/{name}.wasm")), configuration)
                    .allow_on_headers_stop_iteration(stop_iteration)
            };
            // Any path: what a later hop takes for the endpoint must not pass under another name.
            let mut first = config();
            first["resources"][0].as_object_mut().unwrap().remove("match");
            let ours = json!({
                "unmatched": "allow", "body_mode": body_mode,
                "rules": [{"name": "delete", "match": {"path": {"prefix": "/mcp"}, "mcp": {"tools": ["delete_*"]}}, "require": {"acr_values": ["mfa"]}}],
            });
            let bootstrap = Bootstrap::before(upstream.address())
                .filter(filter("audience_validation", first.to_string()))
                .filter(filter("claim_challenge", ours.to_string()));
            let running = warm::serve(&bootstrap);
            let good = Mint::new(I, R).access_token().scope("tools:read").sign();
            let auth = format!("authorization: Bearer {good}\r\n");
            let clients = attacks(&auth).into_iter().map(|bytes| {
                let (address, good) = (running.address(), good.clone());
                thread::spawn(move || {
                    let response = exchange(address, bytes.as_bytes());
                    assert!(!response.contains(&good), "{bytes:?}\n{response}");
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.join().unwrap();
            }
            for received in upstream.received() {
                let body = received.request.chunks.concat();
                let body = String::from_utf8_lossy(&body);
                assert!(!body.contains("delete_a"), "{body_mode}: {received:?}");
            }
            // It still serves: what is harmless arrives, and what is dangerous is challenged. The other user was
            // challenged too often by now.
            let good = Mint::new(I, R).access_token().scope("tools:read").subject("another").sign();
            let auth = format!("authorization: Bearer {good}\r\n");
            for (tool, start) in [("read_b", "HTTP/1.1 200"), ("delete_b", "HTTP/1.1 401")] {
                let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
                let length = body.len();
                let request = format!(
                    "POST /mcp HTTP/1.1\r\nhost: h\r\n{auth}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let response = exchange(running.address(), request.as_bytes());
                assert!(response.starts_with(start), "{body_mode} {tool}: {response}");
            }
            assert!(traps(&running.logs()).is_empty());
        }
    }
}
