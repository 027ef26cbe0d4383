//! The filters at work: an identity provider with a user at its browser, an MCP server, and a real Envoy with the filters
//! in front of it. The official MCP client connects with tokens good and bad, steps up for a dangerous tool, gets single files of
//! a vault, and asks a tool that asks a tool that asks an API; then all of it stays up for requests by hand.

#![allow(clippy::arithmetic_side_effects, reason = "counts a few verdicts, and adds an hour to the time")]

mod browser;
mod by_hand;
mod hops;
mod inner;
mod one_file;
mod step_up;
mod tokens;
mod verdict;
mod world;

use anyhow::{Context as _, Result, bail};
use world::World;

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut once = false;
    let mut port = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--once" => once = true,
            "--port" => port = arguments.next().and_then(|port| port.parse().ok()).context("--port needs a number")?,
            other => bail!("unknown argument {other}: expected --once or --port <number>"),
        }
    }
    let world = World::start(port)?;
    let mut surprises = tokens::show(&world);
    surprises += step_up::show(&world)?;
    surprises += one_file::show(&world)?;
    surprises += hops::show(&world)?;
    let calls = world.mcp_server.called();
    println!("The MCP server itself saw {} tool call(s): {}", calls.len(), calls.join(", "));
    surprises += usize::from(calls != ["read_file", "read_file", "delete_file", "read_file", "read_file"]);
    if surprises > 0 {
        bail!("{surprises} verdict(s) were not the expected ones");
    }
    if !once {
        world.offer()?;
        wait_for_the_end()?;
    }
    Ok(())
}

fn say(line: &str) {
    eprintln!("[demo] {line}");
}

/// Returns at Ctrl-C, so that everything that was started is ended in order.
fn wait_for_the_end() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    say("ending");
    Ok(())
}
