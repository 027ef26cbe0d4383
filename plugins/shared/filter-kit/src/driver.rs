//! Owns the life of every request: what the proxy calls, in which order effects happen, and when a request ends.
//!
//! A request is held from its headers on until the policy allows or denies it. Whatever goes wrong on the way
//! (a host call that fails, an answer that never comes, a policy that never ends) is a denial.

use std::{
    cell::RefCell,
    hash::{BuildHasher, RandomState},
    rc::Rc,
    time::Duration,
};

use oauth_core::{
    denial::{Denial, Reason},
    time::UnixTime,
};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType, LogLevel},
};

use crate::{
    host::{self, Buffer, Level, Map},
    policy::{Callout, CalloutOutcome, Fault, Input, MAX_ANSWER, Note, Policy, Refusal, RequestEdits, Response, Step},
    registry::{Flight, Phase, Registry, Stream},
    request::{Property, RequestHead, identity_fields},
};

#[doc(hidden)]
pub use proxy_wasm;

/// Makes a crate a filter: registers the policy with the proxy. On other targets than wasm it does nothing.
#[macro_export]
macro_rules! filter {
    ($policy:ty) => {
        const _: () = {
            $crate::driver::proxy_wasm::main! {{ $crate::driver::register::<$policy>(); }}
        };
    };
}

/// How often the root looks for deadlines and due callouts.
const TICK_MILLISECONDS: u32 = 250;

/// The proxy's own timeout comes first; ours is for the case that it never does.
const CALL_GRACE: Duration = Duration::from_secs(1);

/// How long a client may take for a body that a verdict needs.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A policy takes a handful of steps; one that takes more goes round in circles.
const MOST_STEPS: u8 = 16;

/// Tells the SDK how to make this policy's contexts. For [`filter!`](crate::filter).
pub fn register<P: Policy>() {
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|id| Box::new(Root::<P>(Handle(Rc::new(RefCell::new(Registry::new(id)))))));
}

struct Root<P: Policy>(Handle<P>);

struct Http<P: Policy> {
    handle: Handle<P>,
    id: u32,
}

/// Shared by the root context and its streams. Borrowed only between host calls.
struct Handle<P: Policy>(Rc<RefCell<Registry<P>>>);

impl<P: Policy> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// What a callback tells the proxy about its request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    GoOn,
    Hold,
}

impl From<Verdict> for Action {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::GoOn => Self::Continue,
            Verdict::Hold => Self::Pause,
        }
    }
}

/// Whose callback is at work, and so what may be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// The stream's own headers, body or trailers: going on is said by the returned action.
    Stream,
    /// Anywhere else: the stream is parked and must be resumed.
    Elsewhere,
}

impl<P: Policy> Context for Root<P> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        self.0.land(token, headers, body);
    }
}

impl<P: Policy> RootContext for Root<P> {
    fn on_configure(&mut self, size: usize) -> bool {
        self.0.configure(size)
    }

    fn on_tick(&mut self) {
        self.0.tick();
    }

    fn on_queue_ready(&mut self, queue: u32) {
        self.0.start_asked(queue);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http { handle: self.0.clone(), id }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl<P: Policy> Context for Http<P> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        self.handle.land(token, headers, body);
    }

    fn on_done(&mut self) -> bool {
        self.handle.0.borrow_mut().forget(self.id);
        true
    }
}

impl<P: Policy> Drop for Http<P> {
    fn drop(&mut self) {
        self.handle.0.borrow_mut().forget(self.id);
    }
}

impl<P: Policy> HttpContext for Http<P> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.handle.headers(self.id, end_of_stream).into()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.handle.body(self.id, size, end_of_stream).into()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.handle.trailers(self.id).into()
    }
}

