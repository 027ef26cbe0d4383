//! Invented tokens cost questions: those of one client are bounded.

use fourleg_harness::{Gateway, Reply, Request, Response, get};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{ISSUER, gateway, source};
use crate::fixture::R;

/// What a client address may have under way in a worker.
const MOST: usize = 64;

scenarios! {
    /// REV-04
    fn a_flood_of_invented_tokens_asks_no_more_than_a_bound_at_a_time(runner) {
        let now = runner.start(Gateway::chain([])).unwrap().now();
        let good = json!({
            "active": true, "iss": ISSUER, "sub": "alice", "aud": R, "exp": now + 3000, "token_type": "Bearer", "scope": "a b",
        });
        let server = move |request: &Request| match String::from_utf8_lossy(&request.whole_body()).starts_with("token=good") {
            true => Reply::from(Response::json(200, &good)),
            false => Reply::Hang,
        };
        let source = source(json!({"timeout_ms": 1500}));
        let gateway = runner.start(gateway(source).cluster("idp", server)).unwrap();
        gateway.send(get("/mcp/s").bearer("good")).allowed();
        let flood = (0..2 * MOST).map(|number| get("/mcp/s").bearer(&format!("invented{number}")));
        let outcomes = gateway.send_all(flood.collect());
        let refused = outcomes.iter().filter(|outcome| outcome.code() == "too_many_pending");
        let refused: Vec<_> = refused.map(|outcome| outcome.denied_with(429).header("retry-after")).collect();
        assert_eq!(refused, vec!["1"; MOST]);
        for outcome in &outcomes {
            outcome.never_reached_upstream();
        }
        // What is known goes on, and when the flood is over, all goes on.
        for token in ["good", "good2"] {
            gateway.send(get("/mcp/s").bearer(token)).allowed();
        }
    }
}
