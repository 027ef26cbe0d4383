//! The documents and where they are found.

use std::sync::{Arc, PoisonError};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, Request},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Endpoint, Fault, Level, State, authorization_endpoint, token_endpoint};
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
    let (keys, authorization, token) = (Arc::clone(state), Arc::clone(state), Arc::clone(state));
    router
        .route(
            &format!("{path}/jwks"),
            get(move |_: Request| answer(keys, Endpoint::Jwks, |state| state.keys().published())),
        )
        .route(
            &format!("{path}/authorize"),
            get(async move |RawQuery(query): RawQuery| match failing(&authorization, Endpoint::Authorization).await {
                Some(failure) => failure,
                None => authorization_endpoint::respond(&authorization, query.as_deref().unwrap_or_default()),
            }),
        )
        .route(
            &format!("{path}/token"),
            post(async move |headers: HeaderMap, body: Bytes| match failing(&token, Endpoint::Token).await {
                Some(failure) => failure,
                None => token_endpoint::respond(&token, &headers, &body),
            }),
        )
}

/// The metadata of RFC 8414, section 2, with what OpenID Connect Discovery asks for besides, and RFC 9207's promise.
fn metadata(state: &State) -> Value {
    let algorithms: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
    let mut scopes: Vec<&String> = state.clients.iter().flat_map(|client| &client.scopes).collect();
    scopes.sort();
    scopes.dedup();
    json!({
        "issuer": state.issuer,
        "authorization_endpoint": state.url("/authorize"),
        "token_endpoint": state.url("/token"),
        "jwks_uri": state.url("/jwks"),
        "scopes_supported": scopes,
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "acr_values_supported": state.levels.iter().map(Level::acr).collect::<Vec<_>>(),
        "claims_parameter_supported": true,
        "claims_supported": ["sub", "acr", "amr", "auth_time", "acrs", "xms_cc"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    })
}

async fn answer(state: Arc<State>, endpoint: Endpoint, document: impl FnOnce(&State) -> Value) -> Response {
    match failing(&state, endpoint).await {
        Some(failure) => failure,
        None => json_response(StatusCode::OK, &document(&state)),
    }
}

/// Counts the request, then fails as told, if told so.
async fn failing(state: &State, endpoint: Endpoint) -> Option<Response> {
    state.requests.lock().unwrap_or_else(PoisonError::into_inner).push(endpoint);
    match state.fault(endpoint)? {
        Fault::Status(code) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(json_response(status, &json!({"error": "server_error"})))
        }
        Fault::Hang => std::future::pending().await,
        Fault::Garbage => Some(typed(StatusCode::OK, "<html>not what you asked for".to_owned())),
    }
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    typed(status, body.to_string())
}

fn typed(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
