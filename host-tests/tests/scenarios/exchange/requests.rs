//! What the authorization server is asked, and what goes upstream.

use fourleg_harness::{Protocol, get, post};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, chain, credential, forwarded, has_field, of_user, serve, set, to_b, to_b_with};
use crate::fixture::R;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

scenarios! {
    /// TEX-01, TEX-04, TEX-14
    fn the_users_token_is_swapped_for_one_that_is_meant_for_the_next_hop(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        for (protocol, user) in [(Protocol::Http1, "alice"), (Protocol::Http2, "bob")] {
            let token = of_user(&*gateway, user).sign();
            let request = post("/mcp/x?a=1").body("a body").bearer(&token).header("dpop", "a.b.c").header("traceparent", TRACEPARENT);
            let outcome = gateway.send(request.over(protocol));
            let claims = forwarded(&outcome);
            assert_eq!((&claims["sub"], &claims["aud"], &claims["act"]["sub"]), (&json!(user), &json!(["tool-b"]), &json!("gateway")));
            let upstream = outcome.allowed();
            assert_ne!(credential(&outcome), token);
            assert!(!has_field(upstream, "dpop"));
            assert_eq!((upstream.path.as_slice(), upstream.whole_body().as_slice()), (b"/mcp/x?a=1".as_slice(), b"a body".as_slice()));

            let asked = provider.last();
            assert_eq!((asked.request.method.as_str(), asked.request.path.as_slice()), ("POST", b"/t1/token".as_slice()));
            assert_eq!(asked.request.authority, b"idp.example");
            assert_eq!(asked.request.header_text("content-type").as_deref(), Some("application/x-www-form-urlencoded"));
            assert_eq!(asked.request.header_text("traceparent").as_deref(), Some(TRACEPARENT));
            assert_eq!(asked.one("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
            assert_eq!(asked.one("subject_token"), token);
            assert_eq!(asked.one("subject_token_type"), "urn:ietf:params:oauth:token-type:access_token");
            assert_eq!((asked.one("audience"), asked.one("scope")), ("tool-b", "b:read"));
            assert!(asked.all("actor_token").is_empty() && asked.all("resource").is_empty());
        }
        assert_eq!(provider.count(), 2);
    }

    /// TEX-14: with `forward.authorization: keep` too, and when the token is verified here.
    fn exactly_one_credential_goes_up_wherever_the_first_came_from(runner) {
        let provider = Provider::default();
        let keep = fourleg_harness::Gateway::chain([
            fourleg_harness::plugin("audience_validation", crate::fixture::config()), super::exchange(to_b()),
        ]).cluster("idp", provider.handler());
        let issuer = crate::fixture::config()["issuers"].clone();
        let verify = json!({"source": "verify", "issuers": issuer, "resources": [{"resource": R}]});
        let alone = fourleg_harness::Gateway::chain([super::exchange(set(to_b(), "/token", verify))]).cluster("idp", provider.handler());
        for gateway in [keep, alone] {
            let gateway = runner.start(gateway).unwrap();
            let token = of_user(&*gateway, "alice").sign();
            let outcome = gateway.send(get("/mcp").bearer(&token));
            assert_eq!(forwarded(&outcome)["aud"], json!(["tool-b"]));
            assert_ne!(credential(&outcome), token);
        }
    }

    /// TEX-03, TEX-01
    fn every_parameter_arrives_whatever_is_in_it(runner) {
        let provider = Provider::default();
        let target = json!({
            "name": "b", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp",
            "audience": ["tool b&c=d", "urn:x"], "resource": ["https://api.example/a?b=c&d", "https://b.example/"],
            "scope": ["https://x.example/y", "c+d", "b:read"], "requested_token_type": "jwt",
        });
        let gateway = serve(runner, &provider, to_b_with("/targets", json!([target])));
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        let asked = provider.last();
        assert_eq!(asked.all("audience"), ["tool b&c=d", "urn:x"]);
        assert_eq!(asked.all("resource"), ["https://api.example/a?b=c&d", "https://b.example/"]);
        assert_eq!(asked.one("scope"), "b:read c+d https://x.example/y");
        assert_eq!(asked.one("requested_token_type"), "urn:ietf:params:oauth:token-type:jwt");
    }

    /// TEX-02
    fn an_actors_token_comes_from_the_configuration_or_from_a_field_that_ends_here(runner) {
        let provider = Provider::default();
        let from = |source| to_b_with("/targets/0/actor_token", source);
        let fixed = runner.start(chain(&provider, from(json!({"value": "the-actor-of-the-gateway", "type": "jwt"}))).canary("the-actor-of-the-gateway")).unwrap();
        fixed.send(get("/mcp").bearer(&of_user(&*fixed, "alice").sign())).allowed();
        let asked = provider.last();
        assert_eq!((asked.one("actor_token"), asked.one("actor_token_type")), ("the-actor-of-the-gateway", "urn:ietf:params:oauth:token-type:jwt"));

        let brought = serve(runner, &provider, from(json!({"header": "x-actor-token", "type": "access_token"})));
        let token = of_user(&*brought, "alice").sign();
        let outcome = brought.send(get("/mcp").bearer(&token).header("X-Actor-Token", "actor.of.agent"));
        assert!(!has_field(outcome.allowed(), "x-actor-token"));
        assert_eq!(provider.last().one("actor_token"), "actor.of.agent");
        let before = provider.count();
        brought.send(get("/mcp").bearer(&token)).denied_with(403).has_code("actor_token_missing");
        let twice = get("/mcp").bearer(&token).header("x-actor-token", "a").header("x-actor-token", "b");
        brought.send(twice).denied_with(403).has_code("actor_token_missing");
        assert_eq!(provider.count(), before);
        // Another actor is another question.
        brought.send(get("/mcp").bearer(&token).header("x-actor-token", "another.actor")).allowed();
        assert_eq!((provider.count(), provider.last().one("actor_token")), (before + 1, "another.actor"));
    }

    /// TEX-24
    fn a_client_secret_goes_to_the_server_and_nowhere_else(runner) {
        let provider = Provider::default();
        let secret = "p%+ /é-the-secret-of-the-gateway";
        let client = json!({"method": "client_secret_basic", "client_id": "a:b", "client_secret": secret});
        let ours = to_b_with("/authorization_servers/0/client_auth", client);
        let gateway = runner.start(chain(&provider, ours).canary(secret).canary("the-secret-of-the-gateway")).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        let expected = "Basic YSUzQWI6cCUyNSUyQislMkYlQzMlQTktdGhlLXNlY3JldC1vZi10aGUtZ2F0ZXdheQ==";
        assert_eq!(provider.last().request.header_text("authorization").as_deref(), Some(expected));
        assert!(provider.last().all("client_secret").is_empty());

        let client = json!({"method": "client_secret_post", "client_id": "a:b", "client_secret": secret});
        let ours = to_b_with("/authorization_servers/0/client_auth", client);
        let gateway = runner.start(chain(&provider, ours).canary("the-secret-of-the-gateway")).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        let asked = provider.last();
        assert_eq!((asked.one("client_id"), asked.one("client_secret")), ("a:b", secret));
        assert_eq!(asked.request.header_text("authorization"), None);
    }
}
