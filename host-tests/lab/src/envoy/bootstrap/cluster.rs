//! A server behind Envoy, or one that its filters may call.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Scope, TYPES, socket};

/// Envoy's own default. A worker that a busy machine held up counts the time as passed.
const CONNECT_TIMEOUT: &str = "5s";

/// A cluster of one loopback address, or of none.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The name by which routes and callouts refer to it.
    pub name: String,
    /// `None`: the cluster is configured, and has no host.
    pub address: Option<SocketAddr>,
    /// Speak HTTP/2 with prior knowledge instead of HTTP/1.1.
    pub http2: bool,
    /// What Envoy itself writes into `Authorization` of every request to it, whatever stood there.
    pub credential: Option<String>,
}

impl Cluster {
    /// A cluster that speaks HTTP/1.1.
    pub fn new(name: impl Into<String>, address: SocketAddr) -> Self {
        Self { name: name.into(), address: Some(address), http2: false, credential: None }
    }

    /// A cluster without hosts.
    pub fn empty(name: impl Into<String>) -> Self {
        Self { name: name.into(), address: None, http2: false, credential: None }
    }

    /// Speaks HTTP/2 with prior knowledge.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Envoy authenticates itself there with this credential, as `"Basic …"`; no filter gets to see it.
    #[must_use]
    pub fn credential(mut self, credential: impl Into<String>) -> Self {
        self.credential = Some(credential.into());
        self
    }

    fn secret_name(&self, scope: &Scope) -> String {
        scope.name(&format!("credential-{}", self.name))
    }

    /// What holds its credential, if it has one.
    pub(super) fn secret(&self, scope: &Scope) -> Option<Value> {
        let credential = self.credential.as_deref()?;
        Some(json!({"name": self.secret_name(scope), "generic_secret": {"secret": {"inline_string": credential}}}))
    }

    /// The filters that requests to this cluster pass; only the credential's needs any.
    fn http_filters(&self, scope: &Scope) -> Vec<Value> {
        if self.credential.is_none() {
            return Vec::new();
        }
        let generic = "envoy.extensions.http.injected_credentials.generic.v3.Generic";
        let injector = json!({
            "@type": format!("{TYPES}envoy.extensions.filters.http.credential_injector.v3.CredentialInjector"),
            "overwrite": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {"@type": format!("{TYPES}{generic}"), "credential": scope.secret(&self.secret_name(scope))},
            },
        });
        let codec = json!({"@type": format!("{TYPES}envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec")});
        vec![
            json!({"name": "envoy.filters.http.credential_injector", "typed_config": injector}),
            json!({"name": "envoy.filters.http.upstream_codec", "typed_config": codec}),
        ]
    }

    pub(super) fn to_json(&self, scope: &Scope) -> Value {
        let protocol = if self.http2 {
            json!({"http2_protocol_options": {}})
        } else {
            json!({"http_protocol_options": {"enable_trailers": true}})
        };
        let hosts: Vec<Value> =
            self.address.iter().map(|address| json!({"endpoint": {"address": socket(*address)}})).collect();
        json!({
            "name": self.name,
            "alt_stat_name": scope.name(&self.name),
            "type": "STATIC",
            "connect_timeout": CONNECT_TIMEOUT,
            "load_assignment": {"cluster_name": self.name, "endpoints": [{"lb_endpoints": hosts}]},
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": format!("{TYPES}envoy.extensions.upstreams.http.v3.HttpProtocolOptions"),
                    "explicit_http_config": protocol,
                    "http_filters": self.http_filters(scope),
                },
            },
        })
    }
}
