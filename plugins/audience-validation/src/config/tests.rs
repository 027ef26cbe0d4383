//! One table of mistakes, each told once with its place.

use plugin_checks::Sound;
use serde_json::{Value, json};

use super::*;

fn document() -> Value {
    json!({
        "issuers": [
            {"issuer": "https://idp.example", "jwks": {"remote": {"cluster": "idp", "uri": "https://idp.example/jwks"}}},
            {"issuer": "https://other.example", "profile": "generic", "algorithms": ["EdDSA"], "token_types": ["JWT"],
             "jwks": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}},
        ],
        "clock_skew_seconds": 10,
        "resources": [
            {"resource": "https://tools.example/files", "match": {"path": {"prefix": "/files"}},
             "accept": [{"issuer": "https://idp.example", "audiences": ["files"]}, {"issuer": "https://other.example"}],
             "require": {"scopes": ["files:read"]},
             "rules": [{"name": "write", "match": {"methods": ["POST"]}, "require": {"scopes": ["files:write"]}, "mode": "enforce"}]},
            {"resource": "urn:example:rest", "match": {"path": {"prefix": "/"}}},
        ],
        "public": [{"methods": ["GET"], "path": {"exact": "/healthz"}}],
    })
}

fn sound() -> Sound<impl Fn(&[u8]) -> Result<Settings, Problems>> {
    Sound::new(document(), Settings::read)
}

#[test]
fn reads_a_sound_configuration() {
    let settings = Settings::read(document().to_string().as_bytes()).unwrap();
    assert_eq!(settings.issuers.len(), 2);
    let [files, rest] = settings.resources.as_slice() else { panic!("two resources") };
    assert_eq!(files.protected.accept[0].audiences, ["files"]);
    assert_eq!(files.protected.accept[1].audiences, ["https://tools.example/files"]);
    assert_eq!((files.rules.len(), rest.rules.len(), rest.protected.accept.len()), (1, 0, 2));
}

#[test]
fn the_committed_schema_is_the_one_of_this_version() {
    plugin_checks::schema_is_committed(env!("CARGO_MANIFEST_DIR"), &schema());
}

#[test]
fn a_single_resource_needs_no_match() {
    let mut document = document();
    document["resources"] = json!([{"resource": "https://tools.example"}]);
    assert!(Settings::read(document.to_string().as_bytes()).unwrap().resources[0].protected.matches.is_none());
}

