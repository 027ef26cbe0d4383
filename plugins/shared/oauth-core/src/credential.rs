//! The credential of a request: the `Authorization` field (RFC 6750 §2.1, RFC 9110 §11.6.2).

use crate::reason::Reason;

/// The longest access token that is looked at, in bytes. Proxies cap all headers together near 60 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What the `Authorization` field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// No field, or only a scheme that is not supported (RFC 6750 §3.1: answered without an error code).
    Absent,
    /// A bearer token: characters of token68 only, not yet looked into.
    Bearer(&'a str),
}

/// Never prints the token.
impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}

/// Finds the bearer token among the values of all `Authorization` fields of one request.
///
/// Spaces and tabs around the value are dropped (RFC 9110 §5.5), the scheme is matched without case and is followed
/// by one or more spaces (RFC 6750 §2.1).
///
/// # Errors
/// - [`Reason::DuplicateCredential`]: several fields, or a bearer token and something else with a comma between them, which is
///   how proxies join several fields into one (RFC 9110 §5.3). No bearer token contains a comma, so nothing usable is lost;
///   parameters of another scheme do (RFC 9110 §11.4).
/// - [`Reason::CredentialMalformed`]: control or non-ASCII bytes, no scheme, or something other than token68.
/// - [`Reason::CredentialTooLarge`]: a token above [`MAX_TOKEN_BYTES`].
pub fn bearer<'a>(authorization: &[&'a [u8]]) -> Result<Credential<'a>, Reason> {
    let field = match authorization {
        [] => return Ok(Credential::Absent),
        [field] => *field,
        _ => return Err(Reason::DuplicateCredential),
    };
    let field = trim(field);
    let scheme_length = field.iter().take_while(|byte| is_tchar(**byte)).count();
    let (scheme, rest) = field.split_at_checked(scheme_length).ok_or(Reason::CredentialMalformed)?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(spaces..).ok_or(Reason::CredentialMalformed)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer");
    // A good credential is read once; only what is wrong with another one takes a second look.
    if is_bearer && spaces > 0 && token.len() <= MAX_TOKEN_BYTES && is_token68(token) {
        return std::str::from_utf8(token).map(Credential::Bearer).map_err(|_| Reason::CredentialMalformed);
    }
    if !field.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(Reason::CredentialMalformed);
    }
    if field.contains(&b',') && (is_bearer || scheme.is_empty() || joins_bearer(field)) {
        return Err(Reason::DuplicateCredential);
    }
    if scheme.is_empty() || !matches!(rest.first(), None | Some(b' ')) {
        return Err(Reason::CredentialMalformed);
    }
    if !is_bearer {
        return Ok(Credential::Absent);
    }
    Err(if token.len() > MAX_TOKEN_BYTES { Reason::CredentialTooLarge } else { Reason::CredentialMalformed })
}

/// Whether a bearer token follows a comma.
fn joins_bearer(field: &[u8]) -> bool {
    field.split(|byte| *byte == b',').skip(1).any(|part| {
        let part = trim(part);
        let scheme = part.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"Bearer")
    })
}

/// Drops optional whitespace around a field value (RFC 9110 §5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §11.2: at least one character, then only `=` to the end.
fn is_token68(value: &[u8]) -> bool {
    let mut body = value;
    while let [rest @ .., b'='] = body {
        body = rest;
    }
    !body.is_empty() && body.iter().all(|byte| TOKEN68.get(usize::from(*byte)).is_some_and(|in_body| *in_body))
}

