//! Several workers of one proxy, and a hostile module beside ours (TEX-17).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Gateway, Protocol, Reply, Response, get, plugin};
use fourleg_tests::scenarios;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Provider, chain, credential, exchange, forwarded, of_user, provider::issued, to_b};
use crate::fixture::config;

fn slow(provider: &Provider) {
    provider
        .does(|asked| Reply::After(Duration::from_millis(300), Response::json(200, &issued(&asked.wanted().sign()))));
}

scenarios! {
    /// TEX-17
    fn two_hundred_first_requests_of_one_user_on_four_workers_ask_once(runner) {
        let provider = Provider::default();
        slow(&provider);
        let gateway = runner.start(chain(&provider, to_b()).workers(4)).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let before = provider.count();
            let token = of_user(&*gateway, "alice").sign();
            let outcomes = gateway.send_all(vec![get("/mcp").bearer(&token).over(protocol); 200]);
            let first = credential(&outcomes[0]);
            for outcome in &outcomes {
                assert_eq!(credential(outcome), first);
            }
            assert_eq!(provider.count() - before, 1);
        }
    }

    /// TEX-17
    fn users_on_several_workers_each_get_their_own(runner) {
        let provider = Provider::default();
        slow(&provider);
        let gateway = runner.start(chain(&provider, to_b()).workers(4)).unwrap();
        let users: Vec<String> = (0..10).map(|number| format!("user-{number}")).collect();
        let tokens: Vec<String> = users.iter().map(|user| of_user(&*gateway, user).sign()).collect();
        let order: Vec<usize> = (0..100).map(|number| number * 7 % 10).collect();
        let requests = order.iter().map(|user| get("/mcp").bearer(&tokens[*user])).collect();
        for (outcome, user) in gateway.send_all(requests).iter().zip(&order) {
            assert_eq!(forwarded(outcome)["sub"], json!(users[*user]));
        }
        assert!(provider.count() <= 20, "{} questions for ten users", provider.count());
    }

    /// TEX-13, TEX-17: a failed call is nobody's success, on whatever worker.
    fn when_the_one_who_asks_fails_nothing_goes_up_anywhere(runner) {
        let provider = Provider::default();
        provider.says(Reply::After(Duration::from_millis(200), Response::text(500, "oh")));
        let gateway = runner.start(chain(&provider, to_b()).workers(4)).unwrap();
        let token = of_user(&*gateway, "alice").sign();
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&token); 40]) {
            outcome.never_reached_upstream();
            assert!([502, 503].contains(&outcome.response.status), "{}", outcome.picture());
        }
        assert!(provider.count() <= 5, "{}", provider.count());
    }

    /// TEX-17, design §4: shared data carries no trust.
    fn a_hostile_module_with_our_vm_id_gets_no_token_and_plants_none(runner) {
        let provider = Provider::default();
        slow(&provider);
        let first = super::set(config(), "/forward", json!({"authorization": "exchange"}));
        let ours = exchange(to_b());
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&ours.config));
        let planted = json!({"access_token": "planted-token", "until": 4_000_000_000_000_u64}).to_string();
        let rob = json!({"rob_shared_data": {"prefix": format!("fourleg.token_exchange.{digest}."), "planted": planted}});
        let hostile = plugin("driver_probe", json!({"routes": {"/mcp": [{"allow": {}}], "/mcp/rob": [rob, {"allow": {}}]}}));
        let gateway = Gateway::chain([plugin("audience_validation", first), ours.vm_id("shared"), hostile.vm_id("shared")])
            .cluster("idp", provider.handler())
            .workers(4);
        let gateway = runner.start(gateway).unwrap();
        let alice = of_user(&*gateway, "alice").sign();
        let obtained = credential(&gateway.send(get("/mcp").bearer(&alice)));
        assert_eq!(provider.count(), 1);

        // Another user, so that nothing of alice's is at work.
        let robbed = gateway.send(get("/mcp/rob").bearer(&of_user(&*gateway, "mallory").sign()));
        let hex = robbed.allowed().header_text("x-robbed").unwrap();
        let found: Vec<u8> = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
        assert!(found.len() > obtained.len(), "what was published is there to be read");
        let text = String::from_utf8_lossy(&found);
        for secret in [obtained.as_str(), alice.as_str(), "access_token", "alice"] {
            assert!(!text.contains(secret), "{secret}");
        }
        assert!(!found.windows(16).any(|part| obtained.as_bytes().windows(16).any(|of_token| of_token == part)));

        // Every worker goes on with what it knows, or asks for itself.
        for outcome in gateway.send_all(vec![get("/mcp").bearer(&alice); 40]) {
            assert_eq!(forwarded(&outcome)["sub"], "alice");
            assert_ne!(credential(&outcome), "planted-token");
        }
        assert!((2..=6).contains(&provider.count()), "{}", provider.count());
    }

    /// The whole of both filters over both protocols on two workers, with what audience-validation requires.
    fn without_the_filter_that_is_required_nothing_is_exchanged(runner) {
        let provider = Provider::default();
        let ours = super::to_b_with("/requires", json!(["audience-validation"]));
        let gateway = runner.start(chain(&provider, ours.clone()).workers(2)).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            gateway.send(get("/mcp").over(protocol).bearer(&of_user(&*gateway, "alice").sign())).allowed();
        }
        let before = provider.count();
        let alone = Gateway::chain([exchange(ours.clone())]).cluster("idp", provider.handler());
        let gateway = runner.start(alone).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(503).has_code("required_filter_missing");
        // In the wrong order there is nothing to exchange either, and the credential is gone.
        let first = super::set(config(), "/forward", json!({"authorization": "exchange"}));
        let wrong = Gateway::chain([exchange(ours), plugin("audience_validation", first)]).cluster("idp", provider.handler());
        let gateway = runner.start(wrong).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(503);
        assert_eq!(provider.count(), before);
    }

    /// design §4: without the exchange, `forward.authorization: exchange` sends no credential at all.
    fn a_missing_exchange_sends_no_credential(runner) {
        let first = super::set(config(), "/forward", json!({"authorization": "exchange"}));
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", first)])).unwrap();
        let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        assert!(!super::has_field(outcome.allowed(), "authorization"));
    }
}
