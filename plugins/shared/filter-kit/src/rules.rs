//! Rules: what some requests require. They are tried in order, and the first enforcing one that matches decides.

use oauth_core::config::{Problems, at, at_index};
use serde::Deserialize;

use crate::{
    matching::{Captures, Match, Members, RawMatch, Target},
    path::Ambiguous,
};

/// Whether a verdict decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is recorded and decides nothing.
    Shadow,
}

/// A rule as configured; `R` is its `require`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema), schemars(rename = "RawRule"))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"name\": …, \"match\": …, \"require\": …}")]
pub struct RawRule<R: Default> {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    #[serde(rename = "match")]
    matches: Option<RawMatch>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    require: Option<R>,
    mode: Option<Mode>,
}

/// The members of a rule that all filters have; `R` is what it says about its requirement.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a, R> {
    /// `name`
    pub name: Option<&'a String>,
    /// `match`
    pub matches: Option<&'a RawMatch>,
    /// `require`, and what belongs to it.
    pub require: Option<R>,
    /// `mode`
    pub mode: Option<Mode>,
}

/// A rule; `S` is what it requires.
#[derive(Clone, Debug)]
pub struct Rule<S> {
    /// Its name in logs.
    pub name: String,
    /// The requests it is about.
    pub matches: Match,
    /// What they require.
    pub require: S,
    /// Whether it decides.
    pub mode: Mode,
}

/// The rules that are about one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The position of the one that decides.
    pub rule: Option<usize>,
    /// The positions of those in shadow mode before it, with the values of their templates. They are evaluated and
    /// decide nothing.
    pub shadow: Vec<(usize, Captures)>,
    /// The values of the deciding rule's template.
    pub captures: Captures,
}

/// The rules of a filter that is nothing without them; notes if there are none.
pub fn required<'r, R>(raw: Option<&'r [R]>, place: &str, problems: &mut Problems) -> &'r [R] {
    let rules = problems.required(place, raw, "a list of rules");
    if rules.is_some_and(<[R]>::is_empty) {
        problems.add(place, "is empty: expected at least one rule");
    }
    rules.unwrap_or_default()
}

/// Checks a list of rules and what is wrong between them; notes every mistake below `place`. `require` makes a rule's
/// requirement of its `require`, its match if that is sound, and the rule's place.
///
/// `members` says what a match may name; `outer` is the block about all requests that come to these rules, if there is
/// one; `rest_is_denied` says that what no rule matches is denied.
pub fn settings<'a, R, S>(
    written: impl Iterator<Item = Written<'a, R>>,
    members: Members,
    outer: Option<&Match>,
    rest_is_denied: bool,
    place: &str,
    problems: &mut Problems,
    mut require: impl FnMut(Option<R>, Option<&Match>, &str, &mut Problems) -> S,
) -> Vec<Rule<S>> {
    let mut rules = Vec::new();
    for (index, written) in written.enumerate() {
        let place = at_index(place, index);
        rules.extend(written.settings(members, &place, problems, &mut require).map(|rule| (place, rule)));
    }
    for (position, (place, rule)) in rules.iter().enumerate() {
        if rules.iter().take(position).any(|(_, earlier)| earlier.name == rule.name) {
            problems.note(at(place, "name"), "is the name of an earlier rule, too: records do not tell them apart");
        }
        let Some(reached) = outer.map_or_else(|| Some(rule.matches.clone()), |outer| rule.matches.within(outer)) else {
            problems.add(
                at(place, "match"),
                "is never reached, since it lies outside of the resource's match: expected some of its requests",
            );
            continue;
        };
        let covers =
            |(_, earlier): &&(String, Rule<S>)| earlier.mode == Mode::Enforce && earlier.matches.covers(&reached);
        if let Some((_, earlier)) = rules.iter().take(position).find(covers) {
            problems.add(
                at(place, "match"),
                format!("is never reached: the rule \"{}\" before it matches all of it", earlier.name),
            );
        }
        let for_all_hosts = rule.matches.for_all_hosts();
        let caught = |(_, later): &(String, Rule<S>)| {
            later.mode == Mode::Enforce && for_all_hosts.as_ref().is_some_and(|block| later.matches.covers(block))
        };
        let mut later = rules.iter().skip(position.saturating_add(1));
        if for_all_hosts.is_some() && !rest_is_denied && !later.any(caught) {
            // The client chooses the Host header.
            problems.add(
                at(&at(place, "match"), "hosts"),
                "can be dodged by another Host header: expected a later enforcing rule without hosts that matches the same",
            );
        }
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}

impl<R: Default> RawRule<R> {
    /// Its members.
    pub fn written(&self) -> Written<'_, &R> {
        Written {
            name: self.name.as_ref(),
            matches: self.matches.as_ref(),
            require: self.require.as_ref(),
            mode: self.mode,
        }
    }
}

impl<R> Written<'_, R> {
    fn settings<S>(
        self,
        members: Members,
        place: &str,
        problems: &mut Problems,
        require: impl FnOnce(Option<R>, Option<&Match>, &str, &mut Problems) -> S,
    ) -> Option<Rule<S>> {
        let name = problems.required(at(place, "name"), self.name.cloned(), "a name for logs");
        let raw = problems.required(at(place, "require"), self.require, "what the rule requires, as {\"scopes\": […]}");
        let matches = problems.required(at(place, "match"), self.matches, "a match");
        let matches = matches.and_then(|raw| raw.settings(members, &at(place, "match"), problems));
        if matches.as_ref().is_some_and(|block| block.names_operations() && block.is_about_every_path()) {
            problems.note(
                at(place, "match"),
                "has mcp and no path, so every request must be one of MCP: prefer the path of the endpoint",
            );
        }
        let require = require(raw, matches.as_ref(), place, problems);
        Some(Rule { name: name?, matches: matches?, require, mode: self.mode.unwrap_or_default() })
    }
}

/// The rules that are about a request.
///
/// # Errors
/// [`Ambiguous`] as [`Match::captures`].
pub fn find<S>(rules: &[Rule<S>], target: Target<'_>) -> Result<Found, Ambiguous> {
    let mut found = Found::default();
    for (position, rule) in rules.iter().enumerate() {
        let Some(captures) = rule.matches.captures(target)? else { continue };
        match rule.mode {
            // It is evaluated, and matching goes on: it never decides.
            Mode::Shadow => found.shadow.push((position, captures)),
            Mode::Enforce => {
                found.rule = Some(position);
                found.captures = captures;
                break;
            }
        }
    }
    Ok(found)
}

/// The codes with which rules in shadow mode would have denied, each once, of what each of them said.
#[must_use]
pub fn shadow_denials(said: &[(String, &'static str)]) -> Vec<&'static str> {
    let mut codes: Vec<&str> = said.iter().map(|(_, code)| *code).filter(|code| *code != "ok").collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
