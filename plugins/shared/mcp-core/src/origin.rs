//! `Origin`: which pages of browsers may talk to an endpoint, or read its answers.

use std::net::Ipv6Addr;

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
                     no default port, no *), one of an application as \"vscode-webview://id\", or \"null\"",
                );
            }
        }
        Self(origins.to_vec())
    }

    /// The listed origin that this value of the field is, compared byte by byte.
    #[must_use]
    pub fn listed(&self, origin: &[u8]) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|listed| listed.as_bytes() == origin.trim_ascii())
    }

    /// MCP, Streamable HTTP, "Security": a present and invalid `Origin` is a 403.
    pub(crate) fn check(&self, fields: &[(&[u8], &[u8])]) -> Result<(), Flaw> {
        let mut origins = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(b"origin"));
        let Some((_, origin)) = origins.next() else { return Ok(()) };
        if self.listed(origin).is_some() && origins.next().is_none() { Ok(()) } else { Err(Flaw::OriginNotAllowed) }
    }
}

/// Whether a browser may write this origin: what it never writes would never match.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let scheme_fits = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    scheme_fits
        && match scheme {
            "http" => is_web_authority(authority, "80"),
            "https" => is_web_authority(authority, "443"),
            _ => is_application(authority),
        }
}

/// A host in the form of the URL standard (§3.5), and a port other than the default one.
fn is_web_authority(authority: &str, default_port: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| {
        port != default_port
            && !port.starts_with('0')
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok()
    };
    port.is_none_or(is_port) && is_web_host(host)
}

fn is_web_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let is_written_so = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b':');
        return address.bytes().all(is_written_so) && address.parse::<Ipv6Addr>().is_ok();
    }
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(fits) && !host.ends_with('.')
}

/// What stands for an extension or an application. Browsers leave its letters as they are: the scheme is not one of the
/// web's (URL standard, "special scheme").
fn is_application(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    !id.is_empty() && id.bytes().all(fits) && !id.ends_with([':', '.'])
}
