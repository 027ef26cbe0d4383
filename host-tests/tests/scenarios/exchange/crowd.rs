//! One user who takes up all that one can gets no answer faster, and takes none from the others.

use std::time::Duration;

use fourleg_harness::{Outcome, Reply, Request, Response, get};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, forwarded, of_user, provider::issued, serve, set, to_b_with};

/// What a user may have under way in a worker.
const MOST: usize = 16;

/// Each actor token makes another exchange.
fn with_actors() -> serde_json::Value {
    let ours = to_b_with("/authorization_servers/0/breaker", json!({"failures": 3, "open_seconds": 60}));
    let ours = set(ours, "/authorization_servers/0/timeout_ms", json!(700));
    set(ours, "/targets/0/actor_token", json!({"header": "x-actor", "type": "jwt"}))
}

fn count(outcomes: &[Outcome], code: &str) -> usize {
    outcomes.iter().filter(|outcome| outcome.code() == code).count()
}

scenarios! {
    /// TEX-28
    fn one_user_with_many_actors_is_bounded_and_opens_no_breaker_for_others(runner) {
        let provider = Provider::default();
        provider.does(|asked| match asked.subject()["sub"].as_str() {
            Some("mallory") => Reply::Hang,
            _ => Response::json(200, &issued(&asked.wanted().sign())).into(),
        });
        let gateway = serve(runner, &provider, with_actors());
        let mallory = of_user(&*gateway, "mallory").sign();
        let flood: Vec<Request> =
            (0..5 * MOST).map(|number| get("/mcp").bearer(&mallory).header("x-actor", format!("a.b{number}"))).collect();
        let outcomes = gateway.send_all(flood);
        for outcome in &outcomes {
            outcome.never_reached_upstream();
            if outcome.code() == "too_many_pending" {
                assert_eq!(outcome.denied_with(429).header("retry-after"), "1");
            }
        }
        assert_eq!((count(&outcomes, "exchange_timed_out"), count(&outcomes, "too_many_pending")), (MOST, 4 * MOST));
        assert_eq!(provider.count(), MOST);
        // The breaker is open, for this user alone.
        let again = get("/mcp").bearer(&of_user(&*gateway, "mallory").sign()).header("x-actor", "a.c");
        gateway.send(again).denied_with(503).has_code("breaker_open");
        for user in ["alice", "bob"] {
            let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, user).sign()).header("x-actor", "a.b"));
            assert_eq!(forwarded(&outcome)["sub"], user);
        }
        assert!(gateway.logs().iter().any(|line| line.contains("idp has failed too often for one user")));
    }

    /// TEX-28
    fn a_server_that_fails_everybody_is_left_alone_by_all(runner) {
        let provider = Provider::default();
        provider.says(Response::text(500, "oh"));
        let gateway = serve(runner, &provider, with_actors());
        let send = |user: &str| gateway.send(get("/mcp").bearer(&of_user(&*gateway, user).sign()).header("x-actor", "a.b"));
        for _ in 0..3 {
            send("alice").denied_with(502);
        }
        send("alice").denied_with(503).has_code("breaker_open");
        send("bob").denied_with(502).has_code("exchange_failed");
        for user in ["alice", "bob", "carol"] {
            send(user).denied_with(503).has_code("breaker_open");
        }
        assert_eq!(provider.count(), 4);
    }

    fn exchanges_that_have_ended_make_room_for_more(runner) {
        let provider = Provider::default();
        provider.does(|asked| Reply::After(Duration::from_millis(100), Response::json(200, &issued(&asked.wanted().sign()))));
        let gateway = serve(runner, &provider, with_actors());
        let alice = of_user(&*gateway, "alice").sign();
        for round in 0..3 {
            let requests = (0..MOST).map(|number| get("/mcp").bearer(&alice).header("x-actor", format!("a{round}.b{number}")));
            for outcome in gateway.send_all(requests.collect()) {
                assert_eq!(forwarded(&outcome)["sub"], "alice");
            }
        }
    }
}
