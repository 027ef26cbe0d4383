//! What is particular to a filter that judges by rules what a verified token may do.

use oauth_core::{
    config::Problems,
    denial::{Denial, Reason},
    scope::ScopeToken,
    time::UnixTime,
};

use super::{Common, Subject, Verdict};
use crate::{
    background::Background,
    path::Ambiguous,
    policy::ResponseHead,
    request::RequestHead,
    rules::Rule,
    token_source::{HandedOver, Presented},
};

/// What is particular to a filter: its rules, and what it makes of a token.
pub trait Judge: Background {
    /// See [`Policy::NAME`].
    const NAME: &'static str;
    /// The key of its audit record.
    const AUDIT: &'static str;
    /// Whether it looks at the arguments of calls. If not they are forgotten before anything is waited for: very many
    /// requests may wait at a time.
    const READS_ARGUMENTS: bool = false;
    /// What its rules require.
    type Require: 'static;
    /// What it keeps of a request's head for the verdict.
    type Kept: 'static;
    /// What it needs to judge the upstream's answer; `()` if it looks at none.
    type Watched: 'static;

    /// Reads the configuration.
    ///
    /// # Errors
    /// Every mistake at once.
    fn configure(document: &[u8]) -> Result<(Self::Settings, Self::Shared), Problems>;

    /// What all such filters have in their settings.
    fn common(settings: &Self::Settings) -> &Common;

    /// The same, to be equipped.
    fn common_mut(settings: &mut Self::Settings) -> &mut Common;

    /// The rules.
    fn rules(settings: &Self::Settings) -> &[Rule<Self::Require>];

    /// The scopes among what a rule requires: a request without a token that is accepted is told to ask for them.
    fn scopes(_require: &Self::Require) -> &[ScopeToken] {
        &[]
    }

    /// See [`crate::policy::Policy::fields_for_us`].
    fn fields_for_us(_settings: &Self::Settings) -> &[String] {
        &[]
    }

    /// What is needed of the head later.
    fn keep(settings: &Self::Settings, request: &RequestHead) -> Self::Kept;

    /// Judges everything that a request with a verified token asks for; it passes only if each of it does.
    ///
    /// # Errors
    /// [`Ambiguous`] if the path, or a value of a path template, has several readings for the rules.
    fn judge<'a>(
        settings: &'a Self::Settings,
        memory: &mut Self::Shared,
        token: &HandedOver,
        subject: Subject<'a, Self::Kept>,
        now: UnixTime,
    ) -> Result<Verdict<'a, Self::Watched>, Ambiguous>;

    /// The same for a request that audience-validation let pass without a token: it shows nothing, so no rule can hold
    /// for it.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    fn judge_public<'a>(
        settings: &'a Self::Settings,
        subject: Subject<'a, Self::Kept>,
    ) -> Result<Verdict<'a, Self::Watched>, Ambiguous> {
        subject.judge_public(Self::rules(settings))
    }

    /// Judges the head of an answer to a request that was let go on with [`Verdict::watch`]. Out: the names of fields to
    /// take out of it, or the denial that the client gets instead.
    ///
    /// # Errors
    /// The denial.
    fn answered(
        _settings: &Self::Settings,
        _memory: &mut Self::Shared,
        _presented: &Presented,
        _watched: Self::Watched,
        _response: &ResponseHead,
        _now: UnixTime,
    ) -> Result<Vec<String>, Denial> {
        Err(Denial::plain(Reason::InternalFault))
    }
}
