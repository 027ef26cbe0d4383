//! Which resource and rule a request is about, where it is routed to, and what the filter answers by itself.

use audience_validation::AudienceValidation;
use filter_kit::request::Property;
use plugin_checks::decisions::{Request, Table, get, post, row};
use serde_json::{Value, json};

use crate::{Gate, I, R, config, config_with, good, set, sign, with_good};

pub(crate) fn tables() -> Vec<Table> {
    vec![one_resource_each(), a_rule_for_a_host(), clusters(), public(), forms(), forms_as_sent(), own_answers()]
}

fn one_resource_each() -> Table {
    let config = config_with(
        "/resources",
        json!([
            {"resource": "https://tools.example/files", "match": {"path": {"prefix": "/files"}}},
            {"resource": "https://tools.example/secret", "match": {"path": {"prefix": "/files/secret"}}},
            {"resource": "https://tools.example/pay", "match": {"path": {"prefix": "/pay"}, "hosts": ["pay.example"]}},
        ]),
    );
    let mut rows = Vec::new();
    for (audience, own) in [("files", "/files/a"), ("secret", "/files/secret/b"), ("pay", "/pay")] {
        for path in ["/files/a", "/files/secret/b", "/pay"] {
            let token = sign(good().audience(format!("https://tools.example/{audience}")));
            let told = if path == own { "allow ok" } else { "401 audience_mismatch" };
            rows.push(row(format!("{audience} at {path}"), get(path).host("pay.example").bearer(token), told));
        }
    }
    let pay = || sign(good().audience("https://tools.example/pay"));
    rows.extend([
        row("the port of a host", get("/pay").host("PAY.example.:8443").bearer(pay()), "allow ok"),
        row("another host", get("/pay").host("evil.example").bearer(pay()), "403 resource_unknown"),
        row("a host that cannot be read", get("/pay").host("pay.example:x").bearer(pay()), "400 path_refused"),
        row("the same where no match names hosts", get("/elsewhere").host("pay.example:x"), "403 resource_unknown"),
        row("inside a segment", get("/filesystem").bearer(pay()), "403 resource_unknown"),
        row("none, and no token", get("/elsewhere"), "403 resource_unknown"),
    ]);
    Table::new(config, rows)
}

/// Some servers end a host at its first colon or comma, or take off what is before an `@`.
fn a_rule_for_a_host() -> Table {
    let strict =
        json!({"name": "admin", "match": {"hosts": ["admin.example"]}, "require": {"scopes": ["tools:admin"]}});
    let rest = json!({"name": "rest", "match": {"path": {"prefix": "/"}}, "require": {}});
    let told =
        |host: &str, told: &'static str| row(format!("the host {host:?}"), with_good(get("/mcp").host(host)), told);
    Table::new(
        config_with("/resources/0/rules", json!([strict, rest])),
        vec![
            told("admin.example", "403 insufficient_scope"),
            told("tools.example", "allow ok"),
            told("admin.example:x", "400 path_refused"),
            told("admin.example,tools.example", "400 path_refused"),
            told("tools.example@admin.example", "400 path_refused"),
            told("admin%2eexample", "400 path_refused"),
            told("admin.example..", "400 path_refused"),
            told("", "400 path_refused"),
        ],
    )
}

fn clusters() -> Table {
    let to = |cluster: &str| with_good(get("/mcp")).property("xds.cluster_name", cluster);
    Table::new(
        config_with("/resources/0/cluster", json!(["tools", "tools-b"])),
        vec![
            row("one of them", to("tools-b"), "allow ok"),
            row("another", to("admin"), "403 cluster_mismatch"),
            row("the start of it", to("tool"), "403 cluster_mismatch"),
            row("not said", with_good(get("/mcp")), "403 cluster_mismatch"),
            row(
                "not readable",
                with_good(get("/mcp")).property_at(&["xds", "cluster_name"], Property::Unreadable),
                "403 cluster_mismatch",
            ),
            row(
                "before a token is asked for",
                get("/mcp").property("xds.cluster_name", "admin"),
                "403 cluster_mismatch",
            ),
        ],
    )
}

fn public() -> Table {
    Table::new(
        config(),
        vec![
            row("the path", get("/healthz"), "allow public"),
            row("with a query", get("/healthz?x=1"), "allow public"),
            row("by HEAD", Request::new("HEAD", "/healthz"), "allow public"),
            row("with a bad token", get("/healthz").bearer("rubbish-of-any-kind"), "allow public"),
            row("by POST", post("/healthz"), "403 resource_unknown"),
            row("below", get("/healthz/x"), "403 resource_unknown"),
            row("in capitals", get("/HEALTHZ"), "403 resource_unknown"),
            row(
                "an upgrade",
                get("/healthz").header("upgrade", "websocket").header("connection", "upgrade"),
                "403 resource_unknown",
            ),
            row(
                "a preflight",
                Request::new("OPTIONS", "/mcp").header("access-control-request-method", "POST"),
                "401 credential_missing",
            ),
        ],
    )
}

