//! Shadow never opens: not by rule, and not for those who rely on this filter when the whole of it is in shadow mode.

use std::time::Duration;

use fourleg_harness::{Gateway, Outcome, Protocol, Request, Running, get, plugin, post, request};
use fourleg_lab::mint::{Algorithm, stranger};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, gateway, good, public_keys};

/// One resource that needs `base`, with these rules.
fn with_rules(rules: &Value) -> Value {
    json!({
        "issuers": [{"issuer": I, "jwks": {"inline": public_keys()}}],
        "resources": [{"resource": R, "require": {"scopes": ["base"]}, "rules": rules}],
    })
}

fn rule(name: &str, mode: &str, path: &Value, scopes: &[&str]) -> Value {
    json!({"name": name, "mode": mode, "match": {"path": path}, "require": {"scopes": scopes}})
}

/// The plugin in shadow mode, with a claims header that it must not set.
fn shadow_config() -> Value {
    let mut config = crate::fixture::config();
    config["mode"] = json!("shadow");
    config["forward"] = json!({"claims_header": "x-fourleg-claims"});
    config["cors"] = json!({"allow_origins": ["https://spa.example"]});
    config["resources"][0]["protected_resource_metadata"] = json!({"authorization_servers": [I]});
    config
}

/// Requests that would be denied, and the code for it.
fn would_be_denied(gateway: &dyn Running) -> Vec<(Request, &'static str)> {
    let now = gateway.now();
    let token = || good(gateway);
    vec![
        (get("/mcp"), "credential_missing"),
        (get("/mcp").bearer(&token().sign_with(stranger(Algorithm::Rs256))), "signature_invalid"),
        (get("/mcp").bearer(&token().expires_at(now - 1_000).sign()), "token_expired"),
        (get("/mcp").bearer(&token().audience("https://other.example").sign()), "audience_mismatch"),
        (get("/mcp").bearer(&token().issuer("https://other.example").sign()), "unknown_issuer"),
        (get("/mcp").bearer(&token().claim("cnf", json!({"jkt": "x"})).sign()), "binding_unchecked"),
        (post("/mcp/admin").bearer(&token().sign()), "insufficient_scope"),
        (get("/mcp").bearer("rubbish"), "token_malformed"),
        (get("/mcp").header("authorization", "Bearer a b"), "credential_malformed"),
        (get("/mcp").bearer("a").bearer("b"), "duplicate_credential"),
        (get("/mcp%2f..%2fx").bearer(&token().sign()), "path_refused"),
        (get("/elsewhere").bearer(&token().sign()), "resource_unknown"),
        (get("/mcp").header("x-http-method-override", "DELETE"), "method_override"),
    ]
}

fn no_identity(outcome: &Outcome) {
    let upstream = outcome.allowed();
    for (name, _) in upstream.headers.iter().chain(upstream.trailers.iter().flatten()) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
        assert!(!name.starts_with("x-fourleg-"), "{name}\n{}", outcome.picture());
    }
}

