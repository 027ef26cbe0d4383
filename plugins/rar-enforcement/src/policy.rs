//! What this filter brings into the way of a request.

use filter_kit::{
    background::Background,
    crypto::CryptoNeeds,
    flow::{Common, Judge, Judging, Subject, Verdict},
    introspection::{Details, Introspection, Learned},
    path::Ambiguous,
    policy::{Callout, CalloutOutcome, Note},
    request::RequestHead,
    rules::Rule,
    token_source::{HandedOver, credential},
};
use oauth_core::{config::Problems, jose::Crypto, scope::scopes_to_request, secret::Secret, time::UnixTime};

use crate::{
    config::{Requirement, Settings},
    details::{self, Needed},
    verdict::{self, Kept},
};

/// The policy of this filter.
pub type RarEnforcement = Judging<DetailsJudge>;

/// What is particular to it.
#[derive(Debug)]
pub struct DetailsJudge;

impl Background for DetailsJudge {
    type Settings = Settings;
    type Shared = Option<Learned>;

    fn needs_own_vm(settings: &Settings) -> bool {
        settings.types.names().any(|name| settings.types.is_single_use(name))
    }

    fn crypto(settings: &Settings) -> CryptoNeeds {
        settings.introspection.as_ref().map_or(CryptoNeeds::default(), Introspection::crypto)
    }

    fn equip(settings: &mut Settings, crypto: Crypto) {
        if let Some(introspection) = &mut settings.introspection {
            introspection.equip(crypto);
        }
    }

    fn learn(
        settings: &Settings,
        memory: &mut Option<Learned>,
        key: &str,
        outcome: CalloutOutcome<'_>,
        now: UnixTime,
    ) -> Vec<Note> {
        match (&settings.introspection, memory) {
            (Some(introspection), Some(learned)) => introspection.learn(learned, key, outcome, now),
            _ => Vec::new(),
        }
    }

    fn upkeep(settings: &Settings, memory: &mut Option<Learned>, now: UnixTime) -> Vec<Callout> {
        match (&settings.introspection, memory) {
            (Some(introspection), Some(learned)) => introspection.upkeep(learned, now),
            _ => Vec::new(),
        }
    }
}

impl Judge for DetailsJudge {
    const NAME: &'static str = "rar_enforcement";
    const AUDIT: &'static str = "fourleg.audit.rar_enforcement";
    const READS_ARGUMENTS: bool = true;
    type Require = Requirement;
    type Kept = Kept;
    type Watched = ();

    fn configure(document: &[u8]) -> Result<(Settings, Option<Learned>), Problems> {
        let settings = Settings::read(document)?;
        let memory = settings.introspection.as_ref().map(Introspection::nothing_learned);
        Ok((settings, memory))
    }

    fn common(settings: &Settings) -> &Common {
        &settings.common
    }

    fn common_mut(settings: &mut Settings) -> &mut Common {
        &mut settings.common
    }

    fn rules(settings: &Settings) -> &[Rule<Requirement>] {
        &settings.rules
    }

    fn keep(settings: &Settings, request: &RequestHead) -> Kept {
        let named = &settings.named;
        let query = named.query.iter().filter_map(|name| Some((name.clone(), request.parameter(name)?)));
        let headers =
            named.headers.iter().filter_map(|name| Some((name.clone(), request.plain_field(name)?.to_owned())));
        let property = settings.credential_at.map(|at| request.property(at));
        let credential = property.and_then(|kept| credential(request, kept).ok()).map(Secret::new);
        Kept { query: query.collect(), headers: headers.collect(), credential }
    }

    fn judge<'a>(
        settings: &'a Settings,
        memory: &mut Option<Learned>,
        token: &HandedOver,
        subject: Subject<'a, Kept>,
        now: UnixTime,
    ) -> Result<Verdict<'a>, Ambiguous> {
        let (Some(introspection), Some(learned)) = (&settings.introspection, memory) else {
            return verdict::judge(settings, token, subject, now);
        };
        let needed = details::needed(settings, subject)?;
        if needed == Needed::No {
            return verdict::judge(settings, token, subject, now);
        }
        let credential = subject.kept.credential.as_ref().map(Secret::expose);
        let has_waited_for = |key: &str| subject.waited.has_waited_for(key);
        match introspection.details(learned, token, credential, has_waited_for, now) {
            Details::Known(token) => verdict::judge(settings, &token, subject, now),
            Details::AsTheTokenSays => verdict::judge(settings, token, subject, now),
            Details::Await(callout) => Ok(Verdict { ask: Some(callout), ..Verdict::undecided() }),
            Details::Refused(refused) if needed == Needed::ToDecide => {
                Ok(Verdict { outcome: Err(refused.denial(scopes_to_request([], token))), ..Verdict::undecided() })
            }
            // What decides nothing must not be in the way either.
            Details::Refused(_) => verdict::judge(settings, token, subject, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Flaw;
    use oauth_core::reason::Reason;

    /// Reasons of other filters.
    const ELSEWHERE: [Reason; 19] = [
        Reason::ClusterMismatch,
        Reason::AudienceTooBroad,
        Reason::TokenKindNotAllowed,
        Reason::ClientNotAllowed,
        Reason::RoleMissing,
        Reason::ClaimMismatch,
        Reason::SubjectMismatch,
        Reason::SourceNotAllowed,
        Reason::ActorRequired,
        Reason::ActorNotAllowed,
        Reason::ActorChainTooDeep,
        Reason::ActorLoop,
        Reason::RequirementUnknown,
        Reason::InsufficientScope,
        Reason::InsufficientUserAuthentication,
        Reason::InsufficientClaims,
        Reason::StepUpImpossible,
        Reason::ChallengeRepeated,
        Reason::CalloutFailed,
    ];

    #[test]
    fn the_readme_names_every_code_with_its_status() {
        let reasons =
            Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason) && !Reason::OF_EXCHANGE.contains(reason));
        let codes = reasons.map(|reason| (reason.code(), reason.status()));
        plugin_checks::readme_names_every_code(
            include_str!("../README.md"),
            codes.chain(Flaw::ALL.iter().map(|flaw| (flaw.code(), flaw.status()))),
        );
    }
}
