//! A proxy in memory: real modules, Envoy's rules, its own clock.

mod abi;
mod callout;
mod chain;
mod checks;
mod client;
mod engine;
mod events;
mod filter;
mod guest;
mod header_map;
mod incoming;
mod manual;
mod metrics;
mod module_cache;
mod pairs;
mod property;
mod refusal;
mod replies;
mod schedule;
mod shared_data;
mod shared_queue;
mod start;
mod stream;
mod structure;
mod upstream;
mod world;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    time::Duration,
};

use crate::{
    gateway::Gateway,
    http::Request,
    outcome::Outcome,
    runner::{ConfigRejected, Runner, Running},
};
use engine::Engine;
pub use manual::{PendingCallout, StreamState};
pub use module_cache::MODULE_DIR_VARIABLE;
pub use stream::StreamId;

/// Runs gateways in the emulator.
#[derive(Clone, Debug, Default)]
pub struct Wasmtime {
    /// Where modules lie; by default what [`MODULE_DIR_VARIABLE`] says, else the next `target/wasm` upward.
    pub module_dir: Option<PathBuf>,
}

impl Wasmtime {
    /// Starts a gateway with the manual gear at hand.
    ///
    /// # Errors
    /// If a plugin refuses its configuration, or its module cannot be loaded.
    pub fn emulate(&self, gateway: Gateway) -> Result<Emulated, ConfigRejected> {
        let dir = module_cache::module_dir(self.module_dir.as_deref());
        let engine = Engine::start(gateway, &dir)?;
        Ok(Emulated { engine: RefCell::new(engine), traps_are_expected: Cell::new(false) })
    }
}

impl Runner for Wasmtime {
    fn name(&self) -> &'static str {
        "wasmtime"
    }

    fn start(&self, gateway: Gateway) -> Result<Box<dyn Running>, ConfigRejected> {
        Ok(Box::new(self.emulate(gateway)?))
    }
}

impl Gateway {
    /// Starts this gateway in the emulator.
    ///
    /// # Errors
    /// If a plugin refuses its configuration, or its module cannot be loaded.
    pub fn start(self) -> Result<Emulated, ConfigRejected> {
        Wasmtime::default().emulate(self)
    }
}

/// A gateway that runs in the emulator. When it is dropped, the test fails if anything went wrong on the way: a trap,
/// a stream left paused, a second local reply, a late resume, a secret in a log.
pub struct Emulated {
    engine: RefCell<Engine>,
    traps_are_expected: Cell<bool>,
}

impl Running for Emulated {
    fn now(&self) -> u64 {
        self.engine.borrow().w().now / 1_000_000_000
    }

    fn send_all(&self, requests: Vec<Request>) -> Vec<Outcome> {
        let mut engine = self.engine.borrow_mut();
        let streams: Vec<StreamId> = requests.iter().map(|request| engine.take_in(request)).collect();
        engine.run_until_over(&streams);
        streams.into_iter().map(|id| engine.outcome(id)).collect()
    }

    fn pass(&self, time: Duration) {
        let mut engine = self.engine.borrow_mut();
        let until = engine.w().now + upstream::nanoseconds(time);
        engine.run_to(until);
    }

    fn logs(&self) -> Vec<String> {
        self.engine.borrow().w().logs.clone()
    }

    fn filter_metric(&self, name: &str) -> Option<u64> {
        self.metric(name)
    }
}

impl Emulated {
    /// From now on a trap is what the test wants; without one it fails.
    pub fn expect_trap(&self) {
        self.traps_are_expected.set(true);
    }

    /// The traps so far, with plugin and callback.
    pub fn traps(&self) -> Vec<String> {
        self.engine.borrow().w().traps.clone()
    }

    /// The fuel that all filters have used so far, about one for each instruction: a measure of work that is the same on
    /// every machine. What the host does for them does not count.
    pub fn fuel_used(&self) -> u64 {
        self.engine.borrow().vms.iter().map(|vm| vm.fuel_used).sum()
    }

    /// The value of a metric that a filter has defined.
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.engine.borrow().w().metrics.by_name(name)
    }

    /// All metrics that filters have defined.
    pub fn metrics(&self) -> Vec<(String, u64)> {
        self.engine.borrow().w().metrics.all()
    }

    /// Bytes of linear memory of a plugin: of its VMs, the one with most. Linear memory never shrinks, so this is the peak so
    /// far, and what a real proxy keeps until it ends.
    pub fn peak_memory(&self, plugin: &str) -> usize {
        let engine = self.engine.borrow();
        let names: Vec<String> = engine.w().plugins.iter().map(|plugin| plugin.name.clone()).collect();
        let roots = engine.roots.iter().flat_map(|worker| worker.iter().zip(&names));
        let homes = roots.filter(|(_, name)| *name == plugin).map(|((vm, _), _)| engine.vms[*vm].memory());
        homes.max().expect("a plugin of the chain")
    }

    /// What the end of the test would complain about, taken away from it: for tests of faulty filters.
    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut self.engine.borrow().w().faults)
    }
}

impl Engine {
    fn outcome(&self, id: StreamId) -> Outcome {
        let mut world = self.w();
        let stream = world.stream(id);
        let mut response = stream.client.clone();
        if !stream.client_started {
            response.status = 0;
        }
        Outcome { response, upstream: stream.upstream.requests.clone() }
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let Ok(engine) = self.engine.try_borrow() else { return };
        let Ok(world) = engine.world.try_borrow() else { return };
        let logs = world.logs.join("\n  ");
        if std::thread::panicking() {
            // The test has failed already; its log helps to see why.
            eprintln!("the filters' log:\n  {logs}");
            return;
        }
        let complaints = checks::complaints(&world, self.traps_are_expected.get());
        if !complaints.is_empty() {
            panic!("{}\nlogs:\n  {logs}", complaints.join("\n"));
        }
    }
}
