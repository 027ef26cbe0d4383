//! Whom a token is meant for, and what it allows (AUD, COR-12, COR-14, COR-17).

use fourleg_harness::{Gateway, get, plugin, post, request};
use fourleg_lab::mint::{Algorithm, key, stranger};
use fourleg_tests::scenarios;
use serde_json::json;

use crate::fixture::{I, R, config, gateway, good, public_keys, serve};

scenarios! {
    /// AUD-01, AUD-02
    fn a_token_is_accepted_only_where_its_audience_says(runner) {
        let gateway = serve(runner);
        for audience in [json!(R), json!([R]), json!(["x", R]), json!([R, "x", "y"])] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).audience(audience).sign())).allowed();
        }
        for audience in [
            json!("https://other.example"), json!(""), json!([]), json!([""]), json!(["x", "y"]), json!([R, 5]), json!({"0": R}), json!([[R]]), json!(null),
        ] {
            let outcome = gateway.send(get("/mcp").bearer(&good(&*gateway).audience(audience).sign()));
            outcome.denied_with(401).challenge().param("error", "invalid_token").param("realm", R);
        }
        gateway.send(get("/mcp").bearer(&good(&*gateway).without("aud").sign())).denied_with(401);
    }

    /// AUD-03
    fn an_audience_is_compared_code_point_by_code_point(runner) {
        let gateway = serve(runner);
        for audience in [
            format!("{R}2"), format!("{R}/"), "https://mcp.example.com/MCP".into(), "HTTPS://MCP.EXAMPLE.COM/mcp".into(),
            "https://mcp.example.com.evil".into(), "https://mcp.example.com".into(), "https://mcp.example.com/%6dcp".into(), "*".into(),
            format!("{R} https://other.example"), format!("{R}#f"), format!(" {R}"), "https://mcp.example.com:443/mcp".into(),
        ] {
            let outcome = gateway.send(get("/mcp").bearer(&good(&*gateway).audience(audience.clone()).sign()));
            assert_eq!(outcome.denied_with(401).code(), "audience_mismatch", "{audience}");
        }
    }

    /// AUD-07
    fn the_claims_of_rfc_9068_are_all_required(runner) {
        let gateway = serve(runner);
        for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
            gateway.send(get("/mcp").bearer(&good(&*gateway).without(claim).sign())).denied_with(401);
        }
    }

    fn a_token_for_one_resource_never_opens_another(runner) {
        let resources = json!([
            {"resource": "https://tools.example/files", "match": {"path": {"prefix": "/files"}}},
            {"resource": "https://tools.example/payments", "match": {"path": {"prefix": "/payments"}}},
            {"resource": "https://tools.example/files/secret", "match": {"path": {"prefix": "/files/secret"}}},
        ]);
        let config = json!({"issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": resources});
        let gateway = runner.start(gateway(config)).unwrap();
        let places = [
            ("https://tools.example/files", "/files/a"), ("https://tools.example/payments", "/payments"), ("https://tools.example/files/secret", "/files/secret/b"),
        ];
        for (audience, _) in places {
            let token = good(&*gateway).audience(audience).sign();
            for (resource, path) in places {
                let outcome = gateway.send(get(path).bearer(&token));
                if resource == audience {
                    outcome.allowed();
                } else {
                    outcome.denied_with(401).has_code("audience_mismatch").challenge().param("realm", resource);
                }
            }
        }
    }

    fn an_issuer_that_a_resource_does_not_accept_is_unknown_there(runner) {
        let config = json!({
            "issuers": [
                {"issuer": I, "jwks": {"inline": public_keys()}},
                {"issuer": "https://b.example", "jwks": {"inline": public_keys()}},
            ],
            "resources": [
                {"resource": R, "match": {"path": {"prefix": "/mcp"}}, "accept": [{"issuer": I, "audiences": ["mcp", "mcp-old"]}]},
                {"resource": "https://both.example", "match": {"path": {"prefix": "/both"}}},
            ],
        });
        let gateway = runner.start(gateway(config)).unwrap();
        let token = |issuer: &str, audience: &str| good(&*gateway).issuer(issuer).audience(audience).sign();
        gateway.send(get("/mcp").bearer(&token(I, "mcp"))).allowed();
        gateway.send(get("/mcp").bearer(&token(I, "mcp-old"))).allowed();
        gateway.send(get("/mcp").bearer(&token(I, R))).denied_with(401).has_code("audience_mismatch");
        gateway.send(get("/mcp").bearer(&token("https://b.example", "mcp"))).denied_with(401).has_code("unknown_issuer");
        gateway.send(get("/both").bearer(&token("https://b.example", "https://both.example"))).allowed();
    }

    /// AUD-16
    fn the_slash_of_an_empty_path_makes_no_other_resource(runner) {
        for (resource, other) in [("https://mcp.example.com", "https://mcp.example.com/"), ("https://mcp.example.com/", "https://mcp.example.com")] {
            let mut config = config();
            config["resources"][0]["resource"] = json!(resource);
            let gateway = runner.start(gateway(config)).unwrap();
            for audience in [json!(resource), json!(other), json!(["x", other])] {
                gateway.send(get("/mcp").bearer(&good(&*gateway).audience(audience).sign())).allowed();
            }
            for audience in ["https://mcp.example.com//".to_owned(), R.into(), "http://mcp.example.com/".into()] {
                gateway.send(get("/mcp").bearer(&good(&*gateway).audience(audience).sign())).denied_with(401).has_code("audience_mismatch");
            }
        }
        // One resource under both names would be two to the operator and one to the tokens.
        let mut config = config();
        config["resources"] = json!([
            {"resource": "https://mcp.example.com", "match": {"path": {"prefix": "/a"}}},
            {"resource": "https://mcp.example.com/", "match": {"path": {"prefix": "/b"}}},
        ]);
        let log = runner.start(gateway(config)).err().unwrap().logs.join("\n");
        assert!(log.contains("resources[1].resource is there twice"), "{log}");
    }

    /// COR-12, COR-14
    fn a_missing_scope_is_told_with_all_that_the_operation_needs(runner) {
        let gateway = serve(runner);
        let scoped = |scope: &str| good(&*gateway).scope(scope).sign();
        for scope in ["tools:read", "tools:read other", "a tools:read b"] {
            gateway.send(get("/mcp").bearer(&scoped(scope))).allowed();
        }
        for scope in ["", "tools:READ", "tools:read-all", "tools", "read", "xtools:read", "tools:admin"] {
            let outcome = gateway.send(get("/mcp").bearer(&scoped(scope)));
            let challenge = outcome.denied_with(403).challenge();
            // What the token holds is asked for again, or the next one would lack it.
            challenge.param("error", "insufficient_scope").param("realm", R).param("scope", format!("tools:read {scope}").trim());
        }
        for scope in ["", "tools:read", "tools:admin", "offline_access"] {
            let outcome = gateway.send(post("/mcp/admin").bearer(&scoped(scope)));
            outcome.denied_with(403).challenge().param("error", "insufficient_scope").param("scope", "tools:read tools:admin");
        }
        gateway.send(post("/mcp/admin").bearer(&scoped("tools:admin tools:read"))).allowed();
        gateway.send(get("/mcp").bearer(&good(&*gateway).without("scope").sign())).denied_with(403);
    }

    /// SMG-14
    fn a_rule_cannot_be_dodged_by_another_spelling_of_its_path(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for path in ["/mcp/admin", "/mcp/admin?x", "/mcp/admin?x=/mcp/other"] {
            gateway.send(post(path).bearer(&token)).denied_with(403).has_code("insufficient_scope");
        }
        for path in [
            "/mcp/%61dmin", "/%6dcp/admin", "/mcp//admin", "//mcp/admin", "/mcp/./admin", "/mcp/x/../admin", "/mcp/%2e/admin", "/mcp/x/%2e%2e/admin", "/mcp/admin;x", "/mcp;x/admin",
            "/mcp/admin%3bx", "/mcp%2fadmin", "/mcp%5cadmin", "/mcp/admin%00", "/mcp/%2561dmin/%2e%2e", "/mcp/admin\\", "/mcp/%zz", "/mcp/x/%252e%252e/admin",
            "/mcp/..;/mcp/admin", "/healthz/../mcp", "/healthz/..%2fmcp", "/healthz%2f..%2fmcp", "/healthz;/../mcp",
        ] {
            gateway.send(post(path).bearer(&token)).denied_with(400);
            gateway.send(get(path)).denied_with(400);
        }
    }

    fn a_method_override_is_refused(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for name in ["x-http-method-override", "X-HTTP-Method", "x-method-override", "x_http_method_override"] {
            gateway.send(get("/mcp/admin").bearer(&token).header(name, "POST")).denied_with(400).has_code("method_override");
        }
    }

    fn what_is_public_needs_no_token_and_only_that_is_public(runner) {
        let gateway = serve(runner);
        gateway.send(get("/healthz")).allowed();
        gateway.send(request("HEAD", "/healthz")).allowed();
        gateway.send(get("/healthz?x=1")).allowed();
        gateway.send(get("/healthz").header("x-fourleg-claims", "mallory")).allowed().headers.iter().for_each(|(name, _)| assert_ne!(name, b"x-fourleg-claims"));
        for request in [post("/healthz"), get("/healthz/"), get("/healthz/x"), get("/HEALTHZ"), request("get", "/healthz"), request("OPTIONS", "/healthz")] {
            gateway.send(request).never_reached_upstream();
        }
        gateway.send(request("OPTIONS", "/mcp")).denied_with(401);
    }

    fn a_request_about_no_configured_resource_is_denied_with_or_without_a_token(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        for path in ["/", "/elsewhere", "/mcp2", "/Mcp"] {
            gateway.send(get(path)).denied_with(403).has_code("resource_unknown");
            gateway.send(get(path).bearer(&token)).denied_with(403).has_code("resource_unknown");
        }
    }

    /// COR-18
    fn every_401_says_which_scopes_to_ask_for(runner) {
        let mut config = config();
        config["resources"][0]["rules"][0]["require"] = json!({"scopes": ["tools:admin"], "clients": ["agent-9"], "roles": ["root"]});
        let gateway = runner.start(gateway(config)).unwrap();
        for (request, scope) in [(get("/mcp"), "tools:read"), (post("/mcp/admin"), "tools:read tools:admin")] {
            for token in [
                None,
                Some("no-jwt".to_owned()),
                Some(good(&*gateway).scope("x").sign_with(stranger(Algorithm::Rs256))),
                Some(good(&*gateway).scope("x").audience("other").sign_with(key(Algorithm::Rs256))),
                Some(good(&*gateway).scope("x").claim("exp", 1).sign()),
            ] {
                let has_token = token.is_some();
                let outcome = gateway.send(token.into_iter().fold(request.clone(), |request, token| request.bearer(&token)));
                let challenge = outcome.denied_with(401).challenge();
                challenge.param("scope", scope).param("realm", R);
                assert_eq!(challenge.get("error"), has_token.then_some("invalid_token"));
                // COR-17: that is all that it says of what is required.
                assert!(!outcome.picture().contains("agent-9") && !outcome.picture().contains("root"), "{}", outcome.picture());
            }
        }
    }

    fn a_token_that_passes_goes_upstream_as_it_came(runner) {
        let gateway = serve(runner);
        let token = good(&*gateway).sign();
        let outcome = gateway.send(post("/mcp").bearer(&token).header("x-other", "1").body("hello"));
        let upstream = outcome.allowed();
        assert_eq!(upstream.header_text("authorization"), Some(format!("Bearer {token}")));
        assert_eq!((upstream.header_text("x-other").as_deref(), upstream.whole_body()), (Some("1"), b"hello".to_vec()));
    }

    /// The hand-off is written once for a request: a second filter that wants to write it finds it taken, and denies.
    fn a_second_audience_validation_in_the_chain_denies(runner) {
        let mut second = config();
        second["resources"][0]["require"]["scopes"] = json!(["second"]);
        let chain = Gateway::chain([plugin("audience_validation", config()), plugin("audience_validation", second)]);
        let gateway = runner.start(chain).unwrap();
        gateway.send(post("/mcp").body("x").bearer(&good(&*gateway).sign())).denied_with(403).challenge().param("scope", "second tools:read");
        let both = good(&*gateway).scope("second tools:read").sign();
        gateway.send(post("/mcp").body("x").bearer(&both)).denied_with(503).has_code("internal_fault");
    }

    fn a_configuration_with_mistakes_does_not_load_and_all_of_them_are_told(runner) {
        let mut broken = config();
        broken["issuers"][0]["jwks"] = json!({"discovery": {}});
        broken["resources"][0]["match"]["mcp"] = json!({"tools": ["x"]});
        broken["forward"] = json!({"authorization": "drop"});
        broken["typo"] = json!(1);
        let rejected = runner.start(gateway(broken)).err().unwrap();
        let log = rejected.logs.join("\n");
        for expected in [
            "issuers[0].jwks.discovery.cluster is missing",
            "resources[0].match.mcp is not supported",
            "forward.authorization has a wrong value",
            "typo is not known here",
        ] {
            assert!(log.contains(expected), "{expected} is not in {log}");
            // Each is a line of its own, for those who look for it.
            let lines = log.lines().filter(|line| line.contains("configuration error: ") && line.contains(expected));
            assert_eq!(lines.count(), 1, "{expected} in {log}");
        }
    }
}
