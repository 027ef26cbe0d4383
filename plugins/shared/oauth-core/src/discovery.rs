//! Finding the keys of an authorization server (RFC 8414, OpenID Connect Discovery 1.0).

use std::fmt;

use serde_json::Value;

use crate::https_url::HttpsUrl;
use crate::json::{self, JsonError};

/// The longest metadata document, in bytes.
pub const MAX_METADATA_BYTES: usize = 256 * 1024;

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Where the metadata of an issuer may be, in the order in which to ask: the path inserted as RFC 8414 §3.1 says, the
/// same for OpenID Connect (RFC 8414 §5), and appended (OpenID Connect Discovery 1.0 §4).
///
/// A slash at the end of the issuer is dropped each time. Empty if the issuer is no https URL without query and fragment
/// (RFC 8414 §2); an issuer that stands for many tenants is none.
#[must_use]
pub fn candidates(issuer: &str) -> Vec<HttpsUrl> {
    let Some(issuer) = HttpsUrl::parse(issuer).filter(|issuer| !issuer.has_query()) else { return Vec::new() };
    let (origin, path) = (issuer.origin(), issuer.path_and_query());
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut urls: Vec<HttpsUrl> = Vec::new();
    for url in [format!("{origin}{OAUTH}{path}"), format!("{origin}{OPENID}{path}"), format!("{origin}{path}{OPENID}")]
    {
        urls.extend(HttpsUrl::parse(&url).filter(|url| !urls.contains(url)));
    }
    urls
}

/// What is used of a server's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// Where its keys are. Whoever fetches them checks the host against what is configured: the document may name any.
    pub jwks_uri: HttpsUrl,
}

/// Why a metadata document is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// More than [`MAX_METADATA_BYTES`].
    TooLarge,
    /// Not a strict JSON object.
    Json(JsonError),
    /// `issuer` is missing or another one.
    OtherIssuer,
    /// `jwks_uri` is missing or no string.
    NoKeys,
    /// `jwks_uri` is no plain https URL.
    KeysNotHttps,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the metadata is larger than {MAX_METADATA_BYTES} bytes"),
            Self::Json(_) => f.write_str("the metadata is not a strict JSON object"),
            Self::OtherIssuer => f.write_str("the metadata names another issuer than the configured one"),
            Self::NoKeys => f.write_str("the metadata names no jwks_uri"),
            Self::KeysNotHttps => f.write_str("the jwks_uri of the metadata is no https URL"),
        }
    }
}

