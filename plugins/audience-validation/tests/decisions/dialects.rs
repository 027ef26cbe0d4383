//! Tokens in the dialect of each product, and which kind they prove to be.

use audience_validation::AudienceValidation;
use fourleg_lab::mint::{Algorithm, Token, key};
use plugin_checks::decisions::{NOW, Request, Table, get, row};
use serde_json::{Value, json};

use crate::{R, keys};

const TENANT: &str = "8d9e2f10-6f2c-4c3b-9d67-2f1d5a0e7b11";

/// A product: its profile, its issuer, the `typ` of its access tokens, and the claims of a user's and of a client's own.
struct Product {
    profile: &'static str,
    issuer: &'static str,
    typ: Option<&'static str>,
    user: Value,
    application: Value,
}

fn products() -> [Product; 6] {
    let product = |profile, issuer, typ, user, application| Product { profile, issuer, typ, user, application };
    [
        product(
            "rfc9068",
            "https://as.example.com/t1",
            Some("at+jwt"),
            json!({"sub": "5ba552d67", "client_id": "agent-1", "jti": "1", "scope": "tools:read", "roles": ["auditor"]}),
            json!({"sub": "agent-1", "client_id": "agent-1", "jti": "1", "scope": "tools:read"}),
        ),
        product(
            "keycloak",
            "https://idp.example/realms/agents",
            Some("JWT"),
            json!({"typ": "Bearer", "azp": "agent-1", "sub": "f1d2d2f9", "sid": "7c1b2f0d", "scope": "openid tools:read",
                   "resource_access": {"tools": {"roles": ["auditor"]}}}),
            json!({"typ": "Bearer", "azp": "agent-1", "sub": "a9993e36", "client_id": "agent-1", "scope": "tools:read",
                   "preferred_username": "service-account-agent-1", "clientHost": "10.0.0.7", "clientAddress": "10.0.0.7"}),
        ),
        product(
            "okta",
            "https://dev-1.okta.com/oauth2/default",
            None,
            json!({"cid": "agent-1", "uid": "00u1", "scp": ["tools:read"], "sub": "alice@example.com"}),
            json!({"cid": "agent-1", "scp": ["tools:read"], "sub": "agent-1"}),
        ),
        product(
            "auth0",
            "https://my-domain.auth0.com/",
            Some("JWT"),
            json!({"sub": "auth0|6553da60", "azp": "agent-1", "scope": "tools:read"}),
            json!({"sub": "agent-1@clients", "azp": "agent-1", "scope": "tools:read", "gty": "client-credentials"}),
        ),
        product(
            "entra",
            "https://login.microsoftonline.com/8d9e2f10-6f2c-4c3b-9d67-2f1d5a0e7b11/v2.0",
            Some("JWT"),
            json!({"azp": "agent-1", "azpacr": "1", "oid": "690222be", "scp": "tools:read", "sub": "HKZp", "tid": TENANT,
                   "ver": "2.0", "roles": ["auditor"]}),
            json!({"azp": "agent-1", "azpacr": "1", "oid": "3a5f", "sub": "3a5f", "idtyp": "app", "tid": TENANT,
                   "ver": "2.0", "roles": ["auditor"]}),
        ),
        product(
            "generic",
            "https://login.example.org",
            None,
            json!({"sub": "alice", "client_id": "agent-1", "scope": "tools:read", "auth_time": 1_700_000_000}),
            json!({"sub": "agent-1", "client_id": "agent-1", "scope": "tools:read"}),
        ),
    ]
}

