//! What Envoy is told: a listener with a chain of Wasm filters, what stands behind it and what the filters may call.

mod cluster;
mod scope;
mod wasm_filter;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use serde_json::{Value, json};

pub use cluster::Cluster;
pub(super) use scope::{Resources, Scope};
pub use wasm_filter::{FailurePolicy, WasmFilter};

pub(super) const TYPES: &str = "type.googleapis.com/";

/// The name of the listener, and of its connection manager in metrics.
pub(super) const LISTENER: &str = "gateway";

/// Turns a suffix of a metric's name into a label.
#[derive(Clone, Debug)]
pub struct StatsTag {
    /// The label's name.
    pub name: String,
    /// Its first group is cut out of the name, its second is the label's value.
    pub regex: String,
}

/// A whole static configuration.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Envoy's own HTTP filters, each as in `http_filters`; they stand before the Wasm filters.
    pub native_filters: Vec<Value>,
    /// In the order in which a request meets them.
    pub filters: Vec<WasmFilter>,
    /// The first is what stands behind the gateway, if there is an upstream.
    clusters: Vec<Cluster>,
    /// Hosts, if not all, and path prefixes that lead to another cluster than the first.
    routes: Vec<(Option<String>, String, String)>,
    /// Answered by Envoy itself when there is no upstream.
    direct_status: Option<u16>,
    /// 0: a free port.
    pub port: u16,
    /// Ends a stream on which nothing happens: also one that a crashed VM has left parked.
    pub stream_idle_timeout: Duration,
    /// How long the upstream may take to answer.
    pub route_timeout: Duration,
    /// How much of a body Envoy buffers over HTTP/1.1 before it answers 413.
    pub buffer_limit: usize,
    /// The name of the route to the upstream: `xds.route_name` to filters.
    pub route_name: String,
    /// Metadata of the route to the upstream: an object by namespace.
    pub route_metadata: Value,
    /// Dynamic metadata that a native filter before the chain sets: an object by namespace.
    pub filter_metadata: Value,
    /// Clients begin with a PROXY protocol header that says where they come from.
    pub proxy_protocol: bool,
    /// Clients on the loopback are internal: Envoy heeds their `x-envoy-` fields, which it takes from all others.
    pub internal_clients: bool,
    /// How Envoy treats paths before any filter: members of its connection manager, as `normalize_path` and
    /// `merge_slashes`. None by default, as in Envoy.
    path_handling: Value,
    /// Labels of metrics beside those that Envoy knows by itself.
    pub stats_tags: Vec<StatsTag>,
    /// One line for each request, in Envoy's format language. It names no path or field by default: they carry tokens.
    /// Empty: no access log.
    pub access_log: String,
}

impl Bootstrap {
    /// A gateway before `upstream`.
    #[must_use]
    pub fn before(upstream: SocketAddr) -> Self {
        Self::new(vec![Cluster::new("upstream", upstream)], None)
    }

    /// A gateway that answers by itself what its filters let through.
    #[must_use]
    pub fn answering(status: u16) -> Self {
        Self::new(Vec::new(), Some(status))
    }

    fn new(clusters: Vec<Cluster>, direct_status: Option<u16>) -> Self {
        Self {
            native_filters: Vec::new(),
            filters: Vec::new(),
            clusters,
            routes: Vec::new(),
            direct_status,
            port: 0,
            stream_idle_timeout: Duration::from_secs(15),
            route_timeout: Duration::from_secs(15),
            buffer_limit: 1 << 20,
            route_name: "default".to_owned(),
            route_metadata: json!({}),
            filter_metadata: json!({}),
            proxy_protocol: false,
            internal_clients: false,
            path_handling: json!({}),
            stats_tags: Vec::new(),
            access_log: "[access] %REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%"
                .to_owned(),
        }
    }