/// Reads an answer to one of [`candidates`].
///
/// # Errors
/// [`MetadataError`]; nothing of such a document may be used. Its `issuer` must equal the configured one byte for byte
/// (RFC 8414 §3.3), so that no server can speak for another.
pub fn process_metadata(body: &[u8], expected_issuer: &str) -> Result<ServerMetadata, MetadataError> {
    if body.len() > MAX_METADATA_BYTES {
        return Err(MetadataError::TooLarge);
    }
    let members = json::parse_object(body, json::MAX_DEPTH).map_err(MetadataError::Json)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if text("issuer") != Some(expected_issuer) {
        return Err(MetadataError::OtherIssuer);
    }
    let jwks_uri = text("jwks_uri").ok_or(MetadataError::NoKeys)?;
    Ok(ServerMetadata { jwks_uri: HttpsUrl::parse(jwks_uri).ok_or(MetadataError::KeysNotHttps)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://as.example.com/t1";

    fn urls(issuer: &str) -> Vec<String> {
        candidates(issuer).iter().map(|url| url.as_str().to_owned()).collect()
    }

    /// PRM-11
    #[test]
    fn metadata_is_sought_by_insertion_first_and_by_appending_last() {
        for issuer in ["https://as/t1", "https://as/t1/"] {
            assert_eq!(
                urls(issuer),
                [
                    "https://as/.well-known/oauth-authorization-server/t1",
                    "https://as/.well-known/openid-configuration/t1",
                    "https://as/t1/.well-known/openid-configuration",
                ]
            );
        }
        for issuer in ["https://as:8443", "https://as:8443/"] {
            assert_eq!(
                urls(issuer),
                [
                    "https://as:8443/.well-known/oauth-authorization-server",
                    "https://as:8443/.well-known/openid-configuration",
                ]
            );
        }
        assert_eq!(
            urls("https://idp.example/realms/agents"),
            [
                "https://idp.example/.well-known/oauth-authorization-server/realms/agents",
                "https://idp.example/.well-known/openid-configuration/realms/agents",
                "https://idp.example/realms/agents/.well-known/openid-configuration",
            ]
        );
    }

    /// PRM-11, PRM-12
    #[test]
    fn an_issuer_that_is_no_https_url_has_no_metadata() {
        for issuer in [
            "",
            "as",
            "http://as/t1",
            "https://as/t1?x=1",
            "https://as/t1#f",
            "https://u@as/t1",
            "urn:issuer",
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://as/t 1",
        ] {
            assert_eq!(candidates(issuer), [], "{issuer}");
        }
    }

    fn read(changes: &[(&str, Value)]) -> Result<String, MetadataError> {
        let mut document = json!({
            "issuer": ISSUER, "jwks_uri": "https://keys.example.com/t1/jwks",
            "token_endpoint": "https://as.example.com/t1/token", "response_types_supported": ["code"],
        });
        for (name, value) in changes {
            document[*name] = value.clone();
        }
        process_metadata(document.to_string().as_bytes(), ISSUER).map(|metadata| metadata.jwks_uri.as_str().to_owned())
    }

    /// PRM-11
    #[test]
    fn metadata_of_another_issuer_is_unusable_however_alike_the_two_are() {
        assert_eq!(read(&[]).as_deref(), Ok("https://keys.example.com/t1/jwks"));
        for issuer in [
            json!("https://as.example.com/t1/"),
            json!("https://AS.example.com/t1"),
            json!("https://as.example.com"),
            json!("https://as.example.com:443/t1"),
            json!("https://evil.example/t1"),
            json!(""),
            json!(null),
            json!([ISSUER]),
            json!({}),
            json!(1),
        ] {
            assert_eq!(read(&[("issuer", issuer.clone())]), Err(MetadataError::OtherIssuer), "{issuer}");
        }
        assert_eq!(process_metadata(br#"{"jwks_uri":"https://h/"}"#, ISSUER), Err(MetadataError::OtherIssuer));
        assert_eq!(process_metadata(br#"{"jwks_uri":"https://h/"}"#, ""), Err(MetadataError::OtherIssuer));
    }

    /// PRM-12
    #[test]
    fn keys_are_only_at_https_and_their_host_is_told_for_the_callers_check() {
        for uri in [
            "http://as.example.com/jwks",
            "//as.example.com/jwks",
            "/jwks",
            "",
            "file:///etc/passwd",
            "ftp://h/jwks",
            "https://as.example.com@evil.example/jwks",
            "https://h/jwks#f",
            "https://h\\@evil/",
            "javascript:x",
        ] {
            assert_eq!(read(&[("jwks_uri", json!(uri))]), Err(MetadataError::KeysNotHttps), "{uri}");
        }
        for value in [json!(null), json!(1), json!(["https://h/jwks"])] {
            assert_eq!(read(&[("jwks_uri", value.clone())]), Err(MetadataError::NoKeys), "{value}");
        }
        let host = |uri: &str| {
            let body = json!({"issuer": ISSUER, "jwks_uri": uri}).to_string();
            process_metadata(body.as_bytes(), ISSUER).unwrap().jwks_uri.host()
        };
        assert_eq!(host("https://169.254.169.254/latest"), "169.254.169.254");
        assert_eq!(host("https://AS.example.com:8443/jwks"), "as.example.com");
    }

    #[test]
    fn what_is_no_strict_json_object_is_unusable() {
        for body in ["", "[]", "{", "<html>", "null", "{}{}", "\u{feff}{}"] {
            assert!(matches!(process_metadata(body.as_bytes(), ISSUER), Err(MetadataError::Json(_))), "{body}");
        }
        let twice = format!(r#"{{"issuer":"{ISSUER}","issuer":"https://evil.example","jwks_uri":"https://h/"}}"#);
        let error = MetadataError::Json(JsonError::DuplicateMember);
        assert_eq!(process_metadata(twice.as_bytes(), ISSUER), Err(error));
        let large = vec![b' '; MAX_METADATA_BYTES + 1];
        assert_eq!(process_metadata(&large, ISSUER), Err(MetadataError::TooLarge));
        assert!(process_metadata(&[0xff, 0xfe], ISSUER).is_err());
    }
}
