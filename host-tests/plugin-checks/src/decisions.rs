//! Decisions of a policy without a proxy: a request goes in, what becomes of it comes out.
//!
//! [`Gate`] does what the driver does between a request and its verdict: it carries out callouts, shared ones through
//! [`Background::learn`](filter_kit::background::Background::learn), hands over bodies, and goes on until the policy has
//! decided. Whatever a policy decides, the gate holds it against what is true of every decision: a denial has the status
//! of its reason and a challenge where there must be one, its record says the same, and no token shows in either.

mod decision;
mod request;
mod table;

use std::time::Duration;

use filter_kit::policy::{Answered, Callout, CalloutOutcome, Fault, Input, Note, Policy, ResponseHead, Step};
use oauth_core::{denial::Reason, time::UnixTime};
use serde_json::Value;

pub use decision::{Decision, Verdict};
pub use request::{Request, get, post};
pub use table::{Row, Table, row};

/// The time at which a gate begins, in seconds since the epoch.
pub const NOW: i64 = 1_900_000_000;

/// No policy needs more steps for a request.
const MOST_STEPS: usize = 12;

/// What a cluster answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This status and these bytes.
    Answer(u16, Vec<u8>),
    /// The call fails.
    Fails(Fault),
    /// Nothing in time: the driver gives the request up.
    Never,
}

/// A policy with its configuration and all that it has learned.
pub struct Gate<P: Policy> {
    settings: P::Settings,
    shared: P::Shared,
    now: UnixTime,
    clusters: Box<dyn FnMut(&Callout) -> Reply>,
}

impl<P: Policy> Gate<P> {
    /// A policy of this configuration, whose callouts all fail.
    ///
    /// # Panics
    /// If the configuration does not load.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        match P::configure(document.to_string().as_bytes()) {
            Ok((settings, shared)) => {
                let clusters = Box::new(|_: &Callout| Reply::Fails(Fault::NotSent));
                Self { settings, shared, now: UnixTime::from_secs(NOW), clusters }
            }
            Err(problems) => panic!("the configuration does not load: {problems}\n{document}"),
        }
    }

    /// Who answers callouts from now on.
    #[must_use]
    pub fn with_clusters(mut self, clusters: impl FnMut(&Callout) -> Reply + 'static) -> Self {
        self.answer(clusters);
        self
    }

    /// The same in place.
    pub fn answer(&mut self, clusters: impl FnMut(&Callout) -> Reply + 'static) {
        self.clusters = Box::new(clusters);
    }

    /// Lets time go by, in seconds, and carries out what is due then.
    pub fn pass(&mut self, seconds: u64) {
        self.wait(seconds);
        self.tick();
    }

    /// Lets time go by, in seconds, and nothing is carried out before the next request: the driver's ticks come later.
    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Puts the clock back, by seconds.
    pub fn put_back(&mut self, seconds: u64) {
        self.now = self.now.minus(Duration::from_secs(seconds));
    }

    /// Carries out what is due now. Out: what was asked for.
    pub fn tick(&mut self) -> Vec<Callout> {
        let due = P::upkeep(&self.settings, &mut self.shared, self.now);
        for callout in &due {
            self.call(callout, &mut Vec::new());
        }
        due
    }

    /// The time, in seconds since the epoch.
    #[must_use]
    pub const fn now(&self) -> i64 {
        self.now.as_secs()
    }

    /// Lets the policy decide about a request.
    ///
    /// # Panics
    /// If what it decides is not what every decision has to be, or if it does not come to an end.
    pub fn decide(&mut self, request: &Request) -> Decision<P> {
        let head = request.head(P::properties(&self.settings));
        let (mut calls, mut notes) = (Vec::new(), Vec::new());
        let mut step = P::begin(&self.settings, &mut self.shared, &head, self.now);
        for _ in 0..MOST_STEPS {
            let (verdict, watched) = match step {
                Step::Allow(edits) => (Verdict::Allow(edits), None),
                Step::AllowAndWatch(edits, watched) => (Verdict::Allow(edits), Some(watched)),
                Step::Deny(refusal) => (Verdict::Deny(refusal), None),
                Step::Respond(response) => (Verdict::Respond(response), None),
                Step::Spend(..) => panic!("{} spends a use: the gate has none to note", P::NAME),
                Step::ReadBody { limit, then, .. } => {
                    let body = request.whole_body();
                    if body.len() <= limit {
                        step = P::resume(&self.settings, &mut self.shared, then, Input::Body(body), self.now);
                        continue;
                    }
                    (Verdict::Deny(P::give_up(&self.settings, then, Reason::BodyTooLarge, self.now)), None)
                }
                Step::Call(callout, then) => {
                    calls.push(callout.clone());
                    let reply = self.call(&callout, &mut notes);
                    if let Some(outcome) = reply.outcome(&callout) {
                        step = P::resume(&self.settings, &mut self.shared, then, Input::Callout(outcome), self.now);
                        continue;
                    }
                    (Verdict::Deny(P::give_up(&self.settings, then, Reason::DeadlineExceeded, self.now)), None)
                }
            };
            let decision = Decision { verdict, calls, notes, watched };
            decision.require_sound(request);
            return decision;
        }
        panic!("{} goes on and on with {request:?}", P::NAME)
    }

    /// What the client gets, if the upstream answers a request that went on with this head: the verdict on it as
    /// [`Decision::told`], or `passes`.
    ///
    /// # Panics
    /// If the policy does not want to see the answer.
    pub fn answered(&mut self, decision: Decision<P>, response: &ResponseHead) -> String {
        let watched = decision.watched.expect("the answer is watched");
        match P::answered(&self.settings, &mut self.shared, watched, response, self.now) {
            Answered::Pass { remove } => format!("passes without {}", remove.join(" ")),
            Answered::Replace(refusal) => {
                let decision: Decision<P> =
                    Decision { verdict: Verdict::Deny(refusal), calls: Vec::new(), notes: Vec::new(), watched: None };
                decision.require_sound(&get("/"));
                decision.told()
            }
        }
    }

    /// Carries out a callout. A shared one is learned from before anybody goes on.
    fn call(&mut self, callout: &Callout, notes: &mut Vec<String>) -> Reply {
        let reply = (self.clusters)(callout);
        if let (Some(key), Some(outcome)) = (&callout.key, reply.outcome(callout)) {
            let told = P::learn(&self.settings, &mut self.shared, key, outcome, self.now);
            notes.extend(told.into_iter().map(|(Note::Info(text) | Note::Warn(text))| text));
        }
        reply
    }
}

impl Reply {
    /// This status, and this as JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, body.to_string().into_bytes())
    }

    /// How the driver tells it to who asked.
    fn outcome(&self, callout: &Callout) -> Option<CalloutOutcome<'_>> {
        match self {
            Self::Answer(status, body) if callout.expect.contains(status) => {
                Some(CalloutOutcome::Answer { status: *status, body })
            }
            Self::Answer(status, _) => Some(CalloutOutcome::Failed(Fault::Status(*status))),
            Self::Fails(fault) => Some(CalloutOutcome::Failed(*fault)),
            Self::Never => None,
        }
    }
}
