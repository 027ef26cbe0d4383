//! A denial explains itself to the operator: the record says what failed, what was expected, and what was there.

use fourleg_harness::{Gateway, Outcome, Request, Runner, Running, get, plugin};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, config, good};

/// A path that is no resource's, with a query that must not show.
const ELSEWHERE: &str = "/elsewhere?access_token=canary";

/// audience-validation that only watches, so that what it says of a request that it would deny can be seen behind it.
fn watching(runner: &dyn Runner) -> Box<dyn Running> {
    let mut ours = config();
    ours["mode"] = json!("shadow");
    let copy = json!({"copy_property": {"path": ["fourleg.audit.audience_validation"], "header": "x-saw"}});
    let acts = json!([copy, {"allow": {}}]);
    let telltale = plugin("driver_probe", json!({"routes": {"/mcp": acts, ELSEWHERE: acts}}));
    runner.start(Gateway::chain([plugin("audience_validation", ours), telltale])).unwrap()
}

#[track_caller]
fn record(outcome: &Outcome, code: &str) -> Value {
    let record: Value = serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap();
    assert_eq!((&record["decision"], &record["code"]), (&json!("shadow_deny"), &json!(code)), "{record}");
    record
}

scenarios! {
    /// LOG-02: what it says of itself is marked as unproven.
    fn a_token_that_is_refused_is_named_with_what_it_says_of_itself(runner) {
        let gateway = watching(runner);
        let token = || good(&*gateway);
        for (refused, code, kid) in [
            (token().kid("nobody").sign(), "unknown_key", Some("nobody")),
            (token().sign_with(stranger(Algorithm::Rs256)), "unknown_key", None),
            (token().issuer("https://other.example").sign(), "unknown_issuer", None),
            (token().typ("dpop+jwt").sign(), "type_not_allowed", None),
            (token().unsigned(), "algorithm_not_allowed", None),
        ] {
            let outcome = gateway.send(get("/mcp").bearer(&refused));
            let found: Value = serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap();
            assert_eq!(found["token_sha256"].as_str().map(str::len), Some(43), "{code} {found}");
            let claimed = &found["unverified"];
            assert!(claimed["iss"].is_string() && claimed["alg"].is_string(), "{code} {found}");
            if let Some(kid) = kid {
                assert_eq!((&found["code"], &claimed["kid"]), (&json!(code), &json!(kid)));
            }
            assert!(!found.to_string().contains(&refused));
        }
    }

    fn the_claim_and_the_time_that_were_at_fault_are_in_the_record(runner) {
        let gateway = watching(runner);
        let token = || good(&*gateway);
        let send = |token: String| gateway.send(get("/mcp").bearer(&token));
        let found = record(&send(token().claim("exp", "soon").sign()), "claim_invalid");
        assert_eq!(found["detail"], json!([{"check": "claim", "claim": "exp", "expected": "a number of seconds", "found": "a string"}]));
        let found = record(&send(token().without("jti").sign()), "claim_missing");
        assert_eq!((&found["detail"][0]["claim"], &found["detail"][0]["found"]), (&json!("jti"), &json!("absent")));
        let found = record(&send(token().expires_at(gateway.now() - 1_000).sign()), "token_expired");
        assert!((1_000..1_100).contains(&found["expired_by_seconds"].as_i64().unwrap()), "{found}");
        assert_eq!(found["unverified"]["iss"], I);
    }

    /// AUD-01
    fn a_token_for_somebody_else_is_recorded_with_both_audiences(runner) {
        let gateway = watching(runner);
        let token = good(&*gateway).audience(json!(["https://other.example", "account"])).sign();
        let found = record(&gateway.send(get("/mcp").bearer(&token)), "audience_mismatch");
        assert_eq!((&found["audiences_held"], &found["audiences_accepted"]), (&json!(["https://other.example", "account"]), &json!([R])));
        assert!(found["subject"].is_string() && found["token_sha256"].is_string(), "{found}");
    }

    fn a_request_for_nothing_that_is_known_is_recorded_with_its_place_and_without_its_query(runner) {
        let gateway = watching(runner);
        let request: Request = get(ELSEWHERE).host("tools.example");
        let found = record(&gateway.send(request), "resource_unknown");
        assert_eq!((&found["authority"], &found["path"]), (&json!("tools.example"), &json!("/elsewhere")));
        assert!(!found.to_string().contains("canary"), "{found}");
    }
}
