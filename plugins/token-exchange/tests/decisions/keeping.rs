//! What is kept: tokens for the one who got them and no longer than they live, and refusals for a moment.

use filter_kit::policy::{Callout, Fault};
use plugin_checks::decisions::{NOW, Reply, Table, get, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{Gate, ask, credential, good, issues, refuses, subject, to_b, to_b_with, user, verified, wanted};

pub(crate) fn tables() -> Vec<Table> {
    let one = ask();
    let again = |told: [&'static str; 3]| told.map(|told| row(told, one.clone(), told)).to_vec();
    let never = to_b_with("/cache", json!({"max_entries": 0}));
    vec![
        Table::new(to_b(), again(["allow exchanged", "allow kept", "allow kept"])).with_clusters(good),
        Table::new(never, again(["allow exchanged"; 3])).with_clusters(good),
        // One whose life is over before the margin is for the one who waited for it.
        Table::new(to_b(), again(["allow exchanged"; 3])).with_clusters(|_| issues(wanted().claim("exp", NOW + 10))),
        // TEX-12: who comes back with the same token would go round in circles.
        Table::new(
            to_b(),
            again(["401 subject_token_refused", "403 subject_token_refused_again", "403 subject_token_refused_again"]),
        )
        .with_clusters(|_| refuses("invalid_grant")),
        Table::new(to_b(), again(["403 exchange_denied"; 3])).with_clusters(|_| refuses("access_denied")),
    ]
}

#[test]
fn what_was_obtained_or_refused_is_kept_for_the_same_question() {
    tables().iter().for_each(Table::check::<TokenExchange>);
}

type Clusters = fn(&Callout) -> Reply;

/// What is asked about twice: how often the server is asked, and what the second one is told. Whether the cache was
/// tidied between the two makes no difference.
fn twice(config: &Value, seconds: u64, clusters: Clusters) -> (usize, String) {
    let after = |time: fn(&mut Gate, u64)| {
        let mut gate = Gate::new(config).with_clusters(clusters);
        let request = verified(get("/mcp"), user().claim("exp", NOW + 100_000));
        let first = gate.decide(&request);
        time(&mut gate, seconds);
        let second = gate.decide(&request);
        (first.calls.len().saturating_add(second.calls.len()), second.told())
    };
    let (tidied, untidied) = (after(Gate::pass), after(Gate::wait));
    assert_eq!(tidied, untidied, "{seconds} s");
    tidied
}

#[test]
fn a_token_is_kept_until_it_ends_less_the_margin_and_never_beyond_the_bound() {
    let config = to_b_with("/cache", json!({"max_ttl_seconds": 100, "margin_seconds": 15}));
    let short: Clusters = |_| issues(wanted().claim("exp", NOW + 60));
    for (seconds, asked) in [(0, 1), (44, 1), (45, 2)] {
        assert_eq!(twice(&config, seconds, short).0, asked, "{seconds} s");
    }
    let long: Clusters = |_| issues(wanted().claim("exp", NOW + 300));
    for (seconds, asked) in [(99, 1), (100, 2)] {
        assert_eq!(twice(&config, seconds, long).0, asked, "{seconds} s");
    }
}

/// What was heard in the future was heard before the clock went back: how old it is, nobody knows.
#[test]
fn nothing_is_kept_once_the_clock_has_gone_back() {
    let mut gate = Gate::new(&to_b()).with_clusters(good);
    let request = ask();
    assert_eq!(gate.decide(&request).told(), "allow exchanged");
    gate.put_back(5);
    assert_eq!(gate.decide(&request).told(), "allow exchanged");
}

#[test]
fn refusals_are_remembered_for_a_moment_and_faults_are_not() {
    let config = to_b_with("/cache", json!({"negative_ttl_seconds": 5}));
    let refused: Clusters = |_| refuses("access_denied");
    assert_eq!(twice(&config, 4, refused), (1, "403 exchange_denied".into()));
    assert_eq!(twice(&config, 5, refused), (2, "403 exchange_denied".into()));
    let again: Clusters = |_| refuses("invalid_grant");
    assert_eq!(twice(&config, 5, again), (2, "403 subject_token_refused_again".into()));
    let faults: [Clusters; 3] =
        [|_| Reply::Fails(Fault::NotSent), |_| Reply::json(500, &json!({})), |_| refuses("server_error")];
    for fault in faults {
        assert_eq!(twice(&config, 0, fault).0, 2);
    }
}

#[test]
fn what_one_user_got_is_never_the_others() {
    let mut gate =
        Gate::new(&to_b()).with_clusters(|callout| issues(wanted().claim("sub", subject(callout)["sub"].clone())));
    let alice = gate.decide(&ask());
    let of_bob = gate.decide(&verified(get("/mcp"), user().subject("bob")));
    assert_eq!((alice.told(), of_bob.told()), ("allow exchanged".into(), "allow exchanged".into()));
    assert_ne!(credential(&alice), credential(&of_bob));
}
