//! Three parsers of `WWW-Authenticate` that know nothing of each other or of us, in Rust, JavaScript and Python, read
//! every form of challenge that the filters emit, and find what we mean (COR-05, STP-02, STP-13, STP-14, SMG-03).
//!
//! The foreign two need Node 20 and Python 3 with npm and pip. `cargo xtask test --no-parsers` leaves them out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forms;

use std::collections::BTreeMap;

use forms::{CLAIMS, Form, Meant, PADDED_CLAIMS};
use fourleg_tests::foreign::Program;
use serde_json::{Value, json};

/// npm's `oauth4webapi`.
const NODE: Program<'_> = Program {
    name: "oauth4webapi",
    files: &[
        ("package.json", include_str!("package.json")),
        ("package-lock.json", include_str!("package-lock.json")),
        ("read.mjs", include_str!("read.mjs")),
    ],
    script: "read.mjs",
};

/// PyPI's `azure-core`.
const PYTHON: Program<'_> = Program {
    name: "azure-core",
    files: &[("requirements.txt", include_str!("requirements.txt")), ("read.py", include_str!("read.py"))],
    script: "read.py",
};

/// Each form as sent, and joined into one field.
fn responses() -> Vec<(Form, Vec<String>)> {
    let as_sent = forms::all().into_iter().map(|form| (form.fields.clone(), form));
    let joined = forms::all().into_iter().filter(|form| form.fields.len() > 1).map(|form| (form.joined(), form));
    as_sent.chain(joined).map(|(fields, form)| (form, fields)).collect()
}

/// The `http-auth` crate keeps order and repetitions.
#[test]
fn http_auth_reads_every_challenge_as_we_mean_it() {
    for (form, fields) in responses() {
        let read: Vec<(String, Vec<(String, String)>)> = fields
            .iter()
            .flat_map(|field| {
                http_auth::parse_challenges(field).unwrap_or_else(|error| panic!("{}: {error}", form.name))
            })
            .map(|challenge| {
                let params = challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped()));
                (challenge.scheme.to_ascii_lowercase(), params.collect())
            })
            .collect();
        let meant: Vec<(String, Vec<(String, String)>)> = form
            .meant
            .iter()
            .map(|(scheme, params)| {
                ((*scheme).to_owned(), params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
            })
            .collect();
        assert_eq!(read, meant, "{}", form.name);
    }
}

mod independent_parsers {
    use super::*;

    /// npm's `oauth4webapi`, through the call with which applications use a protected resource.
    #[test]
    fn oauth4webapi_reads_every_challenge_as_we_mean_it() {
        let responses = responses();
        let fields: Vec<&Vec<String>> = responses.iter().map(|(_, fields)| fields).collect();
        let read: Vec<Value> = serde_json::from_str(&NODE.ask_node(&json!(fields).to_string())).unwrap();
        assert_eq!(read.len(), responses.len());
        for ((form, fields), read) in responses.iter().zip(read) {
            let meant: Vec<Value> = form
                .meant
                .iter()
                .map(|(scheme, params)| {
                    json!({"scheme": scheme, "parameters": params.iter().copied().collect::<BTreeMap<_, _>>()})
                })
                .collect();
            assert_eq!(read, json!(meant), "{}: {fields:?}", form.name);
        }
    }

    /// PyPI's `azure-core`, the parser behind every Azure SDK for Python.
    ///
    /// Its limit: it does not tell two challenges of one scheme apart, and takes each parameter from the first that has
    /// it. So of two `Bearer` challenges it sees the error of the first, and follows Entra's only if that comes first.
    #[test]
    fn azure_core_finds_every_parameter_and_follows_the_claims_challenge() {
        let responses = responses();
        let asked: Vec<Vec<(&str, &str)>> = responses.iter().map(|(form, _)| parameters(&form.meant)).collect();
        let input: Vec<Value> =
            responses.iter().zip(&asked).map(|((_, fields), asked)| json!({"fields": fields, "ask": asked})).collect();
        let read: Vec<Value> = serde_json::from_str(&PYTHON.ask_python(&json!(input).to_string())).unwrap();
        assert_eq!(read.len(), responses.len());
        for (((form, fields), asked), read) in responses.iter().zip(asked).zip(read) {
            let meant: Vec<&str> = asked.iter().map(|(scheme, name)| first(&form.meant, scheme, name)).collect();
            assert_eq!(read["values"], json!(meant), "{}: {asked:?} of {fields:?}", form.name);
            let followed = match form.name {
                "Entra" => json!(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#),
                "Entra with padding" | "Entra, then RFC 9470" => {
                    json!(r#"{"access_token":{"acrs":{"essential":true,"value":"c10"}}}"#)
                }
                _ => Value::Null,
            };
            assert_eq!(read["claims"], followed, "{}: {fields:?}", form.name);
        }
    }

    /// Every scheme and parameter of a response, each once.
    fn parameters(meant: &[Meant]) -> Vec<(&'static str, &'static str)> {
        let mut all: Vec<(&str, &str)> = Vec::new();
        for (scheme, params) in meant {
            all.extend(params.iter().map(|(name, _)| (*scheme, *name)));
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn first(meant: &[Meant], scheme: &str, name: &str) -> &'static str {
        let params = meant.iter().filter(|(of, _)| *of == scheme).flat_map(|(_, params)| params);
        params.clone().find(|(n, _)| *n == name).map(|(_, value)| *value).unwrap()
    }
}

/// STP-14: the samples above are what they say they are.
#[test]
fn the_claims_of_the_samples_are_padded_base64_of_minified_json() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    for (sample, id) in [(CLAIMS, "c1"), (PADDED_CLAIMS, "c10")] {
        let text = format!(r#"{{"access_token":{{"acrs":{{"essential":true,"value":"{id}"}}}}}}"#);
        assert_eq!(STANDARD.encode(text), sample);
    }
    assert!(PADDED_CLAIMS.ends_with('='));
}
