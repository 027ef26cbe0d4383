//! Credentials that a client puts where nobody looks for them: none of them gets to the next hop (TEX-14).

use fourleg_harness::{Outcome, Protocol, Request, get, post, request};
use fourleg_lab::mint::Mint;
use fourleg_tests::scenarios;
use plugin_checks::Dice;
use serde_json::{Value, json};

use super::{Provider, credential, of_user, provider::claims, serve, to_b, to_b_with};
use crate::fixture::{I, public_keys};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// Neither header nor trailer of the request that went up holds this text, whatever the name.
#[track_caller]
fn nowhere(outcome: &Outcome, secret: &str) {
    let upstream = outcome.allowed();
    for (name, value) in upstream.headers.iter().chain(upstream.trailers.iter().flatten()) {
        let value = String::from_utf8_lossy(value);
        assert!(!value.contains(secret), "{}\n{}", String::from_utf8_lossy(name), outcome.picture());
    }
    assert!(!String::from_utf8_lossy(&upstream.path).contains(secret), "{}", outcome.picture());
}

/// Two targets that take a second token of the caller, each in its own field, and one that takes none.
fn with_fields_for_us() -> Value {
    let bank = json!({
        "name": "bank", "match": {"path": {"prefix": "/mcp/bank"}}, "flow": "pre_injected", "audience": ["bank"],
        "pre_injected": {"header": "x-bank-token", "issuers": [I]},
    });
    let mut acting = to_b()["targets"][0].clone();
    acting["name"] = json!("acting");
    acting["match"] = json!({"path": {"prefix": "/mcp/acting"}});
    acting["actor_token"] = json!({"header": "x-actor-token", "type": "jwt"});
    let mut ours = to_b_with("/targets", json!([bank, acting, to_b()["targets"][0]]));
    ours["issuers"] = json!([{"issuer": I, "jwks": {"inline": public_keys()}}]);
    ours
}

