//! The decision.

use filter_kit::{
    issuers::{Keys, Verification},
    path::SafePath,
    policy::{Callout, CalloutOutcome, Input, Note, Policy, RequestEdits, Step},
    request::{RequestHead, Unfit},
};
use oauth_core::{
    audience::require_audience,
    challenge::Challenge,
    config::Problems,
    credential::{self, Credential},
    denial::{Denial, Reason},
    scope::{ScopeToken, require_scopes},
    time::UnixTime,
    token::Unverified,
};

use crate::config::{Resource, Settings};

/// The policy of this filter.
#[derive(Debug)]
pub struct AudienceValidation;

/// A request whose token cannot be judged before its issuer's keys are there.
#[derive(Debug)]
pub struct Waiting {
    resource: usize,
    /// The rule that matched, by position.
    rule: Option<usize>,
    token: String,
}

impl Policy for AudienceValidation {
    const NAME: &'static str = "audience_validation";
    type Settings = Settings;
    type Shared = Keys;
    type Waiting = Waiting;

    fn configure(document: &[u8]) -> Result<(Settings, Keys), Problems> {
        let settings = Settings::read(document)?;
        let keys = settings.issuers.no_keys_yet();
        Ok((settings, keys))
    }

    fn begin(settings: &Settings, keys: &mut Keys, request: &RequestHead, now: UnixTime) -> Step<Waiting> {
        match admit(settings, request) {
            Ok(Admitted::Public) => Step::Allow(RequestEdits::default()),
            Ok(Admitted::Bearer(waiting)) => judge(settings, keys, waiting, now),
            Err(denial) => Step::Deny(denial),
        }
    }

    fn resume(settings: &Settings, keys: &mut Keys, waiting: Waiting, _: Input<'_>, now: UnixTime) -> Step<Waiting> {
        // Whatever the callout brought is in `keys` by now.
        judge(settings, keys, waiting, now)
    }

    fn learn(settings: &Settings, keys: &mut Keys, key: &str, outcome: CalloutOutcome<'_>, now: UnixTime) -> Vec<Note> {
        settings.issuers.learn(keys, key, outcome, now)
    }

    fn upkeep(settings: &Settings, keys: &mut Keys, now: UnixTime) -> Vec<Callout> {
        settings.issuers.upkeep(keys, now)
    }
}

enum Admitted {
    Public,
    Bearer(Waiting),
}

/// Everything that can be said without looking into the token.
fn admit(settings: &Settings, request: &RequestHead) -> Result<Admitted, Denial> {
    if request.overrides_method() {
        return Err(Denial::plain(Reason::MethodOverride));
    }
    let unfit = |unfit| match unfit {
        Unfit::Path => Denial::plain(Reason::PathRefused),
        Unfit::Head => Denial::plain(Reason::HeadersUnreadable),
    };
    let method = request.method().map_err(unfit)?;
    let path = request.path().map_err(unfit)?;
    if settings.public.iter().any(|public| public.holds(method, &path)) {
        return Ok(Admitted::Public);
    }
    let (position, resource) =
        resource_of(settings, method, &path).ok_or_else(|| Denial::plain(Reason::ResourceUnknown))?;
    let rule = resource.rules.iter().position(|rule| rule.matches.holds(method, &path));
    let authorization: Vec<&[u8]> = request.fields().all("authorization").collect();
    match credential::bearer(&authorization) {
        Ok(Credential::Bearer(token)) => {
            Ok(Admitted::Bearer(Waiting { resource: position, rule, token: token.to_owned() }))
        }
        Ok(Credential::Absent) => Err(challenged(Reason::CredentialMissing, resource)),
        Err(reason) => Err(challenged(reason, resource)),
    }
}

/// The one resource a request is about: the longest path wins. That there is one winner was checked at configure.
fn resource_of<'a>(settings: &'a Settings, method: &str, path: &SafePath) -> Option<(usize, &'a Resource)> {
    let holds = |resource: &Resource| resource.matches.as_ref().is_none_or(|block| block.holds(method, path));
    let candidates = settings.resources.iter().enumerate().filter(|(_, resource)| holds(resource));
    candidates.max_by_key(|(_, resource)| resource.matches.as_ref().map(|block| block.closeness()))
}

/// Decides on the token: issuer, signature, kind and time, then audience, then scope (COR-17).
fn judge(settings: &Settings, keys: &Keys, waiting: Waiting, now: UnixTime) -> Step<Waiting> {
    let Some(resource) = settings.resources.get(waiting.resource) else {
        return Step::Deny(Denial::plain(Reason::InternalFault));
    };
    let refused = |reason| Step::Deny(challenged(reason, resource));
    let unverified = match Unverified::parse(&waiting.token) {
        Ok(unverified) => unverified,
        Err(reason) => return refused(reason),
    };
    let issuer = unverified.issuer().and_then(|issuer| settings.issuers.position(issuer));
    // An issuer that this resource does not accept is as unknown here as any other.
    let Some(accept) = resource.accept.iter().find(|accept| Some(accept.issuer) == issuer) else {
        return refused(Reason::UnknownIssuer);
    };
    let token = match settings.issuers.verify(keys, accept.issuer, unverified, now) {
        Verification::Verified(token) => token,
        Verification::Refused(reason) => return refused(reason),
        Verification::AwaitKeys(callout) => return Step::Call(callout, waiting),
        Verification::KeysUnavailable(wait) => {
            return Step::Deny(Denial::plain(Reason::KeysUnavailable).retry_after(wait));
        }
    };
    if let Err(reason) = require_audience(&token, &accept.audiences, false) {
        return refused(reason);
    }
    let rule = waiting.rule.and_then(|rule| resource.rules.get(rule));
    let needed: Vec<ScopeToken> =
        resource.scopes.iter().chain(rule.iter().flat_map(|rule| &rule.scopes)).cloned().collect();
    if require_scopes(&token, &needed).is_err() {
        // COR-12: the client is told all that the operation needs, not what it lacks.
        let challenge = challenge(resource).scope(needed.iter().map(ScopeToken::as_str));
        return Step::Deny(Denial::challenged(Reason::InsufficientScope, challenge));
    }
    Step::Allow(RequestEdits::default())
}

fn challenge(resource: &Resource) -> Challenge {
    Challenge::bearer().realm(&resource.resource)
}

fn challenged(reason: Reason, resource: &Resource) -> Denial {
    Denial::challenged(reason, challenge(resource))
}
