//! `allow_encoded_slash`: some APIs have names with a slash in one segment of their paths. Only a template that says so
//! lets such a path pass, and then no rule can be dodged by it.

use fourleg_harness::{Protocol, get};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, gateway, good, public_keys};

fn config(expecting: bool) -> Value {
    let path = json!({"template": "/repos/{repo}/tree", "allow_encoded_slash": expecting});
    let own = json!({"template": "/users/{user}/keys", "allow_encoded_slash": expecting});
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [{
            "resource": R,
            "require": {"scopes": ["tools:read"]},
            "rules": [
                {"name": "admin", "match": {"path": {"prefix": "/repos/admin"}}, "require": {"scopes": ["admin"]}},
                {"name": "tree", "match": {"path": path}, "require": {"scopes": ["repo:read"]}},
                {"name": "own", "match": {"path": own}, "require": {"subject_equals": ["{path.user}"]}},
            ],
        }],
        "public": [{"methods": ["GET"], "path": {"prefix": "/public"}}],
    })
}

scenarios! {
    fn a_name_with_a_slash_passes_where_a_template_expects_it(runner) {
        let gateway = runner.start(gateway(config(true))).unwrap();
        let token = good(&*gateway).scope("tools:read repo:read").subject("team/alice").sign();
        for path in ["/repos/group%2Fname/tree", "/repos/a%2fb%2fc/tree?x=1", "/users/team%2Falice/keys"] {
            for protocol in [Protocol::Http1, Protocol::Http2] {
                let outcome = gateway.send(get(path).bearer(&token).over(protocol));
                assert_eq!(outcome.allowed().path, path.as_bytes());
            }
        }
        let other = good(&*gateway).scope("tools:read").subject("alice").sign();
        gateway.send(get("/users/team%2Falice/keys").bearer(&other)).denied_with(403).has_code("subject_mismatch");
        gateway.send(get("/repos/group%2Fname/tree").bearer(&other)).denied_with(403).has_code("insufficient_scope");
    }

    /// SMG-14
    fn every_other_encoded_slash_is_refused(runner) {
        let token = |gateway: &dyn fourleg_harness::Running| good(gateway).scope("tools:read repo:read admin").sign();
        let expecting = runner.start(gateway(config(true))).unwrap();
        for path in [
            // Another reading is about another rule.
            "/repos/admin%2fx/tree",
            "/repos%2fadmin/tree",
            "/repos/admin%2ftree",
            // No template of these.
            "/other/a%2fb",
            "/public/a%2fb",
            "/repos/a%2fb",
            // Out of the segment.
            "/repos/..%2fadmin/tree",
            "/repos/a%2f..%2fadmin/tree",
            "/repos/a%2f%2e%2e/tree",
            "/repos/%2fadmin/tree",
            "/repos/a%2f/tree",
            "/repos/a%2f%2fb/tree",
            "/repos/a%252fb/tree",
            "/repos/a%5cb/tree",
            "/repos/a%2fb%00/tree",
            "/repos/a%2f..;/tree",
        ] {
            refused(&*expecting, path, &token(&*expecting));
        }
        let plain = runner.start(gateway(config(false))).unwrap();
        for path in ["/repos/group%2Fname/tree", "/users/team%2Falice/keys"] {
            refused(&*plain, path, &token(&*plain));
        }
    }
}

#[track_caller]
fn refused(gateway: &dyn fourleg_harness::Running, path: &str, token: &str) {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let outcome = gateway.send(get(path).bearer(token).over(protocol));
        outcome.denied_with(400).has_code("path_refused");
    }
}
