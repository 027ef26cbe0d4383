//! One line for each time that the agent sends its user to the identity provider.

use fourleg_lab::agent::{Asked, NotGranted};

use crate::world::World;

/// Tells how it went. Out: 1 if it went otherwise than with this error, or none, else 0.
pub(crate) fn follow(world: &World, went: &Result<Asked, NotGranted>, expected_error: Option<&str>) -> usize {
    let idp = &world.identity_provider;
    let way = |asked: &Asked| match &asked.authorization_details {
        Some(details) => format!("pushes {details} to {}", idp.pushed_authorization_request_endpoint()),
        None => format!("opens {} with {}", idp.authorization_endpoint(), what(asked)),
    };
    let (story, error) = match went {
        Ok(asked) => (format!("{}; alice approves", way(asked)), None),
        Err(NotGranted::Refused { error, asked }) => {
            (format!("{}; alice refuses: {error}", way(asked)), Some(error.as_str()))
        }
        Err(other) => (format!("fails: {other}"), Some("")),
    };
    let as_expected = error == expected_error;
    let mark = if as_expected { "" } else { "  <-- NOT AS EXPECTED" };
    println!("  the client {story}{mark}");
    usize::from(!as_expected)
}

/// The parameters that the challenge asked for.
fn what(asked: &Asked) -> String {
    let parameters = [("scope", &asked.scope), ("acr_values", &asked.acr_values), ("max_age", &asked.max_age)];
    let parameters: Vec<String> =
        parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect();
    if parameters.is_empty() { "what the resource's metadata names".to_owned() } else { parameters.join(" ") }
}
