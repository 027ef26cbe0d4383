//! What this filter brings into the way of a request.

use filter_kit::{
    flow::{Common, Judge, Judging, Subject, Verdict},
    path::Ambiguous,
    request::RequestHead,
    rules::Rule,
    token_source::HandedOver,
};
use oauth_core::{config::Problems, time::UnixTime};

use crate::{
    config::{Requirement, Settings},
    verdict::{self, Kept},
};

/// The policy of this filter.
pub type RarEnforcement = Judging<DetailsJudge>;

/// What is particular to it.
#[derive(Debug)]
pub struct DetailsJudge;

impl Judge for DetailsJudge {
    const NAME: &'static str = "rar_enforcement";
    const AUDIT: &'static str = "fourleg.audit.rar_enforcement";
    type Require = Requirement;
    type Settings = Settings;
    type Memory = ();
    type Kept = Kept;
    type Watched = ();

    fn configure(document: &[u8]) -> Result<(Settings, ()), Problems> {
        Settings::read(document).map(|settings| (settings, ()))
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
        Kept { query: query.collect(), headers: headers.collect() }
    }

    fn judge<'a>(
        settings: &'a Settings,
        (): &mut (),
        token: &HandedOver,
        subject: Subject<'a, Kept>,
        _: UnixTime,
    ) -> Result<Verdict<'a>, Ambiguous> {
        verdict::judge(settings, token, subject)
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Flaw;
    use oauth_core::reason::Reason;

    /// Reasons of other filters.
    const ELSEWHERE: [Reason; 19] = [
        Reason::TokenContradicted,
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
