//! Building a `WWW-Authenticate` challenge (RFC 9110 §11.6.1, RFC 6750 §3).

use std::collections::BTreeMap;
use std::fmt;

/// The longest challenge that is emitted, in bytes: proxies and clients commonly refuse fields above 8 KiB.
pub const MAX_CHALLENGE_BYTES: usize = 8 * 1024;

/// The longest free text (`realm`, `error_description`), in bytes; longer text is cut.
const MAX_TEXT_BYTES: usize = 256;

/// The longest list or URI, in bytes; a longer one is left out, since a part of it would mean something else.
pub(crate) const MAX_VALUE_BYTES: usize = 4096;

/// Stands for a character that may not appear in a challenge.
const REPLACEMENT: char = '?';

/// The realm of a challenge that would otherwise have no parameter (RFC 6750 §3 asks for at least one).
pub(crate) const DEFAULT_REALM: &str = "fourleg";

/// An authentication scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    DPoP,
}

/// An authentication parameter, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Parameter {
    Realm,
    AuthorizationUri,
    Error,
    ErrorDescription,
    ErrorUri,
    Scope,
    AcrValues,
    MaxAge,
    Claims,
    Algs,
    ResourceMetadata,
    AuthorizationRemediation,
}

impl Parameter {
    const fn name(self) -> &'static str {
        match self {
            Self::Realm => "realm",
            Self::AuthorizationUri => "authorization_uri",
            Self::Error => "error",
            Self::ErrorDescription => "error_description",
            Self::ErrorUri => "error_uri",
            Self::Scope => "scope",
            Self::AcrValues => "acr_values",
            Self::MaxAge => "max_age",
            Self::Claims => "claims",
            Self::Algs => "algs",
            Self::ResourceMetadata => "resource_metadata",
            Self::AuthorizationRemediation => "authorization_remediation",
        }
    }
}

/// What is given up first when a challenge grows too long: prose, then hints, then what the client needs most.
const DISPENSABLE: [Parameter; 11] = [
    Parameter::ErrorDescription,
    Parameter::ErrorUri,
    Parameter::Realm,
    Parameter::AuthorizationUri,
    Parameter::Scope,
    Parameter::Algs,
    Parameter::AuthorizationRemediation,
    Parameter::ResourceMetadata,
    Parameter::AcrValues,
    Parameter::MaxAge,
    Parameter::Claims,
];

/// One challenge: a scheme with parameters, each at most once (RFC 6750 §3).
///
/// Whatever is put in, the result is one line of printable ASCII without escapes, at most [`MAX_CHALLENGE_BYTES`]
/// long, and with at least one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    parameters: BTreeMap<Parameter, String>,
}

impl Challenge {
    /// A `Bearer` challenge (RFC 6750 §3).
    #[must_use]
    pub const fn bearer() -> Self {
        Self { scheme: Scheme::Bearer, parameters: BTreeMap::new() }
    }

    /// A `DPoP` challenge (RFC 9449 §7.1).
    #[must_use]
    pub const fn dpop() -> Self {
        Self { scheme: Scheme::DPoP, parameters: BTreeMap::new() }
    }

    /// The protection space, as text for people (RFC 9110 §11.5).
    #[must_use]
    pub fn realm(self, text: &str) -> Self {
        self.text(Parameter::Realm, text)
    }

    /// The challenge without `realm`.
    #[must_use]
    pub fn without_realm(self) -> Self {
        self.without(Parameter::Realm)
    }

    /// The error code (RFC 6750 §3.1).
    #[must_use]
    pub fn error(self, code: &str) -> Self {
        self.text(Parameter::Error, code)
    }

    /// Text for the developer of the client (RFC 6750 §3).
    #[must_use]
    pub fn error_description(self, text: &str) -> Self {
        self.text(Parameter::ErrorDescription, text)
    }

