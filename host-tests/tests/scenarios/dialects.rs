//! Tokens as the products issue them, through the whole filter (section 0.2 of the catalogue; AUD-08 to AUD-13).

use fourleg_harness::{Gateway, Running, get, plugin};
use fourleg_lab::mint::{Algorithm, Token, key};
use fourleg_tests::scenarios;
use serde_json::{Value, json};

use crate::{
    endpoint::{Endpoint, keys, metadata},
    fixture::{R, public_keys},
};

const TENANT: &str = "8d9e2f10-6f2c-4c3b-9d67-2f1d5a0e7b11";
const OTHER_TENANT: &str = "1b3c5d70-0a0b-4c0d-8e0f-102030405060";
const CLIENT: &str = "c0ffee00-1111-4222-8333-444455556666";
const API: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

/// What a product's tokens look like: those that a user gave, and those that a client got for itself.
struct Product {
    profile: &'static str,
    issuer: String,
    /// The header's `typ`.
    typ: Option<&'static str>,
    user: Value,
    application: Value,
    /// The client that both were issued to.
    client: &'static str,
    /// The scope of the user's token.
    scope: &'static str,
    /// A role that the user's token holds, in the dialect's name for it.
    role: Option<&'static str>,
}

/// `claims` with these changes; `null` takes a claim away.
fn with(mut claims: Value, changes: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn rfc9068() -> Product {
    let user = json!({
        "iss": "https://as.example.com/t1", "sub": "5ba552d67", "aud": R, "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3", "scope": "tools:read tools:write", "acr": "urn:mfa", "amr": ["otp"], "roles": ["auditor"],
    });
    Product {
        profile: "rfc9068",
        issuer: "https://as.example.com/t1".into(),
        typ: Some("at+jwt"),
        application: with(user.clone(), json!({"sub": "s6BhdRkqt3", "acr": null, "amr": null})),
        user,
        client: "s6BhdRkqt3",
        scope: "tools:read",
        role: Some("auditor"),
    }
}

fn keycloak() -> Product {
    let user = json!({
        "iss": "https://idp.example/realms/agents", "aud": [R, "account"], "typ": "Bearer", "azp": "agent-1",
        "sub": "f1d2d2f9-24e4-41ab-90e5-d1c2b3a49586", "jti": "onrtac:2f7f0f0e-1d0f-4f2b-9a53-0a8b5d1f2c3d",
        "sid": "7c1b2f0d-4a5e-4e0e-8e3e-6f1a2b3c4d5e", "acr": "1", "allowed-origins": ["https://agent.example"],
        "realm_access": {"roles": ["default-roles-agents", "offline_access", "auditor"]},
        "resource_access": {"tools": {"roles": ["reader"]}, "account": {"roles": ["manage-account"]}},
        "scope": "openid email profile tools:read", "email_verified": true, "name": "Alice Example",
        "preferred_username": "alice", "email": "alice@example.com",
    });
    let application = with(
        user.clone(),
        json!({
            "sid": null, "name": null, "email": null, "email_verified": false, "client_id": "agent-1", "clientHost": "10.0.0.7",
            "clientAddress": "10.0.0.7", "preferred_username": "service-account-agent-1",
            "sub": "a9993e36-4706-416a-ba3e-25717850c26c", "scope": "email profile tools:read",
        }),
    );
    Product {
        profile: "keycloak",
        issuer: "https://idp.example/realms/agents".into(),
        typ: Some("JWT"),
        user,
        application,
        client: "agent-1",
        scope: "tools:read",
        role: Some("tools/reader"),
    }
}

fn okta() -> Product {
    let user = json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "iss": "https://dev-1.okta.com/oauth2/default",
        "aud": R, "cid": "0oa4bcdefgHIJKLmn5d7", "uid": "00u1abcdefGHIJKLm5d7", "scp": ["openid", "tools:read"],
        "sub": "alice@example.com",
    });
    let application = with(user.clone(), json!({"uid": null, "scp": ["tools:read"], "sub": "0oa4bcdefgHIJKLmn5d7"}));
    Product {
        profile: "okta",
        issuer: "https://dev-1.okta.com/oauth2/default".into(),
        typ: None,
        user,
        application,
        client: "0oa4bcdefgHIJKLmn5d7",
        scope: "tools:read",
        role: None,
    }
}

