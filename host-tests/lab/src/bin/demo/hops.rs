//! token-exchange: user, agent, tool A, tool B, API. Each hop gets a token of its own: the user stays, the actors grow, the scope
//! shrinks.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use fourleg_lab::{
    agent::{Agent, Denied},
    identity_provider::{Endpoint, Fault},
    mcp_server::McpServer,
    wire::find,
};
use serde_json::{Value, json};

use crate::{
    browser,
    inner::{API, TOOL_B},
    verdict::{self, Expected},
    world::{ORDERS, World},
};

const ALICE: &str = "alice by agent-2";

/// Plays it and prints what happens. Out: how many verdicts and tokens were not the expected ones.
pub(crate) fn show(world: &World) -> Result<usize> {
    println!("\nA tool that asks a tool that asks an API, and a token for each:");
    let agent = world.agent_for(ORDERS)?;
    let Err(unknown) = agent.connect() else { return Err(anyhow!("the gateway let an agent in without a token")) };
    let mut surprises = browser::follow(world, &agent.follow(&unknown), None);
    let session = agent.connect()?;
    let asked_before = world.identity_provider.requests_to(Endpoint::Token);
    let find_order = || session.call("find_order", json!({"number": 7}));
    surprises += verdict::print(ALICE, "find_order", &find_order(), &Expected::Allowed);
    surprises += tokens(world)?;

    // From now on the provider is down: what was exchanged goes on until it ends.
    world.identity_provider.fail(Endpoint::Token, Fault::Status(503));
    let without = find_order();
    world.identity_provider.recover(Endpoint::Token);
    surprises += verdict::print(ALICE, "find_order, the identity provider down", &without, &Expected::Allowed);
    let asked = world.identity_provider.requests_to(Endpoint::Token) - asked_before;
    println!("  the identity provider was asked for {asked} exchanges");
    surprises += usize::from(asked != 2);

    // What is meant for tool A opens nothing further on.
    let past_tool_b = straight_to_the_api(world, &agent);
    let not_meant = Expected::Denied { status: 401, why: "the token is not meant for this resource" };
    surprises += verdict::print("tool A", "the API, with the token for tool A", &past_tool_b, &not_meant);
    Ok(surprises)
}

/// Prints what each hop got. Out: how many of them are not as they should be.
fn tokens(world: &World) -> Result<usize> {
    let api = world.inner.api.received();
    let request = &api.last().context("the API was not asked")?.request;
    let field = find(&request.headers, "authorization").context("the API got no token")?;
    let for_api = String::from_utf8_lossy(field).trim_start_matches("Bearer ").to_owned();
    let of_tool_a = last_token(&world.tool_a)?;
    let of_tool_b = last_token(&world.inner.tool_b)?;
    let hops: [(_, _, _, _, &[&str]); 3] = [
        // Before any exchange nobody acts for her but the client itself.
        ("agent to tool A", ORDERS, of_tool_a, "customers:read orders:read tools:read", &[]),
        ("tool A to tool B", TOOL_B, of_tool_b, "customers:read orders:read", &["tool-a", "agent-2"]),
        ("tool B to the API", API, for_api, "orders:read", &["tool-b", "tool-a", "agent-2"]),
    ];
    let mut surprises = 0;
    for (hop, audience, token, scope, acting) in &hops {
        let claims = claims(token)?;
        let actors = actors(&claims);
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or("none").to_owned();
        let as_expected = text("sub") == "alice"
            && text("aud") == *audience
            && scopes(&text("scope")) == scopes(scope)
            && actors == *acting;
        println!(
            "  {hop:<17} sub={} aud={} scope=\"{}\" act={}{}",
            text("sub"),
            text("aud"),
            text("scope"),
            if actors.is_empty() { "none".to_owned() } else { actors.join(" < ") },
            if as_expected { "" } else { "  <-- NOT THE EXPECTED TOKEN" },
        );
        surprises += usize::from(!as_expected);
    }
    Ok(surprises)
}

fn last_token(server: &McpServer) -> Result<String> {
    server.received().iter().rev().find_map(fourleg_lab::mcp_server::McpRequest::token).context("a server got no token")
}

fn claims(token: &str) -> Result<Value> {
    let payload = token.split('.').nth(1).context("a token that is none")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Outermost first.
fn actors(claims: &Value) -> Vec<String> {
    let chain = std::iter::successors(claims.get("act"), |act| act.get("act"));
    chain.map(|act| act["sub"].as_str().unwrap_or("nobody").to_owned()).collect()
}

fn scopes(text: &str) -> BTreeSet<&str> {
    text.split(' ').collect()
}

/// The inner gateway's own answer to a token for somebody else.
fn straight_to_the_api(world: &World, agent: &Agent) -> Result<String, Denied> {
    let url = format!("http://{}/orders/7", world.inner.envoy.address());
    agent.current_token().into_iter().fold(Agent::new(url), Agent::token).connect().map(|_| "it passed".to_owned())
}
