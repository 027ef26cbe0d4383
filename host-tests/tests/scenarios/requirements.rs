//! What a request requires of its token and of itself beyond issuer and signature (COR-12 to COR-14, AUD-04, AUD-05,
//! AUD-12, AUD-14), through the whole filter.

use std::net::SocketAddr;

use fourleg_harness::{Gateway, Outcome, Running, get, plugin, post};
use fourleg_lab::mint::{Algorithm, Token, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, good, public_keys, representative};

/// audience-validation for `R` with these members beside the issuer, and these of the resource.
fn gateway(settings: Value, resource: Value) -> Gateway {
    let mut config =
        json!({"issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}], "resources": [{"resource": R}]});
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    config["resources"][0].as_object_mut().unwrap().extend(resource.as_object().unwrap().clone());
    Gateway::chain([plugin("audience_validation", config)])
}

/// One rule for each requirement, at the path that is its name.
fn rules(all: &[(&str, Value)]) -> Value {
    let rule = |(name, require): &(&str, Value)| json!({"name": name, "match": {"path": {"exact": format!("/{name}")}}, "require": require});
    json!({"rules": all.iter().map(rule).collect::<Vec<_>>()})
}

fn ask(gateway: &dyn Running, path: &str, token: Token) -> Outcome {
    gateway.send(get(path).bearer(&token.sign_with(key(Algorithm::Es256))))
}

/// A token that a client got for itself.
fn application(gateway: &dyn Running) -> Token {
    good(gateway).subject("agent-1").client("agent-1")
}

fn with(token: Token, claims: Value) -> Token {
    claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()))
}

