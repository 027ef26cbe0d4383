//! What is kept, for whom and for how long (TEX-08, TEX-17).

use std::time::Duration;

use fourleg_harness::{Reply, Response, get};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{Provider, chain, credential, forwarded, of_user, provider::issued, serve, set, to_b, to_b_with};

scenarios! {
    /// TEX-17
    fn a_result_is_used_again_for_the_same_token_and_for_no_other(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        let tokens: Vec<String> = ["alice", "bob", "carol"].iter().map(|user| of_user(&*gateway, user).sign()).collect();
        for _ in 0..5 {
            for (token, user) in tokens.iter().zip(["alice", "bob", "carol"]) {
                assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(token)))["sub"], user);
            }
        }
        assert_eq!(provider.count(), 3);
        // A new token of the same user is another token.
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        assert_eq!(provider.count(), 4);
    }

    /// TEX-17: nothing crosses principals.
    fn users_who_wait_at_the_same_time_each_get_their_own(runner) {
        let provider = Provider::default();
        provider.does(|asked| {
            let wait = if asked.subject()["sub"].as_str().unwrap().ends_with('0') { 400 } else { 100 };
            Reply::After(Duration::from_millis(wait), Response::json(200, &issued(&asked.wanted().sign())))
        });
        let gateway = serve(runner, &provider, to_b());
        let users: Vec<String> = (0..40).map(|number| format!("user-{}", number % 13)).collect();
        let tokens: std::collections::BTreeMap<String, String> =
            users.iter().map(|user| (user.clone(), of_user(&*gateway, user).sign())).collect();
        let requests = users.iter().map(|user| get("/mcp").bearer(&tokens[user]).header("x-user", user)).collect();
        for (outcome, user) in gateway.send_all(requests).iter().zip(&users) {
            assert_eq!(forwarded(outcome)["sub"], json!(user));
            assert_eq!(outcome.allowed().header_text("x-user").as_deref(), Some(user.as_str()));
        }
        assert_eq!(provider.count(), 13, "one question for each");
    }

    /// TEX-17
    fn a_hundred_first_requests_of_one_user_ask_once(runner) {
        let provider = Provider::default();
        provider.does(|asked| Reply::After(Duration::from_millis(300), Response::json(200, &issued(&asked.wanted().sign()))));
        let gateway = serve(runner, &provider, to_b());
        let token = of_user(&*gateway, "alice").sign();
        let outcomes = gateway.send_all(vec![get("/mcp").bearer(&token); 100]);
        let first = credential(&outcomes[0]);
        for outcome in &outcomes {
            assert_eq!(credential(outcome), first);
        }
        assert_eq!(provider.count(), 1);
    }

    /// TEX-08
    fn a_result_without_a_life_is_used_once_and_not_kept(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        for (number, life) in [json!(0), json!(-1), json!("soon"), json!(10)].into_iter().enumerate() {
            provider.answers(move |answer| answer["expires_in"] = life.clone());
            let token = of_user(&*gateway, "alice").sign();
            for time in 1..=2 {
                gateway.send(get("/mcp").bearer(&token)).allowed();
                assert_eq!(provider.count(), number * 2 + time);
            }
        }
        let before = provider.count();
        provider.answers(|answer| answer["expires_in"] = json!("300"));
        let token = of_user(&*gateway, "alice").sign();
        for _ in 0..3 {
            gateway.send(get("/mcp").bearer(&token)).allowed();
        }
        assert_eq!(provider.count(), before + 1);
    }

    /// TEX-17
    fn a_result_ends_with_the_bound_its_own_life_and_the_subject_token(runner) {
        let provider = Provider::default();
        let short: Value = json!({"max_ttl_seconds": 2, "margin_seconds": 0});
        let gateway = serve(runner, &provider, to_b_with("/cache", short));
        let token = of_user(&*gateway, "alice").sign();
        gateway.send(get("/mcp").bearer(&token)).allowed();
        gateway.send(get("/mcp").bearer(&token)).allowed();
        assert_eq!(provider.count(), 1);
        gateway.pass(Duration::from_millis(2300));
        gateway.send(get("/mcp").bearer(&token)).allowed();
        assert_eq!(provider.count(), 2);
        // The subject token ends within the margin: its result is for this request alone.
        let gateway = serve(runner, &provider, to_b());
        let ends_soon = of_user(&*gateway, "alice").expires_at(gateway.now() + 12).sign();
        let before = provider.count();
        for _ in 0..2 {
            gateway.send(get("/mcp").bearer(&ends_soon)).allowed();
        }
        assert_eq!(provider.count(), before + 2);
    }

    fn a_memory_that_is_full_costs_a_question_at_most(runner) {
        let provider = Provider::default();
        for (most, again) in [(0, 20..=20), (2, 0..=20), (100, 0..=0)] {
            let gateway = serve(runner, &provider, to_b_with("/cache", json!({"max_entries": most})));
            let tokens: Vec<String> = (0..20).map(|number| of_user(&*gateway, &format!("user-{number}")).sign()).collect();
            for token in &tokens {
                gateway.send(get("/mcp").bearer(token)).allowed();
            }
            let before = provider.count();
            for (number, token) in tokens.iter().enumerate() {
                assert_eq!(forwarded(&gateway.send(get("/mcp").bearer(token)))["sub"], json!(format!("user-{number}")));
            }
            assert!(again.contains(&(provider.count() - before)), "{most}");
        }
    }

    /// TEX-17: whatever shapes the result.
    fn two_targets_share_nothing(runner) {
        let provider = Provider::default();
        let target = |name: &str, scope: &str| {
            json!({"name": name, "match": {"path": {"prefix": format!("/mcp/{name}")}}, "authorization_server": "idp", "audience": ["b"], "scope": [scope]})
        };
        let targets = json!([target("a", "x"), target("b", "x"), target("c", "y")]);
        let gateway = serve(runner, &provider, set(to_b(), "/targets", targets));
        let token = of_user(&*gateway, "alice").sign();
        for _ in 0..2 {
            for (path, scope) in [("/mcp/a", "x"), ("/mcp/b", "x"), ("/mcp/c", "y")] {
                assert_eq!(forwarded(&gateway.send(get(path).bearer(&token)))["scope"], scope);
            }
        }
        assert_eq!(provider.count(), 3);
    }
}

