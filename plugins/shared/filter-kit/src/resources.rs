//! Protected resources: which requests are about which, and whose tokens are meant for it (RFC 8707).

use oauth_core::{
    audience::{is_resource_identifier, same_resource},
    config::{Problems, at, at_index, is_name},
};
use serde::Deserialize;

use crate::{
    issuers::Issuers,
    matching::{Captures, Match, Members, RawMatch, Target},
    path::Ambiguous,
    request::Parts,
};

/// An entry of `accept`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"issuer\": …, \"audiences\": […]}")]
pub struct RawAccept {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
}

/// The members that say which resource there is, as configured.
#[derive(Clone, Copy, Debug)]
pub struct RawProtected<'a> {
    /// `resource`
    pub resource: Option<&'a String>,
    /// `match`
    pub matches: Option<&'a RawMatch>,
    /// `accept`
    pub accept: Option<&'a Vec<RawAccept>>,
}

/// One protected resource.
#[derive(Clone, Debug)]
pub struct Protected {
    /// Its identifier: the default audience, and the realm of its challenges.
    pub resource: String,
    /// `None`: it is the only one and every request is about it.
    pub matches: Option<Match>,
    /// Whose tokens are meant for it.
    pub accept: Vec<Accept>,
}

/// The audiences under which tokens of one issuer are meant for a resource.
#[derive(Clone, Debug)]
pub struct Accept {
    /// Position in [`Issuers`].
    pub issuer: usize,
    /// Its audiences.
    pub audiences: Vec<String>,
}

impl RawProtected<'_> {
    /// Checks the members; notes every mistake below `place`. `only` says that there is no other resource.
    pub fn settings(self, only: bool, issuers: &Issuers, place: &str, problems: &mut Problems) -> Option<Protected> {
        let expected = "the resource's identifier, an absolute URI";
        let resource = problems.required(at(place, "resource"), self.resource.cloned(), expected);
        if resource.as_deref().is_some_and(|uri| !is_resource_identifier(uri)) {
            // RFC 8707 §2
            problems.add(
                at(place, "resource"),
                "is no absolute URI without fragment: expected one as \"https://tools.example/files\"",
            );
        }
        let resource = resource?;
        let matches = match self.matches {
            Some(raw) => raw.settings(Members::Http, &at(place, "match"), problems),
            None if only => None,
            None => problems.required(at(place, "match"), None, "a match, since there are several resources"),
        };
        let accept = self.accept(place, &resource, issuers, problems);
        Some(Protected { resource, matches, accept })
    }

    /// By default tokens of every issuer, with the resource as audience.
    fn accept(self, place: &str, resource: &str, issuers: &Issuers, problems: &mut Problems) -> Vec<Accept> {
        let place = at(place, "accept");
        let Some(raw) = self.accept else {
            let every = |issuer| Accept { issuer, audiences: vec![resource.to_owned()] };
            return (0..issuers.len()).map(every).collect();
        };
        if raw.is_empty() {
            problems.add(&place, "is empty: expected at least one issuer");
        }
        let mut accept: Vec<Accept> = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = at_index(&place, index);
            let audiences = raw.audiences.clone().unwrap_or_else(|| vec![resource.to_owned()]);
            if audiences.is_empty() || !audiences.iter().all(|audience| is_name(audience)) {
                problems.add(
                    at(&place, "audiences"),
                    "is empty or holds a name that is empty or has white space around it: expected the audiences that mean this resource",
                );
            }
            let issuer = problems.required(at(&place, "issuer"), raw.issuer.as_deref(), "one of issuers[].issuer");
            let Some(issuer) = issuer else { continue };
            if !issuers.may_name(issuer) {
                problems.add(at(&place, "issuer"), "is none of issuers[].issuer: expected one of them, byte for byte");
            }
            let Some(issuer) = issuers.position(issuer) else { continue };
            if accept.iter().any(|other| other.issuer == issuer) {
                problems.add(at(&place, "issuer"), "is there twice: expected each issuer once");
            }
            accept.push(Accept { issuer, audiences });
        }
        accept
    }
}

impl Protected {
    /// Whether tokens of the issuer at this position can be meant for it.
    #[must_use]
    pub fn accepts(&self, issuer: usize) -> bool {
        self.accept.iter().any(|accept| accept.issuer == issuer)
    }

    /// Under which audiences tokens of the issuer at this position are meant for it.
    #[must_use]
    pub fn audiences(&self, issuer: usize) -> &[String] {
        let accept = self.accept.iter().find(|accept| accept.issuer == issuer);
        accept.map(|accept| accept.audiences.as_slice()).unwrap_or_default()
    }
}

/// Notes what is wrong between a resource and an earlier one.
pub fn check_apart(resource: &Protected, earlier: &Protected, place: &str, problems: &mut Problems) {
    if same_resource(&resource.resource, &earlier.resource) {
        problems.add(at(place, "resource"), "is there twice: expected each resource once");
    } else if let (Some(a), Some(b)) = (&resource.matches, &earlier.matches)
        && a.ties_with(b)
    {
        problems.add(
            at(place, "match"),
            format!(
                "can match the same request as closely as that of {}: expected one resource per request",
                earlier.resource
            ),
        );
    }
}

/// Notes resources that leave their other methods to another resource; `place` is that of the list.
pub fn check_methods(resources: &[&Protected], place: &str, problems: &mut Problems) {
    for (index, resource) in resources.iter().enumerate() {
        let Some(block) = resource.matches.as_ref().and_then(Match::for_all_methods) else { continue };
        let takes_the_rest = |other: &&&Protected| {
            other.resource != resource.resource && other.matches.as_ref().is_some_and(|other| other.covers(&block))
        };
        if let Some(other) = resources.iter().find(takes_the_rest) {
            problems.add(
                at(&at(&at_index(place, index), "match"), "methods"),
                format!("leaves its other methods to {}: expected no methods here, but in a rule", other.resource),
            );
        }
    }
}

/// The one resource a request is about, by position, and the variables of its template. `None` if there is none, or if
/// it may be about several: a form may name the method of another one.
///
/// # Errors
/// [`Ambiguous`] as [`Match::captures`].
pub fn of_request<'a>(
    resources: impl Iterator<Item = &'a Protected> + Clone,
    parts: &Parts,
) -> Result<Option<(usize, Captures)>, Ambiguous> {
    let targets = parts.targets(resources.clone().filter_map(|resource| resource.matches.as_ref()))?;
    let mut found = targets.into_iter().map(|target| closest(resources.clone(), target));
    let first = found.next().transpose()?.flatten();
    for other in found {
        if other? != first {
            return Ok(None);
        }
    }
    Ok(first)
}

/// The longest path wins. That there is one winner was checked at configure.
///
/// # Errors
/// [`Ambiguous`] as [`Match::captures`].
fn closest<'a>(
    resources: impl Iterator<Item = &'a Protected>,
    target: Target<'_>,
) -> Result<Option<(usize, Captures)>, Ambiguous> {
    let mut best: Option<(usize, &Protected, Captures)> = None;
    for (position, resource) in resources.enumerate() {
        let captures = match &resource.matches {
            Some(block) => block.captures(target)?,
            None => Some(Captures::new()),
        };
        let closeness = |resource: &Protected| resource.matches.as_ref().map(Match::closeness);
        if let Some(captures) = captures
            && best.as_ref().is_none_or(|(_, other, _)| closeness(resource) > closeness(other))
        {
            best = Some((position, resource, captures));
        }
    }
    Ok(best.map(|(position, _, captures)| (position, captures)))
}
