//! What this filter brings into the way of a request.

use filter_kit::{
    background::Background,
    flow::{Common, Judge, Judging, Subject, Verdict},
    path::Ambiguous,
    request::RequestHead,
    rules::Rule,
    token_source::HandedOver,
};
use oauth_core::{config::Problems, scope::ScopeToken, step_up::StepUp, time::UnixTime};

use crate::{config::Settings, loop_guard::LoopGuard, verdict};

/// The policy of this filter.
pub type ClaimChallenge = Judging<StepUpJudge>;

/// What is particular to it.
#[derive(Debug)]
pub struct StepUpJudge;

impl Background for StepUpJudge {
    type Settings = Settings;
    type Shared = LoopGuard;
}

impl Judge for StepUpJudge {
    const NAME: &'static str = "claim_challenge";
    const AUDIT: &'static str = "fourleg.audit.claim_challenge";
    type Require = StepUp;
    type Kept = ();
    type Watched = ();

    fn configure(document: &[u8]) -> Result<(Settings, LoopGuard), Problems> {
        let settings = Settings::read(document)?;
        let loop_guard = LoopGuard::new(settings.loop_guard);
        Ok((settings, loop_guard))
    }

    fn common(settings: &Settings) -> &Common {
        &settings.common
    }

    fn common_mut(settings: &mut Settings) -> &mut Common {
        &mut settings.common
    }

    fn rules(settings: &Settings) -> &[Rule<StepUp>] {
        &settings.rules
    }

    fn scopes(require: &StepUp) -> &[ScopeToken] {
        require.scopes()
    }

    fn keep(_: &Settings, _: &RequestHead) {}

    fn judge<'a>(
        settings: &'a Settings,
        loop_guard: &mut LoopGuard,
        token: &HandedOver,
        subject: Subject<'a, ()>,
        now: UnixTime,
    ) -> Result<Verdict<'a>, Ambiguous> {
        verdict::judge(settings, loop_guard, token, subject, now)
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::Flaw;
    use oauth_core::reason::Reason;

    /// Reasons of other filters.
    const ELSEWHERE: [Reason; 21] = [
        Reason::ClusterMismatch,
        Reason::AuthorizationSpent,
        Reason::SeveralSingleUses,
        Reason::UseNotNoted,
        Reason::TokenContradicted,
        Reason::InsufficientAuthorization,
        Reason::RequirementUnfilled,
        Reason::ArgumentsUnnamed,
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
