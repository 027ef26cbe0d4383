//! One question for all who bring the same token, and how long an answer is believed (REV-04).

use std::time::Duration;

use fourleg_harness::{Reply, Request, Response, get};
use fourleg_lab::identity_provider::TokenForm;
use fourleg_tests::scenarios;
use serde_json::json;

use super::{asking, gateway, identity_provider, issue, questions, serve, source};

scenarios! {
    /// REV-04
    fn an_answer_is_believed_for_its_time_and_not_longer(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, json!({"cache": {"max_ttl_seconds": 2, "negative_ttl_seconds": 1}}));
        let (token, late) = (issue(&idp, json!({})), "not-yet-issued");
        for _ in 0..3 {
            gateway.send(get("/mcp/b").bearer(&token)).allowed();
            gateway.send(get("/mcp/b").bearer(late)).denied_with(401).has_code("token_inactive");
        }
        assert_eq!(questions(&idp), 2);
        idp.revoke(&token);
        gateway.pass(Duration::from_millis(2100));
        gateway.send(get("/mcp/b").bearer(&token)).denied_with(401).has_code("token_inactive");
        gateway.send(get("/mcp/b").bearer(late)).denied_with(401);
        assert_eq!(questions(&idp), 4);
    }

    /// REV-04
    fn an_answer_is_never_believed_past_exp(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, json!({"cache": {"max_ttl_seconds": 60}}));
        let token = issue(&idp, json!({"exp": gateway.now() + 2}));
        gateway.send(get("/mcp/b").bearer(&token)).allowed();
        gateway.pass(Duration::from_millis(2100));
        idp.pass(Duration::from_secs(3));
        // The difference between clocks is tolerated, but whether the token is still active is the server's to say.
        gateway.send(get("/mcp/b").bearer(&token)).denied_with(401).has_code("token_inactive");
        assert_eq!(questions(&idp), 2);
    }

    /// REV-04
    fn what_may_not_be_kept_is_asked_about_each_time(runner) {
        for cache in [json!({"max_entries": 0}), json!({"max_ttl_seconds": 0, "negative_ttl_seconds": 0})] {
            let idp = identity_provider(TokenForm::Opaque);
            let gateway = serve(runner, &idp, json!({"cache": cache}));
            let token = issue(&idp, json!({}));
            gateway.send(get("/mcp/b").bearer(&token)).allowed();
            idp.revoke(&token);
            for _ in 0..2 {
                gateway.send(get("/mcp/b").bearer(&token)).denied_with(401).has_code("token_inactive");
            }
            assert_eq!(questions(&idp), 3);
        }
    }

    fn requests_with_one_token_ask_once_and_each_token_gets_its_own_answer(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let there = asking(&idp);
        let slow = move |request: &Request| match there(request) {
            Reply::Response(response) => Reply::After(Duration::from_millis(300), response),
            other => other,
        };
        let gateway = runner.start(gateway(source(json!({}))).cluster("idp", slow)).unwrap();
        idp.set_clock(gateway.now());
        let strong = issue(&idp, json!({"acr": "mfa", "auth_time": gateway.now(), "sub": "alice"}));
        let weak = issue(&idp, json!({"acr": "pwd", "sub": "bob"}));
        let tokens = || [&*strong, &*weak, "invented"].into_iter().cycle().take(30);
        let outcomes = gateway.send_all(tokens().map(|token| get("/mcp/a").bearer(token)).collect());
        for (token, outcome) in tokens().zip(outcomes) {
            if token == strong {
                outcome.allowed();
            } else if token == weak {
                outcome.denied_with(401).has_code("insufficient_user_authentication");
            } else {
                outcome.denied_with(401).has_code("token_inactive");
            }
        }
        assert_eq!(questions(&idp), 3);
    }

    /// A flood of invented tokens drives out nothing that is known of real ones.
    fn a_flood_of_invented_tokens_leaves_real_ones_alone(runner) {
        let idp = identity_provider(TokenForm::Opaque);
        let gateway = serve(runner, &idp, json!({"cache": {"max_entries": 10}}));
        let token = issue(&idp, json!({}));
        gateway.send(get("/mcp/b").bearer(&token)).allowed();
        for batch in 0..5 {
            let invented = (0..20).map(|number| get("/mcp/b").bearer(&format!("invented-{batch}-{number}")));
            for outcome in gateway.send_all(invented.collect()) {
                outcome.denied_with(401).has_code("token_inactive");
            }
        }
        let before = questions(&idp);
        gateway.send(get("/mcp/b").bearer(&token)).allowed();
        assert_eq!(questions(&idp), before);
    }
}

/// What needs a hand on each callout.
mod on_wasmtime_alone {
    use fourleg_harness::Gateway;

    use super::*;
    use crate::{fixture::R, introspection::ISSUER};

    fn manual() -> Gateway {
        gateway(source(json!({}))).cluster("idp", |_: &Request| Response::json(200, &json!({}))).manual()
    }

    #[test]
    fn a_client_that_leaves_strands_nobody_and_its_request_is_never_sent() {
        let gateway = manual().at(1_900_000_000).start().unwrap();
        let leader = gateway.open(get("/mcp/b").bearer("t"));
        let pending = gateway.pending_callouts();
        assert_eq!(pending.len(), 1);
        gateway.reset(leader);
        let follower = gateway.open(get("/mcp/b").bearer("t"));
        let other = gateway.open(get("/mcp/b").bearer("u"));
        assert_eq!(gateway.pending_callouts().len(), 2, "the follower joins, the other token is asked about");
        let body = json!({"active": true, "iss": ISSUER, "aud": R, "exp": 1_900_000_300_i64});
        gateway.complete(pending[0].id, Response::json(200, &body));
        gateway.outcome(follower).allowed();
        assert!(gateway.outcome(leader).upstream.is_empty());
        assert!(gateway.outcome(other).upstream.is_empty());
        gateway.complete(gateway.pending_callouts()[0].id, Response::json(200, &json!({"active": false})));
        gateway.outcome(other).denied_with(401).has_code("token_inactive");
    }

    #[test]
    fn a_server_that_never_answers_is_ended_by_the_deadline_of_the_filter() {
        let gateway = manual().start().unwrap();
        let stream = gateway.open(get("/mcp/b").bearer("t"));
        gateway.advance(Duration::from_secs(3));
        gateway.outcome(stream).denied_with(503);
        gateway.complete(gateway.pending_callouts()[0].id, Response::json(200, &json!({"active": true})));
        gateway.outcome(stream).denied_with(503);
    }
}
