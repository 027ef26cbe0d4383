//! Who a token is meant for (RFC 9068 §4, RFC 7519 §4.1.3).

use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::verified_claims::VerifiedClaims;

/// How an audience of a token is compared with an accepted one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AudienceComparison {
    /// Code point by code point (RFC 7519 §2, StringOrURI).
    #[default]
    Exact,
    /// The same, but scheme and host of a URI have no case (RFC 3986 §6.2.2.1), as MCP asks for canonical URIs.
    CaselessHost,
}

/// Requires that the token names this resource: one of its audiences equals one of `accepted`, code point by code
/// point (RFC 7519 §2, StringOrURI), but `https://h` and `https://h/` are one ([`same_resource`]). Nothing else is normalised,
/// decoded or shortened; an empty string equals nothing, and neither does a URI with a fragment (RFC 8707 §2).
///
/// With `strict`, *all* of its audiences have to be accepted (RFC 9700 §2.3).
///
/// # Errors
/// - [`Reason::AudienceMismatch`] if no audience is accepted.
/// - [`Reason::AudienceTooBroad`] if `strict` and another audience is there too.
pub fn require_audience(token: &impl AsRef<VerifiedClaims>, accepted: &[String], strict: bool) -> Result<(), Reason> {
    require_audience_by(AudienceComparison::Exact, token, accepted, strict)
}

/// Like [`require_audience`], with a comparison of choice.
///
/// # Errors
/// As [`require_audience`].
pub fn require_audience_by(
    comparison: AudienceComparison,
    token: &impl AsRef<VerifiedClaims>,
    accepted: &[String],
    strict: bool,
) -> Result<(), Reason> {
    judge(comparison, token.as_ref().audiences(), accepted, strict)
}

fn judge(
    comparison: AudienceComparison,
    audiences: &[String],
    accepted: &[String],
    strict: bool,
) -> Result<(), Reason> {
    let is_accepted = |audience: &String| accepted.iter().any(|accepted| comparison.equal(audience, accepted));
    if !audiences.iter().any(is_accepted) {
        return Err(Reason::AudienceMismatch);
    }
    if strict && !audiences.iter().all(is_accepted) {
        return Err(Reason::AudienceTooBroad);
    }
    Ok(())
}

impl AudienceComparison {
    fn equal(self, audience: &str, accepted: &str) -> bool {
        if audience.is_empty() || (audience.contains("://") && audience.contains('#')) {
            return false;
        }
        if self == Self::Exact || same_resource(audience, accepted) {
            return same_resource(audience, accepted);
        }
        match (split_authority(audience), split_authority(accepted)) {
            (Some((start, rest)), Some((accepted_start, accepted_rest))) => {
                start.eq_ignore_ascii_case(accepted_start)
                    && (rest == accepted_rest
                        || (is_http(start) && is_empty_path(rest) && is_empty_path(accepted_rest)))
            }
            _ => false,
        }
    }
}

/// Whether two identifiers name one resource: they are equal, or are http URIs that differ in the slash of an empty path
/// alone, which makes no difference (RFC 3986 §6.2.3). `https://h/a` and `https://h/a/` are two.
#[must_use]
pub fn same_resource(one: &str, other: &str) -> bool {
    let (shorter, longer) = if one.len() < other.len() { (one, other) } else { (other, one) };
    longer == shorter
        || longer.strip_suffix('/').is_some_and(|start| {
            start == shorter
                && split_authority(longer).is_some_and(|(start, rest)| is_http(start) && is_empty_path(rest))
        })
}