scenarios! {
    fn a_rule_in_shadow_mode_decides_nothing_and_the_first_enforcing_match_does(runner) {
        let everything = json!({"prefix": "/"});
        let pay = json!({"exact": "/pay"});
        let gateway = runner.start(gateway(with_rules(&json!([
            rule("lax trial", "shadow", &everything, &[]),
            rule("strict trial", "shadow", &pay, &["never"]),
            rule("pay", "enforce", &pay, &["pay"]),
            rule("the rest", "enforce", &json!({"prefix": "/"}), &["rest"]),
        ])))).unwrap();
        let send = |path: &str, scope: &str| gateway.send(get(path).bearer(&good(&*gateway).scope(scope).sign()));
        // Neither does the lax trial open what `pay` closes, nor does the strict one close it.
        send("/pay", "base pay").allowed();
        send("/pay", "base").denied_with(403).challenge().param("scope", "base pay");
        send("/pay", "base rest").denied_with(403).challenge().param("scope", "base pay rest");
        send("/pay", "base never").denied_with(403);
        send("/other", "base rest").allowed();
        send("/other", "base").denied_with(403).challenge().param("scope", "base rest");
        // What the resource requires always holds.
        send("/pay", "pay").denied_with(403);
        send("/pay", "pay never rest").denied_with(403);
        send("/other", "rest").denied_with(403);
        gateway.send(get("/pay")).denied_with(401);
        gateway.send(get("/pay").bearer(&good(&*gateway).scope("base pay").audience("https://other.example").sign())).denied_with(401);
        gateway.send(get("/pay").bearer(&good(&*gateway).scope("base pay").sign_with(stranger(Algorithm::Rs256)))).denied_with(401).has_code("signature_invalid");
    }

    fn a_trial_that_no_request_would_reach_does_not_load(runner) {
        let rules = json!([rule("pay", "enforce", &json!({"prefix": "/pay"}), &["pay"]), rule("too late", "shadow", &json!({"exact": "/pay/x"}), &["never"])]);
        let Err(rejected) = runner.start(gateway(with_rules(&rules))) else { panic!("it loads") };
        assert!(rejected.logs.iter().any(|line| line.contains("resources[0].rules[1].match is never reached")), "{:?}", rejected.logs);
    }

    fn with_trials_alone_the_resources_own_requirement_decides(runner) {
        for scopes in [&[][..], &["never"]] {
            let gateway = runner.start(gateway(with_rules(&json!([rule("trial", "shadow", &json!({"prefix": "/"}), scopes)])))).unwrap();
            gateway.send(get("/x").bearer(&good(&*gateway).scope("base").sign())).allowed();
            for (held, asked_for) in [("", "base"), ("other", "base other"), ("never", "base never")] {
                gateway.send(get("/x").bearer(&good(&*gateway).scope(held).sign())).denied_with(403).challenge().param("scope", asked_for);
            }
            gateway.send(get("/x")).denied_with(401);
        }
    }

    fn a_trial_may_ask_for_anything_and_its_template_binds_no_enforcing_rule(runner) {
        let gateway = runner.start(gateway(with_rules(&json!([
            {"name": "trial", "mode": "shadow", "match": {"path": {"template": "/users/{user}"}}, "require": {"subject_equals": ["{path.user}"], "token_kind": "application", "clients": ["nobody"]}},
            {"name": "own", "match": {"methods": ["POST"], "path": {"template": "/users/{user}"}}, "require": {"subject_equals": ["{path.user}"]}},
        ])))).unwrap();
        let token = good(&*gateway).scope("base").sign();
        gateway.send(post("/users/alice").bearer(&token)).allowed();
        gateway.send(post("/users/bob").bearer(&token)).denied_with(403);
        gateway.send(get("/users/bob").bearer(&token)).allowed();
    }

    fn a_trial_is_judged_by_the_values_of_its_own_template(runner) {
        let rule = |name: &str, mode: &str, template: &str| json!({
            "name": name, "mode": mode, "match": {"path": {"template": template}}, "require": {"subject_equals": ["{path.user}"]},
        });
        let ours = plugin("audience_validation", with_rules(&json!([
            rule("trial", "shadow", "/users/{user}/{other}"), rule("swapped", "shadow", "/users/{other}/{user}"),
            rule("own", "enforce", "/users/{user}/{file}"),
        ])));
        let copy = json!({"copy_property": {"path": ["fourleg.audit.audience_validation"], "header": "x-saw"}});
        let telltale = plugin("driver_probe", json!({"routes": {"/users/alice/bob": [copy, {"allow": {}}]}}));
        let gateway = runner.start(Gateway::chain([ours, telltale])).unwrap();
        let outcome = gateway.send(get("/users/alice/bob").bearer(&good(&*gateway).scope("base").sign()));
        let record: Value = serde_json::from_str(&outcome.allowed().header_text("x-saw").unwrap()).unwrap();
        let expected = json!([{"rule": "trial", "code": "ok"}, {"rule": "swapped", "code": "subject_mismatch"}]);
        assert_eq!(record["shadow"], expected);
    }

    fn in_shadow_mode_everything_passes_and_nothing_of_ours_goes_with_it(runner) {
        let gateway = runner.start(gateway(shadow_config())).unwrap();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut requests: Vec<Request> = would_be_denied(&*gateway).into_iter().map(|(request, _)| request).collect();
            requests.extend([get("/mcp").bearer(&good(&*gateway).sign()), get("/healthz")]);
            // Nothing is answered either: what the filter would serve itself is the upstream's while it only watches.
            requests.extend([
                get("/.well-known/oauth-protected-resource/mcp"),
                request("OPTIONS", "/mcp").header("origin", "https://spa.example").header("access-control-request-method", "POST"),
            ]);
            let spoofed = requests.into_iter().map(|request| {
                request.over(protocol).header("x-fourleg-claims", "mallory").header("X_Fourleg_Claims", "mallory").header("x-fourleg-subject", "mallory").header("x-kept", "1")
            });
            for outcome in gateway.send_all(spoofed.collect()) {
                no_identity(&outcome);
                assert_eq!(outcome.allowed().header_text("x-kept").as_deref(), Some("1"));
                outcome.no_header("www-authenticate").no_header("access-control-allow-origin");
            }
            let trailing = post("/mcp").over(protocol).chunked(["a", "b"]).trailers([("x-fourleg-claims", "mallory"), ("x_fourleg_claims", "mallory")]);
            let outcome = gateway.send(trailing);
            no_identity(&outcome);
            assert_eq!(outcome.allowed().whole_body(), b"ab");
        }
        // The credential goes on as it came, also a bad one: nothing is taken away.
        let outcome = gateway.send(get("/mcp").bearer("rubbish"));
        assert_eq!(outcome.allowed().header_text("authorization").as_deref(), Some("Bearer rubbish"));
    }

    fn a_filter_that_only_watches_may_not_take_credentials_away(runner) {
        for authorization in ["remove", "exchange"] {
            let mut config = shadow_config();
            config["forward"]["authorization"] = json!(authorization);
            let Err(rejected) = runner.start(gateway(config)) else { panic!("{authorization} loads") };
            assert!(rejected.logs.iter().any(|line| line.contains("forward.authorization")), "{:?}", rejected.logs);
        }
    }
}

