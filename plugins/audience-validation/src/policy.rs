//! The decision.

use std::rc::Rc;

use filter_kit::{
    audit::{Record, trace_id},
    background::Background,
    clusters, cors,
    crypto::CryptoNeeds,
    explanation, handoff,
    issuers::{Authenticated, Learned, Verification},
    matching::{Captures, Match, Target, require_expected_slash},
    path::Ambiguous,
    policy::{
        Callout, CalloutOutcome, Input, Note, Policy, PropertyPath, Refusal, RequestEdits, Response, StateEntry, Step,
    },
    request::{Parts, Property, RequestHead},
    resources,
    rules::{self, Mode},
};
use oauth_core::{
    audience::require_audience_by,
    challenge::Challenge,
    config::Problems,
    credential::{self, Credential},
    denial::{Denial, Reason},
    jose::Crypto,
    requirement::{Demand, Facts, Requirement, source_ip},
    scope::{ScopeToken, scopes_to_request},
    time::UnixTime,
};

use crate::{
    answers,
    config::{ForwardAuthorization, Resource, Rule, Settings},
};

/// The policy of this filter.
#[derive(Debug)]
pub struct AudienceValidation;

/// The address of the client, for `source_cidrs`.
const SOURCE: PropertyPath = PropertyPath::known("source\0address");

/// The names of further requirements that the route asks for.
const ROUTE_REQUIRE: PropertyPath = PropertyPath::known("xds\0route_metadata\0filter_metadata\0fourleg\0require");

static PROPERTIES: [PropertyPath; 3] = [SOURCE, ROUTE_REQUIRE, clusters::CLUSTER];

/// The field with the client's credential (RFC 6750 §2.1).
const AUTHORIZATION: &str = "authorization";

/// The key of the audit record.
const AUDIT: &str = "fourleg.audit.audience_validation";

/// What is known of a request before its token is looked into, and must outlive a wait.
#[derive(Debug)]
pub struct Waiting {
    about: About,
    resource: usize,
    /// By position in the resource's rules, with the values of templates: the first enforcing one that matches, if any,
    /// for each way in which a server may take the request.
    deciding: Vec<(Option<usize>, Captures)>,
    /// Those in shadow mode before them.
    shadow_rules: Vec<(usize, Captures)>,
    /// What the route adds.
    named: Vec<String>,
    source: Option<std::net::IpAddr>,
    token: String,
    looked_again: bool,
}

/// What every answer and record needs.
#[derive(Debug, Default)]
struct About {
    /// Whether the client is to be answered as one of MCP.
    as_mcp: bool,
    /// The `Origin` of a browser that may read our answers.
    origin: Option<String>,
    trace_id: Option<String>,
}

impl Background for AudienceValidation {
    type Settings = Settings;
    type Shared = Learned;

    fn crypto(settings: &Settings) -> CryptoNeeds {
        CryptoNeeds::verifying(settings.crypto)
    }

    fn equip(settings: &mut Settings, crypto: Crypto) {
        settings.issuers.equip(crypto);
    }

    fn learn(
        settings: &Settings,
        learned: &mut Learned,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        settings.issuers.learn(learned, key, outcome, now)
    }

    fn upkeep(settings: &Settings, learned: &mut Learned, now: UnixTime) -> Vec<Callout> {
        settings.issuers.upkeep(learned, now)
    }
}

