//! The parameters of a request to an endpoint, none of them twice (RFC 6749, sections 3.1 and 3.2).

use serde_json::{Value, json};
use url::Url;

/// Names and values, decoded.
#[derive(Clone, Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A parameter is there more than once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated;

impl Parameters {
    /// Of a query or a form.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter. One without a value counts as left out (RFC 6749, section 3.1).
    pub(super) fn only(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() { Err(Repeated) } else { Ok(first.filter(|value| !value.is_empty())) }
    }

    /// The values of a parameter that may be repeated.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.clone()).collect()
    }

    /// The values of `resource`, which may be repeated (RFC 8707, section 2): absolute, without a fragment, or `None`.
    pub(super) fn resources(&self) -> Option<Vec<String>> {
        self.0
            .iter()
            .filter(|(name, _)| name == "resource")
            .map(|(_, value)| {
                let absolute = Url::parse(value).is_ok_and(|url| url.has_host() && url.fragment().is_none());
                absolute.then(|| value.clone())
            })
            .collect()
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// The `aud` of a token for these resources, or else for the usual one.
pub(super) fn audience(resources: &[String], usual: &str) -> Value {
    match resources {
        [] => json!(usual),
        [one] => json!(one),
        several => json!(several),
    }
}
