//! The table as its clients see it.

use std::collections::BTreeSet;

use super::*;

/// COR-08
#[test]
fn each_fault_has_its_status_and_oauth_error() {
    let table = [
        (Reason::CredentialMissing, 401, None),
        (Reason::CredentialMalformed, 400, Some("invalid_request")),
        (Reason::DuplicateCredential, 400, Some("invalid_request")),
        (Reason::CredentialTooLarge, 400, Some("invalid_request")),
        (Reason::TokenMalformed, 401, Some("invalid_token")),
        (Reason::TokenEncrypted, 401, Some("invalid_token")),
        (Reason::AlgorithmNotAllowed, 401, Some("invalid_token")),
        (Reason::TypeNotAllowed, 401, Some("invalid_token")),
        (Reason::CriticalHeader, 401, Some("invalid_token")),
        (Reason::EmbeddedKey, 401, Some("invalid_token")),
        (Reason::UnknownIssuer, 401, Some("invalid_token")),
        (Reason::UnknownKey, 401, Some("invalid_token")),
        (Reason::KeyMismatch, 401, Some("invalid_token")),
        (Reason::SignatureInvalid, 401, Some("invalid_token")),
        (Reason::ClaimInvalid, 401, Some("invalid_token")),
        (Reason::ClaimMissing, 401, Some("invalid_token")),
        (Reason::TokenExpired, 401, Some("invalid_token")),
        (Reason::TokenNotYetValid, 401, Some("invalid_token")),
        (Reason::IssuedInFuture, 401, Some("invalid_token")),
        (Reason::NotAnAccessToken, 401, Some("invalid_token")),
        (Reason::TenantNotAllowed, 401, Some("invalid_token")),
        (Reason::BindingUnchecked, 401, Some("invalid_token")),
        (Reason::TokenInactive, 401, Some("invalid_token")),
        (Reason::TokenContradicted, 401, Some("invalid_token")),
        (Reason::AudienceMismatch, 401, Some("invalid_token")),
        (Reason::AudienceTooBroad, 401, Some("invalid_token")),
        (Reason::TokenKindNotAllowed, 403, None),
        (Reason::ClientNotAllowed, 403, None),
        (Reason::RoleMissing, 403, None),
        (Reason::ClaimMismatch, 403, None),
        (Reason::SubjectMismatch, 403, None),
        (Reason::SourceNotAllowed, 403, None),
        (Reason::ActorRequired, 403, None),
        (Reason::ActorNotAllowed, 403, None),
        (Reason::ActorChainTooDeep, 403, None),
        (Reason::ActorLoop, 403, None),
        (Reason::RequirementUnknown, 503, None),
        (Reason::InsufficientScope, 403, Some("insufficient_scope")),
        (Reason::InsufficientUserAuthentication, 401, Some("insufficient_user_authentication")),
        (Reason::InsufficientClaims, 401, Some("insufficient_claims")),
        (Reason::InsufficientAuthorization, 401, Some("insufficient_authorization")),
        (Reason::AuthorizationSpent, 401, Some("insufficient_authorization")),
        (Reason::SeveralSingleUses, 403, None),
        (Reason::RequirementUnfilled, 403, None),
        (Reason::ArgumentsUnnamed, 403, None),
        (Reason::StepUpImpossible, 403, None),
        (Reason::ChallengeRepeated, 403, None),
        (Reason::RuleMissing, 403, None),
        (Reason::KeysUnavailable, 503, None),
        (Reason::IntrospectionUnavailable, 503, None),
        (Reason::UseNotNoted, 503, None),
        (Reason::ResourceUnknown, 403, None),
        (Reason::ClusterMismatch, 403, None),
        (Reason::PathRefused, 400, Some("invalid_request")),
        (Reason::MethodOverride, 400, Some("invalid_request")),
        (Reason::PathOverride, 400, Some("invalid_request")),
        (Reason::BodyTooLarge, 413, None),
        (Reason::CalloutFailed, 503, None),
        (Reason::DeadlineExceeded, 503, None),
        (Reason::Overloaded, 503, None),
        (Reason::TooManyPending, 429, None),
        (Reason::UpgradeRefused, 403, None),
        (Reason::HeadersUnreadable, 400, Some("invalid_request")),
        (Reason::TokenNotHandedOver, 503, None),
        (Reason::TokenNotVerified, 503, None),
        (Reason::CredentialChanged, 503, None),
        (Reason::RequiredFilterMissing, 503, None),
        (Reason::SubjectTokenRefused, 401, Some("invalid_token")),
        (Reason::SubjectTokenRefusedAgain, 403, None),
        (Reason::SubjectTokenBound, 403, None),
        (Reason::ActorNotPermitted, 403, None),
        (Reason::ActorTokenMissing, 403, None),
        (Reason::SecondTokenRefused, 403, None),
        (Reason::TargetsDiffer, 403, None),
        (Reason::ExchangeDenied, 403, None),
        (Reason::ExchangeClientRefused, 502, None),
        (Reason::ExchangeFailed, 502, None),
        (Reason::ExchangeUnavailable, 503, None),
        (Reason::ExchangeTimedOut, 504, None),
        (Reason::BreakerOpen, 503, None),
        (Reason::IssuedTokenUnfit, 502, None),
        (Reason::IssuedScopeTooNarrow, 403, None),
        (Reason::UpstreamRefusedToken, 502, None),
        (Reason::InternalFault, 503, None),
    ];
    let listed: Vec<Reason> = table.iter().map(|row| row.0).collect();
    assert_eq!(listed, Reason::ALL);
    for (reason, status, error) in table {
        assert_eq!((reason.status(), reason.oauth_error()), (status, error), "{reason:?}");
    }
}

#[test]
fn every_reason_is_listed_once_with_a_code_of_its_own() {
    let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    // The enum has no gaps, so the last discriminant counts the variants.
    assert_eq!(Reason::ALL.len(), Reason::InternalFault as usize + 1);
    for code in codes {
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    }
}

/// COR-04, COR-07
#[test]
fn every_401_asks_for_a_challenge_and_every_description_fits_its_charset() {
    for reason in Reason::ALL {
        assert!(reason.status() != 401 || reason.has_challenge(), "{reason:?}");
        assert!(reason.status() >= 400, "{reason:?}");
        assert!(
            reason.description().bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{reason:?}"
        );
    }
}
