//! One table of mistakes, each told once with its place.

use mcp_core::Reads;
use plugin_checks::Sound;
use serde_json::{Value, json};

use super::*;

fn document() -> Value {
    json!({
        "token": {"source": "verified"},
        "style": "both",
        "authorization_uri": "https://login.example/authorize",
        "acr_levels": {"urn:phr": ["urn:mfa", "urn:pwd"]},
        "scope_hierarchy": {"files:admin": ["files:write"]},
        "clock_skew_seconds": 10,
        "rules": [
            {"name": "read", "match": {"methods": ["GET"], "path": {"prefix": "/files"}}, "require": {}},
            {"name": "tool", "match": {"path": {"exact": "/mcp"}, "mcp": {"tools": ["delete_*"]}}, "require": {"scopes": ["x"]}},
            {"name": "delete", "match": {"path": {"prefix": "/files"}}, "mode": "enforce",
             "require": {"acr_values": ["urn:mfa"], "max_age_seconds": 300, "amr": ["otp"], "auth_context": "c1", "scopes": []}},
        ],
        "unmatched": "allow",
        "insufficient_scope_status": 403,
        "loop_guard": {"attempts": 3, "window_seconds": 60},
        "body_mode": "hold_headers",
        "cors": {"allow_origins": ["https://app.example"]},
        "mcp": {"allowed_origins": ["https://app.example"], "max_body_bytes": 65_536},
    })
}

fn sound() -> Sound<impl Fn(&[u8]) -> Result<Settings, Problems>> {
    Sound::new(document(), Settings::read)
}

#[test]
fn reads_a_sound_configuration() {
    let settings = Settings::read(document().to_string().as_bytes()).unwrap();
    assert_eq!((settings.rules.len(), settings.unmatched), (3, Unmatched::Allow));
    assert_eq!((settings.common.endpoint.max_body, settings.common.endpoint.reads), (65_536, Reads::Body));
    assert!(settings.common.notes.is_empty(), "{:?}", settings.common.notes);
    assert_eq!(settings.loop_guard, Limits { attempts: 3, window: Duration::from_secs(60) });
}

#[test]
fn the_committed_schema_is_the_one_of_this_version() {
    plugin_checks::schema_is_committed(env!("CARGO_MANIFEST_DIR"), &schema());
}

#[test]
fn each_typical_mistake_is_named_with_its_place() {
    let sound = sound();
    let set = |pointer, value| sound.set(pointer, value);
    let gone = |pointer| sound.gone(pointer);
    sound.each_is_told_once([
        (gone("/rules"), "rules is missing"),
        (set("/rules", json!([])), "rules is empty"),
        (gone("/unmatched"), "unmatched is missing: expected allow or deny"),
        (set("/unmatched", json!("pass")), "unmatched has a wrong value: expected `allow` or `deny`"),
        (gone("/rules/0/name"), "rules[0].name is missing"),
        (gone("/rules/0/match"), "rules[0].match is missing"),
        (gone("/rules/0/require"), "rules[0].require is missing"),
        (set("/rules/0/match", json!({})), "rules[0].match is empty"),
        (set("/rules/0/mode", json!("off")), "rules[0].mode has a wrong value"),
        (
            set("/rules/0/match", json!({"path": {"prefix": "/files"}})),
            "rules[2].match is never reached: the rule \"read\"",
        ),
        (set("/rules/2/match", json!({"hosts": ["a.example"]})), "rules[2].match.hosts can be dodged"),
        (set("/rules/2/require/max_age_seconds", json!(-1)), "rules[2].require.max_age_seconds is of type integer"),
        (set("/rules/2/require/max_age_seconds", json!(1.5)), "rules[2].require.max_age_seconds is of type"),
        (set("/rules/2/require/acr_values", json!([])), "rules[2].require.acr_values is empty"),
        (set("/rules/2/require/acr", json!("x")), "rules[2].require.acr is not known here"),
        (set("/rules/2/require/clients", json!(["x"])), "rules[2].require.clients is not known here"),
        (set("/style", json!("okta")), "style has a wrong value: expected one of `rfc9470`, `entra`, `both`, `scope`, or a list"),
        (set("/style", json!(["okta"])), "style has a wrong value: expected one of"),
        (set("/style", json!({})), "style has a wrong value: expected one of"),
        (set("/style", json!([])), "style is empty"),
        (set("/style", json!(["entra", "rfc9470", "scope"])), "rfc9470_clients is missing"),
        (set("/rfc9470_clients", json!(["agent-1"])), "rfc9470_clients has no meaning with this style"),
        (set("/rules/2/step_up_scope", json!("s")), "rules[2].step_up_scope is never asked for: expected the style scope"),
        (set("/rules/2/step_up_scope", json!(["s"])), "rules[2].step_up_scope is of type list"),
        (gone("/authorization_uri"), "authorization_uri is missing"),
        (set("/authorization_uri", json!("http://x")), "authorization_uri is no plain https URL"),
        (set("/acr_levels", json!({"a": []})), "acr_levels.a is empty"),
        (set("/scope_hierarchy", json!({"a b": []})), "scope_hierarchy.a b is no scope"),
        (set("/clock_skew_seconds", json!(61)), "clock_skew_seconds is too large"),
        (set("/insufficient_scope_status", json!(400)), "insufficient_scope_status is another status"),
        (set("/loop_guard", json!({"attempts": 0})), "loop_guard.attempts is out of range"),
        (set("/loop_guard", json!({"window_seconds": 86_400})), "loop_guard.window_seconds is out of range"),
        (set("/body_mode", json!("headers")), "body_mode has a wrong value"),
        (set("/mcp", json!({"max_body_bytes": 0})), "mcp.max_body_bytes is out of range"),
        (set("/mcp", json!({"allowed_origins": ["https://a.example/"]})), "mcp.allowed_origins[0] is no origin"),
        (set("/rules/1/match/mcp", json!({})), "rules[1].match.mcp is empty"),
        (set("/rules/1/match/mcp", json!({"clientInfo": {}})), "rules[1].match.mcp.clientInfo is not known here"),
        (
            set(
                "/token",
                json!({"source": "verify", "issuers": [], "resources": [{"resource": "https://a.example", "match": {"mcp": {"tools": ["a"]}}}]}),
            ),
            "token.resources[0].match.mcp is not supported",
        ),
        (set("/cors", json!({"allow_origins": ["*"]})), "cors.allow_origins[0] is no origin"),
        (set("/token", json!({"source": "jwt"})), "token.source has a wrong value"),
        (set("/token", json!({"source": "introspected"})), "token.source has a wrong value"),
        (set("/token", json!({"source": "verify"})), "token.issuers is missing"),
        (set("/mode", json!("shadow")), "mode is not known here"),
        ("[]".to_owned(), "is not a JSON object"),
    ]);
}

