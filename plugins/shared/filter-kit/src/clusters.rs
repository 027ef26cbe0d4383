//! `cluster`: the clusters of the proxy to which the requests of a resource or target may be routed.
//!
//! The proxy chooses the route, and it may read host and path otherwise than a filter does: by raw bytes, by the start of
//! a segment, with the port. A name of the cluster ties the two together. It adds a requirement and never selects anything:
//! what the route says decides neither which resource a request is about nor which token goes with it.

use std::fmt;

use oauth_core::{
    config::{Problems, at_index},
    denial::Reason,
};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::{policy::PropertyPath, request::Property};

/// Where the proxy says to which cluster it routes a request. Read before any edit: an edit makes it choose anew.
pub const CLUSTER: PropertyPath = PropertyPath::known("xds\0cluster_name");

/// `cluster` as configured: one name, or a list of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawClusters(Vec<String>);

/// The clusters to which a request may be routed; none: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters(Vec<String>);

impl RawClusters {
    /// Checks the names; notes every mistake at `place`. Without the member every cluster will do.
    pub fn settings(raw: Option<&Self>, place: &str, problems: &mut Problems) -> Clusters {
        let Some(Self(names)) = raw else { return Clusters::default() };
        if names.is_empty() {
            problems.add(place, "is empty: expected the name of a cluster, or a list of names");
        }
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() {
                problems.add(at_index(place, index), "is empty: expected the name of a cluster");
            } else if names.iter().take(index).any(|earlier| earlier == name) {
                problems.add(at_index(place, index), "is there twice: expected each cluster once");
            }
        }
        Clusters(names.clone())
    }
}

impl Clusters {
    /// Whether any cluster will do: then nothing need be read.
    #[must_use]
    pub fn are_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the request goes where it may; `routed_to` is the property [`CLUSTER`].
    ///
    /// # Errors
    /// [`Reason::ClusterMismatch`] if it goes elsewhere, or if the proxy does not say where.
    pub fn require(&self, routed_to: &Property) -> Result<(), Reason> {
        let is_one = match routed_to {
            Property::Value(cluster) => self.0.iter().any(|name| name.as_bytes() == cluster),
            Property::Absent | Property::Unreadable => false,
        };
        if is_one || self.are_any() { Ok(()) } else { Err(Reason::ClusterMismatch) }
    }
}

impl<'de> Deserialize<'de> for RawClusters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Names)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = RawClusters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a cluster, or a list of names")
    }

    fn visit_str<E>(self, name: &str) -> Result<RawClusters, E> {
        Ok(RawClusters(vec![name.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<RawClusters, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = elements.next_element()? {
            names.push(name);
        }
        Ok(RawClusters(names))
    }
}

#[cfg(not(target_family = "wasm"))]
impl schemars::JsonSchema for RawClusters {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawClusters".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "`cluster` as configured: one name, or a list of names.",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> (Clusters, Vec<String>) {
        let mut problems = Problems::default();
        let raw: RawClusters = serde_json::from_str(json).unwrap();
        let clusters = RawClusters::settings(Some(&raw), "cluster", &mut problems);
        (clusters, problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect())
    }

    #[test]
    fn a_request_must_be_routed_to_one_of_the_clusters() {
        let value = |text: &str| Property::Value(text.as_bytes().to_vec());
        for json in [r#""tools""#, r#"["tools"]"#, r#"["other", "tools"]"#] {
            let (clusters, mistakes) = settings(json);
            assert_eq!(mistakes, [""; 0]);
            assert_eq!(clusters.require(&value("tools")), Ok(()));
            for elsewhere in [value("Tools"), value("tools2"), value(""), Property::Absent, Property::Unreadable] {
                assert_eq!(clusters.require(&elsewhere), Err(Reason::ClusterMismatch), "{json} {elsewhere:?}");
            }
        }
        for anywhere in [value("tools"), Property::Absent, Property::Unreadable] {
            assert_eq!(Clusters::default().require(&anywhere), Ok(()));
        }
    }

    #[test]
    fn a_cluster_is_named_once_and_not_by_nothing() {
        for (json, mistake) in [
            ("[]", "cluster is empty: expected the name of a cluster, or a list of names"),
            ("\"\"", "cluster[0] is empty: expected the name of a cluster"),
            (r#"["a", "b", "a"]"#, "cluster[2] is there twice: expected each cluster once"),
        ] {
            assert_eq!(settings(json).1, [mistake]);
        }
        for json in ["1", "{}", "[1]", "true"] {
            let error = serde_json::from_str::<RawClusters>(json).unwrap_err().to_string();
            assert!(error.contains("expected"), "{error}");
        }
    }
}
