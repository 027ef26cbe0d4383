//! What a scenario runs against: a chain of filters, the clusters around it and the knobs of the proxy.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::Value;

use crate::http::{Reply, Request};

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
        vm_id: None,
        allow_on_headers_stop_iteration: true,
    }
}

/// A gateway in the making. The upstream answers 200 with the body `upstream` unless told otherwise.
#[derive(Clone)]
pub struct Gateway {
    pub plugins: Vec<Plugin>,
    /// Seconds since the epoch at which the emulator's clock starts. Envoy has its own clock: scenarios take
    /// `Running::now` to make tokens.
    pub start_time: u64,
    pub workers: usize,
    pub clusters: BTreeMap<String, Handler>,
    pub upstream: Handler,
    /// Strings that must never show in a log or in what a client sees, beside every bearer token sent.
    pub canaries: Vec<String>,
}

impl Gateway {
    pub fn chain(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        Self {
            plugins: plugins.into_iter().collect(),
            start_time: 1_900_000_000,
            workers: 1,
            clusters: BTreeMap::new(),
            upstream: Arc::new(|_| crate::http::Response::text(200, "upstream").into()),
            canaries: Vec::new(),
        }
    }

    #[must_use]
    pub fn at(mut self, unix_seconds: u64) -> Self {
        self.start_time = unix_seconds;
        self
    }

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

    /// What stands behind the gateway.
    #[must_use]
    pub fn upstream<R: Into<Reply>>(mut self, handler: impl Fn(&Request) -> R + Send + Sync + 'static) -> Self {
        self.upstream = Arc::new(move |request| handler(request).into());
        self
    }

    /// A secret that must never show in a log or in what a client sees.
    #[must_use]
    pub fn canary(mut self, secret: &str) -> Self {
        self.canaries.push(secret.to_owned());
        self
    }
}
