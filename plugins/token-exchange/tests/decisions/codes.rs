//! The codes of an exchange: each is explained in the README, and a row of some table ends with it.

use std::collections::BTreeSet;

use mcp_core::Flaw;
use oauth_core::reason::Reason;

use crate::{actors, breaker, flows, keeping, refusals, results, subjects, targets, upstream};

/// Reasons of other filters.
const ELSEWHERE: [Reason; 18] = [
    Reason::AuthorizationSpent,
    Reason::SeveralSingleUses,
    Reason::UseNotNoted,
    Reason::TokenContradicted,
    Reason::AudienceTooBroad,
    Reason::ClientNotAllowed,
    Reason::RoleMissing,
    Reason::ClaimMismatch,
    Reason::SubjectMismatch,
    Reason::SourceNotAllowed,
    Reason::RequirementUnknown,
    Reason::InsufficientUserAuthentication,
    Reason::InsufficientAuthorization,
    Reason::RequirementUnfilled,
    Reason::ArgumentsUnnamed,
    Reason::StepUpImpossible,
    Reason::ChallengeRepeated,
    Reason::CalloutFailed,
];

/// Of what all filters share, those that this one says in ways of its own, or that its hand-off depends on. The others are
/// the shared mechanism's, and have their tables there.
const SHARED: [Reason; 16] = [
    Reason::CredentialMissing,
    Reason::DuplicateCredential,
    Reason::BindingUnchecked,
    Reason::TokenKindNotAllowed,
    Reason::ActorRequired,
    Reason::ActorNotAllowed,
    Reason::ActorChainTooDeep,
    Reason::InsufficientScope,
    Reason::InsufficientClaims,
    Reason::RuleMissing,
    Reason::KeysUnavailable,
    Reason::ClusterMismatch,
    Reason::DeadlineExceeded,
    Reason::TokenNotHandedOver,
    Reason::TokenNotVerified,
    Reason::CredentialChanged,
];

/// Every source of tokens refuses a bound one before, as `binding_unchecked`; what is behind that is checked in `oauth-core`.
const BEHIND_ANOTHER: [Reason; 1] = [Reason::SubjectTokenBound];

#[test]
fn the_readme_names_every_code_with_its_status() {
    let reasons = Reason::ALL.iter().filter(|reason| !ELSEWHERE.contains(reason));
    let codes = reasons.map(|reason| (reason.code(), reason.status()));
    plugin_checks::readme_names_every_code(
        include_str!("../../README.md"),
        codes.chain(Flaw::ALL.iter().map(|flaw| (flaw.code(), flaw.status()))),
    );
}

#[test]
fn every_code_of_an_exchange_has_a_row() {
    let tables = [
        actors::tables(),
        breaker::tables(),
        flows::tables(),
        keeping::tables(),
        refusals::tables(),
        results::tables(),
        subjects::tables(),
        targets::tables(),
    ];
    let tables: Vec<_> = tables.into_iter().flatten().collect();
    let told: BTreeSet<&str> = tables.iter().flat_map(|table| table.codes()).chain(upstream::codes()).collect();
    let expected = Reason::OF_EXCHANGE.iter().chain(&SHARED).filter(|reason| !BEHIND_ANOTHER.contains(reason));
    let missing = expected.filter(|reason| !told.contains(reason.code()));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Reason>::new());
    for code in ["exchanged", "kept", "already_meant", "client_credentials", "pre_injected"] {
        assert!(told.contains(code), "{code}");
    }
}
