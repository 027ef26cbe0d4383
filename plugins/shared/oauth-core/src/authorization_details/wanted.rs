//! What a rule wants of a token's details.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::comparator::Comparator;
use super::template::{Named, RequestFacts, Source, Template, Templates};
use super::types::Types;
use super::unmet::Fields;
use super::{LOCATIONS, TYPE};
use crate::config::{Problems, at};
use crate::json::Exact;

/// A `require` block as configured: `type`, and values for some of its fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct RawWanted(BTreeMap<String, Value>);

/// The block made ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedTemplate {
    type_name: String,
    fields: Templates,
}

/// What one request needs: one object of this type that grants all of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub(super) type_name: String,
    pub(super) fields: BTreeMap<String, Exact>,
}

/// The request lacks a value that the rule takes from it, or has one that nothing could grant. No token would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfillable {
    /// The field of the rule, as `instructedAmount.amount`.
    pub field: String,
}

/// What the match of a rule has for templates.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// The names of the path's variables.
    pub variables: BTreeSet<String>,
    /// Whether it can be about the call of a tool.
    pub tool: bool,
    /// Whether it can be about something with arguments.
    pub arguments: bool,
}

impl RawWanted {
    /// Checks the block; notes every mistake below `place`, templates that can never be filled and values that nothing
    /// can grant among them. If there is one, the settings are not to be used.
    pub fn settings(&self, types: &Types, offered: &Offered, place: &str, problems: &mut Problems) -> WantedTemplate {
        let type_place = at(place, TYPE);
        let type_name = problems.required(&type_place, self.0.get(TYPE), "the type of the object that is needed");
        let type_name = type_name.and_then(Value::as_str).unwrap_or_default();
        let known = types.get(type_name);
        if known.is_none() && !problems.has_below(&type_place) && !problems.has_below("types") {
            problems.add(type_place, "is no type of types: expected one of them");
        }
        if known.is_some() && self.0.len() == 1 {
            problems.add(place, "names no field: expected what the object must grant, as {\"actions\": [\"read\"]}");
        }
        let members = self.0.iter().filter(|(name, _)| *name != TYPE);
        let fields = known.map(|known| templates(members, &known.fields, offered, place, problems));
        WantedTemplate { type_name: type_name.to_owned(), fields: fields.unwrap_or_default() }
    }
}

/// The values that are required of the members of an object; notes every mistake below `place`.
fn templates<'r>(
    members: impl Iterator<Item = (&'r String, &'r Value)>,
    fields: &Fields,
    offered: &Offered,
    place: &str,
    problems: &mut Problems,
) -> Templates {
    let mut made = Templates::new();
    for (name, value) in members {
        let place = at(place, name);
        let Some(comparator) = fields.get(name) else {
            if !problems.has_below("types") {
                let told = if name == LOCATIONS {
                    "is compared with the resource in any case: remove it"
                } else {
                    "is no field of the type: expected one of its fields"
                };
                problems.add(place, told);
            }
            continue;
        };
        let template = match (comparator, value) {
            (Comparator::Fields(fields), Value::Object(members)) if !members.is_empty() => {
                Some(Template::Object(templates(members.iter(), fields, offered, &place, problems)))
            }
            _ => template(value, comparator, offered, &place, problems),
        };
        made.extend(template.map(|template| (name.clone(), template)));
    }
    made
}

fn template(
    value: &Value,
    comparator: &Comparator,
    offered: &Offered,
    place: &str,
    problems: &mut Problems,
) -> Option<Template> {
    let template = Template::parse(value).map_err(|mistake| problems.add(place, mistake)).ok()?;
    let mistake = match &template {
        Template::Literal(value) if is_empty(value) => {
            Some("is empty: nothing would be required, so nothing is granted".to_owned())
        }
        Template::Literal(value) => {
            comparator.expects(value).map(|expected| format!("can be granted by nothing: expected {expected}"))
        }
        Template::Of(source) => offered.lacks(source).map(str::to_owned).or_else(|| {
            let is_text = !matches!(source, Source::Argument(_));
            let never = if is_text { !comparator.takes_texts() } else { comparator.takes_nothing() };
            never.then(|| {
                "can be granted by nothing, by the way the field is compared: expected a value of another kind"
                    .to_owned()
            })
        }),
        Template::Object(_) => None,
    };
    match mistake {
        Some(mistake) => {
            problems.add(place, mistake);
            None
        }
        None => Some(template),
    }
}

impl Offered {
    /// Why a template can never be filled, if it cannot.
    fn lacks(&self, source: &Source) -> Option<&'static str> {
        match source {
            Source::Path(name) if !self.variables.contains(name) => {
                Some("is never filled: expected a variable of the rule's path template")
            }
            Source::Tool if !self.tool => Some("is never filled: expected a match that is about tools"),
            Source::Argument(_) if !self.arguments => {
                Some("is never filled: expected a match that is about tools or prompts")
            }
            _ => None,
        }
    }
}