/// By byte, whether it may stand in a token68 before its `=`: every byte of every request's token is looked up.
static TOKEN68: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/";
    while let [first, others @ ..] = rest {
        // A constant: an index out of bounds would not compile.
        #[allow(clippy::indexing_slicing)]
        {
            table[*first as usize] = true;
        }
        rest = others;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Result<Credential<'_>, Reason> {
        bearer(&[value.as_bytes()])
    }

    /// COR-01
    #[test]
    fn the_scheme_is_matched_without_case_and_followed_by_any_number_of_spaces() {
        for value in ["Bearer T", "bearer T", "BEARER T", "bEaReR  T", "Bearer      T"] {
            assert_eq!(one(value), Ok(Credential::Bearer("T")), "{value}");
        }
        assert_eq!(one("Bearer aZ09-._~+/=="), Ok(Credential::Bearer("aZ09-._~+/==")));
    }

    /// COR-02
    #[test]
    fn anything_but_token68_is_malformed() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer \"T\"",
            "Bearer T;",
            "Bearer =",
            "Bearer a=b",
            "Bearer a\\b",
            "Bearer {}",
            "Bearer T é",
            "Bearer tokén",
            "Bearer:T",
            "Bearer=T",
            "Bearer\u{a0}T",
            "",
            " ",
            "\"Bearer\" T",
            "(x) T",
            "=",
            "Bearer T\u{7f}",
            "Bearer T Bearer U",
            "Bearer %41",
        ] {
            assert_eq!(one(value), Err(Reason::CredentialMalformed), "{value:?}");
        }
    }

    /// COR-02
    #[test]
    fn bytes_that_are_not_utf8_are_malformed() {
        assert_eq!(bearer(&[b"Bearer \xff\xfe"]), Err(Reason::CredentialMalformed));
        assert_eq!(bearer(&[b"\xc0\x80"]), Err(Reason::CredentialMalformed));
    }

    /// COR-03
    #[test]
    fn no_field_or_only_an_unsupported_scheme_counts_as_no_credential() {
        assert_eq!(bearer(&[]), Ok(Credential::Absent));
        for value in [
            "Basic eDp5",
            "Basic x",
            "DPoP abc",
            "Negotiate",
            "Bearerx T",
            "XBearer T",
            "Digest a=\"b\"",
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"0\"",
            "AWS4-HMAC-SHA256 Credential=A/20261128/eu/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0",
            "Basic x,y",
        ] {
            assert_eq!(one(value), Ok(Credential::Absent), "{value}");
        }
    }

    /// SMG-01
    #[test]
    fn several_fields_are_duplicates_whichever_comes_first() {
        let fields: [&[&[u8]]; 6] = [
            &[b"Bearer good", b"Bearer bad"],
            &[b"Bearer bad", b"Bearer good"],
            &[b"Bearer T", b"Bearer T"],
            &[b"Basic x", b"Bearer T"],
            &[b"DPoP x", b"Bearer T"],
            &[b"", b"Bearer T"],
        ];
        for field in fields {
            assert_eq!(bearer(field), Err(Reason::DuplicateCredential));
        }
    }

    /// SMG-02, SMG-03
    #[test]
    fn fields_joined_with_a_comma_are_duplicates() {
        for value in [
            "Bearer T1,Bearer T2",
            "Bearer T1, Bearer T2",
            "Basic x,Bearer T",
            "Basic x, Bearer T",
            "Bearer T,Basic x",
            "DPoP x,Bearer T",
            "Bearer T, DPoP x",
            "Bearer T,",
            ",Bearer T",
            "Bearer ,T",
            ",",
            "Bearer T,,",
            "Digest a=\"b\", bEaReR T",
            "Digest a=\"b\",\tBearer\tT",
            "Basic x, Bearer",
        ] {
            assert_eq!(one(value), Err(Reason::DuplicateCredential), "{value}");
        }
    }

    /// SMG-05
    #[test]
    fn optional_whitespace_around_the_value_is_dropped() {
        for value in [" Bearer T", "Bearer T ", "\tBearer T\t", " \t Bearer  T \t "] {
            assert_eq!(one(value), Ok(Credential::Bearer("T")), "{value:?}");
        }
    }

    /// SMG-05
    #[test]
    fn tabs_inside_folds_and_control_bytes_are_malformed() {
        for value in [
            "Bearer\tT",
            "Bearer \tT",
            "Bearer\t T",
            "Bearer T\r\n U",
            "Bearer\r\n T",
            "Bearer T\n",
            "\nBearer T",
            "Bearer T\0",
            "Bear\0er T",
            "Basic\tx",
            "Basic x\r\nBearer T",
            "Bearer T\u{b}",
        ] {
            assert_eq!(one(value), Err(Reason::CredentialMalformed), "{value:?}");
        }
    }

    #[test]
    fn a_token_above_the_limit_is_too_large_and_one_at_the_limit_is_not() {
        let limit = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES));
        assert!(matches!(one(&limit), Ok(Credential::Bearer(token)) if token.len() == MAX_TOKEN_BYTES));
        assert_eq!(one(&format!("{limit}a")), Err(Reason::CredentialTooLarge));
    }

    #[test]
    fn debug_output_never_shows_the_token() {
        assert_eq!(format!("{:?}", one("Bearer secret").unwrap()), "Bearer(..)");
    }
}
