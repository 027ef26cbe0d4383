//! How an agent gets its tokens: through the user's browser, from the authorization server that the resource names.
//!
//! Discovery, PKCE, `state`, `iss`, `resource`, the code's exchange and the union of scopes are the MCP SDK's. It knows
//! nothing of RFC 9470, of claims challenges and of RFC 9396: those parameters are added to the URL that it makes. A request
//! with `authorization_details` is pushed (RFC 9126) where the authorization server takes that.

use std::{fmt, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result, bail, ensure};
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationCallback, AuthorizationManager, OAuthClientConfig, OAuthHttpClient,
};
use serde_json::Value;
use url::Url;

use super::{Asked, loopback::Loopback, pushed};

/// What an agent knows before it meets a server.
#[derive(Clone, Debug)]
pub struct Registration {
    resource: String,
    client_id: String,
    redirect_uri: String,
    capabilities: Vec<String>,
    is_literal: bool,
    origins: Vec<(String, SocketAddr)>,
}

impl Registration {
    /// The public client `client_id`, registered with this one redirect URI, that wants to use this resource.
    #[must_use]
    pub fn new(resource: &str, client_id: &str, redirect_uri: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            capabilities: Vec::new(),
            is_literal: false,
            origins: Vec::new(),
        }
    }

    /// An origin, for instance `https://idp.example`, and where on the loopback it listens, without TLS.
    #[must_use]
    pub fn origin(mut self, origin: &str, address: SocketAddr) -> Self {
        self.origins.push((origin.to_owned(), address));
        self
    }

    /// Asks for the scopes of the challenge and no others; by default the SDK adds those that the client got before.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.is_literal = true;
        self
    }

    /// A capability that the client declares in every request, as `cp1` for Microsoft Entra's claims challenges.
    #[must_use]
    pub fn capability(mut self, capability: &str) -> Self {
        self.capabilities.push(capability.to_owned());
        self
    }
}

/// An authorization request did not end with a token.
#[derive(Debug)]
pub enum NotGranted {
    /// The authorization server told this error, after it was asked this.
    Refused {
        /// Its `error`, from the redirect or from the answer to a pushed request.
        error: String,
        /// What it had been asked for.
        asked: Box<Asked>,
    },
    /// The challenge asks for nothing that a client could do.
    NothingAsked,
    /// Something did not work, or was not as the standards want it.
    Failed(anyhow::Error),
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, .. } => write!(f, "the identity provider says {error}"),
            Self::NothingAsked => f.write_str("the challenge asks for nothing that a client could do"),
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for NotGranted {}

impl From<anyhow::Error> for NotGranted {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// The registration at work: it holds the token of the moment.
#[derive(Clone)]
pub(super) struct Authorization {
    registration: Registration,
    browser: Loopback,
    /// Sends the SDK's requests with the token, and owns the manager.
    pub(super) client: AuthClient<reqwest::Client>,
}

impl Authorization {
    pub(super) async fn new(registration: Registration, http: reqwest::Client) -> Result<Self> {
        let browser = Loopback::new(registration.origins.clone())?;
        let backend: Arc<dyn OAuthHttpClient> = Arc::new(browser.clone());
        let manager = AuthorizationManager::new_with_oauth_http_client(registration.resource.as_str(), backend).await?;
        Ok(Self { registration, browser, client: AuthClient::new(http, manager) })
    }

    /// Gets the token that the challenge asks for; later requests carry it. With `details`, it asks for these authorization
    /// details instead of the challenge's.
    pub(super) async fn follow(&self, challenge: &str, details: Option<Value>) -> Result<Asked, NotGranted> {
        let mut asked = Asked::from_challenge(challenge).ok_or(NotGranted::NothingAsked)?;
        asked.authorization_details = details.or(asked.authorization_details);
        let mut manager = self.client.auth_manager.lock().await;
        let request = self.request(&mut manager, challenge, &asked).await?;
        let url = match &request.push_to {
            Some(endpoint) => match pushed::push(&self.browser, endpoint, &request.url).await? {
                Ok(url) => url,
                Err(error) => return Err(NotGranted::Refused { error, asked: Box::new(asked) }),
            },
            None => request.url.clone(),
        };
        let answer = self.browser.open(&url).await?;
        let returned = read_answer(&self.registration.redirect_uri, &request.url, &answer, &request.issuer)?;
        if let Err(error) = returned {
            return Err(NotGranted::Refused { error, asked: Box::new(asked) });
        }
        exchange(&manager, &answer).await?;
        Ok(asked)
    }

