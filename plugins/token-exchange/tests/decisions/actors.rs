//! Actor tokens: whose token goes to the server beside the user's (RFC 8693 §2.1).

use plugin_checks::decisions::{Table, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{Gate, ask, asked, good, to_b_with};

fn from_header() -> Value {
    to_b_with("/targets/0/actor_token", json!({"header": "x-actor-token", "type": "jwt"}))
}

pub(crate) fn tables() -> Vec<Table> {
    vec![brought()]
}

fn brought() -> Table {
    Table::new(
        from_header(),
        vec![
            row("brought", ask().header("x-actor-token", "the.actors.token"), "allow exchanged"),
            row("none", ask(), "403 actor_token_missing"),
            row("empty", ask().header("x-actor-token", ""), "403 actor_token_missing"),
            row(
                "two",
                ask().header("x-actor-token", "the.actors.token").header("x-actor-token", "the.other.one"),
                "403 actor_token_missing",
            ),
            row("a look-alike", ask().header("x_actor_token", "the.actors.token"), "403 actor_token_missing"),
        ],
    )
    .with_clusters(good)
}

#[test]
fn an_actors_token_that_is_needed_is_there_once_or_the_request_is_denied() {
    brought().check::<TokenExchange>();
}

#[test]
fn the_actors_token_goes_to_the_server_and_nowhere_else() {
    let decision =
        Gate::new(&from_header()).with_clusters(good).decide(&ask().header("x-actor-token", "the.actors.token"));
    assert_eq!(asked(&decision.calls[0], "actor_token"), ["the.actors.token"]);
    assert_eq!(asked(&decision.calls[0], "actor_token_type"), ["urn:ietf:params:oauth:token-type:jwt"]);
    let edits = decision.edits();
    assert!(edits.remove.iter().any(|name| name == "x-actor-token"));
    assert!(!format!("{:?}", edits.set).contains("the.actors.token"));
}

/// What one actor got is not the other's.
#[test]
fn each_actor_is_a_question_of_its_own() {
    let mut gate = Gate::new(&from_header()).with_clusters(good);
    let request = ask();
    for (actor, told) in [
        ("the.first.actor", "allow exchanged"),
        ("the.other.actor", "allow exchanged"),
        ("the.first.actor", "allow kept"),
    ] {
        assert_eq!(gate.decide(&request.clone().header("x-actor-token", actor)).told(), told, "{actor}");
    }
}
