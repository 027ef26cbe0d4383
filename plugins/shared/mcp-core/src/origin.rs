//! `Origin`: which pages of browsers may talk to an endpoint.

use oauth_core::config::{Problems, at_index};

use crate::flaw::Flaw;

/// The allowed origins (RFC 6454 §6.2), as a browser writes them.
///
/// By default none is: whoever sends no `Origin`, as programs do, is not concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads a configured list; notes every mistake below `place`. `null`, the origin of files and sandboxes, must be
    /// listed like any other.
    #[must_use]
    pub fn settings(origins: &[String], place: &str, problems: &mut Problems) -> Self {
        for (index, origin) in origins.iter().enumerate() {
            if origin != "null" && !is_origin(origin) {
                problems.add(
                    at_index(place, index),
                    "is no origin as a browser writes it: expected one as \"https://app.example\" (lower case, no path, \
                     no default port), or \"null\"",
                );
            }
        }
        Self(origins.to_vec())
    }

    /// MCP, Streamable HTTP, "Security": a present and invalid `Origin` is a 403.
    pub(crate) fn check(&self, fields: &[(&[u8], &[u8])]) -> Result<(), Flaw> {
        let mut origins = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(b"origin"));
        let Some((_, origin)) = origins.next() else { return Ok(()) };
        let allowed = self.0.iter().any(|allowed| allowed.as_bytes() == origin.trim_ascii());
        if allowed && origins.next().is_none() { Ok(()) } else { Err(Flaw::OriginNotAllowed) }
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "none",
    };
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    scheme_fits
        && !authority.is_empty()
        && authority.bytes().all(fits)
        && !authority.ends_with([':', '.'])
        && !authority.ends_with(default_port)
}