/// The callbacks of the root context.
impl<P: Policy> Handle<P> {
    fn configure(&self, size: usize) -> bool {
        let document = if size == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::PluginConfiguration, size) };
        let Ok(document) = document else {
            host::log(Level::Error, "the plugin's configuration cannot be read");
            return false;
        };
        let (mut settings, shared) = match P::configure(&document) {
            Ok(made) => made,
            Err(problems) => {
                host::log(Level::Error, &problems.to_string());
                return false;
            }
        };
        if !crate::host_crypto::equip::<P>(&mut settings) {
            return false;
        }
        for note in P::notes(&settings) {
            host::log(Level::Warn, note);
        }
        for key in P::READ_ONLY_STATE {
            if host::declare_read_only(key).is_err() {
                host::log(Level::Error, &format!("the proxy did not declare the filter state {key} read-only"));
                return false;
            }
        }
        {
            let mut registry = self.0.borrow_mut();
            registry.settings = Some(Rc::new(settings));
            registry.shared = Some(shared);
            // What is on its way was asked for by another configuration; streams that wait for it meet their deadline.
            registry.flights.clear();
            registry.asked.clear();
        }
        if host::set_tick_period(TICK_MILLISECONDS).is_err() {
            host::log(Level::Error, "the proxy offers no tick, so deadlines cannot be kept");
            return false;
        }
        // A queue's name wakes only its last registrant, so each root has a name of its own.
        let root_id = self.0.borrow().root_id;
        let name = format!("fourleg.{}.{root_id}.{:016x}", P::NAME, RandomState::new().hash_one(root_id));
        match host::register_queue(&name) {
            Ok(queue) => self.0.borrow_mut().queue = Some(queue),
            // Without it a shared call starts at the next tick instead of at once.
            Err(_) => host::log(Level::Warn, "the proxy offers no queue: shared callouts start at the next tick"),
        }
        self.upkeep();
        true
    }

    fn tick(&self) {
        let Ok(now) = host::now() else { return };
        loop {
            let Some(flight) = self.0.borrow_mut().overdue(now) else { break };
            self.finish(flight, CalloutOutcome::Failed(Fault::Deadline));
        }
        let overdue: Vec<(u32, bool)> = self
            .0
            .borrow()
            .streams
            .iter()
            .filter(|(_, stream)| stream.phase.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(id, stream)| (*id, matches!(stream.phase, Phase::ForBody { .. })))
            .collect();
        for (id, for_body) in overdue {
            if for_body {
                host::log(
                    Level::Warn,
                    "a request body did not arrive in time; if this is so for all of them, the plugin's \
                     configuration lacks allow_on_headers_stop_iteration: true",
                );
            }
            if self.enter(id) {
                self.deny(id, Denial::plain(Reason::DeadlineExceeded).into());
            }
        }
        self.leave();
        self.start_all_asked();
        self.upkeep();
    }

    fn start_asked(&self, queue: u32) {
        if self.0.borrow().queue != Some(queue) {
            return;
        }
        // One wake-up for each request; the list is worked off at the first.
        let _ = host::take_wake(queue);
        self.start_all_asked();
    }

    fn start_all_asked(&self) {
        let asked = std::mem::take(&mut self.0.borrow_mut().asked);
        for callout in asked {
            self.start_shared(callout);
        }
    }

    fn upkeep(&self) {
        let Ok(now) = host::now() else { return };
        let due = {
            let registry = &mut *self.0.borrow_mut();
            match (&registry.settings, &mut registry.shared) {
                (Some(settings), Some(shared)) => P::upkeep(settings, shared, now),
                _ => return,
            }
        };
        for callout in due {
            self.start_shared(callout);
        }
    }

    /// Starts a shared callout, unless its flight is on already. The root is at work, so that the flight outlives
    /// the streams that wait for it.
    fn start_shared(&self, callout: Callout) {
        let Some(key) = callout.key.clone() else { return };
        let (started, Ok(now)) = (self.0.borrow_mut().flight_of(&key).and_then(|flight| flight.token), host::now())
        else {
            return;
        };
        if started.is_some() {
            return;
        }
        let token = dispatch(&callout);
        let mut registry = self.0.borrow_mut();
        let deadline = now.plus(callout.timeout).plus(CALL_GRACE);
        let flight = match registry.flight_of(&key) {
            Some(flight) => flight,
            None => {
                registry.flights.push(Flight {
                    key: Some(key.clone()),
                    token: None,
                    expect: callout.expect,
                    deadline,
                    waiting: Vec::new(),
                });
                match registry.flights.last_mut() {
                    Some(flight) => flight,
                    None => return,
                }
            }
        };
        flight.token = token;
        flight.deadline = deadline;
        if token.is_none() {
            let at = registry.flights.iter().position(|flight| flight.key.as_deref() == Some(&key));
            let flight = at.map(|at| registry.flights.swap_remove(at));
            drop(registry);
            if let Some(flight) = flight {
                self.finish(flight, CalloutOutcome::Failed(Fault::NotSent));
            }
        }
    }

    /// A callout's answer has come.
    fn land(&self, token: u32, headers: usize, body_size: usize) {
        let Some(flight) = self.0.borrow_mut().land(token) else { return };
        match read_answer(&flight, headers, body_size) {
            Ok((status, body)) => self.finish(flight, CalloutOutcome::Answer { status, body: &body }),
            Err(fault) => self.finish(flight, CalloutOutcome::Failed(fault)),
        }
        // What was learned may make the next callout due: a document that says where the keys are.
        self.upkeep();
    }

    /// Tells the root, then every stream that waits.
    fn finish(&self, flight: Flight, outcome: CalloutOutcome<'_>) {
        if let Some(key) = &flight.key {
            let notes = self.now_with(|settings, shared, now| P::learn(settings, shared, key, outcome, now));
            for note in notes.unwrap_or_default() {
                match note {
                    Note::Info(text) => host::log(Level::Info, &text),
                    Note::Warn(text) => host::log(Level::Warn, &text),
                }
            }
        }
        for id in flight.waiting {
            let Some(waiting) = self.take_waiting_for_call(id) else { continue };
            if !self.enter(id) {
                continue;
            }
            let step = self
                .now_with(|settings, shared, now| P::resume(settings, shared, waiting, Input::Callout(outcome), now));
            self.settle(id, step, At::Elsewhere);
        }
        self.leave();
    }

    fn take_waiting_for_call(&self, id: u32) -> Option<P::Waiting> {
        let mut registry = self.0.borrow_mut();
        let stream = registry.streams.get_mut(&id)?;
        match std::mem::replace(&mut stream.phase, Phase::Deciding) {
            Phase::ForCall { then, .. } => Some(then),
            other => {
                stream.phase = other;
                None
            }
        }
    }
}

