//! A request, as a policy sees it.

use filter_kit::{
    fields::Fields,
    policy::PropertyPath,
    request::{Property, RequestHead},
};

/// Shorter ones are words like any other.
const SHORTEST_TOKEN: usize = 12;

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    fields: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    /// What the proxy says of it, by the property's path; what is not here is absent.
    properties: Vec<(String, Property)>,
}

/// A GET without body.
#[must_use]
pub fn get(path: &str) -> Request {
    Request::new("GET", path)
}

/// A POST without body.
#[must_use]
pub fn post(path: &str) -> Request {
    Request::new("POST", path)
}

impl Request {
    /// A request without body for the host `mcp.example.com`.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let fields = [(":method", method), (":path", path), (":authority", "mcp.example.com"), (":scheme", "https")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { fields, body: None, properties: Vec::new() }
    }

    /// For another host.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.fields.retain(|(name, _)| name != ":authority");
        self.header(":authority", host)
    }

    /// With a field more.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With a bearer token more.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// With a body.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    /// With what the proxy says under this path, its parts joined by dots.
    #[must_use]
    pub fn property(mut self, path: &str, value: impl AsRef<[u8]>) -> Self {
        self.properties.push((path.replace('.', "\0"), Property::Value(value.as_ref().to_vec())));
        self
    }

    /// The same under a path with dots in its parts, and for a property that the proxy does not give.
    #[must_use]
    pub fn property_at(mut self, path: &[&str], property: Property) -> Self {
        self.properties.push((path.join("\0"), property));
        self
    }

    pub(super) fn head(&self, asked: &[PropertyPath]) -> RequestHead {
        let fields: Fields =
            self.fields.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect();
        let property = |path: &PropertyPath| {
            let known = self.properties.iter().find(|(known, _)| known == path.joined());
            known.map_or(Property::Absent, |(_, property)| property.clone())
        };
        RequestHead::new(fields, self.body.is_none()).with_properties(asked.iter().map(property).collect())
    }

    pub(super) fn whole_body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// The tokens of the request, which must never show.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        let values = self.fields.iter().filter(|(name, _)| name == "authorization" || name.ends_with("token"));
        let texts = values.filter_map(|(_, value)| std::str::from_utf8(value).ok());
        let bare = texts.map(|text| text.strip_prefix("Bearer ").unwrap_or(text));
        bare.filter(|token| token.len() >= SHORTEST_TOKEN)
    }
}