    /// A page about the error (RFC 6750 §3). Left out if it has characters that no URI has.
    #[must_use]
    pub fn error_uri(self, uri: &str) -> Self {
        self.exact(Parameter::ErrorUri, uri)
    }

    /// The scopes that the request needs (RFC 6750 §3). Those that are no scope-token are left out.
    #[must_use]
    pub fn scope<I>(self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.list(Parameter::Scope, scopes)
    }

    /// Where the protected resource metadata is (RFC 9728 §5.1). Left out if it has characters that no URI has.
    #[must_use]
    pub fn resource_metadata(self, uri: &str) -> Self {
        self.exact(Parameter::ResourceMetadata, uri)
    }

    /// The authentication context classes of which one is needed, best first (RFC 9470 §3).
    #[must_use]
    pub fn acr_values<I>(self, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.list(Parameter::AcrValues, values)
    }

    /// The seconds since the user's last authentication that are still accepted (RFC 9470 §3).
    #[must_use]
    pub fn max_age(self, seconds: u64) -> Self {
        self.exact(Parameter::MaxAge, &seconds.to_string())
    }

    /// A claims request, already base64 encoded (Microsoft Entra claims challenge).
    #[must_use]
    pub fn claims(self, base64: &str) -> Self {
        self.exact(Parameter::Claims, base64)
    }

    /// The authorization details to ask for, already base64url encoded
    /// ([`crate::authorization_details::remediation`]).
    #[must_use]
    pub fn authorization_remediation(self, base64url: &str) -> Self {
        self.exact(Parameter::AuthorizationRemediation, base64url)
    }

    /// The authorization endpoint (Microsoft Entra claims challenge). Left out if it has characters that no URI has.
    #[must_use]
    pub fn authorization_uri(self, uri: &str) -> Self {
        self.exact(Parameter::AuthorizationUri, uri)
    }

    /// The algorithms that a DPoP proof may use (RFC 9449 §7.1).
    #[must_use]
    pub fn algs<I>(self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.list(Parameter::Algs, names)
    }

    /// The challenge without `error`, `error_description` and `error_uri` (RFC 6750 §3.1: a request without
    /// authentication information gets none).
    #[must_use]
    pub fn without_error(mut self) -> Self {
        for parameter in [Parameter::Error, Parameter::ErrorDescription, Parameter::ErrorUri] {
            self.parameters.remove(&parameter);
        }
        self
    }

    /// The field value, for one `WWW-Authenticate` field of its own.
    #[must_use]
    pub fn to_header_value(&self) -> String {
        self.to_string()
    }

    fn text(mut self, parameter: Parameter, text: &str) -> Self {
        let clean = text.chars().map(|c| if is_text(c) { c } else { REPLACEMENT }).take(MAX_TEXT_BYTES).collect();
        self.parameters.insert(parameter, clean);
        self
    }

    fn exact(mut self, parameter: Parameter, value: &str) -> Self {
        if !value.is_empty() && value.len() <= MAX_VALUE_BYTES && value.chars().all(is_token_char) {
            self.parameters.insert(parameter, value.to_owned());
        } else {
            // A value set earlier must not survive as if it were the new one.
            self.parameters.remove(&parameter);
        }
        self
    }

    fn list<I>(self, parameter: Parameter, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut joined = String::new();
        for value in values {
            let value = value.as_ref();
            if value.is_empty() || !value.chars().all(is_token_char) {
                continue;
            }
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(value);
            if joined.len() > MAX_VALUE_BYTES {
                return self.without(parameter);
            }
        }
        let mut challenge = self.without(parameter);
        if !joined.is_empty() {
            challenge.parameters.insert(parameter, joined);
        }
        challenge
    }

    fn without(mut self, parameter: Parameter) -> Self {
        self.parameters.remove(&parameter);
        self
    }

