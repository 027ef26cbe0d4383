//! Rules over method and path: the example of the README, word by word.

use fourleg_harness::{get, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use super::{FINANCE, remedy, serve, token, types};
use crate::fixture::{R, good};

fn config() -> Value {
    json!({"types": types(), "rules": [
        {"name": "read", "match": {"methods": ["GET"], "path": {"template": "/finance/{file}"}},
         "require": {"type": "file_access", "actions": ["read"], "identifier": "{path.file}"}},
        {"name": "write", "match": {"methods": ["PUT"], "path": {"template": "/finance/{file}"}},
         "require": {"type": "file_access", "actions": ["write"], "identifier": "{path.file}"}},
        {"name": "search", "match": {"methods": ["GET"], "path": {"exact": "/mcp/search"}},
         "require": {"type": "tree", "actions": ["read"], "root": "{query.dir}"}},
        {"name": "tenant", "match": {"methods": ["GET"], "path": {"exact": "/mcp/tenant"}},
         "require": {"type": "file_access", "actions": ["read"], "identifier": "{header.x-tenant}"}},
    ]})
}

/// The token of the example.
fn q4() -> Value {
    json!([{"type": "file_access", "locations": [FINANCE], "actions": ["read"], "identifier": "Q4-report.pdf"}])
}

scenarios! {
    /// RAR-02, RAR-10, RAR-13
    fn a_token_for_one_file_reads_that_file_and_nothing_else(runner) {
        let gateway = serve(runner, config());
        let token = token(&*gateway, FINANCE, q4());
        gateway.send(get("/finance/Q4-report.pdf").bearer(&token)).allowed();
        gateway.send(request("HEAD", "/finance/Q4-report.pdf").bearer(&token)).allowed();
        for path in ["/finance/Q3-report.pdf", "/finance/q4-report.pdf", "/finance/Q4-report.pdf.bak"] {
            let outcome = gateway.send(get(path).bearer(&token));
            outcome.denied_with(401).has_code("insufficient_authorization").never_reached_upstream();
        }
        let outcome = gateway.send(request("PUT", "/finance/Q4-report.pdf").body("x").bearer(&token));
        assert_eq!(remedy(&outcome)[0]["actions"], json!(["write"]));
        for (method, path) in [("DELETE", "/finance/Q4-report.pdf"), ("GET", "/finance"), ("GET", "/finance/Q4-report.pdf/x")] {
            gateway.send(request(method, path).bearer(&token)).denied_with(403).has_code("rule_missing");
        }
        gateway.send(get("/finance/%2e%2e/Q4-report.pdf").bearer(&token)).denied_with(400).has_code("path_refused");
        gateway.send(get("/mcp/tenant").header("x-tenant", "Q4-report.pdf").bearer(&token)).denied_with(401).has_code("audience_mismatch");
    }

    /// RAR-04
    fn any_object_of_a_type_may_be_the_one_that_grants(runner) {
        let gateway = serve(runner, config());
        let of = |file: &str| json!({"type": "file_access", "actions": ["read"], "identifier": file});
        let token = token(&*gateway, FINANCE, json!([of("a"), {"type": "tree", "actions": ["read"], "root": "/x"}, of("b")]));
        for (file, passes) in [("a", true), ("b", true), ("c", false)] {
            let outcome = gateway.send(get(format!("/finance/{file}")).bearer(&token));
            assert_eq!(outcome.response.status == 200, passes, "{file}");
        }
    }

    /// RAR-05
    fn texts_are_the_same_by_their_characters_and_by_nothing_else(runner) {
        let gateway = serve(runner, config());
        let of = |file: &str| token(&*gateway, FINANCE, json!([{"type": "file_access", "actions": ["read"], "identifier": file}]));
        // Composed and decomposed.
        for (held, path, passes) in [
            ("\u{e9}", "/finance/%C3%A9", true), ("\u{e9}", "/finance/e%CC%81", false), ("e\u{301}", "/finance/%C3%A9", false),
            ("a", "/finance/A", false), ("a b", "/finance/a%20b", true), ("a%20b", "/finance/a%20b", false),
        ] {
            let outcome = gateway.send(get(path).bearer(&of(held)));
            assert_eq!(outcome.response.status == 200, passes, "{held} {path}: {}", outcome.picture());
        }
        // The same text, written in JSON in another way.
        let claims = good(&*gateway).audience(FINANCE).claim("authorization_details", json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}])).claims();
        let escaped = claims.to_string().replace("\"read\"", "\"\\u0072ead\"");
        assert!(escaped.contains("u0072ead"));
        gateway.send(get("/finance/a").bearer(&good(&*gateway).payload_text(escaped).sign())).allowed();
    }

    /// RAR-11
    fn a_token_with_the_scope_and_no_details_opens_nothing(runner) {
        let gateway = serve(runner, config());
        let scope_alone = || good(&*gateway).audience(FINANCE).scope("tools.access");
        for path in ["/finance/Q4-report.pdf", "/finance/Q3-report.pdf"] {
            let outcome = gateway.send(get(path).bearer(&scope_alone().sign()));
            outcome.denied_with(401).has_code("insufficient_authorization").never_reached_upstream();
            outcome.challenge().param("error", "insufficient_authorization").param("scope", "tools.access");
        }
        gateway.send(get("/finance").bearer(&scope_alone().sign())).denied_with(403).has_code("rule_missing");
        // The reverse: details, and no scope where audience-validation asks for one.
        let details = json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]);
        let one = good(&*gateway).claim("authorization_details", details);
        let tenant = || get("/mcp/tenant").header("x-tenant", "a");
        gateway.send(tenant().bearer(&one.clone().sign())).allowed();
        gateway.send(tenant().bearer(&one.scope("other").sign())).denied_with(403).has_code("insufficient_scope");
    }

    /// RAR-01, RAR-03, RAR-06, RAR-07, RAR-08
    fn what_is_no_sound_grant_of_everything_in_one_object_grants_nothing(runner) {
        let gateway = serve(runner, config());
        let sound = q4()[0].clone();
        let but = |name: &str, value: Value| {
            let mut object = sound.clone();
            object[name] = value;
            json!([object])
        };
        for details in [
            sound.clone(), json!(json!([sound]).to_string()), json!([]), json!(["file_access"]), json!([sound, {}]), json!([sound, 1]), json!(null),
            but("type", json!("other")), but("actions", json!("read")), but("actions", json!([])), but("max_amount", json!("1")),
            but("locations", json!([R])), but("locations", json!(FINANCE)), but("identifier", json!(["Q4-report.pdf"])),
            json!([but("identifier", json!("x"))[0], but("actions", json!(["write"]))[0]]),
        ] {
            let outcome = gateway.send(get("/finance/Q4-report.pdf").bearer(&token(&*gateway, FINANCE, details.clone())));
            assert_eq!(outcome.response.status, 401, "{details} {}", outcome.picture());
            outcome.has_code("insufficient_authorization").never_reached_upstream();
        }
        let with_others = json!([{"type": "other", "x": 1}, but("identifier", json!("x"))[0], sound]);
        gateway.send(get("/finance/Q4-report.pdf").bearer(&token(&*gateway, FINANCE, with_others))).allowed();
    }

    /// SMG-14, RAR-08
    fn a_query_or_a_field_with_two_readings_is_compared_with_nothing(runner) {
        let gateway = serve(runner, config());
        let tree = token(&*gateway, R, json!([{"type": "tree", "root": "/a", "actions": ["write"]}]));
        for query in ["dir=/a", "dir=%2Fa%2Fb", "x=1&dir=/a/b"] {
            gateway.send(get(format!("/mcp/search?{query}")).bearer(&tree)).allowed();
        }
        gateway.send(get("/mcp/search?dir=/b").bearer(&tree)).denied_with(401);
        for query in ["", "dir=", "dir=/a&dir=/b", "dir=/a&Dir=/b", "dir=/a&dir[]=/b", "dir=/a/../b", "dir=/a%252fb", "dir=/a;dir=/b", "dir=/a/b/",
            "dir=/a&+dir=/b", "dir=/a&[dir]=/b", "dir=/a&dir]=/b", "dir=/a&dir%00x=/b", "dir=/a&dir.x=/b"] {
            let outcome = gateway.send(get(format!("/mcp/search?{query}")).bearer(&tree));
            outcome.denied_with(403).has_code("requirement_unfilled").never_reached_upstream();
        }
        let form = get("/mcp/search?dir=/a").header("content-type", "application/x-www-form-urlencoded").body("dir=/b");
        gateway.send(form.bearer(&tree)).denied_with(403).has_code("requirement_unfilled").never_reached_upstream();
        let other_method = get("/mcp/search?dir=/a&_method=DELETE").bearer(&tree);
        gateway.send(other_method).denied_with(400).has_code("method_override").never_reached_upstream();
        let tenant = token(&*gateway, R, json!([{"type": "file_access", "actions": ["read"], "identifier": "a"}]));
        gateway.send(get("/mcp/tenant").header("x-tenant", "a").bearer(&tenant)).allowed();
        gateway.send(get("/mcp/tenant").header("x-tenant", "b").bearer(&tenant)).denied_with(401);
        gateway.send(get("/mcp/tenant").bearer(&tenant)).denied_with(403).has_code("requirement_unfilled");
        let twice = get("/mcp/tenant").header("x-tenant", "a").header("x-tenant", "a").bearer(&tenant);
        gateway.send(twice).denied_with(403).has_code("requirement_unfilled");
        gateway.send(post("/mcp/tenant").body("x").header("x-tenant", "a").bearer(&tenant)).denied_with(403).has_code("rule_missing");
    }
}
