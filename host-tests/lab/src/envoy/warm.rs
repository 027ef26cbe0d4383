//! An Envoy that stays and takes one configuration after another: its tenants.
//!
//! Envoy's V8 compiles a module once in a process, for seconds, as long as somebody uses it. So a listener stays for each
//! module that comes often, and a tenant's listener with the same module is there within moments.
//!
//! Nothing of a tenant outlives it. A process has one tenant at a time. The next comes when the listener, the clusters and
//! the VMs of the last are gone, by Envoy's own count. What cannot be removed has the tenant's number in its name: metrics
//! of clusters and listeners, and the namespaces of shared data and queues. Metrics of filters belong to the process, so
//! those are reported as differences, and the log from the tenant's first line to its last.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{
    Bootstrap, EnvoyBinary, LaunchError, WasmFilter,
    bootstrap::{LISTENER, Resources, Scope, TYPES, socket},
    process::{lines, scratch},
    server::{Server, until},
    traps,
};
use crate::{
    raw_client,
    wire::{WireRequest, WireResponse},
};

const ACTIVE_VMS: &str = "wasm.envoy.wasm.runtime.v8.active";
/// The listener that writes marks into the log.
const MARKS: &str = "marks";
const MARK_WITHIN: Duration = Duration::from_secs(10);
/// What the metrics of filters begin with.
const OF_FILTERS: &str = "wasmcustom.";

/// A module that comes often, with a configuration under which it does nothing by itself.
#[derive(Clone, Debug)]
pub struct KeptModule {
    /// The module's file.
    pub file: PathBuf,
    /// The plugin's configuration.
    pub configuration: Vec<u8>,
}

/// A process without a tenant, or with one.
#[derive(Debug)]
pub(super) struct WarmEnvoy {
    server: Server,
    workers: usize,
    /// The listeners that stay, by the file of their module.
    kept: BTreeMap<PathBuf, Value>,
    /// VMs that run when there is no tenant.
    idle_vms: u64,
    tenants: u64,
    version: u64,
}

/// What is known of the tenant of a [`WarmEnvoy`].
#[derive(Debug)]
pub(super) struct Tenant {
    number: u64,
    clusters: Vec<String>,
    pub(super) address: SocketAddr,
    /// Where its log begins.
    log_from: u64,
    filter_metrics_before: BTreeMap<String, u64>,
}