/// COR-16, MCP-14
#[test]
fn both_lists_of_origins_take_what_a_browser_writes_and_nothing_else() {
    let problems_of = |block: &str, member: &str, origin: &str| {
        let mut document = document();
        document[block] = json!({ member: [origin] });
        Settings::read(document.to_string().as_bytes()).err().map(|problems| problems.to_string())
    };
    let lists = [("mcp", "allowed_origins"), ("cors", "allow_origins")];
    for origin in [
        "https://app.example",
        "http://localhost:6274",
        "https://xn--mnchen-3ya.example:8443",
        "http://127.0.0.1:3000",
        "http://[::1]",
        "http://[2001:db8::1]:8080",
        "http://app.example:443",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://3c4b2f0e-8a6d-4f0c-9c55-2d1c0f4a9b7e",
        "safari-web-extension://3C4B2F0E-8A6D-4F0C-9C55-2D1C0F4A9B7E",
        "vscode-webview://1l3h9d6s0v8q",
        "tauri://localhost",
        "app://obsidian.md",
        "null",
    ] {
        for (block, member) in lists {
            assert_eq!(problems_of(block, member, origin), None, "{block}.{member} {origin}");
        }
    }
    for origin in [
        "",
        "*",
        "Null",
        "app.example",
        "https://",
        "https://*.example",
        "https://app.example/",
        "https://app.example?x",
        "https://user@app.example",
        "https://App.example",
        "HTTPS://app.example",
        "https://app.example.",
        "https://a b",
        "https://m\u{fc}nchen.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://app.example:",
        "https://app.example:08443",
        "https://app.example:+8443",
        "https://app.example:65536",
        "https://app.example:8443:1",
        "http://[::1",
        "http://[::g]",
        "http://[2001:DB8::1]",
        "http://::1",
        "chrome-extension://",
        "chrome-extension://*",
        "chrome-extension://abcdefghijklmnop/",
        "vscode-webview:abc",
    ] {
        for (block, member) in lists {
            let problems = problems_of(block, member, origin).unwrap_or_default();
            assert!(problems.contains(&format!("{block}.{member}[0] is no origin")), "{origin}: {problems}");
        }
    }
}

#[test]
fn a_step_up_scope_stands_for_an_authentication_and_is_one_scope() {
    let mut document = document();
    document["style"] = json!(["both", "scope"]);
    document["rfc9470_clients"] = json!(["agent-1"]);
    document["rules"][2]["step_up_scope"] = json!("step-up:mfa");
    let settings = Settings::read(document.to_string().as_bytes()).unwrap();
    assert!(settings.common.notes.is_empty(), "{:?}", settings.common.notes);
    let sound = Sound::new(document, Settings::read);
    let set = |pointer, value| sound.set(pointer, value);
    sound.each_is_told_once([
        (set("/rules/2/step_up_scope", json!("a b")), "rules[2].step_up_scope is no scope"),
        (set("/rules/2/step_up_scope", json!("")), "rules[2].step_up_scope is no scope"),
        (set("/rules/2/step_up_scope", json!("offline_access")), "rules[2].step_up_scope asks for a refresh token"),
        (set("/rules/1/step_up_scope", json!("s")), "rules[1].step_up_scope stands for nothing"),
        (set("/rfc9470_clients", json!([])), "rfc9470_clients is empty"),
    ]);
}

