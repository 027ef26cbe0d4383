//! What the unit tests of every plugin check alike: its configuration's mistakes, its schema, and that its README names
//! what it answers; the page that explains all codes; and dice for tests at random. Everything here panics where a test is to fail.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test that uses it, at once"
)]

pub mod decisions;
mod dice;

use std::collections::BTreeMap;

pub use dice::Dice;
use oauth_core::config::Problems;
use serde_json::Value;

/// A configuration that loads, and how the plugin reads one.
pub struct Sound<R> {
    document: Value,
    read: R,
}

impl<T, R: Fn(&[u8]) -> Result<T, Problems>> Sound<R> {
    /// `read` is the plugin's own.
    ///
    /// # Panics
    /// If the configuration does not load.
    pub fn new(document: Value, read: R) -> Self {
        let sound = Self { document, read };
        if let Err(problems) = (sound.read)(sound.document.to_string().as_bytes()) {
            panic!("the sound configuration does not load: {problems}");
        }
        sound
    }

    /// The configuration with the member at a JSON Pointer set, or taken out.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn with(&self, pointer: &str, value: Option<Value>) -> String {
        let mut document = self.document.clone();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match (document.pointer_mut(parent).unwrap(), value) {
            (Value::Object(members), Some(value)) => drop(members.insert(member.to_owned(), value)),
            (Value::Object(members), None) => drop(members.remove(member).unwrap()),
            (Value::Array(elements), Some(value)) => elements[member.parse::<usize>().unwrap()] = value,
            _ => panic!("no place {pointer}"),
        }
        document.to_string()
    }

    /// With a member set.
    pub fn set(&self, pointer: &str, value: Value) -> String {
        self.with(pointer, Some(value))
    }

    /// With a member taken out.
    pub fn gone(&self, pointer: &str) -> String {
        self.with(pointer, None)
    }

    /// What is said of a configuration, each with its place.
    ///
    /// # Panics
    /// If it loads.
    pub fn mistakes(&self, document: &str) -> Vec<String> {
        let Err(problems) = (self.read)(document.as_bytes()) else { panic!("it loads: {document}") };
        problems.as_slice().iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
    }

    /// Each document of the table has the mistake beside it, told once.
    ///
    /// # Panics
    /// If not.
    pub fn each_is_told_once<'t>(&self, table: impl IntoIterator<Item = (String, &'t str)>) {
        for (document, expected) in table {
            let found = self.mistakes(&document);
            let told = found.iter().filter(|mistake| mistake.contains(expected)).count();
            assert_eq!(told, 1, "{expected} in {found:#?}");
            // One edit can break a reference elsewhere, too; more would be one mistake told many times.
            assert!(found.len() <= 2, "{expected} in {found:#?}");
        }
    }
}

/// The schema beside a plugin's manifest is the one of this version; `cargo xtask schema` writes it anew.
///
/// # Panics
/// If it is another.
pub fn schema_is_committed(manifest_dir: &str, schema: &str) {
    let path = format!("{manifest_dir}/config.schema.json");
    if std::env::var_os("FOURLEG_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), schema, "type `cargo xtask schema`");
}

/// The README's table of codes has each of these codes in the row of its status.
///
/// # Panics
/// If one is missing.
pub fn readme_names_every_code(readme: &str, codes: impl IntoIterator<Item = (&'static str, u16)>) {
    for (code, status) in codes {
        let (start, code) = (format!("| {status} |"), format!("`{code}`"));
        let named = readme.lines().any(|line| line.starts_with(&start) && line.contains(&code));
        assert!(named, "{code} with status {status}");
    }
}

/// What is wrong with a page that explains codes in rows of `| code | status | what happened | what to do |`, each code in
/// backticks and once: a code without its row, another status, a code that nobody says, a row that says nothing.
pub fn mistakes_of_code_page(page: &str, codes: impl IntoIterator<Item = (&'static str, u16)>) -> Vec<String> {
    let mut unexplained: BTreeMap<&str, u16> = codes.into_iter().collect();
    let mut mistakes = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [code, status, happened, to_do, ""] = cells[..] else {
            mistakes.push(format!("no row of four cells: {line}"));
            continue;
        };
        let code = code.trim_end_matches('`');
        match unexplained.remove(code) {
            None => mistakes.push(format!("{code} is there twice, or is no code")),
            Some(expected) if expected.to_string() != status => {
                mistakes.push(format!("{code} has status {expected} and not {status}"));
            }
            Some(_) if happened.is_empty() || to_do.is_empty() => mistakes.push(format!("{code} is not explained")),
            Some(_) => {}
        }
    }
    mistakes.extend(unexplained.into_keys().map(|code| format!("{code} is missing")));
    mistakes
}