/// Orders of callbacks that no client can force on a real Envoy.
mod on_wasmtime_alone {
    use fourleg_harness::{Emulated, StreamState};

    use super::*;

    fn manual(provider: &Provider) -> Emulated {
        chain(provider, to_b()).manual().start().unwrap()
    }

    fn answer(gateway: &Emulated, callout: u64, request: &fourleg_harness::Request, provider: &Provider) {
        let Reply::Response(response) = (provider.handler())(request) else { panic!("an answer") };
        gateway.complete(callout, response);
    }

    /// TEX-17
    #[test]
    fn a_leader_who_leaves_does_not_strand_the_others() {
        let provider = Provider::default();
        let gateway = manual(&provider);
        let token = of_user(&gateway, "alice").sign();
        let leader = gateway.open(get("/mcp").bearer(&token));
        let follower = gateway.open(get("/mcp").bearer(&token));
        gateway.reset(leader);
        let callouts = gateway.pending_callouts();
        assert_eq!(callouts.len(), 1);
        answer(&gateway, callouts[0].id, &callouts[0].request, &provider);
        assert_eq!(forwarded(&gateway.outcome(follower))["sub"], "alice");
        assert!(gateway.outcome(leader).upstream.is_empty());
    }

    /// TEX-17: the edits of one land on no other's request.
    #[test]
    fn a_stream_that_has_gone_neither_gets_nor_gives_anything() {
        let provider = Provider::default();
        let gateway = manual(&provider);
        let users = ["alice", "bob", "carol"];
        let streams: Vec<_> =
            users.iter().map(|user| gateway.open(get("/mcp").bearer(&of_user(&gateway, user).sign()))).collect();
        let mut callouts = gateway.pending_callouts();
        assert_eq!(callouts.len(), 3);
        gateway.reset(streams[1]);
        callouts.reverse();
        for callout in &callouts {
            answer(&gateway, callout.id, &callout.request, &provider);
        }
        assert_eq!(forwarded(&gateway.outcome(streams[0]))["sub"], "alice");
        assert_eq!(forwarded(&gateway.outcome(streams[2]))["sub"], "carol");
        assert_eq!(gateway.state(streams[1]), StreamState::Gone);
        assert!(gateway.outcome(streams[1]).upstream.is_empty());
    }
}