#[test]
fn a_rule_whose_authentication_no_scope_stands_for_is_noted_with_style_scope() {
    let mut document = document();
    document["style"] = json!("scope");
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().common.notes;
    assert!(notes.len() == 1 && notes[0].starts_with("rules[2].step_up_scope is missing"), "{notes:#?}");
}

/// Without its mistake the block is about less, so what it would make of later rules is not told.
#[test]
fn a_mistake_in_a_match_is_told_alone() {
    for (place, value) in [
        ("/rules/1/match/mcp", json!({"tools": [""]})),
        ("/rules/1/match/mcp", json!({"tool": ["a"]})),
        ("/rules/1/match/path", json!({"prefix": "mcp"})),
    ] {
        let found = sound().mistakes(&sound().with(place, Some(value.clone())));
        assert_eq!(found.len(), 1, "{place} {value}: {found:#?}");
    }
}

#[test]
fn a_rule_on_hosts_needs_a_later_one_that_holds_for_the_same_on_any_host() {
    let by_host =
        json!({"hosts": ["a.example"], "methods": ["POST"], "path": {"exact": "/mcp"}, "mcp": {"tools": ["delete_*"]}});
    let mut document = document();
    for (later, dodged) in [
        (json!({"path": {"prefix": "/other"}}), true),
        (json!({"methods": ["GET"], "path": {"prefix": "/mcp"}}), true),
        (json!({"path": {"prefix": "/mcp"}, "mcp": {"tools": ["read_*"]}}), true),
        (json!({"path": {"prefix": "/mcp"}, "mcp": {"tools": ["*"]}}), false),
        (json!({"path": {"prefix": "/"}}), false),
    ] {
        document["rules"] = json!([
            {"name": "a", "match": by_host, "require": {"acr_values": ["urn:mfa"]}},
            {"name": "b", "match": later, "require": {"scopes": ["x"]}},
        ]);
        let found = Settings::read(document.to_string().as_bytes()).map(drop);
        let found = found.err().map(|problems| problems.to_string()).unwrap_or_default();
        assert_eq!(found.contains("rules[0].match.hosts can be dodged"), dodged, "{later}: {found}");
    }
}

#[test]
fn a_rule_on_hosts_needs_no_other_where_the_rest_is_denied() {
    let mut document = document();
    document["rules"] = json!([{"name": "a", "match": {"hosts": ["a.example"]}, "require": {"scopes": ["x"]}}]);
    assert!(sound().mistakes(&document.to_string())[0].contains("can be dodged"));
    document["unmatched"] = json!("deny");
    assert!(Settings::read(document.to_string().as_bytes()).is_ok());
}

#[test]
fn what_no_challenge_can_ask_for_is_noted() {
    let mut document = document();
    document["style"] = json!("rfc9470");
    document["rules"][2]["require"] = json!({"auth_context": "c1", "amr": ["otp"]});
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().common.notes;
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes[0].starts_with("rules[2].require.amr cannot be asked for"), "{notes:#?}");
    assert!(notes[1].starts_with("rules[2].require.auth_context cannot be asked for"), "{notes:#?}");
}

#[test]
fn what_is_said_of_mcp_without_a_rule_about_it_is_noted() {
    let mut document = document();
    document["rules"].as_array_mut().unwrap().remove(1);
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().common.notes;
    assert_eq!(notes, ["mcp is not used: no rule has match.mcp", "body_mode is not used: no rule has match.mcp"]);
}

#[test]
fn a_rule_that_makes_every_request_one_of_mcp_is_noted() {
    let mut document = document();
    document["rules"][1]["match"] = json!({"mcp": {"tools": ["delete_*"]}});
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().common.notes;
    assert!(notes.len() == 1 && notes[0].starts_with("rules[1].match has mcp and no path"), "{notes:?}");
}

#[test]
fn two_rules_of_one_name_are_noted() {
    let mut document = document();
    document["rules"][2]["name"] = document["rules"][0]["name"].clone();
    let notes = Settings::read(document.to_string().as_bytes()).unwrap().common.notes;
    assert!(notes.len() == 1 && notes[0].starts_with("rules[2].name is the name of an earlier rule"), "{notes:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let found = sound().mistakes(&json!({"style": "entra", "loop_guard": {"attempts": 0}, "rules": [{}]}).to_string());
    for start in [
        "authorization_uri is",
        "loop_guard.attempts",
        "rules[0].name",
        "rules[0].match",
        "rules[0].require",
        "unmatched",
    ] {
        assert_eq!(found.iter().filter(|mistake| mistake.starts_with(start)).count(), 1, "{start}: {found:#?}");
    }
}
