//! audience-validation: the same request with tokens good and bad.

use fourleg_lab::{
    agent::{Agent, Denied},
    mint::stranger,
};
use serde_json::json;

use crate::{
    verdict::{self, Expected},
    world::World,
};

/// Sends what is scripted and prints a line for each. Out: how many verdicts were not the expected ones.
pub(crate) fn show(world: &World) -> usize {
    let key = world.identity_provider.signing_key();
    let token = || world.mint().access_token().scope("tools:read");
    let denied = |status, why| Expected::Denied { status, why };
    let alice = "alice by agent-1";
    let script = [
        ("nobody", "no token", None, denied(401, "an access token is required")),
        (
            alice,
            "a token for another server",
            Some(token().audience("https://calendar.demo.example").sign_with(&key)),
            denied(401, "the token is not meant for this resource"),
        ),
        (
            alice,
            "a token that ended an hour ago",
            Some(token().expires_at(world.mint().now - 3600).sign_with(&key)),
            denied(401, "the token has expired"),
        ),
        (
            "mallory",
            "a token that mallory signed",
            Some(token().sign_with(&stranger(key.algorithm()).with_kid(key.kid()))),
            denied(401, "the token signature is invalid"),
        ),
        (
            alice,
            "a token without the scope",
            Some(token().scope("profile").sign_with(&key)),
            denied(403, "the request requires higher privileges than the token provides"),
        ),
        (alice, "the right token", Some(token().sign_with(&key)), Expected::Allowed),
    ];
    let mut surprises = 0;
    for (who, with, token, expected) in script {
        surprises += verdict::print(who, &format!("read_file, {with}"), &call_read_file(world, token), &expected);
    }
    surprises
}

fn call_read_file(world: &World, token: Option<String>) -> Result<String, Denied> {
    let agent = Agent::new(world.url());
    let agent = match token {
        Some(token) => agent.token(token),
        None => agent,
    };
    agent.connect()?.call("read_file", json!({"path": "report.txt"}))
}