/// The callbacks of a stream.
impl<P: Policy> Handle<P> {
    fn headers(&self, id: u32, ended: bool) -> Verdict {
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
            self.insert(id, ended, false, Vec::new());
            return self.deny(id, Denial::plain(Reason::HeadersUnreadable).into());
        };
        let upgrade = head.is_upgrade();
        let identity = head.identity_fields().map(<[u8]>::to_vec).collect();
        self.insert(id, ended, upgrade, identity);
        let step = self.now_with(|settings, shared, now| P::begin(settings, shared, &head, now));
        self.settle(id, step, At::Stream)
    }

    fn body(&self, id: u32, size: usize, ended: bool) -> Verdict {
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
            return self.deny(id, Denial::plain(Reason::BodyTooLarge).into());
        }
        if ended { self.body_complete(id) } else { Verdict::Hold }
    }

    fn trailers(&self, id: u32) -> Verdict {
        let stripped = host::fields(Map::RequestTrailers).is_ok_and(|trailers| {
            identity_fields(&trailers).all(|name| host::remove_field(Map::RequestTrailers, name).is_ok())
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
        if stripped { self.body_complete(id) } else { self.deny(id, Denial::plain(Reason::HeadersUnreadable).into()) }
    }

    fn insert(&self, id: u32, ended: bool, upgrade: bool, identity_fields: Vec<Vec<u8>>) {
        let stream = Stream { phase: Phase::Deciding, ended, body_size: 0, upgrade, identity_fields, steps: 0 };
        self.0.borrow_mut().streams.insert(id, stream);
    }

    /// The body that the policy waits for has arrived, in the stream's own callback.
    fn body_complete(&self, id: u32) -> Verdict {
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
        self.settle(id, step, At::Stream)
    }

    /// Reads the whole body and resumes the policy with it.
    fn with_body(&self, id: u32, limit: usize, then: P::Waiting) -> Option<Step<P::Waiting>> {
        let size = self.0.borrow().streams.get(&id)?.body_size;
        if size > limit {
            return Some(Step::Deny(Denial::plain(Reason::BodyTooLarge).into()));
        }
        let body = if size == 0 { Vec::new() } else { host::buffer(Buffer::RequestBody, size).ok()? };
        // A body that is not all there would be judged as another one than the upstream gets.
        if body.len() != size {
            return None;
        }
        self.now_with(|settings, shared, now| P::resume(settings, shared, then, Input::Body(&body), now))
    }
}

/// What a step does.
impl<P: Policy> Handle<P> {
    /// Carries a step out, and those that follow from it at once. `None` stands for a fault of ours.
    fn settle(&self, id: u32, step: Option<Step<P::Waiting>>, at: At) -> Verdict {
        let mut next = step;
        loop {
            let Some(step) = next.filter(|_| self.may_take_a_step(id)) else {
                return self.deny(id, Denial::plain(Reason::InternalFault).into());
            };
            next = match step {
                Step::Allow(edits) => return self.allow(id, &edits, at),
                Step::Deny(refusal) => return self.deny(id, refusal),
                Step::Respond(response) => return self.respond(id, &response),
                Step::ReadBody { limit, then } => match self.wait_for_body(id, limit, then) {
                    Wait::Parked => return Verdict::Hold,
                    Wait::Over(step) => step,
                },
                Step::Call(callout, then) => match self.wait_for_call(id, callout, then, at) {
                    Wait::Parked => return Verdict::Hold,
                    Wait::Over(step) => step,
                },
            };
        }
    }

    fn may_take_a_step(&self, id: u32) -> bool {
        let mut registry = self.0.borrow_mut();
        let Some(stream) = registry.streams.get_mut(&id) else { return false };
        stream.steps = stream.steps.saturating_add(1);
        stream.steps <= MOST_STEPS
    }

    fn wait_for_body(&self, id: u32, limit: usize, then: P::Waiting) -> Wait<P::Waiting> {
        let Ok(now) = host::now() else { return Wait::Over(None) };
        {
            let mut registry = self.0.borrow_mut();
            let Some(stream) = registry.streams.get_mut(&id) else { return Wait::Over(None) };
            if stream.upgrade {
                return Wait::Over(Some(Step::Deny(Denial::plain(Reason::UpgradeRefused).into())));
            }
            if !stream.ended {
                if stream.body_size > limit {
                    return Wait::Over(Some(Step::Deny(Denial::plain(Reason::BodyTooLarge).into())));
                }
                stream.phase = Phase::ForBody { then, limit, deadline: now.plus(BODY_DEADLINE) };
                return Wait::Parked;
            }
        }
        Wait::Over(self.with_body(id, limit, then))
    }

    fn wait_for_call(&self, id: u32, callout: Callout, then: P::Waiting, at: At) -> Wait<P::Waiting> {
        let Ok(now) = host::now() else { return Wait::Over(None) };
        let deadline = now.plus(callout.timeout).plus(CALL_GRACE);
        let expect = callout.expect;
        let park = |registry: &mut Registry<P>, then, deadline| match registry.streams.get_mut(&id) {
            Some(stream) => stream.phase = Phase::ForCall { then, deadline },
            None => registry.forget(id),
        };
        let Some(key) = callout.key.clone() else {
            let Some(token) = dispatch(&callout) else { return self.call_failed(then) };
            let mut registry = self.0.borrow_mut();
            registry.flights.push(Flight { key: None, token: Some(token), expect, deadline, waiting: vec![id] });
            park(&mut registry, then, deadline);
            return Wait::Parked;
        };
        let mut registry = self.0.borrow_mut();
        if let Some(flight) = registry.flight_of(&key) {
            flight.waiting.push(id);
            let deadline = flight.deadline;
            park(&mut registry, then, deadline);
            return Wait::Parked;
        }
        // The place is taken at once, so that the next stream joins; the root starts the call.
        registry.flights.push(Flight { key: Some(key), token: None, expect, deadline, waiting: vec![id] });
        registry.asked.push(callout);
        park(&mut registry, then, deadline);
        let queue = registry.queue;
        drop(registry);
        // From elsewhere than the stream's own callback the root is at work already and looks at its list by itself;
        // a queue that cannot be written to means that the next tick does.
        if let (At::Stream, Some(queue)) = (at, queue) {
            let _ = host::wake(queue);
        } else if at == At::Elsewhere {
            self.leave();
            self.start_all_asked();
        }
        Wait::Parked
    }

    fn call_failed(&self, then: P::Waiting) -> Wait<P::Waiting> {
        let outcome = Input::Callout(CalloutOutcome::Failed(Fault::NotSent));
        Wait::Over(self.now_with(|settings, shared, now| P::resume(settings, shared, then, outcome, now)))
    }

    /// Edits first, then the resume; if an edit fails, the request must not go on without it.
    fn allow(&self, id: u32, edits: &RequestEdits, at: At) -> Verdict {
        let identity = match self.0.borrow_mut().streams.get_mut(&id) {
            Some(stream) => std::mem::take(&mut stream.identity_fields),
            None => return Verdict::Hold,
        };
        if edit(&identity, edits, P::READ_ONLY_STATE).is_err() {
            return self.deny(id, Denial::plain(Reason::InternalFault).into());
        }
        self.end(id, Phase::Allowed);
        if at == At::Elsewhere && host::continue_request().is_err() {
            // It stays parked: the proxy's idle timeout ends it, and nothing has gone upstream.
            host::log(Level::Error, "the proxy did not resume an allowed request");
        }
        let (decision, code) = edits.counts_as.unwrap_or(("allow", "ok"));
        self.count(decision, code);
        Verdict::GoOn
    }

    fn deny(&self, id: u32, refusal: Refusal) -> Verdict {
        let Refusal { denial, headers, state } = refusal;
        let code = denial.reason().code();
        for (key, value) in &state {
            if host::set_state(key, value).is_err() {
                // The request is denied anyway; what it lacks is its record.
                host::log(Level::Error, &format!("the proxy did not take the filter state {key}"));
            }
        }
        host::log(Level::Debug, &format!("denied: {code}"));
        let response = Response {
            status: denial.status(),
            headers: denial.headers().into_iter().chain(headers).collect(),
            body: denial.body(),
            code,
        };
        self.reply(id, "deny", &response)
    }

    fn respond(&self, id: u32, response: &Response) -> Verdict {
        self.reply(id, "respond", response)
    }

    fn reply(&self, id: u32, decision: &'static str, response: &Response) -> Verdict {
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

    fn end(&self, id: u32, phase: Phase<P::Waiting>) {
        if let Some(stream) = self.0.borrow_mut().streams.get_mut(&id) {
            stream.phase = phase;
        }
    }

    /// `fourleg_<plugin>_decisions_total.decision.<d>.code.<c>`: both are from fixed sets.
    fn count(&self, decision: &'static str, code: &'static str) {
        let known = self.0.borrow().counters.get(&(decision, code)).copied();
        let counter = known.or_else(|| {
            let name = format!("fourleg_{}_decisions_total.decision.{decision}.code.{code}", P::NAME);
            let counter = host::define_counter(&name).ok()?;
            self.0.borrow_mut().counters.insert((decision, code), counter);
            Some(counter)
        });
        if let Some(counter) = counter {
            host::count(counter);
        }
    }

    /// Makes a stream the effective context. If it is gone the proxy keeps the previous one, and an edit would land
    /// on another's request: then its id is dropped and nothing is touched.
    fn enter(&self, id: u32) -> bool {
        let entered = host::set_effective_context(id).is_ok();
        if !entered {
            self.0.borrow_mut().forget(id);
        }
        entered
    }

    /// Makes the root the effective context again.
    fn leave(&self) {
        let root_id = self.0.borrow().root_id;
        if host::set_effective_context(root_id).is_err() {
            host::log(Level::Error, "the root context is gone");
        }
    }

    /// Runs a part of the policy. `None` if there is no clock or no configuration, which is a fault.
    fn now_with<T>(&self, run: impl FnOnce(&P::Settings, &mut P::Shared, UnixTime) -> T) -> Option<T> {
        let now = host::now().ok()?;
        let registry = &mut *self.0.borrow_mut();
        match (&registry.settings, &mut registry.shared) {
            (Some(settings), Some(shared)) => Some(run(settings, shared, now)),
            _ => None,
        }
    }
}

enum Wait<W> {
    Parked,
    Over(Option<Step<W>>),
}

/// Makes the edits, in the effective context.
fn edit(identity_fields: &[Vec<u8>], edits: &RequestEdits, read_only: &[&str]) -> Result<(), host::Refused> {
    for name in identity_fields.iter().map(Vec::as_slice).chain(edits.remove.iter().map(String::as_bytes)) {
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

/// Sends a callout. The SDK's own function, because only it can tell the SDK whose call it is.
fn dispatch(callout: &Callout) -> Option<u32> {
    let mut headers = vec![
        (":method", callout.method),
        (":authority", callout.authority.as_str()),
        (":path", callout.path.as_str()),
        (":scheme", "https"),
    ];
    headers.extend(callout.headers.iter().map(|(name, value)| (*name, value.as_str())));
    let body = (!callout.body.is_empty()).then_some(callout.body.as_slice());
    hostcalls::dispatch_http_call(&callout.cluster, headers, body, Vec::new(), callout.timeout).ok()
}

/// Reads an answer; its size is checked before any of it is copied.
fn read_answer(flight: &Flight, headers: usize, body_size: usize) -> Result<(u16, Vec<u8>), Fault> {
    if headers == 0 {
        return Err(Fault::NoHeaders);
    }
    let fields = host::fields(Map::CallResponseHeaders).map_err(|_| Fault::NoHeaders)?;
    let status = fields.only(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
    let status: u16 = status.ok_or(Fault::NoHeaders)?;
    if !flight.expect.contains(&status) {
        return Err(Fault::Status(status));
    }
    if body_size > MAX_ANSWER {
        return Err(Fault::TooLarge);
    }
    let body = if body_size == 0 {
        Vec::new()
    } else {
        host::buffer(Buffer::CallResponseBody, body_size).map_err(|_| Fault::NoHeaders)?
    };
    Ok((status, body))
}
