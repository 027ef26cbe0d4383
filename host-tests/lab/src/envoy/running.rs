//! An Envoy that serves one configuration.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use anyhow::Result;

use super::{
    pool::{Idle, give_back},
    process,
    server::Server,
    warm::{Tenant, WarmEnvoy},
};
use crate::wire::WireResponse;

/// How much of the log of a failure is shown at once, in lines, and of each in characters.
const LINES_OF_A_FAILURE: usize = 40;
const MOST_OF_A_LINE: usize = 300;

/// An Envoy that serves. Dropping it ends what it serves, and the process unless that goes back to its [`super::Pool`]; the
/// log goes with it unless the thread panics.
#[derive(Debug)]
pub struct RunningEnvoy {
    home: Home,
    listener: SocketAddr,
    /// The whole log, once it has stopped.
    ended: Option<Vec<String>>,
}

#[derive(Debug)]
enum Home {
    /// A process of its own.
    Own(Server),
    /// One that had others before. `None` when it is gone.
    Shared { envoy: Option<WarmEnvoy>, tenant: Tenant, idle: Idle },
}

impl RunningEnvoy {
    pub(super) const fn own(server: Server, listener: SocketAddr) -> Self {
        Self { home: Home::Own(server), listener, ended: None }
    }

    pub(super) fn tenant(envoy: WarmEnvoy, tenant: Tenant, idle: Idle) -> Self {
        let listener = tenant.address;
        Self { home: Home::Shared { envoy: Some(envoy), tenant, idle }, listener, ended: None }
    }

    fn server(&self) -> &Server {
        match &self.home {
            Home::Own(server) => server,
            Home::Shared { envoy, .. } => envoy.as_ref().map(WarmEnvoy::server).expect("an Envoy until it is dropped"),
        }
    }

    fn server_mut(&mut self) -> &mut Server {
        match &mut self.home {
            Home::Own(server) => server,
            Home::Shared { envoy, .. } => {
                envoy.as_mut().map(WarmEnvoy::server_mut).expect("an Envoy until it is dropped")
            }
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
    }

    /// Where the admin pages are: those of the process.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.server().admin
    }

    /// An admin page of the process, for instance `/stats?filter=fourleg`.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn admin_get(&self, path: &str) -> Result<WireResponse> {
        self.server().admin_get(path)
    }

    /// The value of one counter or gauge, as it would be in a process of its own; `None` if there is no such metric yet.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn metric(&self, name: &str) -> Result<Option<u64>> {
        match &self.home {
            Home::Shared { envoy: Some(envoy), tenant, .. } => envoy.metric(tenant, name),
            _ => Ok(self.server().metrics(&format!("^{}$", name.replace('.', "\\.")))?.remove(name)),
        }
    }

    /// The log so far: Envoy's own lines, those of the plugins and, a moment late, those of the access log.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        match (&self.ended, &self.home) {
            (Some(whole), _) => whole.clone(),
            (None, Home::Shared { envoy: Some(envoy), tenant, .. }) => envoy.logs(tenant),
            (None, _) => process::lines(&self.server().log, 0),
        }
    }

    /// The file of the process's log.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.server().log
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.server_mut().process.ended(), Ok(None))
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.server().process.id()
    }

    /// Ends what this serves and returns the whole log, access log included.
    pub fn stop(&mut self) -> Vec<String> {
        if self.ended.is_none() {
            self.ended = Some(self.end());
        }
        self.logs()
    }

    fn end(&mut self) -> Vec<String> {
        match &mut self.home {
            Home::Own(server) => {
                server.process.stop();
                process::lines(&server.log, 0)
            }
            Home::Shared { envoy: Some(envoy), tenant, .. } => match envoy.see_off(tenant) {
                Ok(logs) => logs,
                Err(error) => {
                    envoy.server_mut().process.stop();
                    let mut logs = envoy.logs(tenant);
                    logs.push(format!("Envoy did not end what it served: {error:#}"));
                    logs
                }
            },
            Home::Shared { envoy: None, .. } => Vec::new(),
        }
    }

    /// Keeps configuration and log when this is dropped, and says where they are.
    pub fn keep_files(&mut self) -> PathBuf {
        self.server_mut().keep_files();
        self.server().log.clone()
    }
}

impl Drop for RunningEnvoy {
    fn drop(&mut self) {
        let panics = thread::panicking();
        if !panics {
            self.stop();
        }
        if let Home::Shared { envoy, idle, .. } = &mut self.home
            && !panics
            && let (Some(mut warm), Some(logs)) = (envoy.take(), &self.ended)
        {
            if warm.server().is_cleaned_up() && warm.is_sound(logs) {
                give_back(&Arc::clone(idle), warm);
            }
            return;
        }
        self.server_mut().process.stop();
        if panics && self.server().is_cleaned_up() {
            let log = self.keep_files();
            eprintln!("Envoy's log is kept: {}", log.display());
            // The file is gone where a machine keeps only what was printed.
            let lines: Vec<String> = self.logs().into_iter().filter(|line| !line.contains("][debug][")).collect();
            for line in lines.iter().skip(lines.len().saturating_sub(LINES_OF_A_FAILURE)) {
                eprintln!("  {}", line.chars().take(MOST_OF_A_LINE).collect::<String>());
            }
        }
    }
}