impl Policy for AudienceValidation {
    const NAME: &'static str = "audience_validation";
    const READ_ONLY_STATE: &'static [&'static str] = &[handoff::TOKEN, handoff::SUBJECT_TOKEN];
    type Waiting = Waiting;

    fn configure(document: &[u8]) -> Result<(Settings, Learned), Problems> {
        let settings = Settings::read(document)?;
        let learned = settings.issuers.nothing_learned();
        Ok((settings, learned))
    }

    fn properties(settings: &Settings) -> &[PropertyPath] {
        if settings.reads_properties() { &PROPERTIES } else { &[] }
    }

    fn notes(settings: &Settings) -> &[String] {
        &settings.notes
    }

    fn begin(settings: &Settings, learned: &mut Learned, request: &RequestHead, now: UnixTime) -> Step<Waiting> {
        let about = About { as_mcp: false, origin: settings.cors.allowed_origin(request), trace_id: trace_id(request) };
        match admit(settings, request) {
            Ok(Admitted::Bearer(waiting)) => {
                let as_mcp = settings.resources.get(waiting.resource).is_some_and(|resource| resource.is_mcp);
                judge(settings, learned, Waiting { about: About { as_mcp, ..about }, ..*waiting }, now)
            }
            Ok(Admitted::Public) => Step::Allow(allow_public(settings, &about, request, now)),
            Ok(Admitted::Answered(response)) => Step::Respond(response),
            Err((denial, resource)) => {
                let is_nowhere = denial.reason() == Reason::ResourceUnknown;
                let record = |record: Record| {
                    let record = record.with_known("resource", resource.map(|resource| &*resource.protected.resource));
                    if is_nowhere { record.with_all_of(&explanation::of_place(request)) } else { record }
                };
                let as_mcp = resource.map_or_else(|| may_be_mcp(settings, request), |resource| resource.is_mcp);
                let about = About { as_mcp, ..about };
                conclude(settings, &about, denial, record, now)
            }
        }
    }

    fn may_read_body(_: &Waiting) -> bool {
        false
    }

    fn resume(
        settings: &Settings,
        learned: &mut Learned,
        waiting: Waiting,
        _: Input<'_>,
        now: UnixTime,
    ) -> Step<Waiting> {
        // Whatever the callout brought is in `learned` by now.
        judge(settings, learned, waiting, now)
    }

    fn give_up(settings: &Settings, waiting: Waiting, reason: Reason, now: UnixTime) -> Refusal {
        let resource = settings.resources.get(waiting.resource).map(|resource| &*resource.protected.resource);
        let record = Record::new(Self::NAME, "deny", reason.code(), now).with_known("resource", resource);
        refusal(&waiting.about, &Denial::plain(reason), record)
    }
}

impl Settings {
    /// Each property costs a call to the proxy; most configurations need none.
    fn reads_properties(&self) -> bool {
        let of_resource = |resource: &Resource| {
            !resource.clusters.are_any()
                || resource.require.needs_source()
                || resource.rules.iter().any(|rule| rule.require.needs_source())
        };
        !self.named_requirements.is_empty() || self.resources.iter().any(of_resource)
    }
}

enum Admitted {
    Public,
    Bearer(Box<Waiting>),
    Answered(Response),
}

/// Everything that can be said without looking into the token.
fn admit<'a>(settings: &'a Settings, request: &RequestHead) -> Result<Admitted, (Denial, Option<&'a Resource>)> {
    let plain = |reason| (Denial::plain(reason), None);
    let ambiguous = |Ambiguous| plain(Reason::PathRefused);
    let parts = request.parts().map_err(plain)?.with_forms(settings.forms);
    let target = parts.target();
    if settings.mode == Mode::Enforce
        && let Some(response) = answers::answer(settings, request, target)
    {
        return Ok(Admitted::Answered(response));
    }
    let named = named_by_route(settings, request).map_err(plain)?;
    // What the route adds can only make more necessary, never less: such a request is not public. Neither is one that
    // leaves HTTP, since what follows it cannot be seen here.
    if named.is_empty() && !request.is_upgrade() && is_public(settings, &parts).map_err(ambiguous)? {
        return Ok(Admitted::Public);
    }
    let found = resource_of(settings, &parts).map_err(ambiguous)?;
    let (position, resource, captures) = found.ok_or_else(|| plain(Reason::ResourceUnknown))?;
    let misrouted = |reason| (Denial::plain(reason), Some(resource));
    resource.clusters.require(request.property(2)).map_err(misrouted)?;
    let (deciding, shadow_rules) = rules_about(resource, &captures, &parts).map_err(ambiguous)?;
    let challenged = |reason| {
        let needed = demand(settings, resource, rules_at(resource, &deciding), &named).scopes();
        (Denial::challenged(reason, challenge(resource, needed)), Some(resource))
    };
    let authorization: Vec<&[u8]> = request.fields().all(AUTHORIZATION).collect();
    let token = match credential::bearer(&authorization).map_err(challenged)? {
        Credential::Bearer(token) => token.to_owned(),
        Credential::Absent => return Err(challenged(Reason::CredentialMissing)),
    };
    let source = match request.property(0) {
        Property::Value(address) => std::str::from_utf8(address).ok().and_then(source_ip),
        Property::Absent | Property::Unreadable => None,
    };
    Ok(Admitted::Bearer(Box::new(Waiting {
        about: About::default(),
        resource: position,
        deciding,
        shadow_rules,
        named,
        source,
        token,
        looked_again: false,
    })))
}

