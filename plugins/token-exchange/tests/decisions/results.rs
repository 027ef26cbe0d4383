//! What the server issues, and whether it was wanted (TEX-05 to TEX-10, TEX-15, TEX-29).

use filter_kit::policy::Callout;
use fourleg_lab::mint::{Algorithm, Token, jwks, key, stranger};
use plugin_checks::decisions::{NOW, Reply, Table, row};
use serde_json::{Value, json};
use token_exchange::TokenExchange;

use crate::{Gate, I, answer, ask, credential, good, issues, own_keys, set, sign, to_b, to_b_with, wanted};

fn about(document: &Value, told: &'static str, clusters: fn(&Callout) -> Reply) -> Table {
    Table::new(document.clone(), vec![row(told, ask(), told)]).with_clusters(clusters)
}

pub(crate) fn tables() -> Vec<Table> {
    let mut tables = answers();
    tables.extend(tokens());
    tables.extend(scopes());
    tables.extend(actors());
    tables.extend(proofs());
    tables
}

/// The good answer with a member set, or without it.
fn changed(member: &str, value: Value) -> Reply {
    let mut answer = answer(&sign(wanted()));
    if value.is_null() {
        answer.as_object_mut().unwrap().remove(member);
    } else {
        answer[member] = value;
    }
    Reply::json(200, &answer)
}

fn answers() -> Vec<Table> {
    let of = |told, clusters| about(&to_b(), told, clusters);
    vec![
        of("allow exchanged", good),
        of("allow exchanged", |_| changed("token_type", json!("bearer"))),
        of("allow exchanged", |_| changed("refresh_token", json!("a-refresh-token"))),
        of("502 exchange_failed", |_| changed("access_token", json!(null))),
        of("502 exchange_failed", |_| changed("access_token", json!(""))),
        of("502 exchange_failed", |_| changed("access_token", json!("a\r\nx: y"))),
        of("502 exchange_failed", |_| changed("token_type", json!(null))),
        of("502 exchange_failed", |_| changed("token_type", json!("DPoP"))),
        of("502 exchange_failed", |_| changed("token_type", json!("N_A"))),
        of("502 exchange_failed", |_| changed("issued_token_type", json!(null))),
        of("502 exchange_failed", |_| changed("issued_token_type", json!("urn:ietf:params:oauth:token-type:id_token"))),
        of("502 exchange_failed", |_| {
            changed("issued_token_type", json!("urn:ietf:params:oauth:token-type:refresh_token"))
        }),
        of("502 exchange_failed", |_| changed("scope", json!(["b:read", 1]))),
        of("502 exchange_failed", |_| Reply::json(200, &json!([]))),
    ]
}

fn tokens() -> Vec<Table> {
    let unfit = |clusters| about(&to_b(), "502 issued_token_unfit", clusters);
    let longer = to_b_with("/targets/0/accept", json!({"longer_lived": true}));
    let opaque = to_b_with("/targets/0/opaque_result", json!("allow"));
    let account = to_b_with("/targets/0/accept", json!({"audiences": ["account"], "scopes": ["profile"]}));
    vec![
        unfit(|_| issues(wanted().subject("mallory"))),
        unfit(|_| issues(wanted().without("sub"))),
        unfit(|_| issues(wanted().issuer("https://evil.example"))),
        unfit(|_| issues(wanted().audience("tool-c"))),
        unfit(|_| issues(wanted().audience(json!(["tool-b", "tool-c"])))),
        unfit(|_| issues(wanted().without("aud"))),
        unfit(|_| issues(wanted().scope("b:read b:write"))),
        unfit(|_| issues(wanted().expires_at(1))),
        unfit(|_| issues(wanted().claim("nbf", NOW + 1_000))),
        unfit(|_| issues(wanted().claim("iat", NOW + 1_000))),
        unfit(|_| issues(wanted().claim("cnf", json!({"jkt": "x"})))),
        unfit(|_| issues(wanted().typ("dpop+jwt"))),
        unfit(|_| issues(wanted().claim("exp", NOW + 100_000))),
        about(&longer, "allow exchanged", |_| issues(wanted().claim("exp", NOW + 100_000))),
        unfit(|_| Reply::json(200, &answer("the-opaque-token-for-b"))),
        about(&opaque, "allow exchanged", |_| Reply::json(200, &answer("the-opaque-token-for-b"))),
        about(&account, "allow exchanged", |_| {
            issues(wanted().audience(json!(["tool-b", "account"])).scope("b:read profile"))
        }),
    ]
}

