//! The same scenarios on a real Envoy: real connections, real threads, a real clock.

mod messages;
mod watch;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fourleg_lab::{
    echo_upstream::EchoUpstream,
    envoy::{
        Bootstrap, Cluster, Config, EnvoyBinary, LaunchError, Pool, RunningEnvoy, WasmFilter,
        configuration_was_refused, launch, provision, target_dir, traps,
    },
    raw_client, unix_now,
};

use crate::{
    MODULE_DIR_VARIABLE,
    gateway::{DuplicateHeaders, ForeignFunctions, Gateway, Handler, Plugin, Surroundings},
    http::Request,
    outcome::Outcome,
    routes::DEFAULT_CLUSTER,
    runner::{ConfigRejected, Runner, Running},
};
use messages::{answer, number_of, request_from_wire, request_to_wire, response_from_wire};
use watch::Canaries;

/// No exchange takes longer, whatever a scenario makes hang: then it fails with a message instead of blocking the run.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long Envoy may take to finish its streams after the clients have seen the end of theirs.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// Fetched once in a process; the error is kept, so that every test says what is missing.
static BINARY: LazyLock<Result<EnvoyBinary, String>> =
    LazyLock::new(|| provision(&|line| eprintln!("{line}")).map_err(|error| format!("{error:#}")));

/// The Envoys of those who name no pool of their own.
static POOL: LazyLock<Pool> = LazyLock::new(Pool::default);

/// Runs gateways on the real Envoy that `ENVOY_BIN` names, else on the pinned one, which it fetches at first use.
///
/// A gateway gets a running Envoy to itself and leaves it as it was. One that needs a process of its own says so
/// ([`Gateway::own_process`]).
#[derive(Clone, Debug)]
pub struct Envoy {
    pool: Pool,
}

impl Default for Envoy {
    fn default() -> Self {
        Self { pool: POOL.clone() }
    }
}

impl Envoy {
    /// Runs gateways on the Envoys of this pool.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        Self { pool: pool.clone() }
    }
}

