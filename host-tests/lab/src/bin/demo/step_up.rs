//! claim-challenge: a dangerous tool is answered with a challenge, and a client that knows nothing of us follows it.

use anyhow::{Result, anyhow};
use fourleg_lab::agent::{Agent, Denied, Session};
use serde_json::json;

use crate::{
    browser,
    verdict::{self, Expected},
    world::{RESOURCE, World, alice},
};

const ALICE: &str = "alice by agent-2";
const TOO_WEAK: Expected =
    Expected::Denied { status: 401, why: "the request requires a stronger or more recent authentication of the user" };

/// Plays the loop and prints what happens. Out: how many verdicts were not the expected ones.
pub(crate) fn show(world: &World) -> Result<usize> {
    println!("\nAn agent that has no token yet, and a tool that deletes:");
    let agent = world.agent_for(RESOURCE)?;
    let Err(unknown) = agent.connect() else { return Err(anyhow!("the gateway let an agent in without a token")) };
    let mut surprises = browser::follow(world, &agent.follow(&unknown), None);
    let old = agent.current_token().unwrap_or_default();
    let session = agent.connect()?;
    surprises +=
        verdict::print(ALICE, "read_file, signed in by password", &call(&session, "read_file"), &Expected::Allowed);

    let too_weak = call(&session, "delete_file");
    surprises += verdict::print(ALICE, "delete_file, signed in by password", &too_weak, &TOO_WEAK);
    let Err(too_weak) = too_weak else { return Ok(surprises) };
    world.identity_provider.seat(alice().refuses());
    surprises += browser::follow(world, &agent.follow(&too_weak), Some("access_denied"));
    surprises += verdict::print(ALICE, "delete_file, alice said no", &call(&session, "delete_file"), &TOO_WEAK);
    world.identity_provider.seat(alice());
    surprises += browser::follow(world, &agent.follow(&too_weak), None);
    surprises +=
        verdict::print(ALICE, "delete_file, the upgraded token", &call(&session, "delete_file"), &Expected::Allowed);
    let with_old = Agent::new(world.url()).token(old).connect().and_then(|session| call(&session, "delete_file"));
    Ok(surprises + verdict::print(ALICE, "delete_file, the old token", &with_old, &TOO_WEAK))
}

fn call(session: &Session, tool: &str) -> Result<String, Denied> {
    session.call(tool, json!({"path": "report.txt"}))
}
