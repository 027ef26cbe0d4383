//! Who a token is meant for (RFC 9068 §4, RFC 7519 §4.1.3).

use crate::reason::Reason;
use crate::token::VerifiedToken;

/// Requires that the token names this resource: one of its audiences equals one of `accepted`, code point by code
/// point (RFC 7519 §2, StringOrURI). Nothing is normalised, decoded or shortened; an empty string equals nothing.
///
/// With `strict`, *all* of its audiences have to be accepted (RFC 9700 §2.3).
///
/// # Errors
/// - [`Reason::AudienceMismatch`] if no audience is accepted.
/// - [`Reason::AudienceTooBroad`] if `strict` and another audience is there too.
pub fn require_audience(token: &VerifiedToken, accepted: &[String], strict: bool) -> Result<(), Reason> {
    judge(token.claims().audiences(), accepted, strict)
}

fn judge(audiences: &[String], accepted: &[String], strict: bool) -> Result<(), Reason> {
    let is_accepted = |audience: &String| !audience.is_empty() && accepted.contains(audience);
    if !audiences.iter().any(is_accepted) {
        return Err(Reason::AudienceMismatch);
    }
    if strict && !audiences.iter().all(is_accepted) {
        return Err(Reason::AudienceTooBroad);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "https://mcp.example.com/mcp";

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(audiences: &[&str]) -> Result<(), Reason> {
        judge(&strings(audiences), &strings(&[RESOURCE]), false)
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
        assert_eq!(judge(&strings(&[""]), &strings(&[""]), false), Err(Reason::AudienceMismatch));
        assert_eq!(judge(&strings(&[RESOURCE]), &[], false), Err(Reason::AudienceMismatch));
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

    /// AUD-14
    #[test]
    fn strict_mode_refuses_audiences_beyond_this_resource() {
        let accepted = strings(&[RESOURCE, "api://mcp"]);
        let strict = |audiences: &[&str]| judge(&strings(audiences), &accepted, true);
        assert_eq!(strict(&[RESOURCE]), Ok(()));
        assert_eq!(strict(&[RESOURCE, "api://mcp"]), Ok(()));
        assert_eq!(strict(&[RESOURCE, "other"]), Err(Reason::AudienceTooBroad));
        assert_eq!(strict(&[RESOURCE, ""]), Err(Reason::AudienceTooBroad));
        assert_eq!(strict(&["other"]), Err(Reason::AudienceMismatch));
    }
}
