//! A stream's own callbacks: headers, body and trailers.

use std::time::Duration;

use oauth_core::denial::{Denial, Reason};

use super::{At, Handle, Verdict, outcome::Wait};
use crate::{
    host::{self, Buffer, Level, Map},
    policy::{Hold, Input, Policy, Step},
    registry::{Phase, Stream},
    request::{Property, RequestHead, refused_trailers},
    single_use::REPEATING_FIELDS,
};

/// How long a client may take for a body that a verdict needs.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// How many requests of a worker may wait for their bodies, of which the proxy holds what has come.
const MOST_FOR_BODY: usize = 512;

impl<P: Policy> Handle<P> {
    pub(super) fn headers(&self, id: u32, ended: bool) -> Verdict {
        // Read before any edit of ours, since edits can change what the proxy says.
        let settings = self.0.borrow().settings.clone();
        let paths = settings.as_deref().map(P::properties).unwrap_or_default();
        let properties = paths.iter().map(|path| match host::property(path.joined()) {
            Ok(Some(value)) => Property::Value(value),
            Ok(None) => Property::Absent,
            Err(_) => Property::Unreadable,
        });
        let properties: Vec<Property> = properties.collect();
        let head =
            host::fields(Map::RequestHeaders).map(|fields| RequestHead::new(fields, ended).with_properties(properties));
        let Ok(head) = head else {
            self.insert(id, ended, false, Vec::new(), Vec::new());
            return self.deny(id, Denial::plain(Reason::HeadersUnreadable).into());
        };
        let upgrade = head.is_upgrade();
        let identity = head.identity_fields().map(<[u8]>::to_vec).collect();
        let spends = settings.as_deref().is_some_and(P::needs_own_vm);
        let repeating = REPEATING_FIELDS.into_iter().filter(|name| spends && head.fields().has(name)).collect();
        self.insert(id, ended, upgrade, identity, repeating);
        let step = self.now_with(|settings, shared, now| P::begin(settings, shared, &head, now));
        self.settle(id, step, At::Headers)
    }

    pub(super) fn body(&self, id: u32, size: usize, ended: bool) -> Verdict {
        let over = {
            let mut registry = self.0.borrow_mut();
            let Some(stream) = registry.streams.get_mut(&id) else { return Verdict::Hold };
            stream.body_size = size;
            stream.ended |= ended;
            match &stream.phase {
                Phase::Allowed => return Verdict::GoOn,
                Phase::Denied | Phase::Deciding | Phase::ForCall { .. } => return Verdict::Hold,
                Phase::ForBody { limit, .. } => size > *limit,
            }
        };
        if over {
            return self.give_up(id, Reason::BodyTooLarge);
        }
        if ended { self.body_complete(id) } else { Verdict::Hold }
    }

    pub(super) fn trailers(&self, id: u32) -> Verdict {
        let settings = self.0.borrow().settings.clone();
        let for_us = settings.as_deref().map(P::fields_for_us).unwrap_or_default();
        let stripped = host::fields(Map::RequestTrailers).is_ok_and(|trailers| {
            refused_trailers(&trailers, for_us).all(|name| host::remove_field(Map::RequestTrailers, name).is_ok())
        });
        {
            let mut registry = self.0.borrow_mut();
            let Some(stream) = registry.streams.get_mut(&id) else { return Verdict::Hold };
            stream.ended = true;
            match &stream.phase {
                Phase::Denied => return Verdict::Hold,
                _ if !stripped => {}
                Phase::Allowed => return Verdict::GoOn,
                Phase::Deciding | Phase::ForCall { .. } => return Verdict::Hold,
                Phase::ForBody { .. } => {}
            }
        }
        if !stripped {
            return self.give_up(id, Reason::HeadersUnreadable);
        }
        let verdict = self.body_complete(id);
        let headers_gone = self.0.borrow().streams.get(&id).is_some_and(|stream| stream.headers_gone);
        if verdict == Verdict::GoOn && headers_gone {
            // Of a request that was held as a whole before, Envoy 1.40 drops the body if the trailers just go on; a
            // resume sends all of it.
            if host::continue_request().is_err() {
                host::log(Level::Error, "the proxy did not resume an allowed request");
            }
            return Verdict::Hold;
        }
        verdict
    }

