//! A real Envoy: where its binary comes from, what it is told, how it is started and how it surely ends.

mod bootstrap;
mod launch;
mod log;
mod provision;

pub use bootstrap::{Bootstrap, Cluster, FailurePolicy, StatsTag, WasmFilter};
pub use launch::{Config, LaunchError, RunningEnvoy, launch, target_dir, validate};
pub use log::{configuration_was_refused, traps};
pub use provision::{EnvoyBinary, provision};
