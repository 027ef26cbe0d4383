//! How a verified token reaches the filters behind audience-validation, and every way to get around that: to forge the
//! hand-off, to put filters into another order, to disable one per route, to redirect internally.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Gateway, Outcome, Plugin, get, plugin, post};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::fixture::{I, R, config, good};

/// The key of the audit record.
const AUDIT: &str = "fourleg.audit.audience_validation";

fn audience_validation() -> Plugin {
    plugin("audience_validation", config())
}

fn with(member: &str, value: Value) -> Plugin {
    let mut config = config();
    config[member] = value;
    plugin("audience_validation", config)
}

/// The same acts on every path that a scenario uses.
fn on_all_paths(acts: &Value) -> Value {
    json!({"routes": {"/mcp": acts, "/mcp/second": acts, "/healthz": acts, "/elsewhere": acts}})
}

fn probe(acts: Value) -> Plugin {
    plugin("driver_probe", on_all_paths(&acts))
}

/// A filter that needs the token of audience-validation.
fn reader() -> Plugin {
    probe(json!([{"require_token": {"source": "verified"}}, {"allow": {}}]))
}

/// A filter that copies filter state and metadata into fields that the upstream sees.
fn telltale() -> Plugin {
    let copy = |key: &str| json!({"copy_property": {"path": [key], "header": format!("x-saw-{}", key.replace(['.', '_'], "-"))}});
    probe(json!([copy("fourleg.token"), copy("fourleg.subject_token"), copy(AUDIT), {"allow": {}}]))
}

fn jwt_authn_reader() -> Plugin {
    probe(json!([
        {"require_token": {"source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload"}}, {"allow": {}},
    ]))
}

fn forged() -> Value {
    json!({
        "v": 1, "state": "verified", "resource": R, "issuer": I, "profile": "generic", "credential_sha256": "x",
        "claims": {"iss": I, "sub": "mallory", "exp": 4_000_000_000_u64},
    })
}

/// A filter that writes a hand-off of its own.
fn forger() -> Plugin {
    probe(json!([{"write_state": {"key": "token", "value": forged().to_string()}}, {"allow": {}}]))
}

fn trace(outcome: &Outcome) -> String {
    outcome.allowed().header_text("x-probe-trace").unwrap_or_default()
}

fn saw(outcome: &Outcome, key: &str) -> Option<String> {
    outcome.allowed().header_text(&format!("x-saw-{}", key.replace(['.', '_'], "-")))
}

