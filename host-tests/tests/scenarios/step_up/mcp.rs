//! Rules on what a request does in MCP: each operation is judged, and a denial is a JSON-RPC error.

use fourleg_harness::{Gateway, Outcome, Protocol, Request, Runner, Running, get, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{METADATA, chain, claim_challenge, serve, token};
use crate::fixture::{I, R, good, public_keys};

fn rules() -> Value {
    let tools = |names: Value| json!({"path": {"exact": "/mcp"}, "mcp": {"tools": names}});
    json!([
        {"name": "read", "match": tools(json!(["read_*"])), "require": {}},
        {"name": "delete", "match": tools(json!(["delete_*"])), "require": {
            "acr_values": ["mfa", "phr"], "max_age_seconds": 300, "scopes": ["tools:read", "tools:delete"],
        }},
        {"name": "pay", "match": tools(json!(["pay"])), "require": {"acr_values": ["phr"], "scopes": ["tools:pay"]}},
    ])
}

pub(super) fn config() -> Value {
    json!({"rules": rules(), "unmatched": "allow", "acr_levels": {"phr": ["mfa"]}})
}

pub(super) fn call(id: impl Into<Value>, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": {"name": tool, "arguments": {"path": "/a"}}})
}

/// A POST as a client of 2025-11-25 sends it.
pub(super) fn message(body: &Value) -> Request {
    post("/mcp")
        .json(body)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
}

/// A batch is of 2025-03-26, whose clients send no version.
fn batch(body: &Value) -> Request {
    post("/mcp").json(body).header("accept", "application/json, text/event-stream")
}

/// A call as a client of 2026-07-28 sends it.
pub(super) fn stateless(tool: &str) -> Request {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let mut body = call(7, tool);
    body["params"]["_meta"] = meta;
    post("/mcp")
        .json(&body)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

fn strong(gateway: &dyn Running) -> Value {
    json!({"acr": "phr", "auth_time": gateway.now(), "scope": "tools:read tools:delete tools:pay"})
}

/// A JSON-RPC error in answer to the request with this id.
#[track_caller]
fn is_rpc_error(outcome: &Outcome, id: Option<&Value>, rpc_code: i64, code: &str) {
    let body = outcome.body_json();
    assert_eq!((&body["jsonrpc"], body.get("id")), (&json!("2.0"), id), "{}", outcome.picture());
    assert_eq!((&body["error"]["code"], &body["error"]["data"]["code"]), (&json!(rpc_code), &json!(code)), "{body}");
    assert!(body["error"]["message"].is_string() && body.get("result").is_none());
    assert_eq!(outcome.header("content-type"), "application/json");
}

struct Sender<'a>(&'a dyn Running);

impl Sender<'_> {
    fn weak(&self, request: Request) -> Outcome {
        self.0.send(request.bearer(&token(self.0, json!({"acr": "pwd"})).sign()))
    }

    fn strong(&self, request: Request) -> Outcome {
        self.0.send(request.bearer(&token(self.0, strong(self.0)).sign()))
    }
}

fn start(runner: &dyn Runner) -> Box<dyn Running> {
    serve(runner, config())
}

