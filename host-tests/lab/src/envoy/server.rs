//! One Envoy process and what its admin pages say.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    EnvoyBinary, LaunchError,
    process::{self, KEPT, LOOK_AGAIN, Process},
};
use crate::{raw_client, wire::WireResponse};

/// How long Envoy may take to serve, or to take in a change. It compiles every module first: some seconds each, more on a
/// busy machine.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(60);
/// The thread that answers is the one that compiles modules.
const ADMIN_TIMEOUT: Duration = READY_WITHIN;

/// An Envoy process that serves, its folder and its log. The process ends with this value, and the folder goes with it
/// unless somebody wants to look at it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) process: Process,
    directory: Option<TempDir>,
    pub(super) log: PathBuf,
    pub(super) admin: SocketAddr,
}

impl Server {
    /// Starts Envoy with the configuration `file`, which lies in `directory`, and returns when it is ready.
    pub(super) fn start(
        binary: &EnvoyBinary,
        directory: TempDir,
        file: &str,
        concurrency: usize,
        arguments: &[&str],
    ) -> Result<Self, LaunchError> {
        let log = directory.path().join("envoy.log");
        let admin_file = directory.path().join("admin");
        let concurrency = concurrency.to_string();
        let admin_path = admin_file.display().to_string();
        let arguments = [&["--concurrency", &concurrency, "--admin-address-path", &admin_path], arguments].concat();
        let started = process::start(binary, &directory.path().join(file), &log, &arguments);
        let mut process = started.map_err(LaunchError::Broken)?;
        let deadline = Instant::now().checked_add(READY_WITHIN);
        loop {
            match process.ended() {
                Ok(Some(_)) => return Err(LaunchError::Refused { logs: process::lines(&log, 0) }),
                Ok(None) => {}
                Err(error) => return Err(LaunchError::Broken(error.into())),
            }
            let admin = fs::read_to_string(&admin_file).ok().and_then(|text| text.trim().parse().ok());
            if let Some(admin) = admin.filter(is_ready) {
                return Ok(Self { process, directory: Some(directory), log, admin });
            }
            if deadline.is_none_or(|deadline| Instant::now() > deadline) {
                let logs = process::lines(&log, 0).join("\n");
                let error = anyhow!("Envoy does not serve after {READY_WITHIN:?}. Its log:\n{logs}");
                return Err(LaunchError::Broken(error));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// An admin page.
    pub(super) fn admin_get(&self, path: &str) -> Result<WireResponse> {
        raw_client::get(self.admin, path, ADMIN_TIMEOUT)
    }

    /// Every counter and gauge whose name matches a regular expression.
    pub(super) fn metrics(&self, filter: &str) -> Result<BTreeMap<String, u64>> {
        let page = self.admin_get(&format!("/stats?filter={filter}"))?.text();
        let metric = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Ok(page.lines().filter_map(metric).collect())
    }

    /// The listeners by name, each with the address at which it takes connections; none that is not bound yet.
    pub(super) fn listeners(&self) -> Result<Vec<(String, SocketAddr)>> {
        let page: Value = serde_json::from_str(&self.admin_get("/listeners?format=json")?.text())?;
        let listeners = page.get("listener_statuses").and_then(Value::as_array).into_iter().flatten();
        let bound = listeners.filter_map(|listener| {
            let name = listener.get("name")?.as_str()?.to_owned();
            let socket = listener.pointer("/local_address/socket_address")?;
            let ip = socket.get("address")?.as_str()?.parse().ok()?;
            let port = u16::try_from(socket.get("port_value")?.as_u64()?).ok().filter(|port| *port != 0)?;
            Some((name, SocketAddr::new(ip, port)))
        });
        Ok(bound.collect())
    }

    /// Keeps configuration and log when this is dropped.
    pub(super) fn keep_files(&mut self) {
        if let Some(directory) = self.directory.take() {
            let _ = fs::write(directory.path().join(KEPT), "");
            let _kept = directory.keep();
        }
    }

    /// Whether its folder goes when this is dropped.
    pub(super) fn is_cleaned_up(&self) -> bool {
        self.directory.is_some()
    }
}

fn is_ready(admin: &SocketAddr) -> bool {
    raw_client::get(*admin, "/ready", ADMIN_TIMEOUT).is_ok_and(|response| response.status == 200)
}

/// Waits until something is there, and fails with `what` if it never comes.
pub(super) fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > READY_WITHIN {
            bail!("{what}: not after {READY_WITHIN:?}");
        }
        thread::sleep(LOOK_AGAIN);
    }
}