scenarios! {
    /// COR-13, COR-14
    fn a_broader_scope_satisfies_the_narrower_ones_that_are_configured_and_no_others(runner) {
        let hierarchy = json!({"files:admin": ["files:write"], "files:write": ["files:read"], "a": ["b"], "b": ["a"]});
        let rules = rules(&[
            ("read", json!({"scopes": ["files:read"]})), ("write", json!({"scopes": ["files:write"]})),
            ("admin", json!({"scopes": ["files:admin"]})), ("both", json!({"scopes": ["files:read", "payments"]})), ("b", json!({"scopes": ["b"]})),
        ]);
        let gateway = runner.start(gateway(json!({"scope_hierarchy": hierarchy}), rules)).unwrap();
        for (scope, passes) in [
            ("files:admin", "/read /write /admin"), ("files:write", "/read /write"), ("files:read", "/read"), ("files:ADMIN", ""), ("files:adm", ""),
            ("files", ""), ("payments files:admin", "/read /write /admin /both"), ("a", "/b"), ("", ""), ("xfiles:admin files:admin2", ""),
        ] {
            for path in ["/read", "/write", "/admin", "/both", "/b"] {
                let outcome = ask(&*gateway, path, good(&*gateway).scope(scope));
                if passes.split(' ').any(|passing| passing == path) {
                    assert_eq!(outcome.response.status, 200, "{scope} at {path}");
                } else {
                    outcome.denied_with(403).has_code("insufficient_scope");
                }
            }
        }
        // The challenge names what is needed, not what would satisfy it too.
        let outcome = ask(&*gateway, "/both", good(&*gateway).scope(""));
        outcome.denied_with(403).challenge().param("scope", "files:read payments").param("error", "insufficient_scope");
    }

    fn roles_are_any_of_and_claims_are_all_of_those_listed(runner) {
        let rules = rules(&[
            ("role", json!({"roles": ["auditor", "admin"]})),
            ("none", json!({"roles": []})),
            ("claims", json!({"claims": [
                {"pointer": "/department", "any_of": ["finance", "audit"]}, {"pointer": "/org/unit~1name", "any_of": ["a"]}, {"pointer": "/levels/1", "any_of": [5, true]},
            ]})),
        ]);
        let gateway = runner.start(gateway(json!({}), rules)).unwrap();
        let at = |path: &str, claims: Value| ask(&*gateway, path, with(good(&*gateway), claims));
        at("/role", json!({"roles": ["x", "admin"]})).allowed();
        for roles in [json!([]), json!(["Admin"]), json!(["administrator"]), json!("admin"), json!([["admin"]]), json!({"admin": 1})] {
            at("/role", json!({"roles": roles})).denied_with(403).has_code("role_missing").no_header("www-authenticate");
        }
        at("/none", json!({})).allowed();
        let all = || json!({"department": "finance", "org": {"unit/name": "a"}, "levels": [1, 5]});
        at("/claims", all()).allowed();
        // An array says any of its elements.
        at("/claims", json!({"department": ["x", "audit"], "org": {"unit/name": "a"}, "levels": [1, true]})).allowed();
        for (claim, value) in [
            ("department", json!("Finance")), ("department", json!("finance ")), ("department", json!(["x"])), ("department", json!({"finance": true})),
            ("org", json!("a")), ("org", json!({"unit": {"name": "a"}})), ("levels", json!([5, 1])), ("levels", json!([1, "5"])), ("levels", json!([1, 1])),
            ("levels", json!({"x": 5})), ("department", json!(null)), ("org", json!({})),
        ] {
            let mut claims = all();
            claims[claim] = value.clone();
            let outcome = at("/claims", claims);
            assert_eq!(outcome.response.status, 403, "{claim} {value}");
            outcome.denied_with(403).has_code("claim_mismatch");
        }
        at("/claims", json!({})).denied_with(403).has_code("claim_mismatch");
    }

    /// SMG-14: a user's own data only, however the name is written.
    fn a_user_reaches_their_own_data_only(runner) {
        let resource = json!({
            "match": {"path": {"template": "/users/{user}/files"}}, "require": {"subject_equals": ["{path.user}"]},
        });
        let gateway = runner.start(gateway(json!({}), resource)).unwrap();
        let at = |subject: &str, path: &str| ask(&*gateway, path, good(&*gateway).subject(subject));
        for (subject, path) in [
            ("alice", "/users/alice/files"), ("alice", "/users/alice/files?user=bob"), ("auth0|5", "/users/auth0%7C5/files"),
            ("alice@example.com", "/users/alice@example.com/files"), ("alice@example.com", "/users/alice%40example.com/files"), ("al ice", "/users/al%20ice/files"),
        ] {
            let outcome = at(subject, path);
            assert_eq!(outcome.response.status, 200, "{subject} at {path}\n{}", outcome.picture());
        }
        for path in [
            "/users/bob/files", "/users/Alice/files", "/users/ALICE/files", "/users/alice2/files", "/users/alic/files", "/users/*/files", "/users/{path.user}/files",
            "/users/%7Bpath.user%7D/files", "/users/+alice/files", "/users/alice+/files", "/users/al%C3%ADce/files", "/users/alice,bob/files", "/users/alice&bob/files",
        ] {
            let outcome = at("alice", path);
            assert!(matches!(outcome.response.status, 400 | 403), "{path}\n{}", outcome.picture());
            outcome.never_reached_upstream();
        }
        at("alice", "/users/bob/files").denied_with(403).has_code("subject_mismatch").no_header("www-authenticate");
        for path in [
            "/users/%61lice/files", "/users/alic%65/files", "/users/alice%2ffiles", "/users/bob/..%2falice/files", "/users/bob%2f..%2falice/files", "/users/bob/../alice/files", "/users/alice/../bob/files",
            "/users/alice%00/files", "/users/alice%00bob/files", "/users/%2561lice/files", "/users/alice%252f/files", "/users/50%25/files", "/users/alice;bob/files", "/users/alice%3Bbob/files",
            "/users/alice%20/files", "/users/alice./files", "/users//files", "/users/%/files", "/users/alice%5c/files", "/users/alice\\bob/files", "/users/%2e/files",
        ] {
            let outcome = at("alice", path);
            assert_eq!(outcome.response.status, 400, "{path}\n{}", outcome.picture());
            outcome.never_reached_upstream();
        }
        // Beside the template there is nothing: no shorter or longer path is anyone's data.
        for path in ["/users/alice", "/users/alice/files/", "/users/alice/files/1", "/users", "/Users/alice/files", "/users/files"] {
            at("alice", path).denied_with(403).has_code("resource_unknown");
        }
        // Who acts for alice reaches hers, and a client of her name does not.
        ask(&*gateway, "/users/alice/files", good(&*gateway).subject("alice").client("alice")).denied_with(403).has_code("token_kind_not_allowed");
    }

    /// AUD-12
    fn clients_are_compared_exactly(runner) {
        let rules = rules(&[("clients", json!({"clients": ["agent-1", "agent-2"]}))]);
        let gateway = runner.start(gateway(json!({}), rules)).unwrap();
        for client in ["agent-1", "agent-2"] {
            ask(&*gateway, "/clients", good(&*gateway).client(client)).allowed();
        }
        for client in ["agent-3", "AGENT-1", "agent", "agent-1 ", "agent-11", "agent-1,agent-2"] {
            ask(&*gateway, "/clients", good(&*gateway).client(client)).denied_with(403).has_code("client_not_allowed").no_header("www-authenticate");
        }
        // Another claim does not name the client.
        ask(&*gateway, "/clients", good(&*gateway).client("other").claim("azp", "agent-1")).never_reached_upstream();
    }

    /// RFC 8693 §4.1: the outermost actor is the one that acts; nested ones are history and grant nothing.
    fn the_outermost_actor_decides(runner) {
        let rules = rules(&[
            ("required", json!({"actors": {"required": true}})), ("allowed", json!({"actors": {"required": true, "allowed": ["agent-1"]}})),
            ("optional", json!({"actors": {"allowed": ["agent-1"]}})), ("two", json!({"actors": {"max_depth": 2}})), ("none", json!({"actors": {"max_depth": 0}})),
            ("loops", json!({"actors": {}})), ("indifferent", json!({})),
        ]);
        let gateway = runner.start(gateway(json!({}), rules)).unwrap();
        let at = |path: &str, act: Value| ask(&*gateway, path, with(good(&*gateway), json!({"act": act})));
        let absent = |path: &str| ask(&*gateway, path, good(&*gateway));
        let chain = |names: &[&str]| names.iter().rev().fold(None, |inner: Option<Value>, name| {
            let mut actor = json!({"sub": name});
            if let Some(inner) = inner { actor["act"] = inner; }
            Some(actor)
        }).unwrap();
        absent("/required").denied_with(403).has_code("actor_required").no_header("www-authenticate");
        at("/required", chain(&["anyone"])).allowed();
        for nameless in [json!({}), json!({"client_id": "agent-1"}), json!({"act": {"sub": "agent-1"}})] {
            at("/required", nameless).denied_with(403).has_code("actor_not_allowed");
        }
        absent("/allowed").denied_with(403).has_code("actor_required");
        at("/allowed", chain(&["agent-1"])).allowed();
        at("/allowed", chain(&["agent-1", "mallory"])).allowed();
        for names in [&["mallory"] as &[&str], &["mallory", "agent-1"], &["AGENT-1"], &["agent-1 "], &[""]] {
            at("/allowed", chain(names)).never_reached_upstream();
        }
        at("/allowed", chain(&["mallory", "agent-1"])).denied_with(403).has_code("actor_not_allowed");
        // A name of another issuer is another actor.
        at("/allowed", json!({"sub": "agent-1", "iss": "https://evil.example"})).denied_with(403).has_code("actor_not_allowed");
        at("/allowed", json!({"sub": "agent-1", "iss": I})).allowed();
        absent("/optional").allowed();
        at("/optional", chain(&["mallory"])).denied_with(403).has_code("actor_not_allowed");
        at("/two", chain(&["a", "b"])).allowed();
        at("/two", chain(&["a", "b", "c"])).denied_with(403).has_code("actor_chain_too_deep");
        absent("/none").allowed();
        at("/none", chain(&["a"])).denied_with(403).has_code("actor_chain_too_deep");
        at("/loops", chain(&["a", "b", "c"])).allowed();
        for names in [&["a", "a"] as &[&str], &["a", "b", "a"], &["x", "b", "c", "b"]] {
            at("/loops", chain(names)).denied_with(403).has_code("actor_loop");
        }
        at("/indifferent", chain(&["a", "a"])).allowed();
        // JWT-27: what is no chain, or one without end, is no token.
        at("/indifferent", chain(&["a"; 11])).denied_with(401).has_code("claim_invalid");
        at("/indifferent", json!("agent-1")).denied_with(401).has_code("claim_invalid");
        at("/indifferent", json!(["agent-1"])).denied_with(401).has_code("claim_invalid");
    }

    /// The connection's own peer counts, never a header.
    fn a_request_is_accepted_from_the_configured_addresses_only(runner) {
        let require = json!({"require": {"source_cidrs": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]}});
        for (source, passes) in [
            ("10.1.2.3:4000", true), ("[2001:db8::7]:4000", true), ("192.0.2.8:4000", false), ("[2001:db9::7]:4000", false),
        ] {
            let source: SocketAddr = source.parse().unwrap();
            let gateway = runner.start(gateway(json!({}), require.clone()).source(source)).unwrap();
            let token = good(&*gateway).sign_with(key(Algorithm::Es256));
            let outcome = gateway.send(get("/mcp").bearer(&token));
            let spoofed = get("/mcp").bearer(&token).header("x-forwarded-for", "10.1.2.3").header("x-real-ip", "10.1.2.3")
                .header("forwarded", "for=10.1.2.3").header("x-envoy-external-address", "10.1.2.3");
            if passes {
                outcome.allowed();
                gateway.send(get("/mcp").bearer(&token).header("x-forwarded-for", "11.0.0.1")).allowed();
            } else {
                outcome.denied_with(403).has_code("source_not_allowed").no_header("www-authenticate");
                gateway.send(spoofed).denied_with(403).has_code("source_not_allowed");
            }
        }
    }

    fn a_rule_for_a_host_holds_for_that_host_however_it_is_written(runner) {
        let rules = json!({"rules": [
            {"name": "admin", "match": {"hosts": ["admin.example"]}, "require": {"scopes": ["admin"]}},
            {"name": "rest", "match": {"path": {"prefix": "/"}}, "require": {"scopes": ["tools:read"]}},
        ]});
        let gateway = runner.start(gateway(json!({}), rules)).unwrap();
        let at = |host: &str| gateway.send(get("/mcp").host(host).bearer(&good(&*gateway).sign_with(key(Algorithm::Es256))));
        for host in ["admin.example", "ADMIN.example", "admin.example:8443", "admin.example."] {
            at(host).denied_with(403).challenge().param("scope", "admin tools:read");
        }
        for host in ["tools.example", "admin.example.evil.example", "xadmin.example"] {
            at(host).allowed();
        }
        // Some servers find the name in these, so they do not dodge the rule either.
        for host in ["admin.example:x", "admin.example,tools.example", "tools.example@admin.example", "admin%2eexample", "admin.example.."] {
            at(host).never_reached_upstream();
        }
    }

    fn a_host_rule_without_one_for_the_other_hosts_does_not_load(runner) {
        let rules = json!({"rules": [{"name": "admin", "match": {"hosts": ["admin.example"]}, "require": {"scopes": ["admin"]}}]});
        let rejected = runner.start(gateway(json!({}), rules)).err().unwrap();
        assert!(rejected.logs.join("\n").contains("resources[0].rules[0].match.hosts"), "{:#?}", rejected.logs);
    }

    /// AUD-14
    fn a_token_for_others_too_is_refused_where_audiences_are_strict(runner) {
        let lax = runner.start(gateway(json!({}), json!({}))).unwrap();
        let strict = runner.start(gateway(json!({"strict_audience": true}), json!({"accept": [{"issuer": I, "audiences": [R, "mcp"]}]}))).unwrap();
        for (audience, passes_lax, passes_strict) in [
            (json!(R), true, true), (json!([R]), true, true), (json!([R, R]), true, true), (json!([R, "mcp"]), true, true), (json!([R, "other"]), true, false),
            (json!(["other", R]), true, false), (json!([R, ""]), true, false), (json!(["other"]), false, false),
        ] {
            for (gateway, passes) in [(&lax, passes_lax), (&strict, passes_strict)] {
                let outcome = ask(&**gateway, "/mcp", good(&**gateway).audience(audience.clone()));
                if passes {
                    assert_eq!(outcome.response.status, 200, "{audience}");
                } else {
                    outcome.denied_with(401).challenge().param("error", "invalid_token");
                }
            }
        }
        ask(&*strict, "/mcp", good(&*strict).audience(json!([R, "other"]))).denied_with(401).has_code("audience_too_broad");
        ask(&*strict, "/mcp", good(&*strict).audience(json!(["other"]))).denied_with(401).has_code("audience_mismatch");
    }

    /// AUD-04: scheme and host in any case where it is configured, the rest never; a fragment nowhere.
    fn the_host_of_an_audience_has_no_case_where_it_is_configured(runner) {
        let exact = runner.start(gateway(json!({}), json!({}))).unwrap();
        let caseless = runner.start(gateway(json!({"audience_comparison": "caseless_host"}), json!({}))).unwrap();
        for (audience, passes) in [
            ("HTTPS://MCP.example.com/mcp", true), ("https://mcp.EXAMPLE.com/mcp", true), ("https://mcp.example.com/MCP", false), ("HTTPS://MCP.example.com/mcp/", false),
            ("HTTPS://MCP.example.com/mcp#f", false), ("https://mcp.example.com/mcp#f", false), ("https://mcp.example.com/mcp#", false), ("HTTPS://MCP.example.com:443/mcp", false),
            ("HTTPS://MCP.example.com", false), ("HTTPS://MCP.example.com.evil/mcp", false), ("HTTPS://user@MCP.example.com/mcp", false), ("HTTP://MCP.example.com/mcp", false),
        ] {
            ask(&*exact, "/mcp", good(&*exact).audience(audience)).denied_with(401).has_code("audience_mismatch");
            let outcome = ask(&*caseless, "/mcp", good(&*caseless).audience(audience));
            if passes {
                assert_eq!(outcome.response.status, 200, "{audience}");
            } else {
                outcome.denied_with(401).has_code("audience_mismatch");
            }
        }
        ask(&*caseless, "/mcp", good(&*caseless)).allowed();
    }

    /// AUD-05
    fn a_resource_that_is_no_absolute_uri_without_fragment_does_not_load(runner) {
        let resources = ["mcp.example.com", "https://h#f", "/mcp", "", "https://", "https://h/a b", "https://h/\"", "//h/mcp"];
        // One plugin with all of them: each is told.
        let all: Vec<Value> = resources.iter().enumerate()
            .map(|(number, resource)| json!({"resource": resource, "match": {"path": {"exact": format!("/{number}")}}})).collect();
        let rejected = runner.start(gateway(json!({"resources": all}), json!({}))).err().unwrap();
        let log = rejected.logs.join("\n");
        for number in 0..resources.len() {
            assert!(log.contains(&format!("resources[{number}].resource is no absolute URI")), "{number}: {log}");
        }
    }

    /// AUD-08, AUD-12: every kind that resource and rule say must hold; delegated is the default where neither says one.
    fn the_kinds_of_resource_and_rule_must_both_hold(runner) {
        let kinds = ["delegated", "application", "any"];
        let bases = ["none", "delegated", "application", "any"];
        // One resource for each base, and in it one rule for each kind.
        let resources: Vec<Value> = bases.iter().map(|base| {
            let rule = |name: &str, require: Value| json!({"name": name, "match": {"path": {"exact": format!("/{base}/{name}")}}, "require": require});
            let mut rules: Vec<Value> = kinds.iter().map(|kind| rule(kind, json!({"token_kind": kind}))).collect();
            rules.push(rule("silent", json!({"scopes": []})));
            let require = if *base == "none" { json!({}) } else { json!({"token_kind": base}) };
            json!({
                "resource": format!("{R}/{base}"), "match": {"path": {"prefix": format!("/{base}")}}, "accept": [{"issuer": I, "audiences": [R]}],
                "require": require, "rules": rules,
            })
        }).collect();
        let gateway = runner.start(gateway(json!({"resources": resources}), json!({}))).unwrap();
        for base in bases {
            for rule in ["other", "silent", "delegated", "application", "any"] {
                let said: Vec<&str> = [base, rule].into_iter().filter(|kind| kinds.contains(kind)).collect();
                for (kind, token) in [("delegated", good(&*gateway)), ("application", application(&*gateway))] {
                    let passes = if said.is_empty() { kind == "delegated" } else { said.iter().all(|said| *said == "any" || *said == kind) };
                    let outcome = ask(&*gateway, &format!("/{base}/{rule}"), token);
                    if passes {
                        assert_eq!(outcome.response.status, 200, "{base} {rule} {kind}");
                    } else {
                        assert_eq!(outcome.response.status, 403, "{base} {rule} {kind}");
                        outcome.denied_with(403).has_code("token_kind_not_allowed");
                    }
                }
            }
        }
    }

    /// COR-12: one challenge names every scope of resource, rule and route.
    fn one_challenge_names_all_scopes_of_resource_rule_and_route(runner) {
        let settings = json!({"named_requirements": {"finance": {"scopes": ["ledger", "tools:read"], "claims": [{"pointer": "/department", "any_of": ["finance"]}]}, "other": {"scopes": ["never"]}}});
        let resource = json!({
            "require": {"scopes": ["tools:read"]},
            "rules": [{"name": "write", "match": {"methods": ["POST"]}, "require": {"scopes": ["tools:write"]}}],
        });
        let gateway = runner.start(gateway(settings, resource).route_metadata("fourleg", json!({"require": "finance"}))).unwrap();
        let finance = |scope: &str| good(&*gateway).claim("department", "finance").scope(scope).sign_with(key(Algorithm::Es256));
        // What the token holds besides is named last, so that the next one holds it, too.
        for (scope, besides) in [("", ""), ("tools:read", ""), ("ledger tools:write", ""), ("tools:read tools:write", ""), ("never", " never")] {
            let outcome = gateway.send(post("/mcp").bearer(&finance(scope)));
            let all = format!("tools:read tools:write ledger{besides}");
            outcome.denied_with(403).challenge().param("error", "insufficient_scope").param("scope", &all);
            assert_eq!(outcome.challenges().len(), 1);
        }
        gateway.send(post("/mcp").bearer(&finance("ledger tools:write tools:read"))).allowed();
        gateway.send(get("/mcp").bearer(&finance("ledger tools:read"))).allowed();
        // The rest of the block counts too, and comes first.
        let outcome = ask(&*gateway, "/mcp", good(&*gateway).scope("ledger tools:read"));
        outcome.denied_with(403).has_code("claim_mismatch");
    }

    /// The route can only make more necessary: it opens nothing, and what it names must be known.
    fn what_the_route_adds_only_makes_more_necessary(runner) {
        let settings = json!({
            "named_requirements": {"finance": {"scopes": ["ledger"]}, "apps": {"token_kind": "application"}, "all": {"token_kind": "any"}},
            "public": [{"path": {"exact": "/healthz"}}],
        });
        let start = |metadata: Option<Value>| {
            let gateway = gateway(settings.clone(), json!({"require": {"scopes": ["tools:read"]}}));
            runner.start(match metadata {
                Some(metadata) => gateway.route_metadata("fourleg", metadata),
                None => gateway,
            }).unwrap()
        };
        let plain = start(None);
        plain.send(get("/healthz")).allowed();
        ask(&*plain, "/mcp", good(&*plain)).allowed();

        let finance = start(Some(json!({"require": "finance"})));
        finance.send(get("/healthz")).denied_with(401).has_code("credential_missing");
        ask(&*finance, "/healthz", good(&*finance)).denied_with(403).challenge().param("scope", "tools:read ledger");
        ask(&*finance, "/mcp", good(&*finance).scope("ledger")).denied_with(403);
        ask(&*finance, "/mcp", good(&*finance).scope("ledger tools:read")).allowed();

        // Its kind does not take the place of the default: an application passes neither.
        for name in representative(runner, 0, ["all", "apps"]) {
            let kinds = start(Some(json!({"require": name})));
            ask(&*kinds, "/mcp", application(&*kinds)).denied_with(403).has_code("token_kind_not_allowed");
            let user = ask(&*kinds, "/mcp", good(&*kinds));
            if name == "all" { user.allowed(); } else { user.denied_with(403).has_code("token_kind_not_allowed"); }
        }

        for names in representative(runner, 0, ["finance all"]) {
            let two = start(Some(json!({"require": names})));
            ask(&*two, "/mcp", good(&*two)).denied_with(403).challenge().param("scope", "tools:read ledger");
        }

        // What the proxy makes of each type comes first: text, and what is none.
        let unknown = [
            json!("unknown"), json!(true), json!({"finance": true}), json!(""), json!(["unknown"]), json!("finance unknown"), json!("Finance"), json!(" "), json!(1),
        ];
        for unknown in representative(runner, 4, unknown) {
            let gateway = start(Some(json!({"require": unknown})));
            for outcome in [ask(&*gateway, "/mcp", good(&*gateway).scope("ledger tools:read")), gateway.send(get("/healthz"))] {
                assert_eq!(outcome.response.status, 503, "{unknown}\n{}", outcome.picture());
                outcome.denied_with(503).has_code("requirement_unknown");
            }
        }
        // Another member of the namespace, and another namespace, say nothing.
        let silent = start(Some(json!({"note": "finance"})));
        silent.send(get("/healthz")).allowed();
        ask(&*silent, "/mcp", good(&*silent)).allowed();
    }
}
