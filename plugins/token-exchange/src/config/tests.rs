//! One table of mistakes, each told once with its place.

use plugin_checks::Sound;
use serde_json::{Value, json};

use super::*;

/// RFC 7515 A.3.1.
fn keys() -> Value {
    json!({"inline": {"keys": [{
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]}})
}

fn document() -> Value {
    json!({
        "token": {"source": "verified"},
        "requires": ["audience-validation"],
        "clock_skew_seconds": 10,
        "authorization_servers": [
            {"name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/token", "issuer": "https://idp.example",
             "profile": "rfc8693", "client_auth": {"method": "proxy"}, "may_act": {"sub": "gateway"},
             "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.idp.example/token"},
             "timeout_ms": 500, "breaker": {"failures": 3, "open_seconds": 5}},
            {"name": "entra", "cluster": "entra", "token_endpoint": "https://login.example/t/oauth2/v2.0/token",
             "issuer": "https://login.example/t/v2.0", "profile": "entra_obo", "client_capabilities": ["cp1"],
             "client_auth": {"method": "client_secret_basic", "client_id": "gateway", "client_secret": "hunter2-hunter2"}},
            {"name": "auth0", "cluster": "auth0", "token_endpoint": "https://auth0.example/oauth/token",
             "issuer": "https://auth0.example/", "profile": "auth0",
             "client_auth": {"method": "client_secret_post", "client_id": "gateway", "client_secret": "hunter2-hunter2"}},
            {"name": "keycloak", "cluster": "kc", "token_endpoint": "https://kc.example/token", "issuer": "https://kc.example",
             "profile": "keycloak"},
        ],
        "issuers": [{"issuer": "https://idp.example", "jwks": keys()}],
        "targets": [
            {"name": "tool-b", "match": {"path": {"prefix": "/b"}}, "authorization_server": "idp", "flow": "exchange",
             "audience": ["tool-b"], "resource": ["https://b.example/"], "scope": ["b:read"], "actor_token": {"value": "hunter2-actor", "type": "jwt"},
             "skip_if_audience_matches": true, "verify_result": true, "opaque_result": "deny", "scope_map": {"b:write": "files:write"},
             "requested_token_type": "access_token", "subject_token_type": "jwt", "claims": {"access_token": {}},
             "accept": {"audiences": ["account"], "scopes": ["profile"]}, "actors": {"required": true, "allowed": ["gateway"]}},
            {"name": "graph", "match": {"path": {"prefix": "/graph"}}, "authorization_server": "entra", "audience": ["https://graph.example"],
             "scope": ["https://graph.example/.default"], "actor_token": null},
            {"name": "vault", "match": {"path": {"prefix": "/vault"}}, "authorization_server": "auth0", "connection": "google-oauth2", "opaque_result": "allow"},
            {"name": "realm", "match": {"path": {"prefix": "/realm"}}, "authorization_server": "keycloak", "audience": ["realm-b"]},
            {"name": "own", "match": {"path": {"prefix": "/own"}}, "authorization_server": "idp", "flow": "client_credentials", "audience": ["own"]},
            {"name": "pay", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["pay"]}}, "flow": "pre_injected", "audience": ["bank"],
             "pre_injected": {"header": "x-bank-token", "issuers": ["https://idp.example"], "same": [{"subject": "/oid", "token": "/sub"}]}},
        ],
        "unmatched": "deny",
        "cookies": "keep",
        "cache": {"max_entries": 10, "max_ttl_seconds": 60, "margin_seconds": 5, "negative_ttl_seconds": 1},
        "body_mode": "hold_headers",
        "cors": {"allow_origins": ["https://app.example"]},
        "mcp": {"allowed_origins": []},
    })
}

fn sound() -> Sound<impl Fn(&[u8]) -> Result<Settings, Problems>> {
    Sound::new(document(), Settings::read)
}

fn grant<'s>(settings: &'s Settings, name: &str) -> &'s Grant {
    settings.targets.iter().find(|target| target.name == name).and_then(|target| target.require.grant()).unwrap()
}

