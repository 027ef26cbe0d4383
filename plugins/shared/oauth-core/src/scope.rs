//! Scopes (RFC 6749 §3.3): whole tokens, compared with case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::challenge::MAX_VALUE_BYTES;
use crate::config::{Problems, at, at_index};
use crate::reason::Reason;
use crate::verified_claims::VerifiedClaims;

/// One scope-token (RFC 6749 §3.3): printable ASCII without space, quotation mark and backslash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeToken(String);

/// The text is not a scope-token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAScopeToken;

impl fmt::Display for NotAScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a scope: printable ASCII without spaces, quotation marks and backslashes (RFC 6749 section 3.3)",
        )
    }
}

impl ScopeToken {
    /// Checks the characters.
    ///
    /// # Errors
    /// [`NotAScopeToken`] if `text` is empty or has other characters.
    pub fn parse(text: &str) -> Result<Self, NotAScopeToken> {
        let valid = !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAScopeToken) }
    }

    /// Whether it asks for a refresh token (OpenID Connect Core 1.0 §11), which is no permission of a resource.
    #[must_use]
    pub fn is_offline_access(&self) -> bool {
        self.0 == "offline_access"
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ScopeToken {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ScopeToken {
    type Error = NotAScopeToken;

    fn try_from(text: String) -> Result<Self, NotAScopeToken> {
        Self::parse(&text)
    }
}

impl From<ScopeToken> for String {
    fn from(scope: ScopeToken) -> Self {
        scope.0
    }
}

/// A set of scopes; order and repetition carry no meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<ScopeToken>);

impl Scopes {
    /// Reads a space-separated list (RFC 6749 §3.3). The empty string is the empty set.
    ///
    /// # Errors
    /// [`NotAScopeToken`] if any element has forbidden characters, other whitespace among them.
    pub fn parse(list: &str) -> Result<Self, NotAScopeToken> {
        list.split(' ').filter(|element| !element.is_empty()).map(ScopeToken::parse).collect()
    }

    /// Whether exactly this scope is in the set.
    #[must_use]
    pub fn contains(&self, scope: &ScopeToken) -> bool {
        self.0.contains(scope)
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }
}

impl FromIterator<ScopeToken> for Scopes {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Which configured scope includes which others, so that a broader one satisfies a narrower one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeHierarchy(BTreeMap<ScopeToken, Vec<ScopeToken>>);

impl ScopeHierarchy {
    /// From a map of broader scope to the scopes that it includes. Inclusion carries over several steps; cycles are
    /// harmless.
    #[must_use]
    pub const fn new(includes: BTreeMap<ScopeToken, Vec<ScopeToken>>) -> Self {
        Self(includes)
    }

    /// Checks `scope_hierarchy` as configured; notes every mistake below `place`.
    pub fn settings(raw: &BTreeMap<String, Vec<String>>, place: &str, problems: &mut Problems) -> Self {
        let mut includes = BTreeMap::new();
        for (broad, narrow) in raw {
            let place = at(place, broad);
            let mut parse = |text: &str, place: &str| {
                let scope = ScopeToken::parse(text);
                if scope.is_err() {
                    problems.add(
                        place,
                        "is no scope (RFC 6749 section 3.3): expected one name without spaces, quotes or backslashes",
                    );
                }
                scope.ok()
            };
            let key = parse(broad, &place);
            let narrow = narrow.iter().enumerate().filter_map(|(index, text)| parse(text, &at_index(&place, index)));
            let narrow: Vec<ScopeToken> = narrow.collect();
            if let Some(broad) = key {
                includes.insert(broad, narrow);
            }
        }
        Self(includes)
    }

    /// `held` and everything that it includes.
    #[must_use]
    pub fn widen(&self, held: &Scopes) -> Scopes {
        let mut widened = held.0.clone();
        let mut pending: Vec<&ScopeToken> = held.0.iter().collect();
        while let Some(scope) = pending.pop() {
            for included in self.0.get(scope).into_iter().flatten() {
                if widened.insert(included.clone()) {
                    pending.push(included);
                }
            }
        }
        Scopes(widened)
    }
}

/// The scopes that a request needs and its token lacks. The challenge has to name all that are *needed*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingScopes(Vec<ScopeToken>);

impl MissingScopes {
    /// What is missing, in the order of the requirement; never empty.
    #[must_use]
    pub fn scopes(&self) -> &[ScopeToken] {
        &self.0
    }
}

impl From<MissingScopes> for Reason {
    /// RFC 6750 §3.1.
    fn from(_: MissingScopes) -> Self {
        Self::InsufficientScope
    }
}

/// The scopes that a client is to ask for so that its next token does: all that the request needs, and those that its
/// token holds already. Issuers grant scopes per request, so a client that asks for what is needed alone would come back
/// without the others.
///
/// `offline_access` is left out: it is for the client to ask for. Those of the token are left out where the list grows
/// too long for a challenge; those that are needed come first and never are.
#[must_use]
pub fn scopes_to_request<'s>(
    needed: impl IntoIterator<Item = &'s ScopeToken>,
    token: &'s impl AsRef<VerifiedClaims>,
) -> Vec<&'s ScopeToken> {
    let mut scopes: Vec<&ScopeToken> = needed.into_iter().collect();
    let mut length: usize = scopes.iter().map(|scope| scope.as_str().len().saturating_add(1)).sum();
    let needed: BTreeSet<&ScopeToken> = scopes.iter().copied().collect();
    let held = token.as_ref().scopes().iter();
    for scope in held.filter(|scope| !scope.is_offline_access() && !needed.contains(scope)) {
        length = length.saturating_add(scope.as_str().len()).saturating_add(1);
        if length > MAX_VALUE_BYTES {
            break;
        }
        scopes.push(scope);
    }
    scopes
}

/// Requires that the token holds every scope of `needed` (RFC 6750 §3.1).
///
/// # Errors
/// [`MissingScopes`], which converts to [`Reason::InsufficientScope`].
pub fn require_scopes(token: &impl AsRef<VerifiedClaims>, needed: &[ScopeToken]) -> Result<(), MissingScopes> {
    missing_from(token.as_ref().scopes(), needed)
}

/// Like [`require_scopes`], with a hierarchy: a broader scope satisfies the narrower ones that it includes.
///
/// # Errors
/// [`MissingScopes`], which converts to [`Reason::InsufficientScope`].
pub fn require_scopes_within<'s>(
    token: &impl AsRef<VerifiedClaims>,
    needed: impl IntoIterator<Item = &'s ScopeToken>,
    hierarchy: &ScopeHierarchy,
) -> Result<(), MissingScopes> {
    let held = token.as_ref().scopes();
    missing_from(held, needed).or_else(|MissingScopes(missing)| missing_from(&hierarchy.widen(held), &missing))
}

