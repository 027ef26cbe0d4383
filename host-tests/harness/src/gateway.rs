//! What a scenario runs against: a chain of filters, the clusters around it and the knobs of the proxy.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::{
    http::{Reply, Request},
    routes::Route,
};

/// Answers the requests that reach a cluster. Runs on a server's thread under Envoy, inline in the emulator.
pub type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// One filter of the chain.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Module name: `target/wasm/<module>.wasm`.
    pub module: String,
    /// An explicit module file, instead of the one found by name.
    pub path: Option<PathBuf>,
    /// The plugin's configuration, raw; usually JSON.
    pub config: Vec<u8>,
    /// The configuration, a JSON object, is handed over as a `google.protobuf.Struct`.
    pub as_struct: bool,
    /// The proxy-wasm `vm_id`; by default one of its own for each plugin.
    pub vm_id: Option<String>,
    /// Envoy's `allow_on_headers_stop_iteration` (default true, as in our configs).
    pub allow_on_headers_stop_iteration: bool,
}

/// A filter by module name with its configuration.
pub fn plugin(module: &str, config: Value) -> Plugin {
    plugin_raw(module, config.to_string())
}

/// A filter whose configuration need not be JSON.
pub fn plugin_raw(module: &str, config: impl Into<Vec<u8>>) -> Plugin {
    Plugin {
        module: module.to_owned(),
        path: None,
        config: config.into(),
        as_struct: false,
        vm_id: None,
        allow_on_headers_stop_iteration: true,
    }
}

impl Plugin {
    /// Loads the module from this file; its name stays what it is.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Hands the configuration over as a `google.protobuf.Struct` instead of as text.
    #[must_use]
    pub fn as_struct(mut self) -> Self {
        self.as_struct = true;
        self
    }

    /// Puts the plugin into a VM of this id: it shares data and queues with all of that id, and the VM itself with
    /// those of the same code.
    #[must_use]
    pub fn vm_id(mut self, vm_id: &str) -> Self {
        self.vm_id = Some(vm_id.to_owned());
        self
    }

    /// Without `allow_on_headers_stop_iteration`, as in Istio's `WasmPlugin`: a pause on headers holds the body, too.
    #[must_use]
    pub fn stop_all_on_headers(mut self) -> Self {
        self.allow_on_headers_stop_iteration = false;
        self
    }
}

/// What a filter sees of several fields with one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateHeaders {
    /// As Envoy: `Authorization` and the other names that Envoy keeps in one slot arrive as one field, joined by a
    /// comma; fields of other names stay separate, and a read of one name gets the first.
    #[default]
    Joined,
    /// The filter sees the first field of each name and nothing of the others, which go upstream all the same.
    FirstOnly,
    /// Every field stays separate; a read of one name gets the first.
    Separate,
}

/// Which functions `proxy_call_foreign_function` knows; every other name is answered with `NotFound`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignFunctions {
    /// Envoy's `declare_property`.
    pub declare_property: bool,
    /// Envoy's `verify_signature`, for RSA, P-256 and P-384 keys in DER.
    pub verify_signature: bool,
    /// Envoy's `sign` (1.37 and later), for RSA, P-256 and P-384 keys in DER.
    pub sign: bool,
}

impl Default for ForeignFunctions {
    fn default() -> Self {
        Self { declare_property: true, verify_signature: true, sign: true }
    }
}

/// How far a VM may go before it traps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Fuel for one call into the VM: about one for each instruction.
    pub fuel: u64,
    /// Bytes of linear memory for one VM.
    pub memory: usize,
    /// Bytes of body that the proxy buffers for HTTP/1 before it answers 413 by itself.
    pub http1_buffer: usize,
    /// The same for HTTP/2.
    pub http2_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fuel: 20_000_000_000, memory: 256 << 20, http1_buffer: 1 << 20, http2_buffer: 16 << 20 }
    }
}

