//! Why a request was denied, and what each reason means on the wire.

mod facts;

use std::time::Duration;

/// Writes the list once: the type, and the constants that hold all of it and its parts.
macro_rules! reasons {
    (general { $($general:ident,)+ } of_exchange { $($of_exchange:ident,)+ } last { $last:ident }) => {
        /// Why a request was denied.
        ///
        /// One list for all filters. It carries no text of the request, so it is safe in answers, logs and metric names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each variant is described once, in the table of `facts`")]
        pub enum Reason {
            $($general,)+
            $($of_exchange,)+
            $last,
        }

        impl Reason {
            /// Every reason, for metric registration and exhaustive tests.
            pub const ALL: &'static [Self] = &[$(Self::$general,)+ $(Self::$of_exchange,)+ Self::$last];

            /// Those that only an exchange of tokens has.
            pub const OF_EXCHANGE: &'static [Self] = &[$(Self::$of_exchange),+];
        }
    };
}

reasons! {
    general {
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
        ClusterMismatch,
        PathRefused,
        MethodOverride,
        PathOverride,
        BodyTooLarge,
        CalloutFailed,
        DeadlineExceeded,
        Overloaded,
        TooManyPending,
        UpgradeRefused,
        HeadersUnreadable,
        TokenNotHandedOver,
        TokenNotVerified,
        CredentialChanged,
        RequiredFilterMissing,
    }
    of_exchange {
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
    }
    last { InternalFault }
}

impl Reason {
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

    /// When another attempt makes sense, of a reason that passes by itself in a moment.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Overloaded | Self::TooManyPending => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the answer carries `WWW-Authenticate`. True for every 401 (RFC 9110 §15.5.2).
    #[must_use]
    pub const fn has_challenge(self) -> bool {
        self.facts().challenge
    }
}

#[cfg(test)]
mod tests;
