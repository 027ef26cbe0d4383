//! The manifest for Istio: what can be seen of it without a cluster.

use serde_json::{Value, json};

use super::*;

/// The one document of this kind.
fn of_kind(kind: &str) -> Value {
    let mut documents = documents("envoy/istio.yaml");
    documents.retain(|document| document["kind"] == kind);
    let [document] = &*documents else { panic!("{kind} is there {} times", documents.len()) };
    document.clone()
}

/// What the manifest's patches put in, of one kind.
fn patched(manifest: &Value, kind: &str) -> Vec<Value> {
    let patches = manifest["spec"]["configPatches"].as_array().unwrap().iter();
    patches.filter(|patch| patch["applyTo"] == kind).map(|patch| patch["patch"]["value"].clone()).collect()
}

#[test]
fn each_filter_of_the_manifest_is_put_before_the_router() {
    let manifest = of_kind("EnvoyFilter");
    assert!(manifest["spec"]["priority"].is_u64(), "the order of several manifests is not by chance");
    for patch in manifest["spec"]["configPatches"].as_array().unwrap() {
        let operation = &patch["patch"]["operation"];
        match patch["applyTo"].as_str().unwrap() {
            "CLUSTER" | "EXTENSION_CONFIG" => assert_eq!(operation, "ADD"),
            "NETWORK_FILTER" | "BOOTSTRAP" => assert_eq!(operation, "MERGE"),
            other => {
                let filter = &patch["match"]["listener"]["filterChain"]["filter"];
                assert_eq!(filter["subFilter"]["name"], "envoy.filters.http.router");
                assert_eq!((other, operation), ("HTTP_FILTER", &json!("INSERT_BEFORE")));
            }
        }
    }
}

/// Nobody keeps them alike by hand.
#[test]
fn the_manifest_logs_and_labels_as_the_chain_does() {
    let manifest = of_kind("EnvoyFilter");
    let chain = documents("envoy/all-four.yaml").remove(0);
    let manager = &chain["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    assert!(manager["access_log"].is_array());
    assert_eq!(patched(&manifest, "NETWORK_FILTER")[0]["typed_config"]["access_log"], manager["access_log"]);
    assert!(chain["stats_config"]["stats_tags"].is_array());
    assert_eq!(patched(&manifest, "BOOTSTRAP")[0]["stats_config"], chain["stats_config"]);
}

/// Inside the listener, a module that is missing would leave running pods with a listener that has no filter.
#[test]
fn each_filter_of_the_manifest_is_discovered_and_denies_until_it_is_there() {
    let manifest = of_kind("EnvoyFilter");
    let discovered = patched(&manifest, "HTTP_FILTER");
    let name = |filter: &Value| filter["name"].clone();
    let configured: Vec<Value> = patched(&manifest, "EXTENSION_CONFIG").iter().map(name).collect();
    assert_eq!(discovered.iter().map(name).collect::<Vec<_>>(), configured);
    for filter in discovered {
        assert!(filter["typed_config"].is_null(), "{filter}");
        let discovery = &filter["config_discovery"];
        // Whoever fetches a module may put in its place what denies everything.
        let types = ["wasm.v3.Wasm", "rbac.v3.RBAC"];
        assert_eq!(
            discovery["type_urls"],
            json!(types.map(|name| format!("type.googleapis.com/envoy.extensions.filters.http.{name}")))
        );
        assert_eq!(discovery["config_source"]["initial_fetch_timeout"], "0s", "it waits for as long as it takes");
        assert!(discovery["default_config"].is_null() && discovery["apply_default_config_without_warming"].is_null());
    }
}

/// Istio sends what it does not take for HTTP past all HTTP filters; such connections have no method.
#[test]
fn what_is_not_http_is_allowed_nowhere_before_the_filters_are_applied() {
    assert_eq!(documents("envoy/istio.yaml")[0]["kind"], "AuthorizationPolicy");
    let (policy, filters) = (of_kind("AuthorizationPolicy"), of_kind("EnvoyFilter"));
    assert_eq!(policy["spec"]["action"], "ALLOW");
    assert_eq!(policy["spec"]["rules"], json!([{"to": [{"operation": {"methods": ["*"]}}]}]));
    assert_eq!(policy["metadata"]["namespace"], filters["metadata"]["namespace"]);
    assert_eq!(policy["spec"]["selector"]["matchLabels"], filters["spec"]["workloadSelector"]["labels"]);
}

mod on_envoy {
    use super::*;

    /// Nobody keeps two chains alike by hand: the filters are those of `envoy/all-four.yaml`, and Envoy takes them.
    #[test]
    fn the_manifest_holds_the_filters_of_the_chain_and_envoy_loads_them() {
        let manifest = of_kind("EnvoyFilter");
        let mut chain = documents("envoy/all-four.yaml").remove(0);
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = chain.pointer_mut(manager).unwrap().as_array_mut().unwrap();
        let router = filters.pop().unwrap();
        let of_the_manifest = patched(&manifest, "EXTENSION_CONFIG");
        let there = json!(of_the_manifest).to_string().replace("/etc/fourleg/", "/etc/envoy/");
        assert_eq!(serde_json::from_str::<Value>(&there).unwrap(), json!(filters));
        *filters = of_the_manifest.into_iter().chain([router]).collect();
        let clusters = chain["static_resources"]["clusters"].as_array_mut().unwrap();
        clusters.retain(|cluster| cluster["name"] == "mcp_server");
        clusters.extend(patched(&manifest, "CLUSTER"));

        // A sidecar always has them; a secret from a file needs them.
        chain["node"] = json!({"id": "sidecar", "cluster": "tools"});
        let secret = target_dir().join("tmp/idp_client.yaml");
        let resource = json!({"resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": "idp_client", "generic_secret": {"secret": {"inline_string": CREDENTIAL}},
        }]});
        fs::create_dir_all(secret.parent().unwrap()).unwrap();
        fs::write(&secret, resource.to_string()).unwrap();
        let mut text = chain.to_string().replace("/etc/fourleg-secret/idp_client.yaml", &secret.display().to_string());
        for module in ["audience_validation", "claim_challenge", "rar_enforcement", "token_exchange"] {
            let built = target_dir().join(format!("wasm/{module}.wasm"));
            text = text.replace(&format!("/etc/fourleg/{module}.wasm"), &built.display().to_string());
        }
        let text = text.replace("/etc/envoy/idp_client_credential", &credential_file());
        assert!(!text.contains("/etc/fourleg"), "{text}");
        let logs = validate(&provision(&|_| {}).unwrap(), &Config::Json(serde_json::from_str(&text).unwrap())).unwrap();
        assert!(logs.iter().any(|line| line.contains("OK")), "{logs:#?}");
    }
}
