//! What tells the parts of one configuration from those of others in the same process.

use std::path::PathBuf;

use serde_json::{Value, json};

/// What a running process is given.
pub(in super::super) struct Resources {
    pub(in super::super) secrets: Vec<Value>,
    pub(in super::super) clusters: Vec<Value>,
    pub(in super::super) listener: Value,
}

/// Where a configuration lives: it has a process to itself, or is the tenant of this number in one that had others before.
/// Clusters keep their names, by which filters call them; what would outlive them in the process gets the number: names of
/// metrics, of listeners, and the namespaces of shared data.
#[derive(Debug)]
pub(in super::super) struct Scope(Option<Tenant>);

#[derive(Debug)]
struct Tenant {
    number: u64,
    /// The folder from which the process reads secrets: each from a file of its own, as Envoy wants it.
    directory: PathBuf,
}

impl Scope {
    pub(in super::super) const fn whole_process() -> Self {
        Self(None)
    }

    pub(in super::super) const fn tenant(number: u64, directory: PathBuf) -> Self {
        Self(Some(Tenant { number, directory }))
    }

    /// The name in this process of what the configuration calls `name`.
    pub(in super::super) fn name(&self, name: &str) -> String {
        match &self.0 {
            None => name.to_owned(),
            Some(tenant) => format!("{name}-{}", tenant.number),
        }
    }

    /// Where Envoy finds a secret.
    pub(super) fn secret(&self, name: &str) -> Value {
        match &self.0 {
            None => json!({"name": name}),
            Some(tenant) => json!({
                "name": name,
                "sds_config": {"path_config_source": {"path": tenant.directory.join(name)}, "resource_api_version": "V3"},
            }),
        }
    }
}