#[test]
fn reads_a_sound_configuration() {
    let settings = Settings::read(document().to_string().as_bytes()).unwrap();
    assert_eq!((settings.servers.len(), settings.targets.len()), (4, 6));
    assert!(settings.common.notes.is_empty(), "{:?}", settings.common.notes);
    assert_eq!(settings.servers[1].endpoint.as_str(), "https://login.example/t/oauth2/v2.0/token");
    let to_graph = grant(&settings, "graph").claims.clone();
    assert_eq!(to_graph.as_deref(), Some(r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#));
    assert_eq!(settings.fields_for_us, ["x-bank-token"]);
    assert!(!format!("{settings:?}").contains("hunter2"), "settings never print a secret");
}

/// TEX-26: with a certificate the alias is the one that is asked.
#[test]
fn the_alias_for_clients_with_certificates_is_preferred() {
    let settings = Settings::read(document().to_string().as_bytes()).unwrap();
    assert_eq!(settings.servers[0].endpoint.as_str(), "https://mtls.idp.example/token");
}

#[test]
fn what_is_left_out_denies_and_keeps_little() {
    let minimal = json!({
        "authorization_servers": [{"name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/token", "issuer": "https://idp.example"}],
        "targets": [{"name": "b", "match": {"path": {"prefix": "/"}}, "authorization_server": "idp", "audience": ["b"]}],
    });
    let settings = Settings::read(minimal.to_string().as_bytes()).unwrap();
    assert_eq!((settings.unmatched, settings.cookies), (Unmatched::Deny, Cookies::Remove));
    assert_eq!(settings.cache.max_entries, 1024);
    assert_eq!(settings.cache.bounds.max.as_secs(), 300);
    assert_eq!(settings.servers[0].timeout.as_millis(), 1000);
    let grant = grant(&settings, "b");
    assert!(!grant.opaque && !grant.skip_if_audience_matches && grant.is_exchange);
    assert_eq!(grant.subject_token_type, "urn:ietf:params:oauth:token-type:access_token");
}

#[test]
fn the_schema_is_the_one_of_this_version() {
    plugin_checks::schema_is_committed(env!("CARGO_MANIFEST_DIR"), &schema());
}

/// TEX-02, TEX-03, TEX-26, TEX-27
#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let sound = sound();
    let set = |pointer, value| sound.set(pointer, value);
    let gone = |pointer| sound.gone(pointer);
    let server = "/authorization_servers/0";
    let of_server = |member: &str, value| sound.set(&format!("{server}/{member}"), value);
    let client = |value| sound.set("/authorization_servers/3/client_auth", value);
    let target = |member: &str, value| sound.set(&format!("/targets/0/{member}"), value);
    sound.each_is_told_once([
        (gone("/targets"), "targets is missing"),
        (set("/targets", json!([])), "targets is empty"),
        (target("cluster", json!("")), "targets[0].cluster[0] is empty"),
        (target("cluster", json!(["a", "a"])), "targets[0].cluster[1] is there twice"),
        (gone("/targets/0/name"), "targets[0].name is missing"),
        (gone("/targets/0/match"), "targets[0].match is missing"),
        (gone("/targets/0/authorization_server"), "targets[0].authorization_server is missing"),
        (target("authorization_server", json!("other")), "targets[0].authorization_server is not known"),
        (target("flow", json!("implicit")), "targets[0].flow has a wrong value"),
        (target("resource", json!(["https://h#f"])), "targets[0].resource[0] is no absolute URI"),
        (target("resource", json!(["/x"])), "targets[0].resource[0] is no absolute URI"),
        (target("audience", json!([""])), "targets[0].audience holds an empty name"),
        (target("scope", json!(["a b"])), "targets[0].scope[0] is no scope"),
        (target("scope", json!(["offline_access"])), "targets[0].scope[0] asks for a refresh token"),
        (target("actor_token", json!({"value": "x"})), "targets[0].actor_token.type is missing"),
        (target("actor_token", json!({"type": "jwt"})), "targets[0].actor_token has not one token"),
        (
            target("actor_token", json!({"type": "jwt", "value": "x", "header": "x-a"})),
            "targets[0].actor_token has not one token",
        ),
        (
            target("actor_token", json!({"type": "jwt", "header": "authorization"})),
            "targets[0].actor_token.header is no field",
        ),
        (target("opaque_result", json!("allow")), "targets[0].verify_result cannot be with opaque_result"),
        (target("scope_map", json!({"a b": "c"})), "targets[0].scope_map.a b is no pair of scopes"),
        (target("connection", json!("google")), "targets[0].connection is the name of a connection of Auth0"),
        (target("pre_injected", json!({})), "targets[0].pre_injected means nothing with this flow"),
        (target("actors", json!({"max_depth": 99})), "targets[0].actors.max_depth is too large"),
        (target("mode", json!("shadow")), "targets[0].mode is not known here"),
        (gone("/targets/3/audience"), "targets[3] says not whom its token is for"),
        (set("/targets/3/resource", json!(["https://x/"])), "targets[3].resource is known to the profile rfc8693 only"),
        (
            set("/targets/3/actor_token", json!({"value": "x", "type": "jwt"})),
            "targets[3].actor_token is known to the profile rfc8693 only",
        ),
        (gone("/targets/1/scope"), "targets[1].scope is empty"),
        (gone("/targets/2/opaque_result"), "targets[2].opaque_result cannot be deny"),
        (set("/targets/2/actors", json!({"required": true})), "targets[2].actors cannot be with opaque_result allow"),
        (set("/targets/2/audience", json!(["a", "b"])), "targets[2].audience has too many"),
        (set("/targets/4/skip_if_audience_matches", json!(true)), "targets[4].skip_if_audience_matches means nothing"),
        (set("/targets/4/actor_token", json!({"value": "x", "type": "jwt"})), "targets[4].actor_token means nothing"),
        (gone("/targets/5/pre_injected"), "targets[5].pre_injected is missing"),
        (gone("/targets/5/audience"), "targets[5].audience is empty"),
        (set("/targets/5/pre_injected/header", json!("x-fourleg-t")), "targets[5].pre_injected.header is no field"),
        (
            set("/targets/5/pre_injected/issuers", json!(["https://other.example"])),
            "targets[5].pre_injected.issuers[0] is not known",
        ),
        (
            set("/targets/5/pre_injected/same", json!([{"subject": "oid", "token": "/a"}])),
            "targets[5].pre_injected.same[0].subject is no JSON Pointer",
        ),
        (
            set("/issuers", json!([{"issuer": "https://a.example", "jwks": keys()}])),
            "targets[0].verify_result needs keys",
        ),
        (
            of_server("token_endpoint", json!("http://idp.example/token")),
            "authorization_servers[0].token_endpoint is no https URL",
        ),
        (
            of_server("mtls_endpoint_aliases", json!({"token_endpoint": "http://h"})),
            "authorization_servers[0].mtls_endpoint_aliases.token_endpoint is no https URL",
        ),
        (of_server("name", json!("entra")), "authorization_servers[1].name is there twice"),
        (of_server("cluster", json!("")), "authorization_servers[0].cluster is empty"),
        (of_server("timeout_ms", json!(0)), "authorization_servers[0].timeout_ms is out of range"),
        (of_server("breaker", json!({"failures": 0})), "authorization_servers[0].breaker.failures is out of range"),
        (
            of_server("client_capabilities", json!(["cp1"])),
            "authorization_servers[0].client_capabilities is known to the profile entra_obo",
        ),
        (of_server("may_act", json!({})), "authorization_servers[0].may_act.sub is missing"),
        (
            of_server("client_auth", json!({"method": "client_secret_post", "client_id": "g", "client_secret": "s"})),
            "authorization_servers[0].mtls_endpoint_aliases is for a client certificate",
        ),
        (client(json!({"method": "none"})), "authorization_servers[3].client_auth.method has a wrong value"),
        (
            client(json!({"client_secret": "hunter2"})),
            "authorization_servers[3].client_auth.client_secret is another way",
        ),
        (
            client(json!({"method": "client_secret_basic", "client_id": "g"})),
            "authorization_servers[3].client_auth.client_secret is missing",
        ),
        (
            client(json!({"method": "client_secret_basic", "client_id": "g", "client_secret": ""})),
            "authorization_servers[3].client_auth.client_secret is empty",
        ),
        (
            client(json!({"method": "client_secret_basic", "client_secret": "s"})),
            "authorization_servers[3].client_auth.client_id is missing",
        ),
        (
            client(json!({"method": "private_key_jwt", "client_id": "g", "algorithm": "ES256", "private_key": "x"})),
            "authorization_servers[3].client_auth.private_key cannot sign",
        ),
        (
            client(json!({"method": "private_key_jwt", "client_id": "g", "algorithm": "HS256", "private_key": "x"})),
            "authorization_servers[3].client_auth.algorithm has a wrong value",
        ),
        (
            client(json!({"method": "private_key_jwt", "client_id": "g", "algorithm": "ES256"})),
            "authorization_servers[3].client_auth.private_key is missing",
        ),
        (set("/unmatched", json!("allow")), "unmatched has a wrong value: expected `deny` or `remove_authorization`"),
        (set("/cookies", json!("some")), "cookies has a wrong value"),
        (set("/cache/max_ttl_seconds", json!(86_400)), "cache.max_ttl_seconds is too large"),
        (set("/cache/negative_ttl_seconds", json!(3600)), "cache.negative_ttl_seconds is too large"),
        (set("/body_mode", json!("hold_body")), "body_mode sends the user's token on"),
        (set("/clock_skew_seconds", json!(61)), "clock_skew_seconds is too large"),
        (set("/requires", json!(["token-exchange"])), "requires[0] has a wrong value"),
        (set("/token", json!({"source": "elsewhere"})), "token.source has a wrong value"),
        (set("/mode", json!("shadow")), "mode is not known here"),
        ("[]".to_owned(), "is not a JSON object"),
    ]);
}

/// TEX-26
#[test]
fn two_ways_to_authenticate_are_a_mistake() {
    let both = json!({"method": "private_key_jwt", "client_id": "g", "client_secret": "hunter2", "algorithm": "ES256", "private_key": "x"});
    let found = sound().mistakes(&sound().set("/authorization_servers/3/client_auth", both));
    assert!(
        found.iter().any(|mistake| mistake.contains("client_auth.client_secret is another way to authenticate")),
        "{found:?}"
    );
    assert!(!format!("{found:?}").contains("hunter2"));
}
