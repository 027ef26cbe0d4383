//! `single_use`: what a token allows once is used once.

use std::time::Duration;

use fourleg_harness::{Gateway, Outcome, Request, Response, Running, plugin, post};
use fourleg_lab::mint::{Algorithm, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{chain, rar, remedy, serve};
use crate::fixture::{I, R, config as audience_validation, good};

fn config() -> Value {
    let tool = json!({"path": {"exact": "/mcp/tools"}, "mcp": {"tools": ["pay"]}});
    json!({
        "types": {
            "payment": {"fields": {"max_amount": "ceiling", "to": "equal"}, "single_use": true},
            "read": {"fields": {"file": "equal"}},
        },
        "unmatched": "allow",
        "rules": [
            {"name": "read", "match": {"path": {"template": "/mcp/files/{file}"}}, "require": {"type": "read", "file": "{path.file}"}},
            {"name": "pay", "match": {"path": {"template": "/mcp/pay/{to}/{amount}"}},
             "require": {"type": "payment", "max_amount": "{path.amount}", "to": "{path.to}"}},
            {"name": "call", "match": tool, "require": {"type": "payment", "max_amount": "{mcp.arguments/amount}", "to": "bob"}},
        ],
    })
}

fn payment(most: &str) -> Value {
    json!({"type": "payment", "max_amount": most, "to": "bob"})
}

/// A token of this id with these details.
fn token(gateway: &dyn Running, id: &str, details: Value) -> String {
    good(gateway).claim("jti", id).claim("authorization_details", details).sign()
}

fn pay(amount: u32, token: &str) -> Request {
    post(format!("/mcp/pay/bob/{amount}")).body("x").bearer(token)
}

fn message(body: &Value, token: &str) -> Request {
    post("/mcp/tools").header("accept", "application/json, text/event-stream").json(body).bearer(token)
}

fn call(id: u32, amount: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "pay", "arguments": {"amount": amount}}})
}

#[track_caller]
fn is_spent(outcome: &Outcome) {
    outcome.denied_with(401).has_code("authorization_spent").challenge().param("error", "insufficient_authorization");
}

#[track_caller]
fn denied_in_mcp(outcome: &Outcome, status: u16, code: &str) {
    assert_eq!(outcome.denied_with(status).body_json()["error"]["data"]["code"], code, "{}", outcome.picture());
}

/// The chain, clients whose wishes Envoy fulfils, and an upstream that asks to be tried again.
fn unwell(ours: Value) -> Gateway {
    chain(ours).internal_clients().upstream(|_: &Request| Response::text(503, "try again"))
}

/// All by which a client tells Envoy to send a request again.
const REPEATING: [(&str, &str); 7] = [
    ("x-envoy-retry-on", "5xx,retriable-status-codes,retriable-headers"),
    ("x-envoy-retry-grpc-on", "unavailable"),
    ("x-envoy-max-retries", "3"),
    ("x-envoy-retriable-status-codes", "503"),
    ("x-envoy-retriable-header-names", "content-length"),
    ("x-envoy-upstream-rq-per-try-timeout-ms", "1000"),
    ("x-envoy-hedge-on-per-try-timeout", "true"),
];

