//! Tokens as the products issue them: header, claims, and what is read out of them (section 0.2 of the catalogue).

use crate::issuing::*;
use oauth_core::audience::require_audience;
use oauth_core::{Issuer, Profile, Reason, TokenKind, VerifiedToken};
use serde_json::{Value, json};

const TENANT: &str = "8d9e2f10-6f2c-4c3b-9d67-2f1d5a0e7b11";
const OTHER_TENANT: &str = "1b3c5d70-0a0b-4c0d-8e0f-102030405060";
const CLIENT: &str = "c0ffee00-1111-4222-8333-444455556666";
const API: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

/// One product: how it is configured and what its tokens look like.
struct Product {
    issuer: Issuer,
    header: Value,
    claims: Value,
}

impl Product {
    fn verify(&self) -> Result<VerifiedToken, Reason> {
        verify(&sign(Key::Rsa, &self.header, &self.claims), &self.issuer, &issuer_keys())
    }

    fn with(mut self, changes: Value) -> Self {
        self.claims = with(self.claims, changes);
        self
    }

    fn with_header(mut self, changes: Value) -> Self {
        self.header = with(self.header, changes);
        self
    }
}

fn scopes(token: &VerifiedToken) -> Vec<&str> {
    token.claims().scopes().iter().map(|scope| scope.as_str()).collect()
}

fn rfc9068_user() -> Product {
    Product {
        issuer: Issuer::new("https://as.example.com/t1", Profile::Rfc9068),
        header: json!({"typ": "at+jwt", "alg": "RS256", "kid": "k1"}),
        claims: json!({
            "iss": "https://as.example.com/t1", "sub": "5ba552d67", "aud": RESOURCE, "exp": 1_700_000_300,
            "iat": 1_700_000_000, "jti": "dbe39bf3a3ba4238a513f51d6e1691c4", "client_id": "s6BhdRkqt3",
            "scope": "tools:read tools:write", "auth_time": 1_699_999_000, "acr": "urn:mfa", "amr": ["otp"],
            "roles": ["auditor"],
        }),
    }
}

fn keycloak_user() -> Product {
    Product {
        issuer: Issuer::new("https://idp.example/realms/agents", Profile::Keycloak),
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}),
        claims: json!({
            "exp": 1_700_000_300, "iat": 1_700_000_000, "auth_time": 1_699_999_990,
            "jti": "onrtac:2f7f0f0e-1d0f-4f2b-9a53-0a8b5d1f2c3d", "iss": "https://idp.example/realms/agents",
            "aud": [RESOURCE, "account"], "sub": "f1d2d2f9-24e4-41ab-90e5-d1c2b3a49586", "typ": "Bearer",
            "azp": "agent-1", "sid": "7c1b2f0d-4a5e-4e0e-8e3e-6f1a2b3c4d5e", "acr": "1",
            "allowed-origins": ["https://agent.example"],
            "realm_access": {"roles": ["default-roles-agents", "offline_access", "auditor"]},
            "resource_access": {"tools": {"roles": ["reader"]}, "account": {"roles": ["manage-account"]}},
            "scope": "openid email profile tools:read", "email_verified": true, "name": "Alice Example",
            "preferred_username": "alice", "given_name": "Alice", "family_name": "Example", "email": "alice@example.com",
        }),
    }
}

fn keycloak_service_account() -> Product {
    keycloak_user().with(json!({
        "jti": "trrtcc:312ee6ab-5f39-4c8e-8a1b-2c3d4e5f6071", "auth_time": "__absent__", "sid": "__absent__",
        "sub": "a9993e36-4706-416a-ba3e-25717850c26c", "client_id": "agent-1", "clientHost": "10.0.0.7",
        "clientAddress": "10.0.0.7", "preferred_username": "service-account-agent-1", "scope": "email profile tools:read",
        "name": "__absent__", "given_name": "__absent__", "family_name": "__absent__", "email": "__absent__",
        "email_verified": false,
    }))
}

