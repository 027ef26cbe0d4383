//! The Envoys on which scenarios run: they stay, and keep our modules compiled.

use std::sync::LazyLock;

use fourleg_harness::Envoy;
use fourleg_lab::{
    envoy::{Bootstrap, EnvoyBinary, KeptModule, Pool, RunningEnvoy, provision, target_dir},
    mint::{Algorithm, jwks, key},
};
use serde_json::{Value, json};

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::keeping(modules().map(kept).to_vec()));

static BINARY: LazyLock<EnvoyBinary> = LazyLock::new(|| provision(&|_| {}).expect("an Envoy to test on"));

/// The runner of scenarios.
#[must_use]
pub fn envoy() -> Envoy {
    Envoy::of(&POOL)
}

/// Serves a configuration that no gateway of the harness can say, on an Envoy with one worker.
///
/// # Panics
/// If Envoy does not take it.
#[must_use]
pub fn serve(bootstrap: &Bootstrap) -> RunningEnvoy {
    serve_with(bootstrap, 1)
}

/// The same with as many workers.
///
/// # Panics
/// If Envoy does not take it.
#[must_use]
pub fn serve_with(bootstrap: &Bootstrap, workers: usize) -> RunningEnvoy {
    POOL.serve(&BINARY, bootstrap, workers).unwrap_or_else(|error| panic!("{error}"))
}

fn kept((module, configuration): (&str, Value)) -> KeptModule {
    KeptModule {
        file: target_dir().join(format!("wasm/{module}.wasm")),
        configuration: configuration.to_string().into_bytes(),
    }
}

/// Our modules, each with a configuration under which it asks nobody for anything.
fn modules() -> [(&'static str, Value); 5] {
    const ISSUER: &str = "https://kept.example";
    let matches = json!({"path": {"exact": "/kept"}});
    [
        (
            "audience_validation",
            json!({
                "issuers": [{"issuer": ISSUER, "jwks": {"inline": jwks([key(Algorithm::Es256)])}}],
                "resources": [{"resource": "https://kept.example/mcp"}],
            }),
        ),
        (
            "claim_challenge",
            json!({
                "rules": [{"name": "kept", "match": matches, "require": {"acr_values": ["kept"]}}],
                "unmatched": "deny",
            }),
        ),
        (
            "rar_enforcement",
            json!({
                "types": {"kept": {"fields": {"actions": "superset"}}},
                "rules": [{"name": "kept", "match": matches, "require": {"type": "kept", "actions": ["kept"]}}],
                "unmatched": "deny",
            }),
        ),
        (
            "token_exchange",
            json!({
                "authorization_servers": [{
                    "name": "kept", "cluster": "kept", "token_endpoint": "https://kept.example/token", "issuer": ISSUER,
                }],
                "targets": [{"name": "kept", "match": matches, "authorization_server": "kept", "audience": ["kept"]}],
            }),
        ),
        ("driver_probe", json!({"routes": {}})),
    ]
}