scenarios! {
    /// RAR-13
    fn a_grant_is_good_for_one_request_and_the_next_is_told_what_to_ask_for(runner) {
        let gateway = serve(runner, config());
        let one = token(&*gateway, "1", json!([payment("100"), {"type": "read", "file": "a"}]));
        gateway.send(pay(10, &one)).allowed();
        let outcome = gateway.send(pay(10, &one));
        is_spent(&outcome);
        assert_eq!(remedy(&outcome), json!([{"type": "payment", "max_amount": "10", "to": "bob", "locations": [R]}]));
        is_spent(&gateway.send(pay(1, &one)));
        // Nothing of it but the one object is used up.
        for _ in 0..2 {
            gateway.send(post("/mcp/files/a").body("x").bearer(&one)).allowed();
        }
        gateway.send(pay(10, &token(&*gateway, "2", json!([payment("100")])))).allowed();
        gateway.send(pay(10, &token(&*gateway, "1", json!([payment("99")])))).allowed();
    }

    /// A single-use grant is never named by a reference (RAR-13): the client has to ask anew.
    fn the_remediation_names_no_reference(runner) {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let gateway = serve(runner, config());
        let none = token(&*gateway, "1", json!([]));
        let encoded = gateway.send(pay(10, &none)).denied_with(401).challenge().get("authorization_remediation").unwrap().to_owned();
        let document: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
        assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["authorization_details"]);
    }

    fn a_token_in_another_spelling_has_the_same_use(runner) {
        let gateway = serve(runner, config());
        let minted = |details: Value| good(&*gateway).claim("jti", "1").claim("authorization_details", details);
        gateway.send(pay(10, &minted(json!([payment("100")])).sign())).allowed();
        let reordered = minted(json!([])).claims().to_string().replace(
            "\"authorization_details\":[]",
            r#""authorization_details":[{"to":"b\u006fb","type":"payment","max_amount":"100"}]"#,
        );
        for other in [
            minted(json!([payment("100")])).sign_with(key(Algorithm::Es256)),
            minted(json!([payment("100")])).claim("exp", gateway.now() + 200).claim("x", 1).sign(),
            minted(json!([payment("100"), payment("100")])).sign(),
            minted(json!([])).payload_text(reordered).sign(),
        ] {
            is_spent(&gateway.send(pay(10, &other)));
        }
    }

    fn if_several_objects_would_do_each_is_good_for_one_request(runner) {
        let gateway = serve(runner, config());
        let three = token(&*gateway, "1", json!([payment("5"), payment("100"), payment("200")]));
        gateway.send(pay(10, &three)).allowed();
        gateway.send(pay(10, &three)).allowed();
        is_spent(&gateway.send(pay(10, &three)));
        gateway.send(pay(5, &three)).allowed();
        is_spent(&gateway.send(pay(5, &three)));
    }

    fn a_denied_request_uses_up_nothing(runner) {
        let mut ours = config();
        ours["rules"].as_array_mut().unwrap().insert(0, json!({
            "name": "watched", "mode": "shadow", "match": {"path": {"prefix": "/mcp/pay"}}, "require": {"type": "payment", "to": "bob", "max_amount": "1"},
        }));
        let gateway = serve(runner, ours);
        let one = token(&*gateway, "1", json!([payment("100")]));
        gateway.send(pay(101, &one)).denied_with(401).has_code("insufficient_authorization");
        gateway.send(post("/mcp/pay/eve/10").body("x").bearer(&one)).denied_with(401).has_code("insufficient_authorization");
        gateway.send(post("/mcp/files/a").body("x").bearer(&one)).denied_with(401);
        gateway.send(pay(10, &one).bearer(&one)).denied_with(400);
        gateway.send(pay(10, &one).header("x-http-method-override", "GET")).denied_with(400);
        gateway.send(message(&json!({"jsonrpc": "2.0"}), &one)).denied_with(400);
        denied_in_mcp(&gateway.send(message(&json!([call(1, "10"), call(2, "101")]), &one)), 401, "insufficient_authorization");
        denied_in_mcp(&gateway.send(message(&json!([call(1, "10"), call(2, "10")]), &one)), 403, "several_single_uses");
        gateway.send(message(&call(1, "10"), &one)).allowed();
        denied_in_mcp(&gateway.send(message(&call(1, "10"), &one)), 401, "authorization_spent");
    }

    fn what_cannot_be_told_from_others_is_not_granted(runner) {
        let mut first = audience_validation();
        first["issuers"][0]["profile"] = json!("generic");
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", first), rar(config())])).unwrap();
        let nameless = good(&*gateway).without("jti").claim("authorization_details", json!([payment("100"), {"type": "read", "file": "a"}])).sign();
        gateway.send(pay(10, &nameless)).denied_with(401).has_code("insufficient_authorization");
        gateway.send(post("/mcp/files/a").body("x").bearer(&nameless)).allowed();
    }

    /// The first use of a token makes its bucket, which is where a careless swap lets two in.
    fn of_requests_at_the_same_time_on_several_workers_one_wins(runner) {
        let gateway = runner.start(chain(config()).workers(4)).unwrap();
        for round in 0..15 {
            let one = token(&*gateway, &format!("t{round}"), json!([payment("100")]));
            let outcomes = gateway.send_all((0..16).map(|_| pay(10, &one)).collect());
            let passed = outcomes.iter().filter(|outcome| outcome.response.status == 200).count();
            assert_eq!(passed, 1, "round {round}");
            outcomes.iter().filter(|outcome| outcome.response.status != 200).for_each(is_spent);
        }
    }

    /// A full store denies, and what is noted in it stays noted.
    fn when_there_is_no_room_nothing_is_used(runner) {
        let gateway = serve(runner, config());
        let ids: Vec<String> = (0..).map(|number| format!("n{number}")).filter(|id| bucket(id) == 7).take(66).collect();
        let tokens: Vec<String> = ids.iter().map(|id| token(&*gateway, id, json!([payment("100")]))).collect();
        for token in &tokens[..64] {
            gateway.send(pay(10, token)).allowed();
        }
        for token in &tokens[64..] {
            gateway.send(pay(10, token)).denied_with(503).has_code("use_not_noted");
        }
        for token in [&tokens[0], &tokens[63]] {
            is_spent(&gateway.send(pay(10, token)));
        }
        gateway.send(pay(10, &token(&*gateway, "elsewhere", json!([payment("100")])))).allowed();
    }

    /// The router repeats a request after the filters have run, and its use was counted once.
    fn a_client_cannot_have_a_request_repeated_that_uses_up_a_grant(runner) {
        let gateway = runner.start(unwell(config())).unwrap();
        let repeated = |request: Request| {
            REPEATING.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        let fields = |outcome: &Outcome| {
            let [upstream] = outcome.upstream.as_slice() else { panic!("{}", outcome.picture()) };
            REPEATING.iter().filter(|(name, _)| upstream.header_text(name).is_some()).count()
        };
        let details = json!([payment("100"), payment("200"), {"type": "read", "file": "a"}]);
        let token = token(&*gateway, "1", details);
        assert_eq!(fields(gateway.send(repeated(pay(10, &token))).status(503)), 0);
        assert_eq!(fields(gateway.send(repeated(message(&call(1, "10"), &token))).status(503)), 0);
        is_spent(&gateway.send(repeated(pay(10, &token))));
        // Elsewhere the client may: its wish is there, or the router has fulfilled it.
        let outcome = gateway.send(repeated(post("/mcp/files/a").body("x").bearer(&token)));
        assert!(outcome.upstream.len() > 1 || fields(&outcome) == REPEATING.len(), "{}", outcome.picture());
    }

    /// The headers go on before anybody knows whether a grant will be used up.
    fn nor_where_the_body_alone_waits(runner) {
        let mut ours = config();
        ours["body_mode"] = json!("hold_body");
        let gateway = runner.start(unwell(ours)).unwrap();
        let token = token(&*gateway, "1", json!([payment("100")]));
        let request = REPEATING.iter().fold(message(&call(1, "10"), &token), |request, (name, value)| request.header(name, value));
        let outcome = gateway.send(request);
        let [upstream] = outcome.status(503).upstream.as_slice() else { panic!("{}", outcome.picture()) };
        assert!(REPEATING.iter().all(|(name, _)| upstream.header_text(name).is_none()), "{}", outcome.picture());
    }

    fn without_a_vm_id_of_its_own_it_does_not_load(runner) {
        let of_nobody = Gateway::chain([plugin("audience_validation", audience_validation()), rar(config()).vm_id("")]);
        let rejected = runner.start(of_nobody).err().unwrap();
        assert!(rejected.logs.iter().any(|line| line.contains("vm_id")), "{:?}", rejected.logs);
        let mut often = config();
        often["types"]["payment"]["single_use"] = json!(false);
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", audience_validation()), rar(often).vm_id("")])).unwrap();
        let one = token(&*gateway, "1", json!([payment("100")]));
        for _ in 0..2 {
            gateway.send(pay(10, &one)).allowed();
        }
    }
}