/// Whether the request may be for a resource of MCP, although it is not known for which.
fn may_be_mcp(settings: &Settings, request: &RequestHead) -> bool {
    let of_mcp = settings.resources.iter().filter(|resource| resource.is_mcp);
    request.may_be_for(of_mcp.map(|resource| resource.protected.matches.as_ref()))
}

/// Whether the request needs no token, whatever it may be to a server.
fn is_public(settings: &Settings, parts: &Parts) -> Result<bool, Ambiguous> {
    for target in parts.targets(settings.matches())? {
        let Some(public) = public_match(settings, target)? else { return Ok(false) };
        require_expected_slash(&parts.path, [public])?;
    }
    Ok(true)
}

fn public_match<'a>(settings: &'a Settings, target: Target<'_>) -> Result<Option<&'a Match>, Ambiguous> {
    for public in &settings.public {
        if public.holds(target)? {
            return Ok(Some(public));
        }
    }
    Ok(None)
}

/// By position, with the values of templates: the rules that decide about a request, each once, and those in shadow mode.
type RulesAbout = (Vec<(Option<usize>, Captures)>, Vec<(usize, Captures)>);

fn rules_about(resource: &Resource, of_resource: &Captures, parts: &Parts) -> Result<RulesAbout, Ambiguous> {
    // A rule's own variables come before those of its resource.
    let with_resource =
        |of_rule: Captures| of_rule.into_iter().chain(of_resource.iter().cloned()).collect::<Captures>();
    let (mut deciding, mut in_shadow): RulesAbout = (Vec::new(), Vec::new());
    for target in parts.targets(resource.rules.iter().map(|rule| &rule.matches))? {
        let rules::Found { rule, shadow, captures } = rules::find(&resource.rules, target)?;
        let matches = rule.and_then(|rule| resource.rules.get(rule)).map(|rule| &rule.matches);
        require_expected_slash(&parts.path, matches.into_iter().chain(&resource.protected.matches))?;
        if !deciding.iter().any(|(known, _)| *known == rule) {
            deciding.push((rule, with_resource(captures)));
        }
        for (rule, captures) in shadow {
            if !in_shadow.iter().any(|(known, _)| *known == rule) {
                in_shadow.push((rule, with_resource(captures)));
            }
        }
    }
    Ok((deciding, in_shadow))
}

/// The requirements that the route's metadata names. They are read before any edit, since edits can change the route
/// while the proxy goes on showing the old one.
fn named_by_route(settings: &Settings, request: &RequestHead) -> Result<Vec<String>, Reason> {
    if settings.named_requirements.is_empty() {
        return Ok(Vec::new());
    }
    let text = match request.property(1) {
        Property::Absent => return Ok(Vec::new()),
        Property::Unreadable => return Err(Reason::RequirementUnknown),
        Property::Value(value) => std::str::from_utf8(value).map_err(|_| Reason::RequirementUnknown)?,
    };
    let names: Vec<String> = text.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let known = !names.is_empty() && names.iter().all(|name| settings.named_requirements.contains_key(name));
    if known { Ok(names) } else { Err(Reason::RequirementUnknown) }
}

/// The one resource a request is about, its position, and the variables of its template.
fn resource_of<'a>(
    settings: &'a Settings,
    parts: &Parts,
) -> Result<Option<(usize, &'a Resource, Captures)>, Ambiguous> {
    let closest = resources::of_request(settings.resources.iter().map(|resource| &resource.protected), parts)?;
    let found = |(position, captures)| settings.resources.get(position).map(|resource| (position, resource, captures));
    Ok(closest.and_then(found))
}