fn okta_user() -> Product {
    Product {
        issuer: Issuer::new("https://dev-1.okta.com/oauth2/default", Profile::Okta),
        header: json!({"kid": "k1", "alg": "RS256"}),
        claims: json!({
            "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "iss": "https://dev-1.okta.com/oauth2/default", "aud": RESOURCE, "iat": 1_700_000_000,
            "exp": 1_700_000_300, "cid": "0oa4bcdefgHIJKLmn5d7", "uid": "00u1abcdefGHIJKLm5d7",
            "scp": ["openid", "tools:read"], "auth_time": 1_699_999_990, "sub": "alice@example.com",
        }),
    }
}

fn okta_service() -> Product {
    okta_user().with(json!({
        "uid": "__absent__", "auth_time": "__absent__", "scp": ["tools:read"], "sub": "0oa4bcdefgHIJKLmn5d7",
    }))
}

fn auth0_user() -> Product {
    Product {
        issuer: Issuer::new("https://my-domain.auth0.com/", Profile::Auth0),
        header: json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}),
        claims: json!({
            "iss": "https://my-domain.auth0.com/", "sub": "auth0|6553da60a54af58e29493993",
            "aud": [RESOURCE, "https://my-domain.auth0.com/userinfo"], "iat": 1_700_000_000, "exp": 1_700_000_300,
            "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "scope": "openid profile tools:read",
            "permissions": ["tools:read"],
        }),
    }
}

fn auth0_service() -> Product {
    auth0_user().with(json!({
        "sub": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients", "aud": RESOURCE, "scope": "tools:read",
        "gty": "client-credentials",
    }))
}

fn auth0_rfc9068_user() -> Product {
    auth0_user().with_header(json!({"typ": "at+jwt"})).with(json!({
        "azp": "__absent__", "client_id": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "jti": "73WakrfVbNJBaAmhQtEeDv",
    }))
}

fn entra_v2_user() -> Product {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    Product {
        header: json!({"typ": "JWT", "alg": "RS256", "kid": "k1"}),
        claims: json!({
            "aud": API, "iss": issuer, "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_300,
            "aio": "AXQAi/8IAAAA", "azp": CLIENT, "azpacr": "1", "name": "Alice Example",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "alice@contoso.example",
            "rh": "0.AXkA", "roles": ["Auditor"], "scp": "Files.Read Files.Write",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
        }),
        issuer: Issuer::new(issuer, Profile::Entra),
    }
}

fn entra_v1_user() -> Product {
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    Product { issuer: Issuer::new(issuer.clone(), Profile::Entra), ..entra_v2_user() }
        .with_header(json!({"x5t": "i6lGk3FZzxRcUb2C3nEQ7syHJlY"}))
        .with(json!({
            "aud": "api://tools.example", "iss": issuer, "azp": "__absent__", "azpacr": "__absent__", "appid": CLIENT,
            "appidacr": "1", "acr": "1", "amr": ["pwd", "mfa"], "idp": "live.com", "ipaddr": "203.0.113.7",
            "preferred_username": "__absent__", "unique_name": "alice@contoso.example", "upn": "alice@contoso.example",
            "ver": "1.0",
        }))
}

fn entra_v2_application() -> Product {
    entra_v2_user().with(json!({
        "scp": "__absent__", "idtyp": "app", "roles": ["Files.Read.All"], "name": "__absent__",
        "preferred_username": "__absent__", "oid": "3a5f0c9e-8b7d-4c6e-9f10-213243546576",
        "sub": "3a5f0c9e-8b7d-4c6e-9f10-213243546576",
    }))
}

fn generic_user() -> Product {
    Product {
        issuer: Issuer::new("https://login.example.org", Profile::Generic),
        header: json!({"alg": "RS256", "kid": "k1"}),
        claims: json!({
            "iss": "https://login.example.org", "sub": "alice", "aud": [RESOURCE], "exp": 1_700_000_300,
            "iat": 1_700_000_000, "client_id": "agent-1", "scope": "tools:read", "auth_time": 1_699_999_990,
            "roles": ["auditor"],
        }),
    }
}

fn products() -> Vec<Product> {
    vec![
        rfc9068_user(),
        keycloak_user(),
        keycloak_service_account(),
        okta_user(),
        okta_service(),
        auth0_user(),
        auth0_service(),
        auth0_rfc9068_user(),
        entra_v2_user(),
        entra_v1_user(),
        entra_v2_application(),
        generic_user(),
    ]
}

