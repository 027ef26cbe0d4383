//! Envoy as a child process: its folder, its log, and that it never outlives its owner.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Once, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal, test_kill_process};
use tempfile::TempDir;

use super::EnvoyBinary;

/// Between two looks at a foreign process, which tells nobody that it is ready.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long Envoy may take to end in peace, with its logs flushed.
const END_WITHIN: Duration = Duration::from_secs(3);
/// How long the log of a failure is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A child process that ends with this value.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    pub(super) fn wait_at_most(&mut self, time: Duration) -> Result<Option<ExitStatus>> {
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
    pub(super) fn stop(&mut self) {
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

/// A folder for one Envoy below `target/envoy-runs`. Its name has the id of this process, so that what a process leaves
/// that had no time to clean up is known for that.
pub(super) fn scratch() -> Result<TempDir> {
    let parent = target_dir().join("envoy-runs");
    fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| sweep(&parent));
    Ok(tempfile::Builder::new().prefix(&format!("run-{}-", std::process::id())).tempdir_in(&parent)?)
}

/// Deletes what failures of earlier days have left, and what processes that are gone have not cleaned up.
fn sweep(runs: &Path) {
    for run in fs::read_dir(runs).into_iter().flatten().flatten() {
        let age = run.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|made| made.elapsed().ok());
        let old = age.is_some_and(|age| age > KEPT_FOR);
        if old || (owner_is_gone(&run.file_name().to_string_lossy()) && !run.path().join(KEPT).exists()) {
            let _ = fs::remove_dir_all(run.path());
        }
    }
}

/// A file of this name says that a folder is kept for somebody to look at.
pub(super) const KEPT: &str = "kept";

fn owner_is_gone(name: &str) -> bool {
    let owner = name.strip_prefix("run-").and_then(|rest| rest.split('-').next()?.parse().ok()).and_then(Pid::from_raw);
    owner.is_some_and(|owner| test_kill_process(owner) == Err(rustix::io::Errno::SRCH))
}

/// Starts Envoy with the configuration `file`; all that it says goes to `log`.
pub(super) fn start(binary: &EnvoyBinary, file: &Path, log: &Path, arguments: &[&str]) -> Result<Process> {
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

/// The lines of a log from this byte on.
pub(super) fn lines(log: &Path, from: u64) -> Vec<String> {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(log)
        && file.seek(SeekFrom::Start(from)).is_ok()
    {
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The workspace's `target`, where builds put the modules and this the tools and logs.
#[must_use]
pub fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    workspace.join("target")
}
