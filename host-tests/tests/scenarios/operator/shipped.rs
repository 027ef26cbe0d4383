//! What every shipped configuration must have, and one that is added later too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Every file in `envoy/`.
fn shipped_files() -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../envoy");
    let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.map(|name| format!("envoy/{name}")).collect();
    files.sort_unstable();
    files
}

/// All objects of this type, wherever they are.
fn of_type<'a>(value: &'a Value, message: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    if value["@type"].as_str().is_some_and(|name| name.ends_with(message)) {
        found.push(value);
    }
    let members = value.as_object().into_iter().flat_map(|members| members.values());
    for inner in members.chain(value.as_array().into_iter().flatten()) {
        found.extend(of_type(inner, message));
    }
    found
}

/// All members of this name, wherever they are.
fn named<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = value.get(name).into_iter().collect();
    let members = value.as_object().into_iter().flat_map(|members| members.values());
    for inner in members.chain(value.as_array().into_iter().flatten()) {
        found.extend(named(inner, name));
    }
    found
}

#[test]
fn every_shipped_file_is_loaded_by_a_test() {
    let tested = SHIPPED.iter().map(|(path, _)| (*path).to_owned()).chain(["envoy/istio.yaml".to_owned()]);
    assert_eq!(tested.collect::<BTreeSet<_>>(), shipped_files().into_iter().collect());
}

/// SMG-14
#[test]
fn every_shipped_connection_manager_reads_host_and_path_as_the_filters_do() {
    for file in shipped_files() {
        let documents = documents(&file);
        let managers: Vec<&Value> = documents.iter().flat_map(|one| of_type(one, ".HttpConnectionManager")).collect();
        assert!(!managers.is_empty(), "{file}");
        for manager in managers {
            for (member, expected) in [
                ("merge_slashes", json!(true)),
                ("path_with_escaped_slashes_action", json!("REJECT_REQUEST")),
                ("strip_any_host_port", json!(true)),
                ("strip_trailing_host_dot", json!(true)),
            ] {
                assert_eq!(manager[member], expected, "{member} in {file}");
            }
            if file == "envoy/istio.yaml" {
                // Istio writes it by its own configuration, and the file has to say so.
                assert!(read(&file).contains("meshConfig.pathNormalization"));
            } else {
                assert_eq!(manager["normalize_path"], json!(true), "normalize_path in {file}");
            }
            for routes in named(manager, "routes") {
                for route in routes.as_array().unwrap() {
                    // Envoy's `prefix` may end inside a segment; that of the filters does not.
                    let prefix = &route["match"]["prefix"];
                    assert!(prefix.is_null() || prefix == "/", "{prefix} in {file}: expected path_separated_prefix");
                }
            }
        }
    }
}

#[test]
fn every_shipped_connection_manager_bounds_what_one_connection_has_waiting() {
    for file in shipped_files() {
        for document in documents(&file) {
            for manager in of_type(&document, ".HttpConnectionManager") {
                let most = &manager["http2_protocol_options"]["max_concurrent_streams"];
                assert!(most.as_u64().is_some_and(|most| (1..=1000).contains(&most)), "{most} in {file}");
                assert_ne!(manager["stream_idle_timeout"], json!(null), "{file}");
            }
        }
    }
}

/// LOG-01: a query may hold credentials.
#[test]
fn every_shipped_access_log_is_json_with_all_records_and_without_queries() {
    for file in shipped_files() {
        let documents = documents(&file);
        let managers: Vec<&Value> = documents.iter().flat_map(|one| of_type(one, ".HttpConnectionManager")).collect();
        for manager in managers {
            let format = &manager["access_log"][0]["typed_config"]["log_format"]["json_format"];
            for member in ["time", "request_id", "method", "authority", "path", "status", "details"] {
                assert!(format[member].is_string(), "{member} in {file}");
            }
            assert_eq!(format["path"], "%PATH(NQ)%", "{file}");
            let plugins = documents.iter().flat_map(|one| of_type(one, ".wasm.v3.Wasm"));
            for plugin in plugins.map(|filter| filter["config"]["name"].as_str().unwrap()) {
                let record = format!("%FILTER_STATE(wasm.fourleg.audit.{plugin}:PLAIN)%");
                assert_eq!(format[plugin], json!(record), "{file}");
            }
        }
    }
}

/// The lines of the block for TLS without the `#` before them.
fn with_tls(yaml: &str) -> String {
    let (before, rest) = yaml.split_once("          # transport_socket:").unwrap();
    let (block, after) = rest.split_once("          filters:\n").unwrap();
    let block = block.replace("          # ", "          ");
    let files = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tls");
    format!("{before}          transport_socket:{block}          filters:\n{after}")
        .replace("/etc/envoy/tls.crt", &files.join("certificate.pem").display().to_string())
        .replace("/etc/envoy/tls.key", &files.join("key.pem").display().to_string())
}

mod on_envoy {
    use super::*;

    #[test]
    fn the_shipped_configurations_load_with_tls() {
        let envoy = provision(&|_| {}).unwrap();
        for (path, modules) in SHIPPED {
            let yaml = with_tls(&shipped(path, modules));
            let parsed: Value = serde_saphyr::from_str(&yaml).unwrap();
            assert_eq!(of_type(&parsed, ".DownstreamTlsContext").len(), 1, "{path}");
            let logs = validate(&envoy, &Config::Yaml(yaml)).unwrap();
            assert!(logs.iter().any(|line| line.contains("OK")), "{path}: {logs:#?}");
        }
    }

    /// SMG-14
    #[test]
    fn a_shipped_configuration_reads_host_and_path_as_its_filters_do() {
        let identity_provider =
            IdentityProvider::builder().issuer("https://idp.example/realms/agents").start().unwrap();
        let upstream = EchoUpstream::start().unwrap();
        let yaml = shipped_in_the_lab(SHIPPED[0], upstream.address(), &identity_provider);
        let running = launch(&provision(&|_| {}).unwrap(), &Config::Yaml(yaml), 1).unwrap();
        let token = identity_provider.mint("https://tools.example/mcp").access_token().scope("tools:read");
        let token = token.sign_with(&identity_provider.signing_key());
        for (path, status) in [
            ("/mcp", 200),
            ("/%6dcp", 200),
            ("//mcp", 200),
            ("/healthz/../mcp", 200),
            ("/mcpx", 403),
            ("/mcp%2fx", 400),
            ("/mcp/%2561", 400),
        ] {
            assert_eq!(send(&running, get(path).bearer(&token)).status, status, "{path}");
        }
        // As it was judged, so it goes on.
        assert!(upstream.received().iter().all(|entry| entry.request.path == b"/mcp"));
    }
}
