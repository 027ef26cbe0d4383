//! `match.mcp`: which operations a rule is about.

use std::borrow::Cow;

use oauth_core::config::{Problems, at, at_index};
use serde::Deserialize;

use crate::{
    compared::Compared,
    message,
    operation::{Kind, Operation, Target},
    pattern::Pattern,
    resource_uri,
};

/// `match.mcp` as configured. All given members must hold, a list is "any of".
///
/// `tools` hold for `tools/call` alone, `prompts` for `prompts/get`, and `resources` for reading, subscribing to and
/// unsubscribing from them. Lists and completions name none of these: `methods` can name them.
///
/// There is no member for the client's name or capabilities: clients say of themselves what they like.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"tools\": [\"delete_*\"]}")]
pub struct RawMcpMatch {
    kinds: Option<Vec<Kind>>,
    methods: Option<Vec<String>>,
    tools: Option<Vec<String>>,
    prompts: Option<Vec<String>>,
    resources: Option<Vec<String>>,
}

/// What an `mcp` block matches. It holds for nothing but operations, and for some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpMatch {
    /// Only those for which the other members can hold.
    kinds: Vec<Kind>,
    methods: Option<Vec<Pattern>>,
    names: Option<(Category, Vec<Pattern>)>,
}

/// What a list of names is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Category {
    Tools,
    Prompts,
    Resources,
}

impl Category {
    /// The methods that name one of these, and whether they always do.
    const fn methods(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Tools => &[("tools/call", true)],
            Self::Prompts => &[("prompts/get", true)],
            Self::Resources => &[
                ("resources/read", true),
                ("resources/subscribe", true),
                ("resources/unsubscribe", true),
                ("subscriptions/listen", false),
            ],
        }
    }

    const fn has(self, target: &Target) -> bool {
        matches!(
            (self, target),
            (Self::Tools, Target::Tool(_))
                | (Self::Prompts, Target::Prompt(_))
                | (Self::Resources, Target::Resource(_))
        )
    }
}

/// What a target is compared by with patterns.
fn comparable(target: &Target) -> Cow<'_, str> {
    match target {
        Target::Resource(uri) => resource_uri::comparable(uri),
        Target::Tool(name) | Target::Prompt(name) | Target::Task(name) => Cow::Borrowed(name),
    }
}

impl RawMcpMatch {
    /// Checks the block and makes it ready for use; notes every mistake below `place`.
    pub fn settings(&self, place: &str, problems: &mut Problems) -> Option<McpMatch> {
        let names = [
            ("tools", Category::Tools, &self.tools),
            ("prompts", Category::Prompts, &self.prompts),
            ("resources", Category::Resources, &self.resources),
        ];
        let given = names.into_iter().filter_map(|(member, category, list)| Some((member, category, list.as_ref()?)));
        let given: Vec<_> = given.collect();
        if problems.has_below(place) {
            return None;
        }
        if self.kinds.is_none() && self.methods.is_none() && given.is_empty() {
            problems.add(place, "is empty: expected at least one of kinds, methods, tools, prompts, resources");
            return None;
        }
        if self.kinds.as_ref().is_some_and(Vec::is_empty) {
            problems.add(at(place, "kinds"), "is empty: expected at least one kind, as [\"request\"]");
        }
        let methods =
            self.methods.as_ref().map(|list| patterns(list, &at(place, "methods"), is_method, str::to_owned, problems));
        let mut names = None;
        for (member, category, list) in &given {
            let place = at(place, member);
            let made = match category {
                Category::Resources => {
                    let (fits, written) = (resource_uri::is_plain_pattern, resource_uri::comparable_pattern);
                    patterns(list, &place, fits, written, problems)
                }
                Category::Tools | Category::Prompts => {
                    let fits = |text: &str| message::is_plain_name(text) && !text.contains(OF_EXPRESSIONS);
                    patterns(list, &place, fits, str::to_owned, problems)
                }
            };
            names = Some((*category, made));
        }
        if given.len() > 1 {
            problems.add(
                place,
                "names tools, prompts and resources at once, which no operation does: expected one of them",
            );
        }
        if problems.has_below(place) {
            return None;
        }
        let kinds = self.kinds.clone().unwrap_or_else(|| Kind::ALL.to_vec());
        let block = McpMatch { kinds, methods, names }.with_possible_kinds();
        if block.kinds.is_empty() {
            problems.add(place, "holds for no operation: its members contradict each other");
            return None;
        }
        Some(block)
    }
}

/// `written` gives the text that names are compared with.
fn patterns(
    list: &[String],
    place: &str,
    fits: impl Fn(&str) -> bool,
    written: impl Fn(&str) -> String,
    problems: &mut Problems,
) -> Vec<Pattern> {
    if list.is_empty() {
        problems.add(place, "is empty: expected at least one name, as \"delete_*\"");
    }
    for (index, text) in list.iter().enumerate() {
        if !fits(text) {
            problems.add(
                at_index(place, index),
                "can match nothing: expected a name as it is sent, with * for any run of characters (a URI in its normal \
                 form), no regular expression",
            );
        }
    }
    list.iter().map(|text| Pattern::new(&written(text))).collect()
}

/// No tool or prompt is called so, but a regular expression that is taken for a pattern would silently match nothing.
const OF_EXPRESSIONS: [char; 8] = ['^', '$', '\\', '|', '(', ')', '[', ']'];

fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The methods of all notifications and of nothing else.
const NOTIFICATIONS: &str = "notifications/*";