#[test]
fn a_token_of_rfc9068_reads_as_the_rfc_says() {
    let token = rfc9068_user().verify().unwrap();
    assert_eq!(token.claims().client_id(), Some("s6BhdRkqt3"));
    assert_eq!(scopes(&token), ["tools:read", "tools:write"]);
    assert_eq!(token.claims().roles(), ["auditor"]);
    assert_eq!(token.kind(), TokenKind::Delegated);
    let own = rfc9068_user().with(json!({"sub": "s6BhdRkqt3"})).verify().unwrap();
    assert_eq!(own.kind(), TokenKind::Application);
}

#[test]
fn a_keycloak_token_reads_with_its_realm_and_client_roles() {
    let token = keycloak_user().verify().unwrap();
    assert_eq!(token.claims().client_id(), Some("agent-1"));
    assert_eq!(scopes(&token), ["email", "openid", "profile", "tools:read"]);
    for role in ["auditor", "tools/reader", "account/manage-account"] {
        assert!(token.claims().roles().iter().any(|held| held == role), "{role}");
    }
    assert_eq!(token.kind(), TokenKind::Delegated);
    let service = keycloak_service_account().verify().unwrap();
    assert_eq!((service.kind(), service.claims().client_id()), (TokenKind::Application, Some("agent-1")));
}

/// JWT-20
#[test]
fn of_keycloak_only_bearer_and_dpop_tokens_are_access_tokens_whatever_the_header_says() {
    for header in ["JWT", "at+jwt"] {
        let of_type =
            |typ: Value| keycloak_user().with_header(json!({"typ": header})).with(json!({"typ": typ})).verify();
        for typ in ["Bearer", "DPoP"] {
            assert!(of_type(json!(typ)).is_ok(), "{header} {typ}");
        }
        for typ in ["ID", "Refresh", "Offline", "Logout", "Logout-Token", "at+jwt", "", "__absent__"] {
            assert_eq!(reason(of_type(json!(typ))), Reason::NotAnAccessToken, "{header} {typ}");
        }
    }
}

/// AUD-13
#[test]
fn an_okta_token_reads_with_its_array_of_scopes() {
    let token = okta_user().verify().unwrap();
    assert_eq!(token.claims().client_id(), Some("0oa4bcdefgHIJKLmn5d7"));
    assert_eq!(scopes(&token), ["openid", "tools:read"]);
    assert_eq!(token.kind(), TokenKind::Delegated);
    assert_eq!(okta_service().verify().unwrap().kind(), TokenKind::Application);
    let conflict = okta_user().with(json!({"scope": "tools:write"}));
    assert_eq!(reason(conflict.verify()), Reason::ClaimInvalid);
}

/// JWT-20
#[test]
fn an_okta_id_token_is_no_access_token() {
    let id_token = json!({
        "cid": "__absent__", "uid": "__absent__", "scp": "__absent__", "aud": "0oa4bcdefgHIJKLmn5d7",
        "jti": "ID.radCQMOQUmyvcTBmmIL0J6BaS60apUEiC7", "amr": ["pwd"], "idp": "00o1", "at_hash": "fPlsvVszI29LU2UhDyJ9vg",
    });
    assert_eq!(reason(okta_user().with(id_token.clone()).verify()), Reason::NotAnAccessToken);
    assert_eq!(
        reason(okta_user().with(id_token).with(json!({"at_hash": "__absent__"})).verify()),
        Reason::NotAnAccessToken
    );
}

#[test]
fn an_auth0_token_reads_in_both_of_its_profiles() {
    for product in [auth0_user(), auth0_rfc9068_user()] {
        let token = product.verify().unwrap();
        assert_eq!(token.claims().client_id(), Some("K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"));
        assert_eq!(scopes(&token), ["openid", "profile", "tools:read"]);
        assert_eq!(token.kind(), TokenKind::Delegated);
    }
    assert_eq!(auth0_service().verify().unwrap().kind(), TokenKind::Application);
}

/// JWT-20
#[test]
fn an_auth0_id_token_is_no_access_token_even_without_a_nonce() {
    let id_token =
        json!({"azp": "__absent__", "scope": "__absent__", "aud": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "sid": "s"});
    assert_eq!(reason(auth0_user().with(id_token).verify()), Reason::NotAnAccessToken);
}