    /// Adds a filter to the end of the chain.
    #[must_use]
    pub fn filter(mut self, filter: WasmFilter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds one of Envoy's own filters: its name, the name of its message after `envoy.extensions.filters.http.`, for
    /// instance `jwt_authn.v3.JwtAuthentication`, and the message's members.
    #[must_use]
    pub fn native_filter(mut self, name: &str, message: &str, mut members: Value) -> Self {
        if let Some(members) = members.as_object_mut() {
            members.insert("@type".to_owned(), json!(format!("{TYPES}envoy.extensions.filters.http.{message}")));
        }
        self.native_filters.push(json!({"name": name, "typed_config": members}));
        self
    }

    /// Sends paths with this prefix to another server.
    #[must_use]
    pub fn route_to(mut self, prefix: &str, cluster: Cluster) -> Self {
        self.routes.push((None, prefix.to_owned(), cluster.name.clone()));
        self.cluster(cluster)
    }

    /// The same for one host alone, which gets a virtual host of its own.
    #[must_use]
    pub fn host_to(mut self, host: &str, prefix: &str, cluster: Cluster) -> Self {
        self.routes.push((Some(host.to_owned()), prefix.to_owned(), cluster.name.clone()));
        self.cluster(cluster)
    }

    /// Adds a cluster that filters may call.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.clusters.push(cluster);
        self
    }

    /// Sets the port to listen on.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets how Envoy treats paths before any filter, for instance `{"normalize_path": true, "merge_slashes": true}`.
    #[must_use]
    pub fn path_handling(mut self, members: Value) -> Self {
        self.path_handling = members;
        self
    }

    /// Sets the format of the access log line; empty: no access log.
    #[must_use]
    pub fn access_log(mut self, format: impl Into<String>) -> Self {
        self.access_log = format.into();
        self
    }

    /// Adds a label that is cut out of metric names.
    #[must_use]
    pub fn stats_tag(mut self, name: impl Into<String>, regex: impl Into<String>) -> Self {
        self.stats_tags.push(StatsTag { name: name.into(), regex: regex.into() });
        self
    }

