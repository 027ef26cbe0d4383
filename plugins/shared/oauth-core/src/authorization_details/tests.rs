//! The claim, the comparators, templates, and what holds for all of them together.

mod comparators;
mod configuration;
mod granted;
mod nested;
mod properties;
mod remediation;
mod templates;

use serde_json::{Value, json};

use super::*;
use crate::claims::Claims;
use crate::config::Problems;
use crate::issuer::Profile;
use crate::json;

const R: &str = "https://files.internal.corp/finance";

/// The claims of a token with these details, from their text.
fn token(details: &str) -> VerifiedClaims {
    let text = format!(r#"{{"iss":"https://as.example","exp":2000000000,"authorization_details":{details}}}"#);
    let members = json::parse_object(text.as_bytes(), json::MAX_DEPTH).unwrap();
    let claims = Claims::from_members(members, Profile::Generic).unwrap();
    VerifiedClaims::proven(claims.with_details_of(text.as_bytes(), &[]))
}

fn types(raw: Value) -> Types {
    let raw: BTreeMap<String, RawType> = serde_json::from_value(raw).unwrap();
    let mut problems = Problems::default();
    let types = Types::settings(&raw, "types", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    types
}

fn all_types() -> Types {
    types(json!({
        "file_access": {"fields": {"actions": "superset", "identifier": "equal"}},
        "payment": {"fields": {"currency": "equal", "max_amount": "ceiling", "note": "ignored"}, "single_use": true},
        "tree": {"fields": {"root": "prefix_path", "actions": {"subsumes": {"write": ["read", "list"], "admin": ["write"]}}}},
        "photos": {"fields": {"actions": "superset", "datatypes": "superset"}},
    }))
}

fn offered() -> Offered {
    Offered { variables: ["file".to_owned()].into(), tool: true, arguments: true }
}

fn template(require: Value) -> WantedTemplate {
    let raw: RawWanted = serde_json::from_value(require).unwrap();
    let mut problems = Problems::default();
    let template = raw.settings(&all_types(), &offered(), "require", &mut problems);
    assert!(problems.is_empty(), "{problems}");
    template
}

const NOTHING: RequestFacts<'_> =
    RequestFacts { captures: &[], query: &BTreeMap::new(), headers: &BTreeMap::new(), tool: None, arguments: None };

fn wanted(require: Value) -> Wanted {
    template(require).fill(&all_types(), &NOTHING).unwrap()
}

/// Whether a token with these details grants it. A claim that is malformed grants nothing.
fn grants(details: &str, require: Value) -> bool {
    grants_wanted(details, &wanted(require), Some(R))
}

fn grants_wanted(details: &str, wanted: &Wanted, resource: Option<&str>) -> bool {
    let token = token(details);
    AuthorizationDetails::of(&token)
        .is_ok_and(|details| all_types().granting(&details, wanted, resource).next().is_some())
}

fn read(identifier: &str) -> Value {
    json!({"type": "file_access", "actions": ["read"], "identifier": identifier})
}
