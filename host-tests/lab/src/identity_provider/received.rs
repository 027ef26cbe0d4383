//! The requests that came.

use axum::http::{HeaderMap, header};

use super::{Endpoint, parameters::Parameters};

/// A request that came to an endpoint, whatever became of it.
#[derive(Clone, Debug)]
pub struct Received {
    pub(super) endpoint: Endpoint,
    pub(super) headers: HeaderMap,
    pub(super) parameters: Parameters,
}

impl Received {
    /// With the parameters of a query.
    pub(super) fn by_query(endpoint: Endpoint, headers: HeaderMap, query: &str) -> Self {
        Self { endpoint, headers, parameters: Parameters::parse(query.as_bytes()) }
    }

    /// With the parameters of a form: of a body that is said to be one, else with none.
    pub(super) fn by_form(endpoint: Endpoint, headers: HeaderMap, body: &[u8]) -> Self {
        let is_form = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        let parameters = Parameters::parse(if is_form { body } else { &[] });
        Self { endpoint, headers, parameters }
    }

    /// Where it came to.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// The values of a field, lossy, by case-insensitive name.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<String> {
        self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    }

    /// The decoded parameters of its query (at the authorization endpoint) or form, in order.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        self.parameters.pairs()
    }

    /// The values of one parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Vec<String> {
        self.parameters().iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }
}
