//! Starts Envoy, waits until it serves, and makes sure that it never outlives its owner.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Once, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use serde_json::Value;
use tempfile::TempDir;

use super::EnvoyBinary;
use crate::{raw_client, wire::WireResponse};

/// How long Envoy may take to serve. It compiles every module first: about a second each, more on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at a foreign process, which tells nobody that it is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long Envoy may take to end in peace, with its logs flushed.
const END_WITHIN: Duration = Duration::from_secs(3);
/// How long the log of a failure is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of it is shown at once, in lines, and of each in characters.
const LINES_OF_A_FAILURE: usize = 40;
const MOST_OF_A_LINE: usize = 300;
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A configuration for Envoy.
#[derive(Clone, Debug)]
pub enum Config {
    /// Usually from [`super::Bootstrap::to_json`].
    Json(Value),
    /// A file of ours that operators copy, perhaps with other paths and ports.
    Yaml(String),
}

/// Why Envoy does not serve.
#[derive(Debug)]
pub enum LaunchError {
    /// It ended by itself while it started; the log says why.
    Refused { logs: Vec<String> },
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

/// An Envoy that serves. Dropping it ends the process, and deletes its log unless the thread panics.
#[derive(Debug)]
pub struct RunningEnvoy {
    process: Process,
    directory: Option<TempDir>,
    log: PathBuf,
    admin: SocketAddr,
    listener: SocketAddr,
}

/// Starts Envoy with this configuration and returns when it serves. `concurrency` is its number of worker threads.
///
/// # Errors
/// If Envoy refuses the configuration, cannot be started, or does not serve within a minute.
pub fn launch(binary: &EnvoyBinary, config: &Config, concurrency: usize) -> Result<RunningEnvoy, LaunchError> {
    let directory = scratch(config).map_err(LaunchError::Broken)?;
    let log = directory.path().join("envoy.log");
    let admin_file = directory.path().join("admin");
    let started = start(
        binary,
        directory.path(),
        config,
        &log,
        &[
            "--concurrency".to_owned(),
            concurrency.to_string(),
            "--admin-address-path".to_owned(),
            admin_file.display().to_string(),
        ],
    );
    let mut process = started.map_err(LaunchError::Broken)?;
    let deadline = Instant::now().checked_add(READY_WITHIN);
    loop {
        match process.ended() {
            Ok(Some(_)) => return Err(LaunchError::Refused { logs: lines(&log) }),
            Ok(None) => {}
            Err(error) => return Err(LaunchError::Broken(error.into())),
        }
        if let Some((admin, listener)) = serving(&admin_file) {
            return Ok(RunningEnvoy { process, directory: Some(directory), log, admin, listener });
        }
        if deadline.is_none_or(|deadline| Instant::now() > deadline) {
            let logs = lines(&log).join("\n");
            return Err(LaunchError::Broken(anyhow!("Envoy does not serve after {READY_WITHIN:?}. Its log:\n{logs}")));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Lets Envoy load the configuration, the plugins and their configuration, without serving. Returns its log.
///
/// # Errors
/// If it refuses the configuration or cannot be started.
pub fn validate(binary: &EnvoyBinary, config: &Config) -> Result<Vec<String>, LaunchError> {
    let run = || -> Result<(ExitStatus, Vec<String>)> {
        let directory = scratch(config)?;
        let log = directory.path().join("envoy.log");
        let mut process = start(binary, directory.path(), config, &log, &["--mode".to_owned(), "validate".to_owned()])?;
        let status = process.wait_at_most(READY_WITHIN)?.context("envoy --mode validate does not end")?;
        Ok((status, lines(&log)))
    };
    let (status, logs) = run().map_err(LaunchError::Broken)?;
    if status.success() { Ok(logs) } else { Err(LaunchError::Refused { logs }) }
}

impl RunningEnvoy {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
    }

    /// Where the admin pages are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// An admin page, for instance `/stats?filter=fourleg`.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn admin_get(&self, path: &str) -> Result<WireResponse> {
        raw_client::get(self.admin, path, ADMIN_TIMEOUT)
    }

    /// The value of one counter or gauge; `None` if there is no such metric yet.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn metric(&self, name: &str) -> Result<Option<u64>> {
        let page = self.admin_get(&format!("/stats?filter=^{}$", name.replace('.', "\\.")))?.text();
        Ok(page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok()))
    }

    /// Envoy's log so far: its own lines, those of the plugins and, a moment late, those of the access log.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        lines(&self.log)
    }

    /// The file of the log.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.ended(), Ok(None))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// Ends Envoy in peace and returns its whole log, access log included.
    pub fn stop(&mut self) -> Vec<String> {
        self.process.stop();
        self.logs()
    }

    /// Keeps configuration and log when this is dropped, and says where they are.
    pub fn keep_files(&mut self) -> PathBuf {
        if let Some(directory) = self.directory.take() {
            let _kept = directory.keep();
        }
        self.log.clone()
    }
}

