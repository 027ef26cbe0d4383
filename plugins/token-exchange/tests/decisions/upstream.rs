//! What the next hop answers to a request with a token of ours (TEX-22, TEX-23).

use filter_kit::policy::ResponseHead;
use plugin_checks::decisions::get;
use serde_json::{Value, json};

use crate::{Gate, ask, good, to_b, to_b_with, user, verified};

fn head(status: u16, challenge: Option<&str>) -> ResponseHead {
    let fields = challenge.map(|challenge| (b"www-authenticate".to_vec(), challenge.as_bytes().to_vec()));
    ResponseHead { status, is_from_upstream: true, fields: fields.into_iter().collect() }
}

const MORE: &str = "Bearer error=\"insufficient_scope\", scope=\"b:read b:write\"";

/// A configuration, the status and challenge of an answer, and what the client gets.
type Row = (Value, u16, Option<&'static str>, &'static str);

fn answers() -> Vec<Row> {
    let map = to_b_with("/targets/0/scope_map", json!({"b:write": "tools:write"}));
    let passes = "passes without www-authenticate";
    vec![
        (to_b(), 200, Some("Bearer realm=\"evil\""), passes),
        (to_b(), 404, None, passes),
        (to_b(), 401, None, "502 upstream_refused_token"),
        (to_b(), 401, Some("Bearer error=\"invalid_token\""), "502 upstream_refused_token"),
        // Nothing stands for it, so nobody is made to ask for it.
        (to_b(), 403, Some(MORE), passes),
        (map.clone(), 403, Some(MORE), "403 insufficient_scope"),
        (map.clone(), 403, Some("Bearer error=\"insufficient_scope\", scope=\"b:read\""), passes),
        (map.clone(), 403, Some("Bearer error=\"invalid_token\", scope=\"b:write\""), passes),
        (map, 403, None, passes),
    ]
}

/// The codes that clients are told instead of an answer.
pub(crate) fn codes() -> Vec<&'static str> {
    answers().into_iter().filter_map(|(.., told)| told.split(' ').nth(1)).collect()
}

#[test]
fn challenges_of_the_next_hop_never_reach_the_client() {
    for (config, status, challenge, told) in answers() {
        let mut gate = Gate::new(&config).with_clusters(good);
        let decision = gate.decide(&ask());
        assert_eq!(gate.answered(decision, &head(status, challenge)), told, "{status} {challenge:?}");
    }
}

#[test]
fn an_answer_of_the_proxy_itself_is_its_own_word() {
    let mut gate = Gate::new(&to_b()).with_clusters(good);
    let decision = gate.decide(&ask());
    let head = ResponseHead { is_from_upstream: false, ..head(401, None) };
    assert_eq!(gate.answered(decision, &head), "passes without ");
}

#[test]
fn a_token_that_the_next_hop_refused_is_given_up() {
    let mut gate = Gate::new(&to_b()).with_clusters(good);
    let request = verified(get("/mcp"), user());
    let decision = gate.decide(&request);
    assert_eq!(gate.answered(decision, &head(401, None)), "502 upstream_refused_token");
    let decision = gate.decide(&request);
    assert_eq!(decision.told(), "allow exchanged", "it is not kept");
    // Not too often: a next hop that refuses all makes nobody ask without end.
    assert_eq!(gate.answered(decision, &head(401, None)), "502 upstream_refused_token");
    assert_eq!(gate.decide(&request).told(), "allow kept");
}
