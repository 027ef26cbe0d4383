//! Input that no honest client sends: a clean denial, no trap. Both runners fail a test in which a VM trapped.

use fourleg_harness::{Protocol, get, post, request};
use fourleg_lab::mint::{Algorithm, base64url, compact, key};
use fourleg_tests::scenarios;

use crate::fixture::{good, serve};

scenarios! {
    fn bytes_that_are_not_utf8_deny_cleanly_wherever_they_stand(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let bearer = |bytes: &[u8]| [b"Bearer ", token.as_bytes(), bytes].concat();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for bytes in [&b"\xff"[..], b"\xc3\x28", b"\x80\x81", b"\xf0\x9f\x92\xa9"] {
                gateway.send(get("/mcp").over(protocol).header("authorization", bearer(bytes))).denied_with(400);
                gateway.send(get("/mcp").over(protocol).header("authorization", bytes)).denied_with(400);
                // In a field that decides nothing they are the upstream's business.
                gateway.send(get("/mcp").over(protocol).bearer(&token).header("x-any", bytes)).allowed();
            }
            gateway.send(get("/mcp").over(protocol).bearer(&good(&*gateway).header_text(b"{\"alg\":\"\xff\"}".to_vec()).sign())).denied_with(401);
            gateway.send(get("/mcp").over(protocol).bearer(&good(&*gateway).payload_text(b"{\"iss\":\"\xff\"}".to_vec()).sign())).denied_with(401);
        }
        for path in [&b"/mcp/\xff"[..], b"/mcp/\xc3\xa9", b"/mcp?\xff"] {
            gateway.send(get(path).bearer(&token)).never_reached_upstream();
        }
        gateway.send(get("/mcp").bearer(&token)).allowed();
    }

    fn ten_thousand_levels_of_json_in_any_segment_deny_cleanly(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let parts: Vec<&str> = token.split('.').collect();
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [33, 129, 1000, 10_000] {
                // As text of the segment itself, and as the value of a member; what is too long is too large.
                let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                for text in [deep.clone(), format!("{{\"a\":{deep}}}"), open.repeat(depth), format!("{{\"alg\":\"RS256\",\"kid\":{deep}}}")] {
                    let segment = base64url(&text);
                    for token in [
                        format!("{segment}.{}.{}", parts[1], parts[2]), format!("{}.{segment}.{}", parts[0], parts[2]), format!("{}.{}.{segment}", parts[0], parts[1]),
                        compact(r#"{"alg":"ES256","kid":"es256","typ":"at+jwt"}"#, &text, key(Algorithm::Es256)),
                    ] {
                        if token.len() < 55_000 {
                            let outcome = gateway.send(get("/mcp").header("authorization", format!("Bearer {token}")));
                            outcome.never_reached_upstream();
                            assert!([400, 401].contains(&outcome.response.status), "{}", outcome.picture());
                        }
                    }
                }
            }
        }
        gateway.send(get("/mcp").bearer(&token)).allowed();
    }

    fn huge_headers_deny_cleanly_up_to_the_limit_of_the_proxy_and_beyond(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for size in [1, 15_000, 16_384, 16_385, 40_000, 59_000] {
            let outcome = gateway.send(get("/mcp").bearer(&"a".repeat(size)));
            outcome.never_reached_upstream();
            assert!([400, 401].contains(&outcome.response.status), "{}", outcome.picture());
            gateway.send(get("/mcp").bearer(&format!("{token}{}", ".a".repeat(size / 2 + 1)))).never_reached_upstream();
        }
        gateway.send(get("/mcp").bearer(&"a".repeat(70_000))).denied_with(431);
        gateway.send(get("/mcp").bearer(&token).header("x-big", "a".repeat(50_000))).allowed();
        gateway.send(get(format!("/mcp?{}", "a".repeat(50_000))).bearer(&token)).allowed();
        gateway.send(get(format!("/mcp/{}", "a/".repeat(25_000))).bearer(&token)).allowed();
    }

    fn a_token_that_is_almost_one_is_refused_at_every_cut(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign_with(key(Algorithm::EdDsa));
        for cut in (0..token.len()).step_by(7) {
            gateway.send(get("/mcp").header("authorization", format!("Bearer {}", &token[..cut]))).never_reached_upstream();
            gateway.send(get("/mcp").header("authorization", format!("Bearer {}", &token[cut + 1..]))).never_reached_upstream();
        }
    }

    fn the_way_in_which_a_request_ends_changes_no_verdict(runner) {
        let gateway = serve(runner);
        let (good, bad) = (good(&*gateway).sign(), good(&*gateway).audience("other").sign());
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let ways = |token: &str| {
                let post = || post("/mcp").over(protocol).bearer(token);
                [
                    post(), post().body("x"), post().chunked(["x", "y"]), post().body("x").trailers([("x-end", "1")]),
                    post().chunked(["x", "y"]).trailers([("authorization", "Bearer x")]), get("/mcp").over(protocol).bearer(token),
                ]
            };
            for request in ways(&good) {
                gateway.send(request).allowed();
            }
            for request in ways(&bad) {
                gateway.send(request).denied_with(401).has_code("audience_mismatch");
            }
            // A credential in the trailers comes too late.
            let late = post("/mcp").over(protocol).body("x").trailers([("authorization", format!("Bearer {good}"))]);
            gateway.send(late).denied_with(401);
        }
    }

    fn strange_methods_and_connect_never_pass_unchecked(runner) {
        let gateway = serve(runner);
        for method in ["CONNECT", "TRACE", "PROPFIND", "get", "M-SEARCH"] {
            gateway.send(request(method, "/mcp")).never_reached_upstream();
        }
        gateway.send(get("/mcp").header("connection", "upgrade").header("upgrade", "websocket")).never_reached_upstream();
        gateway.send(request("OPTIONS", "*")).never_reached_upstream();
    }
}
