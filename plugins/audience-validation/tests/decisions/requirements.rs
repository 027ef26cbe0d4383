//! What a verified token has to say: scopes, kinds, clients, roles, claims, subjects, actors; and where it comes from.

use audience_validation::AudienceValidation;
use filter_kit::request::Property;
use plugin_checks::decisions::{Table, get, post, row};
use serde_json::{Value, json};

use crate::{Gate, R, ask, config, config_with, good, requiring, set, sign, with_good};

const ROUTE: [&str; 5] = ["xds", "route_metadata", "filter_metadata", "fourleg", "require"];

pub(crate) fn tables() -> Vec<Table> {
    vec![scopes(), hierarchy(), claims(), actors(), sources(), subjects(), named()]
}

fn scopes() -> Table {
    let with = |method: fn(&str) -> plugin_checks::decisions::Request, path: &str, scope: &str| {
        method(path).bearer(sign(good().scope(scope)))
    };
    Table::new(
        config(),
        vec![
            row("what the resource needs", with(get, "/mcp", "tools:read"), "allow ok"),
            row("among others", with(get, "/mcp", "a tools:read b"), "allow ok"),
            row("in capitals", with(get, "/mcp", "tools:READ"), "403 insufficient_scope"),
            row("the start of it", with(get, "/mcp", "tools"), "403 insufficient_scope"),
            row("none", with(get, "/mcp", ""), "403 insufficient_scope"),
            row("no claim", ask(good().without("scope")), "403 insufficient_scope"),
            row("the rule needs more", with(post, "/mcp/admin", "tools:read"), "403 insufficient_scope"),
            row("the resource's own too", with(post, "/mcp/admin", "tools:admin"), "403 insufficient_scope"),
            row("both", with(post, "/mcp/admin", "tools:admin tools:read"), "allow ok"),
            row("the rule is for POST", with(get, "/mcp/admin", "tools:read"), "allow ok"),
        ],
    )
}

fn hierarchy() -> Table {
    let config = set(
        requiring(json!({"scopes": ["files:read"]})),
        "/scope_hierarchy",
        json!({"files:admin": ["files:write"], "files:write": ["files:read"]}),
    );
    let with = |scope: &str| ask(good().scope(scope));
    Table::new(
        config,
        vec![
            row("itself", with("files:read"), "allow ok"),
            row("a broader one", with("files:write"), "allow ok"),
            row("the broadest", with("files:admin"), "allow ok"),
            row("another", with("files:admins"), "403 insufficient_scope"),
        ],
    )
}

fn claims() -> Table {
    let config = requiring(json!({
        "clients": ["agent-1"], "roles": ["auditor", "admin"],
        "claims": [{"pointer": "/department", "any_of": ["finance"]}, {"pointer": "/levels/0", "any_of": [5]}],
    }));
    let all = || good().claim("roles", json!(["admin"])).claim("department", "finance").claim("levels", json!([5]));
    let with = |name: &str, value: Value| ask(all().claim(name, value));
    Table::new(
        config,
        vec![
            row("all of it", ask(all()), "allow ok"),
            row("another client", with("client_id", json!("agent-2")), "403 client_not_allowed"),
            row("a client in capitals", with("client_id", json!("AGENT-1")), "403 client_not_allowed"),
            row("another role", with("roles", json!(["reader"])), "403 role_missing"),
            row("a role as text", with("roles", json!("admin")), "403 role_missing"),
            row("no role", ask(all().without("roles")), "403 role_missing"),
            row("another department", with("department", json!("Finance")), "403 claim_mismatch"),
            row("no department", ask(all().without("department")), "403 claim_mismatch"),
            row("a number as text", with("levels", json!(["5"])), "403 claim_mismatch"),
            row("a client's own token", with("sub", json!("agent-1")), "403 token_kind_not_allowed"),
        ],
    )
}

