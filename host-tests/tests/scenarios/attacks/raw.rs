//! Bytes that no client library sends, at a real Envoy.

mod on_envoy {
    use std::thread;

    use fourleg_lab::{
        echo_upstream::EchoUpstream,
        envoy::{Bootstrap, WasmFilter, target_dir, traps},
        mint::Mint,
    };
    use fourleg_tests::warm;

    use super::super::exchange;
    use crate::fixture::{I, R, config};

    #[test]
    fn no_way_of_framing_a_request_hides_it_from_the_filter() {
        let upstream = EchoUpstream::start().unwrap();
        let module = target_dir().join("wasm/audience_validation.wasm");
        let bootstrap = Bootstrap::before(upstream.address()).filter(WasmFilter::new(
            "audience_validation",
            module,
            config().to_string(),
        ));
        let running = warm::serve(&bootstrap);
        let good = Mint::new(I, R).access_token().scope("tools:read").sign();
        let bad = Mint::new(I, R).access_token().scope("").sign();
        let hidden = "GET /mcp HTTP/1.1\r\nhost: h\r\n\r\n";
        let mut clients = Vec::new();
        for head in [
            // Pipelined behind a public request, and inside what may or may not be a body.
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n{hidden}{hidden}"),
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len()),
            format!(
                "POST /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
                hidden.len()
            ),
            format!(
                "GET /healthz HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\ncontent-length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0;x=\"\r\n\r\n{hidden}"),
            format!(
                "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n{hidden}"
            ),
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n{hidden}"),
            format!("GET /healthz HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx{hidden}"),
            // A credential that is none of this request.
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nx: y\rauthorization: Bearer {good}\r\n\r\n"),
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization : Bearer {good}\r\n\r\n"),
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nx: y\r\n authorization: Bearer {good}\r\n\r\n"),
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bad}\r\n {good}\r\n\r\n"),
            format!(
                "GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {bad}\r\nauthorization: Bearer {good}\r\n\r\n"
            ),
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {good}\x00\r\n\r\n"),
            format!(
                "GET /mcp HTTP/1.1\r\nhost: h\r\nconnection: authorization\r\nauthorization: Bearer {good}\r\n\r\n"
            ),
            format!(
                "POST /mcp HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nauthorization: Bearer {good}\r\n\r\n"
            ),
            // Other forms of the target.
            "GET http://h/mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET http://h/healthz/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET http:///healthz/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET /mcp#/healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET /healthz#/../mcp HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET\t/mcp\tHTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "GET /mcp HTTP/1.0\r\n\r\n".to_owned(),
            "GET /mcp\r\n\r\n".to_owned(),
            "CONNECT /healthz HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /mcp HTTP/1.1\r\n\r\n".to_owned(),
        ] {
            let (address, good, bad) = (running.address(), good.clone(), bad.clone());
            clients.push(thread::spawn(move || {
                let response = exchange(address, head.as_bytes());
                assert!(!response.contains(&good) && !response.contains(&bad), "{head:?}\n{response}");
            }));
        }
        for client in clients {
            client.join().unwrap();
        }
        for received in upstream.received() {
            let request = &received.request;
            assert!(request.method == "GET" && request.path == b"/healthz", "{request:?}");
        }
        // It still serves, and has told nobody.
        let response = exchange(
            running.address(),
            format!("GET /mcp HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {good}\r\n\r\n").as_bytes(),
        );
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        let logs = running.logs();
        assert!(traps(&logs).is_empty());
        assert!(!logs.iter().any(|line| line.contains(&good) || line.contains(&bad)));
    }
}