scenarios! {
    /// TEX-14, RFC 9110 §6.5.1: no credential belongs into trailers, and some servers put these among the headers.
    fn what_a_client_hides_in_trailers_ends_here(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, with_fields_for_us());
        for (number, protocol) in BOTH.into_iter().cycle().take(4).enumerate() {
            // The first of a user waits for the exchange, the second does not.
            let token = of_user(&*gateway, &format!("user-{}", number / 2)).sign();
            let secret = "Bearer hidden-in-trailers";
            let trailers = [
                ("authorization", format!("Bearer {token}")), ("Authorization", secret.to_owned()), ("proxy-authorization", secret.to_owned()), ("proxy_authorization", secret.to_owned()),
                ("cookie", secret.to_owned()), ("dpop", secret.to_owned()), ("x-bank-token", secret.to_owned()), ("x_bank_token", secret.to_owned()), ("x-actor-token", secret.to_owned()),
                ("x-checksum", "of the body".to_owned()),
            ];
            let outcome = gateway.send(post("/mcp").over(protocol).bearer(&token).chunked(["a", "b"]).trailers(trailers));
            nowhere(&outcome, &token);
            nowhere(&outcome, "hidden-in-trailers");
            assert_ne!(credential(&outcome), token);
            assert_eq!(outcome.allowed().whole_body(), b"ab");
            let kept = outcome.allowed().trailers.iter().flatten().any(|(name, _)| name == b"x-checksum");
            assert!(kept || protocol == Protocol::Http1, "{}", outcome.picture());
        }
    }

    /// TEX-14: servers that make names of variables take more signs than `_` for `-`.
    fn what_a_client_hides_in_fields_of_almost_the_same_name_ends_here(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, with_fields_for_us());
        let token = of_user(&*gateway, "alice").sign();
        for protocol in BOTH {
            for path in ["/mcp", "/healthz"] {
                for name in [
                    "proxy-authorization", "proxy_authorization", "proxy.authorization", "Proxy~Authorization", "x.bank.token", "x-bank.token", "x_bank~token", "X+Actor-Token", "x.actor.token",
                    "dpop", "DPOP", "cookie",
                ] {
                    let outcome = gateway.send(get(path).over(protocol).bearer(&token).header(name, "Bearer hidden-in-a-field"));
                    nowhere(&outcome, "hidden-in-a-field");
                    nowhere(&outcome, &token);
                }
            }
        }
    }

    /// TEX-02: what no credential could be is shown to no server, so that nobody makes it fail for all by that.
    fn an_actors_token_of_the_caller_has_the_form_of_a_token(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, with_fields_for_us());
        let token = of_user(&*gateway, "alice").sign();
        for value in ["a b", "Bearer a b", "Basic eDp5", "\"quoted\"", "{}", "a=b", "a\\b", &"x".repeat(20_000)] {
            let outcome = gateway.send(get("/mcp/acting").bearer(&token).header("x-actor-token", value));
            outcome.denied_with(403).has_code("actor_token_missing");
        }
        assert_eq!(provider.count(), 0);
        gateway.send(get("/mcp/acting").bearer(&token).header("x-actor-token", "Bearer the.actors.token")).allowed();
        assert_eq!(provider.last().one("actor_token"), "the.actors.token");
    }

    /// TEX-14, TEX-16: two users at once, and all that a client can put into a request.
    fn of_requests_at_random_none_takes_up_a_token_of_the_clients_or_of_another_user(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, with_fields_for_us());
        let users = ["alice", "bob"].map(|user| (user, of_user(&*gateway, user).sign()));
        let banks = ["alice", "bob"].map(|user| Mint::new(I, "bank").at(gateway.now()).access_token().subject(user).sign());
        let mut dice = Dice::new(8693);
        let mut passed = 0;
        for _ in 0..8 {
            let batch: Vec<(usize, Request)> = (0..30).map(|_| {
                let who = dice.roll(2);
                let (mine, others) = (&users[who].1, &users[1 - who].1);
                let path = dice.pick(&["/mcp", "/mcp", "/mcp/bank", "/mcp/acting", "/mcp/bankx", "/healthz", "/mcp?access_token=", "/mcp?a=1;access_token=", "/mcp/bank?x&access%5Ftoken=", "/mcp%2fbank", "/mcp/./bank", "/MCP", "/"]);
                let path = if path.ends_with('=') { format!("{path}{mine}") } else { path.to_owned() };
                let method = dice.pick(&["GET", "POST", "POST", "PUT", "HEAD", "OPTIONS"]);
                let mut request = request(method, path).over(BOTH[dice.roll(2)]);
                if dice.roll(6) > 0 {
                    request = request.bearer(mine);
                }
                for _ in 0..dice.roll(4) {
                    let name = dice.pick(&[
                        "authorization", "Authorization", "proxy-authorization", "proxy.authorization", "dpop", "cookie", "x-bank-token", "x_bank-token", "X.Bank.Token", "x-actor-token", "x-fourleg-token", "x_fourleg_subject_token",
                    ]);
                    let token = [mine, others, &banks[who], &banks[1 - who]][dice.roll(4)];
                    let scheme = dice.pick(&["Bearer ", "", "bearer  ", "DPoP ", "Bearer x,Bearer "]);
                    request = request.header(name, format!("{scheme}{token}"));
                }
                if dice.roll(3) == 0 {
                    request = request.header("x-bank-token", &banks[who]).header("x-actor-token", others);
                }
                if dice.roll(4) == 0 {
                    request = request.header("connection", "close, authorization, x-bank-token");
                    request.protocol = Protocol::Http1;
                }
                if !matches!(method, "GET" | "HEAD") && dice.roll(2) == 0 {
                    request = request.chunked(["abc", "def"]);
                    if dice.roll(2) == 0 {
                        request = request.trailers([("authorization", format!("Bearer {mine}")), ("x-bank-token", banks[1 - who].clone()), ("cookie", mine.clone())]);
                    }
                }
                (who, request)
            }).collect();
            let outcomes = gateway.send_all(batch.iter().map(|(_, request)| request.clone()).collect());
            for ((who, sent), outcome) in batch.iter().zip(outcomes) {
                if outcome.upstream.is_empty() {
                    assert_ne!(outcome.response.status, 200, "{}", outcome.picture());
                    continue;
                }
                passed += 1;
                users.iter().for_each(|(_, token)| nowhere(&outcome, token));
                nowhere(&outcome, &banks[1 - who]);
                if sent.path == b"/healthz" {
                    assert_eq!(outcome.allowed().header_text("authorization"), None);
                    continue;
                }
                let up = credential(&outcome);
                assert!(up == banks[*who] || claims(&up)["sub"] == users[*who].0, "{}", outcome.picture());
                assert_eq!(up == banks[*who], sent.path.starts_with(b"/mcp/bank") && !sent.path.starts_with(b"/mcp/bankx"), "{}", outcome.picture());
            }
        }
        assert!(passed > 40, "{passed}");
    }
}
