//! `WWW-Authenticate`, read as a client reads it.

use http_auth::parse_challenges;

/// One challenge; its methods assert and chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeView {
    scheme: String,
    params: Vec<(String, String)>,
}

impl ChallengeView {
    /// All challenges of one field value.
    ///
    /// # Panics
    /// If it does not parse.
    pub(crate) fn parse(value: &str) -> Vec<Self> {
        let challenges = parse_challenges(value)
            .unwrap_or_else(|error| panic!("WWW-Authenticate does not parse: {value:?}: {error:?}"));
        challenges
            .iter()
            .map(|challenge| Self {
                scheme: challenge.scheme.to_owned(),
                params: challenge
                    .params
                    .iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.to_unescaped()))
                    .collect(),
            })
            .collect()
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Asserts the scheme, whatever its case.
    ///
    /// # Panics
    /// If it is another.
    pub fn scheme(&self, scheme: &str) -> &Self {
        assert!(self.scheme.eq_ignore_ascii_case(scheme), "the scheme is not {scheme}: {self:?}");
        self
    }

    /// Asserts a parameter's value, and that it is there once.
    ///
    /// # Panics
    /// If it is absent, doubled, or has another value.
    pub fn param(&self, name: &str, value: &str) -> &Self {
        self.has_param(name);
        assert_eq!(self.get(name), Some(value), "the parameter '{name}' of {self:?}");
        self
    }

    /// Asserts that a parameter is there once, with any value.
    ///
    /// # Panics
    /// If it is absent or doubled.
    pub fn has_param(&self, name: &str) -> &Self {
        let count = self.params.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
        assert!(count == 1, "the parameter '{name}' is there {count} times: {self:?}");
        self
    }

    /// Asserts that a parameter is absent.
    ///
    /// # Panics
    /// If it is there.
    pub fn no_param(&self, name: &str) -> &Self {
        assert!(self.get(name).is_none(), "the parameter '{name}' is there: {self:?}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_unescaped() {
        let [challenge] = <[ChallengeView; 1]>::try_from(ChallengeView::parse(
            r#"Bearer error="invalid_token", error_description="say \"please\"""#,
        ))
        .unwrap();
        challenge.scheme("bearer").param("error", "invalid_token").param("error_description", r#"say "please""#);
        challenge.no_param("scope");
    }

    #[test]
    fn two_challenges_in_one_field_are_two() {
        let challenges = ChallengeView::parse(r#"Bearer realm="a", DPoP algs="ES256""#);
        assert_eq!(challenges.len(), 2);
        challenges[1].scheme("DPoP").has_param("algs");
    }
}
