//! An HTTP field map with Envoy's peculiarities: lower-case names, pseudo fields first, some names joined.

use crate::{gateway::DuplicateHeaders, http::Field};

/// Names that Envoy keeps in one slot each: a second field of that name is appended to the first with a comma.
/// All others stay separate fields.
const SINGLE_SLOT: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// Fields in order; names are lower-case.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderMap {
    fields: Vec<Field>,
    policy: DuplicateHeaders,
}

impl HeaderMap {
    pub(crate) fn new(policy: DuplicateHeaders) -> Self {
        Self { fields: Vec::new(), policy }
    }

    /// Fields as they came in, through [`HeaderMap::add`].
    pub(crate) fn of(policy: DuplicateHeaders, fields: &[Field]) -> Self {
        let mut map = Self::new(policy);
        for (name, value) in fields {
            map.add(name, value);
        }
        map
    }

    /// Appends a field, or joins it with the one that is there, as the policy and the name say.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        let joins = match self.policy {
            DuplicateHeaders::Joined => SINGLE_SLOT.iter().any(|slot| slot.as_bytes() == name),
            DuplicateHeaders::FirstOnly | DuplicateHeaders::Separate => false,
        };
        if joins && let Some((_, first)) = self.fields.iter_mut().find(|(n, _)| *n == name) {
            first.push(b',');
            first.extend_from_slice(value);
            return;
        }
        let field = (name, value.to_vec());
        if field.0.starts_with(b":") {
            let place = self.fields.iter().take_while(|(n, _)| n.starts_with(b":")).count();
            self.fields.insert(place, field);
        } else {
            self.fields.push(field);
        }
    }

    /// Replaces every field of that name by one, in the first one's place.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8]) {
        let Some(place) = self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)) else {
            return self.add(name, value);
        };
        let fields = std::mem::take(&mut self.fields).into_iter().enumerate();
        self.fields = fields
            .filter(|(index, (n, _))| *index == place || !n.eq_ignore_ascii_case(name))
            .map(|(_, field)| field)
            .collect();
        self.fields[place].1 = value.to_vec();
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Removes all fields.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
    }

    /// The first value, as a filter's read of one name gets it.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
    }

    /// All values joined with a comma, as `request.headers.<name>` gives them.
    pub(crate) fn joined(&self, name: &[u8]) -> Option<Vec<u8>> {
        let values: Vec<&[u8]> =
            self.visible().iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice()).collect();
        (!values.is_empty()).then(|| values.join(&b","[..]))
    }

    /// What a filter sees.
    pub(crate) fn visible(&self) -> Vec<&Field> {
        match self.policy {
            DuplicateHeaders::Joined | DuplicateHeaders::Separate => self.fields.iter().collect(),
            DuplicateHeaders::FirstOnly => {
                let mut seen: Vec<&Field> = Vec::new();
                for field in &self.fields {
                    if !seen.iter().any(|(n, _)| *n == field.0) {
                        seen.push(field);
                    }
                }
                seen
            }
        }
    }

    /// All fields, pseudo fields among them.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The fields without pseudo fields.
    pub(crate) fn regular(&self) -> Vec<Field> {
        self.fields.iter().filter(|(n, _)| !n.starts_with(b":")).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Bytes of all names and values.
    pub(crate) fn byte_size(&self) -> usize {
        self.fields.iter().map(|(n, v)| n.len() + v.len()).sum()
    }
}
