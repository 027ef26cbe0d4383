//! Keys that come by callout: the first fetch, an unknown key, failures, keys that are too old, discovery.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use audience_validation::AudienceValidation;
use filter_kit::policy::{Callout, Fault};
use fourleg_lab::mint::{Algorithm, key};
use plugin_checks::decisions::{Reply, Table, get, row};
use serde_json::{Value, json};

use crate::{Gate, I, ask, config_with, good, keys};

fn remote() -> Value {
    config_with(
        "/issuers/0/jwks",
        json!({"remote": {"cluster": "idp", "uri": "https://as.example.com/keys", "refresh_seconds": 300, "cooldown_seconds": 10, "max_stale_seconds": 3600}}),
    )
}

fn discovery() -> Value {
    config_with("/issuers/0/jwks", json!({"discovery": {"cluster": "idp"}}))
}

/// What becomes of a good token, if this is the answer about the keys.
fn about(document: Value, told: &'static str, clusters: fn(&Callout) -> Reply) -> Table {
    Table::new(document, vec![row(told, ask(good()), told)]).with_clusters(clusters)
}

pub(crate) fn tables() -> Vec<Table> {
    vec![
        about(remote(), "allow ok", |_| Reply::json(200, &keys())),
        about(remote(), "503 keys_unavailable", |_| Reply::Fails(Fault::NotSent)),
        about(remote(), "503 keys_unavailable", |_| Reply::Fails(Fault::TooLarge)),
        about(remote(), "503 keys_unavailable", |_| Reply::json(500, &keys())),
        about(remote(), "503 keys_unavailable", |_| Reply::json(404, &keys())),
        about(remote(), "503 keys_unavailable", |_| Reply::Answer(200, b"<html>".to_vec())),
        about(remote(), "401 unknown_key", |_| Reply::json(200, &json!({"keys": []}))),
        about(remote(), "503 deadline_exceeded", |_| Reply::Never),
        about(discovery(), "allow ok", |callout| discovered(callout, "https://as.example.com/keys", I)),
        // The metadata may send us nowhere that was not configured, and must be that of the issuer.
        about(discovery(), "503 keys_unavailable", |callout| discovered(callout, "https://evil.example/keys", I)),
        about(discovery(), "503 keys_unavailable", |callout| {
            discovered(callout, "https://as.example.com/keys", "https://evil.example")
        }),
    ]
}

/// An authorization server with metadata and keys.
fn discovered(callout: &Callout, jwks_uri: &str, issuer: &str) -> Reply {
    if callout.path.contains("/.well-known/") {
        Reply::json(200, &json!({"issuer": issuer, "jwks_uri": jwks_uri}))
    } else {
        Reply::json(200, &keys())
    }
}

#[test]
fn a_token_waits_for_the_keys_of_its_issuer_and_is_denied_without() {
    tables().iter().for_each(Table::check::<AudienceValidation>);
}

/// A gate with fetched keys, what its endpoint answers from now on, and how often it was asked.
fn fetching() -> (Gate, Rc<RefCell<Reply>>, Rc<Cell<u32>>) {
    let reply = Rc::new(RefCell::new(Reply::json(200, &keys())));
    let asked = Rc::new(Cell::new(0_u32));
    let (says, counts) = (Rc::clone(&reply), Rc::clone(&asked));
    let gate = Gate::new(&remote()).with_clusters(move |callout| {
        assert_eq!((&*callout.cluster, &*callout.authority, &*callout.path), ("idp", "as.example.com", "/keys"));
        counts.set(counts.get().saturating_add(1));
        says.borrow().clone()
    });
    (gate, reply, asked)
}

#[test]
fn keys_are_fetched_once_and_by_one_flight_for_all() {
    let (mut gate, _, asked) = fetching();
    let first = gate.decide(&ask(good()));
    assert_eq!((first.told().as_str(), first.calls.len()), ("allow ok", 1));
    assert!(first.calls[0].key.is_some(), "one flight for all");
    for _ in 0..5 {
        assert_eq!(gate.decide(&ask(good())).told(), "allow ok");
    }
    assert_eq!(asked.get(), 1);
}

#[test]
fn an_unknown_key_is_looked_for_a_few_times_at_once_and_then_once_in_a_cool_down() {
    let (mut gate, reply, asked) = fetching();
    let new = key(Algorithm::Es256).with_kid("new");
    let request = get("/mcp").bearer(good().sign_with(&new));
    for _ in 0..20 {
        assert_eq!(gate.decide(&request).told(), "401 unknown_key");
    }
    assert_eq!(asked.get(), 1 + 3, "the first fetch, and three more: invented names cannot flood the endpoint");
    gate.pass(10);
    for _ in 0..20 {
        assert_eq!(gate.decide(&request).told(), "401 unknown_key");
    }
    assert_eq!(asked.get(), 1 + 3 + 1);
    *reply.borrow_mut() = Reply::json(200, &json!({"keys": [new.jwk()]}));
    gate.pass(10);
    assert_eq!(gate.decide(&request).told(), "allow ok");
    // The set replaces the one before: what was signed by a key that is gone ends, verified before or not.
    assert_eq!(gate.decide(&ask(good())).told(), "401 unknown_key");
}

#[test]
fn a_key_that_is_gone_ends_the_tokens_that_it_had_verified() {
    let (mut gate, reply, _) = fetching();
    let request = ask(good().claim("exp", gate.now() + 4_000));
    assert_eq!(gate.decide(&request).told(), "allow ok");
    *reply.borrow_mut() = Reply::json(200, &json!({"keys": [key(Algorithm::EdDsa).jwk()]}));
    gate.pass(300);
    assert_eq!(gate.decide(&request).told(), "401 unknown_key");
}

#[test]
fn keys_hold_while_the_endpoint_fails_and_not_for_ever() {
    let (mut gate, reply, _) = fetching();
    let long = || good().claim("exp", 1_900_100_000);
    let known = ask(long());
    assert_eq!(gate.decide(&known).told(), "allow ok");
    *reply.borrow_mut() = Reply::Fails(Fault::NotSent);
    for (seconds, told) in [(300, "allow ok"), (3_299, "allow ok"), (1, "503 keys_unavailable")] {
        gate.pass(seconds);
        assert_eq!(gate.decide(&ask(long())).told(), told);
        assert_eq!(gate.decide(&known).told(), told, "one that was verified before");
    }
    let denied = gate.decide(&known);
    assert_eq!(denied.header("retry-after"), ["10"]);
    *reply.borrow_mut() = Reply::json(200, &keys());
    gate.pass(10);
    assert_eq!(gate.decide(&known).told(), "allow ok");
}
