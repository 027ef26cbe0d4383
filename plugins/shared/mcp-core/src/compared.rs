//! What rules compare, and so what must have one reading only.

use crate::{message::LISTEN_METHOD, operation::Target};

/// What rules compare of operations beside kind and method. Where it is compared, a name or URI that two readers could take
/// differently is refused, and so is a member that some readers take for the one that holds it. What no rule compares is
/// the server's to read, and real clients send what they like there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The names of tools, and the arguments of their calls.
    pub tools: bool,
    /// The names of prompts, and their arguments.
    pub prompts: bool,
    /// The URIs of resources.
    pub resources: bool,
}

impl Compared {
    /// Everything.
    pub const ALL: Self = Self { tools: true, prompts: true, resources: true };

    /// Nothing but kinds and methods.
    pub const NOTHING: Self = Self { tools: false, prompts: false, resources: false };

    /// What either compares.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools || other.tools,
            prompts: self.prompts || other.prompts,
            resources: self.resources || other.resources,
        }
    }

    /// Whether this name or URI is compared. No rule can be about tasks.
    pub(crate) const fn has(self, target: &Target) -> bool {
        match target {
            Target::Tool(_) => self.tools,
            Target::Prompt(_) => self.prompts,
            Target::Resource(_) => self.resources,
            Target::Task(_) => false,
        }
    }

    /// Whether something is compared that the parameters of this method say.
    pub(crate) fn has_params_of(self, method: &str) -> bool {
        match method {
            "tools/call" => self.tools,
            "prompts/get" => self.prompts,
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" | LISTEN_METHOD => self.resources,
            _ => false,
        }
    }
}
