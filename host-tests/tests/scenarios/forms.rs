//! A form may name another method than the one that was sent, and other parameters than those of the query.

use fourleg_harness::{Gateway, Outcome, Request, get, plugin, post, request};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    exchange::provider::Provider,
    fixture::{I, config, gateway, good, representative},
};

/// What some server reads as a form, or may: what it is not known not to.
const MAY_BE_FORMS: [&[&str]; 11] = [
    &[],
    &["application/x-www-form-urlencoded"],
    &["Application/X-WWW-Form-Urlencoded; charset=utf-8"],
    &["multipart/form-data; boundary=x"],
    &["multipart/mixed; boundary=x"],
    &["Multipart/Related; boundary=x"],
    &["application/json", "application/x-www-form-urlencoded"],
    &["application/json, multipart/mixed"],
    &["application/json; multipart/mixed"],
    &["text/html"],
    &[""],
];

/// What no server does.
const NO_FORMS: [&str; 9] = [
    "application/json",
    "Application/JSON ; charset=utf-8",
    "application/scim+json",
    "application/xml",
    "application/soap+xml; action=a",
    "application/octet-stream",
    "application/grpc-web+proto",
    "text/plain",
    "image/png",
];

fn typed(request: Request, types: &[&str]) -> Request {
    types.iter().fold(request, |request, media_type| request.header("content-type", media_type))
}

/// A POST that Rack and others take for a DELETE.
fn hidden_delete(path: &str, types: &[&str]) -> Request {
    typed(post(path), types).body("_method=DELETE")
}

/// The standard configuration; to DELETE needs another scope.
fn with_delete() -> Value {
    let mut config = config();
    let delete = json!({
        "name": "delete", "match": {"methods": ["DELETE"], "path": {"prefix": "/mcp"}}, "require": {"scopes": ["tools:delete"]},
    });
    config["resources"][0]["rules"].as_array_mut().unwrap().push(delete);
    config
}

#[track_caller]
fn lacks(outcome: &Outcome, scope: &str) {
    outcome.denied_with(403).has_code("insufficient_scope").challenge().param("scope", scope);
}

