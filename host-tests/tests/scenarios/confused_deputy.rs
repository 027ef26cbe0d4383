//! The confused deputy: two MCP servers behind one gateway, and a token that was given for one of them.

use fourleg_harness::{Protocol, Request, Runner, Running, get, post, request};
use fourleg_lab::mint::Token;
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, gateway, good, public_keys};

const TOOLS: &str = "https://tools.example/mcp";
const PAYMENTS: &str = "https://pay.example/mcp";
const PAYMENTS_METADATA: &str = "https://pay.example/.well-known/oauth-protected-resource/mcp";
const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// Tools on its own path and payments on its own; both under one host, as one gateway serves them.
fn config() -> Value {
    let resource = |resource: &str, path: &str| {
        json!({
            "resource": resource,
            "match": {"path": {"prefix": path}},
            "protected_resource_metadata": {"authorization_servers": [I]},
        })
    };
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [resource(TOOLS, "/tools"), resource(PAYMENTS, "/payments")],
    })
}

/// The same two, told apart by their hosts.
fn by_host() -> Value {
    let mut config = config();
    config["resources"][0]["match"] = json!({"hosts": ["tools.example"], "path": {"prefix": "/mcp"}});
    config["resources"][1]["match"] = json!({"hosts": ["pay.example"], "path": {"prefix": "/mcp"}});
    config
}

fn serve(runner: &dyn Runner, config: Value) -> Box<dyn Running> {
    runner.start(gateway(config)).unwrap()
}

fn token_for(gateway: &dyn Running, audience: impl Into<Value>) -> Token {
    good(gateway).audience(audience)
}

fn call(path: &str) -> Request {
    post(path).json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "transfer", "arguments": {"to": "mallory"}}}))
}

