//! Tables of requests, and what becomes of each.

use filter_kit::policy::{Callout, Fault, Policy};
use serde_json::Value;

use super::{Gate, Reply, Request};

/// A request and what becomes of it, as [`Decision::told`](super::Decision::told) says it.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    request: Request,
    told: String,
}

/// What the request is, itself, and what becomes of it.
pub fn row(what: impl Into<String>, request: Request, told: impl Into<String>) -> Row {
    Row { what: what.into(), request, told: told.into() }
}

/// Requests to one configuration, one after the other.
pub struct Table {
    document: Value,
    clusters: fn(&Callout) -> Reply,
    rows: Vec<Row>,
}

impl Table {
    /// A table whose callouts all fail.
    pub fn new(document: Value, rows: Vec<Row>) -> Self {
        Self { document, clusters: |_| Reply::Fails(Fault::NotSent), rows }
    }

    /// With these answers to callouts.
    #[must_use]
    pub fn with_clusters(self, clusters: fn(&Callout) -> Reply) -> Self {
        Self { clusters, ..self }
    }

    /// Decides about every row, and says all that are decided otherwise.
    ///
    /// # Panics
    /// If there is one, or no row at all.
    pub fn check<P: Policy>(&self) {
        assert!(!self.rows.is_empty(), "a table without rows checks nothing");
        let mut gate = Gate::<P>::new(&self.document).with_clusters(self.clusters);
        let mut wrong = Vec::new();
        for Row { what, request, told } in &self.rows {
            let decision = gate.decide(request);
            if decision.told() != *told {
                wrong.push(format!("{what}: {} instead of {told}", decision.told()));
            }
        }
        assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), self.rows.len(), wrong.join("\n"));
    }

    /// The codes that its rows end with.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(|row| row.told.split(' ').nth(1))
    }
}