/// A record as its access log would show it.
fn record(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts the members of an audit record, all of them but the time.
#[track_caller]
fn assert_record(text: &str, mut expected: Value) {
    let mut found = record(text);
    let time = found.as_object_mut().unwrap().remove("time");
    assert!(time.is_some_and(|time| time.as_f64().unwrap() > 1_600_000_000.0), "{text}");
    expected["plugin"] = json!("audience_validation");
    assert_eq!(found, expected, "{text}");
}

/// What the record of a good token of the fixture says.
fn of_good(token: &str, claims: &Value, more: Value) -> Value {
    let mut expected = json!({
        "resource": R, "subject": claims["sub"], "client": claims["client_id"], "issuer": I, "actors": [],
        "scopes_held": ["tools:read"], "scopes_needed": ["tools:read"], "token_sha256": sha256(token),
    });
    for (name, value) in more.as_object().unwrap() {
        expected[name] = value.clone();
    }
    expected
}

fn sha256(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

scenarios! {
    fn a_filter_behind_audience_validation_gets_the_token(runner) {
        let gateway = runner.start(Gateway::chain([audience_validation(), reader()])).unwrap();
        for subject in ["alice", "bob", "alice"] {
            let token = good(&*gateway).subject(subject).sign();
            let outcome = gateway.send(post("/mcp").body("hello").bearer(&token));
            assert_eq!(trace(&outcome), format!("token:{subject}@{R}"));
        }
        gateway.send(get("/mcp")).denied_with(401);
    }

    fn several_readers_get_the_same_token(runner) {
        let gateway = runner.start(Gateway::chain([audience_validation(), reader(), reader(), reader()])).unwrap();
        let token = good(&*gateway).subject("alice").sign();
        assert_eq!(trace(&gateway.send(get("/mcp").bearer(&token))), format!("token:alice@{R}"));
    }

    fn a_reader_before_audience_validation_denies(runner) {
        let gateway = runner.start(Gateway::chain([reader(), audience_validation()])).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("token_not_handed_over");
        gateway.send(get("/healthz")).denied_with(503).has_code("token_not_handed_over");
    }

    fn a_reader_without_audience_validation_denies(runner) {
        let gateway = runner.start(Gateway::chain([reader()])).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("token_not_handed_over");
        gateway.send(get("/mcp")).denied_with(503).has_code("token_not_handed_over");
    }

    fn a_filter_before_cannot_forge_the_hand_off(runner) {
        let gateway = runner.start(Gateway::chain([forger(), audience_validation(), reader()])).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("internal_fault");
        gateway.send(get("/healthz")).denied_with(503).has_code("internal_fault");
        gateway.send(get("/mcp")).denied_with(401);
    }

    /// Otherwise the first write would settle that anyone may write, and the second would replace what was verified.
    fn a_filter_before_cannot_prepare_a_forgery_behind(runner) {
        let gateway = runner.start(Gateway::chain([forger(), audience_validation(), forger(), reader()])).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("internal_fault");
    }

    fn a_filter_behind_cannot_forge_the_hand_off(runner) {
        let gateway = runner.start(Gateway::chain([audience_validation(), forger(), reader()])).unwrap();
        for request in [get("/mcp").bearer(&good(&*gateway).sign()), get("/healthz")] {
            gateway.send(request).denied_with(503).has_code("internal_fault");
        }
    }

    fn the_kept_credential_cannot_be_replaced(runner) {
        let writer = probe(json!([{"write_state": {"key": "subject_token", "value": "another"}}, {"allow": {}}]));
        let exchange = || with("forward", json!({"authorization": "exchange"}));
        for chain in [[exchange(), writer.clone()], [writer, exchange()]] {
            let gateway = runner.start(Gateway::chain(chain)).unwrap();
            gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("internal_fault");
        }
    }

    fn fields_of_the_client_are_no_hand_off(runner) {
        let claims = URL_SAFE_NO_PAD.encode(forged()["claims"].to_string());
        let spoofed = |mut request: fourleg_harness::Request| {
            for name in ["fourleg.token", "x-fourleg-token", "x_fourleg_token", "wasm.fourleg.token"] {
                request = request.header(name, forged().to_string());
            }
            request.header("x-fourleg-claims", &claims).header("x-payload", &claims)
        };
        let gateway = runner.start(Gateway::chain([reader()])).unwrap();
        gateway.send(spoofed(get("/mcp"))).denied_with(503).has_code("token_not_handed_over");
        let gateway = runner.start(Gateway::chain([jwt_authn_reader()])).unwrap();
        let token = good(&*gateway).sign();
        gateway.send(spoofed(get("/mcp").bearer(&token))).denied_with(503).has_code("token_not_handed_over");
        let gateway = runner.start(Gateway::chain([audience_validation(), reader()])).unwrap();
        let token = good(&*gateway).subject("alice").sign();
        assert_eq!(trace(&gateway.send(spoofed(get("/mcp").bearer(&token)))), format!("token:alice@{R}"));
        gateway.send(spoofed(get("/mcp"))).denied_with(401);
    }

    fn audience_validation_in_shadow_mode_hands_over_nothing(runner) {
        let gateway = runner.start(Gateway::chain([with("mode", json!("shadow")), reader()])).unwrap();
        for request in [get("/mcp").bearer(&good(&*gateway).sign()), get("/mcp"), get("/mcp").bearer("x"), get("/elsewhere")] {
            gateway.send(request).denied_with(503).has_code("token_not_verified");
        }
    }

    fn a_public_request_is_told_as_one(runner) {
        let gateway = runner.start(Gateway::chain([audience_validation(), reader()])).unwrap();
        assert_eq!(trace(&gateway.send(get("/healthz"))), "public");
        assert_eq!(trace(&gateway.send(get("/healthz").bearer(&good(&*gateway).sign()))), "public");
    }

    fn another_credential_than_the_verified_one_denies(runner) {
        for authorization in ["Bearer another", "Basic YTpi"] {
            let swap = probe(json!([{"allow": {"set": {"authorization": authorization}}}]));
            let gateway = runner.start(Gateway::chain([audience_validation(), swap, reader()])).unwrap();
            gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(503).has_code("credential_changed");
        }
        let both = probe(json!([{"allow": {"set": {"authorization": "Bearer another,Bearer one"}}}]));
        let gateway = runner.start(Gateway::chain([audience_validation(), both, reader()])).unwrap();
        gateway.send(get("/mcp").bearer(&good(&*gateway).sign())).denied_with(400).has_code("duplicate_credential");
        let remove = probe(json!([{"allow": {"remove": ["authorization"]}}]));
        let gateway = runner.start(Gateway::chain([audience_validation(), remove, reader()])).unwrap();
        let token = good(&*gateway).subject("alice").sign();
        assert_eq!(trace(&gateway.send(get("/mcp").bearer(&token))), format!("token:alice@{R}"));
    }

    fn the_credential_goes_upstream_as_configured_and_the_token_is_handed_over_all_the_same(runner) {
        for (forward, kept, state) in [("keep", true, false), ("remove", false, false), ("exchange", false, true)] {
            let config = with("forward", json!({"authorization": forward, "claims_header": "x-fourleg-claims"}));
            let gateway = runner.start(Gateway::chain([config, telltale(), reader()])).unwrap();
            let token = good(&*gateway).subject("alice").sign();
            let outcome = gateway.send(post("/mcp").body("x").bearer(&token));
            assert_eq!(trace(&outcome), format!("token:alice@{R}"), "{forward}");
            assert_eq!(saw(&outcome, "fourleg.subject_token"), state.then(|| token.clone()), "{forward}");
            let upstream = outcome.allowed();
            assert_eq!(upstream.header_text("authorization"), kept.then(|| format!("Bearer {token}")), "{forward}");
            // Nothing else has it, neither hand-off nor record nor claims.
            let signature = token.rsplit('.').next().unwrap();
            for (name, value) in &upstream.headers {
                if !matches!(name.as_slice(), b"authorization" | b"x-saw-fourleg-subject-token") {
                    assert!(!String::from_utf8_lossy(value).contains(signature), "{forward}: {name:?}");
                }
            }
        }
    }

    /// A missing exchange sends nothing, whatever the client adds.
    fn a_credential_kept_for_an_exchange_goes_nowhere_without_one(runner) {
        let gateway = runner.start(Gateway::chain([with("forward", json!({"authorization": "exchange"}))])).unwrap();
        let token = good(&*gateway).sign();
        let outcome = gateway.send(get("/mcp").bearer(&token).header("x-fourleg-subject-token", "x"));
        let upstream = outcome.allowed();
        assert_eq!(upstream.header_text("x-fourleg-subject-token"), None);
        assert!(upstream.headers.iter().all(|(_, value)| !String::from_utf8_lossy(value).contains(&token)));
    }

    /// SMG-06, SMG-13
    fn the_claims_field_is_ours_alone(runner) {
        let gateway = runner.start(Gateway::chain([with("forward", json!({"claims_header": "x-fourleg-claims"}))])).unwrap();
        let good = good(&*gateway).claim("name", "é\r\n\"").claim("nothing", json!(null));
        let claims = good.claims();
        let request = get("/mcp").bearer(&good.sign()).header("x-fourleg-claims", "e30").header("X_Fourleg_Claims", "e30");
        let outcome = gateway.send(request);
        let fields: Vec<_> = outcome.allowed().headers.iter().filter(|(name, _)| name.to_ascii_lowercase().ends_with(b"claims")).collect();
        let [(name, value)] = fields.as_slice() else { panic!("one field, not {fields:?}") };
        assert_eq!(name, b"x-fourleg-claims");
        let decoded = URL_SAFE_NO_PAD.decode(value).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&decoded).unwrap(), claims);
        assert_eq!(gateway.send(get("/healthz").header("x-fourleg-claims", "e30")).allowed().header_text("x-fourleg-claims"), None);
    }

    fn the_audit_record_says_who_was_allowed_what_and_no_token(runner) {
        let mut with_rules = config();
        with_rules["resources"][0]["rules"] = json!([
            {"name": "tried", "match": {"path": {"prefix": "/mcp"}}, "require": {"scopes": ["tools:admin"]}, "mode": "shadow"},
            {"name": "read", "match": {"methods": ["GET"], "path": {"prefix": "/mcp"}}, "require": {"scopes": ["tools:read"]}},
        ]);
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", with_rules), telltale()])).unwrap();
        let trace_id = "0af7651916cd43dd8448eb211c80319c";
        let good = good(&*gateway).subject("alice").claim("act", json!({"sub": "agent-1", "act": {"sub": "agent-0"}}));
        let (claims, token) = (good.claims(), good.sign());
        let request = get("/mcp").bearer(&token).header("traceparent", format!("00-{trace_id}-b7ad6b7169203331-01"));
        let text = saw(&gateway.send(request), AUDIT).unwrap();
        assert_record(&text, of_good(&token, &claims, json!({
            "decision": "allow", "code": "ok", "rule": "read", "trace_id": trace_id, "actors": ["agent-1", "agent-0"],
            "shadow": [{"rule": "tried", "code": "insufficient_scope"}],
        })));
        assert!(!text.contains(&token));
        let text = saw(&gateway.send(get("/healthz")), AUDIT).unwrap();
        assert_record(&text, json!({"decision": "allow", "code": "public"}));
    }

    fn the_audit_record_in_shadow_mode_says_what_would_have_been_denied(runner) {
        let gateway = runner.start(Gateway::chain([with("mode", json!("shadow")), telltale()])).unwrap();
        let outcome = gateway.send(get("/mcp"));
        assert_record(&saw(&outcome, AUDIT).unwrap(), json!({"decision": "shadow_deny", "code": "credential_missing", "resource": R}));
        assert_eq!(record(&saw(&outcome, "fourleg.token").unwrap()), json!({"v": 1, "state": "unverified"}));
        let lacking = good(&*gateway).scope("other");
        let (claims, token) = (lacking.claims(), lacking.sign());
        let outcome = gateway.send(get("/mcp").bearer(&token));
        let more = json!({"decision": "shadow_deny", "code": "insufficient_scope", "scopes_held": ["other"]});
        assert_record(&saw(&outcome, AUDIT).unwrap(), of_good(&token, &claims, more));
        assert_eq!(record(&saw(&outcome, "fourleg.token").unwrap()), json!({"v": 1, "state": "unverified"}));
        let outcome = gateway.send(get("/elsewhere"));
        let place = json!({"decision": "shadow_deny", "code": "resource_unknown", "authority": "tools.example", "path": "/elsewhere"});
        assert_record(&saw(&outcome, AUDIT).unwrap(), place);
    }

    /// The metadata is set by hand here; with the native filter see `alone_on_envoy`.
    fn a_token_that_jwt_authn_verified_is_read_from_its_field(runner) {
        let metadata = json!({"payload": {"iss": I, "exp": 4_000_000_000_u64, "nothing": null}});
        let chain = Gateway::chain([jwt_authn_reader()]).filter_metadata("envoy.filters.http.jwt_authn", metadata);
        let gateway = runner.start(chain).unwrap();
        let sign = |subject: &str| good(&*gateway).subject(subject).claim("nothing", json!(null)).sign();
        let (alice, mallory) = (sign("alice"), sign("mallory"));
        let payload = alice.split('.').nth(1).unwrap();
        assert_eq!(trace(&gateway.send(get("/mcp").bearer(&alice).header("x-payload", payload))), "token:alice@?");
        for (request, code) in [
            (get("/mcp").bearer(&alice), "token_not_handed_over"),
            (get("/mcp").header("x-payload", payload), "token_not_handed_over"),
            (get("/mcp").bearer(&mallory).header("x-payload", payload), "credential_changed"),
            (get("/mcp").bearer(&alice).header("x-payload", payload).header("x-payload", payload), "token_not_handed_over"),
        ] {
            gateway.send(request).denied_with(503).has_code(code);
        }
        gateway.send(get("/mcp").bearer(&alice).bearer(&mallory).header("x-payload", payload)).denied_with(400);
        let other = good(&*gateway).issuer("https://other.example").sign();
        let payload = other.split('.').nth(1).unwrap();
        gateway.send(get("/mcp").bearer(&other).header("x-payload", payload)).denied_with(503).has_code("token_not_handed_over");
    }

    fn a_token_source_without_what_it_needs_is_refused_with_its_place(runner) {
        let chain = Gateway::chain([probe(json!([{"require_token": {"source": "introspection"}}, {"allow": {}}]))]);
        let log = runner.start(chain).err().unwrap().logs.join("\n");
        assert!(log.contains("require_token.introspection_endpoint is missing"), "{log}");
    }
}