/// Decides on the token: issuer, signature, kind and time, then audience, then what is required (COR-17).
fn judge(settings: &Settings, learned: &mut Learned, mut waiting: Waiting, now: UnixTime) -> Step<Waiting> {
    let Some(resource) = settings.resources.get(waiting.resource) else {
        return Step::Deny(Denial::plain(Reason::InternalFault).into());
    };
    let protected = &resource.protected;
    let accepts = |issuer: usize| protected.accepts(issuer);
    let of_resource = |record: Record| record.with("resource", &protected.resource);
    let about = std::mem::take(&mut waiting.about);
    let refuse = |denial: Denial| {
        let explanation = settings.issuers.explain(&waiting.token, denial.reason(), now);
        conclude(settings, &about, denial, |record| of_resource(record).with_all_of(&explanation), now)
    };
    let rules = rules_at(resource, &waiting.deciding);
    let whole = demand(settings, resource, rules.iter().copied(), &waiting.named);
    let authenticated = match settings.issuers.authenticate(learned, &waiting.token, accepts, waiting.looked_again, now)
    {
        Verification::Verified(authenticated) => authenticated,
        Verification::Refused(reason) => {
            let denial = Denial::challenged(reason, challenge(resource, whole.scopes()));
            return refuse(denial);
        }
        Verification::AwaitKeys(callout) => {
            waiting.about = about;
            waiting.looked_again = true;
            return Step::Call(callout, waiting);
        }
        Verification::KeysUnavailable(wait) => {
            return refuse(Denial::plain(Reason::KeysUnavailable).retry_after(wait));
        }
    };
    let audiences = protected.audiences(authenticated.issuer);
    let check = Check { settings, resource, authenticated: &authenticated, audiences, waiting: &waiting };
    let shadow: Vec<(String, &'static str)> = check.shadow_verdicts();
    let unmet = waiting.deciding.iter().find_map(|(position, captures)| {
        let rule = position.and_then(|position| resource.rules.get(position));
        let demand = demand(settings, resource, rule, &waiting.named);
        check.require(&demand, &whole, captures).err().map(|denial| (rule, denial))
    });
    let rule = unmet.as_ref().map_or_else(|| rules.first().copied(), |(rule, _)| *rule);
    let record = |record: Record| {
        of_resource(record)
            .with_all_of(&authenticated.actors)
            .with_known("rule", rule.map(|rule| &*rule.name))
            .with_needed(whole.scopes())
            .with_shadow(&shadow)
    };
    match unmet {
        None => {
            let mut edits = allow(settings, &about, resource, &waiting.token, &authenticated, record, now);
            edits.shadow_denials = rules::shadow_denials(&shadow);
            Step::Allow(edits)
        }
        Some((_, denial)) if matches!(denial.reason(), Reason::AudienceMismatch | Reason::AudienceTooBroad) => {
            let explanation = explanation::of_audiences(authenticated.token.claims().audiences(), audiences);
            conclude(settings, &about, denial, |made| record(made).with_all_of(&explanation), now)
        }
        Some((_, denial)) => conclude(settings, &about, denial, record, now),
    }
}

/// The rules that decide, without the case that none does.
fn rules_at<'a>(resource: &'a Resource, deciding: &[(Option<usize>, Captures)]) -> Vec<&'a Rule> {
    deciding.iter().filter_map(|(position, _)| position.and_then(|position| resource.rules.get(position))).collect()
}

fn demand<'a>(
    settings: &'a Settings,
    resource: &'a Resource,
    rules: impl IntoIterator<Item = &'a Rule>,
    named: &[String],
) -> Demand<'a> {
    let demand = rules.into_iter().fold(Demand::of(&resource.require), |demand, rule| demand.and(&rule.require));
    let added = named.iter().filter_map(|name| settings.named_requirements.get(name));
    added.fold(demand, |demand, requirement: &Requirement| demand.and_added(requirement))
}

/// What a verified token is held against.
struct Check<'a> {
    settings: &'a Settings,
    resource: &'a Resource,
    authenticated: &'a Rc<Authenticated>,
    audiences: &'a [String],
    waiting: &'a Waiting,
}

impl Check<'_> {
    /// `whole` is what the challenge names: all that the request needs, by whichever rule.
    fn require(&self, demand: &Demand<'_>, whole: &Demand<'_>, captures: &Captures) -> Result<(), Denial> {
        let token = &self.authenticated.token;
        let challenged = |reason| Denial::challenged(reason, challenge(self.resource, whole.scopes()));
        require_audience_by(self.settings.audience_comparison, token, self.audiences, self.settings.strict_audience)
            .map_err(challenged)?;
        let facts = Facts { captures, source: self.waiting.source };
        demand.check(token, &facts).map_err(challenged)?;
        demand.check_scopes(token, &self.settings.scope_hierarchy).map_err(|_| {
            // COR-12: the client is told all that the operation needs, not what it lacks.
            let scopes = scopes_to_request(whole.scopes(), token);
            Denial::challenged(Reason::InsufficientScope, challenge(self.resource, scopes))
        })
    }

    /// What each matching rule in shadow mode would have said.
    fn shadow_verdicts(&self) -> Vec<(String, &'static str)> {
        let verdict = |(position, captures): &(usize, Captures)| {
            let rule = self.resource.rules.get(*position)?;
            let demand = demand(self.settings, self.resource, [rule], &self.waiting.named);
            let code = self.require(&demand, &demand, captures).map_or_else(|denial| denial.reason().code(), |()| "ok");
            Some((rule.name.clone(), code))
        };
        self.waiting.shadow_rules.iter().filter_map(verdict).collect()
    }
}