impl WarmEnvoy {
    pub(super) fn start(binary: &EnvoyBinary, workers: usize) -> Result<Self, LaunchError> {
        let directory = scratch()?;
        let path = |name: &str| directory.path().join(name);
        for list in ["listeners", "clusters"] {
            write_list(&path(list), 0, "", &[])?;
        }
        let source = |list: &str| json!({"path_config_source": {"path": path(list)}, "resource_api_version": "V3"});
        let bootstrap = json!({
            "node": {"id": "warm", "cluster": "warm"},
            "admin": {"address": socket(SocketAddr::from(([127, 0, 0, 1], 0)))},
            "dynamic_resources": {"lds_config": source("listeners"), "cds_config": source("clusters")},
            "static_resources": {"listeners": [marks()]},
        });
        fs::write(path("envoy.json"), bootstrap.to_string()).context("cannot write the bootstrap")?;
        // A listener that is removed takes its connections with it at once.
        let arguments = ["--drain-time-s", "0", "--drain-strategy", "immediate"];
        let server = Server::start(binary, directory, "envoy.json", workers, &arguments)?;
        Ok(Self { server, workers, kept: BTreeMap::new(), idle_vms: 0, tenants: 0, version: 0 })
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    pub(super) const fn workers(&self) -> usize {
        self.workers
    }

    /// How many of these modules it has compiled already.
    pub(super) fn has_of(&self, bootstrap: &Bootstrap) -> usize {
        bootstrap.filters.iter().filter(|filter| filter.file().is_some_and(|file| self.kept.contains_key(file))).count()
    }

    /// Takes in a configuration, and those modules of `keep` that it uses for good.
    pub(super) fn take_in(&mut self, bootstrap: &Bootstrap, keep: &[KeptModule]) -> Result<Tenant, LaunchError> {
        let used = |module: &&KeptModule| bootstrap.filters.iter().any(|filter| filter.file() == Some(&module.file));
        for module in keep.iter().filter(used) {
            self.keep(module)?;
        }
        self.tenants = self.tenants.saturating_add(1);
        let number = self.tenants;
        let log_from = fs::metadata(&self.server.log).context("Envoy's log is gone")?.len();
        let filter_metrics_before = self.server.metrics(&format!("^{OF_FILTERS}"))?;
        let scope = Scope::tenant(number, self.path(""));
        let Resources { secrets, clusters, listener } = bootstrap.resources(&scope);
        for secret in &secrets {
            let name = secret.get("name").and_then(Value::as_str).context("a secret without a name")?;
            let secret = std::slice::from_ref(secret);
            write_list(&self.path(name), number, "envoy.extensions.transport_sockets.tls.v3.Secret", secret)?;
        }
        self.set_clusters(&clusters)?;
        let tenant = Tenant {
            number,
            clusters: bootstrap.cluster_names().map(str::to_owned).collect(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log_from,
            filter_metrics_before,
        };
        if !self.set_listeners(Some(listener))? {
            let logs = self.see_off(&tenant)?;
            return Err(LaunchError::Refused { logs });
        }
        let name = scope.name(LISTENER);
        let is_it = |(listener, address): (String, SocketAddr)| (listener == name).then_some(address);
        let address = until("the listener", || Ok(self.server.listeners()?.into_iter().find_map(is_it)))?;
        Ok(Tenant { address, ..tenant })
    }

    /// Removes all that the tenant has, and returns its whole log when nothing of it is left.
    pub(super) fn see_off(&mut self, tenant: &Tenant) -> Result<Vec<String>> {
        ensure!(self.set_listeners(None)?, "Envoy does not remove a listener");
        until("the end of the tenant's VMs and connections", || {
            let left = self.server.metrics(
                "^(wasm\\.envoy\\.wasm\\.runtime\\.v8\\.active|listener_manager\\.total_listeners_draining)$",
            )?;
            let of = |name: &str| left.get(name).copied().unwrap_or_default();
            Ok((of(ACTIVE_VMS) <= self.idle_vms && of("listener_manager.total_listeners_draining") == 0).then_some(()))
        })?;
        self.set_clusters(&[])?;
        self.mark(tenant)?;
        let mut logs = self.logs(tenant);
        let end = mark_of(tenant.number);
        let end = logs.iter().position(|line| *line == end).unwrap_or(logs.len());
        logs.truncate(end);
        Ok(logs)
    }

    /// Whether it can have another tenant after one with this log.
    pub(super) fn is_sound(&mut self, logs: &[String]) -> bool {
        matches!(self.server.process.ended(), Ok(None)) && traps(logs).is_empty()
    }

    /// The tenant's log so far.
    pub(super) fn logs(&self, tenant: &Tenant) -> Vec<String> {
        lines(&self.server.log, tenant.log_from)
    }

    /// A counter or gauge by the name that it would have in a process of the tenant's own.
    pub(super) fn metric(&self, tenant: &Tenant, name: &str) -> Result<Option<u64>> {
        let here = tenant.name_of_metric(name);
        let found = self.server.metrics(&format!("^{}$", here.replace('.', "\\.").replace('|', "\\|")))?;
        let before = tenant.filter_metrics_before.get(&here).copied().unwrap_or_default();
        Ok(found.get(&here).map(|value| value.saturating_sub(before)))
    }

    fn keep(&mut self, module: &KeptModule) -> Result<()> {
        if self.kept.contains_key(&module.file) {
            return Ok(());
        }
        let name = format!("kept-{}", self.kept.len());
        let filter = WasmFilter::new(&name, &module.file, module.configuration.clone());
        let mut listener =
            Bootstrap::answering(204).access_log("").filter(filter).resources(&Scope::whole_process()).listener;
        if let Some(members) = listener.as_object_mut() {
            members.insert("name".to_owned(), json!(name));
        }
        self.kept.insert(module.file.clone(), listener);
        if !self.set_listeners(None)? {
            let logs = lines(&self.server.log, 0).join("\n");
            bail!("the configuration that keeps {} is refused:\n{logs}", module.file.display());
        }
        // One for each worker, one for the main thread and the one that they are copied from.
        let vms = self.idle_vms.saturating_add(self.workers as u64).saturating_add(2);
        self.idle_vms = until("the VMs of a kept module", || {
            let active = self.server.metrics("^wasm\\.envoy\\.wasm\\.runtime\\.v8\\.active$")?.remove(ACTIVE_VMS);
            Ok(active.filter(|active| *active == vms))
        })?;
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.server.log.with_file_name(name)
    }

    /// Returns when Envoy has these clusters and no others.
    fn set_clusters(&mut self, clusters: &[Value]) -> Result<()> {
        let before = self.updates("cluster_manager.cds")?;
        self.version = self.version.saturating_add(1);
        write_list(&self.path("clusters"), self.version, "envoy.config.cluster.v3.Cluster", clusters)?;
        if !self.updated("cluster_manager.cds", before)? {
            bail!("Envoy refused its clusters:\n{}", lines(&self.server.log, 0).join("\n"));
        }
        until("the clusters", || {
            let state = self.server.metrics("^cluster_manager\\.(active|warming)_clusters$")?;
            let of = |name: &str| state.get(name).copied().unwrap_or_default();
            let all = of("cluster_manager.active_clusters") == clusters.len() as u64;
            Ok((all && of("cluster_manager.warming_clusters") == 0).then_some(()))
        })
    }

    /// Whether Envoy takes the kept listeners and this one.
    fn set_listeners(&mut self, tenant: Option<Value>) -> Result<bool> {
        let before = self.updates("listener_manager.lds")?;
        self.version = self.version.saturating_add(1);
        let listeners: Vec<Value> = self.kept.values().cloned().chain(tenant).collect();
        write_list(&self.path("listeners"), self.version, "envoy.config.listener.v3.Listener", &listeners)?;
        self.updated("listener_manager.lds", before)
    }

    /// How many updates Envoy has taken and refused.
    fn updates(&self, api: &str) -> Result<(u64, u64)> {
        let counts = self.server.metrics(&format!("^{}\\.update_(success|rejected)$", api.replace('.', "\\.")))?;
        let of = |what: &str| counts.get(&format!("{api}.update_{what}")).copied().unwrap_or_default();
        Ok((of("success"), of("rejected")))
    }

    fn updated(&self, api: &str, before: (u64, u64)) -> Result<bool> {
        until(&format!("an update of {api}"), || {
            let now = self.updates(api)?;
            Ok((now != before).then_some(now.1 == before.1))
        })
    }

    /// Writes a line into the log behind all that Envoy has to say of what is over: lines of the access log wait in one buffer.
    fn mark(&self, tenant: &Tenant) -> Result<()> {
        let marks =
            self.server.listeners()?.into_iter().find(|(name, _)| name == MARKS).context("no listener for marks")?;
        let request = WireRequest {
            method: "GET".to_owned(),
            path: format!("/{}", tenant.number).into_bytes(),
            authority: b"marks".to_vec(),
            ..WireRequest::default()
        };
        let _: WireResponse = raw_client::send(marks.1, &request, MARK_WITHIN)?;
        let mark = mark_of(tenant.number);
        until("a mark in the log", || Ok(self.logs(tenant).contains(&mark).then_some(())))
    }
}

impl Tenant {
    /// The name in this process of a metric of a process of its own.
    fn name_of_metric(&self, name: &str) -> String {
        let numbered = |kind: &str, owner: &str| {
            let rest = name.strip_prefix(kind)?.strip_prefix(owner)?.strip_prefix('.')?;
            Some(format!("{kind}{owner}-{}.{rest}", self.number))
        };
        let of_cluster = || self.clusters.iter().find_map(|cluster| numbered("cluster.", cluster));
        numbered("http.", LISTENER).or_else(of_cluster).unwrap_or_else(|| name.to_owned())
    }
}

/// A listener that answers everything itself and writes the path into the log.
fn marks() -> Value {
    let mut bootstrap = Bootstrap::answering(204).access_log("[mark] %REQ(:PATH)%");
    bootstrap.route_name = MARKS.to_owned();
    let mut listener = bootstrap.resources(&Scope::whole_process()).listener;
    if let Some(members) = listener.as_object_mut() {
        members.insert("name".to_owned(), json!(MARKS));
    }
    listener
}

fn mark_of(number: u64) -> String {
    format!("[mark] /{number}")
}

/// Writes what one of Envoy's discovery services would answer. Envoy looks when a file is moved to the path.
fn write_list(path: &std::path::Path, version: u64, message: &str, resources: &[Value]) -> Result<()> {
    let typed = resources.iter().cloned().map(|mut resource| {
        if let Some(members) = resource.as_object_mut() {
            members.insert("@type".to_owned(), json!(format!("{TYPES}{message}")));
        }
        resource
    });
    let list = json!({"version_info": version.to_string(), "resources": typed.collect::<Vec<_>>()});
    let draft = path.with_extension("draft");
    fs::write(&draft, list.to_string())?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}
