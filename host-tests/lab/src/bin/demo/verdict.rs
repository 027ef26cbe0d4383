//! One line for each verdict, and whether it was the expected one.

use fourleg_lab::agent::Denied;

/// What the client must get to see.
pub(crate) enum Expected {
    Allowed,
    Denied { status: u16, why: &'static str },
}

/// Prints what the client saw. Out: 1 if it was not what it should, else 0.
pub(crate) fn print(who: &str, what: &str, seen: &Result<String, Denied>, expected: &Expected) -> usize {
    let as_expected = match (seen, expected) {
        (Ok(_), Expected::Allowed) => true,
        (Err(seen), Expected::Denied { status, why }) => seen.status == Some(*status) && why_of(seen) == *why,
        _ => false,
    };
    let mark = if as_expected { "" } else { "  <-- NOT THE EXPECTED VERDICT" };
    match seen {
        Ok(result) => println!("ALLOWED      {who:<16} {what}: {}{mark}", first_line(result)),
        Err(denied) => println!(
            "DENIED {}  {who:<16} {what}: {} | {}{mark}",
            denied.status.map_or("???".to_owned(), |status| status.to_string()),
            why_of(denied),
            denied.challenge.as_deref().unwrap_or("no challenge"),
        ),
    }
    usize::from(!as_expected)
}

/// The challenge's `error_description`, or what goes without saying if it has none.
fn why_of(denied: &Denied) -> String {
    let challenge = denied.challenge.as_deref().unwrap_or_default();
    let parsed = http_auth::parse_challenges(challenge).unwrap_or_default();
    let description =
        parsed.iter().flat_map(|challenge| &challenge.params).find(|(name, _)| *name == "error_description");
    match description {
        Some((_, text)) => text.to_unescaped(),
        None if denied.status == Some(401) => "an access token is required".to_owned(),
        None => denied.reason.clone(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
