//! Why a request was denied, and what each reason means on the wire.

/// Why a request was denied.
///
/// One list for all filters. It carries no text of the request, so it is safe in answers, logs and metric names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is described once, in the table of `facts`")]
pub enum Reason {
    CredentialMissing,
    CredentialMalformed,
    DuplicateCredential,
    CredentialTooLarge,
    TokenMalformed,
    TokenEncrypted,
    AlgorithmNotAllowed,
    TypeNotAllowed,
    CriticalHeader,
    EmbeddedKey,
    UnknownIssuer,
    UnknownKey,
    KeyMismatch,
    SignatureInvalid,
    ClaimInvalid,
    ClaimMissing,
    TokenExpired,
    TokenNotYetValid,
    IssuedInFuture,
    NotAnAccessToken,
    TenantNotAllowed,
    BindingUnchecked,
    TokenInactive,
    TokenContradicted,
    AudienceMismatch,
    AudienceTooBroad,
    TokenKindNotAllowed,
    ClientNotAllowed,
    RoleMissing,
    ClaimMismatch,
    SubjectMismatch,
    SourceNotAllowed,
    ActorRequired,
    ActorNotAllowed,
    ActorChainTooDeep,
    ActorLoop,
    RequirementUnknown,
    InsufficientScope,
    InsufficientUserAuthentication,
    InsufficientClaims,
    InsufficientAuthorization,
    AuthorizationSpent,
    SeveralSingleUses,
    RequirementUnfilled,
    ArgumentsUnnamed,
    StepUpImpossible,
    ChallengeRepeated,
    RuleMissing,
    KeysUnavailable,
    IntrospectionUnavailable,
    UseNotNoted,
    ResourceUnknown,
    PathRefused,
    MethodOverride,
    PathOverride,
    BodyTooLarge,
    CalloutFailed,
    DeadlineExceeded,
    UpgradeRefused,
    HeadersUnreadable,
    TokenNotHandedOver,
    TokenNotVerified,
    CredentialChanged,
    RequiredFilterMissing,
    SubjectTokenRefused,
    SubjectTokenRefusedAgain,
    SubjectTokenBound,
    ActorNotPermitted,
    ActorTokenMissing,
    SecondTokenRefused,
    TargetsDiffer,
    ExchangeDenied,
    ExchangeClientRefused,
    ExchangeFailed,
    ExchangeUnavailable,
    ExchangeTimedOut,
    BreakerOpen,
    IssuedTokenUnfit,
    IssuedScopeTooNarrow,
    UpstreamRefusedToken,
    InternalFault,
}

/// What one reason means on the wire.
struct Facts {
    status: u16,
    error: Option<&'static str>,
    challenge: bool,
    code: &'static str,
    description: &'static str,
}

const INVALID_REQUEST: Option<&str> = Some("invalid_request");
const INVALID_TOKEN: Option<&str> = Some("invalid_token");

/// A bad credential: RFC 6750 §3.1 invalid_request, told in a challenge.
const fn credential(code: &'static str, description: &'static str) -> Facts {
    Facts { status: 400, error: INVALID_REQUEST, challenge: true, code, description }
}

/// A bad token: RFC 6750 §3.1 invalid_token.
const fn token(code: &'static str, description: &'static str) -> Facts {
    Facts { status: 401, error: INVALID_TOKEN, challenge: true, code, description }
}

/// A bad request that has nothing to do with its credential: no challenge would help.
const fn request(code: &'static str, description: &'static str) -> Facts {
    Facts { status: 400, error: INVALID_REQUEST, challenge: false, code, description }
}

/// A refusal outside OAuth's error codes.
const fn refusal(status: u16, code: &'static str, description: &'static str) -> Facts {
    Facts { status, error: None, challenge: false, code, description }
}

