//! The arithmetic of the report.

/// Several measurements of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = if values.len().is_multiple_of(2) { *values.get(middle.checked_sub(1)?)? } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }
}

/// How often the second fits into the first, round by round: rounds in which the machine was slow are slow for both.
pub(crate) fn ratios<'a>(ours: &'a [f64], theirs: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0).map(|(ours, theirs)| ours / theirs)
}

/// With narrow groups of three digits.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        let spread = |median, least, most| Some(Spread { median, least, most });
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([4.0]), spread(4.0, 4.0, 4.0));
        assert_eq!(Spread::of([9.0, 1.0, 4.0]), spread(4.0, 1.0, 9.0));
        assert_eq!(Spread::of([9.0, 1.0, 4.0, 6.0]), spread(5.0, 1.0, 9.0));
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        // The machine was half as fast in the second round: the ratio does not show it.
        let found: Vec<f64> = ratios(&[300.0, 150.0, 320.0], &[200.0, 100.0, 200.0]).collect();
        assert_eq!(found, [1.5, 1.5, 1.6]);
        assert_eq!(ratios(&[1.0], &[0.0]).count(), 0);
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!([7.4, 999.6, 12_345.0, 1_234_567.0].map(grouped), ["7", "1 000", "12 345", "1 234 567"]);
    }
}
