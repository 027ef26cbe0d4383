//! What a request is in MCP, as far as rules want to know.

use mcp_core::{Arguments, Endpoint, Exchange, Fault, Head, Opening, Operation, RequestId};

use crate::{
    matching::Target,
    path::Ambiguous,
    request::RequestHead,
    rules::{Mode, Rule},
};

/// What the head of a request says of it in MCP.
#[derive(Debug)]
pub(super) struct Mcp {
    /// Whether an enforcing rule wants to know. Those in shadow mode decide nothing, so what cannot be read passes them.
    pub(super) is_enforced: bool,
    /// Taken out as it is followed.
    pub(super) opening: Option<Result<Opening, Fault>>,
}

impl Mcp {
    /// Whether a rule on the host and path of a request looks at operations: then it must be one of MCP whatever its
    /// method, or it could do what the rule is about in a way that is not seen. Its head is not read yet.
    ///
    /// # Errors
    /// As [`expects_mcp`].
    pub(super) fn expected<S>(rules: &[Rule<S>], target: Target<'_>) -> Result<Option<Self>, Ambiguous> {
        Ok(expects_mcp(rules, target)?.map(|is_enforced| Self { is_enforced, opening: None }))
    }

    /// Reads the head.
    pub(super) fn open(&mut self, endpoint: &Endpoint, request: &RequestHead, method: &str) {
        let fields: Vec<(&[u8], &[u8])> = request.fields().iter().collect();
        let head =
            Head { method, is_upgrade: request.is_upgrade(), has_body: !request.ends_with_headers(), fields: &fields };
        self.opening = Some(endpoint.open(&head));
    }
}

/// Whether a rule on this host and path looks at operations, and whether one that does is enforced.
///
/// An endpoint of MCP is asked for by its own path: a server that takes `/MCP` or `/mcp/` for `/mcp` would do what an
/// enforcing rule is about without being seen. Where both are endpoints, there is a rule for each, as close.
///
/// # Errors
/// [`Ambiguous`] for another spelling of an endpoint's path, and as [`crate::matching::Match::captures`].
fn expects_mcp<S>(rules: &[Rule<S>], target: Target<'_>) -> Result<Option<bool>, Ambiguous> {
    let (mut expected, mut meant, mut near) = (None, None, None);
    for Rule { matches, mode, .. } in rules {
        let is_meant = matches.expects_mcp(target)?;
        if is_meant {
            expected = Some(*mode == Mode::Enforce || expected.unwrap_or(false));
        }
        if *mode == Mode::Enforce && (is_meant || matches.nearly_expects_mcp(target)) {
            let closeness = Some(matches.closeness_to_endpoint());
            meant = if is_meant { meant.max(closeness) } else { meant };
            near = near.max(closeness);
        }
    }
    if near > meant { Err(Ambiguous) } else { Ok(expected) }
}

/// What is known of a request in MCP.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) exchange: Option<Exchange>,
    /// Why it could not be read as one of MCP, although rules in shadow mode would have wanted to know.
    pub(super) unread: Option<&'static str>,
}

impl Known {
    pub(super) fn operations(&self) -> &[Operation] {
        self.exchange.as_ref().map(|exchange| exchange.operations.as_slice()).unwrap_or_default()
    }

    /// The memory that the operations take with their arguments, in bytes and by a generous estimate.
    pub(super) fn weight(&self) -> usize {
        // Its texts included: a batch may have very many.
        const OPERATION: usize = 256;
        let arguments =
            |operation: &Operation| operation.arguments.as_ref().map_or(0, Arguments::weight).saturating_add(OPERATION);
        self.operations().iter().map(arguments).fold(0, usize::saturating_add)
    }

    /// While the upstream is at work, nobody needs them, and they may be large.
    pub(super) fn forget_arguments(&mut self) {
        for operation in self.exchange.iter_mut().flat_map(|exchange| &mut exchange.operations) {
            operation.arguments = None;
        }
    }

    pub(super) fn id(&self) -> Option<&RequestId> {
        self.exchange.as_ref().and_then(Exchange::id)
    }
}
