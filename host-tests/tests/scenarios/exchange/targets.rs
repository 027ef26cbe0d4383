//! Which target a request is for.

use std::time::Duration;

use fourleg_harness::{Protocol, Reply, Request, Response, get, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{Provider, forwarded, of_user, provider::issued, serve, set, to_b};

fn tools() -> Value {
    let target = |name: &str, mcp: Value| json!({"name": name, "match": {"path": {"exact": "/mcp"}, "mcp": mcp}, "authorization_server": "idp", "audience": [name]});
    let targets = json!([
        target("files", json!({"tools": ["read_*"]})),
        target("mail", json!({"tools": ["send"]})),
        target("rest", json!({"kinds": ["request", "notification", "response", "stream", "end_session"]})),
    ]);
    set(to_b(), "/targets", targets)
}

fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#)
}

fn message(body: String) -> Request {
    post("/mcp")
        .body(body)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

scenarios! {
    fn a_tool_decides_whom_the_token_is_for(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, tools());
        let token = of_user(&*gateway, "alice").sign();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for (tool, audience) in [("read_file", "files"), ("send", "mail"), ("other", "rest"), ("Send", "rest")] {
                let body = call(tool);
                let outcome = gateway.send(message(body.clone()).bearer(&token).over(protocol));
                assert_eq!(forwarded(&outcome)["aud"], json!([audience]), "{tool}");
                assert_eq!(outcome.allowed().whole_body(), body.as_bytes());
            }
            // However it arrives, nothing goes on before it is known.
            let body = call("send");
            let (one, two) = body.split_at(50);
            let pieces = message(String::new()).chunked([one, two]).trailers([("x-end", "1")]).bearer(&token).over(protocol);
            assert_eq!(forwarded(&gateway.send(pieces))["aud"], json!(["mail"]));
        }
        assert_eq!(provider.count(), 3, "one for each target");
        gateway.send(message("no json".to_owned()).bearer(&token)).denied_with(400);
    }

    /// A call takes many times the room of its text once it is read. One user could fill the memory of a worker by many at a
    /// time, and stop it for everybody.
    fn large_calls_that_wait_for_an_exchange_take_little_room(runner) {
        let provider = Provider::default();
        let slow = set(tools(), "/authorization_servers/0/timeout_ms", json!(20_000));
        let gateway = serve(runner, &provider, slow);
        provider.does(|asked| Reply::After(Duration::from_secs(4), Response::json(200, &issued(&asked.wanted().sign()))));
        let token = of_user(&*gateway, "alice").sign();
        let nested = vec![r#"{"":0}"#; 120_000].join(",");
        let large = call("send").replace(r#""arguments":{}"#, &format!(r#""arguments":{{"a":[{nested}]}}"#));
        let requests = (0..16).map(|_| message(large.clone()).bearer(&token)).collect();
        for outcome in gateway.send_all(requests) {
            assert_eq!(forwarded(&outcome)["aud"], json!(["mail"]));
            assert_eq!(outcome.allowed().whole_body().len(), large.len());
        }
        assert_eq!(provider.count(), 1);
    }

    fn one_request_has_one_target(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, tools());
        let token = of_user(&*gateway, "alice").sign();
        let batch = |tools: &[&str]| message(format!("[{}]", tools.iter().map(|tool| call(tool)).collect::<Vec<_>>().join(",")));
        assert_eq!(forwarded(&gateway.send(batch(&["send", "send"]).bearer(&token)))["aud"], json!(["mail"]));
        for tools in [["send", "read_a"], ["other", "send"]] {
            let outcome = gateway.send(batch(&tools).bearer(&token));
            outcome.denied_with(403);
            assert_eq!(outcome.body_json()["error"]["data"]["code"], "targets_differ");
        }
    }

    fn a_target_may_be_chosen_by_host_and_path_but_the_first_that_matches_is_it(runner) {
        let provider = Provider::default();
        let target = |name: &str, matches: Value| json!({"name": name, "match": matches, "authorization_server": "idp", "audience": [name]});
        let targets = json!([
            target("a", json!({"path": {"prefix": "/mcp/a"}})),
            target("b", json!({"hosts": ["b.example"], "path": {"prefix": "/mcp"}})),
        ]);
        let gateway = serve(runner, &provider, set(to_b(), "/targets", targets));
        let token = of_user(&*gateway, "alice").sign();
        let audience = |path: &str, host: &str| forwarded(&gateway.send(get(path).host(host).bearer(&token)))["aud"][0].clone();
        assert_eq!(audience("/mcp/a", "b.example"), "a");
        assert_eq!(audience("/mcp/b", "B.example:8443"), "b");
        gateway.send(get("/mcp/b").host("c.example").bearer(&token)).denied_with(403).has_code("rule_missing");
        for path in ["/mcp/b/../a", "/mcp/%2e%2e/a", "/mcp//a", "/mcp%2fa"] {
            gateway.send(get(path).host("b.example").bearer(&token)).denied_with(400);
        }
    }
}
