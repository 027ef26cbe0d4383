//! The standard fixture of the scenarios: one resource, one issuer, its keys, and good tokens.

use fourleg_harness::{Gateway, Runner, Running, plugin};
use fourleg_lab::mint::{Algorithm, Mint, Token, jwks, key};
use serde_json::{Value, json};

/// The resource.
pub const R: &str = "https://mcp.example.com/mcp";

/// The issuer.
pub const I: &str = "https://as.example.com/t1";

/// The public keys of the issuer, one for each algorithm.
pub fn public_keys() -> Value {
    jwks(Algorithm::ALL.map(key))
}

/// audience-validation for `R` alone, with inline keys: `tools:read` is needed, for POST on /mcp/admin `tools:admin` too, and
/// GET /healthz is public.
pub fn config() -> Value {
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
pub fn gateway(config: Value) -> Gateway {
    Gateway::chain([plugin("audience_validation", config)])
}

/// The standard gateway, serving.
pub fn serve(runner: &dyn Runner) -> Box<dyn Running> {
    runner.start(gateway(config())).unwrap()
}

/// A good token for `R` with the scope `tools:read`, by the gateway's clock.
pub fn good(gateway: &dyn Running) -> Token {
    Mint::new(I, R).at(gateway.now()).access_token().scope("tools:read")
}
