//! Formatting, clippy for the host and for wasm, and what the dependencies may be.

use std::path::Path;

use anyhow::Result;

use crate::{
    command::{Cargo, run, say},
    dependencies, modules,
    wasm_toolchain::{Choice, WasmToolchain},
};

/// Fails at the first finding.
///
/// # Errors
/// If anything is found.
pub(crate) fn run_all(root: &Path, choice: Choice) -> Result<()> {
    let cargo = Cargo::host(root);
    say("cargo fmt --check");
    cargo.run(&["fmt", "--all", "--check"])?;
    say("clippy for the host");
    let all = "--workspace --all-targets --features fourleg-lab/bench".split(' ');
    let clippy = ["clippy", "--quiet", "--locked"].into_iter().chain(all).chain(["--", "-D", "warnings"]);
    cargo.run(&clippy.collect::<Vec<_>>())?;
    say("clippy for wasm");
    let mut command = WasmToolchain::find(root, choice)?.cargo(root, "clippy");
    command.arg("--quiet");
    for name in modules::crates(root)?.iter().map(String::as_str).chain(["filter-kit", "oauth-core"]) {
        command.args(["--package", name]);
    }
    run(command.args(["--", "-D", "warnings"]))?;
    dependencies::check(root)
}
