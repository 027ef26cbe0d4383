//! What a step does: going on, waiting, or an answer.

use std::collections::BTreeSet;

use oauth_core::denial::{Denial, Reason};

use super::{At, Handle, Verdict};
use crate::{
    host::{self, Level, Map},
    policy::{Input, Policy, Refusal, RequestEdits, Response, Step},
    registry::Phase,
};

/// A policy takes a handful of steps; one that takes more goes round in circles.
const MOST_STEPS: u8 = 16;

/// What became of a wish to wait.
pub(super) enum Wait<W> {
    Parked,
    /// The request's headers go on, its body is waited for.
    ForBodyAlone,
    /// There is nothing to wait for: this is next, or a fault if `None`.
    Over(Option<Step<W>>),
}

impl<P: Policy> Handle<P> {
    /// Carries a step out, and those that follow from it at once. `None` stands for a fault of ours.
    pub(super) fn settle(&self, id: u32, step: Option<Step<P::Waiting>>, at: At) -> Verdict {
        let mut next = step;
        loop {
            let Some(step) = next.filter(|_| self.may_take_a_step(id)) else {
                return self.deny(id, Denial::plain(Reason::InternalFault).into());
            };
            next = match step {
                Step::Allow(edits) => return self.allow(id, &edits, None, at),
                Step::AllowAndWatch(edits, watched) => return self.allow(id, &edits, Some(watched), at),
                Step::Deny(refusal) => return self.deny(id, refusal),
                Step::Respond(response) => return self.respond(id, &response),
                Step::Spend(uses, then) => {
                    let spent = self.spend(id, &uses);
                    self.now_with(|settings, shared, now| P::resume(settings, shared, then, Input::Spent(spent), now))
                }
                Step::ReadBody { limit, hold, then } => match self.wait_for_body(id, limit, hold, then, at) {
                    Wait::Parked => return Verdict::Hold,
                    Wait::ForBodyAlone => return Verdict::GoOn,
                    Wait::Over(step) => step,
                },
                Step::Call(callout, then) => {
                    let holds_all = at == At::Headers && !P::may_read_body(&then);
                    match self.wait_for_call(id, callout, then, at) {
                        Wait::Parked if holds_all => return self.hold_all(id),
                        Wait::Parked | Wait::ForBodyAlone => return Verdict::Hold,
                        Wait::Over(step) => step,
                    }
                }
            };
        }
    }

    /// Holds a request and its body outside the filter: it cannot be read before the request goes on.
    fn hold_all(&self, id: u32) -> Verdict {
        if let Some(stream) = self.0.borrow_mut().streams.get_mut(&id) {
            stream.holds_all = true;
        }
        Verdict::HoldAll
    }

    pub(super) fn may_take_a_step(&self, id: u32) -> bool {
        let mut registry = self.0.borrow_mut();
        let Some(stream) = registry.streams.get_mut(&id) else { return false };
        stream.steps = stream.steps.saturating_add(1);
        stream.steps <= MOST_STEPS
    }

    /// Edits first, then the resume; if an edit fails, the request must not go on without it.
    pub(super) fn allow(&self, id: u32, edits: &RequestEdits, watched: Option<P::Waiting>, at: At) -> Verdict {
        let (identity, repeating, headers_gone) = match self.0.borrow_mut().streams.get_mut(&id) {
            Some(stream) => {
                stream.watched = watched;
                let repeating = std::mem::take(&mut stream.repeating_fields);
                let repeating = if stream.is_spent { repeating } else { Vec::new() };
                (std::mem::take(&mut stream.identity_fields), repeating, stream.headers_gone)
            }
            None => return Verdict::Hold,
        };
        // Headers that went on cannot be edited, and an edit that does not happen must not be taken for one that did.
        let too_late = headers_gone && !(edits.remove.is_empty() && edits.set.is_empty());
        let ours = identity.iter().map(Vec::as_slice).chain(repeating.iter().map(|name| name.as_bytes()));
        if too_late || edit(ours, edits, P::READ_ONLY_STATE).is_err() {
            return self.deny(id, Denial::plain(Reason::InternalFault).into());
        }
        self.end(id, Phase::Allowed);
        if at == At::Elsewhere && host::continue_request().is_err() {
            // It stays parked: the proxy's idle timeout ends it, and nothing has gone upstream.
            host::log(Level::Error, "the proxy did not resume an allowed request");
        }
        let (decision, code) = edits.counts_as.unwrap_or(("allow", "ok"));
        self.count(decision, code);
        for code in &edits.shadow_denials {
            self.count("shadow_rule_deny", code);
        }
        Verdict::GoOn
    }

