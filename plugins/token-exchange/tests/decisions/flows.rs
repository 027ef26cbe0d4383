//! Other ways to a credential than an exchange: client credentials, a token that the caller brings, the user's own.

use fourleg_lab::mint::{Algorithm, Mint, Token, stranger};
use plugin_checks::decisions::{NOW, Request, Table, get, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{
    Gate, I, R, ask, asked, credential, issues, own_keys, set, sign, subject, to_b_with, user, verified, wanted,
};

pub(crate) fn tables() -> Vec<Table> {
    vec![own_credentials(), brought(), brought_and_tied(), as_it_is(), acting_as_it_is()]
}

fn own_credentials() -> Table {
    let rows = vec![
        row("alice", ask(), "allow client_credentials"),
        row("bob", verified(get("/mcp"), user().subject("bob")), "allow client_credentials"),
    ];
    Table::new(to_b_with("/targets/0/flow", json!("client_credentials")), rows)
        .with_clusters(|_| issues(wanted().subject("gateway").without("act").claim("exp", NOW + 100_000)))
}

fn bank() -> Value {
    json!({
        "issuers": own_keys(),
        "targets": [{
            "name": "bank", "match": {"path": {"prefix": "/mcp"}}, "flow": "pre_injected", "audience": ["bank"],
            "pre_injected": {"header": "x-bank-token", "issuers": [I]},
        }],
    })
}

fn second() -> Token {
    Mint::new(I, "bank").at(NOW.unsigned_abs()).access_token()
}

fn with_second(value: &str) -> Request {
    ask().header("X-Bank-Token", value)
}

fn brought() -> Table {
    let of = |token: Token| with_second(&sign(token));
    let refused = "403 second_token_refused";
    Table::new(
        bank(),
        vec![
            row("of the same user and client", of(second()), "allow pre_injected"),
            row("with its scheme", with_second(&format!("bearer {}", sign(second()))), "allow pre_injected"),
            row("none", ask(), refused),
            row("of another user", of(second().subject("bob")), refused),
            row("of another client", of(second().client("agent-2")), refused),
            row("of no client", of(second().without("client_id")), refused),
            row("for another", of(second().audience("tool-c")), refused),
            row("for another too", of(second().audience(json!(["bank", "tool-c"]))), refused),
            row("over", of(second().claim("exp", NOW - 60)), refused),
            row("of another issuer", of(second().issuer("https://evil.example")), refused),
            row("of another tenant", of(second().claim("tid", "t1")), refused),
            row("bound", of(second().claim("cnf", json!({"jkt": "x"}))), refused),
            row("of another type", of(second().typ("JWT")), refused),
            row("of a stranger", with_second(&second().sign_with(stranger(Algorithm::Es256))), refused),
            row("the first", of(user()), refused),
            row("empty", with_second(""), refused),
            row("another scheme", with_second("Basic eDp5"), refused),
            row("two", with_second(&sign(second())).header("x-bank-token", sign(second())), refused),
            row("a look-alike", ask().header("x_bank_token", sign(second())), refused),
        ],
    )
}

fn brought_and_tied() -> Table {
    let same = json!([{"subject": "/email", "token": "/sub"}]);
    let with = |email: Value| {
        let request = verified(get("/mcp"), user().claim("email", email));
        request.header("x-bank-token", sign(second().subject("a@example.com")))
    };
    Table::new(
        set(bank(), "/targets/0/pre_injected/same", same),
        vec![
            row("the same", with(json!("a@example.com")), "allow pre_injected"),
            row("another", with(json!("b@example.com")), "403 second_token_refused"),
            row("a list", with(json!(["a@example.com"])), "403 second_token_refused"),
            row("empty", with(json!("")), "403 second_token_refused"),
        ],
    )
}

/// One resource with two names: the user's token is meant for the next hop already.
fn skipping() -> Value {
    let config = set(to_b_with("/targets/0/skip_if_audience_matches", json!(true)), "/targets/0/audience", json!([R]));
    set(config, "/targets/0/scope", json!(["tools:read"]))
}

fn as_it_is() -> Table {
    let of = |token: Token| verified(get("/mcp"), token);
    let exchanged = "allow exchanged";
    Table::new(
        skipping(),
        vec![
            row("a user's, for this target alone", of(user()), "allow already_meant"),
            row("for others too", of(user().audience(json!([R, "other"]))), exchanged),
            row("with a scope more", of(user().scope("tools:read tools:admin")), exchanged),
            row("of a client that speaks for itself", of(user().subject("agent-1")), exchanged),
            row("of a client without a name", of(user().without("client_id")), exchanged),
        ],
    )
    .with_clusters(|callout| {
        let subject = subject(callout)["sub"].clone();
        issues(wanted().claim("sub", subject).audience(json!([R])).scope("tools:read"))
    })
}

fn acting_as_it_is() -> Table {
    Table::new(
        set(skipping(), "/targets/0/actors", json!({"required": true, "allowed": ["gateway"]})),
        vec![
            row("without the actor", ask(), "allow exchanged"),
            row(
                "with it",
                verified(get("/mcp"), user().claim("act", json!({"sub": "gateway"}))),
                "allow already_meant",
            ),
        ],
    )
    .with_clusters(|_| issues(wanted().audience(json!([R])).scope("tools:read")))
}

#[test]
fn with_client_credentials_nothing_of_the_user_goes_on() {
    own_credentials().check::<TokenExchange>();
    let mut gate = Gate::new(&to_b_with("/targets/0/flow", json!("client_credentials")))
        .with_clusters(|_| issues(wanted().subject("gateway")));
    let first = gate.decide(&ask());
    assert_eq!(asked(&first.calls[0], "grant_type"), ["client_credentials"]);
    assert!(asked(&first.calls[0], "subject_token").is_empty() && !first.calls[0].across_workers);
    assert_eq!(first.record()["identity"], "ends_here");
    let second = gate.decide(&verified(get("/mcp"), user().subject("bob")));
    assert_eq!((credential(&second), second.calls.len()), (credential(&first), 0), "it is the same token for all");
}

#[test]
fn a_second_token_goes_on_if_it_is_of_the_same_user_and_client_and_for_the_target() {
    brought().check::<TokenExchange>();
    let token = sign(second());
    let decision = Gate::new(&bank()).decide(&with_second(&token));
    assert_eq!(credential(&decision), Some(token));
    assert!(decision.edits().remove.iter().any(|name| name == "X-Bank-Token"), "it ends here");
}

#[test]
fn a_second_token_may_be_tied_to_the_first_by_other_claims() {
    brought_and_tied().check::<TokenExchange>();
}

#[test]
fn the_users_own_token_goes_on_only_where_an_exchange_could_add_nothing() {
    as_it_is().check::<TokenExchange>();
    acting_as_it_is().check::<TokenExchange>();
    let token = sign(user());
    let request = crate::handed_over(get("/mcp"), &user().claims(), &token);
    assert_eq!(credential(&Gate::new(&skipping()).decide(&request)), Some(token));
}
