//! What a call says beyond what a rule compares.

use mcp_core::{Arguments, spelling::resembles};
use oauth_core::json::InPlace;
use serde::Deserialize;

/// Whether a call may have arguments that the rule about it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "Arguments"))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Others {
    /// It may not: any of them could change what the call does.
    Closed,
    /// It may, if none of them could be taken for one that the rule names.
    Open,
}

impl Others {
    /// Whether a call with these arguments may be compared by what the rule names in it: for each, the steps to it.
    pub(crate) fn allow(self, arguments: Option<&Arguments>, named: &[Vec<String>]) -> bool {
        let named: Vec<&[String]> = named.iter().map(Vec::as_slice).collect();
        arguments.is_none_or(|arguments| self.allows_below(arguments.value(), &named))
    }

    fn allows_below(self, value: InPlace<'_>, named: &[&[String]]) -> bool {
        if let Some(mut members) = value.members() {
            return members.all(|(name, value)| {
                let could_be_taken_for_another =
                    named.iter().any(|steps| steps.first().is_some_and(|step| resembles(&name, step)));
                !could_be_taken_for_another && self.allows(value, &below(named, &name))
            });
        }
        if let Some(elements) = value.elements() {
            let mut elements = elements.enumerate();
            return elements.all(|(index, element)| self.allows(element, &below(named, &index.to_string())));
        }
        // The rule looks for something below it, and finds nothing.
        false
    }

    /// `named` are the steps from here on; empty ones name the whole value.
    fn allows(self, value: InPlace<'_>, named: &[&[String]]) -> bool {
        if named.is_empty() {
            return self == Self::Open;
        }
        named.iter().any(|steps| steps.is_empty()) || self.allows_below(value, named)
    }
}

fn below<'n>(named: &[&'n [String]], name: &str) -> Vec<&'n [String]> {
    let rest = |steps: &&'n [String]| steps.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest);
    named.iter().filter_map(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(others: Others, arguments: &str, named: &[&str]) -> bool {
        let arguments = InPlace::check(arguments.as_bytes(), 9).unwrap().to_own_text();
        let steps = |pointer: &&str| pointer.split('/').skip(1).map(str::to_owned).collect();
        let named: Vec<Vec<String>> = named.iter().map(steps).collect();
        others.allow(Some(&arguments), &named)
    }

    #[test]
    fn closed_means_that_every_value_is_at_or_below_a_named_one() {
        for (arguments, named) in [
            ("{}", &["/a"] as &[&str]),
            ("{}", &[]),
            (r#"{"a":1}"#, &["/a"]),
            (r#"{"a":{"b":[1,{"c":2}]}}"#, &["/a"]),
            (r#"{"a":{"b":1,"c":2}}"#, &["/a/b", "/a/c"]),
            (r#"{"a":[1,2]}"#, &["/a/0", "/a/1"]),
        ] {
            assert!(allow(Others::Closed, arguments, named), "{arguments} {named:?}");
        }
        for (arguments, named) in [
            (r#"{"a":1}"#, &[] as &[&str]),
            (r#"{"a":1,"b":2}"#, &["/a"]),
            (r#"{"a":1,"A":2}"#, &["/a"]),
            (r#"{"a":{"b":1,"c":2}}"#, &["/a/b"]),
            (r#"{"a":{"b":1,"c":{}}}"#, &["/a/b"]),
            (r#"{"a":[1,2]}"#, &["/a/0"]),
            (r#"{"a":1}"#, &["/a/b"]),
        ] {
            assert!(!allow(Others::Closed, arguments, named), "{arguments} {named:?}");
        }
    }

    /// SMG-09
    #[test]
    fn open_admits_others_but_none_that_some_reader_takes_for_a_named_one() {
        assert!(allow(Others::Open, r#"{"a":1,"b":{"c":2}}"#, &["/a"]));
        assert!(allow(Others::Open, r#"{"a":{"b":1,"c":2}}"#, &["/a/b"]));
        assert!(allow(Others::Open, r#"{"amounts":1}"#, &["/amount"]));
        for (arguments, named) in [
            (r#"{"amount":1,"Amount":1000}"#, "/amount"),
            (r#"{"Amount":1000}"#, "/amount"),
            (r#"{"max_amount":1,"maxAmount":1000}"#, "/max_amount"),
            (r#"{"a":{"b":1,"B":2}}"#, "/a/b"),
            (r#"{"a":1}"#, "/a/b"),
            // Readers that keep texts as C does end them at the NUL.
            (r#"{"amount":1,"amount\u0000x":1000}"#, "/amount"),
            // JavaScript trims the byte order mark.
            (r#"{"amount":1,"\ufeffamount":1000}"#, "/amount"),
            (r#"{"amount":1,"amo\u200bunt":1000}"#, "/amount"),
        ] {
            assert!(!allow(Others::Open, arguments, &[named]), "{arguments}");
        }
    }
}