/// Counted as `shadow_deny` with the code that a denial would have had, and never as an allow or a deny.
fn expected_counts() -> Vec<(&'static str, &'static str)> {
    let mut counts = vec![("allow", "ok"), ("allow", "public")];
    counts.extend(
        [
            "credential_missing",
            "signature_invalid",
            "token_expired",
            "audience_mismatch",
            "unknown_issuer",
            "binding_unchecked",
            "insufficient_scope",
            "token_malformed",
            "credential_malformed",
            "duplicate_credential",
            "path_refused",
            "resource_unknown",
            "method_override",
        ]
        .map(|code| ("shadow_deny", code)),
    );
    counts
}

#[test]
fn what_would_be_denied_is_counted_as_that_with_its_code() {
    let gateway = gateway(shadow_config()).start().unwrap();
    let denied = would_be_denied(&gateway);
    let mut requests: Vec<Request> = denied.iter().map(|(request, _)| request.clone()).collect();
    requests.extend([get("/mcp").bearer(&good(&gateway).sign()), get("/healthz")]);
    for outcome in gateway.send_all(requests) {
        outcome.allowed();
    }
    assert_eq!(denied.iter().map(|(_, code)| ("shadow_deny", *code)).collect::<Vec<_>>(), expected_counts()[2..]);
    let mut counts: Vec<(String, u64)> =
        gateway.metrics().into_iter().filter(|(name, count)| name.contains("decisions_total") && *count > 0).collect();
    counts.sort();
    let mut expected: Vec<(String, u64)> = expected_counts()
        .into_iter()
        .map(|(decision, code)| {
            (format!("fourleg_audience_validation_decisions_total.decision.{decision}.code.{code}"), 1)
        })
        .collect();
    expected.sort();
    assert_eq!(counts, expected);
}

mod counted {
    mod on_envoy {
        use fourleg_lab::{
            echo_upstream::EchoUpstream,
            envoy::{Bootstrap, WasmFilter, target_dir},
            mint::Mint,
            raw_client,
            wire::WireRequest,
        };
        use fourleg_tests::warm;

        use super::super::{Duration, I, R, json, shadow_config};

        /// The same on Envoy, where an operator looks: the metric, and the audit record in the access log.
        #[test]
        fn what_would_be_denied_is_counted_and_recorded_as_that() {
            let upstream = EchoUpstream::start().unwrap();
            let module = target_dir().join("wasm/audience_validation.wasm");
            let mut config = shadow_config();
            config["resources"][0]["rules"][0]["mode"] = json!("shadow");
            let filter = WasmFilter::new("audience_validation", module, config.to_string());
            let bootstrap = Bootstrap::before(upstream.address()).filter(filter).access_log(
                "[audit] %FILTER_STATE(wasm.fourleg.audit.audience_validation:PLAIN)% [token] %FILTER_STATE(wasm.fourleg.token:PLAIN)%",
            );
            let running = warm::serve(&bootstrap);
            let good = Mint::new(I, R).access_token().scope("tools:read").sign();
            let wrong = Mint::new(I, "https://other.example").access_token().sign();
            for (method, path, token) in
                [("GET", "/mcp", None), ("GET", "/mcp", Some(&wrong)), ("POST", "/mcp/admin", Some(&good))]
            {
                let headers = token.map(|token| (b"authorization".to_vec(), format!("Bearer {token}").into_bytes()));
                let request = WireRequest {
                    method: method.to_owned(),
                    path: path.into(),
                    authority: b"tools.example".to_vec(),
                    headers: headers.into_iter().collect(),
                    ..WireRequest::default()
                };
                assert_eq!(raw_client::send(running.address(), &request, Duration::from_secs(10)).unwrap().status, 200);
            }
            for (decision, code) in [
                ("shadow_deny", "credential_missing"),
                ("shadow_deny", "audience_mismatch"),
                ("allow", "ok"),
                // The rule's, of the request that it did not stop.
                ("shadow_rule_deny", "insufficient_scope"),
            ] {
                let name = format!("fourleg_audience_validation_decisions_total.decision.{decision}.code.{code}");
                let found = running.metric(&format!("wasmcustom.{name}")).unwrap();
                assert_eq!(found, Some(1), "{name}\n{}", running.admin_get("/stats?filter=fourleg").unwrap().text());
            }
            let logged = |text: &str| {
                (0..40).any(|_| {
                    std::thread::sleep(Duration::from_millis(100));
                    running.logs().iter().any(|line| line.contains("[audit]") && line.contains(text))
                })
            };
            assert!(logged(r#""decision":"shadow_deny""#));
            // A rule in shadow mode is in the record of the request that it did not stop.
            assert!(logged(r#""shadow":[{"rule":"administer","code":"insufficient_scope"}]"#), "{:#?}", running.logs());
            // And the filters behind are told that nothing was enforced.
            assert!(logged(r#"[token] {"state":"unverified","v":1}"#), "{:#?}", running.logs());
            assert!(!running.logs().iter().any(|line| line.contains(r#""state":"verified""#) || line.contains(&good)));
        }
    }
}
