//! rar-enforcement: a token that opens one file of a vault, for reading. What else the client tries is denied, and the
//! denial says what to ask for.

use anyhow::{Result, anyhow};
use fourleg_lab::agent::{Denied, Session};
use serde_json::json;

use crate::{
    browser,
    verdict::{self, Expected},
    world::{VAULT, World, alice},
};

const ALICE: &str = "alice by agent-2";
const NOT_GRANTED: Expected =
    Expected::Denied { status: 401, why: "the token carries no authorization details that allow this request" };

/// Plays it and prints what happens. Out: how many verdicts were not the expected ones.
pub(crate) fn show(world: &World) -> Result<usize> {
    println!("\nA vault in which every file is granted by itself:");
    let agent = world.agent_for(VAULT)?;
    let Err(unknown) = agent.connect() else { return Err(anyhow!("the gateway let an agent in without a token")) };
    let report = json!([{"type": "file_access", "actions": ["read"], "identifier": "report.txt"}]);
    let mut surprises = browser::follow(world, &agent.follow_for(&unknown, report), None);
    let session = agent.connect()?;
    let mut is_as = |what: &str, seen: &Result<String, Denied>, expected: &Expected| {
        surprises += verdict::print(ALICE, what, seen, expected);
    };
    is_as("read_file report.txt", &call(&session, "read_file", "report.txt"), &Expected::Allowed);
    is_as("delete_file report.txt", &call(&session, "delete_file", "report.txt"), &NOT_GRANTED);
    let other = call(&session, "read_file", "salaries.txt");
    is_as("read_file salaries.txt", &other, &NOT_GRANTED);
    let Err(other) = other else { return Ok(surprises) };

    // The denial says what to ask for, and the client asks for exactly that.
    world.identity_provider.seat(alice().refuses());
    surprises += browser::follow(world, &agent.follow(&other), Some("access_denied"));
    let refused = call(&session, "read_file", "salaries.txt");
    surprises += verdict::print(ALICE, "read_file salaries.txt, alice said no", &refused, &NOT_GRANTED);
    world.identity_provider.seat(alice());
    surprises += browser::follow(world, &agent.follow(&other), None);
    let granted = call(&session, "read_file", "salaries.txt");
    surprises += verdict::print(ALICE, "read_file salaries.txt, the new token", &granted, &Expected::Allowed);
    let before = call(&session, "read_file", "report.txt");
    Ok(surprises + verdict::print(ALICE, "read_file report.txt, the new token", &before, &NOT_GRANTED))
}

fn call(session: &Session, tool: &str, path: &str) -> Result<String, Denied> {
    session.call(tool, json!({"path": path}))
}