/// What the route and the connection tell a filter through properties.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// `xds.route_name`.
    pub route_name: String,
    /// `xds.route_metadata.filter_metadata`: an object by namespace.
    pub route_metadata: Value,
    /// `metadata.filter_metadata`: what filters before the chain left, an object by namespace.
    pub filter_metadata: Value,
    /// `source.address`.
    pub source: SocketAddr,
    /// Clients are internal: their `x-envoy-` fields, by which they steer the router, are not taken out.
    pub internal_clients: bool,
    /// The route's timeout for the upstream.
    pub upstream_timeout: Duration,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            route_name: String::new(),
            route_metadata: Value::Object(serde_json::Map::new()),
            filter_metadata: Value::Object(serde_json::Map::new()),
            source: SocketAddr::from(([127, 0, 0, 1], 40_000)),
            internal_clients: false,
            upstream_timeout: Duration::from_secs(15),
        }
    }
}

/// A gateway in the making. The upstream answers 200 with the body `upstream` unless told otherwise.
#[derive(Clone)]
pub struct Gateway {
    /// The filters, in the order in which a request meets them.
    pub plugins: Vec<Plugin>,
    /// Seconds since the epoch at which the emulator's clock starts. Envoy has its own clock: scenarios take
    /// `Running::now` to make tokens.
    pub start_time: u64,
    /// How many workers the proxy has; each runs VMs of its own.
    pub workers: usize,
    /// The clusters that filters may call, by name, and who answers there.
    pub clusters: BTreeMap<String, Handler>,
    /// Who answers what the filters let through, if no route leads elsewhere.
    pub upstream: Handler,
    /// More upstreams, and what leads to them. The first that matches is taken.
    pub routes: Vec<Route>,
    /// What the proxy itself writes into `Authorization` of callouts, by cluster: no filter gets to see it.
    pub credentials: BTreeMap<String, String>,
    /// Strings that must never show in a log or in what a client sees, beside every bearer token sent.
    pub canaries: Vec<String>,
    /// Clusters that are configured and have no host: a callout fails at dispatch with `InternalFailure`.
    pub empty_clusters: BTreeSet<String>,
    /// Clusters that are missing on purpose: a callout fails at dispatch with `BadArgument`. A callout to any other
    /// unknown cluster fails the same way, and the test with it.
    pub missing_clusters: BTreeSet<String>,
    /// What filters see of several fields with one name; on Envoy always the default.
    pub duplicate_headers: DuplicateHeaders,
    /// Which foreign functions the proxy offers; on Envoy always all of them.
    pub foreign_functions: ForeignFunctions,
    /// How much fuel, memory and buffer the proxy grants.
    pub limits: Limits,
    /// What filters read of the route and the connection.
    pub surroundings: Surroundings,
    /// The proxy takes upgrades and CONNECT. Without, it refuses an upgrade before any filter, and has no route for
    /// CONNECT after all of them.
    pub upgrades: bool,
    /// The test completes callouts by hand.
    pub manual: bool,
    /// On Envoy: not on one that had gateways before and will have others.
    pub own_process: bool,
    /// Members of Envoy's connection manager, as `normalize_path`; the emulator has none of them.
    pub connection_manager: Value,
}

impl Gateway {
    /// A gateway with these filters, in the order in which a request meets them: one worker, and no clusters.
    pub fn chain(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        Self {
            plugins: plugins.into_iter().collect(),
            start_time: 1_900_000_000,
            workers: 1,
            clusters: BTreeMap::new(),
            upstream: Arc::new(|_| crate::http::Response::text(200, "upstream").into()),
            routes: Vec::new(),
            credentials: BTreeMap::new(),
            canaries: Vec::new(),
            empty_clusters: BTreeSet::new(),
            missing_clusters: BTreeSet::new(),
            duplicate_headers: DuplicateHeaders::default(),
            foreign_functions: ForeignFunctions::default(),
            limits: Limits::default(),
            surroundings: Surroundings::default(),
            upgrades: false,
            manual: false,
            own_process: false,
            connection_manager: Value::Object(serde_json::Map::new()),
        }
    }

    /// Starts the emulator's clock at this time.
    #[must_use]
    pub fn at(mut self, unix_seconds: u64) -> Self {
        self.start_time = unix_seconds;
        self
    }

    /// Sets the number of workers.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// A cluster that filters may call, by name.
    #[must_use]
    pub fn cluster<R: Into<Reply>>(
        mut self,
        name: &str,
        handler: impl Fn(&Request) -> R + Send + Sync + 'static,
    ) -> Self {
        self.clusters.insert(name.to_owned(), Arc::new(move |request| handler(request).into()));
        self
    }

