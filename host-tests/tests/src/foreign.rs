//! Programs of other ecosystems: their libraries come by their own package managers, pinned by lock files, into
//! `target/tools`, and stay there.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fourleg_lab::envoy::target_dir;
use sha2::{Digest as _, Sha256};

const LEAVE_OUT: &str = "To leave these tests out: cargo xtask test --no-parsers";

/// A program and all that it needs: each file by name, with its text.
pub struct Program<'a> {
    /// Of the folder below `target/tools`.
    pub name: &'a str,
    /// Beside the script `package.json` and `package-lock.json`, or `requirements.txt` with hashes.
    pub files: &'a [(&'a str, &'a str)],
    /// Which of the files runs. It reads standard input, and writes standard output.
    pub script: &'a str,
}

impl Program<'_> {
    /// What the script writes when Node runs it.
    ///
    /// # Panics
    /// If it cannot be installed, or fails.
    #[must_use]
    pub fn ask_node(&self, input: &str) -> String {
        let place = self.installed(|dir| {
            let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
            run(Command::new("npm").args(npm).current_dir(dir), "", "Node 20 or later with npm, and the npm registry");
        });
        run(Command::new("node").arg(place.join(self.script)), input, "Node 20 or later")
    }

    /// What the script writes when Python runs it; it finds its libraries in the folder `site` beside it.
    ///
    /// # Panics
    /// As [`Program::ask_node`].
    #[must_use]
    pub fn ask_python(&self, input: &str) -> String {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let place = self.installed(|dir| {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
            pip.args(["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", "requirements.txt"]);
            pip.args(["--target", "site"]).current_dir(dir);
            run(&mut pip, "", "Python 3.11 or later with pip, and PyPI");
        });
        run(Command::new(&python).arg("-B").arg(place.join(self.script)), input, "Python 3.11 or later")
    }

    /// A folder with the files in which `install` has run once. Its name holds a hash of them: others, another folder.
    fn installed(&self, install: impl FnOnce(&Path)) -> PathBuf {
        let mut hash = Sha256::new();
        for (file, text) in self.files {
            hash.update(format!("{file}:{}:{text}", text.len()));
        }
        let hash: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let tools = target_dir().join("tools");
        let place = tools.join(format!("{}-{hash}", self.name));
        if !place.is_dir() {
            fs::create_dir_all(&tools).unwrap();
            let scratch = tempfile::Builder::new().prefix(self.name).tempdir_in(&tools).unwrap();
            for (file, text) in self.files {
                fs::write(scratch.path().join(file), text).unwrap();
            }
            install(scratch.path());
            let moved = fs::rename(scratch.path(), &place);
            // Another process may have been faster: what it put there is the same.
            assert!(moved.is_ok() || place.is_dir(), "cannot move {} to {}: {moved:?}", self.name, place.display());
        }
        place
    }
}

fn run(command: &mut Command, input: &str, needs: &str) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = spawned
        .unwrap_or_else(|error| panic!("{program} cannot be started ({error}): this needs {needs}. {LEAVE_OUT}"));
    // A program that fails early closes its input; its output is reported below.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: this needs {needs}. {LEAVE_OUT}\n{}", said.trim());
    String::from_utf8(output.stdout).unwrap()
}
