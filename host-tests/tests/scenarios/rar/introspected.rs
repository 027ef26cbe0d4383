//! Details that the authorization server keeps for a token (RAR-12).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fourleg_harness::{Gateway, Reply, Request, Response, get, plugin, request};
use fourleg_lab::{
    identity_provider::{Endpoint, Fault, IdentityProvider, TokenForm},
    mint::Token,
};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::rar;
use crate::{
    fixture::{R, public_keys},
    introspection::{ISSUER, SECRET, asking, identity_provider},
};

/// The issuer of tokens that the authorization server does not know.
const OTHER: &str = "https://other.example";

fn omitting() -> Arc<IdentityProvider> {
    identity_provider(TokenForm::jwt_without(["authorization_details"]))
}

fn first(jwks: Value) -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "jwks": {"inline": jwks}}, {"issuer": OTHER, "jwks": {"inline": public_keys()}}],
        "resources": [{"resource": R}],
    })
}

fn ours(more: Value) -> Value {
    let mut introspection = json!({
        "cluster": "idp", "introspection_endpoint": format!("{ISSUER}/introspect"), "issuer": ISSUER, "timeout_ms": 500,
        "client_auth": {"method": "client_secret_basic", "client_id": "tools:1", "client_secret": SECRET},
    });
    introspection.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "introspection": introspection, "unmatched": "allow",
        "types": {"file": {"fields": {"name": "equal"}}, "once": {"fields": {"name": "equal"}, "single_use": true}},
        "rules": [
            {"name": "once", "match": {"path": {"template": "/mcp/once/{name}"}}, "require": {"type": "once", "name": "{path.name}"}},
            {"name": "seen", "match": {"path": {"exact": "/mcp/seen"}}, "require": {"type": "file", "name": "a"}, "mode": "shadow"},
            {"name": "file", "match": {"path": {"template": "/mcp/files/{name}"}}, "require": {"type": "file", "name": "{path.name}"}},
        ],
    })
}

fn chain(idp: &Arc<IdentityProvider>, first: Value, ours: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", first), rar(ours)]).cluster("idp", asking(idp)).canary(SECRET)
}

fn token(idp: &IdentityProvider, details: Value) -> Token {
    idp.mint(R).access_token().claim("authorization_details", details)
}

fn file(name: &str) -> Value {
    json!([{"type": "file", "name": name, "locations": [R]}])
}

fn questions(idp: &IdentityProvider) -> usize {
    idp.requests_to(Endpoint::Introspection)
}

/// More large calls at a time than there is room for.
const MANY: usize = 96;

/// A call of a tool with 840 KB of arguments.
fn large_call() -> Request {
    let nested = vec![r#"{"":0}"#; 120_000].join(",");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{{"name":"a","a":[{nested}]}}}}}}"#
    );
    let request = request("POST", "/mcp/tools").body(body);
    request.header("content-type", "application/json").header("accept", "application/json, text/event-stream")
}

/// The details of a token decide about the arguments of a tool.
fn paying() -> Value {
    let mut ours = ours(json!({"timeout_ms": 20_000}));
    ours["types"]["file"]["fields"]["a"] = json!("ignored");
    ours["rules"][1] = json!({
        "name": "pay", "match": {"path": {"exact": "/mcp/tools"}, "mcp": {"tools": ["pay"]}}, "arguments": "open",
        "require": {"type": "file", "name": "{mcp.arguments/name}"},
    });
    ours
}