impl WantedTemplate {
    /// The type of the object that is needed.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Whether a template names the tool that is called.
    #[must_use]
    pub fn names_tool(&self) -> bool {
        self.fields.values().any(Template::names_tool)
    }

    /// Adds what of requests its templates name.
    pub fn note(&self, named: &mut Named) {
        for template in self.fields.values() {
            template.note(named);
        }
    }

    /// What this request needs.
    ///
    /// # Errors
    /// [`Unfillable`] if a value is missing, null, empty, or such that nothing could grant it.
    pub fn fill(&self, types: &Types, facts: &RequestFacts<'_>) -> Result<Wanted, Unfillable> {
        let known = types.get(&self.type_name).ok_or_else(|| Unfillable { field: TYPE.to_owned() })?;
        let fields = filled(&self.fields, &known.fields, facts, "")?;
        Ok(Wanted { type_name: self.type_name.clone(), fields })
    }

    /// Notes fields of the type that no rule of these requires: an object that has one grants nothing to any of them.
    pub fn note_unused(all: &[&Self], types: &Types, type_name: &str, place: &str, problems: &mut Problems) {
        let Some(known) = types.get(type_name) else { return };
        let of_the_type = all.iter().filter(|template| template.type_name == type_name);
        note_unused(&known.fields, &of_the_type.map(|template| &template.fields).collect::<Vec<_>>(), place, problems);
    }
}

fn note_unused(fields: &Fields, required: &[&Templates], place: &str, problems: &mut Problems) {
    for (name, comparator) in fields.iter().filter(|(_, comparator)| **comparator != Comparator::Ignored) {
        let place = at(place, name);
        let templates: Vec<&Template> = required.iter().filter_map(|templates| templates.get(name)).collect();
        if templates.is_empty() {
            problems.note(
                place,
                "is required by no rule, so an object that has it grants nothing: expected it in a rule's require, or \
                 \"ignored\" if it is no restriction",
            );
            continue;
        }
        // A template that stands for the whole object may bring any member.
        if let Comparator::Fields(fields) = comparator {
            let inner: Vec<&Templates> = templates
                .iter()
                .filter_map(|template| match template {
                    Template::Object(members) => Some(members),
                    Template::Literal(_) | Template::Of(_) => None,
                })
                .collect();
            if inner.len() == templates.len() {
                note_unused(fields, &inner, &place, problems);
            }
        }
    }
}

/// What this request needs of the members of an object; `place` is the object's own.
fn filled(
    templates: &Templates,
    fields: &Fields,
    facts: &RequestFacts<'_>,
    place: &str,
) -> Result<BTreeMap<String, Exact>, Unfillable> {
    let mut all = BTreeMap::new();
    for (name, template) in templates {
        let place = at(place, name);
        let value = match (template, fields.get(name)) {
            (Template::Object(members), Some(Comparator::Fields(fields))) => {
                Some(Exact::Object(filled(members, fields, facts, &place)?))
            }
            (_, Some(comparator)) => {
                let fits = |value: &Exact| !is_empty(value) && comparator.expects(value).is_none();
                template.fill(facts).filter(fits).map(|value| comparator.in_normal_form(value))
            }
            (_, None) => None,
        };
        all.insert(name.clone(), value.ok_or(Unfillable { field: place })?);
    }
    Ok(all)
}

impl Wanted {
    /// The object that grants exactly this, at `resource` if that is known.
    pub(super) fn object(&self, resource: Option<&str>) -> Exact {
        let mut members = self.fields.clone();
        members.insert(TYPE.to_owned(), Exact::String(self.type_name.clone()));
        if let Some(resource) = resource {
            members.insert(LOCATIONS.to_owned(), Exact::Array(vec![Exact::String(resource.to_owned())]));
        }
        Exact::Object(members)
    }
}

/// Nothing, or something with a null in it, of which readers make what they like.
pub(super) fn is_empty(value: &Exact) -> bool {
    match value {
        Exact::String(text) => text.is_empty(),
        Exact::Array(elements) => elements.is_empty() || elements.iter().any(has_null),
        Exact::Object(members) => members.is_empty() || members.values().any(has_null),
        Exact::Null => true,
        Exact::Bool(_) | Exact::Number(_) => false,
    }
}

fn has_null(value: &Exact) -> bool {
    match value {
        Exact::Null => true,
        Exact::Array(elements) => elements.iter().any(has_null),
        Exact::Object(members) => members.values().any(has_null),
        Exact::Bool(_) | Exact::Number(_) | Exact::String(_) => false,
    }
}