    /// Scheme, then `name="value"` joined with commas (RFC 9110 §11.2). No value needs an escape.
    fn write(&self, skipped: &[Parameter]) -> String {
        let scheme = match self.scheme {
            Scheme::Bearer => "Bearer",
            Scheme::DPoP => "DPoP",
        };
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .filter(|(parameter, _)| !skipped.contains(parameter))
            .map(|(parameter, value)| format!("{}=\"{value}\"", parameter.name()))
            .collect();
        if parameters.is_empty() {
            return format!("{scheme} realm=\"{DEFAULT_REALM}\"");
        }
        format!("{scheme} {}", parameters.join(", "))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.write(&[]);
        let mut dropped = Vec::new();
        for parameter in DISPENSABLE {
            if value.len() <= MAX_CHALLENGE_BYTES {
                break;
            }
            dropped.push(parameter);
            value = self.write(&dropped);
        }
        f.write_str(&value)
    }
}

/// OAuth 2.1 §5.3.1: printable ASCII without quotation mark and backslash, so that quoting needs no escapes.
fn is_text(c: char) -> bool {
    matches!(c, ' '..='!' | '#'..='[' | ']'..='~')
}

/// Whether all of these values fit the one parameter of a challenge that lists them; otherwise it would be left out.
#[must_use]
pub(crate) fn can_be_listed<I: AsRef<str>>(values: &[I]) -> bool {
    let plain = |value: &str| !value.is_empty() && value.chars().all(is_token_char);
    let bytes = values.iter().fold(0_usize, |sum, value| sum.saturating_add(value.as_ref().len()).saturating_add(1));
    bytes <= MAX_VALUE_BYTES && values.iter().all(|value| plain(value.as_ref()))
}