fn auth0() -> Product {
    let user = json!({
        "iss": "https://my-domain.auth0.com/", "sub": "auth0|6553da60a54af58e29493993",
        "aud": [R, "https://my-domain.auth0.com/userinfo"], "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
        "scope": "openid profile tools:read", "permissions": ["tools:read"],
    });
    let application = with(
        user.clone(),
        json!({
            "sub": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients", "aud": R, "scope": "tools:read", "gty": "client-credentials",
        }),
    );
    Product {
        profile: "auth0",
        issuer: "https://my-domain.auth0.com/".into(),
        typ: Some("JWT"),
        user,
        application,
        client: "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
        scope: "tools:read",
        role: None,
    }
}

fn entra() -> Product {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let user = json!({
        "aud": API, "iss": issuer, "aio": "AXQAi/8IAAAA", "azp": CLIENT, "azpacr": "1", "name": "Alice Example",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "alice@contoso.example", "rh": "0.AXkA",
        "roles": ["Auditor"], "scp": "tools:read Files.Write", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    });
    let application = with(
        user.clone(),
        json!({
            "scp": null, "idtyp": "app", "roles": ["Files.Read.All"], "name": null, "preferred_username": null,
            "oid": "3a5f0c9e-8b7d-4c6e-9f10-213243546576", "sub": "3a5f0c9e-8b7d-4c6e-9f10-213243546576",
        }),
    );
    Product {
        profile: "entra",
        issuer,
        typ: Some("JWT"),
        user,
        application,
        client: CLIENT,
        scope: "tools:read",
        role: Some("Auditor"),
    }
}

/// Version 1 of the same.
fn entra_v1() -> Product {
    let v2 = entra();
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    let v1 = json!({
        "aud": "api://tools.example", "iss": issuer, "azp": null, "azpacr": null, "appid": CLIENT, "appidacr": "1",
        "acr": "1", "amr": ["pwd", "mfa"], "idp": "live.com", "ipaddr": "203.0.113.7", "preferred_username": null,
        "unique_name": "alice@contoso.example", "upn": "alice@contoso.example", "ver": "1.0",
    });
    let user = with(v2.user, v1.clone());
    let application = with(with(v2.application, v1), json!({"amr": null, "unique_name": null, "upn": null}));
    Product { issuer, user, application, ..entra() }
}

fn generic() -> Product {
    let user = json!({
        "iss": "https://login.example.org", "sub": "alice", "aud": [R], "client_id": "agent-1", "scope": "tools:read",
        "roles": ["auditor"], "auth_time": 1_700_000_000,
    });
    let application = with(user.clone(), json!({"sub": "agent-1", "auth_time": null}));
    Product {
        profile: "generic",
        issuer: "https://login.example.org".into(),
        typ: None,
        user,
        application,
        client: "agent-1",
        scope: "tools:read",
        role: Some("auditor"),
    }
}

fn products() -> Vec<Product> {
    vec![rfc9068(), keycloak(), okta(), auth0(), entra(), entra_v1(), generic()]
}

impl Product {
    fn named(&self) -> String {
        format!("{} of {}", self.profile, self.issuer)
    }

    /// A token with these claims, issued now.
    fn token(&self, gateway: &dyn Running, claims: &Value) -> Token {
        let now = gateway.now();
        let claims = with(claims.clone(), json!({"iat": now, "exp": now + 300}));
        let token = Token::of(claims).kid("rs256");
        match self.typ {
            Some(typ) => token.typ(typ),
            None => token.without_header("typ"),
        }
    }

    fn config(&self) -> Value {
        json!({"issuer": self.issuer, "profile": self.profile, "jwks": {"inline": public_keys()}})
    }
}