/// Where the use of `payment("100")` in a token of this id is noted.
fn bucket(id: &str) -> u16 {
    let mut hash = Sha256::new();
    for part in [I, id, r#"{"max_amount":"100","to":"bob","type":"payment"}"#] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    u16::from_be_bytes([digest[0], digest[1]]) % 1024
}

/// Time goes by only there.
mod on_wasmtime_alone {
    use fourleg_harness::{Runner as _, Wasmtime};

    use super::*;

    #[test]
    fn a_use_is_remembered_as_long_as_its_token_could_pass_anywhere() {
        let gateway = serve(&Wasmtime::default(), config());
        let long = good(&*gateway)
            .claim("jti", "1")
            .expires_at(gateway.now() + 3600)
            .claim("authorization_details", json!([payment("100")]))
            .sign();
        gateway.send(pay(10, &long)).allowed();
        gateway.pass(Duration::from_secs(3600));
        is_spent(&gateway.send(pay(10, &long)));
        gateway.pass(Duration::from_secs(100));
        gateway.send(pay(10, &long)).denied_with(401).has_code("token_expired");
    }

    /// jwt_authn may take tokens longer than we remember them.
    #[test]
    fn a_token_that_ended_long_ago_grants_nothing_once() {
        let mut ours = config();
        ours["token"] =
            json!({"source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload", "resource": R});
        let metadata = json!({"payload": {"iss": I}});
        let gateway = Wasmtime::default()
            .start(Gateway::chain([rar(ours)]).filter_metadata("envoy.filters.http.jwt_authn", metadata))
            .unwrap();
        for (ended, status) in [(50, 200), (70, 401)] {
            let token = good(&*gateway).claim("jti", "1").expires_at(gateway.now() - ended);
            let token = token.claim("authorization_details", json!([payment(&format!("{}", 100 + ended))])).sign();
            let payload = token.split('.').nth(1).unwrap().to_owned();
            gateway.send(pay(10, &token).header("x-payload", &payload)).status(status);
        }
    }
}
