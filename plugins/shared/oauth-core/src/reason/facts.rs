//! What each reason means on the wire: the one table.

use super::Reason;

/// What one reason means on the wire.
pub(super) struct Facts {
    pub(super) status: u16,
    pub(super) error: Option<&'static str>,
    pub(super) challenge: bool,
    pub(super) code: &'static str,
    pub(super) description: &'static str,
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
    /// The one table. Descriptions stay inside the characters of RFC 6750 §3 and name nothing of the request.
    pub(super) const fn facts(self) -> Facts {
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
            // draft-ietf-oauth-rar-metadata-remediation; RFC 9396 has no error for it.
            Self::InsufficientAuthorization => Facts {
                status: 401,
                error: Some("insufficient_authorization"),
                challenge: true,
                code: "insufficient_authorization",
                description: "the token carries no authorization details that allow this request",
            },
            // draft-ietf-oauth-rar-metadata-remediation: a new grant would do.
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
                "the client was challenged several times for the same and its tokens still lack what is required: ask for all that the challenge names, and if the new token lacks it too, ask the operator whether the issuer puts it into its tokens",
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
            // RFC 9110 §15.5.4: the proxy sends it elsewhere than to what was judged. No 421, since a client may repeat the
            // request after one (§15.5.20), and it would be routed the same.
            Self::ClusterMismatch => {
                refusal(403, "cluster_mismatch", "the request is routed to another place than the one it is about")
            }
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
            // RFC 9110 §15.6.4: what waits already takes all the room that there is for it.
            Self::Overloaded => refusal(503, "overloaded", "too many requests wait for a decision"),
            // RFC 6585 §4: the others are not to wait for this one.
            Self::TooManyPending => {
                refusal(429, "too_many_pending", "too many requests of this caller wait for the authorization server")
            }
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
}