impl Runner for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn start(&self, gateway: Gateway) -> Result<Box<dyn Running>, ConfigRejected> {
        let binary = BINARY.as_ref().unwrap_or_else(|error| panic!("no Envoy to test on: {error}"));
        let upstream = serve(&gateway.upstream);
        let source = source_of(&gateway);
        let mut bootstrap = surrounded(Bootstrap::before(upstream.address()), &gateway, source.is_some());
        for (index, plugin) in gateway.plugins.iter().enumerate() {
            bootstrap = bootstrap.filter(filter(index, plugin));
        }
        let mut clusters = Vec::new();
        for (name, handler) in &gateway.clusters {
            let cluster = serve(handler);
            let mut configured = Cluster::new(name, cluster.address());
            configured.credential = gateway.credentials.get(name).cloned();
            bootstrap = bootstrap.cluster(configured);
            clusters.push(cluster);
        }
        let mut routed = Vec::new();
        for route in &gateway.routes {
            let server = serve(&route.handler);
            let cluster = Cluster::new(&route.cluster, server.address());
            bootstrap = match &route.host {
                Some(host) => bootstrap.host_to(host, &route.prefix, cluster),
                None => bootstrap.route_to(&route.prefix, cluster),
            };
            routed.push((route.cluster.clone(), server));
        }
        for name in &gateway.empty_clusters {
            bootstrap = bootstrap.cluster(Cluster::empty(name));
        }
        let started = if gateway.own_process {
            launch(binary, &Config::Json(bootstrap.to_json()), gateway.workers)
        } else {
            self.pool.serve(binary, &bootstrap, gateway.workers)
        };
        match started {
            Ok(envoy) => Ok(Box::new(OnEnvoy {
                envoy,
                upstream,
                routed,
                source,
                _clusters: clusters,
                numbers: AtomicU64::new(0),
                canaries: Mutex::new(Canaries::new(gateway.canaries)),
            })),
            // A filter that traps instead of refusing is a broken filter.
            Err(LaunchError::Refused { logs }) if configuration_was_refused(&logs) && traps(&logs).is_empty() => {
                Err(ConfigRejected { logs })
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A gateway on Envoy. When it is dropped, the log is searched for crashed VMs and leaked secrets.
struct OnEnvoy {
    envoy: RunningEnvoy,
    upstream: EchoUpstream,
    /// Further upstreams, by cluster.
    routed: Vec<(String, EchoUpstream)>,
    /// Where the clients seem to come from, if not from here.
    source: Option<SocketAddr>,
    _clusters: Vec<EchoUpstream>,
    /// Requests carry a number, by which the upstream's record is told apart.
    numbers: AtomicU64,
    canaries: Mutex<Canaries>,
}

impl Running for OnEnvoy {
    fn now(&self) -> u64 {
        unix_now()
    }

    fn send_all(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let mut canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = Vec::with_capacity(requests.len());
        let mut wired = Vec::with_capacity(requests.len());
        for request in requests {
            canaries.watch_credentials(&request);
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            numbers.push(number);
            wired.push(request_to_wire(request, number));
        }
        let responses = raw_client::send_all(self.envoy.address(), self.source, &wired, TIMEOUT);
        self.settle();
        let mut received = self.upstream.received();
        received.extend(self.routed.iter().flat_map(|(_, upstream)| upstream.received()));
        let mut outcomes = Vec::with_capacity(numbers.len());
        for (number, response) in numbers.into_iter().zip(responses) {
            let response = response.unwrap_or_else(|error| {
                let sent = wired.iter().find(|request| number_of(&request.headers) == Some(number));
                panic!("{error:#}; the request was {sent:?}")
            });
            if let Some(secret) = canaries.found_in_response(&response) {
                panic!("the client saw a secret ({secret}) in a response with the status {}", response.status);
            }
            outcomes.push(Outcome {
                response: response_from_wire(response),
                upstream: received
                    .iter()
                    .filter(|entry| number_of(&entry.request.headers) == Some(number))
                    .map(|entry| request_from_wire(&entry.request))
                    .collect(),
            });
        }
        outcomes
    }

    fn pass(&self, time: Duration) {
        thread::sleep(time);
    }

    fn logs(&self) -> Vec<String> {
        self.envoy.logs()
    }

    fn filter_metric(&self, name: &str) -> Option<u64> {
        let name = format!("wasmcustom.{name}");
        self.envoy.metric(&name).unwrap_or_else(|error| panic!("Envoy is gone: {error:#}"))
    }
}

impl OnEnvoy {
    /// Waits until Envoy has finished its streams and all that it sent upstream has arrived there: a request that a
    /// faulty filter both denies and lets through reaches the upstream *after* the client got its answer.
    fn settle(&self) {
        let start = Instant::now();
        while start.elapsed() < SETTLE_WITHIN {
            let active = self.metric("http.gateway.downstream_rq_active");
            let has_all = |cluster: &str, upstream: &EchoUpstream| {
                upstream.received().len() as u64 >= self.metric(&format!("cluster.{cluster}.upstream_rq_total"))
            };
            let have_all = self.routed.iter().all(|(cluster, upstream)| has_all(cluster, upstream));
            if active == 0 && has_all(DEFAULT_CLUSTER, &self.upstream) && have_all {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn metric(&self, name: &str) -> u64 {
        self.envoy.metric(name).unwrap_or_else(|error| panic!("Envoy is gone: {error:#}")).unwrap_or_default()
    }
}

impl Drop for OnEnvoy {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let metrics = self.envoy.admin_get("/stats").map(|page| page.text()).unwrap_or_default();
        // Its end comes first, so that the log is whole.
        let logs = self.envoy.stop();
        let mut faults: Vec<String> =
            traps(&logs).into_iter().map(|line| format!("a VM has trapped: {line}")).collect();
        let canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
        for line in &logs {
            if let Some(secret) = canaries.found_in(line) {
                // Without the line itself: this text goes to another log.
                faults.push(format!("Envoy's log shows a secret: {secret}"));
            }
        }
        if let Some(secret) = canaries.found_in(&metrics) {
            faults.push(format!("the name of a metric shows a secret: {secret}"));
        }
        drop(canaries);
        if !faults.is_empty() {
            let file = self.envoy.keep_files();
            panic!("{}\nthe whole log: {}", faults.join("\n"), file.display());
        }
    }
}

/// Tells Envoy what the scenario says about the route and the connection.
fn surrounded(mut bootstrap: Bootstrap, gateway: &Gateway, proxy_protocol: bool) -> Bootstrap {
    // These are the emulator's: a scenario that needs them does not run here, and must not seem to.
    assert!(!gateway.manual, "Envoy has no manual gear");
    assert!(gateway.duplicate_headers == DuplicateHeaders::Joined, "Envoy joins duplicate fields");
    assert!(gateway.foreign_functions == ForeignFunctions::default(), "Envoy has all its foreign functions");
    let surroundings = &gateway.surroundings;
    bootstrap.proxy_protocol = proxy_protocol;
    bootstrap.buffer_limit = gateway.limits.http1_buffer;
    bootstrap.internal_clients = surroundings.internal_clients;
    bootstrap.route_timeout = surroundings.upstream_timeout;
    bootstrap.route_name.clone_from(&surroundings.route_name);
    bootstrap.route_metadata.clone_from(&surroundings.route_metadata);
    bootstrap.filter_metadata.clone_from(&surroundings.filter_metadata);
    bootstrap.path_handling(gateway.connection_manager.clone())
}

/// The client's address where the scenario says one; by default it comes from the loopback, as it really does.
fn source_of(gateway: &Gateway) -> Option<SocketAddr> {
    let source = gateway.surroundings.source;
    (source != Surroundings::default().source).then_some(source)
}

fn filter(index: usize, plugin: &Plugin) -> WasmFilter {
    // Unique, as in our configurations: shared data is keyed by nothing else.
    let vm_id = plugin.vm_id.clone().unwrap_or_else(|| format!("{}-{index}", plugin.module));
    WasmFilter::new(&plugin.module, module_file(plugin), plugin.config.clone())
        .vm_id(vm_id)
        .allow_on_headers_stop_iteration(plugin.allow_on_headers_stop_iteration)
        .as_struct(plugin.as_struct)
}

fn module_file(plugin: &Plugin) -> PathBuf {
    let path = plugin.path.clone().unwrap_or_else(|| {
        let dir = std::env::var_os(MODULE_DIR_VARIABLE).map_or_else(|| target_dir().join("wasm"), PathBuf::from);
        dir.join(format!("{}.wasm", plugin.module))
    });
    assert!(path.is_file(), "there is no {}; type: cargo xtask build", path.display());
    path
}

fn serve(handler: &Handler) -> EchoUpstream {
    let handler = Handler::clone(handler);
    EchoUpstream::start_with(move |request| answer(handler(&request_from_wire(request))))
        .unwrap_or_else(|error| panic!("no loopback port for an upstream: {error}"))
}
