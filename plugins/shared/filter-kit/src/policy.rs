//! A filter's decision as a pure function over a consumed state: effects are data.

use std::{borrow::Cow, time::Duration};

use mcp_core::RequestId;
use oauth_core::{
    config::Problems,
    denial::{Denial, Reason},
    time::UnixTime,
};

use crate::{
    background::Background,
    fields::Fields,
    request::RequestHead,
    single_use::{Spent, Use},
};

mod fault;

pub use fault::Fault;

/// What is to happen next with a request.
#[derive(Debug)]
pub enum Step<W> {
    /// Let it go on, with these edits.
    Allow(RequestEdits),
    /// The same; the head of the answer then goes to [`Policy::answered`] with this state.
    AllowAndWatch(RequestEdits, W),
    /// Deny it here.
    Deny(Refusal),
    /// Answer it here, although nothing is wrong with it.
    Respond(Response),
    /// Ask a cluster, then [`Policy::resume`] with its answer.
    Call(Callout, W),
    /// Note the first of these uses that is still there, then [`Policy::resume`] with what became of it. For who asks for
    /// it, [`Background::needs_own_vm`] must be true.
    Spend(Vec<Use>, W),
    /// Wait for the whole body of at most `limit` bytes, then [`Policy::resume`] with it.
    ReadBody {
        /// Bytes; one more is a 413.
        limit: usize,
        /// What waits for the verdict.
        hold: Hold,
        /// The state to resume with.
        then: W,
    },
}

/// What waits for the verdict while a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The whole request. The proxy must be told to hand over the body of a request whose headers are held: in Envoy
    /// `allow_on_headers_stop_iteration`.
    Headers,
    /// The body alone, for proxies that cannot be told so. Later filters and the upstream see the headers,
    /// `Authorization` among them, before the verdict; of the body they see nothing before it. Header fields cannot be
    /// edited any more after the wait: a policy that does is denied.
    Body,
}

/// What a waiting policy gets.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The whole request body.
    Body(&'a [u8]),
    /// The end of a callout.
    Callout(CalloutOutcome<'a>),
    /// Another worker has made the call, and [`Background::adopt`] took in what it published.
    Adopted,
    /// What became of a use.
    Spent(Spent),
}

/// The decision core of a filter. It sees no proxy, no clock and no randomness: all of that comes in.
pub trait Policy: Background {
    /// The filter's name as metrics and logs show it, in snake_case.
    const NAME: &'static str;

    /// Keys of the filter state that this filter alone may write, each once for a request. They are declared
    /// read-only; a filter whose declaration the proxy refuses does not load.
    const READ_ONLY_STATE: &'static [&'static str] = &[];

    /// What a request remembers while it waits.
    type Waiting: 'static;

    /// Reads the configuration.
    ///
    /// # Errors
    /// Every mistake at once.
    fn configure(document: &[u8]) -> Result<(Self::Settings, Self::Shared), Problems>;

    /// What the operator should know about a configuration that is valid all the same.
    fn notes(_settings: &Self::Settings) -> &[String] {
        &[]
    }

    /// The properties to read for each request, before any edit; see [`RequestHead::property`].
    fn properties(_settings: &Self::Settings) -> &[PropertyPath] {
        &[]
    }

    /// Fields that clients send to this filter alone, in lower case. Those among the headers are for the policy to take out;
    /// as trailers they never go on.
    fn fields_for_us(_settings: &Self::Settings) -> &[String] {
        &[]
    }

    /// Judges a request by its head.
    fn begin(
        settings: &Self::Settings,
        shared: &mut Self::Shared,
        request: &RequestHead,
        now: UnixTime,
    ) -> Step<Self::Waiting>;

    /// Goes on with what was waited for.
    fn resume(
        settings: &Self::Settings,
        shared: &mut Self::Shared,
        waiting: Self::Waiting,
        input: Input<'_>,
        now: UnixTime,
    ) -> Step<Self::Waiting>;

    /// The answer to a request whose wait ends without what was waited for: its body is too large
    /// ([`Reason::BodyTooLarge`]) or cannot be told from what follows ([`Reason::UpgradeRefused`]), or what it waits for
    /// does not come in time ([`Reason::DeadlineExceeded`]). That it is denied is settled; this is how it is told.
    fn give_up(_settings: &Self::Settings, _waiting: Self::Waiting, reason: Reason, _now: UnixTime) -> Refusal {
        Denial::plain(reason).into()
    }

    /// Whether a request that waits so for a callout may want its body after that. If not, nothing of the body is taken in
    /// meanwhile, however long it is, and a [`Step::ReadBody`] that comes all the same is denied.
    fn may_read_body(_waiting: &Self::Waiting) -> bool {
        true
    }

    /// Judges the head of the answer to a request that was let go on by [`Step::AllowAndWatch`].
    fn answered(
        _settings: &Self::Settings,
        _shared: &mut Self::Shared,
        _watched: Self::Waiting,
        _response: &ResponseHead,
        _now: UnixTime,
    ) -> Answered {
        Answered::Replace(Denial::plain(Reason::InternalFault).into())
    }
}

