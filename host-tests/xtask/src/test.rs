//! `cargo xtask test`: every test, and how long each part took.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{Cargo, run, say, show},
    modules,
    wasm_toolchain::Choice,
};

/// What a test run does without, by the names of the tests.
pub(crate) struct LeftOut {
    pub no_envoy: bool,
    pub no_parsers: bool,
}

impl LeftOut {
    fn names(&self) -> Vec<&'static str> {
        let all = [
            (self.no_envoy, "on_envoy"),
            (self.no_parsers, "independent_parsers"),
            (self.no_parsers, "independent_clients"),
        ];
        all.into_iter().filter(|(left_out, _)| *left_out).map(|(_, name)| name).collect()
    }
}

/// How many of the slowest tests are named.
const SLOWEST: usize = 10;

/// Builds and runs the tests whose name contains `filter`, or all.
///
/// # Errors
/// If something cannot be built, or a test fails.
pub(crate) fn test(root: &Path, choice: Choice, left_out: &LeftOut, filter: Option<&str>) -> Result<()> {
    let mut times = Times::default();
    times.part("building the filters", || modules::build(root, choice, &modules::crates(root)?))?;
    let cargo = Cargo::host(root);
    if !left_out.no_envoy {
        // Before the tests, so that a missing Envoy is said once and in full instead of by every test.
        times.part("fetching Envoy", || cargo.run(&["run", "--package", "fourleg-lab", "--bin", "fetch-envoy"]))?;
    }
    // With the benchmark, whose arithmetic has tests; it measures nothing here.
    let all = ["test", "--workspace", "--features", "fourleg-lab/bench"];
    let compiled = ["--lib", "--bins", "--tests"];
    say("building the tests");
    times.part("building the tests", || cargo.run(&[&all[..], &compiled, &["--no-run"]].concat()))?;
    say("running the tests");
    let filter: &[&str] = filter.as_slice();
    let skip: Vec<&str> = left_out.names().into_iter().flat_map(|name| ["--skip", name]).collect();
    let mut command = cargo.command();
    command.args([&all[..], &compiled, &["--no-fail-fast"], filter, &["--"], &skip, &REPORT_TIME].concat());
    // The time of a test is an unstable option of the test harness alone: what is built stays as it is.
    command.env(format!("CARGO_TARGET_{}_RUNNER", host_triple(root)?), "env RUSTC_BOOTSTRAP=1");
    let mut examples = cargo.command();
    examples.args([&all[..], &["--doc", "--no-fail-fast"], filter, &["--"], &skip].concat());
    if env::var_os("RUST_TEST_THREADS").is_none() {
        // More than there are processors, since many a scenario on Envoy waits for a clock.
        let threads = thread::available_parallelism().map_or(2, |cores| cores.get().saturating_mul(3).div_ceil(2));
        command.env("RUST_TEST_THREADS", threads.to_string());
    }
    for command in [&mut command, &mut examples] {
        if left_out.no_envoy {
            // A test that is not named on_envoy and wants it all the same fails instead of fetching it.
            command.env("FOURLEG_NO_ENVOY", "1");
        }
    }
    let outcomes = [times.tests(command), times.part("the examples in the documentation", || run(&mut examples))];
    times.print();
    for name in left_out.names() {
        say(&format!("left out as told: every test named {name}"));
    }
    outcomes.into_iter().collect()
}

const REPORT_TIME: [&str; 3] = ["-Z", "unstable-options", "--report-time"];

/// How cargo writes this machine's target in variables.
fn host_triple(root: &Path) -> Result<String> {
    let output = std::process::Command::new("rustc")
        .current_dir(root)
        .args(["--print", "host-tuple"])
        .output()
        .context("cannot start rustc")?;
    let triple = String::from_utf8(output.stdout).context("rustc does not say its target")?;
    Ok(triple.trim().to_uppercase().replace('-', "_"))
}

#[derive(Default)]
struct Times {
    parts: Vec<(String, Duration)>,
    tests: Vec<(String, f64)>,
}

impl Times {
    fn part(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let start = Instant::now();
        let outcome = work();
        self.parts.push((name.to_owned(), start.elapsed()));
        outcome
    }

    /// Runs the tests, passes on what they and cargo print, and reads the times from it.
    fn tests(&mut self, mut command: std::process::Command) -> Result<()> {
        let (reader, writer) = io::pipe().context("no pipe")?;
        let shown = show(&command);
        let mut child = command
            .stdout(Stdio::from(writer.try_clone()?))
            .stderr(Stdio::from(writer))
            .spawn()
            .with_context(|| format!("cannot start {shown}"))?;
        // It holds the writing ends, which would keep the pipe open.
        drop(command);
        let mut running = (String::new(), Instant::now());
        for line in BufReader::new(reader).split(b'\n') {
            let mut line = line?;
            let text = String::from_utf8_lossy(&line).into_owned();
            if let Some(program) = text.trim_start().strip_prefix("Running ") {
                running = (program.split(" (").next().unwrap_or(program).to_owned(), Instant::now());
            } else if text.starts_with("test result: ") {
                self.parts.push((running.0.clone(), running.1.elapsed()));
            } else if let Some((name, seconds)) = time_of(&text) {
                self.tests.push((name.to_owned(), seconds));
            }
            line.push(b'\n');
            io::stdout().write_all(&line)?;
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{shown} failed ({status})");
        }
        Ok(())
    }

    fn print(&mut self) {
        say("how long it took, in seconds:");
        for (name, time) in self.parts.iter().filter(|(_, time)| *time > Duration::from_millis(500)) {
            eprintln!("  {:7.1}  {name}", time.as_secs_f64());
        }
        self.tests.sort_by(|a, b| b.1.total_cmp(&a.1));
        say(&format!("the slowest of {} tests:", self.tests.len()));
        for (name, seconds) in self.tests.iter().take(SLOWEST) {
            eprintln!("  {seconds:7.1}  {name}");
        }
    }
}

/// Name and seconds of a test from the line about it, as `test a::b ... ok <0.123s>`.
fn time_of(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let seconds = rest.split_once(" <")?.1.strip_suffix("s>")?.parse().ok()?;
    Some((name, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_of_a_test() {
        assert_eq!(time_of("test a::b ... ok <0.125s>"), Some(("a::b", 0.125)));
        assert_eq!(time_of("test a::b - should panic ... FAILED <12.500s>"), Some(("a::b - should panic", 12.5)));
        for line in ["test a::b ... ok", "test result: ok. 1 passed; finished in 0.10s", "running 3 tests", ""] {
            assert_eq!(time_of(line), None, "{line}");
        }
    }
}
