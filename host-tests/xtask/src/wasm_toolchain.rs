//! Finds a toolchain for wasm32-wasip1: installed → `rustup target add` → Debian's packages.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::command::{Cargo, run, say};

pub(crate) const TARGET: &str = "wasm32-wasip1";

/// Which toolchain to take.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The installed target, else rustup's, else Debian's packages.
    Auto,
    /// The target of the toolchain in use, added by rustup where it is missing.
    Rustup,
    /// Debian's rustc-web with a standard library built from source.
    Debian,
}

/// A toolchain that builds for wasm32-wasip1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WasmToolchain {
    /// The one that runs this task has the target.
    Installed,
    /// Debian's packages beside it.
    Debian,
}

/// Debian's packages: compiler, cargo, clippy, the standard library's source, a wasm linker and the C library.
const DEBIAN_PACKAGES: [&str; 7] =
    ["rustc-web", "cargo-web", "rust-web-clippy", "rust-web-src", "rust-web-llvm", "lld-22", "wasi-libc"];

/// rustup waits long for a network that is not there.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(180);

impl WasmToolchain {
    /// Finds or installs a toolchain and says which it took.
    ///
    /// # Errors
    /// If none can be had; the message says what to type.
    pub(crate) fn find(root: &Path, choice: Choice) -> Result<Self> {
        if choice != Choice::Debian {
            if target_is_installed(root)? {
                say("wasm toolchain: the installed target wasm32-wasip1");
                return Ok(Self::Installed);
            }
            if add_with_rustup(root) && target_is_installed(root)? {
                say("wasm toolchain: wasm32-wasip1, added by rustup");
                return Ok(Self::Installed);
            }
            if choice == Choice::Rustup {
                bail!("rustup could not add the target. Needed: network access for `rustup target add {TARGET}`");
            }
        }
        if !debian_is_complete() {
            install_debian_packages()?;
        }
        say("wasm toolchain: Debian's rustc-web, standard library built from source (some minutes, once)");
        Ok(Self::Debian)
    }

    /// A cargo command for the wasm target: `subcommand` with its target and toolchain arguments.
    pub(crate) fn cargo(self, root: &Path, subcommand: &str) -> Command {
        // Its own folder: another compiler's files beside the host's would be rebuilt on every change of side.
        let target_dir = root.join("target").join(match self {
            Self::Installed => "wasm-build",
            Self::Debian => "wasm-build-debian",
        });
        let mut command = match self {
            Self::Installed => {
                let mut command = Cargo::host(root).command();
                command.arg(subcommand);
                command
            }
            Self::Debian => {
                // cargo-clippy is called by its path, because rustup's proxy of that name comes first on PATH.
                let mut command = match subcommand {
                    "clippy" => Command::new("/usr/bin/cargo-clippy"),
                    _ => Command::new("/usr/bin/cargo"),
                };
                for variable in ["RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER"] {
                    command.env_remove(variable);
                }
                command
                    .current_dir(root)
                    .env("PATH", format!("/usr/bin:{}", env::var("PATH").unwrap_or_default()))
                    .env("CARGO", "/usr/bin/cargo")
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", "-L/usr/lib/wasm32-wasi -Clink-self-contained=no")
                    .arg(subcommand)
                    .arg("-Zbuild-std=std,panic_abort");
                command
            }
        };
        command.args(["--locked", "--target", TARGET, "--target-dir"]).arg(target_dir);
        command
    }

    /// Where the built modules lie, for a profile.
    pub(crate) fn output(self, root: &Path, profile: &str) -> std::path::PathBuf {
        let folder = match self {
            Self::Installed => "wasm-build",
            Self::Debian => "wasm-build-debian",
        };
        root.join("target").join(folder).join(TARGET).join(profile)
    }
}

fn target_is_installed(root: &Path) -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let Ok(files) = fs::read_dir(folder.trim()) else { return Ok(false) };
    Ok(files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
}

fn add_with_rustup(root: &Path) -> bool {
    say("rustup target add wasm32-wasip1");
    let started = Command::new("rustup").current_dir(root).args(["target", "add", TARGET]).stdin(Stdio::null()).spawn();
    let Ok(mut rustup) = started else {
        say("there is no rustup");
        return false;
    };
    let since = Instant::now();
    loop {
        match rustup.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if since.elapsed() < RUSTUP_PATIENCE => thread::sleep(Duration::from_millis(100)),
            _ => {
                say("rustup took too long");
                let _ = rustup.kill();
                let _ = rustup.wait();
                return false;
            }
        }
    }
}

fn debian_is_complete() -> bool {
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/cargo-clippy", "/usr/lib/wasm32-wasi/libc.a", "/usr/bin/wasm-ld-22"]
        .iter()
        .all(|file| Path::new(file).exists())
        && Command::new("dpkg").arg("-s").arg("rust-web-src").output().is_ok_and(|output| output.status.success())
}

fn install_debian_packages() -> Result<()> {
    let install = format!("apt-get install --yes --no-install-recommends {}", DEBIAN_PACKAGES.join(" "));
    let by_hand = format!(
        "Needed: a toolchain for {TARGET}. Type one of\n  rustup target add {TARGET}\n  sudo apt-get update && sudo {install}"
    );
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !root || !Path::new("/usr/bin/apt-get").exists() {
        bail!(by_hand);
    }
    say("installing Debian's packages for the wasm target");
    run(Command::new("apt-get").args(["update", "--quiet"]).stdin(Stdio::null()))
        .and_then(|()| {
            run(Command::new("apt-get")
                .args(["install", "--yes", "--quiet", "--no-install-recommends"])
                .args(DEBIAN_PACKAGES)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null()))
        })
        .context(by_hand)
}