scenarios! {
    /// RAR-12
    fn the_answer_decides_where_the_token_leaves_the_details_out(runner) {
        for signed in [json!({}), json!({"signed": {"audience": "tools:1", "jwks": {"remote": {"cluster": "idp", "uri": format!("{ISSUER}/jwks")}}}})] {
            let idp = omitting();
            let gateway = runner.start(chain(&idp, first(idp.jwks()), ours(signed))).unwrap();
            idp.set_clock(gateway.now());
            let token = idp.issue(token(&idp, file("a")));
            assert_eq!(gateway.send(get("/mcp/files/a").bearer(&token)).allowed().header_text("authorization"), Some(format!("Bearer {token}")));
            gateway.send(get("/mcp/files/b").bearer(&token)).denied_with(401).has_code("insufficient_authorization");
            gateway.send(get("/mcp/once/a").bearer(&token)).denied_with(401).has_code("insufficient_authorization");
            assert_eq!(questions(&idp), 1, "asked once");
            let none = idp.issue(idp.mint(R).access_token());
            gateway.send(get("/mcp/files/a").bearer(&none)).denied_with(401).has_code("insufficient_authorization");
        }
    }

    /// RAR-12
    fn nobody_is_asked_where_nothing_is_needed(runner) {
        let idp = omitting();
        let gateway = runner.start(chain(&idp, first(idp.jwks()), ours(json!({})))).unwrap();
        idp.set_clock(gateway.now());
        // No rule is about it.
        gateway.send(get("/mcp/elsewhere").bearer(&idp.issue(token(&idp, file("a"))))).allowed();
        // The token says it all, and is believed although the server knows nothing of it.
        let says = token(&idp, file("a")).sign_with(&idp.signing_key());
        gateway.send(get("/mcp/files/a").bearer(&says)).allowed();
        let empty = token(&idp, json!([])).sign_with(&idp.signing_key());
        gateway.send(get("/mcp/files/a").bearer(&empty)).denied_with(401).has_code("insufficient_authorization");
        // A token of somebody else is none of this server's business.
        let foreign = idp.mint(R).access_token().issuer(OTHER).sign();
        gateway.send(get("/mcp/files/a").bearer(&foreign)).denied_with(401).has_code("insufficient_authorization");
        // Nor is one that was not verified.
        gateway.send(get("/mcp/files/a").bearer("opaque")).denied_with(401).has_code("token_malformed");
        assert_eq!(questions(&idp), 0);
    }

    /// REV-02
    fn a_revoked_token_opens_nothing_and_an_outage_neither(runner) {
        let idp = omitting();
        let gateway = runner.start(chain(&idp, first(idp.jwks()), ours(json!({"cache": {"max_entries": 0}})))).unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(token(&idp, file("a")));
        gateway.send(get("/mcp/files/a").bearer(&token)).allowed();
        gateway.send(get("/mcp/seen").bearer(&token)).allowed();
        for fault in [Fault::Status(500), Fault::Garbage] {
            idp.fail(Endpoint::Introspection, fault);
            let outcome = gateway.send(get("/mcp/files/a").bearer(&token));
            outcome.denied_with(503).has_code("introspection_unavailable");
            assert!(!outcome.header("retry-after").is_empty());
            gateway.send(get("/mcp/elsewhere").bearer(&token)).allowed();
            // A rule in shadow mode decides nothing.
            gateway.send(get("/mcp/seen").bearer(&token)).allowed();
        }
        idp.recover(Endpoint::Introspection);
        idp.revoke(&token);
        let outcome = gateway.send(get("/mcp/files/a").bearer(&token));
        outcome.denied_with(401).has_code("token_inactive").challenge().param("error", "invalid_token").param("realm", R);
        gateway.send(get("/mcp/seen").bearer(&token)).allowed();
    }

    /// RAR-12
    fn an_answer_that_contradicts_the_token_is_refused(runner) {
        let says = Arc::new(Mutex::new(json!({})));
        let server = {
            let says = Arc::clone(&says);
            move |_: &Request| Reply::from(Response::json(200, &says.lock().unwrap()))
        };
        let idp = omitting();
        let ours = ours(json!({"cache": {"max_entries": 0}}));
        let chain = Gateway::chain([plugin("audience_validation", first(idp.jwks())), rar(ours)]).cluster("idp", server);
        let gateway = runner.start(chain).unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(idp.mint(R).access_token().subject("alice").client("agent-1").claim("jti", "1"));
        let send = |more: Value| {
            let mut answer = json!({"active": true, "authorization_details": file("a")});
            answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            *says.lock().unwrap() = answer;
            gateway.send(get("/mcp/files/a").bearer(&token))
        };
        send(json!({})).allowed();
        send(json!({"iss": ISSUER, "sub": "alice", "client_id": "agent-1", "jti": "1"})).allowed();
        for (more, code) in [
            (json!({"iss": OTHER}), "token_contradicted"),
            (json!({"sub": "mallory"}), "token_contradicted"),
            (json!({"client_id": "agent-2"}), "token_contradicted"),
            (json!({"jti": "2"}), "token_contradicted"),
            (json!({"cnf": {"jkt": "x"}}), "binding_unchecked"),
            (json!({"token_type": "refresh_token"}), "not_an_access_token"),
            (json!({"exp": gateway.now() - 100}), "token_expired"),
            (json!({"active": false}), "token_inactive"),
        ] {
            send(more).denied_with(401).has_code(code);
        }
        send(json!({"active": "true"})).denied_with(503).has_code("introspection_unavailable");
        send(json!({"authorization_details": "none"})).denied_with(401).has_code("insufficient_authorization");
    }

    fn a_credential_that_is_kept_for_an_exchange_is_asked_about(runner) {
        let idp = omitting();
        let mut first = first(idp.jwks());
        first["forward"] = json!({"authorization": "exchange"});
        let gateway = runner.start(chain(&idp, first, ours(json!({})))).unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(token(&idp, file("a")));
        assert_eq!(gateway.send(get("/mcp/files/a").bearer(&token)).allowed().header_text("authorization"), None);
        gateway.send(get("/mcp/files/b").bearer(&token)).denied_with(401).has_code("insufficient_authorization");
        assert_eq!(questions(&idp), 1);
    }

    fn requests_that_come_together_ask_once_and_one_of_them_uses_a_single_use(runner) {
        let idp = omitting();
        let gateway = runner.start(chain(&idp, first(idp.jwks()), ours(json!({})))).unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(token(&idp, json!([{"type": "once", "name": "a"}])));
        let outcomes = gateway.send_all((0..10).map(|_| request("PUT", "/mcp/once/a").body("x").bearer(&token)).collect());
        let passed = outcomes.iter().filter(|outcome| outcome.response.status == 200).count();
        assert_eq!(passed, 1);
        for outcome in outcomes.iter().filter(|outcome| outcome.response.status != 200) {
            outcome.denied_with(401).has_code("authorization_spent");
        }
        assert_eq!(questions(&idp), 1);
    }

    /// One user with many large calls at a time takes a bounded part of a worker's memory, and the others go on.
    fn large_calls_that_wait_for_the_answer_take_bounded_room(runner) {
        let idp = omitting();
        let ask = asking(&idp);
        let slowly = move |request: &Request| match ask(request) {
            Reply::Response(response) => Reply::After(Duration::from_secs(4), response),
            other => other,
        };
        let gateway = Gateway::chain([plugin("audience_validation", first(idp.jwks())), rar(paying())]).cluster("idp", slowly);
        let gateway = runner.start(gateway).unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(token(&idp, file("a")));
        let mut requests: Vec<Request> = (0..MANY).map(|_| large_call().bearer(&token)).collect();
        requests.push(get("/mcp/files/a").bearer(&token));
        let mut outcomes = gateway.send_all(requests);
        // Who asks for little waits like the others.
        outcomes.pop().unwrap().allowed();
        let passed = outcomes.iter().filter(|outcome| outcome.response.status == 200).count();
        for outcome in outcomes.iter().filter(|outcome| outcome.response.status != 200) {
            outcome.denied_with(503);
            assert_eq!(outcome.body_json()["error"]["data"]["code"], "overloaded");
        }
        assert!((MANY / 2..MANY).contains(&passed), "{passed}");
        // What was taken is there again.
        gateway.send(large_call().bearer(&token)).allowed();
        assert_eq!(questions(&idp), 1);
    }
}

/// No client can leave at a chosen moment on a real Envoy.
mod on_wasmtime_alone {
    use fourleg_harness::{Running as _, StreamState};

    use super::*;

    #[test]
    fn a_large_call_whose_client_leaves_gives_its_room_back() {
        let idp = omitting();
        let gateway = chain(&idp, first(idp.jwks()), paying()).manual().start().unwrap();
        idp.set_clock(gateway.now());
        let token = idp.issue(token(&idp, file("a")));
        let waits = || {
            let request = large_call().bearer(&token);
            let body = request.chunks.concat();
            let stream = gateway.open(request);
            gateway.stream_body(stream, body, true);
            (stream, gateway.state(stream) == StreamState::Paused)
        };
        let mut all: Vec<_> = (0..MANY).map(|_| waits()).filter(|(_, is_waiting)| *is_waiting).collect();
        assert!(!all.is_empty() && all.len() < MANY, "there is room for some: {}", all.len());
        let (gone, _) = all.remove(0);
        gateway.reset(gone);
        let (next, is_waiting) = waits();
        assert!(is_waiting && !waits().1, "there is room for one more");
        gateway.reset(next);
        all.into_iter().for_each(|(stream, _)| gateway.reset(stream));
    }
}
