//! A client that posts forms to the identity provider, and reads what comes back.

use std::{net::SocketAddr, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use fourleg_lab::{
    raw_client,
    wire::{Field, WireRequest, WireResponse},
};
use serde_json::Value;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A field of a request.
pub(crate) fn field(name: &str, value: &str) -> Field {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// The field by which a client shows id and secret that need no encoding.
pub(crate) fn basic(id: &str, secret: &str) -> Field {
    field("authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
}

/// Posts a form to the path of a URL.
pub(crate) fn post(address: SocketAddr, url: &str, fields: &[Field], form: &[(&str, &str)]) -> WireResponse {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let content_type = field("content-type", "application/x-www-form-urlencoded");
    send(address, url, [&[content_type], fields].concat(), &body)
}

/// Posts any body to the path of a URL.
pub(crate) fn send(address: SocketAddr, url: &str, headers: Vec<Field>, body: &str) -> WireResponse {
    let (_, rest) = url.split_once("://").unwrap();
    let request = WireRequest {
        method: "POST".to_owned(),
        path: rest.as_bytes()[rest.find('/').unwrap()..].to_vec(),
        authority: address.to_string().into_bytes(),
        headers,
        chunks: vec![body.as_bytes().to_vec()],
        ..WireRequest::default()
    };
    raw_client::send(address, &request, TIMEOUT).unwrap()
}

/// Its JSON.
pub(crate) fn json(response: &WireResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// The status and the OAuth error of a refusal.
pub(crate) fn refusal(response: &WireResponse) -> (u16, String) {
    (response.status, json(response)["error"].as_str().unwrap().to_owned())
}

/// A part of a JWT, unverified: 0 is the header, 1 the claims.
pub(crate) fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}
