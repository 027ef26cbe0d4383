//! Amounts, exact: no binary float ever holds one.

/// A non-negative decimal. Whole part and fraction, the latter in units of 10^-18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal {
    whole: u64,
    fraction: u64,
}

/// Digits of a decimal, those of whole part and fraction together.
const MOST_DIGITS: usize = 18;

impl Decimal {
    /// Reads `123`, `123.50`, `0.5`: at most 18 digits, no sign, no exponent, no zero that could be left out in front.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (text, ""),
        };
        let digits = whole.len().checked_add(fraction.len())?;
        let is_plain = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let has_zero_in_front = whole.len() > 1 && whole.starts_with('0');
        if !is_plain || whole.is_empty() || has_zero_in_front || digits > MOST_DIGITS {
            return None;
        }
        let fraction = format!("{fraction:0<MOST_DIGITS$}");
        Some(Self { whole: whole.parse().ok()?, fraction: fraction.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Decimal {
        Decimal::read(text).unwrap_or_else(|| panic!("{text}"))
    }

    /// RAR-09
    #[test]
    fn compares_by_value_to_the_last_digit() {
        for (less, more) in [
            ("0", "0.00000000000000001"),
            ("9", "10"),
            ("123.4", "123.50"),
            ("0.1", "0.2"),
            ("99999999999999998", "99999999999999999"),
            ("9007199254740992", "9007199254740993"),
            ("0.30000000000000000", "0.30000000000000001"),
            ("1.9", "10.0"),
        ] {
            assert!(read(less) < read(more), "{less} {more}");
        }
        for (one, other) in [("123.5", "123.50"), ("1", "1.000"), ("0", "0.0")] {
            assert_eq!(read(one), read(other));
        }
    }

    /// RAR-08
    #[test]
    fn what_is_no_plain_decimal_is_none() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "-0",
            "1e3",
            "1E3",
            "0x1",
            "01",
            "00",
            "1,5",
            "1 ",
            " 1",
            "1_0",
            "NaN",
            "inf",
            "1.2.3",
            "1234567890123456789",
            "0.123456789012345678",
            "\u{661}",
            "1\u{0}",
        ] {
            assert_eq!(Decimal::read(text), None, "{text:?}");
        }
        assert!(Decimal::read("123456789012345678").is_some() && Decimal::read("1.23456789012345678").is_some());
    }
}