#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let sound = sound();
    let set = |pointer, value| sound.set(pointer, value);
    let gone = |pointer| sound.gone(pointer);
    sound.each_is_told_once([
        (gone("/issuers"), "issuers is missing"),
        (set("/issuers/1/issuer", json!("https://other.example ")), "issuers[1].issuer is empty or has white space around it"),
        (set("/resources/0/accept/0/audiences", json!(["\tfiles"])), "audiences is empty or holds a name that is empty or has"),
        (set("/resources/0/require", json!({"scope": ["files:read"]})), "; did you mean `scopes`?"),
        (set("/issuers", json!([])), "issuers is empty"),
        (gone("/issuers/0/issuer"), "issuers[0].issuer is missing"),
        (set("/issuers/0/issuer", json!(7)), "issuers[0].issuer is of type integer: expected a string"),
        (set("/issuers/1/issuer", json!("https://idp.example")), "issuers[1].issuer is there twice"),
        (
            set("/issuers/0/profile", json!("rfc9086")),
            "issuers[0].profile has a wrong value: expected one of `rfc9068`",
        ),
        (set("/issuers/0/algorithms", json!([])), "issuers[0].algorithms is empty"),
        (set("/issuers/0/algorithms", json!(["none"])), "issuers[0].algorithms[0] is no supported algorithm"),
        (set("/issuers/0/algorithms", json!(["HS256"])), "issuers[0].algorithms[0] is no supported algorithm"),
        (set("/resources/0/cluster", json!([])), "resources[0].cluster is empty"),
        (set("/resources/0/cluster", json!(["a", ""])), "resources[0].cluster[1] is empty"),
        (
            set("/resources/0/cluster", json!({"name": "a"})),
            "resources[0].cluster is of type object: expected the name of a cluster, or a list of names",
        ),
        (set("/resources/0/cluster", json!(["a", 1])), "resources[0].cluster[1] is of type integer: expected a string"),
        (set("/issuers/0/token_types", json!([""])), "issuers[0].token_types is empty"),
        (gone("/issuers/0/jwks"), "issuers[0].jwks is missing"),
        (set("/issuers/0/jwks", json!({})), "issuers[0].jwks has none or several"),
        (set("/issuers/1/jwks/inline", json!({"keys": []})), "issuers[1].jwks.inline holds no usable key"),
        (set("/issuers/1/jwks/inline", json!({"key": []})), "issuers[1].jwks.inline is no JWK set"),
        (gone("/issuers/0/jwks/remote/cluster"), "issuers[0].jwks.remote.cluster is missing"),
        (
            set("/issuers/0/jwks/remote/uri", json!("http://idp.example/jwks")),
            "issuers[0].jwks.remote.uri is no plain https URL",
        ),
        (set("/issuers/0/jwks/remote/timeout_ms", json!(0)), "issuers[0].jwks.remote.timeout_ms is out of range"),
        (
            set("/issuers/0/jwks/remote/cooldown_seconds", json!("1")),
            "issuers[0].jwks.remote.cooldown_seconds is of type string",
        ),
        (
            set("/issuers/0/jwks/remote/refresh", json!(60)),
            "issuers[0].jwks.remote.refresh is not known here: expected one of `cluster`",
        ),
        (
            set("/issuers/0/jwks/remote/max_stale_seconds", json!(20)),
            "issuers[0].jwks.remote.max_stale_seconds is shorter",
        ),
        (set("/clock_skew_seconds", json!(600)), "clock_skew_seconds is too large"),
        (gone("/resources"), "resources is missing"),
        (set("/resources", json!([])), "resources is empty"),
        (set("/resources/0/resource", json!("tools.example")), "resources[0].resource is no absolute URI"),
        (set("/resources/0/resource", json!("https://h#f")), "resources[0].resource is no absolute URI"),
        (gone("/resources/0/match"), "resources[0].match is missing"),
        (set("/resources/0/match", json!({})), "resources[0].match is empty"),
        (set("/resources/0/match", json!({"path": {"prefix": "/"}})), "resources[1].match can match the same request"),
        (set("/resources/0/match/path/prefix", json!("/files/")), "resources[0].match.path.prefix ends with /"),
        (set("/resources/0/accept", json!([])), "resources[0].accept is empty"),
        (
            set("/resources/0/accept/0/issuer", json!("https://idp.example/")),
            "resources[0].accept[0].issuer is none of issuers",
        ),
        (set("/resources/0/accept/0/audiences", json!([])), "resources[0].accept[0].audiences is empty"),
        (set("/resources/0/require/scopes", json!("files:read")), "resources[0].require.scopes is of type string"),
        (set("/resources/0/require/scopes/0", json!("a b")), "resources[0].require.scopes[0] is no scope"),
        (gone("/resources/0/rules/0/require"), "resources[0].rules[0].require is missing"),
        (gone("/resources/0/rules/0/match"), "resources[0].rules[0].match is missing"),
        (gone("/resources/0/rules/0/name"), "resources[0].rules[0].name is missing"),
        (set("/public/0", json!({})), "public[0] is empty"),
        (set("/issuers/0/tenants", json!(["t"])), "issuers[0].tenants is known to the profile entra only"),
        (set("/issuers/0/issuer", json!("https://login.example/{tenantid}/v2.0")), "issuers[0].tenants is missing"),
        (set("/issuers/0/jwks", json!({"discovery": {}})), "issuers[0].jwks.discovery.cluster is missing"),
        (
            set("/issuers/0/jwks", json!({"discovery": {"cluster": "idp", "metadata_uri": "http://x"}})),
            "issuers[0].jwks.discovery.metadata_uri is no plain https URL",
        ),
        (
            set("/issuers/0/jwks", json!({"discovery": {"cluster": "idp", "hosts": {"https://keys.example": "keys"}}})),
            "issuers[0].jwks.discovery.hosts.https://keys.example is no host",
        ),
        (
            set("/resources/0/rules/0/match", json!({"hosts": ["a.example"]})),
            "resources[0].rules[0].match.hosts can be dodged",
        ),
        (
            set("/resources/0/require", json!({"subject_equals": ["{path.user}"]})),
            "resources[0].require.subject_equals names {path.user}",
        ),
        (
            set("/resources/0/require", json!({"source_cidrs": ["10.0.0.1/8"]})),
            "resources[0].require.source_cidrs[0] is no address range",
        ),
        (
            set("/resources/0/protected_resource_metadata", json!({"authorization_servers": []})),
            "resources[0].protected_resource_metadata.authorization_servers is empty",
        ),
        (
            set("/resources/1/protected_resource_metadata", json!({"authorization_servers": ["https://a"]})),
            "cannot be served",
        ),
        (set("/resources/1/resource", json!("https://tools.example/files")), "resources[1].resource is there twice"),
        (set("/named_requirements", json!({"a b": {}})), "named_requirements.a b is no name"),
        (set("/cors", json!({"allow_origins": ["*"]})), "cors.allow_origins[0] is no origin"),
        (set("/cors", json!({"allow_origins": ["https://a.example/"]})), "cors.allow_origins[0] is no origin"),
        (set("/forward", json!({"claims_header": "x-user"})), "forward.claims_header is no name of ours"),
        (set("/forward", json!({"authorization": "drop"})), "forward.authorization has a wrong value"),
        (set("/scope_hierarchy", json!({"a b": []})), "scope_hierarchy.a b is no scope"),
        (set("/crypto", json!("openssl")), "crypto has a wrong value: expected one of `auto`, `host`, `guest`"),
        (set("/cache", json!({"max_entries": -1})), "cache.max_entries is of type integer"),
        (set("/mode", json!("off")), "mode has a wrong value: expected `enforce` or `shadow`"),
        (set("/public/0", json!({"methods": ["GET"]})), "public[0] is about every path"),
        (set("/public/0", json!({"path": {"prefix": "/"}})), "public[0] is about every path"),
        (
            set("/public/0", json!({"path": {"prefix": "/files"}})),
            "public[0] covers the whole of https://tools.example/files",
        ),
        (
            set("/resources/0/match", json!({"methods": ["GET"], "path": {"prefix": "/files"}})),
            "resources[0].match.methods leaves its other methods to urn:example:rest",
        ),
        (
            set(
                "/resources/0/rules",
                json!([
                    {"name": "a", "match": {"path": {"prefix": "/files"}}, "require": {}},
                    {"name": "b", "match": {"methods": ["GET"], "path": {"prefix": "/files/x"}}, "require": {}},
                ]),
            ),
            "resources[0].rules[1].match is never reached: the rule \"a\" before it",
        ),
        (
            set("/resources/0/rules/0/match", json!({"path": {"prefix": "/delete"}})),
            "resources[0].rules[0].match is never reached, since it lies outside of the resource's match",
        ),
        (
            set(
                "/resources/0",
                json!({
                    "resource": "https://tools.example/files", "match": {"hosts": ["a.example"], "path": {"prefix": "/files"}},
                    "rules": [{"name": "a", "match": {"hosts": ["b.example"]}, "require": {}}],
                }),
            ),
            "resources[0].rules[0].match is never reached, since it lies outside of the resource's match",
        ),
        (
            set(
                "/resources/0/rules",
                json!([
                    {"name": "a", "match": {"path": {"prefix": "/files"}}, "require": {}},
                    {"name": "b", "match": {"methods": ["DELETE"]}, "require": {"scopes": ["files:admin"]}},
                ]),
            ),
            "resources[0].rules[1].match is never reached: the rule \"a\" before it",
        ),
        (set("/resources/0/match/path/prefix", json!("/files/*")), "resources[0].match.path.prefix holds a *"),
        (
            set("/resources/0/match/path", json!("/files")),
            "resources[0].match.path is of type string: expected an object",
        ),
        (set("/resources/0/require", json!(null)), "resources[0].require is null"),
        (set("/resources/0/require/scopes", json!(null)), "resources[0].require.scopes is null"),
        (set("/public/0", json!([["POST"]])), "public[0] is of type list"),
        (set("/resources/0/require", json!([])), "resources[0].require is of type list"),
        (set("/publik", json!([])), "publik is not known here"),
        (String::new(), " is not valid JSON"),
        ("{\"issuers\": [}".to_owned(), "line 1 column 14"),
    ]);
}