    pub(super) fn insert(
        &self,
        id: u32,
        ended: bool,
        upgrade: bool,
        identity_fields: Vec<Vec<u8>>,
        repeating_fields: Vec<&'static str>,
    ) {
        let stream = Stream {
            phase: Phase::Deciding,
            watched: None,
            ended,
            body_size: 0,
            upgrade,
            headers_gone: false,
            holds_all: false,
            identity_fields,
            repeating_fields,
            is_spent: false,
            steps: 0,
        };
        self.0.borrow_mut().streams.insert(id, stream);
    }

    /// The body that the policy waits for has arrived, in the stream's own callback.
    pub(super) fn body_complete(&self, id: u32) -> Verdict {
        let (limit, then) = {
            let mut registry = self.0.borrow_mut();
            let Some(stream) = registry.streams.get_mut(&id) else { return Verdict::Hold };
            match std::mem::replace(&mut stream.phase, Phase::Deciding) {
                Phase::ForBody { then, limit, .. } => (limit, then),
                other => {
                    stream.phase = other;
                    return Verdict::Hold;
                }
            }
        };
        let step = self.with_body(id, limit, then);
        self.settle(id, step, At::Body)
    }

    /// Reads the whole body and resumes the policy with it.
    pub(super) fn with_body(&self, id: u32, limit: usize, then: P::Waiting) -> Option<Step<P::Waiting>> {
        let size = self.0.borrow().streams.get(&id)?.body_size;
        if size > limit {
            return Some(Step::Deny(self.given_up(then, Reason::BodyTooLarge)));
        }
        let body = if size == 0 { Vec::new() } else { host::buffer(Buffer::RequestBody, size).ok()? };
        // A body that is not all there would be judged as another one than the upstream gets.
        if body.len() != size {
            return None;
        }
        self.now_with(|settings, shared, now| P::resume(settings, shared, then, Input::Body(&body), now))
    }

    pub(super) fn wait_for_body(
        &self,
        id: u32,
        limit: usize,
        hold: Hold,
        then: P::Waiting,
        at: At,
    ) -> Wait<P::Waiting> {
        let Ok(now) = host::now() else { return Wait::Over(None) };
        {
            let mut registry = self.0.borrow_mut();
            let slot = registry.for_body.take(MOST_FOR_BODY);
            let Some(stream) = registry.streams.get_mut(&id) else { return Wait::Over(None) };
            let in_vain = match stream {
                Stream { upgrade: true, .. } => Some(Reason::UpgradeRefused),
                Stream { body_size, .. } if *body_size > limit => Some(Reason::BodyTooLarge),
                // It would not come before the request has gone on.
                Stream { holds_all: true, ended: false, .. } => Some(Reason::InternalFault),
                Stream { ended: false, .. } if slot.is_none() => Some(Reason::Overloaded),
                _ => None,
            };
            if let Some(reason) = in_vain {
                drop(registry);
                return Wait::Over(Some(Step::Deny(self.given_up(then, reason))));
            }
            if let (false, Some(slot)) = (stream.ended, slot) {
                stream.phase = Phase::ForBody { then, limit, deadline: now.plus(BODY_DEADLINE), _slot: slot };
                // What is buffered already would go on with the headers. Then the proxy hands the body over although
                // the headers are held, and there is no need to let them go.
                if hold == Hold::Headers || stream.body_size > 0 || stream.headers_gone {
                    return Wait::Parked;
                }
                drop(registry);
                return self.let_headers_go(id, at);
            }
        }
        Wait::Over(self.with_body(id, limit, then))
    }

    /// Lets the headers go on, without the fields that only Fourleg may set, while the body waits. Whether a use will be
    /// noted is not known yet, so a policy that notes uses lets none of them go on to be repeated.
    fn let_headers_go(&self, id: u32, at: At) -> Wait<P::Waiting> {
        let (identity, repeating) = match self.0.borrow_mut().streams.get_mut(&id) {
            Some(stream) => {
                stream.headers_gone = true;
                (std::mem::take(&mut stream.identity_fields), std::mem::take(&mut stream.repeating_fields))
            }
            None => return Wait::Over(None),
        };
        let mut removed = identity.iter().map(Vec::as_slice).chain(repeating.iter().map(|name| name.as_bytes()));
        if removed.any(|name| host::remove_field(Map::RequestHeaders, name).is_err()) {
            return Wait::Over(None);
        }
        if at == At::Elsewhere && host::continue_request().is_err() {
            return Wait::Over(None);
        }
        Wait::ForBodyAlone
    }
}
