//! The codes of this filter: each is explained in its README, and a row of some table ends with it.

use std::collections::BTreeSet;

use oauth_core::denial::Reason;

use crate::{allowed, credentials, dialects, keys, requirements, resources, shadow, tokens};

/// Reasons of other filters.
const ELSEWHERE: [Reason; 22] = [
    Reason::TooManyPending,
    Reason::AuthorizationSpent,
    Reason::SeveralSingleUses,
    Reason::UseNotNoted,
    Reason::TokenInactive,
    Reason::TokenContradicted,
    Reason::IntrospectionUnavailable,
    Reason::InsufficientAuthorization,
    Reason::RequirementUnfilled,
    Reason::ArgumentsUnnamed,
    Reason::InsufficientUserAuthentication,
    Reason::InsufficientClaims,
    Reason::StepUpImpossible,
    Reason::ChallengeRepeated,
    Reason::RuleMissing,
    Reason::BodyTooLarge,
    Reason::CalloutFailed,
    Reason::UpgradeRefused,
    Reason::TokenNotHandedOver,
    Reason::TokenNotVerified,
    Reason::CredentialChanged,
    Reason::RequiredFilterMissing,
];

/// Said by the driver alone, if the proxy does not do what it was asked to.
const OF_THE_DRIVER: [Reason; 1] = [Reason::InternalFault];

fn reasons() -> impl Iterator<Item = Reason> {
    let all = Reason::ALL.iter().copied();
    all.filter(|reason| !ELSEWHERE.contains(reason) && !Reason::OF_EXCHANGE.contains(reason))
}

#[test]
fn the_readme_names_every_code_with_its_status() {
    let codes = reasons().map(|reason| (reason.code(), reason.status()));
    plugin_checks::readme_names_every_code(include_str!("../../README.md"), codes);
}

#[test]
fn every_code_has_a_row() {
    let tables = [
        allowed::tables(),
        credentials::tables(),
        dialects::tables(),
        keys::tables(),
        requirements::tables(),
        resources::tables(),
        shadow::tables(),
        tokens::tables(),
    ];
    let tables: Vec<_> = tables.into_iter().flatten().collect();
    let told: BTreeSet<&str> = tables.iter().flat_map(|table| table.codes()).collect();
    let missing = reasons().filter(|reason| !OF_THE_DRIVER.contains(reason) && !told.contains(reason.code()));
    assert_eq!(missing.collect::<Vec<_>>(), []);
    for code in ["ok", "public", "preflight", "resource_metadata", "method_not_allowed"] {
        assert!(told.contains(code), "{code}");
    }
}
