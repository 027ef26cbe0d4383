//! What a client is told when it asks directly, and is refused.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;

use super::{endpoints::json_response, parameters::Repeated};

/// An error of RFC 6749, section 5.2, or of a standard that adds to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
}

impl Refusal {
    /// 400 with this error.
    pub(super) const fn bad(error: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error }
    }

    /// 403 with this error: asking otherwise would not help.
    pub(super) const fn forbidden(error: &'static str) -> Self {
        Self { status: StatusCode::FORBIDDEN, error }
    }

    /// The client is unknown, or has not proved who it is.
    pub(super) const fn unknown_client() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client" }
    }

    pub(super) fn response(self) -> Response {
        let mut response = json_response(self.status, &json!({"error": self.error}));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"clients\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<Repeated> for Refusal {
    fn from(Repeated: Repeated) -> Self {
        Self::bad("invalid_request")
    }
}
