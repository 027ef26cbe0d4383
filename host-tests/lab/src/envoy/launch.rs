//! Envoy with a process of its own.

use std::{fs, process::ExitStatus};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    EnvoyBinary, RunningEnvoy,
    process::{self, scratch},
    server::{READY_WITHIN, Server, until},
};

/// A configuration for Envoy.
#[derive(Clone, Debug)]
pub enum Config {
    /// Usually from [`super::Bootstrap::to_json`].
    Json(Value),
    /// A file of ours that operators copy, perhaps with other paths and ports.
    Yaml(String),
}

impl Config {
    /// Writes it into a folder and gives the file's name.
    fn write(&self, directory: &TempDir) -> Result<&'static str> {
        let (name, text) = match self {
            Self::Json(value) => ("envoy.json", value.to_string()),
            Self::Yaml(text) => ("envoy.yaml", text.clone()),
        };
        fs::write(directory.path().join(name), text)?;
        Ok(name)
    }
}

/// Why Envoy does not serve.
#[derive(Debug)]
pub enum LaunchError {
    /// It refused the configuration; the log says why.
    Refused {
        /// What Envoy wrote until it gave up, a line each.
        logs: Vec<String>,
    },
    /// It could not be started or watched.
    Broken(anyhow::Error),
}

impl std::fmt::Display for LaunchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { logs } => {
                write!(f, "Envoy refused its configuration:\n{}", logs.join("\n"))
            }
            Self::Broken(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for LaunchError {}

impl From<anyhow::Error> for LaunchError {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// Starts Envoy with this configuration and returns when it serves. `concurrency` is its number of worker threads.
///
/// # Errors
/// If Envoy refuses the configuration, cannot be started, or does not serve within a minute.
pub fn launch(binary: &EnvoyBinary, config: &Config, concurrency: usize) -> Result<RunningEnvoy, LaunchError> {
    let directory = scratch()?;
    let file = config.write(&directory)?;
    let server = Server::start(binary, directory, file, concurrency, &[])?;
    let listener = until("a listener", || Ok(server.listeners()?.into_iter().next()))?;
    Ok(RunningEnvoy::own(server, listener.1))
}

/// Lets Envoy load the configuration, the plugins and their configuration, without serving. Returns its log.
///
/// # Errors
/// If it refuses the configuration or cannot be started.
pub fn validate(binary: &EnvoyBinary, config: &Config) -> Result<Vec<String>, LaunchError> {
    let run = || -> Result<(ExitStatus, Vec<String>)> {
        let directory = scratch()?;
        let log = directory.path().join("envoy.log");
        let file = directory.path().join(config.write(&directory)?);
        let mut process = process::start(binary, &file, &log, &["--mode", "validate"])?;
        let status = process.wait_at_most(READY_WITHIN)?.context("envoy --mode validate does not end")?;
        Ok((status, process::lines(&log, 0)))
    };
    let (status, logs) = run()?;
    if status.success() { Ok(logs) } else { Err(LaunchError::Refused { logs }) }
}
