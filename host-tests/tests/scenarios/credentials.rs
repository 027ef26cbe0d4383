//! Where the token comes from, and what the client is told (COR, SMG).

use fourleg_harness::{Protocol, get, post};
use fourleg_tests::scenarios;

use crate::fixture::{R, good, serve};

scenarios! {
    /// COR-01
    fn accepts_the_bearer_scheme_in_any_case_and_with_several_spaces(runner) {
        let gateway = serve(runner);
        for scheme in ["bearer ", "BEARER ", "bEaReR  ", "Bearer     "] {
            let token = good(&*gateway).sign();
            gateway.send(get("/mcp").header("authorization", format!("{scheme}{token}"))).allowed();
            gateway.send(get("/mcp").over(Protocol::Http2).header("authorization", format!("{scheme}{token}"))).allowed();
        }
    }

    /// COR-02, SMG-05
    fn denies_a_malformed_credential_as_an_invalid_request(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for value in [
            format!("Bearer {token} b"), format!("Bearer \"{token}\""), "Bearer".to_owned(),
            format!("Bearer\t{token}"), format!("Bearer={token}"), format!("Bearer {token}=x"), format!("Bearer {token}\u{e9}"),
            format!("Bearer :{token}"), format!("Bearer {token};"),
        ] {
            let outcome = gateway.send(get("/mcp").header("authorization", &value));
            outcome.denied_with(400);
            outcome.challenge().scheme("Bearer").param("error", "invalid_request").param("realm", R);
        }
    }

    /// COR-02, SMG-01, SMG-02, SMG-03
    fn denies_more_than_one_credential_whichever_comes_first(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let (good, bad) = (format!("Bearer {token}"), "Bearer aaaa.bbbb.cccc".to_owned());
        for (first, second) in [
            (&good, &bad), (&bad, &good), (&good, &good), (&good, &"Basic x".to_owned()), (&"Basic x".to_owned(), &good),
            (&good, &"DPoP x".to_owned()), (&"DPoP x".to_owned(), &good),
        ] {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let twice = get("/mcp").over(protocol).header("authorization", first).header("authorization", second);
                gateway.send(twice).denied_with(400).has_code("duplicate_credential");
                for comma in [",", ", ", " , "] {
                    let joined = get("/mcp").over(protocol).header("authorization", format!("{first}{comma}{second}"));
                    gateway.send(joined).denied_with(400).challenge().param("error", "invalid_request");
                }
            }
        }
    }

    /// COR-03, COR-04, COR-05
    fn a_request_without_credentials_gets_a_challenge_without_an_error(runner) {
        let gateway = serve(runner);
        for request in [get("/mcp"), post("/mcp").body("{}"), get("/mcp").header("authorization", "Basic dTpw"), get("/mcp").over(Protocol::Http2)] {
            let outcome = gateway.send(request);
            outcome.denied_with(401);
            outcome.challenge().scheme("Bearer").param("realm", R).no_param("error").no_param("error_description");
            assert!(!outcome.header("www-authenticate").contains("error"));
        }
    }

    /// COR-06
    fn no_challenge_repeats_a_parameter(runner) {
        let gateway = serve(runner);
        let expired = good(&*gateway).claim("exp", gateway.now() - 3600).sign();
        for request in [
            get("/mcp"),
            get("/mcp").header("authorization", "Bearer a b"),
            get("/mcp").bearer(&expired),
            get("/mcp").bearer(&good(&*gateway).scope("other").sign()),
        ] {
            let challenge = gateway.send(request).header("www-authenticate");
            for name in ["realm=", "error=", "error_description=", "error_uri=", "scope="] {
                assert!(challenge.matches(&format!(" {name}")).count() <= 1, "{challenge}");
            }
        }
    }

    /// COR-07
    fn nothing_of_a_hostile_token_shows_in_the_challenge(runner) {
        let gateway = serve(runner);
        let evil = "x\"\\\r\n\u{e9}evil";
        for token in [
            good(&*gateway).kid(evil).sign(),
            good(&*gateway).typ(evil).sign(),
            good(&*gateway).issuer(evil).sign(),
            good(&*gateway).audience(evil).sign(),
            good(&*gateway).scope(evil).sign(),
        ] {
            let outcome = gateway.send(get("/mcp").bearer(&token));
            outcome.never_reached_upstream();
            assert!(!outcome.picture().contains("evil\""), "{}", outcome.picture());
            assert!(!outcome.header("www-authenticate").contains("evil"));
        }
    }

    /// COR-08
    fn each_fault_has_the_status_and_the_error_of_rfc_6750(runner) {
        let gateway = serve(runner);
        let token = || good(&*gateway);
        let now = gateway.now();
        for (value, status, error) in [
            ("Bearer a b".to_owned(), 400, Some("invalid_request")),
            ("Bearer ,".to_owned(), 400, Some("invalid_request")),
            (format!("Bearer {}", token().claim("exp", now - 3600).sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().claim("nbf", now + 3600).sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().issuer("https://other.example").sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().audience("https://other.example").sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().without("aud").sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().typ("dpop+jwt").sign()), 401, Some("invalid_token")),
            (format!("Bearer {}", token().unsigned()), 401, Some("invalid_token")),
            ("Bearer not-a-jwt".to_owned(), 401, Some("invalid_token")),
            (format!("Bearer {}", token().scope("other").sign()), 403, Some("insufficient_scope")),
            ("Basic dTpw".to_owned(), 401, None),
        ] {
            let outcome = gateway.send(get("/mcp").header("authorization", value));
            outcome.denied_with(status);
            match error {
                Some(error) => drop(outcome.challenge().param("error", error)),
                None => drop(outcome.challenge().no_param("error")),
            }
        }
    }

    /// COR-09, COR-10, COR-11
    fn a_token_in_the_query_or_in_a_form_is_no_token(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        gateway.send(get(format!("/mcp?access_token={token}"))).denied_with(401).challenge().no_param("error");
        let form = post("/mcp").header("content-type", "application/x-www-form-urlencoded").body(format!("access_token={token}"));
        gateway.send(form).denied_with(401).challenge().no_param("error");
    }

    /// COR-15
    fn denials_are_not_cacheable(runner) {
        let gateway = serve(runner);
        for request in [get("/mcp"), get("/mcp").bearer("x"), get("/elsewhere"), get("/mcp").bearer(&good(&*gateway).scope("x").sign())] {
            assert_eq!(gateway.send(request).header("cache-control"), "no-store");
        }
    }

    /// SMG-06
    fn look_alike_fields_are_no_credential(runner) {
        let gateway = serve(runner);
        let token = format!("Bearer {}", good(&*gateway).sign());
        for name in ["authorization_", "x-forwarded-authorization", "proxy-authorization", "x-authorization"] {
            gateway.send(get("/mcp").header(name, &token)).denied_with(401).challenge().no_param("error");
        }
    }
}
