//! One scenario, two worlds: the emulator and a real Envoy.

use std::time::Duration;

use crate::{gateway::Gateway, http::Request, outcome::Outcome};

/// The configuration was refused; the logs say why.
#[derive(Debug)]
pub struct ConfigRejected {
    /// What the filters, and Envoy, logged until then, a line each.
    pub logs: Vec<String>,
}

/// Something that can run a gateway.
pub trait Runner {
    /// `wasmtime` or `envoy`.
    fn name(&self) -> &'static str;

    /// Loads the chain and returns when it serves.
    ///
    /// # Errors
    /// If a plugin refuses its configuration. Everything else that goes wrong is a broken test and panics.
    fn start(&self, gateway: Gateway) -> Result<Box<dyn Running>, ConfigRejected>;
}

/// A gateway that serves. Dropping it ends all it started, and fails the test if a VM trapped, a stream was left
/// paused, or a canary showed in the logs.
pub trait Running {
    /// Seconds since the epoch by the gateway's clock.
    fn now(&self) -> u64;

    /// Sends one request and waits for its end.
    fn send(&self, request: Request) -> Outcome {
        self.send_all(vec![request]).remove(0)
    }

    /// Sends all requests at once and waits for the end of each.
    fn send_all(&self, requests: Vec<Request>) -> Vec<Outcome>;

    /// Lets time pass: the emulator moves its clock and ticks, Envoy really waits.
    fn pass(&self, time: Duration);

    /// Everything the filters (and Envoy) have logged so far.
    fn logs(&self) -> Vec<String>;

    /// The value of a metric that a filter has defined, for all workers; `None` if there is none of this name.
    fn filter_metric(&self, name: &str) -> Option<u64>;
}
