//! The standard fixture of the scenarios: one resource, one issuer, its keys, and good tokens.

use std::{net::SocketAddr, time::Duration};

use fourleg_harness::{Gateway, Request, Runner, Running, plugin};
use fourleg_lab::{
    envoy::{Bootstrap, RunningEnvoy, WasmFilter, target_dir},
    mint::{Algorithm, Mint, Token, jwks, key},
    raw_client,
    wire::{WireRequest, WireResponse},
};
use fourleg_tests::warm;
use serde_json::{Value, json};

/// The resource.
pub(crate) const R: &str = "https://mcp.example.com/mcp";

/// The issuer.
pub(crate) const I: &str = "https://as.example.com/t1";

/// The public keys of the issuer, one for each algorithm.
pub(crate) fn public_keys() -> Value {
    jwks(Algorithm::ALL.map(key))
}

/// audience-validation for `R` alone, with inline keys: `tools:read` is needed, for POST on /mcp/admin `tools:admin` too, and
/// GET /healthz is public.
pub(crate) fn config() -> Value {
    json!({
        "issuers": [{
            "issuer": I,
            "algorithms": ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"],
            "jwks": {"inline": public_keys()},
        }],
        "resources": [{
            "resource": R,
            "match": {"path": {"prefix": "/mcp"}},
            "require": {"scopes": ["tools:read"]},
            "rules": [{
                "name": "administer",
                "match": {"methods": ["POST"], "path": {"exact": "/mcp/admin"}},
                "require": {"scopes": ["tools:admin"]},
            }],
        }],
        "public": [{"methods": ["GET"], "path": {"exact": "/healthz"}}],
    })
}

/// A gateway with audience-validation alone.
pub(crate) fn gateway(config: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", config)])
}

/// The standard gateway, serving.
pub(crate) fn serve(runner: &dyn Runner) -> Box<dyn Running> {
    runner.start(gateway(config())).unwrap()
}

/// Variants of a configuration that only the policy tells apart: all of them on wasmtime, and the first `few` on Envoy, where
/// each is a gateway of its own. For what the native tables of the plugins (`tests/decisions`) decide as well, and for nothing
/// that only the proxy can show.
pub(crate) fn representative<T>(
    runner: &dyn Runner,
    few: usize,
    variants: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = T> {
    variants.into_iter().take(if runner.name() == "envoy" { few } else { usize::MAX })
}

/// A good token for `R` with the scope `tools:read`, by the gateway's clock.
pub(crate) fn good(gateway: &dyn Running) -> Token {
    Mint::new(I, R).at(gateway.now()).access_token().scope("tools:read")
}

/// `token` of a filter behind [`behind_jwt_authn`].
pub(crate) fn of_jwt_authn() -> Value {
    json!({"source": "jwt_authn", "payload_key": "payload", "payload_header": "x-payload", "resource": R})
}

/// Envoy with its own `jwt_authn`, and one of our filters behind it.
pub(crate) fn behind_jwt_authn(name: &str, config: &Value, upstream: SocketAddr) -> RunningEnvoy {
    let provider = json!({
        "issuer": I, "local_jwks": {"inline_string": public_keys().to_string()}, "forward": true,
        "forward_payload_header": "x-payload", "payload_in_metadata": "payload",
    });
    let rules = json!([{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}]);
    let module = target_dir().join(format!("wasm/{name}.wasm"));
    let bootstrap = Bootstrap::before(upstream)
        .native_filter(
            "envoy.filters.http.jwt_authn",
            "jwt_authn.v3.JwtAuthentication",
            json!({"providers": {"idp": provider}, "rules": rules}),
        )
        .filter(WasmFilter::new(name, module, config.to_string()).vm_id(name));
    warm::serve(&bootstrap)
}

/// Sends a request without body.
pub(crate) fn send(envoy: &RunningEnvoy, request: Request) -> WireResponse {
    let Request { method, path, authority, headers, .. } = request;
    let wire = WireRequest { method, path, authority, headers, ..WireRequest::default() };
    raw_client::send(envoy.address(), &wire, Duration::from_secs(10)).unwrap()
}