fn missing_from<'s>(held: &Scopes, needed: impl IntoIterator<Item = &'s ScopeToken>) -> Result<(), MissingScopes> {
    let missing: Vec<ScopeToken> = needed.into_iter().filter(|scope| !held.contains(scope)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(MissingScopes(missing)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::Challenge;
    use crate::claims::Claims;
    use crate::issuer::Profile;

    fn scope(text: &str) -> ScopeToken {
        ScopeToken::parse(text).unwrap()
    }

    fn held(list: &str) -> Scopes {
        Scopes::parse(list).unwrap()
    }

    /// COR-14
    #[test]
    fn scopes_match_as_whole_tokens_and_with_case() {
        let needed = [scope("read")];
        for list in ["thread:read-all", "READ", "Read", "read:all", "rea", "reads", "", "read,write", "unread"] {
            assert_eq!(missing_from(&held(list), &needed), Err(MissingScopes(vec![scope("read")])), "{list}");
        }
        for list in ["read", "a read b", " read ", "read read", "x  read"] {
            assert_eq!(missing_from(&held(list), &needed), Ok(()), "{list}");
        }
    }

    /// COR-12
    #[test]
    fn every_missing_scope_is_named() {
        let needed = [scope("b"), scope("a"), scope("c")];
        assert_eq!(missing_from(&held("a"), &needed).unwrap_err().scopes(), [scope("b"), scope("c")]);
        assert_eq!(Reason::from(missing_from(&held(""), &needed).unwrap_err()), Reason::InsufficientScope);
        assert_eq!(missing_from(&held(""), &[]), Ok(()));
    }

    fn token(scopes: &str) -> VerifiedClaims {
        let members = serde_json::json!({"iss": "i", "exp": 2_000_000_000, "scope": scopes});
        let claims = Claims::from_members(members.as_object().unwrap().clone(), Profile::Generic);
        VerifiedClaims::proven(claims.unwrap())
    }

    /// STP-04
    #[test]
    fn a_client_is_to_ask_for_what_is_needed_and_for_what_it_holds() {
        let needed = [scope("b"), scope("a")];
        for (holds, asked) in
            [("", "b a"), ("a", "b a"), ("c a openid", "b a c openid"), ("offline_access c", "b a c"), ("A", "b a A")]
        {
            let token = token(holds);
            let scopes: Vec<&str> = scopes_to_request(&needed, &token).into_iter().map(ScopeToken::as_str).collect();
            assert_eq!(scopes.join(" "), asked, "{holds}");
        }
        assert_eq!(scopes_to_request(&[], &token("x")), [&scope("x")]);
    }

    #[test]
    fn what_a_token_holds_never_pushes_out_what_is_needed() {
        let needed = [scope("needed"), scope("too")];
        for length in [1, 100, MAX_VALUE_BYTES - 13, MAX_VALUE_BYTES - 12, MAX_VALUE_BYTES, 2 * MAX_VALUE_BYTES] {
            for token in [token(&"a".repeat(length)), token(&format!("{} z", "a ".repeat(length)))] {
                let challenge = Challenge::bearer().scope(scopes_to_request(&needed, &token)).to_string();
                assert!(challenge.starts_with("Bearer scope=\"needed too"), "{length}");
            }
        }
    }

    /// COR-07
    #[test]
    fn only_scope_tokens_are_scopes() {
        for text in ["", " ", "a b", "a\"b", "a\\b", "é", "a\tb", "a\nb", "\0", "\u{7f}"] {
            assert_eq!(ScopeToken::parse(text), Err(NotAScopeToken), "{text:?}");
        }
        for text in ["!", "a,b", "https://h/scope.read", "~", "[]", "api://x/.default"] {
            assert!(ScopeToken::parse(text).is_ok(), "{text}");
        }
        assert_eq!(Scopes::parse("a\tb"), Err(NotAScopeToken));
        assert!(serde_json::from_str::<ScopeToken>("\"a b\"").is_err());
    }

    /// COR-13
    #[test]
    fn a_broader_scope_satisfies_a_narrower_one_but_never_the_other_way_round() {
        let includes = |broad: &str, narrow: &[&str]| (scope(broad), narrow.iter().map(|text| scope(text)).collect());
        let hierarchy = ScopeHierarchy::new(BTreeMap::from([
            includes("files:admin", &["files:write"]),
            includes("files:write", &["files:read"]),
            includes("x", &["y"]),
            includes("y", &["x"]),
        ]));
        let wide = hierarchy.widen(&held("files:admin x"));
        assert_eq!(wide, held("files:admin files:write files:read x y"));
        assert_eq!(hierarchy.widen(&held("files:read")), held("files:read"));
        assert_eq!(ScopeHierarchy::default().widen(&held("files:admin")), held("files:admin"));
    }
}
