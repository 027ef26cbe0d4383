//! audience-validation at work: an identity provider, an MCP server, and a real Envoy with the filter in front of it.
//! The official MCP client connects with tokens good and bad; then all of it stays up for requests by hand.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};
use fourleg_lab::{
    agent::{Agent, Denied},
    envoy::{Bootstrap, Cluster, Config, RunningEnvoy, WasmFilter, launch, provision, target_dir},
    identity_provider::IdentityProvider,
    mcp_server::McpServer,
    mint::{Mint, stranger},
};
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.demo.example/agents";
const RESOURCE: &str = "https://tools.demo.example/mcp";
const SECRET: &str = "demo-secret";

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut once = false;
    let mut port = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--once" => once = true,
            "--port" => port = arguments.next().and_then(|port| port.parse().ok()).context("--port needs a number")?,
            other => bail!("unknown argument {other}: expected --once or --port <number>"),
        }
    }
    let demo = Demo::start(port)?;
    let surprises = demo.show();
    if surprises > 0 {
        bail!("{surprises} verdict(s) were not the expected ones");
    }
    if !once {
        demo.offer()?;
        wait_for_the_end()?;
    }
    Ok(())
}

struct Demo {
    identity_provider: IdentityProvider,
    mcp_server: McpServer,
    envoy: RunningEnvoy,
}

/// What the client must get to see.
enum Expected {
    Allowed,
    Denied { status: u16, why: &'static str },
}

impl Demo {
    fn start(port: u16) -> Result<Self> {
        if port != 0 {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is needed and taken: name another, or leave --port out"))?;
        }
        let module = target_dir().join("wasm/audience_validation.wasm");
        if !module.exists() {
            bail!("{} is missing: type `cargo xtask build`", module.display());
        }
        let binary = provision(&say)?;
        let identity_provider = IdentityProvider::builder()
            .issuer(ISSUER)
            .audience(RESOURCE)
            .client("agent-1", SECRET, ["tools:read"])
            .start()
            .context("cannot start the identity provider")?;
        let mcp_server = McpServer::start().context("cannot start the MCP server")?;
        let filter = WasmFilter::new("audience_validation", module, config(&identity_provider).to_string());
        let bootstrap = Bootstrap::before(mcp_server.address())
            .port(port)
            .filter(filter)
            .cluster(Cluster::new("idp", identity_provider.address()));
        say("starting Envoy with the filter");
        let envoy = launch(&binary, &Config::Json(bootstrap.to_json()), 1)?;
        say(&format!(
            "identity provider {}, MCP server {}, gateway {}",
            identity_provider.address(),
            mcp_server.address(),
            envoy.address()
        ));
        Ok(Self { identity_provider, mcp_server, envoy })
    }

    fn mint(&self) -> Mint {
        Mint::new(ISSUER, RESOURCE)
    }

    fn url(&self) -> String {
        format!("http://{}/mcp", self.envoy.address())
    }