/// AUD-11, AUD-13
#[test]
fn entra_tokens_read_in_both_versions() {
    for product in [entra_v1_user(), entra_v2_user()] {
        let token = product.verify().unwrap();
        assert_eq!(token.claims().client_id(), Some(CLIENT));
        assert_eq!(scopes(&token), ["Files.Read", "Files.Write"]);
        assert_eq!(token.claims().roles(), ["Auditor"]);
        assert_eq!(token.claims().tenant(), Some(TENANT));
        assert_eq!(token.kind(), TokenKind::Delegated);
    }
    let application = entra_v2_application().verify().unwrap();
    assert_eq!(application.kind(), TokenKind::Application);
    assert_eq!(application.claims().roles(), ["Files.Read.All"]);
    let unmarked = entra_v2_application().with(json!({"idtyp": "__absent__"})).verify().unwrap();
    assert_eq!(unmarked.kind(), TokenKind::Unknown);
}

/// AUD-11
#[test]
fn the_audience_of_an_entra_token_depends_on_its_version() {
    let accepts =
        |product: Product, audience: &str| require_audience(&product.verify().unwrap(), &[audience.to_owned()], false);
    assert_eq!(accepts(entra_v2_user(), API), Ok(()));
    assert_eq!(accepts(entra_v1_user(), "api://tools.example"), Ok(()));
    assert_eq!(accepts(entra_v2_user(), "api://tools.example"), Err(Reason::AudienceMismatch));
    assert_eq!(accepts(entra_v1_user(), API), Err(Reason::AudienceMismatch));
}

/// AUD-10
#[test]
fn a_token_of_another_version_than_the_configured_issuer_is_refused() {
    let v1_at_v2 = Product { issuer: entra_v2_user().issuer, ..entra_v1_user() };
    assert_eq!(reason(v1_at_v2.verify()), Reason::UnknownIssuer);
    let v2_at_v1 = Product { issuer: entra_v1_user().issuer, ..entra_v2_user() };
    assert_eq!(reason(v2_at_v1.verify()), Reason::UnknownIssuer);
}

/// AUD-10
#[test]
fn a_token_of_another_tenant_is_refused_though_its_signature_is_valid() {
    let pinned = || Issuer { tenants: vec![TENANT.to_owned()], ..entra_v2_user().issuer };
    let verdict = |changes: Value| Product { issuer: pinned(), ..entra_v2_user() }.with(changes).verify().map(|_| ());
    assert_eq!(verdict(json!({})), Ok(()));
    for changes in
        [json!({"tid": OTHER_TENANT}), json!({"tid": "__absent__"}), json!({"tid": ""}), json!({"tid": [TENANT]})]
    {
        assert_eq!(verdict(changes.clone()), Err(Reason::TenantNotAllowed), "{changes}");
    }
    // A forger is not told which tenants are accepted.
    let forged =
        sign(Key::OtherRsa, &entra_v2_user().header, &with(entra_v2_user().claims, json!({"tid": OTHER_TENANT})));
    assert_eq!(reason(verify(&forged, &pinned(), &issuer_keys())), Reason::SignatureInvalid);
}

/// AUD-10
#[test]
fn a_multi_tenant_issuer_stands_for_its_listed_tenants_alone() {
    let issuer = |tenants: &[&str]| Issuer {
        tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
        ..Issuer::new("https://login.microsoftonline.com/{tenantid}/v2.0", Profile::Entra)
    };
    let verdict = |tenants: &[&str], changes: Value| {
        Product { issuer: issuer(tenants), ..entra_v2_user() }.with(changes).verify().map(|_| ())
    };
    let other_issuer = format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0");
    let other = json!({"iss": other_issuer, "tid": OTHER_TENANT});
    assert_eq!(verdict(&[TENANT], json!({})), Ok(()));
    assert_eq!(verdict(&[TENANT, OTHER_TENANT], other.clone()), Ok(()));
    assert_eq!(verdict(&[TENANT], other), Err(Reason::UnknownIssuer));
    assert_eq!(verdict(&[], json!({})), Err(Reason::UnknownIssuer));
    // The tenant says one thing and the issuer another.
    assert_eq!(verdict(&[TENANT, OTHER_TENANT], json!({"tid": OTHER_TENANT})), Err(Reason::TenantNotAllowed));
}