impl McpMatch {
    /// Whether the block is about this operation.
    #[must_use]
    pub fn holds(&self, operation: &Operation) -> bool {
        let any = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.holds(name));
        let method_holds =
            |methods: &Vec<Pattern>| operation.method.as_ref().is_some_and(|method| any(methods, method));
        let name_holds = |(category, names): &(Category, Vec<Pattern>)| {
            operation.target.as_ref().is_some_and(|target| category.has(target) && any(names, &comparable(target)))
        };
        self.kinds.contains(&operation.kind)
            && self.methods.as_ref().is_none_or(method_holds)
            && self.names.as_ref().is_none_or(name_holds)
    }

    /// Whether the block can hold for a request of this HTTP method.
    #[must_use]
    pub fn can_come_by(&self, method: &str) -> bool {
        self.kinds.iter().any(|kind| kind.http_method() == method)
    }

    /// What the block compares beside kind and method.
    #[must_use]
    pub fn compared(&self) -> Compared {
        match &self.names {
            None => Compared::NOTHING,
            Some((Category::Tools, _)) => Compared { tools: true, ..Compared::NOTHING },
            Some((Category::Prompts, _)) => Compared { prompts: true, ..Compared::NOTHING },
            Some((Category::Resources, _)) => Compared { resources: true, ..Compared::NOTHING },
        }
    }

    /// Whether the block can hold for the call of a tool.
    #[must_use]
    pub fn can_name_tools(&self) -> bool {
        self.meets_every(Category::Tools)
    }

    /// Whether the block can hold for something that has arguments: the call of a tool, or the request of a prompt.
    #[must_use]
    pub fn can_have_arguments(&self) -> bool {
        self.can_name_tools() || self.meets_every(Category::Prompts)
    }

    fn meets_every(&self, category: Category) -> bool {
        let every =
            Self { kinds: vec![Kind::Request], methods: None, names: Some((category, vec![Pattern::new("*")])) };
        self.meets(&every)
    }

    fn with_possible_kinds(mut self) -> Self {
        let kinds = std::mem::take(&mut self.kinds);
        self.kinds = kinds.into_iter().filter(|kind| self.is_possible(*kind)).collect();
        self
    }

    fn is_possible(&self, kind: Kind) -> bool {
        let notifications = Pattern::new(NOTIFICATIONS);
        match (kind, &self.methods, &self.names) {
            (Kind::Request, methods, Some((category, _))) => category.methods().iter().any(|(method, _)| {
                methods.as_ref().is_none_or(|methods| methods.iter().any(|pattern| pattern.holds(method)))
            }),
            (Kind::Request, Some(methods), None) => methods.iter().any(|method| !notifications.covers(method)),
            (Kind::Notification, Some(methods), None) => methods.iter().any(|method| notifications.meets(method)),
            (_, methods, names) => {
                names.is_none() && (kind == Kind::Notification || kind == Kind::Request || methods.is_none())
            }
        }
    }

    /// Whether every operation that `other` matches is matched by this block too. Where that is hard to say, it is no.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.kinds.iter().all(|kind| {
            self.kinds.contains(kind)
                && match kind {
                    Kind::Request | Kind::Notification => self.covers_methods(other, *kind) && self.covers_names(other),
                    Kind::Response | Kind::Stream | Kind::EndSession => self.methods.is_none() && self.names.is_none(),
                }
        })
    }

    fn covers_methods(&self, other: &Self, kind: Kind) -> bool {
        let Some(own) = &self.methods else { return true };
        other.methods_of(kind).iter().all(|method| own.iter().any(|pattern| pattern.covers(method)))
    }

    /// Patterns for the methods of the operations of this kind that the block matches, and perhaps for more.
    fn methods_of(&self, kind: Kind) -> Vec<Pattern> {
        let notifications = Pattern::new(NOTIFICATIONS);
        match (&self.names, &self.methods) {
            (Some((category, _)), methods) => category
                .methods()
                .iter()
                .filter(|(method, _)| {
                    methods.as_ref().is_none_or(|methods| methods.iter().any(|pattern| pattern.holds(method)))
                })
                .map(|(method, _)| Pattern::new(method))
                .collect(),
            (None, None) if kind == Kind::Notification => vec![notifications],
            (None, None) => vec![Pattern::new("*")],
            (None, Some(methods)) if kind == Kind::Notification => {
                let narrowed = |method: &Pattern| {
                    if method.covers(&notifications) { notifications.clone() } else { method.clone() }
                };
                methods.iter().filter(|method| method.meets(&notifications)).map(narrowed).collect()
            }
            (None, Some(methods)) => methods.iter().filter(|method| !notifications.covers(method)).cloned().collect(),
        }
    }

    fn covers_names(&self, other: &Self) -> bool {
        let Some((category, own)) = &self.names else { return true };
        let names = match &other.names {
            Some((others, names)) if others == category => names.clone(),
            Some(_) => return false,
            // Any name, if the methods are such that there is one.
            None => {
                let named = |method: &Pattern| {
                    category.methods().iter().any(|(known, always)| *always && Pattern::new(known) == *method)
                };
                let methods = other.methods.as_ref();
                if !methods.is_some_and(|methods| methods.iter().all(named)) {
                    return false;
                }
                vec![Pattern::new("*")]
            }
        };
        names.iter().all(|name| own.iter().any(|pattern| pattern.covers(name)))
    }

    /// Whether some operation could match both blocks; yes where that is hard to say.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let meet = |a: &[Pattern], b: &[Pattern]| a.iter().any(|a| b.iter().any(|b| a.meets(b)));
        let names_meet = match (&self.names, &other.names) {
            (Some((a, own)), Some((b, others))) => a == b && meet(own, others),
            _ => true,
        };
        names_meet
            && self.kinds.iter().any(|kind| {
                let has_method = matches!(kind, Kind::Request | Kind::Notification);
                other.kinds.contains(kind) && (!has_method || meet(&self.methods_of(*kind), &other.methods_of(*kind)))
            })
    }
}

#[cfg(test)]
mod tests;
