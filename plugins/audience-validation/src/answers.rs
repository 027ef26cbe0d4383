//! What the filter answers by itself although nothing is wrong: preflights (Fetch §3.2.2) and the metadata of its
//! resources (RFC 9728).

use filter_kit::{matching::Target, policy::Response, request::RequestHead};
use oauth_core::resource_metadata::ResourceMetadata;

use crate::config::Settings;

/// How long a browser may keep the metadata and a preflight's answer about it.
const MAX_AGE: &str = "600";

/// The answer, if it is for us to give one.
pub(crate) fn answer(settings: &Settings, request: &RequestHead, target: Target<'_>) -> Option<Response> {
    if let Some(metadata) = metadata_for(settings, request, target) {
        return Some(serve(metadata, target.method));
    }
    settings.cors.preflight(request, target.method)
}

/// Base64url without padding: a value that fits a header whatever is in it.
pub(crate) fn base64url(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

/// The metadata document that the request asks for. Where several resources share its place, the host decides.
fn metadata_for<'a>(settings: &'a Settings, request: &RequestHead, target: Target<'_>) -> Option<&'a ResourceMetadata> {
    let asked = std::str::from_utf8(request.fields().only(":path")?).ok()?;
    let path = asked.split_once('?').map_or(asked, |(path, _)| path);
    let served_at = |place: &'a str| {
        let all = settings.resources.iter().filter_map(|resource| resource.metadata.as_ref());
        all.filter(move |metadata| metadata.target() == place)
    };
    // The name of a resource may have a query (RFC 9728 §3.1); any other query means nothing.
    let targets =
        settings.resources.iter().filter_map(|resource| resource.metadata.as_ref()).map(ResourceMetadata::target);
    let place =
        targets.clone().find(|served| *served == asked).or_else(|| targets.clone().find(|served| *served == path))?;
    let mut candidates = served_at(place);
    let first = candidates.next()?;
    if candidates.next().is_none() {
        return Some(first);
    }
    served_at(place).find(|metadata| target.host == Some(metadata.host()))
}

/// RFC 9728 §3.2: anyone may read it, from any origin.
fn serve(metadata: &ResourceMetadata, method: &str) -> Response {
    let any_origin = ("access-control-allow-origin", "*".to_owned());
    match method {
        "GET" | "HEAD" => Response {
            status: 200,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("cache-control", format!("public, max-age={MAX_AGE}")),
                any_origin,
            ],
            // For HEAD too: the proxy sends its length and type without it (RFC 9110 §9.3.2).
            body: metadata.document().to_owned(),
            code: "resource_metadata",
        },
        "OPTIONS" => Response {
            status: 204,
            headers: vec![
                any_origin,
                ("access-control-allow-methods", "GET, HEAD".to_owned()),
                ("access-control-allow-headers", "*".to_owned()),
                ("access-control-max-age", MAX_AGE.to_owned()),
            ],
            body: String::new(),
            code: "preflight",
        },
        _ => Response {
            status: 405,
            headers: vec![("allow", "GET, HEAD, OPTIONS".to_owned()), ("cache-control", "no-store".to_owned())],
            body: String::new(),
            code: "method_not_allowed",
        },
    }
}
