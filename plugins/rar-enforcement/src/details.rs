//! Whether the details of a token are needed at all, before anybody is asked for them.

use filter_kit::{flow::Subject, path::Ambiguous};

use crate::{config::Settings, verdict::Kept};

/// What they are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    /// No rule is about the request.
    No,
    /// Only rules in shadow mode are.
    ToRecord,
    /// An enforcing rule is.
    ToDecide,
}

/// What they are needed for in this request.
///
/// # Errors
/// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
pub(crate) fn needed(settings: &Settings, subject: Subject<'_, Kept>) -> Result<Needed, Ambiguous> {
    let asked = subject.asks(&settings.rules)?;
    Ok(if asked.iter().any(|asked| asked.rule.is_some()) {
        Needed::ToDecide
    } else if asked.iter().any(|asked| !asked.shadow.is_empty()) {
        Needed::ToRecord
    } else {
        Needed::No
    })
}
