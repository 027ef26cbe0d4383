//! The token that is to be exchanged: handed over, unchanged, exchangeable, and by whom.

use filter_kit::request::Property;
use plugin_checks::decisions::{Table, get, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{ask, good, handed_over, left, sign, to_b, to_b_with, user, verified};

pub(crate) fn tables() -> Vec<Table> {
    vec![hand_off(), may_act(), of_entra()]
}

fn hand_off() -> Table {
    let token = sign(user());
    let claims = user().claims();
    let state =
        |state: Value| get("/mcp").property_at(&["fourleg.token"], Property::Value(state.to_string().into_bytes()));
    Table::new(
        to_b(),
        vec![
            row("kept for us alone", ask(), "allow exchanged"),
            row("still in the request", left(get("/mcp"), &claims, &token).bearer(&token), "allow exchanged"),
            row("gone", left(get("/mcp"), &claims, &token), "401 credential_missing"),
            row(
                "another one in the request",
                left(get("/mcp"), &claims, &token).bearer(sign(user())),
                "503 credential_changed",
            ),
            row(
                "another one kept",
                handed_over(left(get("/mcp"), &claims, "x"), &claims, &token),
                "503 credential_changed",
            ),
            row(
                "not readable",
                left(get("/mcp"), &claims, &token).property_at(&["fourleg.subject_token"], Property::Unreadable),
                "503 token_not_handed_over",
            ),
            row("nothing handed over", get("/mcp").bearer(&token), "503 token_not_handed_over"),
            row("not verified", state(json!({"v": 1, "state": "unverified"})), "503 token_not_verified"),
            row(
                "public, where a target wants a token",
                state(json!({"v": 1, "state": "public"})),
                "503 token_not_verified",
            ),
            row("of another form", state(json!({"v": 2, "state": "verified"})), "503 token_not_handed_over"),
            row(
                "bound to a key",
                verified(get("/mcp"), user().claim("cnf", json!({"jkt": "x"}))),
                "401 binding_unchecked",
            ),
        ],
    )
    .with_clusters(good)
}

/// TEX-16
fn may_act() -> Table {
    let with = |may_act: Value| verified(get("/mcp"), user().claim("may_act", may_act));
    Table::new(
        to_b_with("/authorization_servers/0/may_act", json!({"sub": "gateway"})),
        vec![
            row("not said", ask(), "allow exchanged"),
            row("this gateway", with(json!({"sub": "gateway"})), "allow exchanged"),
            row("somebody else", with(json!({"sub": "other"})), "403 actor_not_permitted"),
            row(
                "one of this name elsewhere",
                with(json!({"sub": "gateway", "iss": "https://evil.example"})),
                "403 actor_not_permitted",
            ),
            row("nobody", with(json!({})), "403 actor_not_permitted"),
            row("no object", with(json!("gateway")), "403 actor_not_permitted"),
        ],
    )
    .with_clusters(good)
}

/// `entra_obo` is on behalf of a user.
fn of_entra() -> Table {
    let server = json!({
        "name": "idp", "cluster": "idp", "token_endpoint": "https://idp.example/t1/token", "issuer": crate::I, "profile": "entra_obo",
    });
    let config =
        crate::set(to_b_with("/authorization_servers/0", server), "/targets/0/scope", json!(["api://b/.default"]));
    Table::new(
        config,
        vec![row(
            "an application's own",
            verified(get("/mcp"), user().claim("idtyp", "app")),
            "403 token_kind_not_allowed",
        )],
    )
}

#[test]
fn only_the_token_that_was_verified_is_exchanged() {
    hand_off().check::<TokenExchange>();
}

#[test]
fn a_token_that_names_somebody_else_who_may_act_is_not_exchanged() {
    may_act().check::<TokenExchange>();
}

#[test]
fn an_applications_own_token_goes_on_behalf_of_nobody() {
    of_entra().check::<TokenExchange>();
}