impl Product {
    /// `claims`, issued now for `R`, with these changes; `null` takes a claim away.
    fn token(&self, claims: &Value, changes: Value) -> Token {
        let mut all = json!({"iss": self.issuer, "aud": R, "iat": NOW, "exp": NOW + 300});
        for part in [claims.clone(), changes] {
            all.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let token = Token::of(all);
        match self.typ {
            Some(typ) => token.typ(typ),
            None => token.without_header("typ"),
        }
    }
}

fn config() -> Value {
    let issuer = |product: &Product| {
        json!({
            "issuer": product.issuer, "profile": product.profile, "algorithms": ["ES256"], "jwks": {"inline": keys()},
        })
    };
    let rule = |name: &str, require: Value| json!({"name": name, "match": {"path": {"exact": format!("/{name}")}}, "require": require});
    let mut issuers: Vec<Value> = products().iter().map(issuer).collect();
    issuers[4]["tenants"] = json!([TENANT]);
    json!({
        "issuers": issuers,
        "resources": [{"resource": R, "rules": [
            rule("apps", json!({"token_kind": "application"})), rule("both", json!({"token_kind": "any"})),
            rule("scope", json!({"token_kind": "any", "scopes": ["tools:read"]})),
            rule("client", json!({"token_kind": "any", "clients": ["agent-1"]})),
            rule("role", json!({"token_kind": "any", "roles": ["auditor", "tools/auditor"]})),
        ]}],
    })
}

fn at(path: &str, token: Token) -> Request {
    get(path).bearer(token.sign_with(key(Algorithm::Es256)))
}

pub(crate) fn tables() -> Vec<Table> {
    vec![kinds(), claims_of_the_dialect(), other_tokens(), tenants()]
}

fn kinds() -> Table {
    let mut rows = Vec::new();
    for product in products() {
        for (whose, claims, passing) in
            [("a user's", &product.user, ["/", "/both"]), ("a client's own", &product.application, ["/apps", "/both"])]
        {
            for path in ["/", "/apps", "/both"] {
                let told = if passing.contains(&path) { "allow ok" } else { "403 token_kind_not_allowed" };
                let request = at(path, product.token(claims, json!({})));
                rows.push(row(format!("{} token of {} at {path}", whose, product.profile), request, told));
            }
        }
    }
    let [rfc9068, keycloak, okta, auth0, entra, generic] = products();
    for (product, claims, changes) in [
        // A client that is named like a user, or a user like a client.
        (&rfc9068, &rfc9068.user, json!({"sub": "alice", "client_id": "alice"})),
        (&keycloak, &keycloak.user, json!({"sid": null})),
        (&keycloak, &keycloak.application, json!({"client_id": null})),
        (&okta, &okta.user, json!({"uid": null})),
        (&auth0, &auth0.user, json!({"sub": "6553da60"})),
        (&entra, &entra.application, json!({"idtyp": null})),
        (&entra, &entra.user, json!({"scp": ""})),
        (&generic, &generic.user, json!({"auth_time": null})),
    ] {
        let what = format!("a token of {} with {changes}", product.profile);
        rows.push(row(what, at("/", product.token(claims, changes)), "403 token_kind_not_allowed"));
    }
    Table::new(config(), rows)
}

fn claims_of_the_dialect() -> Table {
    let mut rows = Vec::new();
    for product in products() {
        let name = product.profile;
        let has_role = !matches!(name, "okta" | "auth0" | "generic");
        let role = if has_role { "allow ok" } else { "403 role_missing" };
        let (own, other, different) = match name {
            "okta" => ("scp", "scope", json!("tools:write")),
            "entra" => ("scp", "scope", json!("tools:write")),
            _ => ("scope", "scp", json!(["tools:write"])),
        };
        let user = |changes| product.token(&product.user, changes);
        let client = if matches!(name, "rfc9068" | "generic") {
            "client_id"
        } else if name == "okta" {
            "cid"
        } else {
            "azp"
        };
        rows.extend([
            row(format!("the scope of {name}"), at("/scope", user(json!({}))), "allow ok"),
            row(format!("the client of {name}"), at("/client", user(json!({}))), "allow ok"),
            row(
                format!("another client of {name}"),
                at("/client", user(json!({client: "agent-2"}))),
                "403 client_not_allowed",
            ),
            row(format!("the role of {name}"), at("/role", user(json!({}))), role),
            row(
                format!("no scope of {name}"),
                at("/scope", user(json!({own: null, "auth_time": 1}))),
                "403 insufficient_scope",
            ),
            row(
                format!("two scopes of {name} that differ"),
                at("/scope", user(json!({other: different}))),
                "401 claim_invalid",
            ),
        ]);
    }
    Table::new(config(), rows)
}

/// What the same issuers sign for other purposes.
fn other_tokens() -> Table {
    let [rfc9068, keycloak, okta, auth0, entra, generic] = products();
    let mut rows = Vec::new();
    for (product, changes) in [
        (&keycloak, json!({"typ": "ID"})),
        (&keycloak, json!({"typ": "Refresh"})),
        (&keycloak, json!({"typ": null})),
        (&okta, json!({"cid": null, "uid": null, "scp": null, "at_hash": "fPls"})),
        (&auth0, json!({"azp": null, "scope": null, "nonce": "n"})),
        (&entra, json!({"azp": null, "azpacr": null, "scp": null, "nonce": "n"})),
        (&generic, json!({"nonce": "n"})),
        (&generic, json!({"events": {}})),
    ] {
        let what = format!("{} with {changes}", product.profile);
        rows.push(row(what, at("/both", product.token(&product.user, changes)), "401 not_an_access_token"));
    }
    for product in [&rfc9068, &keycloak, &okta, &auth0, &entra, &generic] {
        for typ in ["dpop+jwt", "logout+jwt", "id_token+jwt", ""] {
            let request = at("/both", product.token(&product.user, json!({})).typ(typ));
            rows.push(row(format!("{} of type {typ:?}", product.profile), request, "401 type_not_allowed"));
        }
    }
    Table::new(config(), rows)
}

fn tenants() -> Table {
    let [.., entra, _] = products();
    let with = |changes| at("/", entra.token(&entra.user, changes));
    Table::new(
        config(),
        vec![
            row("the tenant", with(json!({})), "allow ok"),
            row("another", with(json!({"tid": "1b3c5d70-0a0b-4c0d-8e0f-102030405060"})), "401 tenant_not_allowed"),
            row("none", with(json!({"tid": null})), "401 tenant_not_allowed"),
            row("in capitals", with(json!({"tid": TENANT.to_uppercase()})), "401 tenant_not_allowed"),
        ],
    )
}

#[test]
fn a_kind_needs_proof_in_the_dialect_of_its_issuer() {
    kinds().check::<AudienceValidation>();
}

#[test]
fn scopes_clients_and_roles_are_read_from_the_claims_of_the_dialect() {
    claims_of_the_dialect().check::<AudienceValidation>();
}

#[test]
fn the_other_tokens_of_a_product_are_no_access_tokens() {
    other_tokens().check::<AudienceValidation>();
}

#[test]
fn a_tenant_that_is_not_listed_is_refused() {
    tenants().check::<AudienceValidation>();
}
