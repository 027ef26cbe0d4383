//! Whatever is wrong with the authorization server, nothing passes, and nothing of it is kept.

use std::time::Duration;

use fourleg_harness::{Gateway, Reply, Request, Response, get};
use fourleg_lab::identity_provider::TokenForm;
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{ISSUER, asking, gateway, identity_provider, issue, source};
use crate::fixture::R;

/// A good answer with other members.
fn answer(now: u64, more: Value) -> Value {
    let mut answer =
        json!({"active": true, "iss": ISSUER, "sub": "alice", "aud": R, "exp": now + 300, "token_type": "Bearer"});
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}

/// A gateway whose authorization server does what the token says: the scenario's table by number.
fn by_token(replies: Vec<Reply>) -> Gateway {
    let timeout = json!({"timeout_ms": 300});
    gateway(source(timeout)).cluster("idp", move |request: &Request| {
        let form = String::from_utf8(request.whole_body()).unwrap();
        let number = form.split('&').next().unwrap().strip_prefix("token=t").unwrap();
        replies[number.parse::<usize>().unwrap()].clone()
    })
}

scenarios! {
    /// REV-02
    fn no_fault_of_the_server_is_a_verdict(runner) {
        let now = runner.start(Gateway::chain([])).unwrap().now();
        let good = answer(now, json!({})).to_string();
        let text = |body: String| Reply::from(Response::text(200, body));
        let replies = vec![
            text(good.clone()),
            Response::text(500, good.clone()).into(),
            Response::text(401, good.clone()).into(),
            Response::text(404, good.clone()).into(),
            Response::text(204, "").into(),
            Response::text(201, good.clone()).into(),
            Response::text(307, good.clone()).header("location", "https://evil.example/introspect").into(),
            text("<html>active: true</html>".to_owned()),
            text(String::new()),
            text(good.replacen('{', r#"{"active":false,"#, 1)),
            text(good.replacen('{', r#"{"sub":"mallory","#, 1)),
            text(format!("{good}{good}")),
            text(answer(now, json!({"active": "true"})).to_string()),
            text(answer(now, json!({"active": 1})).to_string()),
            text(answer(now, json!({"active": null})).to_string()),
            text("{}".to_owned()),
            text(answer(now, json!({"x": "x".repeat(300 * 1024)})).to_string()),
            text(format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
            Reply::Truncated(Response::text(200, good.clone())),
            Reply::Reset,
            Reply::Hang,
            Reply::Garbage,
        ];
        let count = replies.len();
        let gateway = runner.start(by_token(replies)).unwrap();
        gateway.send(get("/mcp/b").bearer("t0")).allowed();
        for number in 1..count {
            let outcome = gateway.send(get("/mcp/b").bearer(&format!("t{number}")));
            assert_eq!(outcome.response.status, 503, "{number}: {}", outcome.picture());
            outcome.has_code("introspection_unavailable").never_reached_upstream().no_header("www-authenticate");
            assert_eq!(outcome.header("retry-after"), "5");
        }
    }

    /// REV-02, REV-03
    fn an_answer_that_is_one_and_does_not_fit_is_a_401(runner) {
        let now = runner.start(Gateway::chain([])).unwrap().now();
        let table = [
            (json!({"active": false}), "token_inactive"),
            (json!({"iss": "https://other.example"}), "unknown_issuer"),
            (json!({"aud": []}), "audience_mismatch"),
            (json!({"aud": "https://mcp.example.com/other"}), "audience_mismatch"),
            (json!({"exp": now - 100}), "token_expired"),
            (json!({"exp": "never"}), "claim_invalid"),
            (json!({"nbf": now + 1000}), "token_not_yet_valid"),
            (json!({"cnf": {"x5t#S256": "x"}}), "binding_unchecked"),
            (json!({"token_type": "DPoP"}), "binding_unchecked"),
            (json!({"token_type": "refresh_token"}), "not_an_access_token"),
            (json!({"typ": "Refresh"}), "not_an_access_token"),
        ];
        let replies = table.iter().map(|(more, _)| Response::json(200, &answer(now, more.clone())).into()).collect();
        let gateway = runner.start(by_token(replies)).unwrap();
        for (number, (_, code)) in table.iter().enumerate() {
            let outcome = gateway.send(get("/mcp/b").bearer(&format!("t{number}")));
            outcome.denied_with(401).has_code(code).challenge().param("error", "invalid_token");
        }
    }

    /// REV-02
    fn a_server_that_cannot_be_reached_is_an_outage(runner) {
        let gateway = runner.start(gateway(source(json!({}))).empty_cluster("idp")).unwrap();
        let outcomes = gateway.send_all((0..5).map(|_| get("/mcp/b").bearer("t")).collect());
        for outcome in outcomes {
            outcome.denied_with(503).has_code("introspection_unavailable");
        }
        let warnings = gateway.logs().iter().filter(|line| line.contains("introspection by the cluster idp failed")).count();
        assert!((1..=2).contains(&warnings), "told when it begins, not for each request: {warnings}");
    }

    /// REV-04: an outage is not remembered; what was known before it goes on as long as it may.
    fn after_an_outage_the_next_request_is_asked_about(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = super::serve(runner, &idp, json!({"timeout_ms": 300, "cache": {"max_ttl_seconds": 30}}));
        let (known, new) = (issue(&idp, json!({})), issue(&idp, json!({})));
        gateway.send(get("/mcp/b").bearer(&known)).allowed();
        for fault in [fourleg_lab::identity_provider::Fault::Status(500), fourleg_lab::identity_provider::Fault::Garbage] {
            idp.fail(fourleg_lab::identity_provider::Endpoint::Introspection, fault);
            gateway.send(get("/mcp/b").bearer(&known)).allowed();
            gateway.send(get("/mcp/b").bearer(&new)).denied_with(503).has_code("introspection_unavailable");
        }
        idp.recover(fourleg_lab::identity_provider::Endpoint::Introspection);
        gateway.send(get("/mcp/b").bearer(&new)).allowed();
    }

    fn a_client_that_the_server_does_not_know_learns_nothing(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let wrong = json!({"method": "client_secret_basic", "client_id": "tools:1", "client_secret": "wrong"});
        let config = gateway(source(json!({"client_auth": wrong}))).cluster("idp", asking(&idp));
        let gateway = runner.start(config).unwrap();
        idp.set_clock(gateway.now());
        gateway.send(get("/mcp/b").bearer(&issue(&idp, json!({})))).denied_with(503).has_code("introspection_unavailable");
        gateway.pass(Duration::from_millis(1));
    }
}
