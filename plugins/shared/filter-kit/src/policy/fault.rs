//! Why a callout brought nothing.

use std::time::Duration;

use super::MAX_ANSWER;
#[cfg(any(target_family = "wasm", test))]
use crate::fields::Fields;

/// Why a callout failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The proxy did not take it: unknown cluster, no healthy host.
    NotSent,
    /// The answer had no headers: it was cut off, or too large for the proxy.
    NoHeaders,
    /// A status that was not asked for; the proxy says 503 for a refused or reset connection and 504 for a timeout.
    Status(u16),
    /// 429 or 503, and not to come back before this time has gone by (`Retry-After`, RFC 9110 §10.2.3); at most an hour.
    NotBefore {
        /// The status.
        status: u16,
        /// More than zero.
        wait: Duration,
    },
    /// A body of more than [`MAX_ANSWER`] bytes.
    TooLarge,
    /// A body in another content coding than `identity`, although no other was accepted (RFC 9110 §8.4, §12.5.3).
    Coded(&'static str),
    /// The proxy's own timeout never fired.
    Deadline,
}

/// Whoever asks for more is asked again after this time.
#[cfg(any(target_family = "wasm", test))]
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The content codings that a log may name (RFC 9110 §8.4.1, RFC 7932 §13, RFC 8878 §7.2).
#[cfg(any(target_family = "wasm", test))]
const CODINGS: [&str; 5] = ["gzip", "deflate", "br", "zstd", "compress"];

#[cfg(any(target_family = "wasm", test))]
impl Fault {
    /// That of a status which was not asked for. `retry_after` is the field of that name, if there is one: seconds; a date is
    /// not read.
    pub(crate) fn of_status(status: u16, retry_after: Option<&[u8]>) -> Self {
        let digits = retry_after.filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit));
        // More digits than fit a number are a very long time.
        let seconds =
            digits.and_then(|value| std::str::from_utf8(value).ok()).map(|text| text.parse().unwrap_or(u64::MAX));
        match seconds {
            Some(seconds @ 1..) if matches!(status, 429 | 503) => {
                Self::NotBefore { status, wait: Duration::from_secs(seconds).min(LONGEST_WAIT) }
            }
            _ => Self::Status(status),
        }
    }

    /// That of an answer whose body is coded: nothing here decodes, and the bytes would only look like a broken document.
    pub(crate) fn of_coding(answer: &Fields) -> Option<Self> {
        let named = |coding: &[u8]| CODINGS.into_iter().find(|known| coding.eq_ignore_ascii_case(known.as_bytes()));
        answer
            .all("content-encoding")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            // A list may have empty elements (RFC 9110 §5.6.1).
            .find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
            .map(|coding| Self::Coded(named(coding).unwrap_or("otherwise")))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotSent => write!(f, "the proxy did not send it (is the cluster configured and healthy?)"),
            Self::NoHeaders => write!(f, "the answer was cut off"),
            // The proxy answers so when it gets no connection, and in time.
            Self::Status(status @ (503 | 504)) => {
                write!(f, "status {status}, from the host or because the proxy could not reach it")
            }
            Self::Status(status) => write!(f, "status {status}"),
            Self::NotBefore { status, wait } => {
                write!(f, "status {status}, to be asked again after {} s", wait.as_secs())
            }
            Self::TooLarge => write!(f, "the answer is larger than {MAX_ANSWER} bytes"),
            Self::Coded(coding) => write!(f, "the answer is {coding}-coded: expected identity"),
            Self::Deadline => write!(f, "no answer in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TEX-28
    #[test]
    fn who_says_when_to_come_back_is_taken_at_its_word_up_to_an_hour() {
        let wait = |status, retry_after: &str| match Fault::of_status(status, Some(retry_after.as_bytes())) {
            Fault::NotBefore { wait, .. } => Some(wait.as_secs()),
            _ => None,
        };
        for (retry_after, seconds) in [("30", 30), ("1", 1), ("007", 7), ("3600", 3600), ("3601", 3600)] {
            assert_eq!(
                (wait(429, retry_after), wait(503, retry_after)),
                (Some(seconds), Some(seconds)),
                "{retry_after}"
            );
        }
        assert_eq!(wait(429, "99999999999999999999999"), Some(3600));
        for other in ["", "0", "-1", "+1", "1.5", "30 ", "30s", "Fri, 31 Dec 1999 23:59:59 GMT", "\u{e9}"] {
            assert_eq!(wait(429, other), None, "{other}");
        }
        assert_eq!((wait(500, "30"), wait(504, "30"), wait(302, "30")), (None, None, None));
        assert_eq!(Fault::of_status(429, None), Fault::Status(429));
    }

    #[test]
    fn a_coded_answer_is_named_by_its_first_coding_that_is_not_identity() {
        let of = |values: &[&str]| {
            let fields: Fields =
                values.iter().map(|value| (b"Content-Encoding".to_vec(), value.as_bytes().to_vec())).collect();
            Fault::of_coding(&fields).map(|fault| fault.to_string())
        };
        let plain: [&[&str]; 6] = [&[], &[""], &["identity"], &["Identity"], &["identity, identity"], &[" , identity"]];
        for plain in plain {
            assert_eq!(of(plain), None, "{plain:?}");
        }
        let coded: [(&[&str], &str); 8] = [
            (&["gzip"], "gzip"),
            (&["GZIP"], "gzip"),
            (&["identity, br"], "br"),
            (&["identity", "zstd"], "zstd"),
            (&[" deflate , gzip"], "deflate"),
            (&["x-gzip"], "otherwise"),
            (&["gzip;q=1"], "otherwise"),
            (&["\u{e9}\n"], "otherwise"),
        ];
        for (coded, name) in coded {
            assert_eq!(of(coded), Some(format!("the answer is {name}-coded: expected identity")), "{coded:?}");
        }
    }
}