fn sign(token: Token) -> String {
    token.sign_with(key(Algorithm::Rs256))
}

/// The default for every path but `/apps`, `/both`, `/scope`, and one `/client/<profile>` and `/role/<profile>` each.
fn gateway(issuers: Vec<Value>) -> Gateway {
    let mut rules = vec![
        json!({"name": "apps", "match": {"path": {"exact": "/apps"}}, "require": {"token_kind": "application"}}),
        json!({"name": "both", "match": {"path": {"exact": "/both"}}, "require": {"token_kind": "any"}}),
        json!({"name": "scope", "match": {"path": {"exact": "/scope"}}, "require": {"token_kind": "any", "scopes": ["tools:read"]}}),
    ];
    for product in [rfc9068(), keycloak(), okta(), auth0(), entra(), generic()] {
        rules.push(json!({
            "name": "client", "match": {"path": {"exact": format!("/client/{}", product.profile)}},
            "require": {"token_kind": "any", "clients": [product.client]},
        }));
        if let Some(role) = product.role {
            rules.push(json!({
                "name": "role", "match": {"path": {"exact": format!("/role/{}", product.profile)}},
                "require": {"token_kind": "any", "roles": [role]},
            }));
        }
    }
    for (number, rule) in rules.iter_mut().enumerate() {
        rule["name"] = json!(format!("rule-{number}"));
    }
    let accept: Vec<Value> = issuers
        .iter()
        .map(|issuer| json!({"issuer": issuer["issuer"], "audiences": [R, API, "api://tools.example"]}))
        .collect();
    let config = json!({"issuers": issuers, "resources": [{"resource": R, "accept": accept, "rules": rules}]});
    Gateway::chain([plugin("audience_validation", config)])
}

fn every_product() -> Gateway {
    gateway(products().iter().map(Product::config).collect())
}