fn scopes() -> Vec<Table> {
    let two = to_b_with("/targets/0/scope", json!(["a", "b"]));
    vec![
        about(&two, "allow exchanged", |_| issues(wanted().scope("b a"))),
        about(&two, "403 issued_scope_too_narrow", |_| issues(wanted().scope("a"))),
        about(&two, "403 issued_scope_too_narrow", |_| issues(wanted().scope(""))),
        about(&two, "403 issued_scope_too_narrow", |_| {
            let mut answer = answer(&sign(wanted().scope("a b")));
            answer["scope"] = json!("a");
            Reply::json(200, &answer)
        }),
    ]
}

fn actors() -> Vec<Table> {
    let acting = to_b_with("/targets/0/actors", json!({"required": true, "allowed": ["gateway"], "max_depth": 2}));
    let of = |told, clusters| about(&acting, told, clusters);
    vec![
        of("allow exchanged", |_| issues(wanted().claim("act", json!({"sub": "gateway", "act": {"sub": "agent-1"}})))),
        of("403 actor_required", |_| issues(wanted().without("act"))),
        of("403 actor_not_allowed", |_| {
            issues(wanted().claim("act", json!({"sub": "other", "act": {"sub": "gateway"}})))
        }),
        of("403 actor_chain_too_deep", |_| {
            issues(wanted().claim("act", json!({"sub": "gateway", "act": {"sub": "a", "act": {"sub": "b"}}})))
        }),
    ]
}

fn verifying() -> Value {
    set(to_b_with("/targets/0/verify_result", json!(true)), "/issuers", own_keys())
}

fn with_fetched_keys() -> Value {
    let jwks = json!({"remote": {"cluster": "keys", "uri": "https://idp.example/keys"}});
    set(verifying(), "/issuers", json!([{"issuer": I, "algorithms": ["ES256"], "jwks": jwks}]))
}

fn by_stranger(token: Token) -> Reply {
    Reply::json(200, &answer(&token.sign_with(stranger(Algorithm::Es256))))
}

/// `verify_result`: with the keys of its issuer, which may have to be fetched.
fn proofs() -> Vec<Table> {
    vec![
        about(&verifying(), "allow exchanged", good),
        about(&verifying(), "502 issued_token_unfit", |_| by_stranger(wanted())),
        about(&verifying(), "502 issued_token_unfit", |_| by_stranger(wanted().kid("k9"))),
        about(&verifying(), "502 issued_token_unfit", |_| issues(wanted().subject("mallory"))),
        about(&to_b(), "allow exchanged", |_| by_stranger(wanted())),
        about(&with_fetched_keys(), "allow exchanged", |callout| match &*callout.cluster {
            "keys" => Reply::json(200, &jwks([key(Algorithm::Es256)])),
            _ => good(callout),
        }),
        about(&with_fetched_keys(), "503 keys_unavailable", |callout| match &*callout.cluster {
            "keys" => Reply::json(500, &json!({})),
            _ => good(callout),
        }),
    ]
}

#[test]
fn only_an_answer_with_a_bearer_access_token_is_one() {
    answers().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn a_token_of_another_user_issuer_audience_scope_or_life_sends_nothing_on() {
    tokens().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn a_scope_too_few_is_denied_whoever_says_so() {
    scopes().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn the_actor_that_was_configured_is_the_outermost() {
    actors().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn a_result_is_verified_where_that_is_asked_for() {
    proofs().iter().for_each(Table::check::<TokenExchange>);
}

#[test]
fn the_token_that_was_issued_is_the_one_that_goes_on_and_the_record_names_it() {
    let decision = Gate::new(&to_b()).with_clusters(good).decide(&ask());
    let issued = credential(&decision).unwrap();
    let record = decision.record();
    assert_eq!(record["issued_sha256"], filter_kit::issuers::credential_sha256(&issued));
    assert_eq!((&record["rule"], &record["issued_actors"]), (&json!("b"), &json!(["gateway"])));
    assert_eq!((&record["audience_asked"], &record["scopes_asked"]), (&json!(["tool-b"]), &json!(["b:read"])));
    assert_eq!((&record["subject"], &record["code"]), (&json!("alice"), &json!("exchanged")));
    assert!(!record.to_string().contains(&issued));
}
