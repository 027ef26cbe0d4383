//! `cargo xtask`: build, demo, test, bench and lint of Fourleg. Every long step says what it does.

mod command;
mod dependencies;
mod export_audit;
mod import_audit;
mod lint;
mod modules;
mod test;
mod wasm_toolchain;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use command::{Cargo, workspace_root};
use test::LeftOut;
use wasm_toolchain::Choice;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, shows and tests Fourleg", version)]
struct Arguments {
    /// Which toolchain builds the filters for wasm32-wasip1.
    #[arg(long, global = true, value_enum, default_value_t = Choice::Auto)]
    wasm_toolchain: Choice,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds every filter to target/wasm/<plugin>.wasm and audits what it imports.
    Build,
    /// Shows the filters at work in a real Envoy, and stays up for your own requests.
    Demo {
        /// Ends after the scripted requests; fails if a verdict is not the expected one.
        #[arg(long)]
        once: bool,
        /// The port on which Envoy listens; by default a free one.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Runs everything: unit tests, and every scenario on wasmtime and on a real Envoy.
    Test {
        /// Leaves out the scenarios on Envoy.
        #[arg(long)]
        no_envoy: bool,
        /// Leaves out the parsers of challenges and the MCP clients that come from the registries of npm and PyPI.
        #[arg(long)]
        no_parsers: bool,
        /// Runs only tests whose name contains this.
        filter: Option<String>,
    },
    /// Measures the filters on a real Envoy, beside Envoy's own: about five minutes on a machine that does nothing else.
    Bench {
        /// What to measure.
        #[arg(value_enum)]
        what: Benchmark,
        /// How often each case is measured [default: 5].
        #[arg(long)]
        rounds: Option<usize>,
        /// For how many seconds each case is under full load in each round [default: 3].
        #[arg(long)]
        seconds: Option<f64>,
        /// Two short rounds: shows that it works, not how fast anything is.
        #[arg(long)]
        quick: bool,
    },
    /// Writes the JSON Schema of each filter's configuration anew.
    Schema,
    /// Checks formatting, clippy for the host and for wasm with warnings denied, and the dependencies by cargo-deny.
    Lint,
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// audience-validation against Envoy's jwt_authn, RS256 and ES256, every token new and one token repeated.
    Audience,
}

impl Benchmark {
    const fn name(self) -> &'static str {
        match self {
            Self::Audience => "audience",
        }
    }
}

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, and no backtrace: it is about what to do next.
            eprintln!("[xtask] {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Arguments { wasm_toolchain, task } = Arguments::parse();
    let root = workspace_root();
    match task {
        Task::Build => modules::build(&root, wasm_toolchain, &modules::crates(&root)?),
        Task::Demo { once, port } => {
            modules::build(&root, wasm_toolchain, &modules::filters(&root)?)?;
            let mut mode = Vec::new();
            mode.extend(once.then_some("--once"));
            let port = port.map(|port| port.to_string());
            mode.extend(port.iter().flat_map(|port| ["--port", port.as_str()]));
            command::say("building the lab: identity provider, MCP server, MCP client");
            Cargo::host(&root).run(&[&["run", "--package", "fourleg-lab", "--bin", "demo", "--"], &mode[..]].concat())
        }
        Task::Test { no_envoy, no_parsers, filter } => {
            test::test(&root, wasm_toolchain, &LeftOut { no_envoy, no_parsers }, filter.as_deref())
        }
        Task::Bench { what, rounds, seconds, quick } => {
            modules::build(&root, wasm_toolchain, &modules::filters(&root)?)?;
            let mut options = vec![what.name().to_owned()];
            options.extend(rounds.map(|rounds| format!("--rounds={rounds}")));
            options.extend(seconds.map(|seconds| format!("--seconds={seconds}")));
            options.extend(quick.then(|| "--quick".to_owned()));
            command::say("building the benchmark");
            // Optimised, so that the load is not what limits Envoy.
            let run = "run --quiet --release --package fourleg-lab --features bench --bin bench --".split(' ');
            Cargo::host(&root).run(&run.chain(options.iter().map(String::as_str)).collect::<Vec<_>>())
        }
        Task::Schema => {
            let mut command = Cargo::host(&root).command();
            command
                .args(["test", "--package", "audience-validation", "--package", "claim-challenge"])
                .args(["--package", "rar-enforcement", "--package", "token-exchange", "schema"])
                .env("FOURLEG_WRITE_SCHEMA", "1");
            command::run(&mut command)
        }
        Task::Lint => lint::run_all(&root, wasm_toolchain),
    }
}