/// What only a real Envoy has: routes, its own filters, its access log.
mod alone_on_envoy {
    use std::time::Duration;

    use fourleg_harness::Request;
    use fourleg_lab::{
        echo_upstream::{Answer, EchoUpstream, Responding},
        envoy::{Bootstrap, Config, RunningEnvoy, WasmFilter, launch, provision, target_dir},
        mint::{Mint, Token},
        raw_client, unix_now,
        wire::{WireRequest, WireResponse, find},
    };

    use super::*;
    use crate::fixture::public_keys;

    /// `vm_id`s differ, as in our configurations.
    fn chained(mut bootstrap: Bootstrap, chain: &[Plugin]) -> Bootstrap {
        for (index, plugin) in chain.iter().enumerate() {
            let module = target_dir().join(format!("wasm/{}.wasm", plugin.module));
            let filter = WasmFilter::new(&plugin.module, module, plugin.config.clone());
            bootstrap = bootstrap.filter(filter.vm_id(format!("{}-{index}", plugin.module)));
        }
        bootstrap
    }

    fn run(config: Value) -> RunningEnvoy {
        launch(&provision(&|_| {}).unwrap(), &Config::Json(config), 1).unwrap()
    }

    fn routes(config: &mut Value) -> &mut Vec<Value> {
        let routes =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        config.pointer_mut(routes).and_then(Value::as_array_mut).unwrap()
    }

