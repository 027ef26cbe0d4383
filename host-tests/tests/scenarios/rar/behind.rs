//! Behind `jwt_authn`, and where the headers cannot be held.

use fourleg_harness::{Gateway, Protocol, Request, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{rar, remedy, token, types};
use crate::fixture::{I, R, config as audience_validation, of_jwt_authn};

fn call(amount: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"pay","arguments":{{"amount":{amount}}}}}}}"#
    )
}

fn message(text: &str) -> Request {
    post("/mcp")
        .body(text)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

fn payment() -> Value {
    json!([{"type": "payment", "max_amount": 100, "locations": [R]}])
}

fn config() -> Value {
    json!({"types": types(), "rules": [
        {"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "require": {"type": "payment", "max_amount": "{mcp.arguments/amount}"}},
        {"name": "read", "match": {"methods": ["GET"], "path": {"template": "/mcp/{file}"}},
         "require": {"type": "file_access", "actions": ["read"], "identifier": "{path.file}"}},
    ]})
}

scenarios! {
    /// RAR-10, RAR-13. The metadata is set by hand here; with the native filter see `alone_on_envoy`.
    fn behind_jwt_authn_the_same_is_granted(runner) {
        let mut ours = config();
        ours["token"] = of_jwt_authn();
        let chain = Gateway::chain([rar(ours)]).filter_metadata("envoy.filters.http.jwt_authn", json!({"payload": {"iss": I}}));
        let gateway = runner.start(chain).unwrap();
        let send = |request: Request, details: Value| {
            let token = token(&*gateway, R, details);
            gateway.send(request.bearer(&token).header("x-payload", token.split('.').nth(1).unwrap()))
        };
        let file = |at: &str| json!([{"type": "file_access", "actions": ["read"], "identifier": "a", "locations": [at]}]);
        send(get("/mcp/a"), file(R)).allowed();
        send(get("/mcp/b"), file(R)).denied_with(401).has_code("insufficient_authorization");
        send(get("/mcp/a"), file("https://other.example")).denied_with(401);
        let outcome = send(get("/mcp/a"), json!([]));
        assert_eq!(remedy(&outcome), file(R));
        outcome.challenge().param("realm", R);
        send(message(&call(100)), payment()).allowed();
        send(message(&call(101)), payment()).denied_with(401);
        // What jwt_authn says is of another token, or of none.
        let (weak, strong) = (token(&*gateway, R, json!([])), token(&*gateway, R, file(R)));
        let payload = strong.split('.').nth(1).unwrap();
        gateway.send(get("/mcp/a").bearer(&weak).header("x-payload", payload)).denied_with(503).has_code("credential_changed");
        gateway.send(get("/mcp/a").bearer(&strong)).denied_with(503).has_code("token_not_handed_over");
        gateway.send(get("/mcp/a")).denied_with(503);
    }

    /// As Istio's `WasmPlugin` runs it.
    fn with_hold_body_no_byte_of_a_denied_call_goes_up(runner) {
        let mut ours = config();
        ours["body_mode"] = json!("hold_body");
        ours["types"]["payment"]["single_use"] = json!(true);
        let before = plugin("audience_validation", audience_validation()).stop_all_on_headers();
        let gateway = runner.start(Gateway::chain([before, rar(ours).stop_all_on_headers()])).unwrap();
        let mut id = 0;
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for pieces in [vec![90], vec![40, 50], vec![1, 1]] {
                for trailers in [false, true] {
                    id += 1;
                    let details = json!([{"type": "payment", "max_amount": 100, "locations": [R], "note": id}]);
                    let token = token(&*gateway, R, details);
                    let request = |text: &str| {
                        let mut rest = text.as_bytes().to_vec();
                        let mut chunks = Vec::new();
                        for size in &pieces {
                            chunks.push(rest.drain(..*size).collect::<Vec<u8>>());
                        }
                        chunks.push(rest);
                        let request = message("").chunked(chunks).bearer(&token).over(protocol);
                        if trailers { request.trailers([("x-end", "1")]) } else { request }
                    };
                    // A denied call uses up nothing.
                    for (text, status) in [(call(101), 401), (call(100), 200), (call(100), 401), (call(101), 401)] {
                        let outcome = gateway.send(request(&text));
                        if status == 200 {
                            assert_eq!(outcome.allowed().whole_body(), text.as_bytes());
                        } else {
                            outcome.status(status);
                            assert!(outcome.upstream.iter().all(|request| request.whole_body().is_empty()), "{}", outcome.picture());
                        }
                    }
                }
            }
        }
    }
}

/// The native filter, which only a real Envoy has.
mod alone_on_envoy {
    use fourleg_lab::{echo_upstream::EchoUpstream, mint::Mint, unix_now};

    use super::*;
    use crate::fixture::{behind_jwt_authn, send};

    #[test]
    fn behind_the_native_jwt_authn_one_file_is_read_and_no_other() {
        let upstream = EchoUpstream::start().unwrap();
        let mut ours = config();
        ours["token"] = of_jwt_authn();
        ours["types"]["file_access"]["single_use"] = json!(true);
        let envoy = behind_jwt_authn("rar_enforcement", &ours, upstream.address());
        let details = json!([{"type": "file_access", "actions": ["read"], "identifier": "a", "locations": [R]}]);
        let token = Mint::new(I, R).at(unix_now()).access_token().claim("authorization_details", details).sign();
        let send = |path: &str| send(&envoy, get(path).bearer(&token)).status;
        assert_eq!((send("/mcp/b"), send("/mcp/a"), send("/mcp/a")), (401, 200, 401));
        assert_eq!(upstream.received().len(), 1);
    }
}