    /// Sends what is scripted and prints a line for each. Out: how many verdicts were not the expected ones.
    fn show(&self) -> usize {
        let key = self.identity_provider.signing_key();
        let token = || self.mint().access_token().scope("tools:read");
        let denied = |status, why| Expected::Denied { status, why };
        let alice = "alice by agent-1";
        let script = [
            ("nobody", "no token", None, denied(401, "an access token is required")),
            (
                alice,
                "a token for another server",
                Some(token().audience("https://calendar.demo.example").sign_with(&key)),
                denied(401, "the token is not meant for this resource"),
            ),
            (
                alice,
                "a token that ended an hour ago",
                Some(token().expires_at(self.mint().now - 3600).sign_with(&key)),
                denied(401, "the token has expired"),
            ),
            (
                "mallory",
                "a token that mallory signed",
                Some(token().sign_with(&stranger(key.algorithm()).with_kid(key.kid()))),
                denied(401, "the token signature is invalid"),
            ),
            (
                alice,
                "a token without the scope",
                Some(token().scope("profile").sign_with(&key)),
                denied(403, "the request requires higher privileges than the token provides"),
            ),
            (alice, "the right token", Some(token().sign_with(&key)), Expected::Allowed),
        ];
        let mut surprises = 0;
        for (who, with, token, expected) in script {
            let seen = self.call_read_file(token);
            let as_expected = match (&seen, &expected) {
                (Ok(_), Expected::Allowed) => true,
                (Err(seen), Expected::Denied { status, why }) => seen.status == Some(*status) && why_of(seen) == *why,
                _ => false,
            };
            surprises += usize::from(!as_expected);
            let mark = if as_expected { "" } else { "  <-- NOT THE EXPECTED VERDICT" };
            match seen {
                Ok(result) => println!("ALLOWED      {who:<16} read_file, {with}: {}{mark}", first_line(&result)),
                Err(denied) => println!(
                    "DENIED {}  {who:<16} read_file, {with}: {} | {}{mark}",
                    denied.status.map_or("???".to_owned(), |status| status.to_string()),
                    why_of(&denied),
                    denied.challenge.as_deref().unwrap_or("no challenge"),
                ),
            }
        }
        let calls = self.mcp_server.called();
        println!("The MCP server itself saw {} tool call(s): {}", calls.len(), calls.join(", "));
        surprises + usize::from(calls != ["read_file"])
    }

    fn call_read_file(&self, token: Option<String>) -> Result<String, Denied> {
        let agent = Agent::new(self.url());
        let agent = match token {
            Some(token) => agent.token(token),
            None => agent,
        };
        agent.connect()?.call("read_file", json!({"path": "report.txt"}))
    }

    /// Prints commands to type.
    fn offer(&self) -> Result<()> {
        let key = self.identity_provider.signing_key();
        let mint = self.mint();
        let token = mint.access_token().scope("tools:read").expires_at(mint.now + 3600).sign_with(&key);
        let url = self.url();
        let initialize = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "curl", "version": "0"}},
        });
        let token_url =
            format!("http://{}{}", self.identity_provider.address(), path_of(&self.identity_provider.token_endpoint()));
        println!("\nTry it (Ctrl-C ends all of it):\n");
        println!("# no token: 401 with a challenge\ncurl -i {url}\n");
        println!(
            "# a live token, good for an hour: 200\ncurl -i {url} -H 'Authorization: Bearer {token}' \\\n  \
             -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{initialize}'\n"
        );
        println!(
            "# a second credential beside it: 400\ncurl -i {url} -H 'Authorization: Bearer {token}' -H 'Authorization: Bearer x'\n"
        );
        println!(
            "# an application's own token from the identity provider\ncurl {token_url} -u agent-1:{SECRET} -d grant_type=client_credentials -d scope=tools:read\n"
        );
        Ok(())
    }
}

/// The filter's configuration: what an operator would write.
fn config(identity_provider: &IdentityProvider) -> Value {
    json!({
        "issuers": [{
            "issuer": ISSUER,
            "jwks": {"remote": {"cluster": "idp", "uri": identity_provider.jwks_uri()}},
        }],
        "resources": [{
            "resource": RESOURCE,
            "match": {"path": {"prefix": "/mcp"}},
            "require": {"scopes": ["tools:read"]},
        }],
    })
}

/// The challenge's `error_description`, or what goes without saying if it has none.
fn why_of(denied: &Denied) -> String {
    let challenge = denied.challenge.as_deref().unwrap_or_default();
    let parsed = http_auth::parse_challenges(challenge).unwrap_or_default();
    let description =
        parsed.iter().flat_map(|challenge| &challenge.params).find(|(name, _)| *name == "error_description");
    match description {
        Some((_, text)) => text.to_unescaped(),
        None if denied.status == Some(401) => "an access token is required".to_owned(),
        None => denied.reason.clone(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The path of a URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

fn say(line: &str) {
    eprintln!("[demo] {line}");
}

/// Returns at Ctrl-C, so that everything that was started is ended in order.
fn wait_for_the_end() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    say("ending");
    Ok(())
}