    /// Discovery from the challenge, then the request with all that it asks.
    async fn request(&self, manager: &mut AuthorizationManager, challenge: &str, asked: &Asked) -> Result<Request> {
        let registration = &self.registration;
        let found = manager.resolve_metadata_from_challenge(Some(challenge)).await?;
        ensure!(found.source.is_discovered(), "no authorization server is named for {}", registration.resource);
        let issuer = found.metadata.issuer.clone().context("the authorization server has no name")?;
        let push_to = asked.authorization_details.as_ref().and_then(|_| pushed::endpoint(&found.metadata));
        manager.set_metadata(found.metadata);
        manager.configure_client(OAuthClientConfig::new(&registration.client_id, &registration.redirect_uri))?;
        let mut url = Url::parse(&match (asked.error.as_deref(), asked.scope.as_deref()) {
            (_, Some(scope)) if registration.is_literal => {
                manager.get_authorization_url(&scope.split_whitespace().collect::<Vec<_>>()).await?
            }
            (Some("insufficient_scope"), Some(scope)) => manager.request_scope_upgrade(scope).await?,
            (_, scope) => {
                // A stronger sign-in must not lose what was granted before.
                let mut scopes = manager.get_current_scopes().await;
                scopes.extend(scope.into_iter().flat_map(str::split_whitespace).map(str::to_owned));
                if scopes.is_empty() {
                    scopes = manager.select_initial_scopes(&[]).await;
                }
                scopes.sort();
                scopes.dedup();
                manager.get_authorization_url(&scopes.iter().map(String::as_str).collect::<Vec<_>>()).await?
            }
        })?;
        let claims = asked.claims_parameter(&registration.capabilities);
        let details = asked.authorization_details.as_ref().map(Value::to_string);
        for (name, value) in [
            ("acr_values", &asked.acr_values),
            ("max_age", &asked.max_age),
            ("claims", &claims),
            ("authorization_details", &details),
        ] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(Request { url, issuer, push_to })
    }
}

/// A request before the browser opens it.
struct Request {
    /// With all parameters.
    url: Url,
    /// Who must answer.
    issuer: String,
    /// Where it goes first, if it does.
    push_to: Option<String>,
}

/// Checks that the browser came back to us, from whom we asked, for what we asked (RFC 6749, section 10.12; RFC 9207,
/// section 2.4), errors included. The inner `Err` is the error that was told.
fn read_answer(redirect_uri: &str, asked: &Url, answer: &Url, issuer: &str) -> Result<Result<(), String>> {
    let param = |url: &Url, name: &str| -> Result<Option<String>> {
        let mut values = url.query_pairs().filter(|(n, _)| n == name).map(|(_, value)| value.into_owned());
        let first = values.next();
        ensure!(values.next().is_none(), "{name} is there twice");
        Ok(first)
    };
    let registered = Url::parse(redirect_uri)?;
    let up_to_path = ..url::Position::AfterPath;
    ensure!(registered[up_to_path] == answer[up_to_path], "the browser is sent elsewhere than to the redirect URI");
    ensure!(param(answer, "state")? == param(asked, "state")?, "the answer is not to this request");
    ensure!(param(answer, "iss")?.as_deref() == Some(issuer), "another issuer has answered");
    match (param(answer, "code")?, param(answer, "error")?) {
        (Some(_), None) => Ok(Ok(())),
        (None, Some(error)) => Ok(Err(error)),
        _ => bail!("the answer has neither a code nor an error, or both"),
    }
}

async fn exchange(manager: &AuthorizationManager, answer: &Url) -> Result<()> {
    let callback = AuthorizationCallback::from_redirect_url(answer.as_str())?;
    let issuer = callback.issuer.as_deref();
    let exchanged = manager.exchange_code_for_token_with_issuer(&callback.code, &callback.csrf_token, issuer).await;
    exchanged.map(|_| ()).map_err(|error: AuthError| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: &str = "http://127.0.0.1:7/callback";
    const ISSUER: &str = "https://idp.example";

    fn read(answer: &str) -> Result<Result<(), String>> {
        let asked = Url::parse("https://idp.example/authorize?state=s").unwrap();
        read_answer(CALLBACK, &asked, &Url::parse(answer).unwrap(), ISSUER)
    }

    #[test]
    fn only_an_answer_to_this_request_from_this_issuer_counts() {
        let iss = "iss=https%3A%2F%2Fidp.example";
        assert_eq!(read(&format!("{CALLBACK}?code=c&state=s&{iss}")).unwrap(), Ok(()));
        assert_eq!(read(&format!("{CALLBACK}?error=e&state=s&{iss}")).unwrap(), Err("e".to_owned()));
        for answer in [
            format!("{CALLBACK}?code=c&state=other&{iss}"),
            format!("{CALLBACK}?code=c&{iss}"),
            format!("{CALLBACK}?code=c&state=s"),
            format!("{CALLBACK}?code=c&state=s&iss=https%3A%2F%2Fevil.example"),
            format!("{CALLBACK}?code=c&error=e&state=s&{iss}"),
            format!("{CALLBACK}?code=c&code=d&state=s&{iss}"),
            format!("{CALLBACK}?state=s&{iss}"),
            format!("http://127.0.0.1:7/other?code=c&state=s&{iss}"),
            format!("http://127.0.0.1:8/callback?code=c&state=s&{iss}"),
        ] {
            read(&answer).unwrap_err();
        }
    }
}
