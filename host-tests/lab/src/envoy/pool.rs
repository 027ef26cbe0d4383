//! Warm Envoys that wait for their next tenant.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Bootstrap, EnvoyBinary, LaunchError, RunningEnvoy,
    warm::{KeptModule, WarmEnvoy},
};

/// Envoys that stay between one configuration and the next. Whoever asks gets one to itself: one that waits, or a new one
/// if none does, so that nobody waits for another's end. They end with this process.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    kept: Arc<Vec<KeptModule>>,
    idle: Idle,
}

/// Those that wait.
pub(super) type Idle = Arc<Mutex<Vec<WarmEnvoy>>>;

impl Pool {
    /// A pool whose Envoys keep these modules compiled.
    #[must_use]
    pub fn keeping(modules: Vec<KeptModule>) -> Self {
        Self { kept: Arc::new(modules), idle: Idle::default() }
    }

    /// Serves this configuration, on an Envoy that runs already if there is one of as many workers. A configuration that
    /// asks for what is a whole process's (metric tags, a fixed port, shared data without a name) gets a process of its own.
    ///
    /// # Errors
    /// As [`super::launch`].
    pub fn serve(
        &self,
        binary: &EnvoyBinary,
        bootstrap: &Bootstrap,
        workers: usize,
    ) -> Result<RunningEnvoy, LaunchError> {
        if !bootstrap.can_share_a_process() {
            return super::launch(binary, &super::Config::Json(bootstrap.to_json()), workers);
        }
        let mut envoy = match self.waiting(bootstrap, workers) {
            Some(envoy) => envoy,
            None => WarmEnvoy::start(binary, workers)?,
        };
        match envoy.take_in(bootstrap, &self.kept) {
            Ok(tenant) => Ok(RunningEnvoy::tenant(envoy, tenant, Arc::clone(&self.idle))),
            Err(error) => {
                if let LaunchError::Refused { logs } = &error
                    && envoy.is_sound(logs)
                {
                    give_back(&self.idle, envoy);
                }
                Err(error)
            }
        }
    }

    /// The one with as many workers that has most of the modules.
    fn waiting(&self, bootstrap: &Bootstrap, workers: usize) -> Option<WarmEnvoy> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().enumerate().filter(|(_, envoy)| envoy.workers() == workers);
        let position = fitting.max_by_key(|(_, envoy)| envoy.has_of(bootstrap)).map(|(position, _)| position)?;
        Some(idle.swap_remove(position))
    }
}

/// Lets an Envoy without a tenant wait for the next.
pub(super) fn give_back(idle: &Idle, envoy: WarmEnvoy) {
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(envoy);
}
