//! `match.path`: which paths.

use oauth_core::config::{Problems, at};
use serde::Deserialize;

use crate::path::{Ambiguous, SafePath};

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"prefix\": \"/a\"}")]
pub(super) struct RawPath {
    exact: Option<String>,
    prefix: Option<String>,
    template: Option<String>,
    allow_encoded_slash: Option<bool>,
}

/// The values of a template's variables, by name; decoded once.
pub type Captures = Vec<(String, String)>;

/// Compared with the decoded segments of a path, whole segments only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathMatch {
    pub(super) pattern: Vec<Segment>,
    /// Whether further segments may follow.
    pub(super) open: bool,
    /// Whether the value of a variable may hold a slash, encoded in the path.
    pub(super) encoded_slash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    /// `{name}`: any one segment that is not empty.
    Variable(String),
}

impl RawPath {
    pub(super) fn settings(&self, place: &str, problems: &mut Problems) -> Option<PathMatch> {
        if self.allow_encoded_slash.is_some() && self.template.is_none() {
            problems.add(
                at(place, "allow_encoded_slash"),
                "is for templates only, whose variables say where the slash may be: expected a template beside it",
            );
        }
        let (member, text) = match (&self.exact, &self.prefix, &self.template) {
            (Some(exact), None, None) => ("exact", exact),
            (None, Some(prefix), None) => ("prefix", prefix),
            (None, None, Some(template)) => ("template", template),
            _ => {
                if !problems.has_below(place) {
                    problems.add(place, "has none or several members: expected one of exact, prefix, template");
                }
                return None;
            }
        };
        let place = at(place, member);
        if text.contains('*') {
            problems
                .add(place, "holds a *, which stands for itself only: expected a prefix, or a template as \"/a/{b}\"");
            return None;
        }
        let encoded_slash = self.allow_encoded_slash.unwrap_or_default();
        if member == "template" {
            return template(text, encoded_slash, &place, problems);
        }
        let Some(mut segments) = plain_segments(text) else {
            problems.add(
                place,
                "is no plain path: expected one as \"/a/b\" (percent-encoded, no dot segments, no //, no query)",
            );
            return None;
        };
        let open = member == "prefix";
        if open && text == "/" {
            segments.clear();
        } else if open && text.ends_with('/') {
            problems.add(
                place,
                "ends with /: expected a prefix of whole segments, as \"/a\" (it covers /a and /a/b, never /ab)",
            );
            return None;
        }
        let pattern = segments.into_iter().map(Segment::Literal).collect();
        Some(PathMatch { pattern, open, encoded_slash: false })
    }
}

fn plain_segments(path: &str) -> Option<Vec<String>> {
    let path = SafePath::parse(path.as_bytes()).ok().filter(|_| !path.contains('?'))?;
    Some(path.segments().to_vec())
}

/// `/files/{file}`: a variable is a whole segment, and each name occurs once.
fn template(text: &str, encoded_slash: bool, place: &str, problems: &mut Problems) -> Option<PathMatch> {
    let mut pattern: Vec<Segment> = Vec::new();
    for segment in text.strip_prefix('/').unwrap_or_default().split('/') {
        let variable = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        pattern.push(match variable {
            Some(name) if is_name(name) && !pattern.contains(&Segment::Variable(name.to_owned())) => {
                Segment::Variable(name.to_owned())
            }
            None if !segment.contains(['{', '}']) => match plain_segments(&format!("/{segment}")).as_deref() {
                Some([literal]) => Segment::Literal(literal.clone()),
                _ => return refuse_template(place, problems),
            },
            _ => return refuse_template(place, problems),
        });
    }
    if !text.starts_with('/') || !pattern.iter().any(|segment| matches!(segment, Segment::Variable(_))) {
        return refuse_template(place, problems);
    }
    Some(PathMatch { pattern, open: false, encoded_slash })
}

fn refuse_template(place: &str, problems: &mut Problems) -> Option<PathMatch> {
    problems.add(
        place,
        "is no template: expected one as \"/users/{user}/files\" (a variable is a whole segment, each name once)",
    );
    None
}

impl PathMatch {
    pub(super) fn covers(&self, other: &Self) -> bool {
        let long_enough = if self.open {
            other.pattern.len() >= self.pattern.len()
        } else {
            !other.open && other.pattern.len() == self.pattern.len()
        };
        long_enough
            && self.pattern.iter().zip(&other.pattern).all(|(own, other)| match (own, other) {
                (Segment::Literal(own), Segment::Literal(other)) => own == other,
                (Segment::Variable(_), Segment::Literal(literal)) => !literal.is_empty(),
                (Segment::Variable(_), Segment::Variable(_)) => true,
                (Segment::Literal(_), Segment::Variable(_)) => false,
            })
    }

    /// Of a path with an encoded slash, a pattern that does not expect one must say the same to both readings.
    pub(super) fn captures(&self, path: &SafePath) -> Result<Option<Captures>, Ambiguous> {
        let captures = self.captures_of(path.segments())?;
        if let Some(other_reading) = path.split_at_encoded().filter(|_| !self.encoded_slash)
            && self.captures_of(other_reading)? != captures
        {
            return Err(Ambiguous);
        }
        Ok(captures)
    }

    /// Whether the path does not match, but would in another case, or with a slash more or less at the end.
    pub(super) fn nearly_holds(&self, path: &SafePath) -> bool {
        let own = self.without_end();
        let segments = match path.segments().split_last() {
            Some((last, before)) if last.is_empty() => before,
            _ => path.segments(),
        };
        let long_enough = if self.open { segments.len() >= own.len() } else { segments.len() == own.len() };
        let same = |(wanted, segment): (&Segment, &String)| match wanted {
            Segment::Literal(literal) => literal.eq_ignore_ascii_case(segment),
            Segment::Variable(_) => !segment.is_empty(),
        };
        long_enough && own.iter().zip(segments).all(same) && !matches!(self.captures_of(path.segments()), Ok(Some(_)))
    }

    /// The pattern without a slash at its end.
    pub(super) fn without_end(&self) -> &[Segment] {
        match self.pattern.split_last() {
            Some((Segment::Literal(last), before)) if last.is_empty() => before,
            _ => &self.pattern,
        }
    }

    fn captures_of(&self, segments: &[String]) -> Result<Option<Captures>, Ambiguous> {
        if segments.len() < self.pattern.len() || (!self.open && segments.len() > self.pattern.len()) {
            return Ok(None);
        }
        let mut captures = Vec::new();
        for (wanted, segment) in self.pattern.iter().zip(segments) {
            match wanted {
                Segment::Literal(literal) if literal == segment => {}
                Segment::Variable(name) if !segment.is_empty() => captures.push((name.clone(), segment.clone())),
                _ => return Ok(None),
            }
        }
        if captures.iter().any(|(_, value)| value.contains('%')) {
            return Err(Ambiguous);
        }
        Ok(Some(captures))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
