//! The agent's way to servers that have names and listen on the loopback: what DNS and TLS do elsewhere.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use http::header;
use rmcp::transport::auth::{OAuthHttpClient, OAuthHttpClientFuture, OAuthHttpRequest};
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client that knows where origins are, and follows no redirect.
#[derive(Clone, Debug)]
pub(super) struct Loopback {
    /// Origins (`https://idp.example`) and where they listen.
    origins: Vec<(String, SocketAddr)>,
    client: reqwest::Client,
}

impl Loopback {
    pub(super) fn new(origins: Vec<(String, SocketAddr)>) -> Result<Self> {
        // The loopback is never behind a proxy, whatever the environment says.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .context("an HTTP client")?;
        Ok(Self { origins, client })
    }

    /// Where the browser is sent when it opens this URL.
    pub(super) async fn open(&self, url: &Url) -> Result<Url> {
        let request = http::Request::get(url.as_str()).body(Vec::new())?;
        let response = self.send(request).await?;
        let Some(location) = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())
        else {
            let text = String::from_utf8_lossy(response.body()).into_owned();
            bail!("the browser shows {} {text}", response.status());
        };
        Ok(Url::parse(location.to_str()?)?)
    }

    /// Sends a request to where its origin listens.
    pub(super) async fn send(&self, mut request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>> {
        let url = Url::parse(&request.uri().to_string())?;
        let origin = url.origin().ascii_serialization();
        let (_, address) =
            self.origins.iter().find(|(name, _)| *name == origin).with_context(|| format!("{origin} is nowhere"))?;
        let authority = origin.split_once("://").map_or(origin.as_str(), |(_, authority)| authority);
        request.headers_mut().insert(header::HOST, authority.parse()?);
        *request.uri_mut() =
            format!("http://{address}{}", &url[url::Position::BeforePath..url::Position::AfterQuery]).parse()?;
        let answer = self.client.execute(request.try_into()?).await?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(answer.bytes().await?.to_vec())?)
    }
}

/// For the SDK's own requests: discovery and tokens. It asks for no redirect to be followed, and none is.
impl OAuthHttpClient for Loopback {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        Box::pin(async move { Ok(self.send(request.request).await?) })
    }
}
