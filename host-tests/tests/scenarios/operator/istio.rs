//! The manifest for Istio: what can be seen of it without a cluster.

use serde_json::{Value, json};

use super::*;

fn parsed(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap()
}

/// What the manifest's patches put in, of one kind.
fn patched(manifest: &Value, kind: &str) -> Vec<Value> {
    let patches = manifest["spec"]["configPatches"].as_array().unwrap().iter();
    patches.filter(|patch| patch["applyTo"] == kind).map(|patch| patch["patch"]["value"].clone()).collect()
}

#[test]
fn each_filter_of_the_manifest_is_put_before_the_router() {
    let manifest = parsed("envoy/istio.yaml");
    for patch in manifest["spec"]["configPatches"].as_array().unwrap() {
        let operation = &patch["patch"]["operation"];
        if patch["applyTo"] == "CLUSTER" {
            assert_eq!(operation, "ADD");
        } else {
            let filter = &patch["match"]["listener"]["filterChain"]["filter"];
            assert_eq!(filter["subFilter"]["name"], "envoy.filters.http.router");
            assert_eq!((&patch["applyTo"], operation), (&json!("HTTP_FILTER"), &json!("INSERT_BEFORE")));
        }
    }
}

mod on_envoy {
    use super::*;

    /// Nobody keeps two chains alike by hand: the filters are those of `envoy/all-four.yaml`, and Envoy takes them.
    #[test]
    fn the_manifest_holds_the_filters_of_the_chain_and_envoy_loads_them() {
        let manifest = parsed("envoy/istio.yaml");
        let mut chain: Value = parsed("envoy/all-four.yaml");
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = chain.pointer_mut(manager).unwrap().as_array_mut().unwrap();
        let router = filters.pop().unwrap();
        let of_the_manifest = patched(&manifest, "HTTP_FILTER");
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