    /// The configuration as Envoy reads it, for a process of its own.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tags: Vec<Value> =
            self.stats_tags.iter().map(|tag| json!({"tag_name": tag.name, "regex": tag.regex})).collect();
        let scope = Scope::whole_process();
        json!({
            "admin": {"address": socket(SocketAddr::from(([127, 0, 0, 1], 0)))},
            "stats_config": {"stats_tags": tags},
            "static_resources": {
                "secrets": self.clusters.iter().filter_map(|cluster| cluster.secret(&scope)).collect::<Vec<_>>(),
                "listeners": [self.listener(&scope)],
                "clusters": self.clusters.iter().map(|cluster| cluster.to_json(&scope)).collect::<Vec<_>>(),
            },
        })
    }

    /// The names of the clusters, whose metrics a [`Scope`] renames.
    pub(super) fn cluster_names(&self) -> impl Iterator<Item = &str> {
        self.clusters.iter().map(|cluster| cluster.name.as_str())
    }

    /// Whether it can share a process with what came before and what comes after: it asks for nothing that is the whole
    /// process's, as a namespace of shared data without a name is.
    pub(super) fn can_share_a_process(&self) -> bool {
        self.stats_tags.is_empty() && self.port == 0 && self.filters.iter().all(|filter| !filter.vm_id.is_empty())
    }

    /// What a process that runs already is given of it.
    pub(super) fn resources(&self, scope: &Scope) -> Resources {
        Resources {
            secrets: self.clusters.iter().filter_map(|cluster| cluster.secret(scope)).collect(),
            clusters: self.clusters.iter().map(|cluster| cluster.to_json(scope)).collect(),
            listener: self.listener(scope),
        }
    }

    fn listener(&self, scope: &Scope) -> Value {
        let listener_filters = if self.proxy_protocol {
            let config = format!("{TYPES}envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol");
            json!([{"name": "proxy_protocol", "typed_config": {"@type": config}}])
        } else {
            json!([])
        };
        json!({
            "name": scope.name(LISTENER),
            "address": socket(SocketAddr::from(([127, 0, 0, 1], self.port))),
            "listener_filters": listener_filters,
            "per_connection_buffer_limit_bytes": self.buffer_limit,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": self.connection_manager(scope)}]}],
        })
    }

    fn connection_manager(&self, scope: &Scope) -> Value {
        let mut filters = self.set_metadata();
        filters.extend(self.native_filters.iter().cloned());
        filters.extend(self.filters.iter().map(|filter| filter.to_json(scope)));
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": format!("{TYPES}envoy.extensions.filters.http.router.v3.Router")},
        }));
        let mut manager = json!({
            "@type": format!("{TYPES}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": scope.name(LISTENER),
            // As at the edge: the client's address is that of its connection, not what it writes in X-Forwarded-For.
            "use_remote_address": true,
            // HTTP/1.1 and HTTP/2 with prior knowledge on one port.
            "codec_type": "AUTO",
            "stream_idle_timeout": seconds(self.stream_idle_timeout),
            "http_protocol_options": {"enable_trailers": true},
            "http_filters": filters,
            "route_config": {"virtual_hosts": self.virtual_hosts()},
            "access_log": self.access_logs(),
        });
        if self.internal_clients {
            manager["internal_address_config"] =
                json!({"cidr_ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}]});
        }
        if let (Some(members), Some(more)) = (manager.as_object_mut(), self.path_handling.as_object()) {
            members.extend(more.clone());
        }
        manager
    }

    fn access_logs(&self) -> Value {
        if self.access_log.is_empty() {
            return json!([]);
        }
        json!([{
            "name": "log",
            "typed_config": {
                "@type": format!("{TYPES}envoy.extensions.access_loggers.stream.v3.StderrAccessLog"),
                "log_format": {"text_format_source": {"inline_string": format!("{}\n", self.access_log)}},
            },
        }])
    }

    /// The filter that sets the dynamic metadata, if there is any.
    fn set_metadata(&self) -> Vec<Value> {
        let namespaces = self.filter_metadata.as_object().into_iter().flatten();
        let entries: Vec<Value> = namespaces
            .map(|(namespace, value)| json!({"metadata_namespace": namespace, "value": value, "allow_overwrite": true}))
            .collect();
        if entries.is_empty() {
            return Vec::new();
        }
        let config = format!("{TYPES}envoy.extensions.filters.http.set_metadata.v3.Config");
        vec![json!({"name": "set_metadata", "typed_config": {"@type": config, "metadata": entries}})]
    }

    fn virtual_hosts(&self) -> Vec<Value> {
        let hosts: BTreeSet<&String> = self.routes.iter().filter_map(|(host, ..)| host.as_ref()).collect();
        let own = |host| json!({"name": host, "domains": [host], "routes": self.routes(Some(host))});
        let all = json!({"name": "all", "domains": ["*"], "routes": self.routes(None)});
        hosts.into_iter().map(own).chain([all]).collect()
    }

    /// The more special ones first: Envoy takes the first that matches.
    fn routes(&self, host: Option<&String>) -> Vec<Value> {
        let of_host = self.routes.iter().filter(|(of, ..)| of.as_ref() == host);
        let special = of_host.map(|(_, prefix, cluster)| {
            json!({
                "match": {"prefix": prefix},
                "route": {"cluster": cluster, "timeout": seconds(self.route_timeout)},
            })
        });
        special.chain([self.route()]).collect()
    }

    fn route(&self) -> Value {
        let mut route = json!({
            "name": self.route_name,
            "match": {"prefix": "/"},
            "metadata": {"filter_metadata": self.route_metadata},
        });
        let (action, value) = match self.direct_status {
            Some(status) => ("direct_response", json!({"status": status})),
            None => ("route", json!({"cluster": "upstream", "timeout": seconds(self.route_timeout)})),
        };
        if let Some(members) = route.as_object_mut() {
            members.insert(action.to_owned(), value);
        }
        route
    }
}

pub(super) fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// A duration as protobuf's JSON writes it.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
