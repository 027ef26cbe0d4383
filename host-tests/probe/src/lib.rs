//! A filter whose policy is a script, so that the driver of filter-kit can be tested in the emulator and in a real
//! Envoy alike. Not for operators.
//!
//! The configuration maps paths to lists of acts; an act that waits goes on with the next one. An allowed request
//! carries `x-probe-trace`, which says what the policy got on the way.

mod robbing;

use std::{collections::BTreeMap, time::Duration};

use filter_kit::{
    background::Background,
    handoff,
    policy::{
        Answered, Callout, CalloutOutcome, Hold, Input, Note, Policy, PropertyPath, RequestEdits, ResponseHead,
        StateEntry, Step,
    },
    request::{Property, RequestHead},
    token_source::{Presented, RawTokenSource, Reading, TokenSource},
};
use oauth_core::{
    config::{self, Problems},
    denial::{Denial, Reason},
    time::UnixTime,
};
use serde::Deserialize;

/// The scripted policy.
#[derive(Debug)]
pub struct Probe;

/// The script.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    routes: BTreeMap<String, Vec<Act>>,
    /// Shared callouts to start at configure and again at each tick.
    upkeep: Vec<Call>,
    /// What acts of a path read from the request's head, by the act's position.
    #[serde(skip)]
    readers: BTreeMap<String, BTreeMap<usize, Reader>>,
    #[serde(skip)]
    properties: Vec<PropertyPath>,
}