#[test]
fn a_filter_that_decides_nothing_takes_no_credential_away() {
    let mut document = document();
    document["mode"] = json!("shadow");
    document["forward"] = json!({"authorization": "remove"});
    assert!(
        sound().mistakes(&document.to_string())[0].starts_with("forward.authorization cannot be while mode is shadow")
    );
    document["forward"] = json!({"claims_header": "x-fourleg-claims"});
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().notes;
    assert!(notes[0].starts_with("forward.claims_header is not set while mode is shadow"), "{notes:#?}");
}

/// AUD-11, PRM-07
#[test]
fn what_is_hardly_meant_is_noted() {
    let mut document = document();
    document["resources"][0]["require"] = json!({"claims": [{"pointer": "/email", "any_of": ["a@b.example"]}]});
    document["resources"][0]["protected_resource_metadata"] =
        json!({"authorization_servers": ["https://idp.example"], "scopes_supported": ["offline_access"]});
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().notes;
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes[0].starts_with("resources[0].require.claims[0].pointer"), "{notes:#?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut document = document();
    document["issuers"][0]["jwks"]["remote"]["uri"] = json!("ftp://x");
    document["issuers"][1]["profile"] = json!(1);
    document["resources"][0]["require"] = json!({"scopes": ["\""], "actors": {}});
    document["resources"][1]["resource"] = json!("");
    document["nonsense"] = json!(true);
    let found = sound().mistakes(&document.to_string());
    assert_eq!(found.len(), 5, "{found:#?}");
}