/// Lets a request go on that needs no token. One that it brings all the same was looked at by nobody: it goes upstream
/// only where every token does, and is never kept for an exchange.
fn allow_public(settings: &Settings, about: &About, request: &RequestHead, now: UnixTime) -> RequestEdits {
    let record = Record::new(AudienceValidation::NAME, "allow", "public", now);
    // An edit makes the proxy look for the route again, so there is none without need.
    let is_there = request.fields().all(AUTHORIZATION).next().is_some();
    let ends_here = is_there && settings.forward_authorization != ForwardAuthorization::Keep;
    RequestEdits {
        remove: ends_here.then(|| AUTHORIZATION.to_owned()).into_iter().collect(),
        state: vec![handoff::public(), audit(about, record)],
        counts_as: Some(("allow", "public")),
        ..RequestEdits::default()
    }
}

fn allow(
    settings: &Settings,
    about: &About,
    resource: &Resource,
    token: &str,
    authenticated: &Authenticated,
    complete: impl Fn(Record) -> Record,
    now: UnixTime,
) -> RequestEdits {
    let mut edits = RequestEdits::default();
    let decision = if settings.mode == Mode::Shadow { "shadow_allow" } else { "allow" };
    let record = Record::new(AudienceValidation::NAME, decision, "ok", now);
    edits.state.push(audit(about, complete(record)));
    if settings.mode == Mode::Shadow {
        edits.state.push(handoff::unverified());
        return edits;
    }
    edits.state.push(handoff::verified(&resource.protected.resource, authenticated));
    if settings.forward_authorization != ForwardAuthorization::Keep {
        edits.remove.push(AUTHORIZATION.to_owned());
    }
    if settings.forward_authorization == ForwardAuthorization::Exchange {
        edits.state.push(handoff::subject_token(token));
    }
    if let Some(name) = &settings.claims_header {
        edits.set.push((name.clone(), answers::base64url(authenticated.token.claims_json())));
    }
    edits
}

/// Denies, or in shadow mode lets pass what would have been denied.
fn conclude(
    settings: &Settings,
    about: &About,
    denial: Denial,
    complete: impl Fn(Record) -> Record,
    now: UnixTime,
) -> Step<Waiting> {
    let code = denial.reason().code();
    let decision = if settings.mode == Mode::Shadow { "shadow_deny" } else { "deny" };
    let record = complete(Record::new(AudienceValidation::NAME, decision, code, now));
    if settings.mode == Mode::Shadow {
        let state = vec![audit(about, record), handoff::unverified()];
        return Step::Allow(RequestEdits { state, counts_as: Some(("shadow_deny", code)), ..RequestEdits::default() });
    }
    Step::Deny(refusal(about, &denial, record))
}

/// The answer to a request that is denied, and its record.
fn refusal(about: &About, denial: &Denial, record: Record) -> Refusal {
    // Its body is not read here, so the id of the JSON-RPC request is not known.
    let mut response = if about.as_mcp { Response::of_mcp(denial, None) } else { Response::from(denial) };
    response.headers.extend(about.origin.as_deref().map(cors::readable_by).unwrap_or_default());
    Refusal { response, state: vec![audit(about, record)] }
}

fn audit(about: &About, record: Record) -> StateEntry {
    (AUDIT, record.with_known("trace_id", about.trace_id.as_deref()).into_bytes())
}

/// The resource's challenge, with the scopes that the client is to ask for (RFC 6750 §3): MCP clients ask for those, and
/// without them for all that they find in the metadata, or for none.
fn challenge(resource: &Resource, scopes: Vec<&ScopeToken>) -> Challenge {
    let challenge = Challenge::bearer().realm(&resource.protected.resource).scope(scopes);
    match &resource.metadata {
        // RFC 9728 §5.1; from the configuration, never from the Host header.
        Some(metadata) => challenge.resource_metadata(metadata.url()),
        None => challenge,
    }
}
