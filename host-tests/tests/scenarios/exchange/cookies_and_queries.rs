//! Credentials that a client sends elsewhere than in `Authorization` (TEX-14, AUD-06, SMG-13).

use fourleg_harness::{Protocol, get};
use fourleg_tests::scenarios;
use serde_json::json;

use super::{Provider, credential, has_field, of_user, serve, to_b, to_b_with};

scenarios! {
    /// TEX-14
    fn cookies_end_here_unless_they_are_to_go_on(runner) {
        let provider = Provider::default();
        for (ours, goes_on) in [(to_b(), false), (to_b_with("/cookies", json!("keep")), true)] {
            let gateway = serve(runner, &provider, ours);
            let token = of_user(&*gateway, "alice").sign();
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let outcome = gateway.send(get("/mcp").over(protocol).bearer(&token).header("cookie", "session=s3cr3t"));
                assert_eq!(has_field(outcome.allowed(), "cookie"), goes_on, "{protocol:?}");
            }
        }
    }

    /// TEX-14
    fn a_token_in_the_query_ends_here_in_every_spelling(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        let token = of_user(&*gateway, "alice").sign();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for (query, rest) in [("?access_token=x", ""), ("?a=1&access_token=x&b=%2F", "?a=1&b=%2F"), ("?Access%5ftoken=x&a", "?a"), ("?a=access_token", "?a=access_token")] {
                let outcome = gateway.send(get(format!("/mcp/y{query}")).over(protocol).bearer(&token));
                assert_eq!(String::from_utf8_lossy(&outcome.allowed().path), format!("/mcp/y{rest}"));
            }
            let outcome = gateway.send(get("/mcp?a=1;access_token=x").over(protocol).bearer(&token));
            outcome.denied_with(400).has_code("duplicate_credential");
        }
    }

    /// TEX-14
    fn fields_that_some_server_takes_for_credentials_end_here(runner) {
        let provider = Provider::default();
        let gateway = serve(runner, &provider, to_b());
        let token = of_user(&*gateway, "alice").sign();
        let request = get("/mcp").bearer(&token).header("DPoP", "a.b.c").header("proxy-authorization", "Basic eDp5").header("x-other", "1");
        let outcome = gateway.send(request);
        let upstream = outcome.allowed();
        for name in ["dpop", "proxy-authorization"] {
            assert!(!has_field(upstream, name), "{name}");
        }
        assert!(has_field(upstream, "x-other"));
        assert_ne!(credential(&outcome), token);
    }
}
