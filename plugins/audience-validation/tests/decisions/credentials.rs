//! The one credential of a request, and what makes a head unfit to be judged at all.

use audience_validation::AudienceValidation;
use plugin_checks::decisions::{Request, Table, get, row};

use crate::{config, config_with, good, sign, with_good};
use serde_json::json;

pub(crate) fn tables() -> Vec<Table> {
    vec![one_credential(), heads(), encoded_slashes()]
}

fn one_credential() -> Table {
    let field = |value: &str| get("/mcp").header("authorization", value);
    let token = sign(good());
    Table::new(
        config(),
        vec![
            row("none", get("/mcp"), "401 credential_missing"),
            row("another scheme", field("Basic YTpi"), "401 credential_missing"),
            row("in any case", field(&format!("bEARER {token}")), "allow ok"),
            row("after several spaces", field(&format!("Bearer   {token}")), "allow ok"),
            row("no token", field("Bearer"), "400 credential_malformed"),
            row("two words", field("Bearer a b"), "400 credential_malformed"),
            row("in quotes", field("Bearer \"a\""), "400 credential_malformed"),
            row("not ASCII", get("/mcp").header("authorization", b"Bearer \xff"), "400 credential_malformed"),
            row("two fields", with_good(with_good(get("/mcp"))), "400 duplicate_credential"),
            row("of any scheme", with_good(field("Basic YTpi")), "400 duplicate_credential"),
            row("a list", field(&format!("Bearer {token}, Bearer {token}")), "400 duplicate_credential"),
            row("too long", field(&format!("Bearer {}", "a".repeat(17_000))), "400 credential_too_large"),
            row("no JWT", field("Bearer opaque"), "401 token_malformed"),
            row("in the query alone", get(&format!("/mcp?access_token={token}")), "401 credential_missing"),
        ],
    )
}

fn heads() -> Table {
    let path = |path: &str| with_good(get(path));
    let mut rows = vec![
        row(
            "a method in a field",
            with_good(get("/mcp")).header("x-http-method-override", "POST"),
            "400 method_override",
        ),
        row("also on a public path", get("/healthz").header("x-http-method", "POST"), "400 method_override"),
        row("a path in a field", with_good(get("/mcp")).header("x-original-url", "/mcp/admin"), "400 path_override"),
        row("two paths", with_good(get("/mcp")).header(":path", "/healthz"), "400 headers_unreadable"),
        row("two methods", with_good(get("/mcp")).header(":method", "POST"), "400 headers_unreadable"),
        row("a method in small letters", with_good(Request::new("get", "/mcp")), "400 headers_unreadable"),
        row("a host that is none", with_good(get("/mcp").host("a b")), "allow ok"),
    ];
    for refused in [
        "/mcp/%61dmin",
        "/mcp//admin",
        "/mcp/../healthz",
        "/mcp%2fadmin",
        "/mcp/admin;x",
        "/mcp\\admin",
        "/healthz/%2e%2e/mcp",
    ] {
        rows.push(row(refused, path(refused), "400 path_refused"));
    }
    Table::new(config(), rows)
}

#[test]
fn a_request_has_one_credential_or_is_denied() {
    one_credential().check::<AudienceValidation>();
}

#[test]
fn a_head_with_several_readings_is_refused_whatever_its_token() {
    heads().check::<AudienceValidation>();
}

/// A template that expects a slash inside of a segment, and what is required of other paths.
fn encoded_slashes() -> Table {
    let path = json!({"template": "/mcp/{name}/tree", "allow_encoded_slash": true});
    let rules = json!([
        {"name": "admin", "match": {"path": {"prefix": "/mcp/admin"}}, "require": {"scopes": ["admin"]}},
        {"name": "tree", "match": {"path": path}, "require": {"scopes": []}},
    ]);
    let at = |path: &str| with_good(get(path));
    Table::new(
        config_with("/resources/0/rules", rules),
        vec![
            row("expected", at("/mcp/a%2Fb/tree"), "allow ok"),
            row("another reading is about another rule", at("/mcp/admin%2Fb/tree"), "400 path_refused"),
            row("of no template", at("/mcp/a%2Fb"), "400 path_refused"),
            row("out of the segment", at("/mcp/a%2f..%2fadmin/tree"), "400 path_refused"),
        ],
    )
}

#[test]
fn an_encoded_slash_passes_only_where_a_template_expects_one() {
    encoded_slashes().check::<AudienceValidation>();
}
