//! Builds every filter to `target/wasm/<plugin>.wasm`.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    command::{run, say},
    export_audit, import_audit,
    wasm_toolchain::{Choice, WasmToolchain},
};

/// The filter that tests the driver; not for operators.
const PROBE: &str = "driver-probe";

/// The crates of the filters: one for each folder of plugins/ but the shared ones.
///
/// # Errors
/// If plugins/ cannot be read.
pub(crate) fn filters(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("plugins")).context("cannot read plugins/")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// All crates that become modules: the filters and the probe.
///
/// # Errors
/// If plugins/ cannot be read.
pub(crate) fn crates(root: &Path) -> Result<Vec<String>> {
    let mut names = filters(root)?;
    names.push(PROBE.to_owned());
    Ok(names)
}

/// Builds, audits and copies the modules of these crates, and prints their sizes.
///
/// # Errors
/// If the build fails, or a module imports what Envoy does not offer or exports another set of callbacks than the driver's.
pub(crate) fn build(root: &Path, choice: Choice, crates: &[String]) -> Result<()> {
    let toolchain = WasmToolchain::find(root, choice)?;
    say("building the filters for wasm32-wasip1");
    let mut command = toolchain.cargo(root, "build");
    command.args(["--profile", "wasm"]);
    for name in crates {
        command.args(["--package", name]);
    }
    run(&mut command)?;
    let target = root.join("target/wasm");
    fs::create_dir_all(&target)?;
    for name in crates {
        let file = format!("{}.wasm", name.replace('-', "_"));
        let built = toolchain.output(root, "wasm").join(&file);
        let module = fs::read(&built).with_context(|| format!("the build left no {}", built.display()))?;
        import_audit::check(&file, &module)?;
        export_audit::check(&file, &module)?;
        let copy = target.join(&file);
        // Only if it changed: compiled forms are kept by the file's content and time.
        if fs::read(&copy).ok().as_deref() != Some(&module) {
            fs::write(&copy, &module)?;
        }
        say(&format!("target/wasm/{file}  {} KiB", module.len().div_ceil(1024)));
    }
    Ok(())
}
