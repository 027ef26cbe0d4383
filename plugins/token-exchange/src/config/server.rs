//! `authorization_servers`: raw, and as settings.

use std::time::Duration;

use oauth_core::{
    client_credential::{ClientCredential, basic},
    config::{Problems, at, at_index},
    https_url::HttpsUrl,
    secret::Secret,
    token_exchange::{
        ClientAuthentication, ServerProfile,
        assertion::{AssertionKey, KeyNames, SigningAlgorithm},
        subject::ActorIdentity,
    },
};
use serde::Deserialize;

/// An entry of `authorization_servers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"name\": …, \"cluster\": …, \"token_endpoint\": …}")]
pub(super) struct RawServer {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    name: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    cluster: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    token_endpoint: Option<String>,
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    issuer: Option<String>,
    profile: Option<ServerProfile>,
    client_auth: Option<RawClientAuth>,
    mtls_endpoint_aliases: Option<RawAliases>,
    may_act: Option<RawMayAct>,
    client_capabilities: Option<Vec<String>>,
    timeout_ms: Option<u64>,
    breaker: Option<RawBreaker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Method {
    #[default]
    Proxy,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"method\": \"proxy\"}")]
struct RawClientAuth {
    method: Option<Method>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    private_key: Option<Secret>,
    algorithm: Option<SigningAlgorithm>,
    key_id: Option<String>,
    certificate_sha256: Option<String>,
    audience: Option<String>,
    assertion_type: Option<String>,
}

/// RFC 8705 §5.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"token_endpoint\": …}")]
struct RawAliases {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    token_endpoint: Option<String>,
}

/// Who the gateway is to the server (RFC 8693 §4.4).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"sub\": …}")]
struct RawMayAct {
    #[cfg_attr(not(target_family = "wasm"), schemars(required))]
    sub: Option<String>,
    iss: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(not(target_family = "wasm"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, expecting = "an object as {\"failures\": 5, \"open_seconds\": 10}")]
struct RawBreaker {
    failures: Option<u64>,
    open_seconds: Option<u64>,
}

/// When a server is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BreakerLimits {
    /// After so many failures in a row.
    pub(crate) failures: u64,
    /// At first for so long.
    pub(crate) open: Duration,
}

/// An authorization server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) cluster: String,
    pub(crate) endpoint: HttpsUrl,
    pub(crate) issuer: String,
    pub(crate) profile: ServerProfile,
    pub(crate) client: ClientAuthentication,
    /// With it, `may_act` of a subject token must name us.
    pub(crate) actor: Option<ActorIdentity>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) timeout: Duration,
    pub(crate) breaker: BreakerLimits,
}

pub(super) fn servers(raw: Option<&[RawServer]>, problems: &mut Problems) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for (index, raw) in raw.unwrap_or_default().iter().enumerate() {
        let place = at_index("authorization_servers", index);
        let Some(server) = raw.settings(&place, problems) else { continue };
        if servers.iter().any(|other| other.name == server.name) {
            problems.add(at(&place, "name"), "is there twice: expected each server once");
        }
        servers.push(server);
    }
    servers
}

impl RawServer {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<Server> {
        let text = |name: &str, given: Option<&String>, expected: &str, problems: &mut Problems| {
            let given = problems.required(at(place, name), given, expected)?;
            if given.is_empty() {
                problems.add(at(place, name), format!("is empty: expected {expected}"));
            }
            Some(given.clone())
        };
        let name = text("name", self.name.as_ref(), "a name for targets and logs", problems);
        let cluster = text("cluster", self.cluster.as_ref(), "the name of a cluster", problems);
        let issuer = text("issuer", self.issuer.as_ref(), "the server's identifier, as its tokens say it", problems);
        let endpoint_place = at(place, "token_endpoint");
        let endpoint = text("token_endpoint", self.token_endpoint.as_ref(), "an https URL", problems);
        let endpoint = endpoint.and_then(|text| https(&text, &endpoint_place, problems));
        let alias = self.mtls_endpoint_aliases.as_ref().and_then(|raw| {
            let place = at(&at(place, "mtls_endpoint_aliases"), "token_endpoint");
            let given = problems.required(&place, raw.token_endpoint.clone(), "an https URL")?;
            https(&given, &place, problems)
        });
        let profile = self.profile.unwrap_or(ServerProfile::Rfc8693);
        let raw_client = self.client_auth.clone().unwrap_or_default();
        let client = raw_client.settings(issuer.as_deref(), &at(place, "client_auth"), problems);
        if self.mtls_endpoint_aliases.is_some() && raw_client.method.unwrap_or_default() != Method::Proxy {
            // RFC 6749 §2.3: one way to authenticate for each request.
            problems.add(
                at(place, "mtls_endpoint_aliases"),
                "is for a client certificate, which only the proxy can show: expected client_auth.method proxy",
            );
        }
        let capabilities = self.client_capabilities.clone().unwrap_or_default();
        if !capabilities.is_empty() && profile != ServerProfile::EntraObo {
            problems.add(at(place, "client_capabilities"), "is known to the profile entra_obo only");
        }
        let actor = self.may_act.as_ref().and_then(|raw| raw.settings(&at(place, "may_act"), problems));
        let timeout = ranged(self.timeout_ms, 1000, 10..=30_000, &at(place, "timeout_ms"), problems);
        let breaker = self.breaker.clone().unwrap_or_default();
        let breaker_place = at(place, "breaker");
        let failures = ranged(breaker.failures, 5, 1..=1000, &at(&breaker_place, "failures"), problems);
        let open = ranged(breaker.open_seconds, 10, 1..=600, &at(&breaker_place, "open_seconds"), problems);
        Some(Server {
            name: name?,
            cluster: cluster?,
            // RFC 8705 §5: with a certificate, the alias is the one to use.
            endpoint: alias.or(endpoint)?,
            issuer: issuer?,
            profile,
            client: client?,
            actor,
            capabilities,
            timeout: Duration::from_millis(timeout),
            breaker: BreakerLimits { failures, open: Duration::from_secs(open) },
        })
    }
}