fn actors() -> Table {
    let config = requiring(json!({"actors": {"required": true, "allowed": ["a", "b"], "max_depth": 2}}));
    let with = |act: Value| ask(good().claim("act", act));
    Table::new(
        config,
        vec![
            row("one", with(json!({"sub": "a"})), "allow ok"),
            row("two", with(json!({"sub": "a", "act": {"sub": "x"}})), "allow ok"),
            row("none", ask(good()), "403 actor_required"),
            row("another", with(json!({"sub": "x", "act": {"sub": "a"}})), "403 actor_not_allowed"),
            row("of another issuer", with(json!({"sub": "a", "iss": "https://evil.example"})), "403 actor_not_allowed"),
            row("without a name", with(json!({"client_id": "a"})), "403 actor_not_allowed"),
            row(
                "three",
                with(json!({"sub": "a", "act": {"sub": "x", "act": {"sub": "y"}}})),
                "403 actor_chain_too_deep",
            ),
            row("one twice", with(json!({"sub": "a", "act": {"sub": "a"}})), "403 actor_loop"),
        ],
    )
}

fn sources() -> Table {
    let config = requiring(json!({"source_cidrs": ["10.0.0.0/8", "2001:db8::/32"]}));
    let from = |address: &str| with_good(get("/mcp")).property("source.address", address);
    Table::new(
        config,
        vec![
            row("inside", from("10.1.2.3:4000"), "allow ok"),
            row("inside, the long kind", from("[2001:db8::7]:4000"), "allow ok"),
            row("outside", from("192.0.2.8:4000"), "403 source_not_allowed"),
            row(
                "outside, and a field that says otherwise",
                from("192.0.2.8:4000").header("x-forwarded-for", "10.1.2.3"),
                "403 source_not_allowed",
            ),
            row("not known", with_good(get("/mcp")), "403 source_not_allowed"),
            row(
                "not readable",
                with_good(get("/mcp")).property_at(&["source", "address"], Property::Unreadable),
                "403 source_not_allowed",
            ),
            row("no address", from("pipe"), "403 source_not_allowed"),
        ],
    )
}

fn subjects() -> Table {
    let config = set(
        requiring(json!({"subject_equals": ["{path.user}"]})),
        "/resources/0/match",
        json!({"path": {"template": "/users/{user}/files"}}),
    );
    let at = |subject: &str, path: &str| get(path).bearer(sign(good().subject(subject)));
    Table::new(
        config,
        vec![
            row("their own", at("alice", "/users/alice/files"), "allow ok"),
            row("escaped", at("auth0|5", "/users/auth0%7C5/files"), "allow ok"),
            row("another's", at("alice", "/users/bob/files"), "403 subject_mismatch"),
            row("in capitals", at("alice", "/users/Alice/files"), "403 subject_mismatch"),
            row("another's in the query", at("alice", "/users/alice/files?user=bob"), "allow ok"),
            row("beside the template", at("alice", "/users/alice"), "403 resource_unknown"),
        ],
    )
}