scenarios! {
    /// AUD-01, AUD-06, PRM-04
    fn the_token_that_an_agent_got_for_tools_moves_no_money(runner) {
        let gateway = serve(runner, config());
        let (tools, payments) = (token_for(&*gateway, TOOLS).sign(), token_for(&*gateway, PAYMENTS).sign());
        assert_eq!(call("/tools").bearer(&tools).whole_body(), gateway.send(call("/tools").bearer(&tools)).allowed().whole_body());
        gateway.send(call("/payments").bearer(&payments)).allowed();
        gateway.send(call("/tools").bearer(&payments)).denied_with(401).has_code("audience_mismatch");
        for protocol in BOTH {
            let at = |path: &str| call(path).over(protocol).bearer(&tools);
            let replays = vec![
                at("/payments"), at("/payments/"), at("/payments/transfer"), at("/payments?resource=https://tools.example/mcp"), at("/payments?/tools"),
                at("/payments").host("tools.example"), at("/payments").host("TOOLS.example:443"), at("/payments").host("tools.example."),
                at("/payments").header("x-forwarded-host", "tools.example").header("x-forwarded-path", "/tools").header("x-forwarded-uri", "/tools").header("x-forwarded-prefix", "/tools"),
                at("/payments").header("x-envoy-original-path", "/tools").header("referer", "https://tools.example/tools").header("origin", "https://tools.example"),
                at("/payments").header("resource", TOOLS).header("x-resource", TOOLS).header("x-fourleg-resource", TOOLS).header("x-fourleg-claims", "eyJhdWQiOiJodHRwczovL3BheS5leGFtcGxlL21jcCJ9"),
                at("/payments").header("cookie", format!("authorization={payments}")).header("x-authorization", format!("Bearer {payments}")).header("proxy-authorization", format!("Bearer {payments}")),
                at("/payments").header("mcp-session-id", "a-session-of-payments").header("last-event-id", "1"),
                get("/payments").over(protocol).bearer(&tools), request("HEAD", "/payments").over(protocol).bearer(&tools), request("DELETE", "/payments").over(protocol).bearer(&tools),
                request("OPTIONS", "/payments").over(protocol).bearer(&tools).header("origin", "https://tools.example").header("access-control-request-method", "POST"),
                post("/payments").over(protocol).bearer(&tools).chunked(["a", "b"]).trailers([("authorization", format!("Bearer {payments}"))]),
            ];
            for outcome in gateway.send_all(replays) {
                let challenge = outcome.denied_with(401).challenge();
                challenge.param("error", "invalid_token").param("realm", PAYMENTS).param("resource_metadata", PAYMENTS_METADATA).no_param("scope");
                if !outcome.response.body.is_empty() {
                    outcome.has_code("audience_mismatch");
                }
            }
            // A second credential is never a choice between the two.
            for (first, second) in [(&tools, &payments), (&payments, &tools), (&tools, &tools)] {
                let twice = call("/payments").over(protocol).bearer(first).bearer(second);
                gateway.send(twice).denied_with(400).has_code("duplicate_credential").challenge().param("resource_metadata", PAYMENTS_METADATA);
            }
            gateway.send(call("/payments").over(protocol).header("authorization", format!("Bearer {tools}, Bearer {payments}"))).denied_with(400);
            gateway.send(call("/payments").over(protocol).bearer(&tools).header("authorization", "DPoP x")).denied_with(400);
            for path in ["/tools/../payments", "/tools/..%2fpayments", "/tools/%2e%2e/payments", "/tools/..;/payments", "/tools//../payments", "//payments", "/tools%2f..%2fpayments", "/tools\\..\\payments", "/tools/%252e%252e/payments"] {
                gateway.send(at(path)).denied_with(400);
            }
            for (name, value) in [("x-original-url", "/payments"), ("x-rewrite-url", "/payments"), ("x-http-method-override", "DELETE")] {
                gateway.send(call("/tools").over(protocol).bearer(&tools).header(name, value)).denied_with(400);
            }
        }
        // The document that the challenge names is that of payments.
        let document = gateway.send(get("/.well-known/oauth-protected-resource/mcp").host("pay.example")).denied_with(200).body_json();
        assert_eq!(document["resource"], PAYMENTS);
    }

    /// AUD-01, PRM-04: the Host says which one is meant, and the token has to be meant for the same.
    fn where_hosts_tell_resources_apart_a_token_holds_for_its_own_host_alone(runner) {
        let gateway = serve(runner, by_host());
        let (tools, payments) = (token_for(&*gateway, TOOLS).sign(), token_for(&*gateway, PAYMENTS).sign());
        for protocol in BOTH {
            let at = |host: &str, token: &str| call("/mcp").over(protocol).host(host).bearer(token);
            for host in ["pay.example", "PAY.example", "pay.example:8443", "pay.example.", "Pay.Example.:1"] {
                gateway.send(at(host, &payments)).allowed();
                let refused = gateway.send(at(host, &tools).header("x-forwarded-host", "tools.example").header("forwarded", "host=tools.example"));
                refused.denied_with(401).has_code("audience_mismatch").challenge().param("realm", PAYMENTS).param("resource_metadata", PAYMENTS_METADATA);
            }
            let mut odd = vec!["evil.example", "pay.example.evil.example", "xpay.example", "pay.example,tools.example", "127.0.0.1"];
            // These the client's HTTP/2 cannot carry.
            if protocol == Protocol::Http1 {
                odd.extend(["", "pay.example:80:80", "tools.example@pay.example", "pay.example/tools.example", "pay%2eexample", "[pay.example]", "[pay.example]:80"]);
            }
            for host in odd {
                for token in [&tools, &payments] {
                    gateway.send(at(host, token)).never_reached_upstream();
                }
            }
            // What reaches the upstream carries the host that was judged.
            let upstream = gateway.send(at("tools.example", &tools).header("host", "pay.example"));
            for request in &upstream.upstream {
                assert_eq!(request.authority, b"tools.example", "{}", upstream.picture());
            }
        }
    }

    /// AUD-14, AUD-02
    fn a_token_for_both_opens_both_only_where_broad_tokens_are_allowed(runner) {
        let lax = serve(runner, config());
        let mut config = config();
        config["strict_audience"] = json!(true);
        let strict = serve(runner, config);
        for audience in [json!([TOOLS, PAYMENTS]), json!([PAYMENTS, TOOLS])] {
            for path in ["/tools", "/payments"] {
                lax.send(call(path).bearer(&token_for(&*lax, audience.clone()).sign())).allowed();
                let refused = strict.send(call(path).bearer(&token_for(&*strict, audience.clone()).sign()));
                let resource = if path == "/tools" { TOOLS } else { PAYMENTS };
                refused.denied_with(401).has_code("audience_too_broad").challenge().param("error", "invalid_token").param("realm", resource).has_param("resource_metadata");
            }
        }
        for audience in [json!(PAYMENTS), json!([PAYMENTS]), json!([PAYMENTS, PAYMENTS])] {
            strict.send(call("/payments").bearer(&token_for(&*strict, audience.clone()).sign())).allowed();
            strict.send(call("/tools").bearer(&token_for(&*strict, audience).sign())).denied_with(401).has_code("audience_mismatch");
        }
        strict.send(call("/payments").bearer(&token_for(&*strict, json!([PAYMENTS, "https://graph.example"])).sign())).denied_with(401);
        lax.send(call("/payments").bearer(&token_for(&*lax, json!([TOOLS, "https://graph.example"])).sign())).denied_with(401);
    }
}
