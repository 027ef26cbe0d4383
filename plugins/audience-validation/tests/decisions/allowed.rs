//! What goes on with a request that is let pass: the credential, the hand-off, the claims header, the record.

use audience_validation::AudienceValidation;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use plugin_checks::decisions::{Table, get, row};
use serde_json::{Value, json};

use crate::{Gate, I, R, ask, config, config_with, good, sign};

const TOKEN: &str = "fourleg.token";
const SUBJECT_TOKEN: &str = "fourleg.subject_token";

pub(crate) fn tables() -> Vec<Table> {
    vec![Table::new(
        config(),
        vec![row("a good token", ask(good()), "allow ok"), row("none needed", get("/healthz"), "allow public")],
    )]
}

#[test]
fn both_ways_of_passing_are_told_apart() {
    tables().iter().for_each(Table::check::<AudienceValidation>);
}

#[test]
fn the_credential_goes_on_or_ends_here_as_configured_public_requests_included() {
    for (authorization, is_removed, is_kept) in
        [("keep", false, false), ("remove", true, false), ("exchange", true, true)]
    {
        let mut gate = Gate::new(&config_with("/forward", json!({"authorization": authorization})));
        let token = sign(good());
        let decision = gate.decide(&get("/mcp").bearer(&token));
        let edits = decision.edits();
        assert_eq!(edits.remove == ["authorization"], is_removed, "{authorization}");
        assert!(edits.set.is_empty(), "{authorization}");
        assert_eq!(decision.state(SUBJECT_TOKEN), is_kept.then_some(token.as_bytes()), "{authorization}");
        // What nobody has looked at is never kept for an exchange.
        let decision = gate.decide(&get("/healthz").bearer(&token));
        assert_eq!(decision.edits().remove == ["authorization"], is_removed, "{authorization}");
        assert_eq!(
            (decision.state(SUBJECT_TOKEN), decision.state_json(TOKEN)),
            (None, Some(json!({"v": 1, "state": "public"})))
        );
        // An edit makes the proxy choose the route anew: there is none without need.
        assert_eq!(gate.decide(&get("/healthz")).edits().remove, Vec::<String>::new());
    }
}

#[test]
fn the_hand_off_names_the_resource_the_issuer_and_the_claims() {
    let token = good().subject("bob");
    let claims = token.claims();
    let decision = Gate::new(&config()).decide(&ask(token));
    let left = decision.state_json(TOKEN).unwrap();
    assert_eq!((&left["state"], &left["resource"], &left["issuer"]), (&json!("verified"), &json!(R), &json!(I)));
    assert_eq!((&left["profile"], &left["claims"]), (&json!("rfc9068"), &claims));
    assert_eq!(left["credential_sha256"], decision.record()["token_sha256"]);
    assert_eq!(left["credential_sha256"].as_str().unwrap().len(), 43);
}

#[test]
fn a_denied_request_hands_nothing_over() {
    let decision =
        Gate::new(&config_with("/forward", json!({"authorization": "exchange"}))).decide(&ask(good().scope("")));
    assert_eq!(decision.told(), "403 insufficient_scope");
    assert_eq!((decision.state(TOKEN), decision.state(SUBJECT_TOKEN)), (None, None));
}

#[test]
fn the_claims_header_has_the_claims_and_nothing_that_a_header_cannot_hold() {
    let mut gate = Gate::new(&config_with("/forward", json!({"claims_header": "x-fourleg-claims"})));
    let token = good().claim("name", "Alice\r\nx-admin: 1 \u{e9}");
    let claims = token.claims();
    let decision = gate.decide(&ask(token));
    let [(name, value)] = &decision.edits().set[..] else { panic!("{:?}", decision.edits().set) };
    assert_eq!(name, "x-fourleg-claims");
    let decoded: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).unwrap()).unwrap();
    assert_eq!(decoded, claims);
    assert!(gate.decide(&get("/healthz")).edits().set.is_empty());
}

#[test]
fn the_record_says_who_asked_by_whom_for_what() {
    let token = good().claim("act", json!({"sub": "tool-a", "act": {"sub": "agent-0"}}));
    let record = Gate::new(&config()).decide(&ask(token)).record();
    for (name, value) in [
        ("decision", json!("allow")),
        ("code", json!("ok")),
        ("subject", json!("alice")),
        ("client", json!("agent-1")),
        ("issuer", json!(I)),
        ("resource", json!(R)),
        ("actors", json!(["tool-a", "agent-0"])),
        ("scopes_held", json!(["tools:read"])),
        ("scopes_needed", json!(["tools:read"])),
    ] {
        assert_eq!(record[name], value, "{name} in {record}");
    }
}
