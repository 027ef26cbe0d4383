//! Time as an input: instants come from the caller, so that tests own the clock.

use std::time::Duration;

use serde_json::Value;

/// The last second of the year 9999. A NumericDate beyond it is a mistake or an attack, not a date.
const LATEST_SECOND: i64 = 253_402_300_799;

/// An instant, in whole milliseconds since 1970-01-01T00:00:00Z without leap seconds (RFC 7519 §2, NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// From whole seconds since the epoch; saturates.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved later by `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// This instant moved earlier by `duration`; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(milliseconds(duration)))
    }

    /// How long `earlier` lies before this instant; zero when it does not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads a NumericDate (RFC 7519 §2): a JSON number of seconds, fractions allowed.
    ///
    /// # Errors
    /// [`NotANumericDate`] for any other JSON type, for negative values and for values after the year 9999.
    pub fn from_numeric_date(value: &Value) -> Result<Self, NotANumericDate> {
        let Value::Number(number) = value else { return Err(NotANumericDate) };
        if let Some(seconds) = number.as_i64() {
            return if (0..=LATEST_SECOND).contains(&seconds) {
                Ok(Self::from_secs(seconds))
            } else {
                Err(NotANumericDate)
            };
        }
        let seconds = number.as_f64().ok_or(NotANumericDate)?;
        // Written so that NaN fails too.
        if !(seconds >= 0.0 && seconds <= LATEST_SECOND as f64) {
            return Err(NotANumericDate);
        }
        // At most 2.6e14, far inside both f64's exact integers and i64.
        Ok(Self((seconds * 1000.0).floor() as i64))
    }
}

/// The value is not a usable NumericDate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumericDate;

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<UnixTime, NotANumericDate> {
        UnixTime::from_numeric_date(&serde_json::from_str(json).unwrap())
    }

    /// JWT-21
    #[test]
    fn numeric_dates_may_be_whole_fractional_or_written_with_an_exponent() {
        assert_eq!(read("1700000000"), Ok(UnixTime::from_secs(1_700_000_000)));
        assert_eq!(read("1700000000.5"), Ok(UnixTime::from_millis(1_700_000_000_500)));
        assert_eq!(read("1.7e9"), Ok(UnixTime::from_secs(1_700_000_000)));
        assert_eq!(read("0"), Ok(UnixTime::from_secs(0)));
        assert_eq!(read("-0.0"), Ok(UnixTime::from_secs(0)));
        assert_eq!(read("253402300799"), Ok(UnixTime::from_secs(LATEST_SECOND)));
    }

    /// JWT-21
    #[test]
    fn everything_else_is_not_a_numeric_date() {
        for json in [
            "\"1700000000\"",
            "9.3e18",
            "1e308",
            "-1",
            "-0.5",
            "-9223372036854775808",
            "18446744073709551615",
            "253402300800",
            "253402300799.5",
            "null",
            "true",
            "[]",
            "{}",
            "[1700000000]",
        ] {
            assert_eq!(read(json), Err(NotANumericDate), "{json}");
        }
    }

    #[test]
    fn arithmetic_saturates_and_never_wraps() {
        let end = UnixTime::from_millis(i64::MAX);
        let start = UnixTime::from_millis(i64::MIN);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(start.minus(Duration::MAX), start);
        assert_eq!(UnixTime::from_secs(i64::MAX), end);
        assert_eq!(end.since(start), Duration::from_millis(i64::MAX as u64));
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(UnixTime::from_millis(-1).as_secs(), -1);
    }
}
