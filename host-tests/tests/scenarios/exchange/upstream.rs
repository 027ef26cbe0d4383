//! What the next hop answers to a token that was issued for it.

use fourleg_harness::{Gateway, Response, get, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{Provider, chain, forwarded, of_user, to_b, to_b_with};
use crate::fixture::R;

const HOSTILE: &str =
    r#"Bearer realm="x", resource_metadata="https://evil.example/.well-known/oauth-protected-resource""#;

fn before(provider: &Provider, ours: Value, status: u16, challenge: &'static str) -> Gateway {
    chain(provider, ours).upstream(move |_| {
        let response = Response::text(status, "the upstream's words");
        if challenge.is_empty() { response } else { response.header("www-authenticate", challenge) }
    })
}

scenarios! {
    fn no_challenge_of_the_next_hop_reaches_the_client(runner) {
        let provider = Provider::default();
        for status in [200, 400, 403, 404, 500] {
            let gateway = runner.start(before(&provider, to_b(), status, HOSTILE)).unwrap();
            let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
            outcome.status(status).no_header("www-authenticate");
            assert_eq!(outcome.response.body, b"the upstream's words");
        }
    }

    /// Where no credential goes on the client could meet no challenge either, whatever it sends.
    fn nor_does_one_where_no_credential_goes_on(runner) {
        let provider = Provider::default();
        for status in [200, 401, 403] {
            let ours = to_b_with("/targets/0/match", json!({"path": {"exact": "/mcp/b"}}));
            let ours = super::set(ours, "/unmatched", json!("remove_authorization"));
            let gateway = runner.start(before(&provider, ours, status, HOSTILE)).unwrap();
            let token = of_user(&*gateway, "alice").sign();
            for request in [get("/mcp").bearer(&token), get("/healthz").bearer(&token), get("/healthz")] {
                let outcome = gateway.send(request);
                assert!(!super::has_field(outcome.upstream.first().unwrap(), "authorization"));
                outcome.status(status).no_header("www-authenticate");
                assert_eq!(outcome.response.body, b"the upstream's words");
            }
        }
        assert_eq!(provider.count(), 0);
    }

    /// TEX-12
    fn a_token_that_the_next_hop_refuses_is_given_up_once_and_the_client_sees_a_502(runner) {
        let provider = Provider::default();
        let gateway = runner.start(before(&provider, to_b(), 401, HOSTILE)).unwrap();
        let token = of_user(&*gateway, "alice").sign();
        for asked in [1, 2, 2, 2, 2] {
            let outcome = gateway.send(get("/mcp").bearer(&token));
            outcome.status(502).no_header("www-authenticate").has_code("upstream_refused_token");
            assert!(!outcome.picture().contains("evil.example"));
            assert_eq!(provider.count(), asked, "an upstream that always says 401 does not make us hammer the server");
        }
        // It is about this token alone.
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "bob").sign())).status(502);
        assert_eq!(provider.count(), 3);
    }

    /// TEX-09, COR-12
    fn a_scope_that_is_lacking_is_asked_of_the_client_and_then_of_the_server(runner) {
        let provider = Provider::default();
        let ours = to_b_with("/targets/0/scope_map", json!({"b:write": "files:write", "b:admin": "files:admin"}));
        let needs = |provider: &Provider, ours: Value| {
            chain(provider, ours).upstream(|request| {
                let token = request.header_text("authorization").unwrap_or_default();
                let scope = super::provider::claims(token.trim_start_matches("Bearer "))["scope"].as_str().unwrap_or_default().to_owned();
                if scope.contains("b:write") {
                    return Response::text(200, "written");
                }
                let challenge = r#"Bearer realm="b", error="insufficient_scope", scope="b:read b:write unmapped""#;
                Response::text(403, "no").header("www-authenticate", challenge)
            })
        };
        let gateway = runner.start(needs(&provider, ours)).unwrap();
        let read = of_user(&*gateway, "alice").sign();
        let outcome = gateway.send(get("/mcp").bearer(&read));
        outcome.status(403).has_code("insufficient_scope");
        outcome.challenge().param("error", "insufficient_scope").param("scope", "files:write tools:read").param("realm", R);
        assert!(!outcome.picture().contains("unmapped"), "what nobody mapped, no upstream can make anybody ask for");
        // The client steps up, and the wider scope is asked for.
        let write = of_user(&*gateway, "alice").scope("tools:read files:write").sign();
        assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(&write)))["scope"], "b:read b:write");
        assert_eq!(provider.last().one("scope"), "b:read b:write");
        // The narrow token stays narrow.
        gateway.send(get("/mcp").bearer(&read)).status(403);
        assert_eq!(provider.count(), 2);

        // Without a map the client can do nothing, and is sent nowhere.
        let gateway = runner.start(needs(&provider, to_b())).unwrap();
        let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        outcome.status(403).no_header("www-authenticate");
        assert_eq!(outcome.response.body, b"no");
    }

    fn a_challenge_that_is_malformed_is_no_challenge(runner) {
        let provider = Provider::default();
        let ours = || to_b_with("/targets/0/scope_map", json!({"b:write": "files:write"}));
        for challenge in [
            r#"Bearer error="insufficient_scope""#, r#"Bearer error="insufficient_scope", scope="b:write", scope="x""#,
            r#"Basic error="insufficient_scope", scope="b:write""#, r#"Bearer error="invalid_token", scope="b:write""#,
            r#"Bearer error="insufficient_scope", scope="b:write"#, "Bearer", "\"", r#"Bearer error=insufficient_scope, scope="b:\"write""#,
        ] {
            let gateway = runner.start(before(&provider, ours(), 403, challenge)).unwrap();
            gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).status(403).no_header("www-authenticate");
        }
    }

    fn on_a_path_of_mcp_the_client_gets_a_json_rpc_error(runner) {
        let provider = Provider::default();
        let matches = json!({"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}});
        let gateway = runner.start(before(&provider, to_b_with("/targets/0/match", matches), 401, HOSTILE)).unwrap();
        let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{}}}"#;
        let request = post("/mcp").body(call).header("content-type", "application/json").header("accept", "application/json, text/event-stream");
        let outcome = gateway.send(request.bearer(&of_user(&*gateway, "alice").sign()));
        outcome.status(502);
        let body = outcome.body_json();
        assert_eq!((&body["id"], &body["error"]["data"]["code"]), (&json!(7), &json!("upstream_refused_token")));
    }

    fn a_denial_of_a_filter_behind_keeps_its_challenge(runner) {
        let provider = Provider::default();
        let gateway = chain(&provider, to_b());
        let mut plugins = gateway.plugins.clone();
        let routes = json!({"routes": {"/mcp": ["deny"]}});
        plugins.push(fourleg_harness::plugin("driver_probe", routes));
        let gateway = runner.start(Gateway { plugins, ..gateway }).unwrap();
        let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        assert_ne!(outcome.response.status, 502, "{}", outcome.picture());
        outcome.never_reached_upstream();
    }
}
