//! What the server refuses or fails to say, and what the client is told (TEX-12, TEX-13).

use filter_kit::policy::{Callout, Fault};
use plugin_checks::decisions::{Reply, Table, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{Gate, I, ask, refuses, set, to_b, to_b_with};

/// What becomes of a request whose exchange gets this answer.
fn about(document: Value, told: &'static str, clusters: fn(&Callout) -> Reply) -> Table {
    Table::new(document, vec![row(told, ask(), told)]).with_clusters(clusters)
}

pub(crate) fn tables() -> Vec<Table> {
    let of = |told, clusters| about(to_b(), told, clusters);
    let keycloak = || to_b_with("/authorization_servers/0/profile", json!("keycloak"));
    vec![
        of("401 subject_token_refused", |_| refuses("invalid_request")),
        of("401 subject_token_refused", |_| refuses("invalid_grant")),
        of("401 subject_token_refused", |_| refuses("invalid_token")),
        of("403 exchange_denied", |_| refuses("invalid_target")),
        of("403 exchange_denied", |_| refuses("invalid_scope")),
        of("403 exchange_denied", |_| refuses("unauthorized_client")),
        of("403 exchange_denied", |_| refuses("access_denied")),
        of("502 exchange_client_refused", |_| refuses("invalid_client")),
        of("502 exchange_client_refused", |_| refuses("unsupported_grant_type")),
        of("502 exchange_failed", |_| refuses("server_error")),
        of("502 exchange_failed", |_| refuses("never_heard_of")),
        of("502 exchange_failed", |_| Reply::json(400, &json!({}))),
        of("502 exchange_failed", |_| Reply::Answer(400, b"<html>".to_vec())),
        of("502 exchange_failed", |_| Reply::Answer(200, Vec::new())),
        of("502 exchange_failed", |_| Reply::json(302, &json!({}))),
        of("502 exchange_failed", |_| Reply::json(500, &json!({}))),
        of("502 exchange_failed", |_| Reply::Fails(Fault::NoHeaders)),
        of("502 exchange_failed", |_| Reply::Fails(Fault::TooLarge)),
        of("502 exchange_failed", |_| Reply::Fails(Fault::Coded("gzip"))),
        of("503 exchange_unavailable", |_| Reply::json(503, &json!({}))),
        of("503 exchange_unavailable", |_| Reply::json(429, &json!({}))),
        of("503 exchange_unavailable", |_| Reply::Fails(Fault::NotSent)),
        of("504 exchange_timed_out", |_| Reply::json(504, &json!({}))),
        of("504 exchange_timed_out", |_| Reply::Fails(Fault::Deadline)),
        of("503 deadline_exceeded", |_| Reply::Never),
        // The code alone says two things there.
        about(keycloak(), "403 exchange_denied", |_| refuses("invalid_request")),
        // TEX-21: what Entra wants of the user becomes the client's challenge, if there is anything to ask for.
        about(entra(), "401 insufficient_claims", |_| {
            interaction("interaction_required", r#"{"access_token":{"polids":{"essential":true}}}"#)
        }),
        about(entra(), "403 exchange_denied", |_| interaction("interaction_required", "no json")),
        about(entra(), "401 insufficient_claims", |_| interaction("invalid_grant", r#"{"access_token":{}}"#)),
        about(to_b(), "401 subject_token_refused", |_| interaction("invalid_grant", r#"{"access_token":{}}"#)),
    ]
}

fn entra() -> Value {
    let server = json!({
        "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": I, "profile": "entra_obo",
    });
    set(to_b_with("/authorization_servers/0", server), "/targets/0/scope", json!(["api://b/.default"]))
}

fn interaction(error: &str, claims: &str) -> Reply {
    Reply::json(400, &json!({"error": error, "claims": claims}))
}

#[test]
fn each_refusal_and_each_fault_has_its_answer() {
    tables().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn none_of_the_servers_words_reaches_client_log_or_record() {
    let replies: [fn(&Callout) -> Reply; 4] =
        [|_| evil("invalid_grant"), |_| evil("invalid_target"), |_| evil("invalid_client"), |_| evil("server_error")];
    for reply in replies {
        let decision = Gate::new(&to_b()).with_clusters(reply).decide(&ask());
        let shown = format!("{:?} {:?}", decision.verdict, decision.notes);
        assert!(
            !decision.notes.is_empty() && !shown.contains("the words") && !shown.contains("evil.example"),
            "{shown}"
        );
    }
}

fn evil(error: &str) -> Reply {
    let words = "the words of the server";
    Reply::json(400, &json!({"error": error, "error_description": words, "error_uri": "https://evil.example"}))
}

#[test]
fn the_claims_that_entra_asks_for_are_those_of_the_challenge() {
    let decision = Gate::new(&entra())
        .with_clusters(|_| interaction("interaction_required", r#"{"access_token":{}}"#))
        .decide(&ask());
    let challenge = decision.header("www-authenticate");
    assert!(challenge[0].contains(r#"claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#), "{challenge:?}");
}
