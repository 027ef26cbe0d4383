//! Authorization requests that the agent hands over itself, so that the browser carries only a name for them (RFC 9126).

use anyhow::{Context as _, Result, bail};
use http::{StatusCode, header};
use rmcp::transport::auth::AuthorizationMetadata;
use serde_json::Value;
use url::Url;

use super::loopback::Loopback;

/// Where the authorization server takes them, if it does (section 5).
pub(super) fn endpoint(metadata: &AuthorizationMetadata) -> Option<String> {
    metadata.additional_fields.get("pushed_authorization_request_endpoint")?.as_str().map(str::to_owned)
}

/// Pushes the parameters of an authorization URL and returns the URL to open instead. The inner `Err` is the error that was
/// told.
pub(super) async fn push(way: &Loopback, endpoint: &str, url: &Url) -> Result<Result<Url, String>> {
    let request = http::Request::post(endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(url.query().unwrap_or_default().as_bytes().to_vec())?;
    let response = way.send(request).await?;
    let answer: Value = serde_json::from_slice(response.body()).context("the answer to a pushed request is no JSON")?;
    let member = |name: &str| answer.get(name).and_then(Value::as_str);
    match (response.status(), member("request_uri"), member("error")) {
        (StatusCode::CREATED, Some(request_uri), _) => Ok(Ok(with_name(url, request_uri)?)),
        (_, _, Some(error)) => Ok(Err(error.to_owned())),
        (status, ..) => bail!("a pushed request was answered by {status}"),
    }
}

/// Section 4: the client's name and the request's, and nothing else.
fn with_name(url: &Url, request_uri: &str) -> Result<Url> {
    let (_, client_id) =
        url.query_pairs().find(|(name, _)| name == "client_id").context("the request names no client")?;
    let mut named = url.clone();
    named.query_pairs_mut().clear().append_pair("client_id", &client_id).append_pair("request_uri", request_uri);
    Ok(named)
}