fn is_http(uri: &str) -> bool {
    let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

fn is_empty_path(rest: &str) -> bool {
    rest.is_empty() || rest == "/"
}

/// A URI as scheme with authority, which have no case, and the rest. `None` if there is no authority, or user
/// information in it, which has a case (RFC 3986 §6.2.2.1).
fn split_authority(uri: &str) -> Option<(&str, &str)> {
    let authority = uri.find("://")?.checked_add(3)?;
    let length = uri.get(authority..)?.find(['/', '?']);
    let end = length.map_or(uri.len(), |length| authority.saturating_add(length));
    let (start, rest) = uri.split_at_checked(end)?;
    (!start.contains('@')).then_some((start, rest))
}

/// Whether a text can identify a resource: an absolute URI without fragment (RFC 8707 §2). It ends up in headers, so
/// only characters that a URI has, written out.
#[must_use]
pub fn is_resource_identifier(text: &str) -> bool {
    let is_plain = text.bytes().all(|byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'\\' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
    });
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let names_something = match rest.strip_prefix("//") {
        Some(authority) => !authority.is_empty() && !authority.starts_with(['/', '?', ':']),
        None => !rest.is_empty(),
    };
    is_plain && is_scheme && names_something
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "https://mcp.example.com/mcp";

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(audiences: &[&str]) -> Result<(), Reason> {
        judge(AudienceComparison::Exact, &strings(audiences), &strings(&[RESOURCE]), false)
    }

    /// AUD-01, AUD-02
    #[test]
    fn one_accepted_audience_suffices_and_none_does_not() {
        assert_eq!(check(&[RESOURCE]), Ok(()));
        assert_eq!(check(&["x", RESOURCE]), Ok(()));
        for audiences in [&["https://api.example.com"] as &[&str], &[], &[""], &["x", "y"]] {
            assert_eq!(check(audiences), Err(Reason::AudienceMismatch), "{audiences:?}");
        }
    }

    /// AUD-01
    #[test]
    fn an_empty_audience_matches_nothing_even_if_configured() {
        assert_eq!(
            judge(AudienceComparison::Exact, &strings(&[""]), &strings(&[""]), false),
            Err(Reason::AudienceMismatch)
        );
        assert_eq!(judge(AudienceComparison::Exact, &strings(&[RESOURCE]), &[], false), Err(Reason::AudienceMismatch));
    }

    /// AUD-03
    #[test]
    fn audiences_are_equal_code_point_by_code_point_or_not_at_all() {
        for audience in [
            "https://mcp.example.com/mcp2",
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com/MCP",
            "https://mcp.example.com.evil",
            "https://mcp.example.com.evil/mcp",
            "https://mcp.example.com/mc",
            "https://mcp.example.com/%6dcp",
            "https://mcp.example.com:443/mcp",
            "HTTPS://mcp.example.com/mcp",
            "*",
            "https://mcp.example.com/*",
            " https://mcp.example.com/mcp",
            "https://mcp.example.com/mcp\0",
            "https://mcp.example.com/mcp x",
            "https://mcp.example.com/mcp#f",
            "https://mcp.example.com/m\u{441}p",
        ] {
            assert_eq!(check(&[audience]), Err(Reason::AudienceMismatch), "{audience}");
        }
    }

    /// AUD-16
    #[test]
    fn an_empty_path_and_its_slash_are_one_resource_and_no_other_slash_is() {
        for (one, other) in
            [("https://h", "https://h/"), ("http://h:8080", "http://h:8080/"), ("HTTPS://h", "HTTPS://h/")]
        {
            assert!(same_resource(one, other) && same_resource(other, one) && same_resource(one, one), "{one} {other}");
            for comparison in [AudienceComparison::Exact, AudienceComparison::CaselessHost] {
                for (audience, accepted) in [(one, other), (other, one)] {
                    assert_eq!(
                        judge(comparison, &strings(&[audience]), &strings(&[accepted]), true),
                        Ok(()),
                        "{audience}"
                    );
                }
            }
        }
        for (one, other) in [
            ("https://h/a", "https://h/a/"),
            ("https://h/", "https://h//"),
            ("https://h", "https://h//"),
            ("https://h?x", "https://h?x/"),
            ("https://h", "https://h/?"),
            ("https://h", "https://i/"),
            ("https://h", "http://h/"),
            ("https://h", "HTTPS://h/"),
            ("https://u@h", "https://u@h/"),
            ("api://x", "api://x/"),
            ("urn:a", "urn:a/"),
            ("", "/"),
            ("https:", "https:/"),
            ("tools", "tools/"),
        ] {
            assert!(!same_resource(one, other) && !same_resource(other, one), "{one} {other}");
        }
        let by_host = |audience: &str| {
            judge(AudienceComparison::CaselessHost, &strings(&[audience]), &strings(&["https://H"]), true)
        };
        assert_eq!((by_host("https://h/"), by_host("https://h/a")), (Ok(()), Err(Reason::AudienceMismatch)));
    }

    /// AUD-14
    #[test]
    fn strict_mode_refuses_audiences_beyond_this_resource() {
        let accepted = strings(&[RESOURCE, "api://mcp"]);
        let strict = |audiences: &[&str]| judge(AudienceComparison::Exact, &strings(audiences), &accepted, true);
        assert_eq!(strict(&[RESOURCE]), Ok(()));
        assert_eq!(strict(&[RESOURCE, "api://mcp"]), Ok(()));
        assert_eq!(strict(&[RESOURCE, "other"]), Err(Reason::AudienceTooBroad));
        assert_eq!(strict(&[RESOURCE, ""]), Err(Reason::AudienceTooBroad));
        assert_eq!(strict(&["other"]), Err(Reason::AudienceMismatch));
    }

    /// AUD-04
    #[test]
    fn scheme_and_host_lose_their_case_only_by_choice() {
        let by = |comparison, audience: &str| judge(comparison, &strings(&[audience]), &strings(&[RESOURCE]), true);
        let audiences = ["HTTPS://MCP.example.com/mcp", "https://MCP.EXAMPLE.COM/mcp", "Https://mcp.example.com/mcp"];
        for audience in audiences {
            assert_eq!(by(AudienceComparison::Exact, audience), Err(Reason::AudienceMismatch), "{audience}");
            assert_eq!(by(AudienceComparison::CaselessHost, audience), Ok(()), "{audience}");
        }
        for audience in [
            "https://mcp.example.com/MCP",
            "HTTPS://MCP.example.com/Mcp",
            "https://mcp.example.com/mcp/",
            "https://mcp.example.com/mcp?",
            "https://mcp.example.com:443/mcp",
            "https://mcp.example.com./mcp",
            "https://u@mcp.example.com/mcp",
            "http://mcp.example.com/mcp",
            "https://mcp.example.com/mcp#f",
            "https://mcp.example.com/mcp#",
            "https:/mcp.example.com/mcp",
            "MCP.example.com/mcp",
            "https://mcp.example.com",
            "https://mcp.example.com.evil/mcp",
            "",
        ] {
            assert_eq!(by(AudienceComparison::CaselessHost, audience), Err(Reason::AudienceMismatch), "{audience}");
        }
        let names = |audience: &str, accepted: &str| {
            judge(AudienceComparison::CaselessHost, &strings(&[audience]), &strings(&[accepted]), false).is_ok()
        };
        assert!(!names("Tools", "tools") && names("tools", "tools"));
        assert!(!names("https://Bob@h/x", "https://bob@h/x") && names("https://bob@h/x", "https://bob@h/x"));
        assert!(!names("URN:example:rest", "urn:example:rest"));
        assert!(names("API://0a1b", "api://0a1b"));
    }

    /// AUD-04
    #[test]
    fn an_audience_with_a_fragment_is_never_accepted() {
        for comparison in [AudienceComparison::Exact, AudienceComparison::CaselessHost] {
            let audience = strings(&["https://mcp.example.com/mcp#f"]);
            assert_eq!(judge(comparison, &audience, &audience, false), Err(Reason::AudienceMismatch));
        }
    }

    #[test]
    fn comparing_odd_audiences_never_panics() {
        let odd = ["://", ":///", "é://é/é", "a://\u{1F600}", "x://?", "x://@", "/://", "😀://h", "://#"];
        for a in odd {
            for b in odd {
                let equal = AudienceComparison::CaselessHost.equal(a, b);
                assert!(equal == (a == b && !a.contains('#')), "{a} {b}");
            }
        }
    }

    /// AUD-05
    #[test]
    fn only_absolute_uris_without_fragment_identify_a_resource() {
        for text in [
            "https://tools.example/files",
            "https://h",
            "https://h:8443/a?b=c",
            "urn:example:rest",
            "api://x",
            "https://[::1]/",
        ] {
            assert!(is_resource_identifier(text), "{text}");
        }
        for text in [
            "",
            "mcp.example.com",
            "/files",
            "//h/files",
            "https://",
            "https:",
            "https:///x",
            "https://?x",
            "https://:443",
            "https://h#f",
            "https://h#",
            ":x",
            "1a:x",
            "h ttps://h",
            "https://h/a b",
            "https://h/\u{e9}",
            "https://h/\"",
            "https://h/<x>",
            "https://h\\x",
            "https://h/{x}",
            "https://h/\n",
        ] {
            assert!(!is_resource_identifier(text), "{text:?}");
        }
    }
}
