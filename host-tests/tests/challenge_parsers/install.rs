//! Gets the foreign parsers by their own package managers, pinned by the lock files beside this one, into `target/tools`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fourleg_lab::envoy::target_dir;
use sha2::{Digest as _, Sha256};

const LEAVE_OUT: &str = "To leave these tests out: cargo xtask test --no-parsers";

/// The answer of `read.mjs` to `input`.
pub fn ask_node(input: &str) -> String {
    let files = [
        ("package.json", include_str!("package.json")),
        ("package-lock.json", include_str!("package-lock.json")),
        ("read.mjs", include_str!("read.mjs")),
    ];
    let place = installed("oauth4webapi", &files, |dir| {
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new("npm").args(npm).current_dir(dir), "", "Node 20 or later with npm, and the npm registry");
    });
    run(Command::new("node").arg(place.join("read.mjs")), input, "Node 20 or later")
}

/// The answer of `read.py` to `input`.
pub fn ask_python(input: &str) -> String {
    let files = [("requirements.txt", include_str!("requirements.txt")), ("read.py", include_str!("read.py"))];
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let place = installed("azure-core", &files, |dir| {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
        pip.args(["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", "requirements.txt"]);
        pip.args(["--target", "site"]).current_dir(dir);
        run(&mut pip, "", "Python 3.9 or later with pip, and PyPI");
    });
    run(Command::new(&python).arg("-B").arg(place.join("read.py")), input, "Python 3.9 or later")
}

/// A folder with these files in which `install` has run once. Its name holds a hash of the files: others, another folder.
fn installed(name: &str, files: &[(&str, &str)], install: impl FnOnce(&Path)) -> PathBuf {
    let mut hash = Sha256::new();
    for (file, text) in files {
        hash.update(format!("{file}:{}:{text}", text.len()));
    }
    let hash: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let tools = target_dir().join("tools");
    let place = tools.join(format!("{name}-{hash}"));
    if !place.is_dir() {
        fs::create_dir_all(&tools).unwrap();
        let scratch = tempfile::Builder::new().prefix(name).tempdir_in(&tools).unwrap();
        for (file, text) in files {
            fs::write(scratch.path().join(file), text).unwrap();
        }
        install(scratch.path());
        let moved = fs::rename(scratch.path(), &place);
        // Another process may have been faster: what it put there is the same.
        assert!(moved.is_ok() || place.is_dir(), "cannot move {name} to {}: {moved:?}", place.display());
    }
    place
}

fn run(command: &mut Command, input: &str, needs: &str) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = spawned
        .unwrap_or_else(|error| panic!("{program} cannot be started ({error}): this needs {needs}. {LEAVE_OUT}"));
    // A program that fails early closes its input; what it says then is told below.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: this needs {needs}. {LEAVE_OUT}\n{}", said.trim());
    String::from_utf8(output.stdout).unwrap()
}