/// JWT-20
#[test]
fn an_entra_id_token_is_no_access_token() {
    let id_token = json!({
        "aud": CLIENT, "azp": "__absent__", "azpacr": "__absent__", "scp": "__absent__", "nonce": "12345",
    });
    assert_eq!(reason(entra_v2_user().with(id_token.clone()).verify()), Reason::NotAnAccessToken);
    assert_eq!(
        reason(entra_v2_user().with(id_token).with(json!({"nonce": "__absent__"})).verify()),
        Reason::NotAnAccessToken
    );
}

#[test]
fn a_generic_token_reads_like_one_of_rfc9068_with_fewer_claims() {
    let token = generic_user().verify().unwrap();
    assert_eq!((token.claims().client_id(), scopes(&token)), (Some("agent-1"), vec!["tools:read"]));
    assert_eq!((token.claims().roles(), token.kind()), (["auditor".to_owned()].as_slice(), TokenKind::Delegated));
    let without_login = generic_user().with(json!({"auth_time": "__absent__"}));
    assert_eq!(without_login.verify().unwrap().kind(), TokenKind::Unknown);
}

/// JWT-20: a wrong `typ` that is present is fatal under every profile, for each of these otherwise good tokens.
#[test]
fn a_good_token_of_any_product_is_refused_with_the_type_of_another_kind() {
    for product in products() {
        assert!(product.verify().is_ok(), "{}", product.claims);
        let (issuer, claims) = (&product.issuer, &product.claims);
        for typ in [
            "dpop+jwt",
            "secevent+jwt",
            "logout+jwt",
            "oauth-id-jag+jwt",
            "client-authentication+jwt",
            "token-introspection+jwt",
            "id_token+jwt",
            "JWS",
            "at",
            "text/at+jwt",
            "",
            "x",
        ] {
            let token = sign(Key::Rsa, &with(product.header.clone(), json!({ "typ": typ })), claims);
            assert_eq!(reason(verify(&token, issuer, &issuer_keys())), Reason::TypeNotAllowed, "{typ} {claims}");
        }
    }
}

/// JWT-25: a token of one product never passes for one of another, because each is bound to its own issuer.
#[test]
fn no_product_accepts_the_token_of_another() {
    for product in products() {
        for other in products() {
            if other.issuer != product.issuer {
                let token = sign(Key::Rsa, &other.header, &other.claims);
                let refused = reason(verify(&token, &product.issuer, &issuer_keys()));
                assert!(matches!(refused, Reason::UnknownIssuer | Reason::TypeNotAllowed), "{refused:?}");
            }
        }
    }
}

/// A wrong profile in the configuration must not open anything: the kind is then unknown, or what it is. RFC 9068 is not
/// tried, since its rule takes the issuer's word that `sub` is the client.
#[test]
fn a_service_account_is_under_no_profile_taken_for_a_user() {
    for product in [keycloak_service_account(), okta_service(), auth0_service(), entra_v2_application()] {
        for profile in [Profile::Keycloak, Profile::Okta, Profile::Auth0, Profile::Entra, Profile::Generic] {
            let issuer = Issuer { profile, token_types: vec!["JWT".to_owned()], ..product.issuer.clone() };
            let token = sign(Key::Rsa, &with(product.header.clone(), json!({"typ": "JWT"})), &product.claims);
            if let Ok(token) = verify(&token, &issuer, &issuer_keys()) {
                assert_ne!(token.kind(), TokenKind::Delegated, "{profile:?} {}", product.claims);
            }
        }
    }
}

/// AUD-08: claims can be left out by the configuration of an issuer, and no such gap turns one kind into the other.
#[test]
fn leaving_out_claims_never_turns_one_kind_into_the_other() {
    for product in products() {
        let kind = product.verify().unwrap().kind();
        let header = with(product.header.clone(), json!({"alg": "ES256", "kid": "k2"}));
        let names: Vec<String> = product.claims.as_object().unwrap().keys().cloned().collect();
        for first in &names {
            for second in &names {
                let claims = with(product.claims.clone(), json!({ first: "__absent__", second: "__absent__" }));
                if let Ok(token) = verify(&sign(Key::P256, &header, &claims), &product.issuer, &issuer_keys()) {
                    assert!(token.kind() == kind || token.kind() == TokenKind::Unknown, "{claims}");
                }
            }
        }
    }
}