impl Reason {
    /// Every reason, for metric registration and exhaustive tests.
    pub const ALL: &'static [Self] = &[
        Self::CredentialMissing,
        Self::CredentialMalformed,
        Self::DuplicateCredential,
        Self::CredentialTooLarge,
        Self::TokenMalformed,
        Self::TokenEncrypted,
        Self::AlgorithmNotAllowed,
        Self::TypeNotAllowed,
        Self::CriticalHeader,
        Self::EmbeddedKey,
        Self::UnknownIssuer,
        Self::UnknownKey,
        Self::KeyMismatch,
        Self::SignatureInvalid,
        Self::ClaimInvalid,
        Self::ClaimMissing,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::IssuedInFuture,
        Self::NotAnAccessToken,
        Self::TenantNotAllowed,
        Self::BindingUnchecked,
        Self::TokenInactive,
        Self::TokenContradicted,
        Self::AudienceMismatch,
        Self::AudienceTooBroad,
        Self::TokenKindNotAllowed,
        Self::ClientNotAllowed,
        Self::RoleMissing,
        Self::ClaimMismatch,
        Self::SubjectMismatch,
        Self::SourceNotAllowed,
        Self::ActorRequired,
        Self::ActorNotAllowed,
        Self::ActorChainTooDeep,
        Self::ActorLoop,
        Self::RequirementUnknown,
        Self::InsufficientScope,
        Self::InsufficientUserAuthentication,
        Self::InsufficientClaims,
        Self::InsufficientAuthorization,
        Self::AuthorizationSpent,
        Self::SeveralSingleUses,
        Self::RequirementUnfilled,
        Self::ArgumentsUnnamed,
        Self::StepUpImpossible,
        Self::ChallengeRepeated,
        Self::RuleMissing,
        Self::KeysUnavailable,
        Self::IntrospectionUnavailable,
        Self::UseNotNoted,
        Self::ResourceUnknown,
        Self::PathRefused,
        Self::MethodOverride,
        Self::PathOverride,
        Self::BodyTooLarge,
        Self::CalloutFailed,
        Self::DeadlineExceeded,
        Self::UpgradeRefused,
        Self::HeadersUnreadable,
        Self::TokenNotHandedOver,
        Self::TokenNotVerified,
        Self::CredentialChanged,
        Self::RequiredFilterMissing,
        Self::SubjectTokenRefused,
        Self::SubjectTokenRefusedAgain,
        Self::SubjectTokenBound,
        Self::ActorNotPermitted,
        Self::ActorTokenMissing,
        Self::SecondTokenRefused,
        Self::TargetsDiffer,
        Self::ExchangeDenied,
        Self::ExchangeClientRefused,
        Self::ExchangeFailed,
        Self::ExchangeUnavailable,
        Self::ExchangeTimedOut,
        Self::BreakerOpen,
        Self::IssuedTokenUnfit,
        Self::IssuedScopeTooNarrow,
        Self::UpstreamRefusedToken,
        Self::InternalFault,
    ];

    /// Those that only an exchange of tokens has.
    pub const OF_EXCHANGE: &'static [Self] = &[
        Self::SubjectTokenRefused,
        Self::SubjectTokenRefusedAgain,
        Self::SubjectTokenBound,
        Self::ActorNotPermitted,
        Self::ActorTokenMissing,
        Self::SecondTokenRefused,
        Self::TargetsDiffer,
        Self::ExchangeDenied,
        Self::ExchangeClientRefused,
        Self::ExchangeFailed,
        Self::ExchangeUnavailable,
        Self::ExchangeTimedOut,
        Self::BreakerOpen,
        Self::IssuedTokenUnfit,
        Self::IssuedScopeTooNarrow,
        Self::UpstreamRefusedToken,
    ];

    /// The one table. Descriptions stay inside the characters of RFC 6750 §3 and name nothing of the request.
    const fn facts(self) -> Facts {
        match self {
            // RFC 6750 §3.1: no authentication information, so no error code.
            Self::CredentialMissing => Facts {
                status: 401,
                error: None,
                challenge: true,
                code: "credential_missing",
                description: "an access token is required",
            },
            // RFC 6750 §2.1, RFC 9110 §11.2: not a scheme, spaces and token68.
            Self::CredentialMalformed => credential("credential_malformed", "the Authorization header is malformed"),
            // RFC 6750 §2 and §3.1, RFC 9449 §7.2: more than one credential in a request.
            Self::DuplicateCredential => {
                credential("duplicate_credential", "the request carries more than one credential")
            }
            // RFC 6750 §3.1: otherwise malformed; the bound is ours.
            Self::CredentialTooLarge => credential("credential_too_large", "the access token is too large"),
            // RFC 7515 §5.2 steps 1-4, RFC 7519 §7.2: not a compact JWS of JSON objects.
            Self::TokenMalformed => token("token_malformed", "the access token is malformed"),
            // RFC 7516 §9: an encrypted token, which proves nothing about who signed it.
            Self::TokenEncrypted => token("token_encrypted", "encrypted access tokens are not supported"),
            // RFC 8725 §3.1, RFC 9068 §4: outside the issuer's list, `none` included.
            Self::AlgorithmNotAllowed => token("algorithm_not_allowed", "the signature algorithm is not allowed"),
            // RFC 8725 §3.11, RFC 9068 §4: another kind of JWT.
            Self::TypeNotAllowed => token("type_not_allowed", "the token type is not allowed"),
            // RFC 7515 §4.1.11, RFC 7797 §7.
            Self::CriticalHeader => token("critical_header", "the token has a critical header that is not understood"),
            // RFC 8725 §3.10: a token must not bring its own key.
            Self::EmbeddedKey => token("embedded_key", "the token carries its own key"),
            // RFC 9068 §4, RFC 8414 §2.
            Self::UnknownIssuer => token("unknown_issuer", "the token issuer is not trusted here"),
            // RFC 7515 §4.1.4.
            Self::UnknownKey => token("unknown_key", "the token was signed with an unknown key"),
            // RFC 8725 §3.1: one key, one algorithm.
            Self::KeyMismatch => token("key_mismatch", "the key does not fit the signature algorithm"),
            // RFC 7515 §5.2 step 8.
            Self::SignatureInvalid => token("signature_invalid", "the token signature is invalid"),
            // RFC 7519 §4, RFC 9068 §2.2.
            Self::ClaimInvalid => token("claim_invalid", "a claim of the token is invalid"),
            // RFC 9068 §2.2.
            Self::ClaimMissing => token("claim_missing", "a required claim is missing from the token"),
            // RFC 7519 §4.1.4.
            Self::TokenExpired => token("token_expired", "the token has expired"),
            // RFC 7519 §4.1.5.
            Self::TokenNotYetValid => token("token_not_yet_valid", "the token is not valid yet"),
            // RFC 7519 §4.1.6.
            Self::IssuedInFuture => token("issued_in_future", "the token was issued in the future"),
            // RFC 8725 §3.12, RFC 9068 §5.
            Self::NotAnAccessToken => token("not_an_access_token", "the token is not an access token"),
            // RFC 8725 §3.8: one set of keys signs for many tenants, and this one is not trusted.
            Self::TenantNotAllowed => token("tenant_not_allowed", "the token is of a tenant that is not accepted"),
            // RFC 7800 §3.1, RFC 9449 §7.1, RFC 8705 §3: a bound token is no bearer token.
            Self::BindingUnchecked => {
                token("binding_unchecked", "the token is bound to a key whose proof was not checked")
            }
            // RFC 7662 §2.2, RFC 6750 §3.1: expired, revoked, or not a token of that server.
            Self::TokenInactive => {
                token("token_inactive", "the authorization server says that the token is not active")
            }
            // RFC 9396 §9.2: whatever the answer is about, it is not this token.
            Self::TokenContradicted => {
                token("token_contradicted", "what the authorization server says contradicts the token")
            }
            // RFC 9068 §4, RFC 7519 §4.1.3.
            Self::AudienceMismatch => token("audience_mismatch", "the token is not meant for this resource"),
            // RFC 9700 §2.3.
            Self::AudienceTooBroad => token("audience_too_broad", "the token is meant for other resources too"),
            // RFC 9068 §5, RFC 9700 §4.15: a client that speaks for itself is not taken for a user, nor the reverse.
            Self::TokenKindNotAllowed => {
                refusal(403, "token_kind_not_allowed", "this kind of token is not accepted here")
            }
            // RFC 9110 §15.5.4: a new token of the same client would not help, so no challenge either.
            Self::ClientNotAllowed => refusal(403, "client_not_allowed", "the client is not allowed to do this"),
            // RFC 9068 §2.2.3.1, RFC 9110 §15.5.4.
            Self::RoleMissing => refusal(403, "role_missing", "a required role is missing"),
            // RFC 9110 §15.5.4.
            Self::ClaimMismatch => refusal(403, "claim_mismatch", "the token does not say what the request requires"),
            // RFC 7519 §4.1.2, RFC 9110 §15.5.4.
            Self::SubjectMismatch => refusal(403, "subject_mismatch", "the request is about another subject"),
            // RFC 9110 §15.5.4.
            Self::SourceNotAllowed => refusal(403, "source_not_allowed", "requests from this address are not accepted"),
            // RFC 8693 §4.1.
            Self::ActorRequired => refusal(403, "actor_required", "the token names no actor"),
            // RFC 8693 §4.1: the outermost actor is the one who acts.
            Self::ActorNotAllowed => refusal(403, "actor_not_allowed", "the actor is not allowed to do this"),
            // RFC 8693 §4.1; the bound is ours.
            Self::ActorChainTooDeep => refusal(403, "actor_chain_too_deep", "the token went through too many actors"),
            // RFC 8693 §4.1; the rule is ours.
            Self::ActorLoop => refusal(403, "actor_loop", "the token went through the same actor twice"),
            // RFC 9110 §15.6.4: what the route asks for cannot be known, so it cannot be met.
            Self::RequirementUnknown => {
                refusal(503, "requirement_unknown", "the route asks for a requirement that is not configured")
            }
            // RFC 6750 §3.1.
            Self::InsufficientScope => Facts {
                status: 403,
                error: Some("insufficient_scope"),
                challenge: true,
                code: "insufficient_scope",
                description: "the request requires higher privileges than the token provides",
            },
            // RFC 9470 §3.
            Self::InsufficientUserAuthentication => Facts {
                status: 401,
                error: Some("insufficient_user_authentication"),
                challenge: true,
                code: "insufficient_user_authentication",
                description: "the request requires a stronger or more recent authentication of the user",
            },
            // Microsoft Entra, claims challenge.
            Self::InsufficientClaims => Facts {
                status: 401,
                error: Some("insufficient_claims"),
                challenge: true,
                code: "insufficient_claims",
                description: "the request requires claims that the token does not carry",
            },
            // draft-ietf-oauth-rar-metadata; RFC 9396 has no error for it.
            Self::InsufficientAuthorization => Facts {
                status: 401,
                error: Some("insufficient_authorization"),
                challenge: true,
                code: "insufficient_authorization",
                description: "the token carries no authorization details that allow this request",
            },
            // draft-ietf-oauth-rar-metadata: a new grant would do.
            Self::AuthorizationSpent => Facts {
                status: 401,
                error: Some("insufficient_authorization"),
                challenge: true,
                code: "authorization_spent",
                description: "what the token allows once was used before",
            },
            // RFC 9110 §15.5.4: of several calls some could go through and others not.
            Self::SeveralSingleUses => refusal(
                403,
                "several_single_uses",
                "the request needs more than one thing that is allowed once: send one call at a time",
            ),
            // RFC 9110 §15.5.4: what cannot be compared cannot be allowed by any token.
            Self::RequirementUnfilled => {
                refusal(403, "requirement_unfilled", "the request lacks a value that the rule about it compares")
            }
            // RFC 9110 §15.5.4: an argument that no rule looks at could change what the call does.
            Self::ArgumentsUnnamed => {
                refusal(403, "arguments_unnamed", "the call has an argument that the rule about it does not name")
            }
            // RFC 9110 §15.5.4: the client could do nothing with a challenge.
            Self::StepUpImpossible => refusal(
                403,
                "step_up_impossible",
                "the request requires a stronger authentication, and this client has not said that it can be asked for it",
            ),
            // RFC 9110 §15.5.4: another challenge would go round in circles.
            Self::ChallengeRepeated => refusal(
                403,
                "challenge_repeated",
                "the same token was challenged several times and still lacks what is required: obtain a new token, and if that lacks it too, ask the operator whether the issuer puts it into its tokens",
            ),
            // RFC 9110 §15.5.4: a new token would not help.
            Self::RuleMissing => refusal(403, "rule_missing", "no rule allows this request"),
            // RFC 9110 §15.6.4: without keys no token can be judged, and an unjudged token is not accepted.
            Self::KeysUnavailable => refusal(503, "keys_unavailable", "the keys of the issuer are not available"),
            // RFC 9110 §15.6.4, RFC 7662 §2.2: without its verdict the token is not accepted.
            Self::IntrospectionUnavailable => refusal(
                503,
                "introspection_unavailable",
                "the authorization server did not say whether the token is active",
            ),
            // RFC 9110 §15.6.4: what is not noted could be used again.
            Self::UseNotNoted => {
                refusal(503, "use_not_noted", "that the request uses what is allowed once cannot be noted")
            }
            // RFC 9110 §15.5.4: no configured resource; a new token would not help.
            Self::ResourceUnknown => refusal(403, "resource_unknown", "no resource is configured for this request"),
            // RFC 3986 §6.2.2: a path that two readers could take differently.
            Self::PathRefused => request("path_refused", "the request path is ambiguous"),
            // RFC 9110 §9.1: the method is the one in the request line.
            Self::MethodOverride => request("method_override", "method override headers are not accepted"),
            // RFC 9110 §7.1: the target is the one in the request line.
            Self::PathOverride => request("path_override", "fields that name another path are not accepted"),
            // RFC 9110 §15.5.14.
            Self::BodyTooLarge => refusal(413, "body_too_large", "the request body is too large"),
            // RFC 9110 §15.6.4.
            Self::CalloutFailed => refusal(503, "callout_failed", "a service needed for the decision failed"),
            // RFC 9110 §15.6.4.
            Self::DeadlineExceeded => refusal(503, "deadline_exceeded", "the decision took too long"),
            // RFC 9110 §7.8, §9.3.6: its later bytes could not be checked.
            Self::UpgradeRefused => refusal(403, "upgrade_refused", "protocol upgrades are not accepted here"),
            // RFC 9110 §5.5.
            Self::HeadersUnreadable => request("headers_unreadable", "the request headers cannot be read"),
            // RFC 9110 §15.6.4: the filter that verifies tokens did not run before this one, or what it left cannot be read.
            Self::TokenNotHandedOver => {
                refusal(503, "token_not_handed_over", "no verified token was handed to this check")
            }
            // RFC 9110 §15.6.4: the filter that verifies tokens enforces nothing, so no token would do.
            Self::TokenNotVerified => refusal(503, "token_not_verified", "the access token was not verified"),
            // RFC 9110 §15.6.4: a check that the operator wants first has not let the request through.
            Self::RequiredFilterMissing => {
                refusal(503, "required_filter_missing", "a check that must come first did not take place")
            }
            // RFC 9110 §15.6.4: what would go upstream is not what was verified.
            Self::CredentialChanged => {
                refusal(503, "credential_changed", "the credential is not the one that was verified")
            }
            // RFC 8693 §2.2.2, RFC 6750 §3.1: a new token may be accepted.
            Self::SubjectTokenRefused => token(
                "subject_token_refused",
                "the authorization server of the next hop does not accept the access token",
            ),
            // RFC 9110 §15.5.4: a client that comes back with the same token would go round in circles.
            Self::SubjectTokenRefusedAgain => refusal(
                403,
                "subject_token_refused_again",
                "the authorization server of the next hop has refused the same access token before",
            ),
            // RFC 9449 §5: the proof of the same key is the client's, and cannot be passed on.
            Self::SubjectTokenBound => {
                refusal(403, "subject_token_bound", "a token that is bound to a key cannot be exchanged here")
            }
            // RFC 8693 §4.4.
            Self::ActorNotPermitted => {
                refusal(403, "actor_not_permitted", "the token names somebody else who may act for its subject")
            }
            // RFC 8693 §2.1, actor_token.
            Self::ActorTokenMissing => refusal(403, "actor_token_missing", "the request lacks the token of its actor"),
            // RFC 9110 §15.5.4: not the token of the request, so its challenge would mislead.
            Self::SecondTokenRefused => {
                refusal(403, "second_token_refused", "the token for the next hop is missing or not acceptable")
            }
            // RFC 9110 §15.5.4: one request carries one credential.
            Self::TargetsDiffer => {
                refusal(403, "targets_differ", "the request asks for things that need different tokens")
            }
            // RFC 8693 §2.2.2, RFC 6749 §5.2: a new token of the same user and client would not help.
            Self::ExchangeDenied => refusal(
                403,
                "exchange_denied",
                "the authorization server of the next hop does not allow this user or client there",
            ),
            // RFC 6749 §5.2, invalid_client; RFC 9110 §15.6.3: the gateway is at fault.
            Self::ExchangeClientRefused => {
                refusal(502, "exchange_client_refused", "the authorization server does not accept this gateway")
            }
            // RFC 9110 §15.6.3.
            Self::ExchangeFailed => refusal(502, "exchange_failed", "the token for the next hop could not be obtained"),
            // RFC 9110 §15.6.4.
            Self::ExchangeUnavailable => {
                refusal(503, "exchange_unavailable", "the authorization server of the next hop cannot be reached")
            }
            // RFC 9110 §15.6.5.
            Self::ExchangeTimedOut => {
                refusal(504, "exchange_timed_out", "the authorization server of the next hop did not answer in time")
            }
            // RFC 9110 §15.6.4: it failed several times and is left alone for a while.
            Self::BreakerOpen => refusal(
                503,
                "breaker_open",
                "the authorization server of the next hop has failed, and is not asked for a while",
            ),
            // RFC 9110 §15.6.3: what came is not what was asked for.
            Self::IssuedTokenUnfit => {
                refusal(502, "issued_token_unfit", "the token that was issued for the next hop is not acceptable")
            }
            // RFC 8693 §2.2.1, scope.
            Self::IssuedScopeTooNarrow => {
                refusal(403, "issued_scope_too_narrow", "the token that was issued for the next hop allows too little")
            }
            // RFC 9110 §15.6.3: the credential that the next hop refuses is the gateway's, not the client's.
            Self::UpstreamRefusedToken => {
                refusal(502, "upstream_refused_token", "the next hop does not accept the token that was issued for it")
            }
            // RFC 9110 §15.6.4: our own fault is never a reason to let a request pass.
            Self::InternalFault => refusal(503, "internal_fault", "the request could not be checked"),
        }
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// OAuth `error` code (RFC 6750 §3.1), if the reason has one.
    #[must_use]
    pub const fn oauth_error(self) -> Option<&'static str> {
        self.facts().error
    }

    /// Stable snake_case code for clients, logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().code
    }

    /// A fixed sentence for the developer of the client (RFC 6750 §3, `error_description`).
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.facts().description
    }

    /// Whether the answer carries `WWW-Authenticate`. True for every 401 (RFC 9110 §15.5.2).
    #[must_use]
    pub const fn has_challenge(self) -> bool {
        self.facts().challenge
    }
}

#[cfg(test)]
mod tests {
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
            (Reason::PathRefused, 400, Some("invalid_request")),
            (Reason::MethodOverride, 400, Some("invalid_request")),
            (Reason::PathOverride, 400, Some("invalid_request")),
            (Reason::BodyTooLarge, 413, None),
            (Reason::CalloutFailed, 503, None),
            (Reason::DeadlineExceeded, 503, None),
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
}