/// RFC 6749 §3.3: the same without space.
fn is_token_char(c: char) -> bool {
    c != ' ' && is_text(c)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Reads a header value with an independent strict parser of RFC 9110 §11.6.1.
    fn read(value: &str) -> Vec<(String, Vec<(String, String)>)> {
        assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "not one printable line: {value:?}");
        http_auth::ChallengeParser::new(value)
            .map(|challenge| {
                let challenge = challenge.unwrap_or_else(|error| panic!("{value:?}: {error}"));
                let parameters =
                    challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect();
                (challenge.scheme.to_owned(), parameters)
            })
            .collect()
    }

    fn read_one(challenge: &Challenge) -> Vec<(String, String)> {
        let mut all = read(&challenge.to_header_value());
        assert_eq!(all.len(), 1);
        let (scheme, parameters) = all.remove(0);
        assert_eq!(scheme, "Bearer");
        parameters
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// Everything set, every value hostile and long.
    fn loaded(hostile: &str) -> Challenge {
        Challenge::bearer()
            .realm(hostile)
            .error(hostile)
            .error_description(hostile)
            .error_uri(hostile)
            .scope([hostile, "files:read"])
            .resource_metadata(hostile)
            .acr_values([hostile, "phr"])
            .max_age(u64::MAX)
            .claims(hostile)
            .authorization_uri(hostile)
            .algs([hostile])
    }

    /// COR-05
    #[test]
    fn a_strict_parser_reads_back_what_was_put_in() {
        let challenge = Challenge::bearer()
            .realm("tools of example")
            .error("insufficient_scope")
            .error_description("needs more")
            .scope(["files:read", "files:write"])
            .resource_metadata("https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
        assert_eq!(
            read_one(&challenge),
            [
                pair("realm", "tools of example"),
                pair("error", "insufficient_scope"),
                pair("error_description", "needs more"),
                pair("scope", "files:read files:write"),
                pair("resource_metadata", "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"),
            ]
        );
    }

    /// COR-05
    #[test]
    fn a_challenge_without_parameters_gets_a_realm() {
        assert_eq!(read_one(&Challenge::bearer()), [pair("realm", "fourleg")]);
        assert_eq!(Challenge::dpop().to_string(), "DPoP realm=\"fourleg\"");
        assert_eq!(
            read_one(&Challenge::bearer().resource_metadata("not a uri").scope(["\""])),
            [pair("realm", "fourleg")]
        );
        assert_eq!(read_one(&Challenge::bearer().error("x").without_error()), [pair("realm", "fourleg")]);
    }

    /// COR-06
    #[test]
    fn each_name_appears_at_most_once_however_often_it_is_set() {
        let challenge = loaded("a").realm("b").error("c").error("d").scope(["e"]).scope(["f"]).error_description("g");
        let parameters = read_one(&challenge);
        let names: BTreeSet<&String> = parameters.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), parameters.len());
        assert_eq!(names.len(), 11);
        assert!(parameters.contains(&pair("error", "d")) && parameters.contains(&pair("scope", "f")));
    }

    /// COR-06
    #[test]
    fn a_value_that_cannot_be_written_does_not_leave_the_previous_one_behind() {
        let challenge =
            Challenge::bearer().resource_metadata("https://a").resource_metadata("https://b c").scope(["x"]);
        assert_eq!(read_one(&challenge), [pair("scope", "x")]);
        assert_eq!(read_one(&challenge.scope(["\u{e9}"])), [pair("realm", "fourleg")]);
    }

    /// COR-07
    #[test]
    fn forbidden_characters_never_reach_the_header() {
        for hostile in [
            "\"",
            "\\",
            "a\r\nSet-Cookie: x=1",
            "a\0b",
            "é",
            "\u{2028}",
            "\", error=\"invalid_token",
            "\u{7f}",
            "\t",
            "😀\\\"\n",
        ] {
            let parameters = read_one(&loaded(hostile));
            for (name, value) in &parameters {
                assert!(value.chars().all(is_text), "{name}={value:?}");
            }
            assert_eq!(parameters.iter().filter(|(name, _)| name == "error").count(), 1);
            // Lists lose only the bad element, URIs are left out as a whole, text is kept with replacements.
            assert!(parameters.contains(&pair("scope", "files:read")));
            assert!(parameters.contains(&pair("acr_values", "phr")));
            assert!(!parameters.iter().any(|(name, _)| name == "resource_metadata" || name == "claims"));
            assert!(parameters.iter().any(|(name, value)| name == "error_description" && value.contains(REPLACEMENT)));
        }
    }

    #[test]
    fn an_oversized_challenge_loses_prose_first_and_stays_within_the_bound() {
        let long = "a".repeat(MAX_VALUE_BYTES);
        let challenge = loaded(&long);
        let value = challenge.to_header_value();
        assert!(value.len() <= MAX_CHALLENGE_BYTES, "{}", value.len());
        let parameters = read_one(&challenge);
        assert!(parameters.iter().any(|(name, _)| name == "error"));
        assert!(!parameters.iter().any(|(name, _)| name == "error_description"));
        assert!(Challenge::bearer().scope([&long, &long]).to_string() == "Bearer realm=\"fourleg\"");
        assert!(read_one(&Challenge::bearer().realm(&"é".repeat(100_000)))[0].1.len() == MAX_TEXT_BYTES);
    }

    /// SMG-03
    #[test]
    fn several_challenges_can_share_one_field() {
        let joined = format!(
            "{}, {}",
            Challenge::bearer().error("invalid_request"),
            Challenge::dpop().error("invalid_request").algs(["ES256", "EdDSA"])
        );
        let all = read(&joined);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0], ("Bearer".to_owned(), vec![pair("error", "invalid_request")]));
        assert_eq!(all[1], ("DPoP".to_owned(), vec![pair("error", "invalid_request"), pair("algs", "ES256 EdDSA")]));
    }

    /// STP-02, STP-03
    #[test]
    fn step_up_parameters_are_written_as_quoted_strings() {
        let challenge =
            Challenge::bearer().error("insufficient_user_authentication").acr_values(["phr", "mfa"]).max_age(0);
        assert_eq!(
            challenge.to_string(),
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"phr mfa\", max_age=\"0\""
        );
    }
}