scenarios! {
    /// SMG-13
    fn a_post_that_may_be_a_form_must_pass_under_every_method_that_rules_name(runner) {
        let gateway = runner.start(gateway(with_delete())).unwrap();
        let reads = good(&*gateway).sign();
        let deletes = good(&*gateway).scope("tools:read tools:delete").sign();
        lacks(&gateway.send(request("DELETE", "/mcp/a").bearer(&reads)), "tools:read tools:delete");
        for types in MAY_BE_FORMS {
            lacks(&gateway.send(hidden_delete("/mcp/a", types).bearer(&reads)), "tools:read tools:delete");
            gateway.send(hidden_delete("/mcp/a", types).bearer(&deletes)).allowed();
        }
        for media_type in NO_FORMS {
            gateway.send(hidden_delete("/mcp/a", &[media_type]).bearer(&reads)).allowed();
        }
        // Nobody looks for a method in the form of another method, and without a body there is no form.
        gateway.send(typed(request("PUT", "/mcp/a"), MAY_BE_FORMS[1]).body("_method=DELETE").bearer(&reads)).allowed();
        gateway.send(typed(post("/mcp/a"), MAY_BE_FORMS[1]).bearer(&reads)).allowed();
    }

    fn the_challenge_of_a_form_names_what_every_method_needs(runner) {
        let gateway = runner.start(gateway(with_delete())).unwrap();
        for scope in ["tools:read", "tools:read tools:delete", "tools:read tools:admin"] {
            let token = good(&*gateway).scope(scope).sign();
            lacks(&gateway.send(hidden_delete("/mcp/admin", &[]).bearer(&token)), "tools:read tools:admin tools:delete");
        }
        let all = good(&*gateway).scope("tools:read tools:admin tools:delete").sign();
        gateway.send(hidden_delete("/mcp/admin", &[]).bearer(&all)).allowed();
    }

    /// The rule for the rest is about each method that no rule names.
    fn a_form_does_not_pass_by_the_one_method_that_needs_less(runner) {
        let mut config = config();
        config["resources"][0]["rules"] = json!([
            {"name": "add", "match": {"methods": ["POST"], "path": {"prefix": "/mcp"}}, "require": {}},
            {"name": "rest", "match": {"path": {"prefix": "/mcp"}}, "require": {"scopes": ["tools:admin"]}},
        ]);
        let gateway = runner.start(gateway(config)).unwrap();
        let token = good(&*gateway).sign();
        lacks(&gateway.send(hidden_delete("/mcp", &[]).bearer(&token)), "tools:read tools:admin");
        gateway.send(hidden_delete("/mcp", &["application/json"]).bearer(&token)).allowed();
    }

    fn forms_as_sent_are_judged_as_sent(runner) {
        let mut config = with_delete();
        config["forms"] = json!("as_sent");
        let gateway = runner.start(gateway(config)).unwrap();
        let reads = good(&*gateway).sign();
        for types in MAY_BE_FORMS {
            gateway.send(hidden_delete("/mcp/a", types).bearer(&reads)).allowed();
        }
        gateway.send(request("DELETE", "/mcp/a").bearer(&reads)).denied_with(403);
        gateway.send(post("/mcp/a?_method=DELETE").bearer(&reads)).denied_with(400).has_code("method_override");
    }

    fn a_form_is_public_only_if_every_method_is(runner) {
        let mut config = config();
        config["public"] = json!([
            {"methods": ["POST"], "path": {"exact": "/mcp/register"}},
            {"path": {"exact": "/mcp/token"}},
        ]);
        let gateway = runner.start(gateway(config)).unwrap();
        gateway.send(hidden_delete("/mcp/register", &[])).denied_with(401).has_code("credential_missing");
        gateway.send(hidden_delete("/mcp/register", &["application/json"])).allowed();
        gateway.send(hidden_delete("/mcp/token", &[])).allowed();
    }

    fn each_filter_with_rules_judges_forms_so(runner) {
        let delete = json!({"methods": ["DELETE"], "path": {"prefix": "/mcp"}});
        let rest = json!({"path": {"prefix": "/mcp"}});
        let server = json!({"name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": I});
        let target = |name: &str, block: &Value| json!({
            "name": name, "match": block, "authorization_server": "idp", "audience": ["tool-b"], "scope": [format!("b:{name}")],
        });
        for (filter, config, status, code) in [
            ("claim_challenge", json!({
                "rules": [{"name": "delete", "match": delete, "require": {"acr_values": ["urn:mfa"]}}], "unmatched": "allow",
            }), 401, "insufficient_user_authentication"),
            ("claim_challenge", json!({
                "rules": [{"name": "add", "match": {"methods": ["POST"], "path": {"prefix": "/mcp"}}, "require": {}}], "unmatched": "deny",
            }), 403, "rule_missing"),
            ("rar_enforcement", json!({
                "types": {"deletion": {"fields": {"of": "equal"}}}, "unmatched": "allow",
                "rules": [{"name": "delete", "match": delete, "require": {"type": "deletion", "of": "all"}}],
            }), 401, "insufficient_authorization"),
            ("token_exchange", json!({
                "authorization_servers": [server], "targets": [target("delete", &delete), target("rest", &rest)],
            }), 403, "targets_differ"),
        ] {
            let mut as_sent = config.clone();
            as_sent["forms"] = json!("as_sent");
            // One mechanism reads the member for all of them.
            let few = if code == "rule_missing" { 2 } else { 1 };
            for (config, passes) in representative(runner, few, [(config, false), (as_sent, true)]) {
                let provider = Provider::default();
                let chain = [plugin("audience_validation", crate::fixture::config()), plugin(filter, config)];
                let gateway = runner.start(Gateway::chain(chain).cluster("idp", provider.handler())).unwrap();
                let token = good(&*gateway).sign();
                gateway.send(hidden_delete("/mcp", &["application/json"]).bearer(&token)).allowed();
                let outcome = gateway.send(hidden_delete("/mcp", &["multipart/mixed; boundary=x"]).bearer(&token));
                if passes {
                    outcome.allowed();
                } else {
                    outcome.denied_with(status).has_code(code);
                }
            }
        }
    }

    /// A rule that several methods share is asked once: what it uses up, it uses up once.
    fn a_form_uses_up_one_grant(runner) {
        let rar = json!({
            "types": {"payment": {"fields": {"to": "equal"}, "single_use": true}}, "unmatched": "allow",
            "rules": [
                {"name": "watched", "mode": "shadow", "match": {"methods": ["DELETE"], "path": {"prefix": "/mcp"}}, "require": {"type": "payment", "to": "eve"}},
                {"name": "pay", "match": {"path": {"prefix": "/mcp"}}, "require": {"type": "payment", "to": "bob"}},
            ],
        });
        let chain = [plugin("audience_validation", config()), plugin("rar_enforcement", rar)];
        let gateway = runner.start(Gateway::chain(chain)).unwrap();
        let token = good(&*gateway).claim("authorization_details", json!([{"type": "payment", "to": "bob"}])).sign();
        gateway.send(hidden_delete("/mcp", &[]).bearer(&token)).allowed();
        gateway.send(hidden_delete("/mcp", &[]).bearer(&token)).denied_with(401).has_code("authorization_spent");
    }

    /// RAR-08
    fn beside_a_body_that_may_be_a_form_no_parameter_of_the_query_is_compared(runner) {
        let rar = json!({
            "types": {"payment": {"fields": {"amount": "ceiling"}}}, "forms": "as_sent",
            "rules": [{"name": "pay", "match": {"path": {"prefix": "/mcp"}}, "require": {"type": "payment", "amount": "{query.amount}"}}],
        });
        let chain = [plugin("audience_validation", config()), plugin("rar_enforcement", rar)];
        let gateway = runner.start(Gateway::chain(chain)).unwrap();
        let token = good(&*gateway).claim("authorization_details", json!([{"type": "payment", "amount": "10"}])).sign();
        let pay = |types: &[&str]| typed(post("/mcp?amount=10"), types).body("amount=1000").bearer(&token);
        for types in MAY_BE_FORMS {
            gateway.send(pay(types)).denied_with(403).has_code("requirement_unfilled");
        }
        for media_type in NO_FORMS {
            gateway.send(pay(&[media_type])).allowed();
        }
        gateway.send(get("/mcp?amount=10").header("content-type", "multipart/mixed").bearer(&token)).allowed();
    }

    fn another_word_for_forms_is_refused(runner) {
        let mut config = config();
        config["forms"] = json!("as_they_come");
        let rejected = runner.start(gateway(config)).err().unwrap();
        let told = rejected.logs.join("\n");
        assert!(told.contains("forms") && told.contains("every_method") && told.contains("as_sent"), "{told}");
    }
}
