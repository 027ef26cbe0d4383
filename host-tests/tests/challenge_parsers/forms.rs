//! Every form of challenge that the filters emit, and what is meant by it.

use oauth_core::{
    challenge::Challenge,
    denial::{Denial, Reason},
    resource_metadata::challenge_for,
};

const METADATA: &str = "https://tools.example/.well-known/oauth-protected-resource/mcp";
const R: &str = "https://tools.example/mcp";

/// `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`, as Entra wants it.
pub(crate) const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
/// The same with `"value":"c10"`: its base64 needs padding.
pub(crate) const PADDED_CLAIMS: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEwIn19fQ==";

/// A response's challenges, as they are sent and as they are meant.
pub(crate) struct Form {
    pub name: &'static str,
    /// The `WWW-Authenticate` fields.
    pub fields: Vec<String>,
    /// Schemes with their parameters, in order.
    pub meant: Vec<Meant>,
}

pub(crate) type Meant = (&'static str, Vec<(&'static str, &'static str)>);

impl Form {
    /// The same with all challenges in one field, as proxies and clients join them (RFC 9110, section 5.3).
    pub(crate) fn joined(&self) -> Vec<String> {
        vec![self.fields.join(", ")]
    }
}

fn form(name: &'static str, denial: &Denial, meant: Vec<Meant>) -> Form {
    let fields = denial.headers().into_iter().filter(|(name, _)| *name == "www-authenticate");
    Form { name, fields: fields.map(|(_, value)| value).collect(), meant }
}

fn step_up() -> Challenge {
    Challenge::bearer()
        .realm(R)
        .error("insufficient_user_authentication")
        .error_description("a stronger sign-in is needed, e.g. with \"otp\"")
        .acr_values(["urn:phr", "urn:mfa"])
        .max_age(0)
        .resource_metadata(METADATA)
}

fn entra(claims: &str) -> Challenge {
    challenge_for(Some(R))
        .without_realm()
        .error("insufficient_claims")
        .authorization_uri("https://login.example/common/oauth2/v2.0/authorize")
        .claims(claims)
}

/// What `style: both` sends is "Entra, then RFC 9470"; the other way round shows why. Bare ones come from the typed builder; those with a [`Reason`] go through [`Denial`], which sets the error.
pub(crate) fn all() -> Vec<Form> {
    let resource = || Challenge::bearer().realm(R).resource_metadata(METADATA);
    let bare = |name, challenges: &[Challenge], meant| Form {
        name,
        fields: challenges.iter().map(Challenge::to_header_value).collect(),
        meant,
    };
    let step_up_meant: Meant = (
        "bearer",
        vec![
            ("realm", R),
            ("error", "insufficient_user_authentication"),
            // Characters that would need an escape are replaced (OAuth 2.1, section 5.3.1).
            ("error_description", "a stronger sign-in is needed, e.g. with ?otp?"),
            ("acr_values", "urn:phr urn:mfa"),
            ("max_age", "0"),
            ("resource_metadata", METADATA),
        ],
    );
    let entra_meant = |claims| -> Meant {
        (
            "bearer",
            vec![
                ("authorization_uri", "https://login.example/common/oauth2/v2.0/authorize"),
                ("error", "insufficient_claims"),
                ("claims", claims),
                ("resource_metadata", METADATA),
            ],
        )
    };
    vec![
        form(
            "no credential",
            &Denial::challenged(Reason::CredentialMissing, resource()),
            vec![("bearer", vec![("realm", R), ("resource_metadata", METADATA)])],
        ),
        form(
            "no parameter",
            &Denial::challenged(Reason::CredentialMissing, Challenge::bearer()),
            vec![("bearer", vec![("realm", "fourleg")])],
        ),
        form(
            "expired",
            &Denial::challenged(Reason::TokenExpired, resource()),
            vec![(
                "bearer",
                vec![
                    ("realm", R),
                    ("error", "invalid_token"),
                    ("error_description", "the token has expired"),
                    ("resource_metadata", METADATA),
                ],
            )],
        ),
        form(
            "scope",
            &Denial::challenged(Reason::InsufficientScope, resource().scope(["files:read", "files:delete"])),
            vec![(
                "bearer",
                vec![
                    ("realm", R),
                    ("error", "insufficient_scope"),
                    ("error_description", "the request requires higher privileges than the token provides"),
                    ("scope", "files:read files:delete"),
                    ("resource_metadata", METADATA),
                ],
            )],
        ),
        bare("RFC 9470", &[step_up()], vec![step_up_meant.clone()]),
        bare(
            "RFC 9470 with scope",
            &[Challenge::bearer().error("x").max_age(300).scope(["a", "b"])],
            vec![("bearer", vec![("error", "x"), ("scope", "a b"), ("max_age", "300")])],
        ),
        bare("Entra", &[entra(CLAIMS)], vec![entra_meant(CLAIMS)]),
        bare("Entra with padding", &[entra(PADDED_CLAIMS)], vec![entra_meant(PADDED_CLAIMS)]),
        bare(
            "Entra, then RFC 9470",
            &[entra(PADDED_CLAIMS), step_up()],
            vec![entra_meant(PADDED_CLAIMS), step_up_meant.clone()],
        ),
        bare(
            "RFC 9470, then Entra",
            &[step_up(), entra(PADDED_CLAIMS)],
            vec![step_up_meant, entra_meant(PADDED_CLAIMS)],
        ),
        bare(
            "DPoP",
            &[Challenge::dpop().error("invalid_dpop_proof").algs(["ES256", "EdDSA"])],
            vec![("dpop", vec![("error", "invalid_dpop_proof"), ("algs", "ES256 EdDSA")])],
        ),
        form(
            "Bearer and DPoP",
            &Denial::challenged(Reason::CredentialMissing, resource())
                .and(Challenge::dpop().realm(R).algs(["ES256", "EdDSA"])),
            vec![
                ("bearer", vec![("realm", R), ("resource_metadata", METADATA)]),
                ("dpop", vec![("realm", R), ("algs", "ES256 EdDSA")]),
            ],
        ),
    ]
}
