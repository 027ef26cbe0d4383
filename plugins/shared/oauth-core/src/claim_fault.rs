//! What is wrong with a claim, for the operator's log.

use serde_json::Value;

use crate::reason::Reason;

const ABSENT: &str = "absent";

/// A claim that is missing or has another type or form than its issuer gives it, in words of ours: nothing of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimFault {
    /// Its name.
    pub claim: &'static str,
    /// What it should be.
    pub expected: &'static str,
    /// What is there: the type of the value, or in what it differs.
    pub found: &'static str,
}

impl ClaimFault {
    /// The claim is not there.
    #[must_use]
    pub const fn absent(claim: &'static str, expected: &'static str) -> Self {
        Self { claim, expected, found: ABSENT }
    }

    /// The claim has this value.
    #[must_use]
    pub const fn of(claim: &'static str, expected: &'static str, value: &Value) -> Self {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Self { claim, expected, found }
    }
}

impl From<ClaimFault> for Reason {
    fn from(fault: ClaimFault) -> Self {
        if fault.found == ABSENT { Self::ClaimMissing } else { Self::ClaimInvalid }
    }
}
