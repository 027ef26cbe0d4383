//! A real Envoy: where its binary comes from, what it is told, how it is started and how it surely ends.

mod bootstrap;
mod launch;
mod log;
mod pool;
mod process;
mod provision;
mod running;
mod server;
mod warm;

pub use bootstrap::{Bootstrap, Cluster, FailurePolicy, StatsTag, WasmFilter};
pub use launch::{Config, LaunchError, launch, validate};
pub use log::{configuration_was_refused, traps};
pub use pool::Pool;
pub use process::target_dir;
pub use provision::{EnvoyBinary, provision};
pub use running::RunningEnvoy;
pub use warm::KeptModule;
