//! The plugin holds no secret: the proxy says who the gateway is (TEX-26).

use fourleg_harness::get;
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, chain, forwarded, of_user, provider::error, to_b, to_b_with};

const CREDENTIAL: &str = "Basic Z2F0ZXdheTp0aGUtc2VjcmV0LW9mLXRoZS1nYXRld2F5";

scenarios! {
    /// TEX-26
    fn the_proxy_adds_the_credential_and_the_plugin_knows_none(runner) {
        let provider = Provider::default();
        provider.does(|asked| {
            if asked.request.header_text("authorization").as_deref() == Some(CREDENTIAL) {
                return fourleg_harness::Response::json(200, &super::provider::issued(&asked.wanted().sign()));
            }
            error("invalid_client")
        });
        let ours = to_b();
        assert!(!ours.to_string().contains("secret") && !ours.to_string().contains("Basic"), "the configuration holds none");
        // The credential is a canary: it must show neither in a log, nor in a metric, nor in an answer.
        let gateway = chain(&provider, ours).credential("idp", CREDENTIAL).canary("the-secret-of-the-gateway");
        let gateway = runner.start(gateway).unwrap();
        let outcome = gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign()));
        assert_eq!(forwarded(&outcome)["sub"], "alice");
        let asked = provider.last();
        assert!(asked.all("client_id").is_empty() && asked.all("client_secret").is_empty() && asked.all("client_assertion").is_empty());
        assert!(!format!("{:?}", outcome.allowed()).contains("Z2F0ZXdheTp"), "and the upstream sees nothing of it");

        // Without it the server does not know who asks, and nothing goes on.
        let gateway = runner.start(chain(&provider, to_b())).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).denied_with(502).has_code("exchange_client_refused");
    }

    /// RFC 8705 §2: a server that goes by the certificate wants the client's name in the form.
    fn with_a_certificate_the_form_names_the_client(runner) {
        let provider = Provider::default();
        let ours = to_b_with("/authorization_servers/0/client_auth", json!({"method": "proxy", "client_id": "gateway"}));
        let ours = super::set(ours, "/authorization_servers/0/mtls_endpoint_aliases", json!({"token_endpoint": "https://mtls.idp.example/mtls/token"}));
        let gateway = runner.start(chain(&provider, ours)).unwrap();
        gateway.send(get("/mcp").bearer(&of_user(&*gateway, "alice").sign())).allowed();
        let asked = provider.last();
        assert_eq!(asked.one("client_id"), "gateway");
        assert_eq!((asked.request.path.as_slice(), asked.request.authority.as_slice()), (b"/mtls/token".as_slice(), b"mtls.idp.example".as_slice()));
    }
}
