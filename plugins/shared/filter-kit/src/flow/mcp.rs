//! What a request is in MCP, as far as rules want to know.

use mcp_core::{Exchange, Fault, Head, Opening, Operation, RequestId};

use super::Judge;
use crate::{
    matching::Target,
    path::Ambiguous,
    request::{Parts, RequestHead},
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

/// Reads the head as one of MCP, if a rule on its host and path looks at operations: then it must be one whatever its
/// method, or it could do what the rule is about in a way that is not seen.
pub(super) fn open<J: Judge>(
    settings: &J::Settings,
    request: &RequestHead,
    parts: &Parts,
) -> Result<Option<Mcp>, Ambiguous> {
    let Some(is_enforced) = expects_mcp(J::rules(settings), parts.target())? else { return Ok(None) };
    let fields: Vec<(&[u8], &[u8])> = request.fields().iter().collect();
    let head = Head {
        method: &parts.method,
        is_upgrade: request.is_upgrade(),
        has_body: !request.ends_with_headers(),
        fields: &fields,
    };
    Ok(Some(Mcp { is_enforced, opening: Some(J::common(settings).endpoint.open(&head)) }))
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
        let arguments = |operation: &Operation| {
            let arguments = operation.arguments.iter().flatten();
            arguments
                .map(|(name, value)| name.len().saturating_add(value.weight()))
                .fold(OPERATION, usize::saturating_add)
        };
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