    /// Denies a request that waits in vain, as the policy tells it.
    pub(super) fn give_up(&self, id: u32, reason: Reason) -> Verdict {
        let then = self.0.borrow_mut().streams.get_mut(&id).and_then(|stream| {
            match std::mem::replace(&mut stream.phase, Phase::Deciding) {
                Phase::ForCall { then, .. } | Phase::ForBody { then, .. } => Some(then),
                other => {
                    stream.phase = other;
                    None
                }
            }
        });
        let refusal = then.map_or_else(|| Denial::plain(reason).into(), |then| self.given_up(then, reason));
        self.deny(id, refusal)
    }

    /// How the policy tells it.
    pub(super) fn given_up(&self, then: P::Waiting, reason: Reason) -> Refusal {
        let told = self.now_with(|settings, _, now| P::give_up(settings, then, reason, now));
        told.unwrap_or_else(|| Denial::plain(reason).into())
    }

    pub(super) fn deny(&self, id: u32, refusal: Refusal) -> Verdict {
        let Refusal { response, state } = refusal;
        for (key, value) in &state {
            if host::set_state(key, value).is_err() {
                // The request is denied anyway; what it lacks is its record.
                host::log(Level::Error, &format!("the proxy did not take the filter state {key}"));
            }
        }
        host::log(Level::Debug, &format!("denied: {}", response.code));
        self.reply(id, "deny", &response)
    }

    pub(super) fn respond(&self, id: u32, response: &Response) -> Verdict {
        self.reply(id, "respond", response)
    }

    pub(super) fn reply(&self, id: u32, decision: &'static str, response: &Response) -> Verdict {
        self.end(id, Phase::Denied);
        let headers: Vec<(&str, &str)> = response.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let details = format!("fourleg_{}_{}", P::NAME, response.code);
        if host::send_local_response(response.status, &details, &headers, &response.body).is_err() {
            // It stays held: the proxy's idle timeout ends it, and nothing has gone upstream.
            host::log(Level::Error, "the proxy did not send an answer");
        }
        self.count(decision, response.code);
        Verdict::Hold
    }

    pub(super) fn end(&self, id: u32, phase: Phase<P::Waiting>) {
        if let Some(stream) = self.0.borrow_mut().streams.get_mut(&id) {
            // An answer of ours is not to be judged.
            if matches!(phase, Phase::Denied) {
                stream.watched = None;
            }
            stream.phase = phase;
        }
    }
}

/// Makes the edits, in the effective context, and takes out the fields of these names.
fn edit<'f>(
    ours: impl Iterator<Item = &'f [u8]>,
    edits: &'f RequestEdits,
    read_only: &[&str],
) -> Result<(), host::Refused> {
    // Each name once, however often a client sends it: the proxy looks at all fields for each.
    let names: BTreeSet<&[u8]> = ours.chain(edits.remove.iter().map(String::as_bytes)).collect();
    for name in names {
        host::remove_field(Map::RequestHeaders, name)?;
    }
    for (name, value) in &edits.set {
        host::replace_field(Map::RequestHeaders, name.as_bytes(), value.as_bytes())?;
    }
    for (key, value) in &edits.state {
        // A key that another filter wrote first keeps that filter's word on who may write it, so it is not read-only:
        // our value would be taken, and could be replaced after us.
        if read_only.contains(key) && host::property(key)?.is_some() {
            return Err(host::Refused(0));
        }
        host::set_state(key, value)?;
    }
    Ok(())
}
