//! Finds modules and compiles each content once: per process in memory, across processes under `target/`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, Module, OptLevel};

use crate::gateway::Plugin;

/// The environment variable that replaces the search for `target/wasm`.
pub const MODULE_DIR_VARIABLE: &str = "FOURLEG_WASM_DIR";

/// Compiled artefacts of another wasmtime or of other settings must not be found.
const ARTEFACT_FORMAT: &str = "wasmtime-48.0.8-fuel";

/// A compiled module and the hash of its bytes.
#[derive(Clone)]
pub(crate) struct Compiled {
    pub(crate) module: Module,
    pub(crate) hash: String,
}

/// The one engine of this process.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.consume_fuel(true).cranelift_opt_level(OptLevel::Speed);
        Engine::new(&config).expect("wasmtime does not start on this machine")
    })
}

/// The directory that is searched for `<module>.wasm`.
pub(crate) fn module_dir(explicit: Option<&Path>) -> PathBuf {
    if let Some(dir) = explicit {
        return dir.to_owned();
    }
    if let Some(dir) = std::env::var_os(MODULE_DIR_VARIABLE) {
        return PathBuf::from(dir);
    }
    let starts = [std::env::current_dir().ok(), Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")))];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|dir| dir.join("target").join("wasm"))
        .find(|dir| dir.is_dir())
        .unwrap_or_else(|| PathBuf::from("target/wasm"))
}

/// Loads the module of a plugin.
///
/// # Errors
/// If the bytes are no WebAssembly module: that is the plugin's fault. A file that is missing is the test's, and panics.
pub(crate) fn load(plugin: &Plugin, dir: &Path) -> Result<Compiled, String> {
    let path = plugin.path.clone().unwrap_or_else(|| dir.join(format!("{}.wasm", plugin.module)));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| {
        panic!("cannot read {}: {error}. Build the filters first: cargo xtask build", path.display())
    });
    compile(&bytes)
}

fn compile(bytes: &[u8]) -> Result<Compiled, String> {
    type Slot = Arc<OnceLock<Result<Module, String>>>;
    static MODULES: OnceLock<Mutex<HashMap<String, Slot>>> = OnceLock::new();
    let hash = Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    // The map is locked for a moment only: tests that want different modules compile side by side.
    let slot = {
        let mut modules = MODULES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(modules.entry(hash.clone()).or_default())
    };
    let module = slot.get_or_init(|| compile_or_restore(bytes, &hash)).clone()?;
    Ok(Compiled { module, hash })
}

fn compile_or_restore(bytes: &[u8], hash: &str) -> Result<Module, String> {
    let artefact = artefact_dir().map(|dir| dir.join(format!("{hash}-{ARTEFACT_FORMAT}.cwasm")));
    if let Some(module) = artefact.as_deref().and_then(restore) {
        return Ok(module);
    }
    let module = Module::new(engine(), bytes).map_err(|error| format!("{error:#}"))?;
    if let Some(artefact) = artefact {
        store(&module, &artefact);
    }
    Ok(module)
}

/// Beside the test's own executable, which is under `target/` wherever that is.
fn artefact_dir() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let target = executable.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("fourleg-compiled"))
}

#[allow(unsafe_code)]
fn restore(artefact: &Path) -> Option<Module> {
    if !artefact.is_file() {
        return None;
    }
    // SAFETY: the file was written by `store` below, for the same engine settings (they are part of its name), into
    // the build directory; whoever can change it there can change the test executable as well.
    unsafe { Module::deserialize_file(engine(), artefact) }.ok()
}

/// A failure here costs time on the next run and nothing else. The rename keeps other processes from half a file.
fn store(module: &Module, artefact: &Path) {
    let Ok(bytes) = module.serialize() else { return };
    let Some(dir) = artefact.parent() else { return };
    let partial = artefact.with_extension(format!("partial-{}", std::process::id()));
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&partial, bytes))
        .and_then(|()| std::fs::rename(&partial, artefact));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
}
