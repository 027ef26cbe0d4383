//! A host that serves metadata and keys, behaves as it is told, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fourleg_harness::{Reply, Request, Response};
use serde_json::{Value, json};

/// Clones are the same host.
#[derive(Clone, Default)]
pub(crate) struct Endpoint {
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Answers this at `path` from now on; 404 at all others.
    pub(crate) fn says(&self, path: &str, reply: impl Into<Reply>) -> &Self {
        self.replies.lock().unwrap().insert(path.to_owned(), reply.into());
        self
    }

    /// Authority and path of every request so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests so far had this authority and path.
    pub(crate) fn count(&self, url: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == url).count()
    }

    /// What was asked, each once, in the order of the first time.
    pub(crate) fn first_asked(&self) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for url in self.asked() {
            if !seen.contains(&url) {
                seen.push(url);
            }
        }
        seen
    }

    /// The handler of a cluster.
    pub(crate) fn handler(&self) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
        let endpoint = self.clone();
        move |request| {
            assert_eq!(request.method, "GET");
            assert_eq!(request.header_text("authorization"), None);
            let path = String::from_utf8_lossy(&request.path).into_owned();
            let authority = String::from_utf8_lossy(&request.authority);
            endpoint.asked.lock().unwrap().push(format!("{authority}{path}"));
            let replies = endpoint.replies.lock().unwrap();
            replies.get(&path).cloned().unwrap_or_else(|| Response::text(404, "not here").into())
        }
    }
}

/// The metadata of an authorization server (RFC 8414 §2).
pub(crate) fn metadata(issuer: &str, jwks_uri: &str) -> Response {
    let document = json!({
        "issuer": issuer, "jwks_uri": jwks_uri, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "response_types_supported": ["code"],
    });
    Response::json(200, &document)
}

/// A set of keys as an answer.
pub(crate) fn keys(set: &Value) -> Response {
    Response::json(200, set)
}