scenarios! {
    /// What no rule compares is the server's to read.
    fn clients_may_write_what_no_rule_compares_as_they_like(runner) {
        let gateway = serve(runner, config());
        let sender = Sender(&*gateway);
        let read = |uri: &str| message(&json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}));
        let uris = ["users/me", "/article/Berlin", "docs://guide#install", "file:///a/My File.md", "http://example.com"];
        for uri in uris {
            sender.weak(read(uri)).allowed();
        }
        let custom = json!({"jsonrpc": "2.0", "id": 1, "method": "acme/measure", "params": {"Name": "x", "gr\u{f6}\u{df}e": 1}});
        sender.weak(message(&custom)).allowed();
        let mut disguised = call(1, "read_a");
        disguised["params"]["Name"] = json!("delete_a");
        is_rpc_error(&sender.weak(message(&disguised)), Some(&json!(1)), -32600, "json_member_spelling");
        let mut ours = config();
        ours["rules"].as_array_mut().unwrap().push(json!({"name": "own", "match": {"path": {"exact": "/mcp"}, "mcp": {"resources": ["note:*"]}}, "require": {}}));
        let gateway = serve(runner, ours);
        for uri in uris {
            is_rpc_error(&Sender(&*gateway).weak(read(uri)), Some(&json!(1)), -32602, "mcp_resource_ambiguous");
        }
    }

    /// Servers that know no newer revision negotiate it, and clients say it in every request from then on.
    fn a_session_of_an_older_revision_is_judged_like_any_other(runner) {
        let gateway = serve(runner, config());
        let sender = Sender(&*gateway);
        for revision in ["2024-11-05", "2024-10-07"] {
            let sent = |tool| post("/mcp").json(&call(1, tool)).header("accept", "application/json, text/event-stream").header("mcp-protocol-version", revision);
            sender.weak(sent("read_a")).allowed();
            sender.weak(sent("delete_a")).denied_with(401).never_reached_upstream();
            sender.strong(sent("delete_a")).allowed();
        }
    }

    /// STP-01, STP-04, STP-12, MCP-08
    fn a_call_that_needs_more_is_answered_with_a_json_rpc_error_and_the_challenge(runner) {
        let gateway = start(runner);
        let sender = Sender(&*gateway);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for id in [json!(7), json!("a-1")] {
                let outcome = sender.weak(message(&call(id.clone(), "delete_file")).over(protocol));
                let challenge = outcome.denied_with(401).challenge();
                challenge.param("error", "insufficient_user_authentication").param("acr_values", "mfa phr").param("max_age", "300");
                challenge.param("scope", "tools:read tools:delete").param("resource_metadata", METADATA);
                is_rpc_error(&outcome, Some(&id), 401, "insufficient_user_authentication");
                assert_eq!(outcome.body_json()["error"]["data"]["error"], "insufficient_user_authentication");
            }
            let body = call(7, "delete_file");
            let outcome = sender.strong(message(&body).over(protocol));
            assert_eq!(outcome.allowed().whole_body(), body.to_string().as_bytes());
            for body in [call(1, "read_file"), call(1, "other"), json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})] {
                let outcome = sender.weak(message(&body).over(protocol));
                assert_eq!(outcome.allowed().whole_body(), body.to_string().as_bytes());
            }
        }
    }

    /// COR-12, X1
    fn a_call_that_lacks_scope_alone_gets_403_with_all_scopes(runner) {
        let gateway = start(runner);
        let claims = json!({"acr": "mfa", "auth_time": gateway.now()});
        let outcome = gateway.send(message(&call(7, "delete_file")).bearer(&token(&*gateway, claims).sign()));
        let challenge = outcome.denied_with(403).challenge();
        challenge.param("error", "insufficient_scope").param("scope", "tools:read tools:delete").param("resource_metadata", METADATA);
        is_rpc_error(&outcome, Some(&json!(7)), 403, "insufficient_scope");
    }

    /// MCP-11
    fn a_batch_passes_only_if_each_element_does_and_asks_for_everything_at_once(runner) {
        let gateway = start(runner);
        let sender = Sender(&*gateway);
        sender.weak(batch(&json!([call(1, "read_a"), call(2, "other")]))).allowed();
        let two = json!([call(1, "read_a"), call(2, "delete_a"), call(3, "pay")]);
        let outcome = sender.weak(batch(&two));
        let challenge = outcome.denied_with(401).challenge();
        challenge.param("acr_values", "phr").param("max_age", "300").param("scope", "tools:read tools:delete tools:pay");
        is_rpc_error(&outcome, None, 401, "insufficient_user_authentication");
        sender.strong(batch(&two)).allowed();
        // One of them alone does not do.
        let claims = json!({"acr": "mfa", "auth_time": gateway.now(), "scope": "tools:read tools:delete tools:pay"});
        gateway.send(batch(&two).bearer(&token(&*gateway, claims).sign())).denied_with(401).challenge().param("acr_values", "phr");
    }

    /// MCP-08, MCP-09, X7
    fn what_is_no_request_of_mcp_is_denied_where_a_rule_looks_at_operations(runner) {
        let gateway = start(runner);
        let sender = Sender(&*gateway);
        let doubled = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_a","name":"delete_a"}}"#;
        let spelt = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_a","Name":"delete_a"}}"#;
        let raw = |text: &str| post("/mcp").body(text).header("content-type", "application/json");
        for (request, status, rpc_code, code) in [
            (raw(doubled), 400, -32600, "json_member_duplicate"),
            (raw(spelt), 400, -32600, "json_member_spelling"),
            (raw("{"), 400, -32700, "json_malformed"),
            (raw(""), 400, -32700, "json_malformed"),
            (raw("[]"), 400, -32600, "mcp_batch_refused"),
            (post("/mcp").body(call(1, "delete_a").to_string()).header("content-type", "text/plain"), 415, -32600, "content_type_refused"),
            (message(&call(1, "delete_a")).header("content-encoding", "gzip"), 415, -32600, "content_encoding_refused"),
            (request("PUT", "/mcp").json(&call(1, "delete_a")), 405, -32600, "method_not_allowed"),
            (get("/mcp"), 406, -32600, "stream_not_accepted"),
            (message(&call(1, "read_a")).header("origin", "https://evil.example"), 403, 403, "origin_not_allowed"),
            (post("/mcp").json(&call(7, "read_a")).header("mcp-protocol-version", "2030-01-01"), 400, -32022, "mcp_version_unsupported"),
        ] {
            let picture = format!("{request:?}");
            let outcome = sender.strong(request);
            assert_eq!(outcome.response.status, status, "{picture}\n{}", outcome.picture());
            outcome.never_reached_upstream();
            let body = outcome.body_json();
            assert_eq!((&body["error"]["code"], &body["error"]["data"]["code"]), (&json!(rpc_code), &json!(code)), "{picture}: {body}");
        }
        // The header that says another tool than the body, as a proxy or an upstream would read it.
        let outcome = sender.strong(stateless("read_a").header("mcp-name", "delete_a"));
        is_rpc_error(outcome.denied_with(400), Some(&json!(7)), -32020, "mcp_header_duplicate");
        assert_eq!(sender.strong(request("PUT", "/mcp").json(&json!({}))).header("allow"), "GET, POST, DELETE");
        // Elsewhere nothing is read.
        sender.weak(post("/mcp/other").body("{")).allowed();
    }

    /// X10
    fn the_kinds_of_each_revision_pass_as_they_are(runner) {
        let gateway = start(runner);
        let sender = Sender(&*gateway);
        sender.weak(get("/mcp").header("accept", "text/event-stream")).allowed();
        sender.weak(request("DELETE", "/mcp").header("mcp-session-id", "s-1")).allowed();
        sender.weak(message(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).header("mcp-session-id", "s-1")).allowed();
        sender.weak(message(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}))).allowed();
        sender.weak(stateless("read_a")).allowed();
        sender.weak(stateless("delete_a")).denied_with(401).challenge().param("acr_values", "mfa phr");
        sender.strong(stateless("delete_a")).allowed();
        // Sessions are of older revisions; the newest ignores them and has neither GET nor DELETE.
        sender.weak(stateless("read_a").header("mcp-session-id", "s-1")).allowed();
        let outcome = sender.weak(get("/mcp").header("accept", "text/event-stream").header("mcp-protocol-version", "2026-07-28"));
        assert_eq!(outcome.denied_with(405).header("allow"), "POST");
    }

    /// COR-17
    fn who_has_no_valid_token_is_denied_before_the_body_is_read(runner) {
        let ours = json!({"rules": rules(), "unmatched": "allow", "token": {
            "source": "verify", "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": [{"resource": R}],
        }});
        let gateway = runner.start(Gateway::chain([claim_challenge(ours)])).unwrap();
        for body in ["{", "", r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete_a"}}"#] {
            let outcome = gateway.send(post("/mcp").body(body).header("content-type", "application/json"));
            outcome.denied_with(401).challenge().no_param("error").no_param("acr_values");
            is_rpc_error(&outcome, None, 401, "credential_missing");
        }
        let expired = good(&*gateway).expires_at(gateway.now() - 1000).sign();
        let outcome = gateway.send(message(&call(7, "delete_a")).bearer(&expired));
        outcome.denied_with(401).challenge().param("error", "invalid_token").no_param("acr_values");
        Sender(&*gateway).weak(message(&call(7, "delete_a"))).denied_with(401).challenge().param("acr_values", "mfa phr");
    }

    /// SMG-12
    fn no_byte_of_a_body_goes_up_before_the_verdict_however_it_arrives(runner) {
        let gateway = start(runner);
        let sender = Sender(&*gateway);
        let text = call(7, "delete_a").to_string();
        let (one, two) = text.split_at(40);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let pieces = || message(&json!({})).chunked([one, two]).over(protocol);
            sender.weak(pieces()).denied_with(401).never_reached_upstream();
            assert_eq!(sender.strong(pieces()).allowed().whole_body(), text.as_bytes());
            let with_trailers = || message(&json!({})).chunked([one, two]).trailers([("x-end", "1")]).over(protocol);
            sender.weak(with_trailers()).denied_with(401).never_reached_upstream();
            assert_eq!(sender.strong(with_trailers()).allowed().whole_body(), text.as_bytes());
        }
        let long = call(7, &"a".repeat(100_000));
        let mut config = config();
        config["mcp"] = json!({"max_body_bytes": 50_000});
        let gateway = serve(runner, config);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let outcome = Sender(&*gateway).strong(message(&long).over(protocol));
            outcome.denied_with(413).never_reached_upstream();
            is_rpc_error(&outcome, None, -32600, "body_too_large");
        }
        Sender(&*gateway).weak(message(&call(1, "read_a"))).allowed();
    }

    fn what_no_rule_allows_denies_the_batch_and_no_challenge_is_made_for_the_rest(runner) {
        let mut config = config();
        config["unmatched"] = json!("deny");
        let gateway = serve(runner, config);
        let sender = Sender(&*gateway);
        sender.weak(batch(&json!([call(1, "read_a"), call(2, "read_b")]))).allowed();
        for unknown in [call(2, "other"), json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})] {
            let outcome = sender.weak(batch(&json!([call(1, "delete_a"), unknown])));
            outcome.denied_with(403).no_header("www-authenticate");
            is_rpc_error(&outcome, None, 403, "rule_missing");
        }
    }

    /// What audience-validation calls public shows no token, so no operation that a rule is about passes.
    fn a_public_endpoint_passes_only_what_no_rule_is_about(runner) {
        let mut before = crate::fixture::config();
        before["public"] = json!([{"path": {"exact": "/open"}}]);
        let ours = json!({"unmatched": "allow", "rules": [
            {"name": "delete", "match": {"path": {"exact": "/open"}, "mcp": {"tools": ["delete_*"]}}, "require": {}},
        ]});
        let chain = Gateway::chain([fourleg_harness::plugin("audience_validation", before), claim_challenge(ours)]);
        let gateway = runner.start(chain).unwrap();
        let open = |body: &Value| gateway.send(post("/open").json(body));
        open(&call(1, "read_a")).allowed();
        is_rpc_error(open(&call(1, "delete_a")).denied_with(503), Some(&json!(1)), 503, "token_not_verified");
        open(&json!([call(1, "read_a"), call(2, "delete_a")])).denied_with(503);
        gateway.send(post("/open").body("{")).denied_with(415);
    }

    fn the_final_answer_of_a_loop_is_a_json_rpc_error_too(runner) {
        let gateway = start(runner);
        let request = message(&call(7, "delete_a")).bearer(&token(&*gateway, json!({"acr": "pwd"})).sign());
        for _ in 0..3 {
            gateway.send(request.clone()).denied_with(401).challenge().has_param("acr_values");
        }
        let outcome = gateway.send(request);
        outcome.denied_with(403).no_header("www-authenticate");
        is_rpc_error(&outcome, Some(&json!(7)), 403, "challenge_repeated");
    }

    fn a_rule_in_shadow_mode_decides_nothing_about_what_cannot_be_read(runner) {
        let rules = json!([
            {"name": "trial", "mode": "shadow", "match": {"mcp": {"tools": ["delete_*"]}}, "require": {"acr_values": ["mfa"]}},
            {"name": "all", "match": {"path": {"prefix": "/"}}, "require": {"scopes": ["tools:read"]}},
        ]);
        let gateway = serve(runner, json!({"rules": rules, "unmatched": "deny"}));
        let sender = Sender(&*gateway);
        for request in [message(&call(1, "delete_a")), post("/mcp").body("{"), request("PUT", "/mcp").body("x"), get("/mcp")] {
            sender.weak(request).allowed();
        }
        let other = token(&*gateway, json!({"scope": "tools:read"})).sign();
        gateway.send(message(&call(1, "delete_a")).bearer(&other)).allowed();
    }

    /// MCP-06
    fn by_headers_alone_only_versions_are_judged_whose_servers_compare_them(runner) {
        let mut config = config();
        config["body_mode"] = json!("headers_only");
        let gateway = runner.start(chain(config)).unwrap();
        let sender = Sender(&*gateway);
        sender.weak(stateless("read_a")).allowed();
        sender.weak(stateless("delete_a")).denied_with(401).challenge().param("acr_values", "mfa phr");
        sender.strong(stateless("delete_a")).allowed();
        for request in [message(&call(1, "read_a")), batch(&call(1, "read_a"))] {
            sender.strong(request).denied_with(400);
        }
    }

    /// MCP-14
    fn a_page_of_a_listed_origin_may_talk_to_the_endpoint(runner) {
        let mut config = config();
        config["mcp"] = json!({"allowed_origins": ["https://app.example"]});
        config["cors"] = json!({"allow_origins": ["https://app.example"]});
        let gateway = serve(runner, config);
        let sender = Sender(&*gateway);
        sender.weak(message(&call(1, "read_a")).header("origin", "https://app.example")).allowed();
        let outcome = sender.weak(message(&call(1, "delete_a")).header("origin", "https://app.example"));
        assert_eq!(outcome.denied_with(401).header("access-control-expose-headers"), "WWW-Authenticate");
        for origin in ["https://evil.example", "null", "https://app.example.evil.example"] {
            sender.strong(message(&call(1, "read_a")).header("origin", origin)).denied_with(403).no_header("access-control-allow-origin");
        }
    }

    /// As Istio's `WasmPlugin` runs it.
    fn with_hold_body_no_byte_of_a_denied_body_goes_up(runner) {
        let mut config = config();
        config["body_mode"] = json!("hold_body");
        let before = fourleg_harness::plugin("audience_validation", crate::fixture::config()).stop_all_on_headers();
        let chain = Gateway::chain([before, claim_challenge(config).stop_all_on_headers()]);
        let gateway = runner.start(chain).unwrap();
        let sender = Sender(&*gateway);
        let text = call(7, "delete_a").to_string();
        let (one, two) = text.split_at(40);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for request in [
                message(&call(7, "delete_a")).over(protocol), message(&json!({})).chunked([one, two]).over(protocol),
                message(&json!({})).chunked([one, two]).trailers([("x-end", "1")]).over(protocol),
            ] {
                assert_eq!(sender.strong(request.clone()).allowed().whole_body(), text.as_bytes());
                let outcome = sender.weak(request);
                outcome.status(401);
                assert!(outcome.upstream.iter().all(|request| request.whole_body().is_empty()), "{}", outcome.picture());
                outcome.challenge().param("acr_values", "mfa phr");
                is_rpc_error(&outcome, Some(&json!(7)), 401, "insufficient_user_authentication");
            }
            // What the head tells already is refused before it goes on.
            sender.strong(message(&call(1, "read_a")).header("mcp-name", "a").header("mcp-name", "b").over(protocol)).denied_with(400).never_reached_upstream();
            sender.weak(get("/mcp").header("accept", "text/event-stream").over(protocol)).allowed();
        }
    }
}