fn named() -> Table {
    let config = config_with(
        "/named_requirements",
        json!({"finance": {"scopes": ["ledger"]}, "apps": {"token_kind": "application"}, "all": {"token_kind": "any"}}),
    );
    let routed = |names: &str, scope: &str| {
        get("/mcp").bearer(sign(good().scope(scope))).property_at(&ROUTE, Property::Value(names.into()))
    };
    let of_application =
        |names: &str| ask(good().subject("agent-1")).property_at(&ROUTE, Property::Value(names.into()));
    let mut rows = vec![
        row("none", with_good(get("/mcp")), "allow ok"),
        row("one that is met", routed("finance", "tools:read ledger"), "allow ok"),
        row("one that is not", routed("finance", "tools:read"), "403 insufficient_scope"),
        row("the resource's own holds too", routed("finance", "ledger"), "403 insufficient_scope"),
        row("an application, where the route says any kind", of_application("all"), "403 token_kind_not_allowed"),
        row("an application, where it says applications", of_application("apps"), "403 token_kind_not_allowed"),
        row("a user, where it says any kind", routed("all", "tools:read"), "allow ok"),
        row("two", routed("finance,all", "tools:read ledger"), "allow ok"),
        row(
            "a kind does not take the place of the default",
            routed("apps", "tools:read"),
            "403 token_kind_not_allowed",
        ),
        row(
            "nothing is public there",
            get("/healthz").property_at(&ROUTE, Property::Value("all".into())),
            "403 resource_unknown",
        ),
        row(
            "not readable",
            with_good(get("/mcp")).property_at(&ROUTE, Property::Unreadable),
            "503 requirement_unknown",
        ),
        row(
            "not text",
            with_good(get("/mcp")).property_at(&ROUTE, Property::Value(vec![0xff])),
            "503 requirement_unknown",
        ),
        row(
            "not readable on a public path",
            get("/healthz").property_at(&ROUTE, Property::Unreadable),
            "503 requirement_unknown",
        ),
    ];
    for unknown in ["unknown", "finance unknown", "", " ", "Finance", "\u{0}", "\"finance\"", "[\"finance\"]"] {
        rows.push(row(format!("{unknown:?}"), routed(unknown, "tools:read ledger"), "503 requirement_unknown"));
    }
    Table::new(config, rows)
}

#[test]
fn scopes_of_resource_and_rule_must_all_be_held() {
    scopes().check::<AudienceValidation>();
}

#[test]
fn a_broader_scope_satisfies_the_narrower_ones_that_are_configured() {
    hierarchy().check::<AudienceValidation>();
}

#[test]
fn clients_roles_claims_and_kind_must_all_hold() {
    claims().check::<AudienceValidation>();
}

#[test]
fn the_outermost_actor_decides() {
    actors().check::<AudienceValidation>();
}

#[test]
fn a_request_comes_from_the_configured_addresses_as_the_proxy_sees_them() {
    sources().check::<AudienceValidation>();
}

#[test]
fn a_user_reaches_their_own_data_only() {
    subjects().check::<AudienceValidation>();
}

#[test]
fn what_the_route_adds_only_makes_more_necessary() {
    named().check::<AudienceValidation>();
}

/// COR-12, COR-18: one challenge names all that the operation needs, and what the token holds.
#[test]
fn a_challenge_names_every_scope_of_resource_rule_and_route() {
    let config = config_with("/named_requirements", json!({"finance": {"scopes": ["ledger"]}}));
    let mut gate = Gate::new(&config);
    let routed = |scope: &str| {
        post("/mcp/admin").bearer(sign(good().scope(scope))).property_at(&ROUTE, Property::Value("finance".into()))
    };
    for (request, told, scopes) in [
        (routed("mine tools:read"), "403 insufficient_scope", "tools:read tools:admin ledger mine"),
        (post("/mcp/admin"), "401 credential_missing", "tools:read tools:admin"),
        (get("/mcp").bearer("no-jwt-at-all"), "401 token_malformed", "tools:read"),
    ] {
        let decision = gate.decide(&request);
        assert_eq!(decision.told(), told);
        let challenges = decision.header("www-authenticate");
        assert!(challenges.len() == 1 && challenges[0].contains(&format!("scope=\"{scopes}\"")), "{challenges:?}");
        assert!(challenges[0].contains(&format!("realm=\"{R}\"")), "{challenges:?}");
    }
}

#[test]
fn the_record_of_a_denial_says_what_was_needed_and_by_which_rule() {
    let decision = Gate::new(&config()).decide(&with_good(post("/mcp/admin")));
    let record = decision.record();
    assert_eq!((&record["rule"], &record["resource"]), (&json!("administer"), &json!(R)));
    assert_eq!(
        (&record["scopes_needed"], &record["subject"]),
        (&json!(["tools:read", "tools:admin"]), &json!("alice"))
    );
}
