//! The dialects of servers, and a client that signs.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Outcome, Response, Running, get};
use fourleg_lab::mint::Token;
use fourleg_tests::scenarios;
use p256::{
    ecdsa::{Signature, SigningKey, signature::Verifier as _},
    pkcs8::{EncodePrivateKey as _, LineEnding},
};
use serde_json::{Value, json};

use super::{B, Provider, credential, of_user, provider::issued, serve, set, to_b_with};
use crate::fixture::I;

fn profile(name: &str) -> Value {
    to_b_with("/authorization_servers/0/profile", json!(name))
}

#[track_caller]
fn send(gateway: &dyn Running, token: Token) -> Outcome {
    gateway.send(get("/mcp").bearer(&token.sign()))
}

scenarios! {
    /// TEX-18
    fn keycloak_is_asked_by_audience_and_its_refusals_are_told_apart(runner) {
        let provider = Provider::default();
        provider.issues(|token| token.typ("JWT").claim("typ", "Bearer").claim("azp", "gateway").without("act"));
        let gateway = serve(runner, &provider, profile("keycloak"));
        send(&*gateway, of_user(&*gateway, "alice")).allowed();
        let asked = provider.last();
        assert_eq!((asked.one("audience"), asked.all("resource").len(), asked.all("actor_token").len()), (B, 0, 0));
        for (code, words) in [("access_denied", "Client is not within the token audience"), ("invalid_request", "Requested audience not available: tool-b")] {
            provider.says(Response::json(400, &json!({"error": code, "error_description": words})));
            send(&*gateway, of_user(&*gateway, "alice")).denied_with(403).has_code("exchange_denied");
        }
        for (status, code, words, ours, ours_status) in [
            (401, "unauthorized_client", "Invalid client or Invalid client credentials", "exchange_client_refused", 502),
            (400, "invalid_client", "Audience not found", "exchange_denied", 403),
            (400, "invalid_request", "Invalid token", "subject_token_refused", 401),
        ] {
            provider.says(Response::json(status, &json!({"error": code, "error_description": words})));
            let outcome = send(&*gateway, of_user(&*gateway, "alice"));
            outcome.denied_with(ours_status).has_code(ours);
            assert!(!outcome.picture().contains(words), "{}", outcome.picture());
        }
    }

    /// TEX-20, TEX-22
    fn entra_is_asked_on_behalf_of_the_user_and_never_for_an_application(runner) {
        let provider = Provider::default();
        // Entra names neither the issued type nor the audience as asked.
        provider.does(|asked| {
            let subject = asked.subject();
            let token = Token::of(json!({
                "iss": I, "sub": "pairwise", "aud": B, "exp": subject["exp"], "oid": subject["oid"], "tid": subject["tid"], "scp": "Read",
            }));
            let mut answer = issued(&token.typ("JWT").sign());
            answer.as_object_mut().unwrap().remove("issued_token_type");
            answer["scope"] = json!("api://b/Read");
            Response::json(200, &answer)
        });
        let ours = set(set(profile("entra_obo"), "/targets/0/scope", json!(["api://b/.default"])), "/authorization_servers/0/client_capabilities", json!(["cp1"]));
        let gateway = serve(runner, &provider, ours);
        let user = || of_user(&*gateway, "alice").claim("oid", "o1").claim("tid", "t1");
        send(&*gateway, user()).allowed();
        let asked = provider.last();
        assert_eq!(asked.one("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!((asked.one("requested_token_use"), asked.one("scope")), ("on_behalf_of", "api://b/.default"));
        assert_eq!(asked.one("claims"), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
        assert!(asked.all("subject_token").is_empty() && asked.all("audience").is_empty());
        assert_eq!(asked.subject()["oid"], "o1");
        // The user is known by object and tenant; who has neither cannot be told to be the same.
        send(&*gateway, of_user(&*gateway, "alice")).denied_with(502).has_code("issued_token_unfit");
        let before = provider.count();
        send(&*gateway, user().claim("idtyp", "app")).denied_with(403).has_code("token_kind_not_allowed");
        assert_eq!(provider.count(), before);
    }

    /// TEX-23
    fn auth0_is_asked_for_an_audience_or_for_a_connections_token(runner) {
        let provider = Provider::default();
        provider.issues(|token| token.claim("gty", "token-exchange"));
        let gateway = serve(runner, &provider, profile("auth0"));
        send(&*gateway, of_user(&*gateway, "alice")).allowed();
        assert_eq!(provider.last().one("audience"), B);
        for (status, code, expected) in [(400, "invalid_request", 403), (403, "access_denied", 403), (401, "federated_connection_refresh_token_not_found", 401)] {
            provider.says(Response::json(status, &json!({"error": code})));
            send(&*gateway, of_user(&*gateway, "alice")).denied_with(expected);
        }

        provider.does(|_| {
            let mut answer = issued("the-google-token-of-alice");
            answer["issued_token_type"] = json!("http://auth0.com/oauth/token-type/federated-connection-access-token");
            Response::json(200, &answer)
        });
        let target = json!([{
            "name": "google", "match": {"path": {"prefix": "/mcp"}}, "authorization_server": "idp", "connection": "google-oauth2", "opaque_result": "allow",
        }]);
        let gateway = serve(runner, &provider, set(profile("auth0"), "/targets", target));
        let outcome = send(&*gateway, of_user(&*gateway, "alice"));
        assert_eq!(credential(&outcome), "the-google-token-of-alice");
        let asked = provider.last();
        assert_eq!(asked.one("grant_type"), "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token");
        assert_eq!(asked.one("connection"), "google-oauth2");
    }

    fn okta_is_asked_for_one_audience(runner) {
        let provider = Provider::default();
        provider.issues(|token| token.claim("cid", "gateway").without("scope").claim("scp", json!(["b:read"])));
        let gateway = serve(runner, &provider, profile("okta"));
        send(&*gateway, of_user(&*gateway, "alice")).allowed();
        assert_eq!(provider.last().one("audience"), B);
    }

    /// TEX-25
    fn a_client_that_signs_is_known_by_its_key_and_each_assertion_is_new(runner) {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        let provider = Provider::default();
        let client = |more: Value| {
            let mut client = json!({"method": "private_key_jwt", "client_id": "gateway", "algorithm": "ES256", "key_id": "k1", "private_key": pem});
            client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            to_b_with("/authorization_servers/0/client_auth", client)
        };
        let part = |assertion: &str, index: usize| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(assertion.split('.').nth(index).unwrap()).unwrap()).unwrap()
        };
        let secret = pem.lines().nth(1).unwrap();
        let gateway = runner.start(super::chain(&provider, client(json!({}))).canary(secret)).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for user in ["alice", "bob"] {
            send(&*gateway, of_user(&*gateway, user)).allowed();
            let asked = provider.last();
            assert_eq!(asked.one("client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            let assertion = asked.one("client_assertion");
            let (signed, signature) = assertion.rsplit_once('.').unwrap();
            let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
            key.verifying_key().verify(signed.as_bytes(), &signature).unwrap();
            let (header, claims) = (part(assertion, 0), part(assertion, 1));
            assert_eq!((&header["typ"], &header["alg"], &header["kid"]), (&json!("client-authentication+jwt"), &json!("ES256"), &json!("k1")));
            // The issuer as the only value, as text.
            assert_eq!((&claims["aud"], &claims["iss"], &claims["sub"]), (&json!(I), &json!("gateway"), &json!("gateway")));
            let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
            assert!(life <= 60, "{life}");
            assert!(claims["iat"].as_u64().unwrap().abs_diff(gateway.now()) <= 5);
            assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
            assert!(asked.all("client_secret").is_empty() && asked.request.header_text("authorization").is_none());
        }
        // For Entra and older servers.
        let thumbprint = URL_SAFE_NO_PAD.encode([9; 32]);
        let more = json!({"audience": "https://idp.example/t1/token", "assertion_type": "JWT", "certificate_sha256": thumbprint});
        let gateway = serve(runner, &provider, client(more));
        send(&*gateway, of_user(&*gateway, "alice")).allowed();
        let asked = provider.last();
        let assertion = asked.one("client_assertion");
        assert_eq!((&part(assertion, 0)["typ"], &part(assertion, 0)["x5t#S256"]), (&json!("JWT"), &json!(thumbprint)));
        assert_eq!(part(assertion, 1)["aud"], "https://idp.example/t1/token");
    }
}