/// The path of a property, as the proxy takes it: its parts joined by NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyPath(Cow<'static, str>);

impl PropertyPath {
    /// A path that is known, as `"source\0address"`.
    #[must_use]
    pub const fn known(joined: &'static str) -> Self {
        Self(Cow::Borrowed(joined))
    }

    /// A path of these parts. A part that holds a NUL would be two, so the configuration must not let one in.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        Self(Cow::Owned(parts.join("\0")))
    }

    /// The joined parts.
    #[must_use]
    pub fn joined(&self) -> &str {
        &self.0
    }
}

/// A key of the filter state and its value.
pub type StateEntry = (&'static str, Vec<u8>);

/// Changes to the request's header fields and its filter state, made before it goes on. If one of them fails, the
/// request is denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestEdits {
    /// Names of fields to take out, every one of the name.
    pub remove: Vec<String>,
    /// Fields to set; they replace all of the name.
    pub set: Vec<(String, String)>,
    /// What to write to the filter state.
    pub state: Vec<StateEntry>,
    /// Decision and code under which it counts; `allow` and `ok` if `None`.
    pub counts_as: Option<(&'static str, &'static str)>,
    /// What rules in shadow mode would have denied it with; counted besides, each as `shadow_rule_deny`.
    pub shadow_denials: Vec<&'static str>,
}

/// The head of an answer.
#[derive(Debug)]
pub struct ResponseHead {
    /// Its status.
    pub status: u16,
    /// Whether the upstream gave it. If not, the proxy or a filter of it did.
    pub is_from_upstream: bool,
    /// Its fields.
    pub fields: Fields,
}

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It goes on to the client, without these fields, every one of the name.
    Pass {
        /// Their names.
        remove: Vec<String>,
    },
    /// The client gets this instead, and nothing of it.
    Replace(Refusal),
}

/// A denial, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer, which counts as a denial.
    pub response: Response,
    /// What to write to the filter state first.
    pub state: Vec<StateEntry>,
}

impl From<&Denial> for Response {
    fn from(denial: &Denial) -> Self {
        Self { status: denial.status(), headers: denial.headers(), body: denial.body(), code: denial.reason().code() }
    }
}

impl Response {
    /// A denial for a client of MCP, which shows nothing but JSON-RPC errors. `id` is that of the request, if it was read.
    #[must_use]
    pub fn of_mcp(denial: &Denial, id: Option<&RequestId>) -> Self {
        let (response, reason) = (Self::from(denial), denial.reason());
        let body =
            mcp_core::answer::denial(id, response.status, reason.code(), denial.oauth_error(), reason.description());
        Self { body, ..response }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { response: Response::from(&denial), state: Vec::new() }
    }
}

/// An answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Its fields.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: String,
    /// The code under which the decision counts, from a fixed set.
    pub code: &'static str,
}

/// A request to a cluster of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// With a key the callout is shared: one flight for all streams of a worker, started by the root context, and
    /// [`Background::learn`] hears of it. Without one it belongs to its stream.
    pub key: Option<String>,
    /// Of a callout with a key: one worker of the proxy makes it, and the others wait for a while for what that one
    /// publishes; see [`Background::publish`]. It saves calls and guarantees nothing.
    pub across_workers: bool,
    /// The cluster's name in the proxy's configuration.
    pub cluster: String,
    /// The method.
    pub method: &'static str,
    /// `:authority`
    pub authority: String,
    /// `:path`, with query.
    pub path: String,
    /// Further header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub timeout: Duration,
    /// The statuses that are an answer; all others are a failure.
    pub expect: &'static [u16],
}

/// A line for the proxy's log: never a token or secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Good to know.
    Info(String),
    /// Someone should look.
    Warn(String),
}

/// Something that is counted beside decisions, in a metric of the whole proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The metric's name after `fourleg_<plugin>_`, of parts from fixed sets or from the configuration.
    pub name: String,
    /// How often it has happened; with 0 the metric is there all the same.
    pub by: u32,
}

/// The end of a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutOutcome<'a> {
    /// One of the expected statuses, and the body of at most [`MAX_ANSWER`] bytes.
    Answer {
        /// The status.
        status: u16,
        /// The body.
        body: &'a [u8],
    },
    /// Everything else. It fails in one way; the fault is for the log only.
    Failed(Fault),
}

/// An answer's body may have this many bytes; a longer one is not even read.
pub const MAX_ANSWER: usize = 256 * 1024;