impl RawClientAuth {
    fn settings(&self, issuer: Option<&str>, place: &str, problems: &mut Problems) -> Option<ClientAuthentication> {
        let method = self.method.unwrap_or_default();
        let is_secret = matches!(method, Method::ClientSecretBasic | Method::ClientSecretPost);
        let is_key = method == Method::PrivateKeyJwt;
        for (name, given, is_known, known_to) in [
            ("client_secret", self.client_secret.is_some(), is_secret, "client_secret_basic and client_secret_post"),
            ("private_key", self.private_key.is_some(), is_key, "private_key_jwt"),
            ("algorithm", self.algorithm.is_some(), is_key, "private_key_jwt"),
            ("key_id", self.key_id.is_some(), is_key, "private_key_jwt"),
            ("certificate_sha256", self.certificate_sha256.is_some(), is_key, "private_key_jwt"),
            ("audience", self.audience.is_some(), is_key, "private_key_jwt"),
            ("assertion_type", self.assertion_type.is_some(), is_key, "private_key_jwt"),
        ] {
            if given && !is_known {
                problems
                    .add(at(place, name), format!("is another way to authenticate: it is known to {known_to} only"));
            }
        }
        if self.client_id.as_ref().is_some_and(String::is_empty) {
            problems.add(at(place, "client_id"), "is empty: expected the client's identifier");
        }
        if method == Method::Proxy {
            let credential = ClientCredential::Proxy { client_id: self.client_id.clone() };
            return Some(ClientAuthentication::Credential(credential));
        }
        let client_id = problems.required(at(place, "client_id"), self.client_id.clone(), "the client's identifier");
        if is_key {
            let key = self.key(issuer, place, problems);
            return Some(ClientAuthentication::PrivateKeyJwt { client_id: client_id?, key: Box::new(key?) });
        }
        let secret = problems.required(at(place, "client_secret"), self.client_secret.clone(), "the client's secret");
        if secret.as_ref().is_some_and(Secret::is_empty) {
            problems.add(at(place, "client_secret"), "is empty: expected the client's secret");
        }
        Some(ClientAuthentication::Credential(match method {
            Method::ClientSecretPost => ClientCredential::Post { client_id: client_id?, client_secret: secret? },
            _ => ClientCredential::Basic(basic(&client_id?, &secret?)),
        }))
    }

    fn key(&self, issuer: Option<&str>, place: &str, problems: &mut Problems) -> Option<AssertionKey> {
        let algorithm =
            problems.required(at(place, "algorithm"), self.algorithm, "`RS256`, `PS256`, `ES256` or `EdDSA`");
        let pem = problems.required(at(place, "private_key"), self.private_key.as_ref(), "a private key in PEM");
        let names = KeyNames { key_id: self.key_id.as_deref(), certificate_sha256: self.certificate_sha256.as_deref() };
        // rfc7523bis §4: the issuer is the only audience; older servers want their endpoint.
        let audience = self.audience.as_deref().or(issuer)?.to_owned();
        let key = AssertionKey::new(algorithm?, pem?.expose(), names, audience, self.assertion_type.clone());
        if key.is_err() {
            problems.add(
                at(place, "private_key"),
                "cannot sign so: expected a key of the algorithm in PEM (PKCS #8), and certificate_sha256 as base64url",
            );
        }
        key.ok()
    }
}

impl RawMayAct {
    fn settings(&self, place: &str, problems: &mut Problems) -> Option<ActorIdentity> {
        let subject = problems.required(at(place, "sub"), self.sub.clone(), "the gateway's name at the server")?;
        if subject.is_empty() {
            problems.add(at(place, "sub"), "is empty: expected the gateway's name at the server");
        }
        Some(ActorIdentity { subject, issuer: self.iss.clone() })
    }
}

fn https(text: &str, place: &str, problems: &mut Problems) -> Option<HttpsUrl> {
    let url = HttpsUrl::parse(text);
    if url.is_none() && !text.is_empty() {
        problems.add(place, "is no https URL: expected one as \"https://idp.example/token\"");
    }
    url
}

fn ranged(
    given: Option<u64>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    place: &str,
    problems: &mut Problems,
) -> u64 {
    let number = given.unwrap_or(default);
    if !range.contains(&number) {
        problems.add(place, format!("is out of range: expected {} to {}", range.start(), range.end()));
    }
    number
}