impl Drop for RunningEnvoy {
    fn drop(&mut self) {
        self.process.stop();
        if thread::panicking() && self.directory.is_some() {
            let log = self.keep_files();
            eprintln!("Envoy's log is kept: {}", log.display());
            // The file is gone where a machine keeps only what was printed.
            let lines: Vec<String> = lines(&log).into_iter().filter(|line| !line.contains("][debug][")).collect();
            for line in lines.iter().skip(lines.len().saturating_sub(LINES_OF_A_FAILURE)) {
                eprintln!("  {}", line.chars().take(MOST_OF_A_LINE).collect::<String>());
            }
        }
    }
}

/// A child process that ends with this value.
#[derive(Debug)]
struct Process {
    child: Child,
}

impl Process {
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn wait_at_most(&mut self, time: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if start.elapsed() > time {
                return Ok(None);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Asks first, so that logs are flushed, then kills.
    fn stop(&mut self) {
        if !matches!(self.ended(), Ok(None)) {
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if !matches!(self.wait_at_most(END_WITHIN), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn scratch(config: &Config) -> Result<TempDir> {
    let parent = target_dir().join("envoy-runs");
    fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| sweep(&parent));
    let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&parent)?;
    let (name, text) = match config {
        Config::Json(value) => ("envoy.json", value.to_string()),
        Config::Yaml(text) => ("envoy.yaml", text.clone()),
    };
    fs::write(directory.path().join(name), text)?;
    Ok(directory)
}

/// Deletes what failures of earlier days have left.
fn sweep(runs: &Path) {
    for run in fs::read_dir(runs).into_iter().flatten().flatten() {
        let age = run.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|made| made.elapsed().ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            let _ = fs::remove_dir_all(run.path());
        }
    }
}

fn start(binary: &EnvoyBinary, directory: &Path, config: &Config, log: &Path, arguments: &[String]) -> Result<Process> {
    let file = directory.join(match config {
        Config::Json(_) => "envoy.json",
        Config::Yaml(_) => "envoy.yaml",
    });
    let output = File::create(log)?;
    let mut command = Command::new(binary.path());
    command
        .arg("-c")
        .arg(file)
        // Nothing that two Envoys of one machine could fight over.
        .arg("--disable-hot-restart")
        // What plugins log, all of it; of Envoy itself only what an operator would see.
        .args(["-l", "info", "--component-log-level", "wasm:debug"])
        // The access log is buffered: flush it soon, so that tests see it.
        .args(["--file-flush-interval-msec", "20"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Ctrl-C is for the owner, who then ends Envoy.
        .process_group(0);
    die_with_this_process(&mut command);
    let child = spawn(command).with_context(|| format!("cannot start {}", binary.path().display()))?;
    Ok(Process { child })
}

/// The kernel kills Envoy when its starter is gone, however that came: a panic while panicking, SIGKILL, Ctrl-C.
#[allow(unsafe_code)]
fn die_with_this_process(command: &mut Command) {
    let starter = rustix::process::getpid();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these are two system calls, and the
    // closure allocates nothing.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The starter may have died before the signal was ordered.
            if rustix::process::getppid() == Some(starter) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

/// Starts a process from a thread that never ends: the death signal comes when the *thread* that forked ends, and tests
/// run on threads that come and go.
fn spawn(command: Command) -> Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static STARTER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, incoming) = mpsc::channel::<Order>();
        thread::Builder::new()
            .name("envoy-starter".to_owned())
            .spawn(move || {
                for (mut command, answer) in incoming {
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread that starts Envoy");
        orders
    });
    let (answer, child) = mpsc::sync_channel(1);
    STARTER.send((command, answer)).map_err(|_| anyhow!("the thread that starts Envoy is gone"))?;
    Ok(child.recv()??)
}

/// The admin and the listener address, once Envoy says that it is ready.
fn serving(admin_file: &Path) -> Option<(SocketAddr, SocketAddr)> {
    let admin: SocketAddr = fs::read_to_string(admin_file).ok()?.trim().parse().ok()?;
    if raw_client::get(admin, "/ready", ADMIN_TIMEOUT).ok()?.status != 200 {
        return None;
    }
    let page = raw_client::get(admin, "/listeners?format=json", ADMIN_TIMEOUT).ok()?;
    Some((admin, listener_address(&page.text()).ok()?))
}

fn listener_address(page: &str) -> Result<SocketAddr> {
    let page: Value = serde_json::from_str(page)?;
    let socket = page.pointer("/listener_statuses/0/local_address/socket_address").context("no listener")?;
    let ip = socket.get("address").and_then(Value::as_str).context("no address")?;
    let port = socket.get("port_value").and_then(Value::as_u64).context("no port")?;
    if port == 0 {
        bail!("the listener is not bound yet");
    }
    Ok(SocketAddr::new(ip.parse()?, u16::try_from(port)?))
}

fn lines(log: &Path) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The workspace's `target`, where builds put the modules and this the tools and logs.
#[must_use]
pub fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    workspace.join("target")
}
