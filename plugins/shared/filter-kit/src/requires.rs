//! `requires`: filters that must have let a request through before this one does anything with it.
//!
//! Each decision leaves an audit record in the filter state; a filter that did not run, was disabled for the route, only
//! watches, or has yet to decide (its body is still on its way) left no record of an enforcing allow. Records can be
//! written by every Wasm module of the chain, which is trusted.

use oauth_core::config::{Problems, at_index};
use serde::Deserialize;

use crate::{
    audit::RecordObject,
    policy::PropertyPath,
    request::{Property, RequestHead},
};

/// A filter that can be required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RequiredFilter {
    /// It verifies the token.
    AudienceValidation,
    /// It asks for a stronger sign-in.
    ClaimChallenge,
    /// It compares `authorization_details`.
    RarEnforcement,
}

impl RequiredFilter {
    /// The key of its audit record.
    const fn record(self) -> &'static str {
        match self {
            Self::AudienceValidation => "fourleg.audit.audience_validation",
            Self::ClaimChallenge => "fourleg.audit.claim_challenge",
            Self::RarEnforcement => "fourleg.audit.rar_enforcement",
        }
    }

    /// How the record of an enforcing allow begins, as [`crate::audit::Record::new`] writes it.
    const fn allow(self) -> &'static str {
        match self {
            Self::AudienceValidation => r#"{"plugin":"audience_validation","decision":"allow","#,
            Self::ClaimChallenge => r#"{"plugin":"claim_challenge","decision":"allow","#,
            Self::RarEnforcement => r#"{"plugin":"rar_enforcement","decision":"allow","#,
        }
    }
}

/// The filters that must have let a request through.
#[derive(Clone, Debug, Default)]
pub struct Requires {
    filters: Vec<RequiredFilter>,
}

impl Requires {
    /// Checks the list at `place`; notes every mistake.
    pub fn settings(raw: Option<&[RequiredFilter]>, place: &str, problems: &mut Problems) -> Self {
        let mut filters = Vec::new();
        for (index, filter) in raw.unwrap_or_default().iter().enumerate() {
            if filters.contains(filter) {
                problems.add(at_index(place, index), "is there twice: expected each filter once");
            }
            filters.push(*filter);
        }
        Self { filters }
    }

    /// The properties that [`Requires::check`] needs: a policy lists them among its own.
    pub fn properties(&self) -> impl Iterator<Item = PropertyPath> {
        self.filters.iter().map(|filter| PropertyPath::known(filter.record()))
    }

    /// Whether each of them left an enforcing allow. `first` is the position of the first of [`Requires::properties`]
    /// among those of the policy.
    ///
    /// # Errors
    /// The first that did not: the request is denied ([`oauth_core::reason::Reason::RequiredFilterMissing`]).
    pub fn check(&self, request: &RequestHead, first: usize) -> Result<(), Missing> {
        for (index, filter) in self.filters.iter().enumerate() {
            let found = match request.property(first.saturating_add(index)) {
                Property::Value(record) if record.starts_with(filter.allow().as_bytes()) => continue,
                Property::Value(_) => "another record",
                Property::Absent => "no record",
                Property::Unreadable => "an unreadable record",
            };
            return Err(Missing { filter: *filter, found });
        }
        Ok(())
    }
}

/// A filter that has not let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The filter.
    pub filter: RequiredFilter,
    /// What it left instead.
    pub found: &'static str,
}

impl Missing {
    /// For the record.
    #[must_use]
    pub fn told(self) -> RecordObject {
        let expected = format!("an allow in {}", self.filter.record());
        vec![("check", "requires".to_owned()), ("expected", expected), ("found", self.found.to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use oauth_core::time::UnixTime;

    use super::*;
    use crate::audit::Record;

    const ALL: [RequiredFilter; 3] =
        [RequiredFilter::AudienceValidation, RequiredFilter::ClaimChallenge, RequiredFilter::RarEnforcement];

    fn record(plugin: &str, decision: &str) -> Property {
        Property::Value(Record::new(plugin, decision, "ok", UnixTime::from_millis(0)).into_bytes())
    }

    fn check(left: Vec<Property>) -> Result<(), Missing> {
        let requires = Requires { filters: ALL.to_vec() };
        // One of another block comes first.
        let properties = [vec![Property::Absent], left].concat();
        requires.check(&RequestHead::default().with_properties(properties), 1)
    }

    #[test]
    fn every_filter_that_is_required_must_have_allowed_the_request() {
        let names = ["audience_validation", "claim_challenge", "rar_enforcement"];
        let all = || names.map(|name| record(name, "allow")).to_vec();
        assert_eq!(check(all()), Ok(()));
        for (position, name) in names.iter().enumerate() {
            let others = ["deny", "shadow_allow", "shadow_deny", "allowed", ""].map(|decision| record(name, decision));
            let rubbish = [
                Property::Absent,
                Property::Unreadable,
                Property::Value(Vec::new()),
                Property::Value(b"{\"decision\":\"allow\"}".to_vec()),
                record("driver_probe", "allow"),
                record(names[(position.saturating_add(1)) % 3], "allow"),
            ];
            for other in others.into_iter().chain(rubbish) {
                let mut left = all();
                left[position] = other.clone();
                let missing = check(left).unwrap_err();
                assert_eq!(missing.filter, ALL[position], "{name} {other:?}");
                let told = missing.told();
                assert_eq!(told[1].1, format!("an allow in fourleg.audit.{name}"));
                let found = match other {
                    Property::Absent => "no record",
                    Property::Unreadable => "an unreadable record",
                    Property::Value(_) => "another record",
                };
                assert_eq!(told[2].1, found);
            }
        }
    }

    #[test]
    fn a_filter_is_required_once() {
        let mut problems = Problems::default();
        let _ = Requires::settings(Some(&[ALL[0], ALL[1], ALL[0]]), "requires", &mut problems);
        assert_eq!(problems.as_slice().len(), 1);
        assert_eq!(problems.as_slice()[0].path, "requires[2]");
    }
}
