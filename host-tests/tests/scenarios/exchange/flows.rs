//! Other ways to a credential than an exchange, and none at all.

use fourleg_harness::{Outcome, get};
use fourleg_lab::mint::{Algorithm, Mint, Token, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{B, Provider, chain, credential, has_field, of_user, serve, set, to_b, to_b_with};
use crate::fixture::{I, R, config, public_keys};

fn brings() -> Value {
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "targets": [{
            "name": "bank", "match": {"path": {"prefix": "/mcp"}}, "flow": "pre_injected", "audience": ["bank"],
            "pre_injected": {"header": "x-bank-token", "issuers": [I]},
        }],
    })
}

fn second(now: u64) -> Token {
    Mint::new(I, "bank").at(now).access_token()
}

#[track_caller]
fn refused(outcome: &Outcome) {
    outcome.denied_with(403).has_code("second_token_refused");
}

scenarios! {
    /// AUD-06: there is no way to send the user's token on.
    fn what_no_target_is_about_is_denied_or_goes_on_without_a_credential(runner) {
        let provider = Provider::default();
        let only_a = |unmatched: &str| {
            let ours = to_b_with("/targets/0/match", json!({"path": {"prefix": "/mcp/a"}}));
            set(ours, "/unmatched", json!(unmatched))
        };
        let gateway = serve(runner, &provider, only_a("deny"));
        let token = of_user(&*gateway, "alice").sign();
        gateway.send(get("/mcp/b").bearer(&token)).denied_with(403).has_code("rule_missing");
        gateway.send(get("/mcp/a").bearer(&token)).allowed();

        let gateway = serve(runner, &provider, only_a("remove_authorization"));
        let token = of_user(&*gateway, "alice").sign();
        let outcome = gateway.send(get("/mcp/b?access_token=x").bearer(&token).header("cookie", "a=b").header("dpop", "x"));
        for name in ["authorization", "cookie", "dpop"] {
            assert!(!has_field(outcome.allowed(), name), "{name}");
        }
        assert_eq!(outcome.allowed().path, b"/mcp/b");
        assert_eq!(provider.count(), 1);
    }

    /// AUD-06
    fn a_public_request_takes_no_credential_with_it(runner) {
        let provider = Provider::default();
        for unmatched in ["deny", "remove_authorization"] {
            let gateway = serve(runner, &provider, to_b_with("/unmatched", json!(unmatched)));
            let outcome = gateway.send(get("/healthz").bearer("an-unverified-token-of-anybody").header("cookie", "a=b"));
            assert!(!has_field(outcome.allowed(), "authorization") && !has_field(outcome.allowed(), "cookie"));
        }
        let all = serve(runner, &provider, to_b_with("/targets/0/match", json!({"path": {"prefix": "/"}})));
        all.send(get("/healthz")).denied_with(503).has_code("token_not_verified");
        assert_eq!(provider.count(), 0);
    }

    fn with_client_credentials_the_users_identity_ends_here(runner) {
        let provider = Provider::default();
        provider.issues(|token| token.subject("gateway").expires_at(2_500_000_000).without("act"));
        let ours = to_b_with("/targets/0/flow", json!("client_credentials"));
        let gateway = serve(runner, &provider, ours);
        for user in ["alice", "bob"] {
            let token = of_user(&*gateway, user).sign();
            let outcome = gateway.send(get("/mcp").bearer(&token));
            assert_eq!(super::forwarded(&outcome)["sub"], "gateway");
        }
        assert_eq!(provider.count(), 1, "it is the same token for all");
        let asked = provider.last();
        assert_eq!((asked.one("grant_type"), asked.one("scope")), ("client_credentials", "b:read"));
        assert!(asked.all("subject_token").is_empty());
        // Without a token that was verified nobody gets there all the same.
        gateway.send(get("/mcp")).denied_with(401);
    }

    fn a_token_that_is_meant_for_the_next_hop_already_may_go_on_as_it_is(runner) {
        let provider = Provider::default();
        // One resource with two names, so that audience-validation accepts it here, too.
        let ours = set(to_b_with("/targets/0/skip_if_audience_matches", json!(true)), "/targets/0/audience", json!([R]));
        let ours = set(ours, "/targets/0/scope", json!(["tools:read"]));
        let first = set(config(), "/forward", json!({"authorization": "exchange"}));
        let first = set(first, "/issuers/0/profile", json!("generic"));
        let first = set(first, "/resources/0/require/token_kind", json!("any"));
        let chain = |ours| fourleg_harness::Gateway::chain([
            fourleg_harness::plugin("audience_validation", first.clone()), super::exchange(ours),
        ]).cluster("idp", provider.handler());
        let gateway = runner.start(chain(ours.clone())).unwrap();
        let user = || of_user(&*gateway, "alice").claim("auth_time", gateway.now());
        let as_it_is = user().sign();
        assert_eq!(credential(&gateway.send(get("/mcp").bearer(&as_it_is))), as_it_is);
        assert_eq!(provider.count(), 0);
        // Anything else is exchanged: for others too, with more scope, or of a client that speaks for itself.
        for (number, token) in [
            user().audience(json!([R, "other"])),
            user().scope("tools:read tools:admin"),
            user().without("client_id"),
            user().subject("agent-1"),
        ].into_iter().enumerate() {
            let token = token.sign();
            assert_ne!(credential(&gateway.send(get("/mcp").bearer(&token))), token);
            assert_eq!(provider.count(), number + 1);
        }
        // What a result must be, it must be too.
        let acting = runner.start(chain(set(ours.clone(), "/targets/0/actors", json!({"required": true, "allowed": ["gateway"]})))).unwrap();
        let of_no_actor = of_user(&*acting, "alice").claim("auth_time", acting.now());
        let of_the_gateway = of_no_actor.clone().claim("act", json!({"sub": "gateway"})).sign();
        let of_no_actor = of_no_actor.sign();
        assert_ne!(credential(&acting.send(get("/mcp").bearer(&of_no_actor))), of_no_actor);
        assert_eq!(credential(&acting.send(get("/mcp").bearer(&of_the_gateway))), of_the_gateway);
        let elsewhere = runner.start(chain(set(ours, "/authorization_servers/0/issuer", json!("https://other.example")))).unwrap();
        provider.issues(|token| token.issuer("https://other.example"));
        let token = of_user(&*elsewhere, "alice").claim("auth_time", elsewhere.now()).sign();
        assert_ne!(credential(&elsewhere.send(get("/mcp").bearer(&token))), token);
    }

    fn a_second_token_of_the_same_user_and_client_goes_on_in_place_of_the_first(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, brings());
        let first = of_user(&*gateway, "alice").sign();
        let token = second(gateway.now()).sign();
        for value in [token.clone(), format!("Bearer {token}"), format!("bearer {token}")] {
            let outcome = gateway.send(get("/mcp").bearer(&first).header("X-Bank-Token", &value));
            assert_eq!(credential(&outcome), token);
            assert!(!has_field(outcome.allowed(), "x-bank-token"));
        }
        assert_eq!(provider.count(), 0);
    }

    fn a_second_token_of_somebody_else_or_for_something_else_is_refused(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, brings());
        let first = of_user(&*gateway, "alice").sign();
        let send = |value: &str| gateway.send(get("/mcp").bearer(&first).header("x-bank-token", value));
        refused(&gateway.send(get("/mcp").bearer(&first)));
        let good = || second(gateway.now());
        for token in [
            good().subject("bob"), good().client("agent-2"), good().audience("tool-c"), good().audience(json!(["bank", "tool-c"])),
            good().expires_at(gateway.now() - 60), good().issuer("https://evil.example"), good().without("client_id"), good().claim("tid", "t1"),
            good().claim("cnf", json!({"jkt": "x"})), good().typ("JWT"),
        ] {
            refused(&send(&token.sign()));
        }
        refused(&send(&good().sign_with(stranger(Algorithm::Es256))));
        refused(&send(&first));
        for value in ["", "x", "Bearer", "Basic eDp5", &format!("{},{}", good().sign(), good().sign())] {
            refused(&send(value));
        }
        let both = get("/mcp").bearer(&first).header("x-bank-token", good().sign()).header("x-bank-token", good().sign());
        refused(&gateway.send(both));
        let look_alike = get("/mcp").bearer(&first).header("x_bank_token", good().sign());
        refused(&gateway.send(look_alike));
    }

    fn a_second_token_may_be_tied_to_the_first_by_other_claims(runner) {
        let provider = Provider::default();
        let same = json!([{"subject": "/email", "token": "/sub"}]);
        let gateway = serve(runner, &provider, set(brings(), "/targets/0/pre_injected/same", same));
        let first = |email: Value| of_user(&*gateway, "alice").claim("email", email).sign();
        let token = second(gateway.now()).subject("a@example.com").sign();
        let send = |email: Value| gateway.send(get("/mcp").bearer(&first(email)).header("x-bank-token", &token));
        assert_eq!(credential(&send(json!("a@example.com"))), token);
        for email in [json!("b@example.com"), json!(""), json!(["a@example.com"]), json!({})] {
            refused(&send(email));
        }
    }

    /// TEX-14: on paths that need no second token it is of nobody's use.
    fn the_field_of_a_second_token_ends_here_on_every_path(runner) {
        let provider = Provider::default();
        let mut ours = to_b();
        ours["issuers"] = brings()["issuers"].clone();
        let mut bank = brings()["targets"][0].clone();
        bank["match"] = json!({"path": {"prefix": "/mcp/bank"}});
        ours["targets"] = json!([bank, to_b()["targets"][0]]);
        let gateway = runner.start(chain(&provider, ours)).unwrap();
        let token = of_user(&*gateway, "alice").sign();
        for path in ["/mcp", "/healthz"] {
            for name in ["x-bank-token", "X_Bank_Token"] {
                let outcome = gateway.send(get(path).bearer(&token).header(name, "a-second-token-of-alice"));
                assert!(!has_field(outcome.allowed(), name), "{path} {name}");
            }
        }
        assert_eq!(provider.last().one("audience"), B);
    }
}