/// What an act reads, and the position of its first property.
#[derive(Debug)]
enum Reader {
    Token(TokenSource, usize),
    Property(usize),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Act {
    Allow(Edits),
    /// Lets it go on, and judges the answer.
    AllowAndWatch(Watch),
    Deny,
    Call(Call),
    ReadBody(ReadBody),
    /// Asks for the same call for ever.
    CallForever(Call),
    /// Denies without a verified token from there; the trace says whose and for what.
    RequireToken(Box<RawTokenSource>),
    /// Puts a property into a field, if there is one.
    CopyProperty(CopyProperty),
    /// Writes the filter state that only audience-validation may write.
    WriteState(WriteState),
    /// Puts what others share into the field `x-robbed`, and its own in place of it.
    RobSharedData(Robbery),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Robbery {
    prefix: String,
    planted: String,
}

/// What becomes of an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Watch {
    /// Fields to take out of it.
    remove: Vec<String>,
    /// The statuses for which the client gets a 502 instead, if the upstream says them.
    replace: Vec<u16>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyProperty {
    path: Vec<String>,
    header: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteState {
    key: StateKey,
    value: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateKey {
    Token,
    SubjectToken,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Edits {
    set: BTreeMap<String, String>,
    remove: Vec<String>,
    /// Leaves every field as it is, the trace included.
    nothing: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    cluster: String,
    key: Option<String>,
    timeout_ms: u64,
    /// Whether a failed call still lets the script go on.
    #[serde(default)]
    may_fail: bool,
    /// One worker makes it for all; the others get what it published.
    #[serde(default)]
    across_workers: bool,
    /// The script reads no body after it.
    #[serde(default)]
    then_no_body: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadBody {
    limit: usize,
    deny_if_it_holds: Option<String>,
    /// Lets the headers go on before the verdict.
    #[serde(default)]
    body_alone: bool,
}

/// Where a request stands in its script.
#[derive(Clone, Debug, Default)]
pub struct Place {
    path: String,
    next: usize,
    trace: Vec<String>,
    /// What the acts that read have read; `None` if there is nothing.
    read: BTreeMap<usize, Result<Option<String>, Reason>>,
    set: Vec<(String, String)>,
    state: Vec<StateEntry>,
    then_no_body: bool,
}

/// What the root knows.
#[derive(Debug, Default)]
pub struct Learned {
    /// How often each key was learned of.
    times: BTreeMap<String, u32>,
    /// Whether the last call that was learned of had an answer.
    last_is_ok: bool,
    last_upkeep: Option<UnixTime>,
}

impl Call {
    fn callout(&self) -> Callout {
        Callout {
            key: self.key.clone(),
            across_workers: self.across_workers,
            cluster: self.cluster.clone(),
            method: "GET",
            authority: "probe.example".to_owned(),
            path: "/asked".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_millis(self.timeout_ms),
            expect: &[200],
        }
    }
}

impl Script {
    fn prepare(&mut self, problems: &mut Problems) {
        for (path, acts) in &self.routes {
            for (position, act) in acts.iter().enumerate() {
                let first = self.properties.len();
                let reader = match act {
                    Act::RequireToken(raw) => {
                        let source = RawTokenSource::settings(Some(raw), None, "require_token", problems);
                        self.properties.extend_from_slice(source.properties());
                        Reader::Token(source, first)
                    }
                    Act::CopyProperty(copy) => {
                        let parts: Vec<&str> = copy.path.iter().map(String::as_str).collect();
                        self.properties.push(PropertyPath::of(&parts));
                        Reader::Property(first)
                    }
                    _ => continue,
                };
                self.readers.entry(path.clone()).or_default().insert(position, reader);
            }
        }
    }
}

impl Reader {
    fn read(&self, request: &RequestHead, now: UnixTime) -> Result<Option<String>, Reason> {
        match self {
            Self::Token(source, first) => {
                match source.read(&mut source.nothing_learned(), request, &request.parts()?, *first, now) {
                    Reading::Done(Presented::Public) => Ok(Some("public".to_owned())),
                    Reading::Done(Presented::Token(token)) => {
                        let subject = token.claims().subject().unwrap_or("?");
                        Ok(Some(format!("token:{subject}@{}", token.resource().unwrap_or("?"))))
                    }
                    Reading::Refused(refused) => Err(refused.reason),
                    Reading::Await(..) => Err(Reason::KeysUnavailable),
                }
            }
            Self::Property(position) => match request.property(*position) {
                Property::Value(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
                Property::Absent => Ok(None),
                Property::Unreadable => Err(Reason::InternalFault),
            },
        }
    }
}

impl Background for Probe {
    type Settings = Script;
    type Shared = Learned;

    fn learn(_: &Script, shared: &mut Self::Shared, key: &str, outcome: CalloutOutcome<'_>, _: UnixTime) -> Vec<Note> {
        let times = shared.times.entry(key.to_owned()).or_default();
        *times = times.saturating_add(1);
        shared.last_is_ok = matches!(outcome, CalloutOutcome::Answer { .. });
        vec![Note::Info(format!("learned {key}: {}", told(outcome)))]
    }

    fn publish(_: &Script, shared: &mut Self::Shared, key: &str, nonce: [u8; 24], _: UnixTime) -> Option<Vec<u8>> {
        (shared.last_is_ok && nonce != [0; 24]).then(|| format!("published {key}").into_bytes())
    }

    fn adopt(_: &Script, _: &mut Self::Shared, key: &str, sealed: &[u8], _: UnixTime) -> bool {
        sealed == format!("published {key}").as_bytes()
    }

    fn upkeep(script: &Script, shared: &mut Self::Shared, now: UnixTime) -> Vec<Callout> {
        if shared.last_upkeep.is_some_and(|last| now.since(last) < Duration::from_millis(200)) {
            return Vec::new();
        }
        shared.last_upkeep = Some(now);
        script.upkeep.iter().map(Call::callout).collect()
    }
}

impl Policy for Probe {
    const NAME: &'static str = "driver_probe";
    type Waiting = Place;

    fn configure(document: &[u8]) -> Result<(Script, Self::Shared), Problems> {
        let (mut script, mut problems) = config::read::<Script>(document);
        if let Some(script) = &mut script {
            script.prepare(&mut problems);
        }
        Ok((problems.into_result(script)?, Learned::default()))
    }

    fn properties(script: &Script) -> &[PropertyPath] {
        &script.properties
    }

    fn may_read_body(place: &Place) -> bool {
        !place.then_no_body
    }

    fn begin(script: &Script, _: &mut Self::Shared, request: &RequestHead, now: UnixTime) -> Step<Place> {
        let path = request.fields().only(":path").map(|path| String::from_utf8_lossy(path).into_owned());
        let path = path.unwrap_or_default();
        let readers = script.readers.get(&path).into_iter().flatten();
        let read = readers.map(|(act, reader)| (*act, reader.read(request, now))).collect();
        next(script, Place { path, read, ..Place::default() })
    }

    fn resume(
        script: &Script,
        shared: &mut Self::Shared,
        mut place: Place,
        input: Input<'_>,
        _: UnixTime,
    ) -> Step<Place> {
        let act = script.routes.get(&place.path).and_then(|acts| acts.get(place.next));
        match (input, act) {
            (Input::Body(body), Some(Act::ReadBody(read))) => {
                let body = String::from_utf8_lossy(body);
                if read.deny_if_it_holds.as_ref().is_some_and(|evil| body.contains(evil)) {
                    return Step::Deny(Denial::plain(Reason::PathRefused).into());
                }
                place.trace.push(format!("body:{}", body.len()));
            }
            (Input::Callout(outcome), Some(Act::Call(call))) => {
                let ok = matches!(outcome, CalloutOutcome::Answer { .. });
                if !ok && !call.may_fail {
                    return Step::Deny(Denial::plain(Reason::CalloutFailed).into());
                }
                place.trace.push(told(outcome));
                if let Some(key) = &call.key {
                    place.trace.push(format!("learned:{}", shared.times.get(key).copied().unwrap_or(0)));
                }
            }
            (Input::Adopted, Some(Act::Call(_))) => place.trace.push("adopted".to_owned()),
            (Input::Callout(_), Some(Act::CallForever(call))) => return Step::Call(call.callout(), place),
            _ => return Step::Deny(Denial::plain(Reason::InternalFault).into()),
        }
        place.next = place.next.saturating_add(1);
        next(script, place)
    }

    fn answered(script: &Script, _: &mut Self::Shared, place: Place, response: &ResponseHead, _: UnixTime) -> Answered {
        match script.routes.get(&place.path).and_then(|acts| acts.get(place.next)) {
            Some(Act::AllowAndWatch(watch))
                if response.is_from_upstream && watch.replace.contains(&response.status) =>
            {
                Answered::Replace(Denial::plain(Reason::CalloutFailed).into())
            }
            Some(Act::AllowAndWatch(watch)) => Answered::Pass { remove: watch.remove.clone() },
            _ => Answered::Replace(Denial::plain(Reason::InternalFault).into()),
        }
    }
}

fn told(outcome: CalloutOutcome<'_>) -> String {
    match outcome {
        CalloutOutcome::Answer { status, body } => format!("call:{status}:{}", body.len()),
        CalloutOutcome::Failed(fault) => format!("failed:{fault}"),
    }
}

fn next(script: &Script, mut place: Place) -> Step<Place> {
    let acts = script.routes.get(&place.path).map(Vec::as_slice).unwrap_or_default();
    while let Some(act) = acts.get(place.next) {
        match act {
            Act::Allow(edits) if edits.nothing => return Step::Allow(RequestEdits::default()),
            Act::Allow(edits) => {
                let mut set: Vec<(String, String)> = edits.set.clone().into_iter().collect();
                set.append(&mut place.set);
                set.push(("x-probe-trace".to_owned(), place.trace.join(" ")));
                let state = place.state;
                return Step::Allow(RequestEdits {
                    remove: edits.remove.clone(),
                    set,
                    state,
                    ..RequestEdits::default()
                });
            }
            Act::AllowAndWatch(_) => return Step::AllowAndWatch(RequestEdits::default(), place),
            Act::Call(call) | Act::CallForever(call) => {
                place.then_no_body = call.then_no_body;
                return Step::Call(call.callout(), place);
            }
            Act::ReadBody(read) => {
                let hold = if read.body_alone { Hold::Body } else { Hold::Headers };
                return Step::ReadBody { limit: read.limit, hold, then: place };
            }
            Act::Deny => break,
            Act::RequireToken(_) | Act::CopyProperty(_) => {
                let read = match place.read.remove(&place.next) {
                    Some(Ok(read)) => read,
                    Some(Err(reason)) => return Step::Deny(Denial::plain(reason).into()),
                    None => return Step::Deny(Denial::plain(Reason::InternalFault).into()),
                };
                match act {
                    Act::CopyProperty(copy) => place.set.extend(read.map(|read| (copy.header.clone(), read))),
                    _ => place.trace.extend(read),
                }
            }
            Act::WriteState(write) => {
                let key = match write.key {
                    StateKey::Token => handoff::TOKEN,
                    StateKey::SubjectToken => handoff::SUBJECT_TOKEN,
                };
                place.state.push((key, write.value.clone().into_bytes()));
            }
            Act::RobSharedData(Robbery { prefix, planted }) => {
                place.set.push(("x-robbed".to_owned(), robbing::rob(prefix, planted)));
            }
        }
        place.next = place.next.saturating_add(1);
    }
    Step::Deny(Denial::plain(Reason::ResourceUnknown).into())
}

#[cfg(target_family = "wasm")]
filter_kit::filter!(Probe);