/// `DELETE` needs more than `POST`, and a form may name another method.
fn by_method() -> Value {
    config_with(
        "/resources/0/rules",
        json!([{"name": "delete", "match": {"methods": ["DELETE"]}, "require": {"scopes": ["tools:delete"]}}]),
    )
}

fn form(scope: &str) -> Request {
    post("/mcp")
        .bearer(sign(good().scope(scope)))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("_method=DELETE")
}

fn forms() -> Table {
    Table::new(
        by_method(),
        vec![
            row("a form", form("tools:read"), "403 insufficient_scope"),
            row("a form with what every method needs", form("tools:read tools:delete"), "allow ok"),
            row("a body without a type", with_good(post("/mcp")).body("x"), "403 insufficient_scope"),
            row("JSON", with_good(post("/mcp")).header("content-type", "application/json").body("{}"), "allow ok"),
            row("no body", with_good(post("/mcp")), "allow ok"),
            row("a form by PUT", with_good(Request::new("PUT", "/mcp")).body("_method=DELETE"), "allow ok"),
        ],
    )
}

fn forms_as_sent() -> Table {
    Table::new(set(by_method(), "/forms", json!("as_sent")), vec![row("a form", form("tools:read"), "allow ok")])
}

fn own_answers() -> Table {
    let config = set(
        config_with("/cors", json!({"allow_origins": ["https://app.example"]})),
        "/resources/0/protected_resource_metadata",
        json!({"authorization_servers": [I]}),
    );
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/mcp").header("origin", origin).header("access-control-request-method", "POST")
    };
    let metadata = |method: &str| Request::new(method, "/.well-known/oauth-protected-resource/mcp");
    Table::new(
        config,
        vec![
            row("a preflight", preflight("https://app.example"), "204 preflight"),
            row("of another origin", preflight("https://evil.example"), "401 credential_missing"),
            row("of none", Request::new("OPTIONS", "/mcp"), "401 credential_missing"),
            row("the metadata", metadata("GET"), "200 resource_metadata"),
            row("its preflight", metadata("OPTIONS"), "204 preflight"),
            row("by POST", metadata("POST"), "405 method_not_allowed"),
            row(
                "of a resource that is not there",
                get("/.well-known/oauth-protected-resource/other"),
                "403 resource_unknown",
            ),
        ],
    )
}

#[test]
fn a_token_for_one_resource_never_opens_another() {
    one_resource_each().check::<AudienceValidation>();
}

#[test]
fn a_request_is_routed_to_a_cluster_of_its_resource() {
    clusters().check::<AudienceValidation>();
}

#[test]
fn only_what_is_public_needs_no_token() {
    public().check::<AudienceValidation>();
}

#[test]
fn a_form_is_judged_under_every_method_that_rules_tell_apart() {
    forms().check::<AudienceValidation>();
    forms_as_sent().check::<AudienceValidation>();
}

#[test]
fn preflights_and_metadata_are_answered_here() {
    own_answers().check::<AudienceValidation>();
}

#[test]
fn a_denial_can_be_read_by_scripts_of_the_configured_origins_alone() {
    let mut gate = Gate::new(&config_with("/cors", json!({"allow_origins": ["https://app.example"]})));
    let mut readable = |origin: &str| {
        let decision = gate.decide(&get("/mcp").header("origin", origin));
        assert_eq!(decision.told(), "401 credential_missing");
        !decision.header("access-control-allow-origin").is_empty()
    };
    assert!(readable("https://app.example") && !readable("https://evil.example"));
}

#[test]
fn the_challenge_and_the_metadata_name_the_resource_of_the_configuration() {
    let config = config_with("/resources/0/protected_resource_metadata", json!({"authorization_servers": [I]}));
    let mut gate = Gate::new(&config);
    let url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    let decision = gate.decide(&get("/mcp").host("evil.example"));
    assert!(decision.header("www-authenticate")[0].contains(&format!("resource_metadata=\"{url}\"")));
    let decision = gate.decide(&get("/.well-known/oauth-protected-resource/mcp").host("evil.example"));
    let document: Value = serde_json::from_str(&decision.response().body).unwrap();
    assert_eq!((&document["resource"], &document["authorization_servers"]), (&json!(R), &json!([I])));
}
