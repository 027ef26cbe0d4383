//! What an operator copies: the shipped configuration, and the examples of the READMEs.

mod all_four;
mod istio;
mod logged;
mod sessions;
mod shipped;

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_harness::{Request, Response, Runner, Wasmtime, get, plugin_raw, post};
use fourleg_lab::{
    echo_upstream::EchoUpstream,
    envoy::{Config, RunningEnvoy, launch, provision, target_dir, validate},
    identity_provider::{Client, Endpoint, Fault, IdentityProvider, TokenForm},
    raw_client,
    wire::{WireRequest, WireResponse, find},
};
use serde_json::json;

use crate::fixture::{I, public_keys};

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a file with YAML.
fn documents(path: &str) -> Vec<serde_json::Value> {
    read(path).split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// The fenced blocks of one language in a Markdown file.
fn examples(path: &str, language: &str) -> Vec<String> {
    let text = read(path);
    let start = format!("```{language}\n");
    text.split(&start).skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// What is shipped, and the modules that it loads.
const SHIPPED: [(&str, &[&str]); 6] = [
    ("envoy/audience-validation.yaml", &["audience_validation"]),
    ("envoy/claim-challenge.yaml", &["audience_validation", "claim_challenge"]),
    ("envoy/rar-enforcement.yaml", &["audience_validation", "rar_enforcement"]),
    ("envoy/token-exchange.yaml", &["audience_validation", "token_exchange"]),
    ("envoy/introspection.yaml", &["claim_challenge"]),
    ALL_FOUR,
];
const ALL_FOUR: (&str, &[&str]) =
    ("envoy/all-four.yaml", &["audience_validation", "claim_challenge", "rar_enforcement", "token_exchange"]);

/// What Envoy itself shows an authorization server: `gateway` with the secret `s3cret-of-the-gateway`.
const CREDENTIAL: &str = "Basic Z2F0ZXdheTpzM2NyZXQtb2YtdGhlLWdhdGV3YXk=";

/// A file with that credential, where the tests may write.
fn credential_file() -> String {
    let directory = target_dir().join("tmp");
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("idp_client_credential");
    fs::write(&file, CREDENTIAL).unwrap();
    file.display().to_string()
}

/// A shipped configuration with the modules where the build left them, and a credential where it needs one.
fn shipped(path: &str, modules: &[&str]) -> String {
    let yaml = read(path).replace("/etc/envoy/idp_client_credential", &credential_file());
    modules.iter().fold(yaml, |yaml, module| {
        let there = format!("/etc/envoy/{module}.wasm");
        assert!(yaml.contains(&there), "{there} in {path}");
        yaml.replace(&there, &target_dir().join(format!("wasm/{module}.wasm")).display().to_string())
    })
}

/// A shipped configuration on free ports and with the lab's servers, which speak no TLS.
fn shipped_in_the_lab(
    (path, modules): (&str, &[&str]),
    upstream: SocketAddr,
    identity_provider: &IdentityProvider,
) -> String {
    let mut yaml = shipped(path, modules);
    yaml = without_blocks(&yaml, "      transport_socket:");
    for (there, here) in [
        ("port_value: 8080", "port_value: 0".to_owned()),
        ("port_value: 9901", "port_value: 0".to_owned()),
        ("port_value: 9000", format!("port_value: {}", upstream.port())),
        (
            "address: idp.example, port_value: 443",
            format!("address: 127.0.0.1, port_value: {}", identity_provider.address().port()),
        ),
    ] {
        assert!(yaml.contains(there), "{there}");
        yaml = yaml.replace(there, &here);
    }
    yaml
}

/// YAML without the blocks that begin so, each with the lines below it that are indented deeper.
fn without_blocks(yaml: &str, start: &str) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let (mut kept, mut inside) = (String::new(), false);
    for line in yaml.lines() {
        inside = line == start || (inside && (line.is_empty() || depth(line) > depth(start)));
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Sends a request to the host that the shipped configurations are about.
fn send(running: &RunningEnvoy, request: Request) -> WireResponse {
    let Request { method, path, headers, chunks, .. } = request;
    let authority = b"tools.example".to_vec();
    let wire = WireRequest { method, path, authority, headers, chunks, ..WireRequest::default() };
    raw_client::send(running.address(), &wire, Duration::from_secs(10)).unwrap()
}

/// The lines without their indentation and trailing comments.
fn bare(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn every_configuration_in_the_readmes_loads() {
    for (readme, module) in [
        ("README.md", "audience_validation"),
        ("plugins/audience-validation/README.md", "audience_validation"),
        ("plugins/claim-challenge/README.md", "claim_challenge"),
        ("plugins/rar-enforcement/README.md", "rar_enforcement"),
        ("plugins/token-exchange/README.md", "token_exchange"),
    ] {
        for example in examples(readme, "json") {
            let gateway = fourleg_harness::Gateway::chain([plugin_raw(module, example.clone())])
                .cluster("idp", |_: &Request| Response::json(200, &public_keys()));
            if let Err(rejected) = Wasmtime::default().start(gateway) {
                panic!("{readme}: {example}\n{}", rejected.logs.join("\n"));
            }
        }
    }
    for name in ["audience-validation", "claim-challenge", "rar-enforcement", "token-exchange"] {
        let readme = &*format!("plugins/{name}/README.md");
        assert!(!examples(readme, "json").is_empty());
    }
}

#[test]
fn the_snippet_of_the_readme_is_part_of_the_shipped_configuration() {
    let snippets = examples("README.md", "yaml");
    assert!(!snippets.is_empty());
    let shipped = read("envoy/audience-validation.yaml");
    let shipped = bare(&shipped);
    for snippet in &snippets {
        let snippet = bare(snippet);
        assert!(shipped.windows(snippet.len()).any(|part| part == snippet), "{snippet:#?}");
    }
}

mod on_envoy {
    use super::*;

    #[test]
    fn the_shipped_configurations_load_as_they_are() {
        let envoy = provision(&|_| {}).unwrap();
        for (path, modules) in SHIPPED {
            let logs = validate(&envoy, &Config::Yaml(shipped(path, modules))).unwrap();
            assert!(logs.iter().any(|line| line.contains("OK")), "{path}: {logs:#?}");
        }
    }

    #[test]
    fn the_access_log_says_why_a_request_was_denied() {
        let gateway = crate::fixture::serve(&fourleg_tests::warm::envoy());
        gateway.send(get("/mcp")).denied_with(401);
        gateway.send(get("/mcp").bearer("x")).denied_with(401);
        // Envoy writes its access log a moment late.
        gateway.pass(Duration::from_secs(2));
        let log = gateway.logs().join("\n");
        for code in ["credential_missing", "token_malformed"] {
            assert!(log.contains(&format!("401 fourleg_audience_validation_{code}")), "{code} is not in {log}");
        }
    }

    #[test]
    fn the_shipped_configuration_enforces_and_its_metrics_have_labels() {
        let envoy = provision(&|_| {}).unwrap();
        let issuer = "https://idp.example/realms/agents";
        assert_ne!(issuer, I);
        let identity_provider = IdentityProvider::builder().issuer(issuer).start().unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[0], upstream.address(), &identity_provider);
        let mut running = launch(&envoy, &Config::Yaml(yaml), 1).unwrap();
        let token = |audience: &str| {
            let key = identity_provider.signing_key();
            identity_provider.mint(audience).access_token().scope("tools:read").sign_with(&key)
        };
        let send = |path: &str, token: Option<String>| {
            let request = match token {
                Some(token) => get(path).bearer(&token),
                None => get(path),
            };
            super::send(&running, request).status
        };
        assert_eq!(send("/mcp", Some(token("https://tools.example/mcp"))), 200);
        assert_eq!(send("/mcp", Some(token("https://other.example"))), 401);
        assert_eq!(send("/mcp", None), 401);
        assert_eq!(send("/healthz", None), 200);
        assert_eq!(send("/elsewhere?access_token=s3cret-of-a-client", None), 403);
        let metrics = running.admin_get("/stats/prometheus").unwrap().text();
        for (decision, code, count) in [
            ("deny", "audience_mismatch", 1),
            ("deny", "credential_missing", 1),
            ("allow", "ok", 1),
            ("allow", "public", 1),
        ] {
            let line = metrics
                .lines()
                .find(|line| {
                    line.contains("fourleg_audience_validation_decisions_total{")
                        && line.contains(&format!("\"{code}\""))
                })
                .unwrap_or_else(|| panic!("no metric of {code} in {metrics}"));
            assert!(line.contains(&format!("fourleg_decision=\"{decision}\"")), "{line}");
            assert!(line.contains(&format!("fourleg_code=\"{code}\"")), "{line}");
            assert!(line.ends_with(&format!(" {count}")), "{line}");
        }
        let logs = running.stop();
        let lines = logged::lines(&logs);
        let line = lines.iter().find(|line| line["path"] == "/elsewhere").unwrap();
        assert_eq!((&line["method"], &line["status"]), (&"GET".into(), &403.into()));
        assert!(line["request_id"].is_string() && line["authority"].is_string(), "{line}");
        let records = logged::records(&logs, "audience_validation");
        assert!(records.iter().any(|record| record["code"] == "resource_unknown" && record["path"] == "/elsewhere"));
        assert!(!logs.iter().any(|line| line.contains("s3cret-of-a-client")), "{logs:#?}");
    }

    /// RAR-13
    #[test]
    fn the_shipped_payment_rule_enforces_the_amount() {
        let envoy = provision(&|_| {}).unwrap();
        let identity_provider =
            IdentityProvider::builder().issuer("https://idp.example/realms/agents").start().unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[2], upstream.address(), &identity_provider);
        let mut running = launch(&envoy, &Config::Yaml(yaml), 1).unwrap();
        let send = |amount: u64| {
            let granted = json!([{"type": "payment", "currency": "EUR", "max_amount": 100, "creditor": "DE02"}]);
            let token = identity_provider.mint("https://tools.example/mcp").access_token().scope("tools:read");
            let token = token.claim("authorization_details", granted).sign_with(&identity_provider.signing_key());
            let arguments = json!({"amount": amount, "creditor": "DE02"});
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pay", "arguments": arguments}});
            super::send(&running, post("/mcp").json(&call).bearer(&token)).status
        };
        assert_eq!((send(100), send(101)), (200, 401));
        let metrics = running.admin_get("/stats/prometheus").unwrap().text();
        let counted = |line: &str| {
            line.contains("fourleg_rar_enforcement_decisions_total{")
                && line.contains("fourleg_code=\"insufficient_authorization\"")
        };
        assert!(metrics.lines().any(counted), "{metrics}");
        let records = logged::records(&running.stop(), "rar_enforcement");
        let of_call =
            |record: &serde_json::Value| record["details_needed"] == json!(["payment"]) && record["tool"] == "pay";
        assert!(records.iter().any(of_call), "{records:#?}");
    }

    #[test]
    fn the_shipped_step_up_asks_for_what_it_needs_and_records_why() {
        let envoy = provision(&|_| {}).unwrap();
        let identity_provider =
            IdentityProvider::builder().issuer("https://idp.example/realms/agents").start().unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[1], upstream.address(), &identity_provider);
        let mut running = launch(&envoy, &Config::Yaml(yaml), 1).unwrap();
        let now = fourleg_lab::unix_now();
        let send = |tool: &str, acr: &str, scope: &str| {
            let token = identity_provider.mint("https://tools.example/mcp").access_token().scope(scope);
            let token = token.claim("acr", acr).claim("auth_time", now).sign_with(&identity_provider.signing_key());
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
            super::send(&running, post("/mcp").json(&call).bearer(&token))
        };
        assert_eq!(send("read_file", "urn:pwd", "tools:read").status, 200);
        assert_eq!(send("delete_file", "urn:mfa", "tools:read tools:delete").status, 200);
        assert_eq!(send("delete_file", "urn:mfa", "tools:read").status, 403);
        let denied = send("delete_file", "urn:pwd", "tools:read tools:delete");
        let challenge =
            String::from_utf8_lossy(find(&denied.headers, "www-authenticate").unwrap_or_default()).into_owned();
        assert!(denied.status == 401 && challenge.contains("acr_values=\"urn:mfa\""), "{challenge}");
        assert!(challenge.contains("https://tools.example/.well-known/oauth-protected-resource/mcp"), "{challenge}");
        let metrics = running.admin_get("/stats/prometheus").unwrap().text();
        for code in ["insufficient_user_authentication", "insufficient_scope", "unmatched"] {
            let labels = format!("fourleg_code=\"{code}\"");
            let counted =
                |line: &str| line.contains("fourleg_claim_challenge_decisions_total{") && line.contains(&labels);
            assert!(metrics.lines().any(counted), "no metric of {code} in {metrics}");
        }
        let records = logged::records(&running.stop(), "claim_challenge");
        let of_weak = |record: &serde_json::Value| {
            record["unmet"] == json!(["acr"]) && !record["held_acr"].is_null() && record["tool"] == "delete_file"
        };
        assert!(records.iter().any(of_weak), "{records:#?}");
    }

    /// REV-01, REV-02, STP-09
    #[test]
    fn the_shipped_introspection_asks_as_a_client_whose_secret_no_filter_holds() {
        let envoy = provision(&|_| {}).unwrap();
        let here = "https://tools.example/mcp";
        let identity_provider = IdentityProvider::builder()
            .issuer("https://idp.example/realms/agents")
            .token_form(TokenForm::Opaque)
            .register(Client::confidential("gateway", "s3cret-of-the-gateway").serves([here]))
            .start()
            .unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[4], upstream.address(), &identity_provider);
        let secret = CREDENTIAL.trim_start_matches("Basic ");
        assert!(!yaml.contains("s3cret") && !yaml.contains(secret), "no part of the configuration holds it");
        let mut running = launch(&envoy, &Config::Yaml(yaml), 1).unwrap();
        let issue = |acr: &str| {
            let token = identity_provider.mint(here).access_token().scope("tools:delete").claim("acr", acr);
            identity_provider.issue(token)
        };
        let send = |token: &str| {
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_file"}});
            super::send(&running, post("/mcp").json(&call).bearer(token)).status
        };
        let (strong, weak) = (issue("urn:mfa"), issue("urn:pwd"));
        assert_eq!((send(&strong), send(&strong), send(&weak), send("invented")), (200, 200, 401, 401));
        let asked = identity_provider.received(Endpoint::Introspection);
        assert_eq!(asked.len(), 3, "once for each token");
        assert!(
            asked.iter().all(|question| question.header("authorization") == [CREDENTIAL]),
            "Envoy's own credential"
        );
        identity_provider.fail(Endpoint::Introspection, Fault::Status(500));
        assert_eq!((send(&strong), send("another")), (200, 503));
        assert_eq!(upstream.received().len(), 3);
        let metrics = running.admin_get("/stats/prometheus").unwrap().text();
        let logs = running.stop().join("\n");
        for shown in [secret, "s3cret-of-the-gateway", strong.as_str(), weak.as_str()] {
            assert!(!logs.contains(shown) && !metrics.contains(shown));
        }
        let counted = |line: &str| {
            line.contains("fourleg_claim_challenge_decisions_total{")
                && line.contains("fourleg_code=\"token_inactive\"")
        };
        assert!(metrics.lines().any(counted), "{metrics}");
    }

    /// TEX-14, TEX-26
    #[test]
    fn the_shipped_exchange_gets_a_token_of_its_own_and_no_filter_holds_the_secret() {
        let envoy = provision(&|_| {}).unwrap();
        let (here, next) = ("https://tools.example/mcp", "https://tool-b.example/mcp");
        let identity_provider = IdentityProvider::builder()
            .issuer("https://idp.example/realms/agents")
            .register(
                Client::confidential("gateway", "s3cret-of-the-gateway")
                    .serves([here])
                    .may_exchange_for(next, ["b:read"]),
            )
            .start()
            .unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[3], upstream.address(), &identity_provider);
        let secret = CREDENTIAL.trim_start_matches("Basic ");
        assert!(!yaml.contains("s3cret") && !yaml.contains(secret), "no part of the configuration holds it");
        let mut running = launch(&envoy, &Config::Yaml(yaml), 2).unwrap();
        let token = identity_provider.issue(identity_provider.mint(here).access_token().scope("tools:read b:read"));
        let answer = super::send(&running, get("/mcp").bearer(&token));
        let metrics = running.admin_get("/stats/prometheus").unwrap().text();
        let lines = running.stop();
        let logs = lines.join("\n");
        assert_eq!(answer.status, 200, "{logs}");
        let received = upstream.received();
        let field = find(&received[0].request.headers, "authorization").unwrap_or_default();
        let forwarded = String::from_utf8_lossy(field).into_owned();
        assert!(forwarded.starts_with("Bearer ") && !forwarded.contains(&token), "another token");
        let payload = URL_SAFE_NO_PAD.decode(forwarded.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!((&claims["sub"], &claims["scope"]), (&json!("alice"), &json!("b:read")), "{claims}");
        assert!(claims["aud"] == json!(next) || claims["aud"] == json!([next]), "{claims}");
        assert_eq!(claims["act"]["sub"], "gateway");
        // Nothing of it in logs and metrics: neither the secret, nor a token.
        for shown in [secret, "s3cret-of-the-gateway", token.as_str(), forwarded.trim_start_matches("Bearer ")] {
            assert!(!logs.contains(shown) && !metrics.contains(shown));
        }
        let records = logged::records(&lines, "token_exchange");
        let of_exchange = |record: &serde_json::Value| {
            record["scopes_asked"] == json!(["b:read"]) && record["issued_actors"] == json!(["gateway", "agent-1"])
        };
        assert!(records.iter().any(of_exchange), "{records:#?}");
        let counted = |line: &str| {
            line.contains("fourleg_token_exchange_decisions_total{") && line.contains("fourleg_code=\"exchanged\"")
        };
        assert!(metrics.lines().any(counted), "{metrics}");
        for state in ["closed", "open", "half_open"] {
            let labels = ["fourleg_server=\"idp\"".to_owned(), format!("fourleg_state=\"{state}\"")];
            let told = |line: &str| {
                line.contains("fourleg_token_exchange_breaker_total{")
                    && labels.iter().all(|label| line.contains(label))
            };
            assert!(metrics.lines().any(told), "no metric of {state} in {metrics}");
        }
    }
}
