//! The documents and where they are found.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, Request},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::{MethodRouter, get, post},
};
use serde_json::{Value, json};

use super::{
    Endpoint, Level, State,
    authorization_details::DetailsType,
    authorization_endpoint, introspection_endpoint, pushed_requests,
    received::Received,
    registration_endpoint,
    token_endpoint::{self, token_exchange},
};
use crate::mint::Algorithm;

/// Where RFC 8414 and OpenID Connect Discovery look: the former puts its well-known part before the issuer's path, the
/// latter behind it; RFC 8414, section 5, lets clients try OpenID's document before the path, too.
pub(super) fn router(state: &Arc<State>) -> Router {
    let path = state.issuer_path();
    let mut documents = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        documents.push(format!("{path}/.well-known/openid-configuration"));
    }
    let mut router = Router::new();
    for document in documents {
        let state = Arc::clone(state);
        router = router.route(&document, get(move |_: Request| answer(state, Endpoint::Metadata, metadata)));
    }
    let keys = Arc::clone(state);
    let authorization = Arc::clone(state);
    let registration = Arc::clone(state);
    router
        .route(
            &format!("{path}/jwks"),
            get(move |_: Request| answer(keys, Endpoint::Jwks, |state| state.keys().published())),
        )
        .route(
            &format!("{path}/authorize"),
            get(async move |headers: HeaderMap, RawQuery(query): RawQuery| {
                let query = query.unwrap_or_default();
                let request = Received::by_query(Endpoint::Authorization, headers, &query);
                respond(&authorization, request, authorization_endpoint::respond).await
            }),
        )
        .route(
            &format!("{path}/register"),
            post(async move |headers: HeaderMap, body: Bytes| {
                let request = Received::by_query(Endpoint::Registration, headers, "");
                respond(&registration, request, |state, _| registration_endpoint::respond(state, &body)).await
            }),
        )
        .route(&format!("{path}/par"), form(state, Endpoint::PushedAuthorization, pushed_requests::respond))
        .route(&format!("{path}/token"), form(state, Endpoint::Token, token_endpoint::respond))
        .route(&format!("{path}/introspect"), form(state, Endpoint::Introspection, introspection_endpoint::respond))
}

/// An endpoint to which clients post a form.
fn form(state: &Arc<State>, endpoint: Endpoint, answer: fn(&State, &Received) -> Response) -> MethodRouter {
    let state = Arc::clone(state);
    post(async move |headers: HeaderMap, body: Bytes| {
        respond(&state, Received::by_form(endpoint, headers, &body), answer).await
    })
}

/// The metadata of RFC 8414, section 2, with what OpenID Connect Discovery asks for besides, and RFC 9207's promise.
fn metadata(state: &State) -> Value {
    let algorithms: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
    let mut scopes: Vec<String> = state.clients().iter().flat_map(|client| client.scopes.clone()).collect();
    scopes.sort();
    scopes.dedup();
    let mut metadata = json!({
        "issuer": state.issuer,
        "authorization_endpoint": state.url("/authorize"),
        "token_endpoint": state.url("/token"),
        "jwks_uri": state.url("/jwks"),
        "introspection_endpoint": state.url("/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_signing_alg_values_supported": [state.keys().current().algorithm().name()],
        "scopes_supported": scopes,
        "grant_types_supported": ["authorization_code", "client_credentials", token_exchange::GRANT_TYPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "acr_values_supported": state.levels.iter().map(Level::acr).collect::<Vec<_>>(),
        "claims_parameter_supported": true,
        "claims_supported": ["sub", "acr", "amr", "auth_time", "acrs", "xms_cc"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "pushed_authorization_request_endpoint": state.url("/par"),
        "require_pushed_authorization_requests": false,
        "authorization_details_types_supported": state.details_types.iter().map(DetailsType::name).collect::<Vec<_>>(),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    });
    if state.open_registration.is_some() {
        metadata["registration_endpoint"] = json!(state.url("/register"));
    }
    metadata
}

async fn answer(state: Arc<State>, endpoint: Endpoint, document: impl FnOnce(&State) -> Value) -> Response {
    let request = Received::by_query(endpoint, HeaderMap::new(), "");
    respond(&state, request, |state, _| json_response(StatusCode::OK, &document(state))).await
}

/// Notes the request, then fails as told, or answers.
async fn respond(
    state: &Arc<State>,
    request: Received,
    answer: impl FnOnce(&State, &Received) -> Response,
) -> Response {
    let endpoint = request.endpoint;
    state.received().push(request.clone());
    let fault = state.faults().of(endpoint).cloned();
    let Some(fault) = fault else { return answer(state, &request) };
    match fault.instead().await {
        Some(response) => response,
        None => fault.spoil(answer(state, &request), Arc::clone(state).recovered(endpoint)).await,
    }
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = typed("application/json", body.to_string());
    *response.status_mut() = status;
    response
}

/// A 200 of this type.
pub(super) fn typed(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