scenarios! {
    /// AUD-08, AUD-12: the kind needs proof in the dialect, and a client's own token passes only where a rule says so.
    fn a_users_token_passes_and_a_clients_own_only_where_a_rule_says_so(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for product in products() {
            let user = sign(product.token(&*gateway, &product.user));
            let application = sign(product.token(&*gateway, &product.application));
            let name = product.named();
            for (path, token, passes) in [
                ("/", &user, true), ("/apps", &user, false), ("/both", &user, true),
                ("/", &application, false), ("/apps", &application, true), ("/both", &application, true),
            ] {
                let outcome = gateway.send(get(path).bearer(token));
                if passes {
                    assert_eq!(outcome.response.status, 200, "{name} at {path}\n{}", outcome.picture());
                    outcome.allowed();
                } else {
                    assert_eq!(outcome.response.status, 403, "{name} at {path}\n{}", outcome.picture());
                    outcome.denied_with(403).has_code("token_kind_not_allowed").no_header("www-authenticate");
                }
            }
        }
    }

    /// AUD-08: what proves neither passes only where any does.
    fn a_token_that_proves_neither_kind_passes_only_where_any_does(runner) {
        let gateway = runner.start(every_product()).unwrap();
        let unproven = [
            // Both names, or none.
            (keycloak(), with(keycloak().user, json!({"sid": null}))),
            (keycloak(), with(keycloak().application, json!({"client_id": null}))),
            // A user who is called like a service account.
            (keycloak(), with(keycloak().application, json!({"client_id": null, "sid": "7c1b2f0d"}))),
            (okta(), with(okta().user, json!({"uid": null}))),
            (auth0(), with(auth0().user, json!({"sub": "6553da60a54af58e29493993"}))),
            (auth0(), with(auth0().application, json!({"sub": "auth0|6553da60"}))),
            // AUD-12: application permissions alone do not prove it.
            (entra(), with(entra().application, json!({"idtyp": null}))),
            (entra_v1(), with(entra_v1().application, json!({"idtyp": null}))),
            (entra(), with(entra().user, json!({"scp": ""}))),
            (generic(), with(generic().user, json!({"auth_time": null}))),
        ];
        for (product, claims) in unproven {
            let token = sign(product.token(&*gateway, &claims));
            for path in ["/", "/apps"] {
                let outcome = gateway.send(get(path).bearer(&token));
                assert_eq!(outcome.response.status, 403, "{claims} at {path}");
                outcome.denied_with(403).has_code("token_kind_not_allowed");
            }
            gateway.send(get("/both").bearer(&token)).allowed();
        }
    }

    /// AUD-08: a client that was named like a user is no user.
    fn a_client_with_the_name_of_a_user_is_no_user(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for (product, claims) in [
            (rfc9068(), with(rfc9068().user, json!({"sub": "alice", "client_id": "alice"}))),
            (okta(), with(okta().application, json!({"sub": "alice", "cid": "alice"}))),
            (generic(), with(generic().application, json!({"sub": "alice", "client_id": "alice"}))),
        ] {
            let outcome = gateway.send(get("/").bearer(&sign(product.token(&*gateway, &claims))));
            outcome.denied_with(403).has_code("token_kind_not_allowed");
        }
    }

    /// JWT-19, JWT-20: a wrong `typ` that is there is fatal in every dialect; an absent one where the issuer sends it.
    fn a_wrong_header_type_is_fatal_in_every_dialect(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for product in products() {
            for typ in [
                "dpop+jwt", "secevent+jwt", "logout+jwt", "oauth-id-jag+jwt", "client-authentication+jwt",
                "token-introspection+jwt", "id_token+jwt", "text/at+jwt", "at", "JWS", "",
            ] {
                let outcome = gateway.send(get("/both").bearer(&sign(product.token(&*gateway, &product.user).typ(typ))));
                assert_eq!(outcome.response.status, 401, "{} with {typ}", product.named());
                outcome.denied_with(401).has_code("type_not_allowed");
            }
            let absent = gateway.send(get("/").bearer(&sign(product.token(&*gateway, &product.user).without_header("typ"))));
            match product.profile {
                "okta" | "generic" => { absent.allowed(); }
                _ => { absent.denied_with(401).has_code("type_not_allowed"); }
            }
            let accepted: &[&str] = match product.profile {
                "rfc9068" => &["AT+JWT", "application/at+jwt"],
                "okta" => &["at+jwt", "okta-internal-at+jwt", "JWT"],
                "entra" => &["JWT", "jwt", "application/jwt"],
                _ => &["at+jwt", "application/at+jwt", "JWT"],
            };
            for typ in accepted {
                let outcome = gateway.send(get("/").bearer(&sign(product.token(&*gateway, &product.user).typ(typ))));
                assert_eq!(outcome.response.status, 200, "{} with {typ}", product.named());
            }
        }
        // Where one is demanded it is not taken for another.
        for (product, typ) in [(rfc9068(), "JWT"), (entra(), "at+jwt")] {
            gateway.send(get("/").bearer(&sign(product.token(&*gateway, &product.user).typ(typ)))).denied_with(401).has_code("type_not_allowed");
        }
    }

    /// JWT-20: what the same issuer signs for other purposes, with the same header.
    fn the_other_tokens_of_a_product_are_no_access_tokens(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for (product, claims) in [
            (keycloak(), with(keycloak().user, json!({"typ": "ID"}))),
            (keycloak(), with(keycloak().user, json!({"typ": "Refresh"}))),
            (keycloak(), with(keycloak().user, json!({"typ": "Offline"}))),
            (keycloak(), with(keycloak().user, json!({"typ": null}))),
            (okta(), with(okta().user, json!({"cid": null, "uid": null, "scp": null, "at_hash": "fPlsvVszI29LU2UhDyJ9vg"}))),
            (auth0(), with(auth0().user, json!({"azp": null, "scope": null, "nonce": "n"}))),
            (entra(), with(entra().user, json!({"azp": null, "azpacr": null, "scp": null, "nonce": "12345"}))),
            (generic(), with(generic().user, json!({"nonce": "n"}))),
            (generic(), with(generic().user, json!({"events": {}}))),
        ] {
            let outcome = gateway.send(get("/both").bearer(&sign(product.token(&*gateway, &claims))));
            assert_eq!(outcome.response.status, 401, "{claims}");
            outcome.denied_with(401).has_code("not_an_access_token");
        }
    }

    /// AUD-13: each dialect's own claim grants; where two say different things, none does.
    fn scopes_are_read_from_the_claim_of_the_dialect(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for product in products() {
            gateway.send(get("/scope").bearer(&sign(product.token(&*gateway, &product.user)))).allowed();
            let (own, other, written) = match product.profile {
                "okta" => ("scp", "scope", json!([product.scope])),
                "entra" => ("scp", "scope", json!(product.scope)),
                _ => ("scope", "scp", json!(product.scope)),
            };
            let claims = |changes: Value| with(with(product.user.clone(), json!({"auth_time": 1})), changes);
            let outcome = |changes: Value| gateway.send(get("/scope").bearer(&sign(product.token(&*gateway, &claims(changes)))));
            // The other claim beside it has to agree, in its own form.
            let same = if other == "scope" { json!(product.scope) } else { json!([product.scope]) };
            let different = if other == "scope" { json!("tools:write") } else { json!(["tools:write"]) };
            outcome(json!({own: written, other: same})).allowed();
            outcome(json!({own: written, other: different})).denied_with(401).has_code("claim_invalid");
            // Not a form of the dialect.
            let misshapen = match product.profile {
                "okta" => json!("tools:read"),
                // The generic dialect has both forms.
                "generic" => json!({"tools:read": true}),
                _ => json!(["tools:read"]),
            };
            outcome(json!({own: misshapen})).denied_with(401).has_code("claim_invalid");
        }
        // Alone, the other dialect's claim grants nothing.
        let at = |product: &Product, changes: Value| {
            gateway.send(get("/scope").bearer(&sign(product.token(&*gateway, &with(product.user.clone(), changes)))))
        };
        at(&rfc9068(), json!({"scope": null, "scp": ["tools:read"]})).denied_with(403).has_code("insufficient_scope");
        at(&okta(), json!({"scp": null, "scope": "tools:read"})).denied_with(403).has_code("insufficient_scope");
        // The permissions of Auth0 are no scopes.
        at(&auth0(), json!({"scope": "openid"})).denied_with(403).has_code("insufficient_scope");
    }

    /// AUD-12: clients over `client_id`, `azp`, `cid`, `appid`, and roles over each dialect's claim.
    fn client_and_roles_are_read_from_the_claims_of_the_dialect(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for product in products() {
            let token = sign(product.token(&*gateway, &product.user));
            gateway.send(get(format!("/client/{}", product.profile)).bearer(&token)).allowed();
            let other = if product.profile == "okta" { "/client/auth0" } else { "/client/okta" };
            gateway.send(get(other).bearer(&token)).denied_with(403).has_code("client_not_allowed");
            if product.role.is_some() {
                gateway.send(get(format!("/role/{}", product.profile)).bearer(&token)).allowed();
                let other = if product.profile == "keycloak" { "/role/entra" } else { "/role/keycloak" };
                gateway.send(get(other).bearer(&token)).denied_with(403).has_code("role_missing");
            }
        }
        // A role of the realm is not one of a client, and `client_id` and `azp` may not contradict each other.
        let at = |path: &str, claims: Value| gateway.send(get(path).bearer(&sign(keycloak().token(&*gateway, &claims))));
        at("/role/keycloak", with(keycloak().user, json!({"resource_access": {}, "realm_access": {"roles": ["reader", "tools/reader"]}})))
            .denied_with(403).has_code("role_missing");
        at("/both", with(keycloak().user, json!({"client_id": "agent-2"}))).denied_with(401).has_code("claim_invalid");
    }

    /// AUD-10
    fn a_tenant_that_is_not_accepted_is_refused_though_its_signature_is_good(runner) {
        let pinned = with(entra().config(), json!({"tenants": [TENANT]}));
        let template = json!({
            "issuer": "https://sts.windows.net/{tenantid}/", "profile": "entra", "tenants": [TENANT, OTHER_TENANT],
            "jwks": {"inline": public_keys()},
        });
        let gateway = runner.start(gateway(vec![pinned, template])).unwrap();
        let at = |product: &Product, changes: Value| {
            gateway.send(get("/").bearer(&sign(product.token(&*gateway, &with(product.user.clone(), changes)))))
        };
        at(&entra(), json!({})).allowed();
        for tid in [json!(OTHER_TENANT), json!(null), json!(TENANT.to_uppercase())] {
            at(&entra(), json!({"tid": tid})).denied_with(401).has_code("tenant_not_allowed");
        }
        let other = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
        at(&entra(), json!({"iss": other, "tid": OTHER_TENANT})).denied_with(401).has_code("unknown_issuer");
        // The issuer of many tenants stands for those that are listed, and issuer and tenant have to agree.
        at(&entra_v1(), json!({})).allowed();
        let of_other = format!("https://sts.windows.net/{OTHER_TENANT}/");
        at(&entra_v1(), json!({"iss": of_other, "tid": OTHER_TENANT})).allowed();
        at(&entra_v1(), json!({"tid": OTHER_TENANT})).denied_with(401).has_code("tenant_not_allowed");
        at(&entra_v1(), json!({"iss": of_other})).denied_with(401).has_code("tenant_not_allowed");
        for third in ["5c0ffee5-0000-4000-8000-000000000000", "{tenantid}", "common"] {
            let issuer = format!("https://sts.windows.net/{third}/");
            at(&entra_v1(), json!({"iss": issuer, "tid": third})).denied_with(401).has_code("unknown_issuer");
        }
    }

    /// AUD-10: a token of the version that is not configured is of an unknown issuer.
    fn a_version_one_token_is_unknown_where_only_version_two_is_configured(runner) {
        let gateway = runner.start(gateway(vec![entra().config()])).unwrap();
        gateway.send(get("/").bearer(&sign(entra().token(&*gateway, &entra().user)))).allowed();
        gateway.send(get("/").bearer(&sign(entra_v1().token(&*gateway, &entra_v1().user)))).denied_with(401).has_code("unknown_issuer");
    }

    /// AUD-10, PRM-11: the document of Entra's issuer for many tenants says `{tenantid}`, and that is compared.
    fn the_issuer_of_many_tenants_is_found_by_its_metadata_uri(runner) {
        let endpoint = Endpoint::default();
        let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let host = "https://login.microsoftonline.com";
        endpoint
            .says("/organizations/v2.0/.well-known/openid-configuration", metadata(issuer, &format!("{host}/organizations/discovery/v2.0/keys")))
            .says("/organizations/discovery/v2.0/keys", keys(&public_keys()));
        let discovery = json!({"cluster": "entra", "metadata_uri": format!("{host}/organizations/v2.0/.well-known/openid-configuration")});
        let issuer = json!({"issuer": issuer, "profile": "entra", "tenants": [TENANT], "jwks": {"discovery": discovery}});
        let gateway = runner.start(gateway(vec![issuer]).cluster("entra", endpoint.handler())).unwrap();
        gateway.send(get("/").bearer(&sign(entra().token(&*gateway, &entra().user)))).allowed();
        let other = json!({"iss": format!("{host}/{OTHER_TENANT}/v2.0"), "tid": OTHER_TENANT});
        let other = sign(entra().token(&*gateway, &with(entra().user, other)));
        gateway.send(get("/").bearer(&other)).denied_with(401).has_code("unknown_issuer");
    }

    /// AUD-11: the audience of an Entra token depends on its version, and a rule on a name that can change hands is noted.
    fn an_entra_audience_is_that_of_its_version_and_names_that_change_hands_are_noted(runner) {
        let rules = json!([{
            "name": "by name", "match": {"path": {"exact": "/mine"}},
            "require": {"claims": [{"pointer": "/upn", "any_of": ["alice@contoso.example"]}]},
        }, {
            "name": "by object", "match": {"path": {"exact": "/object"}},
            "require": {"claims": [
                {"pointer": "/oid", "any_of": ["690222be-ff1a-4d56-abd1-7e4f7d38e474"]}, {"pointer": "/tid", "any_of": [TENANT]},
            ]},
        }]);
        let config = json!({
            "issuers": [entra().config(), entra_v1().config()],
            "resources": [{"resource": "api://tools.example", "rules": rules}],
        });
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", config)])).unwrap();
        let v2 = sign(entra().token(&*gateway, &entra().user));
        let v1 = sign(entra_v1().token(&*gateway, &entra_v1().user));
        gateway.send(get("/").bearer(&v2)).denied_with(401).has_code("audience_mismatch");
        gateway.send(get("/").bearer(&v1)).allowed();
        gateway.send(get("/object").bearer(&v1)).allowed();
        let other = with(entra_v1().user, json!({"oid": "00000000-0000-4000-8000-000000000000"}));
        gateway.send(get("/object").bearer(&sign(entra_v1().token(&*gateway, &other)))).denied_with(403).has_code("claim_mismatch");
        let logs = gateway.logs();
        let notes: Vec<&String> = logs.iter().filter(|line| line.contains("can change hands")).collect();
        assert!(notes.iter().any(|line| line.contains("resources[0].rules[0].require.claims[0].pointer")), "{logs:#?}");
        assert!(!notes.iter().any(|line| line.contains("rules[1]")), "{notes:#?}");
    }

    /// AUD-12: a route for applications by name is closed to the same client's users, and to what does not prove itself.
    fn a_route_for_one_application_is_closed_to_its_users(runner) {
        let config = json!({
            "issuers": [entra().config()],
            "resources": [{
                "resource": R, "accept": [{"issuer": entra().issuer, "audiences": [API]}],
                "require": {"token_kind": "application", "clients": [CLIENT], "roles": ["Files.Read.All"]},
            }],
        });
        let gateway = runner.start(Gateway::chain([plugin("audience_validation", config)])).unwrap();
        let at = |claims: Value| gateway.send(get("/").bearer(&sign(entra().token(&*gateway, &claims))));
        let application = || entra().application;
        at(application()).allowed();
        at(with(entra().user, json!({"roles": ["Files.Read.All"]}))).denied_with(403).has_code("token_kind_not_allowed");
        // Both marks at once prove neither.
        at(with(entra().user, json!({"roles": ["Files.Read.All"], "idtyp": "app"}))).denied_with(403).has_code("token_kind_not_allowed");
        at(with(application(), json!({"idtyp": null}))).denied_with(403).has_code("token_kind_not_allowed");
        at(with(application(), json!({"idtyp": "user"}))).denied_with(403).has_code("token_kind_not_allowed");
        at(with(application(), json!({"azp": "another"}))).denied_with(403).has_code("client_not_allowed");
        at(with(application(), json!({"roles": ["Files.Write.All"]}))).denied_with(403).has_code("role_missing");
    }

    /// JWT-25: the keys may be the same, the names are not.
    fn no_issuer_speaks_in_the_dialect_of_another(runner) {
        let gateway = runner.start(every_product()).unwrap();
        for product in products() {
            for other in products().iter().filter(|other| other.profile != product.profile) {
                // The claims of one under the name of the other: never a user of it.
                let claims = with(product.application.clone(), json!({"iss": other.issuer}));
                let token = sign(other.token(&*gateway, &claims));
                let outcome = gateway.send(get("/").bearer(&token));
                if other.profile != "rfc9068" {
                    assert!(matches!(outcome.response.status, 401 | 403), "{} as {}", product.named(), other.named());
                    outcome.never_reached_upstream();
                }
            }
        }
    }
}