    /// The proxy authenticates itself at a cluster with this credential, as `"Basic …"`, in place of whatever a filter
    /// says; in Envoy it is the cluster's credential injector. It is a canary, too.
    #[must_use]
    pub fn credential(mut self, cluster: &str, credential: &str) -> Self {
        self.credentials.insert(cluster.to_owned(), credential.to_owned());
        self.canary(credential)
    }

    /// What stands behind the gateway.
    #[must_use]
    pub fn upstream<R: Into<Reply>>(mut self, handler: impl Fn(&Request) -> R + Send + Sync + 'static) -> Self {
        self.upstream = Arc::new(move |request| handler(request).into());
        self
    }

    /// One more upstream, whose cluster is `xds.cluster_name` of the requests that it gets.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// A secret that must never show in a log or in what a client sees.
    #[must_use]
    pub fn canary(mut self, secret: &str) -> Self {
        self.canaries.push(secret.to_owned());
        self
    }

    /// A cluster without hosts.
    #[must_use]
    pub fn empty_cluster(mut self, name: &str) -> Self {
        self.empty_clusters.insert(name.to_owned());
        self
    }

    /// A cluster that is missing on purpose.
    #[must_use]
    pub fn missing_cluster(mut self, name: &str) -> Self {
        self.missing_clusters.insert(name.to_owned());
        self
    }

    /// What filters see of several fields with one name.
    #[must_use]
    pub fn duplicate_headers(mut self, policy: DuplicateHeaders) -> Self {
        self.duplicate_headers = policy;
        self
    }

    /// Which foreign functions the proxy offers.
    #[must_use]
    pub fn foreign_functions(mut self, functions: ForeignFunctions) -> Self {
        self.foreign_functions = functions;
        self
    }

    /// Fuel for one call into a VM; a filter that takes more traps.
    #[must_use]
    pub fn fuel(mut self, fuel: u64) -> Self {
        self.limits.fuel = fuel;
        self
    }

    /// Bytes of memory for one VM; a filter that takes more traps.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// Bytes of body that the proxy buffers before it answers 413, for both protocols.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: usize) -> Self {
        self.limits.http1_buffer = bytes;
        self.limits.http2_buffer = bytes;
        self
    }

    /// The name of the route that every request takes.
    #[must_use]
    pub fn route_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.surroundings.route_name);
        self
    }

    /// Metadata of the route: `fields` is an object, found at `xds.route_metadata.filter_metadata.<namespace>`.
    #[must_use]
    pub fn route_metadata(mut self, namespace: &str, fields: Value) -> Self {
        insert(&mut self.surroundings.route_metadata, namespace, fields);
        self
    }

    /// Dynamic metadata as a filter before the chain would leave it: `metadata.filter_metadata.<filter>`.
    #[must_use]
    pub fn filter_metadata(mut self, filter: &str, fields: Value) -> Self {
        insert(&mut self.surroundings.filter_metadata, filter, fields);
        self
    }

    /// The client's address.
    #[must_use]
    pub fn source(mut self, address: SocketAddr) -> Self {
        self.surroundings.source = address;
        self
    }

    /// Sets members of Envoy's connection manager. Envoy only.
    #[must_use]
    pub fn connection_manager(mut self, members: Value) -> Self {
        self.connection_manager = members;
        self
    }

    /// Lets clients say in `x-envoy-` fields what the router is to do.
    #[must_use]
    pub fn internal_clients(mut self) -> Self {
        self.surroundings.internal_clients = true;
        self
    }

    /// Takes upgrades and CONNECT; their bodies never end.
    #[must_use]
    pub fn upgrades(mut self) -> Self {
        self.upgrades = true;
        self
    }

    /// Gives the gateway an Envoy process to itself, for what a process does as a whole: how it starts and ends, reloads a
    /// VM, or shares data without a `vm_id`. The emulator always does.
    #[must_use]
    pub fn own_process(mut self) -> Self {
        self.own_process = true;
        self
    }

    /// Leaves callouts to the test: see `Emulated::pending_callouts`. Emulator only.
    #[must_use]
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}
