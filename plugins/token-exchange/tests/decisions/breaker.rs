//! A server that has failed several times is left alone for a while; what it refuses says nothing about it.

use filter_kit::policy::Fault;
use plugin_checks::decisions::{Reply, Table, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{Gate, ask, good, issues, refuses, to_b_with, wanted};

fn config() -> Value {
    to_b_with("/authorization_servers/0/breaker", json!({"failures": 2, "open_seconds": 10}))
}

pub(crate) fn tables() -> Vec<Table> {
    let open = "503 breaker_open";
    let told = |codes: [&'static str; 4]| codes.map(|told| row(told, ask(), told)).to_vec();
    let of = |codes, clusters: fn(&filter_kit::policy::Callout) -> Reply| {
        Table::new(config(), told(codes)).with_clusters(clusters)
    };
    vec![
        of(["503 exchange_unavailable", "503 exchange_unavailable", open, open], |_| Reply::Fails(Fault::NotSent)),
        of(["502 exchange_failed", "502 exchange_failed", open, open], |_| Reply::json(500, &json!({}))),
        of(["504 exchange_timed_out", "504 exchange_timed_out", open, open], |_| Reply::Fails(Fault::Deadline)),
        of(["503 exchange_unavailable", "503 exchange_unavailable", open, open], |_| Reply::json(429, &json!({}))),
        // What it says, be it nonsense, it says.
        of(["401 subject_token_refused"; 4], |_| refuses("invalid_grant")),
        of(["502 exchange_client_refused"; 4], |_| refuses("invalid_client")),
        of(["502 exchange_failed"; 4], |_| Reply::json(404, &json!({}))),
        of(["502 exchange_failed"; 4], |_| Reply::Answer(200, b"<html>".to_vec())),
        of(["502 exchange_failed"; 4], |_| Reply::Fails(Fault::TooLarge)),
        of(["502 exchange_failed"; 4], |_| Reply::Fails(Fault::Coded("gzip"))),
        of(["502 issued_token_unfit"; 4], |_| issues(wanted().subject("mallory"))),
    ]
}

#[test]
fn only_faults_of_the_server_open_its_breaker() {
    tables().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn after_the_pause_one_asks_and_what_it_hears_decides() {
    let mut gate = Gate::new(&config()).with_clusters(|_| Reply::Fails(Fault::NotSent));
    let tell = |gate: &mut Gate| gate.decide(&ask()).told();
    for told in ["503 exchange_unavailable", "503 exchange_unavailable", "503 breaker_open"] {
        assert_eq!(tell(&mut gate), told);
    }
    let wait: u64 = gate.decide(&ask()).header("retry-after")[0].parse().unwrap();
    assert!((10..=13).contains(&wait), "{wait}");
    gate.pass(13);
    assert_eq!(tell(&mut gate), "503 exchange_unavailable", "one asks");
    assert_eq!(tell(&mut gate), "503 breaker_open", "and it did not help");
    gate.answer(good);
    assert_eq!(tell(&mut gate), "503 breaker_open", "nobody asks before the pause is over");
    gate.pass(25);
    for _ in 0..3 {
        assert_eq!(tell(&mut gate), "allow exchanged");
    }
}

#[test]
fn what_is_kept_goes_on_while_the_breaker_is_open() {
    let mut gate = Gate::new(&config()).with_clusters(good);
    let known = ask();
    assert_eq!(gate.decide(&known).told(), "allow exchanged");
    gate.answer(|_| Reply::Fails(Fault::NotSent));
    for told in ["503 exchange_unavailable", "503 exchange_unavailable", "503 breaker_open"] {
        assert_eq!(gate.decide(&ask()).told(), told);
    }
    assert_eq!(gate.decide(&known).told(), "allow kept");
}