    fn send(envoy: &RunningEnvoy, request: Request) -> WireResponse {
        let Request { method, path, authority, headers, .. } = request;
        let wire = WireRequest { method, path, authority, headers, ..WireRequest::default() };
        raw_client::send(envoy.address(), &wire, Duration::from_secs(10)).unwrap()
    }

    fn token() -> Token {
        Mint::new(I, R).at(unix_now()).access_token().subject("alice").scope("tools:read")
    }

    fn seen(upstream: &EchoUpstream, name: &str) -> Vec<Option<String>> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        upstream.received().iter().map(|entry| find(&entry.request.headers, name).map(text)).collect()
    }

    #[test]
    fn a_route_that_disables_audience_validation_opens_nothing() {
        let upstream = EchoUpstream::start().unwrap();
        let bootstrap = chained(Bootstrap::before(upstream.address()), &[audience_validation(), reader()]);
        let mut config = bootstrap.to_json();
        let routes = routes(&mut config);
        let mut disabled = routes[0].clone();
        disabled["match"] = json!({"path": "/mcp/second"});
        disabled["typed_per_filter_config"] = json!({"audience_validation": {
            "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true,
        }});
        routes.insert(0, disabled);
        let envoy = run(config);
        let token = token().sign();
        assert_eq!(send(&envoy, get("/mcp").bearer(&token)).status, 200);
        for request in [get("/mcp/second").bearer(&token), get("/mcp/second")] {
            let response = send(&envoy, request);
            assert_eq!(response.status, 503);
            assert!(response.text().contains("token_not_handed_over"), "{}", response.text());
        }
        assert_eq!(seen(&upstream, "x-probe-trace"), [Some(format!("token:alice@{R}"))]);
    }

    /// An upstream that redirects /mcp there, behind a route that follows it.
    fn redirecting(to: &'static str, chain: &[Plugin]) -> (EchoUpstream, RunningEnvoy) {
        let upstream = EchoUpstream::start_with(move |request| {
            let mut answer = Responding::new(if request.path == b"/mcp" { 302 } else { 200 }, "");
            answer.headers.push((b"location".to_vec(), format!("http://tools.example{to}").into_bytes()));
            Answer::from(answer)
        })
        .unwrap();
        let mut config = chained(Bootstrap::before(upstream.address()), chain).to_json();
        routes(&mut config)[0]["route"]["internal_redirect_policy"] = json!({"max_internal_redirects": 1});
        let envoy = run(config);
        (upstream, envoy)
    }

    fn paths(upstream: &EchoUpstream) -> Vec<String> {
        let path =
            |entry: &fourleg_lab::echo_upstream::Received| String::from_utf8_lossy(&entry.request.path).into_owned();
        upstream.received().iter().map(path).collect()
    }

    #[test]
    fn an_internal_redirect_is_judged_again_with_a_state_of_its_own() {
        let chain = [with("forward", json!({"claims_header": "x-fourleg-claims"})), reader()];
        let token = token().sign();
        let (upstream, envoy) = redirecting("/mcp/second", &chain);
        assert_eq!(send(&envoy, get("/mcp").bearer(&token)).status, 200);
        assert_eq!(paths(&upstream), ["/mcp", "/mcp/second"]);
        let traces = seen(&upstream, "x-probe-trace");
        assert!(traces.iter().all(|trace| *trace == Some(format!("token:alice@{R}"))), "{traces:?}");

        // What is public there is not the token's any more, and nobody's claims go with it.
        let (upstream, envoy) = redirecting("/healthz", &chain);
        assert_eq!(send(&envoy, get("/mcp").bearer(&token)).status, 200);
        assert_eq!(seen(&upstream, "x-probe-trace"), [Some(format!("token:alice@{R}")), Some("public".to_owned())]);
        assert_eq!(seen(&upstream, "x-fourleg-claims")[1], None);

        let (upstream, envoy) = redirecting("/elsewhere", &chain);
        assert_eq!(send(&envoy, get("/mcp").bearer(&token)).status, 403);
        assert_eq!(paths(&upstream), ["/mcp"]);
    }

    #[test]
    fn an_internal_redirect_brings_no_credential_back() {
        for forward in ["remove", "exchange"] {
            let chain = [with("forward", json!({"authorization": forward})), reader()];
            let (upstream, envoy) = redirecting("/mcp/second", &chain);
            let response = send(&envoy, get("/mcp").bearer(&token().sign()));
            assert_eq!(response.status, 401, "{forward}");
            assert!(response.text().contains("credential_missing"), "{forward}");
            assert_eq!(paths(&upstream), ["/mcp"], "{forward}");
        }
    }

    #[test]
    fn jwt_authn_hands_over_what_it_verified_and_nothing_else() {
        let upstream = EchoUpstream::start().unwrap();
        let provider = json!({
            "issuer": I,
            "local_jwks": {"inline_string": public_keys().to_string()},
            "forward": true,
            "forward_payload_header": "x-payload",
            "payload_in_metadata": "payload",
            "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        });
        let allow_missing =
            json!({"requires_any": {"requirements": [{"provider_name": "idp"}, {"allow_missing": {}}]}});
        let members = json!({
            "providers": {"idp": provider},
            "rules": [
                {"match": {"path": "/mcp"}, "requires": {"provider_name": "idp"}},
                {"match": {"path": "/healthz"}, "requires": allow_missing},
            ],
        });
        let bootstrap = Bootstrap::before(upstream.address()).native_filter(
            "envoy.filters.http.jwt_authn",
            "jwt_authn.v3.JwtAuthentication",
            members,
        );
        let envoy = run(chained(bootstrap, &[jwt_authn_reader()]).to_json());
        let good = token().claim("nothing", json!(null)).claim("big", 9_007_199_254_740_993_u64).sign();
        let payload = good.split('.').nth(1).unwrap();
        let response = send(&envoy, get("/mcp").bearer(&good));
        assert_eq!(response.status, 200, "{}", response.text());
        // A client's own field is replaced.
        let mallory = token().subject("mallory").sign();
        let forged = mallory.split('.').nth(1).unwrap();
        assert_eq!(send(&envoy, get("/mcp").bearer(&good).header("x-payload", forged)).status, 200);
        assert_eq!(seen(&upstream, "x-probe-trace"), vec![Some("token:alice@?".to_owned()); 2]);
        for (request, status, code) in [
            (get("/mcp").bearer(&token().unsigned()), 401, ""),
            // No rule of jwt_authn is about this path, so what is there is the client's.
            (get("/mcp/second").bearer(&good).header("x-payload", payload), 503, "token_not_handed_over"),
            (get("/healthz").header("x-payload", payload), 401, "credential_missing"),
            // Its field is another token's: an ID token is no access token, although jwt_authn takes it.
            (get("/mcp").bearer(&token().claim("nonce", "n").typ("JWT").sign()), 401, "not_an_access_token"),
            (get("/mcp").bearer(&token().claim("cnf", json!({"jkt": "x"})).sign()), 401, "binding_unchecked"),
        ] {
            let response = send(&envoy, request);
            assert_eq!(response.status, status, "{code}: {}", response.text());
            assert!(response.text().contains(code), "{code} is not in {}", response.text());
        }
        assert_eq!(upstream.received().len(), 2);
    }

    #[test]
    fn a_plain_access_log_prints_the_audit_record_of_every_outcome() {
        let upstream = EchoUpstream::start().unwrap();
        let bootstrap = Bootstrap::before(upstream.address())
            .access_log(format!("[audit] %RESPONSE_CODE% %FILTER_STATE(wasm.{AUDIT}:PLAIN)%"));
        let mut envoy = run(chained(bootstrap, &[audience_validation(), reader()]).to_json());
        let good = token();
        let (claims, good) = (good.claims(), good.sign());
        let lacking = token().scope("other");
        let (lacking_claims, lacking) = (lacking.claims(), lacking.sign());
        let mut expected = Vec::new();
        for (request, status, record) in [
            (get("/mcp").bearer(&good), 200, of_good(&good, &claims, json!({"decision": "allow", "code": "ok"}))),
            (get("/healthz"), 200, json!({"decision": "allow", "code": "public"})),
            (get("/mcp"), 401, json!({"decision": "deny", "code": "credential_missing", "resource": R})),
            (
                get("/mcp").bearer("a.b.c"),
                401,
                json!({
                    "decision": "deny", "code": "token_malformed", "resource": R, "token_sha256": sha256("a.b.c"),
                }),
            ),
            (
                get("/elsewhere?a=b").host("tools.example").bearer(&good),
                403,
                json!({
                    "decision": "deny", "code": "resource_unknown", "authority": "tools.example", "path": "/elsewhere",
                }),
            ),
            (
                get("/mcp").bearer(&lacking),
                403,
                of_good(
                    &lacking,
                    &lacking_claims,
                    json!({
                        "decision": "deny", "code": "insufficient_scope", "scopes_held": ["other"],
                    }),
                ),
            ),
        ] {
            assert_eq!(send(&envoy, request).status, status);
            expected.push((status, record));
        }
        let logs = envoy.stop();
        let lines: Vec<_> = logs.iter().filter_map(|line| line.split_once("[audit] ")?.1.split_once(' ')).collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for ((status, record), (logged, text)) in expected.into_iter().zip(lines) {
            assert_eq!(logged, status.to_string());
            assert_record(text, record);
            assert!(![&good, &lacking].iter().any(|token| text.contains(token.as_str())));
        }
    }
}
