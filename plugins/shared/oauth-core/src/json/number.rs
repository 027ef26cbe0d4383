//! Numbers by their text (RFC 8259 §6).

/// Whether two texts are JSON numbers of the same value, without passing through a double: `42.0` is `42`.
#[must_use]
pub fn same_number(one: &str, other: &str) -> bool {
    matches!((Decimal::read(one), Decimal::read(other)), (Some(one), Some(other)) if one == other)
}

/// A number in its one normal form: digits without zeros at either end, times a power of ten.
#[derive(PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let is_negative = text.starts_with('-');
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !is_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let exponent = exponent.map_or(Some(0), read_exponent)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0');
        let trimmed = significant.trim_end_matches('0');
        if trimmed.is_empty() {
            return Some(Self { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let dropped = i64::try_from(significant.len().checked_sub(trimmed.len())?).ok()?;
        Some(Self { is_negative, digits: trimmed.to_owned(), exponent: exponent.checked_add(dropped)? })
    }
}

fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_digits(digits) { text.strip_prefix('+').unwrap_or(text).parse().ok() } else { None }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_values_and_not_spellings() {
        for (one, other) in [
            ("42", "42.0"),
            ("42", "4.2e1"),
            ("100", "1E+2"),
            ("0", "-0.0e7"),
            ("-7", "-7.00"),
            ("0.001", "1e-3"),
            ("12345678901234567890.10", "12345678901234567890.1"),
        ] {
            assert!(same_number(one, other) && same_number(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("42", "43"),
            ("42", "-42"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.10000000000000000001"),
            ("10", "1"),
            ("1", "0"),
        ] {
            assert!(!same_number(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_json_number_is_equal_to_nothing() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            ".5",
            "5.",
            "1e",
            "1e+",
            "1e--1",
            "0x1",
            " 1",
            "1 ",
            "NaN",
            "1e99999999999999999999",
            "1_0",
        ] {
            assert!(!same_number(text, text), "{text:?}");
        }
    }
}
